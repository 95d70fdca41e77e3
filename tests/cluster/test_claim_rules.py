"""Rules by which a server claims the call of another one."""

from __future__ import annotations

import pytest

from trunkline.cluster.claim_rules import GRACE_MS, STALE_HEARTBEAT_MS, Claim, ClaimRules, OwnerSight

pytestmark = pytest.mark.pure

LIVES = OwnerSight(holds_lock=True, heartbeat_age_ms=100.0)
DIED = OwnerSight(holds_lock=False, heartbeat_age_ms=100.0)
RELEASED = OwnerSight(holds_lock=True, heartbeat_age_ms=100.0, has_released=True)
STOPPED = OwnerSight(holds_lock=True, heartbeat_age_ms=STALE_HEARTBEAT_MS + 1)
NEVER_SEEN = OwnerSight(holds_lock=False, heartbeat_age_ms=None)


def test_the_call_of_a_living_server_stays_with_it() -> None:
    assert ClaimRules().decide(LIVES, 0.0) is Claim.FORWARD


@pytest.mark.parametrize("owner", [DIED, STOPPED, NEVER_SEEN])
def test_the_call_of_a_server_that_is_gone_is_taken_over(owner: OwnerSight) -> None:
    assert ClaimRules().decide(owner, 0.0) is Claim.TAKE_OVER


def test_a_call_that_was_handed_over_is_taken_over_at_once() -> None:
    rules = ClaimRules()
    rules.on_database_failed()
    rules.on_database_answered(1_000.0)
    assert rules.decide(RELEASED, 1_000.0) is Claim.TAKE_OVER


def test_a_heartbeat_at_the_limit_is_a_sign_of_life() -> None:
    at_limit = OwnerSight(holds_lock=True, heartbeat_age_ms=STALE_HEARTBEAT_MS)
    assert ClaimRules().decide(at_limit, 0.0) is Claim.FORWARD


@pytest.mark.parametrize(
    ("later_ms", "claim"), [(0.0, Claim.WAIT), (GRACE_MS - 1, Claim.WAIT), (GRACE_MS, Claim.TAKE_OVER)]
)
def test_nobody_claims_for_some_time_after_the_database_has_returned(later_ms: float, claim: Claim) -> None:
    rules = ClaimRules()
    rules.on_database_failed()
    rules.on_database_answered(1_000.0)
    rules.on_database_answered(1_000.0 + later_ms)  # it only counts once
    assert rules.decide(STOPPED, 1_000.0 + later_ms) is claim


def test_nobody_claims_while_the_database_is_away() -> None:
    rules = ClaimRules()
    rules.on_database_failed()
    assert rules.decide(DIED, 0.0) is Claim.WAIT


def test_a_living_owner_gets_its_requests_also_then() -> None:
    rules = ClaimRules()
    rules.on_database_failed()
    assert rules.decide(LIVES, 0.0) is Claim.FORWARD
