"""What is answered where there is no text model: that there is none, and how to set one."""

from __future__ import annotations

from collections.abc import Sequence

from trunkline.engine.brains import Brain, BrainError
from trunkline.engine.brains.unconfigured_brain import SETTINGS
from trunkline.engine.text import TextRequest


def text_model_not_found(request: TextRequest, rehearsed: Sequence[str] = ()) -> BrainError:
    """The error for a request that nobody answers. `rehearsed` are the names that somebody does answer for."""
    purpose = request.metadata.get("purpose")
    wanted = f"{request.model!r}" + (f" and the purpose {purpose!r}" if purpose else "")
    there = f" Rehearsed are: {', '.join(rehearsed)}." if rehearsed else ""
    return BrainError(
        f"There is no text model for {wanted}. To set one, put the address, the name and the key of any chat model "
        f"with an OpenAI-compatible endpoint into the environment as {SETTINGS}; or rehearse its answers in a "
        f"scenario with @rehearsal.answers(PURPOSE), and ask for SCENARIO/PURPOSE.{there}",
        code="DeploymentNotFound",
    )


def without_text_models(request: TextRequest) -> Brain:
    """The factory of an engine without text models."""
    raise text_model_not_found(request)
