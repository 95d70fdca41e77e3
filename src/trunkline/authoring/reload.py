"""`trunkline serve --reload`: the paths to watch, the changes that restart the server, and the restart."""

from __future__ import annotations

import fnmatch
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType

import watchfiles

from trunkline.fork_server import server_context
from trunkline.scenario.loading import watched_paths

_PROJECT_FILES = ("pyproject.toml", "setup.py", "requirements.txt", ".git", ".env")
_TESTS = ("test_*.py", "*_test.py", "conftest.py")
DEBOUNCE_MS = 200
"""The time in ms in which further changes join the first one."""
END_TIMEOUT_S = 5.0
"""The time in s that the server has to end before it is killed."""


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


def run_reloading(paths: Sequence[Path], serve: Callable[..., None], arguments: tuple[object, ...]) -> None:
    """Run a server in a process, and start it again after each change, until SIGINT or SIGTERM.

    Args:
        paths: the folders and files to watch.
        serve: runs the server; it is imported in the process.
        arguments: its arguments.
    """
    # A shell's background job begins with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _interrupt)
    # The first server does not wait for the fork server, which imports its libraries meanwhile.
    process: BaseProcess = multiprocessing.get_context("spawn").Process(target=serve, args=arguments)
    process.start()
    try:
        context = server_context(changing=paths)
        for _changes in watchfiles.watch(*paths, watch_filter=ReloadFilter(), debounce=DEBOUNCE_MS):
            _end(process)
            process = context.Process(target=serve, args=arguments)
            process.start()
    except KeyboardInterrupt:
        pass
    finally:
        _end(process)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _end(process: BaseProcess) -> None:
    """End a server process, which may have ended by itself."""
    if process.pid is not None and process.is_alive():
        os.kill(process.pid, signal.SIGINT)
        process.join(END_TIMEOUT_S)
        if process.is_alive():
            process.kill()
    process.join()
