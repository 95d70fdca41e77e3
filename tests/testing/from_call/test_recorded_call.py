"""Reading a log: each action of the caller, with the agents' answer to it."""

from __future__ import annotations

import pytest

from tests.testing.from_call.recorded_logs import STARTED, log_of, said, spoken
from trunkline.calls import log_events as ev
from trunkline.calls.log import Entry
from trunkline.testing.from_call.read_call import read_call
from trunkline.testing.from_call.recorded_call import (
    Answer,
    Approval,
    Cut,
    RecordedEnd,
    RecordedTurn,
    Span,
    Trip,
    UnusableLogError,
)

pytestmark = pytest.mark.pure
Events = list[tuple[int, ev.LogEventUnion]]
GREETING = said("greeting", "Welcome.", 100)
ANSWER = said("answer", "Two pears, gladly.", 4_000)


def turns_of(*events: tuple[int, ev.LogEventUnion]) -> tuple[RecordedTurn, ...]:
    return read_call(log_of(*events)).turns


def actions_of(*events: tuple[int, ev.LogEventUnion]) -> list[tuple[str, str]]:
    return [(turn.action.kind, turn.action.words) for turn in turns_of(*events) if turn.action is not None]


def test_the_opening_is_a_turn_without_an_action() -> None:
    (opening,) = turns_of(*GREETING)
    assert opening.action is None
    assert opening.answers == (Answer("clerk", "Welcome."),)


def test_a_typed_message_is_a_turn() -> None:
    _, turn = turns_of(*GREETING, *said("q", "two pears", 3_000, role="user"), *ANSWER)
    assert turn.action is not None
    assert (turn.action.kind, turn.action.words, turn.action.speech) == ("types", "two pears", None)
    assert turn.answers == (Answer("clerk", "Two pears, gladly."),)


def test_the_hidden_greeting_of_the_caller_is_not_a_turn() -> None:
    assert actions_of(*said("hi", "hi", 0, role="user", hidden=True), *GREETING) == []


def test_speech_has_its_place_in_the_recording() -> None:
    _, turn = turns_of(*GREETING, *spoken("q", "Two pears.", 2_000, 3_200), *ANSWER)
    assert turn.action is not None
    assert (turn.action.kind, turn.action.speech) == ("says", Span(2_000, 3_200))


def test_an_answer_belongs_to_speech_that_was_transcribed_after_it() -> None:
    late: Events = [
        (2_000, ev.SpeechStarted(item_id="q")),
        (3_000, ev.SpeechStopped(item_id="q")),
        *ANSWER,
        *said("q", "Two pears.", 4_500, role="user", spoken=True),
    ]
    _, turn = turns_of(*GREETING, *late)
    assert turn.action is not None
    assert turn.action.words == "Two pears."
    assert turn.answers == (Answer("clerk", "Two pears, gladly."),)


def test_words_without_an_answer_are_joined_with_the_next_ones() -> None:
    _, turn = turns_of(
        *GREETING, *spoken("q1", "I want", 2_000, 2_500), *spoken("q2", "two pears", 3_000, 3_500), *ANSWER
    )
    assert turn.action is not None
    assert (turn.action.words, turn.action.parts, turn.action.speech) == ("I want two pears", 2, Span(2_000, 3_500))


def test_an_interruption_has_the_heard_part() -> None:
    events: Events = [
        *said("greeting", "Welcome to the shop. What now?", 0),
        (0, ev.AudioDone(item_id="greeting", ms=900)),
        (600, ev.AudioCleared(item_id="greeting")),
        *said("q", "two pears", 600, role="user"),
        (600, ev.MessageTruncated(item_id="greeting", heard_ms=600, text="Welcome to the")),
        *ANSWER,
    ]
    _, turn = turns_of(*events)
    assert turn.action is not None
    assert turn.action.cut == Cut(heard_ms=600, typed_ms=1200)  # 30 characters at 60 ms are twice the recorded pace


