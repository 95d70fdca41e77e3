"""Update the tables of `docs/engine.md` from the engine: its events and its limits.

Run it after a change of either. A test compares the page with the output of this script.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from trunkline.engine.http import app, client_secrets, preview, protocol_coverage, text_routes, webrtc_calls
from trunkline.engine.session import input_audio, item_events, response, session
from trunkline.engine.time_limits import DEFAULT_TIME_LIMITS
from trunkline.engine.transports import data_channel, rtc_audio, websocket
from trunkline.realtime.dialects import server_event_to_preview

TARGET = Path(__file__).parent.parent / "docs" / "engine.md"


def main() -> None:
    """Update the page; with `--check`, only check that it is up to date."""
    before = TARGET.read_text()
    after = updated_page(before)
    if "--check" in sys.argv[1:]:
        if before != after:
            sys.exit(f"{TARGET.name} is out of date: run python scripts/engine_tables.py")
        return
    TARGET.write_text(after)


def updated_page(page: str) -> str:
    """Return the page with new tables."""
    for name, table in (("client-events", client_events()), ("server-events", server_events()), ("limits", limits())):
        opening, closing = f"<!-- {name} -->", f"<!-- /{name} -->"
        if opening not in page or closing not in page:
            sys.exit(f"{TARGET.name} has no markers for {name}. Add {opening} … {closing}.")
        place = re.compile(f"{re.escape(opening)}.*?{re.escape(closing)}", re.DOTALL)
        page = place.sub(lambda _: f"{opening}\n\n{table}\n{closing}", page)  # noqa: B023 - used at once
    return page


def client_events() -> str:
    """Return the table of the client events."""
    rows = [(f"`{name}`", "yes", note) for name, note in sorted(protocol_coverage.CLIENT_EVENTS.items())]
    return _table(("event", "accepted", ""), rows)


def server_events() -> str:
    """Return the table of the server events, including the ones that the engine does not send."""
    rows = []
    for name in sorted({*protocol_coverage.SERVER_EVENTS, *protocol_coverage.NOT_SENT}):
        sent = name in protocol_coverage.SERVER_EVENTS
        note = protocol_coverage.SERVER_EVENTS[name] if sent else protocol_coverage.NOT_SENT[name]
        rows.append((f"`{name}`", "yes" if sent else "no", _in_preview(name) if sent else "", note))
    return _table(("event", "sent", "in the preview", ""), rows)


def _in_preview(name: str) -> str:
    preview_event = server_event_to_preview({"type": name, "event_id": "e"})
    if preview_event is None:
        return "–"
    return "the same" if preview_event["type"] == name else f"`{preview_event['type']}`"


def limits() -> str:
    """Return the table of the limits of a client, a session and an engine."""
    rows = [
        ("concurrent sessions, over all transports", str(app.MAX_SESSIONS), "429"),
        ("lifetime of a session", f"{app.SESSION_LIMIT_S / 60:g} min", "`session_expired`, then close 1001"),
        ("one WebSocket message", _size(app.MAX_MESSAGE_BYTES), "close 1009"),
        ("audio in the input buffer", _size(input_audio.MAX_BYTES), "`input_audio_buffer_full`, or the turn ends"),
        (
            "recognition of a turn, after its last audio",
            f"{DEFAULT_TIME_LIMITS.transcript_s:g} s",
            "`conversation.item.input_audio_transcription.failed`",
        ),
        ("shortest commit", f"{session.MIN_COMMIT_MS} ms", "`input_audio_buffer_commit_empty`"),
        ("concurrent responses, one of them in the conversation", str(session.MAX_RESPONSES), "`too_many_responses`"),
        ("tokens of a response without its own limit", f"{response.MAX_OUTPUT_TOKENS:,}", "`incomplete`"),
        ("items of a conversation", f"{item_events.MAX_ITEMS:,}", "`too_many_items`"),
        (
            "text and images that clients add to a conversation",
            _size(item_events.MAX_ITEM_BYTES),
            "`conversation_too_large`",
        ),
        (
            "audio over WebRTC that arrives faster than real time",
            f"{rtc_audio.MAX_AHEAD_MS // 1000} s",
            f"dropped; after {rtc_audio.MAX_DROPPED_MS // 1000} s more the call ends",
        ),
        ("streams in a caller's track", str(rtc_audio.MAX_SOURCES), "the call ends"),
        ("events queued for a WebSocket client", _size(websocket.MAX_QUEUED_BYTES), "close 1008"),
        ("events queued for a data channel", _size(data_channel.MAX_QUEUED_BYTES), "the call ends"),
        ("sidebands of one call", str(webrtc_calls.MAX_SIDEBANDS), "429"),
        (
            "lifetime of an ephemeral key",
            f"{client_secrets.DEFAULT_LIFETIME_S} s unless the request names another",
            "401",
        ),
        (
            "lifetime of a preview's ephemeral key",
            f"{preview.SECRET_LIFETIME_S} s unless the request names another",
            "401",
        ),
        ("a request to a text model", _size(text_routes.MAX_BODY_BYTES), "413"),
        ("concurrent requests to text models", str(text_routes.MAX_CONCURRENT_REQUESTS), "429"),
    ]
    return _table(("of", "limit", "beyond it"), rows)


def _size(size: int) -> str:
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    main()
