"""The whole haiku conversation, by voice, in a real browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import Caller, Server

pytestmark = [pytest.mark.browser, pytest.mark.speech, pytest.mark.realtime]
Tab = Callable[[str], Caller]


@pytest.fixture(params=["webrtc", "websocket"])
def address(server: Server, request: pytest.FixtureRequest) -> str:
    """The console's address, once for each transport."""
    return f"{server.url}/?transport={request.param}"


def test_a_caller_is_greeted_says_yes_and_hears_and_reads_a_haiku(address: str, tab: Tab) -> None:
    caller = tab(address)
    caller.hears("Hello, and welcome")
    caller.waits_for_sound()
    caller.waits_for_quiet()

    caller.says("yes please")
    expect(_agent(caller.page)).to_have_value("haikuWriter")
    caller.hears("yes please")
    caller.waits_for_quiet()

    asked_at = caller.now()
    caller.says("a haiku about the volcano")
    caller.hears("Shall I write another")
    caller.waits_for_sound(since=asked_at)  # the text comes before the sound
    caller.waits_for_quiet(ms=1500)
    haiku = caller.last_message("haikuWriter").split("\n\n")[0]
    assert "volcano" in haiku.lower()
    assert len(haiku.splitlines()) == 3


def test_speaking_interrupts_at_once(address: str, tab: Tab) -> None:
    caller = tab(address)
    caller.hears("Hello, and welcome")
    caller.waits_for_sound()
    caller.says("yes please")  # while the greeting is still being said
    expect(_agent(caller.page)).to_have_value("haikuWriter")
    caller.logs("audio.cleared")
    caller.logs("message.truncated")


def test_the_callers_words_are_shown_while_they_speak(address: str, tab: Tab) -> None:
    caller = tab(address)
    caller.hears("Hello, and welcome")
    caller.waits_for_quiet()
    caller.says("yes please I would like to hear a haiku please")
    partial = caller.page.locator(".bubble-user .partial")
    expect(partial).to_contain_text("yes")
    shown = partial.inner_text()
    expect(partial).to_have_count(0)  # replaced by the final text
    final = caller.page.locator(".bubble-user .verbatim").last.inner_text()
    assert final.lower().startswith(shown.lower().split()[0])
    kinds = caller.log_kinds()
    words = kinds.index("message.delta", kinds.index("speech.started"))
    assert words < kinds.index("speech.stopped")


def test_two_tabs_are_two_calls(address: str, tab: Tab) -> None:
    one, other = tab(address), tab(address)
    one.hears("Hello, and welcome")
    other.hears("Hello, and welcome")
    assert one.call_id != other.call_id
    one.types("yes please")
    expect(_agent(one.page)).to_have_value("haikuWriter")
    expect(_agent(other.page)).to_have_value("greeter")


def test_a_reload_returns_to_the_same_call_and_transcript(address: str, tab: Tab) -> None:
    caller = tab(address)
    caller.hears("Hello, and welcome")
    caller.types("yes please")
    expect(_agent(caller.page)).to_have_value("haikuWriter")
    caller.hears("What shall yours be about")
    call_id = caller.call_id

    caller.page.reload()
    caller.hears("What shall yours be about")
    caller.hears("yes please")
    assert caller.call_id == call_id
    expect(_agent(caller.page)).to_have_value("haikuWriter")
    caller.types("coffee")
    caller.hears("Shall I write another")
    assert caller.transcript.count("yes please") == 1 + caller.transcript.count("say: yes please")


def test_a_second_tab_of_a_call_is_a_viewer_until_it_takes_over(address: str, tab: Tab) -> None:
    caller = tab(address)
    caller.hears("Hello, and welcome")
    viewer = tab(caller.page.url)
    viewer.hears("Hello, and welcome")
    expect(viewer.page.get_by_role("textbox", name="Message")).to_be_disabled()
    viewer.page.get_by_role("button", name="Take over").click()
    expect(viewer.page.get_by_role("textbox", name="Message")).to_be_enabled()
    expect(caller.page.get_by_role("textbox", name="Message")).to_be_disabled()
    viewer.types("yes please")
    expect(_agent(caller.page)).to_have_value("haikuWriter")


def test_a_duplicated_tab_does_not_take_the_call(server: Server, tab: Tab) -> None:
    caller = tab(server.url)
    caller.hears("Hello, and welcome")
    with caller.page.expect_popup() as opened:
        caller.page.evaluate("window.open(location.href)")  # with a copy of its sessionStorage, as a duplicate has
    copy = Caller(opened.value)
    copy.hears("Hello, and welcome")
    assert copy.page.evaluate("Object.keys(sessionStorage).some(key => key.startsWith('trunkline.leg.'))")
    expect(copy.page.get_by_role("button", name="Take over")).to_be_visible()
    expect(caller.page.get_by_role("textbox", name="Message")).to_be_enabled()
    copy.page.close()


def test_without_a_microphone_the_conversation_is_typed(server: Server, chromium: Browser) -> None:
    context = chromium.new_context()
    context.add_init_script(
        "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'))"
    )
    caller = Caller(context.new_page())
    caller.page.goto(server.url)
    caller.hears("Hello, and welcome")
    expect(caller.page.get_by_text("microphone", exact=False).first).to_be_visible()
    caller.types("yes please")
    expect(_agent(caller.page)).to_have_value("haikuWriter")
    caller.types("the deep blue sea")
    caller.hears("the deep blue sea")
    context.close()


def test_choosing_an_agent_starts_a_call_with_it_and_disconnect_ends_it(server: Server, tab: Tab) -> None:
    caller = tab(server.url)
    caller.hears("Hello, and welcome")
    first = caller.call_id
    _agent(caller.page).select_option("haikuWriter")
    caller.hears("What shall yours be about")
    assert caller.call_id != first
    caller.page.get_by_role("button", name="Disconnect").click()
    expect(caller.page.get_by_role("button", name="Connect")).to_be_visible()
    caller.hears("What shall yours be about")  # an ended call stays to be read


def _agent(page: Page) -> Locator:
    return page.get_by_role("combobox", name="Agent")
