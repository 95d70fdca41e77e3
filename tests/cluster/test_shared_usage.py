"""Usage of other servers: new usage, and usage that was counted before."""

from __future__ import annotations

import pytest

from trunkline.cluster.shared_usage import MAX_SERVERS, OtherServers, ServerUsage

pytestmark = pytest.mark.pure

CLIENT = "192.0.2.1"


def tried(tries: int) -> ServerUsage:
    """Return the report of a server at which the client has shown so many wrong tokens."""
    return ServerUsage(tries={"wrong_token": {CLIENT: tries}})


def test_the_calls_of_a_client_on_all_other_servers_count() -> None:
    others = OtherServers()
    others.update({"server_2": ServerUsage(calls={CLIENT: 2}), "server_3": ServerUsage(calls={CLIENT: 1, "x": 4})})
    assert (others.calls_of(CLIENT), others.calls_of("192.0.2.9")) == (3, 0)


def test_the_calls_of_a_server_that_has_gone_count_no_longer() -> None:
    others = OtherServers()
    others.update({"server_2": ServerUsage(calls={CLIENT: 2})})
    others.update({})
    assert others.calls_of(CLIENT) == 0


def test_each_try_is_new_once() -> None:
    others = OtherServers()
    new = [others.update({"server_2": tried(tries)}).tries["wrong_token", CLIENT] for tries in (2, 2, 5)]
    assert new == [2, 0, 3]


def test_tries_are_not_new_again_after_a_failure_of_the_database() -> None:
    others = OtherServers()
    others.update({"server_2": tried(5)})
    others.update({})
    assert others.update({"server_2": tried(6)}).tries["wrong_token", CLIENT] == 1


def test_the_number_of_remembered_servers_is_bounded() -> None:
    others = OtherServers()
    for number in range(MAX_SERVERS + 1):
        others.update({f"server_{number}": tried(1)})
    assert others.update({"server_0": tried(1)}).tries["wrong_token", CLIENT] == 1
    assert others.update({f"server_{MAX_SERVERS}": tried(1)}).tries["wrong_token", CLIENT] == 0


def test_a_count_that_begins_again_is_new() -> None:
    others = OtherServers()
    new = [others.update({"server_2": tried(tries)}).tries["wrong_token", CLIENT] for tries in (5, 1)]
    assert new == [5, 1]


def test_the_tries_at_several_servers_add_up() -> None:
    new = OtherServers().update({"server_2": tried(2), "server_3": tried(3)})
    assert new.tries["wrong_token", CLIENT] == 5


def test_a_cookie_that_was_signed_out_is_reported_with_its_token() -> None:
    new = OtherServers().update({"server_2": ServerUsage(signed_out={"trunkline_1": ["99.nonce"]})})
    assert new.signed_out == {("trunkline_1", "99.nonce")}
