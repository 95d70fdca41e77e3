"""Telling a text's language, for voices that were told none."""

from __future__ import annotations

import pytest

from tests.synthetic_caller import said
from trunkline.engine.speech.language_id import detect_language
from trunkline.realtime.audio import BYTES_PER_MS


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Hallo und herzlich willkommen! Was kann ich Schönes für Sie tun?", "de"),
        ("Guten Tag.", "de"),
        ("Dafür müssen Sie zuerst kurz überprüft werden. Ich verbinde Sie zurück zum Empfang.", "de"),
        ("Wir sind samstags von 9 bis 13 Uhr für Sie da.", "de"),
        ("Bonjour, je suis votre assistante. Qu'est-ce que vous cherchez ?", "fr"),
        ("¿En qué puedo ayudarle? Los precios están en la lista.", "es"),
        ("Buongiorno, come posso aiutarla? Sono qui per lei.", "it"),
    ],
)
def test_clear_texts_are_told(text: str, language: str) -> None:
    assert detect_language(text) == language


@pytest.mark.parametrize(
    "text",
    [
        "Welcome to Snowy Peak Boards! What can I do for you today?",
        "The delivery to Des Moines is on its way.",
        "I die a little when it is in the way, and that was an hour ago.",
        "Dana ordered El Capitan boots and a Las Vegas jacket.",
        "Auf Wiedersehen is what you say.",
        "Peter Schmidt",
        "2 0 6, 5 5 5, 0 1 0 0.",
        "Mm-hm.",
        "",
        "हैलो",
    ],
)
def test_english_and_doubt_are_none(text: str) -> None:
    assert detect_language(text) is None


async def length_ms(text: str, language: str | None) -> int:
    return len(await said(text, voice="sage", language=language)) // BYTES_PER_MS


async def test_espeak_speaks_german_text_with_a_german_voice_without_being_told() -> None:
    text = "Ich bin eine künstliche Intelligenz und vertrete gerade unsere Kolleginnen und Kollegen."
    untold, german, english = [await length_ms(text, language) for language in (None, "de", "en")]
    assert abs(untold - german) < 20
    assert abs(untold - english) > 200


async def test_espeak_does_what_it_is_told() -> None:
    english = "What can I do for you? The and you is that."
    assert abs(await length_ms(english, None) - await length_ms(english, "en")) < 20
