"""Stored calls over HTTP: for operators only, with an entry in the audit trail for each request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from agents.realtime import RealtimeAgent
from sqlalchemy import text

from tests.calls.model_fake import FakeModel
from tests.store.exported_calls import exported_call
from tests.web.web_server import Client, own_settings, serving
from trunkline import Scenario
from trunkline.calls import log_events
from trunkline.store.call_archive import CallArchive
from trunkline.store.export_file import ExportedCall, read_export
from trunkline.web.server_state import ServerState

OPERATOR = {"authorization": "Bearer operators-have-this-secret"}
CALLER = {"authorization": "Bearer callers-have-this-secret"}


class FakeRecordings:
    """Recordings that are the same for each call."""

    def __init__(self) -> None:
        self.content = bytes(range(250)) * 8
        self.writes = 0
        self.deleted: list[str] = []

    async def write(self, call_id: str, audio_format: str, path: Path) -> bool:
        self.writes += 1
        await asyncio.to_thread(path.write_bytes, self.content)
        return call_id == "call_a"

    async def import_ogg(self, call_id: str, data: bytes) -> int:
        return len(data)

    async def delete(self, call_id: str) -> None:
        self.deleted.append(call_id)


class Operator:
    """An operator's client."""

    def __init__(self, caller: Client, archive: CallArchive) -> None:
        self.caller = caller
        self.archive = archive

    async def get(self, path: str, **request: Any) -> Any:
        response = await self.caller.http.get(path, headers=OPERATOR, **request)
        assert response.status_code == 200, response.text
        return response.json()

    async def send(self, method: str, path: str, **request: Any) -> Any:
        return await self.caller.http.request(method, path, headers=OPERATOR, **request)

    async def trail(self) -> list[tuple[str, str | None]]:
        entries = (await self.get("/api/audit"))["entries"]
        return [(entry["action"], entry["call_id"]) for entry in reversed(entries)]


@asynccontextmanager
async def stored(
    monkeypatch: pytest.MonkeyPatch, folder: Path, calls: Sequence[ExportedCall] = (), **settings: Any
) -> AsyncIterator[Operator]:
    """Serve with stored calls."""
    given = {
        "store": "full",
        "data_dir": folder / "data",
        "token": CALLER["authorization"].removeprefix("Bearer "),
        "operator_token": OPERATOR["authorization"].removeprefix("Bearer "),
        **settings,
    }
    archive = CallArchive(own_settings(**given))
    await archive.database.migrate()
    try:
        for call in calls:
            await archive.save(call)
        async with serving(monkeypatch, **given) as caller:
            yield Operator(caller, archive)
    finally:
        await archive.close()


PATHS = [
    ("GET", "/api/calls"),
    ("GET", "/api/calls/call_a"),
    ("GET", "/api/calls/call_a/log"),
    ("GET", "/api/calls/call_a/audio"),
    ("GET", "/api/calls/call_a/export"),
    ("GET", "/api/calls/call_a/test"),
    ("POST", "/api/calls/call_a/notes"),
    ("DELETE", "/api/calls/call_a/notes/note_1"),
    ("DELETE", "/api/calls/call_a/stored"),
    ("DELETE", "/api/calls/stored"),
    ("GET", "/api/audit"),
]


async def test_stored_calls_are_for_operators(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with stored(monkeypatch, tmp_path, [exported_call("call_a")]) as operator:
        for method, path in PATHS:
            assert (await operator.caller.refused(method, path, headers=CALLER))[:2] == (403, "not_an_operator")
            assert (await operator.caller.refused(method, path))[0] == 401
        assert await operator.trail() == []
        assert await operator.archive.calls.get("call_a") is not None


async def test_a_server_without_a_store_says_how_to_have_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, store="off") as caller:
        for method, path in PATHS:
            status, code, error = await caller.refused(method, path)
            assert (status, code) == (404, "no_store")
            assert "TRUNKLINE_STORE" in error["message"]


