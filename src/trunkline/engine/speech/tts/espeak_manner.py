"""The Realtime voice names as variants of eSpeak, and the languages that it speaks."""

from __future__ import annotations

import re
from dataclasses import dataclass

from trunkline.engine.speech.tts import espeak_library
from trunkline.engine.speech.tts.espeak_library import Manner


@dataclass(frozen=True)
class _Persona:
    variant: str
    pitch: int = 50
    range: int = 50
    rate: int = 165
    volume: int = 100


# Variants without clipping or rasping, which differ by sex, pitch and pace. The volume brings each to about -20 dBFS.
_PERSONAS = {
    "alloy": _Persona("shelby", pitch=42),
    "ash": _Persona("michel", pitch=48),
    "ballad": _Persona("m3", pitch=56, range=62, rate=155),
    "cedar": _Persona("adam", pitch=34, rate=158, volume=110),
    "coral": _Persona("f3", pitch=54, range=60, rate=170),
    "echo": _Persona("robert", pitch=52, volume=115),
    "marin": _Persona("f1", pitch=46, rate=168),
    "sage": _Persona("f5", pitch=48, volume=112),
    "shimmer": _Persona("Annie", pitch=52, rate=160),
    "verse": _Persona("marcelo", pitch=58, range=70, rate=172, volume=85),
}
_DEFAULT = "sage"
_OWN_RATE = 160  # words per minute of a voice that is given by eSpeak's own name, such as "en-us+f5"
_NAMED_OTHERWISE = {"zh": "cmn", "no": "nb", "tl": "fil"}
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*")


def manner(library: espeak_library.EspeakLibrary, voice: str | None, speed: float, language: str | None) -> Manner:
    """Return the parameters of a voice.

    Args:
        voice: a Realtime voice name, or a voice of eSpeak such as "en-us+f5".
        speed: 0.25 to 1.5.
        language: "en", "de-AT"…; an unknown one is spoken as English.
    """
    slowest, fastest = espeak_library.WORDS_PER_MINUTE
    if voice is not None and "+" in voice:
        rate = round(min(max(_OWN_RATE * speed, slowest), fastest))
        return Manner(voice=voice, rate=rate, volume=100, pitch=50, range=50)
    persona = _PERSONAS.get(voice or _DEFAULT, _PERSONAS[_DEFAULT])
    return Manner(
        voice=f"{_espeak_language(library, language)}+{persona.variant}",
        rate=round(min(max(persona.rate * speed, slowest), fastest)),
        volume=persona.volume,
        pitch=persona.pitch,
        range=persona.range,
    )


def _espeak_language(library: espeak_library.EspeakLibrary, language: str | None) -> str:
    """Return the espeak voice of a language tag: "de" for an unknown "de-AT", English for an unknown language."""
    tag = (language or "en").lower().replace("_", "-")
    while _LANGUAGE.fullmatch(tag) and tag != "en":
        if library.speaks(name := _NAMED_OTHERWISE.get(tag, tag)):
            return name
        tag = tag.rpartition("-")[0]
    return "en-us"
