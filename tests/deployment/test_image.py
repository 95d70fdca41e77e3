"""The image: the Dockerfile's rules, the files that it is built from, and the packages with hashes that it installs."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from scripts import image_requirements, run_dockerfile
from scripts.run_dockerfile import IgnoredFiles, instructions

from trunkline.settings import Settings

pytestmark = pytest.mark.pure

ROOT = Path(__file__).parents[2]
STEPS = instructions((ROOT / "Dockerfile").read_text())
LAST_STAGE = STEPS[max(index for index, step in enumerate(STEPS) if step.name == "FROM") :]


def texts(name: str) -> list[str]:
    """Return the texts of the last stage's instructions of a kind."""
    return [step.text for step in LAST_STAGE if step.name == name]


# The Dockerfile ------------------------------------------------------------------------------------------------------


def test_the_server_runs_without_root_rights() -> None:
    (user,) = texts("USER")
    assert int(user.partition(":")[0]) > 0  # a number, so that Kubernetes can check it


def test_the_last_stage_has_only_the_installed_packages() -> None:
    assert texts("COPY") == ["--from=wheel /opt/trunkline /opt/trunkline"]


def test_the_exposed_port_is_the_server_s() -> None:
    (environment,) = texts("ENV")
    assert f"PORT={Settings.model_fields['port'].default}" in environment.split()
    assert texts("EXPOSE") == [str(Settings.model_fields["port"].default)]


def test_the_health_check_is_a_program_of_the_image() -> None:
    (check,) = texts("HEALTHCHECK")
    program, option, code = json.loads(check.partition("CMD ")[2])
    assert (program, option) == ("python", "-c")
    compile(code, "HEALTHCHECK", "exec")
    assert "/api/health" in code


def test_the_stop_signal_is_the_one_that_drains() -> None:
    assert texts("STOPSIGNAL") == ["SIGTERM"]


def test_the_extras_of_the_image_exist() -> None:
    extras = [step.text.partition("=")[2] for step in STEPS if step.text.startswith("EXTRAS=")]
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(extras[0].split(",")) <= set(known)


# The build's context -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the files that Docker would receive."""
    folder = tmp_path_factory.mktemp("context")
    run_dockerfile.make_context(folder)
    return folder


def test_the_context_has_every_file_that_is_copied(context: Path) -> None:
    copies = [step.text.split() for step in STEPS if step.name == "COPY"]
    sources = [word for words in copies if not words[0].startswith("--") for word in words[:-1]]
    assert len(sources) > 8
    assert [source for source in sources if not (context / source).exists()] == []


def test_the_context_has_no_secret_and_nothing_that_was_built(context: Path) -> None:
    names = {path.relative_to(context).as_posix() for path in context.rglob("*")}
    assert not any(
        re.search(r"(^|/)(\.env.*|\.git|\.venv|node_modules|__pycache__|static|tests)(/|$)", name) for name in names
    )


@pytest.mark.parametrize(
    ("rules", "path", "is_ignored"),
    [
        ("*", "README.md", True),
        ("*\n!README.md", "README.md", False),
        ("*\n!README.md", "docs/README.md", True),
        ("*\n!src", "src/trunkline/cli.py", False),
        ("*\n!src\nsrc/trunkline/web", "src/trunkline/web/app.py", True),
        ("*\n!src\n**/__pycache__", "src/trunkline/__pycache__/cli.pyc", True),
        ("*\n!src\n**/__pycache__", "src/trunkline/cli.py", False),
        ("# *\n", "README.md", False),
        ("scripts/*\n!scripts/run.py", "scripts/other.py", True),
        ("scripts/*\n!scripts/run.py", "scripts/run.py", False),
    ],
)
def test_a_later_rule_of_the_ignored_files_decides(rules: str, path: str, is_ignored: bool) -> None:
    assert IgnoredFiles(rules).ignores(path) is is_ignored


def test_continued_lines_and_comments_are_joined() -> None:
    text = '# syntax\nFROM a AS b\nRUN one \\\n    # why\n    && two\nCMD ["x"]\n'
    assert [(step.name, step.text) for step in instructions(text)] == [
        ("FROM", "a AS b"),
        ("RUN", "one && two"),
        ("CMD", '["x"]'),
    ]


# The packages --------------------------------------------------------------------------------------------------------


def test_an_extra_brings_the_extras_that_it_contains() -> None:
    wanted = image_requirements.wanted(["local"])
    assert any(requirement.startswith("ctranslate2") for requirement in wanted)
    assert any(requirement.startswith("pocketsphinx") for requirement in wanted)  # of the extra `speech`
    assert not any(requirement.startswith("trunkline") for requirement in wanted)


def test_without_an_extra_only_the_base_is_wanted() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert image_requirements.wanted([]) == sorted(project["dependencies"])


def test_an_unknown_extra_is_an_error() -> None:
    with pytest.raises(SystemExit, match=r"'vocal' does not exist\. Choose among: .*local"):
        image_requirements.wanted(["vocal"])


def test_a_wheel_is_installed_by_its_hashes(tmp_path: Path) -> None:
    (version,) = re.findall(r"^starlette==(\S+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    (tmp_path / f"starlette-{version}-py3-none-any.whl").touch()
    (line,) = image_requirements.locked(tmp_path)
    assert line.startswith(f"starlette=={version} \\\n")
    assert "--hash=sha256:" in line


def test_a_wheel_without_a_hash_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "starlette-0.0.1-py3-none-any.whl").touch()
    with pytest.raises(SystemExit, match=r"starlette 0\.0\.1 is not in constraints-hashes\.txt"):
        image_requirements.locked(tmp_path)
