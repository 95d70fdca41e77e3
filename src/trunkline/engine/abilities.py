"""Abilities of an engine, which its clients need to know: it describes them at `/`."""

from __future__ import annotations

import msgspec

from trunkline.engine.chat_models import chat_model_names
from trunkline.engine.speech.factory import RECOGNISERS, engine_parts, speech_problem
from trunkline.scenario.text_model import TextModelNames, TextRole
from trunkline.settings import Settings


class EngineAbilities(msgspec.Struct, frozen=True):
    """The parts of an engine, and their effects on calls.

    Attributes:
        stt: the recogniser's name for people.
        tts: the voice's name for people; None without a voice.
        chat_model: the chat model's name; None if rehearsals answer.
        knows_words: True if the recogniser gives the words while the caller speaks.
        any_words: True if it knows words outside of a rehearsal's grammar.
        takes_images: True if the chat model can see.
        text_models: the names of the chat models by their roles; empty if rehearsals answer.
        models: the names that a session may ask for.
        speech_problem: the reason why calls can only be typed, with its fix; None if they can be spoken.
    """

    stt: str = ""
    tts: str | None = None
    chat_model: str | None = None
    knows_words: bool = True
    any_words: bool = True
    takes_images: bool = False
    text_models: dict[TextRole, str] = {}
    models: tuple[str, ...] = ()
    speech_problem: str | None = None

    @property
    def chat(self) -> TextModelNames | None:
        """The names of the chat models; None if rehearsals answer."""
        return TextModelNames(**self.text_models) if self.text_models else None


def abilities_of(settings: Settings, models: tuple[str, ...] = ()) -> EngineAbilities:
    """Return the abilities of an engine with these settings.

    Args:
        models: the names that a session may ask for.
    """
    parts = engine_parts(settings)
    chat = chat_model_names(settings)
    return EngineAbilities(
        stt=parts.stt,
        tts=parts.tts,
        chat_model=parts.model,
        knows_words=settings.stt != "http",
        any_words=RECOGNISERS.name(settings) != "sphinx",
        takes_images=settings.chat_images and chat is not None,
        text_models=chat.own() if chat is not None else {},
        models=models,
        speech_problem=speech_problem(settings),
    )
