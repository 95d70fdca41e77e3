"""The caller's side of whole calls: roles of pages, take-over, audio, commands."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import msgspec
import pytest

from tests.calls.call_harness import calling, queued_frames, text_frames
from tests.calls.model_fake import MS, FakeModel
from trunkline.calls import log, log_events, pages
from trunkline.calls.grants import Credentials, Grant, NotGrantedError
from trunkline.calls.model_link.caller_audio_buffer import MAX_HELD_BYTES
from trunkline.calls.pages import MAX_QUEUED_BYTES, CloseCode
from trunkline.send_queue import LEADING_SLICE, CloseFrame
from trunkline.testing.virtual_time import in_virtual_time


@in_virtual_time
async def test_audio_flows_both_ways() -> None:
    async with calling(FakeModel(audio_ms=300)) as caller:
        await caller.greeted()
        assert sum(len(frame) for frame in queued_frames(caller.page) if isinstance(frame, bytes)) == 300 * MS
        caller.call.receive_audio(caller.page, b"\1\2" * 480)
        await asyncio.sleep(0.1)
    assert caller.model.now.audio == b"\1\2" * 480


@in_virtual_time
async def test_an_interruption_drops_the_audio_that_waits_for_the_page() -> None:
    async with calling(FakeModel(audio_ms=3000)) as caller:
        caller.joins()
        await caller.heard(1)
        caller.command(type="interrupt")
        assert not [frame for frame in queued_frames(caller.page) if isinstance(frame, bytes)]


@in_virtual_time
async def test_audio_before_the_session_is_up_follows_its_configuration() -> None:
    async with calling(FakeModel(connect_takes_s=3)) as caller:
        caller.joins()
        caller.call.receive_audio(caller.page, b"\1\2" * 480)
        caller.call.receive_audio(caller.page, b"\3\4" * 480)
        await caller.heard(1)
    assert caller.model.now.audio == b"\1\2" * 480 + b"\3\4" * 480
    assert caller.model.now.types(without_audio=False)[0] == "session.update"


@in_virtual_time
async def test_the_latest_twenty_seconds_of_audio_wait_for_a_session() -> None:
    async with calling(FakeModel(connect_takes_s=25)) as caller:
        caller.joins()
        for second in range(25):
            caller.call.receive_audio(caller.page, bytes([second, 0]) * 24_000)
        await caller.heard(1)
    assert len(caller.model.now.audio) == MAX_HELD_BYTES
    assert caller.model.now.audio[0] == 5


@in_virtual_time
async def test_waiting_audio_is_dropped_when_its_caller_leaves() -> None:
    async with calling(FakeModel(connect_takes_s=3)) as caller:
        caller.joins()
        caller.call.receive_audio(caller.page, b"\1\2" * 480)
        caller.leaves()
        caller.joins()
        await caller.heard(1)
    assert caller.model.now.audio == b""


@pytest.mark.parametrize("pcm", [b"\1", b"", b"\1\2\3"])
def test_audio_that_is_not_pcm16_is_refused(pcm: bytes) -> None:
    @in_virtual_time
    async def run() -> None:
        async with calling() as caller:
            await caller.greeted()
            caller.call.receive_audio(caller.page, pcm)
            assert text_frames(caller.page)[-1]["code"] == "bad_audio"
            assert caller.model.now.audio == b""

    run()


@in_virtual_time
async def test_a_second_page_is_a_viewer_that_cannot_speak() -> None:
    async with calling() as caller:
        await caller.greeted()
        viewer = caller.page.__class__()
        joined = caller.call.join(Credentials(), "websocket")
        assert (joined.role, joined.leg_id, joined.grants) == ("viewer", None, Grant.READ)
        caller.call.attach(viewer, joined.leg_id, 0)
        before = caller.call.log.last_seq
        caller.command(viewer, type="say", text="me too")
        caller.call.receive_audio(viewer, bytes(960))
        refusal = text_frames(viewer)[-1]
        assert (refusal["seq"], refusal["code"]) == (0, "not_the_caller")
        assert caller.call.log.last_seq == before
        assert caller.model.now.audio == b""


@in_virtual_time
async def test_a_viewer_gets_the_log_and_no_audio() -> None:
    async with calling() as caller:
        await caller.greeted()
        viewer = caller.page.__class__()
        caller.call.attach(viewer, "leg_of_somebody_else", 0)
        caller.types("good morning")
        await caller.heard(2)
        frames = queued_frames(viewer)
    assert not [frame for frame in frames if isinstance(frame, bytes)]
    assert any('"You said: good morning."' in frame for frame in frames if isinstance(frame, str))


@in_virtual_time
async def test_a_take_over_closes_the_former_callers_page() -> None:
    async with calling() as caller:
        await caller.greeted()
        former = caller.page
        starter = Credentials(caller_key=caller.call.caller_key)
        grant = caller.call.join(starter, "websocket", take_over=True)
        assert grant.role == "caller"
        assert queued_frames(former)[-1] == CloseFrame(CloseCode.TAKEN_OVER, "taken over by another page")
        caller.joins(leg_id=grant.leg_id)
        caller.types("it is me now")
        assert await caller.heard(2) == "You said: it is me now."
        caller.call.detach(former, "closed")
        assert caller.call.leg.page is caller.page


@in_virtual_time
async def test_a_page_without_a_secret_cannot_take_over() -> None:
    async with calling() as caller:
        await caller.greeted()
        for shown in (Credentials(), Credentials("leg_1"), Credentials(caller_key="key_1")):
            with pytest.raises(NotGrantedError):
                caller.call.join(shown, "websocket", take_over=True)
        assert caller.call.leg.page is caller.page


@in_virtual_time
async def test_a_page_that_reconnects_with_its_leg_replaces_its_former_socket() -> None:
    async with calling() as caller:
        await caller.greeted()
        leg_id = caller.call.leg.leg_id
        former = caller.page
        assert caller.call.join(Credentials(leg_id), "websocket").leg_id == leg_id
        caller.joins(leg_id=leg_id)
        assert isinstance(queued_frames(former)[-1], CloseFrame)
        caller.call.detach(former, "closed")
        caller.types("back again")
        assert await caller.heard(2) == "You said: back again."


@in_virtual_time
async def test_the_client_that_started_a_call_may_join_it_when_no_caller_is_connected() -> None:
    async with calling() as caller:
        await caller.greeted()
        caller.leaves()
        assert caller.call.join(Credentials(), "websocket").role == "viewer"
        grant = caller.call.join(Credentials(caller_key=caller.call.caller_key), "websocket")
        assert grant.role == "caller"
        assert '"role":"caller"' in str(queued_frames(caller.joins(leg_id=grant.leg_id))[0])


@in_virtual_time
async def test_an_answer_cut_off_by_leaving_is_given_again_once_after_coming_back() -> None:
    async with calling(FakeModel(audio_ms=3000, pace_s=0.1)) as caller:
        caller.joins()
        await asyncio.sleep(1)
        caller.leaves()
        await asyncio.sleep(5)
        caller.joins()
        await caller.heard(2)
        await asyncio.sleep(20)
    done = [event for event in caller.logged(log_events.MessageDone) if event.role == "assistant"]
    assert [event.status for event in done] == ["interrupted", "completed"]


@in_virtual_time
async def test_the_call_ends_if_no_caller_comes() -> None:
    async with calling(caller_wait_s=7) as caller:
        await caller.until(lambda: caller.call.is_over)
        assert caller.call.log.since(0)[-1].at_ms == 7000
    assert caller.logged(log_events.CallEnded)[0].reason == "no caller came"


@in_virtual_time
async def test_an_ended_call_can_be_read() -> None:
    async with calling() as caller:
        await caller.greeted()
        caller.command(type="hang_up")
        await caller.until(lambda: caller.call.is_over)
        page = caller.joins()
        frames = queued_frames(page)
    assert '"kind":"call.ended"' in str(frames[-2])
    assert frames[-1] == CloseFrame(CloseCode.CALL_OVER, "the call is over")
    assert '"role":"viewer"' in str(frames[0])


@in_virtual_time
async def test_a_page_that_does_not_read_is_closed_and_the_call_continues() -> None:
    async with calling() as caller:
        await caller.greeted()
        slow = caller.page.__class__()
        caller.call.attach(slow, None, caller.call.log.last_seq)
        for _ in range(MAX_QUEUED_BYTES // 1_000_000 + 1):
            caller.model.now.emit("something.long", text="x" * 1_000_000)
        await asyncio.sleep(1)
        (closing,) = queued_frames(slow)
        assert isinstance(closing, CloseFrame)
        assert closing.code == CloseCode.TOO_SLOW


@in_virtual_time
async def test_a_log_longer_than_the_queue_limit_can_still_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MAX_QUEUED_BYTES", 1 << 20)
    async with calling() as caller:
        await caller.greeted()
        for _ in range(11):
            caller.model.now.emit("something.long", text="x" * 100_000)
        await asyncio.sleep(1)
        late = caller.page.__class__()
        caller.call.attach(late, None, 0)
        assert [frame["seq"] for frame in text_frames(late)] == list(range(caller.call.log.last_seq + 1))


@in_virtual_time
async def test_an_error_about_a_malformed_command_goes_to_its_page_alone() -> None:
    async with calling() as caller:
        await caller.greeted()
        before = caller.call.log.last_seq
        for frame in ("{", "[]", '{"type":"fly"}', '{"type":"say"}', '{"type":"say","text":" "}', '{"type":"played"}'):
            caller.call.command(caller.page, frame)
        refusals = [frame for frame in text_frames(caller.page) if frame["seq"] == 0 and frame["kind"] == "error"]
        assert len(refusals) == 6
        assert all(refusal["code"] == "bad_command" for refusal in refusals)
        assert "Allowed" in refusals[0]["message"]
        assert caller.call.log.last_seq == before


@in_virtual_time
async def test_a_subscriber_of_the_log_may_send_a_command_at_once() -> None:
    async with calling() as caller:
        caller.joins()

        def answer(entry: log.Entry) -> None:
            if isinstance(entry.event, log_events.MessageDone) and entry.event.text == "You said: hi.":
                caller.types("hello yourself")

        caller.call.log.subscribe(answer)
        assert await caller.heard(2) == "You said: hello yourself."
        entries = caller.call.log.since(0)
        assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))


@in_virtual_time
async def test_the_log_holds_no_secret_of_a_leg() -> None:
    async with calling(FakeModel()) as caller:
        await caller.greeted()
        secrets = [caller.call.leg.leg_id, caller.call.caller_key]
        caller.call.join(Credentials(caller_key=caller.call.caller_key), "websocket", take_over=True)
        secrets.append(caller.call.leg.leg_id)
        frames = "".join(entry.frame() for entry in caller.call.log.since(0))
    assert not [secret for secret in secrets if secret in frames]
    assert '"leg_id":"leg_1"' in frames


@in_virtual_time
async def test_a_long_log_is_sent_in_slices() -> None:
    async with calling() as caller:
        await caller.greeted()
        for _ in range(10 * LEADING_SLICE):
            caller.call.log.append(log_events.Notice(message="x", code="filler"))
        late = caller.page.__class__()
        caller.call.attach(late, None, 0)
        others = 0

        async def count() -> None:
            nonlocal others
            while True:
                others += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        caller.call.log.append(log_events.Notice(message="the end", code="filler"))
        seqs = []
        async with aclosing(late.frames()) as frames:
            async for frame in frames:
                assert isinstance(frame, str)
                seqs.append(msgspec.json.decode(frame)["seq"])
                if "the end" in frame:
                    break
        counting.cancel()
        assert others >= 10
        assert seqs == list(range(caller.call.log.last_seq + 1))