def test_a_message_that_was_heard_to_its_end_was_not_interrupted() -> None:
    events = [*GREETING, (900, ev.MessageTruncated(item_id="greeting", heard_ms=900, text="Welcome."))]
    _, turn = turns_of(*events, *said("q", "two pears", 1_000, role="user"), *ANSWER)
    assert turn.action is not None
    assert turn.action.cut is None


def test_a_backchannel_is_not_a_turn_of_words() -> None:
    assert actions_of(*GREETING, *spoken("m", "mm-hm", 500, 700, status="ignored")) == [("backchannel", "mm-hm")]


def test_a_sound_that_never_became_a_message_is_a_backchannel_with_its_words() -> None:
    events: Events = [
        (500, ev.SpeechStarted(item_id="m")),
        (700, ev.SpeechStopped(item_id="m")),
        (750, ev.AudioResumed(item_id="m", reason="backchannel", words="yeah")),
    ]
    assert actions_of(*GREETING, *events) == [("backchannel", "yeah")]


@pytest.mark.parametrize("status", ["inaudible", "failed"])
def test_speech_without_known_words_is_inaudible(status: str) -> None:
    assert actions_of(*GREETING, *spoken("q", "", 500, 700, status=status)) == [("inaudible", "")]


def test_keys_are_keys() -> None:
    assert actions_of(*GREETING, *said("q", "12#", 500, role="user")) == [("keys", "12#")]


def test_an_image_keeps_its_words() -> None:
    image = ("data:image/png;base64,iVBORw0KGgo=",)
    _, turn = turns_of(*GREETING, *said("q", "look", 500, role="user", images=image))
    assert turn.action is not None
    assert (turn.action.kind, turn.action.words, turn.action.images) == ("image", "look", image)


def test_push_to_talk_begins_with_the_press() -> None:
    events: Events = [
        (500, ev.CallSettings(push_to_talk=True)),
        (800, ev.TurnWaiting(reason="endpointing")),
        (1_900, ev.TurnWaiting(reason="model")),
        *said("q", "two pears", 2_000, role="user", spoken=True),
    ]
    _, turn = turns_of(*GREETING, *events, *ANSWER)
    assert turn.action is not None
    assert (turn.action.kind, turn.action.speech) == ("push_to_talk", Span(800, 2_000))


def test_the_button_that_stops_the_agent_is_an_action() -> None:
    events: Events = [
        *said("greeting", "Welcome to the shop.", 0),
        (0, ev.AudioDone(item_id="greeting", ms=1_200)),
        (0, ev.TurnWaiting(reason="caller")),
        (600, ev.AudioCleared(item_id="greeting")),
        (600, ev.TurnWaiting(reason="request")),
        (600, ev.MessageTruncated(item_id="greeting", heard_ms=600, text="Welcome")),
        (600, ev.TurnWaiting(reason="caller")),
        *said("q", "two pears", 3_000, role="user"),
    ]
    _, stopped, turn = turns_of(*events)
    assert stopped.action is not None
    assert turn.action is not None
    assert (stopped.action.kind, stopped.action.cut) == ("stops_agent", Cut(600, 600))
    assert turn.action.cut is None


LOST: dict[str, Events] = {
    "page": [
        (300, ev.LegLost(leg_id="leg_1", reason="the page's connection closed", waiting_ms=30_000)),
        (300, ev.AudioCleared(item_id="greeting")),
        (300, ev.TurnWaiting(reason="caller")),
        (400, ev.MessageTruncated(item_id="greeting", heard_ms=200, text="Wel")),
        (9_000, ev.LegJoined(leg_id="leg_1", transport="websocket")),
        (9_000, ev.TurnWaiting(reason="model")),
    ],
    "model": [
        (300, ev.LinkLost(reason="the connection closed", retry_in_ms=0)),
        (300, ev.MessageTruncated(item_id="greeting", heard_ms=200, text="Wel")),
        (2_000, ev.TurnWaiting(reason="model")),
    ],
}


