"""Accessibility of the console: screen readers, keyboard, small screens, reduced motion; and no other host."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.browser.conftest import Server
from tests.browser.scripted_call import SHOP, ScriptedCall
from trunkline.calls import log_events

pytestmark = pytest.mark.browser
AXE = Path(__file__).parents[2] / "console" / "node_modules" / "axe-core" / "axe.min.js"
AXE_RUN = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  const words = ({ html, any }) => `${html} ${any[0]?.message ?? ""}`;
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(words).join("; ")}`);
}"""
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDE, MIDDLE, PHONE = (1440, 900), (1024, 768), (360, 740)
Opened = Callable[..., ScriptedCall]


@pytest.fixture
def opened(chromium: Browser, server: Server) -> Iterator[Opened]:
    """Opens the console with a scripted call; options are the browser context's."""
    contexts = []

    def open_call(size: tuple[int, int] = WIDE, **options: Any) -> ScriptedCall:
        viewport: ViewportSize = {"width": size[0], "height": size[1]}
        context = chromium.new_context(permissions=["microphone"], viewport=viewport, **options)
        contexts.append(context)
        call = ScriptedCall(context.new_page())
        call.open(f"{server.url}/?transport=websocket")
        return call

    yield open_call
    for context in contexts:
        context.close()


def a_lot_happens(call: ScriptedCall) -> None:
    """One of everything that the console shows, with what opens opened."""
    tokens = log_events.Tokens(input_text=900, output_audio=120)
    call.tell(
        log_events.ToolStarted("t0", "lookup", {}, "clerk"),
        log_events.ToolDone("t0", "lookup", 5, {"id": "NT-1", "name": "The policy", "content": ["It is free."]}),
    )
    call.says("a1", "Welcome. **What** can I do, see [here](https://example.com)? [The policy](NT-1)")
    call.tell(
        log_events.AudioStarted("a1"),
        log_events.AudioDone("a1", 900),
        log_events.SpeechStarted("u1"),
        log_events.SpeechStopped("u1"),
        log_events.FillerStarted("f1", "One moment.", 500, "model"),
        log_events.GuardrailChecked("a1", "moderation", "pass", "NONE"),
        log_events.TurnLatency(
            "a1", 640, [log_events.LatencyPart("end_of_turn", 500), log_events.LatencyPart("model", 140)], "speech"
        ),
        log_events.UsageUpdated("response", "m", tokens, tokens, cost=0.0042, total_cost=0.0042, item_id="a1"),
    )
    call.asks("u1", "I would like to return a board.")
    call.tell(
        log_events.MessageAdded("u2", "user", spoken=True),
        log_events.ToolStarted("t1", "askSupervisor", {"question": "Is it eligible?"}, "clerk"),
        log_events.ToolStarted("t2", "readPolicy", {"region": "NZ"}, "clerk", parent="t1"),
        log_events.ToolProgress("t1", "Reading the policy", 0.4),
        log_events.ToolDone("t2", "readPolicy", 40, error="Not found."),
        log_events.AgentChanged("returns", "clerk"),
    )
    call.says("a2", "You fool.", agent="returns")
    call.tell(
        log_events.MessageTruncated("a2", 300, "You"),
        log_events.GuardrailChecked("a2", "moderation", "fail", "OFFENSIVE", "It insults the caller.", "fool", 210),
        log_events.GuardrailChecked("a2", "tone", "pending"),
        log_events.CallError("The order was not found.", hint="Try another number."),
        log_events.ApprovalNeeded("t9", "checkout", {"item_id": 101}, "returns"),
    )
    page = call.page
    expect(page.get_by_role("button", name="Allow")).to_be_visible()
    for name in ("Timeline", "moderation Fail", "Wait 640 ms", "The policy", "askSupervisor"):
        page.get_by_role("region", name="Transcript").get_by_role("button", name=name).click()


def violations(page: Page) -> list[str]:
    """What axe finds wrong in the light and in the dark, in short."""
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: make setup")
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text())
    found: list[str] = []
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found += [f"{scheme}: {one}" for one in page.evaluate(AXE_RUN)]
    return found


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_axe_finds_no_violation(opened: Opened, size: tuple[int, int]) -> None:
    call = opened(size, reduced_motion="reduce")
    assert violations(call.page) == [], "at the beginning"
    a_lot_happens(call)
    assert violations(call.page) == [], "in the call"
    if size == PHONE:
        for view in ("Agents", "Event log"):
            call.page.get_by_role("navigation", name="View").get_by_role("button", name=view).click()
            assert violations(call.page) == [], view
        return
    call.page.get_by_role("region", name="Event log").get_by_role("treeitem").last.click()
    assert violations(call.page) == [], "with an event opened"
    call.end()
    expect(call.page.get_by_role("status").first).to_have_text("Call ended")
    assert violations(call.page) == [], "when it is over"


