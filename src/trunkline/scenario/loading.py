"""Loading scenarios from the package, from installed packages, and from files, folders and modules that users name.

Each failure becomes a `Problem` with file and line; the other scenarios still run.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import sys
import traceback
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType

from trunkline.scenario.scenario import AnyScenario, Scenario, ScenarioError

Target = str | os.PathLike[str] | AnyScenario
"""A file, folder or module with scenarios, as text or as a path, or a scenario itself."""

ENTRY_POINT = "trunkline.scenarios"
BUILT_IN = "trunkline.builtin_scenarios"


@dataclass(frozen=True)
class Problem:
    """A failure to load scenarios: the message, and the file and line of its cause if known."""

    message: str
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}" if self.file else self.message


@dataclass
class LoadedScenarios:
    """The result of `load`: scenarios by name, in order, and problems."""

    by_name: dict[str, AnyScenario] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def add(self, scenario: AnyScenario) -> None:
        """Add a scenario, or a problem if its name is taken."""
        taken = self.by_name.get(scenario.name)
        if taken is scenario or (taken is not None and taken.location == scenario.location):
            return  # the same, or made by the same line: one file, imported under two names
        if taken is not None:
            message = f"A scenario named {scenario.name!r} exists already ({taken.location}); rename one of the two."
            self.problems.append(Problem(message, scenario.location.file, scenario.location.line))
            return
        self.by_name[scenario.name] = scenario


def load(targets: Sequence[Target] = (), *, built_in: bool = True) -> LoadedScenarios:
    """Load the users' scenarios, then the built-in ones and those of installed packages.

    An error in a user's code becomes a problem; it is not raised.

    Args:
        targets: files, folders or modules, and scenarios that exist already.
        built_in: False loads only `targets`.
    """
    found = LoadedScenarios()
    if built_in:
        _load_named(found, BUILT_IN)
        for entry in importlib.metadata.entry_points(group=ENTRY_POINT):
            _load_named(found, entry.value)
    own = list(found.by_name)
    for target in targets:
        if isinstance(target, Scenario):
            found.add(target)
        else:
            _load_target(found, os.fspath(target))
    # The user's scenarios come first; the first one is the default.
    found.by_name = {
        **{name: found.by_name[name] for name in found.by_name if name not in own},
        **{name: found.by_name[name] for name in own},
    }
    return found


def find_missing(targets: Iterable[str]) -> list[Problem]:
    """Return a problem for each target that is neither a file, a folder nor a module, without importing any."""
    return [problem for target in targets if (problem := _problem_if_missing(target))]


def watched_paths(targets: Iterable[str]) -> list[Path]:
    """Return the files and folders to watch for changes of `targets`."""
    paths = []
    for target in targets:
        path, _attribute = _split(target)
        if path.exists():
            paths.append(path.resolve())
        elif spec := _find_spec(target.partition(":")[0]):
            paths.append(Path(spec).resolve())
    return paths


def _load_target(found: LoadedScenarios, target: str) -> None:
    path, attribute = _split(target)
    if (path / "__init__.py").is_file() or path.is_file():
        _load_file(found, path, attribute)
    elif path.is_dir():
        _load_folder(found, path)
    elif looks_like_path(target):
        found.problems.append(_no_such_path(target))
    else:
        _search_here()
        _load_named(found, target)


def _problem_if_missing(target: str) -> Problem | None:
    if _split(target)[0].exists():
        return None
    if looks_like_path(target):
        return _no_such_path(target)
    _search_here()
    package = target.partition(":")[0].partition(".")[0]
    try:
        is_there = importlib.util.find_spec(package) is not None
    except ValueError:  # for an invalid name, or a module without a spec
        is_there = package in sys.modules
    return None if is_there else _no_such_module(target)


def looks_like_path(target: str) -> bool:
    """Return whether the target can only be a file or a folder."""
    return target.endswith(".py") or ".py:" in target or os.sep in target


def _no_such_path(target: str) -> Problem:
    return Problem(f"The file or folder {target!r} does not exist; name one that holds a Scenario.")


def _no_such_module(target: str) -> Problem:
    return Problem(f"No module, file or folder is named {target!r}; name one that holds a Scenario.")


def _search_here() -> None:
    """Make the modules of the current folder importable, like `python -m`."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)


def _split(target: str) -> tuple[Path, str]:
    """Split `my_agents.py:scenario` into path and attribute; the attribute may be empty."""
    path, colon, attribute = target.rpartition(":")
    return (Path(path), attribute) if colon and Path(path).exists() else (Path(target), "")


def _load_folder(found: LoadedScenarios, folder: Path) -> None:
    files = sorted(file for file in folder.glob("*.py") if not file.name.startswith(("_", ".", "test_")))
    packages = sorted(init.parent for init in folder.glob("*/__init__.py"))
    before = len(found.by_name) + len(found.problems)
    for file in (*files, *packages):
        _load_file(found, file, must_hold_one=False)  # it may be a module that the others import
    if len(found.by_name) + len(found.problems) == before:
        found.problems.append(Problem(f"The folder {str(folder)!r} holds no Python file with a Scenario."))


def _load_file(found: LoadedScenarios, path: Path, attribute: str = "", *, must_hold_one: bool = True) -> None:
    source = (path / "__init__.py" if path.is_dir() else path).resolve()
    try:
        module = _import_file(source)
        if attribute:
            _add_attribute(found, module, attribute, source)
            return
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | GeneratorExit):
            raise
        found.problems.append(_problem(error, source))
        return
    _collect(found, module, source, must_hold_one=must_hold_one)


