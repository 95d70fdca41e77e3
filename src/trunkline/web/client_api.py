"""What a front end of the user's own may ask: a secret to talk to the model by itself, and the text model.

Both cost money and pass by guardrails, so they are off unless asked for, except to this machine.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from trunkline.calls.agents import session_config
from trunkline.calls.agents.runner import StateError, make_state
from trunkline.calls.log_events import CallSettings
from trunkline.providers import Provider, ProviderError
from trunkline.providers.text_model_client import MissingTextModel, TextModelClient
from trunkline.realtime.events import Event
from trunkline.realtime.ids import new_id
from trunkline.scenario.context import CallContext
from trunkline.scenario.scenario import Scenario
from trunkline.scenario.text_model import TextModelError, TextPrompt
from trunkline.settings import is_loopback
from trunkline.web.errors import ApiError
from trunkline.web.request_bodies import json_body
from trunkline.web.server_state import Ready, server_state_of
from trunkline.web.text_requests import check_input, check_tools

if TYPE_CHECKING:
    from agents import RunContextWrapper

logger = logging.getLogger(__name__)
_FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")
RETRY_AFTER_S = 5.0
"""When to try again where the service does not say, in seconds."""
_NO_STORE = {"cache-control": "no-store"}


class TextRequest(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """The body of `POST /api/responses`: what is passed on of the Responses API's own, and how it is routed."""

    input: str | list[dict[str, Any]]
    instructions: str | None = None
    text: dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    reasoning: dict[str, Any] | None = None
    truncation: Literal["auto", "disabled"] | None = None
    metadata: dict[str, str] | None = None
    """`scenario` and `purpose` say whose text model answers, where there are several: on the local engine."""
    model: str | None = None
    """Taken, because clients have to send it, and not heeded."""
    store: bool | None = None
    """Likewise: nothing is stored."""
    stream: Literal[False] | None = None


_ROUTING = ("metadata", "model", "store", "stream")


async def mint_session(request: Request) -> Response:
    """`GET /api/session?scenario=…&agent=…`."""
    ready = await _ready(request, "session")
    scenario = _scenario(ready, request.query_params.get("scenario"))
    names = [agent.name for agent in scenario.agents]
    agent = request.query_params.get("agent") or names[0]
    if agent not in names:
        raise ApiError(404, "unknown_agent", f"The scenario {scenario.name!r} has no agent {agent!r}.", names)
    if scenario.hold:
        message = f"The scenario {scenario.name!r} holds back what is not checked yet, so its calls go through us."
        raise ApiError(409, "held_back", message)
    provider = _provider(ready)
    session = await _bound(scenario, provider, agent, server_state_of(request).settings.tool_timeout_s)
    try:
        minted = await provider.create_ephemeral_secret(session)
    except ProviderError as error:
        raise _not_minted(error) from None
    answer = {
        "value": minted.value,
        "expires_at": minted.expires_at,
        "url": minted.url,
        "socket_url": minted.socket_url,
        "model": session["model"],
        "scenario": scenario.name,
        "agent": agent,
    }
    return JSONResponse(answer, headers=_NO_STORE)


async def create_response(request: Request) -> Response:
    """`POST /api/responses`."""
    ready = await _ready(request, "responses")
    body = await json_body(request, TextRequest)
    check_input(body.input)
    check_tools(body.tools or ())
    routing = body.metadata or {}
    scenario = _scenario(ready, routing.get("scenario"))
    model = _provider(ready).text_model()
    if isinstance(model, MissingTextModel):
        raise ApiError(503, "no_text_model", model.what_to_do)
    if not isinstance(model, TextModelClient):
        raise ApiError(503, "no_text_model", "The text model that is in use takes no such requests.")
    prompt = TextPrompt(scenario.name, routing.get("purpose", "response"), body.instructions or "", ())
    passed_on = {name: value for name, value in msgspec.to_builtins(body).items() if name not in _ROUTING}
    try:
        return JSONResponse(await model.create(prompt, passed_on), headers=_NO_STORE)
    except TextModelError as error:
        raise _not_answered(error) from None


async def _ready(request: Request, what: str) -> Ready:
    """Scenarios and provider, for whoever may have them.

    Raises:
        ApiError: it is not open to this client, or was asked for too often.
    """
    server = server_state_of(request)
    is_open = server.settings.client_api
    if is_open is False or (is_open is None and not _is_from_here(request, server.settings.host)):
        message = "This is off. TRUNKLINE_CLIENT_API=true opens it to everybody who may call this server."
        raise ApiError(403, "not_open", message)
    server.client_api[what].take(request, "This was asked for too often")
    return await server.ready()


def _is_from_here(request: HTTPConnection, host: str) -> bool:
    """Whether this machine asks, and no proxy on it that asks for others."""
    client = request.client.host if request.client else ""
    proxied = any(name in request.headers for name in _FORWARDED)
    return is_loopback(host) and is_loopback(client) and is_loopback(request.url.hostname or "") and not proxied


def _scenario(ready: Ready, name: str | None) -> Scenario[Any]:
    names = list(ready.scenarios.by_name)
    scenario = ready.scenarios.by_name.get(name or (names[0] if names else ""))
    if scenario is None:
        raise ApiError(404, "unknown_scenario", f"There is no scenario {name!r}.", names)
    return scenario


def _provider(ready: Ready) -> Provider:
    if ready.provider is None:
        raise ApiError(503, "no_provider", ready.provider_problem or "No provider is there.")
    return ready.provider


async def _bound(scenario: Scenario[Any], provider: Provider, agent: str, timeout_s: float) -> Event:
    """The session of a call in which this agent answers."""
    detection = scenario.turn_detection
    if detection is not None:
        detection = {"create_response": True, "interrupt_response": True, **detection}
    try:
        async with asyncio.timeout(timeout_s):
            extras = provider.session_extras(scenario, agent, agent)
            session = await session_config.agent_session(scenario.agent(agent), _context(scenario), extras)
    except StateError as error:
        raise ApiError(500, "scenario_failed", str(error)) from None
    except Exception as error:  # a user's own code
        logger.warning("agent %s could not be set up for a session", agent, exc_info=True)
        message = f"The agent {agent!r} could not be set up: {type(error).__name__}."
        raise ApiError(500, "scenario_failed", message) from error
    settings = CallSettings(push_to_talk=detection is None)
    opening = session_config.connection_session(scenario, provider.transcription(scenario), settings, detection)
    return {**session, **opening, "model": provider.model_for(scenario)}


def _context(scenario: Scenario[Any]) -> RunContextWrapper[Any]:
    from agents import RunContextWrapper

    context = CallContext(call_id=new_id("call"), scenario=scenario.name, state=make_state(scenario))
    return RunContextWrapper(context=context)


def _not_minted(error: ProviderError) -> ApiError:
    if error.code == 429:
        return ApiError(429, "too_often", error.full_message, retry_after_s=error.retry_after_s or RETRY_AFTER_S)
    return ApiError(502, "mint_failed", error.full_message)


def _not_answered(error: TextModelError) -> ApiError:
    """What the client itself can mend keeps the service's status; the rest is the server's trouble."""
    match error.status:
        case 400:
            return ApiError(400, "text_request_refused", str(error))
        case 404:
            return ApiError(404, "unknown_text_model", str(error))
        case 429:
            return ApiError(429, "text_model_busy", str(error), retry_after_s=error.retry_after_s or RETRY_AFTER_S)
        case _:
            return ApiError(502, "text_model_failed", str(error))


routes: list[BaseRoute] = [
    Route("/api/session", mint_session, methods=["GET"]),
    Route("/api/responses", create_response, methods=["POST"]),
]
