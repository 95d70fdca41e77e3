"""Outside clients: the page about the engine has their results, and their scripts are judged strictly."""

from __future__ import annotations

import datetime
import re

import pytest

from tests.outside_clients.run import CLIENTS, PAGE, Result, pin_files, pinned_version, problem_of, updated_page

BY_NAME = {client.name: client for client in CLIENTS}
GOOD = (
    '{"greeting": "Welcome to the weather desk.", "city": "Wanaka", "answer": "In Wanaka it is sunny.", '
    '"audio_ms": 4000}'
)


def test_the_page_lists_each_client_in_its_pinned_version() -> None:
    page = PAGE.read_text()
    for client in CLIENTS:
        assert f"| {client.package} {pinned_version(client)} | {client.does} | passed |" in page


def test_the_results_replace_the_former_ones() -> None:
    page = "before\n<!-- clients -->\n\nold\n\n<!-- /clients -->\nafter\n"
    results = [Result(BY_NAME["pipecat"], "1.0", None, 2.0), Result(BY_NAME["litellm"], "2.0", "a problem", 2.0)]
    written = updated_page(page, results, datetime.date(2026, 11, 30))
    assert written.startswith("before\n<!-- clients -->\n\nRun on 2026-11-30")
    assert "old" not in written
    assert "| pipecat-ai 1.0 | " in written
    assert written.endswith("| failed |\n\n<!-- /clients -->\nafter\n")


@pytest.mark.parametrize(
    ("client", "code", "printed", "problem"),
    [
        ("livekit", 0, GOOD, None),
        ("livekit", 1, GOOD, "the script ended with 1"),
        ("livekit", 0, "", "the script ended with 0"),
        ("livekit", 0, "no JSON", "the last line was"),
        ("livekit", 0, GOOD.replace("weather desk", "desk"), "the greeting was"),
        ("livekit", 0, GOOD.replace("4000", "100"), "only 100 ms of audio"),
        ("livekit", 0, GOOD.replace('"Wanaka",', '"Taupo",'), "the tool was called with"),
        ("pydantic-ai-text", 0, GOOD.replace("it is sunny", "I do not know"), "the answer was"),
        ("voice-app", 0, '{"agents": ["greeter"]}', "the agents were"),
    ],
)
def test_the_judgement_of_a_script(client: str, code: int, printed: str, problem: str | None) -> None:
    found = problem_of(BY_NAME[client], code, printed, is_late=False)
    assert (found is None) if problem is None else problem in str(found)


def test_a_script_without_a_result_in_time_fails() -> None:
    assert "no result after" in str(problem_of(BY_NAME["voice-app"], 0, GOOD, is_late=True))


def test_every_package_is_pinned_and_no_pin_names_a_registry() -> None:
    for client in CLIENTS:
        wanted, pins = (path.read_text() for path in pin_files(client))
        if client.is_python:
            assert wanted.startswith("-c pins.txt\n")
            assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9a-z.]+", line) for line in pins.splitlines())
        else:
            assert '"resolved"' not in pins
