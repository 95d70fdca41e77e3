"""The order of items, and truncation of spoken ones."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.realtime.conversation import ContentAudio, Conversation, ConversationError

pytestmark = pytest.mark.pure
CODES = ("duplicate", "no_such_previous", "no_such_item", "not_spoken")


def item(item_id: str, role: str = "user", **part: Any) -> dict[str, Any]:
    return {"id": item_id, "type": "message", "role": role, "content": [part]}


def order(conversation: Conversation) -> list[str]:
    return [entry["id"] for entry in conversation]


@pytest.fixture
def spoken() -> Conversation:
    """Make one message of 300 ms: "One" by 100 ms, "One two" by 200, "One two three." by 300."""
    conversation = Conversation()
    conversation.insert(item("a", "assistant", type="output_audio", transcript="One two three."))
    sound = ContentAudio()
    sound.append(bytes(48 * 300))
    for at_ms, text_end in ((100, 3), (200, 7), (300, 14)):
        sound.mark(at_ms, text_end)
    conversation.add_audio("a", 0, sound)
    return conversation


def test_an_item_follows_its_previous_item() -> None:
    conversation = Conversation()
    assert conversation.insert(item("a")) is None
    assert conversation.insert(item("c")) == "a"
    assert conversation.insert(item("b"), "a") == "a"
    assert conversation.insert(item("0"), "root") is None
    assert order(conversation) == ["0", "a", "b", "c"]
    assert conversation.previous_id("b") == "a"
    assert conversation.last_id == "c"


def test_an_unknown_previous_item_is_refused() -> None:
    with pytest.raises(ConversationError) as caught:
        Conversation().insert(item("a"), "nobody")
    assert caught.value.code == "no_such_previous"


def test_an_id_cannot_be_used_twice() -> None:
    conversation = Conversation()
    conversation.insert(item("a"))
    with pytest.raises(ConversationError) as caught:
        conversation.insert(item("a"))
    assert caught.value.code == "duplicate"


def test_deleting_joins_the_neighbours() -> None:
    conversation = Conversation()
    for name in "abc":
        conversation.insert(item(name))
    conversation.delete("b")
    assert conversation.previous_id("c") == "a"
    with pytest.raises(ConversationError, match="does not exist"):
        conversation.get("b")


def test_a_retrieved_item_is_a_copy() -> None:
    conversation = Conversation()
    conversation.insert(item("a", text="x"))
    conversation.retrieve("a")[0]["content"][0]["text"] = "changed"
    assert conversation.get("a")["content"][0]["text"] == "x"


@pytest.mark.parametrize(
    ("heard_ms", "words"), [(0, ""), (99, ""), (100, "One"), (250, "One two"), (300, "One two three.")]
)
def test_truncating_keeps_the_heard_words(spoken: Conversation, heard_ms: int, words: str) -> None:
    assert spoken.truncate("a", 0, heard_ms)["content"][0]["transcript"] == words
    sound = spoken.audio_of("a")
    assert sound is not None
    assert (sound.ms, len(sound.data)) == (heard_ms, heard_ms * 48)


def test_audio_cannot_be_truncated_beyond_its_end(spoken: Conversation) -> None:
    with pytest.raises(ConversationError, match="300ms is already shorter than 301ms") as caught:
        spoken.truncate("a", 0, 301)
    assert caught.value.code == "too_short"


def test_only_the_agents_audio_can_be_truncated(spoken: Conversation) -> None:
    spoken.insert(item("b", text="typed"))
    for item_id, index in (("b", 0), ("a", 1)):
        with pytest.raises(ConversationError) as caught:
            spoken.truncate(item_id, index, 0)
        assert caught.value.code == "not_spoken"


def test_the_oldest_audio_is_dropped_first_and_keeps_its_length() -> None:
    conversation = Conversation(max_audio_bytes=1000)
    for name in "abc":
        conversation.insert(item(name, "assistant", transcript="x"))
        sound = ContentAudio(bytes_per_ms=8)
        sound.append(bytes(480))
        sound.mark(60, 1)
        conversation.add_audio(name, 0, sound)
    kept = {name: len(conversation.audio_parts(name)[0].data) for name in "abc"}
    assert kept == {"a": 0, "b": 480, "c": 480}
    assert conversation.truncate("a", 0, 60)["content"][0]["transcript"] == "x"


@given(st.lists(st.tuples(st.sampled_from("iiidt"), st.integers(0, 9), st.integers(0, 9))))
def test_any_changes_leave_a_conversation_well_formed(changes: list[tuple[str, int, int]]) -> None:
    conversation = Conversation()
    model: list[str] = []
    for kind, one, other in changes:
        name, place = str(one), str(other)
        try:
            if kind == "i":
                conversation.insert(item(name, "assistant", transcript="x"), place if other else None)
                model.insert(model.index(place) + 1 if other else len(model), name)
            elif kind == "d":
                conversation.delete(name)
                model.remove(name)
            else:
                conversation.truncate(name, 0, other)
        except ConversationError as error:
            assert error.code in CODES  # noqa: PT017 - the example decides if it raises
        assert order(conversation) == model
        assert [conversation.previous_id(name) for name in model] == [None, *model][: len(model)]
