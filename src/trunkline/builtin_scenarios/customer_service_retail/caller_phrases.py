"""Phrases of callers that all agents understand."""

from __future__ import annotations

from trunkline import DateSlot, DigitGroups, Phrases, Words
from trunkline.builtin_scenarios.customer_service_retail.first_names import FIRST_NAMES

YES = Phrases(
    "[oh] (yes | yeah | yep | sure | okay | ok | absolutely | of course) [yes] [please | thanks | thank you]"
    " [that's (right | correct | fine | it | the one) | it is | I would | I do | go ahead | do that | send it]",
    "[yes] (that's (right | correct | it | the one) | that is (right | correct) | correct | right | exactly | perfect)",
    "(please do | go ahead | sounds good | all right | I'd love to | with pleasure | why not)",
)
NO = Phrases(
    "[oh] (no | nope | nah) [no] [sorry] [thanks | thank you | it's not | it isn't | not (now | really)]"
    " [that's (wrong | not (right | correct | it))]",
    "[no] (that's | that is | it's) (wrong | not (right | correct | it | the one) | incorrect)",
    "no way",
    "[no] (not (interested | that one | right) | wrong | incorrect | I don't (want (it | to | that) | think so))",
)
LATER = Phrases(
    "[please] (remind me later | ask me (later | again) | maybe later | later | another time | not now)"
    " [please | thanks | thank you]",
    "[let me] (think about it | sleep on it)",
)
HUMAN = Phrases(
    "[please] [(I want | I'd like | I need | can I | could I | let me | get me | give me) [to (talk | speak) (to"
    " | with) | talk to | speak to | speak with]] (a | an | the | your) [real | actual | live] (human [being] | person"
    " | agent | manager | representative | operator) [please] [now | right now]",
    "(I want | I'd like | can I | could I | let me) [to] (talk | speak) (to | with) (someone | somebody) [please]",
    "[please] (human | operator | representative | real person) [please] [human]",
    "[can you] [please] (transfer | connect) me to (a | someone) [human | person | else]",
)
REPEAT = Phrases(
    "[sorry] (what | what was that | what did you say | pardon [me] | come again | excuse me | huh)",
    "[sorry] [can you | could you | please] (repeat [that | the question] | say that again) [please]",
    "I (didn't | did not) (get | hear | understand | catch) (that | you)",
)
WAIT = Phrases(
    "[please] (wait | hold on | one moment | just a (moment | second | minute) | give me a (moment | second | minute))"
    " [please] [let me (look | check | find it)]",
    "let me (look | check | think | find it)",
)
ANGRY = Phrases(
    "[this is] (ridiculous | unacceptable | outrageous | terrible | awful | a joke | a disgrace | a waste of time)",
    "(I'm | I am) (so | really | very | extremely) (angry | mad | upset | annoyed | furious)",
    "(I'm | I am) (angry | mad | furious | fed up | sick of this)",
    "[you are | you're | you] (useless | idiots | incompetent | the worst)",
    "(shut up | damn [it] | what the hell | stupid [machine | robot | bot])",
)
WHY = Phrases(
    "[but] why [do you (need | want | ask for) (that | this | it | all that)]", "what (for | do you need it for)"
)
HOURS = Phrases(
    "(when | what time) (are you open | do you (open | close))",
    "[what are] [your] (opening hours | hours)",
    "are you open (today | tomorrow | now | on (saturday | sunday))",
)
PLACES = Phrases(
    "where are you [located]", "where (is | can I find) (the | your) (shop | store)", "[what's] your address",
    "where (do | can | should) I (send | bring | return) it",
)  # fmt: skip
WHO = Phrases(
    "(who | what) are you", "are you (a (robot | machine | computer | human | person | bot) | real | human)",
    "am I talking to a (robot | machine | computer | bot)",
)  # fmt: skip
HELLO = Phrases("(hello | hi | hey) [there]", "good (morning | afternoon | evening)", "how are you [today]")
THANKS = Phrases(
    "[great | oh] (thanks | thank you) [very much | so much | a lot]", "(great | lovely | wonderful | nice)"
)
BYE = Phrases(
    "[no] [thanks | thank you] [that's (all | it)] [thanks | thank you] (goodbye | bye [bye])",
    "[no] [thanks | thank you] (that's (all | it) | nothing [else] | I'm (done | good | fine)) [thanks | thank you]",
)
UNKNOWN = Phrases(
    "[sorry] I (don't | do not) (know | remember | have) [it | that | one | my number | a phone | a number | a card]",
    "I (can't | cannot) remember [it | that]",
    "I forgot [it | that | my number]",
)
RATHER_NOT = Phrases(
    "[no] [I'd | I would] (rather not [say [that]] | prefer not to [say [that]] | skip (it | that | this)) [please]",
    "[no] (none of your business | I don't want to (say | give you | tell you) [that | it | my address] | skip)",
)
CANCEL = Phrases("[please] (cancel | stop | forget it | never mind | that's enough) [please | it | that | this]")
RETURN = Phrases(
    "[hi | hello] [yes] [(I'd like | I would like | I want | I need | can I | may I)] [to]"
    " (return | send back | bring back | exchange | get a refund for)"
    " [(my | the | a | an | some | this | these | one of my) [new]"
    " [(snowboard | board | boots | goggles | bindings | item | order | twin tip [snowboard])]]",
    "[I want | I'd like | I need] (a refund | my money back | to make a return)",
    "[my | the] (snowboard | board | boots | goggles | bindings) (is | are) (broken | defective | damaged)",
    "[hi] [I have | I've got | there's] (a | some) (problem | problems | issue) with (my | the) [new]"
    " (snowboard | board | boots | goggles | bindings | order)",
    "[it's about] (a return | returns | the returns department)",
)
ORDERS = Phrases(
    "where (is | are) my (order | orders | parcel | package | goggles | bindings | board)",
    "[what's] [the] (status | state) of my (order | orders)",
    "[it's about] (my order | my orders | an order)",
    "(has | when does | when will) my (order | package | parcel) (arrive | arrived | come)",
)
BUY = Phrases(
    "[hi | hello] (I'd like | I would like | I want | I need | can I) [to] (buy | order | purchase | shop for)"
    " [[a | an | some] [new] (snowboard | board | boots | goggles | gloves | jacket | pants | something)]",
    "(buy | order) (a | an | some) [new] (snowboard | board | boots | goggles | gloves | jacket | pants)",
    "(what's | what is | do you have (anything | something) | is there anything) (on sale | on offer)",
    "[what] [are] [the | your | any | do you have any] (promotions | sales | deals | discounts | offers) [do you have]",
    "[it's about] (sales | the sales department | something new)",
)
CARD = Phrases("[my | the | a | of my | from my | it's my] (credit card | card | visa | mastercard | bank card)")
SSN = Phrases("[my | the | a | of my | from my | it's my] (social security [number] | social | ssn)")

NAME = Phrases(
    "[yes] [hi] [my [first] name is | my name's | it's | I'm | I am | this is | call me] {name}",
    name=Words(FIRST_NAMES),
)
PHONE = Phrases("[no] [yes] [my [phone] number is | it's | it is | that's] {number}", number=DigitGroups(3, 3, 4))
DATE = Phrases("[no] [yes] [(I was | I'm) born] [on | it's | it is | that's] {date}", date=DateSlot())
_KIND = "(credit card | card | visa | social security [number] | social)"
LAST_FOUR = Phrases(
    f"[no] [it's | they're | it is] {{digits}} [[and] [it's | that's] [from | of | on] [my | the | a] {_KIND}]",
    f"[it's | that's] [my | the | a] {_KIND} [is | ending in | ends in | ends with] {{digits}}",
    digits=DigitGroups(4),
)
