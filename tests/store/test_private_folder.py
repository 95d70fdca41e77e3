"""Folders of stored calls are for this user alone, whichever part makes them first."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from trunkline.store.audio.open_segments import OpenSegments
from trunkline.store.audio.segment_store import open_segment_store
from trunkline.store.private_folder import make_private_folder


def mode(folder: Path) -> int:
    return stat.S_IMODE(folder.stat().st_mode)


def test_missing_parents_are_private_too(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_private_folder(tmp_path / "data" / "calls")
    assert [mode(tmp_path / part) for part in ("", "data", "data/calls")] == [0o755, 0o700, 0o700]
    make_private_folder(tmp_path / "data" / "calls")


def test_a_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(OSError, match="data"):
        make_private_folder(tmp_path / "data" / "calls")


def test_the_audio_makes_the_data_folder_private(tmp_path: Path) -> None:
    OpenSegments(tmp_path / "first" / "recordings-open").close()
    open_segment_store(None, tmp_path / "second" / "recordings")
    assert mode(tmp_path / "first") == mode(tmp_path / "second") == 0o700
