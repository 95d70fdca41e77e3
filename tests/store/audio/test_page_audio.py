"""Chunks of a page's own recording: over WebRTC past this process the server asks for them, and checks each."""

from __future__ import annotations

import asyncio
import contextlib
import random
import struct
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import numpy as np
import pytest

from tests.calls.call_harness import scenario, text_frames
from tests.calls.test_webrtc_offers import FakeMedia
from tests.store.audio.relay_rig import RawRecording, Track
from tests.store.audio.signals import noise, place_ms
from trunkline.calls.call import Call
from trunkline.calls.live_record import LiveRecord, TakenOverCall
from trunkline.calls.log import Entry
from trunkline.calls.log_events import AgentChanged
from trunkline.calls.pages import Page
from trunkline.realtime.audio import decode_pcmu
from trunkline.realtime.audio_tap import AudioTap
from trunkline.store.audio.page_audio import PageAudioError, read_chunk
from trunkline.testing.virtual_time import in_virtual_time

LEFT, RIGHT = 0, 1
_CODES = np.frombuffer(decode_pcmu(bytes(range(256))), "<i2").astype(np.int32)


def chunk(left: Track, right: Track, end_ms: int) -> bytes:
    """Return a chunk as the console sends it."""
    stereo = np.stack([left, right], axis=1).reshape(-1).astype(np.int32)
    codes: bytes = np.abs(stereo[:, None] - _CODES[None, :]).argmin(axis=1).astype(np.uint8).tobytes()
    return b"TLA1" + struct.pack("<I", end_ms) + codes


class TappedMedia(FakeMedia):
    """A model whose WebRTC audio passes through this process."""

    tap: AudioTap | None = None

    def tap_webrtc_call(self, rtc_call_id: str, tap: AudioTap) -> bool:
        """Accept the tap."""
        self.tap = tap
        return True


@contextlib.asynccontextmanager
async def webrtc_call(model: FakeMedia | None = None) -> AsyncIterator[tuple[Call, Page, RawRecording]]:
    """Run a recorded call over WebRTC with the caller's page."""
    recording, page = RawRecording(), Page()
    call = Call(scenario(), model or FakeMedia(), transport="webrtc", recording=recording)
    running = asyncio.create_task(call.run())
    await call.answer_offer("offer")
    call.attach(page, call.leg.leg_id, 0)
    try:
        yield call, page, recording
    finally:
        call.hang_up()
        await running


def role_of(page: Page) -> dict[str, object]:
    """Return the frame with the page's role."""
    return next(frame for frame in text_frames(page) if frame["kind"] == "leg.role")


@in_virtual_time
async def test_the_page_is_asked_to_record_and_its_chunks_are_both_voices() -> None:
    left, right = noise(3000, 1), noise(3000, 2)
    async with webrtc_call() as (call, page, recording):
        assert role_of(page)["records"] is True
        await asyncio.sleep(1)
        for at in range(0, 3000, 200):
            await asyncio.sleep(0.2)
            part = slice(at * 24, (at + 200) * 24)
            call.receive_audio(page, chunk(left[part], right[part], 1200 + at))
        await asyncio.sleep(3)
    for channel, voice in ((LEFT, left), (RIGHT, right)):
        at_ms, correlation = place_ms(voice, recording.track(channel))
        assert at_ms == pytest.approx(1000, abs=20)
        assert correlation > 0.95


@in_virtual_time
async def test_after_a_reload_the_recording_continues_at_its_time() -> None:
    one, two = noise(1000, 3), noise(1000, 4)
    async with webrtc_call() as (call, page, recording):
        for began, voice in ((1000, one), (6000, two)):
            await asyncio.sleep((began - call._now_ms()) / 1000)
            for at in range(0, 1000, 200):
                await asyncio.sleep(0.2)
                part = slice(at * 24, (at + 200) * 24)
                call.receive_audio(page, chunk(voice[part], voice[part], began + at + 200))
            call.detach(page, "reloaded")
            page = Page()
            call.attach(page, call.leg.leg_id, 0)
            assert role_of(page)["records"] is True
        await asyncio.sleep(1)
    for began, voice in ((1000, one), (6000, two)):
        assert place_ms(voice, recording.track(LEFT))[0] == pytest.approx(began, abs=20)


@in_virtual_time
async def test_a_viewer_a_relay_and_a_tapped_call_are_not_asked() -> None:
    async with webrtc_call() as (call, _page, _recording):
        viewer = Page()
        call.attach(viewer, "viewer", 0)
        assert "records" not in role_of(viewer)
    async with webrtc_call(TappedMedia()) as (_call, page, _recording):
        assert "records" not in role_of(page)
    call = Call(scenario(), FakeMedia(), recording=RawRecording())
    page = Page()
    call.attach(page, call.leg.leg_id, 0)
    assert "records" not in role_of(page)
    call.hang_up()


@in_virtual_time
async def test_without_a_recording_no_page_is_asked_and_chunks_are_ignored() -> None:
    call, page = Call(scenario(), FakeMedia(), transport="webrtc"), Page()
    running = asyncio.create_task(call.run())
    await call.answer_offer("offer")
    call.attach(page, call.leg.leg_id, 0)
    call.receive_audio(page, chunk(noise(200, 5), noise(200, 6), 200))
    assert "records" not in role_of(page)
    call.hang_up()
    await running


