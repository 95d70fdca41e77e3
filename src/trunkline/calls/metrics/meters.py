"""The call's meters: the latency and cost of each answer, read from the log and written into it.

A pure reader: it gets every entry as it is appended, and returns the events to append after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from trunkline.calls import log, log_events
from trunkline.calls.metrics.latency import LATENCY_KINDS, LatencyMeter
from trunkline.calls.metrics.prices import PriceTable
from trunkline.realtime.events import Event
from trunkline.scenario.text_model import TextReply

_NOTHING: Sequence[log_events.LogEventUnion] = ()
_TRANSCRIBED = "conversation.item.input_audio_transcription.completed"
_WITH_USAGE = frozenset({"response.done", _TRANSCRIBED})
METERED_KINDS: frozenset[log.Kind] = LATENCY_KINDS | {
    log_events.WireReceived,
    log_events.WireSent,
    log_events.CallStarted,
    log_events.ModelChanged,
}
"""The events of the log that `Meters` read; others change nothing."""


class Meters:
    """Measures one call.

    Args:
        prices: the prices of models; the built-in list by default.
    """

    def __init__(self, prices: PriceTable | None = None) -> None:
        self._prices = prices or PriceTable()
        self._latency = LatencyMeter()
        self._model = ""
        self._transcription_model = ""
        self._metered: set[str] = set()
        """Ids of metered responses and transcriptions, since a service may report one twice."""
        self._total = log_events.Tokens()
        self._total_cost: float | None = None
        self._total_seconds = 0.0

    def read(self, entry: log.Entry) -> Sequence[log_events.LogEventUnion]:
        """Read the next entry of the log. Return the events to append after it."""
        event = entry.event
        if type(event) is log_events.WireReceived:  # quicker than `match`, for each event of the log
            used = self._used(event.event) if event.event["type"] in _WITH_USAGE else None
            return _NOTHING if used is None else (used,)
        if type(event) in LATENCY_KINDS:
            measured = self._latency.read(entry)
            return _NOTHING if measured is None else (measured,)
        if type(event) is log_events.WireSent:
            if event.event["type"] == "session.update":
                self._configured(event.event)
        elif isinstance(event, log_events.CallStarted | log_events.ModelChanged):
            self._model = event.model
        return _NOTHING

    def text_reply(self, purpose: str, reply: TextReply) -> Sequence[log_events.LogEventUnion]:
        """Count a reply of a text model to a request for a purpose. Return the events to append for it."""
        if not reply.usage:
            return _NOTHING
        return (self._meter("text", reply.model, text_tokens(reply.usage), purpose=purpose),)

    def _used(self, event: Event) -> log_events.UsageUpdated | None:
        """Return the usage that an event from the model reports for the first time, None for any other event."""
        if event["type"] == "response.done":
            response = event.get("response")
            if not isinstance(response, dict) or not self._is_new(response.get("id")):
                return None
            usage = response.get("usage")
            if not isinstance(usage, dict):
                return None
            return self._meter("response", self._model, realtime_tokens(usage), item_id=_message_in(response))
        if event["type"] == _TRANSCRIBED:
            usage, item_id = event.get("usage"), event.get("item_id")
            if not isinstance(usage, dict) or not self._is_new(item_id):
                return None
            seconds = usage.get("seconds")
            audio_s = float(seconds) if isinstance(seconds, int | float) else 0.0
            return self._meter(
                "transcription", self._transcription_model, transcription_tokens(usage), audio_s, item_id
            )
        return None

    def _is_new(self, id_: object) -> bool:
        if not isinstance(id_, str) or id_ in self._metered:
            return False
        self._metered.add(id_)
        return True

    def _meter(
        self,
        source: Literal["response", "transcription", "text"],
        model: str,
        tokens: log_events.Tokens,
        seconds: float = 0.0,
        item_id: str | None = None,
        purpose: str | None = None,
    ) -> log_events.UsageUpdated:
        cost = self._prices.cost(model, tokens, seconds)
        if cost is not None:
            self._total_cost = (self._total_cost or 0.0) + cost
        self._total = _sum(self._total, tokens)
        self._total_seconds += seconds
        return log_events.UsageUpdated(
            source=source,
            model=model,
            tokens=tokens,
            total=self._total,
            cost=_rounded(cost),
            total_cost=_rounded(self._total_cost),
            item_id=item_id,
            purpose=purpose,
            seconds=round(seconds, 3),
            total_seconds=round(self._total_seconds, 3),
        )

    def _configured(self, event: Event) -> None:
        audio_input = ((event.get("session") or {}).get("audio") or {}).get("input") or {}
        model = (audio_input.get("transcription") or {}).get("model")
        if isinstance(model, str):
            self._transcription_model = model


# Reading usage ------------------------------------------------------------------------------------------------------
def realtime_tokens(usage: Mapping[str, object]) -> log_events.Tokens:
    """Read the `usage` of a `response.done`. Without details, all tokens count as text."""
    inputs = _details(usage, "input_token_details")
    outputs = _details(usage, "output_token_details")
    input_audio, output_audio = _count(inputs, "audio_tokens"), _count(outputs, "audio_tokens")
    input_text = _count(inputs, "text_tokens") or max(0, _count(usage, "input_tokens") - input_audio)
    output_text = _count(outputs, "text_tokens") or max(0, _count(usage, "output_tokens") - output_audio)
    cached = _details(inputs, "cached_tokens_details")
    cached_audio = _count(cached, "audio_tokens")
    cached_text = _count(cached, "text_tokens")
    if not cached:  # there is only a sum: text is cached first
        cached_text = min(_count(inputs, "cached_tokens"), input_text)
        cached_audio = min(_count(inputs, "cached_tokens") - cached_text, input_audio)
    return log_events.Tokens(input_text, input_audio, cached_text, cached_audio, output_text, output_audio)


def transcription_tokens(usage: Mapping[str, object]) -> log_events.Tokens:
    """Read the `usage` of a finished transcription; zero tokens if the service bills by time."""
    inputs = _details(usage, "input_token_details")
    text = _count(inputs, "text_tokens")
    audio = _count(inputs, "audio_tokens") or max(0, _count(usage, "input_tokens") - text)
    return log_events.Tokens(input_text=text, input_audio=audio, output_text=_count(usage, "output_tokens"))


def text_tokens(usage: Mapping[str, object]) -> log_events.Tokens:
    """Read the `usage` of a reply over the Responses API."""
    return log_events.Tokens(
        input_text=_count(usage, "input_tokens"),
        cached_text=_count(_details(usage, "input_tokens_details"), "cached_tokens"),
        output_text=_count(usage, "output_tokens"),
    )


def _details(usage: Mapping[str, object], name: str) -> Mapping[str, object]:
    details = usage.get(name)
    return details if isinstance(details, dict) else {}


def _count(usage: Mapping[str, object], name: str) -> int:
    count = usage.get(name)
    return max(0, count) if isinstance(count, int) else 0


def _message_in(response: Event) -> str | None:
    """Return the id of a response's first message, None without one."""
    for item in response.get("output") or ():
        if isinstance(item, dict) and item.get("type") == "message" and isinstance(item.get("id"), str):
            return str(item["id"])
    return None


def _sum(one: log_events.Tokens, other: log_events.Tokens) -> log_events.Tokens:
    return log_events.Tokens(
        one.input_text + other.input_text,
        one.input_audio + other.input_audio,
        one.cached_text + other.cached_text,
        one.cached_audio + other.cached_audio,
        one.output_text + other.output_text,
        one.output_audio + other.output_audio,
    )


def _rounded(dollars: float | None) -> float | None:
    """Round to a millionth of a cent, so that sums of fractions stay readable."""
    return None if dollars is None else round(dollars, 8)
