"""Containment of users' code: `SystemExit`, `KeyboardInterrupt` and the like end a tool, never the process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class UserCodeExitError(Exception):
    """Error in place of an exception that would end the process, raised by users' code."""


@contextmanager
def contained(*, with_cancellation: bool = True) -> Iterator[None]:
    """Turn an exception that is not an `Exception` into a `UserCodeExitError`, with it as the cause.

    Two exceptions of the event loop pass: `CancelledError` in a task that was asked to cancel, and `GeneratorExit` in a
    coroutine that is closed. Users' code may raise both by itself, and then they are errors like any other.

    Args:
        with_cancellation: False lets every `CancelledError` pass.
    """
    task = _running_task()
    try:
        yield
    except Exception:
        raise
    except asyncio.CancelledError as error:
        if not with_cancellation or (task is not None and task.cancelling()):
            raise
        raise _exit(error) from error
    except GeneratorExit as error:
        if _is_event_loop_thread() and (task is None or _running_task() is not task):
            raise
        raise _exit(error) from error
    except BaseException as error:
        raise _exit(error) from error


def _exit(error: BaseException) -> UserCodeExitError:
    return UserCodeExitError(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)


def _running_task() -> asyncio.Task[object] | None:
    """Return the task that runs now; None in a callback, and in a thread."""
    return asyncio.current_task() if _is_event_loop_thread() else None


def _is_event_loop_thread() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def original(error: BaseException) -> BaseException:
    """Return the exception that users' code raised."""
    if isinstance(error, UserCodeExitError) and error.__cause__ is not None:
        return error.__cause__
    return error
