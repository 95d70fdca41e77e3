"""The audit trail: repeated reads are one entry, and old entries are removed."""

from __future__ import annotations

from tests.store.stored import stored_in
from trunkline.store.audit import AUDIT_DAYS, AuditTrail

DAY_MS = 86_400_000


async def test_the_same_read_within_a_minute_is_one_entry_and_other_actions_are_not(url: str) -> None:
    now_ms = 400 * DAY_MS
    async with stored_in(url) as (database, _calls):
        trail = AuditTrail(database, lambda: now_ms)
        for _ in range(2):
            await trail.add("audio", "this machine", "call_1")
            await trail.add("delete", "this machine", "call_1")
        now_ms += 60_000
        await trail.add("audio", "this machine", "call_1")
        await trail.add("audio", "operator 10.0.0.5", "call_1")
        actions = [entry.action for entry in await trail.latest(100)]
    assert actions == ["audio", "audio", "delete", "delete", "audio"]


async def test_entries_are_removed_after_a_year(url: str) -> None:
    now_ms = 400 * DAY_MS
    async with stored_in(url) as (database, _calls):
        trail = AuditTrail(database, lambda: now_ms)
        await trail.add("export", "this machine", "call_1")
        now_ms += (AUDIT_DAYS + 1) * DAY_MS
        await trail.add("export", "this machine", "call_2")
        assert [entry.call_id for entry in await trail.latest(100)] == ["call_2"]


async def test_the_trail_of_one_call(url: str) -> None:
    async with stored_in(url) as (database, _calls):
        trail = AuditTrail(database)
        for call_id in ("call_1", "call_2"):
            await trail.add("read", "this machine", call_id)
        assert [entry.call_id for entry in await trail.latest(100, call_id="call_2")] == ["call_2"]
