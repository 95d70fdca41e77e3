"""Phonemes of a text as Piper's voices expect them: eSpeak's, with the punctuation after each clause."""

from __future__ import annotations

import re
import unicodedata

from trunkline.engine.speech.tts.espeak_library import EspeakLibrary

_PAUSE = re.compile(r"([.!?,;:…])[\s\"'“”‘’()\[\]]*\Z")
_OTHER_LANGUAGE = re.compile(r"\([^)]+\)")


def phonemes_of(library: EspeakLibrary, text: str, voice: str) -> list[list[str]]:
    """Return the phonemes of each sentence of `text`, one character each.

    Args:
        voice: a voice of eSpeak, such as "en-us".

    Raises:
        SpeechError: eSpeak does not have this voice.
    """
    sentences = [""]
    for spoken, clause in library.phoneme_clauses(text, voice):
        pause = found[1] if (found := _PAUSE.search(clause)) else ""
        sentences[-1] += _OTHER_LANGUAGE.sub("", spoken)
        if pause and pause in ".!?":
            sentences[-1] += pause
            sentences.append("")
        elif pause:
            sentences[-1] += f"{',' if pause == '…' else pause} "
    return [_characters(sentence.rstrip()) for sentence in sentences if any(map(str.isalpha, sentence))]


def _characters(phonemes: str) -> list[str]:
    """Return the characters, with accents as characters of their own."""
    return list(unicodedata.normalize("NFD", phonemes))
