"""Events of the service, valid and malformed: no event breaks a call, and some invariants always hold."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.calls.call_driver import CallDriver, call
from trunkline.calls import commands, log, log_events
from trunkline.calls.machine import inputs
from trunkline.calls.machine.machine import CallMachine
from trunkline.calls.machine.model_events import HANDLED_TYPES
from trunkline.providers.error_policy import MAX_CONSECUTIVE_FAILURES, MAX_PAUSE_S
from trunkline.realtime.events import NewId

pytestmark = pytest.mark.pure
KNOWN = sorted(HANDLED_TYPES)


def test_every_event_is_logged_unchanged() -> None:
    driver = call()
    driver.wire("something.new", event_id="event_1", more={"and": "more"})
    assert driver.events == [
        log_events.WireReceived(event={"type": "something.new", "event_id": "event_1", "more": {"and": "more"}})
    ]


def test_sent_events_are_logged() -> None:
    driver = call()
    driver.types("Hello?")
    assert [event.event for event in driver.logged(log_events.WireSent)] == driver.sent


@pytest.mark.parametrize("kind", KNOWN)
@pytest.mark.parametrize("fields", [{}, {"item": None, "response": None}, {"item_id": 5, "response": {"id": None}}])
def test_a_malformed_event_is_ignored(kind: str, fields: dict[str, Any]) -> None:
    driver = call()
    driver.wire(kind, **fields)
    driver.clear()
    driver.types("Are you there?")
    driver.confirms_items()
    driver.wait(250)
    assert driver.requests == 1


def test_a_malformed_event_is_logged_as_an_error() -> None:
    driver = call()
    driver.wire("response.created")
    (error,) = driver.logged(log_events.CallError)
    assert error.code == "malformed_event"
    assert "response.created" in error.message


def test_a_rate_limited_response_is_requested_again_later() -> None:
    driver = call()
    driver.types("Hello?")
    driver.confirms_items()
    driver.response_created()
    error = {"type": "tokens", "code": "rate_limit_exceeded", "message": "Rate limit reached"}
    driver.response_done("failed", status_details={"type": "failed", "error": error})
    (logged,) = driver.logged(log_events.CallError)
    assert (logged.message, logged.code, logged.source) == ("Rate limit reached", "rate_limit_exceeded", "provider")
    assert driver.requests == 1
    driver.wait(MAX_PAUSE_S * 1000)
    assert driver.requests == 2


def test_a_response_that_keeps_failing_is_given_up() -> None:
    driver = call()
    driver.types("Hello?")
    driver.confirms_items()
    error = {"type": "tokens", "code": "rate_limit_exceeded", "message": "Something broke."}
    for asked in range(1, 20):
        if driver.requests < asked:
            break
        driver.response_created()
        driver.response_done("failed", status_details={"type": "failed", "error": error})
        driver.wait(MAX_PAUSE_S * 1000)
    assert driver.requests == 1 + MAX_CONSECUTIVE_FAILURES
    driver.types("Again?")
    assert driver.requests == 2 + MAX_CONSECUTIVE_FAILURES


def test_an_incomplete_response_is_logged_with_its_reason() -> None:
    driver = call()
    driver.response_created()
    driver.response_done("incomplete", status_details={"type": "incomplete", "reason": "content_filter"})
    assert driver.logged(log_events.CallError)[0].code == "content_filter"


def test_every_message_is_closed_when_its_response_is_over() -> None:
    driver = call()
    driver.response_created()
    item_id = driver.agent_says("And then", finished=False)
    driver.response_done("failed")
    (done,) = driver.logged(log_events.MessageDone)
    assert done == log_events.MessageDone(item_id=item_id, role="assistant", text="And then", status="interrupted")


def test_a_refusal_because_of_an_active_response_is_not_logged_as_an_error() -> None:
    driver = call()
    driver.types("Hello?")
    driver.response_created()
    driver.refuses_request()
    assert driver.logged(log_events.CallError) == []


def test_a_refused_request_is_repeated_once_if_nothing_has_answered_it() -> None:
    driver = call()
    driver.types("Hello?")
    driver.response_created()  # the service's own, which began before the text arrived
    driver.refuses_request()
    driver.refuses_request()
    driver.confirms_items()
    driver.response_done()
    assert driver.requests == 2


def test_a_refused_request_waits_for_the_end_of_an_unannounced_response() -> None:
    driver = call()
    driver.types("Hello?")
    driver.confirms_items()
    driver.refuses_request()
    assert driver.requests == 1
    driver.wire("response.done", response={"id": "resp_ghost", "status": "completed"})
    assert driver.requests == 2


def test_a_failed_request_is_not_repeated_but_the_next_one_is_sent() -> None:
    driver = call()
    driver.types("Hello?")
    driver.confirms_items()
    event_id = driver.sent_of("response.create")[0]["event_id"]
    driver.wire("error", error={"code": "quota", "message": "No more.", "event_id": event_id})
    assert driver.requests == 1
    assert driver.logged(log_events.CallError)[0].message == "No more."
    driver.types("Please!")
    assert driver.requests == 2


def test_a_failed_request_does_not_drop_a_later_one() -> None:
    driver = call()
    driver.types("Hello?")
    driver.confirms_items()
    event_id = driver.sent_of("response.create")[0]["event_id"]
    driver.types("Please!")
    driver.wire("error", error={"code": "quota", "message": "No more.", "event_id": event_id})
    assert driver.requests == 2


def test_a_cancel_after_the_response_is_not_logged_as_an_error() -> None:
    driver = call()
    driver.wire("error", error={"code": "response_cancel_not_active", "message": "no active response"})
    assert driver.logged(log_events.CallError) == []


def test_audio_events_are_not_logged() -> None:
    driver = call()
    driver.wire("response.output_audio.delta", item_id="m", delta="not base64!")
    assert driver.events == []


def test_the_start_and_end_of_audio_are_logged() -> None:
    driver = call()
    driver.response_created()
    item_id = driver.agent_says("Hello.", audio_ms=500)
    assert driver.logged(log_events.AudioStarted, log_events.AudioDone) == [
        log_events.AudioStarted(item_id=item_id),
        log_events.AudioDone(item_id=item_id, ms=500),
    ]


COMMANDS = [
    commands.PushToTalk(True), commands.PushToTalk(False), commands.Press(), commands.Release(), commands.Dtmf("1#"),
    commands.Voice(speed=1.2), commands.Approve("a", True),
]  # fmt: skip


# Any events, in any order --------------------------------------------------------------------------------------------
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
ids = st.sampled_from(["a", "b", "c"])
anything = st.recursive(
    scalars | ids,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["id", "type", "text"]), inner),
    max_leaves=4,
)
odd = st.one_of(ids, anything)
items = st.fixed_dictionaries(
    {"id": odd, "type": st.sampled_from(["message", "function_call", "?"])},
    optional={
        "role": st.sampled_from(["user", "assistant", "system", 3]),
        "status": st.sampled_from(["completed", "incomplete", None]),
        "content": st.lists(st.fixed_dictionaries({"text": odd, "type": odd}), max_size=2) | anything,
        "call_id": odd,
        "name": st.sampled_from(["weather", "transfer_to_poet", "transfer_to_host", "nothing", 5]),
        "arguments": odd,
    },
)
responses = st.fixed_dictionaries(
    {"id": odd}, optional={"status": st.sampled_from(["completed", "failed", "incomplete", 4]), "status_details": odd}
)
wire_events = st.fixed_dictionaries(
    {"type": st.sampled_from(KNOWN)},
    optional={
        "item_id": odd,
        "item": items | anything,
        "response": responses | anything,
        "delta": odd,
        "transcript": odd,
        "previous_item_id": odd,
        "audio_start_ms": odd,
        "audio_end_ms": odd,
        "error": st.fixed_dictionaries({"code": odd, "event_id": odd, "message": odd}) | anything,
    },
)
random_inputs = st.one_of(
    wire_events.map(lambda event: ("wire", event)),
    st.tuples(st.just("audio"), ids, st.sampled_from([20.0, 500.0])),
    st.sampled_from(["link_up", "link_lost", "caller_joins", "caller_leaves", "interrupts", "configure", "fail"]).map(
        lambda name: (name,)
    ),
    st.just(("types", "hello")),
    st.tuples(st.just("reports"), ids, st.integers(0, 2000)),
    st.tuples(st.just("wait"), st.sampled_from([10, 250, 5000])),
    st.tuples(st.just("tool"), st.integers(0, 3)),
    st.sampled_from([("checked", "pass", "moderation"), ("checked", "pass", "length")]),
    st.tuples(
        st.just("checked"), st.sampled_from(["pass", "fail", "error"]), st.sampled_from(["moderation", "length"])
    ),
    st.sampled_from(COMMANDS).map(lambda command: ("commands", command)),
    st.just(("agent_says", "One. Two. Three")),
    st.just(("renewed",)),
    st.just(("created", "a")),
    st.just(("done", "a")),
)


Story = list[tuple[Any, ...]]
stories = st.lists(random_inputs, max_size=40)
watching = st.sampled_from(["unguarded", "guarded", "held"])


def changes(watched: str) -> dict[str, Any]:
    """Return the fields of a plan in which agents are guarded as `watched` says."""
    guardrails = {"host": ["moderation", "length"], "poet": []} if watched != "unguarded" else {}
    limits = {"idle_timeout_ms": 20_000, "session_limit_ms": 30_000}
    return {"guardrails": guardrails, "hold": watched == "held", **limits}


def play(driver: CallDriver, story: Story, look: Callable[[], None] = lambda: None) -> None:
    """Feed a story to a driver, up to the end of the call; `look` is called after each input."""
    there = {"link": False, "caller": False}
    for name, *rest in [("link_up",), ("configure",), ("caller_joins",), *story]:
        if name.startswith(("link", "caller")):
            comes_or_goes(driver, there, name)
        elif name in ("wire", "audio", "created", "done", "agent_says", "renewed"):
            if there["link"]:
                from_the_model(driver, name, rest)
        elif there["caller"] or name not in ("types", "interrupts", "reports", "commands"):
            something_else(driver, name, rest)
        look()
    driver.feed(inputs.StopRequested("the end"))


@settings(max_examples=400, deadline=None)
@given(stories, watching)
def test_the_invariants_hold_for_any_story(story: Story, watched: str) -> None:
    driver = CallDriver(configures=False, **changes(watched))
    watch = Watch(driver)
    play(driver, story, watch.look)
    watch.at_the_end()


@settings(max_examples=200, deadline=None)
@given(stories, watching)
def test_the_same_inputs_give_the_same_effects(story: Story, watched: str) -> None:
    driver = CallDriver(configures=False, ids=counted_ids(), **changes(watched))
    play(driver, story)
    again = CallMachine(driver.machine.plan, counted_ids())
    again.begin(0.0)
    for given_input, now_ms, emitted in driver.history:
        assert again.step(given_input, now_ms) == emitted


def counted_ids() -> NewId:
    """Return a source of ids that counts."""
    numbers = itertools.count(1)
    return lambda prefix: f"{prefix}_{next(numbers)}"


def comes_or_goes(driver: CallDriver, there: dict[str, bool], name: str) -> None:
    side, _, how = name.partition("_")
    comes = how in ("up", "joins")
    if there[side] != comes:
        there[side] = comes
        getattr(driver, name)()


def something_else(driver: CallDriver, name: str, rest: list[Any]) -> None:
    if name == "configure" and driver.configuring:
        driver.configured()
    elif name == "fail" and driver.configuring:
        driver.configuration_fails()
    elif name == "tool" and driver.tools:
        driver.tool_finishes(sorted(driver.tools)[rest[0] % len(driver.tools)])
    elif name == "checked" and driver.checks:
        driver.guardrail_finishes(*rest)
    elif name in ("types", "interrupts", "reports", "wait", "commands"):
        getattr(driver, name)(*rest)


def from_the_model(driver: CallDriver, name: str, rest: list[Any]) -> None:
    if name == "wire":
        # Only values that JSON can hold: the link has decoded them.
        driver.feed(inputs.WireEventReceived(msgspec.json.decode(msgspec.json.encode(rest[0]))))
    elif name == "audio":
        driver.audio(rest[0], rest[1])
    elif name == "agent_says":
        driver.agent_says(rest[0])
    elif name == "renewed":
        if driver.renewals:
            driver.renewals.clear()
            driver.feed(inputs.LinkOpened(renewed=True))
    elif name == "created":
        driver.wire("response.created", response={"id": rest[0]})
    else:
        driver.wire("response.done", response={"id": rest[0], "status": "completed"})


class Watch:
    """Checker of the invariants over the whole log of a driver's call."""

    def __init__(self, driver: CallDriver) -> None:
        self.driver = driver
        self._seen = 0
        self._open_request: str | None = None

    def look(self) -> None:
        """Check that requests alternate with ends, refusals or new links, and that every event encodes."""
        for event in self.driver.events[self._seen :]:
            log.frame_of(event, 1, 1)
            if isinstance(event, log_events.WireSent) and event.event["type"] == "response.create":
                assert self._open_request is None, "two responses were asked for at once"
                self._open_request = event.event["event_id"]
            elif isinstance(event, log_events.LinkLost | log_events.LinkRolledOver) or (
                isinstance(event, log_events.WireReceived) and event.event["type"] in ("response.done", "error")
            ):
                self._open_request = None
        self._seen = len(self.driver.events)

    def at_the_end(self) -> None:
        """Check that `call.ended` is last, and that every tool, message and guardrail that began has ended once."""
        self.look()
        events = self.driver.events
        assert isinstance(events[-1], log_events.CallEnded)
        assert sum(isinstance(event, log_events.CallEnded) for event in events) == 1
        started = [event.call_id for event in events if isinstance(event, log_events.ToolStarted)]
        done = [event.call_id for event in events if isinstance(event, log_events.ToolDone)]
        assert sorted(started) == sorted(done)
        assert len(set(started)) == len(started)
        added = {event.item_id for event in events if isinstance(event, log_events.MessageAdded)}
        assert added == {event.item_id for event in events if isinstance(event, log_events.MessageDone)}
        looks: dict[tuple[str, str], list[str]] = {}
        for event in events:
            if isinstance(event, log_events.GuardrailChecked):
                looks.setdefault((event.item_id, event.guardrail), []).append(event.status)
        for statuses in looks.values():
            assert [status == "pending" for status in statuses] == [True, False] * (len(statuses) // 2), statuses
        passed = {e.item_id for e in events if isinstance(e, log_events.GuardrailChecked) and e.status == "pass"}
        assert passed <= {check.item_id for check in self.driver.checks}
        speech = [event for event in events if isinstance(event, log_events.SpeechStarted | log_events.SpeechStopped)]
        assert all(
            isinstance(event, log_events.SpeechStarted if at % 2 == 0 else log_events.SpeechStopped)
            for at, event in enumerate(speech)
        )
        assert len(speech) % 2 == 0
