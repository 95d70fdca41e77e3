"""Time of redaction per event, for the log of a call as it is stored.

Run: python benchmarks/redaction.py
"""

from __future__ import annotations

import statistics
import time

from trunkline.calls import log_events
from trunkline.calls.log import Entry
from trunkline.calls.log_events import LogEventUnion
from trunkline.store.redaction import CallRedactor, RedactionPolicy

ROUNDS = 15
TURNS = 60
SAID = [
    "Hi, I would like to return the snowboard that I bought last week.",
    "Sure, my phone number is two oh six, five five five, oh one two three.",
    "It's four two four two, four two four two, four two four two, four two four two.",
    "I was born on March 5th, 1990, and my e-mail is jane dot doe at example dot com.",
]
ANSWER = (
    "Thank you. I have found your order 55012 from the second of October: one snowboard, size 158, for 432.10 dollars. "
    "Returns are free for 30 days, so I can send you a label right now. Could you please give me your phone number?"
)
INSTRUCTIONS = "You are a friendly agent of a shop. " * 250


def turn(number: int) -> list[LogEventUnion]:
    """Return the events of one turn, in about the proportions of a spoken call."""
    user, agent, call = f"u{number}", f"a{number}", f"t{number}"
    words = ANSWER.split()
    events: list[LogEventUnion] = [
        log_events.WireReceived(event={"type": "input_audio_buffer.speech_started", "item_id": user}),
        log_events.SpeechStarted(item_id=user),
        log_events.MessageAdded(item_id=user, role="user", spoken=True),
        log_events.SpeechStopped(item_id=user),
        log_events.TurnWaiting(reason="model"),
        log_events.MessageDone(item_id=user, role="user", text=SAID[number % len(SAID)]),
        log_events.ToolStarted(call_id=call, name="look_up", arguments={"phone": "206-555-0123"}, agent="a"),
        log_events.ToolDone(
            call_id=call, name="look_up", duration_ms=4, result={"orders": [{"id": 55012, "total": 432.1}] * 5}
        ),
        log_events.MessageAdded(item_id=agent, role="assistant"),
    ]
    if number % 10 == 0:  # a handoff
        events.append(log_events.WireSent(event={"type": "session.update", "session": {"instructions": INSTRUCTIONS}}))
    for word in words:
        delta = {"type": "response.output_audio_transcript.delta", "item_id": agent, "delta": word, "output_index": 0}
        events += [log_events.WireReceived(event=delta), log_events.MessageDelta(item_id=agent, text=word)]
    events += [
        log_events.WireReceived(event={"type": "response.done", "response": {"output": [{"transcript": ANSWER}]}}),
        log_events.MessageDone(item_id=agent, role="assistant", text=ANSWER),
        *[log_events.AudioStats(sent_ms=1000, sent_frames=50, received_ms=900, received_frames=45)] * 12,
    ]
    return events


def main() -> None:
    events = [event for number in range(TURNS) for event in turn(number)]
    entries = [Entry(seq, seq * 20, event) for seq, event in enumerate(events, 1)]
    by_kind: dict[str, list[float]] = {}
    whole = []
    for _ in range(ROUNDS):
        redactor = CallRedactor(RedactionPolicy())
        began = time.process_time_ns()
        for entry in entries:
            redactor.read(entry)
        redactor.close()
        whole.append((time.process_time_ns() - began) / 1000 / len(entries))
    redactor = CallRedactor(RedactionPolicy())
    for entry in entries:
        began = time.perf_counter_ns()
        redactor.read(entry)
        by_kind.setdefault(str(entry.event.__struct_config__.tag), []).append((time.perf_counter_ns() - began) / 1000)
    print(f"{len(entries)} events, {ROUNDS} rounds")
    print(f"all kinds: median {statistics.median(whole):.1f} µs per event, worst round {max(whole):.1f} µs")
    for kind, times in sorted(by_kind.items(), key=lambda one: -sum(one[1])):
        print(
            f"  {kind:22} {len(times):6} events, median {statistics.median(times):7.1f} µs, most {max(times):7.1f} µs"
        )


if __name__ == "__main__":
    main()
