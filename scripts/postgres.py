"""Postgres for the tests of the store: find its programs, or install Debian's package if apt-get may.

Without it these tests report the reason for the skip; in CI (`CI` is set) that is a failure instead.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from scripts.debian_packages import install


def programs() -> Path | None:
    """Return the folder of the newest installed Postgres, None without one. Debian keeps it out of `PATH`."""
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if folders:
        return max(folders, key=lambda folder: float(folder.parent.name))
    found = shutil.which("initdb")
    return Path(found).parent if found else None


if __name__ == "__main__":
    if programs() is None:
        install("Postgres", "postgresql")
    if programs() is None:
        print("No Postgres here and none could be installed: its tests are skipped.", file=sys.stderr)
        sys.exit(1 if os.environ.get("CI") else 0)
