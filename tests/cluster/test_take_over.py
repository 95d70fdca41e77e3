"""Calls that continue on another server after theirs has gone, over the relay."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from agents import RunContextWrapper, function_tool
from agents.realtime import RealtimeAgent
from pydantic import BaseModel

from tests.calls.model_fake import Answer, Calls, FakeModel
from tests.cluster.two_servers import KEY, address_of, loopback_listener
from tests.web.web_server import SCENARIO, Client, client, listening, own_settings, with_model
from trunkline import CallContext, Scenario
from trunkline.calls.live_record import TakenOverCall
from trunkline.calls.log_events import CallEnded, CallStarted
from trunkline.cluster.live_calls import LiveCalls, Ownership
from trunkline.cluster.node import ClusterNode
from trunkline.realtime.events import Event
from trunkline.scenario.loading import Target
from trunkline.store.database import Database
from trunkline.store.stored_calls import StoredCalls
from trunkline.web import create_app
from trunkline.web.server_state import ServerState


class Server:
    """A server of the cluster whose death a test can play: it writes nothing more, and nobody holds its lock."""

    def __init__(self, state: ServerState, caller: Client) -> None:
        self.state = state
        self.caller = caller

    async def dies(self) -> None:
        live = self.state.live
        assert live is not None
        for task in live._tasks:
            task.cancel()
        await asyncio.gather(*live._tasks, return_exceptions=True)
        async with live._writing:
            calls = [followed.call for followed in live._followed.values()]
            live._followed.clear()
        for call in calls:
            call.abandon()
        await live._lock.release()


@contextlib.asynccontextmanager
async def servers(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    model: FakeModel | None = None,
    *,
    targets: Sequence[Target] = (SCENARIO,),
    **settings: Any,
) -> AsyncIterator[tuple[Server, Server]]:
    """Run two servers with one database."""
    model = with_model(monkeypatch, model)
    given = own_settings(data_dir=folder, **settings)
    listeners = loopback_listener(), loopback_listener()
    async with contextlib.AsyncExitStack() as stack:
        both = []
        for number, own in enumerate(listeners):
            app = create_app(targets, given)
            peer = address_of(listeners[1 - number])
            app.state.server.join_cluster(ClusterNode(str(number), KEY, (peer,), own))
            url = await stack.enter_async_context(listening(app, given))
            caller = await stack.enter_async_context(client(url, model))
            await caller.http.get("/api/scenarios")
            both.append(Server(app.state.server, caller))
            if (live := app.state.server.live) is not None:
                async with asyncio.timeout(30):
                    while not live.is_open:  # noqa: ASYNC110 - the database opens in the background
                        await asyncio.sleep(0.01)
        yield both[0], both[1]


async def test_the_conversation_continues_on_another_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with servers(monkeypatch, tmp_path) as (first, second):
        async with first.caller.calling() as (started, page):
            await page.sends({"type": "say", "text": "one"})
            assert await page.answer() == "You said: one."
            seen = page.frames[-1]["seq"]
            await committed(first, started["call_id"])
            await first.dies()
        async with second.caller.page(started["call_id"], f"?leg={started['leg_id']}&after={seen}") as page:
            await page.kind("call.taken_over")
            await page.sends({"type": "say", "text": "two"})
            assert await page.answer() == "You said: two."


async def committed(server: Server, call_id: str) -> None:
    """Wait until the call's log so far is in its live record."""
    call = server.state.registry.find(call_id)
    assert call is not None
    assert call.commit is not None
    await call.commit()


async def test_the_log_continues_where_the_page_stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with servers(monkeypatch, tmp_path) as (first, second):
        async with first.caller.calling() as (started, page):
            await committed(first, started["call_id"])
            await first.dies()
            seen = page.frames[-1]["seq"]
        async with second.caller.page(started["call_id"], f"?leg={started['leg_id']}&after={seen + 3}") as page:
            await page.kind("call.taken_over")
        gap, taken_over = [frame for frame in page.frames if frame["kind"] in ("log.gap", "call.taken_over")]
        assert gap["to"] == seen + 3
        assert (gap["seq"], taken_over["seq"]) == (seen + 4, seen + 5)
        async with second.caller.page(started["call_id"]) as viewer:
            await viewer.kind("call.taken_over")
    numbers = [frame["seq"] for frame in viewer.frames if frame["seq"]]
    assert numbers == [*range(1, gap["from"]), *range(seen + 4, numbers[-1] + 1)]


