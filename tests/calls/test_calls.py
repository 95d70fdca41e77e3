"""Calls as a whole, on a model in memory and in virtual time."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from agents import RunContextWrapper, function_tool

from tests.calls.call_harness import Caller, calling, frames_of, scenario, told
from tests.calls.model_fake import MS, Calls, FakeModel
from trunkline import CallContext
from trunkline.calls import log, log_events
from trunkline.calls.agents.runner import StateError
from trunkline.calls.call import CallTimeLimits
from trunkline.calls.model_link.caller_audio_buffer import MAX_HELD_BYTES
from trunkline.calls.model_link.link import GIVE_UP_AFTER_S
from trunkline.calls.pages import MAX_QUEUED_BYTES, CloseCode, CloseFrame
from trunkline.calls.registry import CallRegistry, TooManyCallsError
from trunkline.providers import ProviderError
from trunkline.testing.virtual_time import in_virtual_time


@in_virtual_time
async def test_a_caller_is_greeted_and_answered() -> None:
    async with calling() as caller:
        await caller.greeted()
        caller.types("good morning")
        assert await caller.heard(2) == "You said: good morning."
    assert caller.answers()[0] == "You said: hi."


@in_virtual_time
async def test_the_session_holds_the_agent_its_tools_and_its_handoffs() -> None:
    async with calling(played=scenario(voice="sage")) as caller:
        await caller.greeted()
    session = caller.model.now.received[0]["session"]
    assert session["instructions"] == "Be a host."
    assert [tool["name"] for tool in session["tools"]] == ["transfer_to_poet"]
    assert session["audio"]["output"]["voice"] == "sage"
    assert session["audio"]["input"]["turn_detection"]["create_response"] is True


@in_virtual_time
async def test_a_handoff_changes_instructions_and_nothing_that_was_set_at_run_time() -> None:
    model = FakeModel(lambda items: [Calls("transfer_to_poet")] if len(items) == 1 else ["I am the poet."])
    async with calling(model) as caller:
        caller.joins()
        assert await caller.heard(1) == "I am the poet."
    update = model.now.received[model.now.types().index("session.update", 1)]["session"]
    assert set(update) == {"type", "instructions", "tools", "tool_choice"}
    assert [changed.agent for changed in caller.logged(log_events.AgentChanged)] == ["host", "poet"]


@in_virtual_time
async def test_instructions_may_be_a_coroutine_of_the_calls_state() -> None:
    async def instructions(context: Any, _agent: Any) -> str:
        await asyncio.sleep(1)
        return f"Write about {context.context.state['topic']}."

    model = FakeModel(lambda items: [Calls("transfer_to_poet")] if len(items) == 1 else ["Done."])
    played = scenario(instructions=instructions, state=lambda: {"topic": "the sea"})
    async with calling(model, played) as caller:
        caller.joins()
        await caller.heard(1)
    assert model.now.received[-3]["session"]["instructions"] == "Write about the sea."


@pytest.mark.parametrize("failure", ["raises", "hangs"])
def test_instructions_that_fail_leave_the_old_agent_speaking(failure: str) -> None:
    async def instructions(_context: Any, _agent: Any) -> str:
        if failure == "hangs":
            await asyncio.Event().wait()
        raise ValueError("no topic")

    @in_virtual_time
    async def run() -> None:
        model = FakeModel(lambda items: [Calls("transfer_to_poet")] if len(items) == 1 else ["I stay."])
        async with calling(model, scenario(instructions=instructions)) as caller:
            caller.joins()
            assert await caller.heard(1) == "I stay."
            assert caller.logged(log_events.CallError)[0].code == "agent_failed"
            assert [changed.agent for changed in caller.logged(log_events.AgentChanged)] == ["host"]

    run()


@in_virtual_time
async def test_extras_that_fail_end_the_call_with_a_reason() -> None:
    def extras(_agent: str) -> dict[str, Any]:
        raise KeyError("no such deployment")

    async with calling(FakeModel(extras=extras)) as caller:
        await caller.until(lambda: caller.call.is_over)
    assert caller.logged(log_events.CallEnded)[0].reason == "the agent host could not be set up"
    assert "no such deployment" in caller.logged(log_events.CallError)[0].message


@in_virtual_time
async def test_a_state_that_cannot_be_made_is_told_before_there_is_a_call() -> None:
    def state() -> int:
        return 1 // 0

    async with CallRegistry(time_limits=CallTimeLimits()) as registry:
        with pytest.raises(StateError, match="bench"):
            registry.start(scenario(state=state), FakeModel(), agent=None, transport="websocket")
        assert registry.running == 0


@in_virtual_time
async def test_each_call_has_a_state_of_its_own() -> None:
    states: list[list[int]] = []

    def state() -> list[int]:
        states.append([])
        return states[-1]

    played = scenario(state=state)
    async with calling(played=played), calling(played=played):
        assert len(states) == 2


@in_virtual_time
async def test_one_call_that_fails_inside_leaves_the_others_alone() -> None:
    class Broken(FakeModel):
        async def connect(self, model: str, call_id: str | None = None) -> Any:
            raise RuntimeError("a mistake of ours")

    async with calling() as well, calling(Broken()) as ill:
        await well.greeted()
        assert ill.call.is_over
        assert ill.logged(log_events.CallEnded)[0].reason == "internal error"
        well.types("still there?")
        await well.heard(2)


# The log ------------------------------------------------------------------------------------------------------------
@in_virtual_time
async def test_the_log_is_numbered_from_one_without_gaps_and_in_order_of_time() -> None:
    async with calling() as caller:
        await caller.greeted()
    entries = caller.call.log.since(0)
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    assert [entry.at_ms for entry in entries] == sorted(entry.at_ms for entry in entries)
    assert isinstance(entries[-1].event, log_events.CallEnded)


@in_virtual_time
async def test_a_page_gets_what_it_has_not_seen_and_then_what_is_new() -> None:
    async with calling() as caller:
        await caller.greeted()
        last = caller.call.log.last_seq
        page = caller.joins(after=last - 2)
        caller.types("more")
        seqs = [frame["seq"] for frame in told(page)]
    assert seqs[:3] == [0, last - 1, last]
    assert seqs[3:] == list(range(last + 1, last + 1 + len(seqs) - 3))


def test_a_log_keeps_a_bounded_tail() -> None:
    kept = log.Log(lambda: 0.0, max_kept=10)
    for number in range(25):
        kept.append(log_events.MessageDelta(item_id="m", text=str(number)))
    assert [entry.seq for entry in kept.since(0)] == list(range(16, 26))
    assert [entry.seq for entry in kept.since(20)] == list(range(21, 26))
    assert kept.since(25) == []
    assert kept.since(10**9) == []


@in_virtual_time
async def test_sound_is_counted_once_a_second_and_at_the_end() -> None:
    async with calling(FakeModel(audio_ms=1000, pace_s=0.1)) as caller:
        caller.joins()
        for _ in range(50):
            caller.call.receive_audio(caller.page, bytes(20 * MS))
        await caller.heard(1)
        await asyncio.sleep(0.7)
    counts = caller.logged(log_events.AudioStats)
    assert sum(count.received_ms for count in counts) == 1000
    assert sum(count.received_frames for count in counts) == 10
    assert sum(count.sent_ms for count in counts) == 1000
    assert sum(count.sent_frames for count in counts) == 50
    times = [entry.at_ms for entry in caller.call.log.since(0) if isinstance(entry.event, log_events.AudioStats)]
    assert all(later - earlier >= 1000 for earlier, later in itertools.pairwise(times[:-1]))


# Legs and pages -----------------------------------------------------------------------------------------------------
@in_virtual_time
async def test_sound_goes_both_ways() -> None:
    async with calling(FakeModel(audio_ms=300)) as caller:
        await caller.greeted()
        assert sum(len(frame) for frame in frames_of(caller.page) if isinstance(frame, bytes)) == 300 * MS
        caller.call.receive_audio(caller.page, b"\1\2" * 480)
        await asyncio.sleep(0.1)
    assert caller.model.now.audio == b"\1\2" * 480


@in_virtual_time
async def test_sound_before_there_is_a_session_follows_it() -> None:
    async with calling(FakeModel(connect_takes_s=3)) as caller:
        caller.joins()
        caller.call.receive_audio(caller.page, b"\1\2" * 480)
        caller.call.receive_audio(caller.page, b"\3\4" * 480)
        await caller.heard(1)
    assert caller.model.now.audio == b"\1\2" * 480 + b"\3\4" * 480
    assert caller.model.now.types(without_audio=False)[0] == "session.update"


@in_virtual_time
async def test_of_sound_that_waits_for_a_session_the_newest_twenty_seconds_are_kept() -> None:
    async with calling(FakeModel(connect_takes_s=25)) as caller:
        caller.joins()
        for second in range(25):
            caller.call.receive_audio(caller.page, bytes([second, 0]) * 24_000)
        await caller.heard(1)
    assert len(caller.model.now.audio) == MAX_HELD_BYTES
    assert caller.model.now.audio[0] == 5


@in_virtual_time
async def test_sound_that_waits_goes_with_the_caller() -> None:
    async with calling(FakeModel(connect_takes_s=3)) as caller:
        caller.joins()
        caller.call.receive_audio(caller.page, b"\1\2" * 480)
        caller.leaves()
        caller.joins()
        await caller.heard(1)
    assert caller.model.now.audio == b""


@pytest.mark.parametrize("pcm", [b"\1", b"", b"\1\2\3"])
def test_sound_that_is_no_pcm16_is_refused(pcm: bytes) -> None:
    @in_virtual_time
    async def run() -> None:
        async with calling() as caller:
            await caller.greeted()
            caller.call.receive_audio(caller.page, pcm)
            assert told(caller.page)[-1]["code"] == "bad_sound"
            assert caller.model.now.audio == b""

    run()


@in_virtual_time
async def test_a_second_page_is_a_viewer_and_may_say_nothing() -> None:
    async with calling() as caller:
        await caller.greeted()
        viewer = caller.page.__class__()
        grant = caller.call.join(None, "websocket")
        assert (grant.role, grant.leg_id) == ("viewer", None)
        caller.call.attach(viewer, grant.leg_id, 0)
        before = caller.call.log.last_seq
        caller.command(viewer, type="say", text="me too")
        caller.call.receive_audio(viewer, bytes(960))
        refusal = told(viewer)[-1]
        assert (refusal["seq"], refusal["code"]) == (0, "not_the_caller")
        assert caller.call.log.last_seq == before
        assert caller.model.now.audio == b""


@in_virtual_time
async def test_a_viewer_sees_the_log_and_hears_nothing() -> None:
    async with calling() as caller:
        await caller.greeted()
        viewer = caller.page.__class__()
        caller.call.attach(viewer, "leg_of_somebody_else", 0)
        caller.types("good morning")
        await caller.heard(2)
        frames = frames_of(viewer)
    assert not [frame for frame in frames if isinstance(frame, bytes)]
    assert any('"You said: good morning."' in frame for frame in frames if isinstance(frame, str))


@in_virtual_time
async def test_taking_over_closes_the_former_callers_page_and_makes_a_new_caller() -> None:
    async with calling() as caller:
        await caller.greeted()
        former = caller.page
        grant = caller.call.join(None, "websocket", take_over=True)
        assert grant.role == "caller"
        assert frames_of(former)[-1] == CloseFrame(CloseCode.TAKEN_OVER, "taken over by another page")
        caller.joins(leg_id=grant.leg_id)
        caller.types("it is me now")
        assert await caller.heard(2) == "You said: it is me now."
        caller.call.detach(former, "closed")
        assert caller.call.leg.page is caller.page


@in_virtual_time
async def test_a_page_that_reconnects_with_its_leg_replaces_its_former_self() -> None:
    async with calling() as caller:
        await caller.greeted()
        leg_id = caller.call.leg.leg_id
        former = caller.page
        assert caller.call.join(leg_id, "websocket").leg_id == leg_id
        caller.joins(leg_id=leg_id)
        assert isinstance(frames_of(former)[-1], CloseFrame)
        caller.call.detach(former, "closed")
        caller.types("back again")
        assert await caller.heard(2) == "You said: back again."


@in_virtual_time
async def test_a_call_without_a_caller_is_anybodys() -> None:
    async with calling() as caller:
        await caller.greeted()
        caller.leaves()
        grant = caller.call.join(None, "websocket")
        assert grant.role == "caller"
        assert caller.joins(leg_id=grant.leg_id).role == "caller"


@in_virtual_time
async def test_leaving_in_the_middle_of_an_answer_and_coming_back_gets_it_again_once() -> None:
    async with calling(FakeModel(audio_ms=3000, pace_s=0.1)) as caller:
        caller.joins()
        await asyncio.sleep(1)
        caller.leaves()
        await asyncio.sleep(5)
        caller.joins()
        await caller.heard(2)
        await asyncio.sleep(20)
    done = [event for event in caller.logged(log_events.MessageDone) if event.role == "assistant"]
    assert [event.status for event in done] == ["interrupted", "completed"]


@in_virtual_time
async def test_a_caller_who_never_comes_ends_the_call() -> None:
    async with calling(caller_wait_s=7) as caller:
        await caller.until(lambda: caller.call.is_over)
        assert caller.call.log.since(0)[-1].at_ms == 7000
    assert caller.logged(log_events.CallEnded)[0].reason == "no caller came"


@in_virtual_time
async def test_an_ended_call_can_be_read() -> None:
    async with calling() as caller:
        await caller.greeted()
        caller.command(type="hang_up")
        await caller.until(lambda: caller.call.is_over)
        page = caller.joins()
        frames = frames_of(page)
    assert '"kind":"call.ended"' in str(frames[-2])
    assert frames[-1] == CloseFrame(CloseCode.OVER, "the call is over")
    assert page.role == "viewer"


@in_virtual_time
async def test_a_page_that_does_not_read_is_closed_and_the_call_goes_on() -> None:
    async with calling() as caller:
        await caller.greeted()
        slow = caller.page.__class__()
        caller.call.attach(slow, None, caller.call.log.last_seq)
        for _ in range(MAX_QUEUED_BYTES // 1_000_000 + 1):
            caller.model.now.emit("something.long", text="x" * 1_000_000)
        await asyncio.sleep(1)
        (closing,) = frames_of(slow)
        assert isinstance(closing, CloseFrame)
        assert closing.code == CloseCode.TOO_SLOW


@in_virtual_time
async def test_a_log_that_is_longer_than_that_can_still_be_read() -> None:
    async with calling() as caller:
        await caller.greeted()
        for _ in range(MAX_QUEUED_BYTES // 1_000_000 + 1):
            caller.model.now.emit("something.long", text="x" * 1_000_000)
        await asyncio.sleep(1)
        late = caller.page.__class__()
        caller.call.attach(late, None, 0)
        assert [frame["seq"] for frame in told(late)] == list(range(caller.call.log.last_seq + 1))


@in_virtual_time
async def test_a_frame_that_is_no_command_is_told_to_its_page_alone() -> None:
    async with calling() as caller:
        await caller.greeted()
        before = caller.call.log.last_seq
        for frame in ("{", "[]", '{"type":"fly"}', '{"type":"say"}', '{"type":"say","text":" "}', '{"type":"played"}'):
            caller.call.command(caller.page, frame)
        refusals = [frame for frame in told(caller.page) if frame["seq"] == 0 and frame["kind"] == "error"]
        assert len(refusals) == 6
        assert all(refusal["code"] == "bad_command" for refusal in refusals)
        assert "Allowed" in refusals[0]["message"]
        assert caller.call.log.last_seq == before


@in_virtual_time
async def test_a_reader_of_the_log_may_speak_at_once() -> None:
    async with calling() as caller:
        caller.joins()

        def answer(entry: log.Entry) -> None:
            if isinstance(entry.event, log_events.MessageDone) and entry.event.text == "You said: hi.":
                caller.types("hello yourself")

        caller.call.log.subscribe(answer)
        assert await caller.heard(2) == "You said: hello yourself."
        entries = caller.call.log.since(0)
        assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))


# The link -----------------------------------------------------------------------------------------------------------
@in_virtual_time
async def test_a_lost_link_is_made_again_and_the_conversation_goes_on() -> None:
    async with calling() as caller:
        await caller.greeted()
        caller.model.now.breaks("the network went away", 1006)
        caller.types("are you there?")
        assert await caller.heard(2) == "You said: are you there?."
        (lost,) = caller.logged(log_events.LinkLost)
        assert (lost.reason, lost.code) == ("the network went away", 1006)
        assert len(caller.logged(log_events.LinkRestored)) == 1
        assert len(caller.model.connections) == 2


@in_virtual_time
async def test_sound_during_the_loss_follows_the_replay() -> None:
    async with calling() as caller:
        await caller.greeted()
        caller.model.now.breaks()
        await asyncio.sleep(0.01)
        caller.call.receive_audio(caller.page, b"\5\6" * 480)
        await caller.until(lambda: caller.logged(log_events.LinkRestored))
        await asyncio.sleep(0.1)
    kinds = caller.model.now.types(without_audio=False)
    assert kinds[0] == "session.update"
    assert kinds[-1] == "input_audio_buffer.append"
    assert kinds.count("conversation.item.create") == 2
    assert caller.model.now.audio == b"\5\6" * 480


@in_virtual_time
async def test_it_is_tried_again_and_again_with_growing_pauses() -> None:
    failures = [ProviderError("busy", code=429) for _ in range(6)]
    async with calling(FakeModel(failures=failures)) as caller:
        caller.joins()
        await caller.heard(1)
        pauses = [lost.retry_in_ms for lost in caller.logged(log_events.LinkLost)]
    assert caller.model.tries == 7
    assert pauses[0] <= 250
    assert pauses[-1] > 2000
    assert all(lost.code == 429 for lost in caller.logged(log_events.LinkLost))


@in_virtual_time
async def test_what_another_try_would_not_mend_is_told_at_once() -> None:
    error = ProviderError("azure answered 401", hint="Check the key.", retry=False, code=401)
    async with calling(FakeModel(failures=[error])) as caller:
        await caller.until(lambda: caller.call.is_over)
    assert caller.model.tries == 1
    (told_error,) = caller.logged(log_events.CallError)
    assert told_error.message == "The model cannot be reached: azure answered 401. Check the key."


@in_virtual_time
async def test_after_a_minute_without_a_link_the_call_ends() -> None:
    async with calling(FakeModel(failures=[ProviderError("no route")] * 1000)) as caller:
        caller.joins()
        await caller.until(lambda: caller.call.is_over)
        assert GIVE_UP_AFTER_S * 1000 < caller.call.log.since(0)[-1].at_ms < (GIVE_UP_AFTER_S + 10) * 1000


@in_virtual_time
async def test_a_service_that_throws_every_session_out_at_once_is_given_up_too() -> None:
    class Moody(FakeModel):
        async def connect(self, model: str, call_id: str | None = None) -> Any:
            connection = await super().connect(model)
            asyncio.get_running_loop().call_later(0.5, connection.breaks, "insufficient_quota", 1008)
            return connection

    model = Moody()
    async with calling(model) as caller:
        caller.joins()
        await caller.until(lambda: caller.call.is_over)
    assert caller.logged(log_events.LinkLost)[-1].retry_in_ms is None
    assert len(model.connections) < 60


@in_virtual_time
async def test_frames_that_are_no_events_are_told_and_passed_over() -> None:
    async with calling() as caller:
        await caller.greeted()
        for frame in (b"{", b"[]", b"\xff\xfe", b"{}", b'{"type":5}', b"[" * 100_000, b""):
            caller.model.now.emit_raw(frame)
        caller.types("still there?")
        await caller.heard(2)
        errors = caller.logged(log_events.CallError)
    assert len(errors) == 7
    assert {error.code for error in errors} == {"malformed_event"}


@in_virtual_time
async def test_nothing_of_a_call_is_left_when_it_ends_while_connecting() -> None:
    async with calling(FakeModel(connect_takes_s=1000)) as caller:
        caller.joins()
        await asyncio.sleep(1)
        caller.call.hang_up()
        await caller.until(lambda: caller.call.ended_at is not None)
    assert caller.logged(log_events.CallEnded)[0].reason == "hung up"


@in_virtual_time
async def test_the_connection_is_closed_when_the_call_ends() -> None:
    async with calling() as caller:
        await caller.greeted()
        caller.call.hang_up()
        await caller.until(lambda: caller.model.now.closed)


# The registry -------------------------------------------------------------------------------------------------------
@in_virtual_time
async def test_one_call_too_many_is_refused() -> None:
    async with CallRegistry(time_limits=CallTimeLimits(), max_calls=2) as registry:
        for _ in range(2):
            registry.start(scenario(), FakeModel(), agent=None, transport="websocket")
        with pytest.raises(TooManyCallsError):
            registry.start(scenario(), FakeModel(), agent=None, transport="websocket")


@in_virtual_time
async def test_stopping_ends_calls_also_those_that_have_not_begun_to_run() -> None:
    async with CallRegistry(time_limits=CallTimeLimits()) as registry:
        call = registry.start(scenario(), FakeModel(), agent=None, transport="websocket")
        page = Caller(call, FakeModel()).joins()
    await asyncio.sleep(0)
    assert call.is_over
    assert frames_of(page)[-1] == CloseFrame(CloseCode.OVER, "the call is over")


@in_virtual_time
async def test_ended_calls_are_kept_for_a_while() -> None:
    async with CallRegistry(time_limits=CallTimeLimits(caller_wait_s=1), ended_call_ttl_s=100) as registry:
        call = registry.start(scenario(), FakeModel(), agent=None, transport="websocket")
        await asyncio.sleep(50)
        assert call.is_over
        assert registry.running == 0
        assert registry.find(call.call_id) is call
        await asyncio.sleep(60)
        registry.start(scenario(), FakeModel(), agent=None, transport="websocket")
        assert registry.find(call.call_id) is None


# Tools --------------------------------------------------------------------------------------------------------------
@in_virtual_time
async def test_a_tool_sees_the_call_and_leaves_notes() -> None:
    @function_tool
    async def look(context: RunContextWrapper[Any]) -> str:
        """Looks around."""
        call: CallContext[dict[str, int]] = context.context
        call.state["looked"] += 1
        call.breadcrumb("looked", {"said": [said.text for said in call.history]})
        return f"{call.scenario} {call.state['looked']}"

    model = FakeModel(lambda items: [Calls("look")] if len(items) == 3 else ["Right."])
    async with calling(model, scenario(tools=[look], state=lambda: {"looked": 0})) as caller:
        await caller.greeted()
        caller.types("look around")
        await caller.until(lambda: caller.logged(log_events.ToolDone))
    assert caller.logged(log_events.ToolDone)[0].result == "bench 1"
    assert caller.logged(log_events.Breadcrumb)[0].data == {"said": ["Right.", "look around"]}


@in_virtual_time
async def test_a_call_that_ends_cancels_its_tools() -> None:
    cancelled = asyncio.Event()

    @function_tool
    async def slow() -> str:
        """Takes its time."""
        try:
            await asyncio.sleep(20)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return "never"

    async with calling(FakeModel(lambda _items: [Calls("slow")]), scenario(tools=[slow])) as caller:
        caller.joins()
        await caller.until(lambda: caller.logged(log_events.ToolStarted))
        caller.call.hang_up()
        async with asyncio.timeout(1):
            await cancelled.wait()
    assert [type(event) for event in caller.logged(log_events.ToolDone, log_events.CallEnded)] == [
        log_events.ToolDone,
        log_events.CallEnded,
    ]


@in_virtual_time
async def test_a_tool_that_will_not_be_cancelled_does_not_keep_the_page_waiting() -> None:
    @function_tool
    async def stubborn() -> str:
        """Does not stop."""
        for _ in range(2):
            try:
                await asyncio.sleep(20)
            except asyncio.CancelledError:
                continue
        return "late"

    async with calling(FakeModel(lambda _items: [Calls("stubborn")]), scenario(tools=[stubborn])) as caller:
        caller.joins()
        await caller.until(lambda: caller.logged(log_events.ToolStarted))
        caller.call.hang_up()
        assert frames_of(caller.page)[-1] == CloseFrame(CloseCode.OVER, "the call is over")


@in_virtual_time
async def test_a_note_left_after_the_call_is_not_logged() -> None:
    contexts: list[Any] = []

    @function_tool
    async def keep(context: RunContextWrapper[Any]) -> str:
        """Keeps its context."""
        contexts.append(context.context)
        return "kept"

    model = FakeModel(lambda items: [Calls("keep")] if len(items) == 1 else ["Kept."])
    async with calling(model, scenario(tools=[keep])) as caller:
        caller.joins()
        await caller.until(lambda: contexts)
        caller.call.hang_up()
        contexts[0].breadcrumb("too late")
    assert caller.logged(log_events.Breadcrumb) == []
    assert isinstance(caller.call.log.since(0)[-1].event, log_events.CallEnded)
