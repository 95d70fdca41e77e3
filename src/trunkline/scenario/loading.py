"""Finding scenarios: in the package, in installed packages, and in files, folders and modules that users name.

What cannot be loaded becomes a `Problem` with file and line; everything else still runs.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import sys
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from trunkline.scenario.scenario import Scenario, ScenarioError

ENTRY_POINT = "trunkline.scenarios"
BUILT_IN = "trunkline.scenarios"


@dataclass(frozen=True)
class Problem:
    """Why something could not be loaded, and where."""

    message: str
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}" if self.file else self.message


@dataclass
class Scenarios:
    """What was found: scenarios by name, in order, and what went wrong."""

    by_name: dict[str, Scenario[Any]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def add(self, scenario: Scenario[Any]) -> None:
        """Adds a scenario, or a problem if its name is taken."""
        taken = self.by_name.get(scenario.name)
        if taken is scenario:
            return
        if taken is not None:
            message = f"A scenario named {scenario.name!r} exists already ({taken.place}); rename one of the two."
            self.problems.append(Problem(message, scenario.place.file, scenario.place.line))
            return
        self.by_name[scenario.name] = scenario


def load(targets: Sequence[str] = (), *, built_in: bool = True) -> Scenarios:
    """The users' scenarios (files, folders or modules), then the built-in ones and those of installed packages.

    Never raises for what is wrong in a user's code: that becomes a problem.
    """
    found = Scenarios()
    if built_in:
        _load_named(found, BUILT_IN)
        for entry in importlib.metadata.entry_points(group=ENTRY_POINT):
            _load_named(found, entry.value)
    own = list(found.by_name)
    for target in targets:
        _load_target(found, target)
    # The user's come first in the list, the first of them being the default.
    found.by_name = {
        **{name: found.by_name[name] for name in found.by_name if name not in own},
        **{name: found.by_name[name] for name in own},
    }
    return found


def watched_paths(targets: Iterable[str]) -> list[Path]:
    """The files and folders whose changes matter to `targets`."""
    paths = []
    for target in targets:
        path = Path(target)
        if path.exists():
            paths.append(path.resolve())
        elif spec := _find_spec(target.partition(":")[0]):
            paths.append(Path(spec).resolve())
    return paths


def _load_target(found: Scenarios, target: str) -> None:
    path = Path(target)
    if path.is_dir():
        files = sorted(file for file in path.glob("*.py") if not file.name.startswith(("_", ".", "test_")))
        packages = sorted(init.parent for init in path.glob("*/__init__.py"))
        if not files and not packages:
            found.problems.append(Problem(f"The folder {target!r} holds no Python files."))
        for file in (*files, *packages):
            _load_file(found, file)
    elif path.is_file():
        _load_file(found, path)
    elif target.endswith(".py") or os.sep in target:
        found.problems.append(Problem(f"There is no file or folder {target!r}; name one that holds a Scenario."))
    else:
        _load_named(found, target)


def _load_file(found: Scenarios, path: Path) -> None:
    source = path / "__init__.py" if path.is_dir() else path
    folder = str(path.parent.resolve())
    if folder not in sys.path:
        sys.path.insert(0, folder)  # so that a file may import its neighbours
    name = path.stem
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", None) != str(source.resolve()):
        name = f"trunkline_user_{abs(hash(source.resolve()))}_{path.stem}"
    try:
        module = sys.modules.get(name) or _import_file(name, source.resolve())
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | GeneratorExit):
            raise
        sys.modules.pop(name, None)
        found.problems.append(_problem(error, source))
        return
    _collect(found, module, source)


def _import_file(name: str, source: Path) -> ModuleType:
    is_package = source.name == "__init__.py"
    spec = importlib.util.spec_from_file_location(
        name, source, submodule_search_locations=[str(source.parent)] if is_package else None
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{source} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _load_named(found: Scenarios, target: str) -> None:
    module_name, _, attribute = target.partition(":")
    try:
        module = importlib.import_module(module_name)
        if attribute:
            _add_values(found, getattr(module, attribute))
            return
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | GeneratorExit):
            raise
        found.problems.append(_problem(error, None, f"{target!r}: "))
        return
    _collect(found, module, None)


def _collect(found: Scenarios, module: ModuleType, source: Path | None) -> None:
    before = len(found.by_name) + len(found.problems)
    for value in list(vars(module).values()):
        if isinstance(value, Scenario):
            found.add(value)
    if len(found.by_name) + len(found.problems) == before and not _holds_scenario(module):
        where = str(source) if source else None
        message = f"{module.__name__} holds no Scenario; make one at its top level: scenario = Scenario(…)."
        found.problems.append(Problem(message, where, 1 if where else None))


def _holds_scenario(module: ModuleType) -> bool:
    return any(isinstance(value, Scenario) for value in vars(module).values())


def _add_values(found: Scenarios, value: object) -> None:
    values = value if isinstance(value, list | tuple) else [value]
    for scenario in values:
        if not isinstance(scenario, Scenario):
            raise TypeError(f"{scenario!r} is no Scenario")
        found.add(scenario)


def _problem(error: BaseException, source: Path | None, prefix: str = "") -> Problem:
    if isinstance(error, ScenarioError) and error.place:
        return Problem(error.message, error.place.file, error.place.line)
    if isinstance(error, SyntaxError) and error.filename:
        return Problem(f"{prefix}{type(error).__name__}: {error.msg}", error.filename, error.lineno)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if source and Path(frame.filename).is_relative_to(source.parent.resolve())]
    frame = (own or frames)[-1]
    return Problem(f"{prefix}{type(error).__name__}: {error}", frame.filename, frame.lineno)


def _find_spec(module: str) -> str | None:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    return spec.origin if spec else None
