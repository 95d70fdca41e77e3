"""What users write: scenarios, rehearsals, phrases. Importing this does not import the Agents SDK."""

from trunkline.scenario.context import CallContext, HistoryMessage, stub_tool
from trunkline.scenario.guardrails import moderation
from trunkline.scenario.phrases import Digits, Phrases, Words
from trunkline.scenario.rehearsal import Caller, Lines, Rehearsal, Reply, act, ask, call_tool, say, transfer
from trunkline.scenario.scenario import Scenario, ScenarioError
from trunkline.scenario.spoken_numbers import DateSlot, DigitGroups, read_date, read_digits
from trunkline.scenario.text_answers import Question
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
