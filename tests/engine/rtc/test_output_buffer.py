"""Output audio buffer: the events for audio that the engine plays itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.engine_fakes import loud, silence
from tests.engine.engine_rig import every, only, types
from tests.engine.rtc.paced_rig import PacedRig
from trunkline.engine.brains import BrainRequest, TextDelta
from trunkline.engine.session import effects, inputs, session
from trunkline.engine.speech import SpeechChunk

pytestmark = pytest.mark.pure


def saying(*texts: str) -> PacedRig:
    answers = iter(texts)
    return PacedRig(answer=lambda request: [TextDelta(next(answers))])


def answered(rig: PacedRig, text: str = "hello") -> None:
    rig.type(text)
    rig.send("response.create")


def test_audio_is_played_and_not_sent_as_events() -> None:
    rig = saying("One two three.")
    answered(rig)
    assert not every(rig.events, "response.output_audio.delta")
    rig.tick(15)
    assert b"".join(frame for frame in rig.sent if frame) == loud(300)
    assert only(rig.events, "response.output_audio_transcript.done")["transcript"] == "One two three."


def test_started_comes_with_the_first_frame_after_the_content_part() -> None:
    rig = saying("One two three.")
    answered(rig)
    assert "output_audio_buffer.started" not in types(rig.events)
    told = rig.tick()
    response_id = only(rig.events, "response.created")["response"]["id"]
    assert only(told, "output_audio_buffer.started")["response_id"] == response_id
    assert types(rig.tick(5)) == []


def test_stopped_follows_the_last_audio_of_a_finished_response() -> None:
    rig = saying("One two three.")
    answered(rig)
    rig.tick(15)
    assert "output_audio_buffer.stopped" not in types(rig.events)
    assert types(rig.tick(5)) == ["output_audio_buffer.stopped"]


def test_a_pause_in_the_middle_of_a_response_sends_no_stopped() -> None:
    rig = PacedRig(answer=lambda request: [TextDelta("One two. ")], speaks=False)
    answered(rig)
    speak = rig.took(effects.StartSpeech)
    where = (speak.response_id, speak.generation)
    rig.post(inputs.SpeechProduced(*where, SpeechChunk(loud(40))))
    assert types(rig.tick(10)) == ["output_audio_buffer.started"]
    rig.post(inputs.SpeechProduced(*where, SpeechChunk(loud(40))))
    assert types(rig.tick(10)) == []
    assert types(rig.post(inputs.SpeechDone(*where)))[-2:] == ["response.done", "output_audio_buffer.stopped"]


def test_an_interruption_while_the_answer_is_produced() -> None:
    rig = PacedRig(answer=lambda request: [TextDelta("One two three four. And more.")], speaks=False)
    answered(rig)
    speak = rig.took(effects.StartSpeech)
    for chunk in range(3):
        rig.post(inputs.SpeechProduced(speak.response_id, speak.generation, SpeechChunk(loud(100), ())))
        rig.tick(4 if chunk else 5)
    told = types(rig.speak(loud(200)))
    assert told[0] == "input_audio_buffer.speech_started"
    assert told[-3:] == ["response.done", "output_audio_buffer.cleared", "conversation.item.truncated"]
    assert only(rig.events, "conversation.item.truncated")["audio_end_ms"] == 260
    assert rig.tick(3) == []
    assert rig.sent[-3:] == [None, None, None]


def test_an_interruption_after_the_response_is_done_but_not_played() -> None:
    rig = saying("One two three four five.")
    answered(rig)
    rig.tick(12)
    told = types(rig.speak(loud(200)))
    assert told == [
        "input_audio_buffer.speech_started",
        "output_audio_buffer.cleared",
        "conversation.item.truncated",
    ]
    cut = only(rig.events, "conversation.item.truncated")
    assert cut["audio_end_ms"] == 240
    item = only(rig.send("conversation.item.retrieve", item_id=cut["item_id"]), "conversation.item.retrieved")["item"]
    assert item["content"][0]["transcript"] == "One two"


def test_the_brain_gets_the_played_part_of_a_message() -> None:
    rig = PacedRig()
    answered(rig, "what is the time")
    rig.tick(15)
    rig.speak(loud(300) + silence(700))
    request: BrainRequest = rig.requests[-1]
    assert [item["content"][0].get("transcript") for item in request.items][1] == "You said: what"


def test_an_unplayed_message_is_truncated_to_nothing() -> None:
    rig = saying("One two three.", "Four five six.")
    answered(rig)
    answered(rig)
    rig.tick(5)
    rig.speak(loud(200))
    ends = [event["audio_end_ms"] for event in every(rig.events, "conversation.item.truncated")]
    assert ends == [100, 0]


def test_without_interrupt_response_the_playout_continues() -> None:
    rig = saying("One two three four five.", "And now.")
    rig.turn_detection(type="server_vad", interrupt_response=False)
    answered(rig)
    rig.tick(5)
    rig.speak(loud(200) + silence(700))
    told = types(rig.tick(60))
    assert "output_audio_buffer.cleared" not in types(rig.events)
    assert [kind for kind in told if kind.startswith("output_audio_buffer")] == [
        "output_audio_buffer.stopped",
        "output_audio_buffer.started",
        "output_audio_buffer.stopped",
    ]


def test_a_client_that_clears_gets_silence_and_truncates_by_itself() -> None:
    rig = saying("One two three four five.")
    answered(rig)
    rig.tick(5)
    assert types(rig.send("output_audio_buffer.clear")) == ["output_audio_buffer.cleared"]
    assert types(rig.tick(5)) == []
    assert rig.sent[-5:] == [None] * 5
    item_id = only(rig.events, "response.output_item.done")["item"]["id"]
    told = rig.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=100)
    assert types(told) == ["conversation.item.truncated"]


def test_clearing_in_the_middle_of_a_response_silences_its_rest() -> None:
    rig = PacedRig(answer=lambda request: [TextDelta("One two. ")], speaks=False)
    answered(rig)
    speak = rig.took(effects.StartSpeech)
    where = (speak.response_id, speak.generation)
    rig.post(inputs.SpeechProduced(*where, SpeechChunk(loud(100))))
    rig.tick(2)
    rig.send("output_audio_buffer.clear")
    rig.post(inputs.SpeechProduced(*where, SpeechChunk(loud(100))))
    rig.tick(10)
    assert rig.sent[2:] == [None] * 10
    assert types(rig.post(inputs.SpeechDone(*where)))[-1] == "response.done"


def test_clearing_an_empty_buffer_is_answered() -> None:
    rig = saying("One.")
    assert types(rig.send("output_audio_buffer.clear")) == ["output_audio_buffer.cleared"]


def test_audio_produced_before_a_cancel_is_played() -> None:
    rig = saying("One two three.")
    answered(rig)
    rig.tick(2)
    rig.send("response.cancel")
    assert types(rig.tick(30)) == ["output_audio_buffer.stopped"]


@pytest.mark.parametrize("kind", ["audio/pcmu", "audio/pcma"])
def test_the_audio_format_does_not_affect_the_playout(kind: str) -> None:
    rig = PacedRig()
    rig.configure(audio={"input": {"format": {"type": kind}}, "output": {"format": {"type": kind}}})
    rig.speak(loud(400) + silence(700))
    rig.tick(30)
    assert b"".join(frame for frame in rig.sent if frame) == loud(400)


def test_push_to_talk_keeps_the_latest_audio_without_a_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "MAX_BYTES", 48_000)
    rig = PacedRig()
    rig.turn_detection()
    rig.speak(silence(1500) + loud(500))
    rig.send("input_audio_buffer.commit")
    item_id = only(rig.events, "input_audio_buffer.committed")["item_id"]
    assert bytes(rig.session.conversation.audio_parts(item_id)[0].data) == silence(500) + loud(500)


steps = st.lists(
    st.sampled_from(["ask", "speak", "pause", "clear", "cancel", "tick", "ticks", "make", "finish"]), max_size=40
)


@given(steps)
def test_each_start_ends_once_and_only_unplayed_audio_is_truncated(todo: list[str]) -> None:
    rig = PacedRig(answer=lambda request: [TextDelta("One two three. Four five.")], speaks=False)
    for step in todo:
        speaks = [one for one in rig.effects if isinstance(one, effects.StartSpeech)]
        if step == "ask":
            answered(rig)
        elif step in ("speak", "pause"):
            rig.speak(loud(120) if step == "speak" else silence(600))
        elif step == "clear":
            rig.send("output_audio_buffer.clear")
        elif step == "cancel":
            rig.send("response.cancel")
        elif step in ("tick", "ticks"):
            rig.tick(1 if step == "tick" else 12)
        elif speaks:
            where = (speaks[-1].response_id, speaks[-1].generation)
            rig.post(inputs.SpeechProduced(*where, SpeechChunk(loud(70))))
            if step == "finish":
                rig.effects.remove(speaks[-1])
                rig.post(inputs.SpeechDone(*where))
    rig.send("response.cancel")
    rig.tick(500)
    assert not unfinished(rig)
    rig.watch.at_rest()


def unfinished(rig: PacedRig) -> set[str]:
    """Return the responses that started and did not end.

    Fail if one starts or ends twice, or a truncation cuts nothing.
    """
    playing: set[str] = set()
    over: set[str] = set()
    for event in rig.events:
        kind, response_id = event["type"], event.get("response_id", "")
        if kind == "output_audio_buffer.started":
            assert response_id not in playing | over
            playing.add(response_id)
        elif kind == "output_audio_buffer.stopped" or (kind.endswith("buffer.cleared") and response_id in playing):
            playing.remove(response_id)
            over.add(response_id)
        elif kind == "conversation.item.truncated":
            sound = rig.session.conversation.audio_of(event["item_id"])
            assert sound is not None
            assert sound.ms == event["audio_end_ms"]
    return playing
