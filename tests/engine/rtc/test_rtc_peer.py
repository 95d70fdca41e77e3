"""Audio and events of a call between an engine and a caller, both with real WebRTC peers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aioice.ice
import pytest
import websockets
from aiortc import RTCSctpTransport, RTCSessionDescription

from tests.engine.engine_fakes import FakeBrain, silence
from tests.engine.engine_rig import only, types
from tests.engine.rtc.rtc_caller import (
    KEY,
    Caller,
    ToneTts,
    calling,
    engine,
    eventually,
    mint,
    offering,
    post_offer,
    tone,
    websocket_url,
)
from trunkline.engine.brains import BrainOutput, BrainRequest, TextDelta, ToolCallDelta
from trunkline.engine.transports.ice import IceOptions

CODECS = ["opus", "PCMU", "PCMA"]
LATE_S = 0.25
"""The delay that a busy machine may add to an immediate event; benchmarks measure the delay on a quiet one."""


def sctp(caller: Caller) -> RTCSctpTransport:
    assert caller.connection.sctp is not None
    return caller.connection.sctp


async def test_a_call_has_the_session_of_its_secret() -> None:
    tool = {"type": "function", "name": "weather", "description": "", "parameters": {"type": "object"}}
    bound: dict[str, Any] = {
        "instructions": "Be brief.",
        "tools": [tool],
        "prompt": {"id": "shop", "variables": {"agent": "Greeter"}},
        "audio": {"input": {"turn_detection": None}, "output": {"voice": "sage"}},
    }
    brain, voice = FakeBrain(), ToneTts()
    async with engine(brain, voice=voice) as server, calling(server, **bound) as caller:
        session = (await caller.receive("session.created"))[-1]["session"]
        assert (session["model"], session["instructions"]) == ("m", "Be brief.")
        assert session["audio"]["input"]["turn_detection"] is None
        caller.type("hello")
        await caller.receive("response.done")
    request = brain.requests[0]
    assert (request.model, request.instructions, request.prompt_id) == ("m", "Be brief.", "shop")
    assert request.prompt_variables == {"agent": "Greeter"}
    assert [one["name"] for one in request.tools] == ["weather"]
    assert voice.said[0][1] == "sage"


@pytest.mark.realtime
@pytest.mark.parametrize("codec", CODECS)
async def test_a_spoken_turn_is_heard_and_answered_in_the_codec_that_the_offer_prefers(codec: str) -> None:
    offered = ["G722", codec, *(name for name in CODECS if name != codec)]
    async with engine() as server, calling(server, codecs=offered) as caller:
        await caller.receive("conversation.created")
        caller.microphone.say(silence(200) + tone(600))
        turn = types(await caller.receive("output_audio_buffer.started"))
        await caller.receive("output_audio_buffer.stopped")
        assert turn[:3] == [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
        ]
        assert {packet.codec for packet in caller.packets} == {codec}
        heard = caller.audible()
    assert len(heard) == pytest.approx(20, abs=2), "four words of 100 ms"
    assert heard[0] == pytest.approx(caller.time_of("output_audio_buffer.started"), abs=LATE_S)
    assert heard[-1] == pytest.approx(caller.time_of("output_audio_buffer.stopped"), abs=LATE_S)


async def test_audio_is_not_sent_on_the_data_channel() -> None:
    async with engine() as server, calling(server) as caller:
        caller.type("hello")
        await caller.receive("output_audio_buffer.stopped")
        assert caller.count("response.output_audio.delta") == 0
        assert caller.count("response.output_audio.done") == 1


@pytest.mark.realtime
async def test_audio_comes_in_real_time_between_silence() -> None:
    async with engine() as server, calling(server) as caller:
        await caller.plays(500)
        caller.type("one two three four five six")
        await caller.receive("output_audio_buffer.stopped")
        await caller.plays(200)
        at = [packet.at for packet in caller.packets]
        heard = caller.audible()
        steps = {
            (b.timestamp - a.timestamp) % (1 << 32) for a, b in zip(caller.packets, caller.packets[1:], strict=False)
        }
    assert steps == {960}
    assert (at[-1] - at[0]) / (len(at) - 1) == pytest.approx(0.02, abs=0.003)
    assert heard[-1] - heard[0] == pytest.approx(0.78, abs=LATE_S)


@pytest.mark.realtime
@pytest.mark.parametrize("codec", CODECS)
async def test_a_barge_in_silences_the_answer_at_once_and_truncates_it(codec: str) -> None:
    brain = FakeBrain(lambda request: [TextDelta("word " * 40)])
    async with engine(brain) as server, calling(server, codecs=[codec]) as caller:
        await caller.receive("conversation.created")
        caller.type("tell me everything")
        await caller.receive("output_audio_buffer.started")
        await caller.plays(700)
        caller.microphone.say(tone(400, hz=600))
        told = types(await caller.receive("conversation.item.truncated"))
        await caller.plays(300)
        barged_in, started = (
            caller.time_of("input_audio_buffer.speech_started"),
            caller.time_of("output_audio_buffer.started"),
        )
        cut = only(caller.events, "conversation.item.truncated")
        last = caller.audible()[-1]
        assert "output_audio_buffer.cleared" in told
        assert last - barged_in < LATE_S
        assert cut["audio_end_ms"] == pytest.approx(1000 * (last + 0.02 - started), abs=60)
        caller.send("conversation.item.retrieve", item_id=cut["item_id"])
        item = (await caller.receive("conversation.item.retrieved"))[-1]["item"]
    words = len(item["content"][0]["transcript"].split())
    assert words == cut["audio_end_ms"] // 100


@pytest.mark.realtime
async def test_the_clear_event_silences_the_answer_at_once() -> None:
    brain = FakeBrain(lambda request: [TextDelta("word " * 40)])
    async with engine(brain) as server, calling(server) as caller:
        caller.type("tell me everything")
        await caller.receive("output_audio_buffer.started")
        await caller.plays(400)
        sent = asyncio.get_running_loop().time()
        caller.send("response.cancel")
        caller.send("output_audio_buffer.clear")
        await caller.receive("output_audio_buffer.cleared")
        await caller.plays(300)
        assert caller.audible()[-1] - sent < LATE_S
        assert caller.count("conversation.item.truncated") == 0


async def test_two_answers_do_not_run_into_each_other() -> None:
    async with engine() as server, calling(server) as caller:
        caller.type("one")
        await caller.receive("response.done")
        caller.type("two")
        await caller.receive("output_audio_buffer.stopped")
        await caller.receive("output_audio_buffer.stopped")
    told = [kind for kind in types(caller.events) if kind.startswith("output_audio_buffer")]
    assert told == ["output_audio_buffer.started", "output_audio_buffer.stopped"] * 2


@pytest.mark.realtime
async def test_a_turn_ends_if_the_caller_sends_nothing_while_silent() -> None:
    patient = {"type": "server_vad", "silence_duration_ms": 1500}
    async with engine() as server, calling(server, audio={"input": {"turn_detection": patient}}) as caller:
        await caller.receive("conversation.created")
        caller.microphone.say(tone(400))
        await caller.receive("input_audio_buffer.speech_started")
        await caller.microphone.said()
        began = asyncio.get_running_loop().time()
        caller.microphone.skip = 75
        await caller.receive("input_audio_buffer.speech_stopped")
        assert asyncio.get_running_loop().time() - began < 2.5, "what was not sent is not taken for silence"


async def test_push_to_talk_over_webrtc() -> None:
    session: dict[str, Any] = {"audio": {"input": {"turn_detection": None}}}
    async with engine() as server, calling(server, **session) as caller:
        caller.send("input_audio_buffer.clear")
        await caller.receive("input_audio_buffer.cleared")
        caller.microphone.say(tone(400) + silence(200))
        await caller.microphone.said()
        caller.send("input_audio_buffer.commit")
        caller.send("response.create")
        done = (await caller.receive("response.done"))[-1]
    assert done["response"]["output"][0]["content"][0]["transcript"] == "You said: hello there."


FILTERED = {
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "output_audio_buffer.started",
    "output_audio_buffer.stopped",
    "conversation.item.added",
    "response.output_audio_transcript.delta",
    "response.output_audio_transcript.done",
}


async def test_the_filter_hides_events_from_the_caller() -> None:
    def answer(request: BrainRequest) -> list[BrainOutput]:
        return [TextDelta("One moment."), ToolCallDelta("call_1", "look_up", "{}")]

    async with (
        engine(FakeBrain(answer)) as server,
        calling(server, query="?webrtcfilter=on") as caller,
        websockets.connect(
            websocket_url(server, f"?call_id={caller.call_id}"), additional_headers={"api-key": KEY}
        ) as sideband,
    ):
        secret = {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "the prompt"}]}
        await sideband.send(json.dumps({"type": "conversation.item.create", "item": secret}))
        caller.send("nonsense")
        caller.microphone.say(tone(400))
        await caller.receive("output_audio_buffer.stopped")
        assert set(types(caller.events)) == FILTERED
        roles = [event["item"].get("role") for event in caller.events if event["type"] == "conversation.item.added"]
        assert roles == ["user", "assistant"]
        seen = set()
        async with asyncio.timeout(5):
            while "output_audio_buffer.stopped" not in seen:
                seen.add(json.loads(await sideband.recv())["type"])
    assert {"response.done", "error", "response.function_call_arguments.done", "session.created"} <= seen


async def test_a_second_data_channel_is_closed_and_any_label_is_accepted() -> None:
    async with engine() as server, calling(server) as caller:
        second = caller.connection.createDataChannel("another")
        closed = asyncio.Event()
        second.on("close", closed.set)
        await asyncio.wait_for(closed.wait(), 5)
        caller.type("still here?")
        await caller.receive("response.done")


@pytest.mark.parametrize("size", [1_000, 200_000])
async def test_events_may_be_large(size: int) -> None:
    async with engine() as server, calling(server) as caller:
        caller.send("session.update", session={"type": "realtime", "instructions": "x" * size})
        assert (await caller.receive("session.updated"))[-1]["session"]["instructions"] == "x" * size


async def test_an_event_that_is_too_large_is_refused_and_the_call_continues() -> None:
    async with engine() as server, calling(server) as caller:
        sctp(caller)._remote_max_message_size = 0  # this caller does not keep to the answer
        caller.send("session.update", session={"type": "realtime", "instructions": "x" * 300_000})
        assert "at most" in (await caller.receive("error"))[-1]["error"]["message"]
        caller.type("still here?")
        await caller.receive("response.done")


async def test_an_event_above_the_callers_limit_becomes_an_error() -> None:
    async with engine() as server:
        caller = await offering()
        offer = caller.connection.localDescription.sdp.replace("max-message-size:262144", "max-message-size:20000")
        answer = await post_offer(f"{server.url}/realtime/calls", offer, await mint(server))
        await caller.connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        await caller.receive("session.created")
        caller.send("session.update", session={"type": "realtime", "instructions": "x" * 30_000})
        assert (await caller.receive("error"))[-1]["error"]["code"] == "event_too_large"
        caller.microphone.stop()
        await caller.connection.close()


async def test_an_endless_message_ends_the_call() -> None:
    async with engine() as server, calling(server) as caller:
        sctp(caller)._remote_max_message_size = 0
        caller.channel.send("x" * 4_000_000)
        await eventually(lambda: not server.engine.sessions, 10)


async def test_invalid_data_on_the_channel_is_answered_and_the_call_continues() -> None:
    async with engine() as server, calling(server) as caller:
        for message in ("{", "[]", "", b"\xff\x00", '{"type": 5}'):
            caller.channel.send(message)
            await caller.receive("error")
        caller.type("still here?")
        await caller.receive("response.done")


# ------------------------------------------------------------------ the end of a call


async def test_a_hang_up_of_the_caller_ends_the_session_and_the_sideband() -> None:
    async with engine(grace_s=0.2) as server:
        async with calling(server) as caller:
            url = websocket_url(server, f"?call_id={caller.call_id}")
            sideband = await websockets.connect(url, additional_headers={"api-key": KEY})
            (runner,) = server.engine.sessions.values()
        assert runner.session.id in server.engine.sessions, "the session outlives its caller for a moment"
        await asyncio.wait_for(sideband.wait_closed(), 5)
        assert (sideband.close_code, sideband.close_reason) == (1000, "the caller has gone")
        await eventually(lambda: not server.engine.sessions)


async def test_a_lost_network_ends_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aioice.ice, "CONSENT_INTERVAL", 0.1)
    monkeypatch.setattr(aioice.ice, "CONSENT_FAILURES", 2)
    async with engine() as server, calling(server) as caller:
        ice = sctp(caller).transport.transport._connection
        for protocol in ice._protocols:
            protocol.transport.abort()
        await eventually(lambda: not server.engine.sessions)


async def test_a_caller_who_never_connects_ends_the_call() -> None:
    async with engine(ice=IceOptions(loopback=True, grace_s=0.0, connect_timeout_s=0.2)) as server:
        caller = await offering()
        offer = caller.connection.localDescription.sdp
        answer = await post_offer(f"{server.url}/realtime/calls", offer, await mint(server))
        assert answer.status_code == 201
        assert len(server.engine.sessions) == 1
        await eventually(lambda: not server.engine.sessions)
        caller.microphone.stop()
        await caller.connection.close()


async def test_a_second_end_has_no_effect() -> None:
    async with engine() as server, calling(server) as caller:
        (call,) = server.engine.webrtc_calls._calls.values()
        call.runner.end(1000, "first")
        call.runner.end(1011, "second")
        await asyncio.gather(call.peer.close(), call.peer.close())
        await call.peer.close()
        await asyncio.wait_for(caller.closed.wait(), 5)
        await eventually(lambda: not server.engine.sessions)


async def test_no_public_server_is_asked_unless_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    class Watched(aioice.ice.Connection):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            asked.append((kwargs.get("stun_server"), kwargs.get("turn_server")))
            super().__init__(*args, **kwargs)

    monkeypatch.setattr("aiortc.rtcicetransport.Connection", Watched)
    async with engine() as server, calling(server):
        pass
    assert set(asked) == {(None, None)}
