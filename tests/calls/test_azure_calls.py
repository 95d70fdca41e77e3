"""Whole calls over the Azure provider, with each fault of the service: the conversation continues."""

from __future__ import annotations

import asyncio
from typing import Literal

import pytest

from tests.calls.azure_harness import AzureCall, azure_call, scenario
from tests.providers.azure_faults import TOO_LONG
from trunkline.calls import log_events
from trunkline.calls.call import Call
from trunkline.calls.time_limits import CallTimeLimits
from trunkline.providers import ProviderError
from trunkline.providers.realtime_socket import DEFAULT_PINGS, Pings

HASTY_PINGS = Pings(0.1, 0.8)
"""Pings that detect a half-open connection within a second. A machine that is busy for so long looks the same."""


def connections(there: AzureCall) -> int:
    """Return the number of sockets that the call has opened."""
    return there.azure.sessions


# Without faults -----------------------------------------------------------------------------------------------------
async def test_a_whole_call_sends_nothing_that_azure_refuses() -> None:
    async with azure_call() as there:
        await there.runs_to_its_end()
        await there.call.hang_up()
    assert there.azure.refused == []
    assert there.errors == []
    assert connections(there) == 1


async def test_a_call_that_is_interrupted_sends_nothing_that_azure_refuses() -> None:
    async with azure_call(ms_per_character=6) as there:
        turn = await there.call.say("yes please", interrupting_after_ms=60)
        assert turn.handed_to == "haikuWriter"
        await there.call.say("mountains", interrupting_after_ms=60)
    assert there.azure.refused == []


async def test_a_whole_call_in_the_preview_sends_nothing_that_the_preview_refuses() -> None:
    async with azure_call(azure_dialect="preview") as there:
        await there.runs_to_its_end()
        await there.call.hang_up()
    assert there.azure.refused == []
    assert there.errors == []
    (request,) = there.azure.realtime_requests
    assert (request.path, request.query["deployment"]) == ("/openai/realtime", "my-realtime")


async def test_an_interrupted_call_in_the_preview_is_translated_as_well() -> None:
    async with azure_call(ms_per_character=6, azure_dialect="preview") as there:
        turn = await there.call.say("yes please", interrupting_after_ms=60)
        assert turn.handed_to == "haikuWriter"
        there.azure.faults.close(1011, "server error", at="response.output_item.done")
        await there.call.say("mountains")
    assert there.azure.refused == []


async def test_over_webrtc_the_preview_says_why_it_must_be_the_relay() -> None:
    async with azure_call(azure_dialect="preview") as there:
        call = Call(scenario(), there.provider, transport="webrtc", time_limits=CallTimeLimits())
        with pytest.raises(ProviderError, match="has no sideband"):
            await call.answer_offer("v=0")
        call.hang_up()


async def test_without_a_transcription_deployment_none_is_asked_for_and_the_call_says_so() -> None:
    async with azure_call(azure_transcription_deployment=None) as there:
        await there.runs_to_its_end()
    codes = [notice.code for notice in there.logged(log_events.Notice)]
    assert codes == ["no_transcription", "interruption_by_speech"]
    updates = [sent.event for sent in there.logged(log_events.WireSent) if sent.event["type"] == "session.update"]
    assert all("transcription" not in (one["session"].get("audio") or {}).get("input", {}) for one in updates)


async def test_without_a_text_model_the_moderation_is_missed_once_and_checks_nothing() -> None:
    async with azure_call(azure_deployment=None) as there:
        await there.runs_to_its_end()
    (notice,) = there.logged(log_events.Notice)
    assert notice.code == "no_text_model"
    assert "Set AZURE_OPENAI_DEPLOYMENT or AZURE_OPENAI_MODERATION_DEPLOYMENT to its name." in (notice.hint or "")
    assert "moderation" in notice.message
    assert there.logged(log_events.GuardrailChecked) == []
    assert there.errors == []


