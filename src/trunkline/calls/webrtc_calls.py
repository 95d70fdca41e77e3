"""The provider's WebRTC calls of one call: the one in use, and former ones until they are hung up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine

from trunkline.calls.machine.refused_parts import session_without
from trunkline.providers import Provider, ProviderError, WebRtcAnswer
from trunkline.realtime.events import Event

logger = logging.getLogger(__name__)


class WebRtcCalls:
    """WebRTC calls of one call. At most one is in use.

    Args:
        provider: starts them and hangs them up.
        call_id: the call's id, for the server's log.
        spawn: runs a task of the call.
    """

    def __init__(
        self, provider: Provider, call_id: str, spawn: Callable[[Coroutine[object, None, None]], object]
    ) -> None:
        self._provider = provider
        self._call_id = call_id
        self._spawn = spawn
        self._is_released = False
        self._former: set[str] = set()
        """Calls that are not in use and not hung up yet."""
        self.current: str | None = None
        """The provider's id of the call in use."""
        self.starting = asyncio.Lock()
        """Held while a call starts: one after the other."""

    async def start(self, sdp: str, session: Event) -> WebRtcAnswer:
        """Post the offer with the session; once more without the part of the session that the service refuses.

        The sideband sends the whole session again, so that the refusal is in the log and the log has its hint.

        Raises:
            ProviderError: the provider refuses.
        """
        try:
            return await self._provider.start_webrtc_call(sdp, session)
        except ProviderError as error:
            corrected = None if error.param is None else session_without(session, error.param)
            if corrected is None:
                raise
            logger.warning("call %s: its offer is sent without %s: %s", self._call_id, corrected[1], error)
        return await self._provider.start_webrtc_call(sdp, corrected[0])

    def use(self, rtc_call_id: str) -> None:
        """Use a call from now on, in place of the present one; it may be one that another server has started."""
        self.drop()
        self.current = rtc_call_id

    def release(self) -> None:
        """Leave the present call alone from now on: another server of the cluster continues it."""
        self._is_released = True

    def drop(self) -> None:
        """Stop using the present call. It is hung up soon, at the latest by `hang_up`, unless it is released."""
        if self.current is not None and not self._is_released:
            self.add_former(self.current)
            self.current = None
            self._spawn(self.hang_up())

    def add_former(self, rtc_call_id: str) -> None:
        """Note a call that is not in use, for `hang_up`."""
        self._former.add(rtc_call_id)

    async def hang_up(self) -> None:
        """Hang up all calls that are not in use."""
        for rtc_call_id in list(self._former):
            try:
                await self._provider.hang_up(rtc_call_id)
            except ProviderError as error:
                logger.warning("call %s: its WebRTC call could not be ended: %s", self._call_id, error)
            self._former.discard(rtc_call_id)
