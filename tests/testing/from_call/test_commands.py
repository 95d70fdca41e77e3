"""The commands `test-from`, `replay` and `evaluate`, with calls from files and from the store."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.testing.from_call import desk as desk_module
from tests.testing.from_call.recorded_logs import log_of, recorded, said, spoken
from tests.testing.from_call.test_generated_tests import a_whole_call
from tests.testing.from_call.test_recorded_audio import ogg_of, silence, tone
from trunkline.calls.log import Entry, Log
from trunkline.calls.log_events import CallEnded, CallStarted
from trunkline.cli import app
from trunkline.realtime.audio import BYTES_PER_MS
from trunkline.settings import Settings
from trunkline.store.audio.call_audio import CallAudio
from trunkline.store.audit import AuditTrail
from trunkline.store.call_archive import CallArchive
from trunkline.store.call_store import CallStore
from trunkline.store.database import Database
from trunkline.store.export_file import ExportedCall, read_export, write_export
from trunkline.store.stored_call import StoredCall
from trunkline.store.summary import SummaryMeter
from trunkline.testing.caller_audio_file import read_wav
from trunkline.testing.from_call.call_source import CallNotFoundError, load_call
from trunkline.testing.from_call.read_call import read_call
from trunkline.testing.from_call.test_file import FromCallOptions, generate_test

SCENARIO = Path(desk_module.__file__)


@pytest.fixture(scope="module")
def entries() -> list[Entry]:
    return recorded(desk_module.scenario, a_whole_call)


@pytest.fixture(autouse=True)
def no_provider(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Stand in an empty folder, without settings of this machine."""
    for name in ("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY", "OPENAI_API_KEY", "TRUNKLINE_CHAT_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("TRUNKLINE_PROVIDER", raising=False)
    monkeypatch.setenv("TRUNKLINE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def log(tmp_path: Path, entries: list[Entry]) -> Path:
    path = tmp_path / "call.jsonl"
    path.write_text("".join(entry.frame() + "\n" for entry in entries), "utf-8")
    return path


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "desk.py"
    path.write_text(SCENARIO.read_text("utf-8"), "utf-8")
    return path


def trunkline(*arguments: object) -> tuple[int, str, str]:
    """Run a command, and return its exit code and its two outputs."""
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


# Sources ----------------------------------------------------------------------------------------------------------
def exported(path: Path, entries: list[Entry], audio: Path | None = None) -> Path:
    meter = SummaryMeter("full")
    for entry in entries:
        meter.read(entry)
    summary = meter.summary()
    assert summary is not None
    with path.open("wb") as file:
        write_export(file, ExportedCall(StoredCall(summary, tuple(entries), audio)))
    return path


def downloaded(path: Path, entries: list[Entry]) -> Path:
    events = [json.loads(entry.frame()) for entry in entries]
    path.write_text(json.dumps({"call_id": "call_1", "transcript": [], "events": events}, indent=2), "utf-8")
    return path


@pytest.mark.parametrize(
    "write",
    [
        lambda folder, some: exported(folder / "call.trunkline", some),
        lambda folder, some: downloaded(folder / "call.json", some),
    ],
    ids=["export", "download"],
)
async def test_a_call_is_read_from_a_file(
    tmp_path: Path, entries: list[Entry], write: Callable[[Path, list[Entry]], Path]
) -> None:
    named = await load_call(str(write(tmp_path, entries)), Settings(), tmp_path)
    assert [entry.frame() for entry in named.entries] == [entry.frame() for entry in entries]
    assert named.audio is None


async def test_an_export_brings_its_recording(tmp_path: Path, entries: list[Entry]) -> None:
    recording = ogg_of(tmp_path / "recording.ogg", tone(440, 500), silence(500))
    path = exported(tmp_path / "call.trunkline", entries, recording)
    named = await load_call(str(path), Settings(), tmp_path)
    assert named.audio is not None
    assert named.audio.read_bytes() == recording.read_bytes()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.jsonl", "{}", "is not the log of a call"),
        ("a.jsonl", "", "is empty"),
        ("a.json", '{"events": [1]}', "is not the log of a call"),
        ("a.trunkline", "text", "is not an exported call"),
        ("missing.jsonl", None, "cannot be read"),
        ("call_7", None, "is neither a stored call in"),
    ],
)
async def test_a_call_that_cannot_be_read_has_a_reason(
    tmp_path: Path, name: str, content: str | None, reason: str
) -> None:
    target = tmp_path / name if "." in name else name
    if content is not None:
        (tmp_path / name).write_text(content, "utf-8")
    with pytest.raises(CallNotFoundError, match=reason):
        await load_call(str(target), Settings(), tmp_path)


# test-from --------------------------------------------------------------------------------------------------------
def test_a_test_is_printed(log: Path, entries: list[Entry]) -> None:
    code, printed, _ = trunkline("test-from", log)
    assert code == 0
    assert printed == generate_test(read_call(entries), FromCallOptions(files=False)).source


def test_a_test_is_written_and_passes(log: Path, scenario: Path, tmp_path: Path) -> None:
    code, _, errors = trunkline("test-from", log, "-o", tmp_path / "test_call.py")
    assert code == 0
    assert f"run it: pytest {tmp_path / 'test_call.py'}\n" in errors
    assert f"trunkline evaluate {tmp_path / 'test_call.py'} -n 1 --scenario FILE" in errors
    options = ["-q", "-p", "no:cacheprovider", f"--override-ini=voice_scenarios={scenario}", "--rootdir", str(tmp_path)]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(tmp_path / "test_call.py")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout


