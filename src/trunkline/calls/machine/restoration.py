"""State of a call that another server takes over, rebuilt from its committed log.

Pure: a fold over the events. A message that was open when the former server died ends where the log ends, and a tool
that was running has an unknown outcome: it is not run again, unless the scenario declares it as idempotent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from trunkline.calls import log_events
from trunkline.calls.log_events import LogEventUnion, UnknownEvent
from trunkline.calls.machine.transcript import Message, ToolCall
from trunkline.realtime.events import NewId
from trunkline.realtime.json_values import to_json

REANCHOR = (
    "The connection to the caller was interrupted for a moment, and is back. Continue exactly where the conversation "
    "stopped, in the same language and role. Do not greet the caller again, and do not introduce yourself again. If "
    "your last words were cut off, say that sentence again."
)
"""The note to the model after a take-over. Without it, models tend to introduce themselves once more."""
OUTCOME_UNKNOWN = (
    "The outcome is unknown: the server stopped while the tool was running. It was not run again. Check the state "
    "before you repeat it, or tell the caller."
)


@dataclass
class Restoration:
    """State of a call at the end of its committed log.

    Attributes:
        agent: the current agent.
        settings: the settings that the caller has changed; None if there are none.
        entries: the conversation, by item id.
        running_tools: the tools without a result, by the id of the call.
        awaiting_approval: the ids of those that wait for the caller's approval, and so have not run.
        open_turns: the caller's spoken turns that are neither transcribed nor answered, by the item; True if the caller
            had stopped to speak. The page sends their audio again.
        wants_answer: True if an answer is due: to the caller's last turn, to a tool, or again after it was cut off.
        needs_note: True if the model must know that the connection was interrupted. After a hand-over between two turns
            it has missed nothing, as after the renewal of a session.
        speaking: the caller's speech in progress, by the id of its message.
        held_by: the caller's speech for which the page holds the agent's audio.
    """

    agent: str
    settings: log_events.CallSettings | None = None
    entries: dict[str, Message | ToolCall] = field(default_factory=dict)
    running_tools: dict[str, log_events.ToolStarted] = field(default_factory=dict)
    awaiting_approval: set[str] = field(default_factory=set)
    open_turns: dict[str, bool] = field(default_factory=dict)
    wants_answer: bool = False
    needs_note: bool = True
    speaking: str | None = None
    held_by: str | None = None

    def message(self, item_id: str) -> Message | None:
        """Return a message of the conversation, None if the log has none of this id."""
        found = self.entries.get(item_id)
        return found if isinstance(found, Message) else None

    def tool_call(self, tool_call_id: str) -> ToolCall | None:
        """Return a tool call of the conversation, None if the log has none of this id."""
        calls = (entry for entry in self.entries.values() if isinstance(entry, ToolCall))
        return next((call for call in calls if call.tool_call_id == tool_call_id), None)

    def open_ends(self) -> list[log_events.SpeechStopped | log_events.AudioResumed]:
        """Return the events that end the caller's speech and the hold of the audio, whose end nobody may report."""
        ends: list[log_events.SpeechStopped | log_events.AudioResumed] = []
        if self.speaking is not None:
            ends.append(log_events.SpeechStopped(item_id=self.speaking))
        if self.held_by is not None:
            ends.append(log_events.AudioResumed(item_id=self.held_by, reason="undecided"))
        return ends


