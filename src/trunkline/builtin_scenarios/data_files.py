"""Data files of the built-in scenarios: sections with a name in brackets, and lines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from trunkline import Phrases


class DataFiles:
    """The data files of a scenario.

    Args:
        module: the path of a module beside the files.
    """

    def __init__(self, module: str) -> None:
        self._folder = Path(module).parent

    def sections(self, file: str) -> dict[str, list[str]]:
        """Return the lines of a file by section, without comments and empty lines."""
        return _sections(self._folder / file)

    def phrases(self, file: str) -> dict[str, Phrases]:
        """Return the phrases of a file by section; the recogniser does not listen for the lines that begin with "~"."""
        return {
            name: Phrases(
                *(line for line in lines if not line.startswith("~")),
                too=[line[1:] for line in lines if line.startswith("~")],
            )
            for name, lines in self.sections(file).items()
        }

    def answers(self, file: str, phrases: Mapping[str, Phrases]) -> dict[Phrases, str]:
        """Return the first line of each section by its phrases."""
        return {phrases[name]: lines[0] for name, lines in self.sections(file).items()}

    def all_words(self, file: str) -> list[str]:
        """Return the words of a file without sections."""
        lines = (self._folder / file).read_text("utf-8").splitlines()
        return " ".join(line for line in lines if not line.startswith("#")).split()

    def words(self, section: str, file: str = "words.txt") -> list[str]:
        """Return the words of a section."""
        return " ".join(self.sections(file)[section]).split()

    def pairs(self, section: str, file: str = "words.txt") -> dict[str, str]:
        """Return the words of a section, each with the next one."""
        found = self.words(section, file)
        return dict(zip(found[::2], found[1::2], strict=True))


@cache
def _sections(file: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in file.read_text("utf-8").splitlines():
        if name := re.fullmatch(r"\[([\w ]+)\]", line):
            lines = found.setdefault(name[1], [])
        elif line and not line.startswith("# "):
            lines.append(line)
    return found
