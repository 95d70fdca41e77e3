"""Loading scenarios from files, folders, modules and packages; problems have file and line."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trunkline.scenario.loading import LoadedScenarios, Problem, load, watched_paths

Writer = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Writer:
    """Writes a file below the test's folder."""

    def write(name: str, text: str) -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    return write


@pytest.fixture(autouse=True)
def _clean_imports() -> Iterator[None]:
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if "site-packages" not in file and "/tmp" in file:
            del sys.modules[name]


def hello(name: str = "hello", *, before: str = "", agents: str = 'RealtimeAgent(name="host")') -> str:
    """A file with one scenario."""
    return (
        "from agents.realtime import RealtimeAgent\n"
        "from trunkline import Scenario\n"
        f"{before}\n"
        f'scenario = Scenario("{name}", agents=[{agents}])\n'
    )


def own(*targets: object) -> LoadedScenarios:
    return load([str(target) for target in targets], built_in=False)


def only_problem(found: LoadedScenarios) -> Problem:
    assert len(found.problems) == 1, found.problems
    return found.problems[0]


# What is found ------------------------------------------------------------------------------------------------------
def test_the_scenarios_of_a_file(write: Writer) -> None:
    found = own(write("my_agents.py", hello()))
    assert list(found.by_name) == ["hello"]
    assert found.problems == []


def test_one_scenario_of_a_file_by_name(write: Writer) -> None:
    file = write("two.py", hello("one") + 'other = Scenario("two", agents=[RealtimeAgent(name="host")])\n')
    assert list(own(f"{file}:other").by_name) == ["two"]
    assert only_problem(own(f"{file}:third")).message == "two.py has no 'third'. Its scenarios: scenario, other."


def test_the_scenarios_of_a_folder(write: Writer, tmp_path: Path) -> None:
    write("folder/a.py", hello("a"))
    write("folder/b.py", hello("b"))
    write("folder/_private.py", "1/0")
    write("folder/test_a.py", "1/0")
    write("folder/package/__init__.py", hello("c"))
    found = own(tmp_path / "folder")
    assert list(found.by_name) == ["a", "b", "c"]
    assert found.problems == []


def test_neighbours_without_a_scenario_are_accepted(write: Writer, tmp_path: Path) -> None:
    write("folder/tools.py", "NAME = 'from the neighbour'\n")
    write("folder/agents.py", hello("x", before="import tools\nassert tools.NAME"))
    found = own(tmp_path / "folder")
    assert list(found.by_name) == ["x"]
    assert found.problems == []


def test_a_folder_without_any_scenario_is_one(write: Writer, tmp_path: Path) -> None:
    write("folder/tools.py", "")
    assert "holds no Python file with a Scenario" in only_problem(own(tmp_path / "folder")).message


def test_a_package_with_relative_imports(write: Writer, tmp_path: Path) -> None:
    write("shop/__init__.py", "from .front import scenario\n")
    write("shop/front.py", hello("shop", before="from .names import NAME"))
    write("shop/names.py", "NAME = 'shop'\n")
    found = own(tmp_path / "shop")
    assert list(found.by_name) == ["shop"]
    assert found.problems == []


def test_a_file_inside_a_package_with_relative_imports(write: Writer, tmp_path: Path) -> None:
    write("store/__init__.py", "")
    write("store/front.py", hello("store", before="from .names import NAME"))
    write("store/names.py", "NAME = 'store'\n")
    found = own(tmp_path / "store" / "front.py")
    assert found.problems == []
    assert list(found.by_name) == ["store"]


