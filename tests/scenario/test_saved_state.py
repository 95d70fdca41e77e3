"""A call's state as JSON text: each kind comes back as its type, and others are named when the scenario is made."""

from __future__ import annotations

import datetime
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import pytest
from agents.realtime import RealtimeAgent
from pydantic import BaseModel, ConfigDict

from trunkline import Scenario, ScenarioWarning
from trunkline.scenario.saved_state import StateNotSavedError, load_state, save_state

pytestmark = pytest.mark.pure


class Address(BaseModel):
    """A state of pydantic."""

    model_config = ConfigDict(strict=True)

    street: str = ""
    since: datetime.date = datetime.date(2026, 1, 31)


class Order(msgspec.Struct):
    """A state of msgspec."""

    number: int = 0
    lines: tuple[str, ...] = ()


@dataclass
class Basket:
    """A state of a dataclass."""

    items: list[str] = field(default_factory=list)
    order: Order = field(default_factory=Order)
    address: Address | None = None
    seen: set[int] = field(default_factory=set)


class Session:
    """A state that cannot be saved."""


@dataclass
class Visit:
    """A state with a part that cannot be saved."""

    basket: Basket
    sessions: list[Session]


@pytest.mark.parametrize(
    "state",
    [
        Basket(["skis"], Order(7, ("a", "b")), Address(street="Main"), {1, 2}),
        Address(street="Main", since=datetime.date(2025, 2, 3)),
        Order(3, ("a",)),
        {"items": ["skis"], "count": 2},
        ["skis"],
        "skis",
    ],
    ids=lambda state: type(state).__name__,
)
def test_a_state_comes_back_as_its_type(state: object) -> None:
    loaded = load_state(save_state(state), type(state)())
    assert loaded == state
    assert type(loaded) is type(state)


def test_a_state_that_json_cannot_hold_is_not_saved() -> None:
    with pytest.raises(StateNotSavedError, match="a value of the type Session"):
        save_state({"session": Session()})


def test_a_saved_state_of_another_version_of_the_scenario_is_not_loaded() -> None:
    with pytest.raises(StateNotSavedError, match="does not fit"):
        load_state('{"number": "seven"}', Order())


def visit() -> Visit:
    """Make a state with an annotation."""
    return Visit(Basket(), [])


async def visit_later() -> Visit:
    """Make a state in an async function."""
    return visit()


@pytest.mark.parametrize(
    ("factory", "problem"),
    [
        (Session, "The state Session cannot be saved: Session is another kind of class."),
        (visit, "The state Visit cannot be saved: Visit.sessions is of the type Session."),
        (visit_later, "The state Visit cannot be saved: Visit.sessions is of the type Session."),
    ],
)
def test_a_state_that_cannot_be_saved_is_a_warning_when_the_scenario_is_made(
    factory: Callable[..., object], problem: str
) -> None:
    with pytest.warns(ScenarioWarning, match=re.escape(problem)) as caught:
        made = Scenario("shop", agents=[RealtimeAgent(name="clerk")], state=factory)
    assert (caught[0].filename, caught[0].lineno) == (made.location.file, made.location.line)
    assert made.location.file == __file__


def anything() -> dict[str, object]:
    return {}


@pytest.mark.parametrize("factory", [Basket, Address, Order, dict, anything, lambda: Session(), None])
def test_a_state_that_can_be_saved_or_is_unknown_gives_no_warning(factory: Callable[..., object] | None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Scenario("shop", agents=[RealtimeAgent(name="clerk")], state=factory)
