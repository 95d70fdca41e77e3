"""Test rig for the session machine: the test moves the clock, and effects run at once or by hand."""

from __future__ import annotations

import base64
import builtins
import itertools
from collections import deque
from collections.abc import Callable
from typing import Any

from tests.engine import official_events
from tests.engine.engine_fakes import FakeActivity, echo, sound_of
from trunkline.engine.brains import BrainOutput, BrainRequest
from trunkline.engine.session import effects, inputs
from trunkline.engine.session.effects import Effect, Output, Send
from trunkline.engine.session.session import Session
from trunkline.realtime.events import Event, decode, encode


class Rig:
    """Runner of a session without tasks. By default it answers each effect in the same step.

    Attributes:
        effects: effects that nobody has run.
        events: all sent events.
    """

    def __init__(
        self,
        *,
        answer: Callable[[BrainRequest], list[BrainOutput]] | None = echo,
        speaks: bool = True,
        words: str | None = "hello there",
        **session: Any,
    ) -> None:
        self._session_options = session
        self.session = self._new_session()
        self.history: list[tuple[inputs.Input, float, list[str]]] = []
        """Each input with its time, and the outputs of the session as text."""
        self.now_ms = 0.0
        self.answer = answer
        self.speaks = speaks
        self.words = words
        self.effects: list[Effect] = []
        self.events: list[Event] = []
        self.requests: list[BrainRequest] = []
        self.utterances: dict[str, bytearray] = {}
        self.pauses: list[effects.PauseUtterance | effects.ResumeUtterance] = []
        self.preparations: list[effects.PrepareAnswer] = []
        self.watch = Watch()
        self._inbox: deque[inputs.Input] = deque()
        self.post(inputs.Opened())

    def post(self, given: inputs.Input) -> list[Event]:
        """Post an input, and return the events that follow from it and from its effects."""
        before = len(self.events)
        self._inbox.append(given)
        while self._inbox:
            given = self._inbox.popleft()
            outputs = self.session.step(given, self.now_ms)
            self.history.append((given, self.now_ms, as_text(outputs)))
            for output in outputs:
                if isinstance(output, Send):
                    event = decode(encode(output.event))  # as it goes over the wire
                    official_events.check(event)
                    self.watch.see(event)
                    self.events.append(event)
                elif not self._carry_out(output):
                    self.effects.append(output)
        return self.events[before:]

    def _new_session(self) -> Session:
        numbers = itertools.count(1)
        return Session(
            "test-model",
            new_id=lambda prefix: f"{prefix}_{next(numbers)}",
            **{"activity": FakeActivity(), **self._session_options},
        )

    def replays_equally(self) -> bool:
        """Return whether a second session gives the same outputs for the same inputs, times and ids."""
        again = self._new_session()
        return all(as_text(again.step(given, now_ms)) == outputs for given, now_ms, outputs in self.history)

    def send(self, type_: str, **fields: Any) -> list[Event]:
        """Send a client event."""
        return self.post(inputs.ClientEvent({"type": type_, **fields}))

    def configure(self, **session: Any) -> list[Event]:
        """Send a `session.update`."""
        return self.send("session.update", session={"type": "realtime", **session})

    def turn_detection(self, **detection: Any) -> list[Event]:
        """Change the turn detection; without arguments to push-to-talk."""
        return self.configure(audio={"input": {"turn_detection": detection or None}})

    def hear(self, pcm: bytes, frame_ms: int = 20) -> list[Event]:
        """Append the caller's audio in frames, as a microphone sends it."""
        before, step = len(self.events), 48 * frame_ms
        for start in range(0, len(pcm), step):
            self.send("input_audio_buffer.append", audio=base64.b64encode(pcm[start : start + step]).decode())
        return self.events[before:]

    def type(self, text: str, **fields: Any) -> list[Event]:
        """Send a typed user message."""
        content = [{"type": "input_text", "text": text}]
        return self.send(
            "conversation.item.create", item={"type": "message", "role": "user", "content": content}, **fields
        )

    def took(self, kind: builtins.type[Effect]) -> Any:
        """Remove and return the latest open effect of a type."""
        for index in reversed(range(len(self.effects))):
            if isinstance(self.effects[index], kind):
                return self.effects.pop(index)
        raise AssertionError(f"no {kind.__name__} among {self.effects}")

    def _carry_out(self, effect: Effect) -> bool:
        if isinstance(effect, effects.StartBrain):
            self.requests.append(effect.request)
            if self.answer is None:
                return False
            where = (effect.response_id, effect.generation)
            self._inbox.extend(inputs.BrainProduced(*where, output) for output in self.answer(effect.request))
            self._inbox.append(inputs.BrainDone(*where))
        elif isinstance(effect, effects.StartSpeech):
            if not self.speaks:
                return False
            where = (effect.response_id, effect.generation)
            self._inbox.extend(inputs.SpeechProduced(*where, chunk) for chunk in sound_of(effect.text))
            self._inbox.append(inputs.SpeechDone(*where))
        elif isinstance(effect, effects.OpenUtterance):
            self.utterances[effect.utterance_id] = bytearray()
        elif isinstance(effect, effects.FeedUtterance):
            self.utterances[effect.utterance_id] += effect.pcm
        elif isinstance(effect, effects.PauseUtterance | effects.ResumeUtterance):
            self.pauses.append(effect)
        elif isinstance(effect, effects.PrepareAnswer):
            self.preparations.append(effect)
        elif isinstance(effect, effects.FinishUtterance):
            if self.words is None:
                return False
            self._inbox.append(inputs.FinalTranscript(effect.utterance_id, self.words))
        else:
            return False
        return True


