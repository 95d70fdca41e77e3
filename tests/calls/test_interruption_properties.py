"""Properties of interruption by words that hold for any course of a call."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

import pytest

from tests.calls.call_driver import CallDriver, call
from trunkline.calls import log_events
from trunkline.calls.machine import effects, inputs
from trunkline.scenario.interruption import HeardWords

pytestmark = pytest.mark.pure

TEXTS = ("", "Mm-hmm.", "Yeah.", "Wait, stop.", "I need", "I need my bill", "Goggles", "What?", "I'll be back")


class RandomCall:
    """A call in which random things happen, as a service and a caller may do them."""

    def __init__(self, dice: Random) -> None:
        self.dice = dice
        self.driver: CallDriver = call(
            interruption="words", listens=dice.random() < 0.5, word_transports=frozenset({"websocket"})
        )
        self.speech = 0
        self.speaking = False
        self.playing = ""

    def run(self, steps: int = 60) -> CallDriver:
        """Take random steps, and then wait until everything has come to its end."""
        for _ in range(steps):
            self.dice.choice(self.steps())()
            self.driver.wait(self.dice.choice((0, 20, 100, 400, 900)))
        if self.speaking:
            self.stops()
        self.driver.wait(20_000)
        return self.driver

    def steps(self) -> list[Callable[[], None]]:
        """Return the steps that are possible now."""
        steps = [self.types, self.plays]
        if self.driver.machine._scheduler.awaits_announcement:
            steps += [self.begins_answer] * 4
        if self.driver._responding is not None:
            steps += [self.agent_speaks, self.agent_speaks, self.agent_ends]
        steps += [self.hears, self.hears, self.transcribes, self.stops] if self.speaking else [self.starts] * 3
        return steps

    def starts(self) -> None:
        self.speech += 1
        self.speaking = True
        self.driver.caller_starts_to_speak(self.item, cuts=False)

    def hears(self) -> None:
        words = HeardWords(self.dice.choice(TEXTS), self.dice.uniform(-2.0, 0.0), self.dice.random())
        paused, first = self.dice.random() < 0.4, self.dice.random() < 0.3
        if self.driver.listens_to is not None:
            ms = self.dice.uniform(200, 1400)
            self.driver.feed(inputs.WordsHeard(self.item, words, ms, first=first, paused=paused))

    def transcribes(self) -> None:
        kind = "conversation.item.input_audio_transcription.delta"
        self.driver.wire(kind, item_id=self.item, delta=self.dice.choice(TEXTS))

    def stops(self) -> None:
        self.speaking = False
        self.driver.caller_stops_speaking(self.item)
        if self.dice.random() < 0.7:
            self.driver.transcribes(self.dice.choice(TEXTS), self.item)

    def types(self) -> None:
        self.driver.types("Something else.")
        self.driver.confirms_items()
        self.speaking = False

    def plays(self) -> None:
        if self.playing:
            self.driver.reports(self.playing, self.dice.randrange(0, 3000))

    def begins_answer(self) -> None:
        self.driver.confirms_items()
        self.driver.response_created()

    def agent_speaks(self) -> None:
        self.playing = self.driver.agent_says("one two three", audio_ms=self.dice.choice((300, 3000)))

    def agent_ends(self) -> None:
        self.driver.response_done("cancelled" if self.driver.machine._scheduler.cancelling else "completed")

    @property
    def item(self) -> str:
        return f"speech_{self.speech}"


@pytest.fixture(params=range(30))
def driver(request: pytest.FixtureRequest) -> CallDriver:
    """A call after its random course."""
    return RandomCall(Random(request.param)).run()


def test_each_hold_ends_once_and_words_after_a_resumption_may_still_interrupt(driver: CallDriver) -> None:
    letters: dict[type[log_events.LogEvent], str] = {
        log_events.AudioDucked: "D",
        log_events.AudioResumed: "R",
        log_events.AudioInterrupted: "I",
    }
    course = "".join(letters[type(event)] for event in driver.logged(*letters))
    assert re.fullmatch("(?:D(?:RI?|I))*", course), course


def test_nothing_is_requested_during_a_hold(driver: CallDriver) -> None:
    held = False
    for _given, _now_ms, emitted in driver.history:
        for effect in emitted:
            if isinstance(effect, effects.AppendToLog):
                if isinstance(effect.event, log_events.AudioDucked):
                    held = True
                elif isinstance(effect.event, log_events.AudioResumed | log_events.AudioInterrupted):
                    held = False
            elif isinstance(effect, effects.Send):
                assert not (held and effect.event["type"] == "response.create")


def test_a_deleted_item_is_neither_replayed_nor_in_the_history(driver: CallDriver) -> None:
    deleted = {event["item_id"] for event in driver.sent_of("conversation.item.delete")}
    replayed = {event["item"]["id"] for event in driver.machine.transcript.replay_events()}
    assert not deleted & replayed
    ignored = [event for event in driver.logged(log_events.MessageDone) if event.status == "ignored"]
    assert {event.item_id for event in ignored} <= deleted


def test_the_recogniser_hears_nothing_after_the_last_decision(driver: CallDriver) -> None:
    assert driver.listens_to is None
