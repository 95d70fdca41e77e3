"""Kokoro, with a stand-in for its package."""

from __future__ import annotations

import sys
import threading
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trunkline.engine.speech import SpeechError
from trunkline.engine.speech.tts.kokoro import KokoroTts


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
    tts = KokoroTts(kokoro_weights)
    text = "One two three four."
    chunks = [chunk async for chunk in tts.speak(text, voice="marin", speed=0.25, language="fr")]
    await tts.aclose()
    sound = b"".join(chunk.pcm for chunk in chunks)
    assert sound == np.full(1200 * len(text), 16383, "<i2").tobytes()
    marks = [mark for chunk in chunks for mark in chunk.marks]
    assert [(mark.at_ms, mark.text_end) for mark in marks] == [(150, 3), (350, 7), (650, 13), (950, 19)]
    assert kokoro.asked == [{"voice": "af_heart", "speed": 0.5, "lang": "fr-fr"}]


async def test_kokoro_fails_sentence_by_sentence(kokoro: type[FakeKokoro], kokoro_weights: Path) -> None:
    tts = KokoroTts(kokoro_weights, voice="am_onyx")
    with pytest.raises(SpeechError, match="Voice not found"):
        await anext(tts.speak("bad"))
    assert (await anext(tts.speak("good"))).pcm
    assert kokoro.asked[-1]["voice"] == "am_onyx"
    await tts.aclose()
    with pytest.raises(SpeechError, match="closed"):
        await anext(tts.speak("good"))


async def test_without_the_package_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, kokoro_weights: Path
) -> None:
    monkeypatch.setitem(sys.modules, "kokoro_onnx", None)
    tts = KokoroTts(kokoro_weights)
    with pytest.raises(SpeechError, match=r"pip install 'trunkline\[kokoro\]'"):
        await anext(tts.speak("Hello."))
    await tts.aclose()
