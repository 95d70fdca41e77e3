"""Reverse proxies for the tests: find Caddy and nginx, or install Debian's packages if apt-get may.

Without them their tests report the reason for the skip; in CI (`CI` is set) that is a failure instead.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from scripts.debian_packages import install

PACKAGES = {"caddy": "caddy", "nginx": "nginx-light"}
"""The package of each program."""


def missing() -> list[str]:
    """Return the programs that are not installed."""
    return [program for program in PACKAGES if shutil.which(program) is None]


if __name__ == "__main__":
    if absent := missing():
        install(" and ".join(absent), *(PACKAGES[program] for program in absent))
    for program in (left := missing()):
        print(f"No {program} here and none could be installed: its tests are skipped.", file=sys.stderr)
    sys.exit(1 if left and os.environ.get("CI") else 0)
