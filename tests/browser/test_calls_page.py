"""The pages of stored calls: the list with its search and filters, and a call with its playhead."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect

from tests.browser.conftest import Server
from tests.browser.stored_calls import CALL, TEST_FILE, StoredCalls, hour, ndjson, open_call, summary

pytestmark = pytest.mark.browser
AXE = Path(__file__).parents[2] / "console" / "node_modules" / "axe-core" / "axe.min.js"
VIOLATIONS = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" | ").slice(0, 600)}`);
}"""


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    yield context
    context.close()


@pytest.fixture
def stored(context: BrowserContext) -> StoredCalls:
    return StoredCalls(context)


@pytest.fixture
def page(context: BrowserContext, stored: StoredCalls) -> Iterator[Page]:
    """A page in which an exception fails the test."""
    assert stored.calls
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    assert not errors, errors


def rows(page: Page) -> Locator:
    return page.locator("tr[data-call]")


# The list -----------------------------------------------------------------------------------------------------------
def test_the_list_shows_each_call_in_figures_with_the_running_calls_on_top(
    page: Page, server: Server, stored: StoredCalls
) -> None:
    stored.calls = [summary(trips=2, errors=1)]
    stored.live = [summary("call_live", live=True, status="running", ended_at=None, end_reason=None)]
    page.goto(f"{server.url}/calls")
    expect(rows(page)).to_have_count(2)
    expect(rows(page).first).to_have_attribute("data-call", "call_live")
    expect(rows(page).first).to_contain_text("Live")
    cells = rows(page).nth(1).get_by_role("cell")
    words = ["Fri 1 May|2026", "clerk → returns", "24.0 s", "3", "the caller hung up", "$0.042", "1.2 s", "2", "1"]
    for index, expected in enumerate(words[1:], 1):
        expect(cells.nth(index)).to_contain_text(expected)


def test_scenarios_have_their_titles_as_soon_as_the_server_has_loaded_them(
    page: Page, server: Server, stored: StoredCalls
) -> None:
    refused: list[str] = []

    def once(path: str, _query: dict[str, str]) -> tuple[int, str, str] | None:
        if path != "scenarios" or refused:
            return None
        refused.append(path)
        return 503, "starting", "The scenarios are loading."

    stored.fails = once
    page.goto(f"{server.url}/calls")
    expect(rows(page).first.locator(".call-title")).to_have_text("shop")
    expect(rows(page).first.locator(".call-title")).to_have_text("Shop")


def test_a_call_that_ends_moves_to_the_stored_ones_without_a_reload(
    page: Page, server: Server, stored: StoredCalls
) -> None:
    stored.live = [summary("call_live", live=True, status="running", end_reason=None)]
    page.goto(f"{server.url}/calls")
    expect(page.get_by_text("Live now")).to_be_visible()
    stored.calls.insert(0, summary("call_live", started_at="2026-05-01T11:00:00Z"))
    stored.live = []
    expect(page.get_by_text("Live now")).to_be_hidden()
    expect(rows(page).first).to_have_attribute("data-call", "call_live")


