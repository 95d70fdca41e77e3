"""`CallContext`: what a tool knows of the call it serves, and `stub_tool` for tools without logic yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic

from typing_extensions import TypeVar

if TYPE_CHECKING:
    from agents import FunctionTool
    from agents.tool_context import ToolContext

S = TypeVar("S", default=None)


@dataclass(frozen=True)
class Said:
    """A message of the conversation so far, as it was heard."""

    role: str
    text: str
    agent: str | None = None


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
    _history: Callable[[], Sequence[Said]] = field(default=tuple, repr=False)
    _note: Callable[[str, Any], None] = field(default=lambda _title, _data: None, repr=False)

    @property
    def history(self) -> Sequence[Said]:
        """The conversation so far, oldest first; interrupted messages hold what was heard."""
        return self._history()

    def breadcrumb(self, title: str, data: object = None) -> None:
        """Leaves a note in the transcript, with anything that JSON can hold."""
        self._note(title, data)


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
