"""The worker process of `SphinxStt`, started as `python -m trunkline.engine.speech.stt.sphinx_worker`.

PocketSphinx holds the interpreter lock while it decodes, so it runs in a process of its own. With `--fork`, that
process only passes messages on to children that decode (see `sphinx_fork_pool`).
"""

from __future__ import annotations

import sys

from trunkline.engine.speech.stt.sphinx_decode_loop import DecoderPool, decode
from trunkline.engine.speech.stt.sphinx_fork_pool import ForkPool
from trunkline.engine.speech.worker_ipc import Ready, Unusable, open_replies, send
from trunkline.extras import install_command


def main() -> None:
    """Serve requests until the pipe closes."""
    replies = open_replies()
    try:
        pool = DecoderPool()
        pool.warm()
    except ImportError:
        send(replies, Unusable(f"PocketSphinx is not installed. Install it with: {install_command('speech')}"))
        return
    send(replies, Ready())
    if "--fork" in sys.argv:
        ForkPool(pool, replies).serve(sys.stdin.fileno())
    else:
        decode(pool, sys.stdin.buffer, replies)


if __name__ == "__main__":
    main()
