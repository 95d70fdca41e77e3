"""Whole calls with a link that fails: retries, the replay, malformed frames."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.calls.call_harness import calling
from tests.calls.model_fake import FakeModel
from trunkline.calls import log_events
from trunkline.calls.model_link.reconnect_backoff import GIVE_UP_AFTER_S
from trunkline.providers import ProviderError
from trunkline.testing.virtual_time import in_virtual_time


@in_virtual_time
async def test_a_lost_link_reconnects_and_the_conversation_continues() -> None:
    async with calling() as caller:
        await caller.greeted()
        caller.model.now.breaks("the network went away", 1006)
        caller.types("are you there?")
        assert await caller.heard(2) == "You said: are you there?."
        (lost,) = caller.logged(log_events.LinkLost)
        assert (lost.reason, lost.code) == ("the network went away", 1006)
        assert len(caller.logged(log_events.LinkRestored)) == 1
        assert len(caller.model.connections) == 2


@in_virtual_time
async def test_audio_during_the_loss_follows_the_replay() -> None:
    async with calling() as caller:
        await caller.greeted()
        caller.model.now.breaks()
        await asyncio.sleep(0.01)
        caller.call.receive_audio(caller.page, b"\5\6" * 480)
        await caller.until(lambda: caller.logged(log_events.LinkRestored))
        await asyncio.sleep(0.1)
    kinds = caller.model.now.types(without_audio=False)
    assert kinds[0] == "session.update"
    assert kinds[-1] == "input_audio_buffer.append"
    assert kinds.count("conversation.item.create") == 2
    assert caller.model.now.audio == b"\5\6" * 480


@in_virtual_time
async def test_the_link_retries_with_growing_pauses() -> None:
    failures = [ProviderError("busy", code=429) for _ in range(6)]
    async with calling(FakeModel(failures=failures)) as caller:
        caller.joins()
        await caller.heard(1)
        pauses = [lost.retry_in_ms for lost in caller.logged(log_events.LinkLost)]
    assert caller.model.tries == 7
    assert pauses[0] <= 250
    assert pauses[-1] > 2000
    assert all(lost.code == 429 for lost in caller.logged(log_events.LinkLost))


@in_virtual_time
async def test_an_error_that_a_retry_cannot_fix_ends_the_call_at_once() -> None:
    error = ProviderError("azure answered 401", hint="Check the key.", retry=False, code=401)
    async with calling(FakeModel(failures=[error])) as caller:
        await caller.until(lambda: caller.call.is_over)
    assert caller.model.tries == 1
    (call_error,) = caller.logged(log_events.CallError)
    assert call_error.message == "The model cannot be reached: azure answered 401. Check the key."


@in_virtual_time
async def test_the_call_ends_after_a_minute_without_a_link() -> None:
    async with calling(FakeModel(failures=[ProviderError("no route")] * 1000)) as caller:
        caller.joins()
        await caller.until(lambda: caller.call.is_over)
        assert GIVE_UP_AFTER_S * 1000 < caller.call.log.since(0)[-1].at_ms < (GIVE_UP_AFTER_S + 10) * 1000


@in_virtual_time
async def test_the_call_ends_if_the_service_closes_every_session_at_once() -> None:
    class Closing(FakeModel):
        async def connect(self, model: str, call_id: str | None = None) -> Any:
            connection = await super().connect(model)
            asyncio.get_running_loop().call_later(0.5, connection.breaks, "insufficient_quota", 1008)
            return connection

    model = Closing()
    async with calling(model) as caller:
        caller.joins()
        await caller.until(lambda: caller.call.is_over)
    assert caller.logged(log_events.LinkLost)[-1].retry_in_ms is None
    assert len(model.connections) < 60


@in_virtual_time
async def test_malformed_frames_from_the_model_are_logged_and_ignored() -> None:
    async with calling() as caller:
        await caller.greeted()
        for frame in (b"{", b"[]", b"\xff\xfe", b"{}", b'{"type":5}', b"[" * 100_000, b""):
            caller.model.now.emit_raw(frame)
        caller.types("still there?")
        await caller.heard(2)
        errors = caller.logged(log_events.CallError)
    assert len(errors) == 7
    assert {error.code for error in errors} == {"malformed_event"}


@in_virtual_time
async def test_a_call_can_end_while_it_connects() -> None:
    async with calling(FakeModel(connect_takes_s=1000)) as caller:
        caller.joins()
        await asyncio.sleep(1)
        caller.call.hang_up()
        await caller.until(lambda: caller.call.ended_at is not None)
    assert caller.logged(log_events.CallEnded)[0].reason == "hung up"


@in_virtual_time
async def test_the_connection_is_closed_when_the_call_ends() -> None:
    async with calling() as caller:
        await caller.greeted()
        caller.call.hang_up()
        await caller.until(lambda: caller.model.now.closed)
