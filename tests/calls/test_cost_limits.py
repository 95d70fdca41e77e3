"""Limits of cost: a call at its limit ends with a goodbye, and no call starts after the limit of the day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.calls.call_driver import call, items_of
from tests.calls.call_harness import Caller, scenario
from tests.calls.model_fake import FakeModel
from trunkline.calls import log_events
from trunkline.calls.log_events import Tokens, UsageUpdated
from trunkline.calls.machine import inputs
from trunkline.calls.metrics.config import MetricsConfig, metrics_config_from
from trunkline.calls.metrics.cost_limits import CallBudget, CostLimits, DayBudget
from trunkline.calls.metrics.prices import Price, PriceTable
from trunkline.calls.registry import BudgetSpentError, CallRegistry
from trunkline.calls.time_limits import CallTimeLimits
from trunkline.settings import Settings
from trunkline.testing.virtual_time import in_virtual_time

pytestmark = pytest.mark.pure
MODEL = "model of bench"


def usage(tokens: int, *, total: int | None = None, cost: float | None = None, total_cost: float | None = None) -> Any:
    return UsageUpdated(
        source="response",
        model=MODEL,
        tokens=Tokens(input_text=tokens),
        total=Tokens(input_audio=total or tokens),
        cost=cost,
        total_cost=total_cost,
    )


# Budgets --------------------------------------------------------------------------------------------------------------
def test_a_call_has_a_budget_of_tokens() -> None:
    budget = CallBudget(DayBudget(CostLimits(call_tokens=1000)))
    assert budget.add(usage(600, total=600)) is None
    assert budget.add(usage(400, total=1000)) == "the call reached its limit of 1000 tokens"
    assert budget.add(usage(100, total=1100)) is None  # it ends already


def test_a_call_has_a_budget_of_money() -> None:
    budget = CallBudget(DayBudget(CostLimits(call_usd=0.5)))
    assert budget.add(usage(1, cost=0.3, total_cost=0.3)) is None
    assert budget.add(usage(1, cost=0.3, total_cost=0.6)) == "the call reached its cost limit of 0.5 US dollars"


@pytest.mark.parametrize("limits", [CostLimits(day_tokens=1000), CostLimits(day_usd=1.0)])
def test_the_budget_of_a_day_counts_all_calls_and_begins_again_at_midnight(limits: CostLimits) -> None:
    now = datetime(2026, 11, 30, 23, 59, 30, tzinfo=UTC)
    clock = [now]
    day = DayBudget(limits, lambda: clock[0])
    one, other = CallBudget(day), CallBudget(day)
    assert one.add(usage(600, cost=0.6)) is None
    assert other.add(usage(600, cost=0.6)) == "the cost limit of the day is reached"
    assert day.is_spent
    assert day.seconds_left == 30
    clock[0] = now + timedelta(seconds=31)
    assert not day.is_spent


def test_the_settings_set_the_limits() -> None:
    given = Settings(max_call_usd=1.5, max_call_tokens=2000, max_day_usd=20, max_day_tokens=30_000, _env_file=None)  # type: ignore[call-arg]  # pydantic-settings takes it
    assert metrics_config_from(given).cost_limits == CostLimits(1.5, 2000, 20, 30_000)


# The end of a call ----------------------------------------------------------------------------------------------------
def test_a_call_without_budget_ends_after_a_goodbye() -> None:
    driver = call()
    driver.feed(inputs.BudgetSpent("the call reached its limit of 1000 tokens"))
    assert "Say goodbye in one short sentence" in items_of(driver.sent)[0]
    assert driver.requests == 1
    driver.answers("Goodbye.")
    assert driver.ended is None
    driver.wait(1000)
    assert driver.ended == "the call reached its limit of 1000 tokens"


def test_the_agent_finishes_its_words_before_the_goodbye() -> None:
    driver = call()
    driver.types("A story, please.")
    driver.confirms_items()
    driver.response_created()
    driver.feed(inputs.BudgetSpent("spent"))
    assert not driver.sent_of("response.cancel")
    driver.agent_says("Once upon a time.", audio_ms=2000)
    driver.response_done()
    driver.confirms_items()
    assert driver.requests == 2


def uses_600_tokens(model: FakeModel) -> None:
    connection = model.now
    connection.emit("response.created", response={"id": "resp_9", "status": "in_progress"})
    tokens = {"input_tokens": 400, "output_tokens": 200}
    connection.emit("response.done", response={"id": "resp_9", "status": "cancelled", "usage": tokens})


@in_virtual_time
async def test_the_usage_of_a_call_ends_it_and_the_days_usage_prevents_others() -> None:
    metrics = MetricsConfig(cost_limits=CostLimits(call_tokens=500, day_tokens=600))
    async with CallRegistry(time_limits=CallTimeLimits(), metrics=metrics) as registry:
        model = FakeModel()
        caller = Caller(registry.start(scenario(), model, agent=None, transport="websocket"), model)
        await caller.greeted()
        uses_600_tokens(model)
        await caller.until(lambda: caller.call.is_over)
        ended = caller.logged(log_events.CallEnded)[0]
        assert ended.reason == "the call reached its limit of 500 tokens"
        assert caller.answers()[-1].startswith("You said: The call's time is up. Say goodbye")
        with pytest.raises(BudgetSpentError, match="The cost limit of the day is reached") as caught:
            registry.start(scenario(), FakeModel(), agent=None, transport="websocket")
        assert 0 < caught.value.seconds_left <= 86_400


@in_virtual_time
@pytest.mark.parametrize(
    ("limits", "prices", "notices"),
    [
        (CostLimits(call_usd=1.0), PriceTable(), ["no_price"]),
        (CostLimits(call_usd=1.0), PriceTable({MODEL: Price(input_text=1.0)}), []),
        (CostLimits(call_tokens=1000), PriceTable(), []),
    ],
)
async def test_a_model_without_a_price_is_reported_if_a_limit_is_in_money(
    limits: CostLimits, prices: PriceTable, notices: list[str]
) -> None:
    metrics = MetricsConfig(prices=prices, cost_limits=limits)
    async with CallRegistry(time_limits=CallTimeLimits(), metrics=metrics) as registry:
        call_ = registry.start(scenario(), FakeModel(), agent=None, transport="websocket")
        logged = [entry.event for entry in call_.log.since(0)]
        assert [event.code for event in logged if isinstance(event, log_events.Notice)] == notices
