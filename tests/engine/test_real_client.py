"""The engine over real sockets, spoken to by the official client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from engine_fakes import FakeActivity, FakeBrain, FakeRecogniser, FakeVoice
from engine_oracle import check
from openai import AsyncOpenAI

from trunkline.engine.app import Engine
from trunkline.engine.server import EngineServer


@asynccontextmanager
async def engine(brain: FakeBrain, **kwargs: Any) -> AsyncIterator[EngineServer]:
    built = Engine(lambda model, session: brain, FakeRecogniser(), FakeVoice(), FakeActivity, key="secret", **kwargs)
    async with EngineServer(built) as server:
        yield server


async def receive(connection: Any, until: str) -> list[dict[str, Any]]:
    events = []
    while True:
        event = (await connection.recv()).model_dump(exclude_unset=True)
        check(event)
        events.append(event)
        if event["type"] == until:
            return events


async def test_a_typed_turn_is_answered_with_sound_and_words() -> None:
    async with (
        engine(FakeBrain()) as server,
        AsyncOpenAI(base_url=server.url, api_key="secret") as client,
        client.realtime.connect(model="anything") as connection,
    ):
        assert (await receive(connection, "session.created"))[0]["session"]["model"] == "anything"
        await connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "good morning"}]}
        )
        await connection.response.create()
        events = await receive(connection, "response.done")
    transcript = "".join(e["delta"] for e in events if e["type"] == "response.output_audio_transcript.delta")
    assert transcript == "You said: good morning."
    assert events[-1]["response"]["status"] == "completed"
