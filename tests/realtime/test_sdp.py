"""Checks of a browser's SDP offer: each problem has its fix."""

from __future__ import annotations

import pytest

from trunkline.realtime.sdp import MAX_CANDIDATES, MAX_MEDIA, MAX_SDP_CHARS, has_data_channel, offer_problem

pytestmark = pytest.mark.pure
AUDIO = "m=audio 9 UDP/TLS/RTP/SAVPF 111"
LINES = ["v=0", AUDIO, "a=fingerprint:sha-256 AA", "a=ice-ufrag:abcd"]


def offer(*more: str, without: str = "-") -> str:
    return "\r\n".join(line for line in (*LINES, *more) if not line.startswith(without))


def test_an_offer_of_a_browser_can_be_answered() -> None:
    assert offer_problem(offer()) is None


@pytest.mark.parametrize(
    ("sdp", "fix"),
    [
        (offer("a=" + "x" * MAX_SDP_CHARS), f"Send at most {MAX_SDP_CHARS}."),
        ("hello", "Send the browser's localDescription.sdp."),
        (offer(without="m=audio"), "Add an audio transceiver"),
        (offer(without="a=fingerprint"), "WebRTC needs DTLS"),
        (offer(without="a=ice-ufrag"), "WebRTC needs ICE"),
        (offer(*["a=candidate:1 1 udp 1 192.0.2.1 9 typ host"] * (MAX_CANDIDATES + 1)), "ICE candidates"),
        (offer(*[AUDIO] * MAX_MEDIA), "media sections"),
    ],
)
def test_a_problem_of_an_offer_comes_with_its_fix(sdp: str, fix: str) -> None:
    assert fix in (offer_problem(sdp) or "")


def test_an_offer_may_ask_for_a_data_channel() -> None:
    assert not has_data_channel(offer())
    assert has_data_channel(offer("m=application 9 UDP/DTLS/SCTP webrtc-datachannel"))
