"""Stored calls for the real console: the page of the real server, and answers of the calls' routes that the test makes.

For what a real store seldom has: thousands of calls, a failed part of a list, a call of an hour. The tests with a real
store are in `test_stored_calls.py`.
"""

from __future__ import annotations

import io
import math
import struct
import wave
from collections.abc import Callable, Iterable
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import BrowserContext, Page, Route

from tests.browser.scripted_call import SHOP
from trunkline.calls import log, log_events
from trunkline.calls.log_events import LogEventUnion

CALL = "call_stored"
TEST_FILE = "async def test_the_call(voice_call):\n    call = await voice_call('shop')\n"
TALK = "the blue board is on sale this week and it comes with a pair of bindings"


def summary(call_id: str = CALL, **changes: Any) -> dict[str, Any]:
    """A call as `GET /api/calls` lists it."""
    return {
        "call_id": call_id,
        "started_at": "2026-05-01T10:00:00.250Z",
        "ended_at": "2026-05-01T10:00:24.000Z",
        "scenario": "shop",
        "transport": "webrtc",
        "provider": "local",
        "model": "shop",
        "status": "ended",
        "end_reason": "the caller hung up",
        "duration_ms": 24_000,
        "turns": 3,
        "agents": ["clerk", "returns"],
        "cost": 0.0421,
        "tokens": 1200,
        "slowest_turn_ms": 1240,
        "trips": 0,
        "errors": 0,
        "audio": True,
        "live": False,
        "mode": "full",
        "match": None,
        **changes,
    }


def conversation() -> list[tuple[int, LogEventUnion]]:
    """The log of a short call with two agents, a tool, a tripped guardrail and an error, with the times in ms."""
    tokens = log_events.Tokens(input_audio=200, output_audio=300)
    return [
        (0, log_events.CallStarted(CALL, "shop", "clerk", "webrtc", "local", "shop", "2026-05-01T10:00:00.250Z")),
        (20, log_events.LinkUp("shop")),
        (30, log_events.AgentChanged("clerk")),
        *_says("a1", "clerk", "Good morning. What can I do for you?", 400, 2600, wait="greeting"),
        *_speaks("u1", "I would like to return a board.", 4200, 6400),
        *_says("a2", "clerk", "I will pass you to returns.", 7600, 2000),
        (9700, log_events.AgentChanged("returns", "clerk", reason="The caller returns a board.")),
        (9900, log_events.ToolStarted("t1", "lookUpOrder", {"phone": "555"}, "returns")),
        (10_500, log_events.ToolDone("t1", "lookUpOrder", 600, {"order": 42})),
        *_says("a3", "returns", "I found your order. Is the board damaged?", 11_000, 2800),
        (11_900, log_events.GuardrailChecked("a3", "moderation", "fail", "OFFENSIVE", "It blames the caller.")),
        (12_000, log_events.CallError("The model is busy. Try again.", source="provider")),
        *_speaks("u2", "No, it is too short.", 15_500, 17_200),
        *_says("a4", "returns", "Then we exchange it.", 18_300, 2000),
        (21_000, log_events.UsageUpdated("response", "shop", tokens, tokens, item_id="a4")),
        (24_000, log_events.CallEnded("the caller hung up")),
    ]  # fmt: skip


def _says(
    item_id: str, agent: str, text: str, at_ms: int, ms: int, wait: Literal["speech", "text", "greeting"] = "speech"
) -> list[tuple[int, LogEventUnion]]:
    words = [f"{word} " for word in text.split()]
    parts = [log_events.LatencyPart("endpointing", 300), log_events.LatencyPart("model", 500)]
    return [
        (at_ms - 200, log_events.MessageAdded(item_id, "assistant", agent=agent, spoken=True)),
        (at_ms, log_events.AudioStarted(item_id)),
        (at_ms + 10, log_events.TurnLatency(item_id, 800, parts, wait)),
        *((at_ms + 20 + 30 * index, log_events.MessageDelta(item_id, word)) for index, word in enumerate(words)),
        (at_ms + 600, log_events.MessageDone(item_id, "assistant", text)),
        (at_ms + 700, log_events.AudioDone(item_id, ms)),
    ]


def _speaks(item_id: str, text: str, from_ms: int, to_ms: int) -> list[tuple[int, LogEventUnion]]:
    return [
        (from_ms, log_events.SpeechStarted(item_id)),
        (to_ms, log_events.SpeechStopped(item_id)),
        (to_ms + 20, log_events.MessageAdded(item_id, "user", spoken=True)),
        (to_ms + 60, log_events.MessageDone(item_id, "user", text)),
    ]


def hour() -> list[tuple[int, LogEventUnion]]:
    """The log of a call of an hour: 720 turns, 21,600 events."""
    events: list[tuple[int, LogEventUnion]] = [
        (0, log_events.CallStarted(CALL, "shop", "clerk", "webrtc", "local", "shop", "2026-05-01T10:00:00.250Z")),
        (10, log_events.AgentChanged("clerk")),
    ]
    for turn in range(720):
        at_ms = 100 + 5000 * turn
        user, agent = f"u{turn}", f"a{turn}"
        words = TALK[4 * (turn % 5) :]
        events += _speaks(user, f"I would like {words}", at_ms, at_ms + 1500)
        raw = {"type": "response.output_audio.delta", "item_id": agent}
        events += [(at_ms + 1700 + index, log_events.WireReceived(raw)) for index in range(7)]
        events += _says(agent, "clerk", words, at_ms + 2200, 2000)
    events.append((3_600_000, log_events.CallEnded("the caller hung up")))
    return events


