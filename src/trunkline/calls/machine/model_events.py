"""Dispatch of the model's events to the parts of the call."""

from __future__ import annotations

from collections.abc import Callable

from trunkline.calls import log_events
from trunkline.calls.machine.caller_activity import GREETING, CallerActivity
from trunkline.calls.machine.inputs import WireEventReceived
from trunkline.calls.machine.missed_items import MissedItems
from trunkline.calls.machine.parts import Parts
from trunkline.calls.machine.redaction import for_log, redact
from trunkline.calls.machine.response_scheduler import CallerSpeech, ResponseState
from trunkline.providers.error_policy import classify
from trunkline.realtime.event_fields import text_field
from trunkline.realtime.events import Event, Item, text_of

_UNLOGGED = {"response.output_audio.delta"}
_WORDS = frozenset({"response.output_audio_transcript.delta", "response.output_text.delta"})
_SPEAKING = ResponseState.SPEAKING  # a member of an enum is slow to read


class ModelEvents:
    """The handlers of the model's events, by type. Events of other types are only logged."""

    def __init__(self, parts: Parts, activity: CallerActivity, missed: MissedItems) -> None:
        self._parts = parts
        self._activity = activity
        self._missed = missed

    def on_event(self, received: WireEventReceived) -> bool:
        """Log an event of the model and pass it to its handler. A malformed event is reported and ignored.

        Returns:
            False if no request, renewal or wait depends on the event: it has no handler, or it is more words of an
            answer whose words are not held back.
        """
        parts, event = self._parts, received.event
        kind = event["type"]
        is_more = kind in _WORDS and parts.scheduler.state is _SPEAKING and not parts.output.holding
        of_response = kind.startswith("response.")
        if kind not in _UNLOGGED:
            parts.outbox.log(log_events.WireReceived(event=redact(event) if parts.plan.hold else for_log(event)))
        if of_response and parts.session.misses_response:
            parts.session.await_missed_response()  # the response continues
        handler = _HANDLERS.get(kind)
        if handler is not None:
            try:
                handler(self, event)
            except (LookupError, TypeError, AttributeError, ValueError, OverflowError) as error:
                # A service may send malformed events; the call ignores them and continues.
                parts.outbox.log_provider_error(f"Ignored a malformed {kind} event: {error!r}", "malformed_event")
        if of_response:
            parts.stall_watch.on_event()
        return handler is not None and not is_more

    def _on_item_added(self, event: Event) -> None:
        item = event["item"]
        if self._missed.on_item_added(text_field(item, "id"), event.get("previous_item_id")):
            return
        if self._parts.interruption.is_ignored(text_field(item, "id")):
            return  # a backchannel, which is deleted
        self._parts.scheduler.on_item_added(item["id"])
        self._parts.outbox.unconfirmed.on_item_added(item["id"])
        previous = event.get("previous_item_id")
        if self._parts.session.has_gaps and isinstance(previous, str) and not self._parts.transcript.has_item(previous):
            # The previous item was added while the sideband was down.
            self._parts.outbox.send({"type": "conversation.item.retrieve", "item_id": previous})
        if item.get("role") == "assistant":
            self._parts.output.on_message_added(item, self._parts.tools.speaker, previous)
        else:
            self._parts.outbox.log_all(self._parts.transcript.add_item(item, previous, self._parts.tools.speaker))

    def _on_session_updated(self, event: Event) -> None:
        self._parts.refused.on_session_updated()
        self._parts.push_to_talk.on_session(event)

    def _on_item_retrieved(self, event: Event) -> None:
        """Add an item that was missed while the sideband was down, or complete a message whose end was missed."""
        item = event["item"]
        item_id = text_field(item, "id")
        is_complete = item.get("status") != "in_progress"
        message = self._parts.transcript.message(item_id)
        if message is not None:
            if is_complete and not message.done:
                self._complete_missed(item)
        elif not self._parts.transcript.has_item(item_id):
            if item.get("type") == "message":
                self._add_missed(item, is_last=self._missed.is_last(item_id))
            elif item.get("type") == "function_call" and is_complete:
                self._parts.tools.on_function_call(item)
        self._missed.on_retrieved(item)

    def _add_missed(self, item: Item, *, is_last: bool) -> None:
        """Add a missed message.

        Args:
            is_last: True if it is the session's last item; else it belongs before the newest one.
        """
        item_id, text = text_field(item, "id"), text_of(item)
        previous = self._parts.transcript.recent_id(1 if is_last else 2)
        if item.get("role") == "assistant":
            self._parts.output.on_message_added(item, self._parts.tools.speaker, previous)
            if is_last:
                self._parts.playout.on_message_found(item_id)
            if item.get("status") == "in_progress":
                self._parts.output.on_delta(item_id, text)
            else:
                self._complete_missed(item)
        elif item.get("role") != "user":
            return
        elif text == GREETING and not self._activity.is_greeted:
            self._parts.outbox.log_all(self._parts.transcript.add_typed(item_id, text, hidden=True))
        else:
            self._parts.outbox.log_all(self._parts.transcript.add_item(item, previous, self._parts.tools.speaker))
            if text or not is_last:  # a transcript may follow
                self._on_caller_text(item_id, text)

    def _complete_missed(self, item: Item) -> None:
        if item.get("role") == "assistant":
            self._parts.output.on_message_done(item)
        elif text := text_of(item):
            self._on_caller_text(text_field(item, "id"), text)

    def _on_delta(self, event: Event) -> None:
        self._parts.output.on_delta(text_field(event, "item_id"), text_field(event, "delta"))

    def _on_spoken_words(self, event: Event) -> None:
        if self._parts.playout.over_webrtc:  # there the audio does not pass through the call
            self._parts.empty_answers.on_answer()
        self._on_words(event)

    def _on_words(self, event: Event) -> None:
        self._parts.scheduler.on_output()
        self._on_delta(event)

    def _on_transcription_delta(self, event: Event) -> None:
        item_id, text = text_field(event, "item_id"), text_field(event, "delta")
        self._parts.caller_turns.on_transcription_delta(item_id, text)
        self._parts.interruption.on_transcription_delta(item_id, text)

    def _on_transcribed(self, event: Event) -> None:
        item_id = text_field(event, "item_id")
        text = text_field(event, "transcript")
        if self._parts.session.has_gaps and not self._parts.transcript.has_item(item_id):
            content = [{"type": "input_audio", "transcript": text}]
            self._add_missed({"id": item_id, "role": "user", "content": content}, is_last=False)
        else:
            self._on_caller_text(item_id, text)

    def _on_caller_text(self, item_id: str, text: str) -> None:
        self._parts.outbox.log_all(self._parts.transcript.set_caller_text(item_id, text))
        self._parts.interruption.on_transcribed(item_id, text)
        logged_id = self._parts.transcript.logged_id(item_id)
        self._parts.input_guardrails.on_caller_text(logged_id, text, self._parts.tools.agent)
        self._parts.caller_turns.on_transcribed(item_id)

    def _on_transcription_failed(self, event: Event) -> None:
        item_id = text_field(event, "item_id")
        self._parts.outbox.log_all(self._parts.transcript.set_caller_text(item_id, None))
        self._parts.caller_turns.on_transcribed(item_id)
        details = event.get("error") or {}
        message = f"The caller's speech was not transcribed: {details.get('message') or 'no reason given'}"
        fault = classify(event)
        hint = fault.hint if fault else None
        self._parts.outbox.log_provider_error(message, details.get("code") or "transcription_failed", hint)

    def _on_speech_started(self, event: Event) -> None:
        self._parts.voice_end.on_speech_started()
        self._parts.caller_turns.on_speech_started(event)
        if self._parts.scheduler.caller_speech is not CallerSpeech.SPEAKING:
            return  # a turn that a new session hears again
        if self._parts.interruption.on_speech_started(text_field(event, "item_id")):
            self._activity.on_active()
        else:
            self._activity.on_turn(deliberate=False)

    def _on_speech_stopped(self, event: Event) -> None:
        if self._parts.interruption.on_speech_stopped():
            self._activity.on_turn_ended()
        self._parts.caller_turns.on_speech_stopped(event)

    def _on_committed(self, event: Event) -> None:
        item_id = text_field(event, "item_id")
        requested = self._parts.caller_turns.commit_pending
        is_turn = self._parts.interruption.on_committed(item_id)
        if is_turn and not requested:
            self._activity.on_turn_ended()
        self._parts.caller_turns.on_committed(item_id)
        if requested or not is_turn or self._parts.push_to_talk.service_answers:
            return
        self._parts.caller_turns.unblock_if_resent()
        self._parts.scheduler.request_response([item_id])

    def _on_response_created(self, event: Event) -> None:
        response_id = text_field(event["response"], "id")
        caller_speaks = (
            self._parts.scheduler.awaits_announcement
            and self._parts.scheduler.caller_speech is not CallerSpeech.SILENT
            and not self._parts.interruption.undecided
        )
        self._parts.scheduler.on_response_created(response_id)
        self._parts.caller_turns.on_response_created()
        if (cancel := self._parts.scheduler.repeat_cancel()) is not None:
            self._parts.outbox.send(cancel)
        self._parts.tools.on_response_begins()
        self._parts.empty_answers.on_response_begins()
        if caller_speaks or not self._activity.may_hear:
            # Nobody would hear the response, or it would interrupt the caller: it is requested again later.
            if not self._parts.scheduler.cancelling:
                self._parts.scheduler.request_response()
            self._parts.playout.interrupt()

    def _on_output_item_added(self, event: Event) -> None:
        self._parts.hosted_mcp.on_item_added(event["item"])
        if event["item"].get("type") == "message":
            if self._parts.playout.over_webrtc:
                self._parts.playout.on_message_added(text_field(event, "response_id"), text_field(event["item"], "id"))
            self._parts.output.on_message_added(event["item"], self._parts.tools.speaker)

    def _on_output_item_done(self, event: Event) -> None:
        item = event["item"]
        if item.get("type") == "function_call" and item.get("status") != "incomplete":
            self._parts.empty_answers.on_answer()
            self._parts.tools.on_function_call(item)
        elif item.get("type") == "message":
            self._parts.output.on_message_done(item)
        elif self._parts.hosted_mcp.on_item_done(item, self._parts.tools.speaker):
            self._parts.empty_answers.on_answer()

    def _on_response_done(self, event: Event) -> None:
        response = event["response"]
        response_id = text_field(response, "id")
        cancelled = self._parts.scheduler.cancelling
        self._parts.scheduler.on_response_done(response_id)
        self._parts.session.on_response_done()
        for item in response.get("output") or ():  # these may have been missed while a sideband was down
            if item.get("type") == "function_call" and item.get("status") == "completed":
                self._parts.tools.on_function_call(item)
            elif item.get("type") == "message":
                self._parts.output.on_message_added(item, self._parts.tools.speaker)
                self._parts.output.on_message_done(item)
        self._parts.playout.on_response_done(response_id, cancelled=response.get("status") == "cancelled")
        if response.get("status") in ("completed", "incomplete"):
            self._parts.caller_turns.on_response_completed()
        self._parts.output.on_response_done()
        self._parts.retry.on_response_done(response)
        if _ends_with_hosted_call(response) and not cancelled:
            # The service continues by itself; if it does not, the machine requests the answer.
            self._activity.expect_answer()
        if self._parts.empty_answers.on_response_done(response, cancelled=cancelled):
            self._parts.retry.on_no_answer()
        self._parts.tools.refresh()

    def _on_error(self, event: Event) -> None:
        details = event.get("error") or {}
        if self._missed.on_error(details.get("event_id")) or self._parts.refused.on_error(event):
            return
        code, event_id = details.get("code"), details.get("event_id")
        if code == "conversation_already_has_active_response" and self._parts.scheduler.on_request_refused(event_id):
            return  # the request is sent again after the active response
        if self._parts.caller_turns.on_commit_refused(event_id) or self._parts.playout.on_truncation_refused(details):
            return
        if self._parts.push_to_talk.is_own_commit(event_id):
            self._parts.scheduler.on_caller_turn_dropped()
            return
        if code == "response_cancel_not_active":
            return
        self._parts.retry.on_error(event)


