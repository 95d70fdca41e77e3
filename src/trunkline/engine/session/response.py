"""Response: its lifecycle from `response.created` to `response.done`, and its events in order.

The brain's outputs are queued and sent item by item. As with the services, a function call starts after the message
before it has been spoken. A response keeps its initial configuration.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import assert_never

from trunkline.engine.brains import BrainOutput, BrainRequest, TextDelta, ToolCallDelta, Usage
from trunkline.engine.session import usage
from trunkline.engine.session.configuration import Configuration
from trunkline.engine.session.effects import CancelBrain, CancelSpeech, StartBrain, StartSpeech
from trunkline.engine.session.outbox import Outbox
from trunkline.engine.session.output_buffer import OutputBuffer
from trunkline.engine.session.output_message import MAX_DELTA_MS, OutputMessage
from trunkline.engine.speech import SpeechChunk
from trunkline.realtime.conversation import Conversation
from trunkline.realtime.events import Item, copy_json

MAX_OUTPUT_TOKENS = 20_000
"""Token limit of a response without a limit of its own, for a brain that never stops."""
_BRAIN_DONE = None
"""Queue entry after the brain's last output."""


class _OutputToolCall:
    """A function call in progress."""

    def __init__(self, item_id: str, tool_call_id: str, name: str, output_index: int) -> None:
        self.output_index = output_index
        self.item: Item = {
            "id": item_id,
            "object": "realtime.item",
            "type": "function_call",
            "status": "in_progress",
            "name": name,
            "call_id": tool_call_id,
            "arguments": "",
        }


