"""Sees to it that browser tests have a Chromium and a Firefox: finds them, or installs Debian's where apt-get may.

Of Chromium the headless shell is taken first: it is the same engine without a window, and takes half the processor.
Firefox also gets a sound server, since its audio stands still where there is no sound card. Without a browser its tests
say why they are skipped; in CI (`CI` is set) that is a failure instead.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find() -> str | None:
    """The path of a Chromium or Chrome."""
    named = os.environ.get("TRUNKLINE_CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


def find_firefox() -> str | None:
    """The path of a Firefox, if there is also something for it to sound on."""
    path = os.environ.get("TRUNKLINE_FIREFOX") or shutil.which("firefox-esr") or shutil.which("firefox")
    return path if shutil.which("pulseaudio") else None


def install(*packages: str) -> None:
    """Debian's packages, where we are root and there is apt-get."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    print(f"Not all browsers found: installing Debian's {', '.join(packages)} …", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *packages]):
        done = subprocess.run(["apt-get", *command], env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(done.stderr.strip()[-500:], file=sys.stderr)
            return


if __name__ == "__main__":
    firefox = [] if find_firefox() else ["firefox-esr", "pulseaudio"]
    if not find():
        install("chromium-headless-shell", *firefox)
        if not find():  # an older Debian has no such package
            install("chromium", *firefox)
    elif firefox:
        install(*firefox)
    missing = [name for name, path in (("Chromium", find()), ("Firefox", find_firefox())) if not path]
    for name in missing:
        print(f"No {name} here and none could be installed: its tests are skipped.", file=sys.stderr)
    sys.exit(1 if missing and os.environ.get("CI") else 0)
