"""Tries of a client within a minute, here and on other servers."""

from __future__ import annotations

from trunkline.web.auth_token import AuthToken
from trunkline.web.rate_limit import MAX_SHARED, RECENT_S, RateLimiter

CLIENT = "192.0.2.1"


class Clock:
    """A clock that stands still."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_tries_on_another_server_count_here() -> None:
    limiter = RateLimiter(10, clock=Clock())
    limiter.count_elsewhere(CLIENT, 9)
    assert limiter.wait_s(CLIENT) == 0
    limiter.count(CLIENT)
    assert limiter.wait_s(CLIENT) == 6


def test_tries_on_another_server_are_not_reported_as_own() -> None:
    limiter = RateLimiter(10, clock=Clock())
    limiter.count(CLIENT)
    limiter.count_elsewhere(CLIENT, 3)
    assert limiter.recent() == {CLIENT: 1}


def test_tries_are_reported_until_a_minute_after_the_last_one() -> None:
    clock = Clock()
    limiter = RateLimiter(10, clock=clock)
    for _ in range(2):
        limiter.count(CLIENT)
        clock.now += RECENT_S
    assert limiter.recent() == {CLIENT: 2}
    clock.now += 0.1
    assert limiter.recent() == {}
    limiter.count(CLIENT)
    assert limiter.recent() == {CLIENT: 1}


def test_the_latest_clients_are_reported() -> None:
    limiter = RateLimiter(10, clock=Clock())
    for number in range(MAX_SHARED + 1):
        limiter.count(f"client {number}")
    assert len(limiter.recent()) == MAX_SHARED
    assert "client 0" not in limiter.recent()


def test_a_cookie_that_was_signed_out_elsewhere_is_invalid_here() -> None:
    clock = Clock()
    here, elsewhere = AuthToken("the token", clock), AuthToken("the token", clock)
    cookie = here.sign_in()
    elsewhere.sign_out(cookie)
    (reported,) = elsewhere.recently_signed_out()
    here.on_signed_out_elsewhere(reported)
    assert not here.is_signed_in(cookie)
    clock.now += 61
    assert elsewhere.recently_signed_out() == []
    here.on_signed_out_elsewhere(reported)  # the report may arrive again
    assert here.recently_signed_out() == []
