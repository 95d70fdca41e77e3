"""The words of callers that every form understands: yes and no, corrections, repeats, murmurs."""

from __future__ import annotations

import re
from enum import Enum

from trunkline.scenario.number_words import DIGIT_WORDS
from trunkline.scenario.phrases import Phrases, normalise

_RIGHT = "(right | correct | fine | good | it | the one | mine | me | true)"
_WRONG = "(wrong | incorrect | not (right | correct | it | the one | mine | true))"

YES = Phrases(
    "[oh | well | ah] (yes | yeah | yep | yup | sure | okay | absolutely | definitely | certainly | indeed | of course)"
    " [yes | yeah] [please] [thanks | thank you]",
    "[oh | well | ah] (yes | yeah | yep | yup | sure | okay | absolutely | definitely | certainly | of course)"
    " [yes | yeah] (it is | it's right | they are | I would [like to] | I do | I have | right | correct | exactly"
    f" | perfect | [please] (go ahead | do that) | please do | that's {_RIGHT} | that is {_RIGHT})"
    " [thanks | thank you]",
    f"[oh] [yes | yeah | yep] (that's {_RIGHT} | that is {_RIGHT} | this is {_RIGHT} | that was {_RIGHT} | it is"
    " | correct | right | exactly | perfect | you got it | sounds right | all (right | correct)) [thanks | thank you]",
    "(please do | go ahead | sounds good | I'd love to | with pleasure | why not | I would | I do)",
)
NO = Phrases(
    "[oh | well | ah] (no | nope | nah) [no] [sorry] [thanks | thank you] [not (now | really | quite)]",
    "[oh | well | ah] (no | nope | nah) [no] [sorry] (it's not | it isn't | it is not | I don't | I wouldn't"
    f" | wrong | incorrect | that's {_WRONG} | that is {_WRONG} | it's {_WRONG}"
    f" | that (isn't | wasn't) {_RIGHT}) [sorry | thanks | thank you]",
    "[oh] (no | nope) not (now | really | quite) (thanks | thank you)",
    f"[no] [sorry] (that's | that is | it's | it is | that was) {_WRONG}",
    f"[no] that (isn't | wasn't) {_RIGHT}",
    "(no way | no not that [one] | not (interested | that one | right | correct | quite | really) | wrong [number])",
    "(incorrect | I don't (want (it | to | that) | think so))",
)
_VERY = "[absolutely | exactly | perfectly | quite | all | just]"
_MY = "my ([phone | account] number | [home | new] address | [date of] (birth | birthday) | name | order)"
_SAID = "what I (said | meant | wanted)"
_YES_TOO = Phrases(
    f"[yes | yeah | okay] (you are | that's | that is | it's | it is) {_VERY}"
    " (right | correct | perfect | good | fine | it) [thanks | thank you]",
    "[yes | yeah] you got (that | it) [all] [right] [thanks | thank you]",
    "[yes | yeah] [that | it | this | all of it] (looks | sounds | seems) [all | about]"
    " (right | correct | good | fine | great | perfect) [to me] [thanks | thank you]",
    f"[yes | yeah] (that's | that is | it's | it is) ({_SAID} | {_MY})",
    "[yes | yeah] (that'll do | that will do | that works | works for me | affirmative | you bet | by all means"
    " | spot on | precisely | I confirm [that | it] | confirmed | true | go for it | I (think | believe) so)",
    "[no] [no] (quite | perfectly | absolutely | all | exactly | very) (right | correct)",
    "(no | nope | nah) [no] [it | this | that | everything | all of it] (that's | that is | it's | it is | is | are)"
    " [all | still | quite | absolutely | exactly] (right | correct | true | perfect)",
    "[no] [no] you (got | have | understood | heard) (it | that | me | everything) [all] (right | correctly)",
    "[no] [no] [there's | there is | I see | I hear] (nothing | nothing's | nothing is) wrong"
    " [with (it | that | this) | there | here | in (it | that)]",
    "[no] [no] [there's | there is | there are] no (mistake | mistakes | error | errors)"
    " [with (it | that) | there | here | in (it | that)]",
    "[no] I [already | just] said ([it's | that's | it is | that is] (right | correct | fine) | yes)",
    "(that's | that is) (us | ours | mine | me) [yes]",
    "(bang on | quite so | too right | go on then | right you are | aye)",
    "(yes | yeah | ya) go on [then]",
    f"[yes | yeah | no] [that] {_MY} is [all | still] (right | correct | fine)",
)
"""Further yeses. The recogniser's grammars leave them out, since each phrase more fits more unrelated speech."""
_NO_TOO = Phrases(
    "[no] (absolutely | certainly | definitely | of course) not",
    "[no] you are (wrong | incorrect | mistaken | not right)",
    "[no] you got (it | that) [all] wrong",
    "[no] [that | it | this] (doesn't | does not | didn't) (look | sound | seem) (right | correct | good)",
    "[no] [that | it | this] (looks | sounds | seems) (wrong | incorrect)",
    "[no] [that] (can't | cannot) be right",
    f"[no] ((I (didn't | did not) say (that | it)) | [that's | that is | it's | it is] not ({_SAID} | {_MY})"
    f" | that (isn't | wasn't) ({_SAID} | {_MY}) | I said something else)",
    "[no] (there's | there is) a mistake",
    "[no] you (misheard [me | it | that] | misunderstood [me | it | that])",
    "[no] I [already | just] said no",
    "[no] I'm not (joining | signing up | interested | buying | accepting) [for | in] [anything | it | that | this]",
    "[no] [thanks | thank you] I (don't | do not) (want | need) (any | any of that | one | any (more [of that] | offer"
    " | offers) | it | that | this | them)",
)
_PRAISE = Phrases(
    "[that's | that is | it's] (great | wonderful | excellent | lovely | brilliant | fantastic | splendid | super"
    " | beautiful | very good | better)",
    "([it] [is] all good | [it] is (okay | good | fine | right | correct))",
)
"""Words that confirm a value that was read back; to another question they may be thanks."""
"""Further noes, as above."""
_NO_ALONE = Phrases("[no] (not at all | not exactly | never | negative | almost)")
"""Words that are a no only without others."""
REPEAT = Phrases(
    "[I'm] [sorry] (what | what was that | what did you (say | ask) | pardon [me] | come again | excuse me | huh)",
    "sorry",
    "[sorry] [can you | could you | would you | please] [please] (repeat [that | it | the question | please]"
    " | say (that | it) [once] (again | more) | ask [me] (that | it) again) [please]",
    "[sorry] [I] (didn't | did not | couldn't) [quite] (get | hear | understand | catch) (that | you | it)",
    "(one more time | once more | once again) please",
    "what was the question",
)
WHY = Phrases(
    "[and | but] why [do you (need | want | ask for | ask) [to know] (that | this | it | all that | my number)]",
    "[and | but] why (do you (ask | want to know) | are you asking [that | me | me that] | is that [necessary])",
    "[and] what (for | do you need (it | that | this) for)",
    "(is that necessary | do you really need (it | that | this)) ",
)
WAIT = Phrases(
    "[please] (wait | hold on | hang on | one (moment | second | minute) | just a (moment | second | minute)"
    " | give me a (moment | second | minute)) [please] [let me (look | check | think | see | get it | find it)]",
    "[please] [hold on | wait | hang on] let me (look | check | think | see | get it | find it | ask)",
    "(I'm | I am) [just] (looking | thinking | checking) [for it]",
    "bear with me",
)
DECLINE = Phrases(
    "[no] [sorry] [I'd | I would] (rather not [say [that | it]] | prefer not to [say [that | it]])",
    "[please] (skip (it | that | this) | skip) [please]",
    "[no] (none of your business | I (won't | don't want to) (say | give you | tell you) [that | it])",
    "[sorry] I (don't | do not) (know | remember | have) [it | that | one] [right now | with me | on me]",
    "[sorry] I (can't | cannot) (remember | find) [it | that]",
    "[sorry] I (forgot | have no idea) [it | that]",
    "no idea",
)
CORRECTS = re.compile(
    r"\b(?:no|nope|sorry|wait|actually|i meant?|make that|scratch that|strike that|correction|or rather|instead)\b"
)
"""Words after which a caller corrects the words before."""

