"""The audio of stored calls in one server process: recordings, joined files, deletion, and their bytes."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, TypeVar

from trunkline.calls.log_events import Notice
from trunkline.extras import install_command
from trunkline.settings import Settings, StoreMode
from trunkline.store.audio import opus, segment_store
from trunkline.store.audio.joined import JoinedRecording
from trunkline.store.audio.open_segments import OpenSegments
from trunkline.store.audio.recorder import AudioRecorder, CallRecording, LostAudio, NoRecording, StoredAudio
from trunkline.store.audio.redacted_spans import Judge
from trunkline.store.audio.segment_store import AudioStoreError, SegmentStore, open_segment_store, size_of

logger = logging.getLogger(__name__)
COUNT_EVERY_S = 1.0
"""The time between two reports of the stored bytes, in seconds."""
Report = TypeVar("Report", StoredAudio, LostAudio, str)
AudioFormat = Literal["ogg", "wav"]
AddBytes = Callable[[str, int], Awaitable[bool]]
"""Adds stored bytes to a call; False if the store has no such call yet."""
_WITH_AUDIO: tuple[StoreMode, ...] = ("full", "redacted")
_MAX_UNKNOWN = 10_000
"""Calls with bytes that wait until the store knows them."""


class CallAudio:
    """The audio of stored calls. Use `running` around the calls, and `new_recording` for each call.

    Without the packages of the extra `store`, or with an address that cannot be used, calls are stored without audio,
    and each says so in its log.

    Args:
        mode: the part of each call that is stored; `metadata` and `off` store no audio.
        make_judge: makes the judge of a call's words for the mode `redacted`, which needs it.
        add_bytes: adds stored bytes to a call.
        on_lost: is called in the loop when audio of a call was lost.
        on_ended: is called in the loop with the id of a call when its recording is over.
    """

    def __init__(
        self,
        settings: Settings,
        mode: StoreMode,
        *,
        make_judge: Callable[[], Judge] | None = None,
        add_bytes: AddBytes | None = None,
        on_lost: Callable[[LostAudio], None] = lambda _lost: None,
        on_ended: Callable[[str], None] = lambda _call_id: None,
    ) -> None:
        if mode == "redacted" and make_judge is None:
            raise ValueError("The mode `redacted` needs a judge of words.")
        self._settings = settings
        self._records = mode in _WITH_AUDIO
        self._make_judge = make_judge if mode == "redacted" else None
        self._add_bytes = add_bytes
        self._on_lost = on_lost
        self._on_ended = on_ended
        self._store: SegmentStore | None = None
        self._recorder: AudioRecorder | None = None
        self._notice: Notice | None = None
        self._stored: Counter[str] = Counter()
        self.lost_ms = 0.0
        """Duration of the audio of all calls that could not be kept."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Record calls inside the `with` block."""
        if not self._records:
            yield
            return
        loop = asyncio.get_running_loop()
        try:
            self._recorder = await asyncio.to_thread(self._open, loop)
        except (AudioStoreError, OSError) as error:
            logger.warning("%s", error)
            self._notice = _without_audio(str(error), "Correct it and restart the server.")
        counting = asyncio.create_task(self._count(), name="audio bytes")
        try:
            yield
        finally:
            if (recorder := self._recorder) is not None:
                self._recorder = None
                await asyncio.to_thread(recorder.close)
                await asyncio.sleep(0)  # the thread's last reports
            counting.cancel()
            await asyncio.gather(counting, return_exceptions=True)
            await self._report_bytes()

    def new_recording(self) -> CallRecording | NoRecording | None:
        """Return the recording of a new call; None if no audio is wanted."""
        if not self._records:
            return None
        if self._recorder is None:
            return NoRecording(self._notice) if self._notice is not None else None
        return self._recorder.for_call()

    # Stored recordings ----------------------------------------------------------------------------------------------
    async def joined(self, call_id: str) -> JoinedRecording | None:
        """Return the recording of a call; None if it has none. Read it in a thread.

        Raises:
            AudioStoreError: the store cannot be used.
        """
        store = await asyncio.to_thread(self._reading)
        segments = await asyncio.to_thread(store.list, call_id)
        return JoinedRecording(store, segments) if segments else None

    async def write(self, call_id: str, audio_format: AudioFormat, path: Path) -> bool:
        """Write the recording of a call into a file. Return False if it has none.

        Raises:
            AudioStoreError: the store cannot be used.
            OSError: the file cannot be written.
        """
        recording = await self.joined(call_id)
        if recording is None:
            return False
        await asyncio.to_thread(_write, recording.ogg() if audio_format == "ogg" else recording.wav(), path)
        return True

    async def import_ogg(self, call_id: str, data: bytes) -> int:
        """Store the Ogg Opus file of an imported call, and return its bytes.

        Raises:
            AudioStoreError: the store cannot be used, or the data are not a recording of Trunkline.
        """
        store = await asyncio.to_thread(self._reading)
        return await asyncio.to_thread(store.import_ogg, call_id, data)

    async def delete(self, call_id: str) -> None:
        """Delete the recording of a call.

        Raises:
            AudioStoreError: the store refuses, or cannot be reached.
        """
        if segment_store.is_installed():
            store = await asyncio.to_thread(self._reading)
            await asyncio.to_thread(store.delete, call_id)

    async def size(self, call_id: str) -> int:
        """Return the bytes of a recording.

        Raises:
            AudioStoreError: the store cannot be used.
        """
        store = await asyncio.to_thread(self._reading)
        return size_of(await asyncio.to_thread(store.list, call_id))

    # Opening --------------------------------------------------------------------------------------------------------
    def _open(self, loop: asyncio.AbstractEventLoop) -> AudioRecorder | None:
        if not (opus.is_installed() and segment_store.is_installed()):
            self._notice = _without_audio("The packages for audio are missing.", install_command("store"))
            return None
        recorder = AudioRecorder(
            self._reading(),
            OpenSegments(self._settings.data_dir / "recordings-open"),
            make_judge=self._make_judge,
            on_stored=lambda stored: _in_loop(loop, self._note_stored, stored),
            on_lost=lambda lost: _in_loop(loop, self._note_lost, lost),
            on_ended=lambda call_id: _in_loop(loop, self._on_ended, call_id),
        )
        return recorder.__enter__()

    def _reading(self) -> SegmentStore:
        if self._store is None:
            self._store = open_segment_store(self._settings.audio_url, self._settings.data_dir / "recordings")
        return self._store

    # Reports --------------------------------------------------------------------------------------------------------
    def _note_stored(self, stored: StoredAudio) -> None:
        self._stored[stored.call_id] += stored.size

    def _note_lost(self, lost: LostAudio) -> None:
        self.lost_ms += lost.ms
        self._on_lost(lost)

    async def _count(self) -> None:
        while True:
            await asyncio.sleep(COUNT_EVERY_S)
            await self._report_bytes()

    async def _report_bytes(self) -> None:
        if self._add_bytes is None:
            return
        for call_id, size in list(self._stored.items()):
            try:
                known = await self._add_bytes(call_id, size)
            except Exception as error:  # noqa: BLE001 - whatever the database raises, the next report may succeed
                logger.debug("the bytes of a recording are not counted yet: %s", error)
                return
            if known or len(self._stored) > _MAX_UNKNOWN:
                self._stored[call_id] -= size
                if not self._stored[call_id]:
                    del self._stored[call_id]


def _without_audio(reason: str, hint: str) -> Notice:
    return Notice(message=f"This call is stored without audio. {reason}", code="no_recording", hint=hint)


def _write(parts: Iterator[bytes], path: Path) -> None:
    with path.open("wb") as file:
        file.writelines(parts)


def _in_loop(loop: asyncio.AbstractEventLoop, note: Callable[[Report], None], report: Report) -> None:
    """Report from the recorder's thread, unless the loop is closed."""
    try:
        loop.call_soon_threadsafe(note, report)
    except RuntimeError:
        logger.debug("the loop is closed: %s is not counted", report)
