"""`trunkline calls`: on the database itself, with an entry in the audit trail for each command."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from typer.testing import CliRunner, Result

from tests.store.audio.test_ogg import joined, stereo, store_of
from tests.store.exported_calls import exported_call
from tests.store.samples import conversation
from trunkline.calls.log_events import CallEnded
from trunkline.cli import app
from trunkline.settings import Settings
from trunkline.store.call_archive import CallArchive, recordings_of
from trunkline.store.export_file import ExportedCall

T = TypeVar("T")


class Machine:
    """A machine with a database of stored calls."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        monkeypatch.setenv("TRUNKLINE_DATA_DIR", str(folder / "data"))
        monkeypatch.chdir(folder)

    def run(self, *arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(app, ["calls", *arguments], input=stdin)

    def archive(self, work: Callable[[CallArchive], Awaitable[T]]) -> T:
        async def use() -> T:
            archive = CallArchive(Settings(), recordings_of(Settings()))
            await archive.database.migrate()
            try:
                return await work(archive)
            finally:
                await archive.close()

        return asyncio.run(use())

    def keep(self, *calls: ExportedCall) -> None:
        async def save(archive: CallArchive) -> None:
            for call in calls:
                await archive.save(call)

        self.archive(save)

    def audit(self) -> list[tuple[str, str | None]]:
        entries = self.archive(lambda archive: archive.audit.latest(100))
        return [(entry.action, entry.call_id) for entry in reversed(entries)]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_a_list_of_no_calls_says_so(machine: Machine) -> None:
    result = machine.run("list")
    assert result.exit_code == 0
    assert "No calls are stored in" in result.stderr


def test_calls_are_listed_by_conditions_and_words(machine: Machine) -> None:
    machine.keep(
        exported_call("call_a", started_at="2026-11-01T10:00:00.000+00:00"),
        exported_call("call_b", ("My skis are broken",), scenario="repairs", metadata={"customer": "K7"}),
    )
    assert machine.run("list").stdout.split()[0] == "call_b"
    assert "call_a" in machine.run("list").stdout
    for conditions in (
        ["--where", "scenario=repairs"],
        ["--where", "customer=K7"],
        ["--since", "2026-11-15"],
        ["--said", "skis"],
    ):
        assert [one["call_id"] for one in json.loads(machine.run("list", "--json", *conditions).stdout)] == ["call_b"]
    assert json.loads(machine.run("list", "--json", "--until", "2026-11-15").stdout)[0]["call_id"] == "call_a"


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        (["--where", "repairs"], "--where takes NAME=VALUE"),
        (
            ["--where", "status=happy"],
            "A condition is invalid: status must be one of running, ended, interrupted, failed, not 'happy'.",
        ),
        (["--where", "min_ms=long"], "min_ms must be a whole number of milliseconds, not 'long'."),
        (["--since", "yesterday"], "since must be a day or a time in ISO 8601, such as 2026-11-30"),
    ],
)
def test_a_bad_condition_is_refused(machine: Machine, condition: list[str], problem: str) -> None:
    result = machine.run("list", *condition)
    assert result.exit_code == 1
    assert problem in result.stderr


def test_a_call_is_shown_as_its_words_and_without_control_characters(machine: Machine) -> None:
    machine.keep(exported_call("call_a", ("Hello \x1b[31m there", "Hi")))
    result = machine.run("show", "call_a")
    assert "caller: Hello  [31m there" in result.stdout
    assert "host: Hi" in result.stdout
    assert "ended: caller hung up" in result.stdout
    frames = [json.loads(line) for line in machine.run("show", "call_a", "--json").stdout.splitlines()]
    assert frames[0]["kind"] == "call.started"
    assert frames[-1]["kind"] == "call.ended"


def test_an_unknown_call_is_refused_with_the_next_step(machine: Machine) -> None:
    result = machine.run("show", "call_x")
    assert result.exit_code == 1
    assert "List the calls with: trunkline calls list" in result.stderr


