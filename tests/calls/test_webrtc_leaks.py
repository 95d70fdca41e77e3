"""Many calls over WebRTC through the whole application leave no task, thread, peer or socket."""

from __future__ import annotations

import asyncio
import gc
import os
import weakref
from collections.abc import Callable

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack

from tests.open_resources import open_resources
from trunkline import Scenario
from trunkline.builtin_scenarios import simple_handoff
from trunkline.calls import log_events
from trunkline.calls.call import Call
from trunkline.calls.pages import Page
from trunkline.calls.registry import CallRegistry
from trunkline.calls.time_limits import CallTimeLimits
from trunkline.engine.transports.webrtc import only_loopback
from trunkline.providers.local_engine import start_local_engine
from trunkline.settings import Settings

pytestmark = pytest.mark.speech
CALLS = int(os.environ.get("TRUNKLINE_LEAK_CALLS", "40"))
"""Forty take about 8 s of a core. Any resource that a call leaves fails the test."""
AT_ONCE = 10
FRAME_MEDIA_READY = '{"type": "media_ready"}'


async def until(condition: Callable[[], object], within_s: float = 20.0) -> None:
    """Wait until a condition is true."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - the condition has no event
            await asyncio.sleep(0.01)


async def offering() -> RTCPeerConnection:
    """Make the page's peer connection with an offer."""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.addTrack(AudioStreamTrack())
    peer.createDataChannel("oai-events")
    with only_loopback():
        await peer.setLocalDescription(await peer.createOffer())
    return peer


async def one_call(call: Call, number: int) -> RTCPeerConnection:
    """Hold a call. A third hang up at once, a third lose their media first, a third offer again in mid-sentence."""
    peer = await offering()
    answer = await call.answer_offer(peer.localDescription.sdp)
    await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    await until(lambda: peer.connectionState == "connected")
    page = Page()
    call.attach(page, call.leg.leg_id, 0)
    call.command(page, FRAME_MEDIA_READY)
    await until(lambda: any(isinstance(entry.event, log_events.AudioStarted) for entry in call.log.since(0)))
    if number % 3 == 1:
        await peer.close()
    elif number % 3 == 2:
        another = await offering()
        await call.answer_offer(another.localDescription.sdp)
        await another.close()
    call.detach(page, "closed")
    call.hang_up()
    await peer.close()
    return peer


async def test_many_calls_leave_no_peer_task_thread_or_socket() -> None:
    settings = Settings.model_validate({"provider": "local", "ice_loopback": True})
    # Without the guardrail, whose text model keeps a connection open for a while.
    scenario = Scenario("plain", agents=simple_handoff.agents, rehearsal=simple_handoff.rehearsal)
    provider = await start_local_engine({scenario.name: scenario}, settings)
    peers: weakref.WeakSet[RTCPeerConnection] = weakref.WeakSet()
    try:
        async with CallRegistry(time_limits=CallTimeLimits(), ended_call_ttl_s=0.0) as registry:

            async def run(number: int) -> None:
                call = registry.start(scenario, provider, agent=None, transport="webrtc")
                peers.add(await one_call(call, number))

            await asyncio.gather(*map(run, range(AT_ONCE)))
            await until(lambda: registry.running == 0)
            await asyncio.sleep(1.0)
            before = open_resources()
            for first in range(0, CALLS, AT_ONCE):
                await asyncio.gather(*map(run, range(first, first + AT_ONCE)))
            await until(lambda: registry.running == 0)
            engine = provider._server.engine
            await until(lambda: not engine.sessions and not engine.webrtc_calls._calls)
            await until(lambda: all(now <= then for now, then in zip(open_resources(), before, strict=True)))
    finally:
        await provider.aclose()
    gc.collect()
    assert len(peers) <= AT_ONCE, "peers are kept"
