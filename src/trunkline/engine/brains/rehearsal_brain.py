"""Rehearsal brain: the answers of a scenario's rehearsal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import msgspec

from trunkline.engine.brains import BrainError, BrainOutput, BrainRequest, TextDelta, ToolCallDelta
from trunkline.realtime.ids import new_id
from trunkline.scenario.expected_reply import ExpectedReply
from trunkline.scenario.moves import say
from trunkline.scenario.performance import RehearsedTurn, perform
from trunkline.scenario.rehearsal import Rehearsal, RehearsalError
from trunkline.scenario.scenario import AnyScenario


class RehearsalBrain:
    """Brain that answers with the rehearsal of `scenario`.

    The request's prompt variables may name the current `agent` and the call's `first_agent`. Without them, the handoffs
    in the conversation determine the agent, starting with the scenario's first agent.
    """

    takes_images = False

    def __init__(self, scenario: AnyScenario, rehearsal: Rehearsal) -> None:
        self._scenario = scenario
        self._rehearsal = rehearsal
        self._performed: tuple[BrainRequest, RehearsedTurn] | None = None

    async def respond(self, request: BrainRequest) -> AsyncIterator[BrainOutput]:
        """Yield the rehearsed answer, as `Brain.respond`."""
        said_before = False
        for move in self._turn(request).does:
            if isinstance(move, say):
                yield TextDelta(f" {move.text}" if said_before else move.text, move.language, move.speed)
                said_before = True
            else:
                tool = _offered_name(move.tool, request)
                yield ToolCallDelta(new_id("call"), tool, msgspec.json.encode(move.arguments).decode())

    def prepare(self, request: BrainRequest) -> AsyncIterator[BrainOutput]:
        """Yield the rehearsed answer; a rehearsal has no state."""
        return self.respond(request)

    def grammar(self, request: BrainRequest) -> str | None:
        """Return the grammar of the expected phrases."""
        return self.expects(request).grammar()

    def expects(self, request: BrainRequest) -> ExpectedReply:
        """Return the reply that the rehearsal expects."""
        return ExpectedReply(self._turn(request).expects)

    async def aclose(self) -> None:
        """Do nothing."""

    def _turn(self, request: BrainRequest) -> RehearsedTurn:
        """Return the turn after a request. An utterance asks for its grammar and its replies with the same request."""
        if self._performed is None or self._performed[0] is not request:
            self._performed = request, self._perform(request)
        return self._performed[1]

    def _perform(self, request: BrainRequest) -> RehearsedTurn:
        names = [agent.name for agent in self._scenario.agents]
        try:
            return perform(
                self._rehearsal,
                request.items,
                first_agent=_known(request.prompt_variables, "first_agent", names) or names[0],
                agent=_known(request.prompt_variables, "agent", names),
                transfer_tool=self._scenario.transfer_tool,
            )
        except RehearsalError as error:
            raise BrainError(str(error), code="rehearsal_failed") from error


def _offered_name(tool: str, request: BrainRequest) -> str:
    """Return the name of a tool as the client offers it: `transfer_to_haikuWriter` for `transfer_to_haikuwriter`."""
    offered = {str(one["name"]).lower(): str(one["name"]) for one in request.tools}
    return tool if tool in offered.values() else offered.get(tool.lower(), tool)


def _known(variables: Mapping[str, str], key: str, names: list[str]) -> str | None:
    name = variables.get(key)
    return name if name in names else None
