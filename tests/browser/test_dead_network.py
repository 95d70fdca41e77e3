"""Detection of a network that drops every packet: the page offers again or uses the relay."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import MICROPHONE, Caller
from tests.browser.fault_server import BreakableServer
from tests.browser.test_coming_back import stops_the_greeting, wait_until
from trunkline.calls import log_events

pytestmark = [pytest.mark.browser, pytest.mark.speech, pytest.mark.realtime]
NOTICED_WITHIN_MS = 8500


@pytest.fixture(scope="module")
def breakable() -> Iterator[BreakableServer]:
    running = BreakableServer()
    running.start()
    yield running
    running.stop()


@pytest.fixture
def caller(chromium: Browser) -> Iterator[Caller]:
    context = chromium.new_context(permissions=["microphone"])
    context.add_init_script(path=MICROPHONE)
    yield Caller(context.new_page())
    context.close()


@pytest.mark.parametrize("for_good", [False, True])
def test_a_dead_network_is_detected_and_the_call_continues(
    for_good: bool, breakable: BreakableServer, caller: Caller
) -> None:
    # The one that goes first, which waits longer for it, also sees to it that WebRTC is loaded when the other comes.
    caller.page.goto(breakable.url if for_good else f"{breakable.url}/?transport=webrtc")
    caller.waits_for_sound()
    stops_the_greeting(caller)
    call_id = caller.call_id
    caller.page.wait_for_timeout(3500)  # in which the page learns that silence is sent as well
    breakable.lose_datagrams(also_later=for_good)
    dead_at = caller.now()
    wait_until(caller, lambda: breakable.logged(call_id, log_events.LegLost), timeout_s=20)
    noticed_at = caller.now()
    wait_until(caller, lambda: len(breakable.logged(call_id, log_events.LegJoined)) == 2)
    assert noticed_at - dead_at < NOTICED_WITHIN_MS
    joined = breakable.logged(call_id, log_events.LegJoined)[-1]
    assert joined.transport == ("websocket" if for_good else "webrtc")
    asked_at = caller.now()
    caller.says("yes please")
    caller.hears("What shall yours be about")
    caller.waits_for_sound(since=asked_at)
