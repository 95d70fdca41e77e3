"""The page about the engine: its tables are those of the code, and its examples run."""

from __future__ import annotations

import asyncio
import re
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from trunkline import Rehearsal
from trunkline.builtin_scenarios.simple_handoff import simple_handoff
from trunkline.engine.brains.unconfigured_brain import UnconfiguredBrain
from trunkline.engine.default import local_engine
from trunkline.engine.http.app import Engine
from trunkline.scenario.moves import call_tool
from trunkline.scenario.question import Question
from trunkline.scenario.text_answers import answer
from trunkline.settings import Settings

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "engine.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_tables_are_up_to_date() -> None:
    written = runpy.run_path(str(ROOT / "scripts" / "engine_tables.py"))["updated_page"](PAGE)
    assert written == PAGE, "run: python scripts/engine_tables.py"


@pytest.mark.speech
async def test_the_client_in_python_runs() -> None:
    client = EXAMPLES[0]
    assert "http://127.0.0.1:3001/openai/v1" in client
    settings = Settings.model_construct(chat_base_url=None, chat_model=None)
    async with local_engine({simple_handoff.name: simple_handoff}, settings, key=None) as server, asyncio.timeout(30):
        running = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            client.replace("http://127.0.0.1:3001/openai/v1", server.url),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, complaint = await running.communicate()
    assert running.returncode == 0, complaint.decode()
    assert "haiku" in said.decode()


def test_the_rehearsed_text_models_answer() -> None:
    names: dict[str, Any] = {}
    exec(EXAMPLES[1], names)
    rehearsal: Rehearsal = names["rehearsal"]
    said = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "you idiot"}]}
    assert answer(rehearsal, Question("moderation", items=[said])) == {
        "category": "OFFENSIVE",
        "rationale": "It insults.",
    }
    assert answer(rehearsal, Question("supervisor", items=[said])) == call_tool(
        "getUserAccountInfo", phone_number="(206) 555-0100"
    )


@pytest.mark.parametrize("path", sorted(set(re.findall(r"(?:WS|POST|GET) (?:…)?(/[a-zA-Z0-9_/]+)", PAGE))))
def test_every_route_on_the_page_is_there(path: str) -> None:
    unused: Any = None
    engine = Engine(lambda model, settings: UnconfiguredBrain(), unused, unused, unused)
    paths = [str(getattr(route, "path", "")) for route in engine.app.routes]
    there = {re.sub(r"\{(name|deployment):path\}", "NAME", path).replace("{rtc_call_id}", "ID") for path in paths}
    assert {path, f"/openai/v1{path}"} & there, sorted(there)
