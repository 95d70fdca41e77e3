"""The caller's side of a call: the sockets of pages, and the leg that makes one of them the caller."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from trunkline.calls.audience import Audience
from trunkline.calls.grants import Grant
from trunkline.calls.log_events import LegRole, Transport
from trunkline.send_queue import CloseFrame, SendQueue

MAX_QUEUED_BYTES = 32 << 20
"""Bytes queued for a page beyond which its socket is closed: minutes of audio, or a whole log."""


class CloseCode(IntEnum):
    """WebSocket close codes of a call's socket."""

    CALL_OVER = 1000
    TOO_FAST = 1008
    ANOTHER_SERVER = 1012
    """The page connects again: the server of its call has changed."""
    TOO_SLOW = 1013
    BAD_REQUEST = 4400
    NO_SUCH_CALL = 4404
    TAKEN_OVER = 4409
    TOO_MANY_PAGES = 4429


@dataclass(frozen=True)
class JoinedCall:
    """The role that a page has in a call. The caller's page proves it with `leg_id`; a viewer has none.

    Attributes:
        grants: the rights of the page, which a viewer may have too.
    """

    role: LegRole
    leg_id: str | None
    grants: Grant


class Page(SendQueue[str | bytes]):
    """The frames to one page, in order: text frames (`str`), audio (`bytes`), and at last a `CloseFrame`.

    Args:
        audience: the part of the log that the page gets.

    A page that does not keep up is closed with `TOO_SLOW`; it can connect again with `after`.
    """

    reads_log = True
    """True if the call pushes its log events to the page."""

    def __init__(self, audience: Audience = "operator") -> None:
        too_slow = CloseFrame(CloseCode.TOO_SLOW, "too slow: connect again with after=<the last seq>")
        super().__init__(MAX_QUEUED_BYTES, too_slow)
        self.audience: Audience = audience
        self._history: deque[str] = deque()
        self._shown: Callable[[str], str | None] | None = None

    def push_history(self, frame: str, events: Sequence[str], shown: Callable[[str], str | None] | None = None) -> None:
        """Queue a frame and the events from before the page connected, which do not count against the limit.

        Args:
            frame: the first frame.
            events: the events, as JSON text.
            shown: returns the text of an event for this page, or None to omit the event; None sends all as they are.

        They are sent before all other frames. `shown` is called as they are sent, in slices, so that a long log does
        not delay other calls.
        """
        self._shown = shown
        self._history.append(frame)
        self._history.extend(events)

    def leading_frames(self) -> Iterator[str | bytes]:
        """See the base class."""
        if self._history:
            yield self._history.popleft()
        while self._history:
            event = self._history.popleft()
            frame = event if self._shown is None else self._shown(event)
            if frame is not None:
                yield frame

    def clear(self) -> None:
        """See the base class."""
        self._history.clear()
        super().clear()

    def drop_audio(self) -> None:
        """Drop queued audio."""
        self.drop(lambda frame: isinstance(frame, bytes))


@dataclass
class Leg:
    """The caller's leg: the page that holds its id is the caller.

    Attributes:
        leg_id: a secret, which grants the right to be the caller. It is never in the log.
        public_id: the leg's name in the log, which every viewer may read.
        page: the caller's page while its socket is open.
    """

    leg_id: str
    transport: Transport
    public_id: str = "leg_1"
    page: Page | None = None
    reason: str | None = None
    """The page's reason for a transport that was not its first choice."""

    def use_transport(self, transport: Transport, reason: str | None) -> None:
        """Change the transport, for a reason of the page."""
        self.transport, self.reason = transport, reason

    def use_page(self, page: Page | None) -> Page | None:
        """Use another page, or none. Return the former one."""
        former, self.page = self.page, page
        return former
