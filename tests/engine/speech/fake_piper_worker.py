"""A worker of `PiperTts` without a model: 10 ms of audio for each character, and a mark at the end of each word.

The folder that it gets as its models directory controls it: it waits while a file `hold` exists, and dies once for each
file `die…`. It appends each request to the file `made`.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from pathlib import Path

from trunkline.engine.speech.tts.piper_ipc import Cancel, Failed, Synthesise, Synthesised, requests
from trunkline.engine.speech.worker_ipc import Ready, Unusable, open_replies, read_frames, send
from trunkline.realtime.audio import ms_to_bytes

MS_PER_CHARACTER = 10


def main(control: Path) -> None:
    replies = open_replies()
    if (control / "unusable").exists():
        send(replies, Unusable("Piper is not installed."))
        return
    send(replies, Ready())
    cancelled: set[int] = set()

    def serve(request: Synthesise) -> None:
        with (control / "made").open("a") as file:
            file.write(f"{request.text}|{request.length_scale:g}|{request.pitch:g}\n")
        while (control / "hold").exists() and request.id not in cancelled:
            time.sleep(0.005)
        for order in sorted(control.glob("die*"))[:1]:
            order.unlink()
            os._exit(1)
        if request.id in cancelled or "bad" in request.text:
            send(replies, Failed(request.id, "Piper failed: out of memory"))
            return
        words = tuple((found.end() * MS_PER_CHARACTER, found.end()) for found in re.finditer(r"\S+", request.text))
        send(replies, Synthesised(request.id, bytes(ms_to_bytes(len(request.text) * MS_PER_CHARACTER)), words))

    for body in read_frames(sys.stdin.buffer):
        request = requests.decode(body)
        if isinstance(request, Cancel):
            cancelled.add(request.id)
        else:
            threading.Thread(target=serve, args=(request,), daemon=True).start()


if __name__ == "__main__":
    main(Path(sys.argv[2]))
