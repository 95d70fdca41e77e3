"""Redaction of the server's log: whole conversations with every logger at `DEBUG`, and a search for their content."""

from __future__ import annotations

import asyncio
import gc
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import trunkline
from tests.calls.model_fake import FakeModel
from tests.engine.rtc.rtc_caller import offering
from tests.web.web_server import client, listening, own_settings
from trunkline.web import create_app
from trunkline.web.log_redaction import ERROR_LOGGERS, redact_logs

pytestmark = pytest.mark.speech
OPEN = Path(__file__).parent / "client_api_scenario.py"
FAILING = Path(__file__).parent / "failing_scenario.py"
TOKEN = "correct-horse-battery-staple"
WORDS = "marzipan submarine"
HEARD = "The counter is open."
LOUD = ("", "websockets", "websockets.client", "httpx2", "httpcore2", "openai", "openai.agents", "aioice", "aiortc",
        "uvicorn", "uvicorn.error", "uvicorn.access", "trunkline", "asyncio")  # fmt: skip


@pytest.fixture
def everything(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Return the log with every logger at `DEBUG`."""
    before = {name: logging.getLogger(name).level for name in LOUD}
    caplog.handler.setLevel(logging.DEBUG)
    for name in LOUD:
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield caplog
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


async def conversation(**settings: Any) -> list[str]:
    """Sign in, type, let a tool fail, call over WebRTC, create a secret; return the confidential texts."""
    given = own_settings(ice_loopback=True, token=TOKEN, audience="operator", **settings)
    app = create_app([str(OPEN)], given)
    async with listening(app, given, log_level="debug", access_log=True) as url, client(url, FakeModel()) as caller:
        signed_in = await caller.http.post("/sign-in", data={"token": TOKEN})
        cookie = signed_in.headers["set-cookie"].partition(";")[0]
        wrong = {"cookie": "", "authorization": "Bearer wrong-wrong-wrong"}
        await caller.http.get("/api/scenarios", headers=wrong)
        started = await caller.starts(scenario="counter")
        async with caller.page(
            started["call_id"], f"?leg={started['leg_id']}", additional_headers={"cookie": cookie}
        ) as page:
            assert await page.answer() == HEARD
            await page.sends({"type": "say", "text": WORDS})
            assert (await page.kind("tool.done"))["error"]
            assert WORDS in await page.answer()
            await page.sends({"type": "hang_up"})
            await page.closed()
        browser = await offering()
        offer = browser.connection.localDescription.sdp
        dialled = await caller.starts(scenario="counter", transport="webrtc", sdp=offer)
        await caller.http.delete(f"/api/calls/{dialled['call_id']}")
        await browser.connection.close()
        minted = (await caller.http.get("/api/session?scenario=counter")).json()
        await caller.http.post("/api/responses", json={"input": WORDS, "instructions": WORDS})
    ufrag = next(line.partition(":")[2] for line in dialled["sdp"].splitlines() if line.startswith("a=ice-ufrag"))
    cookie_value = cookie.partition("=")[2]
    return [TOKEN, cookie_value, "wrong-wrong-wrong", started["leg_id"], minted["value"], "api-key:", ufrag,
            WORDS, HEARD, "a=candidate", "v=0\r\n", "You keep the counter."]  # fmt: skip


async def test_no_secret_sdp_or_content_is_in_the_log(everything: pytest.LogCaptureFixture) -> None:
    secret = await conversation()
    assert "/api/calls" in everything.text  # it is the log of these calls
    assert [one for one in secret if one in everything.text] == []


async def test_content_is_in_the_log_if_the_setting_asks_for_it(everything: pytest.LogCaptureFixture) -> None:
    await conversation(log_content=True)
    assert WORDS in everything.text
    assert HEARD in everything.text


async def failing_call(**settings: Any) -> str:
    """Let an agent raise an error with the caller's words; return the error in the call's log."""
    given = own_settings(**settings)
    async with listening(create_app([str(FAILING)], given), given) as url, client(url, FakeModel()) as caller:
        started = await caller.starts(scenario="door")
        async with caller.page(started["call_id"], f"?leg={started['leg_id']}") as page:
            await page.answer()
            await page.sends({"type": "say", "text": WORDS})
            return str((await page.kind("error"))["message"])


async def test_an_error_of_users_code_is_logged_with_its_place_and_without_its_message(
    everything: pytest.LogCaptureFixture,
) -> None:
    assert f"LookupError: nothing about {WORDS}" in await failing_call()  # the call's log is for its caller
    assert "agent archivist could not be set up" in everything.text
    for told in ("KeyError", "and from that:", 'failing_scenario.py", line', "in look_up", "LookupError"):
        assert told in everything.text
    assert WORDS not in everything.text
    assert "nothing about" not in everything.text


async def test_an_error_of_users_code_is_logged_whole_if_the_setting_asks_for_it(
    everything: pytest.LogCaptureFixture,
) -> None:
    await failing_call(log_content=True)
    assert f"LookupError: nothing about {WORDS}" in everything.text
    assert "in look_up" in everything.text


def test_errors_in_a_group_are_listed_one_by_one(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger(ERROR_LOGGERS[0])
    with redact_logs(log_content=False):
        logger.error("it failed", exc_info=ExceptionGroup(WORDS, [ValueError(WORDS), OSError(WORDS)]))
    assert [line.strip() for line in caplog.text.splitlines()[1:5]] == [
        "ExceptionGroup",
        "1 of 2:",
        "ValueError",
        "2 of 2:",
    ]
    assert WORDS not in caplog.text


async def test_an_unawaited_tasks_error_is_logged_without_its_message(caplog: pytest.LogCaptureFixture) -> None:
    async def fails() -> None:
        raise LookupError(WORDS)

    with redact_logs(log_content=False):
        task = asyncio.create_task(fails())
        await asyncio.wait([task])
        del task
        gc.collect()
    assert "Task exception was never retrieved" in caplog.text
    assert "in fails" in caplog.text
    assert WORDS not in caplog.text


def test_errors_have_their_messages_again_afterwards(caplog: pytest.LogCaptureFixture) -> None:
    with redact_logs(log_content=False):
        pass
    logging.getLogger(ERROR_LOGGERS[0]).error("it failed", exc_info=ValueError(WORDS))
    assert WORDS in caplog.text


def test_every_part_that_logs_errors_is_known() -> None:
    at_the_start = {"trunkline.web.server_state"}  # no call has begun yet
    source = Path(trunkline.__file__).parent
    logging_errors = {
        ".".join(("trunkline", *file.relative_to(source).with_suffix("").parts))
        for file in source.rglob("*.py")
        if re.search(r"exc_info=|logger\.exception\(", file.read_text())
    }
    assert logging_errors - at_the_start == {name for name in ERROR_LOGGERS if name.startswith("trunkline.")}


def test_no_library_logs_more_than_before() -> None:
    logger = logging.getLogger("uvicorn.error")
    before = logging.getLogger().level
    logging.getLogger().setLevel(logging.WARNING)
    with redact_logs(log_content=False):
        assert not logger.isEnabledFor(logging.INFO)
    logging.getLogger().setLevel(before)


def test_the_levels_are_restored() -> None:
    logger = logging.getLogger("websockets.client")
    before = logger.level
    logger.setLevel(logging.DEBUG)
    with redact_logs(log_content=False):
        assert not logger.isEnabledFor(logging.DEBUG)
        assert not logging.getLogger("websockets.anything").isEnabledFor(logging.INFO)
    assert logger.isEnabledFor(logging.DEBUG)
    logger.setLevel(before)