def test_an_exported_call_is_imported_by_another_machine(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.keep(exported_call("call_a", ("Grüß Gott", "Hello")))

    async def note(archive: CallArchive) -> None:
        await archive.notes.add("call_a", 200, "Listen here")

    machine.archive(note)
    assert machine.run("export", "call_a", "out").exit_code == 0
    assert machine.audit() == [("export", "call_a")]
    (machine.folder / "other").mkdir()
    other = Machine(machine.folder / "other", monkeypatch)
    imported = other.run("import", "../out/call_a.trunkline")
    assert imported.stdout == "call_a\n"
    assert "Grüß Gott" in other.run("show", "call_a").stdout
    assert "note: Listen here" in other.run("show", "call_a").stdout
    assert [one["call_id"] for one in json.loads(other.run("list", "--json", "--said", "grüß").stdout)] == ["call_a"]


def test_the_audio_of_a_call_is_exported_imported_and_deleted_with_it(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = b"".join(joined(store_of(machine.folder / "segments", stereo(23_000))).ogg())
    (machine.folder / "a.ogg").write_bytes(recording)
    call = exported_call("call_a")
    machine.keep(replace(call, call=replace(call.call, audio=machine.folder / "a.ogg")))
    assert machine.run("export", "call_a", "out").exit_code == 0
    (machine.folder / "other").mkdir()
    other = Machine(machine.folder / "other", monkeypatch)
    assert other.run("import", "../out/call_a.trunkline").exit_code == 0
    assert "with audio" in other.run("show", "call_a").stdout

    async def audio(archive: CallArchive) -> bytes:
        path = await archive.audio_file("call_a", "ogg", is_over=True)
        assert path is not None
        return await asyncio.to_thread(path.read_bytes)

    assert other.archive(audio) == machine.archive(audio)
    other.run("delete", "call_a", "--yes")
    assert not [*(machine.folder / "other").rglob("*.ogg")]


def test_a_stored_call_is_never_overwritten_by_an_import(machine: Machine) -> None:
    machine.keep(exported_call("call_a"))
    machine.run("export", "call_a", "out")
    refused = machine.run("import", "out/call_a.trunkline")
    assert refused.exit_code == 1
    assert "is stored already. Delete it first, or import the file under a new id" in refused.stderr
    copied = machine.run("import", "--copy", "out/call_a.trunkline").stdout.strip()
    assert copied != "call_a"
    assert json.loads(machine.run("show", copied, "--json").stdout.splitlines()[0])["call_id"] == copied
    assert len(json.loads(machine.run("list", "--json").stdout)) == 2


def test_a_foreign_file_is_refused(machine: Machine) -> None:
    (machine.folder / "x.trunkline").write_text("hello")
    result = machine.run("import", "x.trunkline")
    assert result.exit_code == 1
    assert "is not an exported call" in result.stderr


def test_calls_are_exported_by_their_metadata(machine: Machine) -> None:
    machine.keep(
        exported_call("call_a"),
        exported_call("call_b", scenario="repairs"),
        exported_call("call_c", scenario="repairs"),
    )
    result = machine.run("export", "--where", "scenario=repairs", "out")
    assert result.exit_code == 0
    assert sorted(path.name for path in (machine.folder / "out").iterdir()) == ["call_b.trunkline", "call_c.trunkline"]
    assert "2 calls exported." in result.stderr


def test_an_export_needs_calls_or_conditions(machine: Machine) -> None:
    for arguments in ([], ["out"], ["call_a", "out", "--where", "scenario=x"]):
        result = machine.run("export", *arguments)
        assert result.exit_code == 1
        assert "Name calls and a folder" in result.stderr


def test_a_deletion_needs_a_confirmation(machine: Machine) -> None:
    machine.keep(exported_call("call_a"), exported_call("call_b"))
    refused = machine.run("delete", "call_a")
    assert refused.exit_code == 1
    assert "Confirm it with --yes" in refused.stderr
    assert machine.run("delete", "call_a", "--yes").stdout == "1 call deleted.\n"
    assert [one["call_id"] for one in json.loads(machine.run("list", "--json").stdout)] == ["call_b"]
    assert machine.run("delete", "--all", "--yes").stdout == "1 call deleted.\n"
    assert machine.run("list").stdout == ""
    assert [one for one in machine.audit() if one[0] == "delete"] == [("delete", "call_a"), ("delete", "call_b")]


def test_a_deletion_needs_one_choice_of_calls(machine: Machine) -> None:
    for arguments in ([], ["call_a", "--all"], ["--all", "--since", "2026-01-01"]):
        assert machine.run("delete", "--yes", *arguments).exit_code == 1


def test_the_call_of_a_dead_server_can_be_exported_and_deleted(machine: Machine) -> None:
    log = [event for event in conversation("call_a") if not isinstance(event, CallEnded)]
    call = exported_call("call_a", events=log)
    assert call.call.summary.status == "running"
    machine.keep(call)
    assert json.loads(machine.run("list", "--json").stdout)[0]["status"] == "interrupted"
    assert machine.run("delete", "call_a", "--yes").exit_code == 0