async def test_nothing_is_lost_if_all_was_committed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with servers(monkeypatch, tmp_path) as (first, second):
        async with first.caller.calling() as (started, _page):
            await committed(first, started["call_id"])
            await first.dies()
        async with second.caller.page(started["call_id"], f"?leg={started['leg_id']}") as page:
            await page.kind("call.taken_over")
    kinds = [frame["kind"] for frame in page.frames]
    assert "log.gap" not in kinds
    assert kinds.count("call.started") == 1


async def test_the_caller_is_greeted_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with servers(monkeypatch, tmp_path) as (first, second):
        async with first.caller.calling() as (started, _page):
            await committed(first, started["call_id"])
            await first.dies()
        async with second.caller.page(started["call_id"], f"?leg={started['leg_id']}") as page:
            await page.kind("call.taken_over")
            await page.sends({"type": "say", "text": "two"})
            assert await page.answer() == "You said: two."
    said = [f["text"] for f in page.frames if f["kind"] == "message.done" and f["role"] == "assistant"]
    assert said == ["You said: hi.", "You said: two."]


async def test_the_call_of_a_living_server_is_passed_on_to_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with servers(monkeypatch, tmp_path) as (first, second), first.caller.calling() as (started, _page):
        await committed(first, started["call_id"])
        async with second.caller.page(started["call_id"], f"?leg={started['leg_id']}") as page:
            await page.sends({"type": "say", "text": "two"})
            await page.until(lambda frame: frame.get("text") == "You said: two.")
        assert not second.state.runs(started["call_id"])
    assert "call.taken_over" not in [frame["kind"] for frame in page.frames]


async def test_a_stale_owner_stops_and_its_pages_connect_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with servers(monkeypatch, tmp_path) as (first, second), first.caller.calling() as (started, page):
        await committed(first, started["call_id"])
        live = second.state.live
        assert live is not None
        owner = await live.owner_of(started["call_id"])
        assert owner is not None
        call = first.state.registry.find(started["call_id"])
        assert call is not None
        await second.state.take_over(started["call_id"], owner, 0)
        await page.sends({"type": "say", "text": "two"})
        assert (await page.closed())[0] == 1012
        assert call.is_over
        assert not any(isinstance(entry.event, CallEnded) for entry in call.log.since(0))
        async with second.caller.page(started["call_id"], f"?leg={started['leg_id']}") as page:
            await page.sends({"type": "say", "text": "three"})
            await page.until(lambda frame: frame.get("text") == "You said: three.")


async def test_the_leg_and_the_cookie_of_the_call_still_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with servers(monkeypatch, tmp_path) as (first, second):
        async with first.caller.calling() as (started, _page):
            await committed(first, started["call_id"])
            await first.dies()
        path = f"/api/calls/{started['call_id']}"
        assert (await second.caller.refused("DELETE", path))[:2] == (403, "not_the_caller")
        second.caller.http.cookies.update(first.caller.http.cookies)
        assert (await second.caller.http.delete(path)).status_code == 204


async def test_a_call_that_has_ended_is_taken_over_by_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with servers(monkeypatch, tmp_path) as (first, second):
        async with first.caller.calling() as (started, page):
            await page.sends({"type": "hang_up"})
            await page.kind("call.ended")
        live = first.state.live
        assert live is not None
        await live._write()
        assert await live.owner_of(started["call_id"]) is None
        await first.dies()
        async with second.caller.page(started["call_id"]) as page:
            await page.kind("call.ended")  # the log is still on the first server


