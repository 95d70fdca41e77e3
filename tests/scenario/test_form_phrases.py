"""Words that every form understands: yes and no in many wordings."""

from __future__ import annotations

import pytest

from trunkline.scenario.form_phrases import Verdict, changes, confirms, verdict

pytestmark = pytest.mark.pure
YES = """
yes, it never arrived
yes | uh yes | yes sir | yes indeed | of course | okay, that's right | it's correct | it is right | yes, it's correct
you're correct | you are right | you got that right | you got it | looks right | looks good | that looks right
looks correct to me | sounds correct | that sounds right | that's it | that's exactly right | that's perfect
that's what I said | yes, that's what I meant | that's my number | yes, that is my address | that'll do | works for me
no, it's correct | nope, that is right | no no, it's all right | no, you understood me correctly | mm, correct
there's nothing wrong with it | nothing wrong there | no mistakes there | it's all correct, thank you so much
perfectly right, thank you | quite correct, thanks a lot | that is correct, thank you very much | that's ours
yea, thats right | aye | uh-huh, that's correct | go on then | quite so | bang on, thanks
I just said yes | I already said that's right | well, that's right, madam | spot on, mate | a miracle. Yes, it is.
affirmative | you bet | by all means | spot on | I confirm | confirmed | true | go for it | I think so | I believe so
"""
NO = """
no | nope, that's not me | not really | no, go back | that doesn't look right | doesn't sound right | it looks wrong
you're wrong | you are mistaken | you got it wrong | that's not what I said | I didn't say that | not what I said
I said something else | not at all | certainly not | absolutely not | definitely not | of course not | never | negative
absolutely not my number | that is not my number | it's not my name | not exactly | almost | there's a mistake
okay, that's not my address | right, you misheard me | okay, I didn't say that | yes, that's wrong | okay, wrong number
I said no | it's not my number | that isn't the street | not the fourth | how lovely. No thanks.
what's that? I'm not signing up for anything
thats not right | what is that? No.
it is not 0198 | you misheard me | no, you misunderstood | that can't be right | I don't think so
"""
NEITHER = """
yes, but hang on | let me ask my wife | never mind | no problem | I see | the blue one
what I said is private | almost done | okay, could you say that again? | sure, why do you ask? | right, what was that
that's not a problem | what did you say? Yes. | No. Yes.
okay, let me check | okay, that's not what I said about the number
"""


def wordings(text: str) -> list[str]:
    return [one.strip() for line in text.strip().splitlines() for one in line.split("|")]


@pytest.mark.parametrize("text", wordings(YES))
def test_a_yes_is_understood(text: str) -> None:
    assert verdict(text) is Verdict.YES


@pytest.mark.parametrize("text", wordings(NO))
def test_a_no_is_understood(text: str) -> None:
    assert verdict(text) is Verdict.NO


@pytest.mark.parametrize("text", wordings(NEITHER))
def test_other_words_are_neither(text: str) -> None:
    assert verdict(text) is None


@pytest.mark.parametrize(
    "text", ["excellent", "that's great, thanks", "wonderful", "yes", "it's all good", "is correct", "that's better"]
)
def test_praise_confirms_a_read_back(text: str) -> None:
    assert confirms(text) is Verdict.YES


@pytest.mark.parametrize("text", ["excellent", "oh great", "lovely weather"])
def test_praise_is_no_yes_to_other_questions(text: str) -> None:
    assert verdict(text) is None


@pytest.mark.parametrize(
    "text",
    ["my number is correct", "nothing wrong with my number", "my number hasn't changed", "there are no changes to it"],
)
def test_a_right_value_is_not_called_wrong(text: str) -> None:
    assert not changes(text)


@pytest.mark.parametrize(
    "text", ["my number is wrong", "my number is not correct", "I'd like to correct my number", "no, wrong number"]
)
def test_a_wrong_value_is_called_wrong(text: str) -> None:
    assert changes(text)
