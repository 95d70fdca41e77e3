"""The paths that `serve --reload` watches, and the changes that restart the server."""

from __future__ import annotations

from pathlib import Path

import pytest
from watchfiles import Change

from trunkline.authoring.reload import ReloadFilter, reload_paths


def made(*files: Path) -> Path:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return files[-1]


def test_the_project_of_a_scenario_is_watched(tmp_path: Path) -> None:
    file = made(tmp_path / "shop/pyproject.toml", tmp_path / "shop/voice/desk.py")
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    assert reload_paths([str(file)], folder) == [folder, tmp_path / "shop"]


def test_a_file_without_a_project_is_watched_with_its_folder(tmp_path: Path) -> None:
    file = made(tmp_path / "voice/desk.py")
    assert reload_paths([str(file)], tmp_path / "voice") == [tmp_path / "voice"]


def test_a_folder_within_another_is_watched_once(tmp_path: Path) -> None:
    file = made(tmp_path / "voice/desk.py")
    assert reload_paths([str(file)], tmp_path) == [tmp_path]


def test_a_home_folder_is_not_watched_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    file = made(tmp_path / ".env", tmp_path / "desk.py")
    assert reload_paths([str(file)], tmp_path) == [tmp_path / ".env", file]


@pytest.mark.parametrize(
    ("name", "restarts"),
    [
        ("desk.py", True),
        (".env", True),
        ("notes.md", False),
        ("test_desk.py", False),
        ("desk_test.py", False),
        ("conftest.py", False),
        ("venv/lib/x.py", False),
        ("__pycache__/desk.py", False),
    ],
)
def test_changes_of_python_files_and_settings_restart_the_server(name: str, restarts: bool) -> None:
    assert ReloadFilter()(Change.modified, f"/home/ann/shop/{name}") is restarts
