"""Build hook: refuse to build a wheel or sdist that lacks the console's files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling is not installed where mypy runs
    """Check that the console was built. An editable installation may lack it: its server says so and still runs."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Raise an error with the next step if the console's files are missing."""
        index = Path(self.root) / "src/trunkline/web/static/index.html"
        if version != "editable" and not index.is_file():
            raise SystemExit(
                "The console is not built, so the package would have no web page. Run `make setup` in the checkout "
                "first (it needs Node 20, which it installs with pip where it is missing), or install a released wheel."
            )
