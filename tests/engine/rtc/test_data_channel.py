"""Data channel of a session: its queue, its filter, and callers that do not read."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pyee.asyncio import AsyncIOEventEmitter

from trunkline.engine.transports.data_channel import HIGH_WATER_BYTES, MAX_QUEUED_BYTES, DataChannel
from trunkline.realtime.events import Event


class FakeChannel(AsyncIOEventEmitter):
    """Channel that keeps its data until the test releases it."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str] = []
        self.bufferedAmount = 0
        self.bufferedAmountLowThreshold = 0
        self.readyState = "open"

    def send(self, text: str) -> None:
        self.sent.append(text)
        self.bufferedAmount += len(text)

    def close(self) -> None:
        self.readyState = "closing"

    def flush(self) -> None:
        self.bufferedAmount = 0
        self.emit("bufferedamountlow")


def event(type_: str, **fields: Any) -> Event:
    return {"type": type_, **fields}


def opened(*, filtered: bool = False) -> tuple[DataChannel, FakeChannel, list[bool]]:
    stuck: list[bool] = []
    channel, fake = DataChannel(filtered=filtered, on_stalled=lambda: stuck.append(True)), FakeChannel()
    channel.open(fake)  # type: ignore[arg-type]  # has what is needed of aiortc's
    return channel, fake, stuck


async def test_events_wait_until_the_caller_has_opened_the_channel() -> None:
    channel, fake = DataChannel(filtered=False, on_stalled=lambda: None), FakeChannel()
    channel.send(event("session.created"))
    channel.send(event("conversation.created"))
    channel.open(fake)  # type: ignore[arg-type]  # has what is needed of aiortc's
    channel.send(event("response.created"))
    assert [one.split('"')[3] for one in fake.sent] == ["session.created", "conversation.created", "response.created"]


async def test_a_channel_that_is_never_opened_does_not_fill_the_memory() -> None:
    stuck: list[bool] = []
    channel = DataChannel(filtered=False, on_stalled=lambda: stuck.append(True))
    for _ in range(20):
        channel.send(event("x", text="x" * (1 << 20)))
    assert stuck == [True]


async def test_a_caller_who_does_not_read_ends_the_call_once() -> None:
    channel, fake, stuck = opened()
    for _ in range(20):
        channel.send(event("x", text="x" * (1 << 20)))
    assert stuck == [True]
    assert fake.bufferedAmount < MAX_QUEUED_BYTES + (2 << 20)


async def test_speech_synthesis_waits_for_a_slow_caller() -> None:
    channel, fake, _ = opened()
    await channel.wait_writable()
    channel.send(event("x", text="x" * HIGH_WATER_BYTES))
    waiting = asyncio.create_task(channel.wait_writable())
    await asyncio.sleep(0)
    assert not waiting.done()
    fake.flush()
    await waiting


async def test_a_caller_who_leaves_does_not_block_the_session() -> None:
    channel, fake, stuck = opened()
    channel.send(event("x", text="x" * HIGH_WATER_BYTES))
    fake.readyState = "closed"
    fake.emit("close")
    await channel.wait_writable()
    channel.send(event("x"))
    await channel.drain()
    assert len(fake.sent) == 1
    assert not stuck


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (event("session.created", session={"instructions": "the prompt"}), False),
        (event("session.updated"), False),
        (event("error", error={}), False),
        (event("response.created"), False),
        (event("response.done"), False),
        (event("response.function_call_arguments.done"), False),
        (event("response.output_item.added", item={"type": "message"}), False),
        (event("conversation.item.added", item={"type": "message", "role": "user"}), True),
        (event("conversation.item.added", item={"type": "message", "role": "assistant"}), True),
        (event("conversation.item.added", item={"type": "message", "role": "system"}), False),
        (event("conversation.item.added", item={"type": "function_call"}), False),
        (event("conversation.item.added", item={"type": "function_call_output"}), False),
        (event("input_audio_buffer.speech_started"), True),
        (event("output_audio_buffer.stopped"), True),
        (event("response.output_audio_transcript.delta", delta="hi"), True),
        (event("response.output_text.done", text="hi"), True),
        (event("conversation.item.input_audio_transcription.completed", transcript="hi"), True),
    ],
)
async def test_the_filter(told: Event, shown: bool) -> None:
    channel, fake, _ = opened(filtered=True)
    channel.send(told)
    assert bool(fake.sent) == shown
