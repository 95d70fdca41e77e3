"""Forms: questions that a rehearsal fills with a caller's answers.

    PHONE = Field("What is your phone number?", digits=(3, 3, 4), confirm=True, named=Phrases("my [phone] number"))
    SIZE = Field("Small or large?", choices={"small": Phrases("small"), "large": Phrases("large")})

    @rehearsal.plays("waiter")
    async def waiter(caller: Caller) -> Lines:
        yield "Coffee, I suppose."
        form = Form(caller, size=SIZE, phone=PHONE)
        await form.fill()
        yield f"One {form['size']} coffee. We will call {form['phone']}."

The caller may give the values in any order and several at once, correct one at any time, confirm one by repeating it,
and ask for a repeat or for the reason of a question. A form rejects words that it does not understand, and asks again.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from trunkline.scenario.caller import Caller, Reply
from trunkline.scenario.field import Field
from trunkline.scenario.field_kinds import Partial
from trunkline.scenario.field_readings import readings
from trunkline.scenario.form_phrases import (
    NO,
    REPEAT,
    WAIT,
    WHY,
    YES,
    Verdict,
    changes,
    confirms,
    denies,
    is_backchannel,
    is_murmur,
    is_whole,
    verdict,
)
from trunkline.scenario.moves import MIN_SPEED, act, say
from trunkline.scenario.phrases import Phrases, Words, best_match
from trunkline.scenario.side_questions import (
    BYE,
    CAN_DO,
    CANCEL,
    DONE,
    HOW_LONG,
    LANGUAGE,
    OTHER_LANGUAGE,
    SIDES,
    SLOWER,
    START_OVER,
    WHO,
    beside,
    command,
    first_side,
    side_question,
)
from trunkline.scenario.unheard import SENTENCE, unheard

Aside = str | Callable[[Reply], Awaitable[str | None]]
"""An answer to unrelated words: a text, or an async function that acts and returns the words before the question."""

SLOW = 0.75
"""The relative speed of words that are repeated more slowly."""
_REPEAT_LENGTH = 7
"""The length of "pardon" or "what" with a space: a shorter request for a repeat is one only as a whole."""
_ALL = re.compile(r"\b(?:everything|whole thing|call)\b")
_HAS_MORE = re.compile(r"\b(?:make (?:that|it)|i mean|i meant|i said|actually|instead|it's|not)\b")
"""Words after a "wait" that correct something."""
_ASKS = re.compile(r"\b(?:who|what|what's|when|where|how|(?:is|are|do|does|can|will) (?:it|this|you|i|there))\b")
"""Words of a question: an aside beside a yes without them, such as thanks, needs no answer."""


class _Status(Enum):
    EMPTY = "empty"
    PARTIAL = "partial"
    HEARD = "heard"
    """Read back, or to be read back."""
    SETTLED = "settled"


@dataclass
class _Entry:
    """The state of one field."""

    status: _Status = _Status.EMPTY
    value: Any = None
    ask: Partial | None = None
    denied: list[Any] = field(default_factory=list)
    replaced: list[Any] = field(default_factory=list)
    """Values that the caller corrected: repeating one does not confirm it."""
    doubts: int = 0
    """The number of times that a denied value was heard again."""
    reopened: bool = False
    was_asked: bool = False
    is_given: bool = False
    """Settled by the part: a caller who starts over does not say it again."""

    def set(self, status: _Status, value: object = None) -> None:
        self.status, self.value, self.ask = status, value, None


class Form:
    """Fields that one caller fills; also the part's way to ask single questions.

    Args:
        caller: the caller.
        asides: answers to unrelated words, for all questions; then the question is asked again.
        otherwise: an async function for a reply to a field's question that nothing else matches. It returns the words
            before the question, or None if it does not understand the reply either.
        offer: words that are added after a second misunderstanding in a row, such as the offer of a human. A value
            that was denied twice is one, too.
        fields: the fields, in the order in which they are asked for.
    """

    REPEAT, WHY, WAIT = REPEAT, WHY, WAIT
    WHO, CAN_DO, HOW_LONG, LANGUAGE, OTHER_LANGUAGE = WHO, CAN_DO, HOW_LONG, LANGUAGE, OTHER_LANGUAGE
    START_OVER, CANCEL, BYE, DONE, SLOWER = START_OVER, CANCEL, BYE, DONE, SLOWER
    """Phrases that every form understands, for the keys of `asides` and for `ask`; it answers `DONE` only there."""
    NOTHING = "I'm sorry, I didn't hear anything."
    SORRY = "I'm sorry, I didn't get that."
    PATIENCE = "Of course, take your time."
    RETRY = "Then let's try again."
    CHANGE = "All right."
    LATER = "Thank you, I'll come to that in a moment."
    YES_OR_NO = "Please say yes or no."
    ASSISTANT = "I'm an automatic assistant, not a human."
    HELP = "Just answer in your own words. You can correct an answer at any time, or say: repeat that."
    NOT_LONG = "It won't take long."
    QUESTIONS_LEFT = "It won't take long: {} questions to go."
    ENGLISH = "Yes, I speak English."
    ONLY_ENGLISH = "I'm sorry, I only speak English."
    START_AGAIN = "All right, from the beginning."
    CHANGE_ANY = "You can change any of your answers: just tell me which one."
    STOP = "We can stop here any time: just hang up. To go on:"
    GOODBYE = "Goodbye, if you have to go! If not:"
    GO_AHEAD = "Please go ahead."
    DENIED_AGAIN = "I heard {} again, and you said that is wrong."
    DENIED_CHECK = "I keep hearing {}. Is it really that? Please say yes or no."

    def __init__(
        self,
        caller: Caller,
        *,
        asides: Mapping[Phrases, Aside] | None = None,
        otherwise: Callable[[Reply], Awaitable[str | None]] | None = None,
        offer: str = "",
        **fields: Field,
    ) -> None:
        self.caller = caller
        self.said = ""
        """The agent's last words."""
        self._fields = fields
        self._entries = {name: _Entry() for name in fields}
        self._asides = dict(asides or {})
        self._otherwise = otherwise
        self._offer = offer
        self._lead = ""
        self._unsaid = ""
        """The answer to a question beside the last value, until the agent says it."""
        self._missed = 0
        self._is_slow = False
        self._wanted: tuple[str, ...] = ()
        """The fields of the latest `fill`."""

    def __getitem__(self, name: str) -> Any:
        """Return the value of a field; None if it has none."""
        entry = self._entries[name]
        return entry.value if entry.status is _Status.SETTLED else None

    def __setitem__(self, name: str, value: Any) -> None:
        """Settle a field."""
        self._entries[name].set(_Status.SETTLED, value)
        self._entries[name].is_given = True

    def __contains__(self, name: str) -> bool:
        """Return whether a field is settled."""
        return self._entries[name].status is _Status.SETTLED

    @property
    def values(self) -> dict[str, Any]:
        """The settled values."""
        return {name: entry.value for name, entry in self._entries.items() if entry.status is _Status.SETTLED}

    def forget(self, *names: str) -> None:
        """Empty fields, so that they are asked for again."""
        for name in names:
            self._entries[name] = _Entry()

    def hear(self, words: str, name: str | None = None) -> bool:
        """Keep the values in words that the caller has already said; return whether there was one.

        Args:
            words: the words.
            name: the field that the words without a field's name belong to, if any.
        """
        kept = self._keep(readings(words, name, self._fields, self._befores()), words, asked=name)
        self._lead = ""
        return kept

    async def fill(self, *names: str, before: str = "") -> dict[str, Any]:
        """Ask for the fields until all are settled, and return all settled values.

        Args:
            names: the fields to settle; by default all.
            before: words before the first question.
        """
        self._lead, self._missed = before, 0
        self._wanted = names or tuple(self._fields)
        while (name := self._next(self._wanted)) is not None:
            await self._take_turn(name)
        if self._unsaid:
            await act(self._unsaid)
        self._lead = self._unsaid = ""
        return self.values

    async def ask(
        self,
        question: str | Callable[[], str],
        *wanted: Phrases,
        reading: say | None = None,
        accepts: Callable[[str], object] | None = None,
        again: str | None = None,
        asides: Mapping[Phrases, Aside] | None = None,
        help: str = "",  # noqa: A002 - the word for it
    ) -> Reply:
        """Ask one question until the reply means one of `wanted` or is accepted as free words.

        A yes or no must be the whole reply or its first word. Asides are answered, and corrected fields are confirmed;
        then the question comes again.

        Args:
            question: the question; a function returns it with the present values, after corrections too.
            wanted: the expected replies.
            reading: a text to read before the question, and again when the caller asks for a repeat.
            accepts: checks free words; a true value accepts them.
            again: a shorter question for repetitions.
            asides: more answers to unrelated words.
            help: words after a second misunderstanding in a row.
        """
        self._lead, self._missed = "", 0
        every = {**self._asides, **(asides or {})}
        whole = question if callable(question) else lambda: question
        repeated, read = whole(), reading
        while True:
            others = [aside for aside in (*every, REPEAT, WAIT) if aside not in wanted]
            reply = await self._hear(repeated, (*wanted, *others), read)
            repeated, read = again or whole(), None
            meant = _meant(reply.text, wanted, others)
            side = side_question(reply.text) or command(reply.text)
            if side is not None and not (meant and not _is_open(meant) and is_whole(reply.text, meant)):
                meant = side if side is not DONE or DONE in wanted else meant
            if meant is CANCEL and meant not in wanted and NO in wanted and "cancel" not in whole().lower():
                meant = NO
            is_correction = meant is NO and side is None and self._corrects(reply.text)
            if meant in wanted and not is_correction:
                return Reply(reply.text, meant, _slots(meant, reply.text), reply.heard)
            is_aside = meant is not None and not is_correction and (meant is side or is_whole(reply.text, meant))
            if not is_aside and accepts is not None and not is_murmur(reply.text) and accepts(reply.text):
                return Reply(reply.text, None, {}, reply.heard)
            if not is_aside and await self._corrected(reply.text):
                repeated = again or whole()
                continue
            if meant in (REPEAT, SLOWER):
                repeated, read = whole() if self._missed else self.said, reading
            if meant is None and accepts is None and (side := first_side(reply.text)) is not DONE:
                meant = NO if side is CANCEL and NO in wanted else side
                if meant in wanted:
                    return Reply(reply.text, meant, {}, reply.heard)
            if meant is START_OVER and meant not in every and callable(question) and self._wanted:
                self._start_over()
                await self.fill(*self._wanted, before=self._lead)
                repeated, read = whole(), reading
                continue
            await self._answer(reply, meant, every, help=help)

    # Turns

    def _next(self, wanted: tuple[str, ...]) -> str | None:
        """Return the first field that is not settled: a wanted one, or one that the caller has corrected."""
        for name, entry in self._entries.items():
            if entry.status is not _Status.SETTLED and (name in wanted or entry.reopened):
                return name
        return None

    def _corrects(self, text: str) -> bool:
        """Return whether the words have another value for a settled field: "no, it's for seven people"."""
        found = readings(text, None, self._fields, self._befores())
        return any(
            entry.status is _Status.SETTLED and not isinstance(value, Partial) and entry.value not in (None, value)
            for name, value in found.items()
            for entry in (self._entries[name],)
        )

    async def _corrected(self, text: str) -> bool:
        """Take values for fields from the reply to another question, and confirm the corrected ones."""
        found = readings(text, None, self._fields, self._befores())
        if not self._keep(found, text) and not self._deny_named(text):
            return False
        while (name := self._next(())) is not None:
            await self._take_turn(name)
        return True

    async def _take_turn(self, name: str) -> None:
        entry, each = self._entries[name], self._fields[name]
        check = each.check if entry.value not in entry.denied else self.DENIED_CHECK
        if entry.status is _Status.HEARD:
            question = check.format(each.spoken(entry.value))
            has_offered = bool(self._offer) and self._offer in self._lead
            hears: tuple[Phrases, ...] = (YES, NO, *each.whole, *(self._asides if has_offered else ()))
        else:
            question = each.again if entry.was_asked else each.question
            if entry.ask:
                question = entry.ask.ask if entry.value is not None else f"{entry.ask.ask} {each.again}"
            entry.was_asked = True
            asked = (entry.ask.hears if entry.ask else ()) or each.hears
            others = [other for other in self._fields.values() if other is not each and other.kind.unmistakable]
            hears = (*asked, *(phrases for other in others for phrases in other.whole))
            hears += (WHY, *each.declines, REPEAT, WAIT, *self._asides)
        reply = await self._hear(question, hears)
        await self._understand(name, reply)

    async def _hear(self, question: str, hears: tuple[Phrases, ...], reading: say | None = None) -> Reply:
        """Say the pending words and the question, and return the reply; a murmur does not end them."""
        self.said = f"{self._lead} {question}".strip()
        self._lead = self._unsaid = ""
        lines = [*([reading] if reading else []), say(self.said)]
        if self._is_slow:
            lines = [replace(line, speed=max(line.speed * SLOW, MIN_SPEED)) for line in lines]
        self._is_slow = False
        hears = tuple(phrases for phrases in hears if phrases not in SIDES)
        while True:
            for line in lines:
                await act(line)
            reply = await self.caller.says(*hears)
            lines = unheard(lines, reply.heard)
            rest = " ".join(line.text for line in lines)
            is_long = len(SENTENCE.split(rest)) > 1
            if not rest or not (is_murmur(reply.text) or (is_long and is_backchannel(reply.text))):
                return reply

    async def _understand(self, name: str, reply: Reply) -> None:
        """Take the reply to a field's question."""
        entry, text = self._entries[name], reply.text
        aside = self._aside(text, name)
        is_answer = any(is_whole(text, phrases) for phrases in self._fields[name].hears)
        is_side = aside is not None and (aside is side_question(text) or is_whole(text, aside)) and not is_answer
        found = {} if is_side else readings(text, name, self._fields, self._befores())
        if entry.status is _Status.HEARD:
            is_understood = not (is_side and aside in SIDES) and self._confirm(name, found, text)
        else:
            is_understood = self._keep(found, text, asked=name) or self._deny_named(text)
        if is_understood:
            self._missed = 0
            also = self._asides.get(aside) if aside is not None else None
            also = also or self._side_answer(beside(text))
            if isinstance(also, str) and (found or _ASKS.search(text.lower())):  # beside the answer
                self._lead = f"{also} {self._lead}".strip()
                self._unsaid = also
            return
        if aside is None and (side := first_side(text)) is not DONE and not self._otherwise:
            aside = side
        await self._answer(reply, aside, self._asides, name)

    def _aside(self, text: str, name: str) -> Phrases | None:
        """Return the meaning of words that do not answer the field's question; a partial one may have a value, too."""
        entry, each = self._entries[name], self._fields[name]
        own = _meant(text, (), (*self._asides, REPEAT, WHY, WAIT, *each.declines))
        if own is not None and is_whole(text, own):
            return own
        side = side_question(text)
        if side is CANCEL and each.optional and entry.status is not _Status.HEARD and not _ALL.search(text.lower()):
            return each.declines[0]
        if side is not None and side is not DONE:
            return side
        return None if own is WAIT and _HAS_MORE.search(text.lower()) else own

    def _confirm(self, name: str, found: Mapping[str, object], text: str) -> bool:
        """Take the reply to a read-back; return False if it is not understood."""
        entry, heard = self._entries[name], found.get(name)
        others = {other: value for other, value in found.items() if other != name}
        understood = self._keep(others, text)
        answer = confirms(text)
        if heard is not None and not isinstance(heard, Partial):
            if heard != entry.value:
                entry.replaced.append(entry.value)
                self._take(name, heard)
            elif denies(text):
                self._doubt(name)
            elif entry.value not in entry.denied and entry.value not in entry.replaced:
                self._settle(name)
            else:
                return False
        elif isinstance(heard, Partial) and answer is not Verdict.YES and heard.value:
            entry.denied.append(entry.value)
            entry.set(_Status.PARTIAL, heard.value)
            entry.ask = heard
        elif answer is Verdict.YES:
            entry.denied = [value for value in entry.denied if value != entry.value]
            self._settle(name)
        elif answer is Verdict.NO and not understood:
            entry.denied.append(entry.value)
            entry.status, entry.ask = _Status.EMPTY, None
            is_second = len(entry.denied) > 1
            self._lead = self._joined(self.RETRY, self._fields[name].help, self._offer) if is_second else self.RETRY
        elif not understood:
            return self._deny_named(text)
        return True

    # Values

    def _befores(self) -> dict[str, object]:
        return {name: entry.value for name, entry in self._entries.items() if entry.value is not None}

    def _keep(self, found: Mapping[str, object], text: str, asked: str | None = None) -> bool:
        """Keep the values that were read; return whether one of them is new."""
        changed = False
        for name, value in found.items():
            entry = self._entries[name]
            if isinstance(value, Partial):
                if name != asked or (entry.ask and entry.ask.ask == value.ask):
                    continue
                entry.set(_Status.PARTIAL, value.value)
                entry.ask = value
            elif entry.status in (_Status.HEARD, _Status.SETTLED) and entry.value == value:
                changed = changed or name == asked
                continue
            else:
                was_known = entry.status in (_Status.HEARD, _Status.SETTLED)
                if was_known:
                    entry.replaced.append(entry.value)
                entry.reopened = entry.reopened or entry.status is _Status.SETTLED
                self._take(name, value)
                if name != asked:
                    self._lead = self.CHANGE if was_known else self.LATER
            changed = True
        return changed

    def _take(self, name: str, value: object) -> None:
        """Take a value that the caller gave: read it back, settle it, or doubt it if it was denied before."""
        entry = self._entries[name]
        if value in entry.denied and entry.doubts == 0:
            entry.value = value
            self._doubt(name)
        elif self._fields[name].confirm or value in entry.denied:
            entry.set(_Status.HEARD, value)
        else:
            entry.value = value
            self._settle(name)

    def _settle(self, name: str) -> None:
        entry = self._entries[name]
        entry.set(_Status.SETTLED, entry.value)
        entry.reopened = False
        self._lead = self._fields[name].thanks.format(entry.value)

    def _doubt(self, name: str) -> None:
        """Ask in another way for a value that was denied and heard again."""
        entry, each = self._entries[name], self._fields[name]
        self._lead = f"{self.DENIED_AGAIN.format(each.spoken(entry.value))} {each.help}"
        if entry.value not in entry.denied:
            entry.denied.append(entry.value)
        entry.doubts += 1
        entry.status, entry.ask = _Status.EMPTY, None

    def _deny_named(self, text: str) -> bool:
        """Empty a field that the caller calls wrong without a new value ("my phone number is wrong")."""
        if not changes(text):
            return False
        for name, each in self._fields.items():
            entry = self._entries[name]
            if each.named and each.named.match(text) and entry.status in (_Status.HEARD, _Status.SETTLED):
                entry.denied.append(entry.value)
                entry.reopened = True
                entry.status, entry.ask = _Status.EMPTY, None
                self._lead = self.CHANGE
                return True
        return False

    # Asides and misunderstandings

    async def _answer(
        self,
        reply: Reply,
        meant: Phrases | None,
        asides: Mapping[Phrases, Aside],
        name: str = "",
        help: str = "",  # noqa: A002 - the word for it
    ) -> None:
        """Answer unrelated words, or say that they were not understood."""
        each = self._fields.get(name)
        is_empty = name in self._entries and self._entries[name].status is not _Status.HEARD
        if (
            each is not None
            and each.optional
            and is_empty
            and (meant in each.declines or verdict(reply.text) is Verdict.NO)
        ):
            self._entries[name].set(_Status.SETTLED, None)
            return
        if each is not None and meant in each.declines:
            self._missed = 0
            self._lead = each.declined
        elif meant is None and each is not None and each.optional and verdict(reply.text) is Verdict.YES and is_empty:
            self._missed, self._lead = 0, self.GO_AHEAD
        elif meant is None:
            answer = await self._otherwise(reply) if each is not None and self._otherwise else None
            if answer is None:
                self._miss(reply, name, help)
            else:
                self._missed, self._lead = 0, answer
        else:
            self._missed = 0
            if meant is WHY and each is not None:
                self._lead = each.why
            elif meant in asides:
                aside = asides[meant]
                self._lead = aside if isinstance(aside, str) else await aside(reply) or ""
            elif meant is WAIT:
                self._lead = self.PATIENCE
            elif meant is START_OVER and each is not None:
                self._start_over()
            elif meant in (REPEAT, SLOWER):
                self._is_slow = meant is SLOWER
                if each is not None:
                    self._entries[name].was_asked = False
            else:
                self._lead = self._side_answer(meant)

    def _side_answer(self, meant: Phrases | None) -> str:
        """Return the answer to a side question; "" if the words have another meaning."""
        left = sum(self._entries[name].status is not _Status.SETTLED for name in self._wanted)
        return {
            None: "",
            WHO: self.ASSISTANT,
            CAN_DO: self.HELP,
            HOW_LONG: self.QUESTIONS_LEFT.format(left) if left > 1 else self.NOT_LONG,
            LANGUAGE: self.ENGLISH,
            OTHER_LANGUAGE: self.ONLY_ENGLISH,
            START_OVER: self.CHANGE_ANY if self._fields else "",
            CANCEL: self.STOP,
            BYE: self.GOODBYE,
        }.get(meant, "")

    def _start_over(self) -> None:
        """Forget the caller's answers since the latest `fill` began."""
        self.forget(*(name for name in self._wanted if not self._entries[name].is_given))
        self._lead = self.START_AGAIN

    def _miss(self, reply: Reply, name: str, helps: str) -> None:
        self._missed += 1
        sorry = self.SORRY if reply.text.strip() else self.NOTHING
        is_check = name in self._entries and self._entries[name].status is _Status.HEARD
        entry = self._entries.get(name)
        helps = self.YES_OR_NO if is_check else self._fields[name].help if name else helps
        if entry and entry.ask and helps in entry.ask.ask:  # the question has it already
            helps = ""
        self._lead = self._joined(sorry, helps, self._offer) if self._missed > 1 else sorry

    @staticmethod
    def _joined(*sentences: str) -> str:
        return " ".join(filter(None, sentences))


