"""The walks of docs/architecture.md: the files that a message, audio or an event passes in a real call.

A file is on a walk if one of its functions receives the content. The sockets at both ends are listed as well, but a
call in memory has none.
"""

from __future__ import annotations

import asyncio
import base64
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import CodeType, FrameType

import pytest

import trunkline
from tests.calls.call_harness import Caller, calling
from tests.calls.model_fake import FakeConnection, FakeModel
from trunkline.realtime import events
from trunkline.testing.virtual_time import in_virtual_time

PACKAGE = Path(trunkline.__file__).parent
PAGE = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text("utf-8")
SOCKETS = {"web/call_routes.py", "providers/realtime_socket.py"}
LOG_READERS = {
    "calls/metered_log.py",
    "calls/log.py",
    "calls/open_pages.py",
    "calls/audience.py",
    "calls/agents/hooks.py",
    "calls/metrics/meters.py",
    "calls/metrics/latency.py",
    "send_queue.py",
}
"""The files of the walk of a log event, which most inputs cause as well."""
CONTENT = b"marmalade"
AUDIO = CONTENT * 2
MARKS = (CONTENT.decode(), base64.b64encode(CONTENT).decode())


class Immediate(FakeConnection):
    """A connection that takes each frame at once, as soon as `immediate` is set."""

    immediate = False

    def try_send(self, frame: str) -> bool:
        return self.immediate


class ImmediateModel(FakeModel):
    async def connect(self, model: str, rtc_call_id: str | None = None) -> FakeConnection:
        self.connections.append(Immediate(self))
        return self.connections[-1]


@asynccontextmanager
async def greeted(*, immediate: bool = True) -> AsyncIterator[Caller]:
    """Yield a caller after the greeting."""
    async with calling(ImmediateModel()) as caller:
        await caller.greeted()
        assert isinstance(caller.model.now, Immediate)
        caller.model.now.immediate = immediate
        yield caller


@contextmanager
def traced(*, content_only: bool = True) -> Iterator[set[str]]:
    """Yield the files whose functions are called, or those that receive the content."""
    files: set[str] = set()

    def on_event(frame: FrameType, event: str, _argument: object) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(PACKAGE) and (not content_only or _receives_content(frame)):
            files.add(path.relative_to(PACKAGE).as_posix())

    sys.setprofile(on_event)
    try:
        yield files
    finally:
        sys.setprofile(None)
    files -= {"testing/virtual_time.py"}


def _receives_content(frame: FrameType) -> bool:
    code: CodeType = frame.f_code
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    given = (repr(frame.f_locals.get(name)) for name in names if name not in ("self", "cls"))
    return any(mark in text for text in given for mark in MARKS)


def walk(title: str) -> list[str]:
    """Return the files of a walk on the page, in order."""
    row = re.search(rf"^\| {re.escape(title)} \| (.*) \|$", PAGE, re.MULTILINE)
    assert row is not None, f"docs/architecture.md has no walk {title!r}"
    return re.findall(r"`([\w/]+\.py)`", row[1])


def speaks(caller: Caller) -> None:
    """Let the model begin a message, without audio yet."""
    model = caller.model.now
    model.emit("response.created", response={"id": "resp_1"})
    item = {"id": "item_1", "type": "message", "role": "assistant"}
    model.emit("response.output_item.added", response_id="resp_1", item=item)


@in_virtual_time
async def test_a_typed_message_passes_the_listed_files() -> None:
    async with greeted() as caller:
        frame = events.encode({"type": "say", "text": MARKS[0]}).decode()
        with traced() as files:
            caller.call.command(caller.page, frame)
    assert (files - LOG_READERS) | SOCKETS == set(walk("typed message"))
    assert len(walk("typed message")) <= 10


@in_virtual_time
async def test_audio_up_passes_the_listed_files() -> None:
    async with greeted() as caller:
        with traced() as files:
            caller.call.receive_audio(caller.page, AUDIO)
    assert files | SOCKETS == set(walk("audio up"))


@in_virtual_time
async def test_audio_down_passes_the_listed_files() -> None:
    async with greeted(immediate=False) as caller:
        speaks(caller)
        caller.model.now.emit("response.output_audio.delta", item_id="item_1", delta=MARKS[1] * 2)
        await asyncio.sleep(0.1)  # the first audio of a message also changes what the call waits for
        with traced() as files:
            caller.model.now.emit("response.output_audio.delta", item_id="item_1", delta=MARKS[1] * 2)
            await asyncio.sleep(0.1)
    assert (files - {"realtime/events.py"}) | SOCKETS == set(walk("audio down"))  # the fake model encodes its event
    assert len(walk("audio down")) <= 12


@in_virtual_time
async def test_a_log_event_passes_the_listed_files() -> None:
    async with greeted(immediate=False) as caller:
        with traced() as files:
            caller.call.announce(MARKS[0], "test")
    assert files | {"web/call_routes.py"} == set(walk("log event to page"))


@in_virtual_time
async def test_a_handoff_passes_the_listed_files() -> None:
    async with greeted(immediate=False) as caller:
        call = {"id": "item_1", "type": "function_call", "call_id": "call_1", "name": "transfer_to_poet"}
        caller.model.now.emit("response.created", response={"id": "resp_1"})
        with traced(content_only=False) as files:
            item = {**call, "arguments": "{}", "status": "completed"}
            caller.model.now.emit("response.output_item.done", response_id="resp_1", item=item)
            await asyncio.sleep(0.1)
        assert caller.call._machine.agent == "poet"
    assert set(walk("handoff")) - SOCKETS <= files


@in_virtual_time
async def test_a_link_loss_passes_the_listed_files() -> None:
    async with greeted(immediate=False) as caller:
        with traced(content_only=False) as files:
            caller.model.now.breaks()
            await asyncio.sleep(2)
        assert len(caller.model.connections) == 2
    assert set(walk("link loss")) - SOCKETS <= files


@pytest.mark.parametrize(
    "title", ["typed message", "audio up", "audio down", "handoff", "log event to page", "link loss"]
)
def test_the_files_of_a_walk_exist(title: str) -> None:
    assert walk(title)
    assert [path for path in walk(title) if not (PACKAGE / path).is_file()] == []
