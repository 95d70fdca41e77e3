"""ASGI app: the HTTP interface, the calls' WebSockets and the console. Another app can mount it."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.datastructures import URL
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from trunkline.calls.agents.mcp_servers import shown_name
from trunkline.calls.pages import CloseCode
from trunkline.engine.transports.ice import ice_servers
from trunkline.scenario.loading import Target
from trunkline.scenario.scenario import AnyScenario, Scenario
from trunkline.settings import Settings
from trunkline.web import call_routes, client_api, operator_routes, stored_call_routes
from trunkline.web.auth_middleware import AuthMiddleware, WrongTokens
from trunkline.web.authority import audience_of, tokens_from
from trunkline.web.errors import ApiError, handle_error
from trunkline.web.guard_policy import origin_guard
from trunkline.web.own_authentication import Authenticate, OwnAuthMiddleware
from trunkline.web.owner_forwarding import ForwardToOwner, serving_peers
from trunkline.web.server_state import ServerState, server_state_of
from trunkline.web.sign_in import SignIn

if TYPE_CHECKING:
    from agents import Tool

STATIC = Path(__file__).parent / "static"
_REVALIDATED = {"cache-control": "no-cache"}


def create_app(
    scenarios: Sequence[Target] = (), settings: Settings | None = None, *, authenticate: Authenticate | None = None
) -> Starlette:
    """Create the Trunkline app, which runs alone or mounted in another ASGI app; see docs/embedding.md.

    Args:
        scenarios: the users' scenarios, in addition to the built-in ones: `Scenario` objects, and files, folders or
            modules that contain some.
        settings: read from the environment and `.env` by default.
        authenticate: your own authentication: a function from a request to its caller's id, which tools find as
            `ctx.context.caller_id`. None as the id refuses the request.

    Raises:
        TypeError: `scenarios` is a single one, or contains something else.
        ValueError: both `authenticate` and `TRUNKLINE_TOKEN` are set.
    """
    if isinstance(scenarios, str | os.PathLike | Scenario):
        raise TypeError("create_app takes a list of scenarios: put brackets around the one.")
    for target in scenarios:
        if not isinstance(target, str | os.PathLike | Scenario):
            raise TypeError(f"create_app takes Scenario objects, files, folders and modules, not {target!r}.")
    settings = settings or Settings()
    server = ServerState(settings, scenarios)
    middleware = [origin_guard(settings, authenticates=authenticate is not None)]
    routes = [*operator_routes.routes, *_routes(), *stored_call_routes.routes, *call_routes.routes, *client_api.routes]
    tokens, wrong = tokens_from(settings), WrongTokens()
    server.limits.add_limiter("wrong_token", wrong.limiter)
    for token, _role in tokens:
        server.limits.add_token(token)
    middleware.append(
        Middleware(
            AuthMiddleware,
            tokens=tokens,
            wrong=wrong,
            refusals=server.refusals,
            trusts_this_machine=authenticate is None,
        )
    )
    if authenticate is not None:
        if settings.token is not None:
            raise ValueError("create_app takes either authenticate or TRUNKLINE_TOKEN: remove one of them.")
        middleware.append(Middleware(OwnAuthMiddleware, authenticate=authenticate))
    middleware.append(Middleware(ForwardToOwner, server=server))
    if any(tokens):
        routes += SignIn(tokens, wrong, server.refusals, settings.body_timeout_s).routes
    app = Starlette(
        routes=[*routes, *_console()],
        middleware=middleware,
        exception_handlers={HTTPException: handle_error, ApiError: handle_error, Exception: handle_error},
        lifespan=lifespan,
    )
    app.state.server = server
    return app


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Start the app, and stop it at the end. An app that mounts Trunkline runs this in its lifespan."""
    server = app.state.server
    assert isinstance(server, ServerState)  # noqa: S101 - `create_app` sets it
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(server.running())
        if server.cluster is not None:
            await stack.enter_async_context(serving_peers(app, server, server.cluster))
        yield


async def list_scenarios(request: Request) -> Response:
    """Handle `GET /api/scenarios`. The answer waits until they are loaded. Callers get no instructions and tools."""
    ready = await server_state_of(request).ready()
    everything = audience_of(request, server_state_of(request).settings) == "operator"
    return JSONResponse([_described(scenario, everything=everything) for scenario in ready.scenarios.by_name.values()])


async def list_problems(request: Request) -> Response:
    """Handle `GET /api/problems`: the scenarios that failed to load, and the provider's problem."""
    ready = await server_state_of(request).ready()
    found = [{"message": p.message, "file": p.file, "line": p.line} for p in ready.scenarios.problems]
    problems = (server_state_of(request).engine_problem, ready.provider_problem)
    found += [{"message": problem, "file": None, "line": None} for problem in problems if problem]
    if found and audience_of(request, server_state_of(request).settings) == "caller":
        found = [{"message": "This server has a problem, which its operators can see.", "file": None, "line": None}]
    return JSONResponse(found)