async def test_calls_are_listed_in_pages_with_filters_and_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls = [
        exported_call(f"call_{day}", (f"word{day} here",), started_at=f"2026-11-{day}T10:00:00.000+00:00")
        for day in (10, 11, 12)
    ]
    async with stored(monkeypatch, tmp_path, calls) as operator:
        first = await operator.get("/api/calls?limit=2")
        assert [one["call_id"] for one in first["calls"]] == ["call_12", "call_11"]
        assert first["live"] == []
        second = await operator.get("/api/calls", params={"limit": 2, "cursor": first["next"]})
        assert [one["call_id"] for one in second["calls"]] == ["call_10"]
        assert second["next"] is None
        assert "live" not in second
        (found,) = (await operator.get("/api/calls?q=word11"))["calls"]
        assert found["match"]["text"] == "word11 here"
        assert (found["audio"], found["live"], found["status"], found["mode"]) == (False, False, "ended", "full")
        assert (await operator.get("/api/calls?errors=1"))["calls"] == []
        since = await operator.get("/api/calls?since=2026-11-12")
        assert [one["call_id"] for one in since["calls"]] == ["call_12"]


@pytest.mark.parametrize(
    "query", ["colour=red", "limit=many", "status=happy", "since=yesterday", "cursor=x", "min_ms=-", "metadata=x"]
)
async def test_a_filter_that_cannot_work_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, query: str
) -> None:
    async with stored(monkeypatch, tmp_path) as operator:
        refused = await operator.caller.refused("GET", f"/api/calls?{query}", headers=OPERATOR)
        assert refused[:2] == (422, "bad_filter")


async def test_running_calls_are_on_top_of_the_first_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with stored(monkeypatch, tmp_path, [exported_call("call_a")]) as operator:
        started = await operator.send("POST", "/api/calls", json={"scenario": "web", "transport": "websocket"})
        call_id = started.json()["call_id"]
        async with asyncio.timeout(20):
            while True:
                if (page := await operator.get("/api/calls"))["live"]:
                    break
                await asyncio.sleep(0.02)
        assert [one["call_id"] for one in page["calls"]] == ["call_a"]
        assert [(one["call_id"], one["live"]) for one in page["live"]] == [(call_id, True)]
        refused = await operator.caller.refused("DELETE", f"/api/calls/{call_id}/stored", headers=OPERATOR)
        assert refused[:2] == (409, "call_running")


