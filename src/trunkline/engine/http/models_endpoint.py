"""What the engine tells of itself: at `/` what it is, and under `…/models` the names that it answers to."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Protocol

from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from trunkline import __version__
from trunkline.engine.http.errors import RequestError, invalid_key

_ABOUT = {
    "name": "Trunkline engine",
    "version": __version__,
    "what": "A local Realtime server that speaks the protocol of Azure OpenAI and OpenAI. It is for programs: for the "
    "console, run `trunkline serve`.",
    "documentation": "docs/engine.md of Trunkline",
    "paths": {
        "/openai/v1": "as Azure OpenAI has them: realtime, realtime/client_secrets, realtime/calls, responses, "
        "chat/completions, models",
        "/v1": "the same as OpenAI has them",
        "/openai/realtime": "Azure's preview",
    },
}


class Host(Protocol):
    """What the routes need of the engine."""

    def authorised(self, connection: HTTPConnection) -> bool:
        """Whether a request shows the engine's key."""


class ModelsEndpoint:
    """`GET /`, which needs no key, and `GET …/models`, which do.

    Args:
        names: of models (on Azure: deployments), in the order in which they are listed.
    """

    def __init__(self, host: Host, names: Sequence[str]) -> None:
        self._host = host
        self._created = int(time.time())
        self._names = list(dict.fromkeys(names))

    def about(self) -> BaseRoute:
        """The route at `/`."""
        return Route("/", self._about, methods=["GET"])

    def routes(self, prefix: str) -> list[BaseRoute]:
        """The routes under `/openai/v1` or `/v1`."""
        return [
            Route(f"{prefix}/models", self._models, methods=["GET"]),
            Route(f"{prefix}/models/{{name:path}}", self._model, methods=["GET"]),
        ]

    async def _about(self, _request: Request) -> Response:
        return JSONResponse(_ABOUT)

    async def _models(self, request: Request) -> Response:
        if not self._host.authorised(request):
            return invalid_key().response_to(request)
        return JSONResponse({"object": "list", "data": [self._described(name) for name in self._names]})

    async def _model(self, request: Request) -> Response:
        if not self._host.authorised(request):
            return invalid_key().response_to(request)
        name = request.path_params["name"]
        if name not in self._names:
            there = ", ".join(self._names) or "none"
            message = f"There is no model {name!r}. There are: {there}."
            return RequestError(404, "DeploymentNotFound", message).response_to(request)
        return JSONResponse(self._described(name))

    def _described(self, name: str) -> dict[str, Any]:
        return {"id": name, "object": "model", "created": self._created, "owned_by": "trunkline"}
