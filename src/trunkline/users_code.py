"""Distinction of the users' scenarios from libraries and from Trunkline itself."""

from __future__ import annotations

import sysconfig
from pathlib import Path

_PACKAGE = Path(__file__).parent
_EXAMPLES = _PACKAGE / "builtin_scenarios"
_STDLIB = sysconfig.get_paths()["stdlib"]


def is_users_code(file: str) -> bool:
    """Return whether a file belongs to a scenario, and to neither a library nor Trunkline."""
    path = Path(file)
    if path.is_relative_to(_PACKAGE):
        return path.is_relative_to(_EXAMPLES)
    return not (file.startswith(("<", _STDLIB)) or "site-packages" in path.parts or "dist-packages" in path.parts)
