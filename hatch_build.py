"""Build hooks: the console's files must be there, and the README's links become absolute for the package index."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

_RELATIVE_LINK = re.compile(r"(!?)(\[[^\]]*\])\((?!https?://|#)([^)]+)\)")


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


class ReadmeHook(MetadataHookInterface):
    """Take the README as the package's description, with links that lead to the repository."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the description."""
        source = metadata["urls"]["Source"]
        text = (Path(self.root) / "README.md").read_text("utf-8")
        text = _RELATIVE_LINK.sub(lambda link: f"{link[1]}{link[2]}({_absolute(source, link[1], link[3])})", text)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def _absolute(source: str, image: str, target: str) -> str:
    if image:
        return f"{source.replace('//github.com', '//raw.githubusercontent.com')}/main/{target}"
    return f"{source}/blob/main/{target}"