_COURTESY = re.compile(
    r"(?: (?:(?:thanks|thank you)(?: (?:very|so) much| a lot| kindly| again)?|please|dear|sir|madam|ma'am|love|mate"
    r"|darling|honey|my friend))+$"
)
_OPENING = re.compile(r"^(?:(?:m+|u+h+ hu+h+|hu+h+|a+h+|o+h+|well|so) )+")
_SENTENCE_END = re.compile(r"(?<=[.?!;])\s+")
_AFFIRMS = re.compile(
    r"\b(?:is|are|was|were|it's|that's|all|still) (?:(?:still|all|also|quite|now) )*(?:correct|right|the same)\b"
    r"|\b(?:nothing|nothing's|isn't|not) (?:(?:is|was|at all) )?(?:wrong|incorrect)\b"
    r"|\bno (?:mistakes?|errors?|changes?)\b"
    r"|\b(?:hasn't|haven't|has not|have not|didn't|did not|not) (?:been )?changed?\b"
)
"""Words that call a value right with words for a wrong one: "nothing wrong", "is correct", "hasn't changed"."""
_DENIED_DIGITS = re.compile(
    rf"(?i)\bnot\b(?:[\s,.:-]*(?:\b(?:the|double|triple|oh|dash|{'|'.join(DIGIT_WORDS)})\b|\d+))+"
)
_DENIED = re.compile(r"(?i)\bnot\b[^,.;:!?]*?(?=[,.;:!?]|\b(?:but|sorry|it's|it is|i mean|i said)\b|$)")
_CHANGES = re.compile(r"\b(?:wrong|incorrect|mistake|change|changed|correct|fix|update|not right|misheard)\b")
_YES_FIRST = re.compile(
    r"(?:oh |well |ah )?(?:yes|yeah|yep|yup|sure|okay|absolutely|definitely|of course|correct|right|exactly"
    r"|that's right|please do)\b"
)
_NO_FIRST = re.compile(
    r"(?:oh |well |ah )?(?:no|nope|nah|that's wrong|(?:that|it|this)(?:'s not| is not| isn't)|not the|it's wrong|wrong"
    r"|incorrect|(?:absolutely|certainly|definitely|of course) not)\b"
)
_NO_PROBLEM = re.compile(r"(?:no|(?:it's|that's) not a|(?:it|that) isn't a) (?:problem|worries|matter)\b")
_BUT = re.compile(r"\b(?:but|except|wait|hang on|hold on|maybe|not sure|let me|ask)\b")
_MURMUR = re.compile(
    r"(?:(?:m+|mm+|hm+|mh+m*|a+h*|aha|o+h*|u+h+|u+m+|huh|er+m*)\W*)+|(?:oh\W+)?(?:i see|go on|got it)\W*"
)
_BACKCHANNEL = re.compile(
    r"(?:(?:yeah|yep|yup|right|sure|okay|ok|all right|alright|oh no|fine|of course|really|wow)\W*)+"
)
_UH_HUH = re.compile(r"(?:u+h+|m+|a+)[-\s]*hu+h\W*|huh uh\W*")


