"""Questions and requests beside the point that every form understands: "are you a robot?", "start over", "one sec".

The recogniser's grammars leave them out, since each phrase more fits more unrelated speech. So they are understood when
they are typed, or when the recogniser has no grammar.
"""

from __future__ import annotations

import re

from trunkline.scenario.form_phrases import REPEAT, WAIT, WHY, is_murmur, is_whole
from trunkline.scenario.phrases import Phrases, Words, normalise, spell_out

_MACHINE = "(robot | bot | chatbot | machine | computer | recording | program | AI | answering machine)"
_PERSON = "[real | actual | live] (person | human | human being | woman | man)"
_LANGUAGES = (
    "spanish french german italian portuguese polish russian ukrainian chinese mandarin cantonese japanese korean"
    " vietnamese hindi urdu arabic turkish greek dutch swedish danish norwegian finnish hebrew"
)
_ARE_YOU = "(am I (talking | speaking) (to | with) | is (this | it | that | there) | are you)"

WHO = Phrases(
    "(who | what) are you [exactly]",
    "who is (this | that | there | speaking)",
    f"{_ARE_YOU} [just | really | another] [a] {_MACHINE} [or [a] {_PERSON}]",
    f"{_ARE_YOU} [really] [a] {_PERSON} [or [a] {_MACHINE}]",
    f"[not | just] another {_MACHINE} [again]",
    f"(you are | this is) (not | just) [another | one of (those | these)] [a] ({_MACHINE} | {_PERSON} | robots)",
    f"{_ARE_YOU} [even] (real | alive)",
    f"{_ARE_YOU} [a] {_PERSON} (there | on the line)",
    "(who | whom) (am I | are we) (talking | speaking) (to | with)",
    "(who | what company) is this [I'm | I am] [talking | speaking] [to | with]",
    "(who | whom) do I have the (honour | honor | pleasure) of (talking | speaking) (to | with)",
    "(what is | can I have | may I have) your name",
    "do you have a name",
    "(who | what company) (made | built | programmed) you",
    "(how old | where) are you [from]",
)
CAN_DO = Phrases(
    "[so] what (can | do) you do [for me | here]",
    "what (can | could | do | should) I (ask | say | do)",
    "what am I supposed to (ask | say | do)",
    "(what | how) can you help [me] [with]",
    "how does (this | it) work",
    "what are (my | the) options",
    "[I need] help [me]",
)
HOW_LONG = Phrases(
    "how (long | much time) (will | does | is | would) (this | it | that | all this) [going to] [be | take | last]",
    "how (long | much time) [do | will] (you | I) need [for (this | that | it)]",
    "(will | does | is) (this | it) [going to] [take] (long | forever | a while | all day)",
    "(will | does) (this | it) take (much time | [very | too] long)",
    "how (many | many more) [more] questions [are there | do you have | are left | is it] [left]",
    "(are we | is this) [nearly | almost] (done | finished | there) [yet | soon]",
    "I (am in a hurry | have no time | don't have (much | all day | a lot of) time)",
)
START_OVER = Phrases(
    "[can (I | we)] [let us | let's | please | I want to | I would like to] [just | never mind | forget (it | that)]"
    " (start | begin | go | do (it | this)) [all] (over | again | anew) [again] [from the (start | beginning | top)]",
    "[can (I | we)] [let us | let's] (start | begin | go) [back] (from | to) the (beginning | start | top)",
    "[can (I | we)] [back to | restart | start] (the beginning | square one | from scratch)",
    "restart",
)
CANCEL = Phrases(
    "[oh] [no] [you know what] (never mind | forget (it | that | about it | about that | the whole thing) | leave it)",
    "[oh] [no] [please] (cancel | stop) (it | that | this | everything | the whole thing | the call)",
    "[please] cancel",
    "[it] doesn't matter [anymore]",
)
SLOWER = Phrases(
    "[can you | could you | would you] (say | repeat | read) [that | it] [again] [once more] [please]"
    " [a (bit | little) | more | but] (slow | slower | slowly)",
    "[can you | could you | would you] [speak | talk | go] [a (bit | little) | more | much] (slow | slower | slowly)",
    "[can you | could you] slow down [a (bit | little)]",
    "[that was | you are | you speak | you talk] [much] (too fast | too quick | so fast)",
    "not so (fast | quick | quickly)",
)
LANGUAGE = Phrases(
    "[do | can] you [speak | know | talk] english",
    "[can we | could we] [speak] [in] english",
    "is there (someone | anyone | somebody) who speaks english",
)
OTHER_LANGUAGE = Phrases(
    "(do | can) you [also] (speak | talk | know | understand) {language}",
    "(can | could) (we | I | you) (speak | talk | do this) [in] {language}",
    "[can you] (help me | help | talk to me | continue) in {language}",
    "(habla | hablas) español",
    "sprechen sie deutsch",
    "parlez vous français",
    language=Words(re.findall(r"\w+", _LANGUAGES)),
)
BYE = Phrases(
    "[I said] (goodbye | good bye | bye [bye] | see you [later] | good night | cheerio | ta ta | so long | ciao"
    " | catch you later | good day to you | ta)"
    " [now | then | dear | love]",
    "[I | I've] [really] (have to | must | need to | gotta | got to) (go | run | dash | leave | hang up) [now]",
    "have a (nice | good | lovely | great) (day | evening | afternoon | weekend | one)",
)
DONE = Phrases(
    "[no] [I think] (that's | that is | this is | that will be | that would be)"
    " (all | it | everything | enough) [I (need | needed | wanted)] [for (now | today)]",
    "[no] [there is] nothing [else | more]",
    "[no] (I'm | I am | we are) (done | all set | finished)",
    "(finish | all done)",
)
"""Words that end a conversation at "anything else?"; a read-back takes "that's it" for a yes."""

