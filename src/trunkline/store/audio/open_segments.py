"""Open segments of this process in local files, and recovery of the segments of dead processes."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from trunkline.store.audio.segment_buffer import FileBuffer, SegmentBuffer
from trunkline.store.private_folder import make_private_folder

if sys.platform != "win32":
    import fcntl

_LOCK = "lock"


@dataclass(frozen=True)
class LeftSegment:
    """A segment that a dead process has left: raw audio (`.pcm`), or an encoded file that is not stored (`.ogg`)."""

    call_id: str
    index: int
    path: Path


class OpenSegments:
    """Folder of one process, with a folder for each call. A lock shows the other processes that it lives.

    Args:
        folder: the folder of all processes; it is private.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.writer = secrets.token_hex(4)
        """The name of this process in the files' names."""
        self._own = folder / self.writer
        make_private_folder(folder)
        new = folder / f".{self.writer}"
        new.mkdir(mode=0o700)
        self._lock = _locked(new)
        new.rename(self._own)  # no other process finds it without its lock

    def buffer(self, call_id: str, index: int) -> SegmentBuffer:
        """Return the buffer of a segment.

        Raises:
            OSError: the folder cannot be written.
        """
        folder = self._own / call_id
        folder.mkdir(mode=0o700, exist_ok=True)
        return FileBuffer(folder / f"{index:06d}.pcm")

    def keep(self, call_id: str, index: int, data: bytes) -> Path:
        """Keep an encoded segment until it is stored, and return its file.

        Raises:
            OSError: the disk is full or broken.
        """
        folder = self._own / call_id
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / f"{index:06d}.ogg"
        path.write_bytes(data)
        return path

    def kept(self) -> list[LeftSegment]:
        """Return the encoded segments of this process that are not stored."""
        return list(_segments_in(self._own, ".ogg"))

    def close_call(self, call_id: str) -> None:
        """Remove the folder of a call that has ended, unless a segment is still to be stored."""
        with contextlib.suppress(OSError):
            (self._own / call_id).rmdir()

    def close(self) -> None:
        """Remove the folder of this process, unless something in it must be recovered."""
        for folder in self._own.iterdir():
            with contextlib.suppress(OSError):
                folder.rmdir()
        if self._lock is not None:
            self._lock.close()
        if not any(path.is_dir() for path in self._own.iterdir()):
            shutil.rmtree(self._own, ignore_errors=True)

    @contextlib.contextmanager
    def left(self) -> Iterator[list[LeftSegment]]:
        """Yield the segments that dead processes have left. Their empty folders are removed at the end."""
        dead: list[Path] = []
        locks: list[IO[str]] = []
        for folder in sorted(self._folder.iterdir()):
            if (
                folder.name[0] != "."
                and folder != self._own
                and folder.is_dir()
                and (lock := _locked(folder)) is not None
            ):
                dead.append(folder)
                locks.append(lock)
        try:
            yield [
                segment for folder in dead for suffix in (".ogg", ".pcm") for segment in _segments_in(folder, suffix)
            ]
        finally:
            for folder in dead:
                if not any(path.is_file() and path.name != _LOCK for path in folder.rglob("*")):
                    shutil.rmtree(folder, ignore_errors=True)
            for lock in locks:
                lock.close()


def _segments_in(folder: Path, suffix: str) -> Iterator[LeftSegment]:
    for path in sorted(folder.glob(f"*/*{suffix}")):
        if path.stem.isdecimal():
            yield LeftSegment(path.parent.name, int(path.stem), path)


def _locked(folder: Path) -> IO[str] | None:
    """Return the lock of a folder; None if a living process has it."""
    if sys.platform == "win32":  # a dead process cannot be recognised, so nothing is recovered
        return None
    lock = (folder / _LOCK).open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    os.set_inheritable(lock.fileno(), False)
    return lock
