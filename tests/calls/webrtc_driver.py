"""A call's machine over WebRTC on the bench: sound does not pass it, the service only tells when it begins and ends."""

from __future__ import annotations

from typing import Any

from tests.calls.call_driver import CallDriver
from trunkline.calls.machine import inputs


class WebRtcDriver(CallDriver):
    """A `CallDriver` whose caller comes over WebRTC and whose link is a sideband."""

    def __init__(self, **changes: Any) -> None:
        super().__init__(transport="webrtc", **changes)

    # The caller and the ways to the model ---------------------------------------------------------------------------
    def webrtc_connects(self, leg_id: str = "leg_1") -> None:
        """The page says that its connection is up."""
        self.feed(inputs.CallerJoined(leg_id, "webrtc"))

    def joins_by_relay(self, reason: str | None = None) -> None:
        """The caller is there, with sound over the relay."""
        self.feed(inputs.CallerJoined("leg_1", "websocket", reason))

    def sideband_cut(self) -> None:
        """The sideband's socket breaks; sound flows on."""
        self.feed(inputs.LinkDropped("the connection broke", 1006, 250, resumable=True))

    def sideband_back(self) -> None:
        """The sideband is there again, with the same session."""
        self.feed(inputs.LinkOpened(attempts=1, lost_for_ms=250, resumed=True))

    def redials(self) -> None:
        """The page has posted another offer: another WebRTC call, and another sideband."""
        self._responding = None
        self.feed(inputs.LinkDropped("the caller came another way", None, 0))
        self.feed(inputs.LinkOpened())

    def webrtc_call_ends(self) -> None:
        """The WebRTC call is over at the service."""
        self._responding = None
        self.feed(inputs.LinkDropped("no such call", 404, 0, needs_reoffer=True))

    # The service ----------------------------------------------------------------------------------------------------
    def begins_to_speak(self, text: str = "one two three four", *, audible: bool = True) -> str:
        """A response with a message begins, and sounds; returns the message's id."""
        self.confirms_items()
        self.response_created()
        return self.speaks(text, audible=audible)

    def speaks(self, text: str, *, audible: bool = True) -> str:
        """A message of the response under way."""
        item_id = f"msg_{next(self._numbers)}"
        item = {"id": item_id, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        self.wire("response.output_item.added", response_id=self._responding, item=item)
        self.wire("conversation.item.added", item=item)
        self.wire("response.output_audio_transcript.delta", item_id=item_id, delta=text)
        if audible:
            self.wire("output_audio_buffer.started", response_id=self._responding)
        return item_id

    def finishes_generating(self, item_id: str, text: str = "one two three four") -> str:
        """All of the response is there, though its sound may still be playing; returns the response's id."""
        response_id = self._responding
        assert response_id is not None
        self.message_done(item_id, text)
        self.response_done()
        return response_id

    def played_out(self, response_id: str) -> None:
        """All of a response's sound has been played."""
        self.wire("output_audio_buffer.stopped", response_id=response_id)

    def truncates(self, item_id: str, audio_end_ms: int) -> None:
        """The service has cut a message by itself."""
        self.wire("conversation.item.truncated", item_id=item_id, content_index=0, audio_end_ms=audio_end_ms)

    def talked_over(self, item_id: str, audio_end_ms: int) -> None:
        """The caller speaks over the agent: the service clears, cancels and truncates by itself."""
        response_id = self._responding
        self.wire("input_audio_buffer.speech_started", item_id="speech_1", audio_start_ms=100)
        self.wire("output_audio_buffer.cleared", response_id=response_id)
        self.response_done("cancelled", output=[])
        self.truncates(item_id, audio_end_ms)


def webrtc_call(**changes: Any) -> WebRtcDriver:
    """A call over WebRTC whose greeting was said and heard."""
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
    """An agent over WebRTC in the middle of an answer."""
    driver = webrtc_call()
    driver.types("Tell me everything.")
    item_id = driver.begins_to_speak(text)
    driver.clear()
    return driver, item_id
