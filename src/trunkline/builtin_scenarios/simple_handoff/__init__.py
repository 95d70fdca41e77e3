"""simpleHandoff: a greeter hands callers to a haiku writer."""

from __future__ import annotations

from agents.realtime import RealtimeAgent

from trunkline import Scenario, moderation
from trunkline.builtin_scenarios.simple_handoff.rehearsal import rehearsal
from trunkline.builtin_scenarios.simple_handoff.word_lists import DATA

_INSTRUCTIONS = {name: " ".join(lines) for name, lines in DATA.sections("instructions.txt").items()}
haiku_writer: RealtimeAgent[None] = RealtimeAgent(
    name="haikuWriter",
    handoff_description="Writes haikus about any topic the caller names.",
    instructions=_INSTRUCTIONS["haikuWriter"],
)
greeter: RealtimeAgent[None] = RealtimeAgent(
    name="greeter",
    handoff_description="Greets callers and offers them a haiku.",
    instructions=_INSTRUCTIONS["greeter"],
    handoffs=[haiku_writer],
)
simple_handoff: Scenario[None] = Scenario(
    "simpleHandoff",
    agents=[greeter, haiku_writer],
    title="Simple handoff",
    description="A greeter hands you to a writer of haikus.",
    voice="sage",
    rehearsal=rehearsal,
    guardrails=[moderation()],
    things_to_say=DATA.sections("things_to_say.txt"),
)
