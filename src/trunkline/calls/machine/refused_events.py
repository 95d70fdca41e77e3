"""Refused events: a session update or an item that the service refuses is corrected once, or ends the call."""

from __future__ import annotations

from collections.abc import Callable

from trunkline.calls.machine.outbox import CONFIRMATION_WAIT_MS, Outbox
from trunkline.calls.machine.push_to_talk import PushToTalk
from trunkline.calls.machine.refused_parts import corrected_item, session_without
from trunkline.calls.machine.response_scheduler import ResponseScheduler
from trunkline.calls.machine.session_lifecycle import SessionLifecycle
from trunkline.calls.machine.timers import Timer
from trunkline.calls.machine.tool_calls import ToolCalls
from trunkline.calls.machine.transcript import Transcript
from trunkline.providers.error_policy import Recovery, classify
from trunkline.realtime.client_events import ClientItem, ImagePart, TextPart
from trunkline.realtime.events import Event

MAX_RENEWALS = 3
"""Renewals in a row because the service failed to take an event; then the call ends."""
_VOICE = "session.audio.output.voice"
_FIXES = {
    _VOICE: "Choose another voice for the scenario.",
    "session.audio.input.turn_detection": "Correct the scenario's turn_detection.",
    "session.audio.input.transcription": "Check the transcription model; `trunkline doctor` tries it.",
}
"""The fix for a refused part, by the beginning of its path."""


