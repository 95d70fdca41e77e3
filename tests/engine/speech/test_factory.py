"""Choice of recogniser and voice by the settings, and by `auto`."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

from trunkline.engine.speech import SpeechError
from trunkline.engine.speech.factory import (
    RECOGNISERS,
    VOICES,
    EngineParts,
    create_stt,
    create_tts,
    engine_parts,
    parts,
)
from trunkline.engine.speech.stt.http_stt import HttpStt
from trunkline.engine.speech.stt.sphinx import SphinxStt
from trunkline.engine.speech.stt.whisper import WhisperStt
from trunkline.engine.speech.tts.espeak import EspeakTts
from trunkline.engine.speech.tts.http_tts import HttpTts
from trunkline.engine.speech.tts.language_dispatch import LanguageDispatchTts
from trunkline.settings import Settings

Configure = Callable[..., Settings]
HTTP = {"STT": "http", "STT_BASE_URL": "http://h/v1", "TTS": "http", "TTS_BASE_URL": "http://h/v1"}


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Configure:
    """Settings from environment variables, given without their prefix."""
    monkeypatch.delenv("TRUNKLINE_STT", raising=False)
    monkeypatch.delenv("TRUNKLINE_TTS", raising=False)

    def make(**variables: str) -> Settings:
        monkeypatch.setenv("TRUNKLINE_MODELS_DIR", str(tmp_path))
        for name, value in variables.items():
            monkeypatch.setenv(f"TRUNKLINE_{name}", value)
        return Settings(_env_file=None)  # type: ignore[call-arg]  # only pydantic's mypy plugin knows it

    return make


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Hide an installed package."""
    find_spec = importlib.util.find_spec

    def hide(package: str) -> None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else find_spec(name))

    return hide


@pytest.mark.parametrize(
    ("variables", "stt_class", "tts_class"),
    [
        ({}, WhisperStt, LanguageDispatchTts),
        ({"STT": "sphinx", "TTS": "espeak"}, SphinxStt, EspeakTts),
        (HTTP, HttpStt, HttpTts),
        ({"STT": "whisper", "TTS": "piper"}, WhisperStt, LanguageDispatchTts),
    ],
)
async def test_the_settings_choose(
    configured: Configure, variables: dict[str, str], stt_class: type, tts_class: type
) -> None:
    settings = configured(**variables)
    stt, tts = create_stt(settings), create_tts(settings)
    assert (type(stt), type(tts)) == (stt_class, tts_class)
    in_use = [part for part in parts(settings) if part.in_use and part.kind != "chat model"]
    assert [part.name for part in in_use] == [variables.get("STT", "whisper"), variables.get("TTS", "piper")]
    await stt.aclose()
    await tts.aclose()


def test_auto_takes_sphinx_where_ctranslate2_is_missing(configured: Configure, without: Callable[[str], None]) -> None:
    without("ctranslate2")
    settings = configured()
    assert RECOGNISERS.name(settings) == "sphinx"
    better = RECOGNISERS.better(settings)
    assert better is not None
    assert better.name == "whisper"
    assert "trunkline[local]" in (better.missing or "")


def test_auto_takes_sphinx_where_the_weights_are_missing(configured: Configure) -> None:
    settings = configured(WHISPER_WEIGHTS="whisper-base.en")
    assert RECOGNISERS.name(settings) == "sphinx"
    better = RECOGNISERS.better(settings)
    assert better is not None
    assert better.missing == "Fetch them with: trunkline models fetch whisper-base.en"


def test_auto_takes_espeak_where_piper_is_missing(configured: Configure, without: Callable[[str], None]) -> None:
    without("onnxruntime")
    settings = configured()
    assert VOICES.name(settings) == "espeak"
    better = VOICES.better(settings)
    assert better is not None
    assert better.name == "piper"
    assert "trunkline[local]" in (better.missing or "")


def test_no_voice_is_better_than_piper_or_one_that_the_user_configured(configured: Configure) -> None:
    assert VOICES.better(configured()) is None
    assert VOICES.better(configured(**HTTP)) is None


def test_no_recogniser_is_better_than_whisper_or_one_that_the_user_configured(configured: Configure) -> None:
    assert RECOGNISERS.better(configured()) is None
    assert RECOGNISERS.better(configured(**HTTP)) is None


def test_the_best_parts_are_named_without_advice(configured: Configure) -> None:
    assert engine_parts(configured()) == EngineParts("Whisper tiny.en", "Piper joe", None, ())


def test_configured_parts_are_named_by_their_models(configured: Configure) -> None:
    assert engine_parts(configured(**HTTP)).stt == "whisper-1"


@pytest.mark.parametrize(
    ("missing_module", "names", "better"),
    [
        ("ctranslate2", ("PocketSphinx", "Piper joe"), "whisper"),
        ("onnxruntime", ("Whisper tiny.en", "eSpeak"), "piper"),
    ],
)
def test_a_poorer_part_is_named_with_advice(
    configured: Configure, without: Callable[[str], None], missing_module: str, names: tuple[str, str], better: str
) -> None:
    without(missing_module)
    found = engine_parts(configured())
    assert (found.stt, found.tts) == names
    (sentence,) = found.advice
    assert sentence.startswith(better)
    assert "trunkline[local]" in sentence


async def test_a_missing_address_is_asked_for(configured: Configure) -> None:
    settings = configured(STT="http", TTS="http")
    with pytest.raises(SpeechError, match="TRUNKLINE_STT_BASE_URL"):
        create_stt(settings)
    with pytest.raises(SpeechError, match="TRUNKLINE_TTS_BASE_URL"):
        create_tts(settings)


def test_missing_parts_are_listed_with_a_way_to_get_them(configured: Configure, without: Callable[[str], None]) -> None:
    without("pocketsphinx")
    missing = {part.name: part.missing or "" for part in parts(configured())}
    assert missing["whisper"] == missing["espeak"] == ""
    assert "trunkline[speech]" in missing["sphinx"]
    assert "TRUNKLINE_CHAT_BASE_URL" in missing["chat"]
