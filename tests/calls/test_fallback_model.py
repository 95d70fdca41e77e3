"""The fallback model takes over after two failures in a row, in a new session, until the call ends."""

from __future__ import annotations

from typing import Any

import pytest

from tests.calls.call_driver import CallDriver, asked_something, call
from tests.calls.webrtc_driver import webrtc_call
from trunkline.calls import log_events
from trunkline.calls.machine import effects

pytestmark = pytest.mark.pure
SERVER_ERROR = {"type": "server_error", "message": "The server had an error."}
NO_QUOTA = {"type": "insufficient_quota", "code": "insufficient_quota", "message": "You exceeded your current quota."}


def backed_call(**changes: Any) -> CallDriver:
    return call(**{"fallback_model": "second", **changes})


def fails(driver: CallDriver, error: dict[str, str] = SERVER_ERROR) -> None:
    driver.response_done("failed", status_details={"type": "failed", "error": error})


def fails_again(driver: CallDriver) -> None:
    """Let the retry of a failed response fail too."""
    driver.wait(1_000)
    driver.response_created()
    fails(driver)


def models(driver: CallDriver) -> list[str]:
    """Return the models that the call has changed to."""
    emitted = [effect for _given, _at, all_effects in driver.history for effect in all_effects]
    return [effect.model for effect in emitted if isinstance(effect, effects.ChangeModel)]


def test_one_failed_response_is_retried_with_the_same_model() -> None:
    driver = backed_call()
    asked_something(driver)
    fails(driver)
    driver.wait(1_000)
    assert driver.requests == 1
    assert models(driver) == []


def test_the_second_failed_response_in_a_row_changes_the_model() -> None:
    driver = backed_call()
    asked_something(driver)
    fails(driver)
    fails_again(driver)
    assert models(driver) == ["second"]
    assert [renewal.make_before_break for renewal in driver.renewals] == [False]
    [changed] = driver.logged(log_events.ModelChanged)
    assert (changed.model, changed.previous) == ("second", "test-model")
    driver.clear()
    driver.link_lost(retry_in_ms=0)
    driver.link_up()
    assert driver.requests == 1


def test_an_answer_in_between_starts_the_count_again() -> None:
    driver = backed_call()
    for _turn in range(3):
        asked_something(driver)
        fails(driver)
        driver.wait(1_000)
        driver.answers("Here it is.")
    assert models(driver) == []


def test_a_failure_that_no_retry_helps_changes_the_model_at_once() -> None:
    driver = backed_call()
    asked_something(driver)
    fails(driver, NO_QUOTA)
    assert models(driver) == ["second"]
    assert len(driver.renewals) == 1


def test_a_model_that_stalls_after_a_failure_is_changed() -> None:
    driver = backed_call()
    asked_something(driver)
    fails(driver)
    driver.wait(1_000)
    driver.response_created()
    driver.wait(driver.machine.plan.stall_timeout_ms)
    assert models(driver) == ["second"]
    assert len(driver.renewals) == 1


def test_a_model_that_gives_no_answer_twice_is_changed() -> None:
    driver = backed_call()
    asked_something(driver)
    driver.response_done()
    driver.response_created()
    driver.response_done()
    assert models(driver) == ["second"]
    driver.link_lost(retry_in_ms=0)
    driver.clear()
    driver.link_up()
    assert driver.requests == 1


def test_the_fallback_model_stays_and_is_retried_like_the_first() -> None:
    driver = backed_call()
    asked_something(driver)
    fails(driver)
    fails_again(driver)
    driver.link_lost(retry_in_ms=0)
    driver.link_up()
    driver.response_created()
    fails(driver)
    fails_again(driver)
    assert models(driver) == ["second"]
    assert len(driver.renewals) == 2


def test_without_a_fallback_model_nothing_changes() -> None:
    driver = backed_call(fallback_model=None)
    asked_something(driver)
    fails(driver)
    fails_again(driver)
    assert models(driver) == []
    assert driver.logged(log_events.ModelChanged) == []


# Connections --------------------------------------------------------------------------------------------------------
def test_two_refused_connections_in_a_row_change_the_model() -> None:
    driver = CallDriver(fallback_model="second")
    driver.caller_joins()
    driver.link_refused()
    assert models(driver) == []
    driver.link_refused()
    assert models(driver) == ["second"]
    assert len(driver.renewals) == 1  # the link does not wait any longer
    assert driver.ended is None
    driver.link_up()
    assert driver.requests == 1


def test_a_deployment_that_does_not_exist_changes_the_model_at_once() -> None:
    driver = CallDriver(fallback_model="second")
    driver.caller_joins()
    driver.link_refused(404, retry_in_ms=None)
    assert models(driver) == ["second"]
    assert (driver.ended, len(driver.renewals)) == (None, 1)
    [lost] = driver.logged(log_events.LinkLost)
    assert lost.retry_in_ms == 0


def test_a_fallback_model_that_does_not_exist_either_ends_the_call() -> None:
    driver = CallDriver(fallback_model="second")
    driver.caller_joins()
    driver.link_refused(404, retry_in_ms=None)
    driver.link_refused(404, retry_in_ms=None)
    assert driver.ended == "the model cannot be reached"


@pytest.mark.parametrize("code", [401, 403])
def test_a_refused_key_is_no_reason_for_another_model(code: int) -> None:
    driver = CallDriver(fallback_model="second")
    driver.caller_joins()
    driver.link_refused(code, retry_in_ms=None)
    assert models(driver) == []
    assert driver.ended == "the model cannot be reached"


def test_a_service_that_cannot_be_reached_keeps_the_model() -> None:
    driver = backed_call()
    driver.link_lost()
    for _try in range(5):
        driver.link_refused(None)
    assert models(driver) == []


def test_two_sessions_lost_during_an_answer_change_the_model() -> None:
    driver = backed_call()
    asked_something(driver)
    driver.link_lost()
    driver.link_up()
    driver.response_created()
    assert models(driver) == []
    driver.link_lost()
    assert models(driver) == ["second"]
    driver.clear()
    driver.link_up()
    assert driver.requests == 1


def test_an_answer_between_two_lost_sessions_starts_the_count_again() -> None:
    driver = backed_call()
    for _turn in range(3):
        asked_something(driver)
        driver.link_lost()
        driver.link_up()
        driver.answers("Here it is.")
    assert models(driver) == []


def test_sessions_lost_while_nobody_waits_keep_the_model() -> None:
    driver = backed_call()
    for _time in range(3):
        driver.link_lost()
        driver.link_up()
    assert models(driver) == []


def test_a_failed_response_and_a_refused_connection_change_the_model() -> None:
    driver = backed_call()
    asked_something(driver)
    fails(driver)
    driver.link_lost(retry_in_ms=0)
    driver.link_refused()
    assert models(driver) == ["second"]


def test_a_session_that_the_call_gives_up_by_itself_does_not_count() -> None:
    driver = backed_call()
    asked_something(driver)
    driver.link_lost(retry_in_ms=0)
    driver.link_up()
    driver.response_created()
    driver.link_lost(retry_in_ms=0)
    assert models(driver) == []


def test_a_sideband_that_drops_keeps_the_model() -> None:
    driver = webrtc_call(fallback_model="second")
    for _time in range(3):
        driver.sideband_cut()
        driver.sideband_back()
    assert models(driver) == []
