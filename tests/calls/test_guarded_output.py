"""Guardrails: pending, then pass, fail or error. A message that trips one is stopped, and another is requested."""

from __future__ import annotations

from typing import Any

import pytest

from tests.calls.call_driver import CallDriver, call, items_of
from trunkline.calls import log_events
from trunkline.calls.machine import inputs

pytestmark = pytest.mark.pure
GUARDED: dict[str, Any] = {"guardrails": {"host": ["moderation"], "poet": []}}


def guarded(**changes: Any) -> CallDriver:
    """Return a call in which the host has guardrails and has begun to answer."""
    driver = call(**changes)  # the check of the greeting is never answered
    driver.checks.clear()
    driver.types("Tell me about it.")
    driver.confirms_items()
    driver.response_created()
    driver.clear()
    return driver


def outcomes(driver: CallDriver) -> list[str]:
    return [event.status for event in driver.logged(log_events.GuardrailChecked)]


def test_a_message_is_pending_and_passes_once_all_of_it_was_checked() -> None:
    driver = guarded(**GUARDED)
    item_id = driver.agent_says("It is fine.")
    assert outcomes(driver) == ["pending"]
    driver.guardrail_finishes("pass")
    assert [(e.item_id, e.status) for e in driver.logged(log_events.GuardrailChecked)] == [
        (item_id, "pending"),
        (item_id, "pass"),
    ]


def test_a_message_is_checked_a_sentence_at_a_time_while_it_streams() -> None:
    driver = guarded(**GUARDED)
    item_id = driver.agent_says("One sentence. And a", finished=False)
    assert [check.text for check in driver.checks] == ["One sentence."]
    driver.wire("response.output_audio_transcript.delta", item_id=item_id, delta=" second. ")
    assert len(driver.checks) == 1  # one check at a time
    driver.guardrail_finishes("pass")
    assert driver.checks[-1].text == "One sentence. And a second."
    driver.guardrail_finishes("pass")
    assert outcomes(driver) == ["pending"]
    driver.message_done(item_id, "One sentence. And a second. The end.")
    assert driver.checks[-1].text == "One sentence. And a second. The end."
    driver.guardrail_finishes("pass")
    assert outcomes(driver) == ["pending", "pass"]


CHINESE = ["您好，", "这里是银行。", "我保证您会得到", "百分之十的利息。", "请问您", "什么时候方便？"]


def test_a_message_without_spaces_is_stopped_at_its_second_sentence() -> None:
    driver = guarded(**GUARDED)
    item_id = driver.agent_says("".join(CHINESE[:3]), finished=False)
    assert driver.checks[-1].text == "您好，这里是银行。"
    driver.guardrail_finishes("pass")
    for delta in CHINESE[3:5]:
        driver.wire("response.output_audio_transcript.delta", item_id=item_id, delta=delta)
    assert driver.checks[-1].text == "您好，这里是银行。我保证您会得到百分之十的利息。"
    driver.guardrail_finishes("fail")
    assert driver.sent_of("response.cancel")


def test_a_tripped_message_is_cancelled_cleared_truncated_and_requested_again() -> None:
    driver = guarded(**GUARDED)
    item_id = driver.agent_says("You are a fool. And", finished=False)
    driver.wait(400)
    driver.guardrail_finishes("fail", category="OFFENSIVE", rationale="It insults.")
    assert driver.types_sent == ["response.cancel", "conversation.item.create"]
    (note,) = items_of(driver.sent)
    assert note.startswith("system: ")
    assert "OFFENSIVE: It insults." in note
    driver.reports(item_id, 380)
    driver.response_done("cancelled")
    driver.confirms_items()
    assert driver.sent_of("conversation.item.truncate")[0]["audio_end_ms"] == 380
    assert driver.requests == 1
    failed = driver.logged(log_events.GuardrailChecked)[-1]
    assert (failed.status, failed.category, failed.text) == ("fail", "OFFENSIVE", "You are a fool. And")


def test_a_complete_message_is_cleared_when_it_trips() -> None:
    driver = guarded(**GUARDED)
    driver.agent_says("You are a fool.", audio_ms=5000)
    driver.response_done()
    driver.wait(300)
    driver.guardrail_finishes("fail")
    assert driver.logged(log_events.AudioCleared)
    driver.confirms_items()
    driver.wait(300)
    assert driver.requests == 1


def test_a_failing_guardrail_is_an_error_and_never_a_pass() -> None:
    driver = guarded(**GUARDED)
    driver.agent_says("It is fine.")
    driver.guardrail_finishes("error", rationale="TimeoutError")
    assert outcomes(driver) == ["pending", "error"]
    assert driver.sent == []  # the message is played anyway


def test_each_of_two_guardrails_logs_its_result() -> None:
    driver = guarded(guardrails={"host": ["moderation", "length"], "poet": []})
    driver.agent_says("It is fine.")
    driver.guardrail_finishes("error", "length")
    driver.guardrail_finishes("pass", "moderation")
    last = {event.guardrail: event.status for event in driver.logged(log_events.GuardrailChecked)}
    assert last == {"length": "error", "moderation": "pass"}


