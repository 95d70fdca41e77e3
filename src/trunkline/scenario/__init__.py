"""The authoring API: scenarios, rehearsals, phrases. Importing it does not import the Agents SDK."""

from trunkline.scenario.caller import Caller, Reply
from trunkline.scenario.context import CallContext, HistoryMessage, stub_tool
from trunkline.scenario.field import Field
from trunkline.scenario.field_kinds import Partial
from trunkline.scenario.fillers import Fillers
from trunkline.scenario.form import Form
from trunkline.scenario.form_phrases import NO, YES
from trunkline.scenario.guardrails import moderation
from trunkline.scenario.interruption import HeardWords, Interrupt, InterruptionDetector, OverlappingSpeech, Resume
from trunkline.scenario.moves import Lines, act, ask, call_tool, say, transfer
from trunkline.scenario.number_words import number_words
from trunkline.scenario.phrases import Digits, Phrases, Words
from trunkline.scenario.question import Question
from trunkline.scenario.rehearsal import Rehearsal
from trunkline.scenario.scenario import Scenario, ScenarioError, ScenarioWarning
from trunkline.scenario.sensitive import Sensitive
from trunkline.scenario.session_settings import SessionSettings
from trunkline.scenario.spoken_numbers import DateSlot, DigitGroups, read_date, read_digits
from trunkline.scenario.text_model import TextModelError
from trunkline.scenario.word_detector import WordDetector

__all__ = [
    "NO",
    "YES",
    "CallContext",
    "Caller",
    "DateSlot",
    "DigitGroups",
    "Digits",
    "Field",
    "Fillers",
    "Form",
    "HeardWords",
    "HistoryMessage",
    "Interrupt",
    "InterruptionDetector",
    "Lines",
    "OverlappingSpeech",
    "Partial",
    "Phrases",
    "Question",
    "Rehearsal",
    "Reply",
    "Resume",
    "Scenario",
    "ScenarioError",
    "ScenarioWarning",
    "Sensitive",
    "SessionSettings",
    "TextModelError",
    "WordDetector",
    "Words",
    "act",
    "ask",
    "call_tool",
    "moderation",
    "number_words",
    "read_date",
    "read_digits",
    "say",
    "stub_tool",
    "transfer",
]  # fmt: skip
