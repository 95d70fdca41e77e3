"""The rehearsal of the simulated human, who understands English and some German, and answers in German."""

from __future__ import annotations

from trunkline import NO, YES, Caller, Form, Lines, Phrases, Rehearsal, Words, say, transfer
from trunkline.builtin_scenarios.customer_service_retail import caller_phrases as phrases


def _typed(*choices: str) -> Phrases:
    """Return phrases for typed German words; the English recogniser must not listen for them."""
    return Phrases("{words}", words=_Typed(choices))


class _Typed(Words):
    def jsgf(self) -> str:
        return ""


RETURN_DE = _typed("zurückgeben", "umtauschen", "rückgabe", "zurückschicken", "reklamation", "reklamieren")
BUY_DE = _typed("kaufen", "bestellen", "angebote", "angebot", "im angebot")
BACK = Phrases("[please] (go back | take me back | back [to the (front desk | start)] | in english [please])")
BACK_DE = _typed("zurück", "verifizieren", "überprüfen")
ANGRY_DE = _typed("sauer", "wütend", "unverschämt", "frechheit", "ärgerlich", "verärgert", "mist", "unmöglich")
YES_DE = _typed("ja", "ja bitte", "ja gern", "gerne", "bitte", "sicher")
NO_DE = _typed("nein", "nein danke", "nicht nötig")
BYE_DE = _typed("tschüss", "tschüs", "auf wiedersehen", "wiederhören", "das war's", "das wars")
THANKS_DE = _typed("danke", "vielen dank", "dankeschön")
HELLO_DE = _typed("hallo", "guten tag", "guten morgen", "servus", "moin")
HOURS_DE = _typed("öffnungszeiten", "wann habt ihr", "wann haben sie", "geöffnet", "offen")
WHO_DE = _typed("wer bist du", "wer sind sie", "mensch", "roboter", "maschine")

LEADS = {
    phrases.RETURN: "returns", RETURN_DE: "returns", phrases.ORDERS: "returns", phrases.BUY: "salesAgent",
    BUY_DE: "salesAgent", BACK: "authentication", BACK_DE: "authentication",
}  # fmt: skip
_SORRY = "Oh je, das verstehe ich gut, und es tut mir leid. Erzählen Sie, was ist passiert? Ich gebe es weiter."
_OPEN = (
    "Wir sind Montag bis Freitag von 8 bis 18 Uhr für Sie da, samstags von 9 bis 13 Uhr. Sonntags sind wir im Schnee!"
)
_AI = "Ich bin eine künstliche Intelligenz und vertrete hier nur einen Menschen, aber mit Freude!"
ANSWERS = {
    phrases.WHO: _AI,
    WHO_DE: _AI,
    phrases.HUMAN: f"Alle Menschen sind gerade im Gespräch. {_AI} Erzählen Sie mir doch, worum es geht.",
    phrases.ANGRY: _SORRY,
    ANGRY_DE: _SORRY,
    phrases.HOURS: _OPEN,
    HOURS_DE: _OPEN,
    phrases.PLACES: "Sie finden uns in der Alpine Avenue 123 in Queenstown und in der Glacier Road 456 in Wanaka.",
    Form.REPEAT: "Gern noch einmal: Worum geht es denn? Um eine Rückgabe, oder um etwas Neues?",
    Form.WAIT: "Nur keine Eile, ich warte gern.",
    phrases.THANKS: "Sehr gern! Kann ich noch etwas für Sie tun?",
    THANKS_DE: "Sehr gern! Kann ich noch etwas für Sie tun?",
    phrases.HELLO: "Hallo! Schön, dass Sie da sind. Worum geht es denn?",
    HELLO_DE: "Hallo! Schön, dass Sie da sind. Worum geht es denn?",
    phrases.BYE: "Auf Wiederhören, und viel Spaß auf der Piste!",
    BYE_DE: "Auf Wiederhören, und viel Spaß auf der Piste!",
    YES: "Wunderbar! Dann erzählen Sie mal.",
    NO: "Alles klar. Ich bin da, wenn noch etwas ist.",
}
_NOTHING = "Ich habe leider nichts gehört. Worum geht es denn?"
_ELSE = "Das gebe ich gern an die Kolleginnen und Kollegen weiter. Was kann ich sonst für Sie tun?"
_BACK_FIRST = "Dafür müssen Sie zuerst kurz überprüft werden. Ich verbinde Sie zurück zum Empfang."


def add_human_part(rehearsal: Rehearsal) -> None:
    """Add the part to the rehearsal."""
    rehearsal.plays("simulatedHuman")(_human)


async def _human(caller: Caller) -> Lines:
    yield say(
        "Hallo und herzlich willkommen! Ich bin eine künstliche Intelligenz und vertrete gerade unsere Kolleginnen und "
        "Kollegen. Was kann ich Schönes für Sie tun?",
        "de",
    )
    while True:
        reply = await caller.says(*LEADS, *ANSWERS)
        agent = LEADS.get(reply.meant) if reply.meant else None
        if agent is None:
            answer = ANSWERS.get(reply.meant) if reply.meant else None
            yield say(answer or (_ELSE if reply.text.strip() else _NOTHING), "de")
            continue
        yield say("Soll ich Sie verbinden?", "de")
        if (await caller.says(YES, YES_DE, NO, NO_DE, reply.meant or BACK)).meant in (None, NO, NO_DE):
            yield say("Alles klar, wir bleiben hier. Was kann ich sonst für Sie tun?", "de")
            continue
        caller.notes["request_text"] = reply.text
        if agent != "authentication" and not caller.notes.get("verified"):
            caller.notes.update(request=agent, first_words=reply.text)
            agent = "authentication"
            yield say(_BACK_FIRST, "de")
        else:
            yield say("Sehr gern, ich verbinde Sie!", "de")
        yield transfer(agent)
        yield say("Das klappt gerade leider nicht. Kann ich sonst etwas für Sie tun?", "de")
