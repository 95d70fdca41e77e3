"""Invariants of a session for any behaviour of clients, callers, brains and voices, in any order.

The rig checks each event against the official types and the order of events (`Watch`). The tests generate the orders.
"""

from __future__ import annotations

import base64
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.engine_fakes import LOUD, SILENCE, loud, silence, sound_of
from tests.engine.engine_rig import Rig, every, only
from trunkline.engine.brains import BrainOutput, TextDelta, ToolCallDelta, Usage
from trunkline.engine.session import effects, inputs
from trunkline.engine.session.effects import Effect

relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

words = st.sampled_from(["Yes. ", "One moment, ", "please", " wait! ", "No? ", "3.14 ", "\n", ""])
outputs: st.SearchStrategy[BrainOutput] = st.one_of(
    st.builds(TextDelta, words, st.sampled_from([None, "de"])),
    st.builds(ToolCallDelta, st.sampled_from(["c1", "c2", "c3"]), st.just("f"), st.sampled_from(["", "{", "}"])),
    st.builds(Usage, st.integers(0, 99), st.integers(0, 99)),
)
item_ids = st.sampled_from(["root", "mine", "nobody", None, "item_3", "item_4", "item_5", "item_6", "item_7"])
turn_detections = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {"type": st.just("server_vad")},
        optional={
            "create_response": st.booleans(),
            "interrupt_response": st.booleans(),
            "silence_duration_ms": st.sampled_from([0, 100, 500]),
            "prefix_padding_ms": st.sampled_from([0, 300]),
            "idle_timeout_ms": st.sampled_from([5000, None]),
        },
    ),
    st.fixed_dictionaries({"type": st.just("semantic_vad"), "eagerness": st.sampled_from(["high", "auto"])}),
)
formats = st.sampled_from([{"type": "audio/pcm", "rate": 24000}, {"type": "audio/pcmu"}, {"type": "audio/pcma"}])


def event(type_: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"type": st.just(type_)}, optional=fields)


sessions = st.fixed_dictionaries(
    {"type": st.just("realtime")},
    optional={
        "output_modalities": st.sampled_from([["audio"], ["text"]]),
        "max_output_tokens": st.sampled_from([1, 20, "inf", None]),
        "audio": st.fixed_dictionaries(
            {},
            optional={
                "input": st.fixed_dictionaries(
                    {},
                    optional={
                        "turn_detection": turn_detections,
                        "format": formats,
                        "transcription": st.sampled_from([None, {"model": "whisper-1"}]),
                    },
                ),
                "output": st.fixed_dictionaries({}, optional={"format": formats, "voice": st.sampled_from(["a", "b"])}),
            },
        ),
    },
)
sounds = st.builds(
    lambda sample, ms: base64.b64encode(sample * 24 * ms).decode(),
    st.sampled_from([LOUD, SILENCE]),
    st.sampled_from([1, 20, 150, 700]),
)
items = st.one_of(
    st.fixed_dictionaries(
        {
            "type": st.just("message"),
            "role": st.sampled_from(["user", "assistant", "system"]),
            "content": st.sampled_from(
                [[], [{"type": "input_text", "text": "x"}], [{"type": "output_text", "text": "x"}]]
            ),
        },
        optional={"id": st.sampled_from(["mine", "yours"])},
    ),
    st.just({"type": "function_call_output", "call_id": "c1", "output": "1"}),
)
client_events = st.one_of(
    event("session.update", session=sessions),
    event("input_audio_buffer.append", audio=sounds),
    event("input_audio_buffer.append", audio=sounds),
    event("input_audio_buffer.append", audio=sounds),
    event("input_audio_buffer.commit"),
    event("input_audio_buffer.clear"),
    event("conversation.item.create", item=items, previous_item_id=item_ids),
    event("conversation.item.retrieve", item_id=item_ids),
    event("conversation.item.delete", item_id=item_ids),
    event(
        "conversation.item.truncate",
        item_id=item_ids,
        content_index=st.integers(0, 1),
        audio_end_ms=st.sampled_from([0, 50, 100, 5000]),
    ),
    event(
        "response.create",
        response=st.fixed_dictionaries(
            {}, optional={"conversation": st.sampled_from(["auto", "none"]), "metadata": st.just({"a": "b"})}
        ),
    ),
    event("response.create"),
    event("response.cancel"),
    event("make.tea"),
)


class Chaos:
    """Runner that completes random open effects, and sometimes stale ones."""

    def __init__(self, rig: Rig, data: st.DataObject) -> None:
        self._rig = rig
        self._data = data
        self._old: list[Effect] = []

    def act(self) -> None:
        chosen = self._rig.effects + self._old[-5:]
        if not chosen:
            return
        effect = self._data.draw(st.sampled_from(chosen), label="effect")
        for response_input in self._results(effect):
            self._rig.post(response_input)

    def _results(self, effect: Effect) -> list[inputs.Input]:
        draw = self._data.draw
        if isinstance(effect, effects.StartBrain):
            where = (effect.response_id, effect.generation)
            if draw(st.booleans(), label="says"):
                return [inputs.BrainProduced(*where, draw(outputs))]
            self._finish(effect)
            fails = draw(st.booleans(), label="fails")
            return [inputs.BrainFailed(*where, "broke off") if fails else inputs.BrainDone(*where)]
        if isinstance(effect, effects.StartSpeech):
            where = (effect.response_id, effect.generation)
            self._finish(effect)
            spoken: list[inputs.Input] = [inputs.SpeechProduced(*where, chunk) for chunk in sound_of(effect.text)]
            done: inputs.Input = inputs.SpeechDone(*where)
            if draw(st.booleans(), label="fails"):
                done = inputs.SpeechFailed(*where, "hoarse")
            return [*spoken[: draw(st.integers(0, 3))], done]
        self._finish(effect)
        if isinstance(effect, effects.FinishUtterance):
            name = effect.utterance_id
            fails = draw(st.booleans(), label="fails")
            partial = inputs.PartialTranscript(name, "hel")
            return [partial, inputs.TranscriptFailed(name, "died") if fails else inputs.FinalTranscript(name, "hello")]
        if isinstance(effect, effects.SetTimer):
            self._rig.now_ms = max(self._rig.now_ms, effect.at_ms)
            return [inputs.TimerFired(effect.timer)]
        return []

    def _finish(self, effect: Effect) -> None:
        if effect in self._rig.effects:
            self._rig.effects.remove(effect)
            self._old.append(effect)


