"""Generator of the tables in `docs/engine.md`, from the engine's code: its events and its limits.

Run it after a change to either; a test compares the page with the output of this script.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from trunkline.engine import session_runner
from trunkline.engine.http import app, client_secrets, preview, protocol_coverage, text_routes, webrtc_calls
from trunkline.engine.session import input_audio, item_events, response, session
from trunkline.engine.transports import data_channel, rtc_audio, websocket
from trunkline.realtime.dialects import server_event_to_preview

TARGET = Path(__file__).parent.parent / "docs" / "engine.md"


def main() -> None:
    """Write the page; with `--check`, only report whether it is current."""
    before = TARGET.read_text()
    after = filled(before)
    if "--check" in sys.argv[1:]:
        if before != after:
            sys.exit(f"{TARGET.name} is out of date: run python scripts/engine_tables.py")
        return
    TARGET.write_text(after)


def filled(page: str) -> str:
    """Return the page with new tables."""
    for name, table in (("client-events", client_events()), ("server-events", server_events()), ("limits", limits())):
        opening, closing = f"<!-- {name} -->", f"<!-- /{name} -->"
        if opening not in page or closing not in page:
            sys.exit(f"{TARGET.name} has no place for {name}: {opening} … {closing}")
        place = re.compile(f"{re.escape(opening)}.*?{re.escape(closing)}", re.DOTALL)
        page = place.sub(lambda _: f"{opening}\n\n{table}\n{closing}", page)  # noqa: B023 - used at once
    return page


def client_events() -> str:
    """Return the table of client events."""
    rows = [(f"`{name}`", "yes", note) for name, note in sorted(protocol_coverage.CLIENT_EVENTS.items())]
    return _table(("event", "taken", ""), rows)


def server_events() -> str:
    """Return the table of server events, sent or not."""
    rows = []
    for name in sorted({*protocol_coverage.SERVER_EVENTS, *protocol_coverage.NOT_SENT}):
        sent = name in protocol_coverage.SERVER_EVENTS
        note = protocol_coverage.SERVER_EVENTS[name] if sent else protocol_coverage.NOT_SENT[name]
        rows.append((f"`{name}`", "yes" if sent else "no", _in_preview(name) if sent else "", note))
    return _table(("event", "sent", "in the preview", ""), rows)


def _in_preview(name: str) -> str:
    told = server_event_to_preview({"type": name, "event_id": "e"})
    if told is None:
        return "–"
    return "the same" if told["type"] == name else f"`{told['type']}`"


def limits() -> str:
    """Return the table of limits of a client, a session and an engine."""
    rows = [
        ("sessions at once, by all ways", str(app.MAX_SESSIONS), "429"),
        ("a session's life", f"{app.SESSION_LIMIT_S / 60:g} min", "`session_expired`, then close 1001"),
        ("one WebSocket message", _size(app.MAX_MESSAGE_BYTES), "close 1009"),
        ("sound in the input buffer", _size(input_audio.MAX_BYTES), "`input_audio_buffer_full`, or the turn ends"),
        (
            "the words of a turn, after its last sound",
            f"{session_runner.TRANSCRIPT_TIMEOUT_S:g} s",
            "`conversation.item.input_audio_transcription.failed`",
        ),
        ("shortest commit", f"{session.MIN_COMMIT_MS} ms", "`input_audio_buffer_commit_empty`"),
        ("responses at once, one of them in the conversation", str(session.MAX_RESPONSES), "`too_many_responses`"),
        ("tokens of a response without a limit of its own", f"{response.MAX_OUTPUT_TOKENS:,}", "`incomplete`"),
        ("items of a conversation", f"{item_events.MAX_ITEMS:,}", "`too_many_items`"),
        ("text and pictures of a conversation", _size(item_events.MAX_ITEM_BYTES), "`conversation_too_large`"),
        (
            "sound over WebRTC that comes faster than it lasts",
            f"{rtc_audio.MAX_AHEAD_MS // 1000} s",
            f"dropped; after {rtc_audio.MAX_DROPPED_MS // 1000} s more the call ends",
        ),
        ("streams within a caller's track", str(rtc_audio.MAX_SOURCES), "the call ends"),
        ("events waiting for a WebSocket client", _size(websocket.MAX_QUEUED_BYTES), "close 1008"),
        ("events waiting on a data channel", _size(data_channel.MAX_QUEUED_BYTES), "the call ends"),
        ("sidebands of one call", str(webrtc_calls.MAX_SIDEBANDS), "429"),
        ("life of an ephemeral key", f"{client_secrets.LIFETIME_S} s unless asked otherwise", "401"),
        ("life of a preview's ephemeral key", f"{preview.SECRET_LIFETIME_S} s unless asked otherwise", "401"),
        ("a request to a text model", _size(text_routes.MAX_BODY_BYTES), "413"),
        ("requests to text models at once", str(text_routes.MAX_CONCURRENT_REQUESTS), "429"),
    ]
    return _table(("of", "limit", "beyond it"), rows)


def _size(size: int) -> str:
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    main()
