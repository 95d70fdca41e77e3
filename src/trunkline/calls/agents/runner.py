"""Running what users wrote: agents' instructions, handoffs, tools, guardrails, and the text model they ask."""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trunkline.calls.agents import session_config
from trunkline.calls.agents.guardrails import guardrails_of, run_guardrail
from trunkline.calls.agents.text_model_requests import TextModelRequests
from trunkline.calls.agents.tools import run_tool
from trunkline.calls.log_events import Breadcrumb, LogEventUnion, ToolProgress
from trunkline.calls.machine import effects, inputs
from trunkline.calls.machine.machine import CallMachine
from trunkline.providers import Provider
from trunkline.realtime.events import Event
from trunkline.realtime.json_values import to_json_value, valid_unicode
from trunkline.scenario.context import CallContext, HistoryMessage, running_tool
from trunkline.scenario.scenario import Scenario
from trunkline.scenario.text_model import TextReply

if TYPE_CHECKING:
    from agents import OutputGuardrail, RunContextWrapper
    from agents.realtime import RealtimeAgent

logger = logging.getLogger(__name__)


class StateError(Exception):
    """A scenario's `state` factory failed, so that no call can be made."""


@dataclass(frozen=True)
class RunnerTimeLimits:
    """How long what users wrote may take, in seconds."""

    tool_s: float
    guardrail_s: float
    approval_s: float


@dataclass(frozen=True)
class CallHandle:
    """What the runner needs of its call.

    Attributes:
        call_id: the call's id.
        first_agent: who answered it.
        machine: the call's machine, to be asked only.
        feed: takes what came of it.
        start: runs something in a task of the call.
        append: appends to the log.
        text_used: is told of each answer of the text model.
        now_ms: the call's clock.
    """

    call_id: str
    first_agent: str
    machine: Callable[[], CallMachine]
    feed: Callable[[inputs.Input], None]
    start: Callable[[Coroutine[Any, Any, None]], None]
    append: Callable[[LogEventUnion], None]
    text_used: Callable[[TextReply], None]
    now_ms: Callable[[], float]


