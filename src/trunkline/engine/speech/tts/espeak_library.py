"""The espeak-ng library by ctypes: text to sound with word positions, and words to phonemes.

The library keeps global state (the current voice, rate and pitch), so all calls use one lock. ctypes releases the GIL,
so other Python threads run meanwhile.
"""

from __future__ import annotations

import ctypes
import functools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trunkline.engine.speech import SpeechError
from trunkline.extras import install_command

MISSING = f"The local voice is not installed. Install it with: {install_command('speech')}"

SAMPLE_RATE = 22_050
"""Sample rate of its audio, in Hz."""

WORDS_PER_MINUTE = (80, 450)
"""Range of the library; it clamps other values."""

# From espeak-ng's speak_lib.h.
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
_CHARS_UTF8, _ENDPAUSE = 0x01, 0x1000
_POS_CHARACTER = 1
_EVENT_LIST_TERMINATED, _EVENT_WORD = 0, 1
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_IPA = 0x02


@dataclass(frozen=True)
class Manner:
    """Parameters of a voice.

    Attributes:
        voice: a voice of espeak such as "en-us+f5".
        rate: words per minute.
        volume, pitch, range: 0 to 100.
    """

    voice: str
    rate: int
    volume: int
    pitch: int
    range: int


@dataclass(frozen=True)
class Word:
    """The start of a word: `start` in characters of the text, `sample` in samples of the audio, both from 0."""

    start: int
    sample: int


OnSound = Callable[[bytes, Sequence[Word]], bool]
"""A receiver of PCM16 and of the words that begin in or soon after it; it returns False to stop the synthesis."""


class _EventId(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    ]


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_Event))


class EspeakLibrary:
    """The loaded library; there is one, which `load` gives."""

    def __init__(self) -> None:
        try:
            import espeakng_loader
        except ImportError as error:
            raise SpeechError(MISSING) from error
        try:
            self._lib = ctypes.CDLL(espeakng_loader.get_library_path())
            data = espeakng_loader.get_data_path()
        except (OSError, RuntimeError) as error:
            raise SpeechError(
                f"espeak-ng does not load here ({error}). Reinstall the package espeakng-loader."
            ) from error
        rate = self._lib.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, data.encode(), _INITIALIZE_DONT_EXIT)
        if rate != SAMPLE_RATE:
            raise SpeechError(f"espeak-ng does not start properly (it answers {rate}). Reinstall espeakng-loader.")
        self._lib.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self._lock = threading.Lock()
        self._on_sound: OnSound | None = None
        self._broken_off = False
        self._callback = _CALLBACK(self._on_library_audio)  # referenced here, or ctypes would free it
        self._lib.espeak_SetSynthCallback(self._callback)

    def synthesise(self, text: str, manner: Manner, on_sound: OnSound) -> None:
        """Synthesise `text` and a pause after it, and pass the audio to `on_sound` as it is made.

        Raises:
            SpeechError: the library refused.
        """
        # A NUL would end the text, and the library interprets other control characters. Positions stay the same.
        plain = "".join(letter if letter.isprintable() else " " for letter in text)
        encoded = plain.encode("utf-8", "replace")
        with self._lock:
            self._set(manner)
            self._on_sound = on_sound
            try:
                failed = self._lib.espeak_Synth(
                    ctypes.c_char_p(encoded),
                    ctypes.c_size_t(len(encoded) + 1),
                    ctypes.c_uint(0),
                    ctypes.c_int(_POS_CHARACTER),
                    ctypes.c_uint(0),
                    ctypes.c_uint(_CHARS_UTF8 | _ENDPAUSE),
                    None,
                    None,
                )
            finally:
                self._on_sound = None
        if failed:
            raise SpeechError(f"espeak-ng refused to speak (its error {failed}).")

    def speaks(self, voice: str) -> bool:
        """Return whether the library has this voice."""
        with self._lock:
            return bool(self._lib.espeak_SetVoiceByName(voice.encode()) == 0)

    def phonemes(self, word: str) -> str:
        """Return the American English pronunciation of `word`, in the International Phonetic Alphabet."""
        with self._lock:
            self._lib.espeak_SetVoiceByName(b"en-us")
            if self._broken_off:  # the first result after that begins with the rest of the stopped text
                self._broken_off = False
                self._phonemes("a")
            return self._phonemes(word)

    def phoneme_clauses(self, text: str, voice: str) -> list[tuple[str, str]]:
        """Return the phonemes of each clause of `text`, in the International Phonetic Alphabet, and the clause.

        Args:
            voice: a voice of the library, such as "en-us".

        Raises:
            SpeechError: the library does not have this voice.
        """
        encoded = text.encode("utf-8", "replace")
        buffer = ctypes.create_string_buffer(encoded)
        start, end = ctypes.addressof(buffer), ctypes.addressof(buffer) + len(encoded)
        at = ctypes.c_void_p(start)
        clauses = []
        with self._lock:
            if self._lib.espeak_SetVoiceByName(voice.encode()):
                raise SpeechError(f"espeak-ng has no voice {voice!r}.")
            while at.value:
                before = at.value
                spoken = self._lib.espeak_TextToPhonemes(
                    ctypes.byref(at), ctypes.c_int(_CHARS_UTF8), ctypes.c_int(_IPA)
                )
                # The library reads one character further than the clause, and none after the last.
                source = encoded[before - start : (at.value or end) - start].decode("utf-8", "ignore")
                clauses.append(
                    (spoken.decode("utf-8", "replace") if spoken else "", source[:-1] if at.value else source)
                )
        return clauses

    def _phonemes(self, word: str) -> str:
        text = ctypes.c_char_p(word.encode("utf-8", "replace"))
        rest = ctypes.cast(ctypes.pointer(text), ctypes.POINTER(ctypes.c_void_p))
        spoken = self._lib.espeak_TextToPhonemes(rest, ctypes.c_int(_CHARS_UTF8), ctypes.c_int(_IPA))
        return spoken.decode("utf-8", "replace") if spoken else ""

    def _set(self, manner: Manner) -> None:
        if self._lib.espeak_SetVoiceByName(manner.voice.encode()):
            raise SpeechError(f"espeak-ng has no voice {manner.voice!r}.")
        for parameter, value in (
            (_RATE, manner.rate),
            (_VOLUME, manner.volume),
            (_PITCH, manner.pitch),
            (_RANGE, manner.range),
        ):
            self._lib.espeak_SetParameter(parameter, value, 0)

    def _on_library_audio(self, sound: int | None, count: int, events: ctypes._Pointer[_Event]) -> int:
        """Receive a piece of audio from the library; return 1 to stop it. `sound` is NULL at the very end."""
        if self._on_sound is None or not sound:
            return 0
        words = []
        at = 0
        while (event := events[at]).type != _EVENT_LIST_TERMINATED:
            if event.type == _EVENT_WORD:
                words.append(Word(max(event.text_position - 1, 0), event.sample))  # the library counts from 1
            at += 1
        continues = self._on_sound(ctypes.string_at(sound, count * 2), words)
        self._broken_off = self._broken_off or not continues
        return 0 if continues else 1


@functools.cache
def _load_once() -> EspeakLibrary:
    return EspeakLibrary()


_loading = threading.Lock()


def load() -> EspeakLibrary:
    """Return the library; the first call loads it.

    Raises:
        SpeechError: the library is not installed, or does not load.
    """
    with _loading:
        return _load_once()
