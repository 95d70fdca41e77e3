"""Reading of a call's log as turns.

A turn of the caller begins where they began to speak, although a service may transcribe the speech after its answer has
begun. Speech and text without any answer before the caller's next words are one turn with them. An answer that a lost
connection cut off, and that was given again, counts once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from trunkline.calls.log import Entry
from trunkline.engine.speech.tts.silent import MS_PER_CHARACTER
from trunkline.testing.conversation_view import GuardrailView, MessageView, ToolCallView
from trunkline.testing.from_call.log_facts import GOODBYE, LogFacts, Mark, is_whole
from trunkline.testing.from_call.recorded_call import (
    ActionKind,
    Answer,
    CallerAction,
    Cut,
    RecordedCall,
    RecordedTool,
    RecordedTurn,
    Span,
    Trip,
    UnusableLogError,
)

_DTMF = frozenset("0123456789*#")


def read_call(entries: Iterable[Entry]) -> RecordedCall:
    """Return a call's turns.

    Raises:
        UnusableLogError: the log does not begin with the call, or has no words.
    """
    facts = LogFacts()
    for entry in entries:
        facts.read(entry)
    started = facts.started
    if started is None:
        raise UnusableLogError(
            "The log has no call.started event, so its scenario is unknown. Use a complete log: an exported call, or "
            "a download while the call is less than 20,000 events long."
        )
    if facts.has_no_words:
        raise UnusableLogError(
            "The log has no words: the call was stored in the mode metadata. Set TRUNKLINE_STORE=full or redacted to "
            "make tests from later calls."
        )
    turns = _turns(facts)
    tools = [tool for turn in turns for tool in turn.tools]
    return RecordedCall(
        call_id=started.call_id,
        scenario=started.scenario,
        first_agent=started.agent,
        started_at=started.started_at,
        provider=started.provider,
        model=started.model,
        turns=turns,
        path=(started.agent, *(handoff.agent for handoff in facts.view.handoffs)),
        end=facts.end,
        metadata=dict(started.metadata),
        codec=facts.codec,
        has_payloads=not tools or any(tool.arguments is not None for tool in tools),
        on_rehearsal=started.provider in ("local", "memory") and started.model == started.scenario,
    )


@dataclass
class _Draft:
    """An action of the caller with the place in the log at which it begins."""

    seq: int
    action: CallerAction


def _turns(facts: LogFacts) -> tuple[RecordedTurn, ...]:
    drafts = sorted([*_words(facts), *_sounds(facts), *_presses(facts)], key=lambda draft: draft.seq)
    drafts = sorted([*drafts, *_silences(facts, drafts)], key=lambda draft: draft.seq)
    drafts = _joined(facts, drafts)
    drafts = _with_cuts(facts, drafts)
    starts: list[int | None] = [*(draft.seq for draft in drafts), None]
    opening = _turn(facts, None, 0, starts[0], 0)
    later = (
        _turn(facts, draft.action, draft.seq - 1, before, draft.action.at_ms)
        for draft, before in zip(drafts, starts[1:], strict=True)
    )
    return (opening, *later)


def _with_cuts(facts: LogFacts, drafts: Sequence[_Draft]) -> list[_Draft]:
    """Return the actions with the interruptions of agents. The button has no effect if no agent spoke."""
    found: list[_Draft] = []
    for draft in drafts:
        if draft.action.kind in ("backchannel", "inaudible", "silence"):
            found.append(draft)
            continue
        cut = _cut(facts, found[-1].seq if found else 0, draft.seq)
        if cut is not None or draft.action.kind != "stops_agent":
            found.append(_Draft(draft.seq, replace(draft.action, cut=cut)))
    return found


def _words(facts: LogFacts) -> list[_Draft]:
    """Return the actions that have messages: speech, text, keys and images."""
    drafts = []
    for message in facts.view.messages.values():
        if message.role != "user" or message.hidden:
            continue
        speech = facts.speech.get(message.item_id)
        place = facts.press.get(message.item_id, Mark(message.seq, message.at_ms))
        span = Span(place.at_ms, max(place.at_ms, message.at_ms)) if message.spoken else None
        if speech is not None:
            place = Mark(speech.seq, speech.start_ms)
            span = Span(speech.start_ms, speech.end_ms if speech.end_ms is not None else facts.last_ms)
        kind = _kind(facts, message)
        images = facts.images.get(message.item_id, ())
        words = " ".join(message.text.split("\n")) if kind == "keys" else message.text
        drafts.append(_Draft(place.seq, CallerAction(kind, place.at_ms, words, span, images=images)))
    return drafts


def _kind(facts: LogFacts, message: MessageView) -> ActionKind:
    if message.status == "ignored":
        return "backchannel"
    if facts.images.get(message.item_id):
        return "image"
    if not message.text.strip() or message.status == "failed":
        return "inaudible"
    if message.item_id in facts.pressed:
        return "push_to_talk"
    if message.spoken:
        return "says"
    return "keys" if len(message.text) <= 64 and set(message.text) <= _DTMF else "types"


def _sounds(facts: LogFacts) -> list[_Draft]:
    """Return the speech that never became a message: backchannels, and sounds without words."""
    drafts = []
    for item_id, speech in facts.speech.items():
        if item_id in facts.view.messages:
            continue
        kind: ActionKind = "backchannel" if speech.resumed_words else "inaudible"
        span = Span(speech.start_ms, speech.end_ms if speech.end_ms is not None else speech.start_ms)
        drafts.append(_Draft(speech.seq, CallerAction(kind, speech.start_ms, speech.resumed_words or "", span)))
    return drafts


def _presses(facts: LogFacts) -> list[_Draft]:
    """Return the uses of the button that stops the agent: after it, the call waits for its caller."""
    starts = sorted([speech.seq for speech in facts.speech.values()] + [message.seq for message in _said(facts)])
    trips = [check.seq for check in facts.view.guardrails if check.status != "pass"]
    drafts = []
    for mark in facts.cleared:
        waits = (reason for wait, reason in facts.waits if wait.seq > mark.seq)
        follows = next((reason for reason in waits if reason != "request"), None)
        next_turn = next((seq for seq in starts if seq > mark.seq), None)
        wait_seq = next((wait.seq for wait, reason in facts.waits if wait.seq > mark.seq and reason == "caller"), None)
        by_words = next_turn is not None and (wait_seq is None or next_turn < wait_seq)
        by_speech = any(
            one.seq < mark.seq and (one.end_ms is None or one.end_ms + _SPEECH_TAIL_MS >= mark.at_ms)
            for one in facts.speech.values()
        )
        by_guardrail = any(mark.seq - _NEAR <= seq <= mark.seq + _NEAR for seq in trips)
        by_loss = any(mark.seq - _NEAR <= loss.seq <= mark.seq for loss in facts.losses)
        if follows == "caller" and not (by_words or by_speech or by_guardrail or by_loss):
            drafts.append(_Draft(mark.seq, CallerAction("stops_agent", mark.at_ms)))
    return drafts


_SPEECH_TAIL_MS = 3_000
"""Time after the caller's speech in which it may still interrupt, since its words are decided late."""
_NEAR = 4
"""Events of one step of the call's machine are at most this far apart."""


