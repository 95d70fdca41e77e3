"""Whole calls with a slow model or tool: the caller never hears nothing for more than 5 s."""

from __future__ import annotations

import pytest

from tests.calls.slow_calls import SLOWNESS, Slowness, hear
from trunkline import Fillers
from trunkline.testing import run_in_virtual_time

MAX_SILENCE_MS = 5_000.0


@pytest.mark.parametrize("slowness", SLOWNESS, ids=lambda slowness: slowness.name)
def test_the_caller_hears_something_every_5_s(slowness: Slowness) -> None:
    heard = run_in_virtual_time(hear(slowness, Fillers()))
    assert heard.longest_silence_ms <= MAX_SILENCE_MS
    assert heard.fillers[0] == "One moment, please."


@pytest.mark.parametrize("slowness", SLOWNESS, ids=lambda slowness: slowness.name)
def test_the_silence_is_longer_without_fillers(slowness: Slowness) -> None:
    heard = run_in_virtual_time(hear(slowness, None))
    assert heard.longest_silence_ms > MAX_SILENCE_MS
    assert heard.fillers == []


def test_a_caller_hears_that_no_answer_follows() -> None:
    heard = run_in_virtual_time(hear(Slowness("the service always fails", failures=1_000), Fillers()))
    assert heard.fillers[-1] == "I am sorry, that did not work. Please say it again."
    assert not heard.answered


def test_german_fillers_are_spoken_in_german() -> None:
    heard = run_in_virtual_time(hear(Slowness("a tool takes 12 s", tool_s=12.0), Fillers(language="de")))
    assert heard.fillers == ["Einen Moment, bitte.", "Entschuldigung, das dauert länger als sonst."]
    assert heard.answered


def test_a_quick_call_has_no_filler() -> None:
    heard = run_in_virtual_time(hear(Slowness("nothing is slow"), Fillers()))
    assert (heard.answered, heard.fillers) == (True, [])
