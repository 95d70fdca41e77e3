"""Driver of a call's machine over WebRTC: audio does not pass the call; the service reports its start and end."""

from __future__ import annotations

from typing import Any

from tests.calls.call_driver import CallDriver
from trunkline.calls import commands
from trunkline.calls.machine import inputs


class WebRtcDriver(CallDriver):
    """A `CallDriver` with a caller over WebRTC and a sideband as the link."""

    def __init__(self, **changes: Any) -> None:
        super().__init__(transport="webrtc", **changes)

    # The caller, and the connections -------------------------------------------------------------------------------
    def webrtc_connects(self, leg_id: str = "leg_1") -> None:
        """Let the page report that its WebRTC connection is up."""
        self.feed(inputs.CallerJoined(leg_id, "webrtc"))

    def joins_by_relay(self, reason: str | None = None) -> None:
        """Let the caller join by the relay."""
        self.feed(inputs.CallerJoined("leg_1", "websocket", reason))

    def sideband_cut(self) -> None:
        """Drop the sideband; audio still flows."""
        self.feed(inputs.LinkDropped("the connection broke", 1006, 250, resumable=True))

    def sideband_back(self) -> None:
        """Resume the sideband, with the same session."""
        self.feed(inputs.LinkOpened(attempts=1, lost_for_ms=250, resumed=True))

    def redials(self) -> None:
        """Let the page post another offer: another WebRTC call, and another sideband."""
        self._responding = None
        self.feed(inputs.LinkDropped("the caller changed the audio connection", None, 0))
        self.feed(inputs.LinkOpened())

    def webrtc_call_ends(self) -> None:
        """Let the service end the WebRTC call."""
        self._responding = None
        self.feed(inputs.LinkDropped("no such call", 404, 0, needs_reoffer=True))

    def page_hears(self, *, audible: bool, since_ms: int = 0) -> None:
        """Let the page report whether the agent is audible."""
        self.commands(commands.AgentAudio(audible, since_ms))

    def page_sends(self, *, flows: bool, since_ms: int = 0) -> None:
        """Let the page report whether the caller's audio leaves it."""
        self.commands(commands.CallerAudio(flows, since_ms))

    # The service ----------------------------------------------------------------------------------------------------
    def begins_to_speak(self, text: str = "one two three four", *, audible: bool = True) -> str:
        """Let a response with a message begin and play; return the message's id."""
        self.confirms_items()
        self.response_created()
        return self.speaks(text, audible=audible)

    def speaks(self, text: str, *, audible: bool = True) -> str:
        """Let the current response say a message; return its id."""
        item_id = f"msg_{next(self._numbers)}"
        item = {"id": item_id, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        self.wire("response.output_item.added", response_id=self._responding, item=item)
        self.wire("conversation.item.added", item=item)
        self.wire("response.output_audio_transcript.delta", item_id=item_id, delta=text)
        if audible:
            self.wire("output_audio_buffer.started", response_id=self._responding)
        return item_id

    def finishes_generating(self, item_id: str, text: str = "one two three four") -> str:
        """Complete the response, though its audio may still play; return the response's id."""
        response_id = self._responding
        assert response_id is not None
        self.message_done(item_id, text)
        self.response_done()
        return response_id

    def played_out(self, response_id: str) -> None:
        """Let the service report that all audio of a response was played."""
        self.wire("output_audio_buffer.stopped", response_id=response_id)

    def truncates(self, item_id: str, audio_end_ms: int) -> None:
        """Let the service truncate a message by itself."""
        self.wire("conversation.item.truncated", item_id=item_id, content_index=0, audio_end_ms=audio_end_ms)

    def talked_over(self, item_id: str, audio_end_ms: int) -> None:
        """Let the caller interrupt by voice: the service clears, cancels and truncates by itself."""
        response_id = self._responding
        self.wire("input_audio_buffer.speech_started", item_id="speech_1", audio_start_ms=100)
        self.wire("output_audio_buffer.cleared", response_id=response_id)
        self.response_done("cancelled", output=[])
        self.truncates(item_id, audio_end_ms)


def webrtc_call(**changes: Any) -> WebRtcDriver:
    """Return a call over WebRTC after the greeting was played."""
    driver = WebRtcDriver(**changes)
    driver.link_up()
    driver.webrtc_connects()
    item_id = driver.begins_to_speak("Hello, I am the host.")
    response_id = driver.finishes_generating(item_id, "Hello, I am the host.")
    driver.wait(1300)
    driver.played_out(response_id)
    driver.clear()
    return driver


def webrtc_speaking(text: str = "one two three four") -> tuple[WebRtcDriver, str]:
    """Return a call over WebRTC in which the agent speaks, and the message's id."""
    driver = webrtc_call()
    driver.types("Tell me everything.")
    item_id = driver.begins_to_speak(text)
    driver.clear()
    return driver, item_id
