"""Usage and cost of a call, metered from the log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trunkline.calls import log, log_events
from trunkline.calls.metrics.meters import Meters
from trunkline.calls.metrics.prices import LIST_PRICES, LIST_PRICES_DATE, Price, PriceError, PriceTable
from trunkline.scenario.text_model import TextReply

MINI = "gpt-realtime-2.1-mini"
USAGE = {
    "total_tokens": 1300,
    "input_tokens": 1000,
    "output_tokens": 300,
    "input_token_details": {
        "text_tokens": 600,
        "audio_tokens": 400,
        "cached_tokens": 320,
        "cached_tokens_details": {"text_tokens": 256, "audio_tokens": 64},
    },
    "output_token_details": {"text_tokens": 60, "audio_tokens": 240},
}


class Metered:
    """The meters of a call on `model`."""

    def __init__(self, model: str = MINI, prices: PriceTable | None = None) -> None:
        self._meters = Meters(prices)
        self._log = log.Log(lambda: 0.0)
        self.read(
            log_events.CallStarted(
                call_id="c", scenario="s", agent="a", transport="websocket", provider="p", model=model, started_at=""
            )
        )

    def read(self, event: log_events.LogEventUnion) -> list[Any]:
        return list(self._meters.read(self._log.append(event)))

    def response(self, usage: object, response_id: str = "r1", **fields: Any) -> list[Any]:
        response = {"id": response_id, "status": "completed", "usage": usage, "output": [], **fields}
        return self.read(log_events.WireReceived(event={"type": "response.done", "response": response}))

    def transcribed(self, usage: object, item_id: str = "s1") -> list[Any]:
        kind = "conversation.item.input_audio_transcription.completed"
        return self.read(
            log_events.WireReceived(event={"type": kind, "item_id": item_id, "transcript": "", "usage": usage})
        )

    def transcribes_with(self, model: str) -> None:
        session = {"audio": {"input": {"transcription": {"model": model}}}}
        assert self.read(log_events.WireSent(event={"type": "session.update", "session": session})) == []

    def text_reply(self, model: str, usage: dict[str, Any]) -> list[Any]:
        return list(self._meters.text_reply("eligibility", TextReply("", model=model, usage=usage)))


def test_a_responses_tokens_are_counted_by_kind_and_priced() -> None:
    [used] = Metered().response(USAGE, output=[{"type": "function_call", "id": "f"}, {"type": "message", "id": "m1"}])
    assert used.tokens == log_events.Tokens(600, 400, 256, 64, 60, 240)
    assert (used.source, used.model, used.item_id) == ("response", MINI, "m1")
    # 344 text at 0.60, 256 cached at 0.06, 336 audio at 10, 64 cached at 0.30, 60 text at 2.40, 240 audio at 20
    assert used.cost == pytest.approx((206.4 + 15.36 + 3360 + 19.2 + 144 + 4800) / 1e6, abs=1e-8)
    assert used.total_cost == used.cost


def test_responses_of_the_fallback_model_have_its_price() -> None:
    call = Metered()
    call.read(log_events.ModelChanged(model="gpt-realtime-2.1", previous=MINI, reason="2 responses failed in a row"))
    [used] = call.response(USAGE)
    assert used.model == "gpt-realtime-2.1"


def test_each_event_has_the_calls_totals() -> None:
    call = Metered()
    [first] = call.response(USAGE, "r1")
    [second] = call.response(USAGE, "r2", status="cancelled")
    assert second.total == log_events.Tokens(1200, 800, 512, 128, 120, 480)
    assert second.total_cost == pytest.approx(2 * first.cost, abs=1e-8)


def test_a_response_reported_twice_is_metered_once() -> None:
    call = Metered()
    assert len(call.response(USAGE)) == 1
    assert call.response(USAGE) == []


def test_a_model_without_a_price_has_tokens_and_no_cost() -> None:
    [used] = Metered("somebodys-deployment").response(USAGE)
    assert used.tokens.output_audio == 240
    assert (used.cost, used.total_cost) == (None, None)


def test_a_dated_snapshot_costs_what_its_model_costs() -> None:
    [dated] = Metered(f"{MINI}-2026-05-01").response(USAGE)
    [usual] = Metered().response(USAGE)
    assert dated.cost == usual.cost


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"input_tokens": 90, "output_tokens": 10}, log_events.Tokens(input_text=90, output_text=10)),
        (
            {"input_tokens": 90, "input_token_details": {"text_tokens": 50, "audio_tokens": 40, "cached_tokens": 64}},
            log_events.Tokens(input_text=50, input_audio=40, cached_text=50, cached_audio=14),
        ),
        ({"input_token_details": None, "output_tokens": "many"}, log_events.Tokens()),
    ],
    ids=["without details", "cached tokens in a sum", "nonsense"],
)
def test_usage_with_fewer_details(usage: dict[str, Any], tokens: log_events.Tokens) -> None:
    [used] = Metered().response(usage)
    assert used.tokens == tokens


@pytest.mark.parametrize("usage", [None, "much", []])
def test_a_response_without_usage_is_not_metered(usage: object) -> None:
    assert Metered().response(usage) == []


def test_a_transcription_billed_by_time() -> None:
    call = Metered()
    call.transcribes_with("gpt-realtime-whisper")
    [used] = call.transcribed({"type": "duration", "seconds": 30})
    assert (used.source, used.model, used.item_id) == ("transcription", "gpt-realtime-whisper", "s1")
    assert used.cost == pytest.approx(0.0085)
    assert (used.seconds, used.total_seconds) == (30, 30)
    [more] = call.transcribed({"type": "duration", "seconds": 1.5}, "s2")
    assert (more.seconds, more.total_seconds) == (1.5, 31.5)
    [answer] = call.response({"input_tokens": 5})
    assert (answer.seconds, answer.total_seconds) == (0, 31.5)


def test_a_transcription_billed_by_tokens() -> None:
    call = Metered()
    call.transcribes_with("gpt-4o-mini-transcribe")
    usage = {"type": "tokens", "input_tokens": 100, "output_tokens": 20, "input_token_details": {"audio_tokens": 90}}
    [used] = call.transcribed({**usage, "input_token_details": {"audio_tokens": 90, "text_tokens": 10}})
    assert used.tokens == log_events.Tokens(input_text=10, input_audio=90, output_text=20)
    assert used.cost == pytest.approx((100 * 1.25 + 20 * 5) / 1e6)


def test_the_text_models_usage() -> None:
    call = Metered()
    usage = {"input_tokens": 1000, "output_tokens": 100, "input_tokens_details": {"cached_tokens": 400}}
    [used] = call.text_reply("o4-mini-2025-04-16", usage)
    assert used.tokens == log_events.Tokens(input_text=1000, cached_text=400, output_text=100)
    assert (used.source, used.model, used.purpose) == ("text", "o4-mini-2025-04-16", "eligibility")
    assert used.cost == pytest.approx((600 * 1.10 + 400 * 0.275 + 100 * 4.40) / 1e6)
    [after] = call.response(USAGE)
    assert after.total.input_text == 1600
    assert after.total_cost == pytest.approx(used.cost + after.cost)


def test_a_text_model_without_usage_is_not_metered() -> None:
    assert Metered().text_reply("rehearsal", {}) == []


def test_a_users_price_table_extends_and_overrides_the_list_prices(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(
        """
        [models.my-deployment]
        like = "gpt-realtime-2.1-mini"
        output_audio = 18.0

        [models."gpt-4o-transcribe"]
        minute = 0.005

        [models.house]
        input_text = 1.0
        """
    )
    table = PriceTable.read(path)
    assert table["my-deployment"] == Price(
        input_text=0.60, cached_text=0.06, output_text=2.40, input_audio=10, cached_audio=0.30, output_audio=18
    )
    assert table["gpt-4o-transcribe"] == Price(minute=0.005)
    assert table["house"] == Price(input_text=1.0, cached_text=1.0)
    assert table["gpt-realtime-2.1"] == LIST_PRICES["gpt-realtime-2.1"]


def test_a_price_table_may_be_json(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    path.write_text('{"models": {"x": {"minute": 1}}}')
    assert PriceTable.read(path)["x"] == Price(minute=1.0)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[models.x]\ninput_txt = 1", "input_txt"),
        ("[models.x]\ninput_text = 'free'", "Expected `float"),
        ("[models.x]\nlike = 'gpt-9'", "gpt-9, which has no price"),
        ("[models.x]\nminute = -1", "negative price"),
        ("models = [", "not a price table"),
        ("", "models"),
    ],
)
def test_an_invalid_price_table_is_refused_with_the_reason(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(text)
    with pytest.raises(PriceError, match=complaint) as refused:
        PriceTable.read(path)
    assert str(path) in str(refused.value)


def test_a_missing_price_table_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PriceError, match="nowhere"):
        PriceTable.read(tmp_path / "nowhere.toml")


def test_the_documented_prices_are_the_built_in_ones() -> None:
    text = (Path(__file__).parents[2] / "docs" / "measuring.md").read_text()
    documented: dict[str, tuple[float, ...]] = {}
    for line in text.splitlines():
        if line.startswith(("| `gpt-", "| `o4")):
            names, *prices = [cell.strip() for cell in line.strip("|").split("|")]
            documented |= {name.strip(" `"): tuple(float(price or 0) for price in prices) for name in names.split(",")}
    for model, price in LIST_PRICES.items():
        if price.minute:
            assert f"`{model}`" in text
            continue
        text_prices = (price.input_text, price.cached_text, price.output_text)
        listed = (*text_prices, price.input_audio, price.cached_audio, price.output_audio)
        shown = documented.pop(model)
        assert [one for one in shown if one] == [one for one, said in zip(listed, shown, strict=True) if said], model
        assert shown[0] == price.input_text
    assert not documented
    assert LIST_PRICES_DATE in text
