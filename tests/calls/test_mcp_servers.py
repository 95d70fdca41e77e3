"""Agents' MCP servers in calls: a real server, over stdio and over streamable HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from agents.mcp import MCPServer, MCPServerStdio, MCPServerStreamableHttp
from agents.realtime import RealtimeAgent
from mcp.types import CallToolResult, TextContent, Tool

from tests.calls.call_harness import Caller, calling
from tests.calls.model_fake import Calls, FakeModel
from tests.calls.test_sdk_fields import asks, script_of, tools_offered
from tests.ports import free_port
from trunkline import Scenario, stub_tool
from trunkline.calls import call as calls
from trunkline.calls import log_events
from trunkline.calls.agents.mcp_servers import McpServers, shown_name
from trunkline.testing.virtual_time import in_virtual_time

SERVER = Path(__file__).parent / "mcp_shop_server.py"
SHOP = ["price", "sell", "crash"]


def over_stdio(**settings: Any) -> MCPServer:
    params: Any = {"command": sys.executable, "args": [str(SERVER)]}
    return MCPServerStdio(params, name="shop", client_session_timeout_seconds=20, **settings)


def scenario(server: MCPServer, **fields: Any) -> Scenario[Any]:
    return Scenario("bench", agents=[RealtimeAgent(name="clerk", mcp_servers=[server], **fields)])


def servers_logged(caller: Caller) -> list[log_events.McpServerChanged]:
    return caller.logged(log_events.McpServerChanged)


MODEL = {
    "price": Calls("price", '{"thing": "plums", "pieces": 2}'),
    "sell": Calls("sell", '{"thing": "plums"}'),
    "wrong": Calls("price", "{}"),
    "crash": Calls("crash"),
}


@contextlib.asynccontextmanager
async def shop_call(server: MCPServer, **fields: Any) -> AsyncIterator[Caller]:
    """Yield the caller of an agent with the server, after the greeting."""
    async with calling(FakeModel(script_of(**MODEL)), scenario(server, **fields)) as caller:
        caller.joins()
        await caller.heard(1)
        yield caller


async def is_up(caller: Caller) -> None:
    """Wait until a server is up, which a busy machine may start slowly."""
    await caller.until(lambda: tools_offered(caller)[-1], 30)


async def test_an_agent_calls_tools_of_a_server_over_stdio_and_outlives_its_crash() -> None:
    async with shop_call(over_stdio(require_approval={"always": {"tool_names": ["crash"]}})) as caller:
        await is_up(caller)
        assert tools_offered(caller)[-1] == SHOP
        up = servers_logged(caller)[-1]
        assert (up.agent, up.server, up.status, up.tools) == ("clerk", "shop", "up", tuple(SHOP))
        assert up.problem == "left out, since the name is taken or is not valid for the Realtime services: bad.name"
        assert await asks(caller, "price") == "2 plums: 6 dollars"
        assert "no plums left" in await asks(caller, "sell")
        assert "thing" in await asks(caller, "wrong")
        assert caller.logged(log_events.ToolDone)[0].result == "2 plums: 6 dollars"

        caller.types("crash")
        await caller.until(lambda: caller.logged(log_events.ApprovalNeeded))
        (needed,) = caller.logged(log_events.ApprovalNeeded)
        caller.command(type="approve", call_id=needed.call_id, approved=True)
        await caller.until(lambda: [done.name for done in caller.logged(log_events.ToolDone)][-1] == "crash")
        assert caller.logged(log_events.ToolDone)[-1].error is not None
        await caller.until(lambda: [one.status for one in servers_logged(caller)][-3:] == ["up", "lost", "up"], 20)
        await caller.until(lambda: tools_offered(caller)[-3:] == [SHOP, [], SHOP], 20)
        assert await asks(caller, "price") == "2 plums: 6 dollars"


async def test_an_agent_calls_tools_of_a_server_over_streamable_http_that_is_started_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = free_port()
    monkeypatch.setattr(calls, "McpServers", partial(McpServers, (0.3,)))
    server = MCPServerStreamableHttp({"url": f"http://user:secret@127.0.0.1:{port}/mcp?key=secret"})
    async with shop_call(server) as caller:
        assert tools_offered(caller) == [[]]
        (failed,) = servers_logged(caller)
        assert failed.status == "failed"
        assert "secret" not in repr(failed)
        async with http_server(port):
            await caller.until(lambda: tools_offered(caller)[-1] == SHOP, 20)
            assert await asks(caller, "price") == "2 plums: 6 dollars"


class ConnectedServer(MCPServer):
    """A server in memory that the user has connected."""

    def __init__(self) -> None:
        super().__init__()
        self.session = self
        self.calls: list[str] = []

    @property
    def name(self) -> str:
        return "memory"

    async def send_ping(self) -> None:
        self.calls.append("ping")

    async def connect(self) -> None:
        self.calls.append("connect")

    async def cleanup(self) -> None:
        self.calls.append("cleanup")

    async def list_tools(self, run_context: Any = None, agent: Any = None) -> list[Tool]:
        described = "Look up a price. " * 100
        return [Tool(name=name, description=described, input_schema={"type": "object"}) for name in ("price", "sell")]

    async def call_tool(self, tool_name: str, arguments: Any, meta: Any = None) -> CallToolResult:
        return CallToolResult(content=[TextContent(type="text", text="6 dollars")])

    async def list_prompts(self) -> Any:
        raise NotImplementedError

    async def get_prompt(self, name: str, arguments: Any = None) -> Any:
        raise NotImplementedError


@in_virtual_time
async def test_a_server_that_the_user_has_connected_stays_connected() -> None:
    server = ConnectedServer()
    async with shop_call(server) as caller:
        assert await asks(caller, "price") == "6 dollars"
        await asyncio.sleep(60)
    assert server.calls == ["ping"] * 4


@in_virtual_time
async def test_an_agents_own_tool_comes_before_a_servers_tool_of_that_name() -> None:
    own = stub_tool("sell", {"type": "object", "properties": {}})
    async with shop_call(ConnectedServer(), tools=[own]) as caller:
        assert tools_offered(caller) == [["sell", "price"]]
        assert await asks(caller, "sell") == "true"
        (up,) = servers_logged(caller)
        assert up.problem == ("left out, since the name is taken or is not valid for the Realtime services: sell")


@in_virtual_time
async def test_a_servers_long_description_is_cut_to_the_services_limit() -> None:
    async with shop_call(ConnectedServer()) as caller:
        (tool, _sell) = caller.model.now.received[0]["session"]["tools"]
        assert len(tool["description"]) == 1024


def test_an_address_is_shown_without_its_secrets() -> None:
    server = MCPServerStreamableHttp({"url": "https://user:pass@shop.example/mcp?key=1#x"})
    assert shown_name(server) == "streamable_http: https://shop.example/mcp"


@contextlib.asynccontextmanager
async def http_server(port: int) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(SERVER), str(port), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.kill()
        await process.wait()
