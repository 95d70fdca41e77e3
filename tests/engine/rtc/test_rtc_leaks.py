"""Many calls leave no session, task, thread or socket behind.

`TRUNKLINE_LEAK_CALLS` sets their number; the default keeps the suite quick.
"""

from __future__ import annotations

import asyncio
import gc
import os
import weakref

from aiortc import RTCPeerConnection, RTCSessionDescription

from tests.engine.rtc.rtc_caller import engine, eventually, hang_up, mint, offering, post_offer
from tests.open_resources import open_resources

CALLS = int(os.environ.get("TRUNKLINE_LEAK_CALLS", "40"))
AT_ONCE = 10


async def test_many_calls_leave_nothing_behind() -> None:
    peers: weakref.WeakSet[RTCPeerConnection] = weakref.WeakSet()

    async def call(url: str, secret: str, number: int) -> None:
        """One call; a third of them are hung up by the engine, a third by the caller, a third before they are up."""
        caller = await offering()
        peers.add(caller.connection)
        answer = await post_offer(f"{url}/realtime/calls", caller.connection.localDescription.sdp, secret)
        assert answer.status_code == 201
        call_id = answer.headers["location"].rpartition("/")[2]
        running = server.engine.webrtc_calls._calls[call_id]
        peers.add(running.peer._connection)
        if number % 3:
            await caller.connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
            await caller.receive("session.created")
            caller.type("hello")
            await caller.receive("output_audio_buffer.started")
        if number % 3 != 1:
            running.runner.end()
        await hang_up(caller)

    async with engine() as server:
        secret = await mint(server)
        await call(server.url, secret, 1)
        await eventually(lambda: not server.engine.sessions)
        await asyncio.sleep(0.2)
        before = open_resources()
        for start in range(0, CALLS, AT_ONCE):
            await asyncio.gather(*(call(server.url, secret, start + number) for number in range(AT_ONCE)))
        await eventually(lambda: not server.engine.sessions)
        await eventually(lambda: open_resources() <= before)
        assert not server.engine.webrtc_calls._tasks
        gc.collect()
        assert len(peers) == 0, "a peer connection is still referred to"
