"""Response retry: failed responses, the content filter, and errors that no retry can fix."""

from __future__ import annotations

from typing import Any

import pytest

from tests.calls.call_driver import CallDriver, asked_something, call, items_of
from trunkline.calls import log_events

pytestmark = pytest.mark.pure
HOUR = 3_600_000.0


def fails(driver: CallDriver, **error: Any) -> None:
    driver.response_done("failed", status_details={"type": "failed", "error": error})


def test_a_session_that_only_fails_is_renewed_and_the_response_requested_again() -> None:
    driver = call()
    asked_something(driver)
    fails(driver, type="server_error", message="The server had an error.")
    assert driver.renewals == []
    driver.wait(1_000)
    assert driver.requests == 1
    driver.response_created()
    driver.clear()
    fails(driver, type="server_error", message="The server had an error.")
    assert [renewal.make_before_break for renewal in driver.renewals] == [False]
    assert driver.requests == 0  # not in the session that fails
    driver.link_lost(retry_in_ms=0)
    driver.link_up()
    assert driver.requests == 1


def test_the_model_rephrases_an_answer_that_the_content_filter_stopped() -> None:
    driver = call()
    asked_something(driver)
    driver.response_done("incomplete", status_details={"type": "incomplete", "reason": "content_filter"})
    assert "content filter" in items_of(driver.sent)[0]
    driver.confirms_items()
    assert driver.requests == 1


def test_a_missing_quota_is_logged_and_not_retried() -> None:
    driver = call()
    asked_something(driver)
    fails(driver, type="insufficient_quota", code="insufficient_quota", message="You exceeded your current quota.")
    driver.wait(60_000)
    assert driver.requests == 0
    (error,) = driver.logged(log_events.CallError)
    assert error.hint