def _silences(facts: LogFacts, drafts: Sequence[_Draft]) -> list[_Draft]:
    """Return the silences that agents broke: the call waited for its caller, and an agent spoke."""
    starts = [draft.seq for draft in drafts]
    found = []
    waiting: Mark | None = None
    agents = [message for message in facts.view.messages.values() if message.role == "assistant"]
    marks: list[tuple[int, Mark, str]] = [(wait.seq, wait, reason) for wait, reason in facts.waits]
    marks += [(message.seq, Mark(message.seq, message.at_ms), "agent") for message in agents]
    limits = [seq for seq, _note in facts.notes]
    for seq, mark, reason in sorted(marks, key=lambda one: one[0]):
        if reason == "caller":
            waiting = mark
        elif waiting is not None and reason in ("agent", "model", "request", "audio"):
            between = [start for start in [*starts, *limits] if waiting.seq <= start <= seq]
            has_spoken = any(message.seq < waiting.seq for message in agents)
            silent_ms = mark.at_ms - waiting.at_ms
            is_lost = any(loss.seq < seq and (loss.until or seq) > waiting.seq for loss in facts.losses)
            if not between and has_spoken and silent_ms >= _MIN_SILENCE_MS and not is_lost:
                found.append(_Draft(waiting.seq + 1, CallerAction("silence", waiting.at_ms, silent_ms=silent_ms)))
            waiting = None
        else:
            waiting = None
    return found


