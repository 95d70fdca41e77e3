"""Session: a pure state machine of inputs, events and effects.

`step(input, now_ms)` is its whole interface, without sockets, tasks or a clock. A test can run an hour in milliseconds
and interrupt at any point. `now_ms` is any monotonic clock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, assert_never

from trunkline.engine.brains import BrainRequest
from trunkline.engine.session import configuration, inputs, items, usage
from trunkline.engine.session.brain_request import brain_request, response_input
from trunkline.engine.session.configuration import Configuration
from trunkline.engine.session.context_window import ContextWindow
from trunkline.engine.session.effects import (
    Close,
    ExpiryTimer,
    Output,
    PrepareAnswer,
    SetTimer,
    Timer,
    TranscriptTimer,
)
from trunkline.engine.session.endpointing import SpeechChange
from trunkline.engine.session.input_audio import MAX_BYTES
from trunkline.engine.session.item_events import ItemEvents
from trunkline.engine.session.outbox import Outbox
from trunkline.engine.session.output_buffer import OutputBuffer
from trunkline.engine.session.output_message import MAX_DELTA_MS
from trunkline.engine.session.response import Response, tts_voice
from trunkline.engine.session.transcription import Transcription
from trunkline.engine.session.user_turns import UserTurns
from trunkline.engine.speech.vad import VoiceActivity
from trunkline.realtime import validation
from trunkline.realtime.conversation import ContentAudio, Conversation
from trunkline.realtime.events import Event, Item, NewId
from trunkline.realtime.validation import InvalidRequest

MAX_TRANSCRIPT_WAIT_MS = 5000
"""Time that a response waits for the transcripts of earlier turns before it starts without them."""
MAX_RESPONSES = 8
"""Limit of concurrent responses, one of them in the conversation."""
MIN_COMMIT_MS = 100


class Session:
    """A Realtime session in the GA dialect.

    Args:
        model: the name that the client asked for.
        activity: this session's own voice activity detector.
        settings: an initial `session` object, as in a client secret; checked like a `session.update`.
        new_id: source of ids. The same inputs and ids give the same outputs.
        expires_at: Unix time in seconds for the session object.
        lifetime_ms: time after which the session closes, as with the services; None means never.
        paced: True if the transport plays the answers' audio in real time (`Play`), instead of audio deltas.
        max_delta_ms: duration limit for one audio delta.
        takes_images: False refuses images in messages, since the model cannot see.

    Raises:
        InvalidRequest: `settings` are not valid.
    """

    def __init__(
        self,
        model: str,
        *,
        activity: VoiceActivity,
        settings: dict[str, object] | None = None,
        new_id: NewId,
        expires_at: int | None = None,
        lifetime_ms: float | None = None,
        paced: bool = False,
        max_delta_ms: int = MAX_DELTA_MS,
        takes_images: bool = True,
    ) -> None:
        self.id = new_id("sess")
        self._max_delta_ms = max_delta_ms
        self.conversation_id = new_id("conv")
        self.conversation = Conversation()
        type_ = configuration.session_type(settings)
        self.configuration: Configuration = configuration.default(model, self.id, expires_at, type_=type_)
        if settings:
            self.configuration = configuration.updated(self.configuration, {"type": type_, **settings})
        self._new_id = new_id
        self._lifetime_ms = lifetime_ms
        self._outbox = Outbox(new_id)
        self._user_turns = UserTurns(
            activity,
            self._outbox,
            new_id,
            lambda: self._request(self.configuration),
            wants_words=self._wants_words,
            over_agent=self._is_over_agent,
        )
        self._user_turns.configure(self.configuration["audio"]["input"])
        self._transcription = Transcription(self.conversation, self._outbox)
        self._output_buffer = OutputBuffer(self.conversation, self._outbox) if paced else None
        self._item_events = ItemEvents(
            self.conversation,
            self._outbox,
            self._transcription,
            audio_format=lambda: self._user_turns.buffer.format,
            configuration=lambda: self.configuration,
            request=lambda: self._request(self.configuration),
            takes_images=takes_images,
            truncate_later=lambda item_id, ms: self._active is not None and self._active.truncate_later(item_id, ms),
        )
        self._context_window = ContextWindow(self._tokens_of)
        self._active: Response | None = None
        self._responses: dict[str, Response] = {}
        self._awaiting_transcript: dict[str, tuple[Response, Any]] = {}
        self._generation = 0
        self._voice_used = False
        self._idle_from_ms: int | None = None
        self._answer_started_ms = self._answer_ends_ms = 0
        self._prepared: tuple[str, str] | None = None
        self._closed = False
        self._now_ms = 0.0

    def step(self, given: inputs.Input, now_ms: float) -> list[Output]:
        """Process one input, and return the events and effects in order."""
        if self._closed:
            return []
        self._now_ms = now_ms
        self._handle(given)
        self._remove_finished()
        self._prepare_answer()
        return self._outbox.drain()

    def _on_opened(self) -> None:
        self._outbox.send("session.created", session=configuration.to_client(self.configuration))
        conversation = {"id": self.conversation_id, "object": "realtime.conversation"}
        self._outbox.send("conversation.created", conversation=conversation)
        if self._lifetime_ms is not None:
            self._outbox.do(SetTimer(ExpiryTimer(), self._now_ms + self._lifetime_ms))

    def _on_timer(self, timer: Timer) -> None:
        match timer:
            case ExpiryTimer():
                minutes = int((self._lifetime_ms or 0) / 60_000)
                message = f"Your session hit the maximum duration of {minutes} minutes."
                self._outbox.send_error(message, code="session_expired")
                self._outbox.do(Close(1001, "session expired"))
                self._closed = True
            case TranscriptTimer(response_id):
                if response_id in self._awaiting_transcript:
                    self._start_response(response_id)
            case _:
                assert_never(timer)

    # ------------------------------------------------------------------ inputs

    def _handle(self, given: inputs.Input) -> None:  # noqa: C901 - one case for each input
        match given:  # the most frequent inputs first
            case inputs.ClientEvent():
                self._on_client_event(given.event, given.refusal)
            case inputs.AudioReceived():
                self._add_pcm(given.pcm)
            case inputs.BrainProduced() | inputs.BrainDone() | inputs.BrainFailed():
                response = self._responses.get(given.response_id)
                if response is not None and given.generation == response.brain_generation:
                    self._on_brain_result(response, given)
            case inputs.SpeechProduced() | inputs.SpeechDone() | inputs.SpeechFailed():
                response = self._responses.get(given.response_id)
                if response is not None and given.generation == response.speech_generation:
                    self._on_speech_result(response, given)
            case inputs.MalformedFrame():
                self._outbox.send_error(given.message, code="invalid_json")
            case inputs.PlayoutStarted() | inputs.PlayoutEnded() | inputs.PlayoutCleared():
                self._on_playout_result(given)
            case inputs.Opened():
                self._on_opened()
            case inputs.TimerFired():
                self._on_timer(given.timer)
            case inputs.PartialTranscript():
                self._on_partial_transcript(given)
            case inputs.PausedTranscript():
                self._on_paused_transcript(given)
            case inputs.FinalTranscript():
                self._user_turns.on_transcript(given.utterance_id, given.text)
                self._transcription.on_completed(given.utterance_id, given.text)
            case inputs.TranscriptFailed():
                self._transcription.on_failed(given.utterance_id, given.message)
            case _:
                assert_never(given)
        if self._awaiting_transcript and not self._transcription.pending:
            for response_id in list(self._awaiting_transcript):
                self._start_response(response_id)

    def _wants_words(self) -> bool:
        """Return whether the client decides by words if the caller interrupts the agent, who speaks now."""
        if not self._client_decides:
            return False
        return self._active is not None or (self._output_buffer is not None and self._output_buffer.is_playing)

    def _is_over_agent(self) -> bool:
        """Return the same, but over a WebSocket until the client has played the answer, which was sent ahead of it."""
        if self._output_buffer is None and self._client_decides:
            return self._active is not None or self._user_turns.buffer.end_ms < self._answer_ends_ms
        return self._wants_words()

    @property
    def _client_decides(self) -> bool:
        audio_input = self.configuration["audio"]["input"]
        detection = audio_input["turn_detection"] or {}
        return audio_input["transcription"] is not None and not detection.get("interrupt_response", True)

    def _on_paused_transcript(self, given: inputs.PausedTranscript) -> None:
        if self._user_turns.is_paused(given.utterance_id):
            self._transcription.on_paused(given.utterance_id, given.text)

    def _on_partial_transcript(self, given: inputs.PartialTranscript) -> None:
        is_announced = self._user_turns.on_partial_transcript(
            given.utterance_id, given.text, given.complete, given.alternatives
        )
        if is_announced and self.configuration["audio"]["input"]["transcription"] is not None:
            self._transcription.on_partial(given.utterance_id, given.text)

    def _on_brain_result(
        self, response: Response, given: inputs.BrainProduced | inputs.BrainDone | inputs.BrainFailed
    ) -> None:
        match given:
            case inputs.BrainProduced():
                response.on_brain_output(given.output)
            case inputs.BrainDone():
                response.on_brain_done()
            case inputs.BrainFailed():
                response.on_brain_failed(given.message, given.code)
            case _:
                assert_never(given)

    def _on_speech_result(
        self, response: Response, given: inputs.SpeechProduced | inputs.SpeechDone | inputs.SpeechFailed
    ) -> None:
        match given:
            case inputs.SpeechProduced():
                if not response.audio_started:
                    self._answer_started_ms = self._user_turns.buffer.end_ms
                self._voice_used = self._voice_used or response.in_conversation
                response.on_speech_audio(given.chunk, self._now_ms)
            case inputs.SpeechDone():
                response.on_speech_done()
            case inputs.SpeechFailed():
                response.on_speech_failed(given.message)
            case _:
                assert_never(given)

    def _on_playout_result(self, given: inputs.PlayoutStarted | inputs.PlayoutEnded | inputs.PlayoutCleared) -> None:
        if self._output_buffer is None:
            return
        match given:
            case inputs.PlayoutStarted():
                self._output_buffer.on_playout_started(given.response_id)
            case inputs.PlayoutEnded():
                self._output_buffer.on_playout_ended(given.response_id)
            case inputs.PlayoutCleared():
                self._output_buffer.on_playout_cleared(given.interrupted)
            case _:
                assert_never(given)

    def _remove_finished(self) -> None:
        """Remove ended responses. The idle timeout starts after an answer."""
        for response in [one for one in self._responses.values() if one.finished]:
            del self._responses[response.id]
            self._awaiting_transcript.pop(response.id, None)
            if self._output_buffer is not None:
                self._output_buffer.on_response_done(response.id)
            if response is self._active:
                self._active = None
                input_audio_ms = self._user_turns.buffer.end_ms
                self._idle_from_ms = max(input_audio_ms, self._answer_started_ms + response.audio_ms)
                self._answer_ends_ms = max(self._answer_ends_ms, self._answer_started_ms + response.audio_ms)

    # ------------------------------------------------------------------ client events

    def _on_client_event(self, event: Event, refusal: InvalidRequest | None) -> None:
        event_id = event.get("event_id")
        caused_by = event_id if isinstance(event_id, str) else None
        try:
            if event_id is not None:
                _EVENT_ID(event_id, "event_id")
            if refusal is not None:
                raise refusal
            self._dispatch(event)
        except InvalidRequest as error:
            self._outbox.send_error(str(error), code=error.code, param=error.param, caused_by=caused_by)

    def _dispatch(self, event: Event) -> None:
        type_ = event.get("type")
        known = _CLIENT_EVENTS.get(type_) if isinstance(type_, str) else None
        if known is None:
            raise validation.invalid_value("type", type_, tuple(_CLIENT_EVENTS))
        handle, fields = known
        unknown = event.keys() - fields
        if unknown:
            name = min(unknown)
            raise InvalidRequest(f"Unknown parameter: '{name}'.", "unknown_parameter", name)
        handle(self, event)

    def _on_session_update(self, event: Event) -> None:
        if "session" not in event:
            raise validation.missing_field("session")
        self.configuration = configuration.updated(self.configuration, event["session"], voice_used=self._voice_used)
        self._user_turns.configure(self.configuration["audio"]["input"])
        self._outbox.send("session.updated", session=configuration.to_client(self.configuration))

    # ------------------------------------------------------------------ caller audio

    def _on_audio_append(self, event: Event) -> None:
        if "audio" not in event:
            raise validation.missing_field("audio")
        audio = items.decode_audio(event["audio"], "audio")
        detection = self.configuration["audio"]["input"]["turn_detection"]
        if detection is None and self._user_turns.buffer.size + len(audio) > MAX_BYTES:
            message = f"The input audio buffer is full: it holds {MAX_BYTES} bytes. Commit or clear it."
            raise InvalidRequest(message, "input_audio_buffer_full", "audio")
        self._add_audio(audio)

    def _add_pcm(self, pcm: bytes) -> None:
        """Add PCM audio of a media track. With push-to-talk, a full buffer drops its oldest audio without an error."""
        self._add_audio(self._user_turns.from_pcm(pcm))
        buffer = self._user_turns.buffer
        if buffer.size > MAX_BYTES:
            buffer.discard_before(buffer.end_ms - MAX_BYTES // buffer.bytes_per_ms)

    def _add_audio(self, audio: bytes) -> None:
        detection = self.configuration["audio"]["input"]["turn_detection"]
        for piece in self._user_turns.split_audio(audio):
            change = self._user_turns.add_audio(piece)
            if change is SpeechChange.STARTED:
                self._idle_from_ms = None
                if detection["interrupt_response"]:
                    self._interrupt()
            elif change is SpeechChange.STOPPED:
                self._commit_turn(detection["create_response"])
            else:
                self._check_idle(detection)

    def _interrupt(self) -> None:
        """Cancel the active response and stop its playout, because the caller speaks."""
        if self._active is not None:
            self._active.cancel("turn_detected")
            self._remove_finished()
            self._idle_from_ms = None
        if self._output_buffer is not None:
            self._output_buffer.interrupt()

    def _check_idle(self, detection: dict[str, Any] | None) -> None:
        timeout_ms = (detection or {}).get("idle_timeout_ms")
        if not timeout_ms or self._idle_from_ms is None or self._active or self._user_turns.speaking:
            return
        now_ms = self._user_turns.buffer.end_ms
        if now_ms - self._idle_from_ms < timeout_ms:
            return
        start_ms, self._idle_from_ms = self._idle_from_ms, None
        turn = self._user_turns.commit()
        self._outbox.send(
            "input_audio_buffer.timeout_triggered",
            audio_start_ms=start_ms,
            audio_end_ms=now_ms,
            item_id=turn.item_id,
        )
        self._add_turn_item(turn.item_id, turn.audio)
        self._respond_automatically()

    def _commit_turn(self, create_response: bool) -> None:
        turn = self._user_turns.commit()
        self._add_turn_item(turn.item_id, turn.audio)
        if create_response:
            self._respond_automatically()

    def _respond_automatically(self) -> None:
        """Start a response after a detected turn. A fault becomes an `error` event, and the audio input continues."""
        if self.configuration["type"] == "transcription":
            return
        try:
            self._create_response(None)
        except InvalidRequest as error:
            self._outbox.send_error(str(error), code=error.code, param=error.param)

    def _prepare_answer(self) -> None:
        """Order the preparation of the answer to the words before a pause, once for the same words."""
        paused = self._user_turns.paused_transcript
        if paused == self._prepared:
            return
        self._prepared = paused
        if paused is None or self._active is not None or self.configuration["output_modalities"] != ["audio"]:
            return
        utterance_id, text = paused
        item: Item = {
            "id": utterance_id,
            "object": "realtime.item",
            "type": "message",
            "status": "completed",
            "role": "user",
            "content": [{"type": "input_audio", "transcript": text}],
        }
        request = self._request(self.configuration, [*self.conversation, item])
        output = self.configuration["audio"]["output"]
        self._outbox.do(PrepareAnswer(utterance_id, request, tts_voice(output["voice"]), output["speed"]))

    def _add_turn_item(self, item_id: str, audio: bytes) -> None:
        item: Item = {
            "id": item_id,
            "object": "realtime.item",
            "type": "message",
            "status": "completed",
            "role": "user",
            "content": [{"type": "input_audio", "transcript": None}],
        }
        kept = ContentAudio(self._user_turns.buffer.bytes_per_ms)
        kept.append(audio)
        previous = self.conversation.insert(item)
        self.conversation.add_audio(item_id, 0, kept)
        asked = self.configuration["audio"]["input"]["transcription"]
        self._transcription.expect(item_id, kept.ms, shown=asked is not None)
        self._outbox.send("input_audio_buffer.committed", previous_item_id=previous, item_id=item_id)
        self._item_events.send_added_and_done(item, previous)

    def _on_audio_commit(self, _event: Event) -> None:
        buffered_ms = self._user_turns.buffer.ms
        if buffered_ms < MIN_COMMIT_MS:
            raise InvalidRequest(
                f"Error committing input audio buffer: buffer too small. Expected at least {MIN_COMMIT_MS}ms "
                f"of audio, but buffer only has {buffered_ms:.2f}ms of audio.",
                "input_audio_buffer_commit_empty",
            )
        self._idle_from_ms = None
        self._commit_turn(create_response=False)

    def _on_audio_clear(self, _event: Event) -> None:
        self._user_turns.clear()
        self._outbox.send("input_audio_buffer.cleared")

    def _on_item_truncate(self, event: Event) -> None:
        self._item_events.truncate(event)
        self._answer_ends_ms = 0  # the client has stopped its audio

    def _on_output_clear(self, _event: Event) -> None:
        if self._output_buffer is not None:
            self._output_buffer.clear()
            return
        raise InvalidRequest(
            "output_audio_buffer.clear needs WebRTC. Over a WebSocket the client has the audio: stop it there.",
            "invalid_value",
            "type",
        )

    # ------------------------------------------------------------------ responses

    def _on_response_create(self, event: Event) -> None:
        self._create_response(event.get("response"))

    def _on_response_cancel(self, event: Event) -> None:
        wanted = event.get("response_id")
        if wanted is not None:
            validation.text(wanted, "response_id")
        response = self._active if wanted is None else self._responses.get(wanted)
        if response is None:
            message = "Cancellation failed: no active response found"
            raise InvalidRequest(message, "response_cancel_not_active")
        response.cancel("client_cancelled")

    def _create_response(self, overrides: object) -> None:
        if self.configuration["type"] == "transcription":
            raise InvalidRequest(
                "A transcription session has no responses. Open a realtime session.", "invalid_value", "type"
            )
        response_configuration, overrides_given = configuration.for_response(self.configuration, overrides)
        out_of_band = overrides_given.get("conversation") == "none"
        if not out_of_band and self._active is not None:
            raise InvalidRequest(
                f"Conversation already has an active response in progress: {self._active.id}. "
                "Wait until the response is finished before creating a new one.",
                "conversation_already_has_active_response",
            )
        if len(self._responses) >= MAX_RESPONSES:
            raise InvalidRequest(
                f"At most {MAX_RESPONSES} responses can run at the same time. Wait for one to end.",
                "too_many_responses",
            )
        voice = response_configuration["audio"]["output"]["voice"]
        if not out_of_band and self._voice_used and voice != self.configuration["audio"]["output"]["voice"]:
            message = "Cannot update a conversation's voice if assistant audio is present."
            raise InvalidRequest(message, "cannot_update_voice")
        context = (
            None
            if overrides_given.get("input") is None
            else response_input(overrides_given["input"], self.conversation, self._new_id)
        )
        response = Response(
            self._new_id("resp"),
            configuration=response_configuration,
            conversation=None if out_of_band else self.conversation,
            conversation_id=None if out_of_band else self.conversation_id,
            metadata=overrides_given.get("metadata"),
            outbox=self._outbox,
            new_id=self._new_id,
            next_generation=self._next_generation,
            output_buffer=self._output_buffer,
            max_delta_ms=self._max_delta_ms,
        )
        self._responses[response.id] = response
        if not out_of_band:
            self._active = response
            self._idle_from_ms = None
        response.announce()
        self._awaiting_transcript[response.id] = (response, context)
        if self._transcription.pending:
            self._outbox.do(SetTimer(TranscriptTimer(response.id), self._now_ms + MAX_TRANSCRIPT_WAIT_MS))
        else:
            self._start_response(response.id)

    def _next_generation(self) -> int:
        self._generation += 1
        return self._generation

    def _start_response(self, response_id: str) -> None:
        response, context = self._awaiting_transcript.pop(response_id)
        if response.finished:
            return
        request = self._request(response.configuration, context)
        input_audio_ms = sum(
            audio.ms
            for item in request.items
            for audio in self.conversation.audio_parts(item["id"]).values()
            if item.get("role") == "user"
        )
        response.start(request, input_audio_ms)

    def _request(self, own: Configuration, context: list[Item] | None = None) -> BrainRequest:
        chosen = self._context_window.select(list(self.conversation), own["truncation"]) if context is None else context
        return brain_request(own, [self._transcription.with_transcript(item) for item in chosen])

    def _tokens_of(self, item: Item) -> int:
        ms = sum(audio.ms for audio in self.conversation.audio_parts(item["id"]).values())
        audio = usage.output_audio_tokens(ms) if item.get("role") == "assistant" else usage.input_audio_tokens(ms)
        return audio + usage.input_text_tokens("", (), [self._transcription.with_transcript(item)])


_EVENT_ID = validation.text_up_to(512)


def _fields(*names: str) -> frozenset[str]:
    return frozenset({"type", "event_id", *names})


_CLIENT_EVENTS: dict[str, tuple[Callable[[Session, Event], None], frozenset[str]]] = {
    "session.update": (Session._on_session_update, _fields("session")),
    "input_audio_buffer.append": (Session._on_audio_append, _fields("audio")),
    "input_audio_buffer.commit": (Session._on_audio_commit, _fields()),
    "input_audio_buffer.clear": (Session._on_audio_clear, _fields()),
    "output_audio_buffer.clear": (Session._on_output_clear, _fields()),
    "conversation.item.create": (
        lambda session, event: session._item_events.create(event),
        _fields("item", "previous_item_id"),
    ),
    "conversation.item.retrieve": (lambda session, event: session._item_events.retrieve(event), _fields("item_id")),
    "conversation.item.truncate": (Session._on_item_truncate, _fields("item_id", "content_index", "audio_end_ms")),
    "conversation.item.delete": (lambda session, event: session._item_events.delete(event), _fields("item_id")),
    "response.create": (Session._on_response_create, _fields("response")),
    "response.cancel": (Session._on_response_cancel, _fields("response_id")),
}
"""The handler of each event of a client, and the names of its fields."""
