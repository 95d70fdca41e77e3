"""Factory of the engine's recogniser and voice, by the settings; and a list of all parts that it could use."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Literal

from trunkline.engine.speech import SpeechError, Stt, Tts
from trunkline.engine.speech.stt.http_stt import HttpStt
from trunkline.engine.speech.stt.sphinx import SphinxStt
from trunkline.engine.speech.stt.whisper import WhisperStt
from trunkline.engine.speech.tts.espeak import EspeakTts
from trunkline.engine.speech.tts.http_tts import HttpTts
from trunkline.engine.speech.tts.language_dispatch import LanguageDispatchTts
from trunkline.engine.speech.tts.piper import PIPER_VOICE, PiperTts
from trunkline.engine.speech.weights import missing
from trunkline.extras import install_command
from trunkline.settings import Settings

STT_BY_QUALITY: tuple[Literal["whisper", "sphinx"], ...] = ("whisper", "sphinx")
"""The recognisers that `auto` chooses from, the best first."""
TTS_BY_QUALITY: tuple[Literal["piper", "espeak"], ...] = ("piper", "espeak")
"""The voices that `auto` chooses from, the best first."""


@dataclass(frozen=True)
class Part:
    """A recogniser, a voice or a chat model that the engine could use.

    Attributes:
        kind: "recogniser", "voice" or "chat model".
        missing: the command or step that brings it here; None if it is here.
        in_use: true if the settings choose it.
    """

    kind: str
    name: str
    description: str
    missing: str | None
    in_use: bool


def stt_name(settings: Settings) -> Literal["whisper", "sphinx", "http"]:
    """Return the recogniser that the settings choose; for `auto`, the best that is installed."""
    if settings.stt != "auto":
        return settings.stt
    for name in STT_BY_QUALITY:
        if _missing_stt(name, settings) is None:
            return name
    return STT_BY_QUALITY[-1]  # its error says how to install it


def better_stt(settings: Settings) -> Part | None:
    """Return a recogniser that hears better than the one in use; None if none does, or an endpoint was chosen."""
    name = stt_name(settings)
    if name not in STT_BY_QUALITY:
        return None
    better = STT_BY_QUALITY[: STT_BY_QUALITY.index(name)]
    return next((part for part in parts(settings) if part.kind == "recogniser" and part.name in better), None)


def tts_name(settings: Settings) -> Literal["piper", "espeak", "http"]:
    """Return the voice that the settings choose; for `auto`, the best that is installed."""
    if settings.tts != "auto":
        return settings.tts
    for name in TTS_BY_QUALITY:
        if _missing_tts(name, settings) is None:
            return name
    return TTS_BY_QUALITY[-1]  # its error says how to install it


def better_tts(settings: Settings) -> Part | None:
    """Return a voice that sounds better than the one in use; None if none does, or an endpoint was chosen."""
    name = tts_name(settings)
    if name not in TTS_BY_QUALITY:
        return None
    better = TTS_BY_QUALITY[: TTS_BY_QUALITY.index(name)]
    return next((part for part in parts(settings) if part.kind == "voice" and part.name in better), None)


def create_stt(settings: Settings) -> Stt:
    """Create the recogniser that the settings choose. It loads nothing before it is used or warmed.

    Raises:
        SpeechError: a setting that it needs is not set.
    """
    match stt_name(settings):
        case "http":
            if not settings.stt_base_url:
                raise SpeechError("TRUNKLINE_STT=http needs an address. Set TRUNKLINE_STT_BASE_URL.")
            key = settings.stt_api_key.get_secret_value() if settings.stt_api_key else None
            return HttpStt(settings.stt_base_url, settings.stt_model, key)
        case "whisper":
            return WhisperStt(settings.whisper_weights, settings.models_dir)
        case "sphinx":
            return SphinxStt()


def create_tts(settings: Settings) -> Tts:
    """Create the voice that the settings choose. It loads nothing before it is used or warmed.

    Raises:
        SpeechError: a setting that it needs is not set.
    """
    match tts_name(settings):
        case "http":
            if not settings.tts_base_url:
                raise SpeechError("TRUNKLINE_TTS=http needs an address. Set TRUNKLINE_TTS_BASE_URL.")
            key = settings.tts_api_key.get_secret_value() if settings.tts_api_key else None
            return HttpTts(settings.tts_base_url, settings.tts_model, key, voice=settings.tts_voice)
        case "piper":
            return LanguageDispatchTts(english=PiperTts(settings.models_dir), other=EspeakTts())
        case "espeak":
            return EspeakTts()


async def warm(stt: Stt, tts: Tts, *, dictation: bool) -> None:
    """Load libraries and weights of this machine ahead, so that the first turn does not wait for them.

    Args:
        dictation: callers will say anything, because a chat model answers them.

    Raises:
        SpeechError: a part is missing or does not load.
    """
    if isinstance(tts, EspeakTts | LanguageDispatchTts):
        await tts.warm()
    if isinstance(stt, SphinxStt | WhisperStt):
        await stt.warm()
    if dictation and isinstance(stt, SphinxStt):
        await stt.warm(None)


def parts(settings: Settings) -> list[Part]:
    """Return all parts that the engine could use, in the order in which people should read them."""
    chat = bool(settings.chat_base_url and settings.chat_model)
    stt, tts = stt_name(settings), tts_name(settings)
    return [
        Part(
            "recogniser",
            "whisper",
            f"{settings.whisper_weights}: dictation, strangers' voices",
            _missing_stt("whisper", settings),
            stt == "whisper",
        ),
        Part(
            "recogniser",
            "sphinx",
            "English, small grammars, many callers on one core",
            _missing_stt("sphinx", settings),
            stt == "sphinx",
        ),
        Part(
            "recogniser",
            "http",
            settings.stt_base_url or "any /v1/audio/transcriptions",
            None if settings.stt_base_url else "set TRUNKLINE_STT_BASE_URL",
            stt == "http",
        ),
        Part(
            "voice",
            "piper",
            "English, natural; eSpeak for other languages",
            _missing_tts("piper", settings),
            tts == "piper",
        ),
        Part("voice", "espeak", "many languages, robotic", _missing_tts("espeak", settings), tts == "espeak"),
        Part(
            "voice",
            "http",
            settings.tts_base_url or "any /v1/audio/speech",
            None if settings.tts_base_url else "set TRUNKLINE_TTS_BASE_URL",
            tts == "http",
        ),
        Part("chat model", "rehearsal", "the scenarios' rehearsed answers", None, not chat),
        Part(
            "chat model",
            settings.chat_model or "chat",
            settings.chat_base_url or "any /v1/chat/completions",
            None if chat else "set TRUNKLINE_CHAT_BASE_URL and TRUNKLINE_CHAT_MODEL",
            chat,
        ),
    ]


def _missing_stt(name: Literal["whisper", "sphinx"], settings: Settings) -> str | None:
    if name == "whisper":
        weights = missing(settings.whisper_weights, settings.models_dir)
        return _missing_package("ctranslate2", "local") or weights
    return _missing_package("pocketsphinx", "speech")


def _missing_tts(name: Literal["piper", "espeak"], settings: Settings) -> str | None:
    if name == "piper":
        weights = missing(PIPER_VOICE, settings.models_dir)
        return _missing_package("piper", "local") or _missing_package("onnxruntime", "local") or weights
    return _missing_package("espeakng_loader", "speech")


def _missing_package(module: str, extra: str) -> str | None:
    return None if importlib.util.find_spec(module) else install_command(extra)
