"""The worker process of `PiperTts`: `python -m trunkline.engine.speech.tts.piper_worker NAME MODELS_DIR THREADS`.

It speaks the phonemes of espeak-ng, which is licensed under GPL-3: nothing of that is loaded into the server's process.
"""

from __future__ import annotations

import queue
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from trunkline.engine.speech import SpeechError
from trunkline.engine.speech.tts.piper_ipc import Cancel, Failed, Synthesise, Synthesised, requests
from trunkline.engine.speech.tts.voice_shaping import shape
from trunkline.engine.speech.weights import find
from trunkline.engine.speech.worker_ipc import Message, Ready, Unusable, open_replies, read_frames, send
from trunkline.extras import install_command

if TYPE_CHECKING:
    from trunkline.engine.speech.tts.piper_model import Cancellation, PiperModel


def main(name: str, models_dir: str, threads: int) -> None:
    """Serve requests until the pipe closes."""
    replies = open_replies()
    try:
        model = _load(name, Path(models_dir))
    except SpeechError as error:
        send(replies, Unusable(str(error)))
        return
    send(replies, Ready())
    _Worker(model, replies, threads).serve()


class _Worker:
    def __init__(self, model: PiperModel, replies: BinaryIO, threads: int) -> None:
        self._model = model
        self._replies = replies
        self._lock = threading.Lock()
        self._work: queue.SimpleQueue[tuple[Synthesise, Cancellation]] = queue.SimpleQueue()
        self._cancellations: dict[int, Cancellation] = {}
        for _ in range(threads):
            threading.Thread(target=self._synthesise, daemon=True).start()

    def serve(self) -> None:
        from trunkline.engine.speech.tts.piper_model import Cancellation

        for body in read_frames(sys.stdin.buffer):
            request = requests.decode(body)
            if isinstance(request, Cancel):
                if cancellation := self._cancellations.get(request.id):
                    cancellation.cancel()
            else:
                cancellation = self._cancellations[request.id] = Cancellation()
                self._work.put((request, cancellation))

    def _synthesise(self) -> None:
        while True:
            request, cancellation = self._work.get()
            reply = self._reply(request, cancellation)
            self._cancellations.pop(request.id, None)
            with self._lock:
                send(self._replies, reply)

    def _reply(self, request: Synthesise, cancellation: Cancellation) -> Message:
        from trunkline.engine.speech.tts.piper_model import SynthesisCancelledError

        try:
            spoken = self._model.speak(request.text, request.length_scale, cancellation)
        except SynthesisCancelledError:
            return Failed(request.id, "The speech was cancelled.")
        except (RuntimeError, ValueError) as error:
            return Failed(request.id, f"Piper failed: {error}")
        pcm, words = shape(
            spoken.samples,
            spoken.words,
            rate=self._model.rate,
            pitch=request.pitch,
            leading_ms=request.leading_ms,
            trailing_ms=request.trailing_ms,
        )
        return Synthesised(request.id, pcm, words)


def _load(name: str, models_dir: Path) -> PiperModel:
    """Load the voice, once its files have been checked, and speak once: the first time takes longest.

    Raises:
        SpeechError: the package or the weights are missing or wrong.
    """
    found = find(name, models_dir)
    found.verify()
    try:
        from trunkline.engine.speech.tts.piper_model import Cancellation, PiperModel
    except ImportError as error:
        raise SpeechError(f"onnxruntime is not installed. Install it with: {install_command('local')}") from error
    try:
        model = PiperModel(found.folder)
        model.speak("Hello there, how are you?", 1.0, Cancellation())
    except (RuntimeError, ValueError, KeyError, OSError) as error:
        raise SpeechError(f"Piper does not load from {found.folder} ({error}). Install its voice again.") from error
    return model


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
