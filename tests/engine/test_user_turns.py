"""User turns: detection of speech, and its consequences. The received audio is the clock."""

from __future__ import annotations

import base64

import pytest

from tests.engine.engine_fakes import loud, silence
from tests.engine.engine_rig import Rig, error_of, every, only, types
from trunkline.engine.brains import TextDelta
from trunkline.engine.session import effects, inputs
from trunkline.engine.session.endpointing import Endpointing, SpeechChange
from trunkline.engine.speech import SpeechChunk
from trunkline.engine.speech.vad import FRAME_BYTES

pytestmark = pytest.mark.pure


def test_a_spoken_turn_from_its_first_audio_to_the_answer() -> None:
    rig = Rig()
    events = rig.hear(silence(1000) + loud(800) + silence(700))
    told = [
        kind
        for kind in types(events)
        if not kind.startswith("response.") or kind in ("response.created", "response.done")
    ]
    assert told == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "rate_limits.updated",
        "conversation.item.added",
        "conversation.item.done",
        "response.done",
    ]
    ids = {only(events, kind)["item_id"] for kind in told[:3]} | {every(events, told[3])[0]["item"]["id"]}
    assert len(ids) == 1
    assert (
        only(events, "response.done")["response"]["output"][0]["content"][0]["transcript"] == "You said: hello there."
    )


def test_times_count_audio_with_padding_and_silence() -> None:
    rig = Rig()
    events = rig.hear(silence(1000) + loud(800) + silence(700))
    started = only(events, "input_audio_buffer.speech_started")["audio_start_ms"]
    stopped = only(events, "input_audio_buffer.speech_stopped")["audio_end_ms"]
    assert started == pytest.approx(1000 - 300, abs=32)
    assert stopped == pytest.approx(1800 + 500, abs=40)


def test_the_item_has_exactly_the_audio_between_the_two_times() -> None:
    rig = Rig()
    sound = silence(1000) + loud(800) + silence(700)
    events = rig.hear(sound)
    start = only(events, "input_audio_buffer.speech_started")["audio_start_ms"]
    end = only(events, "input_audio_buffer.speech_stopped")["audio_end_ms"]
    item_id = only(events, "input_audio_buffer.committed")["item_id"]
    item = only(rig.send("conversation.item.retrieve", item_id=item_id), "conversation.item.retrieved")["item"]
    assert base64.b64decode(item["content"][0]["audio"]) == sound[start * 48 : end * 48]
    assert bytes(rig.utterances[item_id]) == sound[start * 48 : end * 48]


def test_the_turn_does_not_depend_on_the_frame_size() -> None:
    sound = silence(1000) + loud(800) + silence(900) + loud(400) + silence(900)

    def told(frame_ms: int) -> list[tuple[str, int]]:
        events = Rig().hear(sound, frame_ms)
        return [
            (event["type"], event["audio_start_ms"] if "audio_start_ms" in event else event["audio_end_ms"])
            for event in events
            if "audio_start_ms" in event or "audio_end_ms" in event
        ]

    assert len(told(20)) == 4
    assert told(20) == told(7) == told(500) == told(4000)


def test_a_single_click_is_not_speech() -> None:
    assert Rig().hear(silence(500) + loud(30) + silence(1000)) == []


def test_a_pause_shorter_than_the_silence_ends_nothing() -> None:
    events = Rig().hear(loud(500) + silence(400) + loud(500) + silence(600))
    assert len(every(events, "input_audio_buffer.speech_started")) == 1
    assert len(every(events, "input_audio_buffer.committed")) == 1


def test_a_longer_silence_may_be_asked_for() -> None:
    rig = Rig()
    rig.turn_detection(type="server_vad", silence_duration_ms=1500)
    assert not every(rig.hear(loud(500) + silence(1400)), "input_audio_buffer.speech_stopped")
    assert every(rig.hear(silence(200)), "input_audio_buffer.speech_stopped")