@in_virtual_time
async def test_a_tapped_call_records_both_directions_with_the_pages_delay() -> None:
    media, caller, agent = TappedMedia(), noise(1000, 7), noise(1000, 8)
    async with webrtc_call(media) as (call, page, recording):
        call.command(page, '{"type":"audio_report","buffer_ms":80,"output_ms":40}')
        await asyncio.sleep(1)
        assert media.tap is not None
        for at in range(0, 1000, 20):
            part = slice(at * 24, (at + 20) * 24)
            media.tap.on_agent_audio(agent[part].tobytes())
            await asyncio.sleep(0.02)
            media.tap.on_caller_audio(caller[part].tobytes())
            recording.settle(call._now_ms())
        await asyncio.sleep(1)
    assert place_ms(caller, recording.track(LEFT))[0] == pytest.approx(1000, abs=20)
    assert place_ms(agent, recording.track(RIGHT))[0] == pytest.approx(1120, abs=20)


@in_virtual_time
async def test_the_former_webrtc_call_is_recorded_no_more() -> None:
    media = TappedMedia()
    async with webrtc_call(media) as (call, _page, recording):
        former = media.tap
        assert former is not None
        await call.answer_offer("another offer")
        await asyncio.sleep(1)
        former.on_caller_audio(noise(500, 9).tobytes())
        await asyncio.sleep(1)
    assert not recording.track(LEFT).any()


@in_virtual_time
async def test_garbage_is_answered_with_an_error_and_the_call_continues() -> None:
    dice = random.Random(1)
    good = chunk(noise(200, 10), noise(200, 11), 1200)
    async with webrtc_call() as (call, page, recording):
        await asyncio.sleep(1)
        for _ in range(300):
            call.receive_audio(page, bytes(dice.randbytes(dice.choice([0, 1, 7, 8, 9, 100, 5000]))))
        for frame in (
            good[:9],
            good[:-1],
            good + bytes(200_000),
            b"TLA1" + struct.pack("<I", 4_000_000_000) + good[8:],
        ):
            call.receive_audio(page, frame)
        assert not call.is_over
        call.receive_audio(page, good)
        await asyncio.sleep(1)
        errors = [frame for frame in text_frames(page) if frame["kind"] == "error"]
        assert len(errors) == 304
        assert {frame["code"] for frame in errors} == {"bad_audio"}
    assert place_ms(noise(200, 10), recording.track(LEFT))[0] == pytest.approx(1000, abs=20)


@in_virtual_time
async def test_too_much_audio_for_one_time_grows_neither_the_recording_nor_the_memory() -> None:
    part = noise(200, 12)
    async with webrtc_call() as (call, page, recording):
        await asyncio.sleep(1)
        for _ in range(500):  # 100 s of audio within one second
            call.receive_audio(page, chunk(part, part, 1000))
        await asyncio.sleep(1)
    assert len(recording.track(LEFT)) <= 20 * 24_000
    assert recording.lost_ms > 80_000


@pytest.mark.pure
@pytest.mark.parametrize("end_ms", [0, 39_000, 101_600])
def test_a_time_that_cannot_be_right_is_refused(end_ms: int) -> None:
    with pytest.raises(PageAudioError, match="time"):
        read_chunk(b"TLA1" + struct.pack("<I", end_ms) + bytes(9600), 100_000)


def of_another_server(rtc_call_id: str | None, committed_ms: int) -> TakenOverCall:
    """Return a call over WebRTC that another server ran until this time."""
    record = LiveRecord(
        "call_1", "key", "bench", "host", "m", datetime.now(UTC).isoformat(), "webrtc", "opus", "leg_secret", 1,
        rtc_call_id=rtc_call_id,
    )  # fmt: skip
    return TakenOverCall(record, [Entry(1, committed_ms, AgentChanged(agent="host"))])


@pytest.mark.parametrize("rtc_call_id", ["rtc_1", None], ids=["the same WebRTC call", "another offer"])
@in_virtual_time
async def test_the_chunks_continue_on_the_server_that_takes_the_call_over(rtc_call_id: str | None) -> None:
    voice, recording, page = noise(1000, 17), RawRecording(), Page()
    taken_over = of_another_server(rtc_call_id, 0)
    call = Call(scenario(), FakeMedia(), transport="webrtc", recording=recording, taken_over=taken_over)
    running = asyncio.create_task(call.run())
    call.attach(page, "leg_secret", 0)
    assert role_of(page)["records"] is True
    began_ms = round(call._now_ms())
    for at in range(0, 1000, 200):
        await asyncio.sleep(0.2)
        part = slice(at * 24, (at + 200) * 24)
        call.receive_audio(page, chunk(voice[part], voice[part], began_ms + at + 200))
    await asyncio.sleep(1)
    call.hang_up()
    await running
    assert place_ms(voice, recording.track(LEFT))[0] == pytest.approx(began_ms, abs=20)
