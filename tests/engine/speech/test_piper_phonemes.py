"""Phonemes for Piper: eSpeak's, with the punctuation that the voices have learned."""

from __future__ import annotations

import pytest

from trunkline.engine.speech import SpeechError
from trunkline.engine.speech.tts import espeak_library
from trunkline.engine.speech.tts.piper_phonemes import phonemes_of

pytestmark = pytest.mark.speech


def phonemes(text: str, voice: str = "en-us") -> list[str]:
    return ["".join(sentence) for sentence in phonemes_of(espeak_library.load(), text, voice)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, and welcome. Is that right?", ["həlˈoʊ, ænd wˈɛlkʌm.", "ɪz ðæt ɹˈaɪt?"]),
        ("That's great! Come by", ["ðæts ɡɹˈeɪt!", "kˈʌm bˈaɪ"]),
        ("from 9 to 5; come by.", ["fɹʌm nˈaɪn tə fˈaɪv; kˈʌm bˈaɪ."]),
        ('He said: "no", twice.', ["hiː sˈɛd: nˈoʊ, twˈaɪs."]),
        ("Then… nothing", ["ðˈɛn, nˈʌθɪŋ"]),
        ("$42.17", ["dˈɑːlɚ fˈɔːɹɾi tˈuː pɔɪnt wˈʌn sˈɛvən"]),
        ("", []),
        ("…", []),
    ],
)
def test_sentences_have_their_punctuation(text: str, expected: list[str]) -> None:
    assert phonemes(text) == expected


def test_accents_are_characters_of_their_own() -> None:
    assert "\N{COMBINING CEDILLA}" in phonemes_of(espeak_library.load(), "ich", "de")[0]


def test_an_unknown_voice_is_reported() -> None:
    with pytest.raises(SpeechError, match="no voice 'xx'"):
        phonemes("hello", "xx")