@pytest.mark.parametrize("approved", [True, False])
async def test_a_tool_that_was_running_is_not_run_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, approved: bool
) -> None:
    """A tool that waits for approval has not run, so it asks again; any other one has an unknown outcome."""
    runs = 0

    @function_tool(needs_approval=approved)
    async def pay(amount: int) -> str:
        """Pay.

        Args:
            amount: in cents.
        """
        nonlocal runs
        runs += 1
        if runs == 1 and not approved:
            await asyncio.Event().wait()
        return "paid"

    clerk: RealtimeAgent[None] = RealtimeAgent(name="clerk", tools=[pay])
    shop: Scenario[None] = Scenario("shop", agents=[clerk])

    def script(items: Sequence[Event]) -> Sequence[Answer]:
        last = items[-1]
        if last.get("role") == "user" and "pay" in str(last):
            return [Calls("pay", '{"amount": 3}')]
        outputs = [item["output"] for item in items if item.get("type") == "function_call_output"]
        return [f"It gave {outputs[-1]}." if outputs else "Hello."]

    async with servers(monkeypatch, tmp_path, FakeModel(script), targets=[shop]) as (first, second):
        async with first.caller.calling(scenario="shop") as (started, page):
            await page.sends({"type": "say", "text": "pay"})
            await page.kind("approval.needed" if approved else "tool.started")
            await committed(first, started["call_id"])
            await first.dies()
        async with second.caller.page(started["call_id"], f"?leg={started['leg_id']}") as page:
            await page.kind("call.taken_over")
            if approved:
                asked = await page.kind("approval.needed")
                await page.sends({"type": "approve", "call_id": asked["call_id"], "approved": True})
                assert await page.answer() == "It gave paid."
            else:
                assert "outcome is unknown" in (await page.kind("tool.done"))["error"]
                assert "outcome is unknown" in await page.answer()
    assert runs == 1


async def test_an_idempotent_tool_that_was_running_is_run_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runs = []

    @function_tool
    async def find(number: int) -> str:
        """Find an order.

        Args:
            number: its number.
        """
        runs.append(number)
        if len(runs) == 1:
            await asyncio.Event().wait()
        return "on its way"

    clerk: RealtimeAgent[None] = RealtimeAgent(name="clerk", tools=[find])
    shop: Scenario[None] = Scenario("shop", agents=[clerk], idempotent=["find"])

    def script(items: Sequence[Event]) -> Sequence[Answer]:
        outputs = [item["output"] for item in items if item.get("type") == "function_call_output"]
        if items[-1].get("role") == "user" and "find" in str(items[-1]):
            return [Calls("find", '{"number": 3}')]
        return [f"It is {outputs[-1]}." if outputs else "Hello."]

    async with servers(monkeypatch, tmp_path, FakeModel(script), targets=[shop]) as (first, second):
        async with first.caller.calling(scenario="shop") as (started, page):
            await page.sends({"type": "say", "text": "find"})
            await page.kind("tool.started")
            await committed(first, started["call_id"])
            await first.dies()
        async with second.caller.page(started["call_id"], f"?leg={started['leg_id']}") as page:
            await page.kind("call.taken_over")
            assert (await page.kind("tool.done"))["result"] == "on its way"
            assert await page.answer() == "It is on its way."
    assert [frame["kind"] for frame in page.frames].count("tool.started") == 1
    assert runs == [3, 3]


@dataclass
class Basket:
    """State of the next test."""

    items: list[str] = field(default_factory=list)


class PydanticBasket(BaseModel):
    """State of the next test."""

    items: list[str] = []


class MsgspecBasket(msgspec.Struct):
    """State of the next test."""

    items: list[str] = []


def basket() -> dict[str, list[str]]:
    """Make a state of the next test."""
    return {"items": []}


