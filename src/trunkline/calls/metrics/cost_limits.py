"""Limits of cost: in US dollars or tokens, for each call and for a day. A call at its limit ends with a goodbye."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from trunkline.calls.log_events import Tokens, UsageUpdated


@dataclass(frozen=True)
class CostLimits:
    """Limits of the usage that the log reports: responses, transcription and text models. None means no limit.

    Attributes:
        call_usd: the cost of one call, in US dollars.
        call_tokens: the tokens of one call, input and output.
        day_usd: the cost of all calls of the deployment in one day (UTC), in US dollars.
        day_tokens: the tokens of all calls of the deployment in one day.
    """

    call_usd: float | None = None
    call_tokens: int | None = None
    day_usd: float | None = None
    day_tokens: int | None = None

    @property
    def need_prices(self) -> bool:
        """True if a limit is in money, so that a model without a price is not limited by it."""
        return self.call_usd is not None or self.day_usd is not None

    @property
    def has_day_limit(self) -> bool:
        """True if the usage of a day is limited."""
        return self.day_usd is not None or self.day_tokens is not None


@dataclass(frozen=True)
class DayUsage:
    """The usage of one day (UTC): the cost in US dollars, and the tokens."""

    day: date
    usd: float = 0.0
    tokens: int = 0


NO_COST_LIMITS = CostLimits()


def _now() -> datetime:
    return datetime.now(UTC)


class DayBudget:
    """The usage of all calls of this process on the current day (UTC), and of the other servers. A restart forgets it.

    Args:
        now: returns the time, with its zone.
    """

    def __init__(self, limits: CostLimits = NO_COST_LIMITS, now: Callable[[], datetime] = _now) -> None:
        self.limits = limits
        self._now = now
        self._own = self._elsewhere = DayUsage(now().date())

    def add(self, usage: UsageUpdated) -> None:
        """Count the usage of an event."""
        own = self.usage
        self._own = DayUsage(own.day, own.usd + (usage.cost or 0.0), own.tokens + token_count(usage.tokens))

    @property
    def usage(self) -> DayUsage:
        """The usage of this process today."""
        if (today := self._now().date()) != self._own.day:
            self._own = DayUsage(today)
        return self._own

    def count_elsewhere(self, usage: DayUsage) -> None:
        """Count the usage of the other servers, in place of the former report."""
        self._elsewhere = usage

    @property
    def is_spent(self) -> bool:
        """True if the limit of the day is reached."""
        if not self.limits.has_day_limit:
            return False
        own = self.usage
        other = self._elsewhere if self._elsewhere.day == own.day else DayUsage(own.day)
        usd, tokens = own.usd + other.usd, own.tokens + other.tokens
        return _reached(usd, self.limits.day_usd) or _reached(tokens, self.limits.day_tokens)

    @property
    def seconds_left(self) -> float:
        """The time until the next day begins, in seconds."""
        now = self._now()
        midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return (midnight - now).total_seconds()


class CallBudget:
    """The budget of one call, with that of the day."""

    def __init__(self, day: DayBudget) -> None:
        self._day = day
        self._limits = day.limits
        self._is_spent = False

    def add(self, usage: UsageUpdated) -> str | None:
        """Count the usage of an event. Return the reason to end the call once it has no budget left, else None."""
        self._day.add(usage)
        reason = self._reason(usage)
        if reason is None or self._is_spent:
            return None
        self._is_spent = True
        return reason

    def _reason(self, usage: UsageUpdated) -> str | None:
        limits = self._limits
        if _reached(usage.total_cost or 0.0, limits.call_usd):
            return f"the call reached its cost limit of {limits.call_usd:g} US dollars"
        if _reached(token_count(usage.total), limits.call_tokens):
            return f"the call reached its limit of {limits.call_tokens} tokens"
        return "the cost limit of the day is reached" if self._day.is_spent else None


def token_count(tokens: Tokens) -> int:
    """Return the sum of input and output. Cached tokens are part of the input."""
    return tokens.input_text + tokens.input_audio + tokens.output_text + tokens.output_audio


def _reached(used: float, limit: float | None) -> bool:
    return limit is not None and used >= limit
