"""Migrations from each earlier schema: `schemas` has a dump of every one, with a call, of each kind of database.

A new schema gets a dump of its own before its release. Dumps never change.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import asyncpg
import pytest
from alembic.script import ScriptDirectory

from tests.store.samples import conversation
from tests.store.stored import store, stored_in
from tests.store.test_schema import differences
from trunkline.store.call_filters import CallFilters
from trunkline.store.database import MIGRATIONS

SCHEMAS = Path(__file__).parent / "schemas"
VERSIONS = sorted({int(path.name.split(".")[0]) for path in SCHEMAS.iterdir()})


async def restore(url: str, version: int) -> None:
    """Make a database as this schema left it."""
    if url.startswith("sqlite"):
        restore_file(Path(url.removeprefix("sqlite:///")), version)
        return
    connection = await asyncpg.connect(url)
    await connection.execute((SCHEMAS / f"{version}.postgres.sql").read_text())
    await connection.close()


def restore_file(path: Path, version: int) -> None:
    path.parent.mkdir(parents=True)
    connection = sqlite3.connect(path)
    connection.executescript((SCHEMAS / f"{version}.sqlite.sql").read_text())
    connection.close()


@pytest.mark.parametrize("version", VERSIONS)
async def test_calls_of_an_earlier_schema_are_read_searched_and_deleted(url: str, version: int) -> None:
    await restore(url, version)
    await store(url, conversation("call_new"))
    async with stored_in(url) as (_database, calls):
        summary = await calls.get("call_1")
        assert summary is not None
        assert (summary.status, summary.turns, summary.agents) == ("ended", 1, ("host",))
        assert summary.metadata == {"customer": "7"}
        assert [entry.event for entry in await calls.log("call_1")] == conversation(metadata={"customer": "7"})
        found = {found.summary.call_id for found in (await calls.list(CallFilters(q="order"))).calls}
        assert found == {"call_1", "call_new"}
        assert await calls.delete("call_1")


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_earlier_schema_becomes_the_present_one(url: str, version: int) -> None:
    await restore(url, version)
    async with stored_in(url) as (database, _calls), database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


def test_every_schema_that_is_not_the_latest_has_a_dump() -> None:
    scripts = list(ScriptDirectory(str(MIGRATIONS)).walk_revisions())
    assert len(VERSIONS) >= max(1, len(scripts) - 1)
