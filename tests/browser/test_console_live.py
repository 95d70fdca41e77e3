"""The console in a real call on the local engine."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import MICROPHONE, Caller, Server

pytestmark = [pytest.mark.browser, pytest.mark.speech, pytest.mark.realtime]
Tab = Callable[[str], Caller]


def test_the_page_connects_by_itself_and_follows_the_handoff(tab: Tab, server: Server) -> None:
    caller = tab(f"{server.url}/?agentConfig=simpleHandoff&transport=websocket")
    caller.hears("Hello, and welcome")
    page = caller.page
    agents = page.get_by_role("region", name="Agents")
    expect(agents.get_by_role("button", name="greeter")).to_have_attribute("aria-current", "true")
    caller.types("yes please")
    caller.hears("What shall yours be about")
    expect(agents.get_by_role("button", name="haikuWriter")).to_have_attribute("aria-current", "true")
    expect(page.get_by_role("combobox", name="Agent")).to_have_value("haikuWriter")
    transcript = page.get_by_role("region", name="Transcript")
    entry = transcript.get_by_role("button", name=re.compile("greeter.*hands over to.*haikuWriter"))
    entry.click()
    expect(transcript.locator(".timeline-entry-detail")).to_contain_text("haiku")
    expect(transcript.get_by_text("hi", exact=True)).to_have_count(0)
    events = page.get_by_role("region", name="Event log")
    events.get_by_role("combobox", name="Kind").select_option("kind:response.function_call_arguments.done")
    row = events.get_by_role("treeitem").last
    row.click()
    expect(row).to_contain_text("Ended by conversation.item.create")


def test_choosing_an_agent_starts_a_new_call_and_keeps_the_earlier_one_readable(
    chromium: Browser, server: Server
) -> None:
    context = chromium.new_context(permissions=["microphone"])
    context.add_init_script(path=MICROPHONE)
    caller = Caller(context.new_page())
    caller.page.goto(f"{server.url}/?transport=websocket")
    caller.hears("Hello, and welcome")
    first = caller.call_id
    caller.page.get_by_role("combobox", name="Agent").select_option("haikuWriter")
    caller.hears("What shall yours be about")
    expect(caller.page).to_have_url(re.compile("agent=haikuWriter"))
    assert caller.call_id != first
    caller.page.get_by_text("Earlier calls of this tab").click()
    with context.expect_page() as opened:
        caller.page.get_by_role("region", name="Transcript").get_by_role("link", name="Simple handoff").click()
    earlier = Caller(opened.value)
    earlier.hears("Hello, and welcome")
    assert earlier.call_id == first
    expect(earlier.page.get_by_role("status").first).to_have_text("Call ended")
    with earlier.page.expect_download() as saved:
        earlier.page.get_by_role("button", name="Download JSON").click()
    kinds = [event["kind"] for event in json.loads(saved.value.path().read_text())["events"]]
    assert kinds[0] == "call.started"
    assert kinds[-1] == "call.ended"
    context.close()
