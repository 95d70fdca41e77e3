"""Calls whose server may have lost them: they do nothing, and send nothing."""

from __future__ import annotations

import asyncio

import pytest

from tests.calls.model_fake import FakeConnection, FakeModel
from trunkline.calls.model_link.outgoing_frames import OutgoingFrames
from trunkline.calls.send_gate import SendGate
from trunkline.machine_runner import MachineRunner
from trunkline.realtime.client_events import ResponseCancel


class Owner:
    """A server that a test lets own its calls, or not."""

    def __init__(self) -> None:
        self.owns = True
        self.gate = SendGate()
        self.gate.guard(lambda: self.owns)


def test_a_gate_that_nobody_guards_is_open() -> None:
    assert SendGate().is_open()


def test_a_gate_is_open_while_its_server_owns_the_call() -> None:
    owner = Owner()
    assert owner.gate.is_open()
    owner.owns = False
    assert not owner.gate.is_open()


async def test_all_that_waits_continues_when_the_gate_opens() -> None:
    owner = Owner()
    owner.owns = False
    waiting = [asyncio.ensure_future(owner.gate.wait()) for _ in range(2)]
    await asyncio.sleep(0)
    owner.gate.reopened()  # but it has not
    await asyncio.sleep(0)
    assert not any(one.done() for one in waiting)
    owner.owns = True
    owner.gate.reopened()
    assert await asyncio.gather(*waiting) == [True, True]


async def test_a_gate_that_is_shut_never_opens() -> None:
    owner = Owner()
    owner.owns = False
    waiting = asyncio.ensure_future(owner.gate.wait())
    await asyncio.sleep(0)
    owner.gate.shut()
    owner.owns = True
    assert not await waiting
    assert not owner.gate.is_open()


@pytest.mark.parametrize("lost", [True, False])
async def test_frames_to_the_model_wait_for_the_gate(lost: bool) -> None:
    owner, connection = Owner(), FakeConnection(FakeModel())
    outgoing = OutgoingFrames(owner.gate)
    outgoing.attach(connection)
    owner.owns = False
    outgoing.put_event(ResponseCancel(type="response.cancel", event_id="event_1"))
    writing = asyncio.ensure_future(outgoing.write(connection))
    await asyncio.sleep(0)
    assert connection.received == []
    if lost:
        owner.gate.shut()
    owner.owns = True
    owner.gate.reopened()
    await asyncio.sleep(0.01)
    assert [event["type"] for event in connection.received] == ([] if lost else ["response.cancel"])
    writing.cancel()


async def test_inputs_of_the_machine_wait_for_the_gate_in_their_order() -> None:
    owner, steps = Owner(), list[str]()

    def step(given: str, _now_ms: float) -> list[str]:
        steps.append(given)
        return []

    runner: MachineRunner[str, str, str] = MachineRunner(
        step=step,
        perform=lambda _effect: None,
        timer_fired=str,
        now_ms=lambda: 0.0,
        on_failure=lambda _error: None,
        may_step=owner.gate.is_open,
    )
    runner.post("one")
    owner.owns = False
    runner.post("two")
    runner.post("three")
    assert steps == ["one"]
    owner.owns = True
    runner.resume()
    assert steps == ["one", "two", "three"]