def _ends_with_hosted_call(response: Event) -> bool:
    """Return whether a response ends with a call of a hosted MCP tool, to which the model has not answered yet."""
    items = list(response.get("output") or ())
    return bool(items) and items[-1].get("type") == "mcp_call"


_HANDLERS: dict[str, Callable[[ModelEvents, Event], None]] = {
    "conversation.item.added": ModelEvents._on_item_added,
    "conversation.item.created": ModelEvents._on_item_added,
    "conversation.item.retrieved": ModelEvents._on_item_retrieved,
    "session.created": lambda own, event: own._parts.push_to_talk.on_session(event),
    "session.updated": ModelEvents._on_session_updated,
    "conversation.item.input_audio_transcription.delta": ModelEvents._on_transcription_delta,
    "conversation.item.input_audio_transcription.completed": ModelEvents._on_transcribed,
    "conversation.item.input_audio_transcription.failed": ModelEvents._on_transcription_failed,
    "conversation.item.truncated": lambda own, event: own._parts.playout.on_truncated(event),
    "output_audio_buffer.started": lambda own, event: own._parts.playout.on_started(event),
    "output_audio_buffer.stopped": lambda own, event: own._parts.playout.on_stopped(event),
    "output_audio_buffer.cleared": lambda own, event: own._parts.playout.on_cleared(event),
    "input_audio_buffer.speech_started": ModelEvents._on_speech_started,
    "input_audio_buffer.speech_stopped": ModelEvents._on_speech_stopped,
    "input_audio_buffer.committed": ModelEvents._on_committed,
    "response.created": ModelEvents._on_response_created,
    "response.output_item.added": ModelEvents._on_output_item_added,
    "response.output_item.done": ModelEvents._on_output_item_done,
    "response.output_audio_transcript.delta": ModelEvents._on_spoken_words,
    "response.output_text.delta": ModelEvents._on_words,
    "response.output_audio.done": lambda own, event: own._parts.output.on_audio_done(text_field(event, "item_id")),
    "response.done": ModelEvents._on_response_done,
    "mcp_list_tools.failed": lambda own, event: own._parts.hosted_mcp.on_listing_failed(event),
    "error": ModelEvents._on_error,
}
HANDLED_TYPES = frozenset(_HANDLERS)
"""The types of the events that have a handler."""
