"""Error for a missing text model, with the settings that add one."""

from __future__ import annotations

from collections.abc import Sequence

from trunkline.engine.brains import Brain, BrainError
from trunkline.engine.brains.unconfigured_brain import SETTINGS
from trunkline.engine.text import TextRequest


def text_model_not_found(request: TextRequest, rehearsed: Sequence[str] = ()) -> BrainError:
    """Return the error for a request that no model answers.

    Args:
        rehearsed: names of the rehearsed models.
    """
    purpose = request.metadata.get("purpose")
    requested = f"{request.model!r}" + (f" and the purpose {purpose!r}" if purpose else "")
    known = f" Rehearsed models: {', '.join(rehearsed)}." if rehearsed else ""
    return BrainError(
        f"No text model answers for {requested}. To set one, put the address, the name and the key of any chat model "
        f"with an OpenAI-compatible endpoint into the environment as {SETTINGS}; or rehearse its answers in a "
        f"scenario with @rehearsal.answers(PURPOSE), and ask for SCENARIO/PURPOSE.{known}",
        code="DeploymentNotFound",
    )


def without_text_models(request: TextRequest) -> Brain:
    """Raise the error for a missing model. This is the factory of an engine without text models."""
    raise text_model_not_found(request)
