"""Which recogniser and which voice the engine uses, by the settings, and which others there are."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from trunkline.engine.speech import SpeechError, Stt, Tts
from trunkline.engine.speech.stt.http_stt import HttpStt
from trunkline.engine.speech.stt.sphinx import SphinxStt
from trunkline.engine.speech.stt.whisper import WhisperStt
from trunkline.engine.speech.tts.espeak import EspeakTts
from trunkline.engine.speech.tts.http_tts import HttpTts
from trunkline.engine.speech.tts.kokoro import KokoroTts
from trunkline.engine.speech.weights import KNOWN
from trunkline.extras import install_command
from trunkline.settings import Settings


@dataclass(frozen=True)
class Part:
    """A recogniser, a voice or a chat model that there could be.

    Attributes:
        kind: "recogniser", "voice" or "chat model".
        missing: what to do to have it; None if it is there.
        in_use: whether the settings choose it.
    """

    kind: str
    name: str
    what: str
    missing: str | None
    in_use: bool


def create_stt(settings: Settings) -> Stt:
    """The recogniser that the settings choose. Nothing is loaded before it is used or warmed.

    Raises:
        SpeechError: a setting that it needs is not set.
    """
    if settings.stt == "http":
        if not settings.stt_base_url:
            raise SpeechError("TRUNKLINE_STT=http needs an address: set TRUNKLINE_STT_BASE_URL.")
        key = settings.stt_api_key.get_secret_value() if settings.stt_api_key else None
        return HttpStt(settings.stt_base_url, settings.stt_model, key)
    if settings.stt == "whisper":
        return WhisperStt(settings.models_dir / settings.whisper_weights)
    return SphinxStt()


def create_tts(settings: Settings) -> Tts:
    """The voice that the settings choose. Nothing is loaded before it is used or warmed.

    Raises:
        SpeechError: a setting that it needs is not set.
    """
    if settings.tts == "http":
        if not settings.tts_base_url:
            raise SpeechError("TRUNKLINE_TTS=http needs an address: set TRUNKLINE_TTS_BASE_URL.")
        key = settings.tts_api_key.get_secret_value() if settings.tts_api_key else None
        return HttpTts(settings.tts_base_url, settings.tts_model, key, voice=settings.tts_voice)
    if settings.tts == "kokoro":
        return KokoroTts(settings.models_dir / "kokoro", voice=settings.tts_voice)
    return EspeakTts()


async def warm(stt: Stt, tts: Tts, *, dictation: bool) -> None:
    """Does ahead what the first turn would wait for: loads libraries and weights that are on this machine.

    Args:
        dictation: callers will say anything, because a chat model answers them.

    Raises:
        SpeechError: a part is not there.
    """
    if isinstance(tts, EspeakTts | KokoroTts):
        await tts.warm()
    if isinstance(stt, SphinxStt | WhisperStt):
        await stt.warm()
    if dictation and isinstance(stt, SphinxStt):
        await stt.warm(None)


def parts(settings: Settings) -> list[Part]:
    """All there could be, in the order in which people should read it."""
    whisper = settings.whisper_weights
    chat = bool(settings.chat_base_url and settings.chat_model)
    return [
        _part(settings, "recogniser", "sphinx", "English, small grammars", _package("pocketsphinx", "speech")),
        _part(
            settings,
            "recogniser",
            "http",
            settings.stt_base_url or "any /v1/audio/transcriptions",
            None if settings.stt_base_url else "set TRUNKLINE_STT_BASE_URL",
        ),
        _part(
            settings,
            "recogniser",
            "whisper",
            whisper,
            _package("faster_whisper", "whisper") or _weights(settings.models_dir, whisper),
        ),
        _part(settings, "voice", "espeak", "many languages, robotic", _package("espeakng_loader", "speech")),
        _part(
            settings,
            "voice",
            "http",
            settings.tts_base_url or "any /v1/audio/speech",
            None if settings.tts_base_url else "set TRUNKLINE_TTS_BASE_URL",
        ),
        _part(
            settings,
            "voice",
            "kokoro",
            KNOWN["kokoro"].what,
            _package("kokoro_onnx", "kokoro") or _weights(settings.models_dir, "kokoro"),
        ),
        Part("chat model", "rehearsal", "what the scenarios have rehearsed", None, not chat),
        Part(
            "chat model",
            settings.chat_model or "chat",
            settings.chat_base_url or "any /v1/chat/completions",
            None if chat else "set TRUNKLINE_CHAT_BASE_URL and TRUNKLINE_CHAT_MODEL",
            chat,
        ),
    ]


def _part(settings: Settings, kind: str, name: str, what: str, missing: str | None) -> Part:
    chosen = settings.stt if kind == "recogniser" else settings.tts
    return Part(kind, name, what, missing, name == chosen)


def _package(module: str, extra: str) -> str | None:
    return None if importlib.util.find_spec(module) else install_command(extra)


def _weights(models: Path, name: str) -> str | None:
    known = KNOWN.get(name)
    there = known.are_there(models) if known else (models / name / "model.bin").is_file()
    if there:
        return None
    return f"trunkline models fetch {name}" if known else f"put its files into {models / name}"
