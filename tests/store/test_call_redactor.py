"""Redaction of a call's log: over the turns of a number, in tools, and in copies of the words."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.calls import log_events
from trunkline.calls.log import Entry
from trunkline.calls.log_events import LogEventUnion, Role, UnknownEvent
from trunkline.scenario.sensitive import Sensitive
from trunkline.store.redaction import CallRedactor, RedactedUtterance, RedactionPolicy

pytestmark = pytest.mark.pure
CARD = "4242424242424242"


class Disk:
    """A store of one call, with every text that it ever held."""

    def __init__(self, policy: RedactionPolicy | None = None) -> None:
        self._redactor = CallRedactor(policy or RedactionPolicy())
        self._seq = 0
        self.entries: dict[int, LogEventUnion | UnknownEvent] = {}
        self.ever = ""
        self.decided: list[RedactedUtterance] = []

    def log(self, *events: LogEventUnion) -> Disk:
        for event in events:
            self._seq += 1
            redacted = self._redactor.read(Entry(self._seq, self._seq * 10, event))
            for entry in redacted.entries:
                self.entries[entry.seq] = entry.event
                self.ever += f"{entry.event}\n"
            self.decided += redacted.decided
        return self

    def say(self, role: Role, *texts: str) -> Disk:
        for text in texts:
            self.log(log_events.MessageDone(item_id=f"item_{self._seq}", role=role, text=text))
        return self

    def end(self) -> Disk:
        return self.log(log_events.CallEnded(reason="caller hung up"))

    def texts(self) -> list[str]:
        return [event.text for event in self.entries.values() if isinstance(event, log_events.MessageDone)]


def test_a_message_is_stored_once_it_is_complete_and_without_its_deltas() -> None:
    disk = Disk().log(
        log_events.MessageDelta(item_id="a", text="my card is 4242 4242 "),
        log_events.MessageDelta(item_id="a", text="4242 4242"),
        log_events.MessageDone(item_id="a", role="user", text="my card is 4242 4242 4242 4242"),
    )
    assert not any(isinstance(event, log_events.MessageDelta) for event in disk.entries.values())
    assert disk.end().texts() == ["my card is [card]"]
    assert not re.search("[1-9]", "".join(disk.texts()))


def test_a_card_number_over_several_turns_is_never_on_disk() -> None:
    disk = Disk()
    for group in ("four two four two", "forty two forty two", "4242", "and then 4 2 4 2"):
        disk.say("user", group).say("assistant", "Go on.")
    assert disk.end().texts()[::2] == ["[card]", "[card]", "[card]", "and then [card]"]
    assert "4242" not in disk.ever
    assert "four two" not in disk.ever


def test_a_telephone_number_digit_by_digit_is_never_on_disk() -> None:
    disk = Disk().say("user", *"2065550123").end()
    assert disk.texts() == ["[phone]"] * 10


def test_digits_that_become_no_number_are_withheld_only_for_a_turn() -> None:
    disk = Disk().say("user", "at 7 30")
    assert disk.texts() == ["at [withheld]"]
    disk.say("assistant", "For how many?").say("user", "We will be a party with some children")
    assert disk.texts()[0] == "at 7 30"


def test_withheld_digits_are_decided_at_the_end_of_the_call() -> None:
    assert Disk().say("user", "at 7 30").end().texts() == ["at 7 30"]


def test_a_crash_leaves_withheld_words_withheld() -> None:
    disk = Disk().say("user", "4242 4242")
    assert disk.texts() == ["[withheld]"]


def test_the_answer_to_a_question_is_redacted_and_so_is_its_repetition() -> None:
    disk = Disk().say("assistant", "What is your account number?").say("user", "one two three four five six")
    disk.say("assistant", "1 2 3 4 5 6, is that right?", "Thanks. Now, how can I help?", "So, again: 123 456.")
    assert disk.end().texts()[1:] == [
        "[account]",
        "[account], is that right?",
        "Thanks. Now, how can I help?",
        "So, again: [account].",
    ]


def test_a_number_that_the_caller_announces_may_follow_in_pieces() -> None:
    disk = Disk().say("user", "my account number is", "12", "34", "5 6").end()
    assert disk.texts() == ["my account number is", "[account]", "[account]", "[account]"]


def test_a_date_of_birth_answers_the_question_for_it() -> None:
    disk = Disk().say("assistant", "When were you born?").say("user", "On March 5th, 1990.")
    disk.say("assistant", "And when would you like to come?", "Monday?", "Or Tuesday?").say("user", "On May 3rd 2027.")
    assert disk.end().texts()[1::4] == ["On [date of birth].", "On May 3rd 2027."]


PIN = {"verify": Sensitive(arguments=["pin"], result=False)}


def test_a_sensitive_argument_is_redacted_where_it_was_said_before_the_tool_ran() -> None:
    disk = Disk(RedactionPolicy(sensitive=PIN))
    disk.say("user", "it is blue Monday, seven").say("assistant", "Blue Monday seven?").say("user", "yes")
    disk.log(log_events.ToolStarted(call_id="t", name="verify", arguments={"pin": "Blue-Monday", "n": 7}, agent="a"))
    disk.say("assistant", "Blue Monday is right").end()
    assert disk.texts() == ["it is [sensitive], seven", "[sensitive] seven?", "yes", "[sensitive] is right"]
    assert "monday" not in disk.ever.lower()
    tool = next(event for event in disk.entries.values() if isinstance(event, log_events.ToolStarted))
    assert tool.arguments == {"pin": "[sensitive]", "n": 7}


def test_a_sensitive_result_its_progress_and_its_notes_are_redacted() -> None:
    disk = Disk(RedactionPolicy(sensitive={"balance": Sensitive(arguments=[])}))
    disk.log(
        log_events.ToolStarted(call_id="t", name="balance", arguments={"of": "me"}, agent="a"),
        log_events.ToolProgress(call_id="t", message="read 1250"),
        log_events.Breadcrumb(title="Read", data={"is": 1250}, call_id="t"),
        log_events.ToolDone(call_id="t", name="balance", duration_ms=3, result={"is": 1250}),
        log_events.ToolDone(call_id="u", name="balance", duration_ms=3, error="ValueError: 1250"),
    )
    disk.say("assistant", "You have 1250 dollars.").end()
    assert "1250" not in disk.ever
    assert "twelve" not in disk.ever
    assert disk.texts() == ["You have [sensitive] dollars."]


def test_payloads_of_tools_are_redacted_by_names_and_by_content() -> None:
    disk = Disk().log(
        log_events.ToolStarted(
            call_id="t",
            name="save",
            agent="a",
            arguments={"phone": "555 0123", "note": f"card {CARD}", "at": "2026-11-30T10:00:00", "seats": 4},
        ),
        log_events.ToolDone(
            call_id="t", name="save", duration_ms=1, result='{"user": {"dob": "1990-03-05", "email": "a@b.example"}}'
        ),
        log_events.Breadcrumb(title="Card", data=[int(CARD), {"account_number": 12345678}]),
    )
    started, done, note = disk.entries.values()
    assert isinstance(started, log_events.ToolStarted)
    assert isinstance(done, log_events.ToolDone)
    assert isinstance(note, log_events.Breadcrumb)
    assert started.arguments == {"phone": "[phone]", "note": "card [card]", "at": "2026-11-30T10:00:00", "seats": 4}
    assert done.result == '{"user":{"dob":"[date of birth]","email":"[email]"}}'
    assert note.data == ["[card]", {"account_number": "[account]"}]


SECRET = "My number is 206-555-0123."
COPIES: list[LogEventUnion] = [
    log_events.MessageTruncated(item_id="i", heard_ms=5, text=SECRET),
    log_events.GuardrailChecked(item_id="i", guardrail="g", status="fail", rationale=SECRET, text=SECRET),
    log_events.AudioResumed(item_id="i", reason="backchannel", words=SECRET),
    log_events.AudioInterrupted(item_id="i", reason="content", words=SECRET),
    log_events.CallError(message=SECRET, hint=SECRET),
    log_events.Notice(message=SECRET, code="c", hint=SECRET),
    log_events.ToolProgress(call_id="t", message=SECRET),
    log_events.AgentChanged(agent="a", reason=SECRET),
    log_events.CallEnded(reason=SECRET),
    log_events.ApprovalNeeded(call_id="t", name="n", arguments={"a": SECRET}, agent="a"),
    log_events.CallStarted(
        call_id="c", scenario="s", agent="a", transport="websocket", provider="p", model="m", started_at="",
        metadata={"customer": SECRET},
    ),
    log_events.WireReceived(event={"type": "conversation.item.added", "item": {"content": [{"transcript": SECRET}]}}),
    log_events.WireSent(event={"type": "session.update", "session": {"instructions": SECRET}}),
    log_events.WireReceived(event={"type": "response.output_audio_transcript.delta", "delta": "206-"}),
    log_events.WireReceived(event={"type": "error", "error": {"message": SECRET}}),
]  # fmt: skip


@pytest.mark.parametrize("event", COPIES, ids=lambda event: event.__struct_config__.tag)
def test_copies_of_words_hold_no_personal_data(event: LogEventUnion) -> None:
    assert "206-" in str(event)
    assert "206-" not in Disk().log(event).ever


def test_the_heard_part_of_a_message_is_cut_within_its_redacted_part() -> None:
    text = "Your card 4242 4242 4242 4242 works."
    disk = Disk().log(
        log_events.MessageDone(item_id="i", role="assistant", text=text, status="interrupted"),
        log_events.MessageTruncated(item_id="i", heard_ms=900, text="Your card 4242 42"),
    )
    assert [getattr(event, "text", None) for event in disk.entries.values()] == [
        "Your card [card] works.",
        "Your card [card]",
    ]


def test_the_rest_of_a_very_long_output_is_not_stored() -> None:
    disk = Disk().log(log_events.ToolDone(call_id="t", name="read", duration_ms=1, result="x" * 300_000 + CARD))
    (done,) = disk.entries.values()
    assert isinstance(done, log_events.ToolDone)
    assert done.result == "x" * 100_000 + "[redacted]"


def test_images_are_not_stored() -> None:
    disk = Disk().log(log_events.MessageAdded(item_id="i", role="user", images=("data:image/png;base64,AAAA",)))
    assert "base64" not in disk.ever


def test_a_decided_utterance_reports_its_spans_and_the_time_of_its_speech() -> None:
    disk = Disk().log(
        log_events.SpeechStarted(item_id="i"),
        log_events.SpeechStopped(item_id="i"),
        log_events.MessageDone(item_id="i", role="user", text="I am at 206 555 0123 now, call me there soon"),
    )
    (one,) = disk.decided
    assert (one.item_id, one.from_ms, one.to_ms) == ("i", 10, 20)
    assert [one.text[span.start : span.end] for span in one.spans] == ["206 555 0123"]


def test_every_message_is_decided_once() -> None:
    disk = Disk(RedactionPolicy(sensitive=PIN)).say("user", *(f"{n} please" for n in range(40)), "a", "longer one is b")
    disk.end()
    assert sorted(one.item_id for one in disk.decided) == sorted({f"item_{n}" for n in range(42)})


pieces = st.tuples(st.sampled_from(["", "then"]), st.lists(st.integers(1, 6), min_size=1, max_size=8)) | st.tuples(
    st.just("and it continues with the"), st.lists(st.integers(2, 6), min_size=1, max_size=8)
)


@given(pieces, st.booleans())
def test_no_piece_of_a_card_is_ever_on_disk(said: tuple[str, list[int]], replies: bool) -> None:
    lead, sizes = said
    card = CARD + "424242" if lead.endswith("the") else CARD
    disk, place = Disk().say("assistant", "What is your card number?"), 0
    for size in sizes * len(card):
        if place < len(CARD):
            disk.say("user", f"{lead} {' '.join(card[place : place + size])}")
            place += size
            if replies:
                disk.say("assistant", "Mm-hm.")
    disk.end()
    texts = re.findall(r"text='[^']*'", disk.ever)
    assert texts
    assert not re.search(r"\d", "".join(texts))


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.text(max_size=60)), max_size=20))
def test_words_without_digits_or_addresses_are_stored_as_they_were_said(said: Sequence[tuple[Role, str]]) -> None:
    plain = [(role, re.sub(r"[^a-z ,.]", "x", text).replace("o", "x").replace("t", "x")) for role, text in said]
    disk = Disk()
    for role, text in plain:
        disk.say(role, text)
    assert disk.end().texts() == [text for _, text in plain]
