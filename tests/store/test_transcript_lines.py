"""The transcript of a stored call as lines of text."""

from __future__ import annotations

import pytest

from trunkline.calls import log_events
from trunkline.calls.log import Entry
from trunkline.store.transcript_lines import transcript_lines

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(("heard", "line"), [("Good", "heard only: Good"), ("", "heard nothing of it")])
def test_an_interrupted_message_has_its_heard_part(heard: str, line: str) -> None:
    entry = Entry(1, 65_000, log_events.MessageTruncated("a1", 300 * bool(heard), heard))
    assert list(transcript_lines([entry])) == [f"1:05  {line}"]
