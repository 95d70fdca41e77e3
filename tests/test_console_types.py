"""The console's types of the log's events are those of the structs."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_consoles_event_types_are_up_to_date() -> None:
    written = runpy.run_path(str(ROOT / "scripts" / "console_types.py"))["typescript"]()
    kept = (ROOT / "console" / "src" / "transport" / "log-events.ts").read_text()
    assert kept == written, "run: python scripts/console_types.py"
