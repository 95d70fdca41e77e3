"""Reconnecting in a real browser with real audio: reload, lost sockets, dead media, transports and tabs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser.conftest import MICROPHONE, Caller, Server
from tests.browser.fault_server import BreakableServer
from tests.ports import free_port
from trunkline.calls import log_events

pytestmark = [pytest.mark.browser, pytest.mark.speech, pytest.mark.realtime]
Tab = Callable[[str], Caller]
AUDIBLE = 0.03
GREETING = "Hello, and welcome"
QUIET = 0.005
NO_ICE = """(() => {
  const set = RTCPeerConnection.prototype.setRemoteDescription;
  RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp }) {
    return set.call(this, { type, sdp: sdp.replace(/^a=candidate:.*\\r\\n/gm, "") });
  };
})()"""
"""The answer reaches the page without candidates, so that ICE finds no way."""
PEERS = """(() => {
  const Peer = RTCPeerConnection;
  window.__peers = [];
  window.RTCPeerConnection = class extends Peer {
    constructor(...given) { super(...given); window.__peers.push(this); }
  };
})()"""
ICE_FAILS = """(() => {
  const peer = __peers.at(-1);
  Object.defineProperty(peer, "connectionState", { get: () => "failed" });
  peer.dispatchEvent(new Event("connectionstatechange"));
})()"""
"""What the browser tells a page whose ICE is dead, without the half minute until it does."""
MINE = """
from agents.realtime import RealtimeAgent
from trunkline import Caller, Lines, Rehearsal, Scenario

rehearsal = Rehearsal()

@rehearsal.plays("host")
async def host(caller: Caller) -> Lines:
    yield "Welcome."

scenario = Scenario("mine", agents=[RealtimeAgent(name="host")], rehearsal=rehearsal)
"""
SLOW_START = """(() => {
  const ask = window.fetch;
  window.fetch = async (url, options) => {
    const answer = await ask(url, options);
    const starts = options?.method === "POST" && String(url).endsWith("/api/calls");
    if (starts) await new Promise((go) => setTimeout(go, 3300));
    return answer;
  };
})()"""
"""The server's answer takes longer than WebRTC may."""


@pytest.fixture(scope="module")
def breakable() -> Iterator[BreakableServer]:
    running = BreakableServer()
    running.start()
    yield running
    running.stop()


@pytest.fixture(params=["webrtc", "websocket"])
def address(breakable: BreakableServer, request: pytest.FixtureRequest) -> str:
    """The console's address, once for each transport."""
    return f"{breakable.url}/?transport={request.param}"


@pytest.fixture
def context(chromium: Browser, breakable: BreakableServer) -> Iterator[BrowserContext]:
    """A browser window. Unlike `tab`'s, its pages may complain of lost connections."""
    context = chromium.new_context(permissions=["microphone"])
    context.add_init_script(path=MICROPHONE)
    yield context
    context.close()
    breakable.online()


@pytest.fixture
def opened(context: BrowserContext) -> Iterator[Tab]:
    """Opens tabs; an exception in a page fails the test."""
    errors: list[str] = []

    def open_tab(url: str) -> Caller:
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        return Caller(page)

    yield open_tab
    assert not errors, errors


def hears_sound(caller: Caller, since: float = 0, timeout_s: float = 10) -> None:
    """Waits until something comes out of the loudspeaker."""
    caller.page.wait_for_function(
        "([since, loud]) => __ear.loudest(since) > loud", arg=[since, AUDIBLE], timeout=timeout_s * 1000
    )


def greetings(breakable: BreakableServer, call_id: str) -> int:
    """How often the call said its hidden "hi"."""
    return sum(event.hidden for event in breakable.logged(call_id, log_events.MessageAdded))


def stops_the_greeting(caller: Caller) -> None:
    """Listens to its first words and stops it: what comes then need not wait for its end."""
    hears_sound(caller)
    caller.page.get_by_role("button", name="Stop").click()
    caller.waits_for_quiet(ms=400)


