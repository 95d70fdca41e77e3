"""A call with Chromium's own fake microphone, which plays a file into an unchanged getUserMedia."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import BrowserType, expect

from tests.browser.conftest import Caller, Server, spoken
from tests.chromium import FLAGS, chromium_path

pytestmark = [pytest.mark.browser, pytest.mark.speech, pytest.mark.realtime]


def test_a_spoken_yes_leads_to_the_handoff(server: Server, browser_type: BrowserType, tmp_path: Path) -> None:
    speech = tmp_path / "yes.wav"
    # The file starts when the microphone is opened, so the greeting is let finish first.
    speech.write_bytes(spoken("yes please", lead_ms=7000))
    flags = [*FLAGS, f"--use-file-for-fake-audio-capture={speech}%noloop"]
    browser = browser_type.launch(executable_path=chromium_path(), args=flags)
    try:
        page = browser.new_context(permissions=["microphone"]).new_page()
        page.goto(server.url)
        caller = Caller(page)
        caller.hears("Hello, and welcome")
        expect(page.get_by_role("combobox", name="Agent")).to_have_value("haikuWriter")
        caller.hears("yes please")
    finally:
        browser.close()