class AgentRunner:
    """Runs a scenario's agents for one call. Whatever they raise becomes an input of the machine.

    Raises:
        StateError: the scenario's `state` could not be made.
    """

    def __init__(self, scenario: Scenario[Any], provider: Provider, limits: RunnerTimeLimits, call: CallHandle) -> None:
        self._scenario = scenario
        self._provider = provider
        self._limits = limits
        self._call = call
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._approvals: dict[str, asyncio.Future[bool]] = {}
        self._context: CallContext[Any] = CallContext(
            call_id=call.call_id,
            scenario=scenario.name,
            state=make_state(scenario),
            _history=self._history,
            _note=self._note,
            _progress=self._progress,
            _ask=lambda asking: self._desk.ask(asking),
        )
        self._desk = TextModelRequests(
            provider.text_model(),
            lambda: self._context,
            lambda: scenario.agent(call.machine().agent),
            call.append,
            call.text_used,
            call.now_ms,
            limits.tool_s,
        )

    @property
    def state(self) -> Any:
        """What the scenario's `state` made for this call; None without one."""
        return self._context.state

    # Agents ---------------------------------------------------------------------------------------------------------
    async def configure(self, effect: effects.ConfigureAgent) -> None:
        """Works out an agent's session."""
        try:
            session = await self.session(effect)
        except Exception as error:
            logger.warning("call %s: agent %s could not be set up", self._call.call_id, effect.agent, exc_info=True)
            self._call.feed(inputs.AgentFailed(effect.agent, f"{type(error).__name__}: {error}", effect.purpose))
        else:
            self._call.feed(inputs.AgentConfigured(effect.agent, session, effect.purpose))

    async def session(self, effect: effects.ConfigureAgent) -> Event:
        """The session of an agent, whole where the link is new. What a user's code raises comes through.

        Raises:
            TimeoutError: it took longer than a tool may.
        """
        context = self._run_context
        purpose = effect.purpose
        async with asyncio.timeout(self._limits.tool_s):
            if isinstance(purpose, effects.HandingOff):
                previous = self._scenario.agent(purpose.previous)
                await session_config.accept_handoff(previous, purpose.tool, purpose.arguments, context)
            extras = self._provider.session_extras(self._scenario, effect.agent, self._call.first_agent)
            session = await session_config.agent_session(self._scenario.agent(effect.agent), context, extras)
        if isinstance(purpose, effects.Connecting):
            machine = self._call.machine()
            transcription = self._provider.transcription(self._scenario)
            session |= session_config.connection_session(
                self._scenario, transcription, machine.settings, machine.turn_detection
            )
        return session

    # Tools ----------------------------------------------------------------------------------------------------------
    async def run_tool(self, effect: effects.RunTool) -> None:
        """Runs a tool."""
        agent = self._scenario.agent(effect.agent)
        tool: Any = next(tool for tool in agent.tools if tool.name == effect.name)
        outcome = await run_tool(
            tool,
            effect.arguments,
            call_id=effect.tool_call_id,
            agent=agent,
            context=self._context,
            timeout_s=self._limits.tool_s,
            approval=lambda: self._approval(effect),
        )
        self._call.feed(
            inputs.ToolFinished(
                tool_call_id=effect.tool_call_id,
                name=effect.name,
                output=outcome.output,
                result=outcome.result,
                error=outcome.error,
            )
        )

    async def _approval(self, effect: effects.RunTool) -> bool:
        """What the caller says to it; False if they say nothing."""
        answer: asyncio.Future[bool] = self._loop.create_future()
        self._approvals[effect.tool_call_id] = answer
        self._call.feed(inputs.ApprovalRequested(effect.tool_call_id, effect.arguments))
        try:
            async with asyncio.timeout(self._limits.approval_s):
                return await answer
        except TimeoutError:
            return False
        finally:
            del self._approvals[effect.tool_call_id]

    def approved(self, approved: effects.ResolveApproval) -> None:
        """The caller has answered a tool that waits for it."""
        answer = self._approvals.get(approved.tool_call_id)
        if answer is not None and not answer.done():
            answer.set_result(approved.approved)

    # Guardrails -----------------------------------------------------------------------------------------------------
    def guardrails(self) -> dict[str, Sequence[str]]:
        """The names of each agent's guardrails."""
        return {
            agent.name: [guardrail.get_name() for guardrail in guardrails_of(self._scenario, agent)]
            for agent in self._scenario.agents
        }

    def check(self, check: effects.RunGuardrails) -> None:
        """Runs an agent's guardrails, all at once."""
        agent = self._scenario.agent(check.agent)
        context = self._run_context
        for guardrail in guardrails_of(self._scenario, agent):
            self._call.start(self._run_guardrail(guardrail, check, agent, context))

    async def _run_guardrail(
        self,
        guardrail: OutputGuardrail[Any],
        check: effects.RunGuardrails,
        agent: RealtimeAgent[Any],
        context: RunContextWrapper[Any],
    ) -> None:
        self._call.feed(await run_guardrail(guardrail, check, agent, context, self._limits.guardrail_s))

    # What tools and guardrails are given ----------------------------------------------------------------------------
    @functools.cached_property
    def _run_context(self) -> RunContextWrapper[Any]:
        """One for the whole call, as in the SDK's own sessions."""
        from agents import RunContextWrapper

        return RunContextWrapper(context=self._context)

    def _history(self) -> list[HistoryMessage]:
        return self._call.machine().transcript.history()

    def _note(self, title: str, data: object) -> None:
        note = Breadcrumb(title=valid_unicode(str(title)), data=to_json_value(data), call_id=running_tool.get())
        self._append_from_anywhere(note)

    def _progress(self, message: str, fraction: float | None) -> None:
        tool = running_tool.get()
        if tool is None:
            raise RuntimeError("progress() is for a tool that runs.")
        known = None if fraction is None else min(1.0, max(0.0, float(fraction)))
        self._append_from_anywhere(ToolProgress(call_id=tool, message=valid_unicode(str(message)), fraction=known))

    def _append_from_anywhere(self, note: LogEventUnion) -> None:
        if threading.get_ident() == self._thread:
            self._call.append(note)
        else:  # from a tool without `async`, which runs in a thread of its own
            self._loop.call_soon_threadsafe(self._call.append, note)


def make_state(scenario: Scenario[Any]) -> Any:
    """What a scenario's `state` makes for a call; None without one.

    Raises:
        StateError: it failed.
    """
    if scenario.state is None:
        return None
    try:
        return scenario.state()
    except Exception as error:
        message = f"The state of the scenario {scenario.name!r} could not be made: {type(error).__name__}: {error}"
        raise StateError(message) from error
