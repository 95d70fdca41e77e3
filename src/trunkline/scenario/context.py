"""`CallContext`: a tool's view of its call. `stub_tool`: a tool without logic."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, overload

from typing_extensions import TypeVar

from trunkline.scenario.text_model import TextModelError, TextRole

if TYPE_CHECKING:
    from agents import FunctionTool
    from agents.tool_context import ToolContext

S = TypeVar("S", default=None)
T = TypeVar("T")
LAST_MESSAGES = 10
"""Messages of the conversation that a text model receives by default."""

running_tool: ContextVar[str | None] = ContextVar("running_tool", default=None)
"""The `tool_call_id` of the tool that runs in this task or thread."""


@dataclass(frozen=True)
class HistoryMessage:
    """A message of the conversation; an interrupted one has only the words that the caller heard.

    Attributes:
        role: "user" or "assistant".
        text: the words.
        agent: the agent that spoke; None for the caller.
    """

    role: str
    text: str
    agent: str | None = None


@dataclass(frozen=True)
class TextModelRequest:
    """A request of a tool or guardrail to the text model; see `CallContext.ask`."""

    purpose: str
    instructions: str
    question: str
    history: int
    tools: Sequence[FunctionTool]
    schema: Mapping[str, object] | type[object] | None
    model: str = "text"


async def _no_text_model(request: TextModelRequest) -> object:
    raise TextModelError(f"No text model can answer {request.purpose!r} outside a call. Run the tool in a call.")


@dataclass(frozen=True)
class CallContext(Generic[S]):
    """A tool's `ctx.context`.

    Attributes:
        call_id: the call's id.
        scenario: the scenario's name.
        state: the object that `Scenario(state=…)` made for this call; None without one.
        metadata: the pairs that the client gave to `POST /api/calls`.
        caller_id: the caller's id from your own authentication (`create_app(authenticate=…)`); None without it.
    """

    call_id: str
    scenario: str
    state: S
    metadata: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    caller_id: str | None = field(default=None, kw_only=True)
    _history: Callable[[], Sequence[HistoryMessage]] = field(default=tuple, repr=False)
    _note: Callable[[str, object], None] = field(default=lambda _title, _data: None, repr=False)
    _progress: Callable[[str, float | None], None] = field(default=lambda _message, _fraction: None, repr=False)
    _ask: Callable[[TextModelRequest], Awaitable[object]] = field(default=_no_text_model, repr=False)
    _hang_up: Callable[[str], None] = field(default=lambda _reason: None, repr=False)

    @property
    def history(self) -> Sequence[HistoryMessage]:
        """The conversation so far, oldest message first."""
        return self._history()

    def breadcrumb(self, title: str, data: object = None) -> None:
        """Add a note to the transcript.

        Args:
            title: the note's text.
            data: a value that JSON can represent.
        """
        self._note(title, data)

    def progress(self, message: str, fraction: float | None = None) -> None:
        """Report the progress of the running tool.

        Args:
            message: the step that the tool is at.
            fraction: the finished part of the work, from 0 to 1.
        """
        self._progress(message, fraction)

    def hang_up(self, reason: str = "a tool ended the call") -> None:
        """End the call after the agent's next words: the agent says goodbye, and the call ends when it has spoken.

        Args:
            reason: the reason in `call.ended`.
        """
        self._hang_up(reason)

    @overload
    async def ask(
        self,
        purpose: str,
        instructions: str,
        question: str = ...,
        *,
        history: int = ...,
        tools: Sequence[FunctionTool] = ...,
        model: TextRole | str = ...,
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
        model: TextRole | str = ...,
    ) -> T: ...

    @overload
    async def ask(
        self,
        purpose: str,
        instructions: str,
        question: str = ...,
        *,
        schema: Mapping[str, object],
        history: int = ...,
        tools: Sequence[FunctionTool] = ...,
        model: TextRole | str = ...,
    ) -> dict[str, object]: ...

    async def ask(
        self,
        purpose: str,
        instructions: str,
        question: str = "",
        *,
        schema: type[object] | Mapping[str, object] | None = None,
        history: int = LAST_MESSAGES,
        tools: Sequence[FunctionTool] = (),
        model: TextRole | str = "text",
    ) -> object:
        """Ask the text model, which is stronger than the realtime model.

        It receives the last messages of the call, then the question, and may call `tools` before it answers. The log
        has these calls as children of the tool that asks.

        Args:
            purpose: a name for the request; `rehearsal.answers(purpose)` answers it without a model.
            instructions: the text model's task.
            question: the question; may be empty if the conversation contains it.
            schema: the form of the answer: a pydantic model, a dataclass, or a JSON schema. None is plain text.
            history: the number of messages of the call that the text model receives.
            tools: the tools that it may call; they run with this context.
            model: the role of the model: `text`, `moderation`, `escalation` or `supervision`, as the settings name
                them; or the name of a model of the service. Rehearsals ignore it.

        Returns:
            The text, or an instance of `schema`; a dict if `schema` is a JSON schema.

        Raises:
            TextModelError: no text model is configured, or it gave no usable answer. The message may go to the agent.
        """
        return await self._ask(TextModelRequest(purpose, instructions, question, history, tools, schema, model))


AnyContext = CallContext[Any]
"""A call with any state."""


def stub_tool(name: str, schema: Mapping[str, object], description: str = "") -> FunctionTool:
    """Return a tool without logic: the model may call it, and its result is True.

    Args:
        name: the tool's name.
        schema: JSON schema of its arguments.
        description: the model's description of the tool; the name by default.
    """
    from agents import FunctionTool

    async def invoke(_context: ToolContext, _arguments: str) -> bool:
        return True

    return FunctionTool(
        name=name,
        description=description or name,
        params_json_schema=dict(schema),
        on_invoke_tool=invoke,
        strict_json_schema=False,
    )
