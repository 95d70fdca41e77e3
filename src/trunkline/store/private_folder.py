"""Folders that only this user may read."""

from __future__ import annotations

from pathlib import Path


def make_private_folder(folder: Path) -> None:
    """Create a folder and its missing parents, each with the mode 0700. A folder that exists keeps its mode.

    Raises:
        OSError: the folder cannot be created.
    """
    for one in (*reversed(folder.parents), folder):
        if not one.is_dir():
            one.mkdir(mode=0o700, exist_ok=True)
