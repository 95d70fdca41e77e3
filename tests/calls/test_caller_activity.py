"""A new turn of the caller, by text, by a button or by speech, has the same meaning for all parts of the machine."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.calls.call_driver import CallDriver, asked_something, call, items_of
from trunkline.calls import commands, log_events
from trunkline.calls.machine.call_limits import CALLER_STAYS
from trunkline.calls.machine.response_retry import MAX_CONTENT_FILTER_RETRIES
from trunkline.calls.machine.tool_calls import MAX_TOOL_CALLS_PER_TURN

pytestmark = pytest.mark.pure


def by_text(driver: CallDriver) -> None:
    driver.types("And now?")
    driver.confirms_items()


def by_button(driver: CallDriver) -> None:
    driver.commands(commands.Press())
    driver.commands(commands.Release())
    driver.wire("input_audio_buffer.committed", item_id="pressed_1")


def by_speech(driver: CallDriver) -> None:
    driver.caller_starts_to_speak("spoken_1")
    driver.caller_stops_speaking("spoken_1")


ways = pytest.mark.parametrize("begins_turn", [by_text, by_button, by_speech])
BeginsTurn = Callable[[CallDriver], None]


def ready(begins_turn: BeginsTurn, **limits: float) -> CallDriver:
    driver = call(**limits)  # type: ignore[arg-type]  # any limit of the machine
    if begins_turn is by_button:
        driver.commands(commands.PushToTalk(on=True))
    return driver


@ways
def test_it_allows_all_tool_calls_again(begins_turn: BeginsTurn) -> None:
    driver = ready(begins_turn)
    asked_something(driver)
    for _call in range(MAX_TOOL_CALLS_PER_TURN + 1):
        driver.model_calls("weather")
    assert len(driver.tools) == MAX_TOOL_CALLS_PER_TURN
    driver.response_done()
    begins_turn(driver)
    driver.response_created()
    driver.model_calls("weather")
    assert len(driver.tools) == MAX_TOOL_CALLS_PER_TURN + 1


@ways
def test_it_allows_all_rephrased_answers_again(begins_turn: BeginsTurn) -> None:
    driver = ready(begins_turn)

    def filtered_answers() -> int:
        driver.clear()
        while True:  # until no other answer is requested
            driver.confirms_items()
            driver.response_created()
            driver.response_done("incomplete", status_details={"reason": "content_filter"})
            if not driver.requests:
                return len(items_of(driver.sent))
            driver.sent = [event for event in driver.sent if event["type"] != "response.create"]

    driver.types("Tell me.")
    assert filtered_answers() == MAX_CONTENT_FILTER_RETRIES
    begins_turn(driver)
    assert filtered_answers() == MAX_CONTENT_FILTER_RETRIES


@ways
def test_it_ends_the_goodbye_to_a_silent_caller(begins_turn: BeginsTurn) -> None:
    driver = ready(begins_turn, idle_timeout_ms=60_000)
    driver.wait(60_000)
    begins_turn(driver)
    assert f"system: {CALLER_STAYS}" in items_of(driver.sent)
    driver.response_created()
    driver.wait(30_000)
    assert driver.ended is None


@ways
def test_it_interrupts_the_agent(begins_turn: BeginsTurn) -> None:
    driver = ready(begins_turn)
    asked_something(driver)
    driver.agent_says("A long story.", audio_ms=9_000, finished=False)
    begins_turn(driver)
    assert len(driver.logged(log_events.AudioCleared)) == 1


@pytest.mark.parametrize("command", [commands.MediaReady(), commands.AudioFrom(position=0)])
def test_commands_of_the_shell_are_no_activity(command: commands.CommandUnion) -> None:
    driver = call(idle_timeout_ms=60_000)
    driver.clear()
    driver.commands(command)
    assert driver.events == []
