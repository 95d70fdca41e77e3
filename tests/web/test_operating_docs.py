"""The examples of docs/operating.md and docs/security.md, apart from those that a proxy runs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # PyYAML has no types

from trunkline.listener.refusals import Reason, Refusals
from trunkline.settings import IceServer, Settings
from trunkline.structured_log import TextFormatter

pytestmark = pytest.mark.pure

DOCS = Path(__file__).parents[2] / "docs"
OPERATING, SECURITY = ((DOCS / name).read_text() for name in ("operating.md", "security.md"))


@pytest.mark.parametrize("client", ["192.0.2.7", "2001:db8::7"])
@pytest.mark.parametrize(
    ("reason", "is_found"), [("wrong_token", True), ("wrong_key", True), ("locked_out", True), ("rate", False)]
)
def test_fail2ban_finds_the_client_that_guesses_tokens(
    reason: Reason, is_found: bool, client: str, caplog: pytest.LogCaptureFixture
) -> None:
    (expression,) = re.findall(r"^failregex = (.+)$", OPERATING, re.MULTILINE)
    Refusals(lambda: 0.0).add(reason, client, "bearer")
    line = TextFormatter("worker 2").format(caplog.records[0])
    found = re.search(expression.replace("<HOST>", r"(?P<host>\S+)"), line)
    assert (found["host"] if found else None) == (client if is_found else None), line


def test_the_scrape_configuration_asks_for_the_metrics_as_an_operator() -> None:
    (text,) = re.findall(r"```yaml\n(scrape_configs.*?)```", OPERATING, re.DOTALL)
    (job,) = yaml.safe_load(text)["scrape_configs"]
    assert job["authorization"]["credentials_file"].endswith("operator_token")
    assert job["static_configs"][0]["targets"] == ["voice.example:3000"]


def test_the_ice_servers_are_valid_and_stand_on_one_line_of_env(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (given,) = re.findall(r"TRUNKLINE_ICE_SERVERS='(.*?)'", SECURITY, re.DOTALL)
    monkeypatch.delenv("TRUNKLINE_ICE_SERVERS", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(f"TRUNKLINE_ICE_SERVERS={json.dumps(json.loads(given))}\n")
    stun, turn = Settings().ice_servers
    assert stun == "stun:stun.example:3478"
    assert isinstance(turn, IceServer)
    assert turn.secret is not None
