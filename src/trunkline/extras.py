"""Installation commands for the optional extras, for the package and for a checkout."""

from __future__ import annotations


def install_command(extra: str) -> str:
    """Return the command that installs an extra, such as "speech", followed by its form for a checkout."""
    return f"pip install 'trunkline[{extra}]' (in a checkout: .venv/bin/pip install -e '.[{extra}]')"
