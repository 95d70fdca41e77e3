"""The state of the model session: it takes the transitions of docs/architecture.md, and no other ones."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.calls.call_driver import CallDriver
from trunkline.calls.machine import inputs
from trunkline.calls.machine.session_state import SessionState, SessionStatus

pytestmark = pytest.mark.pure
PAGE = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text("utf-8")
STATES = {state.name for state in SessionState}
Transition = tuple[str, str]


def drawn() -> set[Transition]:
    """Return the transitions in the diagram."""
    return set(re.findall(r"^    ([A-Z_]+) --> ([A-Z_]+): ", PAGE, re.MULTILINE))


def gap(driver: CallDriver) -> None:
    driver.feed(inputs.LinkDropped("the sideband broke", None, 0, resumable=True))


def resumed(driver: CallDriver) -> None:
    driver.feed(inputs.LinkOpened(resumed=True))


def renewed(driver: CallDriver) -> None:
    driver.feed(inputs.LinkOpened(renewed=True))


def renewal_fails(driver: CallDriver) -> None:
    driver.feed(inputs.RenewalFailed("not now"))


def codec_changes(driver: CallDriver) -> None:
    driver.feed(inputs.CodecChosen("pcmu"))


def codec_changes_back(driver: CallDriver) -> None:
    driver.feed(inputs.CodecChosen("pcm16"))


def opens(driver: CallDriver) -> None:
    driver.link_up()


def loses(driver: CallDriver) -> None:
    driver.link_lost()


def configures(driver: CallDriver) -> None:
    driver.configured(len(driver.configuring) - 1)


def greets(driver: CallDriver) -> None:
    driver.caller_joins()
    driver.confirms_session()
    driver.answers("Hello.")
    driver.wait(2_000)


def answers(driver: CallDriver) -> None:
    driver.types("Hello?")
    driver.response_created()


STORIES: list[list[Callable[[CallDriver], None]]] = [
    [loses, opens, loses, opens, configures, loses],
    [opens, gap, resumed, configures, gap, loses],
    [gap, opens],
    [opens, configures, greets, codec_changes, renewal_fails, codec_changes_back, renewed],
    [opens, configures, greets, codec_changes, loses],
    [opens, configures, greets, answers, codec_changes, loses],
]


def taken(story: list[Callable[[CallDriver], None]], monkeypatch: pytest.MonkeyPatch) -> list[Transition]:
    """Return the transitions of a call."""
    transitions: list[Transition] = []
    change = SessionStatus.change

    def record(status: SessionStatus, state: SessionState) -> None:
        if hasattr(status, "state") and status.state is not state:
            transitions.append((status.state.name, state.name))
        change(status, state)

    with monkeypatch.context() as patch:
        patch.setattr(SessionStatus, "change", record)
        driver = CallDriver(configures=False)
        for happens in story:
            happens(driver)
    return transitions


def test_the_diagram_has_all_states() -> None:
    assert {state for transition in drawn() for state in transition} == STATES


def test_the_diagram_has_the_transitions_that_calls_take(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {transition for story in STORIES for transition in taken(story, monkeypatch)} == drawn()