class Response:
    """A response and its output.

    Args:
        configuration: the session's configuration with the response's overrides; it does not change later.
        conversation: the conversation to add items to; None for a response outside the conversation.
        new_id: makes an id from a prefix.
        next_generation: numbers the work of the brain and each sentence, to recognise late results.
        output_buffer: receives the audio if the engine plays it; None sends the audio as events.
    """

    def __init__(
        self,
        response_id: str,
        *,
        configuration: Configuration,
        conversation: Conversation | None,
        conversation_id: str | None,
        metadata: Mapping[str, str] | None,
        outbox: Outbox,
        new_id: Callable[[str], str],
        next_generation: Callable[[], int],
        output_buffer: OutputBuffer | None = None,
        max_delta_ms: int = MAX_DELTA_MS,
    ) -> None:
        self.id = response_id
        self.brain_generation = self.speech_generation = 0
        self.configuration = configuration
        self.finished = False
        self.output: list[Item] = []
        self._conversation = conversation
        self._conversation_id = conversation_id
        self._metadata = dict(metadata) if metadata is not None else None
        self._outbox = outbox
        self._new_id = new_id
        self._max_delta_ms = max_delta_ms
        self._next_generation = next_generation
        self._output_buffer = output_buffer
        self._queue: deque[BrainOutput | None] = deque()
        self._message: OutputMessage | None = None
        self._tool_call: _OutputToolCall | None = None
        self._finished_tool_call_ids: set[str] = set()
        self._brain_running = False
        self._voice_failed = False
        self._reported_usage: Usage | None = None
        self._text_out = self._audio_out = 0
        self._text_in = self._audio_in = 0
        self._audio_started_at_ms: float | None = None
        self.audio_ms = 0
        """Duration of the audio of all finished messages."""

    @property
    def spoken(self) -> bool:
        """True if the response has audio."""
        return bool(self.configuration["output_modalities"] == ["audio"])

    @property
    def audio_started(self) -> bool:
        """True after the first audio."""
        return self._audio_started_at_ms is not None

    @property
    def in_conversation(self) -> bool:
        """True if the response's items are added to the conversation."""
        return self._conversation is not None

    def announce(self) -> None:
        """Send `response.created`, and rate limits that are never reached."""
        self._outbox.send("response.created", response=self._resource("in_progress", None))
        limits = [
            {"name": name, "limit": limit, "remaining": limit, "reset_seconds": 0.0}
            for name, limit in (("requests", 1_000_000), ("tokens", 1_000_000_000))
        ]
        self._outbox.send("rate_limits.updated", rate_limits=limits)

    def start(self, request: BrainRequest, audio_in_ms: int) -> None:
        """Start the brain.

        Args:
            audio_in_ms: duration of the caller's audio in the request.
        """
        self._text_in = usage.input_text_tokens(request.instructions, request.tools, request.items)
        self._audio_in = usage.input_audio_tokens(audio_in_ms)
        self._brain_running = True
        self.brain_generation = self._next_generation()
        self._outbox.do(StartBrain(self.id, self.brain_generation, request))

    def on_brain_output(self, output: BrainOutput) -> None:
        """Handle a piece of the brain's answer."""
        if len(self._queue) >= MAX_OUTPUT_TOKENS:
            self._end("incomplete", {"type": "incomplete", "reason": "max_output_tokens"})
            return
        self._queue.append(output)
        self._advance()

    def on_brain_done(self) -> None:
        """Handle the end of the brain's answer."""
        self._brain_running = False
        self.brain_generation = 0
        self._queue.append(_BRAIN_DONE)
        self._advance()

    def on_brain_failed(self, message: str, code: str) -> None:
        """End the response as failed, with its output so far. A content filter ends it as incomplete."""
        self._brain_running = False
        if code == "content_filter":
            self._end("incomplete", {"type": "incomplete", "reason": "content_filter"})
            return
        error = {"type": "server_error", "code": code, "message": message}
        self._end("failed", {"type": "failed", "error": error})

    def on_speech_audio(self, chunk: SpeechChunk, now_ms: float) -> None:
        """Handle audio of the current sentence."""
        if self._audio_started_at_ms is None:
            self._audio_started_at_ms = now_ms
        if self._message is not None:
            self._message.add_audio(chunk, now_ms - self._audio_started_at_ms - self.audio_ms)
            self._check_token_limit()

    def on_speech_done(self) -> None:
        """Handle the end of the current sentence."""
        if self._message is not None:
            self.speech_generation = 0
            self._message.end_sentence()
            self._speak_next()
            self._advance()

    def on_speech_failed(self, message: str) -> None:
        """Send the current sentence's text without audio. The first failure sends an `error`."""
        if not self._voice_failed:
            self._voice_failed = True
            self._outbox.send_error(message, code="speech_failed", kind="server_error")
        self.on_speech_done()

    def truncate_later(self, item_id: str, audio_end_ms: int) -> bool:
        """Record the played duration of the message in progress. Return False if the item is not that message."""
        if self._message is None or self._message.item["id"] != item_id:
            return False
        self._message.truncate_later(audio_end_ms)
        return True

    def cancel(self, reason: str) -> None:
        """Cancel the response.

        Args:
            reason: `turn_detected` or `client_cancelled`.
        """
        self._end("cancelled", {"type": "cancelled", "reason": reason})

    def _advance(self) -> None:
        while self._queue and not self.finished:
            output = self._queue[0]
            if not isinstance(output, TextDelta | Usage) and self._message is not None:
                self._message.flush()
                self._speak_next()
                if not self._message.drained:
                    return
            self._queue.popleft()
            match output:
                case TextDelta():
                    self._add_text(output)
                case ToolCallDelta():
                    self._add_tool_call(output)
                case Usage():
                    self._reported_usage = output
                case None:
                    self._close_item("completed")
                    self._end("completed", None)
                case _:
                    assert_never(output)

    def _add_text(self, delta: TextDelta) -> None:
        if self._message is None:
            if not delta.text:
                return
            self._close_item("completed")
            self._message = self._open_message()
        self._message.add_text(delta)
        self._check_token_limit()
        self._speak_next()

    def _open_message(self) -> OutputMessage:
        format_type = self.configuration["audio"]["output"]["format"]["type"] if self.spoken else None
        play = None
        if self._output_buffer is not None and self.spoken:
            format_type, play = "audio/pcm", self._output_buffer.play
        item_id = self._new_id("item")
        message = OutputMessage(
            item_id, self.id, len(self.output), self._outbox, format_type, play, max_delta_ms=self._max_delta_ms
        )
        self._open_item(message.item)
        if self._conversation is not None and message.audio is not None:
            self._conversation.add_audio(message.item["id"], 0, message.audio)
        message.open_part()
        return message

    def _add_tool_call(self, delta: ToolCallDelta) -> None:
        if self._tool_call is None or self._tool_call.item["call_id"] != delta.tool_call_id:
            if delta.tool_call_id in self._finished_tool_call_ids:
                self.on_brain_failed(
                    f"The brain continued the function call {delta.tool_call_id} after its end.", "server_error"
                )
                return
            self._close_item("completed")
            if self._finished_tool_call_ids and self.configuration.get("parallel_tool_calls") is False:
                self._end("completed", None)  # the brain calls the next function after the result of this one
                return
            self._tool_call = _OutputToolCall(self._new_id("item"), delta.tool_call_id, delta.name, len(self.output))
            self._open_item(self._tool_call.item)
        self._add_arguments(delta.arguments)
        self._check_token_limit()

    def _add_arguments(self, delta: str) -> None:
        if self._tool_call is None or not delta:
            return
        self._tool_call.item["arguments"] += delta
        self._outbox.send("response.function_call_arguments.delta", **self._ids_of(self._tool_call), delta=delta)

    def _ids_of(self, call: _OutputToolCall) -> dict[str, object]:
        return {
            "response_id": self.id,
            "item_id": call.item["id"],
            "output_index": call.output_index,
            "call_id": call.item["call_id"],
        }

    def _speak_next(self) -> None:
        message = self._message
        if message is None or (sentence := message.next_sentence()) is None:
            return
        output = self.configuration["audio"]["output"]
        self.speech_generation = self._next_generation()
        speak = StartSpeech(
            self.id,
            self.speech_generation,
            message.item["id"],
            0,
            sentence.text,
            voice=tts_voice(output["voice"]),
            speed=sentence.speed_in(output["speed"]),
            language=sentence.language,
        )
        self._outbox.do(speak)

    def _open_item(self, item: Item) -> None:
        ids = {"response_id": self.id, "output_index": len(self.output)}
        shown = copy_json(item)
        self._outbox.send("response.output_item.added", **ids, item=shown)
        self.output.append(item)
        if self._conversation is not None:
            previous = self._conversation.insert(item)
            self._outbox.send("conversation.item.added", previous_item_id=previous, item=shown)

    def _close_item(self, status: str) -> None:
        truncated_at_ms: int | None = None
        if self._message is not None:
            item, index, truncated_at_ms = self._message.item, self._message.output_index, self._message.truncated_at_ms
            self._message.finish(status)
            text_out, audio_out = self._message.output_tokens()
            self._text_out += text_out
            self._audio_out += audio_out
            self.audio_ms += self._message.audio.ms if self._message.audio else 0
            self._message = None
        elif self._tool_call is not None:
            item, index = self._tool_call.item, self._tool_call.output_index
            if status == "completed" and not item["arguments"].strip():
                self._add_arguments("{}")
            item["status"] = status
            self._outbox.send(
                "response.function_call_arguments.done",
                **self._ids_of(self._tool_call),
                name=item["name"],
                arguments=item["arguments"],
            )
            self._text_out += usage.text_tokens(item["name"] + item["arguments"])
            self._finished_tool_call_ids.add(item["call_id"])
            self._tool_call = None
        else:
            return
        ids = {"response_id": self.id, "output_index": index}
        shown = copy_json(item)
        self._outbox.send("response.output_item.done", **ids, item=shown)
        if self._conversation is not None and item["id"] in self._conversation:
            previous = self._conversation.previous_id(item["id"])
            self._outbox.send("conversation.item.done", previous_item_id=previous, item=shown)
            if truncated_at_ms is not None:
                self._conversation.truncate(item["id"], 0, truncated_at_ms)
            self._conversation.trim()

    def _check_token_limit(self) -> None:
        if self.finished:
            return
        limit = self.configuration["max_output_tokens"]
        limit = limit if isinstance(limit, int) else MAX_OUTPUT_TOKENS
        text_out, audio_out = self._message.output_tokens() if self._message else (0, 0)
        arguments_tokens = usage.text_tokens(self._tool_call.item["arguments"]) if self._tool_call else 0
        message_text_tokens = usage.text_tokens(self._message.text) if self._message else 0
        if (
            self._text_out + self._audio_out + text_out + audio_out + arguments_tokens > limit
            or message_text_tokens > MAX_OUTPUT_TOKENS
        ):
            self._end("incomplete", {"type": "incomplete", "reason": "max_output_tokens"})

    def _end(self, status: str, details: dict[str, object] | None) -> None:
        if self.finished:
            return
        if self._brain_running:
            self._outbox.do(CancelBrain(self.id, self.brain_generation))
        if self._message is not None and self._message.speaking is not None:
            self._outbox.do(CancelSpeech(self.id, self.speech_generation))
        self._close_item("incomplete")
        self.finished = True
        self._queue.clear()
        self._outbox.send("response.done", response=self._resource(status, details))

    def _resource(self, status: str, details: dict[str, object] | None) -> dict[str, object]:
        output = self.configuration["audio"]["output"]
        resource: dict[str, object] = {
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": details,
            "output": copy_json(self.output),
            "conversation_id": self._conversation_id,
            "output_modalities": self.configuration["output_modalities"],
            "max_output_tokens": self.configuration["max_output_tokens"],
            "audio": {"output": {"format": output["format"], "voice": tts_voice(output["voice"])}},
            "usage": None,
            "metadata": self._metadata,
        }
        if status != "in_progress":
            resource["usage"] = usage.report(
                text_in=self._text_in,
                audio_in=self._audio_in,
                text_out=self._text_out,
                audio_out=self._audio_out,
                reported=self._reported_usage,
            )
        return resource


def tts_voice(voice: str | Mapping[str, str]) -> str:
    """Return the name of a voice, given as text or as `{"id": …}`."""
    return voice if isinstance(voice, str) else voice["id"]
