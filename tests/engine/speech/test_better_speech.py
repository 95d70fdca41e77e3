"""Whisper and Kokoro with stand-ins for their packages, and how the settings choose among recognisers and voices."""

from __future__ import annotations

import asyncio
import sys
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trunkline.engine.speech import SpeechError
from trunkline.engine.speech.factory import create_stt, create_tts, parts, warm
from trunkline.engine.speech.stt.http_stt import HttpStt
from trunkline.engine.speech.stt.sphinx import SphinxStt
from trunkline.engine.speech.stt.whisper import WhisperStt
from trunkline.engine.speech.tts.espeak import EspeakTts
from trunkline.engine.speech.tts.http_tts import HttpTts
from trunkline.engine.speech.tts.kokoro import KokoroTts
from trunkline.extras import install_command
from trunkline.settings import Settings

TONE = (8000 * np.sin(np.arange(24_000) / 8)).astype("<i2").tobytes()


class FakeWhisper:
    """What `faster_whisper` offers, as far as it is used: segments are decoded while one iterates."""

    made: list[str]
    heard: list[tuple[np.ndarray[Any, Any], dict[str, Any]]]
    wait: threading.Event

    def __init__(self, path: str, **options: Any) -> None:
        assert options["local_files_only"]
        type(self).made.append(path)

    def transcribe(self, sound: np.ndarray[Any, Any], **options: Any) -> tuple[Iterator[Any], object]:
        def decode() -> Iterator[Any]:
            assert threading.current_thread() is not threading.main_thread()
            self.wait.wait(5)
            if not sound.any():
                raise RuntimeError("out of memory")
            self.heard.append((sound, options))
            yield types.SimpleNamespace(text=" Yes,")
            yield types.SimpleNamespace(text=" please. ")

        return decode(), object()


@pytest.fixture
def whisper(monkeypatch: pytest.MonkeyPatch) -> type[FakeWhisper]:
    class WhisperModel(FakeWhisper):
        made, heard, wait = [], [], threading.Event()

    WhisperModel.wait.set()
    monkeypatch.setitem(sys.modules, "faster_whisper", types.SimpleNamespace(WhisperModel=WhisperModel))
    return WhisperModel


@pytest.fixture
def whisper_weights(tmp_path: Path) -> Path:
    folder = tmp_path / "whisper-base.en"
    folder.mkdir()
    for name in ("config.json", "tokenizer.json", "vocabulary.txt", "model.bin"):
        (folder / name).write_bytes(b"weights")
    return folder


async def test_whisper_decodes_in_a_thread_at_16_khz(whisper: type[FakeWhisper], whisper_weights: Path) -> None:
    ears = WhisperStt(whisper_weights)
    utterance = ears.open(language="en")
    utterance.feed(TONE[:10_000])
    utterance.feed(TONE[10_000:])
    assert (await utterance.finish()).text == "Yes, please."
    assert (await utterance.finish()).text == "Yes, please."
    await ears.aclose()
    ((sound, options),) = whisper.heard
    assert (sound.dtype, sound.size, options["language"]) == (np.float32, 16_000, "en")
    assert 0.2 < np.abs(sound).max() < 0.3
    assert whisper.made == [str(whisper_weights)]


async def test_while_whisper_decodes_the_loop_goes_on_and_who_waits_may_leave(
    whisper: type[FakeWhisper], whisper_weights: Path
) -> None:
    whisper.wait.clear()
    ears = WhisperStt(whisper_weights)
    utterance = ears.open()
    utterance.feed(TONE)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await utterance.finish()
    with pytest.raises(SpeechError, match="abandoned"):
        await utterance.finish()
    whisper.wait.set()
    await ears.aclose()


