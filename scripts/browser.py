"""Sees to it that browser tests have a Chromium: finds one, or installs Debian's where apt-get may.

Without one the tests say why they are skipped; in CI (`CI` is set) that is a failure instead.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find() -> str | None:
    """The path of a Chromium or Chrome."""
    named = os.environ.get("TRUNKLINE_CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


def install() -> str | None:
    """Debian's Chromium, where we are root and there is apt-get."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return None
    print("No browser found: installing Debian's chromium …", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "chromium"]):
        done = subprocess.run(["apt-get", *command], env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(done.stderr.strip()[-500:], file=sys.stderr)
            return None
    return find()


if __name__ == "__main__":
    if find() or install():
        sys.exit(0)
    print("No Chromium here and none could be installed: browser tests are skipped.", file=sys.stderr)
    sys.exit(1 if os.environ.get("CI") else 0)
