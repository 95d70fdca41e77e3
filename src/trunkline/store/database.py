"""The database of stored calls: SQLite in a private file, or Postgres by its URL."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Engine,
    create_engine,
    event,
    inspect,
    literal_column,
    make_url,
    select,
    text,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool, Pool

from trunkline.extras import install_command
from trunkline.settings import Settings
from trunkline.store.private_folder import make_private_folder
from trunkline.store.schema import compatibility
from trunkline.store.writing_thread import WritingThread

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory

T = TypeVar("T")
SQLITE_NAME = "trunkline.sqlite3"
"""The file of the database in the data folder."""
LOCK_WAIT_S = 5.0
LOCK_RETRY_S = 0.02
CONNECT_TIMEOUT_S = 5.0
COMMAND_TIMEOUT_S = 60.0
IDLE_TRANSACTION_MS = 2_000
"""The time after which Postgres ends a transaction that writes and waits for its client. A process that stands still
would hold the rows of its calls, and no other server could claim them."""
MIGRATIONS = Path(__file__).parent / "migrations"
_LIMIT_OF_IDLE_TRANSACTIONS = f"SET LOCAL idle_in_transaction_session_timeout = {IDLE_TRANSACTION_MS}"
_MIGRATION_LOCK = 0x7472756E6B6C  # an advisory lock of Postgres
_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
}


class StoreError(Exception):
    """The store cannot be used; the message has the problem and the fix."""


class Database:
    """Connections to the database of stored calls.

    Nothing is opened before the first use. SQLite writes to a file of mode 0600, in a folder that is created with mode
    0700; several processes may use it at once.

    Args:
        url: the URL of the database, `sqlite:///PATH` or `postgresql://…`.
        lock_wait_s: the time for which a statement on SQLite waits for another process that writes, in seconds.

    Raises:
        StoreError: the URL is invalid, or the driver is not installed.
    """

    def __init__(self, url: str, lock_wait_s: float = LOCK_WAIT_S) -> None:
        self.url = _with_driver(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._lock_wait_s = lock_wait_s
        self.engine = _engine(self.url, lock_wait_s)
        self._thread = WritingThread(_thread_engine(self.url, lock_wait_s)) if self.is_sqlite else None

    @classmethod
    def from_settings(cls, settings: Settings) -> Database:
        """Return the database that the settings name.

        Raises:
            StoreError: as the constructor does.
        """
        return cls(database_url(settings))

    @property
    def path(self) -> Path | None:
        """The file of an SQLite database, None for Postgres."""
        return Path(self.url.database) if self.is_sqlite and self.url.database else None

    @property
    def name(self) -> str:
        """The name of the database for people, without its password."""
        return str(self.path) if self.path is not None else self.url.render_as_string(hide_password=True)

    @property
    def now_ms(self) -> ColumnElement[int]:
        """The database's clock, which all servers share, in ms since 1970; for statements."""
        if self.is_sqlite:
            return literal_column("CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)")
        return literal_column("CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)")

    async def migrate(self) -> None:
        """Create the tables, or bring those of an earlier version up to date.

        Tables of a newer version stay as they are, if that version says that this one may use them. It runs in a
        thread, so that it does not delay calls. Several processes may do it at once.

        Raises:
            StoreError: the database cannot be reached, or a newer version of Trunkline made tables that this one does
                not know.
        """
        if self.path is not None:
            await asyncio.to_thread(_make_private_file, self.path)
        await asyncio.to_thread(lambda: asyncio.run(_migrate(self.url, self._lock_wait_s)))

    async def state(self) -> Literal["new", "older", "current", "newer"]:
        """Return the state of the tables, without a change to them. Newer ones can be used by this version.

        Raises:
            StoreError: as `migrate` does.
        """
        current, oldest = await asyncio.to_thread(lambda: asyncio.run(_versions(self.url, self._lock_wait_s)))
        scripts = _scripts()
        if _is_newer(scripts, current, oldest):
            return "newer"
        return "new" if not current else "current" if set(current) == set(scripts.get_heads()) else "older"

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that writes. On SQLite it waits for other writers at its begin, and then cannot fail.

        On Postgres it ends without effect if this process stands still meanwhile.
        """
        async with self.engine.execution_options(transaction="write").begin() as connection:
            if not self.is_sqlite:
                await connection.exec_driver_sql(_LIMIT_OF_IDLE_TRANSACTIONS)
            yield connection

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run a function of several statements in a transaction that writes, and return its result.

        On SQLite, the transaction runs in a thread and costs the event loop one hop, where `writing` costs two for each
        statement. On cancellation, a transaction that has begun there runs to its end.
        """
        if self._thread is not None:
            return await self._thread.run(work)
        async with self.writing() as connection:
            return await connection.run_sync(work)

    @property
    def write_engine(self) -> Engine:
        """The engine of the connections that `write` uses."""
        return self.engine.sync_engine if self._thread is None else self._thread.engine

    async def release_space(self) -> None:
        """Give the space of deleted calls back to the file system, and remove their last traces from it.

        On Postgres, autovacuum does so.
        """
        if not self.is_sqlite:
            return
        async with self.writing() as connection:  # the index keeps deleted words until its parts are merged
            await connection.exec_driver_sql("INSERT INTO utterances_fts(utterances_fts) VALUES ('optimize')")
        async with self.engine.execution_options(transaction="none").connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None  # noqa: S101 - it is connected
            # Each fetched row, which has no columns, is a page that was released.
            await driver.execute_fetchall("PRAGMA incremental_vacuum")
            await driver.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")

    async def close(self) -> None:
        """Close all connections."""
        if self._thread is not None:
            await self._thread.close()
        await self.engine.dispose()


