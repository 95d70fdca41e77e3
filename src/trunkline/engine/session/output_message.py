"""Assistant message of a response: its text, its audio, and their events."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from trunkline.engine.brains import BrainOutput, TextDelta, ToolCallDelta
from trunkline.engine.session import usage
from trunkline.engine.session.outbox import Outbox
from trunkline.engine.session.speakable_text import SpeakableText, pronounceable, speakable
from trunkline.engine.speech import SpeechChunk, SpeechMark
from trunkline.realtime.audio import BYTES_PER_MS, FORMATS
from trunkline.realtime.conversation import ContentAudio
from trunkline.realtime.events import Item
from trunkline.sentences import sentence_ends

_SPACE = re.compile(r"\s")
MIN_SPEED, MAX_SPEED = 0.25, 1.5
MAX_DELTA_MS = 200
"""Default duration limit for one audio delta."""
FAR_AHEAD_MS = 2000
"""Lead over the playout from which deltas are longer, so that a client has fewer events to read."""
MAX_FAR_DELTA_MS = 1000
"""Duration limit for one audio delta that is far ahead."""


@dataclass(frozen=True)
class SentenceRange:
    """A range `[start, end)` of a message's text that one synthesis request speaks."""

    start: int
    end: int
    language: str | None
    speed: float


@dataclass(frozen=True)
class Sentence:
    """A sentence to speak.

    Attributes:
        text: plain text.
        language: its language, if the brain gave one.
        speed: its speed, relative to the session's.
    """

    text: str
    language: str | None = None
    speed: float = 1.0

    def speed_in(self, session_speed: float) -> float:
        """Return the voice's speed for this sentence, within the protocol's range."""
        return min(max(self.speed * session_speed, MIN_SPEED), MAX_SPEED)


