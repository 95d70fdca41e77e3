"""`trunkline new`: a scenario file with two agents, a tool, a guardrail and a rehearsal, and a test that passes."""

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
    """The files that were written."""

    scenario: Path
    test: Path


def create(name: str, folder: Path) -> Created:
    """Writes a scenario named `name` and its test into `folder`, which is made if it is not there.

    Raises:
        AuthoringError: the name cannot be a scenario's or a file's, or is taken; or a file is there already. Nothing
            is written then.
    """
    module = module_name(name, folder)
    created = Created(folder / f"{module}.py", folder / f"test_{module}.py")
    for path in (created.scenario, created.test):
        if path.exists():
            raise AuthoringError(
                f"{path} is there already, and is left as it is. Choose another name, or move it away."
            )
    if name in (taken := load().by_name):
        raise AuthoringError(f"A scenario named {name!r} exists already. Choose another name than {', '.join(taken)}.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, template in ((created.scenario, "scenario.py.txt"), (created.test, "test_scenario.py.txt")):
            with path.open("x", encoding="utf-8") as file:
                file.write(_filled(template, name, module))
    except OSError as error:
        raise AuthoringError(f"{error.filename or folder} cannot be written: {error.strerror}.") from error
    return created


def module_name(name: str, folder: Path) -> str:
    """The file's name, without ending, for a scenario of this name: "front-desk" and "frontDesk" are `front_desk`.

    Raises:
        AuthoringError: there is none, or it would stand in the way of another module.
    """
    if not NAME.fullmatch(name):
        raise AuthoringError(
            f"{name!r} cannot be a scenario's name: it must begin with a letter and hold letters, digits, '_', '.', "
            "'-', at most 64. Try: trunkline new front-desk"
        )
    module = re.sub(r"[.-]+", "_", _HUMP.sub("_", name)).lower().strip("_")
    if keyword.iskeyword(module):
        raise AuthoringError(
            f"{module}.py could not be imported: {module!r} is a word of Python's own. Try {name}-desk."
        )
    if module.startswith("test_") or module == "conftest":
        raise AuthoringError(f"{module}.py would be taken for a test by pytest. Choose a name without 'test'.")
    elsewhere = [path for path in sys.path if Path(path or ".").resolve() != folder.resolve()]
    if module in sys.stdlib_module_names or PathFinder.find_spec(module, elsewhere) is not None:
        raise AuthoringError(f"{module}.py would hide the module {module!r}, which is installed. Try {name}-desk.")
    return module


def _filled(template: str, name: str, module: str) -> str:
    text = (files("trunkline.authoring") / "templates" / template).read_text("utf-8")
    return text.replace("{{name}}", name).replace("{{module}}", module)
