"""The worker of `EspeakTts` on a machine without the package `espeakng_loader`."""

from __future__ import annotations

import sys

from trunkline.engine.speech.tts.espeak_worker import main

if __name__ == "__main__":
    sys.modules["espeakng_loader"] = None  # type: ignore[assignment]  # as Python marks a missing module
    main()
