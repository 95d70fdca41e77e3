"""How the optional parts are installed: by whoever has the package, and by whoever works in a checkout of it."""

from __future__ import annotations


def install_command(extra: str) -> str:
    """The command that installs an extra, such as "speech"; its form in a checkout comes after it, in brackets."""
    return f"pip install 'trunkline[{extra}]' (in a checkout: .venv/bin/pip install -e '.[{extra}]')"
