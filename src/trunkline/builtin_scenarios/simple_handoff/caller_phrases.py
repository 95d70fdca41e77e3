"""Phrases of callers for the greeter and the haiku writer."""

from __future__ import annotations

from trunkline import Phrases, Words
from trunkline.builtin_scenarios.simple_handoff.nouns import spoken_nouns

YES = Phrases(
    "[oh] (yes | yeah | yep | sure | okay | ok | absolutely | definitely) [yes]"
    " [please | sure | of course | why not | go ahead]",
    "(please [do] | of course | why not | go ahead | go on | I would | I do | sounds good | with pleasure)",
    "[oh] [yes] [please] [(I would | I'd) (like | love) | I want] (one | a haiku | that | it) [please]",
    "[oh] [yes] [please] (I would | I'd) (like | love) (to [hear (one | a haiku | it)]) [please]",
    "[yes] [please] (tell | write | give | read) me (one | a haiku) [please]",
)
NO = Phrases(
    "[oh] [well | okay | ok] (no | nope | nah) [no] [not (now | today | really)] [maybe later]"
    " [thanks | thank you] [very much] [that's (all | it | enough | fine)] [for (now | today)]"
    " [thanks | thank you] [bye | goodbye] [bye]",
    "(not (now | today | really) | maybe later | another time | never mind) [thanks | thank you] [bye | goodbye]",
    "I'm (good | fine | done) [thanks | thank you] [bye | goodbye]",
    "I don't (want (one | a haiku | to | any) | think so) [thanks | thank you]",
    "[okay | ok] [thanks | thank you] [very much] (goodbye | bye [bye] | good bye | see you [later] | good night)",
    "[okay | ok] that's (all | enough | it) [for (now | today)] [thanks | thank you] [bye | goodbye]",
)
WHAT = Phrases(
    "[sorry] what [is (that | it | a haiku)] [do you mean | did you say]",
    "what's (that | a haiku)",
    "[I beg your] pardon [me]",
    "[sorry] [can you | could you] (say that again | repeat that) [please]",
    "(help | who are you | what can you do | what can I say | what do you do)",
)
HELLO = Phrases("(hello | hi | hey) [there]", "good (morning | afternoon | evening)", "how are you [doing] [today]")
THANKS = Phrases(
    "[oh] (thanks | thank you) [very much | so much] [that was (nice | lovely | beautiful | wonderful | great | good)]",
    "[oh] [wow] [that's | that was | how] [very | so] (nice | lovely | beautiful | wonderful | great | good | wow)",
)
WAIT = Phrases("[please] (wait | stop | hold on | one moment | just a moment | be quiet) [please]", "let me think")
ANOTHER = Phrases(
    "[yes] [please] [(I would | I'd) (like | love) | give me | tell me | write me]"
    " (another | one more | once more | again | more) [one | haiku | time] [please]",
    "[yes] [please] [write | read] [another | one more] [on | about] the same [topic | thing] [again] [please]",
)
ELSE = Phrases(
    "[yes] [please] [how about | about] (something | anything) (else | different | new) [please]",
    "[yes] [please] [how about | about] (a | some) (new | different) (topic | one | subject | thing) [please]",
    "[yes] [please] (another | some other | new | different) topic [please]",
)
YOU_CHOOSE = Phrases(
    "[please] [you] (choose | pick | decide) [one | something | a topic] [please] [for me]",
    "(surprise me | up to you | anything | whatever | anything you (like | want) | I don't (know | care | mind))",
)


WANTED = Phrases(
    "[oh] [yes] [please] [(I would | I'd) (like | love) | (write | tell | give | read) me]"
    " [a haiku | a poem | one] about {topic}",
    topic=Words((), open=True),
)
"""A topic for the greeter; typed only, so that the recogniser does not confuse it with "yes"."""

TOPIC = Phrases(
    "[yes] [please] [how about | what about | let's (try | do) | make it | (I would | I'd) (like | love)"
    " | [can you] (write | tell | give | read) [me]]"
    " [(a haiku | a poem | one | another [one | haiku]) about | about] {topic} [please]",
    "[[a haiku] about] [the] {noun}",
    topic=Words((), open=True),
    noun=Words(spoken_nouns()),
)
"""A topic. The first pattern accepts any typed topic. The second is for the recogniser: the fewer words may precede a
noun, the more accurately it recognises the noun."""
