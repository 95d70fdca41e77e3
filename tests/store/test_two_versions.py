"""Servers of two versions on one database: this version on the tables of a later one.

The later version is a folder of migrations with one more, which adds a column and a table.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import date
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Connection, inspect
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.store.samples import conversation
from tests.store.stored import feed, store, stored_in
from trunkline.calls.log import Entry
from trunkline.calls.log_events import MessageDelta
from trunkline.calls.metrics.cost_limits import DayUsage
from trunkline.cluster.live_calls import LiveCall, LiveCalls, LiveWrite
from trunkline.cluster.shared_usage import ServerUsage
from trunkline.cluster.usage_table import UsageTable
from trunkline.store import database as database_module
from trunkline.store.batch import BatchSink
from trunkline.store.database import MIGRATIONS, Database, StoreError
from trunkline.store.database_sink import DatabaseSink
from trunkline.store.writer import StoreWriter

LATER = """
import sqlalchemy as sa
from alembic import op

revision = "9000"
down_revision = "{latest}"
branch_labels = None
depends_on = None


def upgrade():
    for table in ("calls", "event_blocks", "utterances", "notes", "audit", "servers", "live_calls", "live_events",
                  "server_usage", "day_usage"):
        op.add_column(table, sa.Column("later", sa.Text, nullable=False, server_default="later"))
    op.create_table("later", sa.Column("id", sa.Integer, primary_key=True))
    {more}
