"""STUN and TURN servers, from the environment to the peer."""

from __future__ import annotations

import json
import time

import pytest
from aiortc import RTCIceServer
from pydantic import ValidationError

from trunkline.engine.default import ice_options
from trunkline.engine.transports.ice import IceOptions, IceServer
from trunkline.engine.transports.webrtc import rtc_configuration
from trunkline.settings import Settings

# printf '1700086400:caller' | openssl dgst -sha1 -hmac north -binary | base64
CALLERS_CREDENTIAL = "ciVObyGWj1k1+xOQFbkKKwfsFr0="


def told(value: object, monkeypatch: pytest.MonkeyPatch) -> list[RTCIceServer]:
    monkeypatch.setenv("TRUNKLINE_ICE_SERVERS", json.dumps(value))
    return rtc_configuration(ice_options(Settings())).iceServers or []


def test_a_url_alone_is_a_stun_server(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(["stun:stun.example:3478"], monkeypatch) == [RTCIceServer(["stun:stun.example:3478"])]


def test_a_turn_server_has_its_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"urls": ["turn:turn.example", "turns:turn.example"], "username": "caller", "credential": "word"}
    (server,) = told([given], monkeypatch)
    assert server.urls == ["turn:turn.example", "turns:turn.example"]
    assert (server.username, server.credential) == ("caller", "word")


def test_a_credential_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"urls": "turn:turn.example", "username": "caller", "credential": "secret word"}
    monkeypatch.setenv("TRUNKLINE_ICE_SERVERS", json.dumps([given]))
    assert "secret word" not in repr(Settings())


def test_an_invalid_server_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError, match="TRUNKLINE_ICE_SERVERS"):
        told([{"url": "turn:turn.example"}], monkeypatch)


def test_without_servers_no_outside_server_is_used() -> None:
    assert rtc_configuration(IceOptions()).iceServers == []


def test_one_url_may_stand_alone() -> None:
    options = IceOptions(servers=[IceServer("turn:turn.example", "caller", "word")])
    assert rtc_configuration(options).iceServers == [RTCIceServer(["turn:turn.example"], "caller", "word")]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("stun.example:3478", "must begin with stun:"),
        ("turn:turn.example", "needs a username and a credential, or a secret"),
        ({"urls": []}, "must begin with stun:"),
        ({"urls": "turn:turn.example", "username": "caller"}, "needs a username and a credential"),
        ({"urls": "turn:turn.example", "username": "u", "credential": "c", "secret": "s"}, "either a credential or"),
    ],
)
def test_a_server_that_no_browser_accepts_is_refused(
    value: object, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValidationError, match=problem):
        told([value], monkeypatch)


def test_a_turn_servers_secret_makes_credentials_for_a_day() -> None:
    """The credentials are those that coturn computes: HMAC-SHA1 over `EXPIRY:NAME`."""
    server = IceServer("turn:turn.example", "caller", secret="north").with_credentials(1_700_000_000)
    assert server == IceServer("turn:turn.example", "1700086400:caller", CALLERS_CREDENTIAL)


def test_each_call_of_the_engine_gets_credentials_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    (server,) = told([{"urls": "turn:turn.example", "secret": "north"}], monkeypatch)
    expires, _, name = (server.username or "").partition(":")
    assert name == "trunkline"
    assert 0 < int(expires) - time.time() <= 24 * 3600
