"""A Piper voice, loaded: text to audio with the time of each word.

Runs only in the worker process, because espeak-ng, which makes the phonemes, is licensed under GPL-3.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from trunkline.engine.speech.tts import espeak_library
from trunkline.engine.speech.tts.piper_phonemes import phonemes_of
from trunkline.engine.speech.weights import PIPER_CONFIG, PIPER_MODEL

_HOP = 256
"""Samples for one step of the model's durations."""
_GAIN = 0.95
"""Brings the voice to about -20 dBFS, as loud as the others."""
_BEGIN, _PAD, _END = "^", "_", "$"
_WORD = re.compile(r"\S*\w\S*")

# The model computes each phoneme's duration, but does not return it. This adds the tensor to the outputs: protobuf
# joins a message that occurs twice, so a second `graph` (field 7) with one `output` (field 12) of that tensor's
# `name` (field 1) can be put behind the file's bytes.
_DURATIONS = b"/Ceil_output_0"
_NAME = bytes((1 << 3 | 2, len(_DURATIONS))) + _DURATIONS
_OUTPUT = bytes((12 << 3 | 2, len(_NAME))) + _NAME
_ADDED_OUTPUT = bytes((7 << 3 | 2, len(_OUTPUT))) + _OUTPUT


class SynthesisCancelledError(Exception):
    """The synthesis was cancelled."""


@dataclass(frozen=True)
class Spoken:
    """Audio of a text: PCM16 samples, and for each word its end in samples and in characters."""

    samples: NDArray[np.int16]
    words: list[tuple[int, int]]


class Cancellation:
    """A switch that stops a synthesis from another thread."""

    def __init__(self) -> None:
        self.options = onnxruntime.RunOptions()

    def cancel(self) -> None:
        """Stop the synthesis within a few milliseconds."""
        self.options.terminate = True

    @property
    def is_cancelled(self) -> bool:
        """True after `cancel`."""
        return bool(self.options.terminate)


class PiperModel:
    """The voice of a folder, which several threads may use at once.

    Attributes:
        rate: of its audio, in Hz.

    Raises:
        OSError: a file cannot be read.
        SpeechError: espeak-ng is missing, or does not load.
        ValueError, KeyError: the voice's configuration is malformed.
        RuntimeError: the model does not load.
    """

    def __init__(self, folder: Path) -> None:
        config: dict[str, Any] = json.loads((folder / PIPER_CONFIG).read_text("utf-8"))
        self.rate = int(config["audio"]["sample_rate"])
        self._language = str(config["espeak"]["voice"])
        self._ids: dict[str, list[int]] = config["phoneme_id_map"]
        inference = config.get("inference", {})
        self._noise = float(inference.get("noise_scale", 0.667)), float(inference.get("noise_w", 0.8))
        self._library = espeak_library.load()
        self._session = _load(folder / PIPER_MODEL)
        self._has_durations = len(self._session.get_outputs()) > 1

    def speak(self, text: str, length_scale: float, cancellation: Cancellation) -> Spoken:
        """Return the audio of a text.

        Raises:
            SynthesisCancelledError: it was cancelled.
            RuntimeError: the model failed.
        """
        parts: list[NDArray[np.int16]] = []
        phonemes: list[str] = []
        ends: list[int] = []  # of each phoneme, in samples
        done = 0
        for sentence in phonemes_of(self._library, _plain(text), self._language):
            known = [phoneme for phoneme in sentence if phoneme in self._ids]
            if not known:
                continue
            samples, durations = self._run(known, length_scale, cancellation)
            parts.append(samples)
            phonemes += [*known, " "]
            ends += [*(done + end for end in self._phoneme_ends(known, durations, samples.size)), done + samples.size]
            done += samples.size
        audio = np.concatenate(parts) if parts else np.zeros(0, np.int16)
        return Spoken(audio, word_ends(text, phonemes, ends))

    def _run(
        self, phonemes: list[str], length_scale: float, cancellation: Cancellation
    ) -> tuple[NDArray[np.int16], NDArray[np.int64] | None]:
        ids = [*self._ids[_BEGIN], *self._ids[_PAD]]
        for phoneme in phonemes:
            ids += [*self._ids[phoneme], *self._ids[_PAD]]
        ids += self._ids[_END]
        noise, noise_w = self._noise
        given = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array([noise, length_scale, noise_w], np.float32),
        }
        try:
            audio, *others = self._session.run(None, given, cancellation.options)
        except Exception as error:  # onnxruntime raises a class of its own for this, which it does not export
            if cancellation.is_cancelled:
                raise SynthesisCancelledError from error
            raise RuntimeError(str(error)) from error
        samples: NDArray[np.int16] = np.clip(audio.squeeze() * (32767 * _GAIN), -32768, 32767).astype(np.int16)
        return samples, (others[0].reshape(-1) * _HOP).astype(np.int64) if others else None

    def _phoneme_ends(self, phonemes: list[str], durations: NDArray[np.int64] | None, size: int) -> list[int]:
        """Return the end of each phoneme in samples; without durations, all are taken to be equally long."""
        if durations is None:
            return [size * (index + 1) // len(phonemes) for index in range(len(phonemes))]
        position = len(self._ids[_BEGIN]) + len(self._ids[_PAD])
        until = np.cumsum(durations)
        ends = []
        for phoneme in phonemes:
            position += len(self._ids[phoneme]) + len(self._ids[_PAD])
            ends.append(int(until[position - 1]))
        return ends


def word_ends(text: str, phonemes: list[str], ends: list[int]) -> list[tuple[int, int]]:
    """Return for each word of a text its end in samples and in characters.

    espeak-ng joins some words ("for the") and divides others ("42"). Then the words' ends are spread over the phonemes
    in proportion to the length of the text.

    Args:
        phonemes: of the whole text, with spaces between words.
        ends: of each phoneme, in samples.
    """
    words = [found.end() for found in _WORD.finditer(text)]
    if not words or not phonemes:
        return []
    spoken = _last_phonemes(phonemes)
    if len(spoken) == len(words):
        return [(ends[index], end) for index, end in zip(spoken, words, strict=True)]
    last = len(phonemes) - 1
    return [(ends[last * end // words[-1]], end) for end in words]


def _last_phonemes(phonemes: list[str]) -> list[int]:
    """Return the index of each word's last phoneme; punctuation after it does not count."""
    last: list[int] = []
    in_word = False
    for index, phoneme in enumerate(phonemes):
        if phoneme == " ":
            in_word = False
        elif phoneme.isalpha():
            if in_word:
                last[-1] = index
            else:
                last.append(index)
            in_word = True
    return last


def _plain(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _load(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    data = path.read_bytes()
    if bytes((len(_DURATIONS),)) + _DURATIONS in data:
        data += _ADDED_OUTPUT
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
