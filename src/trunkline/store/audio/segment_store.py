"""Store of segments: a local folder, or a bucket of Azure Blob, S3 or GCS, through obstore."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from trunkline.store.audio.ogg import OggError, divide
from trunkline.store.private_folder import make_private_folder

if TYPE_CHECKING:
    from obstore.store import ObjectStore

REQUEST_TIMEOUT = timedelta(seconds=10)
_NAME = re.compile(r"(?P<index>\d{6})\.(?P<writer>[0-9a-z]+)\.ogg")
_CALL_ID = re.compile(r"[\w-]{1,100}")


class AudioStoreError(Exception):
    """The store cannot be used. The message has the reason and the fix."""


@dataclass(frozen=True)
class SegmentFile:
    """A stored segment.

    Attributes:
        index: its number in the recording, from 0.
        path: its name in the store.
        size: its bytes.
    """

    index: int
    path: str
    size: int


def is_installed() -> bool:
    """Return whether obstore is installed."""
    return importlib.util.find_spec("obstore") is not None


class SegmentStore:
    """Segments of all recordings. Its methods block: call them in a thread.

    Args:
        store: the store.
        is_local: True for a folder of this machine.
    """

    def __init__(self, store: ObjectStore, *, is_local: bool) -> None:
        self._store = store
        self.is_local = is_local

    def put(self, call_id: str, index: int, writer: str, data: bytes) -> None:
        """Store a segment. Another one of the same writer and index is replaced.

        Raises:
            AudioStoreError: the store refuses, or cannot be reached.
        """
        import obstore

        try:
            obstore.put(self._store, f"{_prefix(call_id)}/{index:06d}.{writer}.ogg", data)
        except Exception as error:  # obstore raises many types
            raise AudioStoreError(f"A segment could not be stored: {_first_line(error)}") from error

    def get(self, segment: SegmentFile) -> bytes:
        """Return the bytes of a segment.

        Raises:
            AudioStoreError: it cannot be read.
        """
        import obstore

        try:
            return bytes(obstore.get(self._store, segment.path).bytes())
        except Exception as error:  # obstore raises many types
            raise AudioStoreError(f"A segment could not be read: {_first_line(error)}") from error

    def list(self, call_id: str) -> list[SegmentFile]:
        """Return the segments of a call in order.

        Raises:
            AudioStoreError: the store cannot be read.
        """
        import obstore

        found: list[SegmentFile] = []
        try:
            for batch in obstore.list(self._store, _prefix(call_id)):
                for meta in batch:
                    path = str(meta["path"])
                    if (name := _NAME.fullmatch(path.rpartition("/")[2])) is not None:
                        found.append(SegmentFile(int(name["index"]), path, int(meta["size"])))
        except Exception as error:  # obstore raises many types
            raise AudioStoreError(f"The recording could not be listed: {_first_line(error)}") from error
        return sorted(found, key=lambda one: (one.index, one.path))

    def delete(self, call_id: str) -> int:
        """Delete the recording of a call, and return its bytes.

        Raises:
            AudioStoreError: the store refuses, or cannot be reached.
        """
        import obstore

        segments = self.list(call_id)
        try:
            if segments:
                obstore.delete(self._store, [one.path for one in segments])
        except Exception as error:  # obstore raises many types
            raise AudioStoreError(f"The recording could not be deleted: {_first_line(error)}") from error
        return size_of(segments)

    def import_ogg(self, call_id: str, data: bytes) -> int:
        """Store the joined file of a recording, cut into segments again, and return the bytes.

        Raises:
            AudioStoreError: the data are not such a file, or the store refuses.
        """
        try:
            segments = divide(data)
        except OggError as error:
            raise AudioStoreError(f"The audio is not a recording of Trunkline. {error}") from error
        for index, segment in enumerate(segments):
            self.put(call_id, index, "imported", segment)
        return sum(map(len, segments))


def size_of(segments: Sequence[SegmentFile]) -> int:
    """Return the bytes of segments."""
    return sum(one.size for one in segments)


def open_segment_store(url: str | None, folder: Path) -> SegmentStore:
    """Open the store of an address, or a private folder of this machine.

    Args:
        url: such as `az://container/path`, `s3://bucket/path` or `gs://bucket/path`; None means the folder.
        folder: is created if it is missing.

    Raises:
        AudioStoreError: the address is not valid, or the folder cannot be used.
    """
    from obstore.store import LocalStore, from_url

    try:
        if url is None or url.startswith("file:"):
            path = folder if url is None else Path(url.removeprefix("file:").removeprefix("//"))
            make_private_folder(path)
            return SegmentStore(LocalStore(path), is_local=True)
        options = {"timeout": REQUEST_TIMEOUT, "connect_timeout": REQUEST_TIMEOUT}
        retries = {"max_retries": 2, "retry_timeout": REQUEST_TIMEOUT}
        store = from_url(url, client_options=options, retry_config=retries)  # type: ignore[call-overload]  # its overloads want one service's options
    except Exception as error:  # obstore raises many types
        raise AudioStoreError(
            f"TRUNKLINE_AUDIO_URL={url} cannot be used: {_first_line(error)}. Give az://container/path, "
            "s3://bucket/path, gs://bucket/path or file:///folder, with the credentials in the environment."
        ) from error
    return SegmentStore(store, is_local=False)


def _prefix(call_id: str) -> str:
    if not _CALL_ID.fullmatch(call_id):
        raise AudioStoreError(f"{call_id!r} is not the id of a call.")
    return call_id


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
