"""Installation of Debian's packages for the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys


def install(missing: str, *packages: str) -> None:
    """Install Debian's packages, as root and with apt-get only. Services among them are not started.

    Args:
        missing: the programs that were not found, for people.
    """
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    print(f"{missing} not found: installing Debian's {', '.join(packages)} …", flush=True)
    # invoke-rc.d starts no service in runlevel 1.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *packages]):
        done = subprocess.run(["apt-get", *command], env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(done.stderr.strip()[-500:], file=sys.stderr)
            return
