"""Screenshots for the README and the docs, from real calls on the local engine.

.venv/bin/python scripts/screenshots.py [NAME…]
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, expect, sync_playwright
from tests.browser.conftest import MICROPHONE, Caller, Server
from tests.chromium import FLAGS, chromium_path

IMAGES = ROOT / "docs" / "images"
Scheme = Literal["light", "dark"]
WIDE, LARGE, PHONE = (1360, 850), (1440, 900), (390, 844)


def main() -> None:
    """Take all screenshots, or only the named ones."""
    wanted = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = Server(environment={"TRUNKLINE_STORE": "full", "TRUNKLINE_DATA_DIR": folder})
        server.start()
        try:
            browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
            for name, (scene, scheme, size) in PICTURES.items():
                if not wanted or name in wanted:
                    take(browser, server.url, name, scene, scheme, size)
            browser.close()
        finally:
            server.stop()


def take(
    browser: Browser, url: str, name: str, scene: Callable[[Caller, str], None], scheme: Scheme, size: tuple[int, int]
) -> None:
    """Take one screenshot in a separate window."""
    context = browser.new_context(
        permissions=["microphone"],
        color_scheme=scheme,
        viewport={"width": size[0], "height": size[1]},
        locale="en-GB",
    )
    context.add_init_script(path=MICROPHONE)
    if scene in WITH_TIMELINE:
        context.add_init_script("localStorage.setItem('trunkline.timeline', 'on')")
    caller = Caller(context.new_page())
    scene(caller, url)
    caller.page.wait_for_timeout(2500)  # until the highlight of the handoff has faded
    caller.page.screenshot(path=IMAGES / f"{name}.png")
    context.close()


def haiku(caller: Caller, url: str) -> None:
    """Hold the haiku conversation by voice, up to the haiku."""
    caller.page.goto(f"{url}/?agentConfig=simpleHandoff")
    caller.hears("Hello, and welcome", timeout_s=90)
    caller.waits_for_quiet()
    caller.says("yes please")
    expect(caller.page.get_by_role("combobox", name="Agent")).to_have_value("haikuWriter", timeout=60_000)
    caller.hears("What shall yours be about", timeout_s=60)
    caller.waits_for_quiet(ms=1500)
    caller.says("a haiku about the volcano")
    caller.hears("Shall I write another", timeout_s=60)


def haiku_with_timeline(caller: Caller, url: str) -> None:
    """Hold the haiku conversation below its timeline."""
    haiku(caller, url)


def interruption(caller: Caller, url: str) -> None:
    """Interrupt the haiku by voice, and open the call's figures."""
    haiku(caller, url)
    caller.says("no, wait, about the moon")
    caller.waits_for_quiet(ms=3000, timeout_s=60)
    caller.page.get_by_title("The call in figures").click()


def partial_words(caller: Caller, url: str) -> None:
    """Show the caller's words while they still speak."""
    caller.page.goto(f"{url}/?agentConfig=simpleHandoff")
    caller.hears("Hello, and welcome", timeout_s=60)
    caller.types("yes please")
    caller.hears("What shall yours be about", timeout_s=60)
    caller.waits_for_quiet(ms=1500)
    caller.says(
        "please write a poem about the old volcano behind my house and the snow on it in the winter "
        "and the birds that come back in the spring when the lake is warm again"
    )
    expect(caller.page.locator(".partial")).to_contain_text(re.compile(r"(\w+\W+){5}"))


def shop(caller: Caller, url: str) -> None:
    """Hold a typed conversation in the snowboard shop: a tool, a handoff, and the latency of the last answer."""
    page = caller.page
    page.goto(f"{url}/?agentConfig=customerServiceRetail&agent=salesAgent&transport=websocket")
    page.get_by_role("article").first.wait_for()
    caller.waits_for_quiet(ms=300, timeout_s=60)
    for text in ("What is on sale?", "I want to talk to a human.", "Yes please."):
        before = page.get_by_role("article").count()
        caller.types(text)
        page.wait_for_function("count => document.querySelectorAll('.bubble').length > count + 1", arg=before - 1)
        caller.waits_for_quiet(ms=800, timeout_s=60)
    page.get_by_role("button", name="Wait").last.click()
    page.get_by_role("combobox", name="Kind").select_option("conversation")


def events(caller: Caller, url: str) -> None:
    """Show a tool call of the supervisor and its result in the event log."""
    page = caller.page
    page.goto(f"{url}/?agentConfig=chatSupervisor&transport=websocket")
    page.get_by_role("article").first.wait_for()
    caller.waits_for_quiet(ms=300, timeout_s=60)
    caller.types("How much does the family plan cost?")
    log = page.get_by_role("region", name="Event log")
    page.get_by_role("button", name="getNextResponseFromSupervisor").wait_for()
    caller.waits_for_quiet(ms=800, timeout_s=60)
    page.get_by_role("button", name="getNextResponseFromSupervisor").click()
    page.get_by_role("button", name="Family Plan Policy").last.click()
    log.get_by_role("combobox", name="Kind").select_option("conversation")
    log.get_by_role("treeitem").filter(has_text="tool.done").first.click()


