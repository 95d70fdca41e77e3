"""Factory of the engine's recogniser and voice, by the settings; and a list of all parts that it could use."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from trunkline.engine.speech import SpeechError, Stt, Tts
from trunkline.engine.speech.silero import SileroVoiceActivity
from trunkline.engine.speech.stt.http_stt import HttpStt
from trunkline.engine.speech.stt.sphinx import SphinxStt
from trunkline.engine.speech.stt.whisper import WhisperStt
from trunkline.engine.speech.tts.espeak import EspeakTts
from trunkline.engine.speech.tts.http_tts import HttpTts
from trunkline.engine.speech.tts.language_dispatch import LanguageDispatchTts
from trunkline.engine.speech.tts.piper import PIPER_VOICE, PiperTts
from trunkline.engine.speech.tts.silent import SilentTts
from trunkline.engine.speech.vad import EnergyVoiceActivity, VoiceActivity
from trunkline.engine.speech.weights import missing
from trunkline.extras import install_command
from trunkline.settings import Settings

NameT = TypeVar("NameT", bound=str)


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


@dataclass(frozen=True)
class PartChoice(Generic[NameT]):
    """The parts of one kind that the settings choose from.

    Attributes:
        kind: "recogniser" or "voice".
        variable: the setting's environment variable.
        advantage: the words that compare a better part with the one in use.
        by_quality: the parts that `auto` chooses from, the best first.
        configured: returns the setting's value; None for `auto`.
    """

    kind: str
    variable: str
    advantage: str
    by_quality: tuple[NameT, ...]
    configured: Callable[[Settings], NameT | None]

    def name(self, settings: Settings) -> NameT:
        """Return the part that the settings choose; for `auto`, the best that is installed."""
        if (configured := self.configured(settings)) is not None:
            return configured
        installed = (name for name in self.by_quality if _missing(name, settings) is None)
        return next(installed, self.by_quality[-1])  # the error of the last one says how to install it

    def better(self, settings: Settings) -> Part | None:
        """Return a part that is better than the one in use; None if none is, or an endpoint was chosen."""
        name = self.name(settings)
        if name not in self.by_quality:
            return None
        better = self.by_quality[: self.by_quality.index(name)]
        return next((part for part in parts(settings) if part.kind == self.kind and part.name in better), None)


RECOGNISERS = PartChoice[Literal["whisper", "sphinx", "http"]](
    "recogniser",
    "TRUNKLINE_STT",
    "is more accurate than the STT in use",
    ("whisper", "sphinx"),
    lambda settings: None if settings.stt == "auto" else settings.stt,
)
VOICES = PartChoice[Literal["piper", "espeak", "http"]](
    "voice",
    "TRUNKLINE_TTS",
    "sounds more natural than the TTS in use",
    ("piper", "espeak"),
    lambda settings: None if settings.tts == "auto" else settings.tts,
)


def create_stt(settings: Settings) -> Stt:
    """Create the recogniser that the settings choose. It loads nothing before it is used or warmed.

    Raises:
        SpeechError: a setting that it needs is not set.
    """
    match RECOGNISERS.name(settings):
        case "http":
            if not settings.stt_base_url:
                raise SpeechError("TRUNKLINE_STT=http needs an address. Set TRUNKLINE_STT_BASE_URL.")
            key = settings.stt_api_key.get_secret_value() if settings.stt_api_key else None
            return HttpStt(settings.stt_base_url, settings.stt_model, key)
        case "whisper":
            return WhisperStt(settings.whisper_weights, settings.models_dir)
        case "sphinx":
            return SphinxStt()


def create_word_stt(settings: Settings) -> WhisperStt | None:
    """Create a recogniser of any words for callers who speak over the agent; None if none is installed."""
    if _missing("whisper", settings) is not None:
        return None
    return WhisperStt(settings.whisper_weights, settings.models_dir)


def create_tts(settings: Settings) -> Tts:
    """Create the voice that the settings choose. It loads nothing before it is used or warmed.

    Raises:
        SpeechError: a setting that it needs is not set.
    """
    match VOICES.name(settings):
        case "http":
            if not settings.tts_base_url:
                raise SpeechError("TRUNKLINE_TTS=http needs an address. Set TRUNKLINE_TTS_BASE_URL.")
            key = settings.tts_api_key.get_secret_value() if settings.tts_api_key else None
            return HttpTts(settings.tts_base_url, settings.tts_model, key, voice=settings.tts_voice)
        case "piper":
            return LanguageDispatchTts(english=PiperTts(settings.models_dir), other=EspeakTts())
        case "espeak":
            if settings.tts == "auto" and _missing("espeak", settings):
                return SilentTts()  # `speech_problem` says so
            return EspeakTts()


def voice_is_local(settings: Settings) -> bool:
    """Return whether the settings choose a voice that is installed on this machine."""
    name = VOICES.name(settings)
    return name != "http" and _missing(name, settings) is None


def create_voice_activity_factory() -> Callable[[], VoiceActivity]:
    """Return the factory of voice activity detectors: Silero, or the level of the audio where Silero is missing."""
    try:
        SileroVoiceActivity()
    except SpeechError:
        return EnergyVoiceActivity
    return SileroVoiceActivity


@dataclass(frozen=True)
class EngineParts:
    """The parts of the engine that the settings choose, by their names for people.

    Attributes:
        stt: the recogniser, such as "Whisper tiny.en".
        tts: the voice, such as "Piper joe"; None if none is installed.
        model: the chat model; None for the scenarios' rehearsals.
        advice: better parts, a sentence each, with the step that selects them.
    """

    stt: str
    tts: str | None
    model: str | None
    advice: tuple[str, ...]


def engine_parts(settings: Settings) -> EngineParts:
    """Return the parts of the engine that the settings choose, and which ones would be better."""
    stt = {
        "whisper": f"Whisper {settings.whisper_weights.removeprefix('whisper-')}",
        "sphinx": "PocketSphinx",
        "http": settings.stt_model,
    }[RECOGNISERS.name(settings)]
    tts_name = VOICES.name(settings)
    tts = {"piper": PIPER_VOICE.replace("piper-", "Piper "), "espeak": "eSpeak", "http": settings.tts_model}[tts_name]
    silent = tts_name == "espeak" and _missing("espeak", settings) is not None
    chat = settings.chat_model if settings.chat_base_url else None
    return EngineParts(stt, None if silent else tts, chat, tuple(advice(settings)))


def advice(settings: Settings) -> list[str]:
    """Return a sentence for each part that is better than the one in use, with the step that selects it."""
    sentences = []
    for choice in (RECOGNISERS, VOICES):
        if (better := choice.better(settings)) is not None:
            step = better.missing or f"set {choice.variable}={better.name}"
            sentences.append(f"{better.name} {choice.advantage}. To use it: {step}")
    return sentences


def speech_problem(settings: Settings) -> str | None:
    """Return the reason why calls on the local engine can only be typed, with its fix; None if they can be spoken."""
    stt, tts = RECOGNISERS.name(settings), VOICES.name(settings)
    if all(name == "http" or _missing(name, settings) is None for name in (stt, tts)):
        return None
    return (
        "Speech is not installed, so calls on the local engine are typed: the agents make no sound, and they cannot "
        f"understand speech. Install it with: {install_command('local')}"
    )


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
    stt, tts = RECOGNISERS.name(settings), VOICES.name(settings)
    return [
        Part(
            "recogniser",
            "whisper",
            f"{settings.whisper_weights}: dictation, strangers' voices",
            _missing("whisper", settings),
            stt == "whisper",
        ),
        Part(
            "recogniser",
            "sphinx",
            "English, small grammars, many callers on one core",
            _missing("sphinx", settings),
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
            _missing("piper", settings),
            tts == "piper",
        ),
        Part("voice", "espeak", "many languages, robotic", _missing("espeak", settings), tts == "espeak"),
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


def _missing(name: str, settings: Settings) -> str | None:
    """Return the command or step that brings a recogniser or voice of this machine here; None if it is here."""
    match name:
        case "whisper":
            weights = missing(settings.whisper_weights, settings.models_dir)
            return _missing_package("ctranslate2", "local") or weights
        case "piper":
            weights = missing(PIPER_VOICE, settings.models_dir)
            return _missing_package("onnxruntime", "local") or _missing_package("espeakng_loader", "local") or weights
        case "sphinx":
            return _missing_package("pocketsphinx", "speech")
        case _:
            return _missing_package("espeakng_loader", "speech")


def _missing_package(module: str, extra: str) -> str | None:
    return None if importlib.util.find_spec(module) else install_command(extra)
