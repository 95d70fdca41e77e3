"""Hostile and broken clients over a real socket: the session answers all of their frames and continues.

`TRUNKLINE_FUZZ_EVENTS` sets the number of events; the default keeps the suite quick.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from typing import Any

import websockets

from tests.engine.engine_fakes import FakeActivity, FakeBrain, FakeStt, FakeTts
from tests.engine.engine_rig import Watch
from tests.engine.official_events import check
from trunkline.engine.brains import TextDelta, ToolCallDelta
from trunkline.engine.http.app import Engine
from trunkline.engine.server import EngineServer

EVENTS = int(os.environ.get("TRUNKLINE_FUZZ_EVENTS", "3000"))
PER_SESSION = 500

SOUND = "/wA="
TEMPLATES: list[dict[str, Any]] = [
    {"type": "session.update", "session": {"type": "realtime", "instructions": "x", "max_output_tokens": 9}},
    {"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"turn_detection": None}}}},
    {"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcmu"}}}}},
    {
        "type": "session.update",
        "session": {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "server_vad"}}}},
    },
    {"type": "session.update", "session": {"type": "realtime", "tools": [{"type": "function", "name": "f"}]}},
    {"type": "input_audio_buffer.append", "audio": "4C7gLuAu" * 600},
    {"type": "input_audio_buffer.append", "audio": "AAAAAAAA" * 600},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear"},
    {"type": "output_audio_buffer.clear"},
    {
        "type": "conversation.item.create",
        "previous_item_id": "root",
        "item": {"id": "a", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
    },
    {
        "type": "conversation.item.create",
        "item": {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": SOUND}]},
    },
    {"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": "c", "output": "1"}},
    {"type": "conversation.item.retrieve", "item_id": "a"},
    {"type": "conversation.item.delete", "item_id": "a"},
    {"type": "conversation.item.truncate", "item_id": "a", "content_index": 0, "audio_end_ms": 10},
    {"type": "response.create", "response": {"conversation": "none", "metadata": {"a": "b"}, "input": []}},
    {"type": "response.create"},
    {"type": "response.cancel"},
]
ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    1e308,
    2**70,
    "",
    "\0",
    "x" * 5000,
    "ü𝄞",
    [],
    {},
    [[]],
    {"a": {}},
    "audio/pcma",
    "none",
]


def mutated(dice: random.Random, value: Any, depth: int = 0) -> Any:
    """Return the value with one part replaced, removed or added."""
    if dice.random() < 0.1:
        return dice.choice(ODD)
    if isinstance(value, dict):
        out = {key: mutated(dice, part, depth + 1) for key, part in value.items() if dice.random() > 0.05}
        if dice.random() < 0.05:
            out[dice.choice(["type", "id", "event_id", "surprise"])] = dice.choice(ODD)
        return out
    if isinstance(value, list):
        return [mutated(dice, part, depth + 1) for part in value] * dice.choice([1, 1, 1, 2, 0])
    return value


def frame(dice: random.Random) -> str | bytes:
    template = dice.choice(TEMPLATES)
    chance = dice.random()
    if chance < 0.5:
        return json.dumps(template)
    if chance < 0.9:
        return json.dumps(mutated(dice, template))
    text = json.dumps(template)
    cut = dice.randrange(len(text))
    broken: list[str | bytes] = [
        text[:cut],
        text[:cut].encode() + b"\xff" + text[cut:].encode(),
        "[" * 500,
        json.dumps(dice.choice(ODD)),
    ]
    return dice.choice(broken)


async def session(url: str, dice: random.Random, events: int) -> int:
    """Run one client, and return the number of received events."""
    watch, seen = Watch(), 0
    async with websockets.connect(url, max_size=None, max_queue=None) as socket:

        async def read() -> None:
            nonlocal seen
            async for text in socket:
                event = json.loads(text)
                check(event)
                watch.see(event)
                seen += 1
                if event["type"] == "error" and event["error"]["event_id"] == "the end":
                    return

        reader = asyncio.create_task(read())
        for _ in range(events):
            await socket.send(frame(dice))
        await socket.send('{"type": "good.bye", "event_id": "the end"}')
        async with asyncio.timeout(60):
            await reader
    return seen


async def test_no_client_can_break_its_session() -> None:
    brain = FakeBrain(
        lambda request: [TextDelta("Well. "), TextDelta("Yes, of course."), ToolCallDelta("c", "f", "{}")], delay=0.001
    )
    engine = Engine(lambda model, settings: brain, FakeStt(), FakeTts(delay=0.001), FakeActivity)
    async with EngineServer(engine) as server:
        url = server.url.replace("http", "ws") + "/realtime?model=m"
        for number in range(0, EVENTS, PER_SESSION):
            assert await session(url, random.Random(number), PER_SESSION) > PER_SESSION // 4
