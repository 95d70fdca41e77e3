"""Random ids. The pure machines take `new_id` as an argument, so that tests can repeat a run exactly."""

from __future__ import annotations

import os


def new_id(prefix: str) -> str:
    """Return a new id in the services' style: the prefix, "_" and 21 random characters that cannot be guessed.

    The services' prefixes are `item`, `resp`, `event`, `call` and `sess`.
    """
    return f"{prefix}_{os.urandom(11).hex()[:21]}"
