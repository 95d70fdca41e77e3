"""Whole calls over WebRTC on the stand-in for Azure: a secret, the offer, the sideband; and what is lost of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from agents.realtime import RealtimeAgent
from aiortc import RTCSessionDescription

from tests.calls.azure_harness import scenario
from tests.calls.stalling_brain import AFTER, StallingBrain
from tests.engine.engine_fakes import FakeBrain
from tests.engine.rtc.rtc_caller import Caller, hang_up, offering, tone
from tests.providers.azure_fake import KEY, FakeAzure, fake_azure
from trunkline import Caller as RehearsedCaller
from trunkline import Fillers, Lines, Rehearsal, Scenario
from trunkline.calls import log_events
from trunkline.calls.call import Call
from trunkline.calls.log_events import LogEvent
from trunkline.calls.pages import Page
from trunkline.engine.http.app import BrainFactory
from trunkline.providers import ProviderError
from trunkline.providers.from_settings import azure_provider
from trunkline.realtime.audio import BYTES_PER_MS
from trunkline.realtime.events import encode


@dataclass
class MediaCall:
    """A call over WebRTC with a connected page."""

    azure: FakeAzure
    call: Call
    page: Page
    browser: Caller

    def logged(self, *kinds: type[LogEvent]) -> list[Any]:
        """Return the log's events of some kinds."""
        return [entry.event for entry in self.call.log.since(0) if isinstance(entry.event, kinds)]

    def command(self, type_: str, **fields: Any) -> None:
        """Send a command of the page."""
        self.call.command(self.page, encode({"type": type_, **fields}).decode())

    def says(self, text: str) -> None:
        """Type a message of the caller."""
        self.command("say", text=text)

    async def comes_back(self) -> None:
        """Send another offer, as the page does after `leg.reoffer_requested`."""
        await self.browser.connection.close()
        self.browser = await offering(judge=lambda _event: None)
        answer = await self.call.answer_offer(self.browser.connection.localDescription.sdp)
        await self.browser.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until a condition is true."""
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 - the condition has no event
                await asyncio.sleep(0.01)

    async def hears(self, words: str) -> None:
        """Wait until an agent has said these words."""
        await self.until(lambda: any(words in (done.text or "") for done in self.logged(log_events.MessageDone)))


@contextlib.asynccontextmanager
async def media_call(
    played: Scenario[Any] | None = None, brains: BrainFactory | None = None, **changes: Any
) -> AsyncIterator[MediaCall]:
    """Yield a connected call; `changes` change the provider's settings."""
    played = played or scenario()
    async with fake_azure({played.name: played}, played.name, ms_per_character=2, brains=brains) as there:
        provider = azure_provider(there.settings(**changes))
        call = Call(played, provider, transport="webrtc")
        running = asyncio.create_task(call.run())
        browser = await offering(judge=lambda _event: None)
        try:
            answer = await call.answer_offer(browser.connection.localDescription.sdp)
            await browser.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            async with asyncio.timeout(10):
                await browser.opened.wait()
            page = Page()
            call.attach(page, call.leg.leg_id, 0)
            call.command(page, '{"type": "media_ready"}')
            made = MediaCall(there, call, page, browser)
            yield made
            browser = made.browser
        finally:
            await hang_up(browser)
            call.hang_up()
            await running
            await provider.aclose()


async def test_the_offer_goes_with_a_secret_and_the_sideband_with_the_key() -> None:
    async with media_call() as there:
        await there.until(lambda: there.logged(log_events.AudioDone))
        there.says("yes please")
        await there.until(lambda: [event.agent for event in there.logged(log_events.AgentChanged)][-1] == "haikuWriter")
        await there.hears("What shall yours be about?")
        minting, offering_, sideband = there.azure.realtime_requests
        assert there.azure.refused == []
    assert minting.path.endswith("/client_secrets")
    assert minting.headers["api-key"] == KEY
    assert offering_.path.endswith("/calls")
    assert "api-key" not in offering_.headers
    assert offering_.query == {"webrtcfilter": "on"}
    assert sideband.query["call_id"].startswith("rtc_")
    assert sideband.headers["api-key"] == KEY