def database_url(settings: Settings) -> str:
    """Return the URL of the database that the settings name: by default SQLite in the data folder."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    return f"sqlite:///{settings.data_dir.absolute() / SQLITE_NAME}"


def _with_driver(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreError("The address of the database is not a URL. Correct TRUNKLINE_DATABASE_URL.") from None
    driver = _DRIVERS.get(parsed.get_backend_name())
    if driver is None or (driver.startswith("sqlite") and not parsed.database):
        raise StoreError(
            "The address of the database must name a file of SQLite or a database of Postgres. Set "
            "TRUNKLINE_DATABASE_URL to sqlite:////PATH or postgresql://USER:PASSWORD@HOST/DATABASE."
        )
    query = dict(parsed.query)
    if "sslmode" in query:  # libpq's name for the same values
        query["ssl"] = query.pop("sslmode")
    return parsed.set(drivername=driver, query=query)


def _engine(url: URL, lock_wait_s: float, poolclass: type[Pool] | None = None) -> AsyncEngine:
    if url.get_backend_name() == "sqlite":
        arguments = _sqlite_arguments(lock_wait_s)
        engine = create_async_engine(url, connect_args=arguments, hide_parameters=True, poolclass=poolclass)
        _prepare_sqlite(engine.sync_engine)
        return engine
    try:
        return create_async_engine(
            url,
            connect_args={
                "timeout": CONNECT_TIMEOUT_S,
                "command_timeout": COMMAND_TIMEOUT_S,
                "server_settings": {"application_name": "trunkline", "jit": "off"},
            },
            hide_parameters=True,
            poolclass=poolclass,
        )
    except ModuleNotFoundError:
        raise StoreError(f"A Postgres database needs the extra `store`: {install_command('store')}.") from None


def _thread_engine(url: URL, lock_wait_s: float) -> Engine:
    """Return an engine for the same file of SQLite, whose connections belong to a thread."""
    sync_url = url.set(drivername="sqlite")
    engine = create_engine(sync_url, connect_args=_sqlite_arguments(lock_wait_s), hide_parameters=True)
    _prepare_sqlite(engine)
    return engine.execution_options(transaction="write")


def _sqlite_arguments(lock_wait_s: float) -> dict[str, object]:
    # Without an isolation level, Python's module leaves transactions to the `begin` event below.
    return {"timeout": lock_wait_s, "isolation_level": None}


def _prepare_sqlite(engine: Engine) -> None:
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)


def _configure_sqlite(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in (
        "synchronous=NORMAL",
        "foreign_keys=ON",
        "secure_delete=ON",  # a deleted call is overwritten
        f"journal_size_limit={64 << 20}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    match connection.get_execution_options().get("transaction"):
        case "none":
            pass
        case "write":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        case _:
            connection.exec_driver_sql("BEGIN")


def _make_private_file(path: Path) -> None:
    try:
        make_private_folder(path.parent)
        if not path.exists():
            _create_private_file(path)
        path.chmod(0o600)
        if not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written ({error.strerror}). Set TRUNKLINE_DATA_DIR to a folder that can be."
        ) from None


def _create_private_file(path: Path) -> None:
    """Create an empty file, unless another process does so first. It gets its name only after it was closed.

    A process that closes a file drops all its POSIX locks on it, also those of SQLite's connections. Another process
    then takes itself for the last one and deletes the write-ahead log in use, which destroys the database:
    sqlite.org/howtocorrupt.html, 2.2.
    """
    descriptor, unnamed = tempfile.mkstemp(dir=path.parent)  # of mode 0600
    os.close(descriptor)
    try:
        os.link(unnamed, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
    finally:
        Path(unnamed).unlink()


async def _migrate(url: URL, lock_wait_s: float) -> None:
    async with _connected(url, lock_wait_s) as connection:
        if url.get_backend_name() == "sqlite":
            await _set_up_sqlite_file(connection, lock_wait_s)
        await connection.execution_options(transaction="write")
        async with connection.begin():
            if url.get_backend_name() != "sqlite":
                await connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
            await connection.run_sync(_upgrade)


async def _set_up_sqlite_file(connection: AsyncConnection, lock_wait_s: float) -> None:
    """Set the modes that the file keeps. SQLite does not wait for other processes that do the same, so this waits."""
    await connection.execution_options(transaction="none")
    until = time.monotonic() + lock_wait_s
    while True:
        try:
            # Before the first table, so that deleted calls give their space back.
            await connection.exec_driver_sql("PRAGMA auto_vacuum=INCREMENTAL")
            # Readers and the writer do not wait for each other.
            await connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            break
        except OperationalError:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(LOCK_RETRY_S)
        finally:
            await connection.rollback()


async def _versions(url: URL, lock_wait_s: float) -> tuple[tuple[str, ...], str | None]:
    async with _connected(url, lock_wait_s) as connection:
        return await connection.run_sync(_versions_of)


def _versions_of(connection: Connection) -> tuple[tuple[str, ...], str | None]:
    """Return the schema of the tables, and the oldest schema that may use them; None if they do not say."""
    from alembic.runtime.migration import MigrationContext

    current = MigrationContext.configure(connection).get_current_heads()
    if not inspect(connection).has_table(compatibility.name):
        return current, None
    return current, connection.execute(select(compatibility.c.oldest_schema)).scalar_one_or_none()


@asynccontextmanager
async def _connected(url: URL, lock_wait_s: float) -> AsyncIterator[AsyncConnection]:
    """Open a single connection; its failures are `StoreError`s."""
    engine = _engine(url, lock_wait_s, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            yield connection
    except (DBAPIError, sqlite3.Error, OSError, TimeoutError) as error:
        raise StoreError(f"The database of stored calls cannot be used: {reason_of(error)}.") from error
    finally:
        await engine.dispose()


def reason_of(error: BaseException) -> str:
    """Return the database's words for an error, without the statement."""
    original = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return (str(original) or type(original).__name__).strip().rstrip(".")


def _upgrade(connection: Connection) -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext

    scripts = _scripts()
    current, oldest = _versions_of(connection)
    if _is_newer(scripts, current, oldest) or set(current) == set(scripts.get_heads()):
        return
    environment = EnvironmentContext(
        Config(), scripts, fn=lambda revision, _context: scripts._upgrade_revs("head", revision)
    )
    with environment:
        environment.configure(connection=connection, transactional_ddl=True)
        environment.run_migrations()


def _scripts() -> ScriptDirectory:
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(MIGRATIONS))


def _is_newer(scripts: ScriptDirectory, current: tuple[str, ...], oldest: str | None) -> bool:
    """Return whether a newer version made the tables, and this one may use them.

    Raises:
        StoreError: it may not.
    """
    known = {script.revision for script in scripts.walk_revisions()}
    unknown = set(current) - known
    if unknown and oldest not in known:
        raise StoreError(
            f"A newer version of Trunkline made the tables of the database (schema {', '.join(sorted(unknown))}). "
            "Update Trunkline, or name another database in TRUNKLINE_DATABASE_URL."
        )
    return bool(unknown)
