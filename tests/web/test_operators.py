"""The operator's side of a server: readiness, metrics, and lines about refused clients."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.calls.model_fake import FakeModel
from tests.web.web_server import SCENARIO, Client, client, listening, own_settings, serving
from trunkline.calls import log, log_events
from trunkline.listener.refusals import Refusals
from trunkline.providers import ProviderError
from trunkline.web import create_app, server_state
from trunkline.web.prometheus import MAX_LABELS, READ_KINDS, ServerMetrics

TOKEN = "correct-horse-battery-staple"


async def ready(caller: Client) -> tuple[int, dict[str, object]]:
    response = await caller.http.get("/api/ready")
    return response.status_code, response.json()


async def scraped(caller: Client) -> dict[str, float]:
    """Return the samples of `/metrics`, by name and labels."""
    text = (await caller.http.get("/metrics")).text
    return {
        sample.name + "".join(f",{name}={value}" for name, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_a_server_is_ready_once_its_scenarios_are_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller:
        await caller.http.get("/api/scenarios")
        assert await ready(caller) == (200, {"status": "ready"})


async def test_a_server_without_a_provider_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    async def create_provider(*_: Any) -> FakeModel:
        raise ProviderError("Azure needs a key.", retry=False)

    monkeypatch.setattr(server_state, "create_provider", create_provider)
    async with listening(create_app([str(SCENARIO)], own_settings())) as url, client(url, FakeModel()) as caller:
        await caller.http.get("/api/scenarios")
        assert await ready(caller) == (503, {"status": "not ready", "reasons": ["no_provider"]})
        assert (await caller.http.get("/api/health")).status_code == 200


async def test_a_full_server_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, max_calls=1) as caller:
        started = await caller.starts()
        assert await ready(caller) == (503, {"status": "not ready", "reasons": ["full"]})
        await caller.http.delete(f"/api/calls/{started['call_id']}?leg={started['leg_id']}")
        async with asyncio.timeout(5):
            while (await ready(caller))[0] != 200:  # noqa: ASYNC110 - a client can only ask
                await asyncio.sleep(0.01)


async def test_readiness_needs_no_token_and_metrics_do(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, token=TOKEN) as caller:
        await caller.http.get("/api/scenarios", headers={"authorization": f"Bearer {TOKEN}"})
        assert await ready(caller) == (200, {"status": "ready"})
        assert (await caller.http.get("/metrics")).status_code == 401


async def test_the_metrics_of_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller, caller.calling():
        found = await scraped(caller)
    assert found["trunkline_calls_running"] == 1
    assert found["trunkline_calls_started_total,scenario=web"] == 1
    assert found["trunkline_turns_total,after=greeting"] == 1
    assert found["trunkline_turn_latency_seconds_count,after=greeting"] == 1
    assert any(name.startswith("trunkline_turn_latency_part_seconds_count,part=") for name in found)
    assert found["trunkline_ready"] == 1
    assert found["trunkline_connections"] >= 2
    assert found["trunkline_open_descriptors"] > 5
    assert found["trunkline_descriptors_limit"] > found["trunkline_open_descriptors"]
    assert found["trunkline_logs_bytes"] > 100
    assert found["trunkline_queued_bytes"] >= 0
    assert found["trunkline_tool_threads,state=left_over"] >= 0
    assert "trunkline_loop_delay_seconds" in found


def test_errors_tools_tokens_and_links_are_counted() -> None:
    metrics = ServerMetrics(())
    tape = log.Log(lambda: 0.0)
    tape.subscribe(metrics.read, *READ_KINDS)
    tokens = log_events.Tokens(input_text=5, output_audio=7)
    for event in (
        log_events.CallError(message="busy", code="rate_limit_exceeded", source="provider"),
        log_events.ToolDone(call_id="c", name="weigh", duration_ms=100),
        log_events.ToolDone(call_id="c", name="weigh", duration_ms=100, error="KeyError"),
        log_events.UsageUpdated(source="response", model="gpt", tokens=tokens, total=tokens, cost=0.5),
        log_events.LinkLost(reason="gone"),
        log_events.LinkRestored(attempts=1, lost_for_ms=5),
        log_events.TurnStalled(reason="model", silent_ms=5000),
        log_events.GuardrailChecked(item_id="i", guardrail="polite", status="fail"),
        log_events.CallEnded(reason="done"),
    ):
        tape.append(event)
    text = metrics.page()[0].decode()
    for sample in (
        'trunkline_errors_total{code="rate_limit_exceeded",source="provider"} 1.0',
        'trunkline_tool_seconds_count{outcome="done",tool="weigh"} 1.0',
        'trunkline_tool_seconds_count{outcome="failed",tool="weigh"} 1.0',
        'trunkline_tokens_total{kind="output_audio",model="gpt"} 7.0',
        'trunkline_cost_dollars_total{model="gpt"} 0.5',
        "trunkline_links_lost_total 1.0",
        "trunkline_links_restored_total 1.0",
        'trunkline_turns_stalled_total{waits_for="model"} 1.0',
        'trunkline_guardrail_trips_total{guardrail="polite"} 1.0',
        "trunkline_calls_ended_total 1.0",
    ):
        assert sample in text


def test_names_from_outside_cannot_make_ever_more_series() -> None:
    metrics = ServerMetrics(())
    tape = log.Log(lambda: 0.0)
    tape.subscribe(metrics.read, *READ_KINDS)
    for number in range(3 * MAX_LABELS):
        tape.append(log_events.ToolDone(call_id="c", name=f"tool_{number}", duration_ms=1, error="unknown"))
    tape.append(log_events.ToolDone(call_id="c", name='x"} 1\nforged', duration_ms=1))
    text = metrics.page()[0].decode()
    assert text.count("trunkline_tool_seconds_count{") == MAX_LABELS + 2
    assert "forged" not in text


# Refused clients ----------------------------------------------------------------------------------------------------
async def test_wrong_tokens_and_rates_are_logged_with_the_clients_address(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    headers = {"x-forwarded-for": "192.0.2.7"}
    async with serving(monkeypatch, token=TOKEN, trusted_proxies=["127.0.0.1"], client_calls_per_minute=1) as caller:
        await caller.http.get("/api/scenarios", headers={**headers, "authorization": "Bearer wrong"})
        await caller.http.post("/sign-in", data={"token": "wrong"}, headers=headers)
        for _ in range(3):
            json = {"scenario": "web"}
            await caller.http.post("/api/calls", json=json, headers={**headers, "authorization": f"Bearer {TOKEN}"})
    lines = [record.getMessage() for record in caplog.records if record.name == "trunkline.web.access"]
    assert lines == [
        "access.refused client=192.0.2.7 reason=wrong_token detail=bearer",
        'access.refused client=192.0.2.7 reason=wrong_token detail="sign-in page"',
        'access.refused client=192.0.2.7 reason=rate detail="Too many calls were started"',
    ]


def test_a_flood_of_refusals_is_one_line_a_minute_for_each_client(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    refusals = Refusals(lambda: now)
    for _ in range(1000):
        refusals.add("rate", "192.0.2.7")
    refusals.add("rate", "192.0.2.8")
    now = 61.0
    refusals.add("rate", "192.0.2.7")
    assert refusals.counts["rate"] == 1002
    assert len(caplog.records) == 3
