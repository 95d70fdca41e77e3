"""The time in which a server may act for its calls: no other one can have claimed them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.cluster.claim_rules import GRACE_MS, STALE_HEARTBEAT_MS
from trunkline.cluster.lease import LEASE_MS, PATIENCE_MS, PEERS_LEASE_MS, Lease

pytestmark = pytest.mark.pure


def test_a_server_without_a_heartbeat_has_no_calls_that_others_know() -> None:
    assert Lease().holds(1e12)


def test_a_lease_begins_before_the_heartbeat_was_written() -> None:
    lease = Lease()
    lease.on_heartbeat(begun_ms=1_000.0)
    assert lease.holds(1_000.0 + LEASE_MS - 1)
    assert not lease.holds(1_000.0 + LEASE_MS)


@given(begun_ms=st.floats(0, 1e6), writes_ms=st.floats(0, 1e4), later_ms=st.floats(0, 1e5), slow=st.floats(0.9, 1.1))
def test_a_server_never_acts_once_others_may_claim(
    begun_ms: float, writes_ms: float, later_ms: float, slow: float
) -> None:
    """Also if its clock is a tenth slower or faster than the database's."""
    lease = Lease()
    lease.on_heartbeat(begun_ms)
    age_ms = later_ms
    own_time_ms = begun_ms + (writes_ms + age_ms) * slow
    if age_ms > STALE_HEARTBEAT_MS:
        assert not lease.holds(own_time_ms)


def test_a_lease_that_has_run_out_is_renewed_by_the_next_heartbeat() -> None:
    lease = Lease()
    lease.on_heartbeat(0.0)
    lease.on_heartbeat(60_000.0)
    assert lease.holds(60_000.0 + LEASE_MS - 1)


def test_a_heartbeat_that_was_confirmed_too_late_renews_nothing() -> None:
    lease = Lease()
    lease.on_heartbeat(0.0)
    assert not lease.holds(60_000.0)


def test_a_server_continues_while_no_other_reaches_the_database() -> None:
    lease = Lease()
    lease.on_heartbeat(0.0)
    for asked_ms in range(2_000, 20_000, 2_000):
        lease.on_peers(float(asked_ms), one_reaches_database=False)
        assert lease.holds(asked_ms + PEERS_LEASE_MS - 1)
        assert lease.is_by_peers
        assert not lease.is_cut_off(float(asked_ms))
    assert PEERS_LEASE_MS < GRACE_MS


def test_a_server_stops_when_another_one_reaches_the_database_and_it_does_not() -> None:
    lease = Lease()
    lease.on_heartbeat(0.0)
    lease.on_peers(2_000.0, one_reaches_database=True)
    assert not lease.is_by_peers
    assert not lease.holds(LEASE_MS)
    assert not lease.is_cut_off(LEASE_MS + PATIENCE_MS - 1)  # the database may just be slow
    assert lease.is_cut_off(LEASE_MS + PATIENCE_MS)


def test_a_server_that_reaches_the_database_again_is_not_cut_off() -> None:
    lease = Lease()
    lease.on_heartbeat(0.0)
    lease.on_peers(2_000.0, one_reaches_database=True)
    lease.on_heartbeat(2_300.0)
    assert lease.holds(2_300.0)
    assert not lease.is_cut_off(2_300.0 + LEASE_MS + PATIENCE_MS)


def test_the_answer_of_the_others_never_shortens_a_lease() -> None:
    lease = Lease()
    lease.on_peers(0.0, one_reaches_database=False)
    lease.on_heartbeat(4_000.0)
    lease.on_peers(1_000.0, one_reaches_database=False)
    assert lease.holds(4_000.0 + LEASE_MS - 1)