def came_out(driver: CallDriver) -> dict[str, str]:
    """Return each guardrail's last status, as the page shows it beside the message."""
    return {event.guardrail: event.status for event in driver.logged(log_events.GuardrailChecked)}


TWO: dict[str, Any] = {"guardrails": {"host": ["moderation", "length"], "poet": []}}


def test_a_guardrail_that_passed_a_stopped_message_does_not_stay_pending() -> None:
    driver = guarded(**TWO)
    driver.agent_says("You are a fool.")
    driver.guardrail_finishes("pass", "length")
    driver.guardrail_finishes("fail", "moderation")
    assert came_out(driver) == {"length": "pass", "moderation": "fail"}


def test_an_error_during_the_stream_is_not_a_pass_if_nothing_follows() -> None:
    driver = guarded(**TWO)
    item_id = driver.agent_says("It is fine. ", finished=False)
    driver.guardrail_finishes("error", "length")
    driver.guardrail_finishes("pass", "moderation")
    driver.message_done(item_id, "It is fine.")
    assert came_out(driver) == {"length": "error", "moderation": "pass"}


def test_a_guardrail_with_an_error_during_the_stream_checks_the_whole_message() -> None:
    driver = guarded(**TWO)
    item_id = driver.agent_says("It is fine. ", finished=False)
    driver.guardrail_finishes("error", "length")
    driver.guardrail_finishes("pass", "moderation")
    driver.message_done(item_id, "It is fine. It always was.")
    assert came_out(driver) == {"length": "pending", "moderation": "pending"}
    driver.guardrail_finishes("pass", "length")
    driver.guardrail_finishes("pass", "moderation")
    assert came_out(driver) == {"length": "pass", "moderation": "pass"}


def test_after_a_new_turn_a_tripped_message_is_noted_but_not_requested_again() -> None:
    driver = guarded(**GUARDED)
    driver.agent_says("You are a fool.")
    driver.response_done()
    driver.caller_starts_to_speak()
    driver.clear()
    driver.guardrail_finishes("fail")
    assert driver.types_sent == ["conversation.item.create"]
    driver.confirms_items()
    assert driver.requests == 0


def test_after_too_many_stopped_answers_none_is_requested() -> None:
    driver = guarded(**GUARDED, retries=2)
    for _answer in range(4):
        driver.agent_says("You are a fool.", audio_ms=100)
        driver.response_done()
        driver.guardrail_finishes("fail")
        driver.confirms_items()
        driver.wait(1_000)
        if driver.requests < _answer + 1:
            break
        driver.response_created()
    assert driver.requests == 3  # two retries, and one that only apologises
    assert "Say only" in items_of(driver.sent)[-1]
    assert driver.logged(log_events.CallError)[-1].code == "guardrails_exhausted"


def test_an_agent_without_guardrails_is_not_checked() -> None:
    driver = call()
    driver.types("Hello")
    driver.confirms_items()
    driver.response_created()
    driver.agent_says("Anything at all.")
    assert driver.checks == []


# Holding ------------------------------------------------------------------------------------------------------------
HELD: dict[str, Any] = {**GUARDED, "hold": True}


def held() -> CallDriver:
    """Return a call that holds output back, in which the host has begun to greet."""
    driver = CallDriver(**HELD)
    driver.link_up()
    driver.caller_joins()
    driver.confirms_items()
    driver.response_created()
    driver.clear()
    return driver


def shown(driver: CallDriver) -> str:
    return "".join(event.text for event in driver.logged(log_events.MessageDelta))


def test_nothing_is_shown_or_played_before_it_has_passed() -> None:
    driver = held()
    item_id = driver.agent_says("It is fine.")
    driver.response_done()
    assert (shown(driver), driver.played) == ("", {})
    driver.guardrail_finishes("pass")
    assert shown(driver) == "It is fine."
    assert driver.played == {item_id: 1000}
    assert driver.logged(log_events.MessageDone)[-1].status == "completed"
    assert driver.logged(log_events.AudioDone)


def test_a_sentence_is_shown_when_it_has_passed_and_played_when_the_next_has() -> None:
    driver = held()
    item_id = driver.agent_says("One. ", audio_ms=100, finished=False)
    driver.guardrail_finishes("pass")
    assert shown(driver) == "One."
    driver.wire("response.output_audio_transcript.delta", item_id=item_id, delta="Two. ")
    driver.audio(item_id, 200)
    assert driver.played == {}
    driver.guardrail_finishes("pass")
    driver.wire("response.output_audio_transcript.delta", item_id=item_id, delta="Three. ")
    driver.guardrail_finishes("pass")
    assert driver.played == {item_id: 100}


def test_a_held_message_without_spaces_is_shown_a_sentence_at_a_time() -> None:
    driver = held()
    item_id = driver.agent_says("".join(CHINESE[:3]), audio_ms=100, finished=False)
    driver.guardrail_finishes("pass")
    assert shown(driver) == "您好，这里是银行。"
    driver.wire("response.output_audio_transcript.delta", item_id=item_id, delta="".join(CHINESE[3:5]))
    driver.guardrail_finishes("pass")
    assert shown(driver) == "您好，这里是银行。我保证您会得到百分之十的利息。"
    driver.wire("response.output_audio_transcript.delta", item_id=item_id, delta=f"{CHINESE[5]}好")
    driver.guardrail_finishes("pass")
    assert driver.played == {item_id: 100}


