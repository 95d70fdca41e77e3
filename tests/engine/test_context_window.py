"""`truncation`: the limited context of a long conversation, which stays complete itself."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.engine_rig import Rig, error_of, every, only
from trunkline.realtime.events import text_of

pytestmark = pytest.mark.pure
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
    """Return the brain's latest items."""
    return [text_of(item) or item["type"] for item in rig.requests[-1].items]


def test_the_oldest_items_are_dropped_beyond_the_limit() -> None:
    rig = limited(30, 1.0)
    for name in "abcd":
        rig.type(name + WORDS[1:])
    rig.send("response.create")
    assert [words[0] for words in told(rig)] == ["b", "c", "d"]


def test_within_the_limit_all_items_are_kept() -> None:
    rig = limited(40, 0.1)
    for name in "abcd":
        rig.type(name + WORDS[1:])
    rig.send("response.create")
    assert [words[0] for words in told(rig)] == ["a", "b", "c", "d"]


def test_a_drop_goes_below_the_limit_so_that_it_is_rare() -> None:
    rig = limited(60, 0.5)
    for name in "abcdefg":
        rig.type(name + WORDS[1:])
    rig.send("response.create")
    assert [words[0] for words in told(rig)] == ["e", "f", "g"]
    rig.type("h" + WORDS[1:])
    rig.send("response.create")
    assert [words[0] for words in told(rig)] == ["e", "f", "g", "Y", "h"], "with the answer in between"


def test_the_latest_item_is_always_kept() -> None:
    rig = limited(1, 0.5)
    rig.type("a" + WORDS)
    rig.type("b" + WORDS)
    rig.send("response.create")
    assert [words[0] for words in told(rig)] == ["b"]


def test_a_result_is_dropped_with_its_call() -> None:
    rig = limited(30, 0.7)
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": WORDS}
    rig.send("conversation.item.create", item=call)
    rig.type("a" + WORDS[1:])
    rig.send("conversation.item.create", item={"type": "function_call_output", "call_id": "c", "output": "1"})
    rig.type("b" + WORDS[1:])
    rig.send("response.create")
    assert [words[0] for words in told(rig)] == ["a", "b"]


def test_dropped_items_stay_in_the_conversation() -> None:
    rig = limited(1, 1.0)
    rig.type("a" + WORDS)
    item_id = every(rig.events, "conversation.item.added")[-1]["item"]["id"]
    rig.type("b" + WORDS)
    rig.send("response.create")
    assert text_of(only(rig.send("conversation.item.retrieve", item_id=item_id), "conversation.item.retrieved")["item"])


@pytest.mark.parametrize("truncation", ["auto", "disabled", {"type": "retention_ratio", "retention_ratio": 0.5}])
def test_without_a_limit_all_items_are_kept(truncation: Any) -> None:
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
