"""The error policy: retry, renew the session, continue, or give up."""

from __future__ import annotations

from typing import Any

import pytest

from trunkline.providers.error_policy import MAX_CONSECUTIVE_FAILURES, ErrorPolicy, Recovery, classify, classify_close

RETRY, RENEW, CONTINUE, GIVE_UP = (
    Recovery.RETRY,
    Recovery.RENEW_SESSION,
    Recovery.CONTINUE,
    Recovery.GIVE_UP,
)


def failed(code: str = "server_error", message: str = "The server had an error.", *, kind: str = "") -> dict[str, Any]:
    """A response that failed."""
    details = {"type": "failed", "error": {"type": kind or code, "code": code, "message": message}}
    return {"type": "response.done", "response": {"id": "resp_1", "status": "failed", "status_details": details}}


def error(code: str | None, message: str = "No.", *, kind: str = "invalid_request_error") -> dict[str, Any]:
    """An error event."""
    return {"type": "error", "error": {"type": kind, "code": code, "message": message, "event_id": "event_9"}}


def completed() -> dict[str, Any]:
    return {"type": "response.done", "response": {"id": "resp_2", "status": "completed"}}


@pytest.mark.parametrize("status", ["completed", "cancelled"])
def test_a_completed_or_cancelled_response_is_not_a_fault(status: str) -> None:
    assert classify({"type": "response.done", "response": {"id": "resp_1", "status": status}}) is None
    assert classify({"type": "session.updated", "session": {}}) is None


@pytest.mark.parametrize(
    ("event", "recovery", "code"),
    [
        (failed("server_error"), RETRY, "server_error"),
        (failed("rate_limit_exceeded"), RETRY, "rate_limit_exceeded"),
        (failed("something_new"), RETRY, "something_new"),
        (failed("rehearsal_failed", kind="server_error"), CONTINUE, "rehearsal_failed"),
        (failed("connection_error", kind="server_error"), CONTINUE, "connection_error"),
        (failed("request_refused", kind="server_error"), CONTINUE, "request_refused"),
        (failed("invalid_api_key", kind="server_error"), CONTINUE, "invalid_api_key"),
        (failed("insufficient_quota"), GIVE_UP, "insufficient_quota"),
        (failed("content_filter"), CONTINUE, "content_filter"),
        (failed("invalid_value", kind="invalid_request_error"), CONTINUE, "invalid_value"),
        (error(None, kind="server_error"), RETRY, "server_error"),
        (error("session_expired"), RENEW, "session_expired"),
        (error("unknown_parameter"), CONTINUE, "unknown_parameter"),
        (error("DeploymentNotFound"), GIVE_UP, "DeploymentNotFound"),
    ],
)
def test_each_failure_has_its_treatment(event: dict[str, Any], recovery: Recovery, code: str) -> None:
    fault = classify(event)
    assert fault is not None
    assert (fault.recovery, fault.code) == (recovery, code)


@pytest.mark.parametrize(
    ("reason", "hint"), [("content_filter", "content filter"), ("max_output_tokens", "shorter answers")]
)
def test_an_answer_that_was_broken_off_is_not_asked_for_again_in_the_same_words(reason: str, hint: str) -> None:
    response = {"id": "resp_1", "status": "incomplete", "status_details": {"type": "incomplete", "reason": reason}}
    fault = classify({"type": "response.done", "response": response})
    assert fault is not None
    assert (fault.recovery, fault.code, fault.response_id) == (CONTINUE, reason, "resp_1")
    assert hint in (fault.hint or "")


def test_the_refused_event_is_named() -> None:
    refused, broken = classify(error("unknown_parameter")), classify(failed())
    assert refused is not None
    assert refused.event_id == "event_9"
    assert broken is not None
    assert broken.response_id == "resp_1"


@pytest.mark.parametrize(
    ("message", "pause_s"),
    [
        ("Rate limit reached. Please try again in 1.5s.", 1.5),
        ("Rate limit reached. Please try again in 350ms.", 0.35),
        ("Requests have exceeded the limit. Please retry after 20 seconds.", 20.0),
        ("Please try again in 2m.", 60.0),
        ("Slow down.", 0.0),
    ],
)
def test_the_pause_that_the_service_asks_for_is_kept(message: str, pause_s: float) -> None:
    fault = classify(failed("rate_limit_exceeded", message))
    assert fault is not None
    assert fault.retry_after_s == pytest.approx(pause_s)


