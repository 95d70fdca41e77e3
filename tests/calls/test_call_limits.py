"""Limits of a call: maximum duration, idle timeout, and the goodbye."""

from __future__ import annotations

import pytest

from tests.calls.call_driver import call, items_of
from trunkline.calls import log_events
from trunkline.calls.machine.call_limits import WARNING_MS

pytestmark = pytest.mark.pure
HOUR = 3_600_000.0


def test_a_call_ends_with_a_goodbye_at_its_maximum_duration() -> None:
    driver = call(max_call_ms=600_000)
    driver.wait(545_000)
    assert driver.logged(log_events.Notice)[0].code == "call_limit_near"
    driver.clear()
    driver.wait(60_000)
    assert "Say goodbye" in items_of(driver.sent)[0]
    driver.answers("Goodbye!")
    assert driver.ended is None
    driver.wait(10_000)
    assert driver.ended == "the call reached its maximum duration"


def test_a_silent_caller_gets_a_goodbye() -> None:
    driver = call(idle_timeout_ms=120_000)
    driver.wait(100_000)
    driver.types("Still here.")
    driver.answers("Good.")
    driver.wait(100_000)
    assert driver.ended is None
    driver.wait(40_000)
    assert driver.ended == "the caller was silent for too long"


@pytest.mark.parametrize("speaks", ["types", "says"])
def test_a_caller_who_speaks_during_the_goodbye_stays(speaks: str) -> None:
    driver = call(idle_timeout_ms=120_000)
    driver.wait(121_000)
    driver.confirms_items()
    driver.response_created()
    item_id = driver.agent_says("Goodbye!", audio_ms=3000)
    driver.response_done()
    driver.wait(1_000)
    driver.reports(item_id, 900)  # listening to the goodbye is not speaking
    driver.clear()
    if speaks == "types":
        driver.types("No, wait!")
    else:
        driver.caller_starts_to_speak()
        driver.caller_stops_speaking()
    assert any("there after all" in item for item in items_of(driver.sent))
    driver.wait(60_000)
    assert driver.ended is None
    driver.wait(120_000)
    assert driver.ended == "the caller was silent for too long"


def test_a_call_that_is_too_short_for_a_warning_ends_without_one() -> None:
    driver = call(max_call_ms=2 * WARNING_MS)
    driver.wait(2 * WARNING_MS)
    assert driver.logged(log_events.Notice) == []
    assert "Say goodbye" in items_of(driver.sent)[0]
