"""The oracle: it says what it was told to, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from trunkline.engine.speech import SpeechError
from trunkline.engine.speech.stt.scripted_stt import ScriptedStt


def sound(seed: int) -> bytes:
    return np.random.default_rng(seed).normal(0, 2000, 24_000).astype("<i2").tobytes()


async def said(ears: ScriptedStt, pcm: bytes = b"") -> str:
    utterance = ears.open()
    utterance.feed(pcm)
    return (await utterance.finish()).text


async def test_texts_come_in_order_and_an_abandoned_utterance_takes_none() -> None:
    ears = ScriptedStt(["yes please", "mountains"])
    ears.open().abandon()
    assert [await said(ears), await said(ears)] == ["yes please", "mountains"]
    with pytest.raises(SpeechError, match="no text left"):
        await said(ears)


async def test_marked_sound_is_known_wherever_it_is() -> None:
    ears = ScriptedStt()
    ears.mark(sound(1), "yes")
    ears.mark(sound(2), "no")
    assert await said(ears, bytes(4802) + sound(2) + bytes(960)) == "no"
    assert await said(ears, sound(1)) == "yes"
    assert await said(ears, sound(3)) == ""


async def test_a_function_gets_the_sound() -> None:
    ears = ScriptedStt(lambda pcm: f"{len(pcm)} bytes")
    assert await said(ears, bytes(960)) == "960 bytes"


async def test_finishing_twice_gives_the_same_and_grammars_are_kept_to_be_looked_at() -> None:
    ears, partials = ScriptedStt(["yes"]), list[str]()
    utterance = ears.open(grammar="G", on_partial=partials.append)
    assert await utterance.finish() == await utterance.finish()
    assert (partials, ears.grammars) == (["yes"], ["G"])


def test_silence_cannot_be_marked() -> None:
    with pytest.raises(ValueError, match="Silence"):
        ScriptedStt().mark(bytes(9600), "yes")


async def test_a_closed_oracle_refuses() -> None:
    ears = ScriptedStt(["yes"])
    await ears.aclose()
    with pytest.raises(SpeechError, match="closed"):
        ears.open()
