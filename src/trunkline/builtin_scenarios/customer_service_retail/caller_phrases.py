"""Phrases of callers that all agents understand, in addition to those of every form."""

from __future__ import annotations

import re

from trunkline import Phrases
from trunkline.scenario.phrases import Match

_REFUSED = re.compile(
    r"(?i)\b(?:forget|never mind|not|instead of|rather than|no longer|i'm not"
    r"|(?:do|did|would)(?:n't| not)(?: really)? (?:want|need|like))\b"
    r"[^,.;!?]*?(?=[,.;!?]|\b(?:but|just|i(?:'d| would| want| need))\b|$)"
)


class Requests(Phrases):
    """Phrases for a request, which ignore what the caller does not want: "forget the return, I'd rather buy"."""

    def match(self, text: str) -> Match | None:
        """See `Phrases.match`."""
        return super().match(_REFUSED.sub(" ", text.replace("’", "'")))


_THINGS = "(snowboard | board | boots | goggles | gloves | jacket | pants | helmet | bindings | binding set | item)"
LATER = Phrases(
    "[please] (remind me later | ask me (later | again) | maybe later | later | another time | not now)"
    " [please | thanks | thank you]",
    "[let me] (think about it | sleep on it)",
    too=("[maybe | perhaps] (another | some other) (day | time)", "[maybe | perhaps] next (time | week | month)"),
)
HUMAN = Phrases(
    "[please] [I want | I'd like | I need | get me | give me | [(I want | I'd like | I need) to | can I | could I"
    " | let me] (talk | speak) (to | with)] (a | an | the | your) [real | actual | live] (human [being] | person"
    " | agent | manager | supervisor | boss | representative | operator | colleague) [please] [now | right now]",
    "[(I want | I'd like) to | can I | could I | let me] (talk | speak) (to | with) (someone | somebody)"
    " [else | real | in charge] [please]",
    "(I want | I'd like | is there) (someone | somebody) [else | real | in charge] [I can (talk | speak) to] [please]",
    "[please] (human | operator | representative | real person | supervisor | manager) [please] [human]",
    "[can you] [please] (transfer | connect) me to (a (human | person) | someone [else])",
)
ANGRY = Phrases(
    "[this is] (ridiculous | unacceptable | outrageous | a disgrace | a waste of time)",
    "(this is | that's | it's | how) (terrible | awful)",
    "(this is | what) a joke",
    "(I'm | I am) (so | really | very | extremely) (angry | mad | upset | annoyed | furious)",
    "(I'm | I am) (angry | mad | furious | fed up | sick of this)",
    "[you are | you're | you] (useless | idiots | incompetent | the worst)",
    "(shut up | damn [it] | what the hell | stupid [machine | robot | bot])",
)
HOURS = Phrases(
    "(when | what time | until when | how late) (are you open | do you (open | close))",
    "[what are | tell me] [your | the] (opening hours | opening times | business hours | hours) [please]",
    "are you [still] open [today | tomorrow | now | on (saturday | saturdays | sunday | sundays | weekends)]",
)
PLACES = Phrases(
    "where are you [located]", "where (is | can I find) (the | your) (shop | store)", "[what's] your address",
    "where (do | can | should) I (send | bring | return) it",
)  # fmt: skip
WHO = Phrases(
    "(who | what) are you", "are you (a (robot | machine | computer | human | person | bot) | real | human)",
    "am I talking to a (robot | machine | computer | bot)",
)  # fmt: skip
HELLO = Phrases(
    "(hello | hi | hey) [there]", "good (morning | afternoon | evening)", "how are you [today]", too=("good day",)
)
THANKS = Phrases("[great | oh] (thanks | thank you) [very much | so much | a lot]")
BYE = Phrases(
    "[no] [thanks | thank you] [that's (all | it)] [thanks | thank you] (goodbye | bye [bye])",
    "[no] [thanks | thank you] (that's (all | it) | nothing [else] | I'm (done | good | fine)) [thanks | thank you]",
)
CANCEL = Phrases(
    "[please] (cancel | stop | forget it | never mind | that's enough) [please | it | that | this]",
    too=(
        "I (don't | do not | no longer) want to (return | send back | buy) (it | them | anything | something)"
        " [anymore | any more]",
    ),
)
SHIPPING = Phrases(
    too=(
        "[how much (is | for | does) | what (is | does | about)] [the] (shipping | delivery | postage) [cost | fee]",
        "(do | can | could) you (ship | deliver | send) [it | them | things] [to [the]] [canada | mexico | europe"
        " | alaska | hawaii | australia | abroad | overseas | another country | other countries]",
        "how (long | soon) (does | will | is) [the] (shipping | delivery | it) [take] [to (arrive | get here | come)]",
        "is (shipping | delivery) free",
    )
)
POLICY = Phrases(
    too=(
        "[what is | what are | tell me [about] | how about] [your | the] (return | returns | refund | exchange) policy",
        "[what is | tell me [about]] [your | the] policy [for | on] [used | old | broken | opened | return | returning]"
        " [ones | goods | things | items | boards | boots | returns | stuff]",
        "how (long | many days) do I have to (return | send) (it | them | something) [back]",
        "can I (return | exchange | send back) [something | it | things] [I have | I've | that I | that is] used",
    )
)
REFUND_TIME = Phrases(
    too=(
        "(how long | when) (does it take | will it take | do I | will I | until I) [to | for me to] [get]"
        " [my | the | a] (money | refund | money back)",
    )
)
SAFE = Phrases(
    too=(
        "(is | are) (it | that | this | my data | my details) [really] (safe | secure | private | confidential)",
        "what (happens with | do you do with) my (data | details | number)",
        "can I trust you",
    )
)
PRICE = Phrases(
    too=(
        "(how much (is | are | for | does) | what (is | are | does)) [a | an | the | your] [price of | prices of]"
        f" [a | the] [cheapest | best] [new] ({_THINGS} | snowboards | boards | one | ones) [cost]",
    )
)
COST = Phrases(
    too=(
        "(what (does | do | would | will | is) | how much (does | is | would | will)) (it | that | this) [me]"
        " [cost | costs] [me]",
        "is (it | that | this) [really | for] free",
        "what is the catch",
        "what is (it | this | that)",
    )
)
RETURN = Requests(
    "[hi | hello] [yes] [(I'd like | I would like | I want | I need) to | can I | may I]"
    " (return | send back | bring back | exchange | get a refund for)"
    " [(my | the | a | an | some | this | these | one of my) [new]"
    " [(snowboard | board | boots | goggles | bindings | item | order | twin tip [snowboard])]]",
    "[I want | I'd like | I need] (a refund | my money back | to make a return)",
    "[I bought (a | some)] [my | the | one of my] [new] (snowboard | board | boots | goggles | bindings)"
    " [I (got | bought | ordered)] [[and] (it | they) | which | that]"
    " (broke | cracked | (is | are | was | were | came | arrived)"
    " (broken | defective | damaged | cracked | faulty) | fell apart | came apart | (doesn't | don't) (fit | work))",
    "(it | they) (broke | cracked | fell apart | came apart | (doesn't | don't) (fit | work))",
    "[I (want | would like | need) to | can I | could you] (take | send | bring | give) (it | them | this) back",
    "[hi] [I have | I've got | there's] (a | some) (problem | problems | issue) with (my | the) [new]"
    " (snowboard | board | boots | goggles | bindings | order)",
    "[it's about] (a return | returns | the returns department)",
    too=(
        "(return | returning | sending | giving | exchange | exchanging) [back]"
        f" (it | this | them | that | something | one | [a | an | the | my | some | these] [new] {_THINGS}) [back]",
        "(send | sending | give | giving | take | taking | bring | bringing | ship) (it | this | them | these"
        f" | that | something | one | [a | an | the | my | some | these] [new] {_THINGS}) [right] back",
        f"(send | give | take | bring | ship) back [a | an | the | my | some | these] [new] {_THINGS}",
        "(want | like) [to] return",
        "get my money back",
        f"({_THINGS} | it | they | it's | they're) [is | are | was | were | just | all] [much | way]"
        " (split | snapped | torn | tore | leak | leaks | pinch | pinches | hurt | hurts | delaminated"
        " | too (small | big | large | long | short | tight | stiff | soft | heavy | wide | narrow | loose))",
        "have (it | them) back",
    ),
)
ORDERS = Requests(
    "where (is | are) my (order | orders | parcel | package | goggles | bindings | board)",
    "[what's] [the] (status | state) of my (order | orders)",
    "[it's about] (my order | my orders | an order)",
    "(has | when does | when will) my (order | package | parcel) (arrive | arrived | come)",
    too=(
        f"(it | they | package | parcel | order) [(with | of) [my | the] {_THINGS}] [still]"
        " (never | hasn't | haven't | didn't) (came | come | arrived"
        " | arrive | turned up)",
        "still waiting for (my | our | the)",
    ),
)
BUY = Requests(
    "[hi | hello] ((I'd like | I would like | I want | I need) to | can I) (buy | order | purchase | shop for)"
    " [[a | an | some] [new] (snowboard | board | boots | goggles | gloves | jacket | pants | something)]",
    "(buy | order) (a | an | some) [new] (snowboard | board | boots | goggles | gloves | jacket | pants)",
    "(what's | what is | what have you got | what do you have | have you got (anything | something) | anything"
    " | do you have (anything | something) | is there anything) (on sale | on offer)",
    "(what's | what is) [in | on] [the | your] (sale | deals)",
    "[what are [the | your] | the | your | [are there | do you have] any] (promotions | sales | deals | discounts"
    " | offers)",
    "what (promotions | sales | deals | discounts | offers) do you have",
    "[it's about] (sales | the sales department | something new)",
    too=(
        "(get | buy | find | need | order | looking for | shopping for) [him | her | them | me | us | myself]"
        f" [a | an | some | the] [new | good] {_THINGS}",
        "rather (buy | get | order) (something | one | another [one])",
        "(spend some money | do some shopping)",
    ),
)
