"""The console of a caller: the conversation, and a word about each hidden part."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Server

pytestmark = [pytest.mark.browser, pytest.mark.speech]


@pytest.fixture
def public() -> Iterator[Server]:
    running = Server(environment={"TRUNKLINE_AUDIENCE": "caller"})
    running.start()
    yield running
    running.stop()


def test_a_callers_console_is_usable_and_names_the_hidden_parts(public: Server, chromium: Browser) -> None:
    context = chromium.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{public.url}/?agentConfig=simpleHandoff&transport=websocket")
    expect(page.get_by_role("status").first).to_have_text("Connected")
    box = page.get_by_role("textbox", name="Message")
    box.fill("yes please")
    box.press("Enter")
    expect(page.get_by_text("yes please").first).to_be_visible()
    expect(page.get_by_text("only operators see the events of the model")).to_be_visible()
    assert page.get_by_text("session.update").count() == 0
    assert not errors
    context.close()
