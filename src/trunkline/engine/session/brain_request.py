"""Conversion of a response's configuration and context to one request for the brain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trunkline.engine.brains import BrainRequest
from trunkline.engine.session import items
from trunkline.engine.session.configuration import Configuration
from trunkline.realtime import validation
from trunkline.realtime.conversation import Conversation
from trunkline.realtime.events import Item, NewId
from trunkline.realtime.validation import InvalidRequest


def brain_request(configuration: Configuration, context: Sequence[Item]) -> BrainRequest:
    """Return the brain's request for one response.

    Args:
        context: items with transcripts in their audio parts.
    """
    limit = configuration["max_output_tokens"]
    prompt = configuration["prompt"] or {}
    return BrainRequest(
        model=configuration["model"],
        instructions=configuration["instructions"],
        items=context,
        tools=configuration["tools"] if configuration["tool_choice"] != "none" else (),
        tool_choice=configuration["tool_choice"],
        prompt_id=prompt.get("id"),
        prompt_variables=_plain(prompt.get("variables") or {}),
        max_output_tokens=limit if isinstance(limit, int) else None,
        parallel_tool_calls=configuration.get("parallel_tool_calls") is not False,
        reasoning_effort=(configuration.get("reasoning") or {}).get("effort"),
    )


def response_input(given: Sequence[dict[str, object]], conversation: Conversation, new_id: NewId) -> list[Item]:
    """Return the context that a `response.create` brings itself: new items, and items of the conversation by reference.

    Raises:
        InvalidRequest: an item is malformed, or a reference names an unknown item.
    """
    context = []
    for index, item in enumerate(given):
        path = f"response.input[{index}]"
        if item.get("type") != "item_reference":
            context.append(items.without_audio(items.new_item(item, new_id, path)))
            continue
        item_id = validation.text(item.get("id"), f"{path}.id")
        if item_id not in conversation:
            raise InvalidRequest(f"The item with id '{item_id}' does not exist.", "item_not_found", f"{path}.id")
        context.append(conversation.get(item_id))
    return context


def _plain(variables: Mapping[str, object]) -> dict[str, str]:
    """Return a prompt's variables as text; `{"type": "input_text", "text": …}` becomes its text."""
    plain = {}
    for name, value in variables.items():
        text = value.get("text") if isinstance(value, dict) else value
        if isinstance(text, str):
            plain[name] = text
    return plain
