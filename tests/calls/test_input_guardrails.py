"""Input guardrails: checks of the caller's words, which stop the answer to words that do not pass."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from agents import GuardrailFunctionOutput, InputGuardrail, input_guardrail
from agents.realtime import RealtimeAgent

from tests.calls.call_driver import CallDriver, call, items_of
from tests.calls.call_harness import calling, scenario
from tests.calls.model_fake import FakeModel
from trunkline import Scenario, ScenarioError
from trunkline.calls import log_events
from trunkline.calls.machine import inputs
from trunkline.testing.virtual_time import in_virtual_time

pytestmark = pytest.mark.pure


def guarded() -> CallDriver:
    driver = call(input_guardrails=["polite", "legal"])
    driver.types("You fool!")
    driver.confirms_items()
    return driver


def finishes(driver: CallDriver, guardrail: str, status: Any = "pass", **fields: Any) -> None:
    check = driver.input_checks[-1]
    driver.feed(inputs.GuardrailFinished(check.item_id, check.check_id, guardrail, status, **fields))


def statuses(driver: CallDriver) -> list[tuple[str, str]]:
    return [(one.guardrail, one.status) for one in driver.logged(log_events.GuardrailChecked)]


def test_the_callers_words_are_checked_while_the_agent_begins_to_answer() -> None:
    driver = guarded()
    (check,) = driver.input_checks
    assert (check.text, check.agent) == ("You fool!", "host")
    assert driver.requests == 1
    finishes(driver, "polite")
    finishes(driver, "legal")
    assert statuses(driver) == [("polite", "pending"), ("legal", "pending"), ("polite", "pass"), ("legal", "pass")]


def test_the_answer_to_words_that_do_not_pass_is_stopped_and_another_requested() -> None:
    driver = guarded()
    driver.response_created()
    driver.agent_says("You are right.", audio_ms=500, finished=False)
    finishes(driver, "polite", "fail", category="RUDE", rationale="It is an insult.")
    assert driver.sent_of("response.cancel")
    (note,) = [item for item in items_of(driver.sent) if item.startswith("system")]
    assert "stopped by the guardrail 'polite' (RUDE: It is an insult.)" in note
    driver.response_done("cancelled")
    driver.confirms_items()
    driver.wait(1000)
    assert driver.requests == 2
    failed = driver.logged(log_events.GuardrailChecked)[-1]
    assert (failed.status, failed.text) == ("fail", "You fool!")


def test_spoken_words_are_checked_as_soon_as_they_are_known() -> None:
    driver = call(input_guardrails=["polite"])
    driver.caller_starts_to_speak("item_9")
    driver.caller_stops_speaking("item_9")
    assert driver.input_checks == []
    driver.wire(
        "conversation.item.input_audio_transcription.completed", item_id="item_9", content_index=0, transcript="Fool!"
    )
    (check,) = driver.input_checks
    assert (check.item_id, check.text) == ("item_9", "Fool!")


def test_a_second_guardrail_that_fails_stops_nothing_again() -> None:
    driver = guarded()
    finishes(driver, "polite", "fail")
    finishes(driver, "legal", "fail")
    assert len([item for item in items_of(driver.sent) if item.startswith("system")]) == 1


def test_words_of_an_earlier_turn_no_longer_stop_the_answer() -> None:
    driver = guarded()
    first = driver.input_checks[-1]
    driver.types("I am sorry.")
    driver.confirms_items()
    driver.clear()
    driver.feed(inputs.GuardrailFinished(first.item_id, first.check_id, "polite", "fail"))
    assert driver.types_sent == ["conversation.item.create"]
    assert "An earlier message of the caller was stopped" in items_of(driver.sent)[0]


def test_an_error_is_in_the_log_and_never_a_pass() -> None:
    driver = guarded()
    finishes(driver, "polite", "error", rationale="no answer within 15 s")
    assert statuses(driver)[-1] == ("polite", "error")
    assert not driver.sent_of("response.cancel")


def test_a_check_that_the_end_of_the_call_cuts_off_is_an_error() -> None:
    driver = guarded()
    finishes(driver, "legal")
    driver.feed(inputs.StopRequested("over"))
    assert statuses(driver)[-1] == ("polite", "error")


def test_the_greeting_is_not_checked() -> None:
    assert call(input_guardrails=["polite"]).input_checks == []


@in_virtual_time
async def test_a_guardrail_of_the_sdk_checks_typed_words() -> None:
    seen: list[object] = []

    @input_guardrail(name="polite")
    async def polite(context: Any, agent: Any, given: Any) -> GuardrailFunctionOutput:
        seen.append((context.context.scenario, agent.name, given))
        await asyncio.sleep(0.1)
        return GuardrailFunctionOutput({"category": "RUDE"}, tripwire_triggered="fool" in given)

    def answers(items: Any) -> Any:
        last = items[-1]
        return ["I cannot help with this." if last["role"] == "system" else "Thank you."]

    model = FakeModel(answers, pace_s=0.05, audio_ms=2000)
    async with calling(model, scenario(input_guardrails=[polite])) as caller:
        await caller.greeted()
        caller.types("You fool!")
        await caller.until(lambda: "I cannot help with this." in caller.answers())
        assert seen == [("bench", "host", "You fool!")]
        failed = [one for one in caller.logged(log_events.GuardrailChecked) if one.status == "fail"]
        assert [(one.guardrail, one.category, one.text) for one in failed] == [("polite", "RUDE", "You fool!")]


def passes(_context: Any, _agent: Any, _given: Any) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(None, tripwire_triggered=False)


@pytest.mark.parametrize(
    ("guardrails", "message"),
    [
        ([passes], "takes input guardrails, which check the caller's words, not function; decorate the function"),
        ([InputGuardrail(passes, run_in_parallel=False)], "'passes' has run_in_parallel=False, but a Realtime service"),
        ([InputGuardrail(passes), InputGuardrail(passes)], "has two guardrails named 'passes'; names must differ"),
    ],
)
def test_an_input_guardrail_that_cannot_work_is_refused(guardrails: Any, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        Scenario("x", agents=[RealtimeAgent(name="host")], input_guardrails=guardrails)
