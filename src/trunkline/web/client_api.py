"""Interface for users' own front ends: a secret for a direct connection to the model, and the text model.

Both cost money and bypass guardrails, so only this machine may use them unless the settings allow more.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

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
from trunkline.realtime.json_values import JsonObject
from trunkline.scenario.context import CallContext
from trunkline.scenario.scenario import AnyScenario
from trunkline.scenario.text_model import (
    TEXT_ROLES,
    MissingTextModelError,
    TextModelError,
    TextModelNames,
    TextPrompt,
)
from trunkline.settings import is_loopback
from trunkline.web.errors import ApiError
from trunkline.web.own_authentication import caller_of
from trunkline.web.request_bodies import json_body
from trunkline.web.server_state import StartupResult, server_state_of
from trunkline.web.text_requests import check_input, check_tools, input_items, parsed_output

if TYPE_CHECKING:
    from agents import RunContextWrapper

logger = logging.getLogger(__name__)
_FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")
RETRY_AFTER_S = 5.0
"""The time in s after which a client may retry, unless the service names one."""
_NO_STORE = {"cache-control": "no-store"}


class TextRequest(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Body of `POST /api/responses`: the forwarded fields of the Responses API, and `metadata` for routing."""

    input: str | list[JsonObject] | None = None
    messages: list[JsonObject] | None = None
    """The conversation in the form of chat completions, in place of `input`."""
    instructions: str | None = None
    text: JsonObject | None = None
    tools: list[JsonObject] | None = None
    tool_choice: str | JsonObject | None = None
    parallel_tool_calls: bool | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    reasoning: JsonObject | None = None
    truncation: Literal["auto", "disabled"] | None = None
    metadata: dict[str, str] | None = None
    """`scenario` and `purpose` choose the text model on the local engine, which has several."""
    model: str | None = None
    """A configured text model or its role; the text model by default. Rehearsals ignore it."""
    store: bool | None = None
    """Accepted but ignored: nothing is stored."""
    stream: Literal[False] | None = None


_NOT_FORWARDED = ("input", "messages", "metadata", "model", "store", "stream")


async def create_session_secret(request: Request) -> Response:
    """Handle `GET /api/session?scenario=…&agent=…`."""
    ready = await _authorize(request, "session")
    scenario = _scenario(ready, request.query_params.get("scenario"))
    names = [agent.name for agent in scenario.agents]
    agent = request.query_params.get("agent") or names[0]
    if agent not in names:
        raise ApiError(404, "unknown_agent", f"The scenario {scenario.name!r} has no agent {agent!r}.", names)
    if scenario.hold:
        message = f"The scenario {scenario.name!r} withholds unchecked output: start its calls with POST /api/calls."
        raise ApiError(409, "held_back", message)
    provider = _provider(ready)
    if (problem := provider.scenario_problem(scenario)) is not None:
        raise ApiError(409, "unsupported_scenario", problem)
    timeout_s = server_state_of(request).settings.tool_timeout_s
    session = await _session_config_of(scenario, provider, agent, caller_of(request), timeout_s)
    try:
        secret = await provider.create_ephemeral_secret(session)
    except ProviderError as error:
        raise _secret_error(error) from None
    answer = {
        "value": secret.value,
        "expires_at": secret.expires_at,
        "client_secret": {"value": secret.value, "expires_at": secret.expires_at},
        "url": secret.url,
        "socket_url": secret.socket_url,
        "model": session["model"],
        "scenario": scenario.name,
        "agent": agent,
    }
    return JSONResponse(answer, headers=_NO_STORE)


async def create_response(request: Request) -> Response:
    """Handle `POST /api/responses`."""
    ready = await _authorize(request, "responses")
    body = await json_body(request, TextRequest)
    given = _input(body)
    check_input(given)
    check_tools(body.tools or ())
    routing = body.metadata or {}
    scenario = _scenario(ready, routing.get("scenario"))
    model = _provider(ready).text_model()
    if isinstance(model, MissingTextModel):
        raise ApiError(503, "no_text_model", model.fix)
    if not isinstance(model, TextModelClient):
        raise ApiError(
            503,
            "no_text_model",
            "This text model does not accept such requests: configure a hosted one or a chat endpoint.",
        )
    purpose = routing.get("purpose", "response")
    prompt = TextPrompt(scenario.name, purpose, body.instructions or "", (), model=_model(body.model, model.names))
    forwarded = {name: value for name, value in msgspec.to_builtins(body).items() if name not in _NOT_FORWARDED}
    try:
        answer = await model.create(prompt, {**forwarded, "input": given})
    except TextModelError as error:
        raise _text_model_error(error) from None
    if ((body.text or {}).get("format") or {}).get("type") in ("json_schema", "json_object"):
        answer = {**answer, "output_parsed": parsed_output(answer)}
    return JSONResponse(answer, headers=_NO_STORE)


