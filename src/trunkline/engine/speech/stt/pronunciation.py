"""Pronunciation of words that no dictionary has, in the phones of CMU's dictionary (ARPAbet without stress)."""

from __future__ import annotations

import re
import unicodedata

from trunkline.engine.speech import SpeechError
from trunkline.engine.speech.tts import espeak_library

# From the phonetic alphabet of espeak's American English; longer symbols first.
_FROM_IPA = {
    "aɪ": "AY", "aʊ": "AW", "eɪ": "EY", "oʊ": "OW", "ɔɪ": "OY", "tʃ": "CH", "dʒ": "JH",
    "æ": "AE", "ɑ": "AA", "a": "AA", "ɒ": "AA", "ɔ": "AO", "ə": "AH", "ɐ": "AH", "ʌ": "AH", "ɚ": "ER", "ɜ": "ER",
    "ɛ": "EH", "e": "EH", "ɪ": "IH", "ᵻ": "IH", "i": "IY", "o": "OW", "ʊ": "UH", "u": "UW", "y": "UW", "ø": "ER",
    "œ": "ER", "b": "B", "ð": "DH", "d": "D", "ɾ": "D", "f": "F", "ɡ": "G", "g": "G", "h": "HH", "x": "K", "ç": "HH",
    "j": "Y", "k": "K", "l": "L", "ɬ": "L", "ɫ": "L", "m": "M", "n": "N", "ɲ": "N Y", "ŋ": "NG", "p": "P", "q": "K",
    "ɹ": "R", "r": "R", "ʁ": "R", "s": "S", "ʃ": "SH", "t": "T", "ʔ": "T", "θ": "TH", "v": "V", "β": "V", "w": "W",
    "z": "Z", "ʒ": "ZH",
}  # fmt: skip
_IPA_SYMBOL = re.compile("|".join(sorted(map(re.escape, _FROM_IPA), key=len, reverse=True)))

# English spelling, roughly: the first guess of a reader who does not know the word.
_FROM_LETTERS = {
    "tion": "SH AH N", "sch": "SH", "tch": "CH", "igh": "AY", "eau": "OW", "ough": "AO",
    "ch": "CH", "sh": "SH", "th": "TH", "ph": "F", "wh": "W", "ck": "K", "ng": "NG", "qu": "K W", "kn": "N", "wr": "R",
    "ee": "IY", "ea": "IY", "ie": "IY", "ei": "EY", "ai": "EY", "ay": "EY", "oa": "OW", "oo": "UW", "ou": "AW",
    "ow": "OW", "oi": "OY", "oy": "OY", "au": "AO", "aw": "AO", "ue": "UW", "er": "ER", "ir": "ER", "ur": "ER",
    "ar": "AA R", "or": "AO R", "ss": "S", "ll": "L", "tt": "T", "nn": "N", "mm": "M", "pp": "P", "bb": "B",
    "dd": "D", "ff": "F", "gg": "G", "rr": "R", "zz": "Z", "cc": "K",
    "a": "AE", "b": "B", "c": "K", "d": "D", "e": "EH", "f": "F", "g": "G", "h": "HH", "i": "IH", "j": "JH", "k": "K",
    "l": "L", "m": "M", "n": "N", "o": "AA", "p": "P", "q": "K", "r": "R", "s": "S", "t": "T", "u": "AH", "v": "V",
    "w": "W", "x": "K S", "y": "IY", "z": "Z",
    "0": "Z IH R OW", "1": "W AH N", "2": "T UW", "3": "TH R IY", "4": "F AO R", "5": "F AY V", "6": "S IH K S",
    "7": "S EH V AH N", "8": "EY T", "9": "N AY N",
}  # fmt: skip
_SPELLING = re.compile("|".join(sorted(_FROM_LETTERS, key=len, reverse=True)))
_SILENT_E = re.compile(r"(?<=[aeiouy][bcdfgklmnprstvz])e$")


def guess(word: str) -> str:
    """Return the phones of `word`, separated by spaces: from espeak if it is installed, else from the spelling.

    The result is never empty: a word without a pronounceable letter gets a short vowel.
    """
    return _by_espeak(word) or by_spelling(word) or "AH"


def by_spelling(word: str) -> str:
    """Return phones by the letters alone; empty if none can be pronounced."""
    plain = unicodedata.normalize("NFKD", word.lower())
    plain = "".join(letter for letter in plain if letter.isalnum())
    return " ".join(_FROM_LETTERS[found.group()] for found in _SPELLING.finditer(_SILENT_E.sub("", plain)))


def _by_espeak(word: str) -> str:
    try:
        spoken = espeak_library.load().phonemes(word)
    except SpeechError:
        return ""
    # Foreign words come with a switch of language in brackets; length, stress and joining marks say nothing here.
    spoken = re.sub(r"\([a-z-]+\)|[ˈˌː\u0300-\u036f\u200d]", "", spoken)
    return " ".join(_FROM_IPA[found.group()] for found in _IPA_SYMBOL.finditer(spoken))
