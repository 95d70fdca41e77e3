"""The configuration of metrics: prices, and the content of traces."""

from __future__ import annotations

from dataclasses import dataclass, field

from trunkline.calls.metrics.prices import PriceTable
from trunkline.settings import Settings


@dataclass(frozen=True)
class MetricsConfig:
    """The metrics settings of calls.

    Attributes:
        prices: the prices of models.
        trace_content: True puts the words of the call, and the arguments and results of tools, into spans.
    """

    prices: PriceTable = field(default_factory=PriceTable)
    trace_content: bool = False


def metrics_config_from(settings: Settings) -> MetricsConfig:
    """Return the metrics configuration that the settings give.

    Raises:
        PriceError: the price table cannot be read.
    """
    prices = PriceTable() if settings.prices is None else PriceTable.read(settings.prices.expanduser())
    return MetricsConfig(prices, settings.trace_content)


DEFAULT_METRICS = MetricsConfig()
"""List prices, and traces without content."""
