"""Failures of assertions, with their messages and their places in the timeline."""

from __future__ import annotations

import asyncio

import pytest

from tests.testing.kit_shop import shop
from trunkline.testing import VoiceCall, VoiceCalls, VoiceFailure, containing


def marked(call: VoiceCall, error: BaseException) -> str:
    """Return the line of the timeline before the mark."""
    lines = call.timeline(error).splitlines()
    places = [index for index, line in enumerate(lines) if line.startswith(">>>")]
    assert len(places) == 1
    assert str(error).splitlines()[0][:40] in lines[places[0]]
    return lines[places[0] - 1]


async def test_words_that_are_never_said(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    with pytest.raises(VoiceFailure, match="did not hear 'farewell': nothing came for 15000 ms") as failed:
        await call.hears("farewell")
    assert "What would you like?" in marked(call, failed.value)


async def test_words_that_come_too_late(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    call.link.delay(3000, at="response.created")
    with pytest.raises(VoiceFailure, match="nothing came for 1000 ms"):
        await call.hears("welcome", within_ms=1000)
    assert call.now_ms < 1100


async def test_nobody_answers(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop, patience_ms=5000)
    await call.say("two pears please")
    call.link.lose("response.*", times=100)
    with pytest.raises(VoiceFailure, match="Nobody answered 'I want to pay': nothing came for 5000 ms") as failed:
        await call.say("I want to pay")
    assert "I want to pay" in marked(call, failed.value)


async def test_a_tool_that_never_returns_is_named(voice_call: VoiceCalls) -> None:
    async def stuck(thing: str) -> None:
        await asyncio.sleep(29)

    call = await voice_call(shop)
    call.mock_tool("ask_warehouse", stuck)
    with pytest.raises(VoiceFailure, match=r"while ask_warehouse\(thing='plums'\) was still running"):
        await call.say("do you have plums")


async def test_a_call_that_is_over(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    await call.hears("welcome")
    await call.hang_up()
    with pytest.raises(VoiceFailure, match=r"the call is over \(caller hung up\)"):
        await call.say("hello?")


async def test_interrupting_after_too_little_speech(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    await call.hears("welcome")
    with pytest.raises(VoiceFailure, match="did not speak that long, only 2400 ms"):
        await call.say("stop", interrupting_after_ms=5000)


async def test_interrupting_after_the_speech_has_ended(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    await call.hears("welcome")
    await call.silent_for(0)
    turn = await call.say("two pears please")
    assert turn.text
    await asyncio.sleep(10)
    with pytest.raises(VoiceFailure, match="the agent had finished already"):
        await call.say("stop", interrupting_after_ms=400)


async def test_a_tool_that_was_not_called(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    turn = await call.say("I want to pay")
    with pytest.raises(VoiceFailure, match=r"add_to_basket was not called. No tool was called.") as failed:
        turn.called("add_to_basket")
    assert "nine euros" in marked(call, failed.value)


async def test_a_tool_that_was_called_with_something_else(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    turn = await call.say("two pears please")
    await call.say("I want to pay")
    with pytest.raises(
        VoiceFailure, match=r"not with thing=containing\('plum'\): add_to_basket\(.*pears.*\)"
    ) as failed:
        turn.called("add_to_basket", thing=containing("plum"))
    assert "add_to_basket(" in marked(call, failed.value)


async def test_an_argument_that_is_not_there(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    turn = await call.say("two pears please")
    with pytest.raises(VoiceFailure):
        turn.called("add_to_basket", price=None)


async def test_a_tool_that_should_not_have_been_called(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    turn = await call.say("two pears please")
    with pytest.raises(VoiceFailure, match=r"add_to_basket\(.*\) was called, and should not have been"):
        turn.did_not_call("ask_warehouse", "add_to_basket")
    with pytest.raises(VoiceFailure):
        call.did_not_call()


async def test_tools_in_another_order(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    await call.say("do you have plums")
    await call.say("two pears please")
    with pytest.raises(VoiceFailure, match=r"ask_warehouse was not called after add_to_basket\. Called: ask"):
        call.called_in_order("add_to_basket", "ask_warehouse")


async def test_another_path(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    await call.say("I want to pay")
    await call.say("cash")
    with pytest.raises(VoiceFailure, match="The path is clerk → cashier; expected clerk → manager") as failed:
        call.took_path("clerk", "manager")
    assert "clerk hands over to cashier" in marked(call, failed.value)
    with pytest.raises(VoiceFailure):
        call.took_path("clerk", "cashier", "clerk")
    with pytest.raises(VoiceFailure):
        call.took_path("clerk")
    with pytest.raises(VoiceFailure):
        call.took_path("cashier", "cashier")


async def test_an_answer_beyond_its_budget(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    await call.hears("welcome")
    call.link.delay(900, at="response.created")
    turn = await call.say("two pears please")
    with pytest.raises(VoiceFailure, match="The answer to 'two pears please' took 900 ms; the budget was 800 ms"):
        turn.answers_within(800)
    with pytest.raises(VoiceFailure):
        call.answers_within(800)


async def test_a_caller_left_in_silence(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    await call.hears("welcome")
    call.link.delay(4000, at="response.created")
    await call.say("two pears please")
    with pytest.raises(VoiceFailure, match="left in silence for 4000 ms after 'two pears please'"):
        call.leaves_nobody_in_silence()
    call.leaves_nobody_in_silence(4001)


async def test_silence_while_a_tool_runs(voice_call: VoiceCalls) -> None:
    async def slow(thing: str) -> str:
        await asyncio.sleep(9)
        return thing

    call = await voice_call(shop)
    call.mock_tool("ask_warehouse", slow)
    await call.say("do you have plums")
    with pytest.raises(VoiceFailure, match="left in silence"):
        call.leaves_nobody_in_silence()


async def test_silence_at_the_beginning(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    call.link.delay(5000, at="session.updated")
    await call.hears("welcome")
    with pytest.raises(VoiceFailure, match="left in silence for 5000 ms at the beginning"):
        call.leaves_nobody_in_silence()


async def test_a_scenario_without_rehearsal(voice_call: VoiceCalls) -> None:
    from agents.realtime import RealtimeAgent

    from trunkline import Scenario

    call = await voice_call(Scenario("bare", agents=[RealtimeAgent(name="nobody", instructions="")]))
    with pytest.raises(VoiceFailure, match="the call is over") as failed:
        await call.hears("hello")
    assert "has no rehearsal" in call.timeline(failed.value)


async def test_an_unknown_agent(voice_call: VoiceCalls) -> None:
    with pytest.raises(LookupError, match=r"shop has no agent 'manager'\. There are: clerk"):
        await voice_call(shop, agent="manager")


async def test_a_plain_assertion_is_marked_at_the_turn_that_it_read(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    turn = await call.say("two pears please")
    await call.say("I want to pay")
    assert turn.handed_to is None
    assert "in your basket" in marked(call, AssertionError("assert None == 'cashier'"))


async def test_another_error_is_marked_at_the_end_of_the_conversation(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    turn = await call.say("two pears please")
    assert turn.text
    await call.say("I want to pay")
    assert "nine euros" in marked(call, ValueError("something else"))


async def test_nothing_in_a_timeline_can_command_a_terminal(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    await call.say("two \x1b[31mpears\x1b[0m please")
    assert "\x1b" not in call.timeline()
    assert "pears" in call.timeline()
