"""The call that a user names: a stored call, an exported file, or a log."""

from __future__ import annotations

import asyncio
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

import msgspec

from trunkline.calls.log import Entry, parse_frame
from trunkline.settings import Settings

LOG_SUFFIXES = (".jsonl", ".ndjson", ".json")
_EXPORT_SUFFIX = ".trunkline"
_LOG, _AUDIO = "log.jsonl", "audio.ogg"


class CallNotFoundError(LookupError):
    """A call that cannot be read. The message has the reason and the fix."""


@dataclass(frozen=True)
class NamedCall:
    """A call with its log. `audio` is None without a recording."""

    entries: tuple[Entry, ...]
    audio: Path | None = None


async def load_call(target: str, settings: Settings, folder: Path) -> NamedCall:
    """Return the call that a user names.

    Args:
        target: the id of a stored call, an exported `.trunkline` file, or a log: a file with a frame on each line, or
            the console's download.
        settings: name the store.
        folder: a folder for the recording.

    Raises:
        CallNotFoundError: the call does not exist, or cannot be read.
    """
    path = Path(target)
    if path.suffix == _EXPORT_SUFFIX:
        return await asyncio.to_thread(_exported, path, folder)
    if path.suffix in LOG_SUFFIXES:
        return NamedCall(await asyncio.to_thread(_logged, path))
    return await _stored(target, settings, folder)


def _exported(path: Path, folder: Path) -> NamedCall:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = tuple(parse_frame(line) for line in archive.read(_LOG).splitlines() if line.strip())
            audio = None
            if _AUDIO in archive.namelist():
                audio = folder / _AUDIO
                with archive.open(_AUDIO) as packed, audio.open("wb") as copy:
                    shutil.copyfileobj(packed, copy)
    except (OSError, zipfile.BadZipFile, KeyError, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise CallNotFoundError(f"{path} is not an exported call: {error}. Export the call again.") from error
    return NamedCall(entries, audio)


async def _stored(call_id: str, settings: Settings, folder: Path) -> NamedCall:
    from trunkline.store.database import Database, StoreError
    from trunkline.store.stored_calls import StoredCalls

    try:
        database = Database.from_settings(settings)
        if database.path is not None and not database.path.exists():
            raise CallNotFoundError(f"{call_id!r} is not a file, and no call is stored in {database.name}.")
        try:
            await database.migrate()
            entries = await StoredCalls(database).log(call_id)
        finally:
            await database.close()
    except StoreError as error:
        raise CallNotFoundError(f"{call_id!r} is not a file, and the store cannot be read: {error}") from error
    if not entries:
        raise CallNotFoundError(
            f"{call_id!r} is neither a stored call in {database.name} nor a file. `trunkline calls list` shows the "
            "stored calls."
        )
    return NamedCall(tuple(entries), await asyncio.to_thread(_recording, call_id, settings, folder))


def _recording(call_id: str, settings: Settings, folder: Path) -> Path | None:
    """Return the recording of a stored call as one file; None without one."""
    from trunkline.store.audio.segment_store import AudioStoreError, is_installed, open_segment_store

    if not is_installed():
        return None
    from trunkline.store.audio.joined import JoinedRecording

    try:
        store = open_segment_store(settings.audio_url, settings.data_dir / "recordings")
        segments = store.list(call_id)
        if not segments:
            return None
        path = folder / _AUDIO
        with path.open("wb") as file:
            for part in JoinedRecording(store, segments).ogg():
                file.write(part)
    except AudioStoreError as error:
        raise CallNotFoundError(f"The recording of {call_id} cannot be read: {error}") from error
    return path


def _logged(path: Path) -> tuple[Entry, ...]:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CallNotFoundError(f"{path} cannot be read: {error}.") from error
    try:
        frames = _downloaded(text) or [line.encode() for line in text.splitlines() if line.strip()]
        entries = [parse_frame(frame) for frame in frames]
    except ValueError as error:
        raise CallNotFoundError(
            f"{path} is not the log of a call: {error}. Name a file with an event on each line, or the download of the "
            "console."
        ) from error
    if not entries:
        raise CallNotFoundError(f"{path} is empty. Name the log of a call.")
    return tuple(entries)


class _Download(msgspec.Struct):
    events: list[msgspec.Raw]


def _downloaded(text: str) -> list[bytes]:
    """Return the frames of the console's download; none for another file."""
    try:
        return [bytes(event) for event in msgspec.json.decode(text, type=_Download).events]
    except msgspec.MsgspecError:
        return []
