"""`trunkline prompt`: a few lines about an agent become a whole voice prompt, by a text model and our metaprompt."""

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
"""A draft with a flaw is given back once, with what is wrong."""

_NO_TEXT_MODEL = (
    "Writing a prompt needs a text model, and none is configured. Set one of these, in the environment or .env:\n"
    "  AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY and AZURE_OPENAI_DEPLOYMENT\n"
    "  OPENAI_API_KEY and OPENAI_MODEL\n"
    "  TRUNKLINE_CHAT_BASE_URL and TRUNKLINE_CHAT_MODEL, for a chat model of your own"
)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Personality(_Part):
    """How the agent is and sounds."""

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
    """How a word is said."""

    word: str
    sounds: str


class Transition(_Part):
    """The way to another state."""

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
    """A voice agent's prompt, section by section. `str()` is the text for `RealtimeAgent(instructions=…)`."""

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
        """What is wrong with it, in sentences; nothing if it can be used."""
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
        return flaws + [f"The state {name!r} cannot be reached." for name in ids if name not in _reached(self.states)]


def metaprompt() -> str:
    """What the text model is told about voice prompts."""
    return (files("trunkline.authoring") / "metaprompt.md").read_text("utf-8")


async def write_prompt(description: str, settings: Settings) -> VoicePrompt:
    """A prompt by the text model of the configured provider.

    Raises:
        AuthoringError: no text model is configured or reached, or it does not get a prompt right.
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
    """A prompt by `model` for the agent that is described.

    Raises:
        AuthoringError: there is no description, no answer, or none that is a prompt without flaws.
    """
    if not description.strip():
        raise AuthoringError("There is nothing about the agent. Say in a few lines who it is and what it does.")
    items = [_message("user", description.strip())]
    flaws: list[str] = []
    for _ in range(MAX_TRIES):
        try:
            reply = await model.reply(TextPrompt("authoring", "prompt", metaprompt(), items, (), _schema()))
        except TextModelError as error:
            raise AuthoringError(str(error)) from error
        prompt, flaws = _read(reply.text)
        if prompt is not None and not flaws:
            return prompt
        items += [
            _message("assistant", reply.text),
            _message("user", f"This is not right yet. Write all of it again. {' '.join(flaws)}"),
        ]
    raise AuthoringError(f"The text model did not get the prompt right in {MAX_TRIES} tries: {' '.join(flaws)}")


def _read(text: str) -> tuple[VoicePrompt | None, list[str]]:
    """The prompt in an answer, if it is one, and what is wrong."""
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


def _reached(states: Sequence[State]) -> set[str]:
    ways = {state.id: [way.next_step for way in state.transitions] for state in states}
    reached, todo = set[str](), [states[0].id]
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            todo += ways.get(name, [])
    return reached


def _listed(title: str, lines: Sequence[str]) -> str:
    return "\n".join([title, *(f"- {line}" for line in lines)])


def _message(role: str, text: str) -> Item:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}
