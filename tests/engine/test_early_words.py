"""Early words: the caller speaks over the agent, and the client decides by the words if that interrupts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.engine_fakes import loud, silence
from tests.engine.engine_rig import Rig, every
from trunkline.engine.session import effects, inputs
from trunkline.engine.speech import SpeechChunk
from trunkline.realtime.events import Event

pytestmark = pytest.mark.pure

BY_WORDS = {"type": "server_vad", "create_response": False, "interrupt_response": False}


def answering(*, detection: dict[str, Any] | None = None, transcribes: bool = True, responds: bool = True) -> Rig:
    """Return a session with a response in progress, whose client decides by words."""
    rig = Rig(answer=None, words=None)
    transcription = {"model": "local"} if transcribes else None
    rig.configure(audio={"input": {"turn_detection": detection or BY_WORDS, "transcription": transcription}})
    if responds:
        rig.send("response.create")
    return rig


def probes(rig: Rig) -> int:
    """Return the number of probes so far."""
    return sum(isinstance(one, effects.ProbeUtterance) for one in rig.effects)


def deltas(events: list[Event]) -> list[str]:
    """Return the transcript deltas among events."""
    return [event["delta"] for event in events if event["type"].endswith("transcription.delta")]


def speaks(rig: Rig) -> str:
    """Let the caller begin to speak; return the utterance."""
    rig.hear(loud(160))
    (utterance_id,) = rig.utterances
    return utterance_id


def test_the_words_are_probed_from_400_ms_on_every_200_ms() -> None:
    rig = answering()
    rig.hear(loud(384))  # 384 ms
    assert probes(rig) == 0
    rig.hear(loud(64))
    assert probes(rig) == 1
    rig.hear(loud(1920))
    assert probes(rig) == 4


@pytest.mark.parametrize(
    "changes",
    [
        {"responds": False},
        {"transcribes": False},
        {"detection": {"type": "server_vad", "interrupt_response": True}},
    ],
    ids=["the agent is silent", "no transcription", "the engine interrupts"],
)
def test_otherwise_nothing_is_probed(changes: dict[str, Any]) -> None:
    rig = answering(**changes)
    rig.hear(loud(1920))
    assert probes(rig) == 0
    rig.hear(silence(256))
    assert [pause.reports for pause in rig.pauses if isinstance(pause, effects.PauseUtterance)] == [False]


CLICK = silence(320) + loud(32) + silence(320)
"""A sound of one frame."""


def starts(rig: Rig, audio: bytes) -> int:
    """Return the number of starts of speech in audio."""
    return len(every(rig.hear(audio), "input_audio_buffer.speech_started"))


def test_over_the_agent_one_frame_far_above_the_threshold_starts_speech() -> None:
    assert starts(answering(), CLICK) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"responds": False},
        {"transcribes": False},
        {"detection": {"type": "server_vad", "interrupt_response": True}},
        {"detection": {**BY_WORDS, "threshold": 0.9}},
    ],
    ids=["the agent is silent", "no transcription", "the engine interrupts", "a high threshold"],
)
def test_otherwise_speech_needs_two_frames(changes: dict[str, Any]) -> None:
    assert starts(answering(**changes), CLICK) == 0


def answered(audio_ms: int) -> Rig:
    """Return a session whose client has got a whole answer of this duration, ahead of its playout."""
    rig = Rig(speaks=False)
    rig.configure(audio={"input": {"turn_detection": BY_WORDS, "transcription": {"model": "local"}}})
    rig.send("response.create")
    speak = rig.took(effects.StartSpeech)
    rig.post(inputs.SpeechProduced(speak.response_id, speak.generation, SpeechChunk(bytes(48 * audio_ms))))
    rig.post(inputs.SpeechDone(speak.response_id, speak.generation))
    return rig


@pytest.mark.parametrize(("after_ms", "count"), [(3000, 1), (5000, 0)], ids=["it still plays", "it has ended"])
def test_an_answer_that_was_sent_ahead_is_spoken_until_the_client_has_played_it(after_ms: int, count: int) -> None:
    rig = answered(audio_ms=4500)
    assert starts(rig, silence(after_ms) + CLICK) == count


def test_an_answer_that_the_client_has_truncated_is_not_spoken_any_more() -> None:
    rig = answered(audio_ms=4500)
    item_id = next(item["id"] for item in rig.session.conversation if item.get("role") == "assistant")
    rig.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=1000)
    assert starts(rig, CLICK) == 0


def test_the_words_are_probed_again_after_a_pause() -> None:
    rig = answering()
    rig.hear(loud(448) + silence(256))
    before = probes(rig)
    rig.hear(loud(384))
    assert probes(rig) == before
    rig.hear(loud(128))
    assert probes(rig) == before + 1


def test_a_pause_wants_its_words() -> None:
    rig = answering()
    rig.hear(loud(320) + silence(256))
    assert [pause.reports for pause in rig.pauses if isinstance(pause, effects.PauseUtterance)] == [True]


@pytest.mark.parametrize(("responds", "pauses_after_ms"), [(True, 64), (False, 200)], ids=["over the agent", "alone"])
def test_a_pause_over_the_agent_is_noticed_sooner(responds: bool, pauses_after_ms: int) -> None:
    rig = answering(responds=responds)
    rig.hear(loud(320) + silence(pauses_after_ms - 32))
    assert not rig.pauses
    rig.hear(silence(64))
    assert len(rig.pauses) == 1


def test_a_pause_over_the_agent_lasts_when_the_agent_stops() -> None:
    rig = answering()
    rig.hear(loud(320) + silence(96))
    rig.send("response.cancel")
    rig.hear(silence(96))
    assert len(rig.pauses) == 1


@pytest.mark.parametrize(
    ("text", "sent"), [("Mm-hmm.", ["Mm-hmm.", ""]), ("", [""])], ids=["with words", "without words"]
)
def test_the_words_of_a_pause_are_sent_whole_and_then_an_empty_delta(text: str, sent: list[str]) -> None:
    rig = answering()
    utterance_id = speaks(rig)
    rig.hear(silence(256))
    assert deltas(rig.post(inputs.PausedTranscript(utterance_id, text))) == sent


def test_words_after_a_pause_follow_also_if_earlier_ones_have_changed() -> None:
    rig = answering()
    utterance_id = speaks(rig)
    rig.hear(silence(256))
    rig.post(inputs.PausedTranscript(utterance_id, "Mm-hmm."))
    rig.hear(loud(256) + silence(256))
    assert deltas(rig.post(inputs.PausedTranscript(utterance_id, "Mm, but wait"))) == [" but wait", ""]


def test_the_words_of_a_pause_that_is_over_are_not_sent() -> None:
    rig = answering()
    utterance_id = speaks(rig)
    rig.hear(silence(256) + loud(128))
    assert deltas(rig.post(inputs.PausedTranscript(utterance_id, "Mm-hmm."))) == []
