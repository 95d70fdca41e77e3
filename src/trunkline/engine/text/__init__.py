"""Text models: one form of request for `responses` and `chat/completions`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from trunkline.engine.brains import Brain, BrainRequest


@dataclass(frozen=True)
class OutputFormat:
    """The required format of an answer: JSON of a schema, or any JSON object if the schema is None."""

    name: str = "answer"
    schema: Mapping[str, object] | None = None
    strict: bool | None = None
    description: str | None = None


@dataclass(frozen=True)
class TextRequest:
    """One request to a text model.

    Attributes:
        brain_request: instructions, conversation and tools.
        format: None means plain text.
        options: sampling and other options, with their names in chat completions.
        metadata: the client's metadata. `purpose` selects the answer if the model's name does not.
    """

    brain_request: BrainRequest
    format: OutputFormat | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    streamed: bool = False

    @property
    def model(self) -> str:
        """The model's name in the request."""
        return self.brain_request.model


TextModelFactory = Callable[[TextRequest], Brain]
"""Creator of the brain that answers a request.

It raises `BrainError` with the code `DeploymentNotFound` and a message with the fix if no model answers.
"""