_REPEAT_TOO = Phrases(
    "what (did you | you) [just] (say | said | ask | asked)",
    "I (no | not | don't | do not | didn't | did not) (understand | understood | follow) [you | that | it | this]",
    "(what | which) was that [again | last (bit | part) | question]",
    "[say | read | ask] [that | it] (again | once more) [please]",
    "[the] [last] (bit | part) again",
    "come again",
)
_WAIT_TOO = Phrases(
    "[just] (one | a) (sec | tick | mo)",
    "[just] give me (one | a) (sec | tick | mo)",
    "(wait | hold on | hang on) [just] [for] ([one | a] (sec | second | minute | moment | tick))",
    "hold (the line | on)",
    "[let me | I will] [just] (get | fetch | find | grab | look for) my {thing}",
    "I [just] (have | need) to (get | fetch | find | grab | look for | look up) my {thing}",
    "I [just] (have | need) to (look (it | that) up | find (it | that) | check [it | that] | think)",
    "(there is someone | someone is | somebody is) at the door",
    "(I will | I'll) be right back",
    thing=Words((), open=True),
)
_WHY_TOO = Phrases(
    "why [on earth] (do | would | should) you (need | want | ask [me] [for] | care [about]) [to (know | have)] {thing}",
    "why (would | should | do) I (want | need | have to | give you | tell you) [to] {thing}",
    "what (do | will | would) you (do | need | want) [with] {thing}",
    "what (is | do you need) {thing} for",
    "what are you going to do with {thing}",
    "what (happens | will happen | is done) (to | with) {thing}",
    thing=Words((), open=True),
)

SIDES = (WHO, HOW_LONG, START_OVER, CANCEL, SLOWER, OTHER_LANGUAGE, LANGUAGE, BYE, DONE, CAN_DO)
"""The meanings of this module, the specific ones first."""
QUESTIONS = (WHO, HOW_LONG, CAN_DO, LANGUAGE, OTHER_LANGUAGE)
_TOO = ((REPEAT, _REPEAT_TOO), (WAIT, _WAIT_TOO), (WHY, _WHY_TOO))