async def test_when_whisper_is_closed_who_waits_for_a_turn_is_told(
    whisper: type[FakeWhisper], whisper_weights: Path
) -> None:
    whisper.wait.clear()
    ears = WhisperStt(whisper_weights)
    first, second = ears.open(), ears.open()
    for utterance in (first, second):
        utterance.feed(TONE)
    decoding, waiting = asyncio.create_task(first.finish()), asyncio.create_task(second.finish())
    await asyncio.sleep(0.05)
    closing = asyncio.create_task(ears.aclose())
    with pytest.raises(SpeechError, match="closed"):
        await waiting
    whisper.wait.set()
    assert (await decoding).text == "Yes, please."
    await closing


async def test_what_is_no_sound_is_not_decoded(whisper: type[FakeWhisper], whisper_weights: Path) -> None:
    ears = WhisperStt(whisper_weights)
    assert (await ears.open().finish()).text == ""
    await ears.aclose()
    assert not whisper.made


async def test_when_whisper_fails_the_next_utterance_may_work(
    whisper: type[FakeWhisper], whisper_weights: Path
) -> None:
    ears = WhisperStt(whisper_weights)
    utterance = ears.open()
    utterance.feed(bytes(48_000))
    with pytest.raises(SpeechError, match="out of memory"):
        await utterance.finish()
    utterance = ears.open()
    utterance.feed(TONE)
    assert (await utterance.finish()).text == "Yes, please."
    await ears.aclose()
    with pytest.raises(SpeechError, match="closed"):
        ears.open()


async def test_without_whispers_weights_the_error_says_how_to_fetch_them(
    whisper: type[FakeWhisper], tmp_path: Path
) -> None:
    ears = WhisperStt(tmp_path / "whisper-small")
    with pytest.raises(SpeechError, match="trunkline models fetch whisper-small"):
        await ears.warm()
    await ears.aclose()


async def test_without_the_package_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, whisper_weights: Path
) -> None:
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    monkeypatch.setitem(sys.modules, "kokoro_onnx", None)
    ears, mouth = WhisperStt(whisper_weights), KokoroTts(whisper_weights)
    with pytest.raises(SpeechError, match=r"pip install 'trunkline\[whisper\]'"):
        await ears.warm()
    with pytest.raises(SpeechError, match=r"pip install 'trunkline\[kokoro\]'"):
        await anext(mouth.speak("Hello."))
    await ears.aclose()
    await mouth.aclose()


class FakeKokoro:
    """What `kokoro_onnx` offers, as far as it is used: 50 ms of sound a character."""

    asked: list[dict[str, Any]]

    def __init__(self, model: str, voices: str) -> None:
        assert (Path(model).name, Path(voices).name) == ("kokoro-v1.0.onnx", "voices-v1.0.bin")

    def create(self, text: str, **how: Any) -> tuple[np.ndarray[Any, Any], int]:
        assert threading.current_thread() is not threading.main_thread()
        self.asked.append(how)
        if "bad" in text:
            raise AssertionError("Voice not found")
        return np.full(1200 * len(text), 0.5, np.float32), 24_000


@pytest.fixture
def kokoro(monkeypatch: pytest.MonkeyPatch) -> type[FakeKokoro]:
    class Kokoro(FakeKokoro):
        asked = []  # noqa: RUF012 - one of its own for each test

    monkeypatch.setitem(sys.modules, "kokoro_onnx", types.SimpleNamespace(Kokoro=Kokoro))
    return Kokoro


@pytest.fixture
def kokoro_weights(tmp_path: Path) -> Path:
    folder = tmp_path / "kokoro"
    folder.mkdir()
    for name in ("kokoro-v1.0.onnx", "voices-v1.0.bin"):
        (folder / name).write_bytes(b"weights")
    return folder


