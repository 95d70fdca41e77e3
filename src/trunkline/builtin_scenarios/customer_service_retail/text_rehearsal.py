"""The rehearsed answers of the return decisions and the moderation."""

from __future__ import annotations

import re
from datetime import date

from trunkline import Question, Rehearsal
from trunkline.builtin_scenarios.customer_service_retail.eligibility import ELIGIBILITY
from trunkline.builtin_scenarios.customer_service_retail.orders import ORDERS, TODAY
from trunkline.builtin_scenarios.rehearsed_moderation import moderation_answer
from trunkline.realtime.events import text_of

_WINDOW_DAYS = 30
_DEFECT = re.compile(
    r"(came|arrived|was delivered) (like that|that way|scratched|bent|used|dirty)"
    r"|defect|broke|crack|faulty|damag|delaminat|peel|came (off|apart|loose)|fell (off|apart)|split|snapped|torn|leak"
)
_EXACT = re.compile(
    r"delaminat|crack|edge|base|core|sidewall|top ?sheet|nose|tail|sole|lace|seam|liner|strap|buckle|lens|screw|insert"
    r"|layer"
)
_CIRCUMSTANCES = re.compile(
    r"\b(after|during|while|when|in|on|out of) (\w+ ){0,4}(use|runs?|days?|rides?|riding|weeks?|turns?|season|wear)\b"
    r"|normal use|first (day|run|time|ride|trip|use|outing)|out of the box|(came|arrived) (like that|that way)"
    r"|never used|\bused (it |them )?(once|twice|(\w+ ){1,2}times)\b"
)
_MISUSE = re.compile(
    r"\b(hit|crashed|drove|ran over|dropped|rock|tree|rail|stairs|threw|ate|chewed|my (dog|cat|fault))\b"
)
_USED = re.compile(r"\bused\b(?! to\b)|\bworn|ridden|rode|scratch|wore")
_UNUSED = re.compile(
    r"unused|un-used|(never|not|hasn't|haven't|didn't|wasn't) (even |yet |been )*(used?|worn|wear|ridden|ride|opened)"
    r"|still (in|has)|sealed|unopened|brand[- ]new|(like|as good as) new"
)
_ORDERED = re.compile(r"ordered on (\d{4}-\d\d-\d\d)")
_DELIVERED = re.compile(r"delivered on (\d{4}-\d\d-\d\d)")
_OFF_BRAND = (
    r"\b(?:burton|lib tech|rossignol|our competitors?|(?:go|shop) elsewhere"
    r"|(?:our|snowy peak) (?:boards?|products?|snowboards?) (?:are|is) (?:bad|garbage|junk|trash|terrible))\b"
)
_PHONE = re.compile(r"\(\d{3}\) \d{3}-\d{4}")


def add_text_answers(rehearsal: Rehearsal) -> None:
    """Add the answers to the rehearsal."""
    rehearsal.answers(ELIGIBILITY)(_eligibility)
    rehearsal.answers("moderation")(moderation_answer(_OFF_BRAND))


async def _eligibility(question: Question) -> dict[str, str]:
    """Decide on a return from the question and the caller's words, in the order of the policy."""
    asked = question.text
    said = asked.lower()
    if not any(
        pattern.search(said) for pattern in (_DEFECT, _MISUSE, _USED, _UNUSED)
    ):  # the caller described the goods earlier
        said = "\n".join(text_of(item) for item in question.items if item.get("role") == "user").lower()
    action = re.sub(r"^The caller wants: ", "", asked.split("\n")[0])
    ordered, delivered = _day(_ORDERED, asked), _day(_DELIVERED, asked)
    if delivered is None:
        return _verdict(
            action, "false", "It has not been delivered yet, and what is on its way cannot be returned yet."
        )
    if _DEFECT.search(said) or _MISUSE.search(said):
        return _defect(action, said, asked, ordered or delivered)
    if not _UNUSED.search(said) and _USED.search(said):
        why = "Used goods are only taken back for a defect, and none was described."
        return _verdict(action, "false", why)
    days = (TODAY - delivered).days
    if days > _WINDOW_DAYS:
        why = (
            f"It was delivered {days} days ago, and goods without a defect can be returned within {_WINDOW_DAYS} "
            "days of delivery. A human may grant store credit, at the shop's discretion."
        )
        return _verdict(action, "false", why)
    if not _UNUSED.search(said):
        return _verdict(action, ask="Is it unused, in its original packaging, and with its tags?")
    return _verdict(
        action, "true", f"It is unused and was delivered {days} days ago, within the window.", steps=_steps(asked)
    )


def _defect(action: str, said: str, asked: str, ordered: date) -> dict[str, str]:
    if _MISUSE.search(said):
        why = "That is damage from an accident and no fault in material or workmanship, so it is not covered."
        return _verdict(action, "false", why)
    if (TODAY - ordered).days > 365:
        return _verdict(action, "false", "Defects are covered for one year from the purchase, and that year is over.")
    if not _CIRCUMSTANCES.search(said):
        ask = "What exactly has failed, and where, and what were you doing when it happened? How often had you used it?"
        return _verdict(action, ask=ask)
    if not _EXACT.search(said):
        return _verdict(action, ask="What exactly has failed? For example: the edge, the base, or a screw.")
    why = "The fault goes beyond normal wear, is described in detail, and came up within a year of purchase."
    return _verdict(action, "true", why, steps=_steps(asked))


def _steps(asked: str) -> str:
    order = next((order for order in ORDERS if order.order_id in asked), ORDERS[0])
    item = next((item for item in order.items if item.item_id in asked), order.items[0])
    phone = _PHONE.search(asked)
    where = f"to {phone.group()}" if phone else "to your phone number"
    return (
        f"A text message with instructions for sending it in is on its way {where}. It is for item {item.item_id} of "
        f"order {order.order_id}. Once it is here, the inspection takes up to five business days."
    )


def _verdict(
    action: str, eligible: str = "need_more_information", why: str = "", *, ask: str = "", steps: str = ""
) -> dict[str, str]:
    return {
        "rationale": why or "Something is missing that the decision turns on.",
        "userRequest": action,
        "isEligible": eligible,
        "additionalInformationNeeded": ask,
        "returnNextSteps": steps,
    }


def _day(pattern: re.Pattern[str], text: str) -> date | None:
    found = pattern.search(text)
    return date.fromisoformat(found[1]) if found else None
