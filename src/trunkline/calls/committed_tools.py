"""Tools of a call, each run once its start is committed: a next server must know that the tool may have run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from trunkline.calls.agents.runner import AgentRunner
from trunkline.calls.log_events import LogEventUnion, Notice
from trunkline.calls.machine.effects import RunTool
from trunkline.calls.send_gate import SendGate

_NOT_SAVED = "A server that takes this call over without it may run the tool again."


class CommittedTools:
    """The start of the tools of one call.

    Args:
        agents: run the tools.
        gate: the gate of the call.
        append: appends an event to the log.
    """

    def __init__(self, agents: AgentRunner, gate: SendGate, append: Callable[[LogEventUnion], None]) -> None:
        self._agents = agents
        self._gate = gate
        self._append = append

    async def run(self, effect: RunTool, commit: Callable[[], Awaitable[bool]] | None) -> None:
        """Run a tool.

        Args:
            commit: commits the log so far to the live record, and returns whether that is done; None without a record.
        """
        is_committed = commit is None or await commit()
        if not await self._gate.wait():
            return  # another server runs the call, and the tool
        if not is_committed:
            message = f"The tool {effect.name} began before its start was in the database. {_NOT_SAVED}"
            self._append(Notice(message=message, code="not_saved"))
        await self._agents.run_tool(effect)
