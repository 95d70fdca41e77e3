"""Run a command that says much or nothing, and show its progress on one line. On failure, show all its output.

    python3 scripts/progress.py "Installing the packages" pip install …

Works with the system's Python, before anything is installed.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time

REPORT_EVERY_S = 10.0
"""Interval of the lines where no terminal can overwrite one."""
WIDTH = 100
_STEP = re.compile(r"^\s*(?:Collecting|Downloading|Building wheel for|Preparing metadata for|Using cached)\s+(\S+)")
_INSTALLING = re.compile(r"^Installing collected packages: (.*)")


def main(title: str, command: list[str]) -> int:
    """Run the command, and return its exit code."""
    began = time.monotonic()
    shown = _Line(title, began)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace"
    ) as running:
        ticking = threading.Thread(target=shown.tick, args=(running,), daemon=True)
        ticking.start()
        output = []
        for line in running.stdout or ():
            output.append(line)
            shown.read(line)
    ticking.join()
    took = f"{time.monotonic() - began:.0f} s"
    if running.returncode == 0:
        shown.end(f"{title}: done in {took}")
    else:
        shown.end(f"{title}: failed after {took}")
        sys.stdout.write("".join(output))
        print(f"The command was: {' '.join(command)}")
    return running.returncode


class _Line:
    """The line of progress: title, time, and the step at hand."""

    def __init__(self, title: str, began: float) -> None:
        self._title = title
        self._began = began
        self._step = ""
        self._in_terminal = sys.stdout.isatty()

    def read(self, line: str) -> None:
        """Take a line of the command's output."""
        if (step := _STEP.match(line)) is not None:
            self._step = step[1].rpartition("/")[2]
        elif (installing := _INSTALLING.match(line)) is not None:
            self._step = f"unpacking {installing[1].count(',') + 1} packages"

    def tick(self, running: subprocess.Popen[str]) -> None:
        """Show the line again and again until the command has ended."""
        if self._in_terminal:
            self._show()
        else:
            print(f"{self._title} …", flush=True)
        pause_s = 0.5 if self._in_terminal else REPORT_EVERY_S
        while not _ended_within(running, pause_s):
            self._show()

    def end(self, text: str) -> None:
        """Replace the line by its last text."""
        print(f"\r{text:{WIDTH}}".rstrip() if self._in_terminal else text, flush=True)

    def _show(self) -> None:
        text = f"{self._title} … {time.monotonic() - self._began:.0f} s"
        text = f"{text}, {self._step}" if self._step else text
        if self._in_terminal:
            print(f"\r{text[:WIDTH]:{WIDTH}}", end="", flush=True)
        else:
            print(text, flush=True)


def _ended_within(running: subprocess.Popen[str], pause_s: float) -> bool:
    try:
        running.wait(pause_s)
    except subprocess.TimeoutExpired:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
