"""`RehearsedTextModel`: the text models that scenarios rehearse, in this process."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from trunkline.realtime.ids import new_id
from trunkline.scenario.moves import call_tool
from trunkline.scenario.question import Question
from trunkline.scenario.rehearsal import RehearsalError
from trunkline.scenario.scenario import AnyScenario
from trunkline.scenario.text_answers import answer
from trunkline.scenario.text_model import TextModelError, TextPrompt, TextReply, TextToolCall


class RehearsedTextModel:
    """A `TextModel` that answers each prompt with the rehearsal of its scenario.

    Args:
        scenarios: the scenarios by name.
    """

    def __init__(self, scenarios: Mapping[str, AnyScenario]) -> None:
        self._scenarios = scenarios

    async def reply(self, prompt: TextPrompt) -> TextReply:
        """See `TextModel.reply`."""
        scenario = self._scenarios.get(prompt.scenario)
        if scenario is None or scenario.rehearsal is None:
            raise TextModelError(f"The scenario {prompt.scenario!r} has no rehearsal that answers {prompt.purpose!r}.")
        offered = [str(tool["name"]) for tool in prompt.tools]
        question = Question(prompt.purpose, prompt.instructions, prompt.items, offered, prompt.schema)
        try:
            answered = answer(scenario.rehearsal, question)
        except RehearsalError as error:
            raise TextModelError(str(error)) from error
        model = f"{prompt.scenario}/{prompt.purpose}"
        if isinstance(answered, call_tool):
            arguments = msgspec.json.encode(answered.arguments).decode()
            return TextReply("", [TextToolCall(new_id("call"), answered.tool, arguments)], model)
        text = answered if isinstance(answered, str) else msgspec.json.encode(answered).decode()
        return TextReply(text, model=model)
