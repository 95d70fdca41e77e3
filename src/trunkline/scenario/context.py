"""`CallContext`: what a tool knows of the call it serves, and `stub_tool` for tools without logic yet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, overload

from typing_extensions import TypeVar

from trunkline.scenario.text_model import TextModelError

if TYPE_CHECKING:
    from agents import FunctionTool
    from agents.tool_context import ToolContext

S = TypeVar("S", default=None)
T = TypeVar("T")
LAST_MESSAGES = 10
"""How much of the conversation a text model is told, unless the tool says otherwise."""

running_tool: ContextVar[str | None] = ContextVar("running_tool", default=None)
"""The call id of the tool that runs in this task or thread."""


@dataclass(frozen=True)
class HistoryMessage:
    """A message of the conversation so far, as it was heard."""

    role: str
    text: str
    agent: str | None = None


@dataclass(frozen=True)
class TextModelRequest:
    """What a tool or guardrail wants to know of the text model; see `CallContext.ask`."""

    purpose: str
    instructions: str
    question: str
    history: int
    tools: Sequence[FunctionTool]
    schema: Mapping[str, Any] | type[Any] | None


async def _nobody(asking: TextModelRequest) -> Any:
    raise TextModelError(f"There is no text model here to ask for {asking.purpose!r}: this context is of no call.")


@dataclass(frozen=True)
class CallContext(Generic[S]):
    """A tool's `ctx.context`.

    Attributes:
        call_id: the call's id.
        scenario: the scenario's name.
        state: what `Scenario(state=…)` made for this call; None without one.
    """

    call_id: str
    scenario: str
    state: S
    _history: Callable[[], Sequence[HistoryMessage]] = field(default=tuple, repr=False)
    _note: Callable[[str, Any], None] = field(default=lambda _title, _data: None, repr=False)
    _progress: Callable[[str, float | None], None] = field(default=lambda _message, _fraction: None, repr=False)
    _ask: Callable[[TextModelRequest], Awaitable[Any]] = field(default=_nobody, repr=False)

    @property
    def history(self) -> Sequence[HistoryMessage]:
        """The conversation so far, oldest first; interrupted messages hold what was heard."""
        return self._history()

    def breadcrumb(self, title: str, data: object = None) -> None:
        """Leaves a note in the transcript, with anything that JSON can hold."""
        self._note(title, data)

    def progress(self, message: str, fraction: float | None = None) -> None:
        """Says how far the tool is that calls this; `fraction` is from 0 to 1."""
        self._progress(message, fraction)

    @overload
    async def ask(
        self,
        purpose: str,
        instructions: str,
        question: str = ...,
        *,
        history: int = ...,
        tools: Sequence[FunctionTool] = ...,
    ) -> str: ...

    @overload
    async def ask(
        self,
        purpose: str,
        instructions: str,
        question: str = ...,
        *,
        schema: type[T],
        history: int = ...,
        tools: Sequence[FunctionTool] = ...,
    ) -> T: ...

    @overload
    async def ask(
        self,
        purpose: str,
        instructions: str,
        question: str = ...,
        *,
        schema: Mapping[str, Any],
        history: int = ...,
        tools: Sequence[FunctionTool] = ...,
    ) -> dict[str, Any]: ...

    async def ask(
        self,
        purpose: str,
        instructions: str,
        question: str = "",
        *,
        schema: type[Any] | Mapping[str, Any] | None = None,
        history: int = LAST_MESSAGES,
        tools: Sequence[FunctionTool] = (),
    ) -> Any:
        """Asks the text model, the stronger one beside the voice.

        It sees the last messages of the call, then the question, and may call `tools` until it has an answer; those
        calls are in the log as children of the tool that asks.

        Args:
            purpose: what for; `rehearsal.answers(purpose)` answers it where there is no model.
            instructions: its task.
            question: what it is asked; without one, the conversation speaks for itself.
            schema: what the answer has to be: a pydantic model, a dataclass, or a JSON schema. None is plain text.
            history: how many messages of the call it sees.
            tools: what it may call, given this same context.

        Returns:
            The text; or an instance of `schema`, a dict where that is a JSON schema.

        Raises:
            TextModelError: there is no text model, or its answer is none. The message may go to the agent.
        """
        return await self._ask(TextModelRequest(purpose, instructions, question, history, tools, schema))


def stub_tool(name: str, schema: Mapping[str, Any], description: str = "") -> FunctionTool:
    """A tool without logic: the model may call it, and it returns True.

    Args:
        name: the tool's name.
        schema: JSON schema of its arguments.
        description: what the model is told.
    """
    from agents import FunctionTool

    async def invoke(_context: ToolContext[Any], _arguments: str) -> bool:
        return True

    return FunctionTool(
        name=name,
        description=description or name,
        params_json_schema=dict(schema),
        on_invoke_tool=invoke,
        strict_json_schema=False,
    )
