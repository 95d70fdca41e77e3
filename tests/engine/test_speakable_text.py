"""Markdown: it is in the transcript, and is not read aloud."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.engine.engine_rig import Rig, every, only
from trunkline.engine.brains import TextDelta
from trunkline.engine.session import effects
from trunkline.engine.session.speakable_text import speakable
from trunkline.sentences import sentence_ends

pytestmark = pytest.mark.pure
CITED = "A broken screen costs 29 dollars. [Handset Policy](NT-040)"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("[Handset Policy](NT-040)", "Handset Policy"),
        ("See [the **new** page](https://example.com/a_(b)?c=d).", "See the new page."),
        ("![A snowboard](board.png)", "A snowboard"),
        ("It is **really** __very__ *good*, _isn't_ it?", "It is really very good, isn't it?"),
        ("**Two sentences.", "Two sentences."),  # the rest is another stretch
        ("Type `return 5` and ~~wait~~ go.", "Type return 5 and wait go."),
        ("## Returns\n", "Returns"),
        ("- a board\n* a helmet\n• boots\n1. wax", "a board\na helmet\nboots\n1. wax"),
    ],
)
def test_markdown_is_spoken_without_its_marks(written: str, said: str) -> None:
    assert speakable(written).text == said


@pytest.mark.parametrize(
    "text",
    [
        "2*3 is 6, 5 * 3 is 15, and 5 - 3 is 2.",
        "The field is called phone_number.",
        "It is #1 (really) [sic] of 10.",
        "Call -5 cold, or $42.17?",
    ],
)
def test_other_text_is_spoken_unchanged(text: str) -> None:
    assert speakable(text).text == text


def test_marks_belong_to_the_word_before_them_or_to_the_one_that_follows() -> None:
    written = " So **it is**: [Handset Policy](NT-040) now"
    spoken = speakable(written)

    def written_until(said: str) -> str:
        return written[: spoken.source_end(len(said))]

    assert spoken.text == "So it is: Handset Policy now"
    assert written_until("") == ""
    assert written_until("So") == " So"
    assert written_until("So it is") == " So **it is**"
    assert written_until("So it is:") == " So **it is**:"
    assert written_until("So it is: Handset Policy") == " So **it is**: [Handset Policy](NT-040)"
    assert written_until(spoken.text) == written


def test_the_voice_says_the_name_of_a_source_and_the_transcript_has_all_of_it() -> None:
    rig = Rig(answer=lambda request: [TextDelta(CITED)], speaks=False)
    rig.send("response.create")
    assert rig.took(effects.StartSpeech).text == "A broken screen costs 29 dollars."
    rig = Rig(answer=lambda request: [TextDelta(CITED)])
    events = rig.send("response.create")
    deltas = [event["delta"] for event in every(events, "response.output_audio_transcript.delta")]
    assert deltas[-2:] == [" [Handset", " Policy](NT-040)"]
    assert only(events, "response.output_audio_transcript.done")["transcript"] == "".join(deltas) == CITED


@pytest.mark.parametrize(
    ("heard_ms", "heard"),
    [(650, "A broken screen costs 29 dollars."), (700, "A broken screen costs 29 dollars. [Handset"), (800, CITED)],
)
def test_a_truncation_counts_the_spoken_words(heard_ms: int, heard: str) -> None:
    rig = Rig(answer=lambda request: [TextDelta(CITED)])
    item_id = only(rig.send("response.create"), "response.output_item.done")["item"]["id"]
    rig.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=heard_ms)
    item = only(rig.send("conversation.item.retrieve", item_id=item_id), "conversation.item.retrieved")["item"]
    assert item["content"][0]["transcript"] == heard


def test_marks_alone_are_shown_without_audio() -> None:
    rig = Rig(answer=lambda request: [TextDelta("Done.\n***\n")])
    events = rig.send("response.create")
    assert only(events, "response.output_audio_transcript.done")["transcript"] == "Done.\n***\n"
    assert len(every(events, "response.output_audio.delta")) == 1


def test_no_sentence_ends_within_a_name() -> None:
    text = "It says so. [Snowy Peak Inc. Policy](SP-1) in full. [sic.] And on"
    ends = [0, *sentence_ends(text, 0)]
    assert [text[a:b].strip() for a, b in pairwise(ends)] == [
        "It says so.",
        "[Snowy Peak Inc. Policy](SP-1) in full.",
        "[sic.]",
    ]
