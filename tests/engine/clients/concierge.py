"""Engine with real speech and a simple brain, for clients in other languages, also over TLS."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.engine.engine_fakes import FakeBrain
from trunkline.engine.brains import BrainOutput, BrainRequest, TextDelta, ToolCallDelta
from trunkline.engine.http.app import Engine
from trunkline.engine.server import EngineServer
from trunkline.engine.speech.silero import SileroVoiceActivity
from trunkline.engine.speech.stt.sphinx import SphinxStt
from trunkline.engine.speech.tts.espeak import EspeakTts
from trunkline.engine.transports.ice import IceOptions
from trunkline.realtime.events import text_of
from trunkline.tls import TlsIdentity

KEY = "a-key-of-this-test"
NUMBERS = "One. Two. Three. Four. Five. Six. Seven. Eight. Nine. Ten."


class Concierge(FakeBrain):
    """Brain that repeats the caller, counts on request, and calls the weather tool."""

    def __init__(self) -> None:
        super().__init__(self._answer, delay=0.001)

    def grammar(self, request: BrainRequest) -> str:
        return "#JSGF V1.0;\ngrammar caller;\npublic <said> = yes [please] | no [thank you] | of course;\n"

    @staticmethod
    def _answer(request: BrainRequest) -> list[BrainOutput]:
        last = request.items[-1]
        if last["type"] == "function_call_output":
            return [TextDelta(f"It is {last['output']}.")]
        said = text_of(last)
        if "weather" in said:
            return [ToolCallDelta("call_1", "weather", '{"city": "Wanaka"}')]
        if "for ever" in said:
            return [TextDelta("And one more, and on and on we go. ")] * 2000
        return [TextDelta(NUMBERS if "to ten" in said else f"You said: {said}.")]


@asynccontextmanager
async def concierge_engine(tls: TlsIdentity | None = None) -> AsyncIterator[EngineServer]:
    """Run the engine, over TLS if a certificate is given."""
    stt, tts = SphinxStt(), EspeakTts()
    engine = Engine(
        lambda model, settings: Concierge(), stt, tts, SileroVoiceActivity, key=KEY, ice=IceOptions(loopback=True)
    )
    try:
        async with EngineServer(engine, tls=tls) as server:
            yield server
    finally:
        await stt.aclose()
        await tts.aclose()
