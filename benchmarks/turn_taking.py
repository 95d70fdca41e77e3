"""Turn-taking: interruptions by words, noises, endpointing by words, and speech outside of what a scenario expects.

    python benchmarks/turn_taking.py [interruptions] [noises] [pauses] [rejections] [grammar-rejections]
        [--voices joe flite espeak] [--errors]

The pure code of the calls and of the engine runs in the time of the audio, with the real Silero and Whisper. As many
milliseconds of audio pass during a decoding as it needs of the processor: other load of the machine does not count.
The callers are synthetic voices that no rule was tuned with: Piper's joe at several rates and pitches, flite's voices
where they are installed, and eSpeak's for comparison.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from shared.caller_voices import CallerVoice, Samples, speak, voices
from shared.noises import KINDS as NOISES
from shared.noises import noises
from shared.open_questions import QUESTIONS, OpenQuestion

from trunkline.calls.speech_looks import SpeechLooks
from trunkline.engine.brains import BrainRequest
from trunkline.engine.session import effects
from trunkline.engine.session.endpointing import Endpointing, SpeechChange
from trunkline.engine.session.outbox import Outbox
from trunkline.engine.session.user_turns import UserTurns
from trunkline.engine.speech import SAMPLE_RATE
from trunkline.engine.speech.silero import SileroVoiceActivity
from trunkline.engine.speech.stt.log_mel import RATE
from trunkline.engine.speech.stt.sphinx_decoding import SphinxDecoder
from trunkline.engine.speech.stt.whisper import chosen_text, likely_texts
from trunkline.engine.speech.stt.whisper_ipc import Decoded, Hypothesis
from trunkline.engine.speech.stt.whisper_model import WhisperModel
from trunkline.engine.speech.weights import find
from trunkline.realtime.audio import BYTES_PER_MS, Resampler
from trunkline.realtime.json_values import JsonObject
from trunkline.scenario.interruption import HeardWords, Interrupt, OverlappingSpeech, Resume
from trunkline.scenario.word_detector import MAX_UNDECIDED_MS, WordDetector

BACKCHANNELS = (
    "Mm-hmm.", "Uh-huh.", "Yeah.", "Yes.", "Right.", "Okay.",
    "Sure.", "I see.", "Got it.", "Go on.", "All right.", "Oh.",
)  # fmt: skip
INTERRUPTIONS = (
    "Wait, stop.", "No, that's not what I meant.", "Hold on a second.", "Sorry, can I ask something?", "Excuse me.",
    "But I already paid for it.", "What does that cost?", "How long will it take?", "I want to talk to a person.",
    "Actually, make it the blue one.", "Can you say that again?", "Not that order, the other one.",
)  # fmt: skip
LEAD_MS = 600
"""Silence before the caller speaks."""
STEP_MS = 20
RECOGNISER_BEAMS = 5
QUIET_RATIO = 0.05
"""Level of what is not yet the voice, relative to its loudest 10 ms: -26 dB, as in endpointing."""
NOISES_OF_A_KIND = 20


def main() -> None:
    """Print the tables that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=[*PARTS])
    parser.add_argument("--voices", nargs="*", default=["joe", "flite", "espeak"])
    parser.add_argument("--errors", action="store_true", help="print each wrong decision")
    options = parser.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f}\n"
    )
    recogniser = Recogniser()
    for part in options.parts:
        PARTS[part](recogniser, options.voices, options.errors)
        print()
    if decoded := sorted(recogniser.took_ms):  # `grammar-rejections` alone has none by Whisper
        median = decoded[len(decoded) // 2]
        print(f"A decoding took {median:.0f} ms (p95 {percentile(decoded, 95):.0f}), n={len(decoded)}.")


class Recogniser:
    """Whisper tiny.en in this process, one decoding at a time."""

    def __init__(self) -> None:
        self._model = WhisperModel(find("whisper-tiny.en", Path()).folder)
        self.took_ms: list[float] = []

    def decode(self, pcm: bytes) -> tuple[Decoded, float]:
        """Decode PCM16 at 24 kHz, and return the result with its processor time in ms."""
        resampler = Resampler(SAMPLE_RATE, RATE)
        audio = resampler.feed(pcm) + resampler.flush()
        began = time.process_time()
        found = self._model.decode(audio, beams=RECOGNISER_BEAMS)
        took_ms = (time.process_time() - began) * 1000
        self.took_ms.append(took_ms)
        return Decoded(0, tuple(Hypothesis(*one) for one in found.hypotheses), found.no_speech), took_ms


# ------------------------------------------------------------------------------------------------------ interruptions


@dataclass
class Outcome:
    """Course of speech over the agent.

    Attributes:
        audible_ms: from the first sample to the first 10 ms at the level of the voice.
        ducked_ms: from the first sample of the voice to the hold; None if it was not detected.
        decision: the last decision.
        decided_ms: from the first sample to the first decision.
        resumed_ms: from the last sample to the resumption.
    """

    audible_ms: float = 0.0
    decision: Interrupt | Resume | None = None
    ducked_ms: float | None = None
    decided_ms: float | None = None
    resumed_ms: float | None = None
    heard: list[str] = field(default_factory=list)


def interruptions(recogniser: Recogniser, kinds: Sequence[str], errors: bool) -> None:
    """Print selectivity, yield and times for each kind of voice."""
    print(
        "| voices | backchannels resumed | interruptions cut | held, from the first sample | from the audible voice "
        "| decided | resumed after the voice |"
    )
    print("|---|---|---|---|---|---|---|")
    for label, kind in groups(kinds):
        backchannels = [*outcomes(recogniser, kind, BACKCHANNELS)]
        real = [*outcomes(recogniser, kind, INTERRUPTIONS)]
        if not backchannels:
            continue
        resumed = [isinstance(one.decision, Resume) for *_, one in backchannels]
        cut = [isinstance(one.decision, Interrupt) for *_, one in real]
        every = [one for *_, one in (*backchannels, *real)]
        print(
            f"| {label} | {share(resumed)} | {share(cut)} | {spread(one.ducked_ms for one in every)} "
            f"| {spread(one.ducked_ms and one.ducked_ms - one.audible_ms for one in every)} "
            f"| {spread(one.decided_ms for one in every)} | {spread(one.resumed_ms for *_, one in backchannels)} |",
            flush=True,
        )
        if errors:
            for (voice, text, one), right in zip([*backchannels, *real], [*resumed, *cut], strict=True):
                if not right:
                    print(f"    {voice}: {text} → {one.heard} {one.decision}")
            missed = Counter(text for (_, text, _), right in zip(backchannels, resumed, strict=True) if not right)
            print("    by text:", dict(missed))


def outcomes(
    recogniser: Recogniser, kind: Sequence[str], texts: Sequence[str]
) -> Iterator[tuple[CallerVoice, str, Outcome]]:
    """Yield the outcome of each text in each voice."""
    for one in kind:
        for voice in voices(one):
            for text, samples in zip(texts, speak(voice, texts), strict=True):
                yield voice, text, over_the_agent(recogniser, samples)


def over_the_agent(recogniser: Recogniser, samples: Samples) -> Outcome:
    """Play speech over an agent: the hold at its onset, the looks, and the decisions, as the call makes them."""
    audio = pcm_of([silence(LEAD_MS), samples, silence(1500)])
    voice_ms = samples.size / SAMPLE_RATE * 1000
    detector, outcome = WordDetector(), Outcome(audible_ms(samples))
    onset, looks = Endpointing(SileroVoiceActivity()), SpeechLooks(SileroVoiceActivity())
    words: list[HeardWords] = []
    free_at_ms, open_since_ms = 0.0, 0.0
    for start in range(0, len(audio), STEP_MS * BYTES_PER_MS):
        piece = audio[start : start + STEP_MS * BYTES_PER_MS]
        now_ms = (start + len(piece)) / BYTES_PER_MS - LEAD_MS
        due = looks.feed(piece)
        for frame in onset.frames(piece):
            change = onset.add_frame(frame, 0.5, 500, over_agent=True)
            if change is SpeechChange.STARTED and outcome.ducked_ms is None:
                outcome.ducked_ms = open_since_ms = now_ms
                due += looks.begin()
        for look in due:
            if outcome.ducked_ms is None or (now_ms < free_at_ms and not look.paused):
                continue  # the recogniser is busy, so it gets the last look only
            decoded, took_ms = recogniser.decode(look.pcm)
            free_at_ms = max(free_at_ms, now_ms) + took_ms
            best = decoded.hypotheses[0]
            words = [] if look.first else words
            words.append(HeardWords(best.text, best.log_probability, decoded.no_speech))
            outcome.heard.append(f"{best.text} {best.log_probability:.1f}")
            decision = detector.decide(OverlappingSpeech(tuple(words), look.speech_ms, look.paused))
            note(outcome, decision, free_at_ms, voice_ms)
        if outcome.ducked_ms is not None and outcome.decision is None and now_ms - open_since_ms >= MAX_UNDECIDED_MS:
            note(outcome, Interrupt("long_speech"), now_ms, voice_ms)
        if isinstance(outcome.decision, Interrupt):
            break
    return outcome


def note(outcome: Outcome, decision: Interrupt | Resume | None, now_ms: float, voice_ms: float) -> None:
    """Note a decision. A resumption may be followed by an interruption, and not the other way round."""
    if decision is None or isinstance(outcome.decision, Interrupt):
        return
    if outcome.decision is None:
        outcome.decided_ms = now_ms
        if isinstance(decision, Resume):
            outcome.resumed_ms = now_ms - voice_ms
    outcome.decision = decision


# ------------------------------------------------------------------------------------------------------------- noises


def noises_over_the_agent(recogniser: Recogniser, _kinds: Sequence[str], _errors: bool) -> None:
    """Print the noises that hold the agent's audio, and those that also stop the agent.

    "By two frames" is the onset of speech that is not over the agent's.
    """
    print("| noise | held | by two frames | interrupted | the hold lasts |")
    print("|---|---|---|---|---|")
    every: list[Outcome] = []
    by_two_frames: list[bool] = []
    for kind in NOISES:
        variants = [*noises(kind, NOISES_OF_A_KIND)]
        found = [over_the_agent(recogniser, samples) for samples in variants]
        started = [starts_by_two_frames(samples) for samples in variants]
        _print_noises(kind, found, started)
        every += found
        by_two_frames += started
    _print_noises("all", every, by_two_frames)


def _print_noises(kind: str, found: Sequence[Outcome], by_two_frames: Sequence[bool]) -> None:
    held = [one for one in found if one.ducked_ms is not None]
    interrupted = sum(isinstance(one.decision, Interrupt) for one in held)
    durations = spread([one.decided_ms - one.ducked_ms for one in held if one.decided_ms and one.ducked_ms])
    print(f"| {kind} | {len(held)} of {len(found)} | {sum(by_two_frames)} | {interrupted} | {durations} |", flush=True)


def starts_by_two_frames(samples: Samples) -> bool:
    """Return whether speech starts with two frames at the threshold."""
    onset = Endpointing(SileroVoiceActivity())
    frames = onset.frames(pcm_of([silence(LEAD_MS), samples, silence(1500)]))
    return SpeechChange.STARTED in [onset.add_frame(frame, 0.5, 500) for frame in frames]


# ------------------------------------------------------------------------------------------------------------- pauses

SENTENCES: tuple[tuple[str, str], ...] = (
    ("my number is two oh six", "seven one four, nine three eight zero"),
    ("it's four one five, five five five", "oh one nine two"),
    ("i was born on the fifth of march", "nineteen ninety"),
    ("i want to return the", "snowboard boots"),
    ("i bought the goggles and", "the jacket"),
    ("i'd like to know why my", "last bill was so high"),
    ("could you tell me about", "the family plan"),
    ("i need to change my address because", "we moved last week"),
    ("um", "i'd like to track my order"),
    ("my address is four hundred and twenty", "main street"),
)
"""Sentences with a place at which callers pause."""


def pauses(recogniser: Recogniser, kinds: Sequence[str], errors: bool) -> None:
    """Print false cut-offs at pauses, and the silence after finished sentences, by words and with 500 ms."""
    print("| voices | turn detection | cut off at 0.7 s | cut off at 1.2 s | silence after the sentence |")
    print("|---|---|---|---|---|")
    detections: dict[str, JsonObject] = {
        "by words": {"type": "semantic_vad", "eagerness": "auto"},
        "500 ms of silence": {"type": "server_vad", "silence_duration_ms": 500, "threshold": 0.5},
    }
    for label, kind in groups(kinds):
        for name, detection in detections.items():
            cut: dict[int, list[bool]] = {700: [], 1200: []}
            silences: list[float] = []
            for voice in (voice for one in kind for voice in voices(one)):
                halves = [speak(voice, [half for pair in SENTENCES for half in pair])][0]
                for index, texts in enumerate(SENTENCES):
                    before, after = halves[2 * index], halves[2 * index + 1]
                    for pause_ms, found in cut.items():
                        ends = turn_ends(recogniser, [before, silence(pause_ms), after, silence(3500)], detection)
                        whole_ms = sum(part.size for part in (before, after)) / SAMPLE_RATE * 1000 + pause_ms
                        early = [one for one in ends if one < before.size / SAMPLE_RATE * 1000 + pause_ms]
                        found.append(bool(early))
                        late = [one for one in ends if one > whole_ms]
                        if late:
                            silences.append(late[0] - whole_ms)
                        if errors and early and name == "by words":
                            print(f"    {voice}: {texts} at {pause_ms} ms")
            if silences:
                silence_ms = f"{statistics.mean(silences):.0f} / {spread(silences)} ms"
                print(f"| {label} | {name} | {share(cut[700])} | {share(cut[1200])} | {silence_ms} |", flush=True)


def turn_ends(recogniser: Recogniser, parts: Sequence[Samples], detection: JsonObject) -> list[float]:
    """Return the ends of the turns that the engine finds, in ms from the first sample of the voice."""
    audio = pcm_of([silence(LEAD_MS), *parts])
    outbox = Outbox(lambda prefix: prefix)
    turns = UserTurns(SileroVoiceActivity(), outbox, lambda prefix: prefix, _no_request)
    audio_format = {"type": "audio/pcm", "rate": SAMPLE_RATE}
    turns.configure({"format": audio_format, "transcription": None, "turn_detection": detection})
    utterance, ends = bytearray(), []
    results: list[tuple[float, str, tuple[str, ...]]] = []
    for start in range(0, len(audio), STEP_MS * BYTES_PER_MS):
        piece = audio[start : start + STEP_MS * BYTES_PER_MS]
        now_ms = (start + len(piece)) / BYTES_PER_MS - LEAD_MS
        while results and results[0][0] <= now_ms:
            _, text, alternatives = results.pop(0)
            turns.on_partial_transcript("item", text, None, alternatives)
        if turns.add_audio(piece) is SpeechChange.STOPPED:
            ends.append(now_ms)
            turns.commit()
        for output in outbox.drain():
            match output:
                case effects.OpenUtterance():
                    utterance.clear()
                case effects.FeedUtterance():
                    utterance += output.pcm
                case effects.PauseUtterance() if detection["type"] == "semantic_vad":
                    decoded, took_ms = recogniser.decode(bytes(utterance))
                    text = chosen_text(decoded)
                    alternatives = tuple(other for other in likely_texts(decoded) if other != text)
                    results = [(now_ms + took_ms, text, alternatives)]
                case effects.ResumeUtterance():
                    results = []
    return ends


def _no_request() -> BrainRequest:
    """Return an empty request: only a grammar needs the conversation so far."""
    return BrainRequest("")


# --------------------------------------------------------------------------------------------------------- rejections

UNRELATED = (
    "Let me ask my wife about that.", "Hang on, someone is at the door.", "The weather is lovely today.",
    "I parked the car across the street.", "Did you feed the cat this morning?", "My brother works at the hospital.",
    "Turn the television down.", "The train leaves at a quarter past.", "What a strange sort of question.",
    "Dinner will be ready in a minute.", "She never answers her letters.", "They painted the kitchen last summer.",
)  # fmt: skip
"""Sentences that no question expects."""


def rejections(recogniser: Recogniser, kinds: Sequence[str], errors: bool) -> None:
    """Print false accepts by Whisper: unrelated speech that moves the call on as if it were an expected reply.

    The right answers to the same questions stand beside them, since a recogniser that rejects everything accepts
    nothing wrong.
    """
    decoded: dict[bytes, Decoded] = {}

    def hear(pcm: bytes, question: OpenQuestion) -> str:
        decoded[pcm] = decoded.get(pcm) or recogniser.decode(pcm)[0]
        return chosen_text(decoded[pcm], question.expected.is_expected)

    _print_rejections(hear, kinds, errors)


def grammar_rejections(_recogniser: Recogniser, kinds: Sequence[str], errors: bool) -> None:
    """Print false accepts by PocketSphinx, which hears with a grammar."""
    decoder = SphinxDecoder(dictation=False)
    _print_rejections(lambda pcm, question: by_grammar(decoder, question.expected.grammar(), pcm), kinds, errors)


def _print_rejections(hear: Callable[[bytes, OpenQuestion], str], kinds: Sequence[str], errors: bool) -> None:
    label, kind = groups(kinds)[0]
    print(f"| question | false accepts, {label} | answers understood |")
    print("|---|---|---|")
    accepted: list[bool] = []
    understood: list[bool] = []
    for question in QUESTIONS:
        wrong, right = [], []
        for voice, text, pcm in _spoken(UNRELATED, kind):
            heard = hear(pcm, question)
            wrong.append(question.misreads(heard, UNRELATED))
            if errors and wrong[-1]:
                print(f"    {voice}: {text} → {heard} → {question.reaction(heard)}")
        for voice, text, pcm in _spoken(question.answers, kind):
            heard = hear(pcm, question)
            right.append(question.understands(heard, text))
            if errors and not right[-1]:
                print(f"    {voice}: {text} → {heard}")
        print(f"| {question.name} | {share(wrong)} | {share(right)} |", flush=True)
        accepted += wrong
        understood += right
    print(f"| all | {share(accepted)} | {share(understood)} |", flush=True)


def _spoken(texts: Sequence[str], kinds: Sequence[str]) -> Iterator[tuple[CallerVoice, str, bytes]]:
    for voice in (voice for one in kinds for voice in voices(one)):
        for text, samples in zip(texts, speak(voice, texts), strict=True):
            yield voice, text, pcm_of([silence(200), samples, silence(300)])


def by_grammar(decoder: SphinxDecoder, grammar: str | None, pcm: bytes) -> str:
    """Return the words that PocketSphinx hears with a grammar."""
    resampler = Resampler(SAMPLE_RATE, RATE)
    decoder.begin(grammar)
    decoder.decode(resampler.feed(pcm) + resampler.flush())
    decoder.end()
    return decoder.words()


# ------------------------------------------------------------------------------------------------------------ helpers


def groups(kinds: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Return the rows of a table: joe and flite together, each alone, and eSpeak."""
    strange = [kind for kind in kinds if kind != "espeak" and voices(kind)]
    together = [(" and ".join(strange), strange)] if len(strange) > 1 else []
    return [*together, *((kind, [kind]) for kind in kinds if voices(kind))]


def audible_ms(samples: Samples) -> float:
    """Return the position of the first 10 ms at the level of the voice: some voices begin with faint noise."""
    size = SAMPLE_RATE // 100
    blocks = samples[: samples.size // size * size].reshape(-1, size)
    levels = np.sqrt((blocks * blocks).mean(axis=1))
    return 10.0 * float(np.argmax(levels > QUIET_RATIO * levels.max()))


def silence(ms: float) -> Samples:
    """Return faint noise, as a line has it."""
    count = round(ms * SAMPLE_RATE / 1000)
    return np.random.default_rng(1).normal(0, 4, count).astype(np.float32)


def pcm_of(parts: Sequence[Samples]) -> bytes:
    """Return parts one after the other as PCM16."""
    return np.concatenate(parts).clip(-32768, 32767).astype("<i2").tobytes()


def share(found: Sequence[bool]) -> str:
    """Return a share with its base."""
    return f"{sum(found)} of {len(found)} ({sum(found) / len(found):.0%})"


def percentile(values: Sequence[float], share: float) -> float:
    """Return a percentile."""
    return float(np.percentile(values, share))


def spread(values: Iterator[float | None] | Sequence[float]) -> str:
    """Return median and 95th percentile."""
    known = [value for value in values if value is not None]
    return f"{percentile(known, 50):.0f} / {percentile(known, 95):.0f}" if known else "–"


PARTS: dict[str, Callable[[Recogniser, Sequence[str], bool], None]] = {
    "interruptions": interruptions,
    "noises": noises_over_the_agent,
    "pauses": pauses,
    "rejections": rejections,
    "grammar-rejections": grammar_rejections,
}

if __name__ == "__main__":
    main()