@relaxed
@given(st.data())
def test_the_protocol_holds_in_any_order_of_events(data: st.DataObject) -> None:
    rig = Rig(answer=None, speaks=False, words=None)
    chaos = Chaos(rig, data)
    for _ in range(data.draw(st.integers(1, 40), label="steps")):
        if data.draw(st.booleans(), label="client"):
            rig.post(inputs.ClientEvent(data.draw(client_events, label="event")))
        else:
            chaos.act()
    well_formed(rig)
    if rig.watch.active is not None:
        rig.send("response.cancel")
    for response_id in list(rig.watch.open):
        rig.send("response.cancel", response_id=response_id)
    rig.watch.at_rest()
    assert rig.replays_equally()


def well_formed(rig: Rig) -> None:
    conversation = rig.session.conversation
    ids = [item["id"] for item in conversation]
    assert len(ids) == len(set(ids)) == len(conversation)
    for item in conversation:
        for index, sound in conversation.audio_parts(item["id"]).items():
            assert sound.length >= 0
            assert len(sound.data) in (0, sound.length)
            assert sound.text_end_at(sound.ms) <= len(item["content"][index].get("transcript") or "") or (
                item["status"] == "in_progress"
            )


@relaxed
@given(
    st.lists(st.tuples(st.sampled_from([loud, silence]), st.integers(1, 900)), max_size=12),
    st.sampled_from([97, 960, 1536, 4801, 48_000]),
    st.booleans(),
)
def test_every_byte_of_audio_is_committed_once_or_was_silence(
    stretches: list[tuple[Any, int]], step: int, push_to_talk: bool
) -> None:
    rig = Rig(answer=lambda request: [])
    if push_to_talk:
        rig.turn_detection()
    sound = b"".join(make(ms) for make, ms in stretches)
    for start in range(0, len(sound), step):
        rig.send("input_audio_buffer.append", audio=base64.b64encode(sound[start : start + step]).decode())
    rig.send("input_audio_buffer.commit")
    at = 0
    for committed in every(rig.events, "input_audio_buffer.committed"):
        retrieved = rig.send("conversation.item.retrieve", item_id=committed["item_id"])
        piece = base64.b64decode(only(retrieved, "conversation.item.retrieved")["item"]["content"][0]["audio"])
        found = sound.index(piece, at)
        assert not push_to_talk or found == at
        at = found + len(piece)
    if push_to_talk and len(sound) >= 4800:
        assert at == len(sound)


@relaxed
@given(st.lists(st.tuples(st.booleans(), st.integers(32, 2000)), max_size=10))
def test_starts_and_stops_of_speech_alternate(stretches: list[tuple[bool, int]]) -> None:
    rig = Rig(answer=lambda request: [])
    for speaking, ms in stretches:
        rig.hear(loud(ms) if speaking else silence(ms))
    told = [one for one in rig.events if one["type"].startswith("input_audio_buffer.speech")]
    assert [one["type"].endswith("started") for one in told] == [index % 2 == 0 for index in range(len(told))]
    times: list[int] = [one["audio_start_ms"] if "audio_start_ms" in one else one["audio_end_ms"] for one in told]
    assert times == sorted(times)


@relaxed
@given(st.data())
def test_a_barge_in_ends_the_answer_before_the_next_turn_is_committed(data: st.DataObject) -> None:
    rig = Rig(answer=None, speaks=False)
    chaos = Chaos(rig, data)
    rig.send("response.create")
    for _ in range(data.draw(st.integers(0, 8))):
        chaos.act()
    active = rig.watch.active
    events = rig.hear(loud(400) + silence(700))
    order = [one["type"] for one in events]
    if active is not None:
        assert order.index("response.done") < order.index("input_audio_buffer.committed")


@relaxed
@given(st.lists(st.integers(0, 450), min_size=1, max_size=5))
def test_truncating_again_and_again_only_shortens(ends: list[int]) -> None:
    rig = Rig(answer=lambda request: [TextDelta("One two three four.")])
    item_id = only(rig.send("response.create"), "response.done")["response"]["output"][0]["id"]
    length, text = 400, "One two three four."
    for end_ms in ends:
        events = rig.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=end_ms)
        if end_ms > length:
            assert only(events, "error")
            continue
        length = end_ms
        part = only(rig.send("conversation.item.retrieve", item_id=item_id), "conversation.item.retrieved")
        content = part["item"]["content"][0]
        assert text.startswith(content["transcript"])
        text = content["transcript"]
        assert len(base64.b64decode(content["audio"] or "")) == length * 48
