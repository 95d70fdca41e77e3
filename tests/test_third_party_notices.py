"""The third-party notices name every package that users install, and every one that the console contains."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
NOTICES = (ROOT / "THIRD_PARTY_NOTICES.md").read_text()


def test_every_runtime_dependency_has_a_line() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {name: names for name, names in project["optional-dependencies"].items() if name != "dev"}
    for requirement in [*project["dependencies"], *(name for names in extras.values() for name in names)]:
        name = re.split(r"[\[<>=~!; ]", requirement)[0]
        if name == project["name"]:  # an extra that contains another one
            continue
        assert re.search(rf"^\| {re.escape(name)} \|", NOTICES, re.MULTILINE), name
    for extra in extras:
        assert f"`{extra}`" in NOTICES


def test_every_package_in_the_console_has_a_line_with_its_version() -> None:
    console = ROOT / "console"
    locked = json.loads((console / "package-lock.json").read_text())["packages"]
    wanted = list(json.loads((console / "package.json").read_text())["dependencies"])
    for name in wanted:
        package = locked[f"node_modules/{name}"]
        wanted += [other for other in package.get("dependencies", {}) if other not in wanted]
        assert f"| {name} | {package['version']} | {package['license']} |" in NOTICES
