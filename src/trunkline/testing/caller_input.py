"""Input of the caller: typed text, or speech through a microphone that is always on."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from trunkline.calls.call import Call
from trunkline.calls.pages import Page
from trunkline.engine.speech import SpeechError, Tts
from trunkline.engine.speech.stt.scripted_stt import ScriptedStt
from trunkline.engine.speech.tts.silent import MS_PER_CHARACTER
from trunkline.realtime.audio import BYTES_PER_MS, ms_to_bytes
from trunkline.realtime.events import encode
from trunkline.testing.channel_impairment import ChannelImpairment

FRAME_MS = 20


class CallerInput(Protocol):
    """The means by which a caller talks to the agent."""

    async def say(self, words: str, audio: bytes | None = None) -> None:
        """Say the words; return when they are out. `audio` is the caller's own, PCM16 at 24 kHz."""

    async def speak(self, words: str, audio: bytes | None = None) -> None:
        """Speak the words aloud in any mode; return when they are out."""

    async def backchannel(self, words: str, audio: bytes | None = None) -> None:
        """Make a short sound that is not meant as a turn."""

    async def stay_silent(self, ms: float) -> None:
        """Say nothing for `ms` milliseconds."""


class TypedInput:
    """Input of a caller who types. Spoken words become a hum, and `stt` gets their text in advance."""

    def __init__(self, call: Call, page: Page, stt: ScriptedStt) -> None:
        self._call = call
        self._page = page
        self._stt = stt
        self._spoken = 0
        self._has_idle_timeout = bool((call.scenario.turn_detection or {}).get("idle_timeout_ms"))

    async def say(self, words: str, audio: bytes | None = None) -> None:
        """See `CallerInput.say`. The words are typed, whatever their audio."""
        self._call.command(self._page, encode({"type": "say", "text": words}).decode())

    async def speak(self, words: str, audio: bytes | None = None) -> None:
        """See `CallerInput.speak`. The hum lasts as long as `SilentTts` would speak."""
        self._spoken += 1
        # A hum of 500 Hz, loud enough for the voice activity detector, and different from any before it.
        half = (9_000 + self._spoken).to_bytes(2, "little") * 24
        wave = half + (-9_000).to_bytes(2, "little", signed=True) * 24
        hum = wave * (max(100, len(words) * MS_PER_CHARACTER) // 2)
        self._stt.mark(hum, words)
        await self._send_audio(hum)

    async def backchannel(self, words: str, audio: bytes | None = None) -> None:
        """See `CallerInput.backchannel`. Silence follows, long enough to end a turn."""
        await self.speak(words)
        patience_ms = int((self._call.scenario.turn_detection or {}).get("silence_duration_ms", 500))
        await self._send_audio(bytes(ms_to_bytes(patience_ms + 300)))

    async def stay_silent(self, ms: float) -> None:
        """See `CallerInput.stay_silent`. Send silent audio only if the scenario has an idle timeout."""
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
    """Input of a caller who speaks into a microphone over an impaired channel.

    Args:
        on_frame: receives every frame that is sent, for a recording.
        voice_name: the name by which `tts` knows the caller's voice.
    """

    def __init__(
        self,
        call: Call,
        page: Page,
        tts: Tts,
        impairment: ChannelImpairment,
        on_frame: Callable[[bytes], None] = lambda _frame: None,
        voice_name: str | None = None,
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
        """Send a frame of 20 ms at a time, silent between utterances, until cancelled."""
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

    async def say(self, words: str, audio: bytes | None = None) -> None:
        """See `CallerInput.say`.

        Raises:
            SpeechError: the words have no pronunciation, or their audio is empty.
        """
        voice = bytes(audio) if audio is not None else await self._spoken_words(words)
        if not voice:
            raise SpeechError(f"A caller cannot pronounce {words!r}.")
        self._channel.set_voice(voice)
        step = FRAME_MS * BYTES_PER_MS
        self._spoken.clear()
        self._frames.extend(voice[start : start + step].ljust(step, b"\0") for start in range(0, len(voice), step))
        await self._spoken.wait()

    async def _spoken_words(self, words: str) -> bytes:
        return b"".join([chunk.pcm async for chunk in self._tts.speak(words, voice=self._voice_name)])

    async def speak(self, words: str, audio: bytes | None = None) -> None:
        """See `CallerInput.speak`."""
        await self.say(words, audio)

    async def backchannel(self, words: str, audio: bytes | None = None) -> None:
        """See `CallerInput.backchannel`."""
        await self.say(words, audio)

    async def stay_silent(self, ms: float) -> None:
        """See `CallerInput.stay_silent`."""
        await asyncio.sleep(ms / 1000)