def bubbles(caller: Caller) -> list[str]:
    """The messages on the screen."""
    return caller.page.get_by_role("region", name="Transcript").get_by_role("article").all_inner_texts()


def answers(breakable: BreakableServer, call_id: str) -> list[str]:
    """The ids of the agents' messages."""
    return [done.item_id for done in breakable.logged(call_id, log_events.MessageDone) if done.role == "assistant"]


def wait_until(caller: Caller, condition: Callable[[], object], timeout_s: float = 10) -> None:
    """Waits for something on the server, while the page lives on."""
    for _ in range(int(timeout_s * 20)):
        if condition():
            return
        caller.page.wait_for_timeout(50)
    raise AssertionError("it did not happen")


def test_a_reload_during_a_turn_resumes_the_call_and_repeats_the_turn_once(
    address: str, breakable: BreakableServer, opened: Tab
) -> None:
    caller = opened(address)
    hears_sound(caller)
    call_id = caller.call_id
    caller.page.reload()
    hears_sound(caller)
    caller.hears(GREETING)
    wait_until(caller, lambda: len(answers(breakable, call_id)) == 2)
    assert caller.call_id == call_id
    assert greetings(breakable, call_id) == 1
    caller.page.wait_for_timeout(1000)  # in which nothing may follow
    said, cut = answers(breakable, call_id), breakable.logged(call_id, log_events.MessageTruncated)
    assert len(said) == 2, "the turn was not said again exactly once"
    assert [message.item_id for message in cut] == said[:1]
    caller.types("yes please")
    caller.hears("What shall yours be about")


def test_a_lost_socket_reconnects_to_the_same_transcript(address: str, breakable: BreakableServer, opened: Tab) -> None:
    caller = opened(address)
    stops_the_greeting(caller)
    caller.types("yes please")
    caller.hears("What shall yours be about")
    caller.page.get_by_role("button", name="Stop").click()
    wait_until(caller, lambda: "Interrupted" in bubbles(caller)[-1])
    caller.waits_for_quiet(ms=400)
    before = bubbles(caller)
    breakable.offline()
    expect(caller.page.get_by_role("status").first).to_have_text("Reconnecting…")
    caller.page.wait_for_timeout(1500)  # being away is what is tested
    breakable.online()
    expect(caller.page.get_by_role("status").first).to_have_text("Connected")
    assert bubbles(caller) == before
    asked_at = caller.now()
    caller.types("coffee")
    hears_sound(caller, asked_at)
    assert bubbles(caller)[: len(before)] == before
    assert greetings(breakable, caller.call_id) == 1


def test_a_hang_up_while_offline_ends_the_call_on_reconnect(
    address: str, breakable: BreakableServer, opened: Tab
) -> None:
    caller = opened(address)
    stops_the_greeting(caller)
    call = breakable.call(caller.call_id)
    breakable.offline()
    caller.page.route("**/api/calls/*", lambda route: route.abort())
    expect(caller.page.get_by_role("status").first).to_have_text("Reconnecting…")
    caller.page.get_by_role("button", name="Disconnect").click()
    expect(caller.page.get_by_role("status").first).to_have_text("Call ended")
    assert not call.is_over
    breakable.online()
    wait_until(caller, lambda: call.is_over)


def test_over_webrtc_audio_continues_without_the_socket(breakable: BreakableServer, opened: Tab) -> None:
    caller = opened(f"{breakable.url}/?transport=webrtc")
    hears_sound(caller)
    breakable.offline()
    away_since = caller.now()
    hears_sound(caller, away_since + 300, timeout_s=2)
    breakable.online()
    expect(caller.page.get_by_role("status").first).to_have_text("Connected")
    caller.waits_for_quiet()
    assert breakable.logged(caller.call_id, log_events.MessageTruncated, log_events.AudioCleared) == []
    caller.hears(GREETING)


