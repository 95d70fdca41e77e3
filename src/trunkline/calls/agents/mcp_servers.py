"""Connections to the MCP servers of agents (`RealtimeAgent.mcp_servers`): connect, watch, reconnect and clean up.

A server belongs to its agent, and all calls use it. The MCP library enters and leaves a connection in one task, so each
server has a task of its own. A server that the user has connected already is used as it is, and left connected.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from trunkline.realtime import service_rules
from trunkline.realtime.json_values import valid_unicode

if TYPE_CHECKING:
    from agents import FunctionTool, RunContextWrapper
    from agents.mcp import MCPServer
    from agents.realtime import RealtimeAgent

logger = logging.getLogger(__name__)
CONNECT_TIMEOUT_S = 30.0
"""The longest time for one attempt to connect."""
WAIT_S = 5.0
"""The longest time that an agent's session waits for a server. A server that is up later is offered then."""
PING_EVERY_S = 15.0
PING_TIMEOUT_S = 5.0
METHOD_NOT_FOUND = -32601
"""The code of JSON-RPC for an unknown method."""
RETRY_PAUSES_S = (0.5, 1.0, 2.0, 5.0, 15.0, 30.0)
"""The pauses between attempts to connect; the last one repeats."""
_SECRETS = re.compile(r"(?<=//)[^/@\s]*@|[?#]\S*")


class ServerState(Enum):
    """State of the connection to one server.

    Attributes:
        CONNECTING: no attempt has ended yet.
        UP: the server can be used.
        LOST: the connection was up, and is opened again.
        FAILED: the last attempt has failed, and another one follows.
    """

    CONNECTING = auto()
    UP = auto()
    LOST = auto()
    FAILED = auto()


@dataclass(frozen=True)
class ServerTools:
    """The tools of one server for one agent. `problem` is the reason if some or all are left out."""

    server: MCPServer
    is_up: bool
    tools: Sequence[FunctionTool] = ()
    problem: str | None = None


ServerListener = Callable[["MCPServer", ServerState, str | None], None]
"""Takes a server, its new state, and the problem if it is not up."""


def shown_name(server: MCPServer) -> str:
    """Return a server's name without user, password and query of an address in it."""
    return valid_unicode(_SECRETS.sub("", server.name))


class McpServers:
    """The connections to all MCP servers that the calls' agents have.

    Args:
        retry_pauses_s: the pauses in s between attempts to connect; the last one repeats.
    """

    def __init__(self, retry_pauses_s: Sequence[float] = RETRY_PAUSES_S) -> None:
        self._retry_pauses_s = retry_pauses_s
        self._connections: dict[int, _Connection] = {}
        self._listeners: list[ServerListener] = []

    async def close(self) -> None:
        """End all connections."""
        connections, self._connections = list(self._connections.values()), {}
        await asyncio.gather(*(connection.close() for connection in connections))

    def subscribe(self, listener: ServerListener) -> Callable[[], None]:
        """Call `listener` with each change of a server, until the returned function is called."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def tools(self, agent: RealtimeAgent, context: RunContextWrapper) -> list[ServerTools]:
        """List the tools of an agent's servers. A server that is not up within `WAIT_S` gives none."""
        listed = await asyncio.gather(*(self._listed(server, agent, context) for server in agent.mcp_servers))
        return list(listed)

    async def _listed(self, server: MCPServer, agent: RealtimeAgent, context: RunContextWrapper) -> ServerTools:
        from agents.mcp import MCPUtil

        connection = self._connection(server)
        if not await connection.is_up(WAIT_S):
            late = f"it is not connected after {WAIT_S:g} s"
            return ServerTools(server, is_up=False, problem=connection.problem or late)
        config = agent.mcp_config
        taken = {tool.name for tool in agent.tools}
        try:
            async with asyncio.timeout(WAIT_S):
                tools = await MCPUtil.get_all_function_tools(
                    [server],
                    config.get("convert_schemas_to_strict", False),
                    context,
                    agent,
                    failure_error_function=config.get(
                        "failure_error_function"
                    ),  # without one, the model gets the error
                    include_server_in_tool_names=config.get("include_server_in_tool_names", False),
                    reserved_tool_names=taken,
                )
        except Exception as error:  # noqa: BLE001 - a server may answer anything, and the call must continue
            connection.check()
            return ServerTools(server, is_up=True, problem=_problem(error))
        usable = [tool for tool in _functions(tools) if _has_usable_name(tool, taken)]
        left_out = sorted({tool.name for tool in tools} - {tool.name for tool in usable})
        for tool in usable:
            tool.description = tool.description[: service_rules.MAX_TOOL_DESCRIPTION_CHARS]
        problem = f"left out, since the name is taken or is not valid for the Realtime services: {', '.join(left_out)}"
        return ServerTools(server, is_up=True, tools=usable, problem=problem if left_out else None)

    def check(self, server: MCPServer) -> None:
        """Check the connection to a server soon, since a tool call has failed."""
        self._connection(server).check()

    def _connection(self, server: MCPServer) -> _Connection:
        connection = self._connections.get(id(server))
        if connection is None:
            connection = self._connections[id(server)] = _Connection(server, self._on_change, self._retry_pauses_s)
        return connection

    def _on_change(self, server: MCPServer, state: ServerState, problem: str | None) -> None:
        for listener in tuple(self._listeners):
            listener(server, state, problem)


