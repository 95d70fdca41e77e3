"""`trunkline call` in this process: its messages about wrong targets and an unreachable model."""

from __future__ import annotations

import asyncio
import io
import re
import socket
from pathlib import Path

import pytest

from tests.ports import free_port
from trunkline.calls import log_events
from trunkline.settings import Settings
from trunkline.store.call_archive import CallArchive
from trunkline.terminal import converse, printable

MINE = """
from agents.realtime import RealtimeAgent
from trunkline import Scenario

scenario = Scenario("mine", agents=[RealtimeAgent(name="host")])
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change to an empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def refused(target: str, capsys: pytest.CaptureFixture[str], agent: str | None = None) -> str:
    """Return the message for a wrong target."""
    assert await converse(Settings.model_validate({"provider": "local"}), target, agent) == 2
    out, told = capsys.readouterr()
    assert out == ""
    return told


async def test_a_name_that_is_nearly_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Did you mean 'simpleHandoff'?" in await refused("simplehandoff", capsys)


async def test_a_file_with_an_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "typo.py").write_text("scenario = Scenaro()\n")
    told = await refused("typo.py", capsys)
    assert "typo.py:1: NameError" in told
    assert "is not a scenario" not in told


async def test_a_file_without_a_scenario(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "empty.py").write_text("nothing = 1\n")
    assert "empty.py holds no Scenario" in await refused(str(folder / "empty.py"), capsys)


@pytest.mark.parametrize("target", ["own_file.py:nothing", "own_module:nothing"])
async def test_a_name_that_a_file_lacks(folder: Path, capsys: pytest.CaptureFixture[str], target: str) -> None:
    (folder / target.partition(":")[0].removesuffix(".py")).with_suffix(".py").write_text(MINE)
    told = await refused(target, capsys)
    assert "has no 'nothing'. Its scenarios: scenario." in told
    assert "loading.py" not in told


async def test_a_missing_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert (await refused("nowhere/", capsys)).startswith("The file or folder 'nowhere/' does not exist")


async def test_an_unknown_agent(capsys: pytest.CaptureFixture[str]) -> None:
    assert "There are: greeter, haikuWriter." in await refused("simpleHandoff", capsys, "nobody")


async def test_an_unreachable_service_is_reported_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setattr("sys.stdin", io.StringIO("Hello?\n"))
    given = {"provider": "openai", "openai_api_key": "sk-nobody", "openai_base_url": f"http://127.0.0.1:{port}/v1"}
    calling = asyncio.create_task(converse(Settings.model_validate(given), "simpleHandoff", None))
    told = ""
    async with asyncio.timeout(20):
        while "Retrying" not in told:
            await asyncio.sleep(0.05)
            told += capsys.readouterr().err
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    assert "The model is not connected: openai (127.0.0.1) cannot be reached" in told
    assert told.count("Retrying") == 1


async def test_a_scenario_that_nothing_answers_is_reported_with_the_fix(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "mine.py").write_text(MINE)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    await converse(Settings.model_validate({"provider": "local"}), "mine.py", None)
    told = capsys.readouterr().err
    assert "mine.py:5: The scenario 'mine' has no rehearsal, and no model is set" in told
    assert "TRUNKLINE_CHAT_BASE_URL" in told


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("Good morning.\n\tGrüße, 你好 🙂", "Good morning.\n\tGrüße, 你好 🙂"),
        ("\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
        ("paid: 100\rpaid: 900", "paid: 100\\rpaid: 900"),
        ("\x9b2J", "\\x9b2J"),
        ("admin\u202ecba", "admin\\u202ecba"),
    ],
)
def test_control_characters_never_reach_the_terminal(text: str, printed: str) -> None:
    assert printable(text) == printed


async def test_a_models_words_are_printed_without_control_characters(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "rude.py").write_text(
        MINE.replace("import Scenario", "import Rehearsal, Scenario")
        .replace('agents=[RealtimeAgent(name="host")]', 'agents=[RealtimeAgent(name="host")], rehearsal=rehearsal')
        .replace(
            "scenario =",
            'rehearsal = Rehearsal()\n\n@rehearsal.plays("host")\nasync def part(caller):\n'
            '    yield "Hello\\x1b[2J there."\n\nscenario =',
        )
    )
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    await converse(Settings.model_validate({"provider": "local"}), "rude.py", None)
    out, _ = capsys.readouterr()
    assert "Hello\\x1b[2J there." in out
    assert "\x1b[2J" not in out


async def test_a_call_is_stored_if_the_settings_say_so(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("yes please\n"))
    settings = Settings.model_validate({"provider": "local", "store": "full", "data_dir": folder / "data"})
    assert await converse(settings, "simpleHandoff", None) == 0
    found = re.search(r"Stored as (call_\w+)\. `trunkline test-from \1`", capsys.readouterr().err)
    assert found is not None
    archive = CallArchive(settings)
    try:
        entries = await archive.calls.log(found[1])
    finally:
        await archive.close()
    said = [entry.event.text for entry in entries if isinstance(entry.event, log_events.MessageDone)]
    assert "yes please" in said
    assert isinstance(entries[-1].event, log_events.CallEnded)


async def test_a_call_that_cannot_be_stored_is_held_and_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("yes please\n"))
    database_url = f"postgresql://me:secret@127.0.0.1:{free_port()}/calls"
    settings = Settings.model_validate({"provider": "local", "store": "full", "database_url": database_url})
    assert await converse(settings, "simpleHandoff", None) == 0
    out, told = capsys.readouterr()
    assert "hand you over" in out
    assert "The call is not stored completely" in told
    assert "TRUNKLINE_DATABASE_URL" in told
    assert "secret" not in told


async def test_a_call_is_not_stored_without_a_setting(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    settings = Settings.model_validate({"provider": "local", "store": None, "data_dir": folder / "data"})
    assert await converse(settings, "simpleHandoff", None) == 0
    assert "stored" not in capsys.readouterr().err.lower()
    assert not (folder / "data").exists()
