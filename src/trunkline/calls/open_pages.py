"""The open pages of a call: each gets the log, as far as its audience may see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from trunkline.calls.audience import CallerView
from trunkline.calls.log import Entry, Log, frame_of
from trunkline.calls.log_events import CallError, LegRoleSet, MessageAdded, PageEventUnion
from trunkline.calls.pages import CloseCode, Page


class OpenPages:
    """The pages with an open socket.

    Args:
        log: the log of the call.
        now_ms: returns the time since the call's start, in ms.
    """

    def __init__(self, log: Log, now_ms: Callable[[], float]) -> None:
        self._log = log
        self._now_ms = now_ms
        self._pages: set[Page] = set()
        self._caller_view = CallerView()
        log.subscribe(self._caller_view.read, MessageAdded)
        log.subscribe(self._on_entry)

    def __len__(self) -> int:
        return len(self._pages)

    @property
    def queued_bytes(self) -> int:
        """The bytes that wait to be sent."""
        return sum(page.queued_bytes for page in self._pages)

    def restore(self, entries: Iterable[Entry]) -> None:
        """Read the events that another server has appended."""
        for entry in entries:
            self._caller_view.read(entry)

    def begin(self, page: Page, role_set: LegRoleSet, after: int) -> None:
        """Push a page its role, and the log beyond `after`."""
        shown = self._caller_view.past_frame if page.audience == "caller" else None
        page.push_history(self._frame(role_set), self._log.frames_since(after), shown)

    def add(self, page: Page) -> None:
        """Push each new event to a page from now on."""
        self._pages.add(page)

    def discard(self, page: Page) -> None:
        """Forget a page, since its socket is closed."""
        self._pages.discard(page)

    def push(self, page: Page, event: PageEventUnion) -> None:
        """Push one page an event that is not in the log."""
        page.push(self._frame(event))

    def push_error(self, page: Page, message: str, code: str) -> None:
        """Push one page an error about its own command or audio."""
        self.push(page, CallError(message=message, code=code, source="command"))

    def clear(self) -> None:
        """Drop all that waits to be sent."""
        for page in self._pages:
            page.clear()

    def close(self, code: CloseCode, reason: str) -> None:
        """Close all pages."""
        for page in self._pages:
            page.close(code, reason)

    def _frame(self, event: PageEventUnion) -> str:
        return frame_of(event, 0, round(self._now_ms()))

    def _on_entry(self, entry: Entry) -> None:
        for page in self._pages:
            if not page.reads_log:
                continue
            if page.audience == "operator":
                page.push(self._log.frame(entry))
            elif (frame := self._caller_view.frame(entry)) is not None:
                page.push(frame)
