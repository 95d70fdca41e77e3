"""The default detector of interruptions: by the caller's words.

Stop words, questions and content interrupt the agent. Backchannels ("mm-hm", "yeah", "right") and speech without words
let it continue. The thresholds were found with Whisper on synthetic callers; docs/scenarios.md gives the figures.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from trunkline.scenario.interruption import HeardWords, Interrupt, OverlappingSpeech, Resume

LANGUAGES = ("en", "de")
MAX_UNDECIDED_MS = 1_300
"""Longer speech is a turn: backchannels are shorter."""
MIN_STOP_LOG_PROBABILITY = -2.6
MIN_WORDS_LOG_PROBABILITY = -1.0
MAX_NO_SPEECH = 0.7
MAX_WORD_LETTERS = 14
"""Whisper writes long hums as one word."""

_WORD = re.compile(r"[^\W_][\w'&]*|&")
_JOINED = re.compile(r"[-–—’]")
_REPEATED_WORD = re.compile(r"\b(\w[\w']*)(?:\W+\1\b){3,}", re.IGNORECASE)
_REPEATED_RUN = re.compile(r"(?P<run>\b\w[\w']*(?:\W+\w[\w']*){2,})\W+(?P=run)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Lexicon:
    """The words of one or more languages: lower case, without punctuation.

    Attributes:
        stop: speech that begins with one of them interrupts.
        openers: one of them interrupts, also alone.
        questions: words that begin a question.
        backchannels: words that never interrupt.
        phrases: backchannels of several words, the longest first.
        murmurs: a regular expression for spellings of murmurs.
    """

    stop: frozenset[str]
    openers: frozenset[str]
    questions: frozenset[str]
    backchannels: frozenset[str]
    phrases: tuple[tuple[str, ...], ...]
    murmurs: re.Pattern[str]


@functools.cache
def lexicon(*languages: str) -> Lexicon:
    """Return the package's words for languages such as "en"; all languages by default.

    Raises:
        ValueError: the package has no words for a language.
    """
    tables = tomllib.loads(resources.files(__package__).joinpath("interruption_words.toml").read_text("utf-8"))
    chosen = []
    for language in languages or LANGUAGES:
        if language not in tables:
            raise ValueError(
                f"The detector has no words for the language {language!r}. Choose from: {', '.join(tables)}."
            )
        chosen.append(tables[language])

    def words(name: str) -> frozenset[str]:
        return frozenset(word for table in chosen for word in table[name])

    phrases = sorted((tuple(phrase.split()) for phrase in words("phrases")), key=len, reverse=True)
    murmurs = re.compile("|".join(sorted(words("murmurs"))))
    return Lexicon(words("stop"), words("openers"), words("questions"), words("backchannels"), tuple(phrases), murmurs)


class WordDetector:
    """The default `InterruptionDetector`. It has no state.

    Args:
        words: the lexicon; the package's English and German words by default.
        max_undecided_ms: the duration from which speech with any words interrupts.
    """

    def __init__(self, words: Lexicon | None = None, *, max_undecided_ms: float = MAX_UNDECIDED_MS) -> None:
        self._words = words or lexicon()
        self._max_undecided_ms = max_undecided_ms

    def decide(self, speech: OverlappingSpeech) -> Interrupt | Resume | None:
        """See `InterruptionDetector.decide`."""
        if speech.words and (found := self._interruption(speech)) is not None:
            return found
        if speech.paused:
            return self._resumption(speech)
        if speech.speech_ms >= self._max_undecided_ms:
            return Interrupt("long_speech", speech.words[-1].text if speech.words else "")
        return None

    def _interruption(self, speech: OverlappingSpeech) -> Interrupt | None:
        latest = speech.words[-1]
        said = words_of(latest.text)
        if self._is_backchannel(said):
            return None
        if said[0] in self._words.stop and _is_above(latest.log_probability, MIN_STOP_LOG_PROBABILITY):
            return Interrupt("stop_word", latest.text)
        content = self._content(latest)
        if not content:
            return None
        if said[0] in self._words.questions or latest.text.rstrip().endswith("?"):
            return Interrupt("question", latest.text)
        if content[0] in self._words.stop:  # "oh wait", "um, sorry"
            return Interrupt("stop_word", latest.text)
        repeated = len(speech.words) > 1 and bool(self._content(speech.words[-2]))
        if len(content) > 1 or repeated or speech.paused or not self._words.openers.isdisjoint(content):
            return Interrupt("content", latest.text)
        return None

    def _resumption(self, speech: OverlappingSpeech) -> Resume:
        text = speech.words[-1].text if speech.words else ""
        return Resume("backchannel" if words_of(text) else "no_words", text)

    def _content(self, heard: HeardWords) -> list[str]:
        """Return the words outside the backchannels, if the recogniser is sure of them."""
        if not _is_above(heard.log_probability, MIN_WORDS_LOG_PROBABILITY):
            return []
        if heard.no_speech is not None and heard.no_speech > MAX_NO_SPEECH:
            return []
        said = words_of(heard.text)
        if heard.log_probability is not None and _is_made_up(heard.text, said):
            return []
        return self._without_backchannels(said)

    def _is_backchannel(self, said: Sequence[str]) -> bool:
        return not self._without_backchannels(said)

    def _without_backchannels(self, said: Sequence[str]) -> list[str]:
        left: list[str] = []
        at = 0
        while at < len(said):
            phrase = next((one for one in self._words.phrases if tuple(said[at : at + len(one)]) == one), None)
            if phrase is not None:
                at += len(phrase)
                continue
            word = said[at]
            if word not in self._words.backchannels and not self._words.murmurs.fullmatch(word):
                left.append(word)
            at += 1
        return left


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case, without punctuation; words with hyphens count as one."""
    return _WORD.findall(_JOINED.sub(lambda found: "'" if found[0] == "’" else "", text.lower()))


def _is_above(log_probability: float | None, limit: float) -> bool:
    return log_probability is None or log_probability > limit


def _is_made_up(text: str, said: Sequence[str]) -> bool:
    """Return whether the words are a loop or too long, as Whisper writes murmurs."""
    if any(len(word) > MAX_WORD_LETTERS for word in said):
        return True
    repeats = any(len(set(found["run"].lower().split())) >= 2 for found in _REPEATED_RUN.finditer(text))
    return repeats or _REPEATED_WORD.search(text) is not None
