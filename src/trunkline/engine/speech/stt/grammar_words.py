"""Words of a recogniser's grammar, and the commonest words of English."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

MAX_KEYWORDS = 20
"""A longer list does Whisper harm: it repeats the words."""

_COMMON_TEXT = """
able about actually after again ago all already also always am an and another any anything are around as at away
back bad be because been before being believe best better between big bit both but by call came can can't care cause
change children come could country course day days did didn't different do does doesn't doing dollars don't done
down each eight else end enough even ever every everything exactly family far feel few fifty find first five for
forty found four friends from game get getting give go going gonna good got government great guess guy had hard has
have having he he's help her here high him his home house how hundred i i'd i'll i'm i've if in into is isn't it
it's its job just keep kids kind know last least less let life like little live long look looking lot love made make
makes man many may maybe me mean might million money more most much my name need never new next nice nine ninety not
nothing now of off old on once one only or other our out over own part people percent person place play pretty
probably problem put real really right said same say saying says school second see seen seven she she's should show
since six so some someone something start still stuff such take talk tell ten than that that's the their them then
there there's these they they're thing things think thirty this those though thought thousand three through time
times to told too true try trying twenty two up us use used very want was watch way we we're week well went were
what what's when where which while who whole why will with without work world would wouldn't year years you you're
your
"""
COMMON_WORDS = tuple(_COMMON_TEXT.split())

_NUMBERS_TEXT = """
um uh zero oh double triple ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen forty sixty
seventy eighty thousand third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth
fifteenth sixteenth seventeenth eighteenth nineteenth twentieth thirtieth january february march april june july august
september october november december
"""
_NOT_KEYWORDS = frozenset((*COMMON_WORDS, *_NUMBERS_TEXT.split()))
_MIN_KEYWORD_LETTERS = 3

_NOT_WORDS = re.compile(
    r"""//[^\n]* | /\*.*?\*/ | \#JSGF[^;]*; | \bgrammar\s+[^;]*; | \bimport\s*<[^>]*>\s*;  # comments and the header
      | <[^>]*> | \{(?:\\.|[^}])*\} | /[\d.eE+-]+/ | \bpublic\b(?=\s*<)                        # rules, tags, weights
      | [()\[\]|*+=;"]                                                                         # operators
    """,
    re.VERBOSE | re.DOTALL,
)


@functools.lru_cache(64)
def keywords_of(grammar: str) -> tuple[str, ...]:
    """Return the uncommon words of a grammar, without numbers; none if they are more than `MAX_KEYWORDS`."""
    keywords = tuple(
        dict.fromkeys(
            word
            for word in words_of(grammar)
            if len(word) >= _MIN_KEYWORD_LETTERS and word.lower() not in _NOT_KEYWORDS
        )
    )
    return keywords if len(keywords) <= MAX_KEYWORDS else ()


def words_of(grammar: str) -> Iterator[str]:
    """Yield the words of a JSGF text, in order."""
    yield from _NOT_WORDS.sub(" ", grammar).split()
