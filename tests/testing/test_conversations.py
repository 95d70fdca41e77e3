"""Actions of a caller in a test, and properties of the conversation."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

import pytest
from agents.tool_context import ToolContext

from tests.testing.kit_shop import shop
from trunkline.calls.log_events import CallSettings, WireSent
from trunkline.scenario import CallContext
from trunkline.testing import ANY, ChannelImpairment, VoiceCall, VoiceCalls, containing, matching


async def test_a_caller_is_greeted_and_answered(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    assert await call.hears("WHAT WOULD") == "Welcome to the shop. What would you like?"
    turn = await call.say("something odd")
    assert turn.text == "I'm sorry, we don't sell that."
    assert turn.recognised == "something odd"
    assert turn.handed_to is None
    assert not turn.tools


async def test_a_caller_who_waits_for_their_turn_is_not_woken_by_each_event(
    voice_call: VoiceCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []
    is_callers_turn = VoiceCall._is_callers_turn

    def look(call: VoiceCall) -> bool:
        looks.append(call.now_ms)
        return is_callers_turn(call)

    call = await voice_call(shop)
    await call.hears("welcome")
    monkeypatch.setattr(VoiceCall, "_is_callers_turn", look)
    before = call.last_seq
    turn = await call.say("two pears please")
    assert turn.tools
    assert call.last_seq - before > 40
    assert len(looks) <= 4  # before the words and after them, each at the start and the end of the wait


async def test_a_long_conversation_takes_no_time(voice_call: VoiceCalls) -> None:
    began = time.monotonic()
    call = await voice_call(shop)
    for _ in range(30):
        await call.say("two pears please")
    assert call.now_ms > 60_000
    assert time.monotonic() - began < 5


async def test_tools_and_state(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    turn = await call.say("two pears please")
    use = turn.called("add_to_basket", thing="pears", count=2)
    assert use.result == "it is in the basket"
    assert use.agent == "clerk"
    turn.called("add_to_basket", thing=containing("PEAR"), count=ANY)
    turn.called("add_to_basket", thing=matching("^p.*s$"))
    turn.did_not_call("ask_warehouse")
    assert call.state.things == ["pears", "pears"]
    await call.say("do you have plums")
    call.called_in_order("add_to_basket", "ask_warehouse")


async def test_state_belongs_to_one_call(voice_call: VoiceCalls) -> None:
    one, other = await voice_call(shop), await voice_call(shop)
    await one.say("two pears please")
    assert one.state.things
    assert not other.state.things


async def test_handoffs_and_their_path(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    turn = await call.say("I want to pay")
    assert turn.handed_to == call.agent == "cashier"
    assert call.path == ["clerk", "cashier"]
    call.took_path("clerk", "cashier")
    assert turn.text == "That makes nine euros. Cash or card?"


async def test_another_agent_may_answer_the_call(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop, agent="cashier")
    await call.hears("nine euros")
    assert call.path == ["cashier"]


async def test_interrupting_at_a_millisecond_of_the_agents_speech(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    await call.hears("welcome")
    turn = await call.say("two pears please", interrupting_after_ms=900)
    opening = call.turns[0]
    assert opening.interrupted
    assert opening.text == "Welcome to the shop. What would you like?"
    assert opening.heard == "Welcome to the"
    assert opening.messages[0].heard_ms == 900
    assert turn.interrupted_after_ms == 900
    assert turn.start_ms == 900


async def test_a_caller_who_does_not_interrupt_lets_the_agent_finish(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    await call.hears("welcome")
    turn = await call.say("two pears please")
    assert not call.turns[0].interrupted
    assert turn.start_ms == 60 * len("Welcome to the shop." + "What would you like?")


async def test_saying_words_at_a_given_time(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    turn = await call.say("I want to pay", at_ms=1500)
    assert turn.start_ms == 1500
    assert call.turns[0].interrupted


async def test_silence_lasts_as_long_as_it_should(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    await call.hears("welcome")
    turn = await call.silent_for(3_600_000)
    assert call.now_ms == 3_600_000
    assert turn.text == ""


async def test_a_backchannel_reaches_the_engine(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    await call.hears("welcome")
    turn = await call.backchannel("mm-hm")
    assert turn.recognised == "mm-hm"
    assert turn.text == ""
    assert not call.turns[0].interrupted


async def test_words_over_the_agent_interrupt_it(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    await call.hears("welcome")
    turn = await call.backchannel("wait, stop")
    assert turn.text == "I'm sorry, we don't sell that."
    assert call.turns[0].interrupted


async def test_two_backchannels_are_recognised_separately(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    await call.hears("welcome")
    assert (await call.backchannel("mm-hm")).recognised == "mm-hm"
    assert (await call.backchannel("right")).recognised == "right"


async def test_the_button_silences_the_agent(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    await call.hears("welcome")
    await asyncio.sleep(1)
    await call.interrupts()
    assert call.turns[0].messages[0].heard_ms == 1000


async def test_hanging_up(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    await call.hears("welcome")
    await call.hang_up()
    assert call.is_over
    assert call.view.ended == "caller hung up"


async def test_push_to_talk(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    await call.hears("welcome")
    turn = await call.push_to_talk("two pears please")
    assert turn.recognised == "two pears please"
    turn.called("add_to_basket", thing="pears", count=2)
    kinds = _sent(call)
    assert kinds.count("input_audio_buffer.commit") == 1
    assert "response.create" in kinds[kinds.index("input_audio_buffer.commit") :]


async def test_pressing_the_talk_button_interrupts_the_agent(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    await call.push_to_talk("two plums please", interrupting_after_ms=600)
    assert call.turns[0].messages[0].heard_ms == 600
    call.turns[1].called("add_to_basket", thing="plums")


async def test_saying_words_ends_push_to_talk(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    await call.push_to_talk("two pears please")
    await call.say("two plums please")
    settings = [entry.event.push_to_talk for entry in call.log if isinstance(entry.event, CallSettings)]
    assert settings == [True, False]


async def test_dtmf(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    turn = await call.dtmf("12#")
    assert turn.recognised == "12#"
    assert turn.text == "I'm sorry, we don't sell that."


async def test_a_turn_has_the_parts_of_its_latency(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    await call.hears("welcome")
    turn = await call.push_to_talk("how many pears")
    assert sum(turn.latency_parts.values()) == turn.latency_ms
    quick = await call.say("do you have pears")
    assert "tools" not in quick.latency_parts  # the agent says something before it asks the warehouse


async def test_waiting_for_a_pattern(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    await call.hears(re.compile(r"shop\..*like\?$"))


async def test_latency_is_measured_in_virtual_time(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    call.link.delay(700, at="response.created")
    await call.hears("welcome")
    call.link.delay(700, at="response.created")
    turn = await call.say("two pears please")
    assert turn.latency_ms == pytest.approx(700, abs=1)
    turn.answers_within(701)
    call.answers_within(701)


async def test_a_slow_tool_takes_virtual_time_only(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    turn = await call.say("do you have plums")
    assert turn.called("ask_warehouse").duration_ms == pytest.approx(2000, abs=1)
    assert turn.text == "One moment, I'll ask. Yes: there are plums."
    call.leaves_nobody_in_silence(2500)


async def test_virtual_time_waits_for_a_tool_in_a_thread(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    turn = await call.say("how many plums")
    assert turn.called("count_stock").result == 5
    assert turn.text == "There are 5."


async def test_the_timeline_has_breadcrumbs(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    await call.say("two pears please")
    assert "note: basket {'things': 2}" in call.timeline()


async def test_an_impaired_channel_does_not_affect_typing(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop, impairment=ChannelImpairment(noise_dbfs=-10, loss=0.9))
    assert (await call.say("I want to pay")).handed_to == "cashier"


class TestMockingTools:
    async def test_by_a_result(self, voice_call: VoiceCalls) -> None:
        call = await voice_call(shop)
        call.mock_tool("add_to_basket", {"ok": False})
        turn = await call.say("two pears please")
        assert turn.called("add_to_basket").result == {"ok": False}
        assert call.state.things == []

    async def test_by_a_function_of_its_arguments(self, voice_call: VoiceCalls) -> None:
        call = await voice_call(shop)
        call.mock_tool("count_stock", lambda thing: len(thing) * 100)
        assert (await call.say("how many plums")).text == "There are 500."

    async def test_by_a_coroutine_that_sees_the_call(self, voice_call: VoiceCalls) -> None:
        async def instead(ctx: ToolContext[CallContext[Any]], thing: str, count: int) -> str:
            state = ctx.context.state
            state.things.append(f"{count} x {thing}")
            return "done"

        call = await voice_call(shop)
        call.mock_tool("add_to_basket", instead)
        await call.say("two pears please")
        assert call.state.things == ["2 x pears"]

    async def test_by_an_exception(self, voice_call: VoiceCalls) -> None:
        call = await voice_call(shop)
        call.mock_tool("add_to_basket", RuntimeError("the shelf is empty"))
        turn = await call.say("two pears please")
        assert turn.called("add_to_basket").error == "RuntimeError: the shelf is empty"

    async def test_only_in_this_call(self, voice_call: VoiceCalls) -> None:
        one, other = await voice_call(shop), await voice_call(shop)
        one.mock_tool("add_to_basket", "nothing")
        await other.say("two pears please")
        assert other.state.things == ["pears", "pears"]

    async def test_an_unknown_name_is_an_error(self, voice_call: VoiceCalls) -> None:
        call = await voice_call(shop)
        with pytest.raises(LookupError, match=r"no tool 'add'.*add_to_basket, ask_warehouse, count_stock"):
            call.mock_tool("add", 1)


class TestLinkFaults:
    @pytest.mark.parametrize("code", [1001, 1006, 1011, None])
    async def test_the_call_continues_after_any_close_code(self, voice_call: VoiceCalls, code: int | None) -> None:
        call = await voice_call(shop)
        await call.hears("welcome")
        call.link.drop(code, "gone")
        turn = await call.say("I want to pay")
        assert turn.handed_to == "cashier"
        assert call.link.connections == 2
        lost = next(row.text for row in call.rows if row.text.startswith("the link is lost"))
        assert ("(code" in lost) == (code is not None)

    @pytest.mark.parametrize(
        "at", ["session.updated", "response.created", "response.output_item.done", "response.create", "response.done"]
    )
    async def test_a_drop_at_an_event_in_either_direction(self, voice_call: VoiceCalls, at: str) -> None:
        call = await voice_call(shop)
        call.link.drop(1006, at=at)
        turn = await call.say("I want to pay")
        assert turn.handed_to == "cashier"
        assert call.link.injected == [f"drop {at}"]
        assert call.link.connections == 2

    async def test_a_drop_at_the_second_event_of_a_type(self, voice_call: VoiceCalls) -> None:
        call = await voice_call(shop)
        call.link.drop(1006, at="response.created", nth=2)
        await call.hears("welcome")
        assert call.link.connections == 1
        await call.say("I want to pay")
        assert call.link.connections == 2

    async def test_refused_connections(self, voice_call: VoiceCalls) -> None:
        call = await voice_call(shop)
        call.link.refuse(2, status=503)
        await call.hears("welcome")
        assert call.link.connections == 1

    async def test_duplicated_events(self, voice_call: VoiceCalls) -> None:
        call = await voice_call(shop)
        call.link.duplicate("response.output_item.done", times=5)
        turn = await call.say("two pears please")
        assert [use.name for use in turn.tools] == ["add_to_basket"]
        assert call.state.things == ["pears", "pears"]

    async def test_lost_events(self, voice_call: VoiceCalls) -> None:
        call = await voice_call(shop)
        call.link.lose("response.output_audio_transcript.delta", times=3)
        turn = await call.say("I want to pay")
        assert turn.text == "That makes nine euros. Cash or card?"
        assert call.link.injected

    async def test_a_pattern_of_events(self, voice_call: VoiceCalls) -> None:
        call = await voice_call(shop)
        call.link.delay(100, at="conversation.item.*")
        await call.hears("welcome")
        assert len(call.link.injected) == 1
        assert call.link.injected[0].startswith("delay conversation.item.")


def _sent(call: VoiceCall) -> list[str]:
    return [entry.event.event["type"] for entry in call.log if isinstance(entry.event, WireSent)]