def test_a_module_beside_which_one_stands(write: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("my_voice_module.py", hello("m"))
    monkeypatch.chdir(tmp_path)
    assert list(own("my_voice_module").by_name) == ["m"]
    assert list(own("my_voice_module:scenario").by_name) == ["m"]


def test_a_module_of_an_installed_package() -> None:
    assert list(own("trunkline.builtin_scenarios").by_name)[:1] == ["simpleHandoff"]


def test_an_entry_point(write: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("installed_voice.py", hello("installed"))
    write("installed_voice-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: installed-voice\nVersion: 1.0\n")
    write(
        "installed_voice-1.0.dist-info/entry_points.txt",
        "[trunkline.scenarios]\ninstalled = installed_voice:scenario\nbroken = installed_voice:nothing\n",
    )
    monkeypatch.syspath_prepend(tmp_path)
    found = load()
    assert "installed" in found.by_name
    assert "simpleHandoff" in found.by_name
    assert "nothing" in only_problem(found).message


def test_the_users_scenarios_come_before_the_built_in_ones(write: Writer) -> None:
    names = list(load([str(write("mine.py", hello("mine")))]).by_name)
    assert names[0] == "mine"
    assert "simpleHandoff" in names


def test_two_files_of_one_stem_in_different_folders(write: Writer) -> None:
    found = own(write("a/agent_file.py", hello("a")), write("b/agent_file.py", hello("b")))
    assert list(found.by_name) == ["a", "b"]
    assert found.problems == []


def test_each_folder_has_its_own_neighbours(write: Writer) -> None:
    for folder in ("a", "b"):
        write(f"{folder}/shared_names.py", f"NAME = {folder!r}\n")
    text = (
        "from agents.realtime import RealtimeAgent\nfrom trunkline import Scenario\nfrom shared_names import NAME\n"
        'scenario = Scenario(NAME, agents=[RealtimeAgent(name="host")])\n'
    )
    found = own(write("a/first.py", text), write("b/second.py", text))
    assert list(found.by_name) == ["a", "b"]


def test_a_scenario_that_a_neighbour_imports_too_is_there_once(write: Writer, tmp_path: Path) -> None:
    write("folder/base_scenario.py", hello("base"))
    write("folder/zz_uses_it.py", "from base_scenario import scenario\n")
    found = own(tmp_path / "folder")
    assert list(found.by_name) == ["base"]
    assert found.problems == []


@pytest.mark.parametrize("stem", ["calendar", "agents", "numpy", "trunkline"])
def test_a_file_does_not_replace_another_module_of_its_name(write: Writer, stem: str) -> None:
    found = own(write(f"{stem}.py", hello("x")))
    assert list(found.by_name) == ["x"]
    assert importlib.import_module(stem).__file__ != str(write(f"{stem}.py", ""))


# What is wrong ------------------------------------------------------------------------------------------------------
def test_a_syntax_error_has_its_line_and_the_rest_is_loaded(write: Writer) -> None:
    broken = write("broken.py", "x = 1\ndef f(:\n    pass\n")
    found = own(broken, write("good.py", hello()))
    assert list(found.by_name) == ["hello"]
    problem = only_problem(found)
    assert (problem.file, problem.line) == (str(broken), 2)
    assert problem.message.startswith("SyntaxError")
    assert str(problem).startswith(f"{broken}:2: ")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("raise ValueError('no luck')", "ValueError: no luck"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("import a_module_that_is_not_there", "ModuleNotFoundError: No module named 'a_module_that_is_not_there'"),
        ("int('x')", "ValueError: invalid literal for int() with base 10: 'x'"),
        ("import json; json.loads('{')", "JSONDecodeError"),
    ],
)
def test_an_error_in_a_file_has_the_users_line(write: Writer, line: str, message: str) -> None:
    broken = write("broken.py", f"# a comment\n\n{line}\n")
    problem = only_problem(own(broken))
    assert (problem.file, problem.line) == (str(broken), 3)
    assert message in problem.message


def test_an_error_in_a_neighbour_has_the_neighbours_line(write: Writer) -> None:
    neighbour = write("neighbour_with_a_mistake.py", "\n\n1 / 0\n")
    problem = only_problem(own(write("main_file.py", "import neighbour_with_a_mistake\n")))
    assert (problem.file, problem.line) == (str(neighbour), 3)


def test_an_error_in_an_installed_package_has_the_users_line(write: Writer) -> None:
    write("lib/site-packages/some_library_of_theirs.py", "def fail():\n    raise KeyError('deep inside')\n")
    file = write(
        "main_file.py",
        "import sys, pathlib\nsys.path.append(str(pathlib.Path(__file__).parent / 'lib/site-packages'))\n"
        "import some_library_of_theirs\nsome_library_of_theirs.fail()\n",
    )
    problem = only_problem(own(file))
    assert (problem.file, problem.line) == (str(file), 4)


def test_a_module_that_raises_has_the_users_line(
    write: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write("module_with_a_mistake.py", "\nraise RuntimeError('no')\n")
    monkeypatch.chdir(tmp_path)
    problem = only_problem(own("module_with_a_mistake"))
    assert (problem.file, problem.line) == (str(file), 2)


@pytest.mark.parametrize("target", ["no_such_module", "no.such.module", "no_such_module:scenario"])
def test_a_module_that_is_not_there(target: str) -> None:
    problem = only_problem(own(target))
    assert problem == Problem(f"No module, file or folder is named {target!r}; name one that holds a Scenario.")


@pytest.mark.parametrize("target", ["nowhere.py", "no/such/folder"])
def test_a_file_that_is_not_there(target: str) -> None:
    assert f"The file or folder '{target}' does not exist" in only_problem(own(target)).message


def test_a_file_without_a_scenario(write: Writer) -> None:
    file = write("empty.py", "x = 1\n")
    problem = only_problem(own(file))
    assert problem.file == str(file)
    assert "empty.py holds no Scenario; make one at its top level" in problem.message


def test_a_file_that_is_not_python(write: Writer) -> None:
    assert "notes.txt is not a Python file" in only_problem(own(write("notes.txt", "hello"))).message


REFUSED = [
    ('RealtimeAgent(name="host", handoffs=[RealtimeAgent(name="stranger")])', "hands off to 'stranger', which is not"),
    ('RealtimeAgent(name="host"), RealtimeAgent(name="host")', "two agents named 'host'"),
    ("", "has no agents"),
    ('"host"', "takes RealtimeAgents of the OpenAI Agents SDK, not str"),
    ('RealtimeAgent(name="host", tools=[tool, tool])', "two tools named 'look'"),
    ('a := RealtimeAgent(name="A b"), b := RealtimeAgent(name="a_b"), '
     'RealtimeAgent(name="host", handoffs=[a, b])', "two tools named 'transfer_to_a_b'"),
]  # fmt: skip


@pytest.mark.parametrize(("agents", "message"), REFUSED)
def test_a_scenario_that_cannot_run_has_its_line(write: Writer, agents: str, message: str) -> None:
    before = (
        "from agents import function_tool\n@function_tool\ndef look() -> str:\n    return 'seen'\ntool = look\n"
        "a: object\nb: object\n"
    )
    text = hello("x", before=before, agents=agents)
    file = write("refused.py", text)
    problem = only_problem(own(file))
    assert message in problem.message
    line = next(number for number, line in enumerate(text.splitlines(), 1) if line.startswith("scenario ="))
    assert (problem.file, problem.line) == (str(file), line)


def test_two_scenarios_of_one_name(write: Writer) -> None:
    first, second = write("first.py", hello("same")), write("second.py", hello("same"))
    found = own(first, second)
    assert list(found.by_name) == ["same"]
    problem = only_problem(found)
    assert problem.file == str(second)
    assert f"{first}:4" in problem.message


def test_a_scenario_named_like_a_built_in_one(write: Writer) -> None:
    found = load([str(write("mine.py", hello("simpleHandoff")))])
    assert "exists already" in only_problem(found).message


def test_a_name_that_is_not_a_scenario(write: Writer) -> None:
    file = write("values.py", hello() + "number = 5\nboth = [scenario, 7]\n")
    assert "5 is not a Scenario" in only_problem(own(f"{file}:number")).message
    assert "7 is not a Scenario" in only_problem(own(f"{file}:both")).message


# What is watched ----------------------------------------------------------------------------------------------------
def test_watched_files(write: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write("watched_module.py", hello())
    folder = write("folder/a.py", hello()).parent
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    targets = ["watched_module.py", "watched_module.py:scenario", "folder", "watched_module:scenario", "nowhere"]
    assert watched_paths(targets) == [file, file, folder, file]
