"""What tools and guardrails ask the text model: the conversation as it hears it, tools in a loop, and an answer of the
wanted form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import msgspec

from trunkline.calls.agents.tools import ToolOutcome, decoded, run_tool
from trunkline.calls.log_events import LogEventUnion, ToolDone, ToolStarted
from trunkline.realtime.events import Item
from trunkline.realtime.json_values import valid_unicode
from trunkline.scenario.context import CallContext, HistoryMessage, TextModelRequest, running_tool
from trunkline.scenario.text_model import TextModel, TextModelError, TextPrompt, TextReply, TextToolCall

if TYPE_CHECKING:
    from agents.realtime import RealtimeAgent

MAX_ROUNDS = 8
"""How often the text model may call tools before it has to answer."""


class TextModelRequests:
    """Asks the text model for one call.

    Args:
        model: whom to ask.
        context: of the call; nested tools get it.
        agent: who speaks now.
        append: takes log events.
        used: is told of each reply, for what it cost.
        now_ms: the call's clock.
        timeout_s: for each nested tool.
    """

    def __init__(
        self,
        model: TextModel,
        context: Callable[[], CallContext[Any]],
        agent: Callable[[], RealtimeAgent[Any]],
        append: Callable[[LogEventUnion], None],
        used: Callable[[TextReply], None],
        now_ms: Callable[[], float],
        timeout_s: float,
    ) -> None:
        self._model = model
        self._context = context
        self._agent = agent
        self._append = append
        self._used = used
        self._now_ms = now_ms
        self._timeout_s = timeout_s

    async def ask(self, asking: TextModelRequest) -> Any:
        """See `CallContext.ask`."""
        context = self._context()
        items = [_message(said) for said in _last(context.history, asking.history)]
        if asking.question:
            items.append(
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": asking.question}]}
            )
        schema, read = _form_of(asking.schema)
        tools = [_offered(tool) for tool in asking.tools]
        for rounds in range(MAX_ROUNDS + 1):
            still_offered = tools if rounds < MAX_ROUNDS else ()
            prompt = TextPrompt(context.scenario, asking.purpose, asking.instructions, items, still_offered, schema)
            reply = await self._model.reply(prompt)
            self._used(reply)
            if not reply.calls:
                return read(reply.text)
            for call in reply.calls:
                items += await self._call(asking, call)
        raise TextModelError(
            f"The text model called tools {MAX_ROUNDS} times for {asking.purpose!r} and did not answer."
        )

    async def _call(self, asking: TextModelRequest, call: TextToolCall) -> list[Item]:
        agent = self._agent()
        began = self._now_ms()
        self._append(
            ToolStarted(
                call_id=call.tool_call_id,
                name=call.name,
                arguments=decoded(call.arguments),
                agent=agent.name,
                parent=running_tool.get(),
            )
        )
        tool = next((tool for tool in asking.tools if tool.name == call.name), None)
        if tool is None:
            names = ", ".join(tool.name for tool in asking.tools) or "none"
            problem = f"There is no tool named {call.name}. There are: {names}."
            outcome = ToolOutcome(problem, error=problem)
        else:
            outcome = await run_tool(
                tool,
                call.arguments,
                call_id=call.tool_call_id,
                agent=agent,
                context=self._context(),
                timeout_s=self._timeout_s,
            )
        duration_ms = round(self._now_ms() - began)
        self._append(
            ToolDone(
                call_id=call.tool_call_id,
                name=call.name,
                duration_ms=duration_ms,
                result=outcome.result,
                error=outcome.error,
            )
        )
        return [
            {"type": "function_call", "call_id": call.tool_call_id, "name": call.name, "arguments": call.arguments},
            {"type": "function_call_output", "call_id": call.tool_call_id, "output": outcome.output},
        ]


def _last(history: Sequence[HistoryMessage], most: int) -> Sequence[HistoryMessage]:
    return history[-most:] if most > 0 else ()


def _message(said: HistoryMessage) -> Item:
    kind = "output_text" if said.role == "assistant" else "input_text"
    return {"type": "message", "role": said.role, "content": [{"type": kind, "text": said.text}]}


def _offered(tool: Any) -> dict[str, Any]:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.params_json_schema,
        "strict": tool.strict_json_schema,
    }


def _form_of(wanted: Mapping[str, Any] | type[Any] | None) -> tuple[dict[str, Any] | None, Callable[[str], Any]]:
    """The schema to ask for, and how the answer's text is read."""
    if wanted is None:
        return None, lambda text: text
    if isinstance(wanted, Mapping):
        return dict(wanted), _as_object
    form = _forms.get(wanted)
    if form is None:
        form = _forms[wanted] = _adapter(wanted)
    return form


def _adapter(wanted: type[Any]) -> tuple[dict[str, Any], Callable[[str], Any]]:
    from agents.strict_schema import ensure_strict_json_schema
    from pydantic import TypeAdapter, ValidationError

    adapter: TypeAdapter[Any] = TypeAdapter(wanted)

    def read(text: str) -> Any:
        try:
            return adapter.validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise TextModelError(f"The text model's answer is no {wanted.__name__}: {where} {first['msg']}.") from error

    return ensure_strict_json_schema(adapter.json_schema()), read


_forms: WeakKeyDictionary[type[Any], tuple[dict[str, Any], Callable[[str], Any]]] = WeakKeyDictionary()


def _as_object(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TextModelError(f"The text model's answer is no JSON object: {valid_unicode(text)[:200]!r}.") from error
