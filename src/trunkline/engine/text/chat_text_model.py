"""A text model at the configured chat endpoint."""

from __future__ import annotations

from typing import Any

from trunkline.engine.brains.chat_brain import ChatBrain
from trunkline.engine.brains.chat_endpoint import ChatEndpoint
from trunkline.engine.text import OutputFormat, TextRequest

SILENCE_TIMEOUT_S = 120.0
"""Seconds a text model may think before its first word: more than one that somebody waits for on the phone."""


def chat_text_model(request: TextRequest, endpoint: ChatEndpoint) -> ChatBrain:
    """Answers one request with the chat model, whatever name the client asked for."""
    options = dict(request.options)
    if not request.brain_request.tools:
        options.pop("parallel_tool_calls", None)  # chat endpoints refuse it where there are no tools
    if request.format is not None:
        options["response_format"] = _response_format(request.format)
    return ChatBrain(endpoint, options=options, silence_timeout_s=SILENCE_TIMEOUT_S)


def _response_format(form: OutputFormat) -> dict[str, Any]:
    if form.schema is None:
        return {"type": "json_object"}
    schema: dict[str, Any] = {"name": form.name, "schema": form.schema}
    if form.strict is not None:
        schema["strict"] = form.strict
    if form.description is not None:
        schema["description"] = form.description
    return {"type": "json_schema", "json_schema": schema}