@pytest.mark.parametrize("status", ["fail", "error"])
def test_output_that_does_not_pass_is_never_shown_or_played(status: Any) -> None:
    driver = held()
    item_id = driver.agent_says("You are a fool.")
    driver.guardrail_finishes(status, rationale="no")
    driver.response_done("cancelled")
    driver.confirms_items()
    driver.wait(1_000)
    assert (shown(driver), driver.played) == ("", {})
    assert driver.said(item_id) == ""
    assert driver.logged(log_events.GuardrailChecked)[-1].text is None
    assert driver.sent_of("conversation.item.truncate")[0]["audio_end_ms"] == 0
    assert driver.requests == 1


def test_wire_events_in_the_log_are_redacted() -> None:
    driver = held()
    driver.agent_says("You are a fool.")
    driver.response_done("completed", output=[{"type": "message", "content": [{"transcript": "You are a fool."}]}])
    assert not [event for event in driver.logged(log_events.WireReceived) if "fool" in str(event.event)]


def test_output_held_back_during_an_interruption_is_never_played() -> None:
    driver = held()
    driver.agent_says("One. Two. ", audio_ms=500, finished=False)
    driver.interrupts()
    driver.guardrail_finishes("pass")
    assert driver.played == {}
    assert driver.sent_of("conversation.item.truncate")[0]["audio_end_ms"] == 0


@pytest.mark.parametrize("ends", ["interrupted", "hung up"])
def test_the_released_part_of_an_unfinished_message_has_passed(ends: str) -> None:
    driver = held()
    driver.agent_says("One. ", audio_ms=500, finished=False)
    driver.guardrail_finishes("pass")
    assert came_out(driver) == {"moderation": "pending"}
    if ends == "interrupted":
        driver.interrupts()
    else:
        driver.hangs_up()
    assert came_out(driver) == {"moderation": "pass"}


def test_two_messages_are_played_in_order() -> None:
    driver = held()
    first = driver.agent_says("First.", audio_ms=100)
    checks = list(driver.checks)
    second = driver.agent_says("Second.", audio_ms=200)
    driver.guardrail_finishes("pass")
    assert driver.played == {}
    driver.feed(inputs.GuardrailFinished(first, checks[0].check_id, "moderation", "pass"))
    assert [event.item_id for event in driver.logged(log_events.AudioStarted)] == [first, second]


def test_a_response_that_fails_before_its_audio_is_complete_does_not_block_the_next() -> None:
    driver = held()
    broken = driver.agent_says("One. Two", audio_ms=100, finished=False)
    driver.response_done("failed")
    driver.guardrail_finishes("pass")
    driver.guardrail_finishes("pass")
    assert shown(driver) == "One. Two"
    driver.response_created()
    driver.agent_says("Again.", audio_ms=200)
    driver.response_done()
    driver.guardrail_finishes("pass")
    assert shown(driver) == "One. TwoAgain."
    assert driver.logged(log_events.AudioDone)[0].item_id == broken


def test_words_of_a_message_that_was_stopped_are_not_shown() -> None:
    driver = guarded(**GUARDED)
    item_id = driver.agent_says("One sentence. And a", finished=False)
    driver.guardrail_finishes("fail")
    driver.clear()
    driver.wire("response.output_audio_transcript.delta", item_id=item_id, delta=" second.")
    assert driver.logged(log_events.MessageDelta) == []


@pytest.mark.parametrize(
    ("item_id", "check_id", "guardrail"),
    [("msg_unknown", None, "moderation"), (None, 99, "moderation"), (None, None, "length")],
)
def test_a_result_that_nobody_waits_for_is_ignored(item_id: str | None, check_id: int | None, guardrail: str) -> None:
    driver = guarded(**GUARDED)
    driver.agent_says("It is fine.")
    check = driver.checks[-1]
    found = inputs.GuardrailFinished(item_id or check.item_id, check_id or check.check_id, guardrail, "fail")
    driver.feed(found)
    assert outcomes(driver) == ["pending"]


def test_a_check_that_the_end_of_the_call_cuts_off_is_never_a_pass() -> None:
    driver = guarded(**GUARDED)
    driver.agent_says("It is fine.")
    driver.clear()
    driver.hangs_up()
    assert [(event.status, event.rationale) for event in driver.logged(log_events.GuardrailChecked)][-1] == (
        "error",
        "the call ended before it was checked",
    )


def test_only_the_words_of_a_held_answer_are_redacted_in_its_events() -> None:
    driver = guarded(hold=True, **GUARDED)
    item = {"id": "msg_1", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi."}]}
    driver.wire("response.output_item.done", output_index=0, item=item)
    logged = driver.logged(log_events.WireReceived)[-1].event
    assert (logged["output_index"], logged["item"]["id"]) == (0, "msg_1")
    assert "Hi." not in str(logged)