def test_without_create_response_the_turn_is_only_committed() -> None:
    rig = Rig()
    rig.turn_detection(type="server_vad", create_response=False)
    events = rig.hear(loud(500) + silence(700))
    assert every(events, "input_audio_buffer.committed")
    assert not every(events, "response.created")


def test_speaking_interrupts_the_answer() -> None:
    rig = Rig(speaks=False)
    rig.hear(loud(500) + silence(700))
    speak = rig.took(effects.StartSpeech)
    rig.post(inputs.SpeechProduced(speak.response_id, speak.generation, SpeechChunk(bytes(4800))))
    events = rig.hear(loud(200))
    assert types(events)[0] == "input_audio_buffer.speech_started"
    response = only(events, "response.done")["response"]
    assert response["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert rig.took(effects.CancelSpeech)
    rig.watch.at_rest()


def test_without_interrupt_response_the_answer_continues() -> None:
    rig = Rig(speaks=False)
    rig.turn_detection(type="server_vad", interrupt_response=False, create_response=False)
    rig.send("response.create")
    assert types(rig.hear(loud(300))) == ["input_audio_buffer.speech_started"]


def test_a_turn_during_an_answer_loses_no_audio() -> None:
    rig = Rig(speaks=False)
    rig.turn_detection(type="server_vad", interrupt_response=False)
    rig.send("response.create")
    events = rig.hear(loud(300) + silence(700) + loud(300) + silence(700), frame_ms=4000)
    assert len(every(events, "input_audio_buffer.committed")) == 2
    assert {error["error"]["code"] for error in every(events, "error")} == {"conversation_already_has_active_response"}


def test_push_to_talk_recognises_while_the_caller_speaks() -> None:
    rig = Rig()
    rig.turn_detection()
    assert rig.hear(loud(400)) == []
    (fed,) = rig.utterances.values()
    assert bytes(fed) == loud(400)
    events = rig.send("input_audio_buffer.commit")
    assert types(events) == ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"]
    rig.send("response.create")
    assert rig.requests[-1].items[0]["content"][0]["transcript"] == "hello there"


def test_an_empty_buffer_cannot_be_committed() -> None:
    rig = Rig()
    rig.turn_detection()
    rig.hear(silence(60))
    error = error_of(rig.send("input_audio_buffer.commit"))
    assert error["code"] == "input_audio_buffer_commit_empty"
    assert "60.00ms" in error["message"]


def test_clearing_drops_the_current_turn() -> None:
    rig = Rig()
    rig.hear(loud(300))
    assert types(rig.send("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
    assert rig.took(effects.AbandonUtterance)
    assert rig.hear(silence(1000)) == []


def test_other_settings_do_not_end_the_current_turn() -> None:
    rig = Rig()
    started = only(rig.hear(loud(300)), "input_audio_buffer.speech_started")
    rig.configure(instructions="Be brief.")
    rig.watch.announced = started["item_id"]
    assert only(rig.hear(silence(700)), "input_audio_buffer.committed")["item_id"] == started["item_id"]


def test_the_answer_is_announced_at_once_and_waits_for_the_transcript() -> None:
    rig = Rig(words=None)
    events = rig.hear(loud(500) + silence(700))
    assert types(events)[-2:] == ["response.created", "rate_limits.updated"]
    assert not rig.requests
    utterance = rig.took(effects.FinishUtterance).utterance_id
    rig.post(inputs.FinalTranscript(utterance, "a haiku please"))
    assert rig.requests[0].items[0]["content"][0]["transcript"] == "a haiku please"
    assert only(rig.events, "response.done")["response"]["status"] == "completed"


def test_the_wait_for_transcripts_is_limited() -> None:
    rig = Rig(words=None)
    rig.hear(loud(500) + silence(700))
    wake = rig.took(effects.SetTimer)
    assert wake.at_ms == 5000
    rig.post(inputs.TimerFired(wake.timer))
    assert rig.requests[0].items[0]["content"][0]["transcript"] is None


def test_the_brain_answers_without_a_transcript() -> None:
    rig = Rig(words=None)
    rig.configure(audio={"input": {"transcription": {"model": "whisper-1"}}})
    rig.hear(loud(500) + silence(700))
    utterance = rig.took(effects.FinishUtterance).utterance_id
    events = rig.post(inputs.TranscriptFailed(utterance, "The recogniser died."))
    failed = only(events, "conversation.item.input_audio_transcription.failed")
    assert failed["error"]["message"] == "The recogniser died."
    assert only(events, "response.done")["response"]["status"] == "completed"


def test_a_client_that_asks_for_transcription_gets_it() -> None:
    rig = Rig()
    rig.configure(audio={"input": {"transcription": {"model": "whisper-1", "language": "en"}}})
    rig.turn_detection(type="server_vad", create_response=False)
    events = rig.hear(loud(500) + silence(700))
    delta = only(events, "conversation.item.input_audio_transcription.delta")["delta"]
    completed = only(events, "conversation.item.input_audio_transcription.completed")
    assert delta == completed["transcript"] == "hello there"
    assert completed["usage"]["type"] == "duration"


def test_a_client_that_does_not_ask_for_transcription_gets_none() -> None:
    rig = Rig()
    events = rig.hear(loud(500) + silence(700))
    assert not [event for event in events if "transcription" in event["type"]]
    item_id = only(events, "input_audio_buffer.committed")["item_id"]
    item = only(rig.send("conversation.item.retrieve", item_id=item_id), "conversation.item.retrieved")["item"]
    assert item["content"][0]["transcript"] is None


def test_g711_audio_is_recognised() -> None:
    from trunkline.realtime.audio import FORMATS

    rig = Rig()
    rig.configure(audio={"input": {"format": {"type": "audio/pcmu"}}})
    encoder = FORMATS["audio/pcmu"].encoder()
    sound = encoder.feed(silence(1000) + loud(800) + silence(700))
    events = []
    for start in range(0, len(sound), 160):
        events += rig.send("input_audio_buffer.append", audio=base64.b64encode(sound[start : start + 160]).decode())
    start_ms = only(events, "input_audio_buffer.speech_started")["audio_start_ms"]
    end_ms = only(events, "input_audio_buffer.speech_stopped")["audio_end_ms"]
    assert start_ms == pytest.approx(700, abs=40)
    item_id = only(events, "input_audio_buffer.committed")["item_id"]
    assert len(rig.utterances[item_id]) == (end_ms - start_ms) * 48
    item = only(rig.send("conversation.item.retrieve", item_id=item_id), "conversation.item.retrieved")["item"]
    assert base64.b64decode(item["content"][0]["audio"]) == sound[start_ms * 8 : end_ms * 8]


def test_the_idle_timeout_starts_a_response() -> None:
    rig = Rig(answer=lambda request: [TextDelta("Are you there?")])
    rig.turn_detection(type="server_vad", idle_timeout_ms=5000)
    rig.send("response.create")
    assert not rig.hear(silence(5200))
    events = rig.hear(silence(300))
    triggered = only(events, "input_audio_buffer.timeout_triggered")
    assert triggered["audio_end_ms"] - triggered["audio_start_ms"] == pytest.approx(5000, abs=40)
    assert triggered["audio_start_ms"] == 300
    assert only(events, "input_audio_buffer.committed")["item_id"] == triggered["item_id"]
    assert only(events, "response.done")


def test_audio_split_within_a_sample_is_joined() -> None:
    rig = Rig()
    sound = loud(600) + silence(800)
    for start in range(0, len(sound), 961):
        rig.send("input_audio_buffer.append", audio=base64.b64encode(sound[start : start + 961]).decode())
    assert only(rig.events, "input_audio_buffer.committed")


def test_audio_that_is_not_base64_is_refused() -> None:
    error = error_of(Rig().send("input_audio_buffer.append", audio="not base64!", event_id="e1"))
    assert (error["param"], error["event_id"]) == ("audio", "e1")


def test_semantic_vad_uses_the_transcript_so_far() -> None:
    rig = Rig()
    rig.turn_detection(type="semantic_vad", eagerness="high")
    item_id = only(rig.hear(loud(500)), "input_audio_buffer.speech_started")["item_id"]
    rig.post(inputs.PartialTranscript(item_id, "I want to"))
    assert not rig.hear(silence(1100))
    rig.post(inputs.PartialTranscript(item_id, "I want to return it"))
    assert every(rig.hear(silence(50)), "input_audio_buffer.committed")


@pytest.mark.parametrize(("complete", "ends_after_ms"), [(True, 400), (None, 700), (False, 2000)])
def test_semantic_vad_asks_the_brain_whether_a_reply_is_whole(complete: bool | None, ends_after_ms: int) -> None:
    rig = Rig()
    rig.turn_detection(type="semantic_vad", eagerness="auto")
    item_id = only(rig.hear(loud(500)), "input_audio_buffer.speech_started")["item_id"]
    rig.post(inputs.PartialTranscript(item_id, "the red one", complete))
    assert not every(rig.hear(silence(ends_after_ms - 50)), "input_audio_buffer.committed")
    assert every(rig.hear(silence(100)), "input_audio_buffer.committed")


def test_semantic_vad_waits_if_other_likely_words_are_unfinished() -> None:
    rig = Rig()
    rig.turn_detection(type="semantic_vad", eagerness="auto")
    item_id = only(rig.hear(loud(500)), "input_audio_buffer.speech_started")["item_id"]
    rig.post(inputs.PartialTranscript(item_id, "I'm calling him out.", alternatives=("I'm calling about.",)))
    assert not every(rig.hear(silence(1450)), "input_audio_buffer.committed")
    assert every(rig.hear(silence(100)), "input_audio_buffer.committed")


def test_the_words_of_a_pause_do_not_end_a_turn_that_went_on() -> None:
    rig = Rig()
    rig.turn_detection(type="semantic_vad", eagerness="auto")
    item_id = only(rig.hear(loud(500)), "input_audio_buffer.speech_started")["item_id"]
    rig.hear(silence(300))
    rig.post(inputs.PartialTranscript(item_id, "Yes.", True))
    rig.hear(loud(300))
    assert not every(rig.hear(silence(900)), "input_audio_buffer.committed")
    rig.post(inputs.PartialTranscript(item_id, "Yes, but the red one.", True))
    assert every(rig.hear(silence(50)), "input_audio_buffer.committed")


class Said:
    """Voice activity with the test's probability for each frame."""

    def __init__(self, *probabilities: float) -> None:
        self._probabilities = iter(probabilities)

    def probability(self, frame: bytes) -> float:
        return next(self._probabilities)

    def reset(self) -> None:
        pass


def told(*probabilities: float, threshold: float = 0.5, patience_ms: int = 96) -> list[SpeechChange | None]:
    endpointing = Endpointing(Said(*probabilities))
    return [endpointing.add_frame(loud(32)[:FRAME_BYTES], threshold, patience_ms) for _ in probabilities]


def test_speech_starts_with_the_second_frame_in_a_row() -> None:
    assert told(0.9, 0.1, 0.9, 0.9) == [None, None, None, SpeechChange.STARTED]


def test_speech_needs_a_probability_at_the_threshold() -> None:
    assert told(0.6, 0.6, threshold=0.9) == [None, None]
    assert told(0.95, 0.95, threshold=0.9) == [None, SpeechChange.STARTED]


@pytest.mark.parametrize(("probability", "starts"), [(0.79, None), (0.8, SpeechChange.STARTED)])
def test_over_the_agent_speech_starts_with_one_frame_far_above_the_threshold(
    probability: float, starts: SpeechChange | None
) -> None:
    endpointing = Endpointing(Said(0.1, probability))
    frame = loud(32)[:FRAME_BYTES]
    assert endpointing.add_frame(frame, 0.5, 96, over_agent=True) is None
    assert endpointing.add_frame(frame, 0.5, 96, over_agent=True) is starts


@pytest.mark.parametrize("over_agent", [True, False])
@pytest.mark.parametrize("first", [0.6, 0.9])
def test_speech_is_counted_from_its_first_frame(first: float, over_agent: bool) -> None:
    endpointing = Endpointing(Said(0.1, first, 0.9))
    for _ in range(3):
        endpointing.add_frame(loud(32)[:FRAME_BYTES], 0.5, 96, over_agent=over_agent)
    assert (endpointing.speaking, endpointing.started_ms) == (True, 32)


def test_a_voice_near_the_threshold_does_not_switch_back_and_forth() -> None:
    assert told(0.9, 0.9, *[0.45, 0.4] * 10)[2:] == [None] * 20


def test_frames_between_the_levels_continue_a_silence_and_a_voiced_one_ends_it() -> None:
    assert told(0.9, 0.9, 0.1, 0.45, 0.45)[-1] is SpeechChange.STOPPED
    assert told(0.9, 0.9, 0.1, 0.45, 0.9, 0.1, 0.1)[-1] is None


def test_silence_counts_from_the_end_of_the_audio_level() -> None:
    endpointing = Endpointing(Said(*[0.9] * 12, *[0.0] * 30))
    frames = endpointing.frames(loud(320) + silence(900))
    turns = [endpointing.add_frame(frame, 0.5, 500) for frame in frames]
    assert turns.count(SpeechChange.STOPPED) == 1
    assert endpointing.stopped_ms == pytest.approx(320 + 500, abs=5)


def test_a_turn_can_end_within_a_frame() -> None:
    endpointing = Endpointing(Said(*[0.9] * 10, *[0.0] * 16))
    for frame in endpointing.frames(loud(320) + silence(490)):
        assert endpointing.add_frame(frame, 0.5, 500) is not SpeechChange.STOPPED
    assert endpointing.check_pending(500) is None
    endpointing.frames(silence(11))
    assert endpointing.check_pending(500) is SpeechChange.STOPPED, "though the resampler holds the last 1.5 ms back"
    assert endpointing.stopped_ms == pytest.approx(820, abs=1)


def test_a_silence_within_a_turn_is_a_pause_until_the_caller_speaks_again() -> None:
    rig = Rig()
    rig.hear(loud(500) + silence(300))
    (pause,) = rig.pauses
    rig.hear(loud(300))
    assert rig.pauses == [pause, effects.ResumeUtterance(pause.utterance_id)]
    rig.hear(silence(700))
    assert rig.pauses[2:] == [pause]


def test_a_pause_is_reported_after_200_ms_with_the_audio_before_it() -> None:
    rig = Rig()
    rig.hear(loud(500))
    waited_ms = 0
    while not rig.pauses:
        rig.hear(silence(20))
        waited_ms += 20
    assert 200 <= waited_ms <= 260
    (fed,) = rig.utterances.values()
    assert len(fed) >= len(loud(500) + silence(160))


@pytest.mark.parametrize("silence_ms", [100, 200, 300])
def test_a_pause_is_reported_before_a_short_silence_ends_the_turn(silence_ms: int) -> None:
    rig = Rig()
    rig.turn_detection(type="server_vad", silence_duration_ms=silence_ms)
    rig.hear(loud(500) + silence(700))
    assert len(rig.pauses) == 1


def test_short_gaps_between_words_are_not_pauses() -> None:
    rig = Rig()
    rig.hear((loud(200) + silence(120)) * 5)
    assert rig.pauses == []


def test_the_recogniser_gets_the_prompt_and_the_keywords_of_the_transcription() -> None:
    rig = Rig()
    opened: list[effects.OpenUtterance] = []
    carry_out = rig._carry_out

    def record(effect: effects.Effect) -> bool:
        if isinstance(effect, effects.OpenUtterance):
            opened.append(effect)
        return carry_out(effect)

    rig._carry_out = record  # type: ignore[method-assign]  # to see the effects
    rig.configure(
        audio={
            "input": {"transcription": {"model": "whisper-1", "prompt": "A shop.", "keywords": ["Snowy Peak", "hat"]}}
        }
    )
    rig.hear(loud(500) + silence(700))
    assert [opening.prompt for opening in opened] == ["A shop., Snowy Peak, hat"]