def test_a_call_continues_after_a_lost_link(address: str, breakable: BreakableServer, opened: Tab) -> None:
    caller = opened(address)
    stops_the_greeting(caller)
    call_id = caller.call_id
    breakable.cut_links()
    wait_until(caller, lambda: breakable.logged(call_id, log_events.LinkRestored))
    (restored,) = breakable.logged(call_id, log_events.LinkRestored)
    assert (restored.replayed == 0) == ("webrtc" in address)
    asked_at = caller.now()
    caller.says("yes please")
    caller.hears("What shall yours be about")
    hears_sound(caller, asked_at)
    assert len(breakable.logged(call_id, log_events.LegJoined)) == 1


def test_speech_during_a_lost_link_is_transcribed(breakable: BreakableServer, opened: Tab) -> None:
    caller = opened(f"{breakable.url}/?transport=websocket")
    stops_the_greeting(caller)
    call_id = caller.call_id
    caller.says("yes please")
    wait_until(caller, lambda: breakable.logged(call_id, log_events.SpeechStarted))
    breakable.cut_links()
    caller.hears("What shall yours be about")
    assert breakable.logged(call_id, log_events.LinkRestored)
    said = [done.text for done in breakable.logged(call_id, log_events.MessageDone) if done.role == "user"]
    assert said[1:] == ["yes please"]


def test_speech_during_a_lost_socket_is_transcribed_once(breakable: BreakableServer, opened: Tab) -> None:
    caller = opened(f"{breakable.url}/?transport=websocket")
    stops_the_greeting(caller)
    call_id = caller.call_id
    caller.starts_to_say("yes please")
    wait_until(caller, lambda: breakable.logged(call_id, log_events.SpeechStarted))
    breakable.offline()
    expect(caller.page.get_by_role("status").first).to_have_text("Reconnecting…")
    breakable.online()
    caller.hears("What shall yours be about")
    said = [done.text for done in breakable.logged(call_id, log_events.MessageDone) if done.role == "user"]
    assert said[1:] == ["yes please"]


def test_the_catalogue_is_loaded_again_after_a_server_restart(context: BrowserContext, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "typo.py").write_text("scenario = Scenaro()")
    targets = str(tmp_path / "mine.py"), str(tmp_path / "typo.py")
    first = Server(*targets)
    first.start()
    page = context.new_page()
    page.goto(f"{first.url}/?agentConfig=mine&transport=websocket")
    expect(page.get_by_role("status").first).to_have_text("Connected")
    problem = page.get_by_text("NameError")
    expect(problem).to_be_visible()
    first.stop()
    (tmp_path / "typo.py").write_text(MINE.replace('"mine"', '"mended"'))
    second = Server(*targets, port=first.port)
    second.start()
    try:
        expect(page.get_by_text("The server was restarted, which ended the call.")).to_be_visible()
        expect(problem).to_be_hidden()
        expect(page.get_by_role("combobox", name="Scenario").get_by_role("option", name="mended")).to_have_count(1)
        expect(page.get_by_role("combobox", name="Scenario")).to_have_value("mine")
    finally:
        second.stop()


