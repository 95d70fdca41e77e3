"""The caller's audio on the relay after a lost socket, in virtual time: nothing is missing, nothing is heard twice."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from tests.calls.call_harness import Caller, calling, queued_frames
from trunkline.calls import log_events
from trunkline.calls.model_link.caller_audio_buffer import LOOKBACK_BYTES
from trunkline.realtime.audio import BYTES_PER_MS
from trunkline.testing.virtual_time import in_virtual_time

FRAME_MS = 20
SAMPLES = FRAME_MS * BYTES_PER_MS // 2


def frame(number: int) -> bytes:
    """Return 20 ms of audio that shows its number."""
    return number.to_bytes(2, "little") * SAMPLES


def numbers(audio: bytes) -> list[int]:
    """Return the numbers of the frames in audio."""
    return [int.from_bytes(audio[at : at + 2], "little") for at in range(0, len(audio), 2 * SAMPLES)]


def page_frames(caller: Caller, kind: str) -> list[dict[str, Any]]:
    """Return the frames of a kind that wait for the caller's page."""
    texts = [frame for frame in queued_frames(caller.page) if isinstance(frame, str)]
    return [event for event in map(msgspec.json.decode, texts) if event["kind"] == kind]


def joins(caller: Caller) -> int | None:
    """Open the caller's page; return the position at which the server continues their audio."""
    caller.joins()
    return page_frames(caller, "leg.role")[0].get("audio_position")


async def speaks(caller: Caller, *numbers: int, live: bool = True) -> None:
    """Send frames, in real time if they are live."""
    for number in numbers:
        caller.call.receive_audio(caller.page, frame(number))
        await asyncio.sleep(FRAME_MS / 1000 if live else 0)


@in_virtual_time
async def test_the_turn_continues_with_the_audio_that_the_page_has_kept() -> None:
    async with calling() as caller:
        await caller.greeted()
        caller.command(type="audio_from", position=0)
        await speaks(caller, 1, 2, 3)
        caller.model.now.emit("input_audio_buffer.speech_started", item_id="u1", audio_start_ms=0)
        await asyncio.sleep(0.1)
        caller.leaves()
        await asyncio.sleep(5)
        assert joins(caller) == 3 * SAMPLES
        caller.command(type="audio_from", position=2 * SAMPLES, late_ms=3 * FRAME_MS)
        await speaks(caller, 3, 4, 5, live=False)
        await speaks(caller, 6)
        await asyncio.sleep(0.1)
        assert numbers(bytes(caller.model.now.audio)) == [1, 2, 3, 4, 5, 6]
        assert "input_audio_buffer.clear" not in caller.model.now.types()


@in_virtual_time
async def test_a_page_that_numbers_nothing_ends_the_turn_when_it_leaves() -> None:
    async with calling() as caller:
        await caller.greeted()
        await speaks(caller, 1, 2)
        caller.leaves()
        await asyncio.sleep(1)
        assert caller.model.now.types()[-1] == "input_audio_buffer.clear"
        assert joins(caller) == 2 * SAMPLES


@in_virtual_time
async def test_another_leg_and_a_viewer_have_other_audio() -> None:
    async with calling() as caller:
        await caller.greeted()
        caller.command(type="audio_from", position=0)
        await speaks(caller, 1)
        caller.joins(leg_id="leg_of_nobody")
        assert "audio_position" not in page_frames(caller, "leg.role")[0]
        caller.call._caller.replace("websocket")
        assert joins(caller) == 0


@in_virtual_time
async def test_audio_is_acknowledged_up_to_the_turn_that_is_not_understood() -> None:
    async with calling() as caller:
        await caller.greeted()
        caller.command(type="audio_from", position=0)
        await speaks(caller, *range(100))
        acknowledged = page_frames(caller, "audio.acknowledged")[-1]["position"]
        assert 0 < acknowledged <= 100 * SAMPLES - LOOKBACK_BYTES // 2
        caller.model.now.emit("input_audio_buffer.speech_started", item_id="u1", audio_start_ms=1600)
        await speaks(caller, *range(150))
        assert page_frames(caller, "audio.acknowledged")[-1]["position"] == 1600 * 24
        caller.model.now.emit("input_audio_buffer.speech_stopped", item_id="u1", audio_end_ms=4600)
        await speaks(caller, *range(10))
        assert caller.call.live_record().audio_position == 0
        caller.model.now.emit("input_audio_buffer.committed", item_id="u1")
        item = {"id": "u1", "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
        caller.model.now.emit("conversation.item.added", item=item)
        done = "conversation.item.input_audio_transcription.completed"
        caller.model.now.emit(done, item_id="u1", transcript="Hello.")
        await asyncio.sleep(0.1)
        assert caller.call.live_record().audio_position == 4600 * 24
        await asyncio.sleep(2)
        assert page_frames(caller, "audio.acknowledged")[-1]["position"] == 4600 * 24


@in_virtual_time
async def test_a_turn_is_acknowledged_after_it_was_committed() -> None:
    committed = False

    async def commit() -> bool:
        return committed

    async with calling() as caller:
        await caller.greeted()
        caller.command(type="audio_from", position=0)
        caller.call.commit = commit
        caller.model.now.emit("input_audio_buffer.speech_started", item_id="u1", audio_start_ms=0)
        await speaks(caller, *range(60))
        done = "conversation.item.input_audio_transcription.completed"
        caller.model.now.emit(done, item_id="u1", transcript="Hello.")
        await speaks(caller, *range(150))
        assert page_frames(caller, "audio.acknowledged") == []
        committed = True
        await asyncio.sleep(1.5)
        assert page_frames(caller, "audio.acknowledged")


@in_virtual_time
async def test_a_page_that_numbers_nothing_gets_no_acknowledgements() -> None:
    async with calling() as caller:
        await caller.greeted()
        await speaks(caller, *range(200))
        assert page_frames(caller, "audio.acknowledged") == []
        assert caller.call.live_record().audio_position is None
        assert [event.kind for event in caller.logged(log_events.CallError)] == []
