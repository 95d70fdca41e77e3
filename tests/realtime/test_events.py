"""Events as frames: malformed ones are refused with the problem, and audio is decoded."""

from __future__ import annotations

import base64

import pytest

from trunkline.realtime.events import MalformedEventError, audio_delta_of, decode, encode, text_of

pytestmark = pytest.mark.pure


def test_an_event_survives_a_frame() -> None:
    event = {"type": "session.update", "session": {"instructions": "Grüße, 你好"}}
    assert decode(encode(event)) == event


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        ("{", "not valid JSON"),
        (b"\xff", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[1]", "an event is a JSON object, not list"),
        ('{"type": 5}', "needs a 'type' that is text"),
        ("{}", "needs a 'type' that is text"),
    ],
)
def test_a_malformed_frame_is_refused_with_its_problem(frame: bytes | str, problem: str) -> None:
    with pytest.raises(MalformedEventError, match=problem):
        decode(frame)


def test_the_audio_of_a_delta_is_decoded() -> None:
    delta = base64.b64encode(b"\x01\x02").decode()
    assert audio_delta_of({"type": "response.output_audio.delta", "delta": delta}) == b"\x01\x02"


@pytest.mark.parametrize("fields", [{}, {"delta": None}, {"delta": "not base64!"}])
def test_malformed_audio_is_none(fields: dict[str, object]) -> None:
    assert audio_delta_of({"type": "response.output_audio.delta", **fields}) is None


def test_other_events_have_no_audio() -> None:
    assert audio_delta_of({"type": "response.done"}) is None


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "input_text", "text": "one"}], "one"),
        ([{"type": "output_audio", "transcript": "two"}], "two"),
        ([{"type": "input_text", "text": "one"}, {"type": "output_audio", "transcript": "two"}], "one two"),
        ([{"type": "input_audio", "transcript": None}], ""),
        ([{"type": "input_audio"}, {"type": "input_text", "text": "two"}], "two"),
        (["not a part"], ""),
        ({"text": "not a list"}, ""),
        (None, ""),
    ],
)
def test_the_words_of_a_message_are_those_of_its_parts(content: object, text: str) -> None:
    assert text_of({"type": "message", "content": content}) == text