def test_a_file_is_never_overwritten(log: Path, tmp_path: Path) -> None:
    (tmp_path / "test_call.py").write_text("mine")
    code, _, errors = trunkline("test-from", log, "-o", tmp_path / "test_call.py")
    assert code == 2
    assert "test_call.py already exists. Name another file, or delete it." in errors
    assert (tmp_path / "test_call.py").read_text() == "mine"


def test_audio_needs_a_recording(log: Path) -> None:
    code, _, errors = trunkline("test-from", log, "--audio")
    assert code == 2
    assert "has no recording. Leave out --audio" in errors


def test_audio_needs_a_file(tmp_path: Path, entries: list[Entry]) -> None:
    recording = ogg_of(tmp_path / "recording.ogg", tone(440, 500), silence(500))
    code, _, errors = trunkline("test-from", exported(tmp_path / "a.trunkline", entries, recording), "--audio")
    assert code == 2
    assert "Name the test's file: -o" in errors


# replay -----------------------------------------------------------------------------------------------------------
def test_a_replay_on_the_same_agents_exits_with_0(log: Path, scenario: Path) -> None:
    code, printed, _ = trunkline("replay", log, scenario)
    assert code == 0, printed
    assert "No divergence in 9 turns." in printed
    assert "now: rehearsal" in printed


def test_a_replay_on_changed_agents_exits_with_1(log: Path, scenario: Path) -> None:
    scenario.write_text(scenario.read_text("utf-8").replace("urgent=True)", "urgent=False)"), "utf-8")
    code, printed, _ = trunkline("replay", log, scenario)
    assert code == 1
    divergence = "open_ticket(about='printer', urgent=False) was called, recorded: with about='printer', urgent=True."
    assert f"≠ {divergence}" in printed
    assert "Diverged in 2 of 9 turns." in printed


def test_a_replay_of_an_unknown_scenario_says_how_to_name_it(log: Path) -> None:
    code, _, errors = trunkline("replay", log)
    assert code == 2
    assert "The scenario 'desk' of the call is not among simpleHandoff" in errors
    assert "trunkline replay CALL FILE" in errors


def test_a_replay_without_a_rehearsal_says_what_it_needs(log: Path, scenario: Path) -> None:
    scenario.write_text(scenario.read_text("utf-8").replace("    rehearsal=rehearsal,\n", ""), "utf-8")
    code, _, errors = trunkline("replay", log, scenario)
    assert code == 2
    assert "has no rehearsal, which plays the model without a key" in errors


# evaluate ---------------------------------------------------------------------------------------------------------
def test_tests_are_evaluated(log: Path, scenario: Path, tmp_path: Path) -> None:
    trunkline("test-from", log, "-o", tmp_path / "tests" / "test_call.py")
    command = [sys.executable, "-m", "trunkline", "evaluate", "tests", "-n", "3", "--scenario", str(scenario)]
    ran = subprocess.run(
        [*command, "--junit", "results.xml", "--html", "page.html"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "3/3" in ran.stdout
    assert 'name="pass^3" value="1.000"' in (tmp_path / "results.xml").read_text("utf-8")
    assert "evaluation" in (tmp_path / "page.html").read_text("utf-8")


# A stored call ----------------------------------------------------------------------------------------------------
def test_a_stored_call_is_named_by_its_id_and_the_use_is_audited(entries: list[Entry]) -> None:
    call_id = asyncio.run(stored(entries))
    code, printed, errors = trunkline("test-from", call_id)
    assert code == 0, errors
    assert 'await call.say("my printer is broken"' in printed
    assert asyncio.run(audited()) == [("test", call_id)]


async def audited() -> list[tuple[str, str | None]]:
    """Return the actions of the audit trail, with their calls."""
    database = Database.from_settings(Settings())
    try:
        return [(entry.action, entry.call_id) for entry in await AuditTrail(database).latest(10)]
    finally:
        await database.close()


def test_a_stored_call_plays_its_recording(tmp_path: Path) -> None:
    events = log_of(
        *said("a", "Hello.", 0),
        *spoken("q", "my printer is broken", 1_000, 1_500),
        *said("b", "Pardon?", 1_600),
        (2_000, CallEnded(reason="caller hung up")),
    )
    path = exported(tmp_path / "call.trunkline", events, ogg_of(tmp_path / "r.ogg", tone(440, 2_000), silence(2_000)))
    asyncio.run(imported(path, tmp_path))
    code, _, errors = trunkline("test-from", "call_1", "--audio", "-o", tmp_path / "test_call.py")
    assert code == 0, errors
    assert "with 1 file beside it" in errors
    assert len(read_wav(tmp_path / "test_call_01.wav")) == 1_500 * BYTES_PER_MS


async def imported(path: Path, folder: Path) -> None:
    """Store an exported call, with its recording."""
    archive = CallArchive(Settings(), CallAudio(Settings(), "off"))
    await archive.database.migrate()
    await archive.save(read_export(path, folder))
    await archive.close()


async def stored(entries: list[Entry]) -> str:
    """Store a call as a server does, and return its id."""
    now_ms = 0
    log = Log(lambda: now_ms)
    store = CallStore(Settings(), "full", tell=lambda _call_id, _event: None)
    async with store.running():
        log.subscribe(store.writer.reader(log))
        for entry in entries:
            now_ms = entry.at_ms
            log.append(entry.event)  # type: ignore[arg-type]  # a call that was held has no unknown events
    started = entries[0].event
    assert isinstance(started, CallStarted)
    return started.call_id
