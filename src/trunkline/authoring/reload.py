"""Watching of `trunkline serve --reload`: the paths to watch, and the changes that restart the server."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from pathlib import Path

import watchfiles

from trunkline.scenario.loading import watched_paths

_PROJECT_FILES = ("pyproject.toml", "setup.py", "requirements.txt", ".git", ".env")
_TESTS = ("test_*.py", "*_test.py", "conftest.py")


def reload_paths(targets: Iterable[str], folder: Path) -> list[Path]:
    """Return the folders to watch: the projects of the targets, and `folder`, which has the `.env`.

    A project is the nearest folder above a target with a file such as `pyproject.toml`, so that the modules that a
    scenario imports are watched too. Without such a file it is the target's own folder. A home folder is never watched
    as a whole, since that may take long; then only the target and `.env` are.
    """
    roots = {*map(_project, watched_paths(targets)), _whole(folder.resolve(), folder.resolve() / ".env")}
    return sorted(root for root in roots if not any(root != other and root.is_relative_to(other) for other in roots))


def _project(target: Path) -> Path:
    own = target if target.is_dir() else target.parent
    for folder in (own, *own.parents):
        if _is_too_large(folder):
            break
        if any((folder / name).exists() for name in _PROJECT_FILES):
            return folder
    return _whole(own, target)


def _whole(folder: Path, part: Path) -> Path:
    return part if _is_too_large(folder) and part.exists() else folder


def _is_too_large(folder: Path) -> bool:
    return folder in (Path.home(), Path(folder.anchor))


class ReloadFilter(watchfiles.PythonFilter):
    """Accepts changes of Python files and of `.env`, but not of tests, which no scenario imports."""

    ignore_dirs = (*watchfiles.PythonFilter.ignore_dirs, "venv", "env", "site-packages", "build", "dist")

    def __init__(self) -> None:
        super().__init__(extra_extensions=(".env",))

    def __call__(self, change: watchfiles.Change, path: str) -> bool:
        """Return whether a change of this path restarts the server."""
        name = Path(path).name
        return super().__call__(change, path) and not any(fnmatch.fnmatch(name, pattern) for pattern in _TESTS)
