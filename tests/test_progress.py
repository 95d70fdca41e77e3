"""scripts/progress.py, which shows the progress of `make setup`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "scripts" / "progress.py"


def progress(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), "Working", sys.executable, "-c", command],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_command_that_succeeds_is_two_lines() -> None:
    done = progress("print('Collecting everything')")
    assert done.returncode == 0
    first, last = done.stdout.splitlines()
    assert first == "Working …"
    assert last.startswith("Working: done in ")


def test_a_command_that_fails_shows_all_its_output_and_keeps_its_exit_code() -> None:
    done = progress("print('No space left'); raise SystemExit(3)")
    assert done.returncode == 3
    assert "Working: failed after" in done.stdout
    assert "No space left" in done.stdout
    assert "The command was:" in done.stdout
