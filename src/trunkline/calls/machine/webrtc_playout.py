"""Playout over WebRTC, where audio flows directly between the page and the model.

The service reports when a response's audio starts and when all of it was played (`output_audio_buffer.started`,
`stopped`). In between it sends in real time, so the time since the start, less the delay that the page reports, is the
played duration. While the page's socket is down, nobody knows whether audio still reaches the page. If the page returns
with the same connection, it has heard everything; if it posts a new offer, it has not.

The service does not report a pause: if the model stalls in an answer, the audio so far is played, and silence follows.
Therefore the page reports whether the agent is audible. Without such reports, the words so far give an estimate.
"""

from __future__ import annotations

from dataclasses import dataclass

from trunkline.calls.machine.relay_playout import PlayedAudio

MISSED_STOP_SILENCE_MS = 1_000.0
"""Silence at the page after which a complete message has been played, if the report of it may have been missed."""
MISSED_STOP_MARGIN_MS = 3_000.0
"""Time beyond a message's estimated end after which it counts as played, for a page that reports nothing."""
MS_PER_CHARACTER = 62.0
"""Rough duration of a spoken character: over WebRTC the service does not report the duration of a message's audio."""


@dataclass
class _PlayingMessage:
    """A message that plays. `response_id` is empty if the response began while no server was attached."""

    item_id: str
    response_id: str
    started_at_ms: float


@dataclass(frozen=True)
class _PageReport:
    """The page's report of the agent's audio, which has been like that since `since_ms`."""

    audible: bool
    since_ms: float


