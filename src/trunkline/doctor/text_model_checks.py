"""Check of text models: a question to the model of each role."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping

from trunkline.doctor.report import Finding
from trunkline.providers.text_model_client import TextModelClient
from trunkline.realtime.events import Event
from trunkline.scenario.text_model import TextModelError, TextPrompt, TextRole

_INSTRUCTIONS = "Answer with the single word OK."
_QUESTION: Event = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Are you there?"}]}


async def check_text_models(client: TextModelClient, variables: Mapping[TextRole, str]) -> AsyncIterator[Finding]:
    """Ask each configured text model a question.

    Args:
        client: the client of the service.
        variables: the environment variable of each role.
    """
    models = client.names.own()
    if "text" not in models:
        others = f", except for {', '.join(models)}" if models else ""
        message = f"{variables['text']} is not set, so tools and guardrails have no text model{others}."
        yield Finding("text model", "warning", message, f"Deploy a text model and set {variables['text']}.")
    for role, model in models.items():
        check = "text model" if role == "text" else f"{role} model"
        prompt = TextPrompt(
            scenario="doctor", purpose="check", instructions=_INSTRUCTIONS, items=[_QUESTION], model=role
        )
        began = time.monotonic()
        try:
            await client.reply(prompt)
        except TextModelError as error:
            yield Finding(check, "error", f"{model}: {error}", f"Check {variables[role]}, and the deployment's quota.")
        else:
            yield Finding(check, "ok", f"{model} answers in {(time.monotonic() - began) * 1000:.0f} ms.")