class RefusedEvents:
    """Sends a refused session update again without the refused part, and a refused item in another form.

    A refused handoff that cannot be corrected leaves the caller with the former agent. A refused setting returns to its
    former value. Any other event that cannot be corrected, or is refused again, ends the call.

    Args:
        interrupt: stops the response in progress.
        end_call: ends the call, for a reason.
    """

    def __init__(
        self,
        outbox: Outbox,
        scheduler: ResponseScheduler,
        transcript: Transcript,
        tools: ToolCalls,
        push_to_talk: PushToTalk,
        session: SessionLifecycle,
        interrupt: Callable[[], None],
        end_call: Callable[[str], None],
    ) -> None:
        self._outbox = outbox
        self._scheduler = scheduler
        self._transcript = transcript
        self._tools = tools
        self._push_to_talk = push_to_talk
        self._session = session
        self._interrupt = interrupt
        self._end_call = end_call
        self._resent: set[str] = set()
        """The `event_id`s of events that were sent again."""
        self._dropped_calls: set[str] = set()
        """The tool calls that the replay left out, since the service refused them."""
        self._renewals = 0

    def on_session_updated(self) -> None:
        """Confirm the oldest session update."""
        self._renewals = 0
        self._session.on_confirmed()
        event_id = self._outbox.unconfirmed.on_session_updated()
        if event_id is not None:
            self._tools.on_session_updated(event_id)
            self._push_to_talk.on_session_updated(event_id)

    def on_error(self, event: Event) -> bool:
        """Correct the event that an `error` event refuses, or give it up.

        Returns:
            True if the error refuses a session update or an item.
        """
        error = event.get("error") or {}
        refused = self._outbox.unconfirmed.take_refused(error)
        if refused is None:
            return False
        fault = classify(event)
        if fault is not None and fault.recovery in (Recovery.RETRY, Recovery.RENEW_SESSION):
            self._on_service_failed(error, fault.hint)
        elif refused["type"] == "session.update":
            self._on_session_refused(refused["event_id"], refused["session"], error)
        else:
            self._on_item_refused(refused["event_id"], refused["item"], error)
        return True

    def _on_service_failed(self, error: Event, hint: str | None) -> None:
        """Open a new session: the event was not wrong, and a new session gets all of it."""
        self._log(error, _message(error), hint)
        self._renewals += 1
        if self._renewals > MAX_RENEWALS:
            self._end_call(f"the model's service fails to take the session: {_message(error)}")
        else:
            self._session.renew("the service failed to take an event", make_before_break=False)

    # Sessions -------------------------------------------------------------------------------------------------------
    def _on_session_refused(self, event_id: str, session: Event, error: Event) -> None:
        param = _VOICE if error.get("code") == "cannot_update_voice" else str(error.get("param") or "")
        corrected = None if event_id in self._resent else session_without(session, param)
        if corrected is None:
            self._give_up_session(event_id, session, error)
            return
        rest, removed = corrected
        message = f"The service refused a part of the session, which continues without it. {_message(error)}"
        self._log(error, message, _fix(session, removed))
        self._push_to_talk.on_refused(event_id, removed)
        if not _is_empty(rest):
            again = self._outbox.new_id("event")
            self._resent.add(again)
            self._tools.on_session_resent(event_id, again)
            self._push_to_talk.on_session_resent(event_id, again)
            self._outbox.send({"type": "session.update", "event_id": again, "session": rest})
            self._outbox.set_timer(Timer.SESSION_CONFIRMATION, self._outbox.now_ms + CONFIRMATION_WAIT_MS)
        if "instructions" in session and not self._tools.awaits_update and self._scheduler.awaits_announcement:
            self._interrupt()  # the response would not follow the session
            self._scheduler.request_response()

    def _give_up_session(self, event_id: str, session: Event, error: Event) -> None:
        message = f"The service refused the session. {_message(error)}"
        if self._tools.refuse_handoff(event_id, _message(error)):
            self._log(error, f"The handoff failed. {message}", "Correct the next agent; the former one continues.")
        elif "instructions" not in session:
            self._log(error, message, "The former setting stays.")
            self._push_to_talk.on_refused(event_id)
        else:
            self._log(error, message, "Correct the scenario; no agent can speak without its session.")
            self._end_call(f"the model's service refused the session: {_message(error)}")

    # Items ----------------------------------------------------------------------------------------------------------
    def _on_item_refused(self, event_id: str, item: ClientItem, error: Event) -> None:
        if error.get("param") == "item.id" and error.get("code") != "string_above_max_length":
            self._log(error, _message(error))  # the conversation has the item already
            return
        if item["type"] == "mcp_approval_response":
            self._log(error, f"The service did not take the caller's decision on a tool. {_message(error)}")
            return
        if item["type"] != "message" and (item["type"] == "function_call" or item["call_id"] in self._dropped_calls):
            self._dropped_calls.add(item["call_id"])
            self._log(error, f"The new session continues without an earlier tool call. {_message(error)}")
            return
        corrected = None if event_id in self._resent else corrected_item(item, error)
        if corrected is None:
            message = f"The service refused a part of the conversation. {_message(error)}"
            self._log(error, message, "The call ends, since the model would answer without it.")
            self._end_call(f"the model's service refused a part of the conversation: {_message(error)}")
            return
        hint = None
        if corrected["type"] == "function_call_output":
            hint = "Let the tool return less, as text or JSON."
            self._transcript.correct_output(corrected["id"], corrected["output"])
        elif any(part["type"] == "input_image" for part in _content(item)):
            hint = "The caller's images are not passed on; this model may not take any."
            self._transcript.drop_images(item["id"])
        message = f"The service refused a part of the conversation, which was changed. {_message(error)}"
        self._log(error, message, hint)
        again = self._outbox.new_id("event")
        self._resent.add(again)
        self._outbox.send({"type": "conversation.item.create", "event_id": again, "item": corrected})
        if self._scheduler.answers_without(item["id"]):
            self._interrupt()
            self._scheduler.request_response([item["id"]])

    def _log(self, error: Event, message: str, hint: str | None = None) -> None:
        self._outbox.log_provider_error(message, error.get("code") or "refused", hint)


def _message(error: Event) -> str:
    return str(error.get("message") or "The service gave no reason.")


def _content(item: ClientItem) -> list[TextPart | ImagePart]:
    return item["content"] if item["type"] == "message" else []


def _is_empty(session: Event) -> bool:
    """Return whether a session update would change nothing."""
    audio = session.get("audio") or {}
    return set(session) <= {"type", "audio"} and not any(audio.values())


def _fix(session: Event, removed: str) -> str:
    """Return the fix for the part that was removed from a session."""
    if removed.startswith("session.tools["):
        tool = session["tools"][int(removed.removeprefix("session.tools[").rstrip("]"))]
        return f"Correct the tool {tool.get('name')!r}; the agent continues without it."
    return next((fix for path, fix in _FIXES.items() if removed.startswith(path)), f"Correct {removed}.")
