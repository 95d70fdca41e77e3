"""The rehearsed answers of the supervisor and the moderation."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from trunkline import Question
from trunkline.builtin_scenarios.chat_supervisor.enquiry_fields import phone_number_in, spoken_number, zip_code_in
from trunkline.builtin_scenarios.chat_supervisor.intents import Intent, detect_intent
from trunkline.builtin_scenarios.chat_supervisor.word_stems import stems
from trunkline.builtin_scenarios.rehearsed_moderation import moderation_answer

CAN_DO = "I can help with your bill, family plans, promotions, international use, handsets and stores."
IS_IT_RIGHT = "Is the number right?"
TOPICS = {
    Intent.FAMILY: "family",
    Intent.PROMOTIONS: "promotions",
    Intent.INTERNATIONAL: "international roaming",
    Intent.HANDSETS: "handset",
    Intent.PLANS: "plans and prices",
}
_FOREIGN = re.compile(r"\b(?:rain|snow|weather|joke|news|football|pizza|table|hotel|flight|recipe)\b")
"""Subjects that have nothing to do with NewTelco, although "it" may stand beside them."""
_REFERS_BACK = re.compile(
    r"\b(?:it|that|this|those|these|they|them|one|ones|more|due|instead|also|else|cost|why|when|month"
    r"|how (?:much|many|long|about)|what about|before|previous|earlier|same|there|january|february|march|april|june"
    r"|july|august|september|october|november|december)\b"
)
_COMPARES = re.compile(r"\bcheap(?:er|est)?\b(?! plan)")
_MONTHS = re.compile(
    r"\b(?:january|february|march|april|may|june|july|august|september|october|november|december)(?='s?\b|\W|$)"
)


async def supervisor(question: Question) -> str:
    """Look up the caller's request and return the answer for the caller."""
    heard = _heard(question)
    intent = _intent(heard)
    if intent is Intent.BILL:
        phone_number = _last(heard, phone_number_in)
        if phone_number is None:
            return "I'm happy to look. What's the ten-digit phone number of the account?"
        return about_bill(heard[-1], await question.call_tool("getUserAccountInfo", phone_number=phone_number))
    if intent is Intent.STORES:
        zip_code = _last(heard, zip_code_in)
        if zip_code is None:
            return "I'm happy to look. What's the five-digit zip code where you are?"
        return about_stores(heard[-1], zip_code, await question.call_tool("findNearestStore", zip_code=zip_code))
    if intent in TOPICS:
        documents = await question.call_tool("lookupPolicyDocument", topic=TOPICS[intent])
        return about_policy(heard[-1], documents)
    if intent is Intent.PERSON:
        return (
            "I can't connect you from here, but people answer at 1 800 555 0187, every day from 8 to 20. "
            "Or I can find the nearest store for you."
        )
    if intent is Intent.REGRET:
        return "I'm sorry this has been so annoying. Tell me what happened, or ask for a person."
    if intent is Intent.CHANGE:
        return (
            "I'm sorry, nothing can be changed or ordered on this line. People can do it in our stores, or at "
            "1 800 555 0187, every day from 8 to 20."
        )
    return f"I'm sorry, I can't help with that on this line. {CAN_DO}"


def about_bill(asked: str, account: Mapping[str, Any]) -> str:
    """Return the answer about an account."""
    if not account.get("found"):
        number = spoken_number(str(account.get("phone_number", "")))
        return f"I can't find an account for {number}. {IS_IT_RIGHT} In this demo there is 2 0 6, 5 5 5, 0 1 4 2."
    bill, before = account["last_bill"], account["bill_before"]
    words = asked.lower()
    items = [f"${item['amount_usd']:.2f} for {item['what']}" for item in bill["items"]]
    earlier = rf"(?:last month|(?:month|one|bill) before|before that|previous|{before['period'].lower()})\b"
    compared = re.sub(rf"\b(?:than|compared (?:to|with))\b(?:\W+\w+){{0,3}}?\W+{earlier}", " ", words)
    if re.search(rf"\b{earlier}", compared):  # "higher than last month" is about the last bill
        less = f"${bill['total_usd'] - before['total_usd']:.2f}"
        return f"In {before['period']} your bill was ${before['total_usd']:.2f}, {less} less than in {bill['period']}."
    known = (bill["period"].lower(), before["period"].lower())
    if any(month not in known and month not in account["due_date"].lower() for month in _MONTHS.findall(compared)):
        return f"I only have your bills of {before['period']} and {bill['period']}. Which of them do you mean?"
    extra = max(bill["items"][1:], key=lambda item: float(item["amount_usd"]))
    asks_for_extra = (
        re.search(r"\b(?:extra|what for|for what|charge for|(?:five|5) (?:dollars|bucks))\b", words) is not None
    )
    reason = f"${extra['amount_usd']:.2f} are for {extra['what']}."
    if re.search(r"\b(?:due|pay|when|when's)\b", words):
        by_itself = "" if account["automatic_payment"] else " It is not paid automatically."
        due = f"Your balance of ${account['balance_usd']:.2f} is due on {account['due_date']}.{by_itself}"
        return f"{reason} {due}" if asks_for_extra else due
    if asks_for_extra:
        return reason
    if re.search(r"\bplan\b", words):
        return f"You are on the {account['plan']} plan, for ${bill['items'][0]['amount_usd']:.2f} a month."
    total = f"${bill['total_usd']:.2f}"
    if re.search(r"\b(?:high\w*|more|expensive|much|why|odd|wrong|strange|went up)\b", words):
        rise = f"${bill['total_usd'] - before['total_usd']:.2f}"
        return f"Your bill is {total}, {rise} more than in {before['period']}. The reason is {extra['what']}."
    return f"Your balance is ${account['balance_usd']:.2f}: {', '.join(items[:-1])}, and {items[-1]}."


