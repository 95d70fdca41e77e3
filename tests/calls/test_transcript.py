"""Transcript: the messages that are closed when they will not be completed."""

from __future__ import annotations

import pytest

from trunkline.calls.log_events import MessageDone
from trunkline.calls.machine.transcript import Message, Transcript

pytestmark = pytest.mark.pure


def closed(transcript: Transcript) -> list[tuple[str, str]]:
    """Close the open messages, and return the id and the status of each in the log."""
    events = transcript.close_open(lambda _item_id: 0.0)
    return [(event.item_id, event.status) for event in events if isinstance(event, MessageDone)]


def add(transcript: Transcript, item_id: str, role: str, previous: str | None = None) -> None:
    part = "input_audio" if role == "user" else "output_audio"
    transcript.add_item({"id": item_id, "role": role, "content": [{"type": part}]}, previous, "host")


def test_open_messages_are_closed_once_in_the_order_of_the_conversation() -> None:
    transcript = Transcript()
    transcript.add_typed("typed", "hello")
    add(transcript, "answer", "assistant")
    add(transcript, "question", "user", "typed")  # it is added after its answer has begun
    assert closed(transcript) == [("question", "failed"), ("answer", "interrupted")]
    assert closed(transcript) == []


def test_a_message_of_a_lost_session_is_closed_by_the_id_that_the_log_has() -> None:
    transcript = Transcript()
    transcript.add_speech("former")
    transcript.rename_item("former", "new")
    assert closed(transcript) == [("former", "failed")]


def test_the_open_messages_of_another_server_are_closed() -> None:
    transcript = Transcript()
    transcript.resume({"done": Message("done", "user", done=True), "open": Message("open", "assistant")})
    assert closed(transcript) == [("open", "interrupted")]


def test_speech_that_the_session_has_dropped_is_closed_and_committed_speech_is_not() -> None:
    transcript = Transcript()
    transcript.add_speech("dropped")
    add(transcript, "committed", "user")
    events = transcript.close_uncommitted()
    assert [event.item_id for event in events] == ["dropped"]
    assert closed(transcript) == [("committed", "failed")]
