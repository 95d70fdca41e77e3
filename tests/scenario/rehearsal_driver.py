"""A driver for rehearsals: it keeps the items of a conversation like an application."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from trunkline.realtime.events import Item
from trunkline.scenario.moves import call_tool, say
from trunkline.scenario.performance import RehearsedTurn, perform
from trunkline.scenario.rehearsal import Rehearsal


def transfer_tool(_agent: str, target: str) -> str:
    return f"transfer_to_{target}"


def heard(text: str) -> Item:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def spoke(text: str) -> Item:
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}


def called(tool: str, output: str | None, call_id: str | None = None) -> list[Item]:
    """A tool call and, where there is one, its output."""
    call_id = call_id or f"call_{tool}"
    run: Item = {"type": "function_call", "call_id": call_id, "name": tool, "arguments": "{}"}
    return [run] if output is None else [run, {"type": "function_call_output", "call_id": call_id, "output": output}]


class Stage:
    """A conversation with a rehearsal. Tools answer from `outputs`, by default with {}."""

    def __init__(
        self,
        rehearsal: Rehearsal,
        first_agent: str,
        items: list[Item] | None = None,
        outputs: Mapping[str, str] | None = None,
    ) -> None:
        self.items = items or []
        self.agent: str | None = None
        self.calls: list[call_tool] = []
        self.last_beat = ""
        self._rehearsal, self._first_agent, self._outputs = rehearsal, first_agent, outputs or {}

    def turn(self, words: str | None = None) -> RehearsedTurn:
        """The turn after the caller's words, without anything of it becoming part of the conversation but the words
        and the calls made, which wait for `finish`."""
        items = [*self.items, *([heard(words)] if words is not None else [])]
        turn = perform(
            self._rehearsal, items, first_agent=self._first_agent, agent=self.agent, transfer_tool=transfer_tool
        )
        self._pending = items, turn
        return turn

    def finish(self, output: Any) -> None:
        """Makes the last turn part of the conversation, its one call answered with `output`."""
        self.items, turn = self._pending
        self._keep(turn, json.dumps(output))

    def plays(self, words: str | None = None) -> str:
        """All that is said until it is the caller's turn again, tools answered on the way."""
        said = []
        while True:
            turn = self.turn(words)
            self.items, words = self._pending[0], None
            said.append(self._keep(turn))
            if not any(isinstance(move, call_tool) for move in turn.does):
                return " ".join(filter(None, said))

    def _keep(self, turn: RehearsedTurn, output: str | None = None) -> str:
        self.last_beat = " ".join(move.text for move in turn.does if isinstance(move, say))
        if self.last_beat:
            self.items.append(spoke(self.last_beat))
        for move in turn.does:
            if isinstance(move, call_tool):
                self.calls.append(move)
                answer = self._outputs.get(move.tool, "{}") if output is None else output
                self.items += called(move.tool, answer, f"call_{len(self.calls)}")
        return self.last_beat
