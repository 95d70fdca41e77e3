"""The architecture decision records: numbered without a gap, short, and each in the index."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parents[1] / "docs" / "adr"
RECORDS = sorted(FOLDER.glob("[0-9]*.md"))


def test_records_are_numbered_without_a_gap() -> None:
    assert [int(record.name[:4]) for record in RECORDS] == list(range(1, len(RECORDS) + 1))


def test_records_are_short_and_have_the_same_parts() -> None:
    for record in RECORDS:
        lines = record.read_text().splitlines()
        assert len(lines) <= 25, record.name
        assert [line for line in lines if line.startswith("## ")] == ["## Context", "## Decision", "## Consequences"]


def test_the_index_lists_every_record_under_its_title() -> None:
    index = (FOLDER / "README.md").read_text()
    for record in RECORDS:
        number, title = record.read_text().splitlines()[0].removeprefix("# ").split(". ", 1)
        assert f"| [{number}]({record.name}) | {title} |" in index
