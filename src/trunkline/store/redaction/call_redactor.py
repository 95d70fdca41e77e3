"""Redaction of one call's log, entry by entry, before it is stored.

Words are final only after a while: a caller gives a number over several turns, or a tool declares a value as sensitive
after it was said. Until then such words are stored as `[withheld]`, and their entry is returned once more when they are
decided. So no file ever holds them, and a crash loses them at the most.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from trunkline.calls import log_events
from trunkline.calls.log import Entry
from trunkline.calls.log_events import LogEventUnion, Role, UnknownEvent
from trunkline.store.redaction.checksums import MAX_CARD_DIGITS, MIN_CARD_DIGITS, is_card_number
from trunkline.store.redaction.detectors import (
    MONTHS,
    Kind,
    Span,
    find_personal_data,
    kind_asked,
    merged,
    number_kind,
    replaced,
)
from trunkline.store.redaction.known_values import KnownValues
from trunkline.store.redaction.policy import RedactionPolicy
from trunkline.store.redaction.spoken_characters import Run, Word, digit_runs, words_of
from trunkline.store.redaction.topics import Topic, topics_asked, topics_in
from trunkline.store.redaction.values import redacted_value, redacted_wire_event, scalars_in

WITHHELD = Kind.WITHHELD.value
MAX_TEXT_CHARS = 100_000
"""Characters of a text that are examined, such as a tool's output. The rest is not stored."""
MAX_PIECES = 24
"""Utterances over which a number is followed."""
SENSITIVE_WINDOW = 12
"""Utterances that may lie between a value and the tool call that declares it as sensitive."""
_ASKED_MESSAGES = 2
"""Messages of the agent that may ask for the caller's next words."""
_KEPT_MESSAGES = 100
_MAX_PIECE_WORDS = 3
"""Other words in an utterance that is a piece of a number, such as "then 4 2"."""
_MIN_REPEATED_DIGITS = 4
_MIN_SENSITIVE_DIGITS = 2
_MAX_ENCOURAGEMENT_WORDS = 6
_REMEMBERED_FROM_CHARS = 1000
_REMEMBERED_TEXTS = 16
"""Long texts, such as an agent's instructions, are sent to the model again and again."""


@dataclass(frozen=True)
class RedactedUtterance:
    """The decided redaction of one message.

    Attributes:
        item_id: the message.
        role: the speaker.
        text: the text as it was said, which must not be stored.
        spans: the redacted parts of it; empty if nothing was redacted.
        from_ms: the start of the caller's speech on the clock of the log; None if the log does not say it.
        to_ms: the end of the caller's speech.
    """

    item_id: str
    role: Role
    text: str
    spans: tuple[Span, ...]
    from_ms: int | None = None
    to_ms: int | None = None


@dataclass(frozen=True)
class Redacted:
    """Result of one entry.

    Attributes:
        entries: the entries to store. One of an earlier `seq` replaces the stored one.
        decided: the messages of which the redaction is now final.
    """

    entries: tuple[Entry, ...] = ()
    decided: tuple[RedactedUtterance, ...] = ()


@dataclass
class _Utterance:
    """A message with words that are not decided yet."""

    item_id: str
    role: Role
    text: str
    spans: list[Span]
    runs: list[Run]
    is_piece: bool
    """True if the utterance may be a piece of a longer number."""
    is_withheld: bool
    """True if the whole text waits, since a tool may declare a part of it as sensitive."""
    age: int = 0
    shown: str | None = None
    """The text that was returned for storing."""
    entries: list[Entry] = field(default_factory=list)

    @property
    def masked(self) -> str:
        """The text as it may be stored now."""
        if self.is_withheld:
            return WITHHELD
        if not self.is_piece:
            return replaced(self.text, self.spans)
        digits = (Span(*run.span(0, len(run.characters)), Kind.WITHHELD) for run in self.runs)
        return replaced(self.text, merged(self.text, [*digits, *self.spans]))


