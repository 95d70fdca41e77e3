"""`trunkline new`: a scenario with two agents, a tool, a guardrail and a rehearsal, and a passing test."""

from __future__ import annotations

import keyword
import re
import sys
from dataclasses import dataclass
from importlib.machinery import PathFinder
from importlib.resources import files
from pathlib import Path

from trunkline.authoring.errors import AuthoringError
from trunkline.scenario.loading import load
from trunkline.scenario.scenario import NAME

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True)
class Created:
    """The created files."""

    scenario: Path
    test: Path


def create(name: str, folder: Path) -> Created:
    """Write a scenario and its test.

    Args:
        name: the scenario's name.
        folder: the folder for the files; it is created if necessary.

    Raises:
        AuthoringError: the name is invalid or taken, or a file already exists. Nothing is written then.
    """
    module = module_name(name, folder)
    created = Created(folder / f"{module}.py", folder / f"test_{module}.py")
    for path in (created.scenario, created.test):
        if path.exists():
            raise AuthoringError(f"{path} already exists. Choose another name, or move the file.")
    if name in (taken := load().by_name):
        raise AuthoringError(f"A scenario named {name!r} exists already. Choose another name than {', '.join(taken)}.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, template in ((created.scenario, "scenario.py.txt"), (created.test, "test_scenario.py.txt")):
            with path.open("x", encoding="utf-8") as file:
                file.write(_fill(template, name, module))
    except OSError as error:
        raise AuthoringError(f"{error.filename or folder} cannot be written: {error.strerror}.") from error
    return created


def module_name(name: str, folder: Path) -> str:
    """Return the module name for a scenario: "front-desk" and "frontDesk" become `front_desk`.

    Raises:
        AuthoringError: the name is invalid, or would hide another module.
    """
    if not NAME.fullmatch(name):
        raise AuthoringError(
            f"{name!r} is not a valid scenario name. It must begin with a letter and have at most 64 letters, "
            "digits, '_', '.' and '-'. Try: trunkline new front-desk"
        )
    module = re.sub(r"[.-]+", "_", _HUMP.sub("_", name)).lower().strip("_")
    if keyword.iskeyword(module):
        raise AuthoringError(f"{module}.py could not be imported: {module!r} is a Python keyword. Try {name}-desk.")
    if module.startswith("test_") or module == "conftest":
        raise AuthoringError(f"pytest would collect {module}.py as a test. Choose a name without 'test'.")
    elsewhere = [path for path in sys.path if Path(path or ".").resolve() != folder.resolve()]
    if module in sys.stdlib_module_names or PathFinder.find_spec(module, elsewhere) is not None:
        raise AuthoringError(f"{module}.py would hide the module {module!r}, which is installed. Try {name}-desk.")
    return module


def _fill(template: str, name: str, module: str) -> str:
    text = (files("trunkline.authoring") / "templates" / template).read_text("utf-8")
    return text.replace("{{name}}", name).replace("{{module}}", module)