# The connection -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (1000, ""),
        (1001, TOO_LONG),
        (1008, "the client is too slow"),
        (1009, "message too big"),
        (1011, "The server had an error while processing your request"),
        (1012, "service restart"),
        (1013, ""),
        (4999, "something new"),
    ],
)
async def test_a_close_in_the_middle_of_an_answer(code: int, reason: str) -> None:
    async with azure_call() as there:
        there.azure.faults.close(code, reason, at="response.output_audio_transcript.delta", skip=1)
        await there.runs_to_its_end()
    assert connections(there) == 2
    assert there.logged(log_events.LinkLost)[0].code == code
    assert there.azure.refused == []


@pytest.mark.parametrize("deed", ["cut", "freeze", "expire"])
@pytest.mark.parametrize(
    "at",
    ["session.updated", "response.created", "response.function_call_arguments.done", "conversation.item.create"],
)
async def test_a_connection_that_breaks_anywhere(deed: Literal["cut", "freeze", "expire"], at: str) -> None:
    async with azure_call(pings=HASTY_PINGS if deed == "freeze" else DEFAULT_PINGS) as there:
        getattr(there.azure.faults, deed)(at=at)
        await there.runs_to_its_end()
    assert connections(there) == 2
    assert there.azure.refused == []


@pytest.mark.parametrize("half_open", [False, True])
async def test_a_connection_that_breaks_while_nobody_speaks(half_open: bool) -> None:
    async with azure_call(pings=HASTY_PINGS if half_open else DEFAULT_PINGS) as there:
        await there.call.hears("haiku")
        await there.call.silent_for(500)
        if half_open:
            there.azure.faults.freeze_now()
        else:
            there.azure.faults.cut_now()
        turn = await there.call.say("yes please")
        assert turn.handed_to == "haikuWriter"
    assert connections(there) == 2


async def test_a_deployment_that_refuses_twice_is_replaced_by_the_fallback() -> None:
    async with azure_call(azure_realtime_fallback_deployment="my-fallback") as there:
        there.azure.faults.refuse(503, 2)
        await there.runs_to_its_end()
        (changed,) = there.logged(log_events.ModelChanged)
        assert (changed.previous, changed.model) == ("my-realtime", "my-fallback")
    assert models_asked(there) == ["my-realtime", "my-realtime", "my-fallback"]


async def test_a_deployment_that_does_not_exist_is_replaced_by_the_fallback_at_once() -> None:
    async with azure_call(azure_realtime_deployment="gone", azure_realtime_fallback_deployment="my-fallback") as there:
        await there.runs_to_its_end()
    assert models_asked(there) == ["gone", "my-fallback"]


async def test_sessions_that_break_in_two_answers_are_replaced_by_the_fallback() -> None:
    async with azure_call(azure_realtime_fallback_deployment="my-fallback") as there:
        await there.call.hears("haiku")
        for _session in range(2):
            there.azure.faults.close(1011, "The server had an error", at="response.created")
        turn = await there.call.say("yes please")
        assert turn.handed_to == "haikuWriter"
        assert len(there.logged(log_events.ModelChanged)) == 1
    assert models_asked(there) == ["my-realtime", "my-realtime", "my-fallback"]


def models_asked(there: AzureCall) -> list[str]:
    """Return the deployment of each socket that the call has tried to open."""
    return [request.query["model"] for request in there.azure.realtime_requests]


async def test_azure_is_busy_for_a_while_and_says_how_long() -> None:
    async with azure_call() as there:
        there.azure.faults.refuse(429, 1, retry_after="1")
        await there.runs_to_its_end()
        assert there.logged(log_events.LinkLost)[0].retry_in_ms >= 1000
    assert there.azure.faults.injected == ["429 /openai/v1/realtime"]


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_azure_is_not_there_for_a_while(status: int) -> None:
    async with azure_call() as there:
        there.azure.faults.close(1011, "bye", at="response.output_item.added", skip=1)
        there.azure.faults.refuse(status, 2)
        await there.runs_to_its_end()
    assert len(there.azure.realtime_requests) == 4