_NEXT_SENTENCE = re.compile(r"[.?!]\s+\S")
_CLAUSE = re.compile(r"[.?!:;,…]+|\b(?:and|but)\b", re.IGNORECASE)
_BEFORE = re.compile(
    r"\A(?:(?:sorry|excuse me|pardon me|but|and|so|well|okay|hey|hello|hi|there|oh|ah|ha|haha|wow|wait|hang on"
    r"|hold on|no|yes|look|listen|actually|please|just|quickly|first(?: of all)?"
    r"|before (?:that|anything|anything else|we (?:go on|start|begin)|i answer)"
    r"|(?:one|a|another) (?:quick )?(?:question|thing)"
    r"|(?:can|may|could) i (?:just )?ask(?: you)?|by the way|i wonder"
    r"|(?:can|could) you (?:please )?tell me|tell me|i(?:'d like| would like| want) to know|thanks|thank you|cheers"
    r"|ta|okey dokey?|righto|cool|danke|merci|gracias|grazie|much obliged|sweet"
    r"|great|brilliant|wonderful|fantastic|perfect|lovely|super|(?:very )?(?:good|nice|kind)|(?:very|so) much"
    r"|(?:that was|that's|that is) (?:very |so |really )?(?:lovely|nice|great|good|kind|helpful|wonderful|perfect)"
    r"|dear|love|darling|mate|sir|madam|whatever|fine|right|all right|then) )+"
)
_AFTER = re.compile(
    r"(?: (?:please|dear|love|darling|mate|sir|madam|then|now|first|exactly|anyway|by the way|thanks|thank you|cheers"
    r"|actually|today|though|for a (?:second|moment|minute)|or what|or something|i (?:don't|do not|can't) understand"
    r"|on this call|okay|right))+$"
)


def side_question(text: str) -> Phrases | None:
    """Return the meaning of words that are beside the point as a whole, or None.

    Polite words and interjections may surround it: "sorry dear, but are you a robot?". If each of several clauses is
    beside the point, the last one counts. The result is one of `SIDES`, `REPEAT`, `WAIT` or `WHY`.
    """
    if is_murmur(text):
        return None
    is_one_sentence = _NEXT_SENTENCE.search(text.strip()) is None
    if is_one_sentence and (whole := _meaning(text)) is not None:
        return whole
    found: Phrases | None = None
    for clause in _CLAUSE.split(text):
        if (meaning := _meaning(clause)) is not None:
            found = meaning
        elif _within(normalise(clause)):
            return None
    return found


def first_side(text: str) -> Phrases | None:
    """Return the meaning of the first clause that is beside the point, in words that nothing else understands."""
    meanings = (_meaning(clause) for clause in _CLAUSE.split(text))
    return next((meaning for meaning in meanings if meaning in (*SIDES, WHY)), None)


def command(text: str) -> Phrases | None:
    """Return `SLOWER` or `BYE` if the words begin with the one or end with the other, else None."""
    clauses = [clause for clause in re.split(r"[.?!;,…]+", text) if normalise(clause)]
    if not clauses:
        return None
    if _meaning(clauses[0]) is SLOWER:
        return SLOWER
    return BYE if _meaning(clauses[-1]) is BYE else None


def beside(text: str) -> Phrases | None:
    """Return the meaning of a clause that is beside the point, in words that also have a point; None without one."""
    clauses = (_meaning(clause) for clause in _CLAUSE.split(text))
    return next((meaning for meaning in clauses if meaning in QUESTIONS), None)


def _meaning(text: str) -> Phrases | None:
    words = normalise(text)
    for trimmed in dict.fromkeys((words, _AFTER.sub("", words), _within(words))):
        for spelled in dict.fromkeys((trimmed, spell_out(trimmed))):
            if not spelled:
                continue
            for meaning in SIDES:
                if is_whole(spelled, meaning):
                    return meaning
            for meaning, more in _TOO:
                if is_whole(spelled, meaning, more):
                    return meaning
    return None


def _within(words: str) -> str:
    """Return the words without the ones before and after the point."""
    return _AFTER.sub("", _BEFORE.sub("", f"{words} ").strip())
