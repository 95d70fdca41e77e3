"""Rehearsals: a scenario's stand-in for the model, written as a conversation.

    rehearsal = Rehearsal()

    @rehearsal.plays("greeter")
    async def greeter(caller: Caller) -> Lines:
        yield "Hello! Would you like a haiku?"
        while (await caller.says(YES, NO)).meant is not YES:
            yield "Then I will wait until you do."
        yield transfer("haikuWriter")

What the agent does is yielded: words to say, `call_tool(tool, …)`, `transfer(agent)`, `ask(question, …)`. What the
caller does is awaited: `await caller.says(…)`. `ask` is both: it says the question, waits, and asks again when the
reply meant none of the phrases.

What several parts do alike goes into an `async def` of its own, which a part awaits. It cannot yield, so what the agent
does in it is awaited as well:

    async def birthday(caller: Caller) -> str:
        reply = await act(ask("When were you born?", DATE))
        await act(f"That is {reply['date']}.")
        return reply["date"]

A rehearsal has no state of its own. `perform` runs it again from the conversation's items at every turn: what
the items already hold is passed over, and what comes after them is the turn. So truncation, a replayed history
and a fresh process change nothing. Facts that one agent's part learns and another's needs go into `caller.notes`,
which are built anew in every run.

Text models that the scenario asks are rehearsed by functions: see `Rehearsal.answers` and `text_answers.py`.
"""

from __future__ import annotations

import inspect
import json
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trunkline.realtime.events import Item
from trunkline.scenario.conversation_cursor import AgentMessage, CallerMessage, ConversationCursor, Entry
from trunkline.scenario.phrases import Phrases, best_match

if TYPE_CHECKING:
    from trunkline.scenario.text_answers import Question


@dataclass(frozen=True)
class say:  # noqa: N801 - reads as a word of the part - a verb of the rehearsal's language, written like a function
    """Words to say; `language` ("de") picks the voice's tongue. A plain text yields the same in English."""

    text: str
    language: str | None = None


@dataclass(frozen=True)
class call_tool:  # noqa: N801 - reads as a word of the part
    """A tool to call; the yield's value is its result, decoded from JSON where it is JSON."""

    tool: str
    arguments: Mapping[str, Any]

    def __init__(self, tool: str, /, **arguments: Any) -> None:
        object.__setattr__(self, "tool", tool)
        object.__setattr__(self, "arguments", arguments)


@dataclass(frozen=True)
class transfer:  # noqa: N801 - reads as a word of the part
    """Hands the caller to another agent, whose part begins. If the application refuses, the yield's value is its
    answer and the part goes on."""

    agent: str


class ask:  # noqa: N801 - reads as a word of the part
    """A question and the meanings of the replies it hopes for; the yield's value is the `Reply`.

    A reply that means none of them is answered with `again`, `tries` times; then the reply comes with
    `meant` None.
    """

    def __init__(
        self,
        question: str,
        *meanings: Phrases,
        again: str = "Sorry, I didn't catch that.",
        tries: int = 1_000_000,
        language: str | None = None,
    ) -> None:
        self.question, self.meanings, self.again, self.tries = question, meanings, again, tries
        self.language = language


Move = str | say | call_tool | transfer | ask
Lines = AsyncGenerator[Move, Any]
"""What a part is: an async generator of moves."""


@dataclass(frozen=True)
class Reply:
    """What the caller said. `text` is empty when nothing was recognised; `meant` is the phrases it matched."""

    text: str
    meant: Phrases | None = None
    slots: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, slot: str) -> str:
        return self.slots[slot]


class Caller:
    """The other side of a rehearsed conversation."""

    def __init__(self) -> None:
        self.notes: dict[str, Any] = {}
        """Facts for the other agents' parts; made anew in every run."""

    def says(self, *meanings: Phrases) -> _Listening:
        """Waits for the caller's next words: `reply = await caller.says(YES, NO)`.

        The meanings are also what the recogniser listens for. With none given, anything may be said, and
        the recogniser falls back to free dictation, which hears less well.
        """
        return _Listening(meanings)


Part = Callable[[Caller], Lines]
TextAnswerer = Callable[["Question"], Coroutine[Any, Any, str | Mapping[str, Any]]]
"""What stands in for a text model: an async function from the question to a text, or to an object for JSON."""


