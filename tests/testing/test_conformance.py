"""Conformance checks: the engine passes them, and a server that breaks a rule fails the check of that rule."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import websockets

from tests.engine.engine_fakes import FakeBrain, FakeStt, FakeTts, echo
from trunkline.engine.brains import BrainOutput, BrainRequest, ToolCallDelta
from trunkline.engine.http.app import Engine
from trunkline.engine.server import EngineServer
from trunkline.engine.speech.vad import EnergyVoiceActivity
from trunkline.providers import ProviderError
from trunkline.realtime.events import Event, decode, encode
from trunkline.testing import check_realtime_server
from trunkline.testing.conformance import CHECKS, INVARIANTS

KEY = "secret"


def answer(request: BrainRequest) -> list[BrainOutput]:
    """Repeat the caller's words, or call the function that the request names."""
    if isinstance(request.tool_choice, dict):
        return [ToolCallDelta("call_1", str(request.tool_choice["name"]), '{"harbour": "Hamburg"}')]
    return echo(request)


@asynccontextmanager
async def engine() -> AsyncIterator[str]:
    """Run the engine on loopback, with a brain that calls functions; yield its base URL."""
    parts = Engine(
        lambda _model, _settings: FakeBrain(answer, delay=0.01),
        FakeStt(),
        FakeTts(delay=0.01),
        EnergyVoiceActivity,
        key=KEY,
    )
    async with EngineServer(parts) as server:
        yield server.url


Change = Callable[[Event], list[Event]]


@asynccontextmanager
async def broken(from_server: Change, from_client: Change = lambda event: [event]) -> AsyncIterator[str]:
    """Run a proxy before the engine that changes the events on their way; yield its base URL."""
    async with engine() as url:
        upstream = url.replace("http", "ws") + "/realtime?model=m"

        async def relay(client: websockets.ServerConnection) -> None:
            async with websockets.connect(upstream, additional_headers={"api-key": KEY}, proxy=None) as server:

                async def up() -> None:
                    async for frame in client:
                        try:
                            event = decode(frame)
                        except ValueError:
                            await server.send(frame)
                            continue
                        for changed in from_client(event):
                            await server.send(encode(changed).decode())
                    await server.close()

                async def down() -> None:
                    async for frame in server:
                        for changed in from_server(decode(frame)):
                            await client.send(encode(changed).decode())
                    await client.close()

                await asyncio.gather(up(), down(), return_exceptions=True)

        async with websockets.serve(relay, "127.0.0.1", 0, max_size=None) as proxy:
            port = next(iter(proxy.sockets)).getsockname()[1]
            yield f"ws://127.0.0.1:{port}/v1"


def changing(type_: str, change: Callable[[Event], Any]) -> Change:
    """Return a change that modifies the events of one type in place."""

    def apply(event: Event) -> list[Event]:
        if event["type"] == type_:
            change(event)
        return [event]

    return apply


def dropping(type_: str, where: Callable[[Event], bool] = lambda _event: True) -> Change:
    """Return a change that drops events of one type."""
    return lambda event: [] if event["type"] == type_ and where(event) else [event]


def followed_by(type_: str, *more: Event) -> Change:
    """Return a change that sends more events after those of one type."""
    return lambda event: [event, *more] if event["type"] == type_ else [event]


def half_update(event: Event) -> list[Event]:
    """Apply the valid part of an invalid update."""
    if event.get("session", {}).get("output_modalities") != ["smell"]:
        return [event]
    return [{"type": "session.update", "session": {**event["session"], "output_modalities": ["text"]}}, event]


def forget_who_asked(event: Event) -> None:
    event["error"]["event_id"] = None


def status_of_cancelled(event: Event) -> None:
    if event["response"]["status"] == "cancelled":
        event["response"]["status"] = "incomplete"