def test_a_search_shows_the_words_that_were_found_and_leads_to_their_moment(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/calls")
    page.get_by_role("searchbox", name="Search what was said").fill("board")
    hit = rows(page).get_by_role("link", name="I would like to return a board.")
    expect(hit.locator("mark")).to_have_text("board")
    assert page.url.endswith("/calls?q=board")
    hit.click()
    page.wait_for_url(f"**/calls/{CALL}#12")
    expect(page.get_by_role("slider", name="Playhead")).not_to_have_value("0")


def test_filters_are_in_the_address_so_that_a_reload_and_back_restore_them(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/calls")
    expect(rows(page)).to_have_count(1)
    page.get_by_role("button", name="Filters").click()
    page.get_by_role("combobox", name="Status").select_option("failed")
    expect(page.get_by_role("heading", name="No call matches")).to_be_visible()
    assert page.url.endswith("?status=failed")
    page.reload()
    expect(page.get_by_role("combobox", name="Status")).to_have_value("failed")
    page.get_by_role("button", name="Show all calls").click()
    expect(rows(page)).to_have_count(1)
    page.go_back()
    expect(page.get_by_role("heading", name="No call matches")).to_be_visible()


def test_a_long_list_grows_while_it_is_scrolled(page: Page, server: Server, stored: StoredCalls) -> None:
    stored.calls = [summary(f"call_{index}") for index in range(120)]
    page.goto(f"{server.url}/calls")
    expect(rows(page)).to_have_count(50)
    for _ in range(20):
        page.mouse.move(700, 600)
        page.mouse.wheel(0, 4000)
        page.wait_for_timeout(50)
        if rows(page).count() == 120:
            break
    expect(rows(page)).to_have_count(120)
    expect(page.get_by_text("120 stored calls")).to_be_visible()


def test_a_list_that_breaks_off_says_that_it_is_a_part(page: Page, server: Server, stored: StoredCalls) -> None:
    stored.calls = [summary(f"call_{index}") for index in range(60)]
    stored.fails = lambda path, query: (500, "broken", "The store is busy.") if "cursor" in query else None
    page.goto(f"{server.url}/calls")
    expect(rows(page)).to_have_count(50)
    page.mouse.move(700, 600)
    page.mouse.wheel(0, 9000)
    alert = page.get_by_role("alert").filter(has_text="Only a part of the calls is shown. The store is busy.")
    expect(alert).to_be_visible()
    stored.fails = lambda _path, _query: None
    page.get_by_role("button", name="Load the rest").click()
    expect(rows(page)).to_have_count(60)


@pytest.mark.parametrize(
    ("error", "heading", "button"),
    [
        ((500, "broken", "The database is locked."), "The calls could not be loaded", "Try again"),
        ((404, "no_store", "Set TRUNKLINE_STORE=full."), "This server stores no calls", None),
        ((403, "not_an_operator", "Only operators see calls."), "Stored calls are for operators", None),
    ],
)
def test_a_list_that_cannot_be_shown_says_why(
    page: Page, server: Server, stored: StoredCalls, error: tuple[int, str, str], heading: str, button: str | None
) -> None:
    stored.fails = lambda path, _query: error if path == "calls" else None
    page.goto(f"{server.url}/calls")
    expect(page.get_by_role("heading", name=heading)).to_be_visible()
    expect(page.get_by_text(error[2])).to_be_visible()
    if button:
        stored.fails = lambda _path, _query: None
        page.get_by_role("button", name=button).click()
        expect(rows(page)).to_have_count(1)


def test_an_empty_list_leads_to_a_first_call(page: Page, server: Server, stored: StoredCalls) -> None:
    stored.calls = []
    page.goto(f"{server.url}/calls")
    expect(page.get_by_role("heading", name="No calls yet")).to_be_visible()
    expect(page.get_by_role("link", name="Call “Shop”")).to_have_attribute("href", f"{server.url}/")


def test_a_list_that_cannot_be_updated_stays_and_says_so(page: Page, server: Server, stored: StoredCalls) -> None:
    page.goto(f"{server.url}/calls")
    expect(rows(page)).to_have_count(1)
    stored.fails = lambda path, _query: (503, "busy", "The store is busy.") if path == "calls" else None
    expect(page.get_by_role("status").filter(has_text="The list is not up to date. The store is busy.")).to_be_visible()
    expect(rows(page)).to_have_count(1)


def test_one_call_is_deleted_after_a_confirmation(page: Page, server: Server, stored: StoredCalls) -> None:
    stored.calls = [summary("call_1"), summary("call_2")]
    page.goto(f"{server.url}/calls")
    page.get_by_role("button", name="Delete Shop").first.click()
    dialog = page.get_by_role("dialog", name="Delete this call?")
    dialog.get_by_role("button", name="Cancel").click()
    expect(rows(page)).to_have_count(2)
    page.get_by_role("button", name="Delete Shop").first.click()
    dialog.get_by_role("button", name="Delete the call").click()
    expect(rows(page)).to_have_count(1)
    assert [call["call_id"] for call in stored.calls] == ["call_2"]


def test_all_calls_are_deleted_after_a_confirmation(page: Page, server: Server, stored: StoredCalls) -> None:
    page.goto(f"{server.url}/calls")
    page.get_by_role("button", name="Delete all…").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete all calls").click()
    expect(page.get_by_role("heading", name="No calls yet")).to_be_visible()
    assert "DELETE calls/stored" in stored.asked


def test_the_list_is_usable_by_keyboard_alone(page: Page, server: Server, stored: StoredCalls) -> None:
    stored.calls = [summary("call_1"), summary("call_2"), summary(CALL)]
    page.goto(f"{server.url}/calls")
    expect(rows(page)).to_have_count(3)
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    rows(page).first.get_by_role("link").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("j")
    expect(rows(page).nth(2).get_by_role("link").first).to_be_focused()
    page.keyboard.press("Delete")
    expect(page.get_by_role("dialog", name="Delete this call?")).to_be_visible()
    page.keyboard.press("Escape")
    rows(page).nth(2).get_by_role("link").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Player")).to_be_visible()


# One call -----------------------------------------------------------------------------------------------------------
def playhead(page: Page) -> Locator:
    return page.get_by_role("slider", name="Playhead")


def later(page: Page) -> int:
    """The number of entries that are grey, since they are after the playhead."""
    script = (
        "() => [...document.querySelectorAll('.moment')].filter(one => getComputedStyle(one).filter !== 'none').length"
    )
    return int(page.evaluate(script))


def test_a_call_opens_whole_and_its_parts_move_with_the_playhead(page: Page, server: Server) -> None:
    open_call(page, server.url)
    transcript = page.get_by_role("region", name="Transcript")
    agents = page.get_by_role("region", name="Agents")
    log = page.get_by_role("region", name="Event log")
    expect(transcript.get_by_text("Then we exchange it.")).to_be_visible()
    expect(agents.get_by_role("button", name="returns", exact=True)).to_have_attribute("aria-current", "true")
    assert later(page) == 0
    page.goto(f"{server.url}/calls/{CALL}?t=8.0")
    expect(playhead(page)).to_have_value("8000")
    expect(agents.get_by_role("button", name="clerk", exact=True)).to_have_attribute("aria-current", "true")
    expect(transcript.locator("[aria-current=true]")).to_contain_text("I will pass you to returns.")
    assert later(page) > 4
    now = log.locator(".row-now")
    expect(now).to_be_in_viewport()
    expect(transcript.get_by_title("The call in figures")).not_to_contain_text("tokens")
    page.keyboard.press("Escape")
    expect(transcript.get_by_title("The call in figures")).to_contain_text("tokens")
    assert later(page) == 0


def test_words_appear_at_the_playhead_as_they_were_seen_live(page: Page, server: Server) -> None:
    open_call(page, server.url, f"calls/{CALL}?t=11.15")
    present = page.locator(".moment-now")
    expect(present).to_contain_text("I found your order. Is")
    expect(present).not_to_contain_text("damaged")


def test_the_address_of_an_event_opens_its_moment(page: Page, server: Server) -> None:
    open_call(page, server.url, f"calls/{CALL}#5")
    assert int(playhead(page).input_value()) > 0
    expect(page.get_by_role("region", name="Event log").locator(".row-active, .row-now").first).to_be_in_viewport()


def is_near(page: Page, ms: int, *, within_ms: int) -> None:
    """Wait until the playhead has moved: the page draws after the key."""
    near = "([input, ms, within]) => Math.abs(Number(input.value) - ms) <= within"
    page.wait_for_function(near, arg=[playhead(page).element_handle(), ms, within_ms])


def test_the_playhead_moves_by_click_and_by_keys(page: Page, server: Server) -> None:
    open_call(page, server.url)
    box = playhead(page).bounding_box()
    assert box
    playhead(page).click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    is_near(page, 12_000, within_ms=100)
    page.keyboard.press("ArrowRight")
    is_near(page, 17_000, within_ms=100)
    for key, ms in (("j", 7000), ("Shift+ArrowLeft", 6000), ("Home", 0), ("]", 400), ("End", 24_000), ("l", 24_000)):
        page.keyboard.press(key)
        is_near(page, ms, within_ms=200)
    page.keyboard.press("]")
    page.keyboard.press("[")
    expect(playhead(page)).to_have_value("18300")
    expect(playhead(page)).to_have_attribute("aria-valuetext", "0:18 of 0:24, returns")


def test_the_timeline_and_the_latency_chart_lead_to_their_moments(page: Page, server: Server) -> None:
    open_call(page, server.url)
    page.get_by_role("button", name="Timeline").click()
    timeline = page.get_by_role("region", name="Timeline")
    timeline.get_by_role("button", name="Caller at 0:15").click()
    expect(playhead(page)).to_have_value("15500")
    page.get_by_title("The call in figures").click()
    page.get_by_role("region", name="Latency by turn").get_by_role("button").nth(1).click()
    expect(playhead(page)).to_have_value("7610")
    page.get_by_title("The call in figures").click()
    log = page.get_by_role("region", name="Event log")
    log.get_by_role("treeitem").filter(has_text="tool.done").click()
    log.get_by_role("button", name="Play from here").click()
    expect(playhead(page)).to_have_value("10500")


def test_a_note_is_written_on_a_moment_and_deleted(page: Page, server: Server, stored: StoredCalls) -> None:
    open_call(page, server.url, f"calls/{CALL}?t=11.5")
    page.keyboard.press("n")
    page.get_by_role("textbox", name="Note at 0:11").fill("It blames the caller.")
    page.keyboard.press("Enter")
    note = page.get_by_role("article", name="Note at 0:11")
    expect(note).to_contain_text("It blames the caller.")
    assert stored.notes[CALL][0]["at_ms"] == 11_500
    page.reload()
    note.get_by_role("button", name="Delete this note").click()
    expect(note).to_be_hidden()
    assert stored.notes[CALL] == []


def test_a_test_is_made_from_the_call(page: Page, server: Server) -> None:
    open_call(page, server.url)
    page.get_by_role("button", name="Make a test").click()
    dialog = page.get_by_role("dialog", name="A test from this call")
    expect(dialog.get_by_text("async def test_the_call")).to_be_visible()
    with page.expect_download() as download:
        dialog.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "test_call_stored.py"
    assert Path(download.value.path()).read_text() == TEST_FILE


def test_the_address_of_the_moment_and_the_files_are_offered(page: Page, server: Server) -> None:
    open_call(page, server.url, f"calls/{CALL}?t=8")
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("status").filter(has_text="Copied!")).to_be_attached()
    assert page.evaluate("navigator.clipboard.readText()") == f"{server.url}/calls/{CALL}?t=8.0"
    page.locator("summary", has_text="Download").click()
    links = page.locator(".menu-panel a")
    addresses = [str(link.get_attribute("href")).partition("/api/")[2] for link in links.all()]
    assert addresses[:3] == [
        f"calls/{CALL}/audio?format=ogg",
        f"calls/{CALL}/audio?format=wav",
        f"calls/{CALL}/export",
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"status": "interrupted"}, "The server stopped during this call."),
        ({"lost_events": 7}, "could not keep 7 of the call's events"),
        ({"mode": "metadata", "audio": False}, "the words and the tools' payloads were not kept"),
    ],
)
def test_missing_parts_of_a_call_are_named(
    page: Page, server: Server, stored: StoredCalls, changes: dict[str, Any], words: str
) -> None:
    stored.calls = [summary(**changes)]
    open_call(page, server.url)
    expect(page.get_by_role("note")).to_contain_text(words)


