"""Rehearsals: a scenario's stand-in for the model, written as a conversation.

    rehearsal = Rehearsal()

    @rehearsal.plays("greeter")
    async def greeter(caller: Caller) -> Lines:
        yield "Hello! Would you like a haiku?"
        while (await caller.says(YES, NO)).meant is not YES:
            yield "Then I will wait until you do."
        yield transfer("haikuWriter")

A part yields the agent's moves: words, `call_tool(tool, …)`, `transfer(agent)`, `ask(question, …)`. It awaits the
caller's words: `await caller.says(…)`. `ask` does both: it says the question, waits, and asks again if the reply
matches none of the phrases.

Several parts may share an `async def`, which they await. It cannot yield, so it awaits its moves as well:

    async def birthday(caller: Caller) -> str:
        reply = await act(ask("When were you born?", DATE))
        await act(f"That is {reply['date']}.")
        return reply["date"]

A rehearsal has no state. `perform` runs it again from the conversation's items at every turn: it passes the moves that
the items contain, and the moves after them are the turn. So a truncation, a replayed history and a new process change
nothing. A fact that another agent's part needs goes into `caller.notes`, which every run builds again.

Functions rehearse the text models that the scenario asks: see `Rehearsal.answers` and `text_answers.py`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Mapping

from trunkline.scenario.caller import Caller
from trunkline.scenario.moves import Lines, say
from trunkline.scenario.question import Question

Part = Callable[[Caller], Lines]
TextAnswerer = Callable[[Question], Coroutine[object, None, str | Mapping[str, object]]]
"""A stand-in for a text model: an async function from the question to a text, or to an object for JSON."""


class Rehearsal:
    """The parts of a scenario's agents, and the answers of the text models that it asks.

    Args:
        instead: an agent's words in place of an answer that a guardrail stopped.
        farewell: an agent's goodbye when the call has reached its time limit.
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
        """Make an async generator function the part of `agent`.

        Raises:
            TypeError: the function is not an async generator function.
            ValueError: the agent already has a part.
        """

        def register(part: Part) -> Part:
            if not inspect.isasyncgenfunction(part):
                raise TypeError(f"The part of {agent!r} must be an 'async def' that yields the agent's moves.")
            if agent in self.parts:
                raise ValueError(f"The agent {agent!r} has two parts; give each agent one.")
            self.parts[agent] = part
            return part

        return register

    def answers(self, purpose: str) -> Callable[[TextAnswerer], TextAnswerer]:
        """Make an async function the stand-in for the text model that is asked for `purpose` ("moderation").

            @rehearsal.answers("supervisor")
            async def supervisor(question: Question) -> str:
                account = await question.call_tool("getUserAccountInfo", phone_number="(206) 555-0100")
                return f"Your balance is {account['balance']} dollars."

        A request names its purpose in the model's name, `SCENARIO/PURPOSE`, or in its metadata as `purpose`.

        Raises:
            TypeError: the function is not an async function.
            ValueError: the purpose already has an answer.
        """

        def register(answerer: TextAnswerer) -> TextAnswerer:
            if not inspect.iscoroutinefunction(answerer):
                raise TypeError(f"The answer for {purpose!r} must be an 'async def' that returns it.")
            if purpose in self.answerers:
                raise ValueError(f"There are two answers for {purpose!r}; give each purpose one.")
            self.answerers[purpose] = answerer
            return answerer

        return register


class RehearsalError(Exception):
    """A rehearsal that failed or broke a rule; the message names the place in the user's file."""
