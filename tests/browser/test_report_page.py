"""The report of conversations in a real browser: filter, order, jump, light and dark."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_console_access import violations
from trunkline.testing.report import CallReport, ReportedTest, ReportRow
from trunkline.testing.report_page import render_report

pytestmark = pytest.mark.browser


def row(at_ms: int, who: str, text: str, kind: str, wait_ms: int | None = None, here: bool = False) -> ReportRow:
    parts = {"endpointing": 300, "model": wait_ms - 300} if wait_ms else {}
    return {
        "at_ms": at_ms,
        "who": who,
        "text": text,
        "kind": kind,
        "here": here,
        "wait": {"total_ms": wait_ms, "parts": parts, "after": "speech"} if wait_ms else None,
    }


def call(topic: str, *, wait_ms: int = 700, because: str = "") -> CallReport:
    return {
        "title": "shop, spoken",
        "duration_ms": 9000,
        "interruptions": 0,
        "silences_ms": [800],
        "rows": [
            row(0, "·", "the caller joins", "event"),
            row(1000, "clerk", "Good day. What can I do?", "assistant"),
            row(3000, "caller", f"I want to talk about {topic}.", "user", here=bool(because)),
            row(3400, "tool", f"lookup(topic='{topic}') → 3 (12 ms)", "tool"),
            row(5000, "clerk", "مرحبا، كيف أساعدك؟", "assistant", wait_ms),
        ],
        "speech": [
            {"who": "clerk", "start_ms": 1000, "end_ms": 2600},
            {"who": None, "start_ms": 3000, "end_ms": 4200},
            {"who": "clerk", "start_ms": 5000, "end_ms": 8800},
        ],
        "because": because,
        "audio_wav": None,
    }


TESTS = [
    ReportedTest("test_shop.py::test_boots[spoken]", "passed", 9.4, [call("boots")]),
    ReportedTest("test_shop.py::test_boards[spoken]", "passed", 3.1, [call("boards", wait_ms=900)]),
    ReportedTest("test_shop.py::test_refund[spoken]", "failed", 4.2, [call("money", because="lookup was not called.")]),
]


@pytest.fixture
def page(chromium: Browser, tmp_path: Path) -> Page:
    file = tmp_path / "report.html"
    file.write_text(render_report(TESTS), "utf-8")
    page = chromium.new_page()
    refused: list[str] = []
    page.on("console", lambda said: refused.append(said.text))
    page.goto(file.as_uri())
    assert refused == [], "the page's policy allows its own style and script"
    return page


def test_failures_come_first_and_are_open(page: Page) -> None:
    names = page.locator(".test .name")
    order = ("refund", "boots", "boards")
    expect(names).to_have_text([f"test_shop.py test_{name}[spoken]" for name in order])
    expect(page.get_by_text("lookup was not called.")).to_be_visible()
    expect(page.get_by_text("I want to talk about boots.")).to_be_hidden()


def test_the_figures_are_those_of_the_run(page: Page) -> None:
    figures = page.locator("header dl div")
    expect(figures).to_have_text(
        [
            "Duration of the tests16.7 s",
            "Conversation27.0 s",
            "Replies3",
            "Latency, median700 ms",
            "Latency, 90 %860 ms",
            "Latency, longest900 ms",
        ]
    )
    expect(page.locator(".test").first.locator("summary .facts")).to_have_text("4.2 s · latency 700 ms")


def test_the_filter_takes_words_of_names_and_conversations_and_an_outcome(page: Page) -> None:
    shown = page.locator(".test:visible")
    words = page.get_by_role("searchbox", name="Filter tests")
    words.fill("talk boots")
    expect(shown).to_have_count(1)
    expect(shown).to_contain_text("test_boots")
    words.fill("nothing like it")
    expect(page.get_by_text("No test matches the filter.")).to_be_visible()
    words.fill("")
    page.get_by_role("radio", name="Passed 2").check(force=True)
    expect(shown).to_have_count(2)
    page.get_by_role("button", name="Open all").click()
    expect(page.get_by_text("I want to talk about boots.")).to_be_visible()
    page.get_by_role("radio", name="All 3").check(force=True)
    expect(shown).to_have_count(3)


@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_no_violation_and_the_page_fits(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.get_by_role("button", name="Open all").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(page) == []
