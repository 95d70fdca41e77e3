"""The archive: reads, exports, imports and deletions of stored calls, for the server's routes and the command line."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import OrderedDict
from pathlib import Path

from trunkline.realtime.ids import new_id
from trunkline.settings import Settings
from trunkline.store.audio import segment_store
from trunkline.store.audio.call_audio import AudioFormat, CallAudio
from trunkline.store.audit import AuditTrail
from trunkline.store.database import Database
from trunkline.store.export_file import SUFFIX, ExportedCall, write_export
from trunkline.store.notes import CallNotes
from trunkline.store.stored_calls import StoredCalls
from trunkline.store.transfer import Recordings, load_call, save_call

MAX_AUDIO_FILES = 4
"""Recordings that are kept as one file, for requests of parts of them."""


def recordings_of(settings: Settings) -> Recordings | None:
    """Return the audio of the stored calls; None without the packages of the extra `store`."""
    return CallAudio(settings, "full") if segment_store.is_installed() else None


class CallArchive:
    """The stored calls of a database, with their audio. It has connections of its own: close it at the end.

    Args:
        recordings: the audio; None if the packages for audio are not installed.

    Raises:
        StoreError: the address of the database is invalid, or its driver is not installed.
    """

    def __init__(self, settings: Settings, recordings: Recordings | None = None) -> None:
        self.database = Database.from_settings(settings)
        self.recordings = recordings
        self.calls = StoredCalls(self.database, None if recordings is None else recordings.delete)
        self.notes = CallNotes(self.database)
        self.audit = AuditTrail(self.database)
        self._folder: Path | None = None
        self._files: OrderedDict[tuple[str, AudioFormat], Path] = OrderedDict()
        self._writing = asyncio.Lock()

    async def close(self) -> None:
        """Close the connections, and remove the files."""
        await self.database.close()
        if self._folder is not None:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def load(self, call_id: str, folder: Path) -> ExportedCall | None:
        """Return a call with its notes and its audio, None for an unknown one.

        Args:
            folder: the place for the file of the audio.
        """
        return await load_call(self.database, self.recordings, call_id, folder)

    async def save(self, exported: ExportedCall) -> None:
        """Store an exported call, all of it or nothing.

        Raises:
            CallExistsError: the database has a call of this id.
        """
        await save_call(self.database, self.recordings, exported)

    async def export(self, call_id: str, folder: Path) -> Path | None:
        """Write a call into one file in `folder`, and return its path; None for an unknown call."""
        with tempfile.TemporaryDirectory(prefix="trunkline-") as audio_folder:
            exported = await self.load(call_id, Path(audio_folder))
            if exported is None:
                return None
            path = folder / f"{call_id}{SUFFIX}"

            def write() -> None:
                with path.open("wb") as file:
                    write_export(file, exported)

            await asyncio.to_thread(write)
        return path

    async def audio_file(self, call_id: str, audio_format: AudioFormat, *, is_over: bool) -> Path | None:
        """Return the recording of a call as one file, None without one. The caller of this method removes the file.

        The latest recordings of ended calls are kept, since players ask for a recording in many parts.
        """
        if self.recordings is None:
            return None
        key = call_id, audio_format
        async with self._writing:
            if self._folder is None:
                self._folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="trunkline-audio-"))
            if key not in self._files or not is_over:
                path = self._folder / new_id("recording")
                if not await self.recordings.write(call_id, audio_format, path):
                    return None
                self._forget(key)
                self._files[key] = path
                while len(self._files) > MAX_AUDIO_FILES:
                    self._forget(next(iter(self._files)))
            self._files.move_to_end(key)
            link = self._folder / new_id("request")
            link.hardlink_to(self._files[key])
            return link

    async def delete(self, call_id: str) -> bool:
        """Delete a call with everything that belongs to it. Return False for an unknown one.

        Raises:
            CallIsRunningError: the call has not ended.
        """
        deleted = await self.calls.delete(call_id)
        self._forget((call_id, "ogg"))
        self._forget((call_id, "wav"))
        return deleted

    async def delete_all(self) -> int:
        """Delete all calls that do not run. Return their number."""
        deleted = await self.calls.delete_all()
        for key in list(self._files):
            self._forget(key)
        return deleted

    def _forget(self, key: tuple[str, AudioFormat]) -> None:
        if (path := self._files.pop(key, None)) is not None:
            path.unlink(missing_ok=True)
