"""The worker process of `WhisperStt`: `python -m trunkline.engine.speech.stt.whisper_worker NAME MODELS_DIR THREADS`.

CTranslate2 lets the interpreter lock go while it decodes, so threads suffice for several decodings at once. The process
keeps numpy's share of the work, and a crash of the library, away from the server's event loop.
"""

from __future__ import annotations

import queue
import sys
import threading
from pathlib import Path
from typing import BinaryIO

from trunkline.engine.speech import SpeechError
from trunkline.engine.speech.stt.whisper_ipc import Decode, Decoded, Failed, Hypothesis, requests
from trunkline.engine.speech.stt.whisper_model import WhisperModel
from trunkline.engine.speech.weights import find
from trunkline.engine.speech.worker_ipc import Message, Ready, Unusable, open_replies, read_frames, send
from trunkline.extras import install_command


def main(name: str, models_dir: str, threads: int) -> None:
    """Serve requests until the pipe closes."""
    replies = open_replies()
    try:
        model = _load(name, Path(models_dir), threads)
    except SpeechError as error:
        send(replies, Unusable(str(error)))
        return
    send(replies, Ready())
    work: queue.SimpleQueue[Decode] = queue.SimpleQueue()
    lock = threading.Lock()
    for _ in range(threads):
        threading.Thread(target=_decode, args=(model, work, replies, lock), daemon=True).start()
    for body in read_frames(sys.stdin.buffer):
        work.put(requests.decode(body))


def _load(name: str, models_dir: Path, threads: int) -> WhisperModel:
    """Load the model, once its files have been checked.

    Raises:
        SpeechError: the package or the weights are missing or wrong.
    """
    found = find(name, models_dir)
    found.verify()
    try:
        model = WhisperModel(found.folder, threads)
    except ImportError as error:
        raise SpeechError(f"CTranslate2 is not installed. Install it with: {install_command('local')}") from error
    except (RuntimeError, ValueError, OSError) as error:
        raise SpeechError(f"Whisper does not load from {found.folder} ({error}). Fetch its weights again.") from error
    model.decode(bytes(3200))  # the first decoding takes longer than later ones
    return model


def _decode(model: WhisperModel, work: queue.SimpleQueue[Decode], replies: BinaryIO, lock: threading.Lock) -> None:
    while True:
        request = work.get()
        reply: Message
        try:
            result = model.decode(request.pcm, language=request.language, prompt=request.prompt, beams=request.beams)
            hypotheses = tuple(Hypothesis(text, score) for text, score in result.hypotheses)
            reply = Decoded(request.id, hypotheses, result.no_speech)
        except (RuntimeError, ValueError) as error:
            reply = Failed(request.id, f"Whisper failed: {error}")
        with lock:
            send(replies, reply)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
