"""Record the fillers of the package with eSpeak NG: `python scripts/record_fillers.py`."""

from __future__ import annotations

import asyncio

from trunkline.calls.filler_audio import RECORDINGS
from trunkline.engine.speech.tts.espeak import EspeakTts
from trunkline.realtime.audio import FORMATS
from trunkline.scenario.fillers import RECORDED_TEXTS

SPEED = 0.95


async def record() -> None:
    """Write one file for each filler."""
    RECORDINGS.mkdir(exist_ok=True)
    tts = EspeakTts()
    try:
        for language, texts in RECORDED_TEXTS.items():
            for kind, text in texts.items():
                spoken = [chunk.pcm async for chunk in tts.speak(text, voice="sage", speed=SPEED, language=language)]
                encoder = FORMATS["audio/pcmu"].encoder()
                file = RECORDINGS / f"{language}_{kind.value}.ulaw"
                file.write_bytes(encoder.feed(b"".join(spoken)) + encoder.flush())
                print(f"{file.name}: {file.stat().st_size / 8000:.2f} s, {text}")
    finally:
        await tts.aclose()


if __name__ == "__main__":
    asyncio.run(record())
