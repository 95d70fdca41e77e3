"""Pauses before a process that died is started again."""

from __future__ import annotations

import pytest

from trunkline.cluster.restart_backoff import FIRST_PAUSE_S, MAX_PAUSE_S, STABLE_S, RestartBackoff

pytestmark = pytest.mark.pure


def test_a_process_that_dies_again_and_again_waits_longer_each_time() -> None:
    backoff = RestartBackoff()
    assert [backoff.pause_s(0.0) for _ in range(3)] == [FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S]


def test_the_pause_has_a_limit() -> None:
    backoff = RestartBackoff()
    assert [backoff.pause_s(0.0) for _ in range(20)][-1] == MAX_PAUSE_S


def test_a_process_that_ran_for_long_is_started_at_once() -> None:
    backoff = RestartBackoff()
    for _ in range(20):
        backoff.pause_s(0.0)
    assert backoff.pause_s(STABLE_S) == FIRST_PAUSE_S
