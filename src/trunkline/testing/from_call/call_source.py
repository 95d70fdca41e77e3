"""The call that a user names: a stored call, an exported file, or a log."""

from __future__ import annotations

import asyncio
import getpass
from dataclasses import dataclass
from pathlib import Path

import msgspec

from trunkline.calls.log import Entry, parse_frame
from trunkline.settings import Settings

LOG_SUFFIXES = (".jsonl", ".ndjson", ".json")
_EXPORT_SUFFIX = ".trunkline"


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
    from trunkline.store.export_file import ExportFileError, read_export

    try:
        call = read_export(path, folder).call
    except ExportFileError as error:
        raise CallNotFoundError(str(error)) from error
    return NamedCall(call.entries, call.audio)


async def _stored(call_id: str, settings: Settings, folder: Path) -> NamedCall:
    from sqlalchemy.exc import SQLAlchemyError

    from trunkline.store.audio.call_audio import CallAudio
    from trunkline.store.audio.segment_store import AudioStoreError, is_installed
    from trunkline.store.call_archive import CallArchive
    from trunkline.store.database import StoreError, reason_of

    try:
        archive = CallArchive(settings, CallAudio(settings, "off") if is_installed() else None)
        try:
            await archive.database.migrate()
            exported = await archive.load(call_id, folder)
            if exported is None:
                raise CallNotFoundError(
                    f"{call_id!r} is neither a stored call in {archive.database.name} nor a file. `trunkline calls "
                    "list` shows the stored calls."
                )
            await archive.audit.add("test", _actor(), call_id)
        finally:
            await archive.close()
    except (StoreError, AudioStoreError) as error:
        raise CallNotFoundError(f"{call_id!r} is not a file, and the store cannot be read: {error}") from error
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        reason = reason_of(error)
        raise CallNotFoundError(f"{call_id!r} is not a file, and the store cannot be read: {reason}.") from error
    return NamedCall(exported.call.entries, exported.call.audio)


def _actor() -> str:
    """Return the name of this machine's user in the audit trail."""
    try:
        return f"command line {getpass.getuser()}"
    except (OSError, KeyError):  # a container's user without a name
        return "command line"


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