def _input(body: TextRequest) -> str | Sequence[Mapping[str, object]]:
    if (body.input is None) == (body.messages is None):
        message = "Send either 'input', as in the Responses API, or 'messages', as in chat completions."
        raise ApiError(400, "bad_request", message, ["input", "messages"])
    return input_items(body.messages) if body.messages is not None else body.input or ""


def _model(requested: str | None, names: TextModelNames) -> str:
    """Return the configured model that the client requests.

    Raises:
        ApiError: the model is not configured.
    """
    configured = names.own()
    if requested is None or not configured:  # a rehearsal answers by the purpose alone
        return "text"
    allowed = list(dict.fromkeys([*configured.values(), *(role for role in TEXT_ROLES if names.find(role))]))
    if requested not in allowed:
        message = (
            f"The text model {requested!r} is not configured on this server. Leave 'model' out for the default one, "
            "or send one of these names or roles."
        )
        raise ApiError(404, "unknown_text_model", message, allowed)
    return requested


async def _authorize(request: Request, what: str) -> StartupResult:
    """Return scenarios and provider, if the client may use them.

    Raises:
        ApiError: the interface is closed to this client, or the client exceeds its limit.
    """
    server = server_state_of(request)
    is_open = server.settings.client_api
    if is_open is False or (is_open is None and not _is_local(request, server.settings.host)):
        message = "This interface is off: TRUNKLINE_CLIENT_API=true opens it to every client that may use this server."
        raise ApiError(403, "not_open", message)
    server.client_api[what].take(request, "Too many requests")
    return await server.ready()


def _is_local(request: HTTPConnection, host: str) -> bool:
    """Return whether this machine sent the request, and not a proxy on it that forwards for others."""
    client = request.client.host if request.client else ""
    proxied = any(name in request.headers for name in _FORWARDED)
    return is_loopback(host) and is_loopback(client) and is_loopback(request.url.hostname or "") and not proxied


def _scenario(ready: StartupResult, name: str | None) -> AnyScenario:
    names = list(ready.scenarios.by_name)
    scenario = ready.scenarios.by_name.get(name or (names[0] if names else ""))
    if scenario is None:
        raise ApiError(404, "unknown_scenario", f"Unknown scenario: {name!r}.", names)
    return scenario


def _provider(ready: StartupResult) -> Provider:
    if ready.provider is None:
        raise ApiError(
            503,
            "no_provider",
            ready.provider_problem or "The provider is not available; GET /api/problems gives the reason.",
        )
    return ready.provider


async def _session_config_of(
    scenario: AnyScenario, provider: Provider, agent: str, caller_id: str | None, timeout_s: float
) -> Event:
    """Return the session of a call that this agent answers."""
    detection = provider.turn_detection(scenario)
    if detection is not None:
        detection = {"create_response": True, "interrupt_response": True, **detection}
    transcription = provider.transcription(scenario)
    try:
        async with asyncio.timeout(timeout_s):
            extras = provider.session_extras(scenario, agent, agent)
            context = await _context(scenario, caller_id)
            session = await session_config.agent_session(
                scenario, scenario.agent(agent), context, extras, transcription
            )
    except StateError as error:
        raise ApiError(500, "scenario_failed", str(error)) from None
    except Exception as error:  # users' code
        logger.warning("agent %s could not be set up for a session", agent, exc_info=True)
        message = f"The agent {agent!r} could not be set up: {type(error).__name__}."
        raise ApiError(500, "scenario_failed", message) from error
    settings = CallSettings(push_to_talk=detection is None)
    opening = session_config.connection_session(scenario, transcription, settings, detection, agent)
    return {**opening, **session, "audio": opening["audio"], "model": provider.model_for(scenario)}


async def _context(scenario: AnyScenario, caller_id: str | None) -> RunContextWrapper:
    from agents import RunContextWrapper

    call_id = new_id("call")
    state = make_state(scenario, call_id, {})
    if inspect.isawaitable(state):
        state = await state
    context = CallContext(call_id=call_id, scenario=scenario.name, state=state, caller_id=caller_id)
    return RunContextWrapper(context=context)


def _secret_error(error: ProviderError) -> ApiError:
    if error.code == 429:
        return ApiError(429, "too_often", error.full_message, retry_after_s=error.retry_after_s or RETRY_AFTER_S)
    return ApiError(502, "mint_failed", error.full_message)


def _text_model_error(error: TextModelError) -> ApiError:
    """Return the client's error with the service's status, and any other error as 502."""
    if isinstance(error, MissingTextModelError):
        return ApiError(503, "no_text_model", str(error))
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
    Route("/api/session", create_session_secret, methods=["GET"]),
    Route("/api/responses", create_response, methods=["POST"]),
]
