"""The addresses of servers for each other: which they are, and who listens there."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from tests.cluster.two_servers import KEY, loopback_listener
from trunkline.cluster.node import ClusterNode
from trunkline.cluster.peer_address import PeerAddress, PeerAddressError
from trunkline.settings import Settings
from trunkline.workers import _nodes

WHOLE: dict[str, Any] = {
    "cluster_address": "http://10.0.0.5:3100",
    "cluster_key": "a-key-of-the-cluster",
    "database_url": "postgresql://trunkline@db.example/trunkline",
}


def settings(**changed: Any) -> Settings:
    return Settings.model_validate({**WHOLE, **changed})


def test_an_address_with_a_key_and_postgres_is_accepted() -> None:
    assert settings().cluster_problem is None


@pytest.mark.parametrize(
    ("missing", "fix"),
    [
        ({"cluster_key": None}, "TRUNKLINE_CLUSTER_KEY"),
        ({"database_url": None}, "TRUNKLINE_DATABASE_URL"),
        ({"database_url": "sqlite:////data/trunkline.sqlite3"}, "TRUNKLINE_DATABASE_URL"),
        ({"take_over": "off"}, "TRUNKLINE_TAKE_OVER"),
    ],
)
def test_an_address_alone_is_refused_with_the_fix(missing: dict[str, Any], fix: str) -> None:
    assert fix in str(settings(**missing).cluster_problem)


def test_a_key_alone_changes_nothing() -> None:
    assert settings(cluster_address=None, database_url=None).cluster_problem is None


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.5:3100",
        "https://10.0.0.5:3100",
        "http://10.0.0.5",
        "http://:3100",
        "http://10.0.0.5:0",
        "http://10.0.0.5:99999",
        "http://10.0.0.5:3100/path",
        "http://user:word@10.0.0.5:3100",
        "http://0.0.0.0:3100",
        "http://[::]:3100",
    ],
)
def test_an_address_that_no_server_could_use_is_refused(address: str) -> None:
    with pytest.raises(ValidationError, match=r"http://10\.0\.0\.5:3100"):
        settings(cluster_address=address)


@pytest.mark.parametrize("key", ["short", "with spaces in the key"])
def test_a_key_that_can_be_guessed_is_refused(key: str) -> None:
    with pytest.raises(ValidationError, match="at least 16"):
        settings(cluster_key=key)


@pytest.mark.parametrize("url", ["http://10.0.0.5:3100", "http://[fd00::5]:3100", "http://server-1:3100"])
def test_the_address_of_a_server_is_the_configured_one(url: str) -> None:
    assert [one.url for one in PeerAddress.of_workers(url, 1, 3000)] == [url]


def test_each_worker_has_a_port_of_its_own() -> None:
    found = [one.url for one in PeerAddress.of_workers("http://10.0.0.5:3100", 3, 3000)]
    assert found == ["http://10.0.0.5:3100", "http://10.0.0.5:3101", "http://10.0.0.5:3102"]


@pytest.mark.parametrize(("url", "count"), [("http://10.0.0.5:2999", 2), ("http://10.0.0.5:65535", 2)])
def test_workers_without_a_port_of_their_own_are_refused(url: str, count: int) -> None:
    with pytest.raises(PeerAddressError, match="TRUNKLINE_CLUSTER_ADDRESS"):
        PeerAddress.of_workers(url, count, 3000)


def test_a_server_listens_at_its_address_only() -> None:
    with PeerAddress("127.0.0.1", 0).listen() as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


def test_a_server_behind_another_address_listens_on_all_of_its_own() -> None:
    with PeerAddress("203.0.113.1", 0).listen() as listener:
        assert listener.getsockname()[0] == "0.0.0.0"


def test_a_taken_port_is_refused_with_the_fix() -> None:
    with loopback_listener() as taken, pytest.raises(PeerAddressError, match="another port"):
        PeerAddress("127.0.0.1", taken.getsockname()[1]).listen()


def test_an_unknown_host_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_asked: object, **_options: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(PeerAddressError, match=r"'server\.invalid'.*is unknown"):
        PeerAddress("server.invalid", 3100).listen()


def test_workers_of_a_cluster_listen_in_a_row_and_have_its_key() -> None:
    with loopback_listener() as free:
        port = free.getsockname()[1]
    given = settings(cluster_address=f"http://127.0.0.1:{port}")
    with _nodes(given, 1) as (node,), node.listener:
        assert node.listener.getsockname()[1] == port
        assert node.address == given.cluster_address
        assert node.key == SecretStr(WHOLE["cluster_key"])


def test_workers_of_one_machine_listen_on_loopback() -> None:
    with _nodes(settings(cluster_address=None), 2) as (first, second), first.listener, second.listener:
        assert (first.peers, second.peers) == ((second.address,), (first.address,))
        assert all(node.address.startswith("http://127.0.0.1:") for node in (first, second))


def test_the_servers_of_the_table_are_peers_beside_the_workers_of_this_machine() -> None:
    with loopback_listener() as listener:
        node = ClusterNode("1", KEY, ["http://10.0.0.5:3101"], listener, "http://10.0.0.5:3100")
        node.meet(["http://10.0.0.5:3100", "http://10.0.0.6:3100", ""])
        assert list(node.peers) == ["http://10.0.0.5:3101", "http://10.0.0.6:3100"]
        node.meet([])
        assert list(node.peers) == ["http://10.0.0.5:3101"]
