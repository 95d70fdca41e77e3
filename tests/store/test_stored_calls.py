"""Stored calls on SQLite and on Postgres: lists, filters, search, logs and deletions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.store.samples import conversation, said, started
from tests.store.stored import store, stored_in
from trunkline.calls import log_events
from trunkline.calls.log import parse_frame
from trunkline.calls.log_events import LogEventUnion
from trunkline.store import stored_calls
from trunkline.store.call_filters import CallFilters
from trunkline.store.stored_calls import CallIsRunningError, CallPage


def ids(page: CallPage) -> list[str]:
    return [found.summary.call_id for found in page.calls]


def at(minute: int) -> str:
    return f"2026-11-30T12:{minute:02}:00.000+00:00"


async def test_a_stored_call_has_its_summary_and_its_log(url: str) -> None:
    events = conversation(metadata={"customer": "Zoë"})
    await store(url, events)
    async with stored_in(url) as (_database, calls):
        summary = await calls.get("call_1")
        assert summary is not None
        assert (summary.status, summary.turns, summary.agents, summary.tokens) == ("ended", 1, ("host",), 12)
        assert (summary.started_at, summary.metadata) == (at(0), {"customer": "Zoë"})
        entries = await calls.log("call_1")
        assert [entry.event for entry in entries] == events
        assert [entry.seq for entry in entries] == list(range(1, len(events) + 1))
        assert summary.bytes == sum(len(entry.frame()) for entry in entries)


async def test_a_log_can_be_read_in_parts(url: str) -> None:
    await store(url, conversation())
    async with stored_in(url) as (_database, calls):
        everything = await calls.frames("call_1")
        assert await calls.frames("call_1", after=3) == everything[3:]
        assert await calls.frames("call_1", after=3, limit=2) == everything[3:5]
        assert [json.loads(frame)["seq"] for frame in everything[:2]] == [1, 2]


async def test_an_unknown_call_has_no_summary_and_no_log(url: str) -> None:
    async with stored_in(url) as (_database, calls):
        assert await calls.get("call_9") is None
        assert await calls.log("call_9") == []
        assert await calls.list() == CallPage(())


async def test_lists_are_newest_first_and_paged(url: str) -> None:
    await store(url, *(conversation(f"call_{n}", started_at=at(n // 2)) for n in range(7)))
    async with stored_in(url) as (_database, calls):
        first = await calls.list(limit=3)
        second = await calls.list(cursor=first.next, limit=3)
        third = await calls.list(cursor=second.next, limit=3)
    assert [ids(page) for page in (first, second, third)] == [
        ["call_6", "call_5", "call_4"],
        ["call_3", "call_2", "call_1"],
        ["call_0"],
    ]
    assert third.next is None


async def test_a_call_that_starts_meanwhile_does_not_move_the_next_page(url: str) -> None:
    await store(url, *(conversation(f"call_{n}", started_at=at(n)) for n in range(4)))
    async with stored_in(url) as (_database, calls):
        first = await calls.list(limit=2)
        await store(url, conversation("call_new", started_at=at(30)))
        assert ids(await calls.list(cursor=first.next, limit=2)) == ["call_1", "call_0"]


@pytest.mark.parametrize("cursor", ["", "x", "bm90IGEgbnVtYmVy", "é"])
async def test_another_text_than_a_cursor_is_an_error(url: str, cursor: str) -> None:
    async with stored_in(url) as (_database, calls):
        with pytest.raises(ValueError, match="`next` of the page before"):
            await calls.list(cursor=cursor)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (CallFilters(scenario="bank"), ["bank"]),
        (CallFilters(status="failed"), ["failed"]),
        (CallFilters(status="running"), ["running"]),
        (CallFilters(outcome="caller hung up"), ["tripped", "handed over", "bank"]),
        (CallFilters(agent='the "poet"'), ["handed over"]),
        (CallFilters(agent="poet"), []),
        (CallFilters(min_ms=5_000), ["failed"]),
        (CallFilters(max_ms=4_999, scenario="shop"), ["running", "tripped", "handed over"]),
        (CallFilters(since=at(3)), ["running", "failed"]),
        (CallFilters(until=at(1)), ["handed over", "bank"]),
        (CallFilters(errors=True), ["failed"]),
        (CallFilters(trips=True), ["tripped"]),
        (CallFilters(metadata={"customer": "7"}), ["handed over"]),
        (CallFilters(metadata={"customer": "%"}), []),
        (CallFilters(scenario="bank", errors=True), []),
    ],
    ids=str,
)
async def test_a_filter_finds_its_calls(five_calls: str, filters: CallFilters, found: list[str]) -> None:
    async with stored_in(five_calls) as (_database, calls):
        assert ids(await calls.list(filters)) == found


@pytest.fixture(scope="module")
def five_calls(new_url: Callable[[], str]) -> str:
    """The URL of a database with five calls."""
    tripped = log_events.GuardrailChecked(item_id="i", guardrail="polite", status="fail")
    path = log_events.AgentChanged(agent='the "poet"', previous="host")
    failed: list[LogEventUnion | tuple[int, LogEventUnion]] = [
        started("failed", started_at=at(3)),
        log_events.CallError(message="The model cannot be reached."),
        (5_000, log_events.CallEnded(reason="the model cannot be reached", failed=True)),
    ]
    five = (
        conversation("bank", scenario="bank", started_at=at(0)),
        [*conversation("handed over", started_at=at(1), metadata={"customer": "7"})[:-1], path, ENDED],
        [*conversation("tripped", started_at=at(2))[:-1], tripped, ENDED],
        failed,
        [started("running", started_at=at(4))],
    )
    url = new_url()
    asyncio.run(store(url, *five))
    return url


ENDED = log_events.CallEnded(reason="caller hung up")


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("order", ["parcel", "shoes"]),
        ("ORDER, my", ["parcel", "shoes"]),
        ("where parcel", ["parcel"]),
        ("grosse", ["shoes"]),
        ("Größe", ["shoes"]),
        ("42", ["shoes"]),
        ("4", ["shoes"]),
        ("a.meyer@example.com", ["parcel"]),
        ("example", ["parcel"]),
        ("parc", ["parcel"]),
        ("parc where", []),
        ("order tomorrow", []),
        ("refund", []),
        ("…", []),
        ('"order" OR NOT *', []),
        ("order's & | ! <-> ()", ["parcel", "shoes"]),
        ("", ["parcel", "shoes"]),
    ],
)
@pytest.mark.parametrize("many_hits", [2_000, 0], ids=["index", "no index"])
async def test_a_search_finds_the_words_of_one_utterance(
    monkeypatch: pytest.MonkeyPatch, two_calls: str, q: str, found: list[str], many_hits: int
) -> None:
    monkeypatch.setattr(stored_calls, "_MANY_HITS", many_hits)
    async with stored_in(two_calls) as (_database, calls):
        assert ids(await calls.list(CallFilters(q=q))) == found


@pytest.fixture(scope="module")
def two_calls(new_url: Callable[[], str]) -> str:
    """The URL of a database with two calls about orders."""
    two = (
        conversation("shoes", ["My order: shoes, Größe 42.", "It will be there tomorrow."], started_at=at(0)),
        conversation("parcel", ["Where is my order's parcel?", "Ask a.meyer@example.com."], started_at=at(1)),
    )
    url = new_url()
    asyncio.run(store(url, *two))
    return url


async def test_a_search_shows_the_first_utterance_with_the_words(url: str) -> None:
    await store(url, conversation(words=["Hello", "Hello, here is Anna", "My order", "Which order"]))
    async with stored_in(url) as (_database, calls):
        (found,) = (await calls.list(CallFilters(q="order"))).calls
        entries = {entry.seq: entry.event for entry in await calls.log("call_1")}
    assert found.match is not None
    assert (found.match.role, found.match.text) == ("user", "My order")
    assert entries[found.match.seq] == log_events.MessageDone(item_id="item_2", role="user", text="My order")


async def test_a_truncated_message_is_found_by_the_words_that_were_heard(url: str) -> None:
    heard = log_events.MessageTruncated(item_id="i", heard_ms=300, text="Your parcel is")
    await store(url, [started(), *said("i", "assistant", "Your parcel is at the neighbour"), heard, ENDED])
    async with stored_in(url) as (_database, calls):
        assert ids(await calls.list(CallFilters(q="parcel"))) == ["call_1"]
        assert ids(await calls.list(CallFilters(q="neighbour"))) == []


async def test_words_that_nobody_said_are_not_found(url: str) -> None:
    hidden = log_events.MessageAdded(item_id="hi", role="user", hidden=True)
    greeting = log_events.MessageDone(item_id="hi", role="user", text="greeting")
    await store(url, [started(), hidden, greeting, *said("s", "system", "instructions"), ENDED])
    async with stored_in(url) as (_database, calls):
        assert ids(await calls.list(CallFilters(q="greeting"))) == []
        assert ids(await calls.list(CallFilters(q="instructions"))) == []


async def test_metadata_alone_holds_no_words(url: str) -> None:
    await store(url, conversation(), mode="metadata")
    async with stored_in(url) as (database, calls):
        assert ids(await calls.list(CallFilters(q="order"))) == []
        assert "order" not in "".join(await calls.frames("call_1"))
        async with database.engine.connect() as connection:
            assert (await connection.execute(text("SELECT count(*) FROM utterances"))).scalar() == 0
        summary = await calls.get("call_1")
        assert summary is not None
        assert (summary.mode, summary.turns) == ("metadata", 1)


async def test_characters_that_databases_refuse_are_stored(url: str) -> None:
    odd = "a\0b \ud83d order"
    await store(url, conversation(words=[odd, odd], scenario="sh\0p", metadata={"k": odd}))
    async with stored_in(url) as (_database, calls):
        assert ids(await calls.list(CallFilters(q="order"))) == ["call_1"]
        first = parse_frame((await calls.frames("call_1"))[0])
        assert isinstance(first.event, log_events.CallStarted)
        assert first.event.scenario == "sh\0p"


async def test_a_deleted_call_leaves_nothing(url: str) -> None:
    await store(url, conversation("call_1"), conversation("call_2"))
    async with stored_in(url) as (database, calls):
        assert await calls.delete("call_1")
        assert not await calls.delete("call_1")
        assert ids(await calls.list(CallFilters(q="order"))) == ["call_2"]
        async with database.engine.connect() as connection:
            for table in ("calls", "event_blocks", "utterances"):
                left = await connection.execute(text(f"SELECT count(*) FROM {table} WHERE call_id = 'call_1'"))
                assert left.scalar() == 0, table


async def test_a_running_call_is_not_deleted(url: str) -> None:
    await store(url, [started("running")], conversation("over"))
    async with stored_in(url) as (_database, calls):
        with pytest.raises(CallIsRunningError, match="End it"):
            await calls.delete("running")
        assert await calls.delete_all() == 1
        assert ids(await calls.list()) == ["running"]


async def test_the_words_of_deleted_calls_are_not_in_the_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("data") / "calls.sqlite3"
    url = f"sqlite:///{path}"
    await store(url, conversation(words=["xylophone"] * 400))
    assert b"xylophone" in content(path)
    before = path_size(path)
    async with stored_in(url) as (_database, calls):
        await calls.delete_all()
    assert b"xylophone" not in content(path)
    assert path_size(path) < before


def content(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.glob("calls.sqlite3*"))


def path_size(path: Path) -> int:
    return path.stat().st_size