_MIN_SILENCE_MS = 500
_SAME_PACE = (0.9, 1.1)
"""Paces of the silent voice, relative to the recorded one, at which the times of the recording are used as they are."""


def _joined(facts: LogFacts, drafts: Sequence[_Draft]) -> list[_Draft]:
    """Join words without any answer with the caller's next words."""
    joined: list[_Draft] = []
    for draft in drafts:
        last = joined[-1] if joined else None
        both = ("says", "types")
        if (
            last is not None
            and last.action.kind in both
            and draft.action.kind in both
            and _turn(facts, last.action, last.seq - 1, draft.seq, 0).is_empty
        ):
            action = last.action
            spans = [span for span in (action.speech, draft.action.speech) if span is not None]
            joined[-1] = _Draft(
                last.seq,
                replace(
                    action,
                    kind="says" if spans else "types",
                    words=f"{action.words} {draft.action.words}",
                    speech=Span(spans[0].start_ms, spans[-1].end_ms) if spans else None,
                    parts=action.parts + 1,
                ),
            )
        else:
            joined.append(draft)
    return joined


def _cut(facts: LogFacts, since: int, start: int) -> Cut | None:
    """Return the heard part of the agents' speech before the place `start`, if it was cut off there."""
    tripped = {check.item_id for check in facts.view.guardrails if check.status != "pass"}
    given_again = facts.given_again
    heard_ms = typed_ms = 0
    for message in facts.view.agent_messages(since, start):
        if message.item_id in given_again:
            continue
        audio_ms = facts.audio_ms.get(message.item_id, 0)
        if not (is_whole(message) or message.item_id in tripped):
            heard = message.heard_ms or 0
            return Cut(heard_ms + heard, typed_ms + _typed_ms(message, heard, audio_ms))
        heard_ms += audio_ms
        typed_ms += _typed_ms(message, audio_ms, audio_ms)
    return None


def _typed_ms(message: MessageView, ms: int, audio_ms: int) -> int:
    """Return the time that a typed test needs for the part of a message that took `ms` in the recording."""
    if not audio_ms:
        return len(message.heard) * MS_PER_CHARACTER
    pace = len(message.text) * MS_PER_CHARACTER / audio_ms
    return ms if _SAME_PACE[0] < pace < _SAME_PACE[1] else round(ms * pace)


def _turn(facts: LogFacts, action: CallerAction | None, after: int, before: int | None, at_ms: int) -> RecordedTurn:
    def within(seq: int) -> bool:
        return seq > after and (before is None or seq < before)

    view = facts.view
    given_again = facts.given_again
    messages = [
        one
        for one in view.messages.values()
        if one.role == "assistant" and not one.hidden and one.item_id not in given_again
    ]
    latencies = [latency.total_ms for seq, latency in view.latencies if within(seq) and latency.after != "greeting"]
    return RecordedTurn(
        action=action,
        at_ms=at_ms,
        answers=tuple(Answer(one.agent or "agent", one.text) for one in messages if within(one.seq) and one.text),
        tools=tuple(_tool(facts, use) for use in view.tools.values() if within(use.seq) and use.parent is None),
        handoffs=tuple(handoff.agent for handoff in view.handoffs if within(handoff.seq)),
        trips=tuple(_trip(check) for check in view.guardrails if within(check.seq) and check.status != "pass"),
        approvals=tuple(approval for seq, approval in facts.approvals if within(seq)),
        latency_ms=latencies[0] if latencies else None,
    )


def _tool(facts: LogFacts, use: ToolCallView) -> RecordedTool:
    return RecordedTool(
        use.name,
        use.arguments,
        done=use.done,
        result=use.result,
        error=use.error,
        duration_ms=use.duration_ms or 0,
        hangs_up=facts.end.reason if use is _last_tool(facts) else None,
    )


def _last_tool(facts: LogFacts) -> ToolCallView | None:
    """Return the tool that ended the call: the last one that had started before the order to say goodbye."""
    if facts.end.kind != "agent":
        return None
    goodbye = next(seq for seq, note in reversed(facts.notes) if note.startswith(GOODBYE))
    return max((use for use in facts.view.tools.values() if use.seq < goodbye), key=lambda use: use.seq, default=None)


def _trip(check: GuardrailView) -> Trip:
    return Trip(check.name, check.status, check.category)


def _said(facts: LogFacts) -> list[MessageView]:
    return [message for message in facts.view.messages.values() if message.role == "user" and not message.hidden]
