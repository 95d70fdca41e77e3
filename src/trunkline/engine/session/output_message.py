"""One message of a response on its way out: its words, its sound, and the events that tell of both."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from trunkline.engine.session import usage
from trunkline.engine.session.outbox import Outbox
from trunkline.engine.session.sentences import complete_until, pronounceable
from trunkline.engine.session.speakable_text import Aloud, aloud
from trunkline.engine.speech import SpeechChunk, SpeechMark
from trunkline.realtime.audio import BYTES_PER_MS, FORMATS
from trunkline.realtime.conversation import ContentAudio
from trunkline.realtime.events import Item

PIECE_MS = 200
"""The most sound in one audio delta, unless a session has it otherwise."""


@dataclass(frozen=True)
class Sentence:
    """A stretch `[start, end)` of a message's text that is spoken in one go."""

    start: int
    end: int
    language: str | None


class Message:
    """An assistant message in the making. Words are said by the brain, sentence by sentence spoken by the voice.

    `text` is all the brain has said; of a spoken message only `shown` characters have gone out as transcript, which
    goes along with the sound. Whatever `finish` reports is exactly what the deltas carried. `heard_ms` is set when
    the client truncates the message before it is done. Audio goes out as deltas, or to `play` where that is given.
    """

    def __init__(
        self,
        item_id: str,
        response_id: str,
        output_index: int,
        outbox: Outbox,
        format_type: str | None,
        play: Callable[[str, str, bytes], None] | None = None,
        piece_ms: int = PIECE_MS,
    ) -> None:
        self.item: Item = {
            "id": item_id,
            "object": "realtime.item",
            "type": "message",
            "status": "in_progress",
            "role": "assistant",
            "content": [],
        }
        self._piece_bytes = piece_ms * BYTES_PER_MS
        self.text = ""
        self.shown = 0
        self.sentences: deque[Sentence] = deque()
        self.speaking: Sentence | None = None
        self.output_index = output_index
        self.heard_ms: int | None = None
        self._where = {"response_id": response_id, "item_id": item_id, "output_index": output_index}
        self._outbox = outbox
        self._play = play
        self._split = 0
        self._language: str | None = None
        self._sentence_ms = 0
        self._aloud = Aloud("", ())
        self._sentence_bytes = 0
        self._marked = False
        self._encoder = FORMATS[format_type].encoder() if format_type else None
        self.sound = ContentAudio(FORMATS[format_type].ms_to_bytes(1)) if format_type else None

    @property
    def spoken(self) -> bool:
        """Whether the message has sound, or text alone."""
        return self.sound is not None

    @property
    def drained(self) -> bool:
        """Whether every whole sentence has been spoken."""
        return self.speaking is None and not self.sentences

    def output_tokens(self) -> tuple[int, int]:
        """About how many tokens of text and of sound have gone out."""
        return usage.text_tokens(self.text[: self.shown]), usage.spoken_tokens(self.sound.ms if self.sound else 0)

    def open_part(self) -> None:
        """Tells of the message's one content part."""
        part = {"type": "audio", "transcript": ""} if self.spoken else {"type": "text", "text": ""}
        self._send("response.content_part.added", part=part)
        self.item["content"] = [self._content("")]

    def say(self, text: str, language: str | None) -> None:
        """More words of the brain."""
        if self.spoken and language != self._language:
            self.flush()
        self._language = language
        self.text += text
        if not self.spoken:
            self._show(len(self.text))
            return
        for end in complete_until(self.text, self._split):
            self._queue(end)

    def flush(self) -> None:
        """What the brain has said is complete, whether it ends like a sentence or not."""
        if self.spoken and self._split < len(self.text):
            self._queue(len(self.text))

    def next_sentence(self) -> tuple[str, str | None] | None:
        """The next sentence as it is to be said, and its language; None while one is spoken or none is whole."""
        while self.speaking is None and self.sentences:
            sentence = self.sentences.popleft()
            said = aloud(self.text[sentence.start : sentence.end])
            if not pronounceable(said.text):
                self._show(sentence.end)
                continue
            self.speaking = sentence
            self._sentence_ms = self.sound.ms if self.sound else 0
            self._aloud = said
            self._sentence_bytes = 0
            self._marked = False
            return said.text, sentence.language
        return None

    def add_sound(self, chunk: SpeechChunk) -> None:
        """Sound of the sentence that is being spoken, sent in small pieces with the words said in them."""
        if self._encoder is None or self.sound is None:
            return
        marks = deque(chunk.marks)
        for start in range(0, len(chunk.pcm), self._piece_bytes):
            piece = chunk.pcm[start : start + self._piece_bytes]
            self._sentence_bytes += len(piece)
            while marks and marks[0].at_ms * BYTES_PER_MS <= self._sentence_bytes:
                self._mark(marks.popleft())
            self._send_sound(self._encoder.feed(piece))
        for mark in marks:
            self._mark(mark)

    def end_sentence(self) -> None:
        """All of the sentence's sound is there (or none will come): the rest of its words is shown."""
        sentence = self.speaking
        if sentence is None:
            return
        self.speaking = None
        spoken_ms = self._sentence_bytes // BYTES_PER_MS
        if self.sound is not None and not self._marked:
            self._interpolate(sentence.start, spoken_ms)
        self._show(sentence.end)
        if self.sound is not None:
            self.sound.mark(self._sentence_ms + spoken_ms, sentence.end)

    def finish(self, status: str) -> None:
        """Tells that the part is done. The item's content is what has gone out."""
        if self._encoder is not None:
            self._send_sound(self._encoder.flush())
        words = self.text[: self.shown]
        if self.spoken:
            self._send("response.output_audio.done")
            self._send("response.output_audio_transcript.done", transcript=words)
            self._send("response.content_part.done", part={"type": "audio", "transcript": words})
        else:
            self._send("response.output_text.done", text=words)
            self._send("response.content_part.done", part={"type": "text", "text": words})
        self.item["content"] = [self._content(words)]
        self.item["status"] = status

    def _content(self, words: str) -> dict[str, str]:
        if self.spoken:
            return {"type": "output_audio", "transcript": words}
        return {"type": "output_text", "text": words}

    def _queue(self, end: int) -> None:
        self.sentences.append(Sentence(self._split, end, self._language))
        self._split = end

    def _mark(self, mark: SpeechMark) -> None:
        if self.speaking is None:
            return
        text_end = self.speaking.start + self._aloud.written_end(mark.text_end)
        if self.sound is not None:
            self._marked = True
            self.sound.mark(self._sentence_ms + mark.at_ms, text_end)
        self._show(text_end)

    def _interpolate(self, start: int, spoken_ms: int) -> None:
        """For a voice that tells no marks: words are taken to be as long as they are spelled."""
        text = self._aloud.text
        for index, character in enumerate(text):
            if character.isspace() and self.sound is not None:
                at_ms = self._sentence_ms + spoken_ms * index // len(text)
                self.sound.mark(at_ms, start + self._aloud.written_end(index))

    def _show(self, end: int) -> None:
        end = min(end, len(self.text))
        if end <= self.shown:
            return
        delta = self.text[self.shown : end]
        self.shown = end
        kind = "response.output_audio_transcript.delta" if self.spoken else "response.output_text.delta"
        self._send(kind, delta=delta)
        if self.item["content"]:
            self.item["content"] = [self._content(self.text[:end])]

    def _send_sound(self, wire: bytes) -> None:
        if not wire or self.sound is None:
            return
        self.sound.append(wire)
        if self._play is not None:
            self._play(str(self._where["response_id"]), str(self._where["item_id"]), wire)
        else:
            self._send("response.output_audio.delta", delta=wire)  # `encode` writes bytes as base64, in one go

    def _send(self, type_: str, **fields: object) -> None:
        self._outbox.send(type_, **self._where, content_index=0, **fields)
