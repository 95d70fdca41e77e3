"""Both shops by voice: transcription, tool calls with the right arguments, and their display on the page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Caller, Server

pytestmark = [pytest.mark.browser, pytest.mark.speech, pytest.mark.realtime]
Tab = Callable[[str], Caller]
ASK = "getNextResponseFromSupervisor"
# Numbers are said in one breath: on a busy machine a browser's sound has gaps, and a pause becomes a turn's end.


def test_a_snowboard_is_looked_up_and_the_caller_gets_through_to_a_human(server: Server, tab: Tab) -> None:
    caller = tab(f"{server.url}/?agentConfig=customerServiceRetail&agent=returns&transport=webrtc")
    page = caller.page
    _begins(caller, "Jane from returns")
    caller.says("I'd like to return my snowboard")
    _begins(caller, "By which phone number")
    caller.says("two oh six double five five oh one double oh")
    _finishes(caller, "I have 2 0 6, 5 5 5, 0 1 0 0. Is that right?")
    caller.says("yes that's right")
    _begins(caller, "I see the Twin Tip Snowboard X")
    lookup = _entry(page, "lookupOrders")
    lookup.get_by_role("button").click()
    expect(lookup.locator(".timeline-entry-detail")).to_contain_text('"phoneNumber": "(206) 555-0100"')
    expect(lookup.locator(".timeline-entry-detail")).to_contain_text("SNP-20230914-001")

    caller.says("yes")
    _begins(caller, "Why would you like to return it")
    caller.says("I want to talk to a human")
    _begins(caller, "Shall I put you through to a human?")
    caller.says("yes please")
    _begins(caller, "Ich bin eine künstliche Intelligenz")
    assert "Hallo und herzlich willkommen!" in caller.last_message("simulatedHuman")
    expect(page.get_by_role("combobox", name="Agent")).to_have_value("simulatedHuman")
    graph = page.get_by_role("region", name="Agents")
    expect(graph.get_by_role("button", name="simulatedHuman")).to_have_attribute("aria-current", "true")
    expect(graph).to_contain_text("1 handoff")
    handed = re.compile("returns.*hands over to.*simulatedHuman", re.DOTALL)
    expect(_transcript(page).get_by_role("button", name=handed)).to_be_visible()
    _every_answer_passes(page)

    log = _log(page)
    policy = {"region": "United States", "itemCategory": "snowboard"}
    assert _tools(log) == [
        ("lookupOrders", {"phoneNumber": "(206) 555-0100"}, None),
        ("retrievePolicy", policy, None),
    ]
    (found, _policy) = [event["result"] for event in log if event["kind"] == "tool.done"]
    assert found["orders"][0]["order_id"] == "SNP-20230914-001"
    agents = [event["agent"] for event in log if event["kind"] == "agent.changed"]
    assert agents == ["returns", "simulatedHuman"]
    assert _recognised(log) == [
        "i'd like to return my snowboard",
        "two oh six double five five oh one double oh",
        "yes that's right",
        "yes",
        "i want to talk to a human",
        "yes please",
    ]


def test_a_bill_is_explained_by_a_supervisor_and_a_policy_is_cited(server: Server, tab: Tab) -> None:
    caller = tab(f"{server.url}/?agentConfig=chatSupervisor&transport=websocket")
    page = caller.page
    _begins(caller, "How can I help you?")
    caller.says("why is my bill so high")
    _begins(caller, "ten-digit phone number")
    caller.says("two zero six five five five zero one four two")
    caller.hears("2 0 6, 5 5 5, 0 1 4 2. Let me check.", timeout_s=20)
    _finishes(caller, "Your bill is $42.17, $5.00 more than in October.")
    asked, looked_up = _entry(page, ASK), _entry(page, "getUserAccountInfo")
    assert _left(looked_up) > _left(asked), "what the supervisor does is not set off from what it was asked"
    asked.get_by_role("button").click()
    expect(asked.locator(".timeline-entry-detail")).to_contain_text(
        "why is my bill so high. Phone number: (206) 555-0142."
    )
    looked_up.get_by_role("button").click()
    expect(looked_up.locator(".timeline-entry-detail")).to_contain_text('"phone_number": "(206) 555-0142"')

    caller.says("can I return my phone")
    _begins(caller, "Handset Policy")
    expect(page.get_by_role("button", name="Handset Policy").first).to_be_visible()  # the citation opens the document
    assert _left(_entry(page, "lookupPolicyDocument")) > _left(asked)
    expect(page.get_by_role("combobox", name="Agent")).to_have_value("chatAgent")
    _every_answer_passes(page)

    log = _log(page)
    bill = {"relevantContextFromLastUserMessage": "why is my bill so high. Phone number: (206) 555-0142."}
    phone = {"relevantContextFromLastUserMessage": "can i return my phone."}
    assert _tools(log) == [
        (ASK, bill, None),
        ("getUserAccountInfo", {"phone_number": "(206) 555-0142"}, ASK),
        (ASK, phone, None),
        ("lookupPolicyDocument", {"topic": "handset"}, ASK),
    ]
    assert _recognised(log) == [
        "why is my bill so high",
        "two zero six five five five zero one four two",
        "can i return my phone",
    ]


def _begins(caller: Caller, words: str) -> None:
    """Waits until the agent's answer is there and sounds: the caller may cut in."""
    since = caller.now()
    caller.hears(words, timeout_s=20)
    caller.waits_for_sound(since)


def _finishes(caller: Caller, words: str) -> None:
    """Waits until the agent's answer is there and has been said."""
    _begins(caller, words)
    caller.waits_for_quiet(timeout_s=30)


def _transcript(page: Page) -> Locator:
    return page.get_by_role("region", name="Transcript")


def _entry(page: Page, tool: str) -> Locator:
    """The line of a tool that is through."""
    lines = _transcript(page).locator(".timeline-entry").filter(has=page.locator("code", has_text=tool))
    line = lines.filter(has_not_text="running").last
    expect(line).to_be_visible()
    return line


def _left(entry: Locator) -> float:
    box = entry.bounding_box()
    assert box is not None
    return box["x"]


def _every_answer_passes(page: Page) -> None:
    """Each of the agents' messages has been looked at by the guardrail."""
    answers = _transcript(page).locator(".bubble-assistant")
    passed = answers.filter(has=page.get_by_role("button", name=re.compile(r"moderation\s*Pass")))
    expect(answers.last).to_be_visible()
    expect(passed).to_have_count(answers.count())


def _log(page: Page) -> list[dict[str, Any]]:
    """The call's events, as "Download JSON" saves them."""
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download JSON").click()
    events: list[dict[str, Any]] = json.loads(saved.value.path().read_text())["events"]
    return events


def _tools(log: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any], str | None]]:
    """The tools that were called: name, arguments, and the tool that each was called by."""
    started = [event for event in log if event["kind"] == "tool.started"]
    names = {event["call_id"]: event["name"] for event in started}
    return [(event["name"], event["arguments"], names.get(event.get("parent", ""))) for event in started]


def _recognised(log: list[dict[str, Any]]) -> list[str]:
    """What the caller was heard to say."""
    added = [event for event in log if event["kind"] == "message.added" and event["role"] == "user"]
    spoken = {event["item_id"] for event in added if event.get("spoken")}
    return [event["text"] for event in log if event["kind"] == "message.done" and event["item_id"] in spoken]
