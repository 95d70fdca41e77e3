"""What a call's meters need to know that no log tells."""

from __future__ import annotations

from dataclasses import dataclass, field

from trunkline.calls.metrics.prices import PriceTable
from trunkline.settings import Settings


@dataclass(frozen=True)
class MetricsConfig:
    """How calls are measured.

    Attributes:
        prices: what models cost.
        trace_content: whether OpenTelemetry spans carry what was said, and the arguments and results of tools.
    """

    prices: PriceTable = field(default_factory=PriceTable)
    trace_content: bool = False


def metrics_config_from(settings: Settings) -> MetricsConfig:
    """What the settings give.

    Raises:
        PriceError: the table of prices cannot be read.
    """
    prices = PriceTable() if settings.prices is None else PriceTable.read(settings.prices.expanduser())
    return MetricsConfig(prices, settings.trace_content)


DEFAULT_METRICS = MetricsConfig()
"""By list prices, with nothing of what was said in traces."""
