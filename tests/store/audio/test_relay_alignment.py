"""Alignment of a recorded call on the relay with the log, by cross-correlation: 20 ms, on both sides."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from tests.calls.model_fake import FakeModel
from tests.store.audio.relay_rig import RelayCaller, Track, recorded_call
from tests.store.audio.signals import level_dbfs, noise, place_ms
from trunkline import Fillers
from trunkline.calls import log_events
from trunkline.calls.filler_audio import recording as filler_recording
from trunkline.scenario.fillers import FillerKind
from trunkline.testing.virtual_time import in_virtual_time

LEFT, RIGHT = 0, 1
CLOSE_MS = 20.0


def speaking(ms: int, **settings: float) -> FakeModel:
    """Return a model whose messages have noise of their own."""
    return FakeModel(voice=lambda text: noise(ms, sum(text.encode())).tobytes(), **settings)  # type: ignore[arg-type]  # any setting of the fake


def check_place(signal: Track, track: Track, at_ms: float) -> None:
    """Check that a signal is in a track at a time, unchanged."""
    before_ms = max(0.0, at_ms - 1500)  # a filler may come again later
    found_ms, correlation = place_ms(signal, track[round(before_ms * 24) : round((at_ms + 1500) * 24) + len(signal)])
    found_ms += before_ms
    assert found_ms == pytest.approx(at_ms, abs=CLOSE_MS)
    assert correlation > 0.95


def check_all_heard(caller: RelayCaller) -> None:
    """Check each stretch of audio that the page has played against the recording."""
    track = caller.recording.track(RIGHT)
    segments = [one for one in caller.page.segments if one.end_ms - one.start_ms >= 60]
    assert segments
    for one in segments:
        check_place(np.frombuffer(bytes(one.pcm), "<i2"), track, one.start_ms)
    silent = np.ones(len(track), bool)
    for one in caller.page.segments:
        silent[max(0, round((one.start_ms - CLOSE_MS) * 24)) : round((one.end_ms + CLOSE_MS) * 24)] = False
    assert not np.any(track[silent])


@pytest.mark.parametrize("reports", [True, False], ids=["page reports", "page without reports"])
@in_virtual_time
async def test_the_agents_audio_is_where_the_log_says_that_it_began(reports: bool) -> None:
    model = speaking(2000)
    async with recorded_call(model, reports=reports) as caller:
        started = await caller.until(log_events.AudioStarted)
        await asyncio.sleep(5)
    assert isinstance(started.event, log_events.AudioStarted)
    track = caller.recording.track(RIGHT)
    text = caller.logged(log_events.MessageDone, "assistant").text
    check_place(noise(2000, sum(text.encode()))[:24_000], track, started.at_ms + started.event.delay_ms)
    check_all_heard(caller)


@in_virtual_time
async def test_the_callers_audio_is_where_they_spoke_also_on_a_bad_network() -> None:
    late = np.random.default_rng(1).uniform(0, 40, 1000)
    async with recorded_call(speaking(500)) as caller:
        await asyncio.sleep(1)
        await caller.says(2000, 11)
        await asyncio.sleep(2)
        await caller.says(2000, 12, late_ms=lambda frame: float(late[frame]))
        await asyncio.sleep(2)
        await caller.says(
            1000, 13, late_ms=lambda frame: max(0.0, 400.0 - 20 * (frame - 20)) if 20 <= frame < 40 else 0
        )
        await asyncio.sleep(1)
    track = caller.recording.track(LEFT)
    for at_ms, voice in caller.sent:
        check_place(voice, track, at_ms)


@pytest.mark.parametrize("reports", [True, False], ids=["page reports", "page without reports"])
@in_virtual_time
async def test_after_an_interruption_only_the_heard_part_is_recorded(reports: bool) -> None:
    async with recorded_call(speaking(4000), reports=reports) as caller:
        await caller.until(log_events.AudioStarted)
        await asyncio.sleep(1.3)
        caller.command(type="interrupt")
        await asyncio.sleep(3)
        caller.command(type="say", text="Tell me more.")
        second = await caller.until(log_events.AudioStarted, 2)
        await asyncio.sleep(6)
    track = caller.recording.track(RIGHT)
    check_all_heard(caller)
    heard = [one for one in caller.page.segments if one.end_ms > one.start_ms]
    assert heard[0].end_ms - heard[0].start_ms == pytest.approx(1300, abs=30)
    assert level_dbfs(track, heard[0].end_ms + CLOSE_MS, second.at_ms - CLOSE_MS) < -100


@in_virtual_time
async def test_a_filler_is_recorded_where_it_was_heard() -> None:
    model = speaking(1000, pace_s=8.0)
    async with recorded_call(model, fillers=Fillers()) as caller:
        filler = await caller.until(log_events.FillerStarted)
        await caller.until(log_events.AudioStarted)
        await asyncio.sleep(10)
    words = np.frombuffer(filler_recording("en", FillerKind.WAITING), "<i2")
    check_place(words[2400:14_400], caller.recording.track(RIGHT), filler.at_ms + 100)
    check_all_heard(caller)


@in_virtual_time
async def test_a_filler_that_the_agent_interrupts_ends_there() -> None:
    model = speaking(1000, pace_s=4.5)
    async with recorded_call(model, fillers=Fillers()) as caller:
        await caller.until(log_events.FillerDone)
        done = await caller.until(log_events.FillerDone)
        await asyncio.sleep(8)
    assert isinstance(done.event, log_events.FillerDone)
    assert done.event.interrupted
    check_all_heard(caller)


@in_virtual_time
async def test_an_answer_that_waits_for_its_turn_is_recorded_when_it_plays() -> None:
    model = FakeModel(
        script=lambda items: ["one", "two"], voice=lambda text: noise(3000, len(text) + ord(text[0])).tobytes()
    )
    async with recorded_call(model) as caller:
        await asyncio.sleep(10)
    check_all_heard(caller)
    assert len([one for one in caller.page.segments if one.pcm]) == 2


@in_virtual_time
async def test_the_recording_ends_with_the_call_and_crosses_segments_without_a_seam() -> None:
    async with recorded_call(speaking(15_000)) as caller:
        await caller.until(log_events.AudioStarted)
        await asyncio.sleep(1)
        await caller.says(12_000, 21)
        await asyncio.sleep(4)
    assert caller.recording.ended
    check_all_heard(caller)
    check_place(caller.sent[0][1], caller.recording.track(LEFT), caller.sent[0][0])


@in_virtual_time
async def test_audio_that_a_page_has_kept_during_a_lost_connection_is_where_it_was_spoken() -> None:
    voice = noise(5000, 15)
    frames = [voice[at : at + 480].tobytes() for at in range(0, len(voice), 480)]
    async with recorded_call(speaking(500)) as caller:
        await asyncio.sleep(1)
        caller.command(type="audio_from", position=0)
        began_ms = caller.now_ms()
        for frame in frames[:50]:
            await asyncio.sleep(0.02)
            caller.call.receive_audio(caller.page, frame)
        caller.call.detach(caller.page, "closed")
        await asyncio.sleep(3)
        caller.joins()
        caller.command(type="audio_from", position=24_000, late_ms=3000)
        for number, frame in enumerate(frames[50:]):
            await asyncio.sleep(0 if number < 150 else 0.02)
            caller.call.receive_audio(caller.page, frame)
        await asyncio.sleep(2)
    check_place(voice, caller.recording.track(LEFT), began_ms)
