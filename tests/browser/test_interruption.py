"""Interruption by words in a real browser: the page holds the agent, and the caller's words decide."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.browser.conftest import Caller, Server
from trunkline.testing.caller_voice import missing_part

pytestmark = [
    pytest.mark.browser,
    pytest.mark.speech,
    pytest.mark.realtime,
    pytest.mark.skipif(missing_part("joe", "whisper") is not None, reason="The extra `local` is not installed."),
]
READER = """
from agents.realtime import RealtimeAgent
from trunkline import Caller, Lines, Rehearsal, Scenario

rehearsal = Rehearsal()

@rehearsal.plays("reader")
async def reader(caller: Caller) -> Lines:
    yield "Shall I begin?"
    await caller.says()
    yield (
        "This is a long story, which nobody has ever heard to its end, because it goes on and on about a ship, "
        "about the sea, about the weather, about a captain and about all of the people who have ever sailed with him, "
        "until everybody who has listened to it so far has fallen asleep at last, or has begun to say something."
    )
    while True:
        await caller.says()
        yield "I have stopped."

story = Scenario("story", agents=[RealtimeAgent(name="reader")], rehearsal=rehearsal, interruption="words")
"""
SILENCE_SCRIPT = """from => {
  const blocks = __ear.blocks().filter(({ at }) => at > from);
  let longest = 0;
  let since = from;
  for (const { at, rms } of blocks) {
    if (rms > 0.005) since = at;
    longest = Math.max(longest, at - since);
  }
  return longest;
}"""


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose agent talks for a long time, with Whisper as its recogniser."""
    file: Path = tmp_path_factory.mktemp("story") / "story.py"
    file.write_text(READER)
    server = Server(str(file), environment={"TRUNKLINE_TTS": "espeak", "TRUNKLINE_STT": "whisper"})
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize("transport", ["websocket", "webrtc"])
def test_a_murmur_holds_the_agent_for_a_moment_and_a_stop_word_stops_it(
    transport: str, story: Server, tab: Callable[[str], Caller]
) -> None:
    caller = tab(f"{story.url}/?agentConfig=story&transport={transport}")
    caller.waits_for_sound(timeout_s=40)
    caller.waits_for_quiet()
    caller.says("Please begin.", voice="joe")
    caller.hears("This is a long story", timeout_s=40)  # the recogniser may still be loading
    caller.waits_for_sound(since=caller.now())
    caller.listens_for(1000)

    murmured_at = caller.now()
    caller.says("Uh-huh.", voice="joe")
    caller.hears("The agent continues: ", timeout_s=30)
    caller.waits_for_sound(since=caller.now())
    assert 150 < caller.page.evaluate(SILENCE_SCRIPT, murmured_at) < 5_000, "it was not held, or not resumed"

    caller.listens_for(2500)  # the murmur's turn is over: what follows is speech of its own
    caller.says("Wait, stop.", voice="joe")
    caller.hears("The agent stops: ", timeout_s=30)
    caller.hears("I have stopped.", timeout_s=30)
    kinds = caller.log_kinds()
    assert kinds.count("audio.ducked") >= 2
    assert kinds.index("audio.resumed") < kinds.index("audio.interrupted")
    assert kinds.count("audio.interrupted") == 1
