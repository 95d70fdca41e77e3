"""Marks that end a sentence in the world's scripts, and abbreviations with a full stop."""

from __future__ import annotations

END_MARKS = (
    "。｡．！？‼⁇⁈⁉‽﹒﹖﹗"  # Chinese, Japanese, Korean
    "।॥"  # Hindi, Bengali, Nepali and other scripts of India
    "؟۔؞؝"  # Arabic, Persian, Urdu
    "\u037e"  # Greek question mark
    "։"  # Armenian
    "።፧፨"  # Amharic, Tigrinya
    "။"  # Burmese
    "។៕"  # Khmer
    "๚๛"  # Thai, at the end of a chapter
    "།༎"  # Tibetan
    "෴"  # Sinhala
    "᠃᠉"  # Mongolian
    "܀܁܂"  # Syriac
    "߹"  # N'Ko
    "᭚᭛᭞᭟᪨᪩᪪᪫꧈꧉꩝꩞꩟᰻᰼"  # Balinese, Tai Tham, Javanese, Cham, Lepcha
    "᱾᱿꯫꫰꫱꣎꣏꤯"  # Santali, Meitei, Saurashtra, Kayah Li
    "⸮"
)
"""Marks that end a sentence also if no white space follows."""
SPACED_END_MARKS = ".!?…"
"""Marks that end a sentence only before white space, because "3.14" may arrive in two pieces."""
CLOSERS = "\"'”’“»›«‹)]}」』】〕》〉）］｝〗〙｠｣﹂﹄＂＇*_~`"
"""Characters that belong to the sentence that they follow: quotation marks, brackets, and Markdown's emphasis."""
QUOTES = frozenset("\"'”’“»›«‹」』")
COMMA_MARKS = "，、；：،؛፣፤፥၊·"
"""Marks of a pause that need no white space."""
THAI_PARTICLES = ("ครับ", "ค่ะ", "คะ", "จ้ะ", "จ้า")
"""Polite words at the end of a Thai sentence. A space after them ends it."""

_TITLES = """
    mr mrs ms messrs dr prof rev hon gen col maj sgt capt cpt lt gov sen rep st ste jr
    hr hrn fr frl dipl ing mag mme mlle mgr sr sra srta srs dra ud uds vd sig dott avv geom rag exmo exma dna
    dhr mevr drs bc mudr judr phdr inż doc dl д-р г-н г-жа им डॉ श्री
"""
_NEVER_LAST = """
    vs e.g i.e viz cf approx esp incl resp vgl z.b d.h u.a d.w.z t.ex bl.a f.eks bzw ca evtl ggf inkl zzgl exkl sog
    p.ex p.ej p.es env av aprox avda bijv tzn tj np tzw zn tzv napr např örn напр т.е св
"""
NO_END = frozenset((_TITLES + _NEVER_LAST).split())
"""Abbreviations. Their full stop never ends a sentence."""
_NUMBERED = """
    no nos nr núm num n fig eq vol ch chap pp abs art kap tel ext sec par p s str pág pag ст рис см гл
"""
NO_END_BEFORE_NUMBER = frozenset(_NUMBERED.split())
"""Words before a full stop that ends a sentence, except before a number: "No." and "No. 5"."""
_SOMETIMES_LAST = """
    etc inc ltd co corp dept est usw mio mrd std ecc enz itd atd stb vb jan feb mar apr jun jul aug sep sept oct okt nov
    dec dez тыс млн млрд руб ул др пр
"""
NO_END_BEFORE_LOWER_CASE = frozenset(_SOMETIMES_LAST.split())
"""Words before a full stop that ends a sentence, except before a small letter or a digit: "etc."."""
MONTHS = frozenset(("Jan", "Feb", "Mär", "Jän", "Apr", "Mai", "Jun", "Jul", "Aug", "Sep", "Okt", "Nov", "Dez"))
"""First letters of the German months, which follow an ordinal number: "am 3. Mai"."""