class _Connection:
    """The connection to one server, kept by a task."""

    def __init__(self, server: MCPServer, on_change: ServerListener, retry_pauses_s: Sequence[float]) -> None:
        self.server = server
        self._retry_pauses_s = retry_pauses_s
        self.state = ServerState.CONNECTING
        self.problem: str | None = None
        self._on_change = on_change
        self._up = asyncio.Event()
        self._check_now = asyncio.Event()
        self._is_users = getattr(server, "session", None) is not None
        self._task = asyncio.create_task(self._keep(), name=f"MCP server {shown_name(server)}")

    async def is_up(self, wait_s: float) -> bool:
        """Return whether the server is up, after its first attempt to connect or `wait_s`."""
        if self.state is ServerState.CONNECTING:
            try:
                async with asyncio.timeout(wait_s):
                    await self._up.wait()
            except TimeoutError:
                pass
        return self.state is ServerState.UP

    def check(self) -> None:
        """Ping the server soon."""
        self._check_now.set()

    async def close(self) -> None:
        """Close the connection, in the task that has opened it."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def _change(self, state: ServerState, problem: str | None = None) -> None:
        self.state, self.problem = state, problem
        self._up.set()
        self._on_change(self.server, state, problem)

    async def _keep(self) -> None:
        failures = 0
        while True:
            try:
                if not self._is_users:
                    async with asyncio.timeout(CONNECT_TIMEOUT_S):
                        await self.server.connect()  # type: ignore[no-untyped-call]  # the SDK has no type for it
                failures = 0
                self._change(ServerState.UP)
                problem = await self._watch()
                self._change(ServerState.LOST, problem)
            except Exception as error:  # noqa: BLE001 - a server may fail in any way; it is tried again
                logger.warning("the MCP server %s cannot be reached: %s", shown_name(self.server), type(error).__name__)
                self._change(ServerState.FAILED, _problem(error))
            finally:
                if not self._is_users:
                    await self._clean_up()
            await asyncio.sleep(self._retry_pauses_s[min(failures, len(self._retry_pauses_s) - 1)])
            failures += 1

    async def _watch(self) -> str:
        """Ping the server at intervals, and when a tool call has failed. Return the reason when it is lost."""
        while True:
            try:
                async with asyncio.timeout(PING_EVERY_S):
                    await self._check_now.wait()
            except TimeoutError:
                pass
            self._check_now.clear()
            try:
                async with asyncio.timeout(PING_TIMEOUT_S):
                    await _ping(self.server)
            except Exception as error:  # noqa: BLE001 - any failure of a ping means that the server is lost
                return _problem(error)

    async def _clean_up(self) -> None:
        try:
            await self.server.cleanup()  # type: ignore[no-untyped-call]  # as above
        except Exception as error:  # noqa: BLE001 - a lost connection may not end cleanly
            logger.debug("the MCP server %s did not end cleanly: %s", shown_name(self.server), type(error).__name__)


def _has_usable_name(tool: FunctionTool, taken: set[str]) -> bool:
    valid = service_rules.TOOL_NAME.fullmatch(tool.name) and len(tool.name) <= service_rules.MAX_TOOL_NAME_CHARS
    return bool(valid) and tool.name not in taken


async def _ping(server: MCPServer) -> None:
    """Ping a server. One that does not know pings, as in newer versions of the protocol, answers all the same.

    Raises:
        Exception: the server does not answer.
    """
    ping = getattr(getattr(server, "session", None), "send_ping", None)
    try:
        await (ping() if ping is not None else server.list_tools())
    except Exception as error:
        if getattr(getattr(error, "error", error), "code", None) != METHOD_NOT_FOUND:
            raise


def _problem(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return valid_unicode(_SECRETS.sub("", f"{type(error).__name__}: {error}".removesuffix(": ")))


def _functions(tools: Sequence[object]) -> list[FunctionTool]:
    from agents import FunctionTool

    return [tool for tool in tools if isinstance(tool, FunctionTool)]
