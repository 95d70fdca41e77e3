"""One pocketsphinx decoder: grammars, guessed pronunciations, and rejection of speech outside the grammar.

pocketsphinx forces all speech into the grammar: "maybe later" becomes "yes please". So each grammar gets a second
path, a loop of the commonest English words (*decoys*) with a penalty. Speech that fits them better than the grammar,
penalty included, is outside the grammar, and the result has no words.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Protocol

from pocketsphinx import Decoder

from trunkline.engine.speech.stt import pronunciation
from trunkline.engine.speech.stt.grammar_words import COMMON_WORDS, words_of

RATE = 16_000
"""Sample rate of the decoder's audio, in Hz."""

# Measured on four voices: 14 short answers and 26 sentences outside the grammar. Without decoys, 96 % of the latter
# were accepted as an answer; with these decoys at this price 5 %, and no more answers were lost.
_DECOY_PRICE = 1e-13
_DECOY = "decoy_"
# Beam between words: paths that are less likely than this part of the best one are dropped. The default, 7e-29, drops
# the grammar's path at the first decoy that fits, on a line without noise at one start in five: "no thank you" was
# lost. A lower price of the decoys changes nothing there. The wider beam takes 5 % more processor time.
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
            self._decoder = Decoder(samprate=RATE, loglevel="FATAL", lm=None, bestpath=False, wbeam=_WORD_BEAM)
        self.dictation = dictation
        self._untouched_mean = self._decoder.get_cmn(False)
        self.grammar: str | None = None
        if not dictation:
            for word in COMMON_WORDS:
                self._decoder.add_word(_DECOY + word, self._decoder.lookup_word(word), False)

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

    def decode(self, pcm: bytes) -> None:
        """Decode PCM16 at 16 kHz."""
        if pcm:
            self._decoder.process_raw(pcm, False, False)

    def words(self) -> str:
        """Return the words so far, or all of them after `end`; empty if the speech does not fit the grammar."""
        hypothesis: Hypothesis | None = self._decoder.hyp()
        if hypothesis is None or _DECOY in hypothesis.hypstr:
            return ""
        return hypothesis.hypstr

    def end(self) -> None:
        """End the utterance."""
        self._decoder.end_utt()

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
        arcs = _Arcs(self._decoder)
        if not arcs.has_words:
            raise GrammarError("The grammar has no words.")
        self._decoder.add_fsg(_GRAMMAR_SEARCH, arcs.with_decoys(self._decoder))
        self._decoder.activate_search(_GRAMMAR_SEARCH)
        self.grammar = grammar


_Arc = tuple[int | float | str, ...]
"""From state, to state, probability and, unless it is silent, the word."""


class _Arcs:
    """A grammar's network, read back from the decoder through a file: it offers no other interface."""

    def __init__(self, decoder: Decoder) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "grammar.fsg"
            decoder.get_fsg(_GRAMMAR_SEARCH).writefile(str(path))
            lines = [line.split() for line in path.read_text("utf-8").splitlines()]
        numbers = {parts[0]: int(parts[1]) for parts in lines if len(parts) == 2 and parts[1].isdigit()}
        self._states, self._start, self._final = (
            numbers[name] for name in ("NUM_STATES", "START_STATE", "FINAL_STATE")
        )
        # Pauses and noises are in the file too, but the decoder adds those to any network by itself.
        self._arcs: list[_Arc] = []
        for parts in lines:
            if parts and parts[0] == "TRANSITION" and not parts[-1].startswith(("<", "[", "++")):
                self._arcs.append((int(parts[1]), int(parts[2]), float(parts[3]), *parts[4:]))
        self.has_words = any(len(arc) == 4 for arc in self._arcs)

    def with_decoys(self, decoder: Decoder) -> object:
        loop = self._states
        arcs: list[_Arc] = [*self._arcs, (self._start, loop, 1.0), (loop, self._final, 1.0)]
        spoken = {arc[3] for arc in self._arcs if len(arc) == 4}
        arcs += [(loop, loop, _DECOY_PRICE, _DECOY + word) for word in COMMON_WORDS if word not in spoken]
        fsg: object = decoder.create_fsg(_GRAMMAR_SEARCH, self._start, self._final, arcs)
        return fsg
