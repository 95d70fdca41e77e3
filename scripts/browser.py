"""Browsers for the tests: find Chromium and Firefox, or install Debian's packages if apt-get may.

Chromium's headless shell comes first: it is the same engine without a window and needs half the processor time. Firefox
also gets an audio server, because without an audio device its audio clock stops. Without a browser its tests report the
reason for the skip; in CI (`CI` is set) that is a failure instead.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from scripts.debian_packages import install

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find() -> str | None:
    """Return the path of Chromium or Chrome."""
    named = os.environ.get("TRUNKLINE_CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


def find_firefox() -> str | None:
    """Return the path of Firefox, if an audio device or server exists too."""
    path = os.environ.get("TRUNKLINE_FIREFOX") or shutil.which("firefox-esr") or shutil.which("firefox")
    return path if shutil.which("pulseaudio") else None


if __name__ == "__main__":
    firefox = [] if find_firefox() else ["firefox-esr", "pulseaudio"]
    if not find():
        install("Chromium", "chromium-headless-shell", *firefox)
        if not find():  # an older Debian has no such package
            install("Chromium", "chromium", *firefox)
    elif firefox:
        install("Firefox", *firefox)
    missing = [name for name, path in (("Chromium", find()), ("Firefox", find_firefox())) if not path]
    for name in missing:
        print(f"No {name} here and none could be installed: its tests are skipped.", file=sys.stderr)
    sys.exit(1 if missing and os.environ.get("CI") else 0)
