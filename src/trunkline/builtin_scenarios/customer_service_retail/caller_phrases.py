"""Phrases of callers that all agents understand, in addition to those of every form."""

from __future__ import annotations

from trunkline import Phrases

LATER = Phrases(
    "[please] (remind me later | ask me (later | again) | maybe later | later | another time | not now)"
    " [please | thanks | thank you]",
    "[let me] (think about it | sleep on it)",
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
    "[this is] (ridiculous | unacceptable | outrageous | terrible | awful | a joke | a disgrace | a waste of time)",
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
HELLO = Phrases("(hello | hi | hey) [there]", "good (morning | afternoon | evening)", "how are you [today]")
THANKS = Phrases(
    "[great | oh] (thanks | thank you) [very much | so much | a lot]", "(great | lovely | wonderful | nice)"
)
BYE = Phrases(
    "[no] [thanks | thank you] [that's (all | it)] [thanks | thank you] (goodbye | bye [bye])",
    "[no] [thanks | thank you] (that's (all | it) | nothing [else] | I'm (done | good | fine)) [thanks | thank you]",
)
CANCEL = Phrases("[please] (cancel | stop | forget it | never mind | that's enough) [please | it | that | this]")
RETURN = Phrases(
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
)
ORDERS = Phrases(
    "where (is | are) my (order | orders | parcel | package | goggles | bindings | board)",
    "[what's] [the] (status | state) of my (order | orders)",
    "[it's about] (my order | my orders | an order)",
    "(has | when does | when will) my (order | package | parcel) (arrive | arrived | come)",
)
BUY = Phrases(
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
)
