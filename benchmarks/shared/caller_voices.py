"""Synthetic callers for benchmarks: Piper at several rates and pitches, flite's voices, and eSpeak's for comparison."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trunkline.engine.speech import SAMPLE_RATE
from trunkline.engine.speech.tts.piper import PiperTts
from trunkline.realtime.audio import Resampler

Samples = NDArray[np.float32]
FLITE = ("slt", "rms", "awb", "kal16")
ESPEAK = ("en-us+f5", "en-gb", "en-us+m3")
PEAK = 6_000.0
_CACHE = Path(tempfile.gettempdir()) / "trunkline-caller-voices"


@dataclass(frozen=True)
class CallerVoice:
    """A voice.

    Attributes:
        kind: "joe" (Piper), "flite" or "espeak".
        name: the name of flite's or eSpeak's voice.
        speed: 1.0 is the voice's own.
        pitch: factor of the pitch.
    """

    kind: str
    name: str = ""
    speed: float = 1.0
    pitch: float = 1.0

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".strip() + f" ×{self.speed:g} pitch {self.pitch:g}"


def voices(kind: str) -> list[CallerVoice]:
    """Return the voices of a kind that are installed: joe in six manners, flite's at two speeds, or three of eSpeak."""
    if kind == "joe":
        manners = [(0.85, 1.0), (1.0, 1.0), (1.2, 1.0), (1.0, 0.89), (1.0, 1.12), (1.15, 1.12)]
        return [CallerVoice("joe", speed=speed, pitch=pitch) for speed, pitch in manners]
    if shutil.which("flite" if kind == "flite" else "espeak-ng") is None:
        return []
    if kind == "flite":
        return [CallerVoice("flite", name, speed) for name in FLITE for speed in (0.9, 1.1)]
    return [CallerVoice("espeak", name) for name in ESPEAK]


def speak(voice: CallerVoice, texts: Sequence[str]) -> list[Samples]:
    """Return each text in a voice: samples at 24 kHz, from the first of the voice to the last, with a peak of 6,000."""
    _CACHE.mkdir(exist_ok=True)
    paths = [_CACHE / f"{hashlib.sha256(f'{voice}|{text}'.encode()).hexdigest()[:24]}.npy" for text in texts]
    missing = [(text, path) for text, path in zip(texts, paths, strict=True) if not path.is_file()]
    if missing:
        made = _joe(voice, [text for text, _ in missing]) if voice.kind == "joe" else _spoken(voice, missing)
        for (_, path), samples in zip(missing, made, strict=True):
            np.save(path, _trimmed(_pitched(samples, voice.pitch)))
    return [np.load(path) for path in paths]


def _joe(voice: CallerVoice, texts: Sequence[str]) -> list[Samples]:
    async def speak_all() -> list[Samples]:
        tts = PiperTts(Path())
        spoken = []
        for text in texts:
            speed = voice.speed / voice.pitch  # the pitch is changed by playing faster
            pcm = b"".join([chunk.pcm async for chunk in tts.speak(text, speed=speed)])
            spoken.append(np.frombuffer(pcm, "<i2").astype(np.float32))
        await tts.aclose()
        return spoken

    return asyncio.run(speak_all())


def _spoken(voice: CallerVoice, missing: Sequence[tuple[str, Path]]) -> list[Samples]:
    spoken = []
    for text, path in missing:
        file = path.with_suffix(".wav")
        if voice.kind == "flite":
            stretch = f"--setf duration_stretch={1 / voice.speed}".split()
            command = ["flite", "-voice", voice.name, *stretch, "-t", text, "-o", str(file)]
        else:
            command = ["espeak-ng", "-v", voice.name, "-s", str(round(165 * voice.speed)), "-w", str(file), text]
        subprocess.run(command, check=True)
        with wave.open(str(file)) as recording:
            resampler = Resampler(recording.getframerate(), SAMPLE_RATE)
            pcm = resampler.feed(recording.readframes(recording.getnframes())) + resampler.flush()
        file.unlink()
        spoken.append(np.frombuffer(pcm, "<i2").astype(np.float32))
    return spoken


def _pitched(samples: Samples, factor: float) -> Samples:
    if factor == 1.0:
        return samples
    at = np.arange(0, samples.size, factor)
    pitched: Samples = np.interp(at, np.arange(samples.size), samples).astype(np.float32)
    return pitched


def _trimmed(samples: Samples) -> Samples:
    samples = samples * (PEAK / max(float(np.abs(samples).max()), 1.0))
    loud = np.flatnonzero(np.abs(samples) > PEAK / 60)
    trimmed: Samples = samples[loud[0] : loud[-1] + 1].astype(np.float32)
    return trimmed
