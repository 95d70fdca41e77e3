"""The caller's leg: which page is the caller, and how a page becomes it, leaves and comes back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from trunkline.calls.grants import Credentials, Grant, NotGrantedError, grants_for
from trunkline.calls.log_events import AudioAcknowledged, Codec, LegRoleSet, Transport
from trunkline.calls.machine import effects, inputs
from trunkline.calls.machine.timers import Timer
from trunkline.calls.media_transport import MediaTransport
from trunkline.calls.model_link.link import Link
from trunkline.calls.open_pages import OpenPages
from trunkline.calls.pages import CloseCode, JoinedCall, Leg, Page
from trunkline.calls.relayed_audio import RelayedAudio
from trunkline.machine_runner import MachineRunner
from trunkline.realtime.ids import new_id


class CallerLeg:
    """The leg of one call, and the next ones after take-overs by other pages.

    Args:
        leg: the present leg.
        number: the number of legs so far.
        codec: the codec of the caller's audio over the relay.
        caller_key: the secret of the client that started the call.
        pages: the open pages.
        relayed: the audio over the relay.
        media: the transport of the audio.
        link: the link to the model.
        runner: the runner of the call's machine.

    Attributes:
        leg: the present leg.
        number: the number of legs so far.
        codec: the codec of the caller's audio over the relay.
    """

    def __init__(
        self,
        leg: Leg,
        number: int,
        codec: Codec,
        *,
        caller_key: str,
        pages: OpenPages,
        relayed: RelayedAudio,
        media: MediaTransport,
        link: Link,
        runner: MachineRunner[inputs.Input, effects.Effect, Timer],
    ) -> None:
        self.leg = leg
        self.number = number
        self.codec: Codec = codec
        self._caller_key = caller_key
        self._pages = pages
        self._relayed = relayed
        self._media = media
        self._link = link
        self._runner = runner
        self._post = runner.post

    def grants(self, shown: Credentials) -> Grant:
        """Return the grants of a client that knows the call's id."""
        return grants_for(shown, self.leg.leg_id, self._caller_key)

    # Roles ----------------------------------------------------------------------------------------------------------
    def join(
        self, shown: Credentials, transport: Transport, *, take_over: bool, codec: Codec | None, reason: str | None
    ) -> JoinedCall:
        """Give a page a role; see `Call.join`.

        Raises:
            NotGrantedError: the page wants to take over and may not speak.
        """
        grants = self.grants(shown)
        if Grant.SPEAK not in grants:
            if take_over:
                raise NotGrantedError("Only the client that started this call may take it over.")
            return JoinedCall("viewer", None, grants)
        if shown.leg_id != self.leg.leg_id:
            if self.leg.page is not None and not take_over:
                return JoinedCall("viewer", None, grants)
            self.replace(transport)
        if codec is not None:
            self.codec = codec
            self._post(inputs.CodecChosen(codec))
        self._set_transport(transport, reason)
        return JoinedCall("caller", self.leg.leg_id, grants)

    def replace(self, transport: Transport) -> None:
        """Begin another leg, and close the page of the former one."""
        former = self.leg
        self.number += 1
        self.leg = Leg(new_id("leg"), transport, f"leg_{self.number}")
        self._relayed.begin_leg(self.leg)
        if former.page is not None:
            former.page.close(CloseCode.TAKEN_OVER, "taken over by another page")
            self._leave(former, "taken over by another page", keeps_audio=False)

    def _set_transport(self, transport: Transport, reason: str | None) -> None:
        self._relayed.set_transport(transport)
        self.leg.use_transport(transport, reason)
        if transport == "websocket":
            self._media.use_relay()

    # Sockets --------------------------------------------------------------------------------------------------------
    def attach(self, page: Page, leg_id: str | None, after: int, ended: tuple[CloseCode, str] | None) -> None:
        """Connect a page; see `Call.attach`.

        Args:
            ended: the reason to close the page after the log, since the call runs here no longer; None if it runs.
        """
        is_caller = leg_id == self.leg.leg_id and ended is None
        role_set = LegRoleSet(
            role="caller" if is_caller else "viewer",
            audience=page.audience,
            records=is_caller and self._media.page_records,
            audio_position=self._relayed.position if is_caller else None,
        )
        self._pages.begin(page, role_set, after)
        if ended is not None:
            page.close(*ended)
            return
        self._pages.add(page)
        if is_caller:
            self._use_page(page)

    def _use_page(self, page: Page) -> None:
        leg = self.leg
        former = leg.use_page(page)
        if former is not None:
            former.close(CloseCode.TAKEN_OVER, "taken over by another page")
            reason = "replaced by a new connection"
            self._post(inputs.CallerLeft(leg.public_id, reason, self._relayed.is_kept_by_page))
        self._relayed.on_socket()
        if leg.transport == "websocket":  # over WebRTC the page reports `media_ready`
            self.on_joined()

    def on_joined(self) -> None:
        """Report to the machine that audio flows between the call and the caller's page."""
        self._post(inputs.CallerJoined(self.leg.public_id, self.leg.transport, self.leg.reason))

    def detach(self, page: Page, reason: str) -> None:
        """Disconnect a page, since its socket is closed."""
        self._pages.discard(page)
        if self.leg.page is page:
            self._leave(self.leg, reason, keeps_audio=self._relayed.is_kept_by_page)

    def _leave(self, leg: Leg, reason: str, *, keeps_audio: bool) -> None:
        leg.use_page(None)
        if not keeps_audio:
            self._link.drop_caller_audio()
        self._post(inputs.CallerLeft(leg.public_id, reason, keeps_audio))

    # Audio ----------------------------------------------------------------------------------------------------------
    def receive_audio(self, page: Page, pcm: bytes) -> None:
        """Send a page's audio to the model: PCM16 little-endian, mono, 24 kHz."""
        leg = self.leg
        if leg.page is not page or self._runner.is_stopped:
            return
        if leg.transport != "websocket":
            if (problem := self._media.on_page_audio(pcm)) is not None:
                self._pages.push_error(page, problem, "bad_audio")
            return
        if len(pcm) % 2 or not pcm:
            message = "A binary frame is empty or has an odd number of bytes. Send PCM16 little-endian, mono, 24 kHz."
            self._pages.push_error(page, message, "bad_audio")
            return
        self._relayed.receive(pcm)

    async def acknowledge_audio(self, commit: Callable[[], Awaitable[bool]] | None) -> None:
        """Acknowledge the audio that no session will need to the caller's page, once its turns are committed."""
        page = self.leg.page
        if page is None or not self._relayed.is_kept_by_page:
            return
        position = await self._relayed.position_to_acknowledge(commit)
        if position is not None and self.leg.page is page:
            self._pages.push(page, AudioAcknowledged(position=position))