@pytest.mark.parametrize("lost", LOST)
def test_an_answer_that_a_lost_connection_cut_off_counts_once(lost: str) -> None:
    opening, turn = turns_of(
        *GREETING,
        *LOST[lost],
        *said("again", "Welcome.", 10_000),
        *said("q", "two pears", 13_000, role="user"),
        *said("answer", "Two pears, gladly.", 14_000),
    )
    assert opening.answers == (Answer("clerk", "Welcome."),)
    assert turn.action is not None
    assert (turn.action.kind, turn.action.cut) == ("types", None)


def test_an_answer_that_was_not_given_again_counts() -> None:
    opening, _ = turns_of(*GREETING, *LOST["page"], *said("q", "two pears", 13_000, role="user"))
    assert opening.answers == (Answer("clerk", "Welcome."),)


def test_a_guardrail_that_stops_the_agent_is_not_the_caller() -> None:
    events: Events = [
        *said("greeting", "You fool.", 0),
        (300, ev.GuardrailChecked(item_id="greeting", guardrail="moderation", status="fail", category="OFFENSIVE")),
        (300, ev.AudioCleared(item_id="greeting")),
        (300, ev.MessageTruncated(item_id="greeting", heard_ms=300, text="You")),
        (300, ev.TurnWaiting(reason="model")),
        *said("again", "Welcome.", 500),
        (500, ev.TurnWaiting(reason="caller")),
    ]
    (opening,) = turns_of(*events)
    assert opening.trips == (Trip("moderation", "fail", "OFFENSIVE"),)


def test_a_silence_that_the_agent_broke_is_a_turn() -> None:
    events: Events = [(200, ev.TurnWaiting(reason="caller")), (9_000, ev.TurnWaiting(reason="audio"))]
    _, turn = turns_of(*GREETING, *events, *said("again", "Are you there?", 9_000))
    assert turn.action is not None
    assert (turn.action.kind, turn.action.silent_ms) == ("silence", 8_800)
    assert turn.answers == (Answer("clerk", "Are you there?"),)


def test_a_turn_has_its_tools_handoffs_and_latency() -> None:
    events: Events = [
        *said("q", "two pears", 3_000, role="user"),
        (3_000, ev.ToolStarted(call_id="t", name="add", arguments={"count": 2}, agent="clerk")),
        (3_100, ev.ToolStarted(call_id="inner", name="look_up", arguments={}, agent="clerk", parent="t")),
        (3_200, ev.ToolDone(call_id="inner", name="look_up", duration_ms=100)),
        (3_400, ev.ToolDone(call_id="t", name="add", duration_ms=400, result="done")),
        (3_500, ev.AgentChanged(agent="cashier", previous="clerk")),
        *ANSWER,
        (4_000, ev.TurnLatency(item_id="answer", total_ms=1_000, parts=[], after="text")),
    ]
    call = read_call(log_of(*GREETING, *events))
    turn = call.turns[1]
    assert [(tool.name, tool.arguments, tool.result, tool.duration_ms) for tool in turn.tools] == [
        ("add", {"count": 2}, "done", 400)
    ]
    assert (turn.handoffs, turn.latency_ms, call.path) == (("cashier",), 1_000, ("clerk", "cashier"))


def test_approvals_are_those_of_the_caller() -> None:
    events: Events = [
        *said("q", "delete it", 3_000, role="user"),
        (3_000, ev.ToolStarted(call_id="t", name="delete", arguments={}, agent="clerk")),
        (3_000, ev.ApprovalNeeded(call_id="t", name="delete", arguments={}, agent="clerk")),
        (3_500, ev.ApprovalResolved(call_id="t", approved=False)),
        (3_500, ev.ToolDone(call_id="t", name="delete", duration_ms=500, error="the caller did not allow it")),
    ]
    call = read_call(log_of(*GREETING, *events))
    assert call.turns[1].approvals == (Approval("delete", approved=False),)
    assert not call.tools[0].was_answered