class Verdict(Enum):
    """A caller's answer to a question of yes or no."""

    YES = "yes"
    NO = "no"


def verdict(text: str) -> Verdict | None:
    """Return the answer in `text`, or None.

    The words are a yes or no as a whole, or begin with one and have no reservation: "yes, the snowboard" is a yes,
    "yes but hang on" and "let me ask my wife, yes?" are neither. After "okay" or "right", a whole no or question
    counts: "okay, that's not my name" is a no, and "okay, can you say that again?" neither. After other sentences, the
    last one counts if it is a whole yes or no.
    """
    if is_murmur(text):
        return None
    words = _OPENING.sub("", _COURTESY.sub("", normalise(text)))
    if answer := _whole_answer(text) or _whole_answer(words):
        return answer
    if _BUT.search(words) or re.match(
        r"(?:no|(?:it's|that's) not a|(?:it|that) isn't a) (?:problem|worries|matter)\b", words
    ):
        return None
    if _NO_FIRST.match(words):
        last = _SENTENCE_END.split(text.strip())[-1]
        return None if _whole_answer(normalise(last)) is Verdict.YES else Verdict.NO
    first = _YES_FIRST.match(words)
    if first is None:
        return _last_answer(text)
    rest = words[first.end() :]
    if is_whole(rest, NO, _NO_TOO, _NO_ALONE):
        return Verdict.NO
    is_other = (
        NO.match(text) is not None or _NO_TOO.match(rest) is not None or is_whole(rest, REPEAT, WHY, WAIT)
    ) and not is_whole(rest, YES, _YES_TOO)
    return None if is_other else Verdict.YES


