"""Segments as Ogg Opus files: written, read, cut off, and joined to the sample."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from tests.store.audio.signals import level_dbfs, noise, place_ms
from trunkline.store.audio.joined import JoinedRecording
from trunkline.store.audio.ogg import OggError, packets_of, read_segment, samples_of, write_segment
from trunkline.store.audio.opus import OpusEncoder, Stereo
from trunkline.store.audio.segment_buffer import SEGMENT_SAMPLES
from trunkline.store.audio.segment_store import SegmentStore, open_segment_store
from trunkline.store.audio.segmented_recording import encode_segment

av = pytest.importorskip("av", reason="the extra `store` is not installed")


def decoded(data: bytes) -> Stereo:
    """Decode a file by FFmpeg, which knows nothing of this package."""
    with av.open(io.BytesIO(data)) as container:
        resampler = av.AudioResampler("s16", "stereo", 24_000)
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
        frames += resampler.resample(None)
    samples = [np.frombuffer(bytes(frame.planes[0]), "<i2")[: frame.samples * 2].reshape(-1, 2) for frame in frames]
    return np.concatenate(samples)


def store_of(folder: Path, audio: Stereo) -> SegmentStore:
    """Store audio as the segments of the call `call_1`."""
    store, encoder = open_segment_store(None, folder), OpusEncoder()
    count = -(-len(audio) // SEGMENT_SAMPLES)
    for index in range(count):
        part = audio[index * SEGMENT_SAMPLES : (index + 1) * SEGMENT_SAMPLES]
        store.put("call_1", index, "w1", encode_segment(encoder, part, len(part), last=index == count - 1))
    return store


def joined(store: SegmentStore) -> JoinedRecording:
    """Return the recording of `call_1`."""
    return JoinedRecording(store, store.list("call_1"))


def stereo(ms: float) -> Stereo:
    """Return different noises on both sides."""
    return np.stack([noise(ms, 1), noise(ms, 2)], axis=1)


def test_a_segment_is_a_file_of_its_own_with_both_voices_in_place() -> None:
    audio = stereo(4321)
    heard = decoded(encode_segment(OpusEncoder(), audio, len(audio), last=True))
    assert len(heard) == len(audio)
    for channel in (0, 1):
        at, correlation = place_ms(audio[24_000:48_000, channel], heard[:, channel])
        assert at == pytest.approx(1000, abs=0.1)
        assert correlation > 0.8


def test_segments_join_to_the_exact_length_without_a_seam(tmp_path: Path) -> None:
    audio = stereo(23_457)
    recording = joined(store_of(tmp_path, audio))
    heard = decoded(b"".join(recording.ogg()))
    assert len(heard) == len(audio) == recording.samples
    for start_ms in (500, 9_800, 12_000, 19_900, 22_000):  # also over the seams
        first = start_ms * 24
        at, correlation = place_ms(audio[first : first + 12_000, 1], heard[:, 1])
        assert at == pytest.approx(start_ms, abs=0.1)
        assert correlation > 0.8


def test_the_wav_file_has_the_announced_size_and_the_same_audio(tmp_path: Path) -> None:
    audio = stereo(11_111)
    recording = joined(store_of(tmp_path, audio))
    wav = b"".join(recording.wav())
    assert len(wav) == recording.wav_size == 44 + 4 * len(audio)
    heard = decoded(wav)
    at, correlation = place_ms(audio[240_000:252_000, 0], heard[:, 0])
    assert at == pytest.approx(10_000, abs=0.1)
    assert correlation > 0.8


def test_a_missing_segment_is_silence_of_its_length(tmp_path: Path) -> None:
    audio = stereo(31_000)
    store = store_of(tmp_path, audio)
    (tmp_path / "call_1" / "000001.w1.ogg").unlink()
    heard = decoded(b"".join(joined(store).ogg()))
    assert len(heard) == len(audio)
    assert level_dbfs(heard[:, 0], 10_200, 19_900) < -60
    assert place_ms(audio[500_000:520_000, 0], heard[:, 0])[0] == pytest.approx(500_000 / 24, abs=0.1)


def test_a_damaged_segment_is_silence_too(tmp_path: Path) -> None:
    audio = stereo(21_000)
    store = store_of(tmp_path, audio)
    path = tmp_path / "call_1" / "000000.w1.ogg"
    data = bytearray(path.read_bytes())
    data[5000] ^= 0xFF
    path.write_bytes(data)
    heard = decoded(b"".join(joined(store).ogg()))
    assert len(heard) == len(audio)
    assert level_dbfs(heard[:, 0], 0, 9_900) < -60


def test_a_segment_that_two_servers_have_recorded_has_the_audio_of_both(tmp_path: Path) -> None:
    audio, store = stereo(8000), open_segment_store(None, tmp_path)
    first, second = audio.copy(), audio.copy()
    first[96_000:], second[:96_000] = 0, 0
    for writer, part in (("dead", first), ("next", second)):
        store.put("call_1", 0, writer, encode_segment(OpusEncoder(), part, len(part), last=True))
    heard = decoded(b"".join(joined(store).ogg()))
    for start in (24_000, 144_000):
        at, correlation = place_ms(audio[start : start + 24_000, 0], heard[:, 0])
        assert at == pytest.approx(start / 24, abs=0.1)
        assert correlation > 0.8


def test_a_file_that_was_cut_off_gives_its_whole_pages() -> None:
    audio = stereo(5000)
    data = encode_segment(OpusEncoder(), audio, len(audio), last=True)
    pages = read_segment(data[: len(data) // 2])
    assert 0 < samples_of(pages) < len(audio)


@pytest.mark.pure
@pytest.mark.parametrize("data", [b"", b"RIFF", b"OggS" + bytes(10), bytes(5000)])
def test_other_data_are_refused(data: bytes) -> None:
    with pytest.raises(OggError):
        read_segment(data)


@pytest.mark.pure
def test_long_packets_survive() -> None:
    packets = [bytes([i % 256]) * size for i, size in enumerate([0, 1, 254, 255, 256, 600, 510, 3])]
    (page,) = read_segment(write_segment(packets))
    assert list(packets_of(page)) == packets


@pytest.mark.pure
def test_a_page_can_be_cut_after_any_packet() -> None:
    packets = [bytes([i]) * size for i, size in enumerate([3, 255, 300, 1, 510, 7])]
    (page,) = read_segment(write_segment(packets))
    for count in range(len(packets) + 1):
        assert list(packets_of(page.first(count))) == packets[:count]


def test_audio_that_two_servers_have_sounds_once(tmp_path: Path) -> None:
    store = open_segment_store(None, tmp_path)
    voice = np.stack([noise(2000, 21), noise(2000, 22)], axis=1)
    for writer, shift in (("dead", 0), ("next", 240)):
        store.put("call_1", 0, writer, encode_segment(OpusEncoder(), np.roll(voice, shift, axis=0), 48_000, last=True))
    track = decoded(b"".join(JoinedRecording(store, store.list("call_1")).ogg()))
    for channel in (0, 1):
        assert level_dbfs(track[:, channel], 0, 2000) == pytest.approx(level_dbfs(voice[:, channel], 0, 2000), abs=1)