class Rehearsal:
    """The parts of a scenario's agents, and the answers of the text models that it asks.

    Args:
        instead: what an agent says in place of an answer that was stopped, by a guardrail for instance.
        farewell: what an agent says when it is told to say goodbye, because the call's time is up.
    """

    def __init__(
        self,
        *,
        instead: say | str = "I am sorry, I cannot say that. What else can I do for you?",
        farewell: say | str = "I have to end our call here. Goodbye!",
    ) -> None:
        self.instead = say(instead) if isinstance(instead, str) else instead
        self.farewell = say(farewell) if isinstance(farewell, str) else farewell
        self.parts: dict[str, Part] = {}
        self.answerers: dict[str, TextAnswerer] = {}

    def plays(self, agent: str) -> Callable[[Part], Part]:
        """Makes an async generator function the part of `agent`."""

        def register(part: Part) -> Part:
            if not inspect.isasyncgenfunction(part):
                raise TypeError(f"The part of {agent!r} must be an 'async def' that yields what the agent does.")
            if agent in self.parts:
                raise ValueError(f"The agent {agent!r} has two parts; give each agent one.")
            self.parts[agent] = part
            return part

        return register

    def answers(self, purpose: str) -> Callable[[TextAnswerer], TextAnswerer]:
        """Makes an async function stand in for the text model that is asked for `purpose` ("moderation").

            @rehearsal.answers("supervisor")
            async def supervisor(question: Question) -> str:
                account = await question.call_tool("getUserAccountInfo", phone_number="(206) 555-0100")
                return f"Your balance is {account['balance']} dollars."

        A request names its purpose in the model's name, `SCENARIO/PURPOSE`, or in its metadata as `purpose`.
        """

        def register(answerer: TextAnswerer) -> TextAnswerer:
            if not inspect.iscoroutinefunction(answerer):
                raise TypeError(f"What answers for {purpose!r} must be an 'async def' that returns the answer.")
            if purpose in self.answerers:
                raise ValueError(f"There are two answers for {purpose!r}; give each purpose one.")
            self.answerers[purpose] = answerer
            return answerer

        return register


@dataclass(frozen=True)
class RehearsedTurn:
    """One turn of a rehearsal: what to do now, and what the caller may say after it.

    `expects` is empty when the rehearsal waits for a tool's result or is open to anything.
    """

    does: tuple[say | call_tool, ...]
    expects: tuple[Phrases, ...] = ()


class RehearsalError(Exception):
    """A rehearsal failed or did what it may not; the message says where."""


TransferTool = Callable[[str, str], str]
"""(from agent, to agent) -> the name of the tool that hands over."""


def perform(
    rehearsal: Rehearsal,
    items: Sequence[Item],
    *,
    first_agent: str,
    agent: str | None = None,
    transfer_tool: TransferTool,
) -> RehearsedTurn:
    """Runs the rehearsal through the conversation's items and gives the turn that comes after them.

    Args:
        items: the conversation as GA items, in order.
        first_agent: who spoke first in this call.
        agent: who speaks now, where the application knows; None lets the items decide.
        transfer_tool: names the tool for a handoff.

    Raises:
        RehearsalError: a part raised, or awaited something other than the caller.
    """
    cursor = ConversationCursor(items)
    turn = _Performance(rehearsal, cursor, first_agent, agent, transfer_tool).run()
    if cursor.system_message is None:
        return turn
    return RehearsedTurn(
        (rehearsal.farewell if "goodbye" in cursor.system_message.lower() else rehearsal.instead,), turn.expects
    )


def act(move: Move) -> Awaitable[Any]:
    """What a part would yield, for functions that parts await: `answer = await act(call_tool("lookUp", …))`."""
    return _Acting(move)


@dataclass(frozen=True)
class _Acting:
    move: Move

    def __await__(self) -> Generator[_Acting, Any, Any]:
        return (yield self)


@dataclass(frozen=True)
class _Listening:
    meanings: tuple[Phrases, ...]

    def __await__(self) -> Generator[_Listening, Reply, Reply]:
        return (yield self)


class _TurnEndedError(Exception):
    """Nothing more can happen until the caller or a tool has answered."""

    def __init__(self, *expects: Phrases) -> None:
        self.expects = expects