def test_a_saved_error_and_its_fix_return_to_the_own_scenario_and_call(context: BrowserContext, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(MINE)
    server = Server(str(file), "--reload", port=free_port())
    server.start()
    page = context.new_page()
    try:
        page.goto(f"{server.url}/?agentConfig=mine&transport=websocket")
        expect(page.get_by_role("status").first).to_have_text("Connected")
        file.write_text(MINE + "\nthis is no Python\n")
        expect(page.get_by_text("SyntaxError")).to_be_visible()
        expect(page.get_by_text("Save the fix, and the call starts")).to_be_visible()
        assert "agentConfig=mine" in page.url
        file.write_text(MINE)
        expect(page.get_by_role("status").first).to_have_text("Connected")
        expect(page.get_by_text("SyntaxError")).to_be_hidden()
        expect(page.get_by_text("Save the fix")).to_be_hidden()
        expect(page.get_by_role("combobox", name="Scenario")).to_have_value("mine")
        assert "agentConfig=mine" in page.url
    finally:
        page.close()
        server.stop()


def test_a_page_opened_on_a_file_with_an_error_calls_it_after_the_fix(context: BrowserContext, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("this is no Python\n")
    first = Server(str(file))
    first.start()
    page = context.new_page()
    page.goto(f"{first.url}/?agentConfig=mine&transport=websocket")
    expect(page.get_by_text("SyntaxError")).to_be_visible()
    expect(page.get_by_text("Save the fix, and the call starts")).to_be_visible()
    expect(page.get_by_role("combobox", name="Scenario").get_by_role("option", name="Not loaded")).to_have_count(1)
    first.stop()
    file.write_text(MINE)
    second = Server(str(file), port=first.port)
    second.start()
    try:
        expect(page.get_by_role("status").first).to_have_text("Connected")
        expect(page.get_by_role("combobox", name="Scenario")).to_have_value("mine")
    finally:
        second.stop()


def test_a_message_typed_during_a_lost_sideband_is_answered(breakable: BreakableServer, opened: Tab) -> None:
    caller = opened(f"{breakable.url}/?transport=webrtc")
    stops_the_greeting(caller)
    breakable.cut_links()
    caller.types("yes please")
    caller.hears("What shall yours be about")
    assert len(breakable.logged(caller.call_id, log_events.LegJoined)) == 1


def test_a_webrtc_call_that_the_service_ended_is_offered_again(breakable: BreakableServer, opened: Tab) -> None:
    caller = opened(f"{breakable.url}/?transport=webrtc")
    hears_sound(caller)
    call_id = caller.call_id
    breakable.end_media_call(call_id)
    wait_until(caller, lambda: len(breakable.logged(call_id, log_events.LegJoined)) == 2)
    assert len(breakable.logged(call_id, log_events.LegReofferRequested)) == 1
    back_at = caller.now()
    hears_sound(caller, back_at)
    assert greetings(breakable, call_id) == 1
    caller.types("yes please")
    caller.hears("What shall yours be about")


def test_failed_ice_leads_to_a_new_offer(breakable: BreakableServer, context: BrowserContext, opened: Tab) -> None:
    context.add_init_script(PEERS)
    caller = opened(f"{breakable.url}/?transport=webrtc")
    stops_the_greeting(caller)
    call_id = caller.call_id
    caller.page.evaluate(ICE_FAILS)
    wait_until(caller, lambda: len(breakable.logged(call_id, log_events.LegJoined)) == 2, timeout_s=20)
    back_at = caller.now()
    caller.says("yes please")
    caller.hears("What shall yours be about")
    hears_sound(caller, back_at)
    assert greetings(breakable, call_id) == 1


def test_auto_falls_back_to_the_relay_within_3_s_with_one_greeting(
    breakable: BreakableServer, context: BrowserContext, opened: Tab
) -> None:
    context.add_init_script(NO_ICE)
    caller = opened(breakable.url)
    call_id = caller.call_id
    hears_sound(caller)
    caller.hears(GREETING)
    expect(caller.page.get_by_text(re.compile("because WebRTC failed: no connection within 3 s"))).to_be_visible()
    entries = breakable.within(lambda: breakable.call(call_id).log.since(0))
    ((at_ms, joined),) = [
        (entry.at_ms, entry.event) for entry in entries if isinstance(entry.event, log_events.LegJoined)
    ]
    assert at_ms < 3300, "the relay was there too late"
    assert joined.transport == "websocket"
    assert joined.reason == "no connection within 3 s"
    expect(caller.page.get_by_title("Transport: the connection for audio")).to_have_text("WebSocket")
    assert greetings(breakable, caller.call_id) == 1
    assert len([text for text in bubbles(caller) if "welcome" in text]) == 1


def test_a_leg_that_fails_before_the_call_starts_falls_back_too(
    breakable: BreakableServer, context: BrowserContext, opened: Tab
) -> None:
    context.add_init_script(SLOW_START)
    caller = opened(breakable.url)
    hears_sound(caller)
    caller.hears(GREETING)
    (joined,) = breakable.logged(caller.call_id, log_events.LegJoined)
    assert joined.transport == "websocket"
    assert greetings(breakable, caller.call_id) == 1


def test_a_viewer_takes_over_with_audio(address: str, breakable: BreakableServer, opened: Tab) -> None:
    caller = opened(address)
    stops_the_greeting(caller)
    viewer = opened(caller.page.url)
    viewer.page.get_by_role("button", name="Take over").click()
    expect(viewer.page.get_by_role("textbox", name="Message")).to_be_enabled()
    expect(caller.page.get_by_role("textbox", name="Message")).to_be_disabled()
    quiet_since = caller.now()
    asked_at = viewer.now()
    viewer.says("yes please")
    viewer.hears("What shall yours be about")
    hears_sound(viewer, asked_at)
    assert caller.loudest_since(quiet_since) < QUIET, "the former caller still heard the call"
    assert greetings(breakable, caller.call_id) == 1


def test_a_duplicated_tab_is_a_viewer(breakable: BreakableServer, context: BrowserContext, opened: Tab) -> None:
    caller = opened(f"{breakable.url}/?transport=websocket")
    stops_the_greeting(caller)
    call_id = caller.call_id
    with context.expect_page() as opening:
        caller.page.evaluate("open(location.href)")  # like a duplicate, it gets a copy of the session's storage
    twin = opening.value
    expect(twin.get_by_text("Another tab has this call.")).to_be_visible()
    assert twin.evaluate("call => sessionStorage.getItem(`trunkline.leg.${call}`)", call_id) is not None
    expect(twin.get_by_role("textbox", name="Message")).to_be_disabled()
    caller.page.reload()
    expect(caller.page.get_by_role("textbox", name="Message")).to_be_enabled()
    caller.types("yes please")
    caller.hears("What shall yours be about")
    Caller(twin).hears("What shall yours be about")
    assert caller.call_id == call_id


def test_another_browser_with_the_address_only_watches(
    address: str, breakable: BreakableServer, opened: Tab, chromium: Browser
) -> None:
    caller = opened(address)
    stops_the_greeting(caller)
    call = breakable.call(caller.call_id)
    stranger = chromium.new_context()
    try:
        page = stranger.new_page()
        page.goto(caller.page.url)
        expect(page.get_by_text("You are watching this call.")).to_be_visible()
        expect(page.get_by_role("button", name="Take over")).to_have_count(0)
        expect(page.get_by_role("textbox", name="Message")).to_be_disabled()
        asked = page.evaluate(
            """async id => {
              const headers = { "content-type": "application/json" };
              const body = JSON.stringify({ take_over: true });
              const taking = await fetch(`api/calls/${id}/leg`, { method: "POST", headers, body });
              const ending = await fetch(`api/calls/${id}`, { method: "DELETE" });
              return [taking.status, ending.status];
            }""",
            caller.call_id,
        )
        assert asked == [403, 403]
        caller.page.reload()
        expect(caller.page.get_by_role("textbox", name="Message")).to_be_enabled()
        caller.types("yes please")
        caller.hears("What shall yours be about")
        Caller(page).hears("What shall yours be about")
        caller.page.close()
        wait_until(Caller(page), lambda: call.leg.page is None)
        page.reload()
        expect(page.get_by_text("You are watching this call.")).to_be_visible()
        expect(page.get_by_role("textbox", name="Message")).to_be_disabled()
        assert not call.is_over
    finally:
        stranger.close()


def test_a_reload_without_the_tabs_storage_keeps_the_call(breakable: BreakableServer, opened: Tab) -> None:
    caller = opened(f"{breakable.url}/?transport=websocket")
    stops_the_greeting(caller)
    call_id = caller.call_id
    caller.page.evaluate("sessionStorage.clear()")
    caller.page.reload()
    expect(caller.page.get_by_role("status").first).to_have_text("Connected")
    wait_until(caller, lambda: breakable.logged(call_id, log_events.LegLost))
    take_over = caller.page.get_by_role("button", name="Take over")
    box = caller.page.get_by_role("textbox", name="Message")
    wait_until(caller, lambda: box.is_enabled() or take_over.is_visible())
    if take_over.is_visible():  # the reloaded page was faster than the end of its former socket
        take_over.click()
    expect(box).to_be_enabled()
    caller.types("yes please")
    caller.hears("What shall yours be about")
    assert caller.call_id == call_id


def test_a_page_beyond_the_limit_is_rejected_and_can_try_again(opened: Tab) -> None:
    server = Server(environment={"TRUNKLINE_MAX_PAGES": "1"})
    server.start()
    try:
        caller = opened(f"{server.url}/?transport=websocket")
        hears_sound(caller)
        viewer = opened(caller.page.url).page
        expect(viewer.get_by_text("This call has 1 pages, which is the limit: close one.")).to_be_visible()
        tried: list[object] = []
        viewer.on("websocket", lambda socket: tried.append(socket))
        viewer.wait_for_timeout(1000)  # in which it would try again
        assert tried == []
        caller.page.close()
        viewer.get_by_role("button", name="Try again").click()
        expect(viewer.get_by_role("textbox", name="Message")).to_be_enabled()
        Caller(viewer).hears(GREETING)
    finally:
        server.stop()


def test_an_ended_call_can_be_read_again_without_a_recording(breakable: BreakableServer, opened: Tab) -> None:
    page = opened(f"{breakable.url}/?transport=websocket").page
    audio = page.get_by_role("button", name="Download audio")
    expect(audio).to_be_enabled()
    page.get_by_role("button", name="Disconnect").click()
    expect(page.get_by_role("button", name="Connect")).to_be_visible()
    expect(audio).to_be_enabled()
    page.reload()
    Caller(page).hears(GREETING)
    expect(audio).to_have_attribute("title", re.compile("records only while it is the caller"))
    expect(audio).to_be_disabled()


def test_choosing_the_present_transport_keeps_the_connection(breakable: BreakableServer, opened: Tab) -> None:
    caller = opened(f"{breakable.url}/?transport=webrtc")
    stops_the_greeting(caller)
    caller.opens_audio_menu()
    way = caller.page.get_by_role("combobox", name="Transport")
    way.select_option("auto")
    caller.page.wait_for_timeout(1000)  # in which it would be made anew
    assert len(breakable.logged(caller.call_id, log_events.LegJoined)) == 1
    way.select_option("websocket")
    wait_until(caller, lambda: len(breakable.logged(caller.call_id, log_events.LegJoined)) == 2)


@pytest.mark.parametrize("how", ["voice", "button", "text"])
def test_an_interruption_stops_playback_at_once_and_truncates_the_message(
    address: str, how: str, breakable: BreakableServer, opened: Tab
) -> None:
    caller = opened(address)
    hears_sound(caller)
    began = float(caller.page.evaluate(f"() => __ear.blocks().find((b) => b.rms > {QUIET}).at"))
    caller.page.wait_for_function("began => __ear.now() > began + 900", arg=began)
    pressed = caller.now()
    if how == "voice":
        caller.says("yes please")
    elif how == "button":
        caller.page.get_by_role("button", name="Stop").click()
    else:
        caller.types("yes please")
    call_id = caller.call_id
    wait_until(caller, lambda: breakable.logged(call_id, log_events.MessageTruncated))
    truncated = breakable.logged(call_id, log_events.MessageTruncated)[0]
    ended = float(
        caller.page.evaluate(
            """([from, quiet]) => {
              const loud = __ear.blocks().filter((b) => b.rms > quiet);
              const ends = (b, i) => i + 1 === loud.length || loud[i + 1].at - b.at > 150;
              const gap = loud.findIndex((b, i) => b.at >= from && ends(b, i));
              return gap < 0 ? from : loud[gap].at;
            }""",
            [pressed, QUIET],
        )
    )
    bound_ms = 1500 if how == "voice" else 1000  # of a sentence that goes on for seconds
    assert ended - pressed < bound_ms, f"{ended - pressed:.0f} ms until silence"
    assert abs(truncated.heard_ms - (ended - began)) < 500, f"{truncated.heard_ms} told, {ended - began:.0f} heard"