def ndjson(events: Iterable[tuple[int, LogEventUnion]]) -> str:
    """The log as `GET /api/calls/{id}/log` answers it."""
    ordered = sorted(events, key=lambda one: one[0])
    return "".join(f"{log.frame_of(event, seq, at_ms)}\n" for seq, (at_ms, event) in enumerate(ordered, 1))


def tone(seconds: float, rate: int = 8000) -> bytes:
    """A stereo WAV file: 440 Hz on the left, 660 Hz on the right."""
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(2)
        wav.setsampwidth(2)
        wav.setframerate(rate)
        sounds = [[int(9000 * math.sin(2 * math.pi * hz * n / rate)) for n in range(rate)] for hz in (440, 660)]
        second = b"".join(struct.pack("<hh", left, right) for left, right in zip(*sounds, strict=True))
        wav.writeframes((second * math.ceil(seconds))[: int(seconds * rate) * 4])
    return file.getvalue()


class StoredCalls:
    """The calls' routes of a server, answered by the test.

    Attributes:
        calls: the summaries, newest first.
        live: the summaries of running calls.
        logs: the log of each call, as text.
        notes: the notes of each call.
        asked: the method and path of each request, with its query.
        fails: a function from a path to the error that answers it, as status, code and message; or None.
    """

    def __init__(self, context: BrowserContext, page_size: int = 50) -> None:
        self.calls: list[dict[str, Any]] = [summary()]
        self.live: list[dict[str, Any]] = []
        self.logs: dict[str, str] = {CALL: ndjson(conversation())}
        self.notes: dict[str, list[dict[str, Any]]] = {}
        self.audio = tone(24)
        self.asked: list[str] = []
        self.health: dict[str, Any] = {
            "status": "ok", "version": "0", "provider": "local", "audience": "operator", "stores_calls": True,
        }  # fmt: skip
        self.fails: Callable[[str, dict[str, str]], tuple[int, str, str] | None] = lambda _path, _query: None
        self._page_size = page_size
        context.route("**/api/**", self._answer)

    def _answer(self, route: Route) -> None:
        address = urlsplit(route.request.url)
        path = address.path.split("/api/", 1)[1]
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        method = route.request.method
        self.asked.append(f"{method} {path}" + (f"?{address.query}" if address.query else ""))
        if error := self.fails(path, query):
            status, code, message = error
            route.fulfill(status=status, json={"error": {"code": code, "message": message}})
            return
        simple: dict[str, Any] = {
            "health": self.health,
            "scenarios": [SHOP],
            "problems": [],
            "ice-servers": {"ice_servers": []},
        }
        if path in simple:
            route.fulfill(json=simple[path])
        elif path == "calls":
            route.fulfill(json=self._list(query))
        elif path == "calls/stored":
            self.calls.clear()
            route.fulfill(status=204)
        else:
            self._answer_call(route, method, *path.removeprefix("calls/").split("/"))

    def _list(self, query: dict[str, str]) -> dict[str, Any]:
        found = [one for one in self.calls if query.get("status") in (None, one["status"])]
        if words := query.get("q"):
            found = [
                {**one, "match": {"seq": 12, "at_ms": 6460, "role": "user", "text": "I would like to return a board."}}
                for one in found
                if words in "I would like to return a board."
            ]
        start = int(query.get("cursor", "0"))
        end = start + self._page_size
        page: dict[str, Any] = {"calls": found[start:end], "next": str(end) if end < len(found) else None}
        return page if start else {**page, "live": self.live}

    def _answer_call(self, route: Route, method: str, call_id: str, *rest: str) -> None:
        found = next((one for one in (*self.live, *self.calls) if one["call_id"] == call_id), None)
        if found is None:
            error = {"code": "unknown_call", "message": "No stored call has this id."}
            route.fulfill(status=404, json={"error": error})
        elif method == "GET" and not rest:
            route.fulfill(json={**found, "notes": self.notes.get(call_id, [])})
        elif rest == ("log",):
            route.fulfill(body=self.logs.get(call_id, ""), content_type="application/x-ndjson")
        elif rest == ("audio",):
            self._answer_audio(route)
        elif rest == ("test",):
            route.fulfill(body=TEST_FILE, content_type="text/x-python")
        elif rest == ("stored",):
            self.calls.remove(found)
            route.fulfill(status=204)
        elif method == "POST" and rest == ("notes",):
            given: dict[str, Any] = route.request.post_data_json or {}
            notes = self.notes.setdefault(call_id, [])
            note = {"seq": None, "created_at": "2026-05-02T08:00:00Z", **given, "note_id": f"note_{len(notes)}"}
            notes.append(note)
            route.fulfill(status=201, json=note)
        elif method == "DELETE" and rest[0] == "notes":
            self.notes[call_id] = [note for note in self.notes[call_id] if note["note_id"] != rest[1]]
            route.fulfill(status=204)
        else:
            route.fulfill(status=404, json={"error": {"code": "not_found", "message": "Unknown route."}})

    def _answer_audio(self, route: Route) -> None:
        asked = route.request.headers.get("range", "bytes=0-").removeprefix("bytes=")
        first, _, last = asked.partition("-")
        start, end = int(first or 0), int(last or len(self.audio) - 1)
        headers = {
            "content-type": "audio/wav",
            "accept-ranges": "bytes",
            "content-range": f"bytes {start}-{end}/{len(self.audio)}",
        }
        route.fulfill(status=206, headers=headers, body=self.audio[start : end + 1])


def open_call(page: Page, url: str, path: str = f"calls/{CALL}") -> None:
    """Open the page of a stored call, and wait until it is shown."""
    page.goto(f"{url}/{path}")
    page.get_by_role("region", name="Player").wait_for()
