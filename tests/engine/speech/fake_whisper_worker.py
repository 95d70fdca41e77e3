"""A worker of `WhisperStt` without a model: its words are the length of the audio and the other arguments.

The folder that it gets as its models directory controls it: it waits while a file `hold` exists, and dies at a file
`die`. It appends the words of each request to the file `decoded`.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from trunkline.engine.speech.stt.whisper_ipc import Decoded, Failed, Hypothesis, requests
from trunkline.engine.speech.worker_ipc import Ready, Unusable, open_replies, read_frames, send


def main(control: Path) -> None:
    replies = open_replies()
    if (control / "unusable").exists():
        send(replies, Unusable("CTranslate2 is not installed."))
        return
    send(replies, Ready())
    for body in read_frames(sys.stdin.buffer):
        request = requests.decode(body)
        while (control / "hold").exists():
            time.sleep(0.005)
        if (control / "die").exists():
            os._exit(1)
        seconds = len(request.pcm) / 32_000
        words = " ".join(filter(None, (f"{seconds:.1f} s", request.language, request.prompt)))
        with (control / "decoded").open("a") as file:
            file.write(f"{words}\n")
        if b"bad" in request.pcm:
            send(replies, Failed(request.id, "Whisper failed: out of memory"))
        else:
            is_hum = b"hum" in request.pcm
            others = [Hypothesis(f"{words} {n}", -0.2 - 0.1 * n) for n in range(1, request.beams)]
            hypotheses = (Hypothesis(words, -1.0 if is_hum else -0.2), *others)
            send(replies, Decoded(request.id, hypotheses, 0.9 if is_hum else 0.1))


if __name__ == "__main__":
    main(Path(sys.argv[2]))
