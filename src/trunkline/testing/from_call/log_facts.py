"""Facts of a call's log that turns are made of, besides the view of the conversation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from trunkline.calls import log_events
from trunkline.calls.log import Entry
from trunkline.testing.conversation_view import ConversationView, MessageView
from trunkline.testing.from_call.recorded_call import Approval, RecordedEnd

CALLER_REASONS = frozenset(
    {"caller hung up", "hung up", "the caller did not come back", "the test is over", "the terminal was closed"}
)
"""Reasons in `call.ended` that stand for a caller who hung up or left."""
GOODBYE = "The call ends now."
_LIMIT = "The call's time is up."
_IDLE = "The caller has said nothing for long."


@dataclass
class Speech:
    """Speech of the caller: its first start, its last end, and its words if it interrupted nobody."""

    seq: int
    start_ms: int
    end_ms: int | None = None
    resumed_words: str | None = None


@dataclass
class Loss:
    """A time without the caller's page or without the model, by its places in the log."""

    of: Literal["page", "model"]
    seq: int
    until: int | None = None


@dataclass(frozen=True)
class Mark:
    """A place in the log."""

    seq: int
    at_ms: int


class LogFacts:
    """The facts of a log that turns are made of, besides the conversation's view. Give it every entry, in order."""

    def __init__(self) -> None:
        self.view = ConversationView()
        self.started: log_events.CallStarted | None = None
        self.codec: log_events.Codec = "pcm16"
        self.speech: dict[str, Speech] = {}
        self.images: dict[str, tuple[str, ...]] = {}
        self.audio_ms: dict[str, int] = {}
        self.pressed: set[str] = set()
        """Messages that were spoken with push-to-talk."""
        self.press: dict[str, Mark] = {}
        """The place at which the button of such a message was pressed."""
        self.cleared: list[Mark] = []
        self.losses: list[Loss] = []
        """The times without the caller's page or without the model."""
        self.waits: list[tuple[Mark, str]] = []
        self.approvals: list[tuple[int, Approval]] = []
        self.notes: list[tuple[int, str]] = []
        self.last_ms = 0
        self._approval_tools: dict[str, tuple[int, str]] = {}
        self._push_to_talk = False
        self._endpointing: Mark | None = None
        self._messages = 0
        self._done_messages = 0

    @property
    def has_no_words(self) -> bool:
        """True for a log that says that there were messages and has none of their words."""
        return self._messages > 0 and self._done_messages == 0

    @cached_property
    def given_again(self) -> frozenset[str]:
        """The messages of agents that a lost connection cut off, and that an agent gave again.

        Read it after the last entry: it is computed once.
        """
        found = set()
        messages = [one for one in self.view.messages.values() if not one.hidden]
        for loss in self.losses:
            before = [one for one in messages if one.seq < loss.seq]
            after = next((one for one in messages if one.seq > loss.seq), None)
            if before and after is not None and before[-1].role == after.role == "assistant":
                last = before[-1]
                if last.status != "completed" or not is_whole(last):
                    found.add(last.item_id)
        return frozenset(found)

    @property
    def end(self) -> RecordedEnd:
        """The end of the call."""
        reason = self.view.ended
        notes = [note for _seq, note in self.notes]
        if reason is None:
            return RecordedEnd("unknown", None)
        if reason in CALLER_REASONS or reason.startswith("taken over"):
            return RecordedEnd("caller", reason)
        if any(note.startswith((_LIMIT, _IDLE)) for note in notes):
            return RecordedEnd("limit", reason)
        if any(note.startswith(GOODBYE) for note in notes):
            return RecordedEnd("agent", reason)
        return RecordedEnd("server", reason)

    def read(self, entry: Entry) -> None:  # noqa: C901 - one case for each kind of event
        """Read the next entry."""
        self.view.read(entry)
        self.last_ms = max(self.last_ms, entry.at_ms)
        mark = Mark(entry.seq, entry.at_ms)
        match entry.event:
            case log_events.CallStarted() as started:
                self.started = started
            case log_events.CallSettings() as settings:
                self._push_to_talk = settings.push_to_talk
                if not self._messages:
                    self.codec = settings.codec
            case log_events.SpeechStarted(item_id=item_id):
                self.speech.setdefault(item_id, Speech(entry.seq, entry.at_ms))
            case log_events.SpeechStopped(item_id=item_id) if item_id in self.speech:
                self.speech[item_id].end_ms = entry.at_ms
            case log_events.AudioResumed(item_id=item_id, words=words) if item_id in self.speech:
                self.speech[item_id].resumed_words = words
            case log_events.AudioInterrupted(item_id=item_id) if item_id in self.speech:
                self.speech[item_id].resumed_words = None
            case log_events.MessageAdded() as added:
                self._on_message(added)
            case log_events.MessageDone(item_id=item_id, role=role, text=text):
                self._done_messages += bool(text)
                if role == "system":
                    self.notes.append((entry.seq, text))
            case log_events.AudioDone(item_id=item_id, ms=ms):
                self.audio_ms[item_id] = ms
            case log_events.LegLost():
                self.losses.append(Loss("page", entry.seq))
            case log_events.LinkLost():
                self.losses.append(Loss("model", entry.seq))
            case log_events.LegJoined():
                self._end_losses("page", entry.seq)
            case log_events.LinkUp() | log_events.LinkRestored():
                self._end_losses("model", entry.seq)
            case log_events.AudioCleared():
                self.cleared.append(mark)
            case log_events.TurnWaiting(reason=reason):
                self.waits.append((mark, reason))
                if reason == "endpointing":
                    self._endpointing = mark
            case log_events.ApprovalNeeded(call_id=tool_call_id, name=name):
                self._approval_tools[tool_call_id] = (entry.seq, name)
            case log_events.ApprovalResolved(call_id=tool_call_id, approved=approved, reason=reason):
                if tool_call_id in self._approval_tools:
                    seq, name = self._approval_tools.pop(tool_call_id)
                    self.approvals.append((seq, Approval(name, approved, reason)))
            case _:
                pass

    def _end_losses(self, of: Literal["page", "model"], seq: int) -> None:
        for loss in self.losses:
            if loss.of == of and loss.until is None:
                loss.until = seq

    def _on_message(self, added: log_events.MessageAdded) -> None:
        if added.hidden or added.role == "system":
            return
        self._messages += 1
        if added.images:
            self.images[added.item_id] = added.images
        if added.role != "user":
            return
        if added.spoken and self._push_to_talk:
            self.pressed.add(added.item_id)
            if self._endpointing is not None:
                self.press[added.item_id] = self._endpointing
        self._endpointing = None


def is_whole(message: MessageView) -> bool:
    """Return whether the caller heard the whole message."""
    return message.heard_ms is None or message.heard_text == message.text