@pytest.mark.parametrize("factory", [Basket, PydanticBasket, MsgspecBasket, basket])
async def test_the_state_of_the_scenario_comes_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, factory: Callable[[], Any]
) -> None:
    @function_tool
    def add(ctx: RunContextWrapper[CallContext[Any]], item: str) -> str:
        """Add an item.

        Args:
            item: its name.
        """
        state = ctx.context.state
        assert type(state) is type(factory())
        items = state["items"] if isinstance(state, dict) else state.items
        items.append(item)
        return ", ".join(items)

    clerk: RealtimeAgent[Any] = RealtimeAgent(name="clerk", tools=[add])
    shop = Scenario("shop", agents=[clerk], state=factory)

    def script(items: Sequence[Event]) -> Sequence[Answer]:
        last = items[-1]
        if last.get("type") == "function_call_output":
            return [f"You have {last['output']}."]
        text = str(last["content"][0]["text"])
        return [Calls("add", json.dumps({"item": text}))] if text in ("goggles", "skis") else ["Hello."]

    async with servers(monkeypatch, tmp_path, FakeModel(script), targets=[shop]) as (first, second):
        async with first.caller.calling(scenario="shop") as (started, page):
            await page.sends({"type": "say", "text": "goggles"})
            assert await page.answer() == "You have goggles."
            await committed(first, started["call_id"])
            await first.dies()
        async with second.caller.page(started["call_id"], f"?leg={started['leg_id']}") as page:
            await page.kind("call.taken_over")
            await page.sends({"type": "say", "text": "skis"})
            await page.until(lambda frame: frame.get("text") == "You have goggles, skis.")


async def test_a_server_keeps_a_call_whose_epoch_it_raised_without_an_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The database did it, and then the connection broke."""
    async with servers(monkeypatch, tmp_path) as (first, _), first.caller.calling() as (started, page):
        await committed(first, started["call_id"])
        live = first.state.live
        assert live is not None
        await LiveCalls(live.database).retake([started["call_id"]], live.server_id)
        await page.sends({"type": "say", "text": "one"})
        assert await page.answer() == "You said: one."
        await committed(first, started["call_id"])
        assert live.records(started["call_id"])
        assert await live.release(started["call_id"])


async def test_a_page_that_is_passed_on_during_a_take_over_waits_for_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The database names the next owner before that one runs the call."""
    async with servers(monkeypatch, tmp_path) as (first, second):
        async with first.caller.calling() as (started, _page):
            await committed(first, started["call_id"])
            await first.dies()
        assert second.state.live is not None
        claim = second.state.live.claim
        has_claimed, may_continue = asyncio.Event(), asyncio.Event()

        async def slow_claim(call_id: str, owner: Ownership, seen: int) -> tuple[TakenOverCall, int] | None:
            claimed = await claim(call_id, owner, seen)
            has_claimed.set()
            await may_continue.wait()
            return claimed

        monkeypatch.setattr(second.state.live, "claim", slow_claim)
        async with asyncio.TaskGroup() as group:
            caller = group.create_task(first_event(second, started["call_id"], f"?leg={started['leg_id']}"))
            await has_claimed.wait()
            viewer = group.create_task(first_event(first, started["call_id"], ""))
            await asyncio.sleep(0.3)
            assert not viewer.done()
            may_continue.set()
        assert (caller.result(), viewer.result()) == ("call.started", "call.started")


async def first_event(server: Server, call_id: str, query: str) -> str:
    """Return the kind of the first event that a page gets."""
    async with server.caller.page(call_id, query) as page:
        return str((await page.until(lambda frame: frame["seq"] > 0))["kind"])


async def test_without_take_over_a_lost_call_is_unknown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with servers(monkeypatch, tmp_path, take_over="off") as (first, second):
        assert first.state.live is None
        async with second.caller.page("call_of_nobody") as page:
            assert (await page.closed())[0] == 4404
    assert not await asyncio.to_thread(os.listdir, tmp_path)


async def test_the_stored_call_has_all_events_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with servers(monkeypatch, tmp_path, store="full") as (first, second):
        async with first.caller.calling() as (started, _page):
            await committed(first, started["call_id"])
            await first.dies()
        async with second.caller.page(started["call_id"], f"?leg={started['leg_id']}") as page:
            await page.kind("call.taken_over")
            await page.sends({"type": "hang_up"})
            await page.kind("call.ended")
    database = Database.from_settings(own_settings(data_dir=tmp_path))
    stored = await StoredCalls(database).log(started["call_id"])
    await database.close()
    numbers = [entry.seq for entry in stored]
    assert numbers == list(range(1, len(numbers) + 1))
    assert isinstance(stored[0].event, CallStarted)
    assert [entry.seq for entry in stored if isinstance(entry.event, CallEnded)] == [numbers[-1]]