class WebRtcPlayout:
    """The message that plays now, the messages that wait for playout, and the cut messages to truncate.

    Attributes:
        buffer_ms: the time that audio needs to the point at which the page can no longer stop it.
    """

    def __init__(self, buffer_ms: int = 0) -> None:
        self.buffer_ms = buffer_ms
        self._waiting: dict[str, str] = {}
        """Response id -> message id, in the order of playout."""
        self._playing: _PlayingMessage | None = None
        self._lost_since_ms: float | None = None
        self._maybe_unheard: dict[str, int] = {}
        """Messages that ended while the page was lost, with the duration played before."""
        self._cut: dict[str, int] = {}
        """Messages to truncate, with their played duration in ms."""
        self._cut_playing: _PlayingMessage | None = None
        """The message that played when it was cut."""
        self._page: _PageReport | None = None
        """The latest report of the page; None for a page that does not report."""
        self._unfinished: str | None = None
        """The response that the model still generates, so that its audio may pause."""
        self._unclaimed: str | None = None
        """A message whose response is not known, since it began while no server was attached."""
        self._gap_at_ms: float | None = None
        """Time of a loss of the sideband, since which no start or end of audio was reported; None without one."""

    def on_delay(self, buffer_ms: int) -> None:
        """Note the time that audio needs to the page's player."""
        self.buffer_ms = buffer_ms

    def on_message_added(self, response_id: str, item_id: str) -> None:
        """Note the message of a response: the service announces audio by the response's id."""
        self._waiting.setdefault(response_id, item_id)
        self._unfinished = response_id

    def on_response_done(self, response_id: str) -> None:
        """Note that a response is generated: the service reports the end of its audio."""
        if self._unfinished == response_id:
            self._unfinished = None

    def on_sideband_lost(self, now_ms: float) -> None:
        """Expect no more words: audio may play that the call knows nothing of."""
        self._unfinished, self._gap_at_ms = None, now_ms

    def on_server_changed(self, now_ms: float) -> None:
        """Note that nobody was attached to the session until now, so that reports may be missing."""
        self._gap_at_ms = now_ms

    def on_message_found(self, item_id: str) -> None:
        """Note a message that the session got while no server was attached. Its audio may play already."""
        self._unclaimed = item_id

    def on_start_missed(self, now_ms: float) -> str | None:
        """Note that the page hears the agent, though nothing plays by the service's reports.

        Returns:
            The id of the message that plays since now, as far as it is known; None if no message was expected.
        """
        if self._gap_at_ms is None or self._playing is not None:
            return None
        response_id, item_id = self._expected
        if item_id is None:
            return None
        self._waiting.pop(response_id, None)
        self._unclaimed = None
        self._playing = _PlayingMessage(item_id, response_id, now_ms)
        return item_id

    @property
    def _expected(self) -> tuple[str, str | None]:
        """The response and the message that play next; None without a message."""
        return next(iter(self._waiting.items()), ("", self._unclaimed))

    @property
    def unsettled_item(self) -> str | None:
        """The message that plays or may have been played while no server was attached."""
        if self._gap_at_ms is None:
            return None
        return self._playing.item_id if self._playing is not None else self._expected[1]

    def stop_missed_at_ms(self, now_ms: float, estimate_ms: float) -> float | None:
        """Return the time at which the end of the audio counts as missed; None if the service will report it.

        Args:
            now_ms: the current time.
            estimate_ms: estimated duration of the message `unsettled_item`.
        """
        if self._gap_at_ms is None or self._unfinished is not None:
            return None
        since_ms = self._gap_at_ms if self._playing is None else self._playing.started_at_ms
        if self._page is None:
            return since_ms + estimate_ms + MISSED_STOP_MARGIN_MS
        return None if self._page.audible else max(self._page.since_ms, since_ms) + MISSED_STOP_SILENCE_MS

    def on_stop_missed(self, now_ms: float) -> PlayedAudio | None:
        """Note that the audio has ended without a report.

        Returns:
            The message with its duration; None if its start was missed, too.
        """
        ended_at_ms = now_ms
        if self._page is not None and self._playing is not None:
            ended_at_ms = max(self._page.since_ms, self._playing.started_at_ms)
        self._waiting.clear()
        self._unclaimed = None
        return self.on_stopped(ended_at_ms)

    def on_stop_reported(self, response_id: str) -> None:
        """Expect no audio of a response that has been played, also if its start was missed."""
        if self._gap_at_ms is not None:
            self._waiting.pop(response_id, None)
            self._unclaimed = None

    def on_started(self, response_id: str, now_ms: float) -> str | None:
        """Note the start of a response's audio.

        Returns:
            The id of the response's message; None for an unknown response.
        """
        self._gap_at_ms = None
        item_id = self._waiting.get(response_id)
        if item_id is None and self._unclaimed is not None:
            self._waiting[response_id] = item_id = self._unclaimed
        self._unclaimed = None
        if item_id is not None:
            for earlier in list(self._waiting):  # responses play in order: those before it are played, or never will be
                del self._waiting[earlier]
                if earlier == response_id:
                    break
            self._playing = _PlayingMessage(item_id, response_id, now_ms)
        return item_id

    def on_response_cancelled(self, response_id: str) -> None:
        """Expect no audio of a cancelled response that has not started to play."""
        self._waiting.pop(response_id, None)

    def on_stopped_after_cut(self, response_id: str) -> bool:
        """Note that all audio of a message was played just before it was cut, so that nothing is to be truncated.

        Returns:
            True if that concerns the message that was cut last.
        """
        cut = self._cut_playing
        if cut is None or cut.response_id != response_id or cut.item_id not in self._cut:
            return False
        del self._cut[cut.item_id]
        return True

    def on_stopped(self, now_ms: float) -> PlayedAudio | None:
        """Note that all audio of a response was played, and return its message with the duration."""
        self._gap_at_ms = None
        ended, self._playing = self._playing, None
        if ended is None:
            return None
        if self._lost_since_ms is not None:
            self._maybe_unheard[ended.item_id] = self._played_ms(ended, now_ms)
        return PlayedAudio(ended.item_id, round(now_ms - ended.started_at_ms))

    @property
    def playing(self) -> bool:
        """True if the agent's audio plays now."""
        return self._playing is not None

    def on_page_report(self, *, audible: bool, since_ms: float) -> None:
        """Note that the page has heard the agent, or not, since `since_ms`, a time of the playout's clock."""
        self._page = _PageReport(audible, since_ms)

    def ends_at_ms(self, now_ms: float, estimate_ms: float) -> float | None:
        """Return the time at which the agent's audio ends; None without a message that plays.

        It is now while audio plays, and earlier if silence has followed in the middle of the message.

        Args:
            now_ms: the current time.
            estimate_ms: estimated duration of the words so far of the message that plays.
        """
        playing = self._playing
        if playing is None:
            return None
        if self._page is not None:
            return now_ms if self._page.audible else max(self._page.since_ms, playing.started_at_ms)
        return playing.started_at_ms + estimate_ms if playing.response_id == self._unfinished else now_ms

    @property
    def playing_item(self) -> str | None:
        """The message that plays now."""
        return self._playing.item_id if self._playing else None

    @property
    def has_unplayed(self) -> bool:
        """True if the agent's audio plays now, or waits for its playout."""
        return self._playing is not None or bool(self._waiting)

    @property
    def maybe_unheard(self) -> bool:
        """True if a message ended while the page was lost."""
        return bool(self._maybe_unheard)

    def on_page_lost(self, now_ms: float) -> None:
        """Note that the page's socket is down: audio from now on may not be heard."""
        self._lost_since_ms = now_ms

    def on_page_back(self) -> None:
        """Note that the page is back with the same connection, so it has heard everything."""
        self._lost_since_ms = None
        self._maybe_unheard.clear()
        self._page = None  # its report follows

    def cut(self, now_ms: float) -> str | None:
        """Cut the message that plays now and the messages that wait.

        Returns:
            The id of the first message to truncate, or None.
        """
        self._cut.update(self._maybe_unheard)
        self._maybe_unheard.clear()
        if self._playing is not None:
            self._cut[self._playing.item_id] = self._played_ms(self._playing, now_ms)
            self._cut_playing, self._playing = self._playing, None
        for item_id in self._waiting.values():
            self._cut[item_id] = 0
        self._waiting.clear()
        return next(iter(self._cut), None)

    def on_truncated(self, item_id: str) -> bool:
        """Note that the service has truncated a message by itself.

        Returns:
            True if no other message waits to be truncated.
        """
        if self._playing is not None and self._playing.item_id == item_id:
            self._playing = None
        self._waiting = {response: waiting for response, waiting in self._waiting.items() if waiting != item_id}
        self._cut.pop(item_id, None)
        return not self._cut

    @property
    def has_truncations(self) -> bool:
        """True if messages wait to be truncated."""
        return bool(self._cut)

    def take_truncations(self) -> list[PlayedAudio]:
        """Return the played durations of the cut messages that the service did not truncate, and forget them."""
        cut, self._cut = self._cut, {}
        return [PlayedAudio(item_id, ms) for item_id, ms in cut.items()]

    def _played_ms(self, message: _PlayingMessage, now_ms: float) -> int:
        until_ms = now_ms if self._lost_since_ms is None else min(now_ms, self._lost_since_ms)
        return max(0, int(until_ms - message.started_at_ms - self.buffer_ms))
