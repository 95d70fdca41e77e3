"""Parts of a call's recording, as WAV files."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trunkline.extras import install_command
from trunkline.realtime.audio import SAMPLE_RATE
from trunkline.testing.caller_audio_file import write_wav
from trunkline.testing.from_call.recorded_call import Span

if TYPE_CHECKING:
    from av import AudioFrame

SAMPLES_PER_MS = SAMPLE_RATE // 1000

_VOICE_SHARE = 0.1
"""The level of a voice, as a share of the loudest sample of a clip."""
_KEPT_LEAD_MS = 300
"""The silence that stays before the voice, with its quiet onset."""


class RecordingError(Exception):
    """A recording that cannot be used. The message has the reason and the fix."""


def cut_clips(recording: Path, clips: Mapping[Path, Span]) -> None:
    """Write the caller's side of parts of a recording as WAV files, PCM16 mono at 24 kHz.

    A clip begins at most 300 ms before the voice in it.

    Args:
        recording: a stereo file, with the caller on the left. Its first sample is at 0 ms of the call.
        clips: the parts by the files to write.

    Raises:
        RecordingError: the recording cannot be decoded, or ends before a part begins.
        OSError: a file cannot be written.
    """
    if importlib.util.find_spec("av") is None:
        raise RecordingError(f"A recording needs the extra `store`: {install_command('store')}.")
    pieces: dict[Path, list[NDArray[np.int16]]] = {path: [] for path in clips}
    position = 0
    for caller in _caller(recording):
        for path, span in clips.items():
            start, end = span.start_ms * SAMPLES_PER_MS - position, span.end_ms * SAMPLES_PER_MS - position
            if start < len(caller) and end > 0:
                pieces[path].append(caller[max(start, 0) : end])
        position += len(caller)
    for path, parts in pieces.items():
        if not parts:
            at_s, length_s = clips[path].start_ms / 1000, position / SAMPLE_RATE
            raise RecordingError(
                f"The recording has {length_s:.1f} s, and the caller speaks at {at_s:.1f} s. Make the test without "
                "--audio."
            )
        write_wav(path, _without_lead(np.concatenate(parts)).tobytes())


def _without_lead(clip: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return a clip without its silence before the voice, but for the last part of it."""
    level = np.abs(clip.astype(np.int32))
    onset = int(np.argmax(level > _VOICE_SHARE * level.max())) if level.any() else 0
    return clip[max(0, onset - _KEPT_LEAD_MS * SAMPLES_PER_MS) :]


def _caller(recording: Path) -> Iterator[NDArray[np.int16]]:
    """Yield the caller's side, in pieces."""
    import av

    try:
        with av.open(str(recording)) as container:
            resampler = av.AudioResampler(format="s16", layout="stereo", rate=SAMPLE_RATE)
            for frame in container.decode(audio=0):
                for piece in resampler.resample(frame):
                    yield _left(piece)
            for piece in resampler.resample(None):
                yield _left(piece)
    except (av.FFmpegError, IndexError) as error:
        raise RecordingError(
            f"The recording {recording} cannot be decoded: {error}. Make the test without --audio."
        ) from error


def _left(frame: AudioFrame) -> NDArray[np.int16]:
    return np.asarray(frame.to_ndarray(), np.int16).reshape(-1, 2)[:, 0]