def _import_file(source: Path) -> ModuleType:
    """Import a file so that it can import its neighbours, and its own package by relative imports."""
    import agents  # noqa: F401 - before a user's file that may be called agents.py

    name, folder = _module_name(source)
    _forget_namesakes(folder)
    sys.path.insert(0, str(folder))
    try:
        loaded = sys.modules.get(name)
        if loaded is not None and _is_from(loaded, source):
            return loaded
        if "." in name and (loaded is None):
            return importlib.import_module(name)
        if loaded is not None or _is_taken(name, folder):
            name = f"trunkline_user_{zlib.crc32(str(source).encode()):08x}_{name.rpartition('.')[2]}"
            if name in sys.modules:
                return sys.modules[name]
        return _execute(name, source)
    finally:
        # At the end of the path, it serves imports at run time and shadows no other module.
        sys.path.remove(str(folder))
        if str(folder) not in sys.path:
            sys.path.append(str(folder))


def _module_name(source: Path) -> tuple[str, Path]:
    """Return the dotted name of a file in its package, and the folder that contains the package."""
    parts = [] if source.name == "__init__.py" else [source.stem]
    folder = source.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts), folder


def _is_from(module: ModuleType, source: Path) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).resolve() == source


def _is_taken(name: str, folder: Path) -> bool:
    """Return whether another module has this name: a user's file must not replace it."""
    elsewhere = [path for path in sys.path if path != str(folder)]
    return name in sys.stdlib_module_names or PathFinder.find_spec(name, elsewhere) is not None


def _forget_namesakes(folder: Path) -> None:
    """Unload modules of other folders that share a name with a file of this folder, such as `tools.py`."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file is None or "." in name:
            continue
        path = Path(file)
        home = path.parent.parent if path.name == "__init__.py" else path.parent
        if home not in _folders or home == folder:
            continue
        if (folder / f"{name}.py").is_file() or (folder / name / "__init__.py").is_file():
            for each in [each for each in sys.modules if each == name or each.startswith(f"{name}.")]:
                del sys.modules[each]
    _folders.add(folder)


_folders: set[Path] = set()
"""The folders of users' files that were loaded."""


def _execute(name: str, source: Path) -> ModuleType:
    is_package = source.name == "__init__.py"
    spec = importlib.util.spec_from_file_location(
        name, source, submodule_search_locations=[str(source.parent)] if is_package else None
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{source.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _load_named(found: LoadedScenarios, target: str) -> None:
    module_name, _, attribute = target.partition(":")
    try:
        module = importlib.import_module(module_name)
        if attribute:
            _add_attribute(found, module, attribute, None)
            return
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | GeneratorExit):
            raise
        found.problems.append(_problem_of_module(error, target, module_name))
        return
    _collect(found, module, None)


def _collect(found: LoadedScenarios, module: ModuleType, source: Path | None, *, must_hold_one: bool = True) -> None:
    before = len(found.by_name) + len(found.problems)
    for value in list(vars(module).values()):
        if isinstance(value, Scenario):
            found.add(value)
    nothing_new = len(found.by_name) + len(found.problems) == before
    if must_hold_one and nothing_new and not _holds_scenario(module):
        what = source.name if source else module.__name__
        message = f"{what} holds no Scenario; make one at its top level: scenario = Scenario(…)."
        found.problems.append(Problem(message, str(source) if source else None, 1 if source else None))


def _holds_scenario(module: ModuleType) -> bool:
    return any(isinstance(value, Scenario) for value in vars(module).values())


def _add_attribute(found: LoadedScenarios, module: ModuleType, attribute: str, source: Path | None) -> None:
    if hasattr(module, attribute):
        _add_values(found, getattr(module, attribute))
        return
    what = source.name if source else module.__name__
    there = ", ".join(name for name, value in vars(module).items() if isinstance(value, Scenario)) or "none"
    message = f"{what} has no {attribute!r}. Its scenarios: {there}."
    found.problems.append(Problem(message, str(source) if source else None, 1 if source else None))


def _add_values(found: LoadedScenarios, value: object) -> None:
    values = value if isinstance(value, list | tuple) else [value]
    for scenario in values:
        if not isinstance(scenario, Scenario):
            raise TypeError(f"{scenario!r} is not a Scenario")
        found.add(scenario)


def _problem(error: BaseException, source: Path | None, prefix: str = "") -> Problem:
    if isinstance(error, ScenarioError) and error.location:
        return Problem(error.message, error.location.file, error.location.line)
    if isinstance(error, SyntaxError) and error.filename:
        return Problem(f"{prefix}{type(error).__name__}: {error.msg}", error.filename, error.lineno)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _is_users(frame.filename, source)]
    if not own and source is not None:
        return Problem(f"{prefix}{type(error).__name__}: {error}", str(source), 1)
    frame = (own or frames)[-1]
    return Problem(f"{prefix}{type(error).__name__}: {error}", frame.filename, frame.lineno)


def _problem_of_module(error: BaseException, target: str, module_name: str) -> Problem:
    if isinstance(error, ModuleNotFoundError) and error.name and f"{module_name}.".startswith(f"{error.name}."):
        return _no_such_module(target)
    return _problem(error, None, f"{target!r}: ")


def _is_users(filename: str, source: Path | None) -> bool:
    path = Path(filename)
    if source is None:
        return path.is_absolute() and not _LIBRARY_FOLDERS.intersection(path.parts)
    return path.is_relative_to(source.parent) and not _LIBRARY_FOLDERS.intersection(path.parts)


_LIBRARY_FOLDERS = {"site-packages", "dist-packages", "importlib"}


def _find_spec(module: str) -> str | None:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    return spec.origin if spec else None
