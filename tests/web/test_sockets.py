"""WebSockets of calls over real sockets: frames in both directions, and close codes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import websockets
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.calls.model_fake import FakeModel
from tests.web.web_server import SCENARIO, client, listening, own_settings, serving, with_model
from trunkline.calls.call import Call
from trunkline.calls.registry import CallRegistry
from trunkline.scenario import loading
from trunkline.web import create_app, lifespan, server_state


async def test_a_whole_conversation(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, FakeModel(audio_ms=300)) as caller, caller.calling() as (started, page):
        role = {"seq": 0, "at_ms": page.frames[0]["at_ms"], "kind": "leg.role", "role": "caller", "audio_position": 0}
        assert page.frames[0] == role
        assert [frame["seq"] for frame in page.frames[1:]] == list(range(1, len(page.frames)))
        assert page.frames[1]["call_id"] == started["call_id"]
        await page.sends({"type": "say", "text": "good morning"})
        assert await page.answer() == "You said: good morning."
        await page.sends({"type": "hang_up"})
        assert await page.closed() == (1000, "the call is over")
        assert (page.frames[-1]["kind"], page.frames[-1]["reason"]) == ("call.ended", "caller hung up")
        assert len(page.sound) == 600 * 48


async def test_audio_reaches_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller, caller.calling() as (_started, page):
        await page.sends({"type": "audio_report", "echo_cancelled": True})
        await page.sends(b"\1\2" * 480)
        await page.sends({"type": "say", "text": "did you hear?"})
        await page.answer()
        assert caller.model.now.audio == b"\1\2" * 480


async def test_a_page_gets_nothing_of_a_call_that_another_server_owns(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Call] = []
    started = CallRegistry.start

    def start(self: CallRegistry, *arguments: Any, **options: Any) -> Call:
        calls.append(started(self, *arguments, **options))
        return calls[-1]

    monkeypatch.setattr(CallRegistry, "start", start)
    async with serving(monkeypatch) as caller, caller.calling() as (_started, page):
        calls[0].announce("still ours", "test")
        calls[0].gate.shut()
        calls[0].announce("no longer ours", "test")
        calls[0].send_pages_away()
        assert await page.closed() == (1012, "another server runs this call: connect again")
        assert [frame["message"] for frame in page.frames if frame["kind"] == "notice"] == ["still ours"]
        calls[0].abandon()


async def test_the_log_from_a_number_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller, caller.calling() as (started, page):
        last = page.frames[-1]["seq"]
        async with caller.page(started["call_id"], f"?after={last - 2}") as viewer:
            await viewer.until(lambda frame: frame["seq"] == last)
            assert [frame["seq"] for frame in viewer.frames] == [0, last - 1, last]


@pytest.mark.parametrize("after", ["-1", "x", "1.5", "", "9" * 5000, "%C2%B2", "%D9%A1"])
async def test_an_after_that_is_not_a_number(monkeypatch: pytest.MonkeyPatch, after: str) -> None:
    async with serving(monkeypatch) as caller:
        started = await caller.starts()
        async with caller.page(started["call_id"], f"?after={after}") as page:
            code, reason = await page.closed()
    assert code == 4400
    assert "'after'" in reason


async def test_an_unknown_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller, caller.page("nothing") as page:
        assert await page.closed() == (4404, "There is no such call; start one with POST /api/calls.")


async def test_a_socket_on_another_route_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    from trunkline.web import app

    monkeypatch.setattr(app, "STATIC", tmp_path)
    (tmp_path / "index.html").write_text("console")
    async with serving(monkeypatch) as caller:
        for path in ("/", "/api/health", "/anything"):
            with pytest.raises(websockets.InvalidStatus):
                await websockets.connect(caller.url.replace("http", "ws", 1) + path, proxy=None)


BAD_FRAMES: list[tuple[str | bytes, str]] = [
    (b"\0" * 3, "bad_audio"),
    (b"", "bad_audio"),
    ("", "bad_command"),
    ("hello", "bad_command"),
    ("{}", "bad_command"),
    ("[" * 50_000, "bad_command"),
    ('{"type": "dance"}', "bad_command"),
    ('{"type": "audio_report", "buffer_ms": -1}', "bad_command"),
    ('{"type": "voice_ended", "ms": 10001}', "bad_command"),
    ('{"type": "say"}', "bad_command"),
    ('{"type": "say", "text": 5}', "bad_command"),
    ('{"type": "say", "text": "  "}', "bad_command"),
    ('{"type": "say", "text": "\\ud800"}', "bad_command"),
    ('{"type": "say", "text": "hi", "more": 1}', "bad_command"),
    ('{"type": "say", "text": "' + "x" * 16_001 + '"}', "bad_command"),
    ('{"type": "played", "item_id": "m", "ms": -1}', "bad_command"),
    ('{"type": "played", "item_id": "m", "ms": 1.5}', "bad_command"),
]


async def test_an_invalid_frame_is_answered_and_the_call_continues(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller, caller.calling() as (_started, page):
        for frame, code in BAD_FRAMES:
            await page.sends(frame)
            error = await page.kind("error")
            assert (error["seq"], error["code"], error["source"]) == (0, code, "command"), frame[:60]
            assert error["message"]
        await page.sends({"type": "say", "text": "still here?"})
        assert await page.answer() == "You said: still here?."


async def test_an_unknown_command_gets_the_allowed_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller, caller.calling() as (_started, page):
        await page.sends({"type": "dance"})
        message = (await page.kind("error"))["message"]
    assert all(name in message for name in ("say", "interrupt", "hang_up", "played"))


async def test_a_frame_beyond_the_limit_closes_the_socket_and_the_call_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller, caller.calling() as (started, page):
        await page.sends("x" * (1 << 20 | 1))
        assert (await page.closed())[0] == 1009
        async with caller.page(started["call_id"], f"?leg={started['leg_id']}") as again:
            assert (await again.kind("leg.role"))["role"] == "caller"
            await again.sends({"type": "say", "text": "sorry"})
            await again.until(lambda frame: frame.get("text") == "You said: sorry.")


async def test_a_viewer_sees_everything_and_may_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller, caller.calling() as (started, page):
        async with caller.page(started["call_id"], "?leg=leg_of_nobody") as viewer:
            assert (await viewer.kind("leg.role"))["role"] == "viewer"
            await viewer.sends({"type": "say", "text": "me too"})
            assert (await viewer.until(lambda f: f["kind"] == "error"))["code"] == "not_the_caller"
            await viewer.sends(b"\0\0" * 480)
            await page.sends({"type": "say", "text": "hello"})
            await viewer.until(lambda frame: frame.get("text") == "You said: hello.")
            assert viewer.sound == b""
        assert caller.model.now.audio == b""


async def test_a_reload_returns_to_the_same_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller:
        started = await caller.starts()
        async with caller.page(started["call_id"], f"?leg={started['leg_id']}") as page:
            await page.answer()
        path = f"/api/calls/{started['call_id']}/leg"
        joined = (await caller.http.post(path, json={"leg_id": started["leg_id"]})).json()
        assert joined["role"] == "caller"
        async with caller.page(started["call_id"], f"?leg={joined['leg_id']}&after=0") as page:
            assert await page.answer() == "You said: hi."
            await page.sends({"type": "say", "text": "I am back"})
            assert await page.answer() == "You said: I am back."
        assert len(caller.model.connections) == 1


async def test_a_reload_before_the_old_socket_is_gone_replaces_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        serving(monkeypatch) as caller,
        caller.calling() as (started, old),
        caller.page(started["call_id"], f"?leg={started['leg_id']}") as new,
    ):
        assert (await new.kind("leg.role"))["role"] == "caller"
        assert (await old.closed())[0] == 4409
        await new.sends({"type": "say", "text": "hello"})
        await new.until(lambda frame: frame.get("text") == "You said: hello.")


async def test_taking_over(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller, caller.calling() as (started, page):
        path = f"/api/calls/{started['call_id']}/leg"
        grant = (await caller.http.post(path, json={"take_over": True})).json()
        assert await page.closed() == (4409, "taken over by another page")
        async with caller.page(started["call_id"], f"?leg={grant['leg_id']}") as taker:
            await taker.sends({"type": "say", "text": "mine now"})
            await taker.until(lambda frame: frame.get("text") == "You said: mine now.")


async def test_deleting_a_call_closes_its_sockets_and_leaves_its_log(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller, caller.calling() as (started, page):
        await caller.http.delete(f"/api/calls/{started['call_id']}")
        assert await page.closed() == (1000, "the call is over")
        async with caller.page(started["call_id"]) as reader:
            assert await reader.closed() == (1000, "the call is over")
            assert reader.frames[0]["role"] == "viewer"
            assert reader.frames[1]["kind"] == "call.started"
            assert reader.frames[-1] == page.frames[-1]


async def test_a_call_waits_for_its_caller_and_then_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, caller_wait_s=0.3) as caller:
        started = await caller.starts()
        async with caller.page(started["call_id"], "?leg=somebody_else") as viewer:
            assert (await viewer.kind("call.ended"))["reason"] == "no caller came"


async def test_two_calls_are_two(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller, caller.calling() as (one, first), caller.calling() as (two, second):
        assert one["call_id"] != two["call_id"]
        await first.sends({"type": "say", "text": "one"})
        await second.sends({"type": "say", "text": "two"})
        assert await first.answer() == "You said: one."
        assert await second.answer() == "You said: two."


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}])
async def test_sockets_of_other_origins_are_refused(monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]) -> None:
    async with serving(monkeypatch) as caller:
        started = await caller.starts()
        with pytest.raises(websockets.InvalidStatus) as caught:
            async with caller.page(started["call_id"], additional_headers=headers):
                pass
    assert caught.value.response.status_code == 403


async def test_a_socket_under_a_name_that_is_not_the_servers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller:
        started = await caller.starts()
        port = caller.url.rpartition(":")[2]
        address = f"ws://rebound.example:{port}/api/calls/{started['call_id']}"
        with pytest.raises(websockets.InvalidStatus) as caught:
            await websockets.connect(address, host="127.0.0.1", port=int(port), proxy=None)
    assert caught.value.response.status_code == 403


async def test_sockets_of_the_servers_pages_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller:
        started = await caller.starts()
        headers = {"Origin": caller.url}
        async with caller.page(started["call_id"], f"?leg={started['leg_id']}", additional_headers=headers) as page:
            assert (await page.kind("leg.role"))["role"] == "caller"


# Starting and stopping ----------------------------------------------------------------------------------------------
async def test_stopping_the_server_ends_its_calls_and_leaves_no_task(monkeypatch: pytest.MonkeyPatch) -> None:
    before = asyncio.all_tasks()
    async with contextlib.AsyncExitStack() as stack:
        caller = await stack.enter_async_context(serving(monkeypatch))
        started = await caller.starts()
        page = await stack.enter_async_context(caller.page(started["call_id"], f"?leg={started['leg_id']}"))
        await page.answer()
    assert caller.model.closed
    assert caller.model.now.closed
    await asyncio.sleep(0.05)
    assert asyncio.all_tasks() == before


async def test_stopping_while_scenarios_load_answers_the_waiting_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow_load(targets: Any) -> loading.LoadedScenarios:
        time.sleep(0.5)
        return loading.load(targets)

    monkeypatch.setattr(server_state, "load", slow_load)
    model = with_model(monkeypatch)
    async with contextlib.AsyncExitStack() as after_the_server:
        async with listening(create_app([], own_settings())) as url:
            caller = await after_the_server.enter_async_context(client(url, model))
            waiting = asyncio.create_task(caller.http.get("/api/scenarios"))
            await asyncio.sleep(0.1)
        assert (await waiting).status_code == 200


@contextlib.asynccontextmanager
async def mounted(monkeypatch: pytest.MonkeyPatch, *, with_lifespan: bool) -> AsyncIterator[str]:
    with_model(monkeypatch)
    inner = create_app([str(SCENARIO)], own_settings())

    @contextlib.asynccontextmanager
    async def outer_lifespan(_app: Starlette) -> AsyncIterator[None]:
        if with_lifespan:
            async with lifespan(inner):
                yield
        else:
            yield

    outer = Starlette(routes=[Mount("/voice", inner)], lifespan=outer_lifespan)
    outer.state.service = "the outer app's own"
    async with listening(outer) as url:
        yield f"{url}/voice"


async def test_mounted_in_another_app(monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        mounted(monkeypatch, with_lifespan=True) as url,
        client(url, FakeModel()) as caller,
        caller.calling() as (_started, page),
    ):
        await page.sends({"type": "say", "text": "hello"})
        assert await page.answer() == "You said: hello."


async def test_an_app_mounted_without_its_lifespan_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async with mounted(monkeypatch, with_lifespan=False) as url, client(url, FakeModel()) as caller:
        assert (await caller.http.get("/api/health")).status_code == 200
        got = await caller.refused("GET", "/api/scenarios")
        assert got[:2] == (503, "not_started")
        assert "lifespan" in got[2]["message"]
        async with caller.page("any") as page:
            code, reason = await page.closed()
        assert code == 1011
        assert "lifespan" in reason or "not been started" in reason


async def test_a_page_that_stops_reading_does_not_hold_up_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        serving(monkeypatch, send_timeout_s=0.5) as caller,
        caller.calling() as (started, page),
        caller.page(started["call_id"], "?leg=viewer", max_queue=1) as stuck,
    ):
        await stuck.kind("call.started")
        for _ in range(60):
            caller.model.now.emit("something.long", text="x" * 1_000_000)
            await page.until(lambda frame: frame.get("event", {}).get("type") == "something.long")
        await page.sends({"type": "say", "text": "still there?"})
        await page.until(lambda frame: frame.get("text") == "You said: still there?.")
        code, _reason = await stuck.closed()
    assert code in (1013, 1006)  # closed with a code if it still could be sent; otherwise dropped
