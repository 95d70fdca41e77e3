"""`perform`: one run of a rehearsal through a conversation, up to the next turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trunkline.realtime.events import Item
from trunkline.scenario.caller import AwaitedReply, Caller, Reply
from trunkline.scenario.conversation_cursor import AgentMessage, ConversationCursor, decode_output
from trunkline.scenario.moves import Lines, Move, ask, call_tool, say, transfer
from trunkline.scenario.part_runner import PartRunner
from trunkline.scenario.phrases import Phrases, best_match
from trunkline.scenario.rehearsal import Rehearsal

TransferTool = Callable[[str, str], str]
"""A function from the two agents' names to the name of the tool that hands over."""


@dataclass(frozen=True)
class RehearsedTurn:
    """One turn of a rehearsal.

    Attributes:
        does: the agent's moves.
        expects: the replies that the rehearsal waits for; empty if it waits for a tool's result or accepts any reply.
    """

    does: tuple[say | call_tool, ...]
    expects: tuple[Phrases, ...] = ()


def perform(
    rehearsal: Rehearsal,
    items: Sequence[Item],
    *,
    first_agent: str,
    agent: str | None = None,
    transfer_tool: TransferTool,
) -> RehearsedTurn:
    """Run the rehearsal through the conversation's items and return the turn after them.

    Args:
        rehearsal: the rehearsal.
        items: the conversation as GA items, in order.
        first_agent: the agent that answered the call.
        agent: the agent that speaks now, if the application knows it; None derives it from the items.
        transfer_tool: names the tool for a handoff.

    Raises:
        RehearsalError: a part failed, or awaited something other than the caller.
    """
    cursor = ConversationCursor(items)
    turn = _Performance(rehearsal, cursor, first_agent, agent, transfer_tool).run()
    if cursor.system_message is None:
        return turn
    line = rehearsal.farewell if "goodbye" in cursor.system_message.lower() else rehearsal.instead
    return RehearsedTurn((line,), turn.expects)


class _TurnEndedError(Exception):
    """The end of the turn: the caller or a tool must answer first."""

    def __init__(self, *expects: Phrases) -> None:
        self.expects = expects


class _Performance:
    """One run of a rehearsal."""

    def __init__(
        self,
        rehearsal: Rehearsal,
        cursor: ConversationCursor,
        first_agent: str,
        agent: str | None,
        transfer_tool: TransferTool,
    ) -> None:
        self._rehearsal = rehearsal
        self._cursor = cursor
        self._agent = first_agent
        self._final_agent = agent
        self._transfer_tool = transfer_tool
        self._caller = Caller()
        self._moves: list[say | call_tool] = []
        self._recent_lines: list[say] = []
        """The agent's lines since the caller or a tool last answered."""
        self._recent_were_heard = False

    def run(self) -> RehearsedTurn:
        self._cursor.pass_opening()
        while True:
            began = self._cursor.mark()
            try:
                next_agent = self._play(self._agent)
            except _TurnEndedError as ended:
                if self._final_agent in (None, self._agent):
                    return self._turn(ended.expects)
                # The application changed the agent without a handoff; the items do not show the place.
                next_agent = self._final_agent or self._agent
                self._moves.clear()
                self._cursor.waits_for_tool = False
                self._seek_first_words(next_agent, began)
            self._agent = next_agent
            self._clear_recent_lines()

    def _seek_first_words(self, agent: str, began: int) -> None:
        """Move to the agent's first words since `began`, or to the end if it has not spoken yet."""
        lines = PartRunner(agent, self._rehearsal.parts.get(agent, _empty_part), self._caller)
        try:
            move = lines.next(None)
        finally:
            lines.close()
        first = move.question if isinstance(move, ask) else move.text if isinstance(move, say) else move
        self._cursor.return_to(began)
        while isinstance(first, str) and not self._cursor.at_end:
            spoke = self._cursor.seek(AgentMessage)
            if spoke and spoke.begins(first):
                self._cursor.return_to(self._cursor.mark() - 1)
                return
        self._cursor.pass_all()

    def _turn(self, expects: tuple[Phrases, ...]) -> RehearsedTurn:
        waits_for_tool = self._cursor.waits_for_tool
        if not self._moves and not waits_for_tool:
            self._moves.extend(self._recent_lines)  # a response was requested without new input: repeat the last lines
        return RehearsedTurn(tuple(self._moves), expects)

    def _play(self, agent: str) -> str:
        """Play the part of one agent and return the agent that it hands over to.

        Raises:
            _TurnEndedError: the turn ends in this part.
        """
        part = self._rehearsal.parts.get(agent)
        if part is None:
            self._say(say(f"I am {agent}, and I have no part in this rehearsal."))
            self._hear(())
        lines = PartRunner(agent, part or _empty_part, self._caller)
        try:
            move = lines.next(None)
            while move is not None:
                answer: object = None
                if isinstance(move, AwaitedReply):
                    answer = self._hear(move.meanings)
                elif isinstance(move, ask):
                    answer = self._ask(move)
                elif isinstance(move, call_tool):
                    answer = self._call(move)
                elif isinstance(move, transfer):
                    handed, answer = self._transfer(move)
                    if handed:
                        return move.agent
                else:
                    self._say(say(move) if isinstance(move, str) else move)
                move = lines.next(answer)
        finally:
            lines.close()
        while True:
            self._hear(())
            self._say(say("That is as far as this rehearsal goes. A real model would know what to say now."))

    def _say(self, line: say) -> None:
        self._recent_lines.append(line)
        if self._cursor.take(AgentMessage):
            self._recent_were_heard = True
        elif self._cursor.at_end and not self._recent_were_heard:
            self._moves.append(line)
        # Otherwise the caller interrupted before its first word, or a message that was passed contains it.

    def _hear(self, meanings: tuple[Phrases, ...]) -> Reply:
        spoken, heard = self._cursor.seek_reply()
        if heard is None:
            raise _TurnEndedError(*meanings)
        self._clear_recent_lines()
        return _reply(heard.text, meanings, spoken)

    def _ask(self, question: ask) -> Reply:
        self._say(say(question.question, question.language))
        reply = self._hear(question.meanings)
        tries = question.tries
        while reply.meant is None and question.meanings and tries > 0:
            tries -= 1
            self._say(say(question.again, question.language))
            reply = self._hear(question.meanings)
        return reply

    def _call(self, move: call_tool) -> object:
        invoked = self._cursor.seek_call(move.tool)
        if invoked is None:
            self._moves.append(move)
            raise _TurnEndedError
        if invoked.output is None:
            self._cursor.waits_for_tool = True
            raise _TurnEndedError
        self._clear_recent_lines()
        return decode_output(invoked.output)

    def _transfer(self, move: transfer) -> tuple[bool, object]:
        answer = self._call(call_tool(self._transfer_tool(self._agent, move.agent)))
        refused = isinstance(answer, dict) and "error" in answer
        return not refused, answer

    def _clear_recent_lines(self) -> None:
        self._recent_lines = []
        self._recent_were_heard = False


def _reply(text: str, meanings: tuple[Phrases, ...], heard: str) -> Reply:
    matched = best_match(text, meanings)
    if matched is None:
        return Reply(text, heard=heard)
    meaning, match = matched
    return Reply(text, meaning, match.slots, heard)


async def _empty_part(_caller: Caller) -> Lines:
    no_lines: tuple[Move, ...] = ()
    for line in no_lines:
        yield line
