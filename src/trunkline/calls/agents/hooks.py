"""Hooks of agents (`RealtimeAgent.hooks`): callbacks when an agent starts, answers, is handed a caller or runs a tool.

They run one after the other, in the order of the log. An exception in one is an error in the log, and the call
continues.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING

from trunkline.calls.agents.containment import contained, original
from trunkline.calls.log import Entry
from trunkline.calls.log_events import AgentChanged, CallError, LogEventUnion, MessageAdded, MessageDone
from trunkline.realtime.json_values import valid_unicode
from trunkline.scenario.error_location import error_location
from trunkline.scenario.scenario import AnyScenario

if TYPE_CHECKING:
    from agents import FunctionTool, RunContextWrapper
    from agents.realtime import RealtimeAgent
    from agents.run_context import AgentHookContext
    from agents.tool_context import ToolContext

logger = logging.getLogger(__name__)


MAX_WAITING_HOOKS = 1000
"""Hooks that may wait for earlier ones; further ones are dropped with an error."""


HOOKED_KINDS = (AgentChanged, MessageAdded, MessageDone)
"""The events of the log that hooks follow."""

_Hook = Callable[["RunContextWrapper"], Awaitable[None]]


class HookRunner:
    """The hooks of one call's agents. `read` takes each entry of `HOOKED_KINDS`; the hooks run in its order.

    No task waits for hooks, since most agents have none: `run` runs once with the call, and again for later hooks.

    Args:
        spawn: runs a coroutine in a task of the call.
        append: appends an event to the log.
        context: returns the call's context for the users' code.
        timeout_s: the longest time that one hook may take.
    """

    def __init__(
        self,
        scenario: AnyScenario,
        spawn: Callable[[Coroutine[object, None, None]], None],
        append: Callable[[LogEventUnion], None],
        context: Callable[[], Awaitable[RunContextWrapper]],
        timeout_s: float,
    ) -> None:
        self._scenario = scenario
        self._spawn = spawn
        self._append = append
        self._context = context
        self._timeout_s = timeout_s
        self._waiting: deque[_Hook] = deque()
        self._will_run = True
        """True if `run` runs, or will: the call runs it first."""
        self._speakers: dict[str, RealtimeAgent] = {}
        """The agents with hooks whose messages are not complete, by message."""

    def read(self, entry: Entry) -> None:
        """Note the hooks of an entry of the log."""
        match entry.event:
            case AgentChanged(agent=name, previous=previous):
                if (agent := self._scenario.agent(name)).hooks is not None:
                    self._add(lambda context: self._on_agent(context, agent, previous))
            case MessageAdded(item_id=item_id, agent=str(name)):
                if (agent := self._scenario.agent(name)).hooks is not None:
                    self._speakers[item_id] = agent
            case MessageDone(item_id=item_id, text=text, status=status) if item_id in self._speakers:
                speaker = self._speakers.pop(item_id)
                if status == "completed":
                    self._add(lambda context: self._on_answer(context, speaker, text))

    def _add(self, hook: _Hook) -> None:
        if len(self._waiting) == MAX_WAITING_HOOKS:
            message = f"{MAX_WAITING_HOOKS} hooks wait already; one was dropped. Let hooks return sooner."
            self._append(CallError(message=message, code="hook_failed", source="scenario"))
            return
        self._waiting.append(hook)
        if not self._will_run:
            self._will_run = True
            self._spawn(self.run())

    async def run(self) -> None:
        """Run the hooks that wait, and those that come meanwhile."""
        while self._waiting:
            hook = self._waiting.popleft()
            try:
                context = await self._context()
            except Exception:  # noqa: BLE001 - without a context no agent can be set up, which the log says already
                logger.debug("a hook has no context")
            else:
                await hook(context)
        self._will_run = False

    async def _on_agent(self, context: RunContextWrapper, agent: RealtimeAgent, previous: str | None) -> None:
        if (hooks := agent.hooks) is None:
            return
        if previous is not None:
            source = self._scenario.agent(previous)
            await self._run("on_handoff", agent, lambda: hooks.on_handoff(context, agent, source))
        await self._run("on_start", agent, lambda: hooks.on_start(_hook_context(context), agent))

    async def _on_answer(self, context: RunContextWrapper, agent: RealtimeAgent, text: str) -> None:
        if (hooks := agent.hooks) is not None:
            await self._run("on_end", agent, lambda: hooks.on_end(_hook_context(context), agent, text))

    async def on_tool_start(self, context: ToolContext, agent: RealtimeAgent, tool: FunctionTool) -> None:
        """Run the hook of an agent before its tool runs."""
        if (hooks := agent.hooks) is not None:
            await self._run("on_tool_start", agent, lambda: hooks.on_tool_start(context, agent, tool))

    async def on_tool_end(self, context: ToolContext, agent: RealtimeAgent, tool: FunctionTool, result: object) -> None:
        """Run the hook of an agent after its tool has returned."""
        if (hooks := agent.hooks) is not None:
            await self._run("on_tool_end", agent, lambda: hooks.on_tool_end(context, agent, tool, result))

    async def _run(self, name: str, agent: RealtimeAgent, hook: Callable[[], Awaitable[None]]) -> None:
        try:
            with contained():
                async with asyncio.timeout(self._timeout_s):
                    await hook()
        except Exception as caught:  # noqa: BLE001 - a user's hook may raise anything, and the call must continue
            error = original(caught)
            logger.warning("the hook %s failed: %s", name, type(error).__name__)
            message = f"The hook {name} of the agent {agent.name!r} failed: {type(error).__name__}: {error}"
            self._append(
                CallError(
                    message=valid_unicode(f"{message}{error_location(error)}"), code="hook_failed", source="scenario"
                )
            )


def _hook_context(context: RunContextWrapper) -> AgentHookContext:
    """Return the context for `on_start` and `on_end`, which the SDK gives a type of its own."""
    from agents.run_context import AgentHookContext

    return AgentHookContext(context=context.context, usage=context.usage)
