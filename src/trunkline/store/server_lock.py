"""Proof that a server process lives: a lock that the system releases when the process dies.

With SQLite it is the lock of a file beside the database, with Postgres an advisory lock of a session.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from trunkline.store.database import Database
from trunkline.store.private_folder import make_private_folder

logger = logging.getLogger(__name__)


class ServerLock(Protocol):
    """The lock of one server process, and the view of the others' locks.

    Attributes:
        on_lost: called when the database ends the session with the lock.
    """

    on_lost: Callable[[], object]

    async def hold(self) -> bool:
        """Take the lock, or take it again if it was lost. Return whether it was held since the last call.

        A session of this process that the database still takes for alive may have it; then nothing happens.
        """

    async def is_alive(self, server_id: str) -> bool:
        """Return whether the process with this id lives."""

    async def release(self) -> None:
        """Release the lock."""


def server_lock(database: Database, server_id: str) -> ServerLock:
    """Return the lock of a server process, which nobody holds yet."""
    if database.path is not None:
        return _FileLock(database.path.parent / "servers", server_id)
    return _SessionLock(database, server_id)


class _FileLock:
    def __init__(self, folder: Path, server_id: str) -> None:
        self.on_lost: Callable[[], object] = _ignore
        self._folder = folder
        self._path = self._path_of(server_id)
        self._descriptor: int | None = None

    def _path_of(self, server_id: str) -> Path:
        return self._folder / f"{_key(server_id) & (1 << 64) - 1:016x}.lock"

    async def hold(self) -> bool:
        if self._descriptor is not None:
            return True
        make_private_folder(self._folder)
        descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
        if _try_lock(descriptor):
            self._descriptor = descriptor
        else:
            os.close(descriptor)
        return False

    async def is_alive(self, server_id: str) -> bool:
        path = self._path_of(server_id)
        if path == self._path:
            return True
        try:
            descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return False  # it stopped in an orderly way
        try:
            is_free = _try_lock(descriptor)
        finally:
            os.close(descriptor)
        if is_free:
            path.unlink(missing_ok=True)
        return not is_free

    async def release(self) -> None:
        if self._descriptor is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = None


class _SessionLock:
    def __init__(self, database: Database, server_id: str) -> None:
        self.on_lost: Callable[[], object] = _ignore
        self._database = database
        self._server_id = server_id
        self._connection: AsyncConnection | None = None
        self._session: int | None = None
        """The database's process of the session with the lock."""

    async def hold(self) -> bool:
        if (former := self._connection) is not None:
            try:
                if await _session_of(former) == self._session:  # a lost connection may have been opened again
                    return True
            except Exception:  # noqa: BLE001 - the session is over, and the lock with it
                logger.debug("the session of the server's lock is over")
            self._connection = None
            with suppress(Exception):
                await former.invalidate()
                await former.close()
        connection = await self._database.engine.execution_options(isolation_level="AUTOCOMMIT").connect()
        session = await _session_of(connection)
        if await _try_session_lock(connection, self._server_id):
            self._session, self._connection = session, connection
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None  # noqa: S101 - it is connected
            driver.add_termination_listener(lambda _driver: self._on_session_ended(session))
        else:
            await connection.close()
        return False

    def _on_session_ended(self, session: int) -> None:
        if session == self._session and self._connection is not None:
            self.on_lost()

    async def is_alive(self, server_id: str) -> bool:
        if server_id == self._server_id:
            return True
        async with self._database.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            if not await _try_session_lock(connection, server_id):
                return True
            await connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _key(server_id)})
            return False

    async def release(self) -> None:
        if (connection := self._connection) is not None:
            self._connection = None
            await connection.invalidate()  # the lock ends with the session, not with its use
            await connection.close()


def _ignore() -> None:
    """Do nothing."""


async def _session_of(connection: AsyncConnection) -> int:
    return int((await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one())


async def _try_session_lock(connection: AsyncConnection, server_id: str) -> bool:
    taken = await connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _key(server_id)})
    return bool(taken.scalar())


def _key(server_id: str) -> int:
    """Return the key of a server's advisory lock: 64 bits, with a sign."""
    return int.from_bytes(hashlib.sha256(server_id.encode()).digest()[:8], "big", signed=True)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
