"""`.env.sample` names every setting, and each of its lines is valid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from trunkline.settings import Settings

SAMPLE = (Path(__file__).parents[1] / ".env.sample").read_text()
LINES = re.findall(r"^# ([A-Z][A-Z_]+=.*)$", SAMPLE, re.MULTILINE)


def test_every_setting_is_there_once_and_no_other() -> None:
    names = [line.partition("=")[0] for line in LINES]
    assert sorted(names) == sorted(str(field.validation_alias) for field in Settings.model_fields.values())


@pytest.mark.parametrize("line", [line for line in LINES if not line.endswith("=")])
def test_a_line_of_it_is_taken(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, _, _value = line.partition("=")
    monkeypatch.delenv(name, raising=False)
    (tmp_path / ".env").write_text(line)
    monkeypatch.chdir(tmp_path)
    (field,) = [key for key, one in Settings.model_fields.items() if one.validation_alias == name]
    assert field in Settings().model_fields_set


def test_lines_that_are_left_empty_set_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for line in LINES:
        monkeypatch.delenv(line.partition("=")[0], raising=False)
    monkeypatch.chdir(tmp_path)
    defaults = Settings()
    names = {line.partition("=")[0] for line in LINES} - {
        "TRUNKLINE_TOKEN",
        "TRUNKLINE_OPERATOR_TOKEN",
        "OPENAI_TRANSCRIPTION_MODEL",
    }
    (tmp_path / ".env").write_text("".join(f"{name}=\n" for name in names))
    assert Settings() == defaults
    assert Settings().model_fields_set == set()


def test_an_empty_token_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRUNKLINE_TOKEN", raising=False)
    (tmp_path / ".env").write_text("TRUNKLINE_TOKEN=\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="at least 16"):
        Settings()