class _Performance:
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
        self._does: list[say | call_tool] = []
        self._beat: list[say] = []
        """What has been said since the caller or a tool last answered."""
        self._beat_was_heard = False

    def run(self) -> RehearsedTurn:
        self._cursor.pass_opening()
        while True:
            began = self._cursor.mark()
            try:
                next_agent = self._play(self._agent)
            except _TurnEndedError as ended:
                if self._final_agent in (None, self._agent):
                    return self._turn(ended.expects)
                # The application changed the agent by itself; the items do not say where.
                next_agent = self._final_agent or self._agent
                self._does.clear()
                self._cursor.waits_for_tool = False
                self._seek_entrance(next_agent, began)
            self._agent = next_agent
            self._new_beat()

    def _seek_entrance(self, agent: str, began: int) -> None:
        """Goes to the agent's first words since `began`, or, if it has not spoken yet, passes everything."""
        lines = _Lines(agent, self._rehearsal.parts.get(agent, _nothing), self._caller)
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
        if not self._does and not waits_for_tool:
            self._does.extend(self._beat)  # asked for a response with nothing new to answer: say it again
        return RehearsedTurn(tuple(self._does), expects)

    def _play(self, agent: str) -> str:
        """Plays one agent's part; returns the agent it hands over to, or raises _TurnEndedError."""
        part = self._rehearsal.parts.get(agent)
        if part is None:
            self._say(say(f"I am {agent}, and I have no part in this rehearsal."))
            self._hear(())
        lines = _Lines(agent, part or _nothing, self._caller)
        try:
            move = lines.next(None)
            while move is not None:
                answer: Any = None
                if isinstance(move, _Listening):
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
        self._beat.append(line)
        if self._cursor.take(AgentMessage):
            self._beat_was_heard = True
        elif self._cursor.at_end and not self._beat_was_heard:
            self._does.append(line)
        # Otherwise the caller spoke before a word of it was heard, or it is in a message passed already.

    def _hear(self, meanings: tuple[Phrases, ...]) -> Reply:
        heard = self._cursor.seek(CallerMessage)
        if heard is None:
            raise _TurnEndedError(*meanings)
        self._new_beat()
        return _reply(heard.text, meanings)

    def _ask(self, question: ask) -> Reply:
        self._say(say(question.question, question.language))
        reply = self._hear(question.meanings)
        tries = question.tries
        while reply.meant is None and question.meanings and tries > 0:
            tries -= 1
            self._say(say(question.again, question.language))
            reply = self._hear(question.meanings)
        return reply

    def _call(self, move: call_tool) -> Any:
        invoked = self._cursor.seek_call(move.tool)
        if invoked is None:
            self._does.append(move)
            raise _TurnEndedError
        if invoked.output is None:
            self._cursor.waits_for_tool = True
            raise _TurnEndedError
        self._new_beat()
        return _decoded(invoked.output)

    def _transfer(self, move: transfer) -> tuple[bool, Any]:
        answer = self._call(call_tool(self._transfer_tool(self._agent, move.agent)))
        refused = isinstance(answer, dict) and "error" in answer
        return not refused, answer

    def _new_beat(self) -> None:
        self._beat = []
        self._beat_was_heard = False


def _reply(text: str, meanings: tuple[Phrases, ...]) -> Reply:
    understood = best_match(text, meanings)
    if understood is None:
        return Reply(text)
    meaning, match = understood
    return Reply(text, meaning, match.slots)


def _decoded(output: str) -> Any:
    try:
        return json.loads(output)
    except ValueError:
        return output


async def _nothing(_caller: Caller) -> Lines:
    no_lines: tuple[Move, ...] = ()
    for line in no_lines:
        yield line


class _Lines:
    """Steps an async generator by hand, without an event loop: it may await nothing but the caller."""

    def __init__(self, agent: str, part: Part, caller: Caller) -> None:
        self._agent = agent
        self._lines = part(caller)
        self._step: Generator[Any, Any, Any] | None = None

    def next(self, answer: Any) -> Move | _Listening | None:
        """The next move, given the answer to the last; None when the part is over."""
        step, self._step = self._step, None
        try:
            if step is None:
                step = self._lines.asend(answer).__await__()
                awaited = step.send(None)
            else:
                awaited = step.send(answer)
        except StopIteration as yielded:
            return self._checked(yielded.value)
        except StopAsyncIteration:
            return None
        except Exception as error:
            place = error_location(error, self._lines)
            raise RehearsalError(f"The rehearsal of {self._agent!r} failed: {error!r}{place}") from error
        self._step = step
        if isinstance(awaited, _Listening):
            return awaited
        if isinstance(awaited, _Acting):
            return self._checked(awaited.move)
        raise RehearsalError(f"The rehearsal of {self._agent!r} awaits {awaited!r}; it may await only the caller.")

    def close(self) -> None:
        """Ends the generator where it stands: at a yield, or while it awaits the caller."""
        step, self._step = self._step, None
        try:
            if step is None:
                self._lines.aclose().__await__().send(None)
            else:
                step.throw(GeneratorExit())
        except (GeneratorExit, StopAsyncIteration):
            return
        except StopIteration:
            if step is None:
                return
        except Exception as error:
            place = error_location(error, self._lines)
            raise RehearsalError(f"The rehearsal of {self._agent!r} failed at its end: {error!r}{place}") from error
        raise RehearsalError(f"The rehearsal of {self._agent!r} goes on although its turn is over.")

    def _checked(self, move: object) -> Move:
        if isinstance(move, str | say | call_tool | transfer | ask):
            return move
        raise RehearsalError(
            f"The rehearsal of {self._agent!r} yields {move!r}; it may yield text, say, ask, call or transfer."
        )


__all__ = [
    "Caller",
    "Entry",
    "Lines",
    "Move",
    "Rehearsal",
    "RehearsalError",
    "RehearsedTurn",
    "Reply",
    "TextAnswerer",
    "act",
    "ask",
    "call_tool",
    "perform",
    "say",
    "transfer",
]  # fmt: skip


def error_location(error: BaseException, running: object) -> str:
    """Where in its own file a part or an answer of a rehearsal went wrong, for an error's end: ` (shop.py:54)`."""
    file = getattr(getattr(running, "ag_code", None) or getattr(running, "cr_code", None), "co_filename", None)
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f" ({Path(file).name}:{lines[-1]})" if file and lines else ""