class Watch:
    """Checker of a Realtime server's invariants, for each event."""

    def __init__(self) -> None:
        self.active: str | None = None
        self.open: dict[str, dict[str, dict[str, Any]]] = {}
        self.over: set[str] = set()
        self.items: dict[str, dict[str, Any]] = {}
        self.announced: str | None = None
        self.event_ids: set[str] = set()

    def see(self, event: Event) -> None:
        assert event["event_id"] not in self.event_ids
        self.event_ids.add(event["event_id"])
        kind = event["type"]
        if kind == "response.created":
            self._created(event["response"])
        elif kind == "response.done":
            self._done(event["response"])
        elif kind.startswith("response."):
            self._of_response(kind, event)
        elif kind == "input_audio_buffer.speech_started":
            assert self.announced is None
            self.announced = event["item_id"]
        elif kind == "input_audio_buffer.committed":
            assert self.announced in (None, event["item_id"])
            self.announced = None
        elif kind in ("input_audio_buffer.cleared", "session.updated"):
            self.announced = None
        elif kind == "conversation.item.added":
            self.items[event["item"]["id"]] = event["item"]
        elif kind == "conversation.item.done":
            assert event["item"]["id"] in self.items

    def at_rest(self) -> None:
        """Check that everything that was opened has been closed."""
        assert self.active is None
        assert not self.open

    def _created(self, response: dict[str, Any]) -> None:
        assert response["id"] not in self.open
        assert response["id"] not in self.over
        self.open[response["id"]] = {}
        if response["conversation_id"] is not None:
            assert self.active is None, "two active responses in the conversation"
            self.active = response["id"]

    def _done(self, response: dict[str, Any]) -> None:
        items = self.open.pop(response["id"])
        assert all(item["done"] for item in items.values()), "an added item has no done"
        assert [one["id"] for one in response["output"]] == list(items)
        assert response["status"] in ("completed", "cancelled", "incomplete", "failed")
        assert all(one["status"] in ("completed", "incomplete") for one in response["output"])
        self.over.add(response["id"])
        if response["id"] == self.active:
            self.active = None

    def _of_response(self, kind: str, event: Event) -> None:
        items = self.open[event["response_id"]]
        if kind == "response.output_item.added":
            assert all(item["done"] for item in items.values()), "two items at once"
            assert event["output_index"] == len(items)
            items[event["item"]["id"]] = {"done": False, "part": None, "text": "", "arguments": ""}
            return
        item = items[event["item_id"] if "item_id" in event else event["item"]["id"]]
        assert not item["done"], f"{kind} after the item's end"
        if kind == "response.output_item.done":
            assert item["part"] in (None, "done")
            item["done"] = True
        elif kind == "response.content_part.added":
            item["part"] = "open"
        elif kind == "response.content_part.done":
            part = event["part"]
            assert part.get("text", part.get("transcript")) == item["text"]
            item["part"] = "done"
        elif kind in ("response.output_text.delta", "response.output_audio_transcript.delta"):
            assert item["part"] == "open"
            item["text"] += event["delta"]
        elif kind == "response.function_call_arguments.delta":
            item["arguments"] += event["delta"]
        elif kind == "response.function_call_arguments.done":
            assert item["arguments"] == event["arguments"]


def types(events: list[Event]) -> list[str]:
    """Return the types of events, without repetitions of a delta."""
    return [kind for kind, _ in itertools.groupby(event["type"] for event in events)]


def only(events: list[Event], type_: str) -> Event:
    """Return the only event of a type."""
    found = [event for event in events if event["type"] == type_]
    assert len(found) == 1, f"{len(found)} of {type_} in {types(events)}"
    return found[0]


def every(events: list[Event], type_: str) -> list[Event]:
    """Return all events of a type."""
    return [event for event in events if event["type"] == type_]


def error_of(events: list[Event]) -> dict[str, Any]:
    """Return the only error."""
    error: dict[str, Any] = only(events, "error")["error"]
    return error


def as_text(outputs: list[Output]) -> list[str]:
    """Return a step's outputs as text, since their events may change later."""
    return [repr(output) for output in outputs]
