"""Tools with the exact schemas that the shop's systems expect."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from agents import FunctionTool
from agents.tool_context import ToolContext

from trunkline import CallContext
from trunkline.builtin_scenarios.customer_service_retail.state import ShopCallState

Schema = dict[str, Any]
ShopTool = Callable[..., Awaitable[object]]
"""Takes the call's context and, by name, the schema's properties."""


def text(description: str, **more: Any) -> Schema:
    """The schema of a text; `more` may hold a pattern or an enumeration."""
    return {"type": "string", "description": description, **more}


def phone_number(whose: str) -> Schema:
    """The schema of a telephone number as the shop writes it."""
    return text(f"{whose}, written '(xxx) xxx-xxxx'", pattern=r"^\(\d{3}\) \d{3}-\d{4}$")


def object_schema(**properties: Schema) -> Schema:
    """The schema of an object that has all of these properties and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def shop_tool(description: str, **properties: Schema) -> Callable[[ShopTool], FunctionTool]:
    """Makes an async function a tool of its name; the arguments fit the schema by the time it is called."""

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