def restore(  # noqa: C901 - one case for each event
    events: Iterable[LogEventUnion | UnknownEvent], first_agent: str, new_id: NewId
) -> Restoration:
    """Return the state of a call at the end of its events.

    Args:
        events: the committed log, in order.
        first_agent: the agent that answered the call.
        new_id: source of ids for the items of tool calls that the log does not have.
    """
    state = Restoration(first_agent)
    audible: str | None = None
    handed_over: log_events.CallHandedOver | None = None
    call_items: dict[str, str] = {}
    """Item ids of the model's tool calls, by the id of the call."""
    for event in events:
        handed_over = None
        _follow_turns(state, event)
        match event:
            case log_events.CallHandedOver():
                handed_over = event
            case log_events.AgentChanged():
                state.agent = event.agent
            case log_events.CallSettings():
                state.settings = event
            case log_events.MessageAdded():
                _insert(state, event)
            case log_events.MessageDelta():
                if (message := state.message(event.item_id)) is not None:
                    message.text += event.text
            case log_events.MessageDone():
                _finish(state, event)
            case log_events.MessageTruncated():
                if (message := state.message(event.item_id)) is not None and event.text is not None:
                    message.text = event.text
            case log_events.AudioStarted():
                audible = event.item_id
            case log_events.AudioDone() | log_events.AudioCleared():
                audible = None
            case log_events.SpeechStarted():
                state.speaking = event.item_id
            case log_events.SpeechStopped():
                state.speaking = None
            case log_events.AudioDucked():
                state.held_by = event.item_id
            case log_events.AudioResumed() | log_events.AudioInterrupted():
                state.held_by = None
            case log_events.WireReceived(
                event={"item": {"type": "function_call", "call_id": str(call_id), "id": str(item_id)}}
            ):
                call_items[call_id] = item_id
            case log_events.WireSent(
                event={"item": {"type": "function_call_output", "call_id": str(call_id), "id": str(item_id)}}
            ):
                if (known := state.tool_call(call_id)) is not None:
                    known.output_item_id = item_id
            case log_events.ToolStarted() if event.parent is None:
                state.running_tools[event.call_id] = event
                item_id = call_items.get(event.call_id) or new_id("item")
                state.entries[item_id] = ToolCall(item_id, event.call_id, event.name, arguments_of(event))
            case log_events.ApprovalNeeded():
                state.awaiting_approval.add(event.call_id)
            case log_events.ApprovalResolved():
                state.awaiting_approval.discard(event.call_id)
            case log_events.ToolDone():
                _set_output(state, event, new_id)
            case _:
                pass
    if handed_over is not None:  # the last event: the former server knew
        state.wants_answer = state.needs_note = handed_over.answer_due
    else:
        state.wants_answer = audible is not None or answer_is_due(state.entries)
    return state


def arguments_of(started: log_events.ToolStarted) -> str:
    """Return the arguments of a tool call as the model gave them: JSON text."""
    return started.arguments if isinstance(started.arguments, str) else to_json(started.arguments).decode()


def _insert(state: Restoration, added: log_events.MessageAdded) -> None:
    message = Message(added.item_id, added.role, added.agent, added.spoken, added.hidden, images=added.images)
    after = added.previous_item_id
    if after not in state.entries:
        state.entries[added.item_id] = message
        return
    ids = list(state.entries)
    later = {item_id: state.entries.pop(item_id) for item_id in ids[ids.index(after) + 1 :]}
    state.entries[added.item_id] = message
    state.entries.update(later)


def _finish(state: Restoration, done: log_events.MessageDone) -> None:
    if (message := state.message(done.item_id)) is not None:
        message.text, message.done = done.text, True
        message.ignored = done.status == "ignored"


def _follow_turns(state: Restoration, event: LogEventUnion | UnknownEvent) -> None:
    """Open and close the caller's turns."""
    match event:
        case log_events.SpeechStarted():
            state.open_turns[event.item_id] = False
        case log_events.SpeechStopped() if event.item_id in state.open_turns:
            state.open_turns[event.item_id] = True
        case log_events.AudioResumed():  # a backchannel
            state.open_turns.pop(event.item_id, None)
        case log_events.MessageDone(role="user"):
            state.open_turns.pop(event.item_id, None)
        case log_events.LegLost() | log_events.MessageDone(role="assistant", status="completed"):
            # An answer answers the turns before it, and a lost leg ends them, unless the caller still speaks.
            state.open_turns = {item_id: False for item_id, ended in state.open_turns.items() if not ended}
        case _:
            pass


def _set_output(state: Restoration, done: log_events.ToolDone, new_id: NewId) -> None:
    if state.running_tools.pop(done.call_id, None) is None:
        return
    state.awaiting_approval.discard(done.call_id)
    output = msgspec.json.encode({"error": done.error}) if done.error is not None else to_json(done.result)
    if (call := state.tool_call(done.call_id)) is not None:
        call.output, call.output_item_id = output.decode(), new_id("item")


def answer_is_due(entries: dict[str, Message | ToolCall]) -> bool:
    """Return whether a conversation ends with an unanswered turn, a tool, or an answer that was cut off."""
    for entry in reversed(entries.values()):
        if isinstance(entry, ToolCall):
            return True
        if entry.ignored or entry.role == "system":
            continue
        return entry.role == "user" or not entry.done
    return False
