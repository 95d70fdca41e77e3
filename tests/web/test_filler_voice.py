"""Fillers beside a hosted provider: a voice of this machine says them, into the relayed audio of the call."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from agents import function_tool
from agents.realtime import RealtimeAgent

from tests.calls.model_fake import FakeModel
from tests.providers.azure_fake import fake_azure
from tests.web.web_server import client, listening
from trunkline import Caller, Fillers, Lines, Rehearsal, Scenario, call_tool
from trunkline.calls.filler_audio import recording
from trunkline.engine.speech import Tts
from trunkline.engine.speech.factory import create_tts
from trunkline.realtime.audio import BYTES_PER_MS
from trunkline.scenario.fillers import FillerKind
from trunkline.web import create_app

pytestmark = pytest.mark.realtime
FILLERS = Fillers(waiting="A second.", apology="It takes a little longer.", waiting_after_s=0.3, apology_after_s=0.6)


def scenario(heard: asyncio.Event) -> Scenario[None]:
    """Return a shop whose tool returns once a filler was heard."""

    @function_tool
    async def ask_warehouse() -> str:
        """Ask the warehouse."""
        await heard.wait()
        return "plenty"

    rehearsal = Rehearsal()

    @rehearsal.plays("clerk")
    async def clerk(caller: Caller) -> Lines:
        yield "Welcome."
        await caller.says()
        yield call_tool("ask_warehouse")
        yield "There are plenty."

    agent: RealtimeAgent[None] = RealtimeAgent(name="clerk", tools=[ask_warehouse])
    return Scenario("shop", agents=[agent], rehearsal=rehearsal, fillers=FILLERS, voice="sage")


async def test_on_azure_a_voice_of_this_machine_says_the_filler() -> None:
    # On a busy machine the voice starts too late for the first filler, which is then a recording.
    sound, filler, own = await heard_on_azure(2, tts="espeak")
    assert filler["text"] == FILLERS.apology
    assert own is not None
    expected = b"".join([chunk.pcm async for chunk in own.speak(filler["text"], voice="sage", language="en")])
    await own.aclose()
    assert len(sound) == pytest.approx(len(expected), rel=0.02)  # eSpeak does not repeat itself exactly


async def test_on_azure_with_a_voice_over_the_network_the_filler_is_a_recording() -> None:
    sound, filler, _own = await heard_on_azure(1, tts="http", tts_base_url="http://127.0.0.1:9/v1")
    assert filler["text"] == "One moment, please."
    assert sound == recording("en", FillerKind.WAITING)


async def heard_on_azure(fillers: int, **changes: Any) -> tuple[bytes, dict[str, Any], Tts | None]:
    """Hold a call over the relay with some fillers.

    Returns:
        The audio of the last filler, its event, and the voice of the settings.
    """
    heard = asyncio.Event()
    shop = scenario(heard)
    async with fake_azure({shop.name: shop}, shop.name, ms_per_character=2) as azure:
        settings = azure.settings(**changes)
        async with (
            listening(create_app([shop], settings), settings) as url,
            client(url, FakeModel()) as there,
            there.calling(scenario="shop") as (_started, page),
        ):
            await page.sends({"type": "say", "text": "Do you have pears?"})
            for _filler in range(fillers):
                page.sound.clear()
                filler = await page.kind("filler.started")
                await page.kind("filler.done")
            sound = bytes(page.sound)
            heard.set()
            assert await page.answer() == "There are plenty."
    assert filler["ms"] == round(len(sound) / BYTES_PER_MS)
    assert max(memoryview(sound).cast("h")) > 3_000
    return sound, filler, create_tts(settings) if changes["tts"] == "espeak" else None