def _whole_answer(words: str) -> Verdict | None:
    if is_whole(words, NO, _NO_TOO, _NO_ALONE):
        return Verdict.NO
    return Verdict.YES if is_whole(words, YES, _YES_TOO) else None


def _last_answer(text: str) -> Verdict | None:
    """Return the answer of the last sentence; a yes after a question is none."""
    *before, last = _SENTENCE_END.split(text.strip())
    if not before:
        return None
    answer = _whole_answer(_COURTESY.sub("", normalise(last)))
    is_asked = any(sentence.endswith("?") for sentence in before)
    is_contrary = any(verdict(sentence) not in (None, answer) for sentence in before)
    return None if is_contrary or (answer is Verdict.YES and is_asked) else answer


def confirms(text: str) -> Verdict | None:
    """Return the answer to a read-back: a `verdict`, or praise such as "excellent" for a yes."""
    return verdict(text) or (Verdict.YES if is_whole(_COURTESY.sub("", normalise(text)), _PRAISE) else None)


def is_whole(text: str, *all_phrases: Phrases) -> bool:
    """Return whether the whole text has one of these meanings."""
    return any((found := phrases.match(text)) is not None and found.whole for phrases in all_phrases)


def denies(text: str) -> bool:
    """Return whether the words begin with a no, or say that something is wrong."""
    if (answer := verdict(text)) is not None:
        return answer is Verdict.NO
    return re.search(r"\b(?:wrong|incorrect|not right|not correct)\b", _AFFIRMS.sub(" ", normalise(text))) is not None


def changes(text: str) -> bool:
    """Return whether the words call a value wrong, or ask to change one."""
    return denies(text) or _CHANGES.search(_AFFIRMS.sub(" ", normalise(text))) is not None


def without_denied(said: str, *, digits: bool = False) -> str:
    """Return the words without what the caller denies: "0199, not 0198" is "0199".

    Args:
        said: the words.
        digits: only remove digits, also in groups.
    """
    return (_DENIED_DIGITS if digits else _DENIED).sub(" ", said)


def is_murmur(text: str) -> bool:
    """Return whether the words only show attention: "uh-huh", "mm-hm", "I see"."""
    plain = text.lower().replace("’", "'").strip(" .,!…?")
    return bool(plain) and (_MURMUR.fullmatch(plain) or _UH_HUH.fullmatch(plain)) is not None and plain != "huh"


def is_backchannel(text: str) -> bool:
    """Return whether the words show attention if the agent still speaks: a murmur, "yeah", "right", "okay"."""
    return is_murmur(text) or _BACKCHANNEL.fullmatch(text.lower().strip(" .,!…?")) is not None
