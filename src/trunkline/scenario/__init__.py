"""The authoring API: scenarios, rehearsals, phrases. Importing it does not import the Agents SDK."""

from trunkline.scenario.caller import Caller, Reply
from trunkline.scenario.context import CallContext, HistoryMessage, stub_tool
from trunkline.scenario.guardrails import moderation
from trunkline.scenario.moves import Lines, act, ask, call_tool, say, transfer
from trunkline.scenario.phrases import Digits, Phrases, Words
from trunkline.scenario.question import Question
from trunkline.scenario.rehearsal import Rehearsal
from trunkline.scenario.scenario import Scenario, ScenarioError
from trunkline.scenario.spoken_numbers import DateSlot, DigitGroups, read_date, read_digits
from trunkline.scenario.text_model import TextModelError

__all__ = [
    "CallContext",
    "Caller",
    "DateSlot",
    "DigitGroups",
    "Digits",
    "HistoryMessage",
    "Lines",
    "Phrases",
    "Question",
    "Rehearsal",
    "Reply",
    "Scenario",
    "ScenarioError",
    "TextModelError",
    "Words",
    "act",
    "ask",
    "call_tool",
    "moderation",
    "read_date",
    "read_digits",
    "say",
    "stub_tool",
    "transfer",
]  # fmt: skip
