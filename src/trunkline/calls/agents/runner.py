"""The runner of user code: agents' instructions, handoffs, tools and guardrails, and their text model requests."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import inspect
import logging
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from trunkline.calls.agents import session_config
from trunkline.calls.agents.containment import contained, original
from trunkline.calls.agents.guardrails import guardrails_of, run_guardrail
from trunkline.calls.agents.handoffs import HandoffRefusedError, accept_handoff
from trunkline.calls.agents.hooks import HookRunner
from trunkline.calls.agents.mcp_servers import McpServers, ServerState, ServerTools, shown_name
from trunkline.calls.agents.text_model_requests import TextModelRequests
from trunkline.calls.agents.tool_threads import CallThreads
from trunkline.calls.agents.tools import run_tool, unavailable
from trunkline.calls.log_events import Breadcrumb, CallError, LogEventUnion, McpServerChanged, ToolProgress
from trunkline.calls.machine import effects, inputs
from trunkline.calls.machine.refused_parts import MAX_LOGGED_CHARS, cut_output
from trunkline.providers import Provider, ProviderNotice
from trunkline.providers.text_model_client import MissingTextModel, TextModelClient
from trunkline.realtime.events import Event
from trunkline.realtime.json_values import to_json, to_json_value, valid_unicode
from trunkline.scenario.context import AnyContext, CallContext, HistoryMessage, running_tool
from trunkline.scenario.error_location import error_location
from trunkline.scenario.guardrails import MODERATION, needs_text_model
from trunkline.scenario.saved_state import StateNotSavedError, load_state, save_state
from trunkline.scenario.scenario import AnyScenario, function_tools
from trunkline.scenario.state_factory import call_factory
from trunkline.scenario.text_model import TextPrompt, TextReply

if TYPE_CHECKING:
    from agents import FunctionTool, InputGuardrail, OutputGuardrail, RunContextWrapper
    from agents.mcp import MCPServer
    from agents.realtime import RealtimeAgent

logger = logging.getLogger(__name__)


class StateError(Exception):
    """A scenario's `state` factory failed, so that no call can be made."""


@dataclass(frozen=True)
class RunnerTimeLimits:
    """Time limits of user code, in seconds."""

    tool_s: float
    guardrail_s: float
    approval_s: float


@dataclass(frozen=True)
class CallHandle:
    """The runner's access to its call.

    Attributes:
        call_id: the call's id.
        caller_id: the caller's id in the app that authenticates callers; None without one.
        first_agent: the name of the agent that answered the call.
        metadata: the pairs that the client gave when it started the call.
        agent: returns the name of the current agent.
        history: returns the conversation so far.
        feed: gives the machine an input.
        spawn: runs a coroutine in a task of the call.
        append: appends an event to the log.
        on_text_reply: takes the purpose and each reply of the text model, for metering.
        now_ms: returns the time since the call's start, in ms.
    """

    call_id: str
    caller_id: str | None
    first_agent: str
    metadata: Mapping[str, str]
    agent: Callable[[], str]
    history: Callable[[], list[HistoryMessage]]
    feed: Callable[[inputs.Input], None]
    spawn: Callable[[Coroutine[object, None, None]], None]
    append: Callable[[LogEventUnion], None]
    on_text_reply: Callable[[str, TextReply], None]
    now_ms: Callable[[], float]


