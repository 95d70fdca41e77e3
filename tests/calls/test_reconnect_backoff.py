"""Back-off of a link: pauses between tries, and the end of trying."""

from __future__ import annotations

import pytest

from trunkline.calls.model_link.link_state import Route
from trunkline.calls.model_link.reconnect_backoff import FIRST_RETRY_S, GIVE_UP_AFTER_S, MAX_RETRY_S, ReconnectBackoff
from trunkline.providers import Connection


async def connect() -> Connection:
    raise NotImplementedError


def backoff_after(tries: int) -> ReconnectBackoff:
    """Return the back-off after some failed tries on one route at the time 0."""
    backoff, route = ReconnectBackoff(0.0), Route(connect)
    for _ in range(tries):
        backoff.on_try(route, 0.0)
        backoff.on_lost(0.0)
    return backoff


@pytest.mark.parametrize(
    ("tries", "longest_s"), [(1, FIRST_RETRY_S), (2, 2 * FIRST_RETRY_S), (4, 8 * FIRST_RETRY_S), (30, MAX_RETRY_S)]
)
def test_the_pause_doubles_with_each_try_up_to_a_limit(tries: int, longest_s: float) -> None:
    backoff = backoff_after(tries)
    assert all(longest_s / 2 <= backoff.pause_s(0.0) <= longest_s for _ in range(100))


def test_the_pause_is_at_least_the_one_that_the_service_asks_for() -> None:
    backoff = backoff_after(1)
    assert all(20.0 <= backoff.pause_s(20.0) <= 30.0 for _ in range(100))


def test_the_link_gives_up_after_a_minute_of_failures() -> None:
    backoff = backoff_after(5)
    assert not backoff.is_exhausted(GIVE_UP_AFTER_S)
    assert backoff.is_exhausted(GIVE_UP_AFTER_S + 0.1)


def test_another_route_begins_again() -> None:
    backoff = backoff_after(5)
    backoff.on_try(Route(connect), GIVE_UP_AFTER_S + 0.1)
    assert backoff.attempts == 1
    assert not backoff.is_exhausted(GIVE_UP_AFTER_S + 0.1)


def test_a_connection_that_lasted_begins_again() -> None:
    backoff, route = ReconnectBackoff(0.0), Route(connect)
    for _ in range(3):
        backoff.on_try(route, 0.0)
    backoff.on_opened(0.0)
    backoff.on_lost(MAX_RETRY_S + 0.1)
    assert backoff.attempts == 0
    assert not backoff.is_exhausted(GIVE_UP_AFTER_S + 0.1)


def test_a_connection_that_breaks_at_once_counts_as_a_failed_try() -> None:
    backoff, route = ReconnectBackoff(0.0), Route(connect)
    backoff.on_try(route, 0.0)
    backoff.on_opened(0.0)
    backoff.on_lost(1.0)
    backoff.on_try(route, 1.0)
    assert backoff.attempts == 2


def test_the_time_without_a_link_ends_when_it_opens() -> None:
    backoff, route = ReconnectBackoff(0.0), Route(connect)
    backoff.on_try(route, 0.0)
    assert backoff.on_opened(2.0) == 2.0
    backoff.on_lost(100.0)
    backoff.on_try(route, 101.0)
    backoff.on_lost(101.5)
    backoff.on_try(route, 102.0)
    assert backoff.on_opened(103.0) == 3.0
