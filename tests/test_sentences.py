"""Sentences of a growing text, in many scripts."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.sentences import MAX_WIDTH, sentence_ends

pytestmark = pytest.mark.pure


def pieces(text: str) -> list[str]:
    """Divide a whole text; the last piece is the rest."""
    ends = [0, *sentence_ends(text), len(text)]
    return [text[a:b] for a, b in pairwise(ends) if a < b]


def pieces_of_stream(parts: list[str]) -> list[str]:
    """Divide a text that arrives in parts."""
    text, ends = "", [0]
    for part in parts:
        text += part
        ends += sentence_ends(text, ends[-1])
    return [text[a:b] for a, b in pairwise([*ends, len(text)]) if a < b]


# Scripts ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "sentences",
    [
        ["您好，这里是银行。", "我保证您会得到百分之十的利息。", "请问…"],
        ["他说：“你好！”", "然后走了。", "真的吗？！", "是的"],
        ["「もう一度お願いします。」", "はい、承知しました。", "ご注文は？", "はい"],
        ["안녕하세요.", " 은행입니다.", " 무엇을 도와드릴까요?", " 네"],
        ["नमस्ते, यह बैंक है।", " मैं आपकी क्या मदद कर सकता हूँ?", " डॉ. शर्मा आएँगे।", " जी"],
        ["مرحبا، هذا هو البنك.", " كيف يمكنني مساعدتك؟", " نعم"],
        ["یہ بینک ہے۔", " میں آپ کی کیا مدد کر سکتا ہوں؟", " جی"],
        ["สวัสดีค่ะ", " ที่นี่ธนาคารกรุงเทพยินดีให้บริการ", " มีอะไรให้ช่วยไหมคะ", " ค่ะ"],
        ["ສະບາຍດີທ່ານຕ້ອງການຄວາມຊ່ວຍເຫຼືອ", " ທະນາຄານຂອງພວກເຮົາ"],
        ["Բարև ձեզ։", " Ինչո՞վ կարող եմ օգնել:", " Այո"],
        ["Γεια σας.", " Πώς μπορώ να βοηθήσω;", " Τι είναι αυτό\u037e", " Ναι"],
        ["ሰላም፣ ይህ ባንክ ነው።", " ምን ልርዳዎት፧", " አዎ"],
        ["မင်္ဂလာပါ။", " ဘာကူညီပေးရမလဲ။", " ဟုတ်ကဲ့"],
        ["សួស្តី។", " តើខ្ញុំអាចជួយអ្វីបាន?", " បាទ"],
        ["Здравствуйте.", " Это банк, т. е. наш банк.", " Чем помочь?", " Да"],
        ["Guten Tag.", " ¿Cómo está?", " ¡Muy bien!", " Il dit «Non.»", " Bien"],
    ],
    ids=lambda sentences: sentences[0][:12],
)
def test_sentences_end_in_every_script(sentences: list[str]) -> None:
    assert pieces("".join(sentences)) == sentences


# Marks that end nothing ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "sentence",
    [
        "Dr. Smith and Mrs. Jones saw Prof. Lee at St. Mary's.",
        "Bring fruit, e.g. apples, i.e. something sweet, etc. and more.",
        "Das ist z. B. heute so, d. h. nicht immer, bzw. selten, usw. und so weiter.",
        "Wir treffen uns am 3. Mai um 10 Uhr, oder am 4. des Monats.",
        "It costs 3.5 percent, $1,299.99 or 1.000,50 euros.",
        "Version 2.0.1 of node.js is at example.com/a?b=c now.",
        "We open at 9 a.m. and close at 5 p.m. on Sundays.",
        "J. R. R. Tolkien lived in the U.K. for years.",
        "Room No. 5 is in Vol. 2, see fig. 3 there.",
        "Well... I mean… maybe so.",
        "“Really?” she asked, and left.",
        "J'habite à Paris, p.ex. au nord.",
        "Пришёл А. С. Пушкин и др. писатели.",
        "圆周率是３．５左右。",
        "我……不知道。",
    ],
)
def test_no_sentence_ends_within_one(sentence: str) -> None:
    assert pieces(f"{sentence} Next")[0] == sentence


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("No. I will not.", ["No.", " I will not."]),
        ("It costs 42. Then we go.", ["It costs 42.", " Then we go."]),
        ("Apples, pears, etc. Then we go.", ["Apples, pears, etc.", " Then we go."]),
        ("I waited… Then I left.", ["I waited…", " Then I left."]),
        ("We meet at 5 p.m. Bring tea.", ["We meet at 5 p.m.", " Bring tea."]),
        ("**Stop.** Go on.", ["**Stop.**", " Go on."]),
        ('He said "Stop." (Or not.) Go', ['He said "Stop."', " (Or not.)", " Go"]),
        ("He left?! Yes!!! No", ["He left?!", " Yes!!!", " No"]),
        ("« Oui.\u00a0» Bien", ["« Oui.\u00a0»", " Bien"]),
        ("One line\nand another\n\nthe last", ["One line", "\nand another", "\n\nthe last"]),
        ("Buy:\n1. wax\n2. boots", ["Buy:", "\n1. wax", "\n2. boots"]),
        ("请问!好的.谢谢", ["请问!", "好的.", "谢谢"]),
        ("U.S.政府", ["U.S.政府"]),
    ],
)
def test_marks_that_only_sometimes_end_a_sentence(text: str, sentences: list[str]) -> None:
    assert pieces(text) == sentences


@pytest.mark.parametrize(
    "text", ["Dr.", "It costs 3.", "It costs 3. ", "Wait…", "etc. ", "Stop", "您好。", "Am 3. Ma", ""]
)
def test_nothing_ends_before_the_text_that_decides(text: str) -> None:
    assert sentence_ends(text) == []


def test_a_plain_end_is_known_as_soon_as_white_space_follows() -> None:
    assert sentence_ends("One sentence. ") == [13]
    assert sentence_ends("您好。我") == [3]


# Length -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("word", "longest"), [("and on ", MAX_WIDTH), ("我们走", 134), ("на", MAX_WIDTH), ("ก็ไป", 134)]
)
def test_text_without_an_end_is_cut_at_a_bounded_length(word: str, longest: int) -> None:
    found = pieces(word * 800)
    assert len(found) > 3
    assert max(map(len, found)) <= longest + 16


def test_long_text_is_cut_at_a_comma_if_one_is_there() -> None:
    text = f"{'word ' * 60}, then {'word ' * 60}"
    assert pieces(text)[0] == f"{'word ' * 60}, "


def test_a_cut_never_parts_a_letter_from_its_accents() -> None:
    assert not any(piece.startswith("\u0301") for piece in pieces("e\u0301" * 900))


# Properties ---------------------------------------------------------------------------------------------------------
WORDS = [
    "Dr.", "z.", "B.", "e.g.", "3", "3.5", "No.", "Mai", "May", "you", "Hello", "…", "...", ".", "!", "?", "。", "！",
    "？", "”", "“", "「", "」", "«", "»", '"', ")", "(", "[", "]", "*", " ", "  ", " " * 10, "\n", "\u00a0", "\u202f",
    "您好", "I", "'", "ครับ", "ค่ะ", "สวัสดี", "ๆ", "।", "नमस्ते", "؟", "۔", "։", ":", ";", "ναι", "այո", "።", "．", "１",
    "请问", "ສະບາຍດີ", "a" * 90, "和" * 60, ",", "，", "\u0301", "etc.", "p.m.", "1.",
]  # fmt: skip
TEXTS = st.one_of(st.lists(st.sampled_from(WORDS), max_size=60).map("".join), st.text(max_size=300))


@given(TEXTS)
def test_the_pieces_are_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text
    assert all(piece.strip() for piece in pieces(text)[:-1])


@given(TEXTS, st.data())
def test_a_text_in_parts_gives_the_pieces_of_the_whole(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=20)))
    parts = [text[a:b] for a, b in pairwise([0, *cuts, len(text)])]
    assert pieces_of_stream(parts) == pieces(text)


@given(TEXTS)
def test_a_text_letter_by_letter_gives_the_pieces_of_the_whole(text: str) -> None:
    assert pieces_of_stream(list(text)) == pieces(text)


@given(TEXTS)
def test_no_piece_is_longer_than_the_bound(text: str) -> None:
    assert all(len(piece) <= MAX_WIDTH + 16 for piece in pieces(text))
