"""Description of the engine at `/`, and its model names under `…/models`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from trunkline import __version__
from trunkline.engine.http.api_key import ApiKey
from trunkline.engine.http.errors import RequestError, invalid_key

_ABOUT = {
    "name": "Trunkline engine",
    "version": __version__,
    "what": "A local Realtime server that speaks the protocol of Azure OpenAI and OpenAI. It serves programs. For the "
    "console, run `trunkline serve`.",
    "documentation": "docs/engine.md of Trunkline",
    "paths": {
        "/openai/v1": "in Azure OpenAI's format: realtime, realtime/client_secrets, realtime/calls, responses, "
        "chat/completions, models",
        "/v1": "the same in OpenAI's format",
        "/openai/deployments/NAME": "with ?api-version=, as AzureOpenAI clients call it: chat/completions",
        "/openai": "with ?api-version=: realtime (the preview), realtimeapi, responses",
    },
}


class ModelsEndpoint:
    """Handler of `GET /`, which needs no key, and of `GET …/models`, which needs one.

    Args:
        names: the models (on Azure: deployments), in the order of the list.
        abilities: the engine's abilities, for clients with the key.
    """

    def __init__(self, key: ApiKey, names: Sequence[str], abilities: Mapping[str, object] | None = None) -> None:
        self._key = key
        self._abilities = abilities
        self._created = int(time.time())
        self._names = list(dict.fromkeys(names))

    def root_route(self) -> BaseRoute:
        """Return the route at `/`."""
        return Route("/", self._about, methods=["GET"])

    def routes(self, prefix: str) -> list[BaseRoute]:
        """Return the routes under `/openai/v1` or `/v1`."""
        return [
            Route(f"{prefix}/models", self._models, methods=["GET"]),
            Route(f"{prefix}/models/{{name:path}}", self._model, methods=["GET"]),
        ]

    async def _about(self, request: Request) -> Response:
        if self._abilities is None or not self._key.accepts(request):
            return JSONResponse(_ABOUT)
        return JSONResponse({**_ABOUT, "abilities": self._abilities})

    async def _models(self, request: Request) -> Response:
        if not self._key.accepts(request):
            return invalid_key().response_to(request)
        return JSONResponse({"object": "list", "data": [self._described(name) for name in self._names]})

    async def _model(self, request: Request) -> Response:
        if not self._key.accepts(request):
            return invalid_key().response_to(request)
        name = request.path_params["name"]
        if name not in self._names:
            known = ", ".join(self._names) or "none"
            message = f"The model {name!r} does not exist. Known models: {known}."
            return RequestError(404, "DeploymentNotFound", message).response_to(request)
        return JSONResponse(self._described(name))

    def _described(self, name: str) -> dict[str, object]:
        return {"id": name, "object": "model", "created": self._created, "owned_by": "trunkline"}
