"""A real MCP server for tests, over stdio, or over streamable HTTP on a port: `python mcp_shop_server.py [PORT]`."""

from __future__ import annotations

import os
import sys

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

shop = MCPServer("shop")


@shop.tool()
def price(thing: str, pieces: int = 1) -> str:
    """Look up a price."""
    return f"{pieces} {thing}: {3 * pieces} dollars"


@shop.tool()
def sell(thing: str) -> str:
    """Sell a thing."""
    raise ToolError(f"no {thing} left")


@shop.tool(name="bad.name")
def named() -> str:
    """Do nothing."""
    return ""


@shop.tool()
def crash() -> str:
    """End the server."""
    os._exit(1)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        shop.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
    else:
        shop.run("stdio")