def _meant(text: str, wanted: tuple[Phrases, ...], others: tuple[Phrases, ...] | list[Phrases]) -> Phrases | None:
    """Return the meaning of the words: of a yes and no only one that they begin with."""
    if is_murmur(text):
        return None
    answer = verdict(text)
    if answer is Verdict.YES and YES in wanted and not _better(text, YES, wanted):
        return YES
    if answer is Verdict.NO and NO in wanted and not _better(text, NO, wanted):
        return NO
    found = best_match(text, [phrases for phrases in (*wanted, *others) if phrases not in (YES, NO, *SIDES)])
    if found is None or (found[0] is REPEAT and not found[1].whole and found[1].length < _REPEAT_LENGTH):
        return None  # "what" and "sorry" are words of other sentences, too
    return found[0]


def _better(text: str, than: Phrases, wanted: tuple[Phrases, ...]) -> bool:
    """Return whether another expected meaning matches more of the words."""
    found = best_match(text, wanted)
    return found is not None and found[0] not in (YES, NO) and not is_whole(text, than)


def _is_open(phrases: Phrases) -> bool:
    return any(isinstance(slot, Words) and slot.open for slot in phrases.slots.values())


def _slots(phrases: Phrases, text: str) -> Mapping[str, str]:
    match = phrases.match(text)
    return match.slots if match else {}
