"""Audio files of callers, and images that they show."""

from __future__ import annotations

import base64
import wave
from pathlib import Path

import numpy as np

from trunkline.realtime.audio import SAMPLE_RATE, Resampler

_IMAGES = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"RIFF": "webp"}


def read_wav(path: str | Path) -> bytes:
    """Return the audio of a WAV file with 16-bit samples, as PCM16 mono at 24 kHz. Channels are mixed.

    Raises:
        ValueError: the file is not such a WAV file.
        OSError: the file cannot be read.
    """
    try:
        with wave.open(str(path), "rb") as wav:
            channels, width, rate = wav.getnchannels(), wav.getsampwidth(), wav.getframerate()
            pcm = wav.readframes(wav.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{path} is not a WAV file: {error}. Use 16-bit PCM.") from error
    if width != 2:
        raise ValueError(f"{path} has {8 * width}-bit samples. Use 16-bit PCM.")
    if channels > 1:
        samples = np.frombuffer(pcm, "<i2").reshape(-1, channels)
        pcm = samples.mean(axis=1).astype("<i2").tobytes()
    if rate == SAMPLE_RATE:
        return pcm
    resampler = Resampler(rate, SAMPLE_RATE)
    return resampler.feed(pcm) + resampler.flush()


def write_wav(path: str | Path, pcm: bytes) -> None:
    """Write PCM16 mono at 24 kHz as a WAV file.

    Raises:
        OSError: the file cannot be written.
    """
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(SAMPLE_RATE)
        wav.writeframes(pcm)


def image_data_url(image: str | Path) -> str:
    """Return an image file as a data URL; a data URL is returned as it is.

    Raises:
        ValueError: the file is not a PNG, JPEG or WebP image.
        OSError: the file cannot be read.
    """
    if isinstance(image, str) and image.startswith("data:"):
        return image
    content = Path(image).read_bytes()
    kind = next((name for start, name in _IMAGES.items() if content.startswith(start)), None)
    if kind is None:
        raise ValueError(f"{image} is not an image that a caller can show. Use PNG, JPEG or WebP.")
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
