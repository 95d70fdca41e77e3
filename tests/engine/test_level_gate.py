"""Level gate: a voice far below the caller's own level neither interrupts nor takes a turn."""

from __future__ import annotations

import pytest

from tests.engine.engine_fakes import silence
from tests.engine.engine_rig import Rig, every
from trunkline.engine.session.level_gate import MAX_GATED_MS, LevelGate

pytestmark = pytest.mark.pure
CALLER = 1e-2
"""Power of a caller at -20 dB of full scale."""


def decibels(change: float) -> float:
    return CALLER * 10 ** (change / 10)


def gate_of_a_caller() -> LevelGate:
    gate = LevelGate()
    speak(gate, CALLER)
    return gate


def speak(gate: LevelGate, power: float, frames: int = 20) -> None:
    """Let the caller say an utterance with words."""
    for _ in range(frames):
        gate.passes(power, 32, speaking=True)
    level_db = gate.take_utterance_db()
    assert level_db is not None
    gate.learn(level_db)


def test_every_voice_passes_before_the_first_utterance() -> None:
    assert LevelGate().passes(decibels(-50), 32, speaking=False)


def test_the_level_is_that_of_the_utterance() -> None:
    assert gate_of_a_caller().level_db == pytest.approx(-20)


@pytest.mark.parametrize(("change", "starts", "continues"), [(0, True, True), (-15, True, True), (-23, False, True)])
def test_a_quieter_voice_starts_no_turn_and_still_continues_one(change: float, starts: bool, continues: bool) -> None:
    gate = gate_of_a_caller()
    assert gate.passes(decibels(change), 32, speaking=False) is starts
    assert gate.passes(decibels(change), 32, speaking=True) is continues


def test_a_voice_30_db_below_the_caller_does_not_pass() -> None:
    gate = gate_of_a_caller()
    assert not gate.passes(decibels(-30), 32, speaking=False)
    assert not gate.passes(decibels(-30), 32, speaking=True)


def test_the_level_follows_a_caller_who_speaks_louder_or_softer() -> None:
    louder, softer = gate_of_a_caller(), gate_of_a_caller()
    for _ in range(8):
        speak(louder, decibels(12))
        speak(softer, decibels(-12))
    assert louder.level_db == pytest.approx(-8, abs=1)
    assert softer.level_db == pytest.approx(-32, abs=2)


def test_one_soft_reply_does_not_open_the_gate() -> None:
    gate = gate_of_a_caller()
    speak(gate, decibels(-10))
    assert not gate.passes(decibels(-30), 32, speaking=False)


def test_a_caller_who_has_moved_away_is_heard_again() -> None:
    gate = gate_of_a_caller()
    for _ in range(MAX_GATED_MS // 32):
        assert not gate.passes(decibels(-30), 32, speaking=False)
    gate.passes(decibels(-30), 32, speaking=False)
    assert gate.passes(decibels(-30), 32, speaking=False)


def test_silence_has_no_level() -> None:
    assert gate_of_a_caller().take_utterance_db() is None


# In a session ---------------------------------------------------------------------------------------------------------
def voice(ms: int, amplitude: int) -> bytes:
    """Return PCM16 at 24 kHz that the rig takes for a voice."""
    return amplitude.to_bytes(2, "little", signed=True) * (24 * ms)


def speeches(rig: Rig, sound: bytes) -> int:
    return len(every(rig.hear(sound), "input_audio_buffer.speech_started"))


def rig_of_a_caller(words: str = "yes please") -> Rig:
    """Return a session that has heard one utterance of its caller."""
    rig = Rig(activity=LoudFrom(300))
    rig.words = words
    assert speeches(rig, silence(500) + voice(800, 20_000) + silence(800)) == 1
    return rig


class LoudFrom:
    """Voice activity that takes every sound from an amplitude on for a voice, near or far."""

    def __init__(self, amplitude: int) -> None:
        self._amplitude = amplitude

    def probability(self, frame: bytes) -> float:
        return float(max(memoryview(frame).cast("h")) >= self._amplitude)

    def reset(self) -> None:
        pass


def test_a_far_voice_takes_a_turn_only_while_the_callers_level_is_unknown() -> None:
    far = silence(500) + voice(800, 600) + silence(800)  # -30 dB
    assert speeches(Rig(activity=LoudFrom(300)), far) == 1
    assert speeches(rig_of_a_caller(), far) == 0


def test_the_caller_still_interrupts_after_a_far_voice() -> None:
    rig = rig_of_a_caller()
    assert speeches(rig, voice(3000, 600) + voice(800, 12_000) + silence(800)) == 1


def test_a_far_voice_does_not_prolong_the_callers_turn() -> None:
    rig = rig_of_a_caller()
    events = rig.hear(voice(800, 20_000) + voice(700, 600))
    assert len(every(events, "input_audio_buffer.speech_stopped")) == 1


def test_an_utterance_without_words_teaches_no_level() -> None:
    rig = rig_of_a_caller(words="")
    assert speeches(rig, silence(500) + voice(800, 600) + silence(800)) == 1
