"""The rehearsal of the greeter and the haiku writer."""

from __future__ import annotations

import re

from trunkline import NO, YES, Caller, Form, Lines, Phrases, Rehearsal, Words, transfer
from trunkline.builtin_scenarios.rehearsed_moderation import moderation_answer
from trunkline.builtin_scenarios.simple_handoff.haiku import compose
from trunkline.builtin_scenarios.simple_handoff.topic import read_topic
from trunkline.builtin_scenarios.simple_handoff.word_lists import DATA, spoken_nouns

SAID = DATA.phrases("phrases.txt") | {"yes": YES, "no": NO}
SAID |= {side: getattr(Form, side.upper()) for side in ("bye", "cancel", "how_long", "start_over", "who")}
WANTED = Phrases("([oh] [yes] [please] [well] [a haiku | one] about | haiku) {topic}", topic=Words((), open=True))
"""A topic for the greeter; typed only, so that the recogniser does not confuse it with "yes"."""
TOPIC = Phrases("{topic}", "[[a haiku] about] [the] {noun}", topic=Words((), open=True), noun=Words(spoken_nouns()))
"""A topic. The second pattern is for the recogniser, which hears a noun best after few possible words."""
QUESTION = "Shall I write another one? Or name a new topic."
ASIDES, ANSWERS = (DATA.answers(f"{agent}_answers.txt", SAID) for agent in ("greeter", "writer"))
_ASIDE, _REQUEST, _CORRECTION, _AFTERWARDS, _SAYS = ("".join(x) for x in DATA.sections("topic_frame.txt").values())
_BEFORE = re.compile(rf"^(?:(?:{_ASIDE})\b[\s,.!:;…—-]*)*(?:(?:{_REQUEST})\b[\s,:]*)?", re.IGNORECASE)
_AFTER = re.compile(rf"(?:[\s,]+(?:{_AFTERWARDS}))+[\s.!]*$", re.IGNORECASE)
_SENTENCE = re.compile(rf"(?:.*[,.!?;…]\s+)?(?:{_SAYS})(?:\s|$)", re.IGNORECASE | re.DOTALL)
_CORRECTED = re.compile(rf".*[\s,.…—-](?:{_CORRECTION})\s+(?=\w)", re.IGNORECASE | re.DOTALL)
rehearsal = Rehearsal()
rehearsal.answers("moderation")(moderation_answer(r"\b(?:prose is better|haikus? (?:is|are) (?:stupid|boring|dead))\b"))


class HaikuForm(Form):
    """The form of both agents."""

    NOTHING = SORRY = "Sorry, I didn't catch that."


@rehearsal.plays("greeter")
async def greeter(caller: Caller) -> Lines:
    """Play the greeter."""
    yield "Hello, and welcome!"
    question = "Would you like to hear a haiku? Just say: yes please."
    form, again = HaikuForm(caller, asides=ASIDES), "Would you like a haiku? Say: yes please, or: no thanks."
    while True:
        reply = await form.ask(question, YES, NO, SAID["gladly"], SAID["done"], WANTED, again=again)
        if reply.meant in (NO, SAID["done"]):
            question = "Then not today. If you change your mind, just say: yes please."
            continue
        caller.notes["topic"] = topic_in(reply.slots.get("topic") and reply.text)
        yield "Wonderful. I'll hand you over to our haiku writer."
        yield transfer("haikuWriter")
        question = "I'm sorry, the haiku writer cannot come just now. Shall I try again?"


@rehearsal.plays("haikuWriter")
async def haiku_writer(caller: Caller) -> Lines:
    """Play the haiku writer."""
    topic, written = caller.notes.get("topic", ""), list[str]()
    form, again = HaikuForm(caller), "Name a topic, such as: the ocean."
    said, is_new = "What shall yours be about? You could say: about the ocean.", bool(topic)
    if not topic:
        yield "Hello, I write haikus."
    while True:
        if is_new and (haiku := compose(topic, written)):
            written.append(haiku)
            said = f"{haiku}\n\n{QUESTION}"
        reply = await form.ask(said, *ANSWERS, SAID["choose"], SAID["repeat"], TOPIC, accepts=topic_in, again=again)
        named = topic_in(reply.text) if reply.meant in (TOPIC, None) else ""
        is_new = True
        if named:
            topic = named
        elif reply.meant is SAID["choose"]:
            topic = spoken_nouns()[len(written) * 89 % len(spoken_nouns())]
        elif not topic or reply.meant not in (SAID["another"], YES):
            is_new = False
            said = f"{form.SORRY} {again}" if reply.meant in (TOPIC, None) else ANSWERS.get(reply.meant, said)


def topic_in(text: str | None) -> str:
    """Return the topic in a caller's words, with its capitals and accents; "" without one."""
    said = _CORRECTED.sub("", (text or "").strip().replace("’", "'"))
    topic = _AFTER.sub("", _BEFORE.sub("", said))
    return topic if read_topic(topic) and ("about" in said.lower() or not _SENTENCE.match(topic)) else ""