def test_every_control_is_reachable_by_keyboard_with_visible_focus(opened: Opened) -> None:
    call = opened()
    a_lot_happens(call)
    reached: set[str] = set()
    faint: list[str] = []
    rounds = 0
    while rounds < 2:  # from where the mouse was last, to the page's end, and once around
        call.page.keyboard.press("Tab")
        name, ring = call.page.evaluate(
            """() => {
              const at = document.activeElement;
              if (at === document.body) return ["", true];
              const around = [at, at.closest(".composer-row")].filter(Boolean);
              const seen = around.map((element) => getComputedStyle(element));
              const ring = seen.some((style) => style.outlineStyle !== "none" || style.boxShadow !== "none");
              return [at.getAttribute("aria-label") ?? at.labels?.[0]?.textContent ?? at.textContent, ring];
            }"""
        )
        reached.add(name.strip())
        if not ring:
            faint.append(name)
        rounds += name == ""
        assert len(reached) < 100
    for wanted in (
        "Scenario",
        "Agent",
        "clerk",
        "Copy",
        "Download text",
        "Message",
        "Allow",
        "Refuse",
        "Filter events",
    ):
        assert any(name.startswith(wanted) for name in reached), f"{wanted} is not among {sorted(reached)}"
    assert {"Logs", "Disconnect", "Events", "Pause"} <= reached
    assert faint == []


def test_messages_are_announced_once_and_complete(opened: Opened) -> None:
    call = opened()
    spoken = call.page.get_by_role("log", name="Messages")
    call.tell(log_events.MessageAdded("a1", "assistant", agent="clerk"), log_events.MessageDelta("a1", "Good "))
    call.tell(log_events.MessageDelta("a1", "day."))
    expect(call.page.get_by_role("region", name="Transcript").get_by_text("Good day.")).to_be_visible()
    expect(spoken).to_be_empty()
    call.tell(log_events.MessageDone("a1", "assistant", "Good day."), log_events.AgentChanged("sales", "clerk"))
    expect(spoken.get_by_text("clerk: Good day.")).to_have_count(1)
    expect(spoken.get_by_text("sales takes over")).to_have_count(1)
    call.tell(log_events.ApprovalNeeded("t", "checkout", {}, "sales"))
    expect(call.page.get_by_role("alert").filter(has_text="sales asks to use checkout")).to_be_visible()


def test_reduced_motion_disables_animations(opened: Opened) -> None:
    call = opened(reduced_motion="reduce")
    a_lot_happens(call)
    running = call.page.evaluate("() => document.getAnimations().filter((one) => one.playState === 'running').length")
    assert running == 0


def test_the_page_fits_the_screen(opened: Opened) -> None:
    call = opened()
    a_lot_happens(call)
    for width, height in (WIDE, MIDDLE, PHONE, (320, 568), (2560, 1300)):
        call.page.set_viewport_size({"width": width, "height": height})
        assert call.page.evaluate("document.documentElement.scrollWidth") <= width
        expect(call.page.get_by_role("textbox", name="Message")).to_be_in_viewport(ratio=1)
        expect(call.page.get_by_role("button", name="Disconnect")).to_be_in_viewport(ratio=1)
        box = call.page.get_by_role("region", name="Transcript").bounding_box()
        assert box
        assert box["height"] > 100, "room to read, with everything else there"


@pytest.mark.parametrize("width", [1100, 1280, 1440, 1920])
def test_the_bottom_bar_is_one_row_with_readable_settings(opened: Opened, width: int) -> None:
    call = opened((width, 800))
    bar = call.page.get_by_role("region", name="Call and sound")
    bar.get_by_role("checkbox", name="Push to talk").check()
    expect(bar.get_by_role("button", name="Talk")).to_be_visible()
    bar.get_by_role("button", name="Audio", exact=True).click()
    expect(bar.get_by_role("combobox", name="Speaker")).to_be_visible()
    box = bar.bounding_box()
    assert box
    assert box["height"] < 60
    for control in ("Codec", "Transport", "Microphone", "Speaker"):
        chosen = bar.get_by_role("combobox", name=control)
        needed = chosen.evaluate(
            """select => {
              const style = getComputedStyle(select);
              const pen = document.createElement("canvas").getContext("2d");
              pen.font = style.font;
              const words = pen.measureText(select.selectedOptions[0].textContent).width;
              return words + parseFloat(style.paddingLeft) + parseFloat(style.paddingRight) + 2 - select.offsetWidth;
            }"""
        )
        assert needed <= 0.5, f"{control} is cut short by {needed} px at {width} px"
    last = bar.get_by_role("button", name="Download audio").bounding_box()
    assert last
    assert last["x"] + last["width"] <= width


