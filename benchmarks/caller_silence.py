"""Longest silence that a caller hears while a model or a tool is slow, with fillers and without.

    python benchmarks/caller_silence.py

The calls are whole and run in virtual time: the engine's session, the call, and a caller whose playout is measured. The
fillers are the recordings in the package. The faults are those of `tests/calls/slow_calls.py`.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.calls.slow_calls import SLOWNESS, Heard, hear

from trunkline import Fillers
from trunkline.testing import run_in_virtual_time


def main() -> None:
    """Print a table."""
    print("| fault | without fillers | with fillers | fillers | answered |")
    print("|---|---|---|---|---|")
    for slowness in SLOWNESS:
        without, heard = (run_in_virtual_time(hear(slowness, fillers)) for fillers in (None, Fillers()))
        answered = "yes" if heard.answered else "no"
        print(f"| {slowness.name} | {_s(without)} | {_s(heard)} | {len(heard.fillers)} | {answered} |")


def _s(heard: Heard) -> str:
    return f"{heard.longest_silence_ms / 1000:.1f} s"


if __name__ == "__main__":
    main()
