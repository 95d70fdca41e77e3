"""STUN and TURN servers, from the environment to the peer."""

from __future__ import annotations

import json

import pytest
from aiortc import RTCIceServer
from pydantic import ValidationError

from trunkline.engine.default import ice_options
from trunkline.engine.transports.ice import IceOptions, IceServer
from trunkline.engine.transports.webrtc import rtc_configuration
from trunkline.settings import Settings


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
