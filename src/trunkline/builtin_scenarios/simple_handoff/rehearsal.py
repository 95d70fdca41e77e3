"""The rehearsal of the greeter and the haiku writer."""

from __future__ import annotations

import re
import unicodedata

from trunkline import Caller, Lines, Phrases, Rehearsal, Reply, transfer
from trunkline.builtin_scenarios.simple_handoff.caller_phrases import (
    ANOTHER,
    ELSE,
    HELLO,
    NO,
    THANKS,
    TOPIC,
    WAIT,
    WANTED,
    WHAT,
    YES,
    YOU_CHOOSE,
)
from trunkline.builtin_scenarios.simple_handoff.haiku import compose
from trunkline.builtin_scenarios.simple_handoff.nouns import spoken_nouns
from trunkline.builtin_scenarios.simple_handoff.topic import read_topic

rehearsal = Rehearsal()


@rehearsal.plays("greeter")
async def greeter(caller: Caller) -> Lines:
    """Play the greeter."""
    yield "Hello, and welcome! Would you like to hear a haiku? Just say: yes please."
    while True:
        reply = await caller.says(YES, NO, WHAT, HELLO, WANTED)
        if reply.meant is YES or reply.meant is WANTED:
            caller.notes["topic"] = topic_in(reply)
            yield "Wonderful. I'll hand you over to our haiku writer."
            yield transfer("haikuWriter")
            yield "I'm sorry, the haiku writer cannot come just now. Shall I try again?"
        elif reply.meant is NO:
            yield "Then not today. If you change your mind, just say: yes please."
        elif reply.meant is WHAT:
            yield "A haiku is a poem in three short lines, and our haiku writer makes them. Would you like one?"
        elif reply.meant is HELLO:
            yield "Hello to you too! Would you like a haiku? Say: yes please, or: no thanks."
        else:
            yield "Sorry, I didn't catch that. Would you like a haiku? Say: yes please, or: no thanks."


@rehearsal.plays("haikuWriter")
async def haiku_writer(caller: Caller) -> Lines:
    """Play the haiku writer."""
    topic, written = caller.notes.get("topic", ""), list[str]()
    if not topic:
        yield "Hello, I write haikus. What shall yours be about? You could say: about the ocean."
    has_topic = bool(topic)
    while True:
        if has_topic and (haiku := compose(topic, written)):
            written.append(haiku)
            yield f"{haiku}\n\nShall I write another one? Or name a new topic."
        reply = await caller.says(NO, ANOTHER, ELSE, YOU_CHOOSE, YES, THANKS, HELLO, WHAT, WAIT, TOPIC)
        has_topic = True
        if read_topic(named := topic_in(reply)):
            topic = named
        elif reply.meant is YOU_CHOOSE:
            topic = spoken_nouns()[len(written) * 89 % len(spoken_nouns())]
        elif not topic or reply.meant not in (ANOTHER, YES):
            has_topic = False
            yield ANSWERS.get(reply.meant, "Sorry, I didn't catch that. Name a topic, such as: the ocean.")


ANSWERS: dict[Phrases | None, str] = {
    NO: "Then I'll put down my pen. It was a pleasure to write for you. Goodbye!",
    ANOTHER: "Gladly. What shall it be about?",
    YES: "Lovely. What shall it be about?",
    ELSE: "Of course. What shall it be about?",
    THANKS: "You're very kind. Shall I write another one? Or name a new topic.",
    HELLO: "Hello! Name anything you like, such as: the ocean, and I'll write a haiku about it.",
    WHAT: "I write poems in three short lines, about anything you name. What shall yours be about?",
    WAIT: "Take your time. I'm here when you want another.",
}


def topic_in(reply: Reply) -> str:
    """Return the topic in a reply, with its capitals and accents; "" for another reply.

    A reply that matches no phrase may still be a topic, such as an emoji.
    """
    if reply.meant is None:
        return reply.text
    words = [re.escape(word).replace("'", "['’]") for word in reply.slots.get("topic", "").split()]
    found = re.search(r"[\W_]+".join(words), reply.text, re.IGNORECASE) if words else None
    if found is None:
        return " ".join(reply.slots.get("topic", "").split())
    end = found.end()
    while end < len(reply.text) and unicodedata.category(reply.text[end])[0] == "M":
        end += 1
    return reply.text[found.start() : end]
