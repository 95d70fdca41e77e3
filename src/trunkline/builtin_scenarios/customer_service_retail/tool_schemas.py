"""Tools with the exact schemas of the shop's systems."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

from agents import FunctionTool
from agents.tool_context import ToolContext

from trunkline import CallContext
from trunkline.builtin_scenarios.customer_service_retail.state import ShopCallState

Schema = dict[str, object]
ShopTool = Callable[..., Awaitable[object]]
"""A function of the call's context and, by name, the schema's properties."""


def text(description: str, **more: object) -> Schema:
    """Return the schema of a text; `more` may hold a pattern or an enumeration."""
    return {"type": "string", "description": description, **more}


def phone_number(whose: str) -> Schema:
    """Return the schema of a telephone number in the shop's form."""
    return text(f"{whose}, written '(xxx) xxx-xxxx'", pattern=r"^\(\d{3}\) \d{3}-\d{4}$")


def object_schema(**properties: Schema) -> Schema:
    """Return the schema of an object with exactly these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def shop_tool(description: str, **properties: Schema) -> Callable[[ShopTool], FunctionTool]:
    """Make an async function a tool of its name; it is called with arguments that fit the schema."""

    def make(run: ShopTool) -> FunctionTool:
        async def invoke(context: ToolContext[CallContext[ShopCallState]], arguments: str) -> object:
            return await run(context.context, **json.loads(arguments))

        return FunctionTool(
            name=run.__name__,
            description=description,
            params_json_schema=object_schema(**properties),
            on_invoke_tool=invoke,
        )

    return make