async def test_kokoro_speaks_with_a_mark_at_each_word(kokoro: type[FakeKokoro], kokoro_weights: Path) -> None:
    mouth = KokoroTts(kokoro_weights)
    text = "One two three four."
    chunks = [chunk async for chunk in mouth.speak(text, voice="marin", speed=0.25, language="fr")]
    await mouth.aclose()
    sound = b"".join(chunk.pcm for chunk in chunks)
    assert sound == np.full(1200 * len(text), 16383, "<i2").tobytes()
    marks = [mark for chunk in chunks for mark in chunk.marks]
    assert [(mark.at_ms, mark.text_end) for mark in marks] == [(150, 3), (350, 7), (650, 13), (950, 19)]
    assert kokoro.asked == [{"voice": "af_heart", "speed": 0.5, "lang": "fr-fr"}]


async def test_kokoro_fails_sentence_by_sentence(kokoro: type[FakeKokoro], kokoro_weights: Path) -> None:
    mouth = KokoroTts(kokoro_weights, voice="am_onyx")
    with pytest.raises(SpeechError, match="Voice not found"):
        await anext(mouth.speak("bad"))
    assert (await anext(mouth.speak("good"))).pcm
    assert kokoro.asked[-1]["voice"] == "am_onyx"
    await mouth.aclose()
    with pytest.raises(SpeechError, match="closed"):
        await anext(mouth.speak("good"))


Configure = Callable[..., Settings]


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Configure:
    """Settings from environment variables, given without their prefix."""

    def make(**variables: str) -> Settings:
        monkeypatch.setenv("TRUNKLINE_MODELS_DIR", str(tmp_path))
        for name, value in variables.items():
            monkeypatch.setenv(f"TRUNKLINE_{name}", value)
        return Settings(_env_file=None)  # type: ignore[call-arg]  # only pydantic's mypy plugin knows it

    return make


@pytest.mark.parametrize(
    ("variables", "recogniser", "voice"),
    [
        ({}, SphinxStt, EspeakTts),
        (
            {
                "STT": "http",
                "STT_BASE_URL": "http://h/v1",
                "TTS": "http",
                "TTS_BASE_URL": "http://h/v1",
            },
            HttpStt,
            HttpTts,
        ),
        ({"STT": "whisper", "TTS": "kokoro"}, WhisperStt, KokoroTts),
    ],
)
async def test_the_settings_choose(
    configured: Configure, variables: dict[str, str], recogniser: type, voice: type
) -> None:
    settings = configured(**variables)
    ears, mouth = create_stt(settings), create_tts(settings)
    assert (type(ears), type(mouth)) == (recogniser, voice)
    in_use = [part for part in parts(settings) if part.in_use and part.kind != "chat model"]
    assert [part.name for part in in_use] == [variables.get("STT", "sphinx"), variables.get("TTS", "espeak")]
    await ears.aclose()
    await mouth.aclose()


async def test_an_address_that_is_missing_is_asked_for(configured: Configure) -> None:
    settings = configured(STT="http", TTS="http")
    with pytest.raises(SpeechError, match="TRUNKLINE_STT_BASE_URL"):
        create_stt(settings)
    with pytest.raises(SpeechError, match="TRUNKLINE_TTS_BASE_URL"):
        create_tts(settings)


async def test_warming_loads_what_is_on_this_machine_and_asks_nobody_else(
    configured: Configure, whisper: type[FakeWhisper], whisper_weights: Path
) -> None:
    settings = configured(STT="whisper", TTS="http", TTS_BASE_URL="http://127.0.0.1:1/v1")
    ears, mouth = create_stt(settings), create_tts(settings)
    await warm(ears, mouth, dictation=True)
    assert whisper.made == [str(whisper_weights)]
    await ears.aclose()
    await mouth.aclose()


def test_what_is_missing_is_told_with_what_to_do(configured: Configure) -> None:
    told = {part.name: part.missing or "" for part in parts(configured())}
    assert told["sphinx"] == told["espeak"] == ""
    assert told["whisper"] in (install_command("whisper"), "trunkline models fetch whisper-base.en")
    assert "TRUNKLINE_CHAT_BASE_URL" in told["chat"]
