"""`Scenario`: a named list of agents of the OpenAI Agents SDK, with their shared settings."""

from __future__ import annotations

import functools
import re
import sys
import warnings
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic

from typing_extensions import TypeVar

from trunkline.scenario import service_checks
from trunkline.scenario.fillers import Fillers
from trunkline.scenario.interruption import InterruptionDetector, InterruptionMode
from trunkline.scenario.rehearsal import Rehearsal
from trunkline.scenario.saved_state import saving_problem
from trunkline.scenario.sensitive import Sensitive, redact_problem, sensitive_problem
from trunkline.scenario.session_settings import NO_SETTINGS, SessionSettings, settings_problem
from trunkline.scenario.state_factory import factory_problem

if TYPE_CHECKING:
    from agents import FunctionTool, InputGuardrail, OutputGuardrail
    from agents.realtime import RealtimeAgent

S = TypeVar("S", default=None)

SERVER_VAD: Mapping[str, object] = {
    "type": "server_vad",
    "threshold": 0.9,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 500,
}
"""The default turn detection of a scenario on hosted services."""

DEFAULT_FILLERS = Fillers()
"""The default fillers of a scenario, in English."""
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
"""The form of a scenario's name."""


@dataclass(frozen=True)
class SourceLocation:
    """A line of the user's code."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class ScenarioError(ValueError):
    """A scenario that cannot run.

    Attributes:
        message: the problem and its fix.
        location: the line that made the scenario.
    """

    def __init__(self, message: str, location: SourceLocation | None = None) -> None:
        super().__init__(f"{location}: {message}" if location else message)
        self.message = message
        self.location = location


class ScenarioWarning(UserWarning):
    """A scenario works, except for a part that the message names, with its fix."""


class Scenario(Generic[S]):
    """A named set of agents that hand a caller to one another.

    Args:
        name: the name in `?scenario=` and in the local engine: letters, digits, `_`, `.`, `-`.
        agents: `agents.realtime.RealtimeAgent`s; the first one answers the call. Handoffs may only lead to agents of
            this list.
        title: the title in the console; the name by default.
        description: a sentence for the console.
        voice: a Realtime voice, one of `realtime.service_rules.VOICES`; None leaves it to the provider.
        company: the company's name, for guardrails and prompts.
        state: a function that makes the state of one call; tools read it as `ctx.context.state`. It may be async, and
            may have the parameters `call_id` and `metadata`, which are the call's.
        rehearsal: the stand-in for the model; without one, the local engine needs a chat model.
        turn_detection: the `turn_detection` object of the Realtime protocol; None is push-to-talk. By default, hosted
            services get `server_vad` with a threshold of 0.9 and 500 ms of silence, and the local engine gets
            `semantic_vad`, which waits while a sentence or a number is unfinished.
        interruption: how the caller interrupts the agent by voice. `"words"`, the default, holds the agent's audio when
            the caller begins to speak, and decides by the words: "mm-hm" and "yeah" do not interrupt. An
            `InterruptionDetector` decides by its own rules. `"speech"` lets any speech interrupt at once, and `"off"`
            none. Without a recogniser of words, as over WebRTC to a hosted service, `"words"` acts
            as `"speech"`.
        things_to_say: suggestions for a new caller; the console shows them. A mapping from agents' names to lists shows
            each agent's own while that agent has the call.
        guardrails: output guardrails of the Agents SDK for all agents, in addition to each agent's own;
            `moderation()` is one.
        input_guardrails: input guardrails of the Agents SDK, which check the caller's words for all agents. They run
            while the agent begins to answer; an answer to words that do not pass is stopped.
        pronunciations: names that the local engine's voice pronounces as spelled here, such as
            `{"Siobhan": "shiv-awn"}`: whole words, in any case. The transcript keeps the name. The names are also hints
            for the local engine's recogniser.
        fillers: the sentences that the caller hears after 4 and 10 s in which a model or a tool leaves them in silence;
            None plays none.
        hold: True shows and plays each sentence only after its guardrails have passed it. This needs the relay, and
            the caller waits slightly longer.
        session: settings of the Realtime session, such as the truncation and the language of the transcription.
        agent_sessions: settings of single agents by name, in place of the scenario's.
        recording_notice: the sentence by which the caller learns that the call is recorded: the agent begins its first
            answer with it, and the page shows it. It has no effect if no audio is stored.
        redact: regular expressions of personal data, in addition to the built-in ones, such as `[r"KD-\\d{6}"]`. Calls
            that are stored in the mode `redacted` hold "[redacted]" in their place. They also match numbers as callers
            say them.
        sensitive: the tools whose arguments and results such calls must not hold, by name:
            `{"verify_pin": Sensitive(arguments=["pin"])}`. The values are also replaced where they are said.
        idempotent: the names of the tools that may run twice with the same arguments without harm, such as a search. If
            the server dies while such a tool runs, the next server runs it again. The outcome of any other tool is then
            unknown, which the model learns.

    Raises:
        ScenarioError: the scenario cannot work: no agents, two of one name, a handoff out of the list, two tools of
            one name, a bad name, a rehearsal with a part for an unknown agent, or an empty pronunciation. Or the
            Realtime services refuse a part of it: a voice, an option of the turn detection, a tool's name or
            description. It names file and line.
    """

    def __init__(
        self,
        name: str,
        *,
        agents: Sequence[RealtimeAgent],
        title: str | None = None,
        description: str = "",
        voice: str | None = None,
        company: str | None = None,
        state: Callable[..., Awaitable[S]] | Callable[..., S] | None = None,
        rehearsal: Rehearsal | None = None,
        turn_detection: Mapping[str, Any] | None = SERVER_VAD,
        interruption: InterruptionMode | InterruptionDetector | None = None,
        things_to_say: Sequence[str] | Mapping[str, Sequence[str]] = (),
        guardrails: Sequence[OutputGuardrail] = (),
        input_guardrails: Sequence[InputGuardrail] = (),
        pronunciations: Mapping[str, str] | None = None,
        fillers: Fillers | None = DEFAULT_FILLERS,
        hold: bool = False,
        session: SessionSettings = NO_SETTINGS,
        agent_sessions: Mapping[str, SessionSettings] | None = None,
        recording_notice: str | None = None,
        redact: Sequence[str | re.Pattern[str]] = (),
        sensitive: Mapping[str, Sensitive] | None = None,
        idempotent: Collection[str] = (),
    ) -> None:
        caller = sys._getframe(1)
        self.location = SourceLocation(caller.f_code.co_filename, caller.f_lineno)
        self.name = name
        self.agents = tuple(agents)
        self.title = title or name
        self.description = description
        self.voice = voice
        self.company = company
        self.state = state
        self.rehearsal = rehearsal
        self._refuse_if(service_checks.turn_detection_problem(turn_detection))
        self.turn_detection = None if turn_detection is None else dict(turn_detection)
        self.has_default_turn_detection = turn_detection is SERVER_VAD
        self._refuse_if(service_checks.interruption_problem(interruption, self.turn_detection))
        self.interruption = interruption or _interruption_of(self.turn_detection)
        """The way in which the caller interrupts the agent by voice: a mode, or the scenario's own detector."""
        self._suggestions = things_to_say
        self.guardrails = tuple(guardrails)
        self.input_guardrails = tuple(input_guardrails)
        self.pronunciations = dict(pronunciations or {})
        self.fillers = fillers
        self.hold = hold
        self._session = session
        self._agent_sessions = dict(agent_sessions or {})
        if recording_notice is not None and not _has_word(recording_notice):
            self._refuse(f"recording_notice={recording_notice!r} has no word. Give a sentence for the caller, or None.")
        self.recording_notice = recording_notice
        self._refuse_if(redact_problem(redact))
        self.redact: tuple[re.Pattern[str], ...] = tuple(re.compile(pattern) for pattern in redact)
        self._refuse_if(sensitive_problem(sensitive or {}))
        self.sensitive = dict(sensitive or {})
        self._refuse_if(_idempotent_problem(idempotent))
        self.idempotent = frozenset(idempotent)
        self._check()
        self._check_tools()
        if (unsaved := saving_problem(self.state)) is not None:
            self._warn(unsaved)

    def __repr__(self) -> str:
        return f"Scenario({self.name!r}, agents={[agent.name for agent in self.agents]})"

    @property
    def things_to_say(self) -> tuple[str, ...]:
        """All suggestions for the caller, each once."""
        if not isinstance(self._suggestions, Mapping):
            return tuple(self._suggestions)
        return tuple(dict.fromkeys(line for lines in self._suggestions.values() for line in lines))

    def things_to_say_to(self, agent: str) -> tuple[str, ...]:
        """Return the suggestions for the caller of an agent."""
        if isinstance(self._suggestions, Mapping):
            return tuple(self._suggestions.get(agent, ()))
        return tuple(self._suggestions)

    @property
    def first_agent(self) -> RealtimeAgent:
        """The agent that answers the call."""
        return self.agents[0]

    def agent(self, name: str) -> RealtimeAgent:
        """Return the agent of this name.

        Raises:
            LookupError: the scenario has no such agent; the message lists its agents.
        """
        for agent in self.agents:
            if agent.name == name:
                return agent
        raise LookupError(f"{self.name} has no agent {name!r}. There are: {', '.join(a.name for a in self.agents)}.")

    def transfers(self, agent: str) -> Mapping[str, str]:
        """Return the handoffs of `agent`: tool name to agent name."""
        return _transfers(self.agent(agent))

    def transfer_tool(self, agent: str, target: str) -> str:
        """Return the name of the tool by which `agent` hands over to `target`, even if that handoff is not declared."""
        for known in self.agents:
            for tool, name in _transfers(known).items() if known.name == agent else ():
                if name == target:
                    return tool
        return "transfer_to_" + re.sub(r"\W", "_", target).lower()

    def session_settings(self, agent: str) -> SessionSettings:
        """Return the settings of the Realtime session while an agent has the call: its own over the scenario's."""
        return self._agent_sessions.get(agent, NO_SETTINGS).over(self._session)

    @property
    def settings_of_agents(self) -> frozenset[str]:
        """The names of the session settings that single agents have."""
        return frozenset[str]().union(*(settings.given for settings in self._agent_sessions.values()))

    def check_handoffs(self) -> None:
        """Check the agents' handoffs. Each call begins with this, since handoffs may be added to an agent later.

        Raises:
            ScenarioError: a handoff leads out of the scenario.
        """
        names = [agent.name for agent in self.agents]
        for agent in self.agents:
            for target in map(_target_name, agent.handoffs):
                if target not in names:
                    self._refuse(
                        f"The agent {agent.name!r} hands off to {target!r}, which is not in the scenario "
                        f"{self.name!r}; add it to agents=[…]. There are: {', '.join(names)}."
                    )

    def _check(self) -> None:
        if not NAME.fullmatch(self.name):
            self._refuse(
                f"The scenario name {self.name!r} must begin with a letter and hold letters, digits, '_', '.', '-'."
            )
        for kind in map(_other_kind, self.agents):
            if kind is not None:
                self._refuse(f"agents=[…] takes RealtimeAgents of the OpenAI Agents SDK, not {kind}.")
        if not self.agents:
            self._refuse(f"The scenario {self.name!r} has no agents; give it at least one: agents=[…].")
        self._refuse_if(service_checks.voice_problem(self.voice))
        self._refuse_if(factory_problem(self.state))
        self._refuse_if(service_checks.guardrail_problem(self.guardrails, "guardrails=[…]"))
        self._refuse_if(service_checks.input_guardrail_problem(self.input_guardrails))
        for agent in self.agents:
            self._refuse_if(next(service_checks.agent_problems(agent), None))
        names = [agent.name for agent in self.agents]
        for name in names:
            if names.count(name) > 1:
                self._refuse(f"The scenario {self.name!r} has two agents named {name!r}; names must differ.")
        self._check_suggestions(names)
        self._check_session_settings(names)
        self.check_handoffs()
        self._check_pronunciations()
        if self.rehearsal:
            for part in self.rehearsal.parts:
                if part not in names:
                    self._refuse(f"The rehearsal has a part for {part!r}, but the agents are: {', '.join(names)}.")

    def _check_suggestions(self, names: Sequence[str]) -> None:
        for name in self._suggestions if isinstance(self._suggestions, Mapping) else ():
            if name not in names:
                self._refuse(f"things_to_say has lines for {name!r}, but the agents are: {', '.join(names)}.")

    def _check_session_settings(self, names: Sequence[str]) -> None:
        self._refuse_if(settings_problem(self._session, "session=…"))
        for name, settings in self._agent_sessions.items():
            if name not in names:
                self._refuse(f"agent_sessions has settings for {name!r}, but the agents are: {', '.join(names)}.")
            self._refuse_if(settings_problem(settings, f"agent_sessions={{{name!r}: …}}"))

    def _check_pronunciations(self) -> None:
        seen: dict[str, str] = {}
        for name, spelling in self.pronunciations.items():
            if not _has_word(name):
                self._refuse(f"pronunciations={{…}} has no word in {name!r}. Give the name as the agents write it.")
            if not _has_word(spelling):
                self._refuse(f"The pronunciation of {name!r} is {spelling!r}. Give a spelling that can be spoken.")
            other = seen.setdefault(" ".join(name.lower().split()), name)
            if other != name:
                self._refuse(f"pronunciations={{…}} has {other!r} and {name!r}, which are one name. Remove one.")

    def _check_tools(self) -> None:
        for agent in self.agents:
            self._refuse_if(next(service_checks.handoff_problems(agent), None))
            names = [tool.name for tool in function_tools(agent)] + [_tool_name(handoff) for handoff in agent.handoffs]
            for name in names:
                if names.count(name) > 1:
                    self._refuse(
                        f"The agent {agent.name!r} has two tools named {name!r} (the SDK names a handoff by the "
                        "agent's name in lower case); rename one."
                    )
            choice = self.session_settings(agent.name).tool_choice
            chosen = choice.get("name") if isinstance(choice, Mapping) and choice.get("type") == "function" else None
            if chosen is not None and chosen not in names and not agent.mcp_servers:
                self._refuse(
                    f"tool_choice names {chosen!r}, which the agent {agent.name!r} does not have. "
                    f"It has: {', '.join(names) or 'no tools'}. Set it for single agents, in agent_sessions."
                )

        if not any(agent.mcp_servers for agent in self.agents):  # their tools are known when they are connected
            self._check_sensitive()
            self._check_idempotent()

    def _check_idempotent(self) -> None:
        known = list(dict.fromkeys(tool.name for agent in self.agents for tool in function_tools(agent)))
        for name in sorted(self.idempotent.difference(known)):
            self._refuse(
                f"idempotent=[…] names the tool {name!r}, which no agent has. "
                f"There are: {', '.join(known) or 'no tools'}."
            )

    def _check_sensitive(self) -> None:
        tools = {tool.name: tool for agent in self.agents for tool in agent.tools}
        for name, parts in self.sensitive.items():
            if name not in tools:
                known = ", ".join(tools) or "no tools"
                self._refuse(f"sensitive={{…}} names the tool {name!r}, which no agent has. There are: {known}.")
            schema = getattr(tools[name], "params_json_schema", {}).get("properties", {})
            for argument in parts.arguments or ():
                if schema and argument not in schema:
                    self._refuse(
                        f"sensitive={{…}} names {argument!r}, which the tool {name!r} does not take. "
                        f"It takes: {', '.join(schema)}."
                    )

    def _refuse_if(self, problem: str | None) -> None:
        if problem is not None:
            self._refuse(problem)

    def _refuse(self, message: str) -> None:
        raise ScenarioError(message, self.location)

    def _warn(self, message: str) -> None:
        warnings.warn_explicit(message, ScenarioWarning, self.location.file, self.location.line)


