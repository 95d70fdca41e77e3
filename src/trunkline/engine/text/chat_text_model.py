"""Text model at the configured chat endpoint."""

from __future__ import annotations

from trunkline.engine.brains.chat_brain import ChatBrain
from trunkline.engine.brains.chat_endpoint import ChatEndpoint
from trunkline.engine.text import OutputFormat, TextRequest

SILENCE_TIMEOUT_S = 120.0
"""Time limit for the first token. It is longer than in voice calls, because no caller waits on the line."""


def chat_text_model(request: TextRequest, endpoint: ChatEndpoint) -> ChatBrain:
    """Return a brain that answers one request with the chat model, for any model name."""
    options = dict(request.options)
    if not request.brain_request.tools:
        options.pop("parallel_tool_calls", None)  # chat endpoints reject it without tools
    if request.format is not None:
        options["response_format"] = _response_format(request.format)
    return ChatBrain(endpoint, options=options, silence_timeout_s=SILENCE_TIMEOUT_S)


def _response_format(form: OutputFormat) -> dict[str, object]:
    if form.schema is None:
        return {"type": "json_object"}
    schema: dict[str, object] = {"name": form.name, "schema": form.schema}
    if form.strict is not None:
        schema["strict"] = form.strict
    if form.description is not None:
        schema["description"] = form.description
    return {"type": "json_schema", "json_schema": schema}