async def test_the_session_is_bound_into_the_secret() -> None:
    async with media_call() as there:
        (session,) = there.azure.opened
    assert session["model"] == "my-realtime"
    assert session["type"] == "realtime"
    assert session["audio"]["input"]["transcription"] == {"model": "my-whisper"}
    assert {tool["name"] for tool in session["tools"]} == {"transfer_to_haikuwriter"}


def desk(**changes: Any) -> Scenario[Any]:
    """Return a scenario with one agent."""
    rehearsal = Rehearsal()

    @rehearsal.plays("desk")
    async def desk_part(caller: RehearsedCaller) -> Lines:
        yield "Welcome to the desk."
        await caller.says()

    agent: RealtimeAgent[Any] = RealtimeAgent(name="desk", instructions="Be kind.")
    return Scenario("desk", agents=[agent], rehearsal=rehearsal, **changes)


async def test_a_voice_that_the_secret_refuses_is_left_out_and_reported_once() -> None:
    played = desk(voice="sage")
    played.voice = "nova"  # `Scenario` would refuse it
    async with media_call(played) as there:
        await there.hears("Welcome to the desk.")
        (session,) = there.azure.opened
        assert "voice" not in session["audio"]["output"]
        assert session["instructions"] == "Be kind."
        await there.until(lambda: there.logged(log_events.CallError))
        (error,) = there.logged(log_events.CallError)
        assert (error.code, error.hint) == ("invalid_value", "Choose another voice for the scenario.")
        assert "Invalid value: 'nova'." in error.message
        assert [joined.transport for joined in there.logged(log_events.LegJoined)] == ["webrtc"]
        said = [done.text for done in there.logged(log_events.MessageDone) if done.role == "assistant" and done.text]
    assert said == ["Welcome to the desk."]


async def test_an_offer_with_two_refused_parts_fails() -> None:
    played = desk(voice="sage")
    played.voice = "nova"
    played.turn_detection = {"type": "semantic_vad", "eagerness": "fast"}
    with pytest.raises(ProviderError, match="Invalid value"):
        async with media_call(played):
            pass


async def test_an_offer_that_is_refused_as_a_whole_fails_at_once() -> None:
    with pytest.raises(ProviderError, match="does not exist"):
        async with media_call(azure_realtime_deployment="gone"):
            pass


@pytest.mark.parametrize("reports", [True, False])
async def test_a_model_that_stalls_in_its_answer_brings_a_filler(reports: bool) -> None:
    brain = StallingBrain()
    times = Fillers(waiting_after_s=0.4, apology_after_s=60.0)
    async with media_call(desk(fillers=times), brains=lambda _model, _settings: brain) as there:
        await there.until(lambda: there.logged(log_events.AudioDone))
        if reports:
            there.command("agent_audio", audible=False)
        there.says("do you have pears")
        await there.until(lambda: len(there.logged(log_events.AudioStarted)) == 2)
        if reports:
            there.command("agent_audio", audible=True)
            there.command("agent_audio", audible=False)
        await there.until(lambda: there.logged(log_events.FillerStarted))
        (filler,) = there.logged(log_events.FillerStarted)
        assert (filler.reason, len(there.logged(log_events.MessageDone))) == ("audio", 3)
        sound = [frame for frame in there.page._frames if isinstance(frame, bytes)]
        assert round(sum(map(len, sound)) / BYTES_PER_MS) == filler.ms
        brain.goes_on.set()
        await there.hears(AFTER)


async def test_audio_that_stops_in_an_unfinished_sentence_ends_the_turn() -> None:
    played = desk(turn_detection={"type": "semantic_vad", "eagerness": "low"})
    brain = FakeBrain()
    async with media_call(played, brains=lambda _model, _settings: brain) as there:
        await there.until(lambda: there.logged(log_events.AudioDone))
        microphone = there.browser.microphone
        microphone.say(tone(800))
        await there.until(lambda: there.logged(log_events.SpeechStarted))
        await microphone.said()
        microphone.skip = 1_000
        there.command("caller_audio", flows=False, since_ms=800)
        await there.until(lambda: len(brain.requests) == 2)
        (notice,) = [notice for notice in there.logged(log_events.Notice) if notice.code == "caller_audio_stopped"]
        assert notice.hint == "Check the caller's microphone and network."
        sent = [event.event["type"] for event in there.logged(log_events.WireSent)]
        assert sent.count("input_audio_buffer.commit") == 1
        await there.until(lambda: len(there.logged(log_events.AudioDone)) == 2)
        assert len(brain.requests) == 2
        assert there.azure.refused == []


