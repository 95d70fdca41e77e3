"""The recogniser's process: `python -m trunkline.engine.speech.stt.sphinx_worker`, driven over its pipes.

pocketsphinx holds the interpreter lock while it decodes, so it runs in a process of its own. With `--fork`, that
process only passes messages on to children that decode (see `sphinx_fork_pool`).
"""

from __future__ import annotations

import os
import signal
import sys

from trunkline.engine.speech.stt.sphinx_decode_loop import DecoderPool, decode, send
from trunkline.engine.speech.stt.sphinx_fork_pool import ForkPool
from trunkline.engine.speech.stt.sphinx_ipc import Failed, Ready
from trunkline.extras import install_command


def main() -> None:
    """Serve requests until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then closes the pipe
    replies = os.fdopen(os.dup(1), "wb")
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)  # the library's grammar reader prints each error to the standard output
    try:
        pool = DecoderPool()
        pool.warm()
    except ImportError:
        reason = f"PocketSphinx is not installed. Install it with: {install_command('speech')}"
        send(replies, Failed(0, reason))
        return
    send(replies, Ready())
    if "--fork" in sys.argv:
        ForkPool(pool, replies).serve(sys.stdin.fileno())
    else:
        decode(pool, sys.stdin.buffer, replies)


if __name__ == "__main__":
    main()
