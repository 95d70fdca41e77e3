"""Audio settings in a real browser: mute, playback and devices, with notices for errors."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import MICROPHONE, Caller, Server

pytestmark = [pytest.mark.browser, pytest.mark.speech, pytest.mark.realtime]
Tab = Callable[[str], Caller]
SILENT = 0.001
SENT = """(() => {
  const send = WebSocket.prototype.send;
  window.__sent = [];
  WebSocket.prototype.send = function (data) {
    if (typeof data === "string") window.__sent.push(JSON.parse(data));
    return send.call(this, data);
  };
})()"""
"""Keeps what the page tells the server."""
UNPLUGGED = """(() => {
  const media = navigator.mediaDevices;
  const [ask, list] = [media.getUserMedia.bind(media), media.enumerateDevices.bind(media)];
  window.__given = [];
  // Chromium's headless shell gives devices other ids in each document: here they are their names.
  media.enumerateDevices = async () =>
    (await list()).map(({ kind, label }) => ({ kind, label, deviceId: label.includes("Default") ? "default" : label }));
  media.getUserMedia = async (wanted) => {
    const named = wanted.audio.deviceId?.exact;
    const device = (await list()).find(({ label }) => named === label);
    const audio = { ...wanted.audio, ...(device && { deviceId: { exact: device.deviceId } }) };
    const stream = await ask({ audio });
    window.__given.push({ wanted, track: stream.getAudioTracks()[0] });
    return stream;
  };
})()"""


@pytest.mark.parametrize("transport", ["webrtc", "websocket"])
def test_mute_stops_the_microphone_and_playback_off_stops_the_speaker(transport: str, server: Server, tab: Tab) -> None:
    caller = tab(f"{server.url}/?transport={transport}")
    page = caller.page
    page.evaluate(SENT)
    caller.waits_for_sound()
    playback = page.get_by_role("checkbox", name="Audio playback")
    playback.uncheck()
    off_at = caller.now() + 200
    page.get_by_role("button", name="Mute microphone").click()
    caller.says("yes please")
    assert caller.loudest_since(off_at) < SILENT
    assert page.get_by_text("is speaking").count() == 1, "the agent goes on, unheard"
    if transport == "websocket":
        reported = [told["ms"] for told in page.evaluate("__sent") if told["type"] == "played"]
        assert reported[-1] > 1000
        assert reported == sorted(reported)

    playback.check()
    on_at = caller.now()
    caller.waits_for_sound(since=on_at)
    page.get_by_role("button", name="Stop").click()
    assert page.locator(".bubble-user").count() == 0, "the muted caller was heard"
    page.get_by_role("button", name="Unmute microphone").click()
    caller.says("yes please")
    expect(page.get_by_role("combobox", name="Agent")).to_have_value("haikuWriter")

    playback.uncheck()
    page.reload()
    expect(page.get_by_role("checkbox", name="Audio playback")).not_to_be_checked()


def test_a_disconnected_microphone_is_replaced_and_a_chosen_one_requested(server: Server, chromium: Browser) -> None:
    context = chromium.new_context(permissions=["microphone"])
    context.add_init_script(UNPLUGGED)  # the devices are Chromium's own fakes: there are two of each
    caller = Caller(context.new_page())
    page = caller.page
    page.goto(f"{server.url}/?transport=webrtc")
    expect(page.get_by_role("status").first).to_have_text("Connected")  # mute works before the microphone is open
    page.wait_for_function("() => __given.at(-1)?.track !== undefined")
    page.evaluate("__given.at(-1).track.stop(), __given.at(-1).track.dispatchEvent(new Event('ended'))")
    expect(page.get_by_text("was disconnected. The page now uses")).to_be_visible()
    assert page.evaluate("__given.length") == 2

    caller.opens_audio_menu()
    microphones = page.get_by_role("combobox", name="Microphone")
    microphones.select_option(label="Fake Audio Input 2")
    page.wait_for_function("() => __given.length === 3")
    chosen = page.evaluate("__given.at(-1).wanted.audio.deviceId.exact")
    assert chosen == microphones.input_value() != ""
    page.get_by_role("combobox", name="Speaker").select_option(label="Fake Audio Output 2")
    page.reload()
    caller.opens_audio_menu()
    expect(microphones).to_have_value(chosen)
    context.close()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("NotAllowedError", "may not use the microphone"),
        ("NotFoundError", "No microphone was found"),
        ("NotReadableError", "Another program uses the microphone"),
    ],
)
def test_an_unavailable_microphone_has_a_notice_and_a_retry(
    error: str, words: str, server: Server, chromium: Browser
) -> None:
    context = chromium.new_context()
    context.add_init_script(path=MICROPHONE)
    context.add_init_script(f"""
      const ask = navigator.mediaDevices.getUserMedia;
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", "{error}"));
      window.__mend = () => {{ navigator.mediaDevices.getUserMedia = ask; }};
    """)
    caller = Caller(context.new_page())
    page = caller.page
    page.goto(f"{server.url}/?transport=websocket")
    expect(page.get_by_text(words)).to_be_visible()
    page.evaluate("__mend()")
    page.get_by_role("button", name="Try the microphone again").click()
    expect(page.get_by_role("button", name="Mute microphone")).to_be_enabled()
    expect(page.get_by_text(words)).to_have_count(0)
    context.close()


def test_unknown_values_in_the_address_have_a_notice(server: Server, tab: Tab) -> None:
    caller = tab(f"{server.url}/?transport=pigeon&codec=mp3&connect=0")
    page = caller.page
    expect(page.get_by_text("unknown transport “pigeon”. Use one of: auto, webrtc, websocket.")).to_be_visible()
    expect(page.get_by_text("unknown codec “mp3”. Use one of: opus, pcmu, pcma.")).to_be_visible()
    caller.opens_audio_menu()
    expect(page.get_by_role("combobox", name="Transport")).to_have_value("auto")
    expect(page.get_by_role("combobox", name="Codec")).to_have_value("opus")
