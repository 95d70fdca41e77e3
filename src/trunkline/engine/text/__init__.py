"""Text models beside the Realtime ones: what `responses` and `chat/completions` ask, in one form for both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from trunkline.engine.brains import Brain, BrainRequest


@dataclass(frozen=True)
class OutputFormat:
    """The form that an answer has to have: JSON of a schema, or any JSON where the schema is None."""

    name: str = "answer"
    schema: Mapping[str, Any] | None = None
    strict: bool | None = None
    description: str | None = None


@dataclass(frozen=True)
class TextRequest:
    """One request to a text model.

    Attributes:
        brain_request: instructions, conversation and tools, as a brain is asked.
        format: None is plain text.
        options: sampling and the like, under the names of chat completions.
        metadata: whatever the client attached; `purpose` is what for, where the model's name does not say.
    """

    brain_request: BrainRequest
    format: OutputFormat | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    streamed: bool = False

    @property
    def model(self) -> str:
        """The model's name as the client gave it."""
        return self.brain_request.model


TextModelFactory = Callable[[TextRequest], Brain]
"""Finds who answers a request.

It raises `BrainError` with the code `DeploymentNotFound` and a message that says what to set when nobody does.
"""
