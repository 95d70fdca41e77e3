"""The worker process of `EspeakTts`: `python -m trunkline.engine.speech.tts.espeak_worker`.

espeak-ng is licensed under GPL-3, so nothing of it is loaded into the server's process.
"""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Sequence
from typing import BinaryIO

from trunkline.engine.speech import SpeechError
from trunkline.engine.speech.tts import espeak_library
from trunkline.engine.speech.tts.espeak_ipc import Audio, Cancel, Done, Failed, Synthesise, requests
from trunkline.engine.speech.tts.espeak_library import EspeakLibrary, Word
from trunkline.engine.speech.tts.espeak_manner import manner
from trunkline.engine.speech.worker_ipc import Ready, Unusable, open_replies, read_frames, send


def main() -> None:
    """Serve requests until the pipe closes."""
    replies = open_replies()
    try:
        library = espeak_library.load()
        library.synthesise("Hello.", manner(library, None, 1.0, None), lambda _pcm, _words: True)
    except SpeechError as error:
        send(replies, Unusable(str(error)))
        return
    send(replies, Ready())
    _Worker(library, replies).serve()


class _Worker:
    def __init__(self, library: EspeakLibrary, replies: BinaryIO) -> None:
        self._library = library
        self._replies = replies
        self._work: queue.SimpleQueue[Synthesise] = queue.SimpleQueue()
        self._cancelled: set[int] = set()
        threading.Thread(target=self._synthesise, daemon=True).start()

    def serve(self) -> None:
        for body in read_frames(sys.stdin.buffer):
            request = requests.decode(body)
            if isinstance(request, Cancel):
                self._cancelled.add(request.id)
            else:
                self._work.put(request)

    def _synthesise(self) -> None:
        while True:
            request = self._work.get()
            send(self._replies, self._last_reply(request))
            for id_ in [id_ for id_ in self._cancelled.copy() if id_ <= request.id]:
                self._cancelled.discard(id_)  # also a text that was cancelled just after its end: ids only rise

    def _last_reply(self, request: Synthesise) -> Done | Failed:
        """Speak a text, and return the message that ends it."""

        def on_audio(pcm: bytes, words: Sequence[Word]) -> bool:
            if request.id in self._cancelled:
                return False
            send(self._replies, Audio(request.id, pcm, tuple((word.start, word.sample) for word in words)))
            return True

        if request.id in self._cancelled:
            return Done(request.id)
        try:
            voice = manner(self._library, request.voice, request.speed, request.language)
            self._library.synthesise(request.text, voice, on_audio)
        except SpeechError as error:
            return Failed(request.id, str(error))
        return Done(request.id)


if __name__ == "__main__":
    main()