class CallRedactor:
    """Redaction of a call's log. `read` needs every entry, in order, from the first."""

    def __init__(self, policy: RedactionPolicy) -> None:
        self._policy = policy
        self._asked: deque[frozenset[Topic]] = deque(maxlen=_ASKED_MESSAGES)
        """The topics of the agent's latest messages."""
        self._named: frozenset[Topic] = frozenset()
        """The topics that the caller has named, and of which pieces may follow."""
        self._pending: list[_Utterance] = []
        self._speech: OrderedDict[str, tuple[int, int | None]] = OrderedDict()
        self._final: OrderedDict[str, _Utterance] = OrderedDict()
        """The latest messages, for `message.truncated`."""
        self._tools: dict[str, str] = {}
        """Names of tools by the ids of their calls."""
        self._known = KnownValues()
        self._long_texts: OrderedDict[tuple[str, int], str] = OrderedDict()

    def read(self, entry: Entry) -> Redacted:
        """Return the entries to store instead of this one."""
        event = entry.event
        match event:
            case log_events.MessageDelta():
                return Redacted()  # the message is stored when it is complete
            case log_events.MessageDone():
                return self._on_message(entry, event)
            case log_events.MessageTruncated(text=str()):
                return Redacted((self._truncated(entry, event),))
            case log_events.CallEnded():
                decided = self.close()
                return Redacted((*decided.entries, _with(entry, reason=self._text(event.reason))), decided.decided)
            case _:
                return Redacted((self._without_words(entry),))

    def close(self) -> Redacted:
        """Decide about all words that are still withheld: the call is over."""
        return self._decide(self._pending[:])

    # Messages -------------------------------------------------------------------------------------------------------
    def _on_message(self, entry: Entry, event: log_events.MessageDone) -> Redacted:
        new = self._utterance(entry, event)
        if event.role == "assistant":
            self._note_question(event.text)
        self._final[event.item_id] = new
        while len(self._final) > _KEPT_MESSAGES:
            self._final.popitem(last=False)
        over = self._ended_by(new)
        self._pending.append(new)
        if new.is_piece:
            self._join()
        if not (new.is_piece or new.is_withheld):
            over.append(new)
        self._learn_said(new)
        decided = self._decide(over)
        own = () if new in over else (self._masked(entry, new),)
        return Redacted((*own, *decided.entries), decided.decided)

    def _utterance(self, entry: Entry, event: log_events.MessageDone) -> _Utterance:
        text = event.text
        words = words_of(text)
        runs = digit_runs(text, words)
        is_piece = event.role == "user" and bool(runs) and _is_mostly_digits(words, runs)
        asked = frozenset[Topic]().union(*self._asked)
        if event.role == "user":
            named = frozenset(topic for topic, _, _ in topics_in(text))
            continues = is_piece or len(words) <= _MAX_PIECE_WORDS
            self._named = named | self._named if continues else named
            asked |= self._named if is_piece else frozenset()
        spans = find_personal_data(text, asked, self._policy.patterns)
        if is_piece and (kind := kind_asked(asked)) is not None:
            spans += (Span(*run.span(0, len(run.characters)), kind) for run in runs)
        spans = merged(text, [*spans, *self._known.places_in(text)])
        is_withheld = bool(self._policy.sensitive) and event.role != "system" and bool(text)
        return _Utterance(event.item_id, event.role, text, spans, runs, is_piece, is_withheld, entries=[entry])

    def _note_question(self, text: str) -> None:
        topics = topics_asked(text)
        is_encouragement = "?" not in text and len(words_of(text)) <= _MAX_ENCOURAGEMENT_WORDS
        if topics or not is_encouragement:  # "go on" asks for the same as before
            self._asked.append(topics)

    def _ended_by(self, new: _Utterance) -> list[_Utterance]:
        """Return the pending utterances that a new one decides."""
        pieces = [one for one in self._pending if one.is_piece]
        continues = new.role != "user" or new.is_piece or len(words_of(new.text)) <= _MAX_PIECE_WORDS
        if not continues or len(pieces) >= MAX_PIECES:
            for one in pieces:
                one.is_piece = False
        for one in self._pending:
            one.age += 1
            one.is_withheld = one.is_withheld and one.age < SENSITIVE_WINDOW
        return [one for one in self._pending if not (one.is_piece or one.is_withheld)]

    def _join(self) -> None:
        """Find the numbers that the latest utterance completes."""
        digits = ""
        places: list[tuple[_Utterance, int, int]] = []
        starts = []
        for piece in self._pending:
            if piece.is_piece:
                starts.append(len(digits))
                for run in piece.runs:
                    digits += run.characters
                    places += [(piece, *place) for place in run.places]
        latest = starts.pop()
        for first in starts:
            if (kind := number_kind(digits[first:])) is not None:
                _add(places[first:], kind)
        for length in range(MAX_CARD_DIGITS, MIN_CARD_DIGITS - 1, -1):
            for first in range(max(0, latest - length + 1), min(latest, len(digits) - length + 1)):
                if is_card_number(digits[first : first + length]):
                    _add(places[first : first + length], Kind.CARD)
        for pattern in self._policy.patterns:
            for found in pattern.finditer(digits):
                if found.start() < latest < found.end():
                    _add(places[found.start() : found.end()], Kind.OWN)

    def _learn_said(self, new: _Utterance) -> None:
        """Redact a number that was redacted once wherever it is repeated."""
        for one in {id(one): one for one in (*self._pending, new)}.values():
            for run in one.runs:
                start, end = run.span(0, len(run.characters))
                kind = next((span.kind for span in one.spans if span.start <= start and end <= span.end), None)
                if kind is not None and len(run.characters) >= _MIN_REPEATED_DIGITS:
                    self._known.add(run.characters, kind)

    def _decide(self, utterances: Iterable[_Utterance]) -> Redacted:
        entries: list[Entry] = []
        decided = []
        for one in utterances:
            self._pending.remove(one)
            one.is_piece = one.is_withheld = False
            if one.masked != one.shown:
                entries += [self._masked(entry, one) for entry in one.entries]
            times = self._speech.pop(one.item_id, (None, None))
            decided.append(RedactedUtterance(one.item_id, one.role, one.text, tuple(one.spans), *times))
        return Redacted(tuple(entries), tuple(decided))

    def _truncated(self, entry: Entry, event: log_events.MessageTruncated) -> Entry:
        known = self._final.get(event.item_id)
        if known is None:
            return _with(entry, text=self._copy(event.text or ""))
        if known in self._pending:
            known.entries.append(entry)
        return self._masked(entry, known)

    def _masked(self, entry: Entry, utterance: _Utterance) -> Entry:
        """Return an entry of a message with its text as it may be stored now."""
        event = entry.event
        if not isinstance(event, log_events.MessageTruncated):
            utterance.shown = utterance.masked
            return _with(entry, text=utterance.shown)
        if utterance.is_withheld or utterance.is_piece:
            return _with(entry, text=WITHHELD)
        heard = event.text or ""
        if not utterance.text.startswith(heard):
            return _with(entry, text=self._copy(heard))
        spans = [Span(one.start, min(one.end, len(heard)), one.kind) for one in utterance.spans]
        return _with(entry, text=replaced(heard, [span for span in spans if span.start < len(heard)]))

    # Everything else ------------------------------------------------------------------------------------------------
    def _without_words(self, entry: Entry) -> Entry:  # noqa: C901 - one case for each kind
        event = entry.event
        match event:
            case log_events.WireSent() | log_events.WireReceived():
                return _with(entry, event=redacted_wire_event(event.event, self._text))
            case log_events.SpeechStarted():
                self._speech[event.item_id] = (entry.at_ms, None)
                if len(self._speech) > _KEPT_MESSAGES:
                    self._speech.popitem(last=False)
            case log_events.SpeechStopped() if event.item_id in self._speech:
                self._speech[event.item_id] = (self._speech[event.item_id][0], entry.at_ms)
            case log_events.MessageAdded() if event.images:
                return _with(entry, images=())
            case log_events.ToolStarted():
                return _with(entry, arguments=self._arguments(event.call_id, event.name, event.arguments))
            case log_events.ApprovalNeeded():
                return _with(entry, arguments=self._arguments(event.call_id, event.name, event.arguments))
            case log_events.ToolDone():
                return self._tool_done(entry, event)
            case log_events.ToolProgress():
                is_hidden = self._hides_result(event.call_id)
                return _with(entry, message=Kind.SENSITIVE.value if is_hidden else self._copy(event.message))
            case log_events.Breadcrumb():
                data = Kind.SENSITIVE.value if self._is_sensitive(event.call_id) else self._value(event.data)
                return _with(entry, title=self._text(event.title), data=data)
            case log_events.GuardrailChecked():
                return _with(
                    entry,
                    text=self._optional_copy(event.text),
                    rationale=self._optional_copy(event.rationale),
                    category=self._optional(event.category),
                )
            case log_events.AudioResumed() | log_events.AudioInterrupted():
                return _with(entry, words=self._copy(event.words))
            case log_events.CallError() | log_events.Notice():
                return _with(entry, message=self._text(event.message), hint=self._optional(event.hint))
            case log_events.CallStarted():
                return _with(entry, metadata=self._value(event.metadata)) if event.metadata else entry
            case log_events.AgentChanged() | log_events.ApprovalResolved() | log_events.LegJoined():
                return _with(entry, reason=self._optional(event.reason))
            case log_events.LinkLost() | log_events.ModelChanged() | log_events.LegLost():
                return _with(entry, reason=self._text(event.reason))
            case log_events.McpServerChanged():
                return _with(entry, problem=self._optional(event.problem))
            case _:
                pass
        return entry

    def _arguments(self, call_id: str, name: str, arguments: object) -> object:
        self._tools[call_id] = name
        parts = self._policy.sensitive.get(name)
        if parts is None:
            return self._value(arguments)
        if not isinstance(arguments, dict):
            self._learn(arguments)
            return Kind.SENSITIVE.value
        hidden = {name: value for name, value in arguments.items() if parts.hides(name)}
        self._learn(hidden)
        shown = {name: value for name, value in arguments.items() if name not in hidden}
        masked = self._value(shown)
        values = masked if isinstance(masked, dict) else dict.fromkeys(shown, masked)
        return {name: Kind.SENSITIVE.value if name in hidden else values[name] for name in arguments}

    def _tool_done(self, entry: Entry, event: log_events.ToolDone) -> Entry:
        self._tools[event.call_id] = event.name
        parts = self._policy.sensitive.get(event.name)
        if parts is not None and parts.result:
            self._learn(event.result, least=6)
            error = None if event.error is None else Kind.SENSITIVE.value
            return _with(entry, result=None if event.result is None else Kind.SENSITIVE.value, error=error)
        return _with(entry, result=self._value(event.result), error=self._optional(event.error))

    def _is_sensitive(self, call_id: str | None) -> bool:
        return call_id is not None and self._tools.get(call_id) in self._policy.sensitive

    def _hides_result(self, call_id: str) -> bool:
        parts = self._policy.sensitive.get(self._tools.get(call_id, ""))
        return parts is not None and parts.result

    # Sensitive values -----------------------------------------------------------------------------------------------
    def _learn(self, value: object, *, least: int = 3) -> None:
        """Redact the texts and numbers of a sensitive value wherever they were or will be said.

        Args:
            least: the least number of characters of a text. Three digits are always enough.
        """
        for text in scalars_in(value):
            compact = "".join(filter(str.isalnum, text))
            digits = sum(map(str.isdigit, compact))
            if len(compact) >= least or digits >= _MIN_SENSITIVE_DIGITS:
                self._known.add(compact, Kind.SENSITIVE)
        for pending in self._pending:
            pending.spans = merged(pending.text, [*pending.spans, *self._known.places_in(pending.text)])

    # Texts ----------------------------------------------------------------------------------------------------------
    def _text(self, text: str) -> str:
        """Return a text that is not the conversation's own, redacted."""
        if len(text) < _REMEMBERED_FROM_CHARS:
            return self._redacted(text)
        key = (text, self._known.count)
        if key not in self._long_texts:
            self._long_texts[key] = self._redacted(text)
            if len(self._long_texts) > _REMEMBERED_TEXTS:
                self._long_texts.popitem(last=False)
        return self._long_texts[key]

    def _redacted(self, text: str) -> str:
        if len(text) > MAX_TEXT_CHARS:
            return self._redacted(text[:MAX_TEXT_CHARS]) + Kind.OWN.value
        spans = find_personal_data(text, frozenset(), self._policy.patterns)
        if known := self._known.places_in(text):
            spans = merged(text, [*spans, *known])
        return replaced(text, spans)

    def _copy(self, text: str) -> str:
        """Return a copy of words that were said: without numbers, since nothing will decide about it later."""
        if self._policy.sensitive and text:
            return WITHHELD
        runs = digit_runs(text, words_of(text))
        digits = [Span(*run.span(0, len(run.characters)), Kind.WITHHELD) for run in runs if len(run.characters) > 1]
        found = find_personal_data(text, frozenset(), self._policy.patterns)
        return replaced(text, merged(text, [*found, *self._known.places_in(text), *digits]))

    def _number(self, digits: str) -> str:
        if any(pattern.search(digits) for pattern in self._policy.patterns):
            return Kind.OWN.value
        return replaced(digits, merged(digits, self._known.places_in(digits)))

    def _optional(self, text: str | None) -> str | None:
        return None if text is None else self._text(text)

    def _optional_copy(self, text: str | None) -> str | None:
        return None if text is None else self._copy(text)

    def _value(self, value: object) -> object:
        try:
            return redacted_value(value, self._text, self._number)
        except RecursionError:  # a value that is nested too deeply to be read
            return Kind.OWN.value


def _is_mostly_digits(words: Sequence[Word], runs: Sequence[Run]) -> bool:
    """Return whether at most three words are not in a run, and none is a month."""
    inside = {place for run in runs for place in run.places}
    others = [word for word in words if not any(start < word.end and word.start < end for start, end in inside)]
    return len(others) <= _MAX_PIECE_WORDS and not any(word.text in MONTHS for word in others)


def _add(places: Sequence[tuple[_Utterance, int, int]], kind: Kind) -> None:
    """Add the parts of a number to the spans of the utterances that hold them."""
    for one, start, end in places:
        one.spans.append(Span(start, end, kind))
    for one in {id(one): one for one, _, _ in places}.values():
        one.spans = merged(one.text, one.spans)


def _with(entry: Entry, **changes: object) -> Entry:
    event: LogEventUnion | UnknownEvent = replace(entry.event, **changes)
    return Entry(entry.seq, entry.at_ms, event)
