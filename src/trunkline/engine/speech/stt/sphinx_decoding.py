"""One pocketsphinx decoder: grammars, guessed pronunciations, and rejection of speech outside the grammar."""

from __future__ import annotations

from typing import Protocol

from pocketsphinx import Decoder

from trunkline.engine.speech.stt import pronunciation
from trunkline.engine.speech.stt.grammar_words import words_of
from trunkline.engine.speech.stt.phone_loop import PhoneLoop, fits, segments_of

RATE = 16_000
"""Sample rate of the decoder's audio, in Hz."""

# Beam between words: paths that are less likely than this part of the best one are dropped. The default, 7e-29, loses
# "no thank you" at one start of the utterance in thirty, on a line without noise.
_WORD_BEAM = 1e-36

_GRAMMAR_SEARCH = "grammar"


class GrammarError(ValueError):
    """An unusable grammar; the message has the reason."""


class Hypothesis(Protocol):
    """The recognised words of pocketsphinx."""

    hypstr: str


class SphinxDecoder:
    """Decoder of one utterance after another, each with a grammar or, with `dictation`, freely.

    Args:
        dictation: load the language model for free speech too (100 MB, twice the time).
    """

    def __init__(self, *, dictation: bool) -> None:
        if dictation:
            # Without its second pass and with fewer paths it makes as many mistakes in half the time, and ends
            # 20 to 50 ms after the last audio instead of 100 to 600.
            self._decoder = Decoder(samprate=RATE, loglevel="FATAL", fwdflat=False, maxhmmpf=3000)
        else:
            # With `compallsen`, the scores can be compared with those of the phones.
            self._decoder = Decoder(
                samprate=RATE, loglevel="FATAL", lm=None, bestpath=False, compallsen=True, wbeam=_WORD_BEAM
            )
        self.dictation = dictation
        self._untouched_mean = self._decoder.get_cmn(False)
        self.grammar: str | None = None
        self._phones = None if dictation else PhoneLoop(RATE)

    def begin(self, grammar: str | None, mean: str | None = None) -> None:
        """Start an utterance.

        Args:
            grammar: JSGF text, or None for dictation.
            mean: the cepstral mean of the caller's line, as `mean` gave it after an earlier utterance of the session.
                None starts as if the line were unknown: one caller's microphone must not colour another's.

        Raises:
            GrammarError: the grammar is malformed or empty.
        """
        if grammar is not None and grammar != self.grammar:
            self._load(grammar)
        self._decoder.set_cmn(mean or self._untouched_mean)
        self._decoder.start_utt()
        if self._phones:
            self._phones.begin(mean or self._untouched_mean)

    def decode(self, pcm: bytes) -> None:
        """Decode PCM16 at 16 kHz."""
        if pcm:
            self._decoder.process_raw(pcm, False, False)
            if self._phones:
                self._phones.decode(pcm)

    def words(self) -> str:
        """Return the words so far, or all of them after `end`; empty if the speech does not fit the grammar."""
        hypothesis: Hypothesis | None = self._decoder.hyp()
        if hypothesis is None:
            return ""
        if self._phones and not fits(segments_of(self._decoder), self._phones.segments()):
            return ""
        return hypothesis.hypstr

    def end(self) -> None:
        """End the utterance."""
        self._decoder.end_utt()
        if self._phones:
            self._phones.end()

    def mean(self) -> str:
        """Return the cepstral mean of the line, with this utterance in it."""
        mean: str = self._decoder.get_cmn(True)
        return mean

    def _load(self, grammar: str) -> None:
        self.grammar = None
        unknown = [word for word in sorted(set(words_of(grammar))) if self._decoder.lookup_word(word) is None]
        for word in unknown:
            phones = self._decoder.lookup_word(word.lower()) or pronunciation.guess(word)
            self._decoder.add_word(word, phones, False)
        try:
            self._decoder.add_jsgf_string(_GRAMMAR_SEARCH, grammar)
        except (ValueError, RuntimeError) as error:
            raise GrammarError(f"The grammar cannot be read as JSGF ({error}).") from None
        network = self._decoder.get_fsg(_GRAMMAR_SEARCH)
        if all(network.word_id(word) < 0 for word in words_of(grammar)):
            raise GrammarError("The grammar has no words.")
        self._decoder.activate_search(_GRAMMAR_SEARCH)
        self.grammar = grammar
