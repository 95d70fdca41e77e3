"""Garbage collection of a process that Trunkline owns."""

from __future__ import annotations

import gc


def freeze_startup_objects() -> None:
    """Exclude the objects that exist now from garbage collection: call it once, when a process has started.

    The imported libraries have several hundred thousand objects that live until the end. Each full collection would
    traverse them, in one stop of all calls. In the process of another app, that app decides about its collector.
    """
    gc.collect()
    gc.freeze()
