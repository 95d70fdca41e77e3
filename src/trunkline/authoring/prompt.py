"""`trunkline prompt`: a text model writes a complete voice prompt from a short description and the metaprompt."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from trunkline.authoring.errors import AuthoringError
from trunkline.providers import ProviderError
from trunkline.providers.factory import choose_provider_name, create_provider
from trunkline.realtime.events import Item
from trunkline.scenario.loading import LoadedScenarios
from trunkline.scenario.text_model import TextModel, TextModelError, TextPrompt
from trunkline.settings import Settings

MAX_TRIES = 2
"""Attempts of the text model; a draft with flaws is returned once, with a list of them."""
AS_JSON = "\nThis is not a chat: answer at once, with a JSON object of the given schema and nothing else.\n"
"""The end of the instructions for the text model."""
_NO_TEXT_MODEL = (
    "No text model is configured to write the prompt. Set one of these in the environment or .env:\n"
    "  AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY and AZURE_OPENAI_DEPLOYMENT\n"
    "  OPENAI_API_KEY and OPENAI_MODEL\n"
    "  TRUNKLINE_CHAT_BASE_URL and TRUNKLINE_CHAT_MODEL, for a chat model of your own"
)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Personality(_Part):
    """The agent's character and voice."""

    identity: str
    task: str
    demeanor: str
    tone: str
    enthusiasm: str
    formality: str
    emotion: str
    filler_words: str
    pacing: str
    other: str


class Pronunciation(_Part):
    """The pronunciation of a word."""

    word: str
    sounds: str


class Transition(_Part):
    """A transition to another state."""

    next_step: str
    condition: str


class State(_Part):
    """A state of the conversation."""

    id: str
    description: str
    instructions: list[str]
    examples: list[str]
    transitions: list[Transition]


class VoicePrompt(_Part):
    """A voice agent's prompt by sections. `str()` returns the text for `RealtimeAgent(instructions=…)`."""

    personality: Personality
    context: list[str]
    pronunciations: list[Pronunciation]
    instructions: list[str]
    states: list[State]

    def __str__(self) -> str:
        sections = ["# Personality and tone"]
        for name, text in self.personality.model_dump().items():
            if text.strip():
                sections.append(f"## {name.replace('_', ' ').capitalize()}\n{text.strip()}")
        if self.context:
            sections.append(_listed("# Context", self.context))
        if self.pronunciations:
            said = [f"{one.word}: {one.sounds}" for one in self.pronunciations]
            sections.append(_listed("# Reference pronunciations", said))
        sections.append(_listed("# Overall instructions", self.instructions))
        states = json.dumps([state.model_dump() for state in self.states], indent=2, ensure_ascii=False)
        sections.append(f"# Conversation states\n{states}")
        return "\n\n".join(sections) + "\n"

    def flaws(self) -> list[str]:
        """Return the flaws in sentences; an empty list if the prompt is usable."""
        flaws = [] if self.instructions else ["There are no overall instructions."]
        ids = [state.id for state in self.states]
        if not ids:
            return [*flaws, "There are no conversation states."]
        flaws += [f"There are two states {name!r}." for name in sorted({name for name in ids if ids.count(name) > 1})]
        flaws += [
            f"The state {state.id!r} leads to {way.next_step!r}, which is no state."
            for state in self.states
            for way in state.transitions
            if way.next_step not in ids
        ]
        return flaws + [f"The state {name!r} cannot be reached." for name in ids if name not in _reachable(self.states)]


def metaprompt() -> str:
    """Return the instructions for voice prompts, for the text model or for a chat."""
    return (files("trunkline.authoring") / "metaprompt.md").read_text("utf-8")


async def write_prompt(description: str, settings: Settings) -> VoicePrompt:
    """Write a prompt with the text model of the configured provider.

    Raises:
        AuthoringError: no text model is configured or reachable, or it wrote no usable prompt.
    """
    has_chat_model = bool(settings.chat_base_url and settings.chat_model)
    if choose_provider_name(settings) == "local" and not has_chat_model:
        raise AuthoringError(_NO_TEXT_MODEL)
    try:
        provider = await create_provider(settings, LoadedScenarios())
    except ProviderError as error:
        raise AuthoringError(error.full_message) from error
    try:
        return await draft(description, provider.text_model())
    finally:
        await provider.aclose()


async def draft(description: str, model: TextModel) -> VoicePrompt:
    """Write a prompt for the described agent with `model`.

    Raises:
        AuthoringError: the description is empty, or the model wrote no usable prompt.
    """
    if not description.strip():
        raise AuthoringError("The description is empty. Describe the agent in a few lines.")
    items = [_message("user", description.strip())]
    flaws: list[str] = []
    for _ in range(MAX_TRIES):
        try:
            reply = await model.reply(TextPrompt("authoring", "prompt", metaprompt() + AS_JSON, items, (), _schema()))
        except TextModelError as error:
            raise AuthoringError(str(error)) from error
        prompt, flaws = _read(reply.text)
        if prompt is not None and not flaws:
            return prompt
        items += [
            _message("assistant", reply.text),
            _message("user", f"This is not right yet. Write all of it again. {' '.join(flaws)}"),
        ]
    raise AuthoringError(
        f"The text model wrote no usable prompt in {MAX_TRIES} attempts: {' '.join(flaws)} Change the description."
    )


def _read(text: str) -> tuple[VoicePrompt | None, list[str]]:
    """Return the prompt in an answer, or None, and its flaws."""
    start, end = text.find("{"), text.rfind("}")
    try:
        prompt = VoicePrompt.model_validate_json(text[start : end + 1])
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        return None, [f"The answer has not the form that was asked for: {where} {first['msg']}.".replace("  ", " ")]
    return prompt, prompt.flaws()


def _schema() -> dict[str, object]:
    from agents.strict_schema import ensure_strict_json_schema

    return ensure_strict_json_schema(TypeAdapter(VoicePrompt).json_schema())


def _reachable(states: Sequence[State]) -> set[str]:
    ways = {state.id: [way.next_step for way in state.transitions] for state in states}
    reachable, todo = set[str](), [states[0].id]
    while todo:
        name = todo.pop()
        if name not in reachable:
            reachable.add(name)
            todo += ways.get(name, [])
    return reachable


def _listed(title: str, lines: Sequence[str]) -> str:
    return "\n".join([title, *(f"- {line}" for line in lines)])


def _message(role: str, text: str) -> Item:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}
