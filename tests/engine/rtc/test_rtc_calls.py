"""WebRTC calls over HTTP: their start, their end, and their sidebands."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import httpx2 as httpx
import pytest
import websockets
from aiortc import RTCSessionDescription
from openai import AsyncOpenAI, NotFoundError

from tests.engine.engine_fakes import FakeBrain, FakeStt, FakeTts
from tests.engine.official_events import check
from tests.engine.rtc.rtc_caller import (
    KEY,
    PLAUSIBLE_OFFER,
    calling,
    engine,
    eventually,
    hang_up,
    mint,
    offering,
    post_offer,
    websocket_url,
)
from trunkline.engine.brains import BrainError
from trunkline.engine.http.app import Engine
from trunkline.engine.http.client_secrets import ClientSecrets
from trunkline.engine.server import EngineServer
from trunkline.engine.speech.vad import EnergyVoiceActivity


async def test_a_call_is_answered_with_sdp_and_its_address() -> None:
    async with engine() as server:
        secret, caller = await mint(server), await offering()
        answer = await post_offer(f"{server.url}/realtime/calls", caller.connection.localDescription.sdp, secret)
        await hang_up(caller)
    assert answer.status_code == 201
    assert answer.headers["content-type"].startswith("application/sdp")
    assert answer.headers["location"].startswith("/openai/v1/realtime/calls/rtc_")
    assert answer.text.startswith("v=0\r\n")
    assert "a=end-of-candidates" in answer.text
    assert "127.0.0.1" in answer.text


async def test_azures_path_accepts_only_an_ephemeral_key() -> None:
    async with engine() as server:
        url = f"{server.url}/realtime/calls"
        for bearer in (None, KEY, "ek_unknown"):
            answer = await post_offer(url, "v=0", bearer)
            assert answer.status_code == 401, bearer
            assert answer.json()["error"]["code"] == "401"
        async with httpx.AsyncClient() as client:
            answer = await client.post(url, content="v=0", headers={"Content-Type": "application/sdp", "api-key": KEY})
        assert answer.status_code == 401


async def test_an_expired_key_starts_no_call() -> None:
    now = [1000.0]
    async with engine(secrets=ClientSecrets(lambda: now[0])) as server:
        secret = await mint(server)
        now[0] += 600
        assert (await post_offer(f"{server.url}/realtime/calls", "v=0", secret)).status_code == 401


async def test_openais_path_also_accepts_the_engines_key() -> None:
    async with engine() as server:
        caller = await offering()
        url = server.url.replace("/openai/v1", "/v1") + "/realtime/calls?model=m"
        answer = await post_offer(url, caller.connection.localDescription.sdp, KEY)
        await hang_up(caller)
    assert answer.status_code == 201
    assert answer.headers["location"].startswith("/v1/realtime/calls/rtc_")


async def test_the_official_client_creates_a_call_attaches_to_it_and_hangs_up() -> None:
    async with engine() as server:
        base_url = server.url.replace("/openai/v1", "/v1")
        async with AsyncOpenAI(base_url=base_url, api_key=KEY) as client:
            caller = await offering()
            session: Any = {"type": "realtime", "model": "m", "instructions": "Be brief."}
            made = await client.realtime.calls.create(sdp=caller.connection.localDescription.sdp, session=session)
            call_id = made.response.headers["location"].rpartition("/")[2]
            await caller.connection.setRemoteDescription(RTCSessionDescription(made.text, "answer"))
            created = (await caller.receive("session.created"))[-1]
            assert created["session"]["instructions"] == "Be brief."
            async with client.realtime.connect(call_id=call_id) as connection:
                event = (await connection.recv()).model_dump(exclude_unset=True)
                assert event["session"]["id"] == created["session"]["id"]
                await client.realtime.calls.hangup(call_id)
                with pytest.raises(websockets.ConnectionClosedOK):
                    await connection.recv()
            await asyncio.wait_for(caller.closed.wait(), 5)
            with pytest.raises(NotFoundError) as caught:
                await client.realtime.calls.hangup(call_id)
            assert caught.value.code == "call_id_not_found"
            await hang_up(caller)


@pytest.mark.parametrize("parts", [{}, {"session": '{"type": "realtime", "model": "m"}'}, {"sdp": "v=0"}])
async def test_a_form_needs_an_offer_and_a_model(parts: dict[str, str]) -> None:
    async with engine() as server, httpx.AsyncClient() as client:
        url = server.url.replace("/openai/v1", "/v1") + "/realtime/calls"
        files = {name: (None, value) for name, value in {**parts, "more": ""}.items()}
        answer = await client.post(url, files=files, headers={"Authorization": f"Bearer {KEY}"})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] in ("missing_required_parameter", "invalid_form")


async def test_a_form_with_too_many_parts_is_refused() -> None:
    async with engine() as server, httpx.AsyncClient() as client:
        url = server.url.replace("/openai/v1", "/v1") + "/realtime/calls"
        files = {f"part{number}": (None, "x") for number in range(5)}
        answer = await client.post(url, files=files, headers={"Authorization": f"Bearer {KEY}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_form")


async def test_a_form_with_an_ephemeral_key_changes_the_session_of_the_key() -> None:
    async with engine() as server:
        secret, caller = (
            await mint(server, instructions="Be brief.", audio={"output": {"voice": "ash"}}),
            await offering(),
        )
        session: Any = {"type": "realtime", "model": "another", "audio": {"output": {"speed": 1.2}}}
        try:
            async with AsyncOpenAI(base_url=server.url.replace("/openai/v1", "/v1"), api_key=secret) as client:
                sdp = caller.connection.localDescription.sdp
                made = await client.realtime.calls.create(sdp=sdp, session=session)
            await caller.connection.setRemoteDescription(RTCSessionDescription(made.text, "answer"))
            created = (await caller.receive("session.created"))[-1]["session"]
        finally:
            await hang_up(caller)
    assert (created["model"], created["instructions"]) == ("m", "Be brief.")
    assert (created["audio"]["output"]["voice"], created["audio"]["output"]["speed"]) == ("ash", 1.2)


async def test_azure_accepts_no_form() -> None:
    async with engine() as server, httpx.AsyncClient() as client:
        files = {"sdp": (None, "v=0")}
        answer = await client.post(f"{server.url}/realtime/calls", files=files, headers={"api-key": KEY})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unsupported_content_type")


DATA_ONLY = """v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sctp-port:5000\r\n\
a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=setup:actpass\r\n\
a=fingerprint:sha-256 """ + ":".join(["AB"] * 32)


@pytest.mark.parametrize("offer", ["", "hello", "v=0", "v=0\r\nm=audio", DATA_ONLY, "v=0\r\n" * 10 + "m=\r\n" * 5])
async def test_an_offer_that_cannot_be_answered_is_refused_and_leaves_nothing(offer: str) -> None:
    async with engine() as server:
        tasks = asyncio.all_tasks()
        answer = await post_offer(f"{server.url}/realtime/calls", offer, await mint(server))
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_offer")
        assert not server.engine.sessions
        await eventually(lambda: asyncio.all_tasks() <= tasks)


async def test_video_is_declined() -> None:
    async with engine() as server:
        caller = await offering()
        caller.connection.addTransceiver("video")
        await caller.connection.setLocalDescription(await caller.connection.createOffer())
        offer = caller.connection.localDescription.sdp
        answer = await post_offer(f"{server.url}/realtime/calls", offer, await mint(server))
        await hang_up(caller)
    assert answer.status_code == 201
    video = answer.text.partition("m=video")[2].partition("m=")[0]
    assert "a=inactive" in video


async def test_without_the_extra_the_error_names_the_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    async with engine() as server:
        for name in [name for name in sys.modules if name.startswith(("aiortc", "trunkline.engine.transports.webrtc"))]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.delitem(sys.modules, "trunkline.engine.transports.rtc_audio")
        monkeypatch.setitem(sys.modules, "aiortc", None)
        answer = await post_offer(f"{server.url}/realtime/calls", PLAUSIBLE_OFFER, await mint(server))
    assert (answer.status_code, answer.json()["error"]["code"]) == (501, "webrtc_not_installed")
    assert "pip install 'trunkline[webrtc]'" in answer.json()["error"]["message"]


async def test_one_call_too_many_is_refused() -> None:
    async with engine(max_sessions=1) as server, calling(server):
        answer = await post_offer(f"{server.url}/realtime/calls", PLAUSIBLE_OFFER, await mint(server))
        assert (answer.status_code, answer.json()["error"]["code"]) == (429, "too_many_sessions")


async def test_a_model_must_be_known() -> None:
    def unknown(model: str, settings: object) -> FakeBrain:
        raise BrainError(f"There is no model {model}.", "DeploymentNotFound")

    made = Engine(unknown, FakeStt(), FakeTts(), EnergyVoiceActivity, key=KEY)
    async with EngineServer(made) as server:
        answer = await post_offer(f"{server.url}/realtime/calls", PLAUSIBLE_OFFER, await mint(server))
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "DeploymentNotFound")


async def test_a_page_of_another_origin_may_post_its_offer() -> None:
    async with engine() as server, httpx.AsyncClient() as client:
        asked = {"Origin": "http://page.test", "Access-Control-Request-Headers": "authorization,content-type"}
        allowed = await client.options(f"{server.url}/realtime/calls", headers=asked)
        assert allowed.status_code == 204
        assert allowed.headers["access-control-allow-origin"] == "*"
        assert allowed.headers["access-control-allow-headers"] == "authorization,content-type"
        refused = await client.post(f"{server.url}/realtime/calls", headers={"Content-Type": "application/sdp"})
        assert refused.headers["access-control-allow-origin"] == "*"
        minted = await client.options(f"{server.url}/realtime/client_secrets", headers=asked)
        assert "access-control-allow-origin" not in minted.headers


@pytest.mark.parametrize("what", ["accept", "reject", "refer"])
async def test_sip_actions_are_refused_for_webrtc_calls(what: str) -> None:
    async with engine() as server, calling(server) as caller, httpx.AsyncClient(headers={"api-key": KEY}) as client:
        answer = await client.post(f"{server.url}/realtime/calls/{caller.call_id}/{what}", json={})
        assert answer.status_code == 400
        assert "SIP" in answer.json()["error"]["message"]
        answer = await client.post(f"{server.url}/realtime/calls/rtc_unknown/{what}", json={})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "call_id_not_found")


@pytest.mark.parametrize("what", ["hangup", "accept"])
async def test_an_ephemeral_key_is_for_calling_only(what: str) -> None:
    async with engine() as server, calling(server) as caller, httpx.AsyncClient() as client:
        headers = {"Authorization": f"Bearer {await mint(server)}"}
        answer = await client.post(f"{server.url}/realtime/calls/{caller.call_id}/{what}", headers=headers)
        assert answer.status_code == 401
        with pytest.raises(websockets.InvalidStatus) as caught:
            await websockets.connect(websocket_url(server, f"?call_id={caller.call_id}"), additional_headers=headers)
        assert caught.value.response.status_code == 401


async def test_a_sideband_to_an_unknown_call_is_refused() -> None:
    async with engine() as server:
        with pytest.raises(websockets.InvalidStatus) as caught:
            await websockets.connect(websocket_url(server, "?call_id=rtc_x"), additional_headers={"api-key": KEY})
    assert caught.value.response.status_code == 404
    assert json.loads(caught.value.response.body)["error"]["code"] == "call_id_not_found"


def sideband(server: EngineServer, call_id: str) -> websockets.connect:
    return websockets.connect(websocket_url(server, f"?call_id={call_id}"), additional_headers={"api-key": KEY})


async def received(socket: websockets.ClientConnection, until: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    async with asyncio.timeout(10):
        while not events or events[-1]["type"] != until:
            events.append(json.loads(await socket.recv()))
            check(events[-1])
    return events


async def test_all_attached_clients_share_one_session() -> None:
    async with (
        engine() as server,
        calling(server) as caller,
        sideband(server, caller.call_id) as one,
        sideband(server, caller.call_id) as other,
    ):
        for socket in (one, other):
            assert json.loads(await socket.recv())["type"] == "session.created"
        await one.send('{"type": "session.update", "session": {"type": "realtime", "instructions": "New."}}')
        told = [await received(socket, "session.updated") for socket in (one, other)]
        told.append(await caller.receive("session.updated"))
        assert [events[-1]["session"]["instructions"] for events in told] == ["New."] * 3
        caller.type("good morning")
        told = [await received(socket, "output_audio_buffer.stopped") for socket in (one, other)]
        told.append(await caller.receive("output_audio_buffer.stopped"))
        assert told[0] == told[1] == told[2]
        await other.send('{"type": "nonsense", "event_id": "mine"}')
        assert (await caller.receive("error"))[-1]["error"]["event_id"] == "mine"


async def test_a_sideband_can_be_attached_again() -> None:
    async with engine() as server, calling(server) as caller:
        async with sideband(server, caller.call_id) as socket:
            await received(socket, "session.created")
            await socket.send('{"type": "session.update", "session": {"type": "realtime", "instructions": "New."}}')
            await received(socket, "session.updated")
        caller.type("still there?")
        await caller.receive("response.done")
        async with sideband(server, caller.call_id) as socket:
            assert (await received(socket, "session.created"))[0]["session"]["instructions"] == "New."


async def test_a_sideband_finds_the_last_item_that_was_added_without_it() -> None:
    async with engine() as server, calling(server) as caller:
        caller.type("good morning")
        done = (await caller.receive("response.done"))[-1]
        async with sideband(server, caller.call_id) as socket:
            await received(socket, "session.created")
            content = [{"type": "input_text", "text": "?"}]
            item = {"id": "probe", "type": "message", "role": "system", "content": content}
            await socket.send(json.dumps({"type": "conversation.item.create", "item": item}))
            last = (await received(socket, "conversation.item.added"))[-1]["previous_item_id"]
            await socket.send(json.dumps({"type": "conversation.item.retrieve", "item_id": last}))
            found = (await received(socket, "conversation.item.retrieved"))[-1]["item"]
            await socket.send('{"type": "conversation.item.delete", "item_id": "probe"}')
            await received(socket, "conversation.item.deleted")
    (said,) = done["response"]["output"]
    assert (found["id"], found["status"]) == (said["id"], "completed")
    assert found["content"][0]["transcript"] == said["content"][0]["transcript"]


async def test_too_many_sidebands_are_refused() -> None:
    async with engine() as server, calling(server) as caller:
        sockets = [await sideband(server, caller.call_id) for _ in range(16)]
        with pytest.raises(websockets.InvalidStatus) as caught:
            await sideband(server, caller.call_id)
        assert caught.value.response.status_code == 429
        for socket in sockets:
            await socket.close()


async def test_shutting_down_ends_calls_and_sidebands() -> None:
    async with engine() as server:
        secret, caller = await mint(server), await offering()
        answer = await post_offer(f"{server.url}/realtime/calls", caller.connection.localDescription.sdp, secret)
        await caller.connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        await caller.receive("session.created")
        socket = await sideband(server, answer.headers["location"].rpartition("/")[2])
        await received(socket, "session.created")
    await socket.wait_closed()
    assert socket.close_code == 1001
    await asyncio.wait_for(caller.closed.wait(), 5)
    await hang_up(caller)


async def test_an_expired_session_sends_its_error_before_the_end() -> None:
    async with (
        engine(session_limit_s=1.2) as server,
        calling(server) as caller,
        sideband(server, caller.call_id) as socket,
    ):
        assert (await caller.receive("error"))[-1]["error"]["code"] == "session_expired"
        await asyncio.wait_for(caller.closed.wait(), 5)
        await received(socket, "error")
        await socket.wait_closed()
        assert socket.close_code == 1001
        await eventually(lambda: not server.engine.sessions)