def _interruption_of(turn_detection: Mapping[str, Any] | None) -> InterruptionMode:
    """Return the mode that a turn detection's own `interrupt_response` means, or the default."""
    given = (turn_detection or {}).get("interrupt_response")
    return "words" if given is None else "speech" if given else "off"


def _idempotent_problem(given: object) -> str | None:
    if isinstance(given, Collection) and not isinstance(given, str) and all(isinstance(name, str) for name in given):
        return None
    return f"idempotent=[…] takes the names of tools, such as idempotent=['find_order'], not {given!r}."


def _has_word(value: object) -> bool:
    return isinstance(value, str) and re.search(r"\w", value) is not None


def _other_kind(agent: object) -> str | None:
    from agents.realtime import RealtimeAgent

    return None if isinstance(agent, RealtimeAgent) else type(agent).__name__


AnyScenario = Scenario[Any]
"""A scenario with any state."""


def function_tools(agent: RealtimeAgent) -> list[FunctionTool]:
    """Return an agent's own function tools: those of `tools`, without hosted ones."""
    kind = _function_tool_class()
    return [tool for tool in agent.tools if isinstance(tool, kind)]


@functools.cache  # an import within a function takes longer than the rest of `function_tools`
def _function_tool_class() -> type[FunctionTool]:
    from agents import FunctionTool

    return FunctionTool


def _transfers(agent: RealtimeAgent) -> dict[str, str]:
    return {_tool_name(handoff): _target_name(handoff) for handoff in agent.handoffs}


def _target_name(handoff: Any) -> str:
    return str(getattr(handoff, "agent_name", None) or handoff.name)


def _tool_name(handoff: Any) -> str:
    from agents.handoffs import Handoff

    if isinstance(handoff, Handoff):
        return handoff.tool_name
    return Handoff.default_tool_name(handoff)