async def test_a_sideband_without_a_greeting_does_not_delay_the_call() -> None:
    async with media_call() as there:
        await there.hears("haiku")
        received = [entry.event["type"] for entry in there.logged(log_events.WireReceived)]
    assert "session.created" not in received
    assert len(there.logged(log_events.LinkUp)) == 1


async def test_a_dropped_sideband_is_attached_again_to_the_same_call() -> None:
    async with media_call() as there:
        await there.until(lambda: there.logged(log_events.AudioDone))
        there.azure.faults.cut_now()
        await there.until(lambda: there.logged(log_events.LinkRestored))
        there.says("yes please")
        await there.hears("What shall yours be about?")
        (restored,) = there.logged(log_events.LinkRestored)
        assert restored.replayed == 0
        assert there.logged(log_events.LegReofferRequested) == []
        calls = {request.query["call_id"] for request in there.azure.requests if "call_id" in request.query}
        assert there.azure.refused == []
    assert len(calls) == 1


async def test_items_lost_with_a_sideband_are_sent_again_on_the_next() -> None:
    async with media_call() as there:
        await there.hears("haiku")
        there.azure.faults.close(1011, "server error", at="conversation.item.create")
        there.says("yes please")
        await there.until(lambda: there.logged(log_events.LinkRestored))
        await there.until(
            lambda: there.logged(log_events.LegReofferRequested) or there.logged(log_events.AgentChanged)[1:]
        )
        if there.logged(
            log_events.LegReofferRequested
        ):  # the request for an answer is lost as well: only another WebRTC call surely gets it
            await there.comes_back()
        await there.hears("What shall yours be about?")
        said = [done.text for done in there.logged(log_events.MessageDone) if done.role == "user"]
    assert said == ["hi", "yes please"]


async def test_an_item_that_arrived_without_an_acknowledgement_is_not_doubled() -> None:
    async with media_call() as there:
        await there.until(lambda: there.logged(log_events.AudioDone))
        there.azure.faults.close(1011, "server error", at="conversation.item.added")
        there.says("yes please")
        await there.until(lambda: there.logged(log_events.LinkRestored))
        await there.until(
            lambda: there.logged(log_events.LegReofferRequested) or there.logged(log_events.AgentChanged)[1:]
        )
        if there.logged(log_events.LegReofferRequested):
            await there.comes_back()
        await there.hears("What shall yours be about?")
        said = [done.text for done in there.logged(log_events.MessageDone) if done.role == "user"]
        assert there.logged(log_events.CallError) == []
    assert said == ["hi", "yes please"]


async def test_the_page_is_asked_for_another_offer_after_sixty_minutes() -> None:
    async with media_call() as there:
        await there.hears("haiku")
        await there.browser.connection.close()
        await there.until(lambda: there.logged(log_events.LegReofferRequested))
        await there.comes_back()
        there.says("yes please")
        await there.hears("What shall yours be about?")
    assert len(there.azure.opened) == 2


async def test_the_call_is_hung_up_at_azure_when_it_ends() -> None:
    async with media_call() as there:
        await there.hears("haiku")
    hung_up = [request for request in there.azure.requests if request.path.endswith("/hangup")]
    assert len(hung_up) == 1
    assert hung_up[0].headers["api-key"] == KEY


async def test_an_answer_without_a_call_id_is_an_error() -> None:
    played = {scenario().name: scenario()}
    async with fake_azure(played, scenario().name) as there:
        there.location = None
        provider = azure_provider(there.settings())
        call = Call(scenario(), provider, transport="webrtc")
        browser = await offering(judge=lambda _event: None)
        with pytest.raises(ProviderError, match="no call id"):
            await call.answer_offer(browser.connection.localDescription.sdp)
        await hang_up(browser)
        call.hang_up()
        await provider.aclose()
