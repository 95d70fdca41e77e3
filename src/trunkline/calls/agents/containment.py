"""Containment of users' code: `SystemExit`, `KeyboardInterrupt` and the like end a tool, never the process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class UserCodeExitError(Exception):
    """Error in place of an exception that would end the process, raised by users' code."""


@contextmanager
def contained() -> Iterator[None]:
    """Turn an exception that is not an `Exception` into a `UserCodeExitError`, with it as the cause.

    A cancelled task and a closed coroutine pass, since they belong to the event loop.
    """
    try:
        yield
    except (Exception, asyncio.CancelledError, GeneratorExit):
        raise
    except BaseException as error:
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise UserCodeExitError(text) from error


def original(error: BaseException) -> BaseException:
    """Return the exception that users' code raised."""
    if isinstance(error, UserCodeExitError) and error.__cause__ is not None:
        return error.__cause__
    return error
