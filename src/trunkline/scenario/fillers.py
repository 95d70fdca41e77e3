"""Fillers: short sentences that the caller hears while a model or a tool takes long."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Literal

FillerLanguage = Literal["en", "de"]


class FillerKind(Enum):
    """A filler.

    Attributes:
        WAITING: the first one.
        APOLOGY: the second one.
        PATIENCE: each one after that.
        FAILURE: the model has failed for good in this turn, so the caller must begin again.
    """

    WAITING = "waiting"
    APOLOGY = "apology"
    PATIENCE = "patience"
    FAILURE = "failure"


RECORDED_TEXTS: dict[FillerLanguage, dict[FillerKind, str]] = {
    "en": {
        FillerKind.WAITING: "One moment, please.",
        FillerKind.APOLOGY: "I am sorry, this is taking longer than usual.",
        FillerKind.PATIENCE: "Thank you for your patience.",
        FillerKind.FAILURE: "I am sorry, that did not work. Please say it again.",
    },
    "de": {
        FillerKind.WAITING: "Einen Moment, bitte.",
        FillerKind.APOLOGY: "Entschuldigung, das dauert länger als sonst.",
        FillerKind.PATIENCE: "Vielen Dank für Ihre Geduld.",
        FillerKind.FAILURE: "Das hat leider nicht geklappt. Bitte sagen Sie es noch einmal.",
    },
}
"""The sentences that Trunkline has recordings of."""


@dataclass(frozen=True)
class Fillers:
    """Sentences for a caller who would hear nothing: `Scenario(fillers=Fillers(language="de"))`.

    No model makes them. The server's own voice speaks them, where Piper or eSpeak is installed. Otherwise the caller
    hears recordings of the language's sentences.

    Attributes:
        waiting: the first sentence; None is the one of the language.
        apology: the second sentence; None is the one of the language.
        patience: the sentence after that, which is repeated; None is the one of the language.
        failure: the sentence after the last retry of a failed answer; None is the one of the language.
        waiting_after_s: the silence in s before the first sentence.
        apology_after_s: the time in s from the beginning of the silence to the second sentence.
        language: "en" or "de".

    Raises:
        ValueError: a sentence has no word, the times are not in order, or the language is another one.
    """

    waiting: str | None = None
    apology: str | None = None
    patience: str | None = None
    failure: str | None = None
    waiting_after_s: float = 4.0
    apology_after_s: float = 10.0
    language: FillerLanguage = "en"

    def __post_init__(self) -> None:
        if self.language not in RECORDED_TEXTS:
            raise ValueError(f"Fillers have no language {self.language!r}. Use one of: {', '.join(RECORDED_TEXTS)}.")
        if not 0 < self.waiting_after_s < self.apology_after_s:
            raise ValueError("The times of Fillers are not in order. Make 0 < waiting_after_s < apology_after_s.")
        for kind in FillerKind:
            if not re.search(r"\w", self.text(kind)):
                raise ValueError(f"The filler {kind.value!r} has no word. Give it a sentence, or use fillers=None.")

    def text(self, kind: FillerKind) -> str:
        """Return the sentence of a filler."""
        own = {
            FillerKind.WAITING: self.waiting,
            FillerKind.APOLOGY: self.apology,
            FillerKind.PATIENCE: self.patience,
            FillerKind.FAILURE: self.failure,
        }[kind]
        return RECORDED_TEXTS[self.language][kind] if own is None else own
