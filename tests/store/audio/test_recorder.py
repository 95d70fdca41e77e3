"""The recorder's thread: segments on disk, recovery after a crash, and stores that fail or are slow."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.store.audio.signals import level_dbfs, noise, place_ms
from tests.store.audio.test_ogg import decoded
from trunkline.calls.log import Entry
from trunkline.calls.log_events import CallEnded, CallStarted, CallTakenOver
from trunkline.store.audio import recorder as recorder_module
from trunkline.store.audio.joined import JoinedRecording
from trunkline.store.audio.open_segments import OpenSegments
from trunkline.store.audio.opus import Stereo
from trunkline.store.audio.recorder import AudioRecorder, CallRecording, LostAudio
from trunkline.store.audio.segment_store import AudioStoreError, SegmentStore, open_segment_store

STARTED = CallStarted(
    call_id="call_1",
    scenario="s",
    agent="a",
    transport="websocket",
    provider="p",
    model="m",
    started_at="2026-01-01T00:00:00.000+00:00",
)
FAILED = "it failed"


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Rig:
    """A recorder on a folder, with one call whose clock a test sets."""

    def __init__(
        self,
        folder: Path,
        store: SegmentStore | None = None,
        *,
        takes_over_at_ms: int | None = None,
        committed_ms: int = 0,
    ) -> None:
        self.folder = folder
        self.store = store or open_segment_store(None, folder / "recordings")
        self.lost: list[LostAudio] = []
        self.stored = 0
        self.recorder = AudioRecorder(
            self.store,
            OpenSegments(folder / "open"),
            on_stored=self._on_stored,
            on_lost=self.lost.append,
            tick_s=0.01,
            retry_s=0.05,
        )
        self.clock = Clock()
        self.call = CallRecording(self.recorder._new.append, clock=self.clock)
        if takes_over_at_ms is None:
            self.call.read(Entry(1, 0, STARTED))
        else:
            self.clock.now_s += takes_over_at_ms / 1000
            self.call.continue_from(committed_ms)
            taken_over = CallTakenOver(call_id="call_1", agent="a", reason="gone")
            self.call.read(Entry(9, takes_over_at_ms, taken_over))

    def says(self, voice: Stereo, from_ms: int) -> None:
        """Let the caller send a voice in frames of 20 ms, each at its time."""
        pcm = voice.tobytes()
        for at in range(0, len(pcm), 960):
            end_ms = from_ms + (at + 960) / 48
            self.clock.now_s = 100 + end_ms / 1000
            self.call.on_caller_audio(pcm[at : at + 960], end_ms)

    def ends(self, at_ms: int) -> None:
        """End the call."""
        self.clock.now_s = 100 + at_ms / 1000
        self.call.read(Entry(2, at_ms, CallEnded(reason="hung up")))

    def track(self) -> Stereo:
        """Return the stored recording."""
        recording = JoinedRecording(self.store, self.store.list("call_1"))
        return decoded(b"".join(recording.ogg()))

    def _on_stored(self, stored: recorder_module.StoredAudio) -> None:
        self.stored += stored.size


def until(condition: Callable[[], object], within_s: float = 20.0) -> None:
    """Wait for the thread."""
    ends = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.005)


def test_a_recorded_call_is_a_file_for_each_10_s_and_leaves_nothing_open(tmp_path: Path) -> None:
    rig, voice = Rig(tmp_path), noise(23_000, 1)
    with rig.recorder:
        rig.says(voice, 500)
        rig.ends(24_321)
        until(lambda: rig.call.is_over)
    segments = rig.store.list("call_1")
    assert [one.index for one in segments] == [0, 1, 2]
    assert rig.stored == sum(one.size for one in segments)
    track = rig.track()
    assert len(track) == 24_321 * 24
    for start in (0, 220_000, 480_000):
        at_ms, correlation = place_ms(voice[start : start + 24_000], track[:, 0])
        assert at_ms == pytest.approx(500 + start / 24, abs=1)
        assert correlation > 0.8
    assert not any(path.is_file() and path.suffix for path in (tmp_path / "open").rglob("*"))
    assert rig.lost == []


def test_files_and_folders_are_private(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    with rig.recorder:
        rig.says(noise(1000, 2), 0)
        until(lambda: list((tmp_path / "open").rglob("*.pcm")))
        (raw,) = (tmp_path / "open").rglob("*.pcm")
        assert raw.stat().st_mode & 0o077 == 0
        for folder in (tmp_path / "open", tmp_path / "recordings"):
            assert folder.stat().st_mode & 0o077 == 0


def test_a_recorder_that_is_closed_stores_the_running_calls(tmp_path: Path) -> None:
    rig, voice = Rig(tmp_path), noise(3000, 3)
    with rig.recorder:
        rig.says(voice, 0)
    assert place_ms(voice, rig.track()[:, 0])[1] > 0.8


CRASHING = """
import sys, time
from pathlib import Path
from tests.store.audio.test_recorder import Rig
from tests.store.audio.signals import noise
rig = Rig(Path(sys.argv[1]))
rig.recorder.__enter__()
voice = noise(60_000, 4).tobytes()
began = time.monotonic()
sent = 0
while True:
    time.sleep(0.02)
    now_ms = (time.monotonic() - began) * 1000
    while sent + 20 <= now_ms:
        rig.call.on_caller_audio(voice[sent * 48 : (sent + 20) * 48], sent + 20)
        sent += 20
        rig.clock.now_s = 100 + sent / 1000
    print(sent, flush=True)