def test_a_call_that_is_not_stored_leads_back_to_the_list(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/calls/call_unknown")
    expect(page.get_by_role("heading", name="This call is not stored")).to_be_visible()
    page.get_by_role("link", name="Show all calls").click()
    expect(rows(page)).to_have_count(1)


def test_a_call_without_audio_plays_by_the_clock(page: Page, server: Server, stored: StoredCalls) -> None:
    stored.calls = [summary(audio=False)]
    open_call(page, server.url, f"calls/{CALL}?t=23.2")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(playhead(page)).to_have_value("24000")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()


def test_a_call_of_an_hour_opens_and_seeks_without_a_pause(page: Page, server: Server, stored: StoredCalls) -> None:
    stored.calls = [summary(duration_ms=3_600_000, audio=False)]
    stored.logs[CALL] = ndjson(hour())
    assert stored.logs[CALL].count("\n") > 20_000
    open_call(page, server.url)
    expect(page.get_by_role("region", name="Event log").locator(".count")).to_contain_text("of 2")
    script = """ms => new Promise(done => {
      const slider = document.querySelector("input[type=range]");
      const start = performance.now();
      slider.value = ms;
      slider.dispatchEvent(new Event("input", { bubbles: true }));
      requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
    })"""
    for ms in (3_000_000, 100_000, 2_000_000, 2_000_400):
        page.evaluate(script, ms)
    expect(page.locator(".moment-now")).to_have_count(1)
    expect(playhead(page)).to_have_attribute("aria-valuetext", "33:20 of 60:00, you")


# Everyone, everywhere -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [(1440, 900), (390, 844)], ids=["wide", "phone"])
@pytest.mark.parametrize("where", ["calls", f"calls/{CALL}?t=11.5"], ids=["list", "call"])
def test_axe_finds_no_violation_and_the_page_fits(
    page: Page, server: Server, stored: StoredCalls, size: tuple[int, int], where: str
) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: make setup")
    stored.live = [summary("call_live", live=True, status="running")]
    stored.calls += [summary("call_2", status="failed", errors=2), summary("call_3", status="interrupted", trips=1)]
    stored.notes[CALL] = [
        {"note_id": "n", "at_ms": 9000, "seq": None, "text": "A note.", "created_at": "2026-05-01T10:00:00Z"}
    ]
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(f"{server.url}/{where}")
    (page.get_by_role("table") if where == "calls" else page.get_by_role("region", name="Player")).wait_for()
    page.wait_for_timeout(400)
    page.evaluate(AXE.read_text())
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert page.evaluate(VIOLATIONS) == [], scheme
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    player = page.get_by_role("region", name="Player")
    if player.count():
        assert player.evaluate("element => element.scrollWidth <= element.clientWidth")


def test_the_pages_work_below_a_prefix_that_the_server_does_not_know(
    context: BrowserContext, page: Page, server: Server
) -> None:
    """A proxy removes the prefix `/voice/`."""

    def proxy(route: Route) -> None:
        url = route.request.url.replace("/voice/", "/", 1)
        route.fulfill(response=route.fetch(url=url))

    context.route(f"{server.url}/voice/calls**", proxy)
    context.route(f"{server.url}/voice/assets/**", proxy)
    page.goto(f"{server.url}/voice/calls")
    rows(page).get_by_role("link").first.click()
    page.wait_for_url(f"**/voice/calls/{CALL}")
    expect(page.get_by_role("region", name="Player")).to_be_visible()
    page.get_by_role("link", name="Calls").click()
    expect(rows(page)).to_have_count(1)


def test_only_operators_of_a_server_that_stores_calls_see_the_link_in_the_console(
    page: Page, server: Server, stored: StoredCalls
) -> None:
    page.goto(f"{server.url}/?connect=0")
    expect(page.get_by_role("link", name="Calls")).to_have_attribute("href", f"{server.url}/calls")
    stored.health = {**stored.health, "stores_calls": False}
    page.reload()
    expect(page.get_by_role("combobox", name="Scenario")).to_be_enabled()
    expect(page.get_by_role("link", name="Calls")).to_have_count(0)


def test_a_caller_learns_why_and_how_to_sign_in(page: Page, server: Server, stored: StoredCalls) -> None:
    stored.health = {**stored.health, "audience": "caller", "signed_in": False}
    page.goto(f"{server.url}/calls?status=failed")
    expect(page.get_by_role("heading", name="Stored calls are for operators")).to_be_visible()
    sign_in = page.get_by_role("link", name="Sign in as an operator")
    expect(sign_in).to_have_attribute("href", f"{server.url}/sign-in?status=failed&page=calls")


def test_the_console_of_a_live_call_loads_no_script_of_the_stored_calls(page: Page, server: Server) -> None:
    loaded: list[str] = []
    page.on("response", lambda response: loaded.append(response.url))
    page.goto(f"{server.url}/?connect=0")
    expect(page.get_by_role("combobox", name="Scenario")).to_be_enabled()
    assert not [url for url in loaded if "/pages-" in url], json.dumps(loaded)