async def list_ice_servers(request: Request) -> Response:
    """Handle `GET /api/ice-servers`: the STUN and TURN servers for a page's WebRTC, with their credentials."""
    now_s = time.time()
    servers = [one.for_page(now_s) for one in ice_servers(server_state_of(request).settings)]
    return JSONResponse({"ice_servers": servers}, headers={"cache-control": "no-store"})


async def unknown_route(request: Request) -> Response:
    """Refuse any other path under `/api/`."""
    allowed = {
        method
        for route in request.app.routes
        if isinstance(route, Route) and route.endpoint is not unknown_route
        if route.matches(request.scope)[0] is Match.PARTIAL
        for method in route.methods or ()
    }
    if allowed:
        raise ApiError(405, "method_not_allowed", f"This path does not accept {request.method}.", sorted(allowed))
    raise ApiError(404, "not_found", "Unknown route; docs/http-api.md lists the routes.")


def _described(scenario: AnyScenario, *, everything: bool) -> dict[str, object]:
    return {
        "name": scenario.name,
        "title": scenario.title,
        "description": scenario.description,
        "voice": scenario.voice,
        "rehearsed": scenario.rehearsal is not None,
        "things_to_say": list(scenario.things_to_say),
        "guardrails": [guardrail.get_name() for guardrail in scenario.guardrails] if everything else [],
        "audience": "operator" if everything else "caller",
        "agents": [
            {
                "name": agent.name,
                "handoff_description": agent.handoff_description,
                "things_to_say": list(scenario.things_to_say_to(agent.name)),
                "handoffs": list(scenario.transfers(agent.name).values()),
                "tools": [tool.name for tool in agent.tools] if everything else [],
                "tool_details": [_tool(tool) for tool in agent.tools] if everything else [],
                "mcp_servers": [shown_name(server) for server in agent.mcp_servers] if everything else [],
                "guardrails": [one.get_name() for one in agent.output_guardrails] if everything else [],
                "instructions": agent.instructions if everything and isinstance(agent.instructions, str) else None,
            }
            for agent in scenario.agents
        ],
    }


def _tool(tool: Tool) -> dict[str, object]:
    """Return a tool as the console shows it. Only function tools have a schema."""
    return {
        "name": tool.name,
        "description": getattr(tool, "description", None) or None,
        "parameters": getattr(tool, "params_json_schema", None),
    }


def _routes() -> list[BaseRoute]:
    return [
        Route("/api/scenarios", list_scenarios),
        Route("/api/problems", list_problems),
        Route("/api/ice-servers", list_ice_servers),
    ]


def _console() -> list[BaseRoute]:
    unknown = Route("/api/{rest:path}", unknown_route, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    if not (STATIC / "index.html").is_file():
        return [unknown, *(Route(path, _console_missing) for path in ("/", "/calls", "/calls/{call_id}"))]
    pages = [
        Route("/", _index),
        Route("/calls", _index),
        Route("/calls/", _without_slash),
        Route("/calls/{call_id}", _index_below),
    ]
    return [unknown, *pages, Mount("/", _Assets(directory=STATIC))]


async def _index(_request: Request) -> Response:
    return FileResponse(STATIC / "index.html", headers=_REVALIDATED)


async def _index_below(_request: Request) -> Response:
    # A proxy may remove a prefix that this server does not know, so the page's addresses are relative.
    page = (STATIC / "index.html").read_text(encoding="utf-8").replace('"./', '"../')
    return HTMLResponse(page, headers=_REVALIDATED)


async def _without_slash(request: Request) -> Response:
    return RedirectResponse(str(URL(path="../calls", query=request.scope["query_string"].decode("latin-1"))), 307)


async def _console_missing(_request: Request) -> Response:
    message = "The console is not built. Run 'make setup' in the checkout, or install a wheel, which contains it.\n"
    return Response(message, 503, media_type="text/plain")


class _Assets(StaticFiles):
    """Files of the built console. Names under `assets/` contain a hash of the content, so these files never change."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send(
                {
                    "type": "websocket.close",
                    "code": CloseCode.NO_SUCH_CALL,
                    "reason": "Unknown route; docs/http-api.md lists the routes.",
                }
            )
            return
        await super().__call__(scope, receive, send)

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        forever = path.startswith("assets/")
        response.headers["cache-control"] = "public, max-age=31536000, immutable" if forever else "no-cache"
        return response
