"""`truncation`: what a long conversation costs is bounded, and what was left out stays in the conversation."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.engine_rig import Rig, error_of, every, only
from trunkline.realtime.events import text_of

WORDS = "x" * 40
"""Ten tokens."""


def limited(limit: int, ratio: float) -> Rig:
    rig = Rig()
    limits = {"post_instructions": limit}
    rig.configure(
        output_modalities=["text"],
        truncation={"type": "retention_ratio", "retention_ratio": ratio, "token_limits": limits},
    )
    return rig


def told(rig: Rig) -> list[str]:
    """What the brain was told last."""
    return [text_of(item) or item["type"] for item in rig.requests[-1].items]


def test_the_oldest_are_left_out_beyond_the_limit() -> None:
    rig = limited(30, 1.0)
    for name in "abcd":
        rig.type(name + WORDS[1:])
    rig.send("response.create")
    assert [words[0] for words in told(rig)] == ["b", "c", "d"]


def test_within_the_limit_all_are_told() -> None:
    rig = limited(40, 0.1)
    for name in "abcd":
        rig.type(name + WORDS[1:])
    rig.send("response.create")
    assert [words[0] for words in told(rig)] == ["a", "b", "c", "d"]


def test_more_is_left_out_at_once_so_that_it_happens_seldom() -> None:
    rig = limited(60, 0.5)
    for name in "abcdefg":
        rig.type(name + WORDS[1:])
    rig.send("response.create")
    assert [words[0] for words in told(rig)] == ["e", "f", "g"]
    rig.type("h" + WORDS[1:])
    rig.send("response.create")
    assert [words[0] for words in told(rig)] == ["e", "f", "g", "Y", "h"], "with the answer in between"


def test_the_latest_is_always_told() -> None:
    rig = limited(1, 0.5)
    rig.type("a" + WORDS)
    rig.type("b" + WORDS)
    rig.send("response.create")
    assert [words[0] for words in told(rig)] == ["b"]


def test_the_result_goes_with_its_call() -> None:
    rig = limited(30, 0.7)
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": WORDS}
    rig.send("conversation.item.create", item=call)
    rig.type("a" + WORDS[1:])
    rig.send("conversation.item.create", item={"type": "function_call_output", "call_id": "c", "output": "1"})
    rig.type("b" + WORDS[1:])
    rig.send("response.create")
    assert [words[0] for words in told(rig)] == ["a", "b"]


def test_what_was_left_out_is_still_in_the_conversation() -> None:
    rig = limited(1, 1.0)
    rig.type("a" + WORDS)
    item_id = every(rig.events, "conversation.item.added")[-1]["item"]["id"]
    rig.type("b" + WORDS)
    rig.send("response.create")
    assert text_of(only(rig.send("conversation.item.retrieve", item_id=item_id), "conversation.item.retrieved")["item"])


@pytest.mark.parametrize("truncation", ["auto", "disabled", {"type": "retention_ratio", "retention_ratio": 0.5}])
def test_without_a_limit_all_are_told(truncation: Any) -> None:
    rig = Rig()
    rig.configure(output_modalities=["text"], truncation=truncation)
    for _ in range(50):
        rig.type(WORDS)
    rig.send("response.create")
    assert len(told(rig)) == 50


@pytest.mark.parametrize(
    ("truncation", "param"),
    [
        ("sometimes", "session.truncation"),
        ({"type": "retention_ratio"}, "session.truncation.retention_ratio"),
        ({"type": "retention_ratio", "retention_ratio": 2}, "session.truncation.retention_ratio"),
        (
            {"type": "retention_ratio", "retention_ratio": 1, "token_limits": {"post": 1}},
            "session.truncation.token_limits.post",
        ),
        (
            {"type": "retention_ratio", "retention_ratio": 1, "token_limits": {"post_instructions": -1}},
            "session.truncation.token_limits.post_instructions",
        ),
    ],
)
def test_its_shape_is_checked(truncation: Any, param: str) -> None:
    assert error_of(Rig().configure(truncation=truncation))["param"] == param
