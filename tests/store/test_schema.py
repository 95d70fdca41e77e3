"""The database: its file, and the tables that the migrations make."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pydantic import SecretStr
from sqlalchemy import Connection, text

from trunkline.settings import Settings
from trunkline.store import schema
from trunkline.store.database import Database, StoreError, database_url


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "trunkline.sqlite3"


def differences(connection: Connection) -> list[object]:
    """Return the differences between the tables of a database and `schema`; only migrations make the index of words."""

    def is_compared(name: str | None, _kind: str, _parents: object) -> bool:
        return name is None or not name.startswith(("utterances_fts", "utterances_by_word"))

    context = MigrationContext.configure(connection, opts={"include_name": is_compared})
    return list(compare_metadata(context, schema.metadata))


async def test_the_migrations_make_the_tables_of_the_schema(url: str) -> None:
    database = Database(url)
    await database.migrate()
    async with database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await database.close()


async def test_the_database_is_private(path: Path) -> None:
    database = Database(f"sqlite:///{path}")
    await database.migrate()
    async with database.engine.begin() as connection:
        await connection.execute(text("SELECT count(*) FROM calls"))
        modes = {file.name: mode_of(file) for file in path.parent.iterdir()}
    await database.close()
    assert set(modes.values()) == {"0o600"}
    assert path.name in modes
    assert mode_of(path.parent) == "0o700"


async def test_the_database_is_private_without_hard_links(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_paths: object) -> None:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(os, "link", refused)
    database = Database(f"sqlite:///{path}")
    await database.migrate()
    await database.close()
    assert {file.name: mode_of(file) for file in path.parent.iterdir()} == {path.name: "0o600"}


async def test_migrations_leave_the_locks_of_open_connections(path: Path) -> None:
    """A process that does not see them deletes the write-ahead log in use when it closes its own connection."""
    database = Database(f"sqlite:///{path}")
    await database.migrate()
    async with database.engine.connect() as connection:
        await connection.execute(text("SELECT count(*) FROM calls"))
        await Database(f"sqlite:///{path}").migrate()  # as each part of a server does
        reader = await asyncio.create_subprocess_exec(sys.executable, "-c", READ, path)
        assert await reader.wait() == 0
        assert path.with_name(f"{path.name}-wal").exists()
    await database.close()


READ = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT count(*) FROM calls").fetchall()
connection.close()
"""


@pytest.fixture
def open_folder(tmp_path: Path) -> Path:
    """A folder that all users of this machine may read."""
    tmp_path.chmod(0o755)
    return tmp_path


def mode_of(path: Path) -> str:
    """Return the permissions of a file or folder."""
    return oct(path.stat().st_mode & 0o777)


async def test_the_permissions_of_an_existing_folder_stay(open_folder: Path) -> None:
    database = Database(f"sqlite:///{open_folder / 'calls.sqlite3'}")
    await database.migrate()
    await database.close()
    assert mode_of(open_folder) == "0o755"


async def test_sqlite_lets_readers_and_the_writer_work_at_once_and_gives_space_back(path: Path) -> None:
    database = Database(f"sqlite:///{path}")
    await database.migrate()
    async with database.engine.connect() as connection:
        modes = [
            (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "auto_vacuum")
        ]
    await database.close()
    assert modes == ["wal", INCREMENTAL]


INCREMENTAL = 2
"""SQLite's number of the mode in which space is given back on demand."""


async def test_several_processes_may_migrate_at_once(url: str) -> None:
    databases = [Database(url) for _ in range(4)]
    await asyncio.gather(*(database.migrate() for database in databases))
    async with databases[0].engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    for database in databases:
        await database.close()


async def test_tables_of_a_newer_version_are_refused(path: Path) -> None:
    database = Database(f"sqlite:///{path}")
    await database.migrate()
    async with database.engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        await connection.execute(text("UPDATE compatibility SET oldest_schema = '9998'"))
    with pytest.raises(StoreError, match=r"newer version of Trunkline.*Update Trunkline"):
        await database.migrate()
    await database.close()


async def test_a_folder_that_cannot_be_made_is_an_error_with_advice(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file, not a folder")
    with pytest.raises(StoreError, match="TRUNKLINE_DATA_DIR"):
        await Database(f"sqlite:///{tmp_path / 'data' / 'calls.sqlite3'}").migrate()


@pytest.fixture
def text_file(tmp_path: Path) -> Path:
    """A file that is not a database."""
    path = tmp_path / "calls.sqlite3"
    path.write_text("These are not the bytes of a database." * 100)
    return path


async def test_a_file_that_is_not_a_database_is_an_error(text_file: Path) -> None:
    with pytest.raises(StoreError, match="cannot be used"):
        await Database(f"sqlite:///{text_file}").migrate()


@pytest.mark.parametrize("url", ["mysql://host/calls", "sqlite://", "not a url"])
def test_another_database_is_an_error_with_advice(url: str) -> None:
    with pytest.raises(StoreError, match="TRUNKLINE_DATABASE_URL"):
        Database(url)


def test_the_password_of_a_database_is_not_in_its_name() -> None:
    database = Database("postgresql://trunkline:s3cret@db.example/calls?sslmode=require")
    assert "s3cret" not in database.name
    assert "db.example/calls" in database.name


def test_the_default_database_is_a_file_in_the_data_folder(tmp_path: Path) -> None:
    assert database_url(Settings(data_dir=tmp_path)) == f"sqlite:///{tmp_path}/trunkline.sqlite3"


def test_the_databases_address_is_a_setting() -> None:
    url = "postgresql://trunkline:s3cret@db.example/calls"
    settings = Settings(database_url=SecretStr(url))
    assert database_url(settings) == url
    assert "s3cret" not in repr(settings)
