"""Routes for operators and their programs: liveness, readiness and metrics."""

from __future__ import annotations

import dataclasses

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from trunkline import __version__
from trunkline.web.auth_middleware import AUTHENTICATED, SIGNED_IN
from trunkline.web.authority import audience_of, is_operator
from trunkline.web.errors import ApiError
from trunkline.web.server_state import server_state_of

NO_STORE = {"cache-control": "no-store"}


async def health(request: Request) -> Response:
    """Handle `GET /api/health`. Without authentication, the answer is only that the server is up."""
    if not request.scope.get(AUTHENTICATED, True):
        return JSONResponse({"status": "ok"})
    server = server_state_of(request)
    status: dict[str, object] = {"status": "ok", "version": __version__, "provider": server.provider_name}
    if server.engine is not None:
        status["engine"] = dataclasses.asdict(server.engine)
    audience = audience_of(request, server.settings)
    status["audience"] = audience
    if audience == "operator" and server.store is not None:
        status["stores_calls"] = True
    if server.reloads:
        status["reloads"] = True
    if request.scope.get(SIGNED_IN):
        status["signed_in"] = True
    elif audience == "caller" and SIGNED_IN in request.scope:
        status["signed_in"] = False  # the server has a sign-in page
    return JSONResponse(status)


async def ready(request: Request) -> Response:
    """Handle `GET /api/ready`: 200 if a new call would be accepted, else 503 with the reasons."""
    reasons = server_state_of(request).unready_reasons()
    status = {"status": "not ready", "reasons": reasons} if reasons else {"status": "ready"}
    return JSONResponse(status, 503 if reasons else 200, NO_STORE)


async def metrics(request: Request) -> Response:
    """Handle `GET /metrics`, for operators."""
    if not is_operator(request):
        message = "The metrics are for operators: send TRUNKLINE_OPERATOR_TOKEN as 'Authorization: Bearer …'."
        raise ApiError(403, "not_an_operator", message)
    text, content_type = server_state_of(request).metrics.page()
    return Response(text, headers={**NO_STORE, "content-type": content_type})


routes: list[BaseRoute] = [
    Route("/api/health", health),
    Route("/api/ready", ready),
    Route("/metrics", metrics),
]