"""
BREAKING = "op.execute(\"UPDATE compatibility SET oldest_schema = '9000'\")"
ENTRY = Entry(1, 20, MessageDelta(item_id="item_1", text="hello"))


@contextmanager
def later_version(monkeypatch: pytest.MonkeyPatch, folder: Path, more: str = "") -> Iterator[None]:
    """Be a version with one more migration inside the `with` block."""
    migrations = folder / "later_migrations"
    shutil.copytree(MIGRATIONS, migrations, dirs_exist_ok=True)
    (latest,) = ScriptDirectory(str(MIGRATIONS)).get_heads()
    (migrations / "versions" / "v9000_later.py").write_text(LATER.format(latest=latest, more=more))
    with monkeypatch.context() as patched:
        patched.setattr(database_module, "MIGRATIONS", migrations)
        yield


async def migrate_to_later(monkeypatch: pytest.MonkeyPatch, folder: Path, url: str, more: str = "") -> None:
    """Bring the tables up to the later version."""
    later = Database(url)
    with later_version(monkeypatch, folder, more):
        await later.migrate()
    async with later.engine.connect() as connection:
        assert await connection.run_sync(lambda sync: inspect(sync).has_table("later"))
    await later.close()


async def use_live_records(live: LiveCalls, number: int) -> None:
    """Run through each statement about servers and live records."""
    call_id, first, second = f"call_{number}", f"server_{number}", f"server_{number}_2"
    await live.beat(first, "")
    await live.beat(second, "", is_draining=True)
    epoch = await live.begin(call_id, first, "{}")
    assert await live.write([LiveWrite(call_id, epoch, [(1, ENTRY.frame())], '{"a": 1}', releases=True)]) == []
    owner = await live.owner_of(call_id)
    assert owner is not None
    assert owner.has_released
    claimed = await live.claim(call_id, epoch, second)
    assert claimed is not None
    assert await live.load(call_id) == LiveCall('{"a": 1}', (ENTRY,))
    assert first in await live.others(second, 60_000.0)
    await live.forget(60_000.0)
    await live.end(call_id, claimed)
    await live.leave(second)


async def use_shared_usage(database: Database, number: int) -> None:
    """Run through each statement about shared usage."""
    first, second = UsageTable(database, f"server_{number}"), UsageTable(database, f"server_{number}_2")
    usage, spent = ServerUsage(calls={"192.0.2.1": 1}), DayUsage(date(2026, 11, 30), 0.5, number)
    await first.report(usage)
    assert await second.others() == {f"server_{number}": usage}
    await first.spend(spent)
    assert (await second.spent_by_others(spent.day)).tokens >= number
    await first.leave()


@asynccontextmanager
async def writing_to(database: Database) -> AsyncIterator[StoreWriter]:
    """Run a writer that keeps one connection."""

    async def open_sink() -> BatchSink:
        return DatabaseSink(database, "server_test")

    writer = StoreWriter(open_sink, "full")
    async with writer.running():
        yield writer
    assert (writer.queued_events, writer.lost_events) == (0, 0)


async def test_a_server_that_runs_continues_on_the_tables_of_a_later_version(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str
) -> None:
    async with stored_in(url) as (database, calls), writing_to(Database(url)) as writer:
        live = LiveCalls(database)
        feed(writer, conversation("call_before"))
        await writer.flush()
        await use_live_records(live, 1)
        await use_shared_usage(database, 1)
        await migrate_to_later(monkeypatch, tmp_path, url)
        await use_live_records(live, 2)
        await use_shared_usage(database, 2)
        feed(writer, conversation("call_after"))
        await writer.flush()
        for call_id in ("call_before", "call_after"):
            assert [entry.event for entry in await calls.log(call_id)] == conversation(call_id)
            summary = await calls.get(call_id)
            assert summary is not None
            assert summary.status == "ended"
            assert await calls.delete(call_id)


async def test_a_server_that_starts_uses_the_tables_of_a_later_version(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str
) -> None:
    await migrate_to_later(monkeypatch, tmp_path, url)
    await store(url, conversation("call_after"))  # it opens and migrates the database
    async with stored_in(url) as (database, calls):
        assert await database.state() == "newer"
        assert [entry.event for entry in await calls.log("call_after")] == conversation("call_after")
        await use_live_records(LiveCalls(database), 1)
        await use_shared_usage(database, 1)


async def test_tables_that_this_version_does_not_understand_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str
) -> None:
    await migrate_to_later(monkeypatch, tmp_path, url, BREAKING)
    database = Database(url)
    with pytest.raises(StoreError, match=r"newer version of Trunkline.*schema 9000.*Update Trunkline"):
        await database.migrate()
    with pytest.raises(StoreError, match="Update Trunkline"):
        await database.state()
    await database.close()


def columns(connection: Connection) -> dict[tuple[str, str], Column[object]]:
    """Return the columns of all tables, by table and name."""
    inspector = inspect(connection)
    return {
        (table, column["name"]): Column(
            column["name"], column["type"], nullable=column["nullable"], server_default=column["default"]
        )
        for table in inspector.get_table_names()
        for column in inspector.get_columns(table)
    }


async def oldest_schema(connection: AsyncConnection) -> str | None:
    """Return the oldest schema that may use the tables; None if they do not say."""
    _current, oldest = await connection.run_sync(database_module._versions_of)
    return oldest


async def test_a_migration_only_adds_or_says_that_it_is_the_oldest_schema(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str
) -> None:
    """Rows of an earlier version fit: a new column of a known table may be null, or has a default."""
    scripts = ScriptDirectory(str(MIGRATIONS))
    revisions = [script.revision for script in reversed(list(scripts.walk_revisions()))]
    former: dict[tuple[str, str], Column[object]] = {}
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder)
    for path in (folder / "versions").glob("v*.py"):
        path.unlink()
    database = Database(url)
    for revision in revisions:
        (source,) = (MIGRATIONS / "versions").glob(f"v{revision}_*.py")
        shutil.copy(source, folder / "versions" / source.name)
        with monkeypatch.context() as patched:
            patched.setattr(database_module, "MIGRATIONS", folder)
            await database.migrate()
        async with database.engine.connect() as connection:
            now = await connection.run_sync(columns)
            if await oldest_schema(connection) == revision:
                former = now
        assert set(former) <= set(now), revision
        tables = {table for table, _name in former}
        added = [column for (table, _name), column in now.items() if table in tables and (table, _name) not in former]
        assert all(column.nullable or column.server_default is not None for column in added), revision
        former = now
    await database.close()


async def test_the_tables_name_the_oldest_version_that_may_use_them(url: str) -> None:
    database = Database(url)
    await database.migrate()
    async with database.engine.connect() as connection:
        assert await oldest_schema(connection) == "0004"
    await database.close()
