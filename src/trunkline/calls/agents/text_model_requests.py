"""Requests of tools and guardrails to the text model, with the conversation, a tool loop and a typed answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import msgspec

from trunkline.calls.agents.tools import ToolOutcome, run_tool
from trunkline.calls.log_events import LogEventUnion, ToolDone, ToolStarted
from trunkline.realtime.events import Item
from trunkline.realtime.json_values import decode_or_text, valid_unicode
from trunkline.scenario.context import AnyContext, HistoryMessage, TextModelRequest, running_tool
from trunkline.scenario.text_model import TextModel, TextModelError, TextPrompt, TextReply, TextToolCall

if TYPE_CHECKING:
    from agents.realtime import RealtimeAgent

MAX_ROUNDS = 8
"""Rounds of tool calls that the text model may use before it must answer."""


class TextModelRequests:
    """Sends one call's requests to the text model.

    Args:
        model: the text model.
        context: returns the call's context, which nested tools get.
        agent: returns the current agent.
        append: appends an event to the log.
        on_reply: takes the purpose and each reply, for metering.
        now_ms: returns the time since the call's start, in ms.
        timeout_s: the time limit of each nested tool.
    """

    def __init__(
        self,
        model: TextModel,
        context: Callable[[], AnyContext],
        agent: Callable[[], RealtimeAgent],
        append: Callable[[LogEventUnion], None],
        on_reply: Callable[[str, TextReply], None],
        now_ms: Callable[[], float],
        timeout_s: float,
    ) -> None:
        self._model = model
        self._context = context
        self._agent = agent
        self._append = append
        self._on_reply = on_reply
        self._now_ms = now_ms
        self._timeout_s = timeout_s

    async def ask(self, asking: TextModelRequest) -> object:
        """Ask the text model; see `CallContext.ask` for the fields of `asking`.

        Raises:
            TextModelError: the model fails, calls tools for too long, or its answer does not fit the schema.
        """
        context = self._context()
        items = [_message_item(said) for said in _latest(context.history, asking.history)]
        if asking.question:
            items.append(
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": asking.question}]}
            )
        schema, parse = _schema_and_parser(asking.schema)
        tools = [_tool_definition(tool) for tool in asking.tools]
        for rounds in range(MAX_ROUNDS + 1):
            offered = tools if rounds < MAX_ROUNDS else ()
            prompt = TextPrompt(
                context.scenario, asking.purpose, asking.instructions, items, offered, schema, asking.model
            )
            reply = await self._model.reply(prompt)
            self._on_reply(asking.purpose, reply)
            if not reply.calls:
                return parse(reply.text)
            for call in reply.calls:
                items += await self._run_tool(asking, call)
        raise TextModelError(
            f"The text model called tools {MAX_ROUNDS} times for {asking.purpose!r} and did not answer. "
            "Make its instructions or tools simpler."
        )

    async def _run_tool(self, asking: TextModelRequest, call: TextToolCall) -> list[Item]:
        agent = self._agent()
        began = self._now_ms()
        self._append(
            ToolStarted(
                call_id=call.tool_call_id,
                name=call.name,
                arguments=decode_or_text(call.arguments),
                agent=agent.name,
                parent=running_tool.get(),
            )
        )
        tool = next((tool for tool in asking.tools if tool.name == call.name), None)
        if tool is None:
            names = ", ".join(tool.name for tool in asking.tools) or "none"
            problem = f"The tool {call.name} does not exist. Available tools: {names}."
            outcome = ToolOutcome(problem, error=problem)
        else:
            outcome = await run_tool(
                tool,
                call.arguments,
                tool_call_id=call.tool_call_id,
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


def _latest(history: Sequence[HistoryMessage], most: int) -> Sequence[HistoryMessage]:
    return history[-most:] if most > 0 else ()


def _message_item(said: HistoryMessage) -> Item:
    kind = "output_text" if said.role == "assistant" else "input_text"
    return {"type": "message", "role": said.role, "content": [{"type": kind, "text": said.text}]}


def _tool_definition(tool: Any) -> dict[str, Any]:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.params_json_schema,
        "strict": tool.strict_json_schema,
    }


def _schema_and_parser(
    wanted: Mapping[str, object] | type[object] | None,
) -> tuple[dict[str, object] | None, Callable[[str], Any]]:
    """Return the JSON schema to ask for, None for plain text, and the parser of the answer."""
    if wanted is None:
        return None, lambda text: text
    if isinstance(wanted, Mapping):
        return dict(wanted), _parse_object
    cached = _parsers.get(wanted)
    if cached is None:
        cached = _parsers[wanted] = _type_parser(wanted)
    return cached


def _type_parser(wanted: type[object]) -> tuple[dict[str, object], Callable[[str], Any]]:
    from agents.strict_schema import ensure_strict_json_schema
    from pydantic import TypeAdapter, ValidationError

    adapter: TypeAdapter[Any] = TypeAdapter(wanted)

    def parse(text: str) -> object:
        try:
            return adapter.validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            message = f"The text model's answer is not a valid {wanted.__name__}: {where} {first['msg']}."
            raise TextModelError(message) from error

    return ensure_strict_json_schema(adapter.json_schema()), parse


_parsers: WeakKeyDictionary[type[object], tuple[dict[str, object], Callable[[str], Any]]] = WeakKeyDictionary()


def _parse_object(text: str) -> dict[str, object]:
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f"The text model's answer is not a JSON object: {valid_unicode(text)[:200]!r}."
        raise TextModelError(message) from error