def test_on_a_phone_a_button_expands_the_audio_settings(opened: Opened) -> None:
    call = opened(PHONE)
    bar = call.page.get_by_role("region", name="Call and sound")
    expect(bar.get_by_role("combobox", name="Codec")).to_be_hidden()
    more = bar.get_by_role("button", name="Sound and more")
    more.press("Enter")
    expect(more).to_have_attribute("aria-expanded", "true")
    for name in ("Codec", "Transport", "Microphone", "Speaker"):
        expect(bar.get_by_role("combobox", name=name)).to_be_in_viewport(ratio=1)
    for name in ("Audio playback", "Logs"):
        expect(bar.get_by_role("checkbox", name=name)).to_be_in_viewport(ratio=1)
    expect(bar.get_by_role("button", name="Download audio")).to_be_in_viewport(ratio=1)
    more.click()
    expect(bar.get_by_role("combobox", name="Codec")).to_be_hidden()


THINGS = [f"This is a suggestion of some length, number {number}." for number in range(1, 8)]


@pytest.mark.parametrize("size", [WIDE, MIDDLE, PHONE, (1440, 600)], ids=["wide", "middle", "phone", "low"])
def test_every_suggestion_is_visible_or_the_overflow_is(
    chromium: Browser, server: Server, size: tuple[int, int]
) -> None:
    viewport: ViewportSize = {"width": size[0], "height": size[1]}
    context = chromium.new_context(permissions=["microphone"], viewport=viewport)
    call = ScriptedCall(context.new_page(), [{**SHOP, "things_to_say": THINGS}])
    call.open(f"{server.url}/?transport=websocket")
    things = call.page.get_by_role("list", name="Things to say")
    buttons = [things.get_by_role("button", name=thing) for thing in THINGS]
    if size == WIDE:
        for button in buttons:
            expect(button).to_be_in_viewport(ratio=1)
    else:
        cut = things.evaluate(
            """list => {
              const edge = list.getBoundingClientRect();
              return [...list.children].filter(item => {
                const box = item.getBoundingClientRect();
                const across = box.left < edge.right && box.right > edge.right;
                return across || (box.top < edge.bottom && box.bottom > edge.bottom);
              }).length;
            }"""
        )
        assert cut > 0, "one is cut through, so that one sees that there are more"
    buttons[0].focus()
    for _ in THINGS[1:]:
        call.page.keyboard.press("Tab")
    expect(buttons[-1]).to_be_focused()
    expect(buttons[-1]).to_be_in_viewport(ratio=0.95)
    call.page.keyboard.press("Enter")
    assert call.command("say")["text"] == THINGS[-1]
    context.close()


def test_on_a_phone_long_names_and_large_numbers_fit_the_page(opened: Opened) -> None:
    call = opened(PHONE)
    tokens = log_events.Tokens(input_text=1_234_567, output_audio=98_765)
    call.says("a1", "Certainly.", agent="authenticationAndReturnsAgent")
    parts = [log_events.LatencyPart("end_of_turn", 500), log_events.LatencyPart("model", 12_140)]
    call.tell(
        log_events.TurnLatency("a1", 12_640, parts, "speech"),
        log_events.UsageUpdated("response", "m", tokens, tokens, item_id="a1", total_seconds=31.5),
    )
    region = call.page.get_by_role("region", name="Transcript")
    for what in (region.get_by_role("button", name="Wait 12.6 s"), region.get_by_title("The call in figures")):
        expect(what).to_be_in_viewport(ratio=1)
        what.click()
    beyond = region.evaluate(
        """region => [...region.querySelectorAll(".pane-head *, .bubble *")]
          .filter(one => !one.closest(".visually-hidden") && one.getBoundingClientRect().right > region.clientWidth)
          .map(one => one.outerHTML)"""
    )
    assert beyond == []
    expect(region.get_by_text("Audio transcribed")).to_be_visible()


def test_the_page_sends_no_request_to_another_host(chromium: Browser, server: Server) -> None:
    context = chromium.new_context(permissions=["microphone"])
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    refused: list[str] = []
    page.on("console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None)
    answer = page.goto(f"{server.url}/?transport=websocket")
    page.get_by_text("Hello, and welcome").first.wait_for()
    assert answer
    policy = answer.header_value("content-security-policy") or ""
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert {urlsplit(url).netloc for url in asked if not url.startswith(("blob:", "data:"))} == {
        urlsplit(server.url).netloc
    }
    assert refused == []
    context.close()
