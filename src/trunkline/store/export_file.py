"""The file of an exported call: a ZIP archive with its summary, its log, its audio and its notes.

`manifest.json` has the version of the format, the summary and the notes. `log.jsonl` has one frame a line, as
`calls.log.frame_of` makes them. `audio.ogg` is there if the call was recorded.
"""

from __future__ import annotations

import shutil
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import msgspec

from trunkline.calls.log import Entry, parse_frame
from trunkline.calls.log_events import CallStarted
from trunkline.realtime.ids import new_id
from trunkline.store.notes import CallNote
from trunkline.store.stored_call import StoredCall
from trunkline.store.summary import CallSummary

SUFFIX = ".trunkline"
FORMAT = "trunkline-call"
FORMAT_VERSION = 1
MAX_MANIFEST_BYTES = 4 << 20
MAX_LOG_BYTES = 1 << 30
MAX_AUDIO_BYTES = 4 << 30
_MANIFEST, _LOG, _AUDIO = "manifest.json", "log.jsonl", "audio.ogg"
_LIMITS = {_MANIFEST: MAX_MANIFEST_BYTES, _LOG: MAX_LOG_BYTES, _AUDIO: MAX_AUDIO_BYTES}


class ExportFileError(Exception):
    """A file that cannot be imported; the message has the problem and the fix."""


@dataclass(frozen=True)
class ExportedCall:
    """The content of an exported file."""

    call: StoredCall
    notes: tuple[CallNote, ...] = ()


class _Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Content of `manifest.json`."""

    format: str
    version: int
    summary: CallSummary
    notes: tuple[CallNote, ...] = ()


class _Head(msgspec.Struct):
    """The part of a manifest that all versions have."""

    format: str = ""
    version: int = 0


def write_export(file: IO[bytes], exported: ExportedCall) -> None:
    """Write an exported call to a binary file, which need not be seekable."""
    call = exported.call
    manifest = _Manifest(format=FORMAT, version=FORMAT_VERSION, summary=call.summary, notes=exported.notes)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
        with archive.open(_LOG, "w", force_zip64=True) as log:
            for entry in call.entries:
                log.write(entry.frame().encode() + b"\n")
        if call.audio is not None:
            compressed = zipfile.ZipInfo(_AUDIO)  # Opus does not become smaller
            with call.audio.open("rb") as audio, archive.open(compressed, "w", force_zip64=True) as copy:
                shutil.copyfileobj(audio, copy)


def read_export(path: Path, folder: Path) -> ExportedCall:
    """Return the call in a file. Its audio is copied into `folder`.

    Raises:
        ExportFileError: the file is missing, damaged, of another program or of a newer version.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(archive, path, folder)
    except FileNotFoundError:
        raise ExportFileError(f"{path} does not exist.") from None
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, zlib.error) as error:
        problem = "is damaged" if zipfile.is_zipfile(path) else "is not an exported call"
        raise ExportFileError(f"{path} {problem} ({error}). Export the call again.") from error
    except OSError as error:
        raise ExportFileError(f"{path} cannot be read: {error.strerror or error}.") from error


def renamed(exported: ExportedCall, call_id: str) -> ExportedCall:
    """Return a copy of a call under another id, with notes of its own."""
    call = exported.call
    entries = tuple(
        Entry(entry.seq, entry.at_ms, msgspec.structs.replace(entry.event, call_id=call_id))
        if isinstance(entry.event, CallStarted)
        else entry
        for entry in call.entries
    )
    summary = msgspec.structs.replace(call.summary, call_id=call_id)
    notes = tuple(msgspec.structs.replace(note, note_id=new_id("note")) for note in exported.notes)
    return ExportedCall(replace(call, summary=summary, entries=entries), notes)


def _read(archive: zipfile.ZipFile, path: Path, folder: Path) -> ExportedCall:
    names = archive.namelist()
    if _MANIFEST not in names or _LOG not in names:
        raise ExportFileError(f"{path} is not an exported call: it has no {_MANIFEST} and {_LOG}.")
    if unknown := [name for name in names if name not in _LIMITS]:
        raise ExportFileError(f"{path} is not an exported call: it also has {unknown[0]!r}.")
    if len(names) != len(set(names)):
        raise ExportFileError(f"{path} is damaged: it has a part twice. Export the call again.")
    manifest = _manifest(archive.open(_MANIFEST).read(MAX_MANIFEST_BYTES + 1), path)
    entries = tuple(_entries(archive, path))
    started = entries[0].event if entries else None
    if not isinstance(started, CallStarted):
        raise ExportFileError(f"{path} is damaged: its log does not begin with call.started. Export the call again.")
    if (started.call_id, started.scenario) != (manifest.summary.call_id, manifest.summary.scenario):
        raise ExportFileError(f"{path} is damaged: its summary and its log are of two calls. Export the call again.")
    audio = _audio(archive, path, folder / f"{path.stem}.ogg") if _AUDIO in names else None
    summary = msgspec.structs.replace(manifest.summary, has_audio=audio is not None)
    return ExportedCall(StoredCall(summary, entries, audio), manifest.notes)


def _manifest(text: bytes, path: Path) -> _Manifest:
    try:
        if len(text) > MAX_MANIFEST_BYTES:
            raise msgspec.ValidationError("it is too large")
        head = msgspec.json.decode(text, type=_Head)
        if head.format != FORMAT:
            raise ExportFileError(f"{path} is not an exported call: its format is {head.format!r}.")
        if head.version > FORMAT_VERSION:
            raise ExportFileError(
                f"{path} has the version {head.version} of the format, and this Trunkline reads {FORMAT_VERSION}. "
                "Update Trunkline."
            )
        return msgspec.json.decode(text, type=_Manifest)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ExportFileError(f"{path} is damaged: {_MANIFEST} is invalid ({error}). Export the call again.") from error


def _entries(archive: zipfile.ZipFile, path: Path) -> Iterator[Entry]:
    last, size = 0, 0
    with archive.open(_LOG) as lines:
        for number, line in enumerate(iter(lambda: lines.readline(MAX_LOG_BYTES), b""), 1):
            size += len(line)
            try:
                if size > MAX_LOG_BYTES:
                    raise ValueError(f"the log has more than {MAX_LOG_BYTES >> 20} MiB.")
                entry = parse_frame(line)
                if entry.seq <= last:
                    raise ValueError(f"the number {entry.seq} follows {last}.")
            except ValueError as error:
                raise ExportFileError(
                    f"{path} is damaged: line {number} of {_LOG} is invalid ({error}) Export the call again."
                ) from error
            last = entry.seq
            yield entry


def _audio(archive: zipfile.ZipFile, path: Path, target: Path) -> Path:
    with archive.open(_AUDIO) as audio, target.open("xb") as copy:
        size = 0
        while block := audio.read(1 << 20):
            if not size and not (block.startswith(b"OggS") and b"OpusHead" in block[:128]):
                raise ExportFileError(f"{path} is damaged: its audio is not Ogg Opus. Export the call again.")
            size += len(block)
            if size > MAX_AUDIO_BYTES:
                raise ExportFileError(f"{path} is damaged: its audio is larger than {MAX_AUDIO_BYTES >> 30} GiB.")
            copy.write(block)
    return target
