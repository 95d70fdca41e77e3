"""Counting the syllables of English words: rules, and a table of exceptions.

The reference is the pronouncing dictionary of Carnegie Mellon University, in which each vowel phoneme is a syllable.
`tests/builtin_scenarios/test_syllables.py` measures the agreement.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from trunkline.builtin_scenarios.simple_handoff.number_words import read_number

_TOKEN = re.compile(r"\d+(?:,\d{3})+(?!\d)|\d+(?:\.\d+)?(?:st\b|nd\b|rd\b|th\b)?|[^\W\d_]+(?:['’][^\W\d_]+)*")


def syllables(text: str) -> int:
    """Return the number of syllables in `text`.

    Numbers count as words, abbreviations as letters, and accents are removed. Kana and Hangul count one syllable a
    sign, Cyrillic and Greek one a vowel.
    """
    composed = unicodedata.normalize("NFC", text)
    return sum(_token(token) for token in _TOKEN.findall(composed))


@lru_cache(maxsize=4096)
def _token(token: str) -> int:
    if token[0].isdecimal():
        return sum(map(_word, read_number(token)))
    if is_spelled(token):
        return sum(3 if letter in "Ww" else 1 for letter in token)
    latin = fold(token)
    if latin.isascii():
        return _word(latin.lower())
    return max(1, sum(_foreign(letter) for letter in token))


def is_spelled(word: str) -> bool:
    """Return whether a word is read letter by letter, as "USB" and "tv", unlike "NASA" and "hmm"."""
    letters = word.lower()
    if not letters.isascii() or not letters.isalpha():
        return False
    if len(letters) == 1:
        return letters not in "aeiouy"
    if not re.search("[aeiouy]", letters):
        return not re.fullmatch(r"h?m+|b?r+|sh+|ps+t|pf+t|t?s+k?|z+|gr+|mr|mrs|dr|st|vs", letters)
    if not word.isupper() or len(word) > 5:
        return False
    can_be_said = re.fullmatch(r"[^aeiouy]?(?:[aeiou][^aeiouy]{1,2})+[aeiou]?", letters)
    return len(word) < 4 or not can_be_said


def fold(text: str) -> str:
    """Return `text` without accents; a final é becomes "ey", as in café."""
    for letter, plain in _LETTERS.items():
        text = text.replace(letter, plain)
    text = re.sub(r"[éÉ](?=s?$)", "ey", text)
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(sign for sign in decomposed if not unicodedata.combining(sign)).replace("’", "'")


_LETTERS = {
    "æ": "e", "Æ": "E", "œ": "e", "Œ": "E", "ø": "o", "Ø": "O", "ß": "ss", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D",
    "ð": "th", "Ð": "Th", "þ": "th", "Þ": "Th", "ı": "i",
}  # fmt: skip


def _foreign(letter: str) -> int:
    script, _, name = unicodedata.name(letter, "").partition(" ")
    if script in ("CYRILLIC", "GREEK"):
        vowels = "аеёиоуыэюяіїєѣαεηιουωάέήίόύώϊϋΐΰ"
        return int(letter.lower() in vowels)
    if script in ("HIRAGANA", "KATAKANA"):
        return int("SMALL" not in name or letter in "っッ")
    if script in ("ARABIC", "HEBREW"):
        return 1 if letter in "اوىيةאויה" else 0
    return 1  # a Han or Hangul sign, or a letter of an Indian script with the vowel it carries


def _word(word: str) -> int:
    """Return the number of syllables of a lower-case ASCII word, which may have apostrophes."""
    word, added = _without_contraction(word)
    if (known := _known(word)) is not None:
        return known + added
    for pattern, replacement in _RESPELLED:
        word = pattern.sub(replacement, word)
    groups = len(re.findall("[aeiouy]+", word))
    return max(1, groups + sum(len(pattern.findall(word)) for pattern in _HIATUS)) + added


def _known(word: str) -> int | None:
    if word in _EXCEPTIONS:
        return _EXCEPTIONS[word]
    if word.endswith("s") and not re.search("([sxz]|[cs]h|[cgsz]e)s$", word):
        return _EXCEPTIONS.get(word[:-1])
    return None


def _without_contraction(word: str) -> tuple[str, int]:
    """Return the word before "'s", "n't" and similar endings, and the number of their syllables."""
    stem, apostrophe, ending = word.rpartition("'")
    if not apostrophe or not stem:
        return word, 0
    if ending == "s":
        return stem, int(bool(re.search("([sxz]|[csxz]h|[cgsz]e)$", stem)))
    if ending == "t" and stem.endswith("n"):
        if stem in ("can", "don", "won", "ain"):
            return stem, 0
        return stem[:-1], int(bool(re.search("(?:[dst]|ve)n$", stem)))
    if ending in ("ve", "ll", "d"):
        return stem, int(not re.search("[aeiouyw]$", stem) and (ending != "d" or stem[-1] in "dt"))
    return (stem, 0) if ending == "re" else (stem + ending, 0)


def _alternatives(words: str) -> str:
    return "(?:" + "|".join(words.split()) + ")"


_FIRST_PARTS = _alternatives(
    """som for saf hom whit fir hors hous lif lin tim nam stag plan sid wir spac wav win lov smok ston lak sho tid
    grap chees pin snak whal not pric rac ros gam bas cas cav cak bar car shar spar scor shor stor wid wis tap moos
    goos mous nois nos voic sauc juic peac plac fac lac brak bik trad blad shad mak tak wak tabl knif cradl grav liv
    mor fus dat gat stat cap con bon cod tru blu glu fin hid rid"""
)
"""First parts of compounds with a silent e, here without it: "home" in "homework"."""

_SECOND_PARTS = _alternatives(
    """ly ment ments ness less ful fully some ship land man men wood wide way ways work works house hold holder side
    line lines stone stones ville field port town ton time times board back ball walk fish craft stead guard bird
    fold foot more maker smith berg burg mann well room top shop mark light head hand book boat keep keeper wife
    person cup bowl yard fire cake bones bone paper print cast call cut down gate case bread berry where thing body
    place wards point"""
)

_RESPELLED = [
    (re.compile(pattern), replacement)
    for pattern, replacement in [
        (r"^every", "evry"),
        (r"^mc(?!k?[aeiouy])", "mac"),
        (r"^mc", "mak"),
        (r"^y(?=[aeiou])", "j"),  # y as a consonant
        (r"(?<=[aeou])y(?=[aeiou])", "j"),
        (r"(?<=[qg])u(?=[aeiy])|(?<=q)u", ""),  # qu, guest
        (r"(?<=ic)a(?=lly$)", ""),  # magically
        (r"(?<=[ln])i(?=ons?$|ors?$)|(?<=vi)o(?=u?r)|(?<=r)i(?=ages?$)", ""),  # onion, behaviour, carriage
        (r"(?<=[^aeiou])ire(?=[sd]?$)", "ijar"),  # desire
        (
            rf"^({_FIRST_PARTS})e"
            r"(?=(?:[bcfghjkmpqvw]|l[aeiou]|s[hptkc]|t[aeior])[a-z]*[aeiouy])(?!ty|ting|table)",
            r"\1",
        ),
        (rf"(?<=[aeiouy][^aeiouy])e(?={_SECOND_PARTS}$)", ""),
        (rf"(?<=[aeiouy][^aeiouy][^aeiouyl])e(?={_SECOND_PARTS}$)", ""),
        # Silent at the end, but not in "apple", "horses" or "wanted".
        (r"(?<=[aeiouy])([^aeiouy]*)(?<![^aeiouylr]l)(?<=[^aeiouy])e$", r"\1"),
        (r"(?<=[aeiouy])([^aeiouy]*)(?<![^aeiouylr]l)(?<=[^aeiouyszxcg])(?<![cs]h)es$", r"\1s"),
        (r"(?<=[aeiouy])([^aeiouy]*)(?<![^aeiouylr]l)(?<=[^aeiouytd])ed$", r"\1d"),
    ]
]
"""Replacements, in order. After them, each group of vowel letters is one syllable, except for _HIATUS."""

_HIATUS = [
    re.compile(pattern)
    for pattern in [
        r"(?<=i)e(?=rs?$|st$|ty$)(?<!lai.)",  # happier
        r"(?<=[^aeioucst]i)e(?=n[ct]|ns?$)(?<!ri.(?=nd))",  # client
        r"(?<=[qhdv]i)e(?=ts?$)",  # quiet
        r"(?<=i)(?:a|o|u[ms])(?<![ctsgx]i.)(?<![ctsgx]iu[ms])",  # piano, radius
        r"(?<=[ct]i)a(?=t)",  # associate
        r"(?<=e)(?!ou)o(?!ns?$|u|pl|ff|rg)",  # video
        r"(?<=[aeouy])i(?=ngs?$)",  # going
        r"(?<=u)[ao](?!r[dt]|y)",  # casual
        r"(?<=[aeoui])i(?=sm|ist)",  # egoism
        r"(?<=[es]e)u(?=ms?$|s$)",  # museum
        r"(?<=[^aeiounl]y)(?:[ao]|e(?=r|st|t$))",  # dryer
        r"(?<=cre)a(?=t)",  # create
        r"(?<=e)a(?=lit|li[sz])",  # reality
        r"^re(?=a(?:ss|rr|pp|ll|lig|c[tq]|dj|dm|ff|w)|e[mnsvx]|el[ei]|in[cfhisv]|inte|im[bp]|iss|iter|o[pr]|u[ns])",
        r"(?:s|th)m(?=s?$)",  # prism, rhythm
        r"(?<=[cp]o)e(?=[tmx])",  # poem
        r"(?<=[fldrg]u)e(?=n[ct]|ls?$|ts?$)",  # duet
    ]
]

_EXCEPTIONS = {
    word: count
    for count, words in {
        1: """drawer hm hmm isle juan leagues mm ms pier priest shh tier""",
        2: """acne acre admire ahmed alfred andre argue argued aspire aspirin averaged bachelors
           backyard berkeley billiards boa boredom bracelet brilliant bruin business cafe cashier catholic
           centre chaos chile chinese chloe chocolate choir cliche colleagues colonel concede
           courtyard creature crooked cushion dahlia diamond diaper druid este evening expire
           expired eyebrow eyelash fashion fashioned fibre fluid flyer frontier fueled genius genre
           giant glacier hatred headaches hedgehog hundred hygiene inspire jagged jared jesse joel
           joey jose julia kobe kyoto lawyer leicester leon leonard leopard lifelong likewise lion
           lois louis louise luis maybe mr myanmar naive naked neon nike nineteen nineteenth
           nineties ninety noah notre obese oneself opera persuade phoebe premier premiere psyche
           ragged really rugged ruin ruined sacred safety salesman sawyer science seance shakespeare
           skiing soldier someday sophomore sovereign spokesman thereby therefore tyres vampire
           vineyard visuals vs wednesday werewolf wholesale wicked william wretched yorkshire zoe""",
        3: """adobe albeit andrea angeles anyone area arguing atheist australia australian averages
           averaging beautifully billionaire brazilian businesses businessman businessmen calcium
           celsius cereal chandelier chaotic civilian convenience convenient croatia deity diego
           doable element familiar fashionable fiance fiesta fiftieth finale firefly fireplace
           forever gabriel garcia genuine hawaii hercules heroic heroin hideous homeowners hyena
           icebreaker idea ikea imagery impoverished italian japanese jeopardy juliet karate koala
           lebanese likelihood linear lobbyists loneliness louisville magnolia massacre mercedes
           millionaire mohammed montgomery montreal moreover mosaic mugabe naively naomi nuclear
           oasis parliament patio peculiar persuaded placebo pneumonia politically proactive quieter
           quietly ratio recipe reopen resilient ruining rwanda sciences scientist seattle sesame
           siamese sierra siesta skeleton solely sovereignty spokesperson spokeswoman suicide
           takeover tapestry teleport theater theatre thirtieth timetable tuition twentieth
           typewriter valuable vegetable vienna vietnam virginia visually whoever wholehearted
           zimbabwe""",
        4: """arguably california caribbean catastrophe chameleon coalition coincidence constituents
           conveniently coordinate dandelion dementia diabetes diarrhea edinburgh emotionally
           enthusiast entirely epitome european firefighters genuinely inconvenience inconvenient
           influenza initiative intuition intuitive invaluable karaoke laboratory marijuana mediocre
           pennsylvania petroleum realization retirement scientific societal societies spontaneous
           suicidal theatrical ukulele unfamiliar unrealistic unreasonable varieties vietnamese
           whatsoever wholeheartedly""",
        5: """christianity constituency continuity cooperative coordinated coordination coordinator
           enthusiasm enthusiastic louisiana minneapolis parliamentary radioactive scientifically
           sociology""",
        6: """mediterranean simultaneously""",
    }.items()
    for word in words.split()
}
"""Exceptions to the rules: common words, and words of the scenario's own lines."""
