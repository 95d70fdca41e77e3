"""simpleHandoff: a greeter hands callers to a haiku writer."""

from __future__ import annotations

from agents.realtime import RealtimeAgent

from trunkline import Scenario
from trunkline.builtin_scenarios.simple_handoff.rehearsal import rehearsal

haiku_writer: RealtimeAgent[None] = RealtimeAgent(
    name="haikuWriter",
    handoff_description="Writes haikus about any topic the caller names.",
    instructions=(
        "You write haikus, aloud, for one caller. If you do not know yet what about, ask for a topic in one short "
        "sentence. Then answer with one haiku about it: three lines of five, seven and five syllables, concrete and "
        "unrhymed, one line of text each. Read it slowly, with a pause after each line, and explain nothing. "
        "Afterwards ask briefly whether they would like another, about the same or something new. If they would "
        "not, say goodbye kindly. Speak the caller's language."
    ),
)

greeter: RealtimeAgent[None] = RealtimeAgent(
    name="greeter",
    handoff_description="Greets callers and offers them a haiku.",
    instructions=(
        "You answer the call. Greet the caller warmly in one sentence and ask whether they would like a haiku. As soon "
        "as they say yes or name a topic, hand them to haikuWriter; write no haiku yourself. If they say no, wish "
        "them well and leave the offer open. Answer small talk in a sentence and come back to your question. Speak the "
        "caller's language."
    ),
    handoffs=[haiku_writer],
)

simple_handoff: Scenario[None] = Scenario(
    "simpleHandoff",
    agents=[greeter, haiku_writer],
    title="Simple handoff",
    description="A greeter hands you to a writer of haikus.",
    voice="sage",
    rehearsal=rehearsal,
    things_to_say={
        "greeter": ["Yes please.", "A haiku about my cat Ludwig, please.", "No thanks, goodbye."],
        "haikuWriter": [
            "About the ocean.",
            "A haiku about my cat Ludwig, please.",
            "Another one.",
            "Something else.",
            "No thanks, goodbye.",
        ],
    },
)
