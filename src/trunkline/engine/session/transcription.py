"""Transcripts of the caller's audio, for the brain and for clients that asked for transcription."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from trunkline.engine.session.outbox import Outbox
from trunkline.realtime.conversation import Conversation
from trunkline.realtime.events import Item


@dataclass(frozen=True)
class _PendingTranscript:
    ms: int
    shown: bool
    content_index: int


class _Partial:
    """The partial transcripts of one turn, and the words of it that were sent."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._sent = ""

    def add(self, text: str) -> str:
        """Take the next partial transcript; return the words to send now."""
        words = text.split()
        agreed = list(itertools.takewhile(lambda pair: pair[0] == pair[1], zip(self._words, words, strict=False)))
        self._words = words
        stable = " ".join(word for word, _ in agreed[: len(words) - 1])  # the last word may still grow
        if not stable.startswith(self._sent) or len(stable) <= len(self._sent):
            return ""
        delta, self._sent = stable[len(self._sent) :], stable
        return delta

    def pause(self, text: str) -> str:
        """Take all words up to a pause; return those that were not sent, also if earlier ones have changed."""
        words = text.split()
        self._words = words
        left = words[len(self._sent.split()) :]
        delta = (" " if self._sent and left else "") + " ".join(left)
        self._sent += delta
        return delta

    def rest(self, text: str) -> str:
        """Return the words of the final transcript that were not sent; none if it begins differently."""
        return text[len(self._sent) :] if text.startswith(self._sent) else ""


class Transcription:
    """Transcripts by item id.

    A client without transcription settings gets no transcript, neither in events nor in retrieved items.
    """

    def __init__(self, conversation: Conversation, outbox: Outbox) -> None:
        self._conversation = conversation
        self._outbox = outbox
        self._pending: dict[str, _PendingTranscript] = {}
        self._texts: dict[str, tuple[int, str]] = {}
        self._partials: dict[str, _Partial] = {}

    @property
    def pending(self) -> bool:
        """True while any transcript is expected."""
        return bool(self._pending)

    def expect(self, item_id: str, ms: int, *, shown: bool, content_index: int = 0) -> None:
        """Expect the transcript of an item.

        Args:
            ms: duration of the item's audio.
            shown: True if clients get the transcript.
        """
        self._pending[item_id] = _PendingTranscript(ms, shown, content_index)

    def is_pending(self, item_id: str) -> bool:
        """Return whether the transcript of an item is still expected."""
        return item_id in self._pending

    def forget(self, item_id: str) -> bool:
        """Forget an item. Return True if its transcript was still expected."""
        self._texts.pop(item_id, None)
        return self._pending.pop(item_id, None) is not None

    def on_partial(self, item_id: str, text: str) -> None:
        """Send the new words of a turn that is still spoken, as far as two partial transcripts in a row agree.

        A recogniser may change its mind about the last word, and later about earlier ones. Deltas cannot be taken
        back: `completed` then has the right text.
        """
        if item_id not in self._partials:
            self._partials = {one: partial for one, partial in self._partials.items() if one in self._pending}
            self._partials[item_id] = _Partial()
        if delta := self._partials[item_id].add(text):
            self._send_delta(item_id, 0, delta)

    def on_paused(self, item_id: str, text: str) -> None:
        """Send the words up to a pause of a caller who speaks over the agent, and an empty delta for the pause itself.

        Clients that add up the deltas do not notice an empty one. Others know that the caller is silent.
        """
        if text:
            if item_id not in self._partials:
                self.on_partial(item_id, "")
            if delta := self._partials[item_id].pause(text):
                self._send_delta(item_id, 0, delta)
        self._send_delta(item_id, 0, "")

    def on_completed(self, item_id: str, text: str) -> None:
        """Store a transcript and send it to the clients. A transcript that is no longer expected is dropped."""
        pending = self._pending.pop(item_id, None)
        if pending is None or item_id not in self._conversation:
            return
        self._texts[item_id] = (pending.content_index, text)
        if not pending.shown:
            return
        self._conversation.get(item_id)["content"][pending.content_index]["transcript"] = text
        partial = self._partials.pop(item_id, None)
        if delta := partial.rest(text) if partial else text:
            self._send_delta(item_id, pending.content_index, delta)
        self._outbox.send(
            "conversation.item.input_audio_transcription.completed",
            item_id=item_id,
            content_index=pending.content_index,
            transcript=text,
            usage={"type": "duration", "seconds": pending.ms / 1000},
        )

    def _send_delta(self, item_id: str, content_index: int, delta: str) -> None:
        kind = "conversation.item.input_audio_transcription.delta"
        self._outbox.send(kind, item_id=item_id, content_index=content_index, delta=delta)

    def on_failed(self, item_id: str, message: str) -> None:
        """Stop expecting a transcript, and send the failure to the clients."""
        pending = self._pending.pop(item_id, None)
        if pending is not None and pending.shown and item_id in self._conversation:
            self._outbox.send(
                "conversation.item.input_audio_transcription.failed",
                item_id=item_id,
                content_index=pending.content_index,
                error={
                    "type": "transcription_error",
                    "code": "transcription_failed",
                    "message": message,
                    "param": None,
                },
            )

    def with_transcript(self, item: Item) -> Item:
        """Return a copy of the item for the brain, with its transcript."""
        copied = dict(item)
        if "content" in item:
            copied["content"] = [dict(part) for part in item["content"]]
        if item["id"] in self._texts:
            index, text = self._texts[item["id"]]
            copied["content"][index]["transcript"] = text
        return copied
