"""The parts of a turn's latency, measured from the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from trunkline.calls import log, log_events
from trunkline.calls.machine.push_to_talk import WEBRTC_LAG_MS
from trunkline.calls.machine.redaction import HELD_BACK
from trunkline.calls.metrics.meters import Meters


class Tape:
    """A log that a test writes, with the meters that read it."""

    def __init__(self) -> None:
        self.meters = Meters()
        self.now_ms = 0
        self.measured: list[log_events.TurnLatency] = []
        self._log = log.Log(lambda: self.now_ms)

    def at(self, ms: int, *events: log_events.LogEventUnion) -> None:
        """Append events at a time."""
        self.now_ms = ms
        for event in events:
            for more in self.meters.read(self._log.append(event)):
                if isinstance(more, log_events.TurnLatency):
                    self.measured.append(more)

    @property
    def only(self) -> log_events.TurnLatency:
        assert len(self.measured) == 1
        return self.measured[0]

    @property
    def parts(self) -> Mapping[str, int]:
        """The parts of the only measured turn, which add up to its total."""
        parts = {part.name: part.ms for part in self.only.parts}
        assert sum(parts.values()) == self.only.total_ms
        return parts


def received(kind: str, **fields: Any) -> log_events.WireReceived:
    return log_events.WireReceived(event={"type": kind, **fields})


def sent(kind: str, **fields: Any) -> log_events.WireSent:
    return log_events.WireSent(event={"type": kind, **fields})


def created(response_id: str = "r1") -> log_events.WireReceived:
    return received("response.created", response={"id": response_id})


def done(response_id: str = "r1", status: str = "completed") -> log_events.WireReceived:
    return received("response.done", response={"id": response_id, "status": status, "output": []})


def said(text: str = "Hello.") -> log_events.WireReceived:
    return received("response.output_audio_transcript.delta", item_id="m1", delta=text)


def function_call(call_id: str, name: str = "weather") -> log_events.WireReceived:
    return received("response.output_item.done", item={"type": "function_call", "call_id": call_id, "name": name})


def output(call_id: str) -> log_events.WireSent:
    return sent("conversation.item.create", item={"type": "function_call_output", "call_id": call_id})


def session(turn_detection: Mapping[str, Any] | None) -> log_events.WireReceived:
    return received("session.updated", session={"audio": {"input": {"turn_detection": turn_detection}}})


def typed(*, hidden: bool = False) -> log_events.MessageAdded:
    return log_events.MessageAdded(item_id="u1", role="user", hidden=hidden)


SOUNDS = log_events.AudioStarted(item_id="m1")
REQUESTED = sent("response.create")


def spoken(tape: Tape, until_ms: int) -> None:
    """Let the caller speak until the service reports the end of speech."""
    tape.at(0, log_events.SpeechStarted(item_id="s1", audio_ms=0))
    tape.at(until_ms, log_events.SpeechStopped(item_id="s1", audio_ms=until_ms))


def test_latency_counts_from_the_end_of_speech_and_not_of_the_silence() -> None:
    tape = Tape()
    tape.at(0, session({"type": "server_vad", "silence_duration_ms": 700}))
    spoken(tape, 3000)
    tape.at(3010, created())
    tape.at(3200, said())
    tape.at(3230, SOUNDS)
    assert tape.parts == {"endpointing": 700, "request": 10, "model": 190, "audio": 30}
    assert (tape.only.after, tape.only.total_ms, tape.only.item_id) == ("speech", 930, "m1")


def test_a_session_without_a_silence_uses_the_services_default() -> None:
    tape = Tape()
    tape.at(0, session({"type": "server_vad"}))
    spoken(tape, 3000)
    tape.at(3100, SOUNDS)
    assert tape.parts["endpointing"] == 500


def test_semantic_turn_detection_has_no_known_silence() -> None:
    tape = Tape()
    tape.at(0, session({"type": "semantic_vad"}))
    spoken(tape, 3000)
    tape.at(3100, created(), said())
    tape.at(3120, SOUNDS)
    assert tape.parts == {"request": 100, "audio": 20}


def test_the_silence_is_never_longer_than_the_speech() -> None:
    tape = Tape()
    spoken(tape, 300)
    tape.at(400, SOUNDS)
    assert tape.parts["endpointing"] == 300


def test_a_typed_message_counts_from_its_sending() -> None:
    tape = Tape()
    tape.at(1000, typed(), REQUESTED)
    tape.at(1040, created())
    tape.at(1200, SOUNDS)
    assert tape.parts == {"model": 200}
    assert tape.only.after == "text"


def test_the_greeting_is_measured_as_a_greeting() -> None:
    tape = Tape()
    tape.at(0, typed(hidden=True), REQUESTED)
    tape.at(80, SOUNDS)
    assert (tape.only.after, tape.only.total_ms) == ("greeting", 80)


def test_the_time_before_the_request_is_a_part() -> None:
    tape = Tape()
    tape.at(0, typed())
    tape.at(250, REQUESTED)  # the call waited for the page's report of played audio
    tape.at(300, SOUNDS)
    assert tape.parts == {"request": 250, "model": 50}


def test_a_tool_and_the_answer_after_it_are_parts() -> None:
    tape = Tape()
    tape.at(0, typed(), REQUESTED)
    tape.at(50, created("r1"))
    tape.at(
        100,
        function_call("c1"),
        log_events.ToolStarted(call_id="c1", name="weather", arguments={}, agent="host"),
        done("r1"),
    )
    tape.at(600, log_events.ToolDone(call_id="c1", name="weather", duration_ms=500, result=1), output("c1"), REQUESTED)
    tape.at(610, created("r2"))
    tape.at(700, said())
    tape.at(720, SOUNDS)
    assert tape.parts == {"model": 200, "tools": 500, "audio": 20}
    assert tape.only.tool_ms == 500


def test_two_tools_at_once_count_once() -> None:
    tape = Tape()
    tape.at(0, typed(), REQUESTED, created())
    for call_id in ("c1", "c2"):
        tape.at(
            10,
            function_call(call_id),
            log_events.ToolStarted(call_id=call_id, name="clock", arguments={}, agent="host"),
        )
    tape.at(20, done())
    tape.at(110, log_events.ToolDone(call_id="c1", name="clock", duration_ms=100), output("c1"))
    tape.at(210, log_events.ToolDone(call_id="c2", name="clock", duration_ms=200), output("c2"), REQUESTED)
    tape.at(300, SOUNDS)
    assert tape.parts == {"model": 100, "tools": 200}
    assert tape.only.tool_ms == 200


def test_the_wait_for_approval_is_a_part() -> None:
    tape = Tape()
    tape.at(0, typed(), REQUESTED, created())
    tape.at(
        10, function_call("c1"), log_events.ToolStarted(call_id="c1", name="pay", arguments={}, agent="host"), done()
    )
    tape.at(15, log_events.ApprovalNeeded(call_id="c1", name="pay", arguments={}, agent="host"))
    tape.at(2015, log_events.ApprovalResolved(call_id="c1", approved=True))
    tape.at(2045, log_events.ToolDone(call_id="c1", name="pay", duration_ms=2035), output("c1"), REQUESTED)
    tape.at(2145, SOUNDS)
    assert tape.parts == {"model": 110, "tools": 35, "approval": 2000}


def test_a_handoff_lasts_until_its_output_is_sent() -> None:
    tape = Tape()
    tape.at(0, typed(), REQUESTED, created("r1"))
    tape.at(100, function_call("c1", "transfer_to_poet"), done("r1"))
    tape.at(140, log_events.AgentChanged(agent="poet", previous="host"), output("c1"), REQUESTED)
    tape.at(200, SOUNDS)
    assert tape.parts == {"model": 160, "handoff": 40}
    assert tape.only.tool_ms == 0


def test_the_time_without_a_link_is_a_part() -> None:
    tape = Tape()
    tape.at(0, typed(), REQUESTED, created("r1"))
    tape.at(100, log_events.LinkLost(reason="broke", retry_in_ms=250))
    tape.at(400, log_events.LinkRestored(attempts=1, lost_for_ms=300, replayed=2))
    tape.at(410, REQUESTED)
    tape.at(500, SOUNDS)
    assert tape.parts == {"model": 190, "link": 300, "request": 10}


def test_holding_an_answer_back_is_a_part() -> None:
    tape = Tape()
    tape.at(0, typed(), REQUESTED, created())
    tape.at(200, said(HELD_BACK))
    tape.at(260, log_events.GuardrailChecked(item_id="m1", guardrail="moderation", status="pending"))
    tape.at(300, done())
    tape.at(500, log_events.GuardrailChecked(item_id="m1", guardrail="moderation", status="pass"), SOUNDS)
    assert tape.parts == {"model": 200, "guardrails": 300}
    assert tape.only.guardrail_ms == 240


def test_a_stopped_answer_and_its_replacement_are_one_latency() -> None:
    tape = Tape()
    tape.at(0, typed(), REQUESTED, created("r1"))
    tape.at(100, said(HELD_BACK), log_events.GuardrailChecked(item_id="m0", guardrail="moderation", status="pending"))
    tape.at(
        180, log_events.GuardrailChecked(item_id="m0", guardrail="moderation", status="fail"), sent("response.cancel")
    )
    tape.at(190, done("r1", "cancelled"), REQUESTED)
    tape.at(250, created("r2"))
    tape.at(300, said(HELD_BACK))
    tape.at(350, SOUNDS)
    assert tape.parts == {"model": 210, "guardrails": 140}
    assert tape.only.guardrail_ms == 80


def test_a_caller_who_continues_speaking_is_answered_once() -> None:
    tape = Tape()
    spoken(tape, 1000)
    tape.at(1020, created())
    tape.at(1100, log_events.SpeechStarted(item_id="s2", audio_ms=1100))
    tape.at(1110, done("r1", "cancelled"))
    tape.at(3100, log_events.SpeechStopped(item_id="s2", audio_ms=3100))
    tape.at(3110, created("r2"))
    tape.at(3300, SOUNDS)
    assert tape.parts == {"endpointing": 500, "request": 10, "model": 190}


def test_a_response_that_is_being_cancelled_is_not_the_answer() -> None:
    tape = Tape()
    tape.at(0, created("r1"))
    tape.at(100, sent("response.cancel"), typed())
    tape.at(160, done("r1", "cancelled"), REQUESTED)
    tape.at(300, SOUNDS)
    assert tape.parts == {"request": 60, "model": 140}


def test_tools_of_an_earlier_turn_do_not_count() -> None:
    tape = Tape()
    tape.at(0, typed(), REQUESTED, created("r1"), function_call("c1"))
    tape.at(10, log_events.ToolStarted(call_id="c1", name="slow", arguments={}, agent="host"), done("r1"))
    tape.at(500, typed(), REQUESTED)
    tape.at(600, log_events.ToolDone(call_id="c1", name="slow", duration_ms=590))
    tape.at(700, SOUNDS)
    assert tape.parts == {"model": 200}
    assert tape.only.tool_ms == 0


def test_only_the_first_audio_of_an_answer_counts() -> None:
    tape = Tape()
    tape.at(0, typed(), REQUESTED)
    tape.at(100, SOUNDS)
    tape.at(5000, log_events.AudioStarted(item_id="m2"))
    assert tape.only.item_id == "m1"


def test_a_turn_of_a_caller_who_left_is_not_measured() -> None:
    tape = Tape()
    spoken(tape, 2000)
    tape.at(2010, log_events.LegLost(leg_id="l1", reason="closed", waiting_ms=30_000))
    tape.at(9000, SOUNDS)
    assert tape.measured == []


def test_speech_cut_off_by_a_lost_link_is_not_a_turn() -> None:
    tape = Tape()
    tape.at(0, log_events.SpeechStarted(item_id="s1", audio_ms=0))
    tape.at(900, log_events.LinkLost(reason="broke"), log_events.SpeechStopped(item_id="s1"))
    tape.at(1500, log_events.LinkRestored(attempts=1, lost_for_ms=600))
    tape.at(2000, SOUNDS)
    assert tape.measured == []


@pytest.mark.parametrize(("transport", "lag_ms"), [("websocket", 0), ("webrtc", WEBRTC_LAG_MS)])
def test_push_to_talk_counts_from_the_release(transport: log_events.Transport, lag_ms: int) -> None:
    tape = Tape()
    tape.at(0, log_events.LegJoined(leg_id="l1", transport=transport), session(None))
    tape.at(2000, sent("input_audio_buffer.commit"))
    tape.at(2050, REQUESTED)
    tape.at(2100, SOUNDS)
    assert tape.parts == {"request": 50, "model": 50, **({"endpointing": lag_ms} if lag_ms else {})}
    assert tape.only.after == "speech"


def test_malformed_events_are_ignored() -> None:
    tape = Tape()
    tape.at(0, typed(), REQUESTED, received("response.created", response=7), received("session.updated", session=[]))
    tape.at(100, received("response.output_item.done", item={"type": "function_call"}))
    tape.at(200, SOUNDS)
    assert tape.parts == {"model": 200}