async def test_a_log_is_read_from_any_event(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    events = [log_events.AudioDone(item_id="i", ms=n) for n in range(2500)]
    started = exported_call("call_a").call.entries[0].event
    assert isinstance(started, log_events.CallStarted)
    async with stored(monkeypatch, tmp_path, [exported_call("call_a", events=[started, *events])]) as operator:

        async def frames(query: str) -> list[dict[str, Any]]:
            response = await operator.send("GET", f"/api/calls/call_a/log{query}")
            assert response.headers["content-type"].startswith("application/x-ndjson")
            return [json.loads(line) for line in response.text.splitlines()]

        whole = await frames("")
        assert [frame["seq"] for frame in whole] == list(range(1, 2502))
        assert whole[0]["kind"] == "call.started"
        assert [frame["seq"] for frame in await frames("?after=2495&limit=3")] == [2496, 2497, 2498]
        assert [frame["seq"] for frame in await frames("?limit=1500")] == list(range(1, 1501))
        assert await frames("?after=2501") == []
        assert (await operator.caller.refused("GET", "/api/calls/call_a/log?after=x", headers=OPERATOR))[:2] == (
            422,
            "bad_number",
        )


async def test_notes_belong_to_a_call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with stored(monkeypatch, tmp_path, [exported_call("call_a")]) as operator:
        made = await operator.send("POST", "/api/calls/call_a/notes", json={"at_ms": 500, "text": "Rude!", "seq": 3})
        assert made.status_code == 201
        (note,) = (await operator.get("/api/calls/call_a"))["notes"]
        assert note == made.json()
        assert (note["at_ms"], note["text"], note["seq"]) == (500, "Rude!", 3)
        for body in ({"at_ms": -1, "text": "x"}, {"at_ms": 1, "text": ""}, {"text": "x"}):
            refused = await operator.caller.refused("POST", "/api/calls/call_a/notes", json=body, headers=OPERATOR)
            assert refused[:2] == (400, "bad_request")
        for _ in range(2):
            gone = await operator.send("DELETE", f"/api/calls/call_a/notes/{note['note_id']}")
            assert gone.status_code == 204
        assert (await operator.get("/api/calls/call_a"))["notes"] == []


async def test_an_export_is_a_file_that_imports(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    call = exported_call("call_a", ("Grüß Gott",))
    async with stored(monkeypatch, tmp_path, [call]) as operator:
        response = await operator.send("GET", "/api/calls/call_a/export")
        assert 'filename="call_a.trunkline"' in response.headers["content-disposition"]
        path = tmp_path / "out.trunkline"
        path.write_bytes(response.content)
        assert read_export(path, tmp_path).call.entries == call.call.entries


async def test_a_test_is_made_from_a_call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with stored(monkeypatch, tmp_path, [exported_call("call_a")]) as operator:
        response = await operator.send("GET", "/api/calls/call_a/test")
        assert response.headers["content-type"].startswith("text/x-python")
        assert "Where is my order" in response.text
        compile(response.text, "test_from_call.py", "exec")


async def test_audio_is_sent_whole_and_in_parts_from_one_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with stored(monkeypatch, tmp_path, [exported_call("call_a"), exported_call("call_b")]) as operator:
        operator.archive.recordings = recordings = FakeRecordings()

        async def archive(_self: ServerState) -> CallArchive:
            return operator.archive

        monkeypatch.setattr(ServerState, "archive", archive)
        whole = await operator.send("GET", "/api/calls/call_a/audio")
        assert whole.content == recordings.content
        assert whole.headers["content-type"] == "audio/ogg"
        for start, end in ((0, 9), (500, 1999)):
            headers = {**OPERATOR, "range": f"bytes={start}-{end}"}
            part = await operator.caller.http.get("/api/calls/call_a/audio", headers=headers)
            assert part.status_code == 206
            assert part.content == recordings.content[start : end + 1]
        assert recordings.writes == 1
        assert (await operator.send("GET", "/api/calls/call_a/audio?format=wav")).headers["content-type"] == "audio/wav"
        for path, refusal in (
            ("/api/calls/call_b/audio", (404, "no_audio")),
            ("/api/calls/call_a/audio?format=mp3", (422, "unknown_format")),
        ):
            assert (await operator.caller.refused("GET", path, headers=OPERATOR))[:2] == refusal


async def test_calls_are_deleted_one_and_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls = [exported_call(f"call_{name}", (f"said by {name}",)) for name in "abc"]
    async with stored(monkeypatch, tmp_path, calls) as operator:
        assert (await operator.send("DELETE", "/api/calls/call_a/stored")).status_code == 204
        for path in ("/api/calls/call_a", "/api/calls/call_a/log", "/api/calls/call_a/export"):
            assert (await operator.caller.refused("GET", path, headers=OPERATOR))[:2] == (404, "unknown_call")
        for body in ({}, {"all": False}):
            refused = await operator.caller.refused("DELETE", "/api/calls/stored", json=body, headers=OPERATOR)
            assert refused[:2] == (400, "bad_request")
        assert (await operator.send("DELETE", "/api/calls/stored", json={"all": True})).json() == {"deleted": 2}
        assert (await operator.get("/api/calls"))["calls"] == []
        assert (await operator.get("/api/calls?q=said"))["calls"] == []


async def test_every_read_export_and_deletion_is_in_the_audit_trail(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with stored(monkeypatch, tmp_path, [exported_call("call_a")]) as operator:
        await operator.get("/api/calls?scenario=shop")
        for _ in range(2):
            await operator.send("GET", "/api/calls/call_a/log")
        await operator.send("GET", "/api/calls/call_a/export")
        await operator.send("DELETE", "/api/calls/call_a/stored")
        await operator.send("DELETE", "/api/calls/stored", json={"all": True})
        expected = [("list", None), *((one, "call_a") for one in ("read", "export", "delete")), ("delete_all", None)]
        assert await operator.trail() == expected
        entry = (await operator.get("/api/audit?limit=1"))["entries"][0]
        assert entry["actor"] == "operator 127.0.0.1"
        assert entry["at"].endswith("+00:00")
        first_page = await operator.get("/api/audit?limit=2")
        second_page = await operator.get(f"/api/audit?limit=10&before={first_page['next']}")
        assert [one["action"] for one in second_page["entries"]] == ["export", "read", "list"]
        assert second_page["next"] is None
        assert second_page["entries"][-1]["detail"] == "scenario=shop"


async def test_a_read_that_cannot_be_audited_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with stored(monkeypatch, tmp_path, [exported_call("call_a")]) as operator:
        async with operator.archive.database.writing() as connection:
            await connection.execute(text("DROP TABLE audit"))
        status, code, error = await operator.caller.refused("GET", "/api/calls/call_a/log", headers=OPERATOR)
        assert (status, code) == (503, "store_failed")
        assert "audit" in error["message"]


async def test_requests_for_stored_calls_have_a_limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("trunkline.web.server_state.STORED_CALLS_PER_MINUTE", 3)
    async with stored(monkeypatch, tmp_path) as operator:
        for _ in range(3):
            await operator.get("/api/calls")
        assert (await operator.caller.refused("GET", "/api/calls", headers=OPERATOR))[:2] == (429, "too_often")


async def test_starting_and_ending_calls_stay_as_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with stored(monkeypatch, tmp_path, token=None, operator_token=None) as operator:
        call = await operator.caller.starts()
        ended = await operator.caller.http.delete(f"/api/calls/{call['call_id']}?leg={call['leg_id']}")
        assert ended.status_code == 204


async def test_a_redacted_call_holds_no_personal_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with stored(monkeypatch, tmp_path, store="redacted", redact=["(?i)project swan"]) as operator:
        started = (await operator.send("POST", "/api/calls", json={"scenario": "web", "transport": "websocket"})).json()
        call_id, leg_id = started["call_id"], started["leg_id"]
        async with operator.caller.page(call_id, f"?leg={leg_id}", additional_headers=OPERATOR) as page:
            await page.sends({"type": "say", "text": "Project Swan is paid with 4242 4242 4242 4242, is it not?"})
            await page.until(lambda event: event["kind"] == "message.done" and event["role"] == "user")
            await page.sends({"type": "hang_up"})
            await page.until(lambda event: event["kind"] == "call.ended")
        async with asyncio.timeout(20):
            while True:
                response = await operator.caller.http.get(f"/api/calls/{call_id}/log", headers=OPERATOR)
                if '"call.ended"' in (log := response.text):
                    break
                await asyncio.sleep(0.05)
        assert "[redacted] is paid with [card], is it not?" in log
        assert "4242" not in log
        assert "wire.sent" in log


@pytest.mark.parametrize(("mode", "is_recorded"), [("full", True), ("metadata", False)])
async def test_a_caller_learns_that_the_call_is_recorded_if_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: str, is_recorded: bool
) -> None:
    notice = "This call is recorded for training."
    scenario = Scenario("noted", agents=[RealtimeAgent(name="host", instructions="Greet.")], recording_notice=notice)
    model = FakeModel()
    settings = {"store": mode, "data_dir": tmp_path, "audience": "caller"}
    async with serving(monkeypatch, model, targets=[scenario], **settings) as caller:
        started = await caller.starts(scenario="noted")
        async with caller.page(started["call_id"], f"?leg={started['leg_id']}") as page:
            await page.answer()
            shown = [frame["message"] for frame in page.frames if frame["kind"] == "notice"]
        assert (notice in shown) is is_recorded
        assert (notice in str(model.now.received)) is is_recorded