class OutputMessage:
    """An assistant message in progress. The brain adds text, and speech synthesis speaks it sentence by sentence.

    `text` holds all text of the brain. A spoken message sends its first `sent_characters` as transcript, in step with
    the audio. The final events repeat exactly the text of the deltas. `truncated_at_ms` is set when the client
    truncates the message before it is done. Audio is sent as deltas, or passed to `play` if that is given.
    """

    def __init__(
        self,
        item_id: str,
        response_id: str,
        output_index: int,
        outbox: Outbox,
        format_type: str | None,
        play: Callable[[str, str, bytes], None] | None = None,
        max_delta_ms: int = MAX_DELTA_MS,
    ) -> None:
        self.item: Item = {
            "id": item_id,
            "object": "realtime.item",
            "type": "message",
            "status": "in_progress",
            "role": "assistant",
            "content": [],
        }
        self._max_delta_bytes = max_delta_ms * BYTES_PER_MS
        self.text = ""
        self.sent_characters = 0
        self.sentences: deque[SentenceRange] = deque()
        self.speaking: SentenceRange | None = None
        self.output_index = output_index
        self.truncated_at_ms: int | None = None
        self._ids = {"response_id": response_id, "item_id": item_id, "output_index": output_index}
        self._outbox = outbox
        self._play = play
        self._sentence_start = 0
        self._language: str | None = None
        self._speed = 1.0
        self._sentence_ms = 0
        self._speakable = SpeakableText("", ())
        self._sentence_bytes = 0
        self._held = b""
        self._held_marks: deque[SpeechMark] = deque()
        self._marked = False
        self._encoder = FORMATS[format_type].encoder() if format_type else None
        self.audio = ContentAudio(FORMATS[format_type].ms_to_bytes(1)) if format_type else None

    @property
    def spoken(self) -> bool:
        """True if the message has audio."""
        return self.audio is not None

    @property
    def drained(self) -> bool:
        """True if all complete sentences have been spoken."""
        return self.speaking is None and not self.sentences

    def output_tokens(self) -> tuple[int, int]:
        """Return the estimated tokens of the text and the audio that were sent."""
        return usage.text_tokens(self.text[: self.sent_characters]), usage.output_audio_tokens(
            self.audio.ms if self.audio else 0
        )

    def open_part(self) -> None:
        """Send the start of the message's only content part."""
        part = {"type": "audio", "transcript": ""} if self.spoken else {"type": "text", "text": ""}
        self._send("response.content_part.added", part=part)
        self.item["content"] = [self._content("")]

    def add_text(self, delta: TextDelta) -> None:
        """Add text of the brain."""
        if self.spoken and (delta.language, delta.speed) != (self._language, self._speed):
            self.flush()
        self._language, self._speed = delta.language, delta.speed
        self.text += delta.text
        if not self.spoken:
            self._send_text_until(len(self.text))
            return
        for end in sentence_ends(self.text, self._sentence_start):
            self._queue_sentence(end)

    def flush(self) -> None:
        """Queue the remaining text as a sentence, even without a sentence's end."""
        if self.spoken and self._sentence_start < len(self.text):
            self._queue_sentence(len(self.text))

    def next_sentence(self) -> Sentence | None:
        """Return the next sentence to speak; None while a sentence is being spoken, and while none is complete."""
        while self.speaking is None and self.sentences:
            sentence = self.sentences.popleft()
            said = speakable(self.text[sentence.start : sentence.end])
            if not pronounceable(said.text):
                self._send_text_until(sentence.end)
                continue
            self.speaking = sentence
            self._sentence_ms = self.audio.ms if self.audio else 0
            self._speakable = said
            self._sentence_bytes = 0
            self._marked = False
            return Sentence(said.text, sentence.language, sentence.speed)
        return None

    def add_audio(self, chunk: SpeechChunk, due_ms: float = 0.0) -> None:
        """Send audio of the current sentence in small pieces, each with its part of the transcript.

        Args:
            due_ms: the audio of this message that a client can have played, in ms. Far ahead of it, the pieces are
                longer, and the end of a piece waits for more audio.
        """
        self._held += chunk.pcm
        self._held_marks.extend(chunk.marks)
        while self._held and len(self._held) >= (far_bytes := self._far_delta_ms(due_ms) * BYTES_PER_MS):
            self._send_piece(max(self._max_delta_bytes, far_bytes))
        if not self._held:
            self._apply_marks()

    def end_sentence(self) -> None:
        """End the current sentence, and send the rest of its transcript."""
        sentence = self.speaking
        if sentence is None:
            return
        self._send_held()
        self.speaking = None
        spoken_ms = self._sentence_bytes // BYTES_PER_MS
        if self.audio is not None and not self._marked:
            self._interpolate(sentence.start, spoken_ms)
        self._send_text_until(sentence.end)
        if self.audio is not None:
            self.audio.mark(self._sentence_ms + spoken_ms, sentence.end)

    def truncate_later(self, audio_end_ms: int) -> None:
        """Note the played duration, at which the message is cut as soon as it is finished."""
        self.truncated_at_ms = audio_end_ms

    def finish(self, status: str) -> None:
        """Send the end of the content part. The item's content is the content that was sent."""
        self._send_held()
        if self._encoder is not None:
            self._send_audio(self._encoder.flush())
        text = self.text[: self.sent_characters]
        if self.spoken:
            self._send("response.output_audio.done")
            self._send("response.output_audio_transcript.done", transcript=text)
            self._send("response.content_part.done", part={"type": "audio", "transcript": text})
        else:
            self._send("response.output_text.done", text=text)
            self._send("response.content_part.done", part={"type": "text", "text": text})
        self.item["content"] = [self._content(text)]
        self.item["status"] = status

    def _content(self, text: str) -> dict[str, str]:
        if self.spoken:
            return {"type": "output_audio", "transcript": text}
        return {"type": "output_text", "text": text}

    def _queue_sentence(self, end: int) -> None:
        self.sentences.append(SentenceRange(self._sentence_start, end, self._language, self._speed))
        self._sentence_start = end

    def _far_delta_ms(self, due_ms: float) -> int:
        """Return the duration of a delta that is far ahead of the playout, or 0."""
        lead_ms = self.audio.ms - due_ms if self.audio is not None and self._play is None else 0.0
        return 0 if lead_ms < FAR_AHEAD_MS else min(int(lead_ms / 4), MAX_FAR_DELTA_MS)

    def _send_held(self) -> None:
        """Send the audio that waits for more."""
        while self._held:
            self._send_piece(max(self._max_delta_bytes, self._far_delta_ms(0.0) * BYTES_PER_MS))
        self._apply_marks()

    def _send_piece(self, max_bytes: int) -> None:
        piece, self._held = self._held[:max_bytes], self._held[max_bytes:]
        self._sentence_bytes += len(piece)
        self._apply_marks(self._sentence_bytes // BYTES_PER_MS)
        if self._encoder is not None:
            self._send_audio(self._encoder.feed(piece))

    def _apply_marks(self, until_ms: float = math.inf) -> None:
        while self._held_marks and self._held_marks[0].at_ms <= until_ms:
            self._apply_mark(self._held_marks.popleft())

    def _apply_mark(self, mark: SpeechMark) -> None:
        if self.speaking is None:
            return
        text_end = self.speaking.start + self._speakable.source_end(mark.text_end)
        if self.audio is not None:
            self._marked = True
            self.audio.mark(self._sentence_ms + mark.at_ms, text_end)
        self._send_text_until(text_end)

    def _interpolate(self, start: int, spoken_ms: int) -> None:
        """Add a mark for each word if the speech synthesis gave none, in proportion to the length of the text."""
        text = self._speakable.text
        if self.audio is None:
            return
        for space in _SPACE.finditer(text):
            index = space.start()
            at_ms = self._sentence_ms + spoken_ms * index // len(text)
            self.audio.mark(at_ms, start + self._speakable.source_end(index))

    def _send_text_until(self, end: int) -> None:
        end = min(end, len(self.text))
        if end <= self.sent_characters:
            return
        delta = self.text[self.sent_characters : end]
        self.sent_characters = end
        kind = "response.output_audio_transcript.delta" if self.spoken else "response.output_text.delta"
        self._send(kind, delta=delta)
        if self.item["content"]:
            self.item["content"] = [self._content(self.text[:end])]

    def _send_audio(self, wire: bytes) -> None:
        if not wire or self.audio is None:
            return
        self.audio.append(wire)
        if self._play is not None:
            self._play(str(self._ids["response_id"]), str(self._ids["item_id"]), wire)
        else:
            self._send("response.output_audio.delta", delta=wire)  # `encode` writes bytes as base64

    def _send(self, type_: str, **fields: object) -> None:
        self._outbox.send(type_, **self._ids, content_index=0, **fields)


def first_sentence(outputs: Iterable[BrainOutput]) -> Sentence | None:
    """Return the first sentence that an answer will speak; None if the answer begins with a tool call."""
    message = OutputMessage("", "", 0, Outbox(_no_id), "audio/pcm")
    for output in outputs:
        if isinstance(output, ToolCallDelta):
            break
        if isinstance(output, TextDelta):
            message.add_text(output)
        if sentence := message.next_sentence():
            return sentence
    message.flush()
    return message.next_sentence()


def _no_id(_prefix: str) -> str:
    """Return an empty id, for events that no client receives."""
    return ""