class AgentRunner:
    """Runs a scenario's agents for one call. Each exception of user code becomes an input of the machine.

    Raises:
        StateError: the scenario's `state` factory failed.
    """

    def __init__(
        self,
        scenario: AnyScenario,
        provider: Provider,
        limits: RunnerTimeLimits,
        call: CallHandle,
        mcp_servers: McpServers,
    ) -> None:
        self._scenario = scenario
        self._provider = provider
        self._limits = limits
        self._call = call
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._threads = CallThreads(call.call_id)
        self._approvals: dict[str, asyncio.Future[bool]] = {}
        self._offered: dict[str, list[Event]] = {}
        """The tools that the model has of each agent, as last configured."""
        self._readiness = asyncio.Lock()
        self._mcp_servers = mcp_servers
        self._mcp_tools: dict[str, list[ServerTools]] = {}
        """The tools of each agent's MCP servers, as last listed."""
        self._mcp_logged: dict[tuple[str, int], McpServerChanged] = {}
        self._unsubscribe = mcp_servers.subscribe(self._on_server_changed)
        state = make_state(scenario, call.call_id, call.metadata)
        self._saved_state: str | None = None
        """The state of the call on another server, until the new one is made."""
        self._cannot_save = False
        self._pending_state = state if inspect.isawaitable(state) else None
        self._context: AnyContext = CallContext(
            call_id=call.call_id,
            scenario=scenario.name,
            state=None if self._pending_state is not None else state,
            metadata=call.metadata,
            caller_id=call.caller_id,
            _history=call.history,
            _note=self._note,
            _progress=self._progress,
            _ask=lambda asking: self._text_model.ask(asking),
            _hang_up=self._hang_up,
        )
        model = provider.text_model()
        self._unchecked: str | None = None
        """The reason for which the moderation does not run; None if it does."""
        # A scenario that holds answers back releases none without its checks.
        if isinstance(model, TextModelClient | MissingTextModel) and not scenario.hold:
            prompt = TextPrompt(scenario.name, MODERATION, "", (), model="moderation")
            self._unchecked = model.missing_for(prompt)
        self._text_model = TextModelRequests(
            model,
            lambda: self._context,
            lambda: scenario.agent(call.agent()),
            call.append,
            call.on_text_reply,
            call.now_ms,
            limits.tool_s,
        )
        self.hooks = HookRunner(scenario, call.spawn, call.append, self._ready_context, limits.tool_s)

    @property
    def state(self) -> object:
        """The value that the scenario's `state` factory made for this call; None without a factory."""
        return self._context.state

    def saved_state(self) -> str | None:
        """Return the state as JSON text; None without one, and for a state that cannot be saved."""
        if self._context.state is None or self._cannot_save:
            return None
        try:
            return save_state(self._context.state)
        except StateNotSavedError as error:
            self._cannot_save = True
            logger.warning("call %s: %s. Another server would begin with a new state.", self._call.call_id, error)
            return None

    def restore_state(self, saved: str) -> None:
        """Continue with a saved state, as soon as the scenario's factory has made a new one of its type."""
        self._saved_state = saved
        if self._pending_state is None:
            self._context = dataclasses.replace(self._context, state=self._restored(self._context.state))

    def _restored(self, fresh: object) -> object:
        saved, self._saved_state = self._saved_state, None
        if saved is None:
            return fresh
        try:
            return load_state(saved, fresh)
        except StateNotSavedError as error:
            logger.warning("call %s: %s. The call continues with a new state.", self._call.call_id, error)
            return fresh

    def close(self) -> None:
        """Declare the call ended. Tools that still run in threads cannot be stopped."""
        self._threads.close()
        self._unsubscribe()

    # Agents ---------------------------------------------------------------------------------------------------------
    async def configure_agent(self, effect: effects.ConfigureAgent) -> None:
        """Build an agent's session configuration and feed it to the machine."""
        try:
            session = await self.session_for(effect)
        except HandoffRefusedError as error:
            self._call.feed(inputs.AgentFailed(effect.agent, str(error), effect.purpose, advice=error.advice))
        except Exception as error:
            logger.warning("call %s: agent %s could not be set up", self._call.call_id, effect.agent, exc_info=True)
            raised = original(error)
            problem = f"{type(raised).__name__}: {raised}{error_location(raised)}"
            self._call.feed(inputs.AgentFailed(effect.agent, problem, effect.purpose))
        else:
            has = self.tools_of(effect.agent)
            self._call.feed(inputs.AgentConfigured(effect.agent, session, effect.purpose, has))

    async def session_for(self, effect: effects.ConfigureAgent) -> Event:
        """Build an agent's session configuration; a complete one if the link has just connected.

        Raises:
            TimeoutError: the user's code took longer than a tool may.
            HandoffRefusedError: the handoff to the agent does not happen.
            Exception: the user's code raised it.
        """
        purpose = effect.purpose
        transcription = self._provider.transcription(self._scenario)
        with contained(), self._threads.in_use():
            async with asyncio.timeout(self._limits.tool_s):
                context = await self._ready_context()
                if isinstance(purpose, effects.HandingOff):
                    previous = self._scenario.agent(purpose.previous)
                    await accept_handoff(previous, purpose.tool, purpose.arguments, context)
                extras = self._provider.session_extras(self._scenario, effect.agent, self._call.first_agent)
                agent = self._scenario.agent(effect.agent)
                mcp_tools = await self._list_mcp_tools(agent, context)
                session = await session_config.agent_session(
                    self._scenario, agent, context, extras, transcription, mcp_tools
                )
        self._offered[effect.agent] = session["tools"]
        if isinstance(purpose, effects.Connecting):
            opening = session_config.connection_session(
                self._scenario, transcription, purpose.settings, purpose.turn_detection, effect.agent
            )
            session = {**opening, **session, "audio": opening["audio"]}
        return session

    def tools_of(self, agent: str) -> inputs.AgentTools:
        """Return the names of an agent's tools and handoffs, enabled or not."""
        names = tuple(tool.name for tool in self._functions(agent))
        return inputs.AgentTools(names, dict(self._scenario.transfers(agent)))

    def _functions(self, agent: str) -> list[FunctionTool]:
        """Return the function tools of an agent and of its MCP servers."""
        return [*function_tools(self._scenario.agent(agent)), *self._tools_of_servers(agent)]

    def start_refresh(self, name: str) -> None:
        """Refresh an agent's tools as `refresh_tools` does, in a task if the user's code decides about them."""
        if name in self._offered and (asking := self._refresh(name)) is not None:
            self._call.spawn(asking)

    async def refresh_tools(self, name: str) -> None:
        """Feed `ToolsChanged` to the machine if the model may now use other tools of an agent."""
        if name in self._offered and (asking := self._refresh(name)) is not None:
            await asking

    def _refresh(self, name: str) -> Coroutine[object, None, None] | None:
        """Refresh an agent's tools at once; if the user's code decides about them, return the work of asking it."""
        fixed = session_config.fixed_tools(self._scenario.agent(name), self._tools_of_servers(name))
        if fixed is None:
            return self._ask_for_tools(name)
        self._offer(name, fixed)
        return None

    async def _ask_for_tools(self, name: str) -> None:
        try:
            with contained(), self._threads.in_use():
                async with asyncio.timeout(self._limits.tool_s):
                    context = await self._ready_context()
                    mcp_tools = self._tools_of_servers(name)
                    tools = await session_config.agent_tools(self._scenario.agent(name), context, mcp_tools)
        except Exception as error:  # noqa: BLE001 - a user's `is_enabled` may raise anything, and the call must continue
            raised = original(error)
            problem = f"The tools of the agent {name!r} could not be checked: {type(raised).__name__}: {raised}"
            self._call.append(
                CallError(message=f"{problem}{error_location(raised)}", code="tools_failed", source="scenario")
            )
            return
        self._offer(name, tools)

    def _offer(self, name: str, tools: list[Event]) -> None:
        if tools != self._offered[name]:
            self._offered[name] = tools
            self._call.feed(inputs.ToolsChanged(name, tools, self.tools_of(name)))

    def _tools_of_servers(self, name: str) -> list[FunctionTool]:
        return [tool for server in self._mcp_tools.get(name, []) for tool in server.tools]

    # Tools ----------------------------------------------------------------------------------------------------------
    async def run_tool(self, effect: effects.RunTool) -> None:
        """Run a tool and feed its outcome to the machine."""
        agent = self._scenario.agent(effect.agent)
        tool = next((tool for tool in self._functions(agent.name) if tool.name == effect.name), None)
        if tool is None:
            outcome = unavailable(effect.name)
        else:
            outcome = await run_tool(
                tool,
                effect.arguments,
                tool_call_id=effect.tool_call_id,
                agent=agent,
                context=self._context,
                timeout_s=self._limits.tool_s,
                approval=lambda: self._wait_for_approval(effect),
                hooks=self.hooks,
                threads=self._threads,
            )
            for listed in self._mcp_tools.get(agent.name, []):
                if outcome.error is not None and tool in listed.tools:
                    self._mcp_servers.check(listed.server)
        await self.refresh_tools(effect.agent)  # before its output, so that the model's answer may use them
        self._call.feed(
            inputs.ToolFinished(
                tool_call_id=effect.tool_call_id,
                name=effect.name,
                output=outcome.output,
                result=outcome.result,
                error=outcome.error,
            )
        )

    async def _wait_for_approval(self, effect: effects.RunTool) -> bool:
        """Return the caller's decision, False if none comes in time."""
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

    def resolve_approval(self, effect: effects.ResolveApproval) -> None:
        """Give the caller's decision to the tool that waits for it."""
        answer = self._approvals.get(effect.tool_call_id)
        if answer is not None and not answer.done():
            answer.set_result(effect.approved)

    # MCP servers ----------------------------------------------------------------------------------------------------
    async def _list_mcp_tools(self, agent: RealtimeAgent, context: RunContextWrapper) -> list[FunctionTool]:
        """List the tools of an agent's MCP servers, and log the changes."""
        if not agent.mcp_servers:
            self._mcp_tools.pop(agent.name, None)
            return []
        listed = self._mcp_tools[agent.name] = await self._mcp_servers.tools(agent, context)
        for one in listed:
            names = tuple(tool.name for tool in one.tools)
            self._log_server(agent.name, one.server, "up" if one.is_up else "failed", names, one.problem)
        return [tool for one in listed for tool in one.tools]

    def _on_server_changed(self, server: MCPServer, state: ServerState, problem: str | None) -> None:
        """Offer the tools of a server of the current agent that is up again, and withdraw those of one that is lost."""
        agent = self._scenario.agent(self._call.agent())
        if server not in agent.mcp_servers or agent.name not in self._mcp_tools:
            return
        if state is not ServerState.UP:
            status: Literal["lost", "failed"] = "lost" if state is ServerState.LOST else "failed"
            self._log_server(agent.name, server, status, (), problem)
        self._call.spawn(self._relist(agent))

    async def _relist(self, agent: RealtimeAgent) -> None:
        await self._list_mcp_tools(agent, await self._ready_context())
        await self.refresh_tools(agent.name)

    def _log_server(
        self,
        agent: str,
        server: MCPServer,
        status: Literal["up", "lost", "failed"],
        tools: tuple[str, ...],
        problem: str | None,
    ) -> None:
        event = McpServerChanged(agent=agent, server=shown_name(server), status=status, tools=tools, problem=problem)
        key = (agent, id(server))
        former = self._mcp_logged.get(key)
        if event == former or (former is not None and former.status == "lost" and status == "failed"):
            return
        self._mcp_logged[key] = event
        self._call.append(event)

    # Guardrails -----------------------------------------------------------------------------------------------------
    def guardrails(self) -> dict[str, Sequence[str]]:
        """Return the names of each agent's guardrails that can run, by agent name."""
        return {
            agent.name: [guardrail.get_name() for guardrail in self._guardrails_of(agent)]
            for agent in self._scenario.agents
        }

    def notices(self) -> Sequence[ProviderNotice]:
        """Return a notice if guardrails cannot run."""
        if self._unchecked is None:
            return ()
        names = {
            guardrail.get_name()
            for agent in self._scenario.agents
            for guardrail in guardrails_of(self._scenario, agent)
            if needs_text_model(guardrail)
        }
        if not names:
            return ()
        message = f"Answers are not checked by these guardrails: {', '.join(sorted(names))}."
        return (ProviderNotice(message, "no_text_model", self._unchecked),)

    def _guardrails_of(self, agent: RealtimeAgent) -> Sequence[OutputGuardrail]:
        found = guardrails_of(self._scenario, agent)
        return [one for one in found if self._unchecked is None or not needs_text_model(one)]

    def run_guardrails(self, effect: effects.RunGuardrails) -> None:
        """Start an agent's guardrails, each in a task."""
        agent = self._scenario.agent(effect.agent)
        context = self._run_context
        for guardrail in self._guardrails_of(agent):
            self._call.spawn(self._run_guardrail(guardrail, effect, agent, context))

    def run_input_guardrails(self, effect: effects.RunInputGuardrails) -> None:
        """Start the scenario's input guardrails, each in a task."""
        agent = self._scenario.agent(effect.agent)
        for guardrail in self._scenario.input_guardrails:
            self._call.spawn(self._run_guardrail(guardrail, effect, agent, self._run_context))

    async def _run_guardrail(
        self,
        guardrail: OutputGuardrail | InputGuardrail,
        effect: effects.RunGuardrails | effects.RunInputGuardrails,
        agent: RealtimeAgent,
        context: RunContextWrapper,
    ) -> None:
        with self._threads.in_use():
            self._call.feed(await run_guardrail(guardrail, effect, agent, context, self._limits.guardrail_s))

    # The context of tools and guardrails ----------------------------------------------------------------------------
    async def _ready_context(self) -> RunContextWrapper:
        """Return the call's context, once its state is made.

        Raises:
            StateError: the scenario's `state` factory failed.
        """
        async with self._readiness:
            if (pending := self._pending_state) is not None:
                try:
                    with contained():
                        state = await pending
                except Exception as error:
                    raise _state_error(self._scenario, error) from error
                self._pending_state = None
                self._context = dataclasses.replace(self._context, state=self._restored(state))
        return self._run_context

    def _hang_up(self, reason: str) -> None:
        hang_up = inputs.HangUpRequested(valid_unicode(str(reason)))
        self._loop.call_soon_threadsafe(self._call.feed, hang_up)

    @functools.cached_property
    def _run_context(self) -> RunContextWrapper:
        """The one context of the whole call, as in the SDK's own sessions."""
        from agents import RunContextWrapper

        return RunContextWrapper(context=self._context)

    def _note(self, title: str, data: object) -> None:
        shown = to_json_value(data)
        if len(text := to_json(shown).decode()) > MAX_LOGGED_CHARS:
            shown = cut_output(text, MAX_LOGGED_CHARS)
        shown_title = cut_output(valid_unicode(str(title)), MAX_LOGGED_CHARS)
        self._append_threadsafe(Breadcrumb(title=shown_title, data=shown, call_id=running_tool.get()))

    def _progress(self, message: str, fraction: float | None) -> None:
        tool_call_id = running_tool.get()
        if tool_call_id is None:
            raise RuntimeError("No tool is running. Call progress() inside a tool.")
        known = None if fraction is None else min(1.0, max(0.0, float(fraction)))
        shown = cut_output(valid_unicode(str(message)), MAX_LOGGED_CHARS)
        progress = ToolProgress(call_id=tool_call_id, message=shown, fraction=known)
        self._append_threadsafe(progress)

    def _append_threadsafe(self, note: LogEventUnion) -> None:
        if threading.get_ident() == self._thread:
            self._call.append(note)
        else:  # a tool without `async` runs in another thread
            self._loop.call_soon_threadsafe(self._call.append, note)


def make_state(scenario: AnyScenario, call_id: str, metadata: Mapping[str, str]) -> object:
    """Call the scenario's `state` factory. Return None without a factory, and an awaitable from an async one.

    Raises:
        StateError: the factory failed.
    """
    if scenario.state is None:
        return None
    try:
        with contained():
            return call_factory(scenario.state, call_id, metadata)
    except Exception as error:
        raise _state_error(scenario, error) from error


def _state_error(scenario: AnyScenario, error: Exception) -> StateError:
    raised = original(error)
    message = f"The state of the scenario {scenario.name!r} could not be made: {type(raised).__name__}: {raised}"
    return StateError(f"{message}{error_location(raised)}")
