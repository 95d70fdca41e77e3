"""Checks of a browser's SDP offer, before it costs a WebRTC connection."""

from __future__ import annotations

MAX_SDP_CHARS = 64 << 10
MAX_CANDIDATES = 100
MAX_MEDIA = 8


def offer_problem(sdp: str) -> str | None:
    """Return the problem of an SDP offer and its fix; None if it can be answered."""
    if len(sdp) > MAX_SDP_CHARS:
        return f"The SDP offer has {len(sdp)} characters. Send at most {MAX_SDP_CHARS}."
    lines = sdp.splitlines()
    if not sdp.startswith("v=0"):
        return "The SDP offer does not begin with v=0. Send the browser's localDescription.sdp."
    if not any(line.startswith("m=audio ") for line in lines):
        return "The SDP offer has no audio. Add an audio transceiver before you create it."
    if not any(line.startswith("a=fingerprint:") for line in lines):
        return "The SDP offer has no a=fingerprint line. WebRTC needs DTLS: send a browser's offer."
    if not any(line.startswith("a=ice-ufrag:") for line in lines):
        return "The SDP offer has no a=ice-ufrag line. WebRTC needs ICE: send a browser's offer."
    if (candidates := sum(line.startswith("a=candidate:") for line in lines)) > MAX_CANDIDATES:
        return f"The SDP offer has {candidates} ICE candidates. Send at most {MAX_CANDIDATES}."
    if (media := sum(line.startswith("m=") for line in lines)) > MAX_MEDIA:
        return f"The SDP offer has {media} media sections. Send at most {MAX_MEDIA}."
    return None


def has_data_channel(sdp: str) -> bool:
    """Return whether an SDP offer asks for a data channel."""
    return any(line.startswith("m=application ") for line in sdp.splitlines())