def about_stores(asked: str, zip_code: str, stores: Sequence[Mapping[str, Any]]) -> str:
    """Return the answer about the nearest store, or about the second one if the caller asks for another."""
    if not stores:
        near = spoken_number(zip_code)
        return f"I'm sorry, we have no store near {near}. You can reach us at 1 800 555 0187, every day."
    other = re.search(r"\b(?:another|other|different|second|next)\b", asked.lower()) is not None
    if other and len(stores) == 1:
        return f"{stores[0]['name']} is our only store near {spoken_number(zip_code)}."
    store = stores[1 if other else 0]
    which = "Another one" if other else "The nearest store"
    miles = store["distance_miles"]
    away = f"about {miles} mile{'s' if miles > 1 else ''} away"
    phone = spoken_number(store["phone_number"])
    return (
        f"{which} is {store['name']}, {away}, at {store['address']}. It is open {store['hours']}. Call it at {phone}."
    )


def about_policy(asked: str, documents: Sequence[Mapping[str, Any]]) -> str:
    """Return the best sentences of the first document, with a link to it."""
    if not documents:
        return f"I'm sorry, I have no policy about that. {CAN_DO}"
    document = documents[0]
    sentences: list[str] = document["content"]
    if _COMPARES.search(asked.lower()) and (priced := _prices(sentences)):
        return f"{' '.join(priced)} [{document['name']}]({document['id']})"
    wanted = stems(asked) - stems(document["name"])
    scores = [len(wanted & stems(sentence)) for sentence in sentences]
    best = sorted(range(len(sentences)), key=lambda place: (-scores[place], place))[:2]
    if scores[best[0]] > scores[best[1]]:
        best = best[:1]
    said = " ".join(sentences[place] for place in sorted(best))
    return f"{said} [{document['name']}]({document['id']})"


def _prices(sentences: Sequence[str]) -> list[str]:
    """Return the sentences that compare prices; none if one of them names the cheapest."""
    if any("cheapest" in sentence for sentence in sentences):
        return []
    return [sentence for sentence in sentences if re.search(r"\bcosts? \d+ dollars", sentence)]


def _heard(question: Question) -> list[str]:
    """Return the caller's messages, followed by the context from the chat agent."""
    users = [item for item in question.items if item.get("role") == "user"]
    texts = ["".join(part.get("text") or part.get("transcript") or "" for part in item["content"]) for item in users]
    return [text.removeprefix("Relevant context from the caller's last message: ") for text in texts] or [""]


def _intent(heard: Sequence[str]) -> Intent | None:
    """Return the intent of the last message, or an earlier intent if the message refers back to it."""
    last = _without_labels(heard[-1])
    words = last.lower()
    intent = detect_intent(last)
    is_open = intent is Intent.PLANS and _COMPARES.search(words) is not None and "plan" not in words
    if not is_open and (intent is not None or not _REFERS_BACK.search(words) or _FOREIGN.search(words)):
        return intent
    said_before = (_without_labels(text) for text in reversed(heard[:-1]) if words.rstrip(".") not in text.lower())
    earlier = map(detect_intent, said_before)
    before = next((each for each in earlier if each not in (None, Intent.REGRET, Intent.PERSON, Intent.CHANGE)), None)
    return before if intent is None or before in (Intent.INTERNATIONAL, Intent.FAMILY, Intent.HANDSETS) else intent


def _without_labels(text: str) -> str:
    return re.sub(r"(?:Phone number|Zip code): ", "", text)


def _last(heard: Sequence[str], read: Any) -> str | None:
    return next((found for text in reversed(heard) if (found := read(text)) is not None), None)


moderation = moderation_answer(
    r"newtelco (?:is|are) (?:a |the )?(?:bad|terrible|worst|scam|rip-off|useless)"
    r"|(?:switch|better off|go) (?:to|with) (?:another|a different) (?:carrier|provider)"
)
