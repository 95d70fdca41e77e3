"""`SessionSettings`: settings of the Realtime session, for a scenario and for single agents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Literal

from trunkline.realtime import service_rules
from trunkline.realtime.events import Event
from trunkline.realtime.validation import InvalidRequest

DEFAULT_TRUNCATION: Mapping[str, object] = {"type": "retention_ratio", "retention_ratio": 0.8}
"""The default truncation. A service truncates a full context to 80 %, so that the next turns find it in the prompt
cache. The services' own default drops the oldest messages at each turn, and each turn then pays for the whole context.
"""
_RESETS: Mapping[str, object] = {
    "truncation": DEFAULT_TRUNCATION,
    "tool_choice": "auto",
    "max_output_tokens": "inf",
    "parallel_tool_calls": None,
    "reasoning": None,
    "include": None,
}
"""The values of fields that another agent has set and this one has not; None returns to the service's default."""


@dataclass(frozen=True, kw_only=True)
class SessionSettings:
    """Settings of the Realtime session. None leaves a setting to the scenario, and there to the service.

    Attributes:
        truncation: the `truncation` of the protocol: "auto", "disabled", or a retention ratio with its `token_limits`.
            By default the context is truncated to 80 % when it is full, which keeps the prompt cache in use.
        reasoning_effort: "minimal", "low", "medium", "high" or "xhigh", for models that reason.
        noise_reduction: "near_field" for headsets, "far_field" for rooms and laptops.
        max_output_tokens: 1 to 4096, or "inf".
        parallel_tool_calls: true lets the model call several tools at once, for models that reason.
        tool_choice: "auto", "none", "required", or `{"type": "function", "name": …}`.
        transcription_model: the model that writes down the caller's words; on Azure a deployment.
        transcription_language: the caller's language, such as "de".
        transcription_prompt: words and names that the caller may say, at most 1,024 characters.
        include: additional fields of events: "item.input_audio_transcription.logprobs".
    """

    truncation: str | Mapping[str, object] | None = None
    reasoning_effort: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None
    noise_reduction: Literal["near_field", "far_field"] | None = None
    max_output_tokens: int | Literal["inf"] | None = None
    parallel_tool_calls: bool | None = None
    tool_choice: str | Mapping[str, object] | None = None
    transcription_model: str | None = None
    transcription_language: str | None = None
    transcription_prompt: str | None = None
    include: Sequence[str] | None = None

    def over(self, general: SessionSettings) -> SessionSettings:
        """Return these settings, with those of `general` where these are None."""
        values = {name: getattr(self, name) for name in self.names}
        return SessionSettings(
            **{name: getattr(general, name) if value is None else value for name, value in values.items()}
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all settings."""
        return tuple(field.name for field in fields(self))

    @property
    def given(self) -> frozenset[str]:
        """The names of the settings that are not None."""
        return frozenset(name for name in self.names if getattr(self, name) is not None)

    def transcription(self, base: Mapping[str, object] | None) -> Event | None:
        """Return the session's `transcription`: `base`, the provider's, with these settings; None for none."""
        if base is None and self.transcription_model is None:
            return None
        changed: Event = dict(base or {})
        if self.transcription_model is not None:
            changed["model"] = self.transcription_model
        if self.transcription_language is not None:
            changed["language"] = self.transcription_language
        if self.transcription_prompt is not None:
            both = ", ".join(filter(None, (self.transcription_prompt, changed.get("prompt"))))
            fits = len(both) <= service_rules.MAX_TRANSCRIPTION_PROMPT_CHARS
            changed["prompt"] = both if fits else self.transcription_prompt
        return changed


NO_SETTINGS = SessionSettings()
"""Settings that leave everything to the service."""


def session_fields(
    settings: SessionSettings, names: frozenset[str], transcription: Mapping[str, object] | None
) -> Event:
    """Return the fields of a GA session that some settings give.

    Args:
        settings: an agent's settings over the scenario's.
        names: the settings to return; one that is None returns to the default.
        transcription: the provider's transcription.
    """
    reasoning = None if settings.reasoning_effort is None else {"effort": settings.reasoning_effort}
    noise_reduction = None if settings.noise_reduction is None else {"type": settings.noise_reduction}
    values: dict[str, tuple[str, object]] = {
        "truncation": ("truncation", settings.truncation),
        "reasoning_effort": ("reasoning", reasoning),
        "max_output_tokens": ("max_output_tokens", settings.max_output_tokens),
        "parallel_tool_calls": ("parallel_tool_calls", settings.parallel_tool_calls),
        "tool_choice": ("tool_choice", settings.tool_choice),
        "include": ("include", None if settings.include is None else list(settings.include)),
    }
    session: Event = {
        field: _RESETS[field] if value is None else value for name, (field, value) in values.items() if name in names
    }
    audio_input: Event = {}
    if "noise_reduction" in names:
        audio_input["noise_reduction"] = noise_reduction
    if any(name.startswith("transcription_") for name in names):
        audio_input["transcription"] = settings.transcription(transcription)
    return {**session, "audio": {"input": audio_input}} if audio_input else session


def settings_problem(settings: object, where: str) -> str | None:
    """Return the problem of a scenario's session settings; `where` names their place."""
    if not isinstance(settings, SessionSettings):
        return f"{where} takes SessionSettings(…), not {type(settings).__name__}."
    try:
        service_rules.session(
            {"type": "realtime", **session_fields(settings, settings.given, {"model": "any"})}, "session"
        )
    except InvalidRequest as error:
        return f"{where} is refused by the Realtime services. {error}"
    return None