"""


@pytest.mark.realtime
def test_after_kill_9_the_audio_is_complete_up_to_the_last_second(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", CRASHING, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdout is not None
    sent_ms = 0
    for line in process.stdout:
        sent_ms = int(line)
        if sent_ms >= 12_600:
            break
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read().split()
    sent_ms = int(rest[-1]) if rest else sent_ms
    process.wait()
    process.stdout.close()

    next_start = Rig(tmp_path)
    with next_start.recorder:
        until(lambda: len(next_start.store.list("call_1")) == 2)
    track = next_start.track()[:, 0]
    assert sent_ms - 1000 <= len(track) / 24 <= sent_ms
    voice = noise(60_000, 4)
    for start in (0, 9_800, 11_000):
        at_ms, correlation = place_ms(voice[start * 24 : start * 24 + 12_000], track)
        assert at_ms == pytest.approx(start, abs=20)
        assert correlation > 0.8
    assert not list((tmp_path / "open").rglob("*.pcm"))


def test_a_living_process_keeps_its_open_segments(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    with rig.recorder:
        rig.says(noise(1000, 5), 0)
        until(lambda: list((tmp_path / "open").rglob("*.pcm")))
        other = Rig(tmp_path)
        with other.recorder:
            until(lambda: not other.recorder._new)
        assert list((tmp_path / "open").rglob("*.pcm"))


def test_audio_that_a_page_has_kept_for_20_s_has_its_place(tmp_path: Path) -> None:
    rig, voice = Rig(tmp_path), noise(2000, 17)
    with rig.recorder:
        rig.clock.now_s += 27
        until(lambda: rig.call._segments is not None and rig.call._segments._now_ms >= 27_000)
        for at in range(0, 2000, 20):
            rig.call.on_caller_audio(voice[at * 24 : (at + 20) * 24].tobytes(), 7_020 + at)
        rig.ends(28_000)
        until(lambda: rig.call.is_over)
    at_ms, correlation = place_ms(voice, rig.track()[:, 0])
    assert at_ms == pytest.approx(7_000, abs=1)
    assert correlation > 0.8
    assert rig.lost == []


def test_another_server_continues_the_recording_at_its_place(tmp_path: Path) -> None:
    first, second = Rig(tmp_path), Rig(tmp_path, takes_over_at_ms=13_500, committed_ms=12_000)
    voices = noise(11_900, 13), noise(3_000, 14)
    with first.recorder, second.recorder:
        first.says(voices[0], 0)
        first.call.stop(12_000)
        second.says(voices[0][-12_000:], 11_400)  # the page sends again what the first server has
        second.says(voices[1], 14_000)
        second.ends(18_000)
        until(lambda: first.call.is_over and second.call.is_over)
    assert [one.index for one in second.store.list("call_1")] == [0, 1, 1]
    track = second.track()[:, 0]
    assert len(track) == 18_000 * 24
    assert np.corrcoef(voices[0], track[: len(voices[0])])[0, 1] > 0.8
    at_ms, correlation = place_ms(voices[1], track)
    assert at_ms == pytest.approx(14_000, abs=1)
    assert correlation > 0.8
    assert level_dbfs(track, 12_100, 13_900) < -60
    assert first.lost == second.lost == []


def test_a_recording_that_another_server_continues_ends_here(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    with rig.recorder:
        rig.says(noise(1000, 15), 0)
        rig.call.stop(1_500)
        until(lambda: rig.call.is_over)
        rig.says(noise(1000, 16), 20_000)
    assert len(rig.track()) == 1_500 * 24


def test_a_full_disk_loses_audio_and_counts_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    rig = Rig(tmp_path)
    with rig.recorder:
        rig.says(noise(1000, 6), 0)
        until(lambda: rig.call._added == rig.call._taken)
        monkeypatch.setattr(os, "pwrite", full)
        rig.says(noise(1000, 7), 1000)
        until(lambda: sum(one.ms for one in rig.lost) >= 900)
        monkeypatch.undo()
        voice = noise(1000, 8)
        rig.says(voice, 2000)
        rig.ends(4000)
        until(lambda: rig.call.is_over)
    assert place_ms(voice, rig.track()[:, 0])[0] == pytest.approx(2000, abs=1)
    assert sum(one.ms for one in rig.lost) == pytest.approx(1000, abs=100)


class FailingStore(SegmentStore):
    """A store that fails until a test repairs it."""

    def __init__(self, folder: Path, *, is_local: bool) -> None:
        super().__init__(open_segment_store(None, folder)._store, is_local=is_local)
        self.fails = True
        self.tries = 0

    def put(self, call_id: str, index: int, writer: str, data: bytes) -> None:
        """Fail, or store a segment."""
        self.tries += 1
        if self.fails:
            raise AudioStoreError(FAILED)
        super().put(call_id, index, writer, data)


@pytest.mark.parametrize("is_local", [True, False], ids=["folder", "bucket"])
def test_a_store_that_fails_gets_the_segments_later(tmp_path: Path, is_local: bool) -> None:
    store = FailingStore(tmp_path / "recordings", is_local=is_local)
    rig, voice = Rig(tmp_path, store), noise(3000, 9)
    with rig.recorder:
        rig.says(voice, 0)
        rig.ends(3000)
        until(lambda: store.tries >= 2)
        assert rig.call.is_over
        assert rig.lost == []
        store.fails = False
        until(lambda: rig.stored)
    assert place_ms(voice, rig.track()[:, 0])[0] == pytest.approx(0, abs=1)


def test_what_a_store_never_took_is_recovered_at_the_next_start(tmp_path: Path) -> None:
    rig, voice = Rig(tmp_path, FailingStore(tmp_path / "recordings", is_local=True)), noise(3000, 10)
    with rig.recorder:
        rig.says(voice, 0)
        rig.ends(3000)
        until(lambda: rig.call.is_over)
    later = Rig(tmp_path)
    with later.recorder:
        until(lambda: later.stored)
    assert place_ms(voice, later.track()[:, 0])[0] == pytest.approx(0, abs=1)
    assert not list((tmp_path / "open").rglob("*.ogg"))


def test_a_disk_that_hangs_bounds_the_memory_and_delays_no_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging, pwrite = threading.Event(), os.pwrite

    def hang(descriptor: int, data: bytes, at: int) -> int:
        hanging.wait()
        return pwrite(descriptor, data, at)

    monkeypatch.setattr(os, "pwrite", hang)
    monkeypatch.setattr(recorder_module, "MAX_QUEUED_BYTES", 480_000)
    rig = Rig(tmp_path)
    with rig.recorder:
        began = time.monotonic()
        rig.says(noise(40_000, 11), 0)
        assert time.monotonic() - began < 1
        assert rig.call._added - rig.call._taken <= 480_000
        hanging.set()
        until(lambda: rig.lost)
        rig.ends(41_000)
        until(lambda: rig.call.is_over)
    assert sum(one.ms for one in rig.lost) == pytest.approx(30_000, abs=1000)


def test_facts_of_the_loop_are_never_lost_between_the_threads(tmp_path: Path) -> None:
    rig, voice = Rig(tmp_path), noise(20_000, 12)
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            rig.call.work(rig.recorder._start)

    thread = threading.Thread(target=work)
    thread.start()
    rig.says(voice, 0)
    rig.ends(20_000)
    until(lambda: rig.call.is_over)
    stop.set()
    thread.join()
    rig.recorder._uploads.close()
    assert rig.call._added == rig.call._taken == len(voice) * 2
    assert np.corrcoef(voice, rig.track()[: len(voice), 0])[0, 1] > 0.8


@pytest.fixture(autouse=True)
def _no_leaked_threads() -> Iterator[None]:
    yield
    until(lambda: not any(thread.name.startswith("trunkline audio") for thread in threading.enumerate()))
