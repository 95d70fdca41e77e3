"""Stored calls in the console of a real server: a call is held, found by its words, and played with its audio."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Caller, Server

pytestmark = [pytest.mark.browser, pytest.mark.realtime, pytest.mark.speech]
Tab = Callable[[str], Caller]

LOUDNESS = """async seconds => {
  const audio = document.querySelector("audio");
  const context = new AudioContext();
  const meters = [0, 1].map(() => new AnalyserNode(context, { fftSize: 2048 }));
  const split = new ChannelSplitterNode(context, { numberOfOutputs: 2 });
  const source = context.createMediaElementSource(audio);
  source.connect(context.destination);
  source.connect(split);
  meters.forEach((meter, channel) => split.connect(meter, channel));
  const loudest = [0, 0];
  const samples = new Float32Array(2048);
  const until = performance.now() + 1000 * seconds;
  while (performance.now() < until) {
    await new Promise(done => setTimeout(done, 30));
    meters.forEach((meter, channel) => {
      meter.getFloatTimeDomainData(samples);
      loudest[channel] = Math.max(loudest[channel], ...samples.map(Math.abs));
    });
  }
  return { loudest, at: audio.currentTime };
}"""


@pytest.fixture(scope="module")
def keeping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that stores its calls whole."""
    folder: Path = tmp_path_factory.mktemp("data")
    running = Server(environment={"TRUNKLINE_STORE": "full", "TRUNKLINE_DATA_DIR": str(folder)})
    running.start()
    yield running
    running.stop()


def held_call(tab: Tab, server: Server) -> tuple[Caller, str]:
    """Hold a call over the relay up to the second agent, hang up, and return its id."""
    caller = tab(f"{server.url}/?agentConfig=simpleHandoff&transport=websocket")
    caller.hears("Hello, and welcome", timeout_s=90)
    caller.waits_for_quiet()
    caller.says("yes please")
    expect(caller.page.get_by_role("combobox", name="Agent")).to_have_value("haikuWriter", timeout=60_000)
    caller.hears("What shall yours be about", timeout_s=60)
    caller.waits_for_quiet()
    call_id = caller.call_id
    caller.page.get_by_role("button", name="Disconnect").click()
    expect(caller.page.get_by_role("status").first).to_have_text("Call ended")
    return caller, call_id


def position_ms(page: Page) -> int:
    return int(page.get_by_role("slider", name="Playhead").input_value())


def test_a_call_is_watched_then_found_by_its_words_and_played(tab: Tab, keeping: Server) -> None:
    caller, call_id = held_call(tab, keeping)
    page = caller.page
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Calls").click()
    calls = opened.value
    calls.get_by_role("searchbox", name="Search what was said").fill("haiku")
    row = calls.locator(f"tr[data-call={call_id}]")
    expect(row).to_contain_text("greeter → haikuWriter")
    expect(row.locator("mark").first).to_have_text(re.compile("haiku", re.IGNORECASE))
    row.get_by_role("link").first.click()
    transcript = calls.get_by_role("region", name="Transcript")
    expect(transcript.get_by_text("What shall yours be about").first).to_be_visible()

    calls.get_by_role("button", name="Play", exact=True).click()
    calls.wait_for_function("() => document.querySelector('audio')?.currentTime > 0.2")
    heard = calls.evaluate(LOUDNESS, 6)
    assert heard["loudest"][1] > 0.03, f"the agent's greeting is on the right: {heard}"
    assert abs(position_ms(calls) - 1000 * calls.evaluate("() => document.querySelector('audio').currentTime")) < 300
    assert transcript.locator("[aria-current=true]").count() == 1

    agents = calls.get_by_role("region", name="Agents")
    expect(agents.get_by_role("button", name="greeter")).to_have_attribute("aria-current", "true")
    calls.get_by_role("button", name="Pause").click()
    calls.keyboard.press("End")
    expect(agents.get_by_role("button", name="haikuWriter")).to_have_attribute("aria-current", "true")


def test_a_running_call_is_watched_as_by_a_viewer(tab: Tab, keeping: Server) -> None:
    caller = tab(f"{keeping.url}/?agentConfig=simpleHandoff&transport=websocket")
    caller.hears("Hello, and welcome", timeout_s=90)
    call_id = caller.call_id
    watcher = tab(f"{keeping.url}/calls").page
    row = watcher.locator(f"tr[data-call={call_id}]")
    expect(row).to_contain_text("Live")
    row.get_by_role("link").first.click()
    expect(watcher.get_by_text("Hello, and welcome").first).to_be_visible()
    caller.types("yes please")
    expect(watcher.get_by_role("region", name="Transcript").get_by_text("yes please", exact=True)).to_be_visible()
    expect(watcher.get_by_role("textbox", name="Message")).to_have_count(0)
    expect(caller.page.get_by_role("textbox", name="Message")).to_be_enabled()
    caller.page.get_by_role("button", name="Disconnect").click()
    watcher.get_by_role("button", name="Open the stored call").click()
    expect(watcher.get_by_role("region", name="Player")).to_be_visible()
    expect(watcher.get_by_role("region", name="Transcript").get_by_text("yes please", exact=True)).to_be_visible()
