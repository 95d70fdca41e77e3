"""The store of one server process: its writer, and the upkeep of the database beside it."""

from __future__ import annotations

import asyncio
import importlib
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from trunkline.calls import log_events
from trunkline.settings import Settings, StoreMode
from trunkline.store.audio.call_audio import CallAudio
from trunkline.store.audio.recorder import LostAudio
from trunkline.store.audio.redacted_spans import Judge
from trunkline.store.batch import BatchSink
from trunkline.store.writer import RedactorFactory, StoreWriter
from trunkline.structured_log import log_event

if TYPE_CHECKING:
    from trunkline.store.database import Database
    from trunkline.store.server_lock import ServerLock

logger = logging.getLogger(__name__)
UPKEEP_EVERY_S = 60.0
"""The time between two looks at old calls and dead servers, in seconds."""


class CallStore:
    """The store of a server process. Use `running` around the calls, and `writer.reader` for each call.

    The database is opened in the background, and opened again after it failed; SQLAlchemy is imported only then.

    Args:
        mode: the part of each call that is stored.
        tell: appends an event to the log of a running call, by its id.
        make_redactor: makes the redactor of a call, for the mode `redacted`.
        make_judge: makes the judge of a call's words for its audio, for the mode `redacted`.
        server_id: the id of this process, in the rows of its calls.
    """

    def __init__(
        self,
        settings: Settings,
        mode: StoreMode,
        tell: Callable[[str, log_events.StoreDegraded | log_events.StoreRestored], None],
        *,
        make_redactor: RedactorFactory | None = None,
        make_judge: Callable[[], Judge] | None = None,
        server_id: str | None = None,
    ) -> None:
        self._settings = settings
        self.server_id = server_id or f"server_{secrets.token_hex(8)}"
        self._database: Database | None = None
        """The connections of the upkeep; the writer has its own."""
        self._lock: ServerLock | None = None
        self._is_open = asyncio.Event()
        self.writer = StoreWriter(self._open, mode, make_redactor=make_redactor, tell=tell)
        self._tell = tell
        self._without_audio: set[str] = set()
        """Running calls that have lost audio, which their logs say once."""
        self.audio = CallAudio(
            settings,
            mode,
            make_judge=make_judge,
            add_bytes=self._add_audio_bytes,
            on_lost=self._on_audio_lost,
            on_ended=self._without_audio.discard,
        )
        """The audio of the calls."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Store calls inside the `with` block."""
        upkeep = asyncio.create_task(self._keep_up(), name="store upkeep")
        try:
            async with self.writer.running(), self.audio.running():
                yield
        finally:
            upkeep.cancel()
            await asyncio.gather(upkeep, return_exceptions=True)
            with suppress(Exception):  # the database may be gone
                if self._lock is not None:
                    await self._lock.release()
                if self._database is not None:
                    await self._database.close()

    async def _open(self) -> BatchSink:
        """Open the database for the writer: it has to be reachable, and this process has to be known as alive."""
        await asyncio.to_thread(_import)
        from trunkline.store.database import Database
        from trunkline.store.database_sink import DatabaseSink
        from trunkline.store.server_lock import server_lock

        if self._database is None:
            self._database = Database.from_settings(self._settings)
            self._lock = server_lock(self._database, self.server_id)
        database = Database.from_settings(self._settings)
        await database.migrate()
        assert self._lock is not None  # noqa: S101 - made with the database
        await self._lock.hold()
        self._is_open.set()
        return DatabaseSink(database, self.server_id)

    async def _add_audio_bytes(self, call_id: str, size: int) -> bool:
        """Add bytes of audio to a call. Return False if the database does not have the call yet."""
        if self._database is None or not self._is_open.is_set():
            return False
        from trunkline.store.audio.audio_rows import add_audio_bytes

        return await add_audio_bytes(self._database, call_id, size)

    def _on_audio_lost(self, lost: LostAudio) -> None:
        if lost.call_id not in self._without_audio:
            self._without_audio.add(lost.call_id)
            reason = "Audio of this call cannot be kept: the disk is full or too slow, or audio came for a past time."
            self._tell(lost.call_id, log_events.StoreDegraded(reason=reason))

    async def _keep_up(self) -> None:
        while True:
            try:
                await self.look_after()
            except Exception as error:  # noqa: BLE001 - whatever the database raises, the next look may succeed
                log_event(logger, logging.WARNING, "store.upkeep_failed", reason=str(error) or type(error).__name__)
            await asyncio.sleep(UPKEEP_EVERY_S)

    async def look_after(self) -> None:
        """Mark the calls of dead servers as interrupted, and delete old calls, once the database is open.

        Raises:
            Exception: the database has failed.
        """
        await self._is_open.wait()
        from trunkline.store.recovery import mark_interrupted
        from trunkline.store.retention import RetentionLimits, delete_old_calls
        from trunkline.store.stored_calls import StoredCalls

        assert self._database is not None and self._lock is not None  # noqa: S101, PT018 - the database is open
        await self._lock.hold()
        for call_id in await mark_interrupted(self._database, self._lock):
            log_event(logger, logging.WARNING, "store.call_interrupted", call=call_id)
        limits = RetentionLimits(self._settings.store_max_gb * 1e9, self._settings.store_days)
        now_ms = round(1000 * time.time())
        deleted = await delete_old_calls(self._database, StoredCalls(self._database, self.audio.delete), limits, now_ms)
        if deleted:
            log_event(logger, logging.INFO, "store.calls_deleted", count=deleted)


def _import() -> None:
    """Import SQLAlchemy, which takes a part of a second, outside the event loop."""
    importlib.import_module("trunkline.store.database_sink")
    importlib.import_module("trunkline.store.retention")