def first_screen(caller: Caller, url: str) -> None:
    """Show the first screen."""
    caller.page.goto(f"{url}/?connect=0")
    caller.page.get_by_text("Talk to Azure OpenAI instead").click()


STORED: list[str] = []
"""The ids of the calls that `hold_calls` has held."""


def hold_calls(caller: Caller, url: str) -> None:
    """Hold three calls that the server stores, and leave a fourth one running; only once."""
    if STORED:
        return
    page = caller.page

    def end() -> None:
        STORED.append(caller.call_id)
        page.get_by_role("button", name="Disconnect").click()
        expect(page.get_by_role("status").first).to_have_text("Call ended")

    haiku(caller, url)
    caller.waits_for_quiet(ms=1500, timeout_s=60)
    end()
    shop(caller, url)
    end()
    events(caller, url)
    end()
    running = page.context.new_page()
    running.goto(f"{url}/?agentConfig=chatSupervisor&transport=websocket")
    running.get_by_role("article").first.wait_for(timeout=90_000)


def calls_list(caller: Caller, url: str) -> None:
    """Search the words of the stored calls."""
    hold_calls(caller, url)
    page = caller.page
    page.goto(f"{url}/calls?q=you")
    page.locator(".call-title", has_text="Simple handoff").first.wait_for()


def calls_replay(caller: Caller, url: str) -> None:
    """Open the spoken call at its second answer, with a note on it."""
    hold_calls(caller, url)
    page = caller.page
    page.goto(f"{url}/calls/{STORED[0]}")
    page.get_by_role("region", name="Player").wait_for()
    for _ in range(5):
        page.keyboard.press("]")
    page.keyboard.press("ArrowRight")
    if page.get_by_role("article", name="Note at").count() == 0:
        page.keyboard.press("n")
        page.get_by_role("textbox", name="Note at").fill("The haiku begins here: a good place to compare voices.")
        page.keyboard.press("Enter")
        page.get_by_role("article", name="Note at").wait_for()


CONVERSATIONS = """\
async def test_the_greeter_hands_over(voice_call):
    call = await voice_call("simpleHandoff")
    turn = await call.say("yes please")
    assert turn.handed_to == "haikuWriter"
    await call.say("a haiku about the volcano")
    await call.say("no thank you", interrupting_after_ms=600)


async def test_the_writer_takes_another_topic(voice_call):
    call = await voice_call("simpleHandoff", agent="haikuWriter")
    await call.say("about the sea")
    turn = await call.say("a haiku about the moon please")
    turn.answers_within(30_000)


async def test_the_supervisor_cites_its_policy(voice_call):
    call = await voice_call("chatSupervisor")
    turn = await call.say("how much does the family plan cost")
    turn.called("getNextResponseFromSupervisor")
    turn.called("findNearestStore")
"""


@cache
def spoken_report() -> str:
    """Hold spoken conversations with the test kit, one of which fails, and return the page of their report."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "test_calls.py").write_text(CONVERSATIONS)
        command = [sys.executable, "-m", "pytest", "-q", "--voice=spoken", "--voice-report=report.html", "."]
        subprocess.run(command, cwd=folder, check=False)
        return (Path(folder) / "report.html").read_text("utf-8")


def report(caller: Caller, _url: str) -> None:
    """Show the report of spoken conversations."""
    caller.page.set_content(spoken_report())


WITH_TIMELINE = (haiku_with_timeline, interruption, calls_replay)
PICTURES: dict[str, tuple[Callable[[Caller, str], None], Scheme, tuple[int, int]]] = {
    "console-light": (haiku_with_timeline, "light", WIDE),
    "console-dark": (haiku_with_timeline, "dark", WIDE),
    "console-timeline": (interruption, "light", LARGE),
    "console-phone": (haiku, "light", PHONE),
    "console-phone-dark": (haiku_with_timeline, "dark", PHONE),
    "console-speaking": (partial_words, "light", WIDE),
    "console-shop-light": (shop, "light", LARGE),
    "console-shop-dark": (shop, "dark", LARGE),
    "console-events": (events, "dark", LARGE),
    "console-first": (first_screen, "light", WIDE),
    "calls-list": (calls_list, "light", LARGE),
    "calls-replay": (calls_replay, "light", LARGE),
    "calls-list-phone": (calls_list, "light", PHONE),
    "calls-replay-phone-dark": (calls_replay, "dark", PHONE),
    "report-light": (report, "light", WIDE),
    "report-dark": (report, "dark", WIDE),
}


if __name__ == "__main__":
    main()