async def test_a_wrong_key_ends_the_call_and_says_what_to_do() -> None:
    async with azure_call(azure_api_key="wrong") as there:
        async with asyncio.timeout(5):
            while not there.call.is_over:  # noqa: ASYNC110 - the end of a call has no event
                await asyncio.sleep(0.01)
    lost = there.logged(log_events.LinkLost)[-1]
    assert lost.code == 401
    assert "AZURE_OPENAI_API_KEY" in lost.reason
    assert len(there.azure.requests) == 1


async def test_a_session_closed_for_a_revoked_key_ends_the_call() -> None:
    async with azure_call() as there:
        await there.call.hears("haiku")
        there.azure.faults.close(1008, "Unauthorized: the key was revoked", at="conversation.item.create")
        there.call._command(type="say", text="yes please")
        async with asyncio.timeout(5):
            while not there.call.is_over:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
    assert there.logged(log_events.LinkLost)[-1].retry_in_ms is None
    assert connections(there) == 1


# Frames -------------------------------------------------------------------------------------------------------------
GARBAGE: list[str | bytes] = [
    "",
    "{",
    "null",
    "[]",
    '"text"',
    b"\xff\xfe\x00",
    "{}",
    '{"type": 5}',
    '{"type": "response.done"}',
    '{"type": "response.done", "response": []}',
    '{"type": "response.output_item.done", "item": null}',
    '{"type": "conversation.item.added", "item": {"id": 7}}',
    '{"type": "response.output_audio.delta", "delta": "no base64!", "item_id": "msg_1"}',
    '{"type": "something.new", "event_id": "event_1", "what": {"ever": [1, 2]}}',
    '{"type": "error"}',
    "[" * 50_000,
    '{"type": "something.large", "text": "' + "x" * 2_000_000 + '"}',
]


@pytest.mark.parametrize("dialect", ["ga", "preview"])
async def test_malformed_frames_between_events(dialect: str) -> None:
    async with azure_call(azure_dialect=dialect) as there:
        for at in ("session.updated", "response.output_item.added", "response.done"):
            there.azure.faults.garbage(*GARBAGE, at=at, times=2)
        await there.runs_to_its_end()
    assert connections(there) == 1


@pytest.mark.parametrize(
    "at", ["session.updated", "conversation.item.added", "response.created", "response.output_item.done"]
)
async def test_late_events(at: str) -> None:
    async with azure_call() as there:
        there.azure.faults.delay(400, at=at, times=2)
        await there.runs_to_its_end()
    assert connections(there) == 1


@pytest.mark.parametrize(
    "at",
    [
        "session.updated",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio.done",
        "response.output_item.done",
    ],
)
async def test_reordered_events(at: str) -> None:
    async with azure_call() as there:
        there.azure.faults.reorder(at=at, times=4)
        await there.runs_to_its_end()
    assert connections(there) == 1


@pytest.mark.parametrize("at", ["response.created", "response.done", "response.output_item.added", "session.updated"])
async def test_lost_events(at: str) -> None:
    async with azure_call(stall_timeout_s=1.5) as there:
        there.azure.faults.lose(at=at)
        await there.runs_to_its_end()


# Answers that fail --------------------------------------------------------------------------------------------------
async def test_one_server_error() -> None:
    async with azure_call() as there:
        there.azure.faults.server_errors(1)
        await there.runs_to_its_end()
    assert there.errors == ["server_error"]


async def test_a_session_that_fails_again_is_replaced() -> None:
    async with azure_call() as there:
        await there.call.hears("haiku")
        there.azure.faults.sticky_server_error()
        turn = await there.call.say("yes please")
        assert turn.handed_to == "haikuWriter"
    assert connections(there) == 2
    assert set(there.errors) == {"server_error"}


