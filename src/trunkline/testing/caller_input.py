"""How the caller makes themselves on_frame: by typing, or by voice through a microphone that is always on."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from trunkline.calls.call import Call
from trunkline.calls.pages import Page
from trunkline.engine.speech import SpeechError, Tts
from trunkline.engine.speech.stt.scripted_stt import ScriptedStt
from trunkline.realtime.audio import BYTES_PER_MS, ms_to_bytes
from trunkline.realtime.events import encode
from trunkline.testing.channel_impairment import ChannelImpairment
from trunkline.testing.silent_tts import MS_PER_CHARACTER

FRAME_MS = 20
CALLER_VOICE = "cedar"
"""The one that the recogniser understands best."""


class CallerInput(Protocol):
    """The caller's."""

    async def say(self, words: str) -> None:
        """Says something; returns when it is out."""

    async def speak(self, words: str) -> None:
        """Says something aloud, whatever the caller's usual way; returns when it is out."""

    async def backchannel(self, words: str) -> None:
        """Makes a small sound that is not meant as a turn."""

    async def stay_silent(self, ms: float) -> None:
        """Says nothing for so long."""


class TypedInput:
    """Types what it is to say. What is spoken all the same is a hum: `stt` is told what it says."""

    def __init__(self, call: Call, page: Page, stt: ScriptedStt) -> None:
        self._call = call
        self._page = page
        self._stt = stt
        self._spoken = 0
        self._has_idle_timeout = bool((call.scenario.turn_detection or {}).get("idle_timeout_ms"))

    async def say(self, words: str) -> None:
        """See `CallerInput.say`."""
        self._call.command(self._page, encode({"type": "say", "text": words}).decode())

    async def speak(self, words: str) -> None:
        """See `CallerInput.speak`. It lasts as long as it is spelled."""
        self._spoken += 1
        # A hum of 500 Hz, loud enough to be taken for speech, and unlike any before it.
        half = (9_000 + self._spoken).to_bytes(2, "little") * 24
        wave = half + (-9_000).to_bytes(2, "little", signed=True) * 24
        audio = wave * (max(100, len(words) * MS_PER_CHARACTER) // 2)
        self._stt.mark(audio, words)
        await self._send_audio(audio)

    async def backchannel(self, words: str) -> None:
        """See `CallerInput.backchannel`. It is followed by as much silence as ends a turn."""
        await self.speak(words)
        patience_ms = int((self._call.scenario.turn_detection or {}).get("silence_duration_ms", 500))
        await self._send_audio(bytes(ms_to_bytes(patience_ms + 300)))

    async def stay_silent(self, ms: float) -> None:
        """See `CallerInput.stay_silent`. Silence has a sound where the agent may grow impatient with it."""
        if self._has_idle_timeout:
            await self._send_audio(bytes(ms_to_bytes(round(ms))))
        else:
            await asyncio.sleep(ms / 1000)

    async def _send_audio(self, audio: bytes) -> None:
        step = ms_to_bytes(FRAME_MS)
        for start in range(0, len(audio), step):
            self._call.receive_audio(self._page, audio[start : start + step])
            await asyncio.sleep(FRAME_MS / 1000)


class SpokenInput:
    """Speaks into a microphone over an impaired line. `run` keeps it open, with silence on it while nothing is said.

    Args:
        on_frame: gets every frame that goes out, for a recording.
    """

    def __init__(
        self,
        call: Call,
        page: Page,
        tts: Tts,
        impairment: ChannelImpairment,
        on_frame: Callable[[bytes], None] = lambda _frame: None,
        voice_name: str = CALLER_VOICE,
    ) -> None:
        self._call = call
        self._page = page
        self._tts = tts
        self._channel = impairment.open()
        self._on_frame = on_frame
        self._voice_name = voice_name
        self._frames: deque[bytes] = deque()
        self._spoken = asyncio.Event()
        self._spoken.set()

    async def run(self) -> None:
        """Sends a frame every 20 ms, until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            frame = self._frames.popleft() if self._frames else bytes(ms_to_bytes(FRAME_MS))
            if not self._frames:
                self._spoken.set()
            sent = self._channel.apply(frame)
            self._on_frame(sent)
            self._call.receive_audio(self._page, sent)
            due += FRAME_MS / 1000
            await asyncio.sleep(due - loop.time())

    async def say(self, words: str) -> None:
        """See `CallerInput.say`.

        Raises:
            SpeechError: nothing in it can be pronounced.
        """
        audio = bytearray()
        async for chunk in self._tts.speak(words, voice=self._voice_name):
            audio += chunk.pcm
        if not audio:
            raise SpeechError(f"A caller cannot pronounce {words!r}.")
        step = FRAME_MS * BYTES_PER_MS
        self._spoken.clear()
        self._frames.extend(
            bytes(audio[start : start + step]).ljust(step, b"\0") for start in range(0, len(audio), step)
        )
        await self._spoken.wait()

    async def speak(self, words: str) -> None:
        """See `CallerInput.speak`."""
        await self.say(words)

    async def backchannel(self, words: str) -> None:
        """See `CallerInput.backchannel`."""
        await self.say(words)

    async def stay_silent(self, ms: float) -> None:
        """See `CallerInput.stay_silent`."""
        await asyncio.sleep(ms / 1000)
