"""Events of a response, from `response.created` to `response.done`."""

from __future__ import annotations

import base64

import pytest

from tests.engine.engine_rig import Rig, error_of, every, only, types
from trunkline.engine.brains import BrainOutput, TextDelta, ToolCallDelta, Usage
from trunkline.engine.session import effects, inputs
from trunkline.engine.session.output_message import Sentence
from trunkline.engine.speech import SpeechChunk, SpeechMark
from trunkline.realtime.events import Event

pytestmark = pytest.mark.pure


def test_a_session_opens_with_its_configuration() -> None:
    rig = Rig()
    assert types(rig.events) == ["session.created", "conversation.created"]
    session = rig.events[0]["session"]
    assert session["model"] == "test-model"
    assert session["audio"]["input"]["turn_detection"]["type"] == "server_vad"


def test_a_spoken_answer_sends_events_in_the_order_of_the_services() -> None:
    rig = Rig()
    rig.type("hi")
    events = rig.send("response.create")
    assert [kind for kind in types(events) if not kind.endswith(".delta")] == [
        "response.created",
        "rate_limits.updated",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    assert types(events)[5:7] == ["response.output_audio_transcript.delta", "response.output_audio.delta"]
    rig.watch.at_rest()


def test_the_transcript_is_in_step_with_the_audio() -> None:
    rig = Rig(answer=lambda request: [TextDelta("One two three.")])
    events = rig.send("response.create")
    seen = [
        event["delta"] if "transcript" in event["type"] else "♪"
        for event in events
        if event["type"] in ("response.output_audio_transcript.delta", "response.output_audio.delta")
    ]
    assert seen == ["One", "♪", " two", "♪", " three.", "♪"]


def test_audio_is_sent_in_pieces_of_at_most_200_ms() -> None:
    rig = Rig(answer=lambda request: [TextDelta("Long.")], speaks=False)
    rig.send("response.create")
    speak = rig.took(effects.StartSpeech)
    events = rig.post(inputs.SpeechProduced(speak.response_id, speak.generation, SpeechChunk(bytes(48 * 1000))))
    sizes = [len(base64.b64decode(event["delta"])) for event in every(events, "response.output_audio.delta")]
    assert sizes == [9600] * 5


class LongSentence:
    """Response that speaks a sentence of 75 words in chunks of 61 ms, as eSpeak gives them, with a word in each."""

    def __init__(self) -> None:
        self.rig = Rig(answer=lambda request: [TextDelta("word " * 74 + "end.")], speaks=False)
        self.rig.send("response.create")
        self.speak = self.rig.took(effects.StartSpeech)

    def say(self, count: int, *, ms_each: float = 0.0) -> list[Event]:
        """Return the events for chunks, of which one comes each `ms_each`."""
        events: list[Event] = []
        for index in range(count):
            self.rig.now_ms += ms_each
            chunk = SpeechChunk(bytes(48 * 61), (SpeechMark(61 * (index + 1), 5 * index + 4),))
            events += self.rig.post(inputs.SpeechProduced(self.speak.response_id, self.speak.generation, chunk))
        return events

    def end(self) -> list[Event]:
        return self.rig.post(inputs.SpeechDone(self.speak.response_id, self.speak.generation))


def audio_ms(events: list[Event]) -> list[int]:
    return [len(base64.b64decode(event["delta"])) // 48 for event in every(events, "response.output_audio.delta")]


def test_audio_far_ahead_of_the_playout_is_sent_in_longer_pieces() -> None:
    sentence = LongSentence()
    durations = audio_ms(sentence.say(1000) + sentence.end())
    assert durations[:30] == [61] * 30
    assert len(durations) < 100
    assert max(durations) == 1000
    assert sum(durations) == 61_000


def test_audio_in_step_with_the_playout_is_sent_at_once() -> None:
    sentence = LongSentence()
    assert audio_ms(sentence.say(100, ms_each=61)) == [61] * 100


def test_the_transcript_waits_for_its_audio_far_ahead_of_the_playout() -> None:
    sentence = LongSentence()
    spoken_ms = words = 0
    for event in sentence.say(75) + sentence.end():
        if event["type"] == "response.output_audio.delta":
            spoken_ms += audio_ms([event])[0]
            assert words * 61 <= spoken_ms
        elif event["type"] == "response.output_audio_transcript.delta":
            words += len(event["delta"].split())
    assert words == 75


def test_a_cancelled_answer_sends_the_audio_that_waits() -> None:
    sentence = LongSentence()
    before = sentence.say(75)
    cancelled = sentence.rig.send("response.cancel")
    assert len(audio_ms(cancelled)) == 1
    assert sum(audio_ms(before + cancelled)) == 75 * 61


def test_each_sentence_is_spoken_as_soon_as_it_is_complete() -> None:
    rig = Rig(answer=None, speaks=False)
    rig.send("response.create")
    brain = rig.took(effects.StartBrain)
    where = (brain.response_id, brain.generation)
    rig.post(inputs.BrainProduced(*where, TextDelta("Dr. Lee is in. Please ")))
    speak = rig.took(effects.StartSpeech)
    assert speak.text == "Dr. Lee is in."
    rig.post(inputs.SpeechDone(speak.response_id, speak.generation))
    rig.post(inputs.BrainProduced(*where, TextDelta("wait")))
    assert not rig.effects
    rig.post(inputs.BrainDone(*where))
    assert rig.took(effects.StartSpeech).text == "Please wait"


def test_each_sentence_of_chinese_is_spoken_as_soon_as_it_is_complete() -> None:
    rig = Rig(answer=None, speaks=False)
    rig.send("response.create")
    brain = rig.took(effects.StartBrain)
    rig.post(inputs.BrainProduced(brain.response_id, brain.generation, TextDelta("您好，这里是银行。我保证")))
    assert rig.took(effects.StartSpeech).text == "您好，这里是银行。"


def test_a_text_answer_has_no_audio() -> None:
    rig = Rig()
    rig.configure(output_modalities=["text"])
    rig.type("hi")
    events = rig.send("response.create")
    assert types(events)[4:] == [
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    assert only(events, "response.output_text.done")["text"] == "You said: hi."


def test_function_calls_follow_the_message_before_them_and_each_other() -> None:
    rig = Rig(
        answer=lambda request: [
            TextDelta("One moment."),
            ToolCallDelta("call_a", "look_up", '{"id"'),
            ToolCallDelta("call_a", "look_up", ": 1}"),
            ToolCallDelta("call_b", "check", ""),
        ]
    )
    events = rig.send("response.create")
    done = only(events, "response.done")["response"]
    assert [(item["type"], item.get("arguments")) for item in done["output"]] == [
        ("message", None),
        ("function_call", '{"id": 1}'),
        ("function_call", "{}"),
    ]
    assert [event["call_id"] for event in every(events, "response.function_call_arguments.done")] == [
        "call_a",
        "call_b",
    ]
    first_call = next(i for i, e in enumerate(events) if e.get("item", {}).get("type") == "function_call")
    assert "response.output_audio.done" in types(events[:first_call])
    rig.watch.at_rest()


def test_a_function_call_waits_until_the_message_before_it_is_spoken() -> None:
    rig = Rig(answer=lambda request: [TextDelta("One moment."), ToolCallDelta("call_a", "look_up", "{}")], speaks=False)
    events = rig.send("response.create")
    assert not every(events, "response.function_call_arguments.done")
    speak = rig.took(effects.StartSpeech)
    events = rig.post(inputs.SpeechDone(speak.response_id, speak.generation))
    assert only(events, "response.function_call_arguments.done")["name"] == "look_up"


def test_a_second_response_is_refused_while_one_is_active() -> None:
    rig = Rig(answer=None)
    rig.send("response.create")
    error = error_of(rig.send("response.create", event_id="mine"))
    assert error["code"] == "conversation_already_has_active_response"
    assert error["event_id"] == "mine"


def test_cancelling_closes_everything_that_was_opened() -> None:
    rig = Rig(speaks=False)
    rig.type("hi")
    rig.send("response.create")
    speak = rig.took(effects.StartSpeech)
    rig.post(inputs.SpeechProduced(speak.response_id, speak.generation, SpeechChunk(bytes(4800))))
    events = rig.send("response.cancel")
    assert rig.took(effects.CancelSpeech)
    response = only(events, "response.done")["response"]
    assert response["status"] == "cancelled"
    assert response["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    assert response["output"][0]["status"] == "incomplete"
    rig.watch.at_rest()


def test_cancelling_stops_the_brain() -> None:
    rig = Rig(answer=None)
    rig.send("response.create")
    brain = rig.took(effects.StartBrain)
    events = rig.send("response.cancel", response_id=brain.response_id)
    assert rig.took(effects.CancelBrain) == effects.CancelBrain(brain.response_id, brain.generation)
    assert only(events, "response.done")["response"]["output"] == []


def test_late_results_of_a_cancelled_response_are_dropped() -> None:
    rig = Rig(answer=None)
    rig.send("response.create")
    brain = rig.took(effects.StartBrain)
    where = (brain.response_id, brain.generation)
    rig.send("response.cancel")
    assert rig.post(inputs.BrainProduced(*where, TextDelta("Too late."))) == []
    assert rig.post(inputs.BrainDone(*where)) == []
    assert rig.post(inputs.SpeechProduced(*where, SpeechChunk(bytes(480)))) == []


def test_cancelling_without_a_response_is_an_error() -> None:
    assert error_of(Rig().send("response.cancel"))["code"] == "response_cancel_not_active"


def test_a_failing_brain_fails_the_response_and_not_the_session() -> None:
    rig = Rig(answer=None)
    rig.send("response.create")
    brain = rig.took(effects.StartBrain)
    rig.post(inputs.BrainProduced(brain.response_id, brain.generation, TextDelta("Well, ")))
    events = rig.post(inputs.BrainFailed(brain.response_id, brain.generation, "Out of memory.", "server_error"))
    details = only(events, "response.done")["response"]["status_details"]
    assert details["type"] == "failed"
    assert details["error"]["message"] == "Out of memory."
    assert types(rig.send("response.create"))[0] == "response.created"


def test_the_text_is_sent_if_the_speech_synthesis_fails() -> None:
    rig = Rig(answer=lambda request: [TextDelta("Can you read this? I hope so.")], speaks=False)
    rig.send("response.create")
    for _ in range(2):
        speak = rig.took(effects.StartSpeech)
        rig.post(inputs.SpeechFailed(speak.response_id, speak.generation, "Install trunkline[speech]."))
    assert only(rig.events, "response.output_audio_transcript.done")["transcript"] == "Can you read this? I hope so."
    assert error_of(rig.events)["message"] == "Install trunkline[speech]."
    assert only(rig.events, "response.done")["response"]["status"] == "completed"


def test_a_response_outside_the_conversation_leaves_no_trace_in_it() -> None:
    rig = Rig()
    rig.type("hi")
    events = rig.send(
        "response.create",
        response={
            "conversation": "none",
            "output_modalities": ["text"],
            "metadata": {"topic": "mood"},
            "instructions": "Judge the mood.",
            "input": [
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "only this"}]},
            ],
        },
    )
    response = only(events, "response.done")["response"]
    assert response["conversation_id"] is None
    assert response["metadata"] == {"topic": "mood"}
    assert not every(events, "conversation.item.added")
    assert only(events, "response.output_text.done")["text"] == "You said: only this."
    assert rig.requests[-1].instructions == "Judge the mood."
    assert len(rig.session.conversation) == 1


def test_input_may_refer_to_items_of_the_conversation() -> None:
    rig = Rig()
    item_id = only(rig.type("first"), "conversation.item.added")["item"]["id"]
    rig.type("second")
    rig.send("response.create", response={"input": [{"type": "item_reference", "id": item_id}]})
    assert [item["id"] for item in rig.requests[-1].items] == [item_id]


def test_responses_outside_the_conversation_run_beside_the_active_one() -> None:
    rig = Rig(answer=None)
    rig.send("response.create")
    events = rig.send("response.create", response={"conversation": "none"})
    assert only(events, "response.created")["response"]["conversation_id"] is None


def test_a_response_keeps_the_configuration_it_started_with() -> None:
    rig = Rig(answer=None)
    rig.send("response.create")
    brain = rig.took(effects.StartBrain)
    rig.configure(output_modalities=["text"])
    events = rig.post(inputs.BrainProduced(brain.response_id, brain.generation, TextDelta("Still spoken. ")))
    assert only(events, "response.content_part.added")["part"]["type"] == "audio"


def test_an_answer_ends_at_its_token_limit() -> None:
    rig = Rig(answer=lambda request: [TextDelta("word " * 40) for _ in range(20)])
    rig.configure(output_modalities=["text"], max_output_tokens=100)
    response = only(rig.send("response.create"), "response.done")["response"]
    assert response["status"] == "incomplete"
    assert response["status_details"]["reason"] == "max_output_tokens"


def test_usage_counts_text_and_audio() -> None:
    rig = Rig(answer=lambda request: [TextDelta("One two three four.")])
    usage = only(rig.send("response.create"), "response.done")["response"]["usage"]
    assert usage["output_token_details"] == {"text_tokens": 5, "audio_tokens": 8}
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


def test_usage_of_the_brain_replaces_the_estimate() -> None:
    rig = Rig(answer=lambda request: [TextDelta("Yes."), Usage(120, 7, 100)])
    rig.configure(output_modalities=["text"])
    usage = only(rig.send("response.create"), "response.done")["response"]["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (120, 7)
    assert usage["input_token_details"]["cached_tokens"] == 100


def test_the_language_reaches_the_speech_synthesis() -> None:
    rig = Rig(answer=lambda request: [TextDelta("Good day."), TextDelta(" Guten Tag.", "de")], speaks=False)
    rig.send("response.create")
    first = rig.took(effects.StartSpeech)
    rig.post(inputs.SpeechDone(first.response_id, first.generation))
    second = rig.took(effects.StartSpeech)
    assert [(first.text, first.language), (second.text, second.language)] == [
        ("Good day.", None),
        ("Guten Tag.", "de"),
    ]


def test_the_speed_of_some_words_multiplies_the_session_s_and_stays_within_the_protocol_s_range() -> None:
    rig = Rig(answer=lambda request: [TextDelta("Terms apply.", speed=1.25), TextDelta(" Agreed?")], speaks=False)
    rig.configure(audio={"output": {"speed": 0.8}})
    rig.send("response.create")
    first = rig.took(effects.StartSpeech)
    rig.post(inputs.SpeechDone(first.response_id, first.generation))
    second = rig.took(effects.StartSpeech)
    assert [(first.text, first.speed), (second.text, second.speed)] == [("Terms apply.", 1.0), ("Agreed?", 0.8)]
    assert Sentence("Terms apply.", speed=1.4).speed_in(1.3) == 1.5


def test_telephone_audio_is_g711() -> None:
    rig = Rig(answer=lambda request: [TextDelta("One two.")])
    rig.configure(audio={"output": {"format": {"type": "audio/pcmu"}}})
    events = rig.send("response.create")
    sound = b"".join(base64.b64decode(event["delta"]) for event in every(events, "response.output_audio.delta"))
    assert len(sound) == 200 * 8


def test_a_brain_that_never_stops_is_stopped() -> None:
    rig = Rig(answer=None, speaks=False)
    rig.send("response.create")
    brain = rig.took(effects.StartBrain)
    for _ in range(100):
        rig.post(inputs.BrainProduced(brain.response_id, brain.generation, TextDelta("On and on it goes. " * 100)))
    assert only(rig.events, "response.done")["response"]["status_details"]["reason"] == "max_output_tokens"
    assert rig.took(effects.CancelBrain)


def test_a_content_filter_leaves_the_answer_incomplete() -> None:
    rig = Rig(answer=None)
    rig.send("response.create")
    brain = rig.took(effects.StartBrain)
    events = rig.post(inputs.BrainFailed(brain.response_id, brain.generation, "Filtered.", "content_filter"))
    assert only(events, "response.done")["response"]["status_details"]["reason"] == "content_filter"


def test_a_session_without_parallel_tool_calls_gets_one_call_at_a_time() -> None:
    calls: list[BrainOutput] = [
        ToolCallDelta("a", "f", "{"),
        ToolCallDelta("a", "f", "}"),
        ToolCallDelta("b", "f", "{}"),
    ]
    rig = Rig(answer=lambda request: calls)
    rig.configure(parallel_tool_calls=False)
    done = only(rig.send("response.create"), "response.done")["response"]
    assert [item["call_id"] for item in done["output"]] == ["a"]
    assert (done["status"], done["output"][0]["status"]) == ("completed", "completed")
    assert rig.requests[0].parallel_tool_calls is False


def test_a_response_may_allow_several_calls_for_itself() -> None:
    rig = Rig(answer=lambda request: [ToolCallDelta("a", "f", "{}"), ToolCallDelta("b", "f", "{}")])
    rig.configure(parallel_tool_calls=False)
    done = only(rig.send("response.create", response={"parallel_tool_calls": True}), "response.done")["response"]
    assert [item["call_id"] for item in done["output"]] == ["a", "b"]
