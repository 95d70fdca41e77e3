"""Text model of a scenario's rehearsal."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping

import msgspec

from trunkline.engine.brains import BrainError, BrainOutput, BrainRequest, TextDelta, ToolCallDelta, Usage
from trunkline.engine.session import usage
from trunkline.engine.text import TextRequest
from trunkline.realtime.ids import new_id
from trunkline.scenario.moves import call_tool
from trunkline.scenario.question import Question
from trunkline.scenario.rehearsal import Rehearsal, RehearsalError
from trunkline.scenario.scenario import AnyScenario
from trunkline.scenario.text_answers import answer

_PIECES = re.compile(r"\s*\S+|\s+$")


class RehearsedTextModel:
    """Brain that answers one request with the rehearsal, word by word."""

    def __init__(self, rehearsal: Rehearsal, purpose: str, request: TextRequest) -> None:
        self._rehearsal = rehearsal
        self._purpose = purpose
        self._request = request

    async def respond(self, request: BrainRequest) -> AsyncIterator[BrainOutput]:
        """Yield the rehearsed answer, as `Brain.respond`."""
        answered = self._answer(request)
        if isinstance(answered, call_tool):
            arguments = msgspec.json.encode(answered.arguments).decode()
            yield ToolCallDelta(new_id("call"), answered.tool, arguments)
            text = answered.tool + arguments
        else:
            text = answered
            for piece in _PIECES.findall(text):
                yield TextDelta(piece)
        tokens_in = usage.input_text_tokens(request.instructions, request.tools, request.items)
        yield Usage(tokens_in, usage.text_tokens(text))

    def grammar(self, request: BrainRequest) -> str | None:
        """Return None, because a text model has no speech."""
        return None

    async def aclose(self) -> None:
        """Do nothing."""

    def _answer(self, request: BrainRequest) -> str | call_tool:
        schema = self._request.format.schema if self._request.format else None
        offered = () if request.tool_choice == "none" else tuple(str(tool["name"]) for tool in request.tools)
        question = Question(self._purpose, request.instructions, request.items, offered, schema)
        try:
            answered = answer(self._rehearsal, question)
        except RehearsalError as error:
            raise BrainError(str(error), code="rehearsal_failed") from error
        if isinstance(answered, call_tool) and answered.tool not in offered:
            message = (
                f"The rehearsed answer for {self._purpose!r} calls {answered.tool!r}, which the request does not offer."
            )
            raise BrainError(message, code="rehearsal_failed")
        if isinstance(answered, Mapping):
            self._check(answered, schema)
            return msgspec.json.encode(answered).decode()
        return answered

    def _check(self, answered: Mapping[str, object], schema: Mapping[str, object] | None) -> None:
        if schema is None:
            return
        import jsonschema  # slow to import, and seldom needed

        try:
            jsonschema.validate(answered, schema)
        except jsonschema.ValidationError as error:
            message = f"The rehearsed answer for {self._purpose!r} does not match the requested schema: "
            raise BrainError(f"{message}{error.message}.", code="rehearsal_failed") from error
        except jsonschema.SchemaError as error:
            raise BrainError(f"The requested schema is not valid: {error.message}.", "invalid_schema") from error


def find_rehearsed_text_model(request: TextRequest, scenarios: Mapping[str, AnyScenario]) -> RehearsedTextModel | None:
    """Return the rehearsed model for a request, or None.

    The model's name is `SCENARIO/PURPOSE`; `SCENARIO` with the purpose in the metadata; or `PURPOSE`, if only one
    scenario answers for it.
    """
    name, _, purpose = request.model.partition("/")
    purpose = purpose or request.metadata.get("purpose", "")
    scenario = scenarios.get(name)
    if scenario is not None:
        found = [scenario] if purpose in _purposes(scenario) else []
    else:
        purpose = request.model
        found = [one for one in scenarios.values() if purpose in _purposes(one)]
    if len(found) != 1 or found[0].rehearsal is None:
        return None
    return RehearsedTextModel(found[0].rehearsal, purpose, request)


def rehearsed_model_names(scenarios: Mapping[str, AnyScenario]) -> list[str]:
    """Return the names of all rehearsed text models, `SCENARIO/PURPOSE`."""
    return [f"{name}/{purpose}" for name, one in scenarios.items() for purpose in _purposes(one)]


def _purposes(scenario: AnyScenario) -> tuple[str, ...]:
    return tuple(scenario.rehearsal.answerers) if scenario.rehearsal else ()