@pytest.mark.parametrize("code", ["DeploymentNotFound", None])
def test_a_missing_transcription_deployment_is_reported_with_its_fix(code: str | None) -> None:
    message = "Deployment not found: the API deployment for this resource does not exist."
    fault = classify(
        {
            "type": "conversation.item.input_audio_transcription.failed",
            "error": {"type": "invalid_request_error", "code": code, "message": message},
        }
    )
    assert fault is not None
    assert (fault.recovery, fault.code) == (CONTINUE, "transcription_not_deployed")
    assert "AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT" in (fault.hint or "")


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error"},
        {"type": "error", "error": "no"},
        {"type": "error", "error": {"type": 7, "code": [], "message": None}},
        {"type": "response.done"},
        {"type": "response.done", "response": {"status": "failed", "status_details": "none"}},
        {"type": "response.done", "response": {"status": ["failed"]}},
        {"type": "conversation.item.input_audio_transcription.failed", "error": None},
        {"type": 3},
        {},
    ],
)
def test_malformed_events_are_classified_all_the_same(event: dict[str, Any]) -> None:
    fault = ErrorPolicy().on_event(event)
    assert fault is None or fault.message


@pytest.mark.parametrize(
    ("code", "reason", "recovery"),
    [
        (None, "the connection broke", RENEW),
        (1000, "", RENEW),
        (1001, "Your session hit the maximum duration of 60 minutes.", RENEW),
        (1006, "", RENEW),
        (1009, "message too big", RENEW),
        (1011, "The server had an error while processing your request", RENEW),
        (1013, "try again later", RENEW),
        (1008, "Unauthorized", GIVE_UP),
        (3000, "invalid_request_error.invalid_api_key", GIVE_UP),
        (3000, "invalid_request_error.session_expired", RENEW),
        (3000, "insufficient_quota", GIVE_UP),
        (4001, "rate limit reached, try again in 3s", RENEW),
    ],
)
def test_the_end_of_a_connection_has_its_treatment(code: int | None, reason: str, recovery: Recovery) -> None:
    assert classify_close(code, reason).recovery is recovery


def test_a_close_for_the_rate_limit_says_how_long_to_wait() -> None:
    assert classify_close(4001, "rate limit reached, try again in 3s").retry_after_s == 3.0
    assert classify_close(1013).retry_after_s == 1.0


# In a row -----------------------------------------------------------------------------------------------------------
def treatments(faults: ErrorPolicy, *events: dict[str, Any]) -> list[Recovery]:
    return [fault.recovery for event in events if (fault := faults.on_event(event))]


def test_a_session_that_fails_twice_in_a_row_is_given_up_for_another() -> None:
    assert treatments(ErrorPolicy(), failed(), failed()) == [RETRY, RENEW]


def test_an_answer_between_two_failures_makes_the_second_the_first_again() -> None:
    assert treatments(ErrorPolicy(), failed(), completed(), failed()) == [RETRY, RETRY]


def test_another_session_is_given_two_tries_of_its_own() -> None:
    faults = ErrorPolicy()
    assert treatments(faults, failed(), failed()) == [RETRY, RENEW]
    faults.on_session_opened()
    assert treatments(faults, failed(), failed()) == [RETRY, RENEW]


def test_rate_limits_do_not_call_for_another_session() -> None:
    assert treatments(ErrorPolicy(), *[failed("rate_limit_exceeded")] * 4) == [RETRY] * 4


def test_pauses_grow_where_the_service_does_not_say_how_long() -> None:
    faults = ErrorPolicy()
    pauses = [fault.retry_after_s for _ in range(4) if (fault := faults.on_event(failed("rate_limit_exceeded")))]
    assert pauses == [0.5, 1.0, 2.0, 4.0]


def test_repeated_failures_end_the_call() -> None:
    faults = ErrorPolicy()
    for _ in range(MAX_CONSECUTIVE_FAILURES):
        faults.on_session_opened()
        assert treatments(faults, failed()) != [GIVE_UP]
    assert treatments(faults, failed()) == [GIVE_UP]


def test_a_fault_that_continues_is_not_counted() -> None:
    faults = ErrorPolicy()
    assert treatments(faults, *[error("unknown_parameter")] * 9, failed()) == [CONTINUE] * 9 + [RETRY]