@pytest.mark.parametrize(
    ("events", "end"),
    [
        ([(9, ev.CallEnded(reason="caller hung up"))], RecordedEnd("caller", "caller hung up")),
        ([(9, ev.CallEnded(reason="the server is stopping"))], RecordedEnd("server", "the server is stopping")),
        (
            [
                *said("note", "The call ends now. Say goodbye in one short sentence.", 5, role="system", hidden=True),
                (9, ev.CallEnded(reason="solved")),
            ],
            RecordedEnd("agent", "solved"),
        ),
        (
            [
                *said("note", "The call's time is up. Say goodbye.", 5, role="system", hidden=True),
                (9, ev.CallEnded(reason="the call was too long")),
            ],
            RecordedEnd("limit", "the call was too long"),
        ),
        ([], RecordedEnd("unknown", None)),
    ],
    ids=["caller", "server", "agent", "limit", "unknown"],
)
def test_the_end_is_classified(events: list[tuple[int, ev.LogEventUnion]], end: RecordedEnd) -> None:
    assert read_call(log_of(*GREETING, *events)).end == end


def test_the_tool_that_ended_the_call_is_known() -> None:
    events: Events = [
        *said("q", "bye", 3_000, role="user"),
        (3_000, ev.ToolStarted(call_id="t", name="end_call", arguments={}, agent="clerk")),
        *said("note", "The call ends now. Say goodbye.", 3_000, role="system", hidden=True),
        (3_000, ev.ToolDone(call_id="t", name="end_call", duration_ms=0)),
        (9_000, ev.CallEnded(reason="solved")),
    ]
    assert [tool.hangs_up for tool in read_call(log_of(*GREETING, *events)).tools] == ["solved"]


def test_a_log_without_its_start_is_refused_with_the_reason() -> None:
    with pytest.raises(UnusableLogError, match=r"no call\.started event"):
        read_call(log_of(*GREETING)[1:])


def test_a_log_without_words_is_refused_with_the_setting() -> None:
    with pytest.raises(UnusableLogError, match="TRUNKLINE_STORE=full"):
        read_call(log_of(*said("a", "", 0), *said("q", "", 5, role="user")))


def test_events_without_their_beginning_do_not_matter() -> None:
    entries = log_of(
        (0, ev.MessageDelta(item_id="lost", text="x")),
        (0, ev.MessageDone(item_id="lost", role="assistant", text="x")),
        (0, ev.MessageTruncated(item_id="lost", heard_ms=1)),
        (0, ev.ToolDone(call_id="lost", name="add", duration_ms=1)),
        *GREETING,
    )
    assert read_call(entries).turns[0].answers == (Answer("clerk", "Welcome."),)


def test_events_of_another_version_do_not_matter() -> None:
    entries = log_of(*GREETING)
    unknown = Entry(len(entries) + 1, 200, ev.UnknownEvent(original_kind="mood.changed", fields={"mood": "fine"}))
    later = Entry(len(entries) + 2, 300, ev.CallEnded(reason="caller hung up"))
    call = read_call([*entries, unknown, later])
    assert call.turns[0].answers == (Answer("clerk", "Welcome."),)
    assert call.end == RecordedEnd("caller", "caller hung up")


def test_the_callers_view_of_a_log_has_no_payloads() -> None:
    tool: Events = [
        (1, ev.ToolStarted(call_id="t", name="add", arguments=None, agent="clerk")),
        (1, ev.ToolDone(call_id="t", name="add", duration_ms=1)),
    ]
    assert not read_call(log_of(*GREETING, *tool)).has_payloads


def test_a_rehearsal_is_known_by_the_model_of_the_local_engine() -> None:
    rehearsed = ev.CallStarted(**{**_fields(), "provider": "local", "model": "shop"})  # type: ignore[arg-type]  # any field
    assert read_call(log_of(*GREETING, started=rehearsed)).on_rehearsal
    assert not read_call(log_of(*GREETING)).on_rehearsal


def _fields() -> dict[str, object]:
    return {name: getattr(STARTED, name) for name in STARTED.__struct_fields__}
