"""Calls in the mode `redacted`: what the database holds, and what the search finds."""

from __future__ import annotations

from pathlib import Path

from tests.store.samples import said, started
from tests.store.stored import store, stored_in
from trunkline.calls import log_events
from trunkline.scenario.sensitive import Sensitive
from trunkline.store.call_filters import CallFilters
from trunkline.store.redaction import CallRedactor, RedactionPolicy

POLICY = RedactionPolicy(sensitive={"verify": Sensitive(arguments=["phrase"], result=False)})
SECRETS = ("4242", "blue monday", "jane@", "555 0123", "1990", "QUJD")


def call() -> list[log_events.LogEventUnion]:
    return [
        started("call_1"),
        *said("a", "assistant", "Welcome. What is the number of your card?"),
        *said("b", "user", "4242 4242"),
        *said("c", "assistant", "Go on."),
        *said("d", "user", "4242 4242 and my phrase is blue monday"),
        log_events.MessageAdded(item_id="p", role="user", images=("data:image/png;base64,QUJD",)),
        log_events.ToolStarted(call_id="t", name="verify", arguments={"phrase": "Blue Monday"}, agent="host"),
        log_events.ToolDone(
            call_id="t", name="verify", duration_ms=3, result={"mail": "jane@example.com", "dob": "1990-03-05"}
        ),
        log_events.WireReceived(event={"type": "response.done", "response": {"transcript": "4242 4242"}}),
        *said("e", "assistant", "Thanks, blue monday is right. Shall I call you at 206 555 0123?"),
        *said("f", "user", "Yes, the snowboard please"),
        log_events.CallEnded(reason="caller hung up"),
    ]


async def test_no_personal_data_is_in_the_database(url: str, tmp_path: Path) -> None:
    await store(url, call(), mode="redacted", make_redactor=lambda _scenario: CallRedactor(POLICY))
    async with stored_in(url) as (database, calls):
        frames = await calls.frames("call_1")
        text = "\n".join(frames).lower()
        assert not [secret for secret in SECRETS if secret.lower() in text]
        assert "the snowboard please" in text
        words = [
            entry.event.text
            for entry in await calls.log("call_1")
            if isinstance(entry.event, log_events.MessageDone) and entry.event.role == "user"
        ]
        assert words == ["[card]", "[card] and my phrase is [sensitive]", "Yes, the snowboard please"]
        if database.path is not None:
            stored = b"".join(path.read_bytes() for path in database.path.parent.iterdir() if path.is_file()).lower()
            assert not [secret for secret in SECRETS if secret.lower().encode() in stored]


async def test_the_search_finds_decided_words_and_no_personal_data(url: str) -> None:
    await store(url, call(), mode="redacted", make_redactor=lambda _scenario: CallRedactor(POLICY))
    async with stored_in(url) as (_database, calls):

        async def hits(words: str) -> list[str]:
            found = (await calls.list(CallFilters(q=words))).calls
            return [one.match.text for one in found if one.match is not None]

        assert await hits("snowboard") == ["Yes, the snowboard please"]
        assert await hits("my phrase") == ["[card] and my phrase is [sensitive]"]
        for secret in ("4242", "blue monday", "0123", "withheld"):
            assert await hits(secret) == []
