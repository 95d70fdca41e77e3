"""Whisper by CTranslate2, with a window as short as the utterance allows.

Whisper was trained on windows of 30 s, and its usual runtimes always encode as much. CTranslate2 accepts shorter ones,
and a turn of a call is short: a window of 10 s takes a fifth of the time and makes no more mistakes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trunkline.engine.speech.stt.log_mel import FRAMES_PER_S, RATE, in_window, log_mel
from trunkline.engine.speech.stt.whisper_tokens import text_of, tokens_of

MIN_WINDOW_S = 10.0
"""Below 8 s Whisper repeats itself."""
RETRY_WINDOW_S = 15.0
MAX_WINDOW_S = 30.0
PADDING_S = 1.0
PROBE_S = 1.0
"""Utterances up to this length cannot hold more than `PROBE_TOKENS`."""
PROBE_TOKENS = 24
MAX_PROMPT_TOKENS = 100
_TOKENS_PER_S = 12

_LOOP = re.compile(r"(?P<run>\b\w[\w']*(?:\W+\w[\w']*){2,})\W+(?P=run)\b", re.IGNORECASE)
_ANNOTATION = re.compile(r"\[[^\]]*\]|\([^)]*\)|[♪♫*]+")


@dataclass(frozen=True)
class Recognition:
    """The hypotheses for an utterance, the likeliest first.

    Attributes:
        hypotheses: each a text, and the mean log probability of its tokens, 0 for certain.
        no_speech: probability that the audio holds no speech.
    """

    hypotheses: tuple[tuple[str, float], ...]
    no_speech: float

    @property
    def text(self) -> str:
        """The likeliest words."""
        return self.hypotheses[0][0]


class WhisperModel:
    """A loaded model. `decode` may be called from as many threads as `threads` says; it lets the interpreter lock go.

    Raises:
        ImportError: CTranslate2 is not installed.
        RuntimeError: the folder does not hold a model in CTranslate2's format.
    """

    def __init__(self, folder: Path, threads: int = 1) -> None:
        import ctranslate2

        self._from_array: Any = ctranslate2.StorageView.from_array
        self._model: Any = ctranslate2.models.Whisper(
            str(folder), device="cpu", compute_type="int8", inter_threads=threads, intra_threads=1
        )
        self._vocabulary = _vocabulary(folder)

    def decode(self, pcm: bytes, *, language: str | None = None, prompt: str = "", beams: int = 1) -> Recognition:
        """Return the words of PCM16 mono at 16 kHz, at most 29 s of it.

        Args:
            language: such as "en" or "de"; models for English alone ignore it, others detect it if it is None.
            prompt: names and terms that are likely to be said.
            beams: hypotheses to follow and to return. Five take a fifth more time than one, and make fewer mistakes.
        """
        mel = log_mel(pcm, self._model.n_mels)
        seconds = len(pcm) / 2 / RATE
        window_s = max(MIN_WINDOW_S, seconds + PADDING_S)
        decoded = self._decode(mel, seconds, window_s, language, prompt, beams)
        if is_loop(decoded.text) and window_s < RETRY_WINDOW_S:
            decoded = self._decode(mel, seconds, RETRY_WINDOW_S, language, prompt, beams)
        return decoded

    def _decode(
        self, mel: Any, seconds: float, window_s: float, language: str | None, prompt: str, beams: int
    ) -> Recognition:
        frames = round(min(window_s, MAX_WINDOW_S) * FRAMES_PER_S)
        features = self._from_array(in_window(mel, frames))
        start = self._start_tokens(features, language)
        if prompt:
            start = ["<|startofprev|>", *tokens_of(prompt, self._vocabulary)[:MAX_PROMPT_TOKENS], *start]
        budget = PROBE_TOKENS if seconds <= PROBE_S else PROBE_TOKENS + round(seconds * _TOKENS_PER_S)
        result = self._model.generate(
            features,
            [start],
            beam_size=beams,
            num_hypotheses=beams,
            max_length=min(len(start) + budget, 448),
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        texts = [" ".join(_ANNOTATION.sub(" ", text_of(tokens)).split()) for tokens in result.sequences]
        return Recognition(tuple(zip(texts, result.scores, strict=True)), result.no_speech_prob)

    def _start_tokens(self, features: object, language: str | None) -> list[str]:
        if not self._model.is_multilingual:
            return ["<|startoftranscript|>", "<|notimestamps|>"]
        token = f"<|{(language or '').lower().partition('-')[0]}|>"
        if token not in self._vocabulary:
            token = self._model.detect_language(features)[0][0][0]
        return ["<|startoftranscript|>", token, "<|transcribe|>", "<|notimestamps|>"]


def is_loop(text: str) -> bool:
    """Return whether three or more differing words are repeated at once, as Whisper does when it loses its way."""
    return any(len(set(found["run"].lower().split())) >= 3 for found in _LOOP.finditer(text))


def _vocabulary(folder: Path) -> frozenset[str]:
    for name in ("vocabulary.txt", "vocabulary.json"):
        path = folder / name
        if path.is_file():
            text = path.read_text("utf-8")
            if name.endswith(".txt"):
                return frozenset(text.splitlines())
            import json

            return frozenset(json.loads(text))
    return frozenset()
