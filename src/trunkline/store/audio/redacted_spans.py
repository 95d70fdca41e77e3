"""Spans of a recording to silence, and undecided spans: utterances with words that are not known yet.

The log has no times of words, so a sensitive utterance is silenced whole. The caller's voice begins before the service
reports it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from trunkline.calls.log import Entry
from trunkline.calls.log_events import AudioStarted, MessageDone, SpeechStarted, SpeechStopped
from trunkline.store.audio.placement import SAMPLES_PER_MS
from trunkline.store.audio.timeline import AGENT, CALLER, Sound

LEAD_MS = 1500
"""Time before `speech.started` in which the speech may have begun."""
EARLY_MS = 300
"""Time before `audio.started` in which a page may have played the first audio of a message."""
MAX_UTTERANCES = 200
"""Utterances that are remembered; those of the open segments are far fewer."""


class Verdict(NamedTuple):
    """The decision about the words of one message: True if some of them must not be stored."""

    item_id: str
    is_sensitive: bool


Judge = Callable[[Entry], Iterable[Verdict]]
"""Reads each entry of a call's log, in order, and returns the messages that it decides."""


@dataclass
class _Utterance:
    """One utterance of a channel. `sensitive` is None until its words are known."""

    channel: int
    spans: list[tuple[int, int]] = field(default_factory=list)
    """Samples of the timeline. The last span of the caller's open utterance has no end yet."""
    sensitive: bool | None = None


class RedactedSpans:
    """Utterances of one call, by the log and by the audio of messages.

    Args:
        judge: decides which words must not be stored.
    """

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._utterances: dict[str, _Utterance] = {}
        self._agent_starts: list[tuple[int, str]] = []
        """Start of each of the agent's messages, for sources that do not tell them apart."""

    def on_entry(self, entry: Entry) -> list[tuple[int, int, int]]:
        """Read an entry of the log. Return the channel, start and end of the spans that must be silent now."""
        event, at = entry.event, entry.at_ms * SAMPLES_PER_MS
        silent: list[tuple[int, int, int]] = []
        match event:
            case SpeechStarted():
                began = max(0, at - LEAD_MS * SAMPLES_PER_MS)
                self._utterance(event.item_id, CALLER).spans.append((began, _OPEN))
            case SpeechStopped():
                self._close(event.item_id, at)
            case AudioStarted():
                self._utterance(event.item_id, AGENT)
                self._agent_starts.append((at - EARLY_MS * SAMPLES_PER_MS, event.item_id))
                del self._agent_starts[:-MAX_UTTERANCES]
            case MessageDone():
                self._close(event.item_id, at)
                if event.status == "failed":  # nobody knows its words
                    silent += self._decide(event.item_id, is_sensitive=True)
        for verdict in self._judge(entry):
            silent += self._decide(verdict.item_id, is_sensitive=verdict.is_sensitive)
        return silent

    def on_sound(self, sound: Sound) -> bool:
        """Note audio that was placed. Return whether it must be silent."""
        if sound.channel == CALLER:
            return any(
                one.channel == CALLER and one.sensitive and _overlaps(one.spans, sound.start, sound.end)
                for one in self._utterances.values()
            )
        messages = [self._utterances[item_id] for item_id in self._messages_of(sound) if item_id in self._utterances]
        for message in messages:
            if message.spans and message.spans[-1][1] == sound.start:
                message.spans[-1] = (message.spans[-1][0], sound.end)
            else:
                message.spans.append((sound.start, sound.end))
        return any(message.sensitive for message in messages)

    def _messages_of(self, sound: Sound) -> set[str]:
        """Return the agent's messages that may be in this audio."""
        if sound.item_id:
            return {sound.item_id}
        began = [item_id for start, item_id in self._agent_starts if start <= sound.start]
        return {*began[-1:], *(item_id for start, item_id in self._agent_starts if sound.start < start < sound.end)}

    def is_decided(self, start: int, end: int) -> bool:
        """Return whether the words of all utterances between two samples are known."""
        return not any(one.sensitive is None and _overlaps(one.spans, start, end) for one in self._utterances.values())

    def undecided(self, start: int, end: int) -> list[tuple[int, int, int]]:
        """Give up the undecided utterances between two samples: they are silenced. Return their spans."""
        spans: list[tuple[int, int, int]] = []
        for one in self._utterances.values():
            if one.sensitive is None and _overlaps(one.spans, start, end):
                one.sensitive = True
                spans += _of(one)
        return spans

    def _utterance(self, item_id: str, channel: int) -> _Utterance:
        utterance = self._utterances.setdefault(item_id, _Utterance(channel))
        if len(self._utterances) > MAX_UTTERANCES:
            del self._utterances[next(iter(self._utterances))]
        return utterance

    def _close(self, item_id: str, at: int) -> None:
        utterance = self._utterances.get(item_id)
        if utterance is not None and utterance.spans and utterance.spans[-1][1] == _OPEN:
            utterance.spans[-1] = (utterance.spans[-1][0], at)

    def _decide(self, item_id: str, *, is_sensitive: bool) -> list[tuple[int, int, int]]:
        utterance = self._utterances.get(item_id)
        if utterance is None:
            return []
        utterance.sensitive = utterance.sensitive or is_sensitive
        return _of(utterance) if utterance.sensitive else []


_OPEN = 1 << 62


def _of(utterance: _Utterance) -> list[tuple[int, int, int]]:
    return [(utterance.channel, start, end) for start, end in utterance.spans]


def _overlaps(spans: list[tuple[int, int]], start: int, end: int) -> bool:
    return any(begin < end and start < until for begin, until in spans)
