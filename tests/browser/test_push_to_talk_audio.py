"""Push-to-talk in a real browser, on both transports, with real speech."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Caller, Server

pytestmark = [pytest.mark.browser, pytest.mark.speech, pytest.mark.realtime]
Tab = Callable[[str], Caller]
FADED = 0.005


@pytest.fixture(params=["webrtc", "websocket"])
def address(server: Server, request: pytest.FixtureRequest) -> str:
    """The console's address, once for each transport."""
    return f"{server.url}/?transport={request.param}"


def test_the_agent_hears_the_caller_only_while_the_button_is_pressed(address: str, tab: Tab) -> None:
    caller = tab(address)
    page = caller.page
    caller.waits_for_sound()
    page.get_by_role("checkbox", name="Push to talk").check()
    expect(page.get_by_text("Press Talk to be heard")).to_be_visible()
    stops(page)
    caller.says("yes please")  # to a microphone that is shut
    assert "yes please" not in spoken_by_caller(page)

    talk = page.get_by_role("button", name="Talk")
    talk.hover()
    page.mouse.down()
    expect(talk).to_have_attribute("aria-pressed", "true")
    caller.says("yes please")
    page.mouse.up()
    expect(talk).to_have_attribute("aria-pressed", "false")
    expect(page.get_by_role("combobox", name="Agent")).to_have_value("haikuWriter")
    caller.hears("yes please")
    assert len(spoken_by_caller(page)) == 1

    # The new agent is talking: the space bar silences it, and is heard.
    caller.hears("What shall yours be about")
    caller.waits_for_sound(since=caller.now())
    page.keyboard.down(" ")
    page.wait_for_timeout(250)
    silent_from = caller.now()
    caller.says("a haiku about the volcano")
    assert caller.loudest_since(silent_from) < FADED, "the agent went on talking"
    page.keyboard.up(" ")
    caller.hears("Shall I write another")
    assert "volcano" in spoken_by_caller(page)[-1].lower()


def test_the_space_bar_types_in_an_input(server: Server, tab: Tab) -> None:
    caller = tab(f"{server.url}/?transport=websocket")
    page = caller.page
    caller.waits_for_sound()
    page.get_by_role("checkbox", name="Push to talk").check()
    words = page.get_by_role("textbox", name="Message")
    words.press_sequentially("yes please")
    expect(words).to_have_value("yes please")
    expect(page.get_by_role("button", name="Talk")).to_have_attribute("aria-pressed", "false")

    words.blur()
    page.keyboard.down(" ")
    expect(page.get_by_role("button", name="Talk")).to_have_attribute("aria-pressed", "true")
    page.evaluate("dispatchEvent(new Event('blur'))")  # another window has the keyboard now
    expect(page.get_by_role("button", name="Talk")).to_have_attribute("aria-pressed", "false")
    page.keyboard.up(" ")

    page.reload()
    expect(page.get_by_role("checkbox", name="Push to talk")).to_be_checked()
    expect(page.get_by_role("button", name="Talk")).to_be_enabled()


def stops(page: Page) -> None:
    """Lets the agent say no more."""
    page.get_by_role("button", name="Stop").click()


def spoken_by_caller(page: Page) -> list[str]:
    """The caller's bubbles."""
    bubbles = page.get_by_role("region", name="Transcript").get_by_role("article").filter(has_text="You")
    return bubbles.locator(".verbatim").all_inner_texts()
