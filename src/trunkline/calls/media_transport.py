"""Transport of the caller's audio: the relay, or a WebRTC call whose sideband is then the link to the model."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Sequence

from trunkline.calls.agents.runner import AgentRunner
from trunkline.calls.live_record import LiveRecord
from trunkline.calls.log import Entry
from trunkline.calls.machine.effects import ConfigureAgent
from trunkline.calls.machine.session_trace import SessionTrace, trace_session
from trunkline.calls.model_link.link import Link
from trunkline.calls.model_link.link_state import Route
from trunkline.calls.recording import RecordingSource
from trunkline.calls.webrtc_calls import WebRtcCalls
from trunkline.providers import Connection, Provider, ProviderError
from trunkline.realtime.events import Event
from trunkline.scenario.scenario import AnyScenario

logger = logging.getLogger(__name__)


class MediaTransport:
    """The transport of one call. It gives the link its route to the model, and the recording its source.

    Args:
        call_id: the call's id.
        scenario: a scenario that holds answers back needs the relay.
        provider: the service that runs the model.
        model: the model of the next sessions.
        agents: compute the session of an offer.
        configuration: returns the order to configure the current agent.
        link: the link to the model.
        source: the source of the call's recording.
        spawn: runs a task of the call.

    Attributes:
        model: the model of the next sessions.
    """

    def __init__(
        self,
        call_id: str,
        scenario: AnyScenario,
        provider: Provider,
        model: str,
        *,
        agents: AgentRunner,
        configuration: Callable[[], ConfigureAgent],
        link: Link,
        source: RecordingSource,
        spawn: Callable[[Coroutine[object, None, None]], object],
    ) -> None:
        self.model = model
        self._call_id = call_id
        self._scenario = scenario
        self._provider = provider
        self._agents = agents
        self._configuration = configuration
        self._link = link
        self._source = source
        self._webrtc = WebRtcCalls(provider, call_id, spawn)

    @property
    def rtc_call_id(self) -> str | None:
        """The provider's id of the WebRTC call in use; None over the relay."""
        return self._webrtc.current

    @property
    def page_records(self) -> bool:
        """True if the caller's page records the call, and sends its recording as binary frames."""
        return self._source.is_page

    def on_page_audio(self, frame: bytes) -> str | None:
        """Take a chunk of the page's own recording. Return the problem with it, None without one."""
        return self._source.on_page_audio(frame)

    def change_model(self, model: str) -> None:
        """Use another model for the next sessions."""
        self.model = model

    # The relay ------------------------------------------------------------------------------------------------------
    def use_relay(self) -> None:
        """Use the relay from now on, and drop the WebRTC call."""
        if self._webrtc.current is not None or not self._link.has_route:
            self._webrtc.drop()
            self._link.set_route(Route(self._connect))
        self._source.use_relay()

    async def _connect(self) -> Connection:
        return await self._provider.connect(self.model)

    # WebRTC ---------------------------------------------------------------------------------------------------------
    async def answer_offer(self, sdp: str, is_wanted: Callable[[], bool]) -> str:
        """Answer the page's SDP offer; see `Call.answer_offer`.

        Args:
            is_wanted: returns whether the caller waits for the answer still; they may choose another transport, or
                leave.
        """
        if self._scenario.hold:
            message = (
                f"The scenario {self._scenario.name!r} holds back unchecked answers, so WebRTC is not available. "
                "Use the transport websocket."
            )
            raise ProviderError(message, retry=False)
        async with self._webrtc.starting:
            answer = await self._webrtc.start(sdp, {**await self._session(), "model": self.model})
            if is_wanted():
                self._use_sideband(answer.rtc_call_id)
            else:
                self._webrtc.add_former(answer.rtc_call_id)
                await self._webrtc.hang_up()
            return answer.sdp

    async def _session(self) -> Event:
        order = self._configuration()
        try:
            return await self._agents.session_for(order)
        except Exception as error:
            agent = order.agent
            logger.warning("call %s: agent %s could not be set up", self._call_id, agent, exc_info=True)
            message = f"The agent {agent!r} could not be set up: {type(error).__name__}: {error}"
            raise ProviderError(message, hint="Check its instructions, tools and handoffs.", retry=False) from error

    def continue_call(self, record: LiveRecord, entries: Sequence[Entry]) -> SessionTrace | None:
        """Continue the WebRTC call of a call that another server ran. Return its session; None without a WebRTC call.

        Args:
            record: the live record of the call.
            entries: the log of the call.
        """
        if record.transport != "webrtc":
            return None
        self._source.expect_page()
        if record.rtc_call_id is None:
            return None
        self._use_sideband(record.rtc_call_id, continues=True)
        return trace_session(entries)

    def _use_sideband(self, rtc_call_id: str, *, continues: bool = False) -> None:
        """Use the sideband of a WebRTC call as the link.

        Args:
            continues: True after a take-over: the session of the WebRTC call is the call's.
        """
        self._webrtc.use(rtc_call_id)
        self._source.use_webrtc(self._provider, rtc_call_id)
        route = Route(lambda: self._provider.connect(self.model, rtc_call_id), resumable=True)
        self._link.set_route(route, continues=continues)

    def release(self) -> None:
        """Leave the WebRTC call alone from now on: another server continues it."""
        self._webrtc.release()

    def drop(self) -> None:
        """Stop using the WebRTC call, which is hung up soon, unless it is released."""
        self._webrtc.drop()

    async def hang_up(self) -> None:
        """Hang up all WebRTC calls that are not in use."""
        await self._webrtc.hang_up()