async def test_a_living_server_gets_its_requests_also_without_the_database(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with servers(monkeypatch, tmp_path) as (first, second), first.caller.calling() as (started, _page):
        live = second.state.live
        assert live is not None
        monkeypatch.setattr(live, "is_open", False)
        async with second.caller.page(started["call_id"], f"?leg={started['leg_id']}") as page:
            await page.sends({"type": "say", "text": "two"})
            await page.until(lambda frame: frame.get("text") == "You said: two.")


SECOND_OF_AUDIO = 24_000
"""Samples."""


def second_of(number: int) -> bytes:
    """Return a second of the caller's audio that shows its number."""
    return bytes([number, 0]) * SECOND_OF_AUDIO


def seconds_in(audio: bytes) -> list[int]:
    """Return the numbers of the seconds of audio."""
    return [audio[at] for at in range(0, len(audio), 2 * SECOND_OF_AUDIO)]


async def test_the_new_server_hears_the_turn_again_that_was_not_understood(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = FakeModel()
    async with servers(monkeypatch, tmp_path, model) as (first, second):
        async with first.caller.calling() as (started, page):
            await page.sends({"type": "audio_from", "position": 0})
            await page.sends(second_of(1))
            await until(lambda: len(model.now.audio) == 2 * SECOND_OF_AUDIO)
            model.now.emit("input_audio_buffer.speech_started", item_id="u1", audio_start_ms=0)
            model.now.emit("input_audio_buffer.speech_stopped", item_id="u1", audio_end_ms=1000)
            understood = "conversation.item.input_audio_transcription.completed"
            item = {"id": "u1", "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
            model.now.emit("conversation.item.added", item=item)
            model.now.emit(understood, item_id="u1", transcript="One.")
            await page.until(lambda frame: frame.get("text") == "One.")
            await page.sends(second_of(2))
            await until(lambda: len(model.now.audio) == 4 * SECOND_OF_AUDIO)
            model.now.emit("input_audio_buffer.speech_started", item_id="u2", audio_start_ms=1000)
            model.now.emit("conversation.item.input_audio_transcription.delta", item_id="u2", delta="Two")
            await page.until(lambda frame: frame["kind"] == "message.delta" and frame["item_id"] == "u2")
            await committed(first, started["call_id"])
            await first.dies()
        async with second.caller.page(started["call_id"], f"?leg={started['leg_id']}") as page:
            assert (await page.kind("leg.role"))["audio_position"] == SECOND_OF_AUDIO
            await page.sends({"type": "audio_from", "position": SECOND_OF_AUDIO, "late_ms": 2000})
            await page.sends(second_of(2))
            await page.sends(second_of(3))
            await until(lambda: seconds_in(bytes(model.now.audio)) == [2, 3])
            model.now.emit("input_audio_buffer.speech_started", item_id="v1", audio_start_ms=0)
            model.now.emit(understood, item_id="v1", transcript="Two and three.")
            await page.until(lambda frame: frame.get("text") == "Two and three.")
    caller = [f for f in page.frames if f["kind"] == "message.done" and f["item_id"] in ("u2", "v1")]
    assert [(done["item_id"], done["text"]) for done in caller] == [("u2", "Two and three.")]


async def until(condition: Callable[[], object]) -> None:
    """Wait until a condition is true."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - the condition has no event
            await asyncio.sleep(0.01)


async def test_a_tool_runs_without_the_database_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    @function_tool
    def pay() -> str:
        """Pay."""
        return "paid"

    shop: Scenario[None] = Scenario("shop", agents=[RealtimeAgent(name="clerk", tools=[pay])])

    def script(items: Sequence[Event]) -> Sequence[Answer]:
        asked = items[-1].get("role") == "user" and "pay" in str(items[-1])
        return [Calls("pay")] if asked else ["Hello."]

    async with servers(monkeypatch, tmp_path, FakeModel(script), targets=[shop]) as (first, _second):
        live = first.state.live
        assert live is not None
        monkeypatch.setattr(live, "is_open", False)
        async with first.caller.calling(scenario="shop") as (_started, page):
            await page.sends({"type": "say", "text": "pay"})
            await page.kind("tool.done")
    kinds = [frame.get("code") or frame["kind"] for frame in page.frames]
    assert kinds.index("tool.started") < kinds.index("not_saved") < kinds.index("tool.done")
