"""The page's recording of a call: both voices at the right times."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Caller, Server
from tests.browser.recording_reader import download

pytestmark = [pytest.mark.browser, pytest.mark.speech, pytest.mark.realtime]
Tab = Callable[[str], Caller]
FIRST_SOUND = "() => (__ear.blocks().find((block) => block.rms > 0.01) ?? { at: null }).at"


@pytest.mark.parametrize("transport", ["webrtc", "websocket"])
def test_the_recording_has_both_voices_at_the_right_times_also_after_the_call(
    transport: str, server: Server, tab: Tab, tmp_path: Path
) -> None:
    caller = tab(f"{server.url}/?transport={transport}")
    page = caller.page
    caller.waits_for_sound()
    caller.listens_for(400)
    page.get_by_role("button", name="Stop").click()
    caller.waits_for_quiet(ms=400)
    greeted_at = float(page.evaluate(FIRST_SOUND))
    spoke_at = caller.now()
    caller.says("yes please")
    spoke_until = caller.now()
    caller.waits_for_sound(since=spoke_until)
    answered_at = float(page.evaluate(f"__ear.blocks().find((b) => b.at > {spoke_until} && b.rms > 0.01).at"))
    caller.listens_for(1200)
    call_id = caller.call_id
    page.get_by_role("button", name="Disconnect").click()
    expect(page.get_by_role("button", name="Connect")).to_be_visible()

    recorded = download(caller, tmp_path)
    assert recorded.name == f"trunkline-{call_id}.wav"
    (said,) = recorded.caller.spans()
    greeting, *answers = recorded.agent.spans()
    assert said[0] - greeting[0] == pytest.approx(
        spoke_at + 100 - greeted_at, abs=250
    )  # the speech has a lead of 100 ms
    assert said[1] - said[0] == pytest.approx(spoke_until - spoke_at - 100, abs=400)  # a voice begins and ends softly
    assert greeting[1] < said[0] < said[1] < answers[0][0]
    assert answers[0][0] - greeting[0] == pytest.approx(answered_at - greeted_at, abs=150)
    assert recorded.ms >= answers[0][0] + 900, "the end is missing"


def test_the_button_names_the_recordings_start_and_a_viewer_records_nothing(server: Server, tab: Tab) -> None:
    caller = tab(f"{server.url}/?transport=websocket")
    button = caller.page.get_by_role("button", name="Download audio")
    expect(button).to_be_enabled()
    since = re.compile("Both voices since .*, when this page became the caller")
    expect(button).to_have_attribute("title", since)
    viewer = tab(caller.page.url).page
    expect(viewer.get_by_text("Another tab has this call.")).to_be_visible()
    viewer.wait_for_timeout(1500)  # in which nothing may be recorded
    expect(viewer.get_by_role("button", name="Download audio")).to_be_disabled()
    caller.page.reload()
    expect(button).to_be_enabled()
    expect(button).to_have_attribute("title", since)


@pytest.mark.parametrize("transport", ["webrtc", "websocket"])
def test_a_codec_is_audible_and_can_be_changed_later(transport: str, server: Server, tab: Tab, tmp_path: Path) -> None:
    caller = tab(f"{server.url}/?transport={transport}&codec=pcmu")
    page = caller.page
    caller.opens_audio_menu()
    expect(page.get_by_role("combobox", name="Codec")).to_have_value("pcmu")
    caller.waits_for_sound()
    caller.listens_for(2500)
    narrow = download(caller, tmp_path)
    call_id = caller.call_id

    caller.opens_audio_menu()  # the download has closed it
    page.get_by_role("combobox", name="Codec").select_option("Opus 48 kHz")
    page.keyboard.press("Escape")  # the menu covers the button to send
    page.wait_for_timeout(300)
    expect(page.get_by_role("status").first).to_have_text("Connected")
    caller.types("yes please")
    caller.hears("What shall yours be about")
    caller.waits_for_sound(since=caller.now())
    caller.listens_for(2500)
    whole = download(caller, tmp_path)
    assert caller.call_id == call_id, "the same call goes on"
    wide = whole.agent.after(whole.ms - 2000)
    assert narrow.agent.share_above(4100) < 0.001
    assert wide.share_above(4100) > 0.004, "the other codec sounds no better"
