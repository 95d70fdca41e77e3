"""The configuration of metrics: prices, limits of cost, and the content of traces."""

from __future__ import annotations

from dataclasses import dataclass, field

from trunkline.calls.metrics.cost_limits import NO_COST_LIMITS, CostLimits
from trunkline.calls.metrics.prices import PriceTable
from trunkline.settings import Settings


@dataclass(frozen=True)
class MetricsConfig:
    """The metrics settings of calls.

    Attributes:
        prices: the prices of models.
        cost_limits: the limits of cost, for each call and for a day.
        trace_content: True puts the words of the call, and the arguments and results of tools, into spans.
    """

    prices: PriceTable = field(default_factory=PriceTable)
    trace_content: bool = False
    cost_limits: CostLimits = NO_COST_LIMITS


def metrics_config_from(settings: Settings) -> MetricsConfig:
    """Return the metrics configuration that the settings give.

    Raises:
        PriceError: the price table cannot be read.
    """
    prices = PriceTable() if settings.prices is None else PriceTable.read(settings.prices.expanduser())
    limits = CostLimits(
        call_usd=settings.max_call_usd,
        call_tokens=settings.max_call_tokens,
        day_usd=settings.max_day_usd,
        day_tokens=settings.max_day_tokens,
    )
    return MetricsConfig(prices, settings.trace_content, limits)


DEFAULT_METRICS = MetricsConfig()
"""List prices, and traces without content."""