BROKEN: dict[str, tuple[Change, str]] = {
    "session-created": (changing("session.created", lambda e: e["session"].pop("id")), "its session has no id"),
    "session-updated": (
        changing("session.updated", lambda e: e["session"].update(output_modalities=["audio"])),
        "which were not sent",
    ),
    "errors-echo-event-id": (changing("error", forget_who_asked), "its event_id is None"),
    "malformed-frames": (dropping("error"), "no error came"),
    "items-created": (
        changing("conversation.item.added", lambda e: e.update(previous_item_id=None)),
        "previous_item_id is None",
    ),
    "items-inserted": (
        changing("conversation.item.added", lambda e: e.update(previous_item_id=None)),
        "it was put behind None",
    ),
    "items-retrieved": (
        changing("conversation.item.retrieved", lambda e: e["item"].update(id="item_x")),
        "another item came",
    ),
    "items-deleted": (
        changing("conversation.item.deleted", lambda e: e.update(item_id="item_x")),
        "another item was deleted",
    ),
    "truncated": (changing("conversation.item.truncated", lambda e: e.update(audio_end_ms=101)), "101"),
    "text-response": (dropping("response.output_text.done"), "no response.output_text.done came"),
    "audio-response": (changing("response.output_audio.delta", lambda e: e.update(delta="###")), "is not base64"),
    "response-fills-conversation": (
        dropping("conversation.item.added", lambda e: e["item"].get("role") == "assistant"),
        "no conversation.item.added",
    ),
    "one-response-at-a-time": (changing("error", lambda e: e["error"].update(code="busy")), "the code 'busy'"),
    "cancelled": (changing("response.done", status_of_cancelled), "its status is 'incomplete'"),
    "out-of-band": (changing("response.done", lambda e: e["response"].update(metadata=None)), "metadata is None"),
    "function-call": (
        changing("response.output_item.done", lambda e: e["item"].update(call_id=None)),
        "it has no call_id",
    ),
    "push-to-talk": (
        followed_by("conversation.item.added", {"type": "response.created", "response": {"id": "resp_x"}}),
        "response.created came without a request",
    ),
    "empty-commit": (changing("error", forget_who_asked), "does not name the commit"),
    "cleared": (dropping("input_audio_buffer.cleared"), "no input_audio_buffer.cleared came"),
    "voice-activity": (
        changing("input_audio_buffer.speech_stopped", lambda e: e.update(item_id="item_x")),
        "different items",
    ),
}


async def test_the_engine_passes_every_check() -> None:
    async with engine() as url:
        report = await check_realtime_server(url, api_key=KEY, model="m")
    assert report.ok, str(report)
    assert {finding.check for finding in report.findings} == {*CHECKS, *INVARIANTS}
    # Only speech needs a package that may be missing.
    assert {finding.check for finding in report.skipped} <= {"voice-activity"}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_server_that_breaks_a_rule_fails_its_check(name: str) -> None:
    change, words = BROKEN[name]
    async with broken(change) as url:
        report = await check_realtime_server(url, model="m", only=[name], timeout_s=2)
    assert [finding.check for finding in report.failed] == [name], str(report)
    assert words in report[name].message


async def test_a_server_that_applies_half_an_update_fails() -> None:
    async with broken(lambda event: [event], half_update) as url:
        report = await check_realtime_server(url, model="m", only=["bad-settings-change-nothing"], timeout_s=2)
    assert "a part of the refused update was applied" in report["bad-settings-change-nothing"].message


def break_invariants(event: Event) -> list[Event]:
    """Break every invariant."""
    kind = event["type"]
    if kind == "session.updated":
        event["event_id"] = "event_same"
    elif kind == "response.content_part.done":
        return []
    elif kind == "response.output_text.done":
        event["text"] += " And more."
    elif kind == "response.done":
        event["response"]["object"] = "something else"
        return [event, {**event, "event_id": "event_second"}]
    return [event]


async def test_invariants_are_checked_in_every_session() -> None:
    async with broken(break_invariants) as url:
        report = await check_realtime_server(url, model="m", only=INVARIANTS, timeout_s=2)
    details = {finding.check: finding.message for finding in report.failed}
    assert set(details) == set(INVARIANTS), str(report)
    assert "came twice" in details["event-ids"]
    assert "response.content_part.added has no done" in details["added-then-done"]
    assert "response.done came twice" in details["one-done"]
    assert "And more." in details["deltas-add-up"]
    assert "response.object" in details["official-types"]


def test_every_check_has_a_server_that_fails_it() -> None:
    assert {*BROKEN, "bad-settings-change-nothing"} == set(CHECKS)


async def test_a_refused_key_is_an_error() -> None:
    async with engine() as url:
        with pytest.raises(ProviderError, match="401"):
            await check_realtime_server(url, api_key="wrong", model="m")


async def test_an_unknown_check_is_an_error() -> None:
    with pytest.raises(ValueError, match="Unknown check: weather"):
        await check_realtime_server("http://127.0.0.1:9", only=["weather"])


async def test_a_report_is_a_table() -> None:
    async with broken(dropping("input_audio_buffer.cleared")) as url:
        report = await check_realtime_server(url, model="m", only=["cleared", "empty-commit"], timeout_s=1)
    assert not report.ok
    text = str(report)
    assert "2 checks, 1 failed, 0 skipped" in text
    assert "failed   cleared       no input_audio_buffer.cleared came" in text
    assert "passed   empty-commit  Require an error when an empty buffer is committed." in text