async def test_a_rate_limit_in_the_middle_of_a_call() -> None:
    async with azure_call() as there:
        there.azure.faults.rate_limited(2, retry_in_ms=100)
        await there.runs_to_its_end()
    assert there.errors == ["rate_limit_exceeded"] * 2
    assert connections(there) == 1
    asked = [entry.at_ms for entry in there.call.log if _asks(entry.event)]
    assert asked[1] - asked[0] < 1000  # as long as the service asks, and not longer


def _asks(event: log_events.LogEvent) -> bool:
    return isinstance(event, log_events.WireSent) and event.event["type"] == "response.create"


async def test_an_answer_stopped_by_the_content_filter_is_given_in_other_words() -> None:
    async with azure_call() as there:
        await there.call.hears("haiku")
        there.azure.faults.filtered(1)
        await there.call.say("yes please")
        await there.call.hears(".")
        await there.call.say("yes please")
        await there.call.say("mountains")
        await there.call.hears("Shall I write another one?")
    assert there.errors == ["content_filter"]
    assert connections(there) == 1


@pytest.mark.parametrize("kind", ["empty", "text", "cut"])
async def test_a_response_with_nothing_to_hear_is_requested_again(kind: Literal["empty", "text", "cut"]) -> None:
    async with azure_call() as there:
        await there.call.hears("haiku")
        there.azure.faults.silent(kind)
        turn = await there.call.say("yes please")
        assert turn.handed_to == "haikuWriter"
        assert [notice.code for notice in there.logged(log_events.Notice)] == ["empty_answer"]
    assert "no_answer" not in there.errors
    assert connections(there) == 1


@pytest.mark.parametrize("kind", ["empty", "text", "cut"])
async def test_two_responses_with_nothing_to_hear_are_reported_to_caller_and_log(
    kind: Literal["empty", "text", "cut"],
) -> None:
    async with azure_call() as there:
        await there.call.hears("haiku")
        there.azure.faults.silent(kind, 2)
        there.call._command(type="say", text="yes please")
        async with asyncio.timeout(10):
            while not there.logged(log_events.FillerStarted):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
        (filler,) = there.logged(log_events.FillerStarted)
        assert filler.text == "I am sorry, that did not work. Please say it again."
        assert there.errors[-1] == "no_answer"
        turn = await there.call.say("yes please")
        assert turn.handed_to == "haikuWriter"


# Deployments and tokens ---------------------------------------------------------------------------------------------
async def test_a_missing_transcription_deployment_costs_the_transcript_and_not_the_call() -> None:
    async with azure_call(azure_transcription_deployment="whisper") as there:
        await there.call.hears("haiku")
        await there.call.backchannel("hello there, I would like one")
        (error,) = there.logged(log_events.CallError)
        assert error.code == "DeploymentNotFound"
        assert "AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT" in (error.hint or "")
        await there.call.say("yes please")
        await there.call.hears("What shall yours be about?")
    assert connections(there) == 1


async def test_a_token_that_expires_during_a_call_is_renewed() -> None:
    from tests.providers.test_azure import Tokens, by_entra

    async with azure_call() as there:
        there.azure.tokens = {"token-1"}
        provider = by_entra(there.azure, Tokens())
        call = Call(scenario(), provider)
        running = asyncio.create_task(call.run())
        async with asyncio.timeout(5):
            await until_linked(call, 1)
            there.azure.tokens = {"token-2"}
            there.azure.faults.cut_now()
            await until_linked(call, 2)
        call.hang_up()
        await running
        await provider.aclose()
    assert there.azure.refused == ["401 401"]


async def until_linked(call: Call, times: int) -> None:
    """Wait until the call's link has come up `times` times."""
    up = log_events.LinkUp | log_events.LinkRestored
    while sum(isinstance(entry.event, up) for entry in call.log.since(0)) < times:  # noqa: ASYNC110 - as above
        await asyncio.sleep(0.01)
