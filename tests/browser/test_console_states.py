"""Rendering of a call in the real page, from a log that the test writes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.browser.conftest import Server
from tests.browser.scripted_call import CALL, SHOP, STARTED, TOOL, ScriptedCall, agent, scenario
from trunkline.calls import log_events

pytestmark = pytest.mark.browser
Open = Callable[..., ScriptedCall]


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(permissions=["microphone"], viewport={"width": 1440, "height": 900}, locale="en-GB")
    context.grant_permissions(["microphone", "clipboard-read", "clipboard-write"])
    yield context
    context.close()


@pytest.fixture
def call(context: BrowserContext, server: Server) -> Iterator[ScriptedCall]:
    """A call that has begun; an exception in the page fails the test."""
    yield from _opened(context.new_page(), server)


def _opened(page: Page, server: Server) -> Iterator[ScriptedCall]:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    call = ScriptedCall(page)
    call.open(f"{server.url}/?transport=websocket")
    yield call
    assert not errors, errors


def transcript(call: ScriptedCall) -> Locator:
    return call.page.get_by_role("region", name="Transcript")


def events(call: ScriptedCall) -> Locator:
    return call.page.get_by_role("region", name="Event log")


def agents(call: ScriptedCall) -> Locator:
    return call.page.get_by_role("region", name="Agents")


# Guardrails ---------------------------------------------------------------------------------------------------------
def test_a_guardrail_chip_changes_from_pending_to_fail_with_its_reasons(call: ScriptedCall) -> None:
    call.says("a1", "You fool.")
    call.tell(log_events.GuardrailChecked("a1", "moderation", "pending"))
    bubble = transcript(call).get_by_role("article").filter(has_text="You fool.")
    expect(bubble.get_by_role("button", name="Pending")).to_be_visible()
    call.tell(
        log_events.GuardrailChecked("a1", "moderation", "fail", "OFFENSIVE", "It insults the caller.", "fool", 210)
    )
    bubble.get_by_role("button", name="Fail").click()
    for words in ("OFFENSIVE", "It insults the caller.", "fool", "210 ms"):
        expect(bubble.get_by_text(words, exact=True)).to_be_visible()
    entry = transcript(call).get_by_role("button", name="Guardrail moderation tripped: OFFENSIVE")
    entry.click()
    expect(entry).to_have_attribute("aria-expanded", "true")
    call.says("a2", "Good day.")
    call.tell(
        log_events.GuardrailChecked("a2", "moderation", "pass", "NONE"),
        log_events.GuardrailChecked("a2", "tone", "error"),
    )
    fine = transcript(call).get_by_role("article").filter(has_text="Good day.")
    expect(fine.get_by_role("button", name="Pass")).to_be_visible()
    expect(fine.get_by_role("button", name="Error")).to_be_visible()


# Tools --------------------------------------------------------------------------------------------------------------
def test_a_tool_waits_until_the_caller_allows_it(call: ScriptedCall) -> None:
    call.tell(log_events.ApprovalNeeded("t1", "checkout", {"item_id": 101}, "clerk"))
    question = call.page.get_by_role("group", name="Permission for checkout")
    expect(question).to_contain_text("clerk asks to use checkout")
    question.get_by_text("With these arguments").click()
    expect(question.get_by_text("101")).to_be_visible()
    expect(transcript(call).get_by_text("waits for your permission")).to_be_visible()
    question.get_by_role("button", name="Allow").click()
    assert call.command("approve") == {"type": "approve", "call_id": "t1", "approved": True}
    call.tell(log_events.ApprovalResolved("t1", True))
    expect(question).to_be_hidden()
    call.tell(log_events.ApprovalNeeded("t2", "checkout", {"item_id": 7}, "clerk"))
    question.get_by_role("button", name="Refuse").press("Enter")
    call.page.wait_for_timeout(50)
    assert call.command("approve") == {"type": "approve", "call_id": "t2", "approved": False}


def test_a_tool_shows_its_progress_and_its_nested_tools(call: ScriptedCall) -> None:
    call.tell(
        log_events.ToolStarted("t1", "askSupervisor", {"question": "Is it eligible?"}, "clerk"),
        log_events.ToolStarted("t2", "readPolicy", {"region": "NZ"}, "clerk", parent="t1"),
        log_events.ToolProgress("t1", "Reading the policy", 0.4),
    )
    outer = transcript(call).get_by_role("button", name="askSupervisor")
    steps = transcript(call).get_by_role("list", name="Progress of askSupervisor").get_by_role("listitem")
    expect(steps).to_have_text([re.compile("Reading the policy.*40%")])
    expect(events(call).get_by_role("treeitem").filter(has_text="tool.progress")).to_contain_text("policy · 40%")
    expect(transcript(call).get_by_role("progressbar")).to_have_attribute("value", "0.4")
    call.tell(
        log_events.ToolDone("t2", "readPolicy", 40, "30 days"), log_events.ToolDone("t1", "askSupervisor", 900, "yes")
    )
    expect(steps).to_have_count(1)
    inner = transcript(call).get_by_role("button", name="readPolicy")
    inner.click()
    detail = transcript(call).locator(".timeline-entry-detail")
    expect(detail).to_contain_text("30 days")
    left = [found["x"] for one in (outer, inner) if (found := one.bounding_box())]
    assert left[1] > left[0] + 10, "what it caused is indented"


def test_a_citation_opens_its_document_by_keyboard(call: ScriptedCall) -> None:
    policy = {"id": "NT-010", "name": "Family Plan Policy", "content": ["A plan has two to five lines.", "<i>Free</i>"]}
    call.tell(
        log_events.ToolStarted("t1", "lookupPolicyDocument", {"topic": "family"}, "clerk"),
        log_events.ToolDone("t1", "lookupPolicyDocument", 3, [policy]),
    )
    call.says("a1", "It costs 30 dollars. [Family Plan Policy](NT-010) But not [this](NT-999).")
    bubble = transcript(call).get_by_role("article").filter(has_text="30 dollars")
    expect(bubble).to_contain_text("But not [this](NT-999).")
    chip = bubble.get_by_role("button", name="Family Plan Policy")
    chip.focus()
    chip.press("Enter")
    document = bubble.get_by_role("region", name="Document NT-010")
    expect(document.get_by_text("A plan has two to five lines.")).to_be_visible()
    expect(document.get_by_text("<i>Free</i>")).to_be_visible()
    chip.press("Space")
    expect(document).to_be_hidden()


# Measures -----------------------------------------------------------------------------------------------------------
def test_latency_and_cost_are_shown_for_the_message_and_the_call(call: ScriptedCall) -> None:
    call.says("a1", "It is seven o'clock.")
    tokens = log_events.Tokens(input_text=1200, output_audio=80)
    call.tell(
        log_events.TurnLatency(
            "a1", 640, [log_events.LatencyPart("end_of_turn", 500), log_events.LatencyPart("model", 140)], "speech"
        ),
        log_events.UsageUpdated("response", "m", tokens, tokens, cost=0.0042, total_cost=0.0042, item_id="a1"),
    )
    bubble = transcript(call).get_by_role("article").filter(has_text="seven o'clock")
    button = bubble.get_by_role("button", name="Wait 640 ms")
    expect(button).to_contain_text("$0.0042")
    button.click()
    for words in ("end of turn", "500 ms", "model", "140 ms", "1,200 tokens"):
        expect(bubble.get_by_text(words, exact=True)).to_be_visible()
    figures = transcript(call).get_by_title("The call in figures")
    expect(figures).to_contain_text("640 ms")
    figures.press("Enter")
    expect(transcript(call).get_by_text("Wait for the first audio, median")).to_be_visible()
    figures.press("Escape")
    expect(transcript(call).get_by_text("Wait for the first audio, median")).to_be_hidden()


def test_the_latency_chart_has_a_column_for_each_turn(call: ScriptedCall) -> None:
    parts = [log_events.LatencyPart("endpointing", 300), log_events.LatencyPart("model", 500)]
    call.says("a1", "It is seven o'clock.")
    call.tell(log_events.TurnLatency("a1", 800, parts, "speech"))
    call.says("a2", "It is eight o'clock.")
    call.tell(log_events.TurnLatency("a2", 400, [log_events.LatencyPart("model", 400)], "text"))
    transcript(call).get_by_title("The call in figures").click()
    chart = transcript(call).get_by_role("region", name="Latency by turn")
    long = chart.get_by_role("button", name="800 ms after the caller's speech: endpointing 300 ms, model 500 ms")
    short = chart.get_by_role("button", name="400 ms after the caller's message: model 400 ms")
    heights = [box["height"] for one in (long, short) if (box := one.locator(".latency-column").bounding_box())]
    assert heights[0] == pytest.approx(2 * heights[1], abs=1)
    shares = [box["height"] for one in long.locator(".part").all() if (box := one.bounding_box())]
    assert shares[0] / shares[1] == pytest.approx(3 / 5, abs=0.05)
    long.click()
    expect(events(call).locator(".row-active")).to_contain_text("800 ms = endpointing 300")


def test_a_click_in_the_timeline_shows_the_moment(call: ScriptedCall) -> None:
    transcript(call).get_by_role("button", name="Timeline").click()
    call.says("a1", "Welcome to the shop.")
    call.tell(log_events.AudioStarted("a1"), log_events.AudioDone("a1", 2000), at_ms=1000)
    call.tell(*[log_events.Breadcrumb(f"note {index}") for index in range(100)], at_ms=5000)
    timeline = transcript(call).get_by_role("region", name="Timeline")
    speech = timeline.get_by_role("button", name="clerk at 0:01, for 2.0 s")
    box, track = speech.bounding_box(), timeline.locator(".voices-track").bounding_box()
    assert box
    assert track
    assert (box["x"] - track["x"]) / track["width"] == pytest.approx(1 / 15, abs=0.01)
    assert box["width"] / track["width"] == pytest.approx(2 / 15, abs=0.01)
    expect(transcript(call).get_by_text("Welcome to the shop.")).not_to_be_in_viewport()
    speech.press("Enter")
    expect(transcript(call).get_by_text("Welcome to the shop.")).to_be_in_viewport()
    expect(events(call).locator(".row-active")).to_contain_text("audio.started")
    expect(events(call).locator(".row-active")).to_be_in_viewport()


# Agents -------------------------------------------------------------------------------------------------------------
def test_the_handoff_graph_follows_handoffs_and_shows_definitions(call: ScriptedCall) -> None:
    expect(agents(call).get_by_role("button", name="clerk")).to_have_attribute("aria-current", "true")
    call.tell(log_events.AgentChanged("returns", "clerk"))
    expect(agents(call).get_by_role("button", name="returns")).to_have_attribute("aria-current", "true")
    expect(call.page.get_by_role("combobox", name="Agent")).to_have_value("returns")
    expect(agents(call).locator(".edge-last")).to_have_count(1)
    clerk = agents(call).get_by_role("button", name="clerk")
    clerk.focus()
    clerk.press("Enter")
    card = agents(call).get_by_role("article", name="About clerk")
    expect(card.get_by_text("You are clerk. Be brief.")).to_be_visible()
    card.get_by_text("checkout").click()
    expect(card.get_by_text("Pays for what is in the cart.")).to_be_visible()
    expect(card.get_by_text("item_id")).to_be_visible()


@pytest.mark.parametrize("count", [1, 8])
def test_the_handoff_graph_fits_one_to_eight_agents(context: BrowserContext, server: Server, count: int) -> None:
    names = [f"agentNumber{index}" for index in range(count)]
    crowd = scenario("crowd", *[agent(name, *[n for n in names if n != name]) for name in names])
    call = ScriptedCall(context.new_page(), [crowd])
    call.open(f"{server.url}/?transport=websocket")
    region = agents(call).bounding_box()
    boxes = [box for one in agents(call).locator(".node").all() if (box := one.bounding_box())]
    assert region
    assert len(boxes) == count
    for box in boxes:
        assert region["x"] <= box["x"]
        assert box["x"] + box["width"] <= region["x"] + region["width"]
    pairs = count * (count - 1) // 2
    expect(agents(call).locator(".edge")).to_have_count(pairs)


# The state of the call ----------------------------------------------------------------------------------------------
def test_the_status_names_the_wait_of_the_call(call: ScriptedCall) -> None:
    wait = call.page.get_by_title("The call waits for")
    call.tell(log_events.TurnWaiting(reason="model"))
    expect(wait).to_have_text("Thinking")
    call.tell(log_events.TurnWaiting(reason="tools", tools=("lookupOrders",)))
    expect(wait).to_have_text("Waiting for lookupOrders")
    call.tell(log_events.TurnWaiting(reason="caller"))
    expect(wait).to_have_count(0)


def test_provider_transport_and_link_are_always_shown(call: ScriptedCall) -> None:
    status, link = call.page.get_by_role("status").first, call.page.get_by_title("Link: the connection to the model")
    expect(call.page.get_by_title("Provider: the service that runs the model")).to_have_text("local")
    expect(call.page.get_by_title("Transport: the connection for audio")).to_have_text("WebSocket")
    expect(link).to_have_text("model connected")
    call.tell(log_events.LinkLost("1006", retry_in_ms=500))
    expect(link).to_have_text("model lost")
    expect(status).to_have_text("Reconnecting to the model…")
    call.tell(log_events.LinkRestored(1, 600))
    expect(status).to_have_text("Connected")
    call.tell(log_events.LinkRolledOver("the hour is nearly over"))
    expect(transcript(call).get_by_text("A new connection to the model")).to_be_visible()
    call.tell(log_events.Notice("Transcription is not deployed.", "no_transcription", hint="Set a deployment."))
    expect(transcript(call).get_by_text("Transcription is not deployed.")).to_be_visible()
    call.drop()
    expect(status).to_have_text("Reconnecting…")
    expect(status).to_have_text("Connected")
    call.says("a1", "Still here.")
    expect(transcript(call).get_by_text("Still here.")).to_have_count(1)


def test_speech_of_the_caller_is_transcribed_or_inaudible(call: ScriptedCall) -> None:
    call.tell(log_events.MessageAdded("u1", "user", spoken=True))
    expect(transcript(call).get_by_text("[Transcribing…]")).to_be_visible()
    call.tell(log_events.MessageDone("u1", "user", "", status="inaudible"))
    expect(transcript(call).get_by_text("[inaudible]")).to_be_visible()
    expect(transcript(call).get_by_text("[Transcribing…]")).to_be_hidden()


def test_a_click_sends_a_suggestion(call: ScriptedCall) -> None:
    call.page.get_by_role("button", name="What is on sale?").click()
    assert call.command("say") == {"type": "say", "text": "What is on sale?"}


def test_suggestions_follow_the_agent_and_what_was_said(call: ScriptedCall) -> None:
    things = call.page.get_by_role("list", name="Things to say").get_by_role("listitem")
    expect(things).to_have_text(["I want to return a board.", "What is on sale?"])
    call.tell(log_events.MessageAdded("u1", "user"), log_events.MessageDone("u1", "user", "I want to return a board."))
    expect(things).to_have_text(["What is on sale?", "I want to return a board."])


def test_the_text_box_has_the_focus_after_the_connect(call: ScriptedCall) -> None:
    expect(call.page.get_by_role("textbox", name="Message")).to_be_focused()


def test_a_rehearsal_and_the_parts_of_the_engine_are_named(call: ScriptedCall) -> None:
    expect(call.page.get_by_role("banner").get_by_text("rehearsal")).to_be_visible()
    expect(transcript(call).get_by_text("Hears with PocketSphinx · speaks with eSpeak")).to_be_visible()


def test_the_card_about_the_engine_folds_after_the_first_turn(call: ScriptedCall) -> None:
    card = transcript(call).get_by_text("Talk to Azure OpenAI instead")
    expect(card).to_be_visible()
    call.asks("u1", "Hello.")
    expect(card).to_be_hidden()


def test_the_talk_button_is_visible_but_disabled_without_push_to_talk(call: ScriptedCall) -> None:
    talk = call.page.get_by_role("button", name="Talk", exact=True)
    expect(talk).to_be_disabled()
    call.page.get_by_role("checkbox", name="Push to talk").check()
    expect(talk).to_be_enabled()
    talk.hover()
    call.page.mouse.down()
    expect(talk).to_have_text("Listening")
    expect(talk.locator(".meter")).to_be_visible()
    call.page.mouse.up()


def test_long_instructions_are_cut(context: BrowserContext, server: Server) -> None:
    clerk = {**SHOP["agents"][0], "instructions": "\n".join(f"Rule {number}." for number in range(20))}
    call = ScriptedCall(context.new_page(), [{**SHOP, "agents": [clerk, *SHOP["agents"][1:]]}])
    call.open(f"{server.url}/?transport=websocket")
    rules = call.page.get_by_role("group", name="Instructions of")
    cut = rules.bounding_box()
    call.page.get_by_role("button", name="more", exact=True).click()
    whole = rules.bounding_box()
    assert cut is not None
    assert whole is not None
    assert cut["height"] < whole["height"] / 2
    expect(call.page.get_by_role("button", name="less", exact=True)).to_be_visible()


def test_earlier_calls_show_their_scenarios_title(context: BrowserContext, server: Server) -> None:
    earlier = [{"id": "c1", "scenario": "shop", "startedAt": 0}, {"id": "c2", "scenario": "gone", "startedAt": 0}]
    context.add_init_script(f"sessionStorage.setItem('trunkline.calls', {json.dumps(json.dumps(earlier))})")
    call = ScriptedCall(context.new_page(), [{**SHOP, "title": "The snowboard shop"}])
    call.open(f"{server.url}/?transport=websocket")
    transcript(call).get_by_text("Earlier calls of this tab").click()
    expect(transcript(call).get_by_role("link", name="The snowboard shop")).to_be_visible()
    expect(transcript(call).get_by_role("link", name="gone")).to_be_visible()


def test_the_introduction_explains_the_local_engine_and_azure(call: ScriptedCall) -> None:
    expect(transcript(call).get_by_text("This runs on your machine, with no key.")).to_be_visible()
    transcript(call).get_by_text("Talk to Azure OpenAI instead").click()
    expect(transcript(call).get_by_text("AZURE_OPENAI_REALTIME_DEPLOYMENT")).to_be_visible()


def test_azure_has_no_introduction(context: BrowserContext, server: Server) -> None:
    call = ScriptedCall(context.new_page(), provider="azure")
    call.page.goto(f"{server.url}/?transport=websocket&connect=0")
    expect(transcript(call).get_by_role("heading", name="Shop")).to_be_visible()
    expect(call.page.get_by_title("Provider: the service that runs the model")).to_have_text("azure")
    expect(transcript(call).get_by_text("with no key")).to_have_count(0)


# Text ---------------------------------------------------------------------------------------------------------------
def test_external_text_is_never_html(call: ScriptedCall) -> None:
    evil = "<img src=x onerror=\"document.title='gone'\"><script>document.title='gone'</script>"
    call.says("a1", evil, agent=evil)
    call.asks("u1", evil)
    call.tell(
        log_events.ToolStarted("t1", evil, {"a": evil}, evil),
        log_events.ToolDone("t1", evil, 1, evil),
        log_events.GuardrailChecked("a1", evil, "fail", evil, evil, evil),
        log_events.Breadcrumb(evil, {"a": evil}),
        log_events.CallError(evil, hint=evil),
    )
    for entry in transcript(call).locator(".timeline-entry-head").all():
        entry.click()
    expect(transcript(call).get_by_text("onerror").first).to_be_visible()
    events(call).get_by_text("breadcrumb").click()
    assert call.page.locator("#console img, #console script").count() == 0
    assert call.page.title() == "Trunkline"


def test_right_to_left_text_runs_right_to_left(call: ScriptedCall) -> None:
    call.says("a1", "مرحبا، كيف أساعدك؟")
    call.asks("u1", "שלום, אני רוצה עזרה")
    for words in ("مرحبا", "שלום"):
        text = transcript(call).get_by_role("article").filter(has_text=words).locator("p").first
        assert text.evaluate("element => getComputedStyle(element).direction") == "rtl"


@pytest.mark.parametrize(
    ("locale", "expected"), [("de-DE", r"\d\d:\d\d:\d\d,750"), ("en-US", r"\d\d:\d\d:\d\d\.750 [AP]M")]
)
def test_titles_have_times_in_the_browsers_language_to_the_millisecond(
    chromium: Browser, server: Server, locale: str, expected: str
) -> None:
    context = chromium.new_context(permissions=["microphone"], locale=locale)
    call = ScriptedCall(context.new_page())
    call.open(f"{server.url}/?transport=websocket")
    call.says("a1", "Hello.")
    time = transcript(call).get_by_role("article").locator("time")
    expect(time).to_have_text("0:00")
    expect(time).to_have_attribute("title", re.compile(expected))
    context.close()


# To take along ------------------------------------------------------------------------------------------------------
def test_an_ended_call_stays_and_can_be_copied_and_downloaded(call: ScriptedCall, tmp_path: Path) -> None:
    call.says("a1", "Good day.")
    call.asks("u1", "Good night.")
    call.end()
    expect(call.page.get_by_role("status").first).to_have_text("Call ended")
    expect(transcript(call).get_by_text("Good night.")).to_be_visible()
    copy = transcript(call).get_by_role("button", name="Copy")
    copy.click()
    expect(transcript(call).get_by_role("button", name="Copied!")).to_be_visible()
    assert "clerk: Good day." in call.page.evaluate("navigator.clipboard.readText()")
    expect(copy).to_be_visible()
    with call.page.expect_download() as text:
        transcript(call).get_by_role("button", name="Download text").click()
    assert text.value.suggested_filename == f"trunkline-{CALL}.txt"
    assert "You: Good night." in text.value.path().read_text()
    with call.page.expect_download() as saved:
        transcript(call).get_by_role("button", name="Download JSON").click()
    whole = json.loads(saved.value.path().read_text())
    assert [event["seq"] for event in whole["events"]] == list(range(1, len(whole["events"]) + 1))
    assert whole["events"][0]["call_id"] == STARTED.call_id
    assert whole["transcript"][-1]["title"] == "Call ended: hung up"


# The event log ------------------------------------------------------------------------------------------------------
def test_the_event_log_searches_filters_by_kind_and_pairs_events(call: ScriptedCall) -> None:
    call.tell(
        log_events.WireSent({"type": "response.create"}),
        log_events.WireReceived({"type": "error", "error": {"message": "No such thing."}}),
        log_events.ToolStarted("t1", "checkout", {"item_id": 9}, "clerk"),
        log_events.MessageAdded("a1", "assistant"),
        log_events.ToolDone("t1", "checkout", 33, "paid"),
    )
    events(call).get_by_role("combobox", name="Kind").select_option("all")
    rows = events(call).get_by_role("treeitem")
    expect(rows.filter(has_text="response.create")).to_contain_text("▲")
    failed = rows.filter(has_text="No such thing.")
    expect(failed).to_contain_text("▼")
    red = failed.locator(".row-name").evaluate("element => getComputedStyle(element).color")
    assert red != rows.first.locator(".row-name").evaluate("element => getComputedStyle(element).color")
    kinds = events(call).get_by_role("combobox", name="Kind")
    kinds.select_option("kind:tool.done")
    expect(rows).to_have_count(1)
    rows.first.click()
    expect(rows.first).to_contain_text("Started by tool.started, 200 ms earlier:")
    rows.first.get_by_role("button", name="Go to its beginning").click()
    expect(kinds).to_have_value("all")
    expect(events(call).locator(".row-active")).to_contain_text("tool.started")
    expect(events(call).locator(".row-paired")).to_have_count(2)
    kinds.select_option("errors")
    expect(rows).to_have_count(1)
    kinds.select_option("all")
    events(call).get_by_role("searchbox").fill("item_id paid")
    expect(events(call).get_by_text("No event matches the filter.")).to_be_visible()
    events(call).get_by_role("searchbox").fill("paid")
    expect(rows).to_have_count(1)
    events(call).get_by_role("button", name="Events as JSON").click()
    expect(events(call).get_by_role("button", name="Events as JSON")).to_have_text("Copied!")
    assert [event["kind"] for event in json.loads(call.page.evaluate("navigator.clipboard.readText()"))] == [
        "tool.done"
    ]


def test_a_link_opens_the_event_log_at_its_event(call: ScriptedCall, context: BrowserContext) -> None:
    call.tell(*[log_events.Breadcrumb(f"note {index}", {"name": f"n{index}x"}) for index in range(300)])
    events(call).get_by_role("searchbox").fill("n40x")
    events(call).get_by_role("treeitem").click()
    events(call).get_by_role("button", name="Copy link").click()
    address = call.page.evaluate("navigator.clipboard.readText()")
    assert address.endswith(f"?call={CALL}#45")
    call.page.get_by_role("checkbox", name="Logs").uncheck()
    call.page.goto("about:blank")
    call.page.goto(address)
    row = events(call).locator(".row-active")
    expect(row).to_contain_text('"n40x"')
    expect(row).to_be_in_viewport()
    expect(events(call).get_by_role("tree", name="Events")).to_be_focused()
    call.tell(log_events.Breadcrumb("the newest"))
    expect(transcript(call).get_by_text("the newest")).to_be_visible()
    expect(row).to_be_in_viewport()
    call.page.evaluate("location.hash = '#205'")
    expect(row).to_contain_text('"n200x"')


def test_the_event_log_has_keyboard_navigation(call: ScriptedCall) -> None:
    tree = events(call).get_by_role("tree", name="Events")
    tree.press("Home")
    first = events(call).get_by_role("treeitem").first
    assert tree.get_attribute("aria-activedescendant") == first.get_attribute("id")
    tree.press("Enter")
    expect(first).to_have_attribute("aria-expanded", "true")
    expect(first).to_contain_text('"started_at": "2026-05-01T10:00:00.250Z"')
    tree.press("ArrowLeft")
    expect(first).to_have_attribute("aria-expanded", "false")
    tree.press("ArrowDown")
    expect(events(call).locator(".row-active")).to_contain_text("leg.joined")


def test_the_event_log_pauses_and_follows_the_newest(call: ScriptedCall) -> None:
    events(call).get_by_role("button", name="Pause").click()
    call.tell(*[log_events.Breadcrumb(f"note {index}") for index in range(200)])
    expect(transcript(call).get_by_text("note 199")).to_be_visible()
    expect(events(call).get_by_text("note 0")).to_have_count(0)
    events(call).get_by_role("button", name="Go on showing events").click()
    expect(events(call).get_by_text("note 199")).to_be_in_viewport()
    events(call).locator(".scroll").evaluate("element => { element.scrollTop = 0 }")
    call.tell(log_events.Breadcrumb("the newest"))
    expect(transcript(call).get_by_text("the newest")).to_be_visible()
    expect(events(call).get_by_text("the newest")).to_have_count(0)
    events(call).get_by_role("button", name="Jump to latest").click()
    expect(events(call).get_by_text("the newest")).to_be_in_viewport()


@pytest.mark.parametrize("region", ["Event log", "Transcript"])
def test_a_growing_pane_still_shows_the_newest_entry(call: ScriptedCall, region: str) -> None:
    call.tell(*[log_events.Breadcrumb(f"note {index}") for index in range(200)])
    pane = call.page.get_by_role("region", name=region)
    expect(pane.get_by_text("note 199")).to_be_in_viewport()
    still = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    pane.evaluate("element => { element.style.paddingBottom = '250px' }")
    call.page.evaluate(still)
    pane.locator(".scroll").evaluate(
        """frame => {
          frame.parentElement.style.paddingBottom = "";
          frame.scrollTop;  // laid out: the position gives way to the greater height
          const more = document.createElement("div");
          more.style.height = "400px";
          frame.append(more);
        }"""
    )
    call.page.evaluate(still)
    call.page.evaluate(still)
    from_end = "frame => frame.scrollHeight - frame.scrollTop - frame.clientHeight"
    expect(pane.get_by_role("button", name="Jump to latest")).to_have_count(0)
    assert pane.locator(".scroll").evaluate(from_end) < 2


def test_thousands_of_events_need_few_elements(call: ScriptedCall) -> None:
    call.tell(*[log_events.WireReceived({"type": "response.x", "delta": f"number-{index}"}) for index in range(2000)])
    events(call).get_by_role("combobox", name="Kind").select_option("all")
    expect(events(call).locator(".count")).to_have_text("2004")
    expect(events(call).get_by_text("number-1999")).to_be_in_viewport()
    assert call.page.locator("#console *").count() < 1500
    events(call).get_by_role("searchbox").fill("number-725")
    expect(events(call).get_by_role("treeitem")).to_have_count(1)


# Choices ------------------------------------------------------------------------------------------------------------
def test_the_event_log_can_be_hidden_permanently(call: ScriptedCall) -> None:
    logs = call.page.get_by_role("checkbox", name="Logs")
    expect(logs).to_be_checked()
    logs.uncheck()
    expect(events(call)).to_have_count(0)
    call.page.reload()
    expect(transcript(call).get_by_text("Call started")).to_be_visible()
    expect(logs).not_to_be_checked()
    expect(events(call)).to_have_count(0)
    logs.check()
    expect(events(call)).to_be_visible()


def test_scenario_agent_transport_and_codec_are_in_the_address(context: BrowserContext, server: Server) -> None:
    other = scenario("surgery", agent("desk", "doctor", tools=["checkout"], tool_details=[TOOL]), agent("doctor"))
    call = ScriptedCall(context.new_page(), [SHOP, other])
    call.open(f"{server.url}/?agentConfig=surgery&transport=websocket&codec=pcmu")
    assert call.wanted[0]["scenario"] == "surgery"
    call.page.get_by_role("combobox", name="Scenario").select_option("shop")
    expect(call.page).to_have_url(re.compile(r"agentConfig=shop"))
    expect(call.page).to_have_url(re.compile(r"transport=websocket"))
    expect(call.page).to_have_url(re.compile(r"codec=pcmu"))
    call.page.get_by_role("combobox", name="Agent").select_option("sales")
    expect(call.page).to_have_url(re.compile(r"agent=sales"))
    assert [(one["scenario"], one.get("agent")) for one in call.wanted] == [
        ("surgery", None),
        ("shop", None),
        ("shop", "sales"),
    ]


def test_the_address_follows_a_change_of_the_codec(call: ScriptedCall) -> None:
    call.page.get_by_role("button", name="Audio", exact=True).click()
    call.page.get_by_role("combobox", name="Codec").select_option("pcma")
    expect(call.page).to_have_url(re.compile(r"[?&]codec=pcma"))
    expect(call.page).to_have_url(re.compile(f"[?&]call={CALL}"))


def test_the_logo_hangs_up_and_starts_afresh(call: ScriptedCall) -> None:
    with call.page.expect_request(lambda request: request.method == "DELETE") as hang_up:
        call.page.get_by_role("link", name="Trunkline").click()
    assert hang_up.value.url.split("?")[0].endswith(CALL)
    expect(call.page).to_have_url(re.compile(r"/\?agentConfig=shop&call="))
    expect(transcript(call).get_by_text("Call started")).to_be_visible()
    assert [one["scenario"] for one in call.wanted] == ["shop", "shop"]


def test_a_new_call_keeps_the_former_conversation_above_a_divider(call: ScriptedCall) -> None:
    call.asks("u1", "The first question.")
    call.restart()
    call.page.get_by_role("combobox", name="Agent").select_option("sales")
    former = transcript(call).get_by_role("region", name="Earlier call: Shop")
    expect(former.get_by_text("The first question.")).to_be_visible()
    expect(transcript(call).get_by_text("Call started")).to_have_count(2)
    call.says("a1", "The new answer.", agent="sales")
    expect(transcript(call).get_by_text("The new answer.")).to_be_visible()
    order = transcript(call).locator(".earlier-divider, .bubble").all_inner_texts()
    assert ["first" in order[0], "Earlier call" in order[1], "new answer" in order[2]] == [True, True, True]


def test_an_unknown_scenario_is_replaced_by_the_default_with_a_notice(context: BrowserContext, server: Server) -> None:
    call = ScriptedCall(context.new_page())
    call.open(f"{server.url}/?agentConfig=nowhere&transport=websocket")
    expect(call.page.get_by_text(re.compile("“nowhere” does not exist.*Choose one of: shop"))).to_be_visible()
    assert call.wanted[0]["scenario"] == "shop"
    expect(call.page.get_by_role("combobox", name="Scenario")).to_have_value("shop")
