"""A worker that is ready, and then busy with something that never looks at its pipe."""

from __future__ import annotations

import threading

from trunkline.engine.speech.worker_ipc import Ready, open_replies, send

if __name__ == "__main__":
    send(open_replies(), Ready())
    threading.Event().wait()
