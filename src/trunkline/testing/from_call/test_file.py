"""A pytest file from a call, for a person to trim.

It uses only the public test kit. Texts of callers, models and tools are data: they are quoted in literals and comments.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import assert_never

from trunkline.testing.from_call.python_source import Source, call, comment, literal, printable
from trunkline.testing.from_call.recorded_call import (
    Approval,
    CallerAction,
    Cut,
    RecordedCall,
    RecordedTool,
    RecordedTurn,
    Span,
    UnusableLogError,
)

MAX_EXACT_TEXT = 60
"""Characters of a tool's argument that a test compares. A model writes longer texts differently each time."""
MIN_LATENCY_BUDGET_MS = 1_000
LATENCY_SLACK = 1.5
"""The budget of an answer's latency, relative to the recorded one."""
_IMAGE = re.compile(r"data:image/(png|jpeg|webp);base64,")


@dataclass(frozen=True)
class FromCallOptions:
    """Options of a test.

    Attributes:
        audio: let the caller speak with their recorded audio; otherwise with words.
        run_tools: run the tools; otherwise they answer from the record.
        files: allow files beside the test, for audio and images.
        stem: the name of the test's file without its suffix, for the names of those files.
    """

    audio: bool = False
    run_tools: bool = False
    files: bool = True
    stem: str | None = None


@dataclass
class GeneratedTest:
    """A test and the files beside it.

    Attributes:
        stem: the name for the test's file, without its suffix.
        source: the text of the test.
        clips: the parts of the recording that the test plays, by file name.
        images: the images that the test shows, by file name.
    """

    stem: str
    source: str = ""
    clips: dict[str, Span] = field(default_factory=dict)
    images: dict[str, bytes] = field(default_factory=dict)


def generate_test(recorded: RecordedCall, options: FromCallOptions | None = None) -> GeneratedTest:
    """Return the test of a call.

    Raises:
        UnusableLogError: the log lacks content that the options need.
    """
    return _Writer(recorded, options or FromCallOptions()).write()


def latency_budget_ms(latency_ms: int) -> int:
    """Return the latency that an answer may have, by the recorded one, rounded up to 100 ms."""
    return max(MIN_LATENCY_BUDGET_MS, -(-round(latency_ms * LATENCY_SLACK) // 100) * 100)


def stem_of(recorded: RecordedCall) -> str:
    """Return the name of a call's test: `test_shop_2026_11_30_a1b2c3`."""
    day = re.sub(r"\D+", "_", recorded.started_at[:10]).strip("_")
    parts = ("test", _word(recorded.scenario).lower(), day, _word(recorded.call_id)[-6:].lower())
    return "_".join(part for part in parts if part)


def clip_of(recorded: RecordedCall, action: CallerAction) -> Span | None:
    """Return the part of the recording with an action's speech.

    It begins before the place at which the speech was detected, but not in the caller's former speech, and has the
    silence that ended the turn.
    """
    if action.speech is None:
        return None
    spans = (turn.action.speech for turn in recorded.turns if turn.action is not None)
    former = max((span.end_ms for span in spans if span and span.end_ms <= action.speech.start_ms), default=0)
    lead_ms = 0 if action.kind == "push_to_talk" else _LEAD_MS
    start_ms = max(former, action.speech.start_ms - lead_ms, 0)
    return Span(start_ms, max(action.speech.end_ms, start_ms + _MIN_CLIP_MS))


_LEAD_MS = 1_500
"""Speech is detected some time after it has begun, on a busy machine late. `cut_clips` removes the silence in it."""
_MIN_CLIP_MS = 100


class _Writer:
    def __init__(self, recorded: RecordedCall, options: FromCallOptions) -> None:
        self._recorded = recorded
        self._options = options
        self._test = GeneratedTest(options.stem or stem_of(recorded))
        self._names = {"VoiceCalls"}
        self._records = bool(recorded.tools) and not options.run_tools
        if self._records and not recorded.has_payloads:
            raise UnusableLogError(
                "The log has no arguments and results of tools, since it is a caller's view of the call. Use an "
                "operator's log, or run the tools: --run-tools."
            )

    def write(self) -> GeneratedTest:
        body = list(self._body())
        parts = [*self._head(), *self._answers(), "", "", *self._mark(), *body]
        self._test.source = "\n".join(parts) + "\n"
        return self._test

    # Parts of the file ----------------------------------------------------------------------------------------------
    def _head(self) -> Iterator[str]:
        recorded = self._recorded
        started = _plain(recorded.started_at[:16].replace("T", " "))
        yield f'"""A call of {_plain(recorded.scenario)} on {started}, as a test.'
        yield ""
        yield "Trim it: keep the turns and assertions that matter to you, and delete the others. The"
        yield "comments quote the agents as recorded."
        yield '"""'
        yield ""
        if self._test.clips or self._test.images:
            yield "from pathlib import Path"
            yield ""
            yield "import pytest"
        imports = f"from trunkline.testing import {', '.join(sorted(self._names, key=_import_order))}"
        yield imports
        if self._test.clips or self._test.images:
            yield ""
            yield "HERE = Path(__file__).parent"

    def _answers(self) -> Iterator[str]:
        if not self._records:
            return
        yield ""
        yield "# The tools answer from the record. To run them, delete this list and the line with"
        yield "# answer_tools."
        yield "TOOL_ANSWERS = ["
        for tool in self._recorded.tools:
            if tool.was_answered:
                yield call("ToolAnswer", _answer_arguments(tool), ",", 4)
        yield "]"

    def _mark(self) -> Iterator[str]:
        """Yield the mark for the modes that can play the files beside the test."""
        if self._test.images:
            yield "# A rehearsal takes no images."
            yield '@pytest.mark.voice("live")'
        elif self._test.clips:
            yield "# `pytest --voice=live` plays the audio to the configured provider."
            yield '@pytest.mark.voice("spoken", "live")'

    def _body(self) -> Iterator[str]:
        recorded = self._recorded
        yield f"async def {stem_of(recorded)}(voice_call: VoiceCalls) -> None:"
        yield call("call = await voice_call", self._call_arguments())
        if self._records:
            self._names.add("ToolAnswer")
            yield "    call.answer_tools(TOOL_ANSWERS)"
        elif not self._options.run_tools:
            yield "    call.answer_tools([])  # the record has none, so no tool runs"
        for index, turn in enumerate(recorded.turns):
            if index:
                yield ""
            yield from self._turn(turn)
        yield ""
        yield call("call.took_path", [(None, agent) for agent in recorded.path])
        if not recorded.tools:
            yield "    call.did_not_call()"
        yield from self._end()

    def _call_arguments(self) -> list[tuple[str | None, object]]:
        recorded = self._recorded
        arguments: list[tuple[str | None, object]] = [(None, recorded.scenario), ("agent", recorded.first_agent)]
        if recorded.metadata:
            arguments.append(("metadata", dict(recorded.metadata)))
        if recorded.codec in ("pcmu", "pcma"):
            arguments.append(("codec", recorded.codec))
        if self._options.audio:
            arguments.append(("stt", "whisper"))
        return arguments

    # A turn ---------------------------------------------------------------------------------------------------------
    def _turn(self, turn: RecordedTurn) -> Iterator[str]:
        yield from self._approvals(turn.approvals)
        if turn.action is not None:
            yield f"    # {_clock(turn.at_ms)}"
            yield from self._action(turn.action, turn)
            yield from self._assertions(turn)
        for answer in turn.answers:
            yield comment(answer.text, start=f"{printable(answer.agent)} said:")

    def _action(self, action: CallerAction, turn: RecordedTurn) -> Iterator[str]:
        words = action.words
        assigns = "turn = " if self._asserts(turn) else ""
        if action.parts > 1:
            yield comment(f"Nobody answered before the caller went on: {action.parts} utterances in one.")
        match action.kind:
            case "says" | "types":
                yield call(f"{assigns}await call.say", [(None, words), *self._clip(action), *self._cut(action.cut)])
            case "push_to_talk":
                arguments = [(None, words), *self._clip(action), *self._cut(action.cut)]
                yield call(f"{assigns}await call.push_to_talk", arguments)
            case "keys":
                yield call(f"{assigns}await call.dtmf", [(None, words)])
            case "image":
                yield from self._image(action, assigns)
            case "backchannel":
                yield comment("The agent went on: this did not interrupt it.")
                yield call(f"{assigns}await call.backchannel", [(None, words or "mm-hm"), *self._clip(action)])
            case "inaudible":
                yield from self._inaudible(action, assigns)
            case "stops_agent":
                yield comment("The caller stopped the agent with the button.")
                yield f"    await call.silent_for({self._heard_ms(action.cut)})"
                yield "    await call.interrupts()"
            case "silence":
                yield comment("The caller said nothing until the agent spoke again.")
                yield f"    {assigns}await call.silent_for({action.silent_ms + _PATIENCE_MS})"
            case _:
                assert_never(action.kind)

    def _clip(self, action: CallerAction) -> list[tuple[str | None, object]]:
        if not self._options.audio or (span := clip_of(self._recorded, action)) is None:
            return []
        name = f"{self._test.stem}_{len(self._test.clips) + 1:02}.wav"
        self._test.clips[name] = span
        return [("audio", Source(f"HERE / {literal(name)}"))]

    def _cut(self, cut: Cut | None) -> list[tuple[str | None, object]]:
        return [] if cut is None else [("interrupting_after_ms", self._heard_ms(cut))]

    def _heard_ms(self, cut: Cut | None) -> int:
        if cut is None:
            return 0
        return cut.heard_ms if self._options.audio else cut.typed_ms

    def _image(self, action: CallerAction, assigns: str) -> Iterator[str]:
        shown = [_image_file(image) for image in action.images]
        readable = [one for one in shown if one is not None]
        if not self._options.files or not readable:
            yield comment("The caller showed an image here, which this file does not have: see `trunkline test-from`.")
            if action.words:
                yield call(f"{assigns}await call.say", [(None, action.words)])
            elif assigns:
                yield "    turn = await call.silent_for(0)"
            return
        for place, (suffix, content) in enumerate(readable):
            name = f"{self._test.stem}_image{len(self._test.images) + 1}.{suffix}"
            self._test.images[name] = content
            is_last = place + 1 == len(readable)
            words: list[tuple[str | None, object]] = [(None, action.words)] if is_last and action.words else []
            picture: tuple[str | None, object] = (None, Source(f"HERE / {literal(name)}"))
            yield call(f"{assigns if is_last else ''}await call.show_image", [picture, *words])

    def _inaudible(self, action: CallerAction, assigns: str) -> Iterator[str]:
        length = f"{(action.speech.end_ms - action.speech.start_ms) / 1000:.1f} s" if action.speech else "a moment"
        if clip := self._clip(action):
            yield comment(f"No words were recognised here ({length}).")
            yield call(f"{assigns}await call.backchannel", [(None, ""), *clip])
            return
        yield comment(f"No words were recognised here ({length} of speech), so the test says nothing.")
        if assigns:
            yield "    turn = await call.silent_for(1000)"

    def _approvals(self, approvals: tuple[Approval, ...]) -> Iterator[str]:
        for approval in approvals:
            if approval.reason is not None:
                yield comment(f"The caller did not answer the request to allow {approval.tool}.")
                continue
            allowed: list[tuple[str | None, object]] = [] if approval.approved else [("allowed", False)]
            yield call("call.allows", [(None, approval.tool), *allowed])

    # Assertions -----------------------------------------------------------------------------------------------------
    def _asserts(self, turn: RecordedTurn) -> bool:
        return any(True for _line in self._assertions(turn))

    def _assertions(self, turn: RecordedTurn) -> Iterator[str]:
        action = turn.action
        if action is None or action.kind == "stops_agent" or (turn.is_empty and turn.latency_ms is None):
            return
        if turn.handoffs:
            yield f"    assert turn.handed_to == {literal(turn.handoffs[-1], 4, 25)}"
        yield from self._tools(turn)
        for trip in turn.trips:
            if trip.status == "fail":
                category: list[tuple[str | None, object]] = [("category", trip.category)] if trip.category else []
                yield call("turn.tripped", [(None, trip.guardrail), *category])
        if turn.latency_ms is not None and action.kind != "silence":
            budget = latency_budget_ms(turn.latency_ms)
            yield f"    turn.answers_within({budget})  # {turn.latency_ms} ms in the record"

    def _tools(self, turn: RecordedTurn) -> Iterator[str]:
        if not turn.tools:
            if self._recorded.tools:
                yield "    turn.did_not_call()"
            return
        for tool in turn.tools:
            arguments: list[tuple[str | None, object]] = [(None, tool.name)]
            quoted = []
            if isinstance(tool.arguments, dict):
                for name, value in tool.arguments.items():
                    if isinstance(value, str) and len(value) > MAX_EXACT_TEXT:
                        self._names.add("ANY")
                        arguments.append((name, Source("ANY")))
                        quoted.append(comment(value, start=f"Recorded {printable(name)}:"))
                    else:
                        arguments.append((name, value))
            yield call("turn.called", arguments)
            yield from quoted
            if tool.error is not None:
                yield comment(tool.error, start="It failed:")

    def _end(self) -> Iterator[str]:
        end = self._recorded.end
        match end.kind:
            case "agent":
                yield f"    assert await call.ends() == {literal(end.reason, 4, 32)}"
            case "caller":
                yield "    await call.hang_up()"
            case "limit":
                yield comment(f"{end.reason or ''}", start="A limit ended the call:")
            case "server":
                yield comment(f"{end.reason or ''}", start="The server ended the call:")
            case "unknown":
                yield comment("The record has no end: the server stopped, or the call was still running.")
            case _:
                assert_never(end.kind)


_PATIENCE_MS = 1_000
"""Time that a silence is longer than the recorded one, so that the agent certainly speaks."""


# Values -------------------------------------------------------------------------------------------------------------
def _answer_arguments(tool: RecordedTool) -> list[tuple[str | None, object]]:
    arguments: list[tuple[str | None, object]] = [(None, tool.name), (None, tool.arguments)]
    if tool.error is not None:
        arguments.append(("error", tool.error))
    elif tool.result is not None:
        arguments.append((None, tool.result))
    if tool.duration_ms:
        arguments.append(("took_ms", tool.duration_ms))
    if tool.hangs_up is not None:
        arguments.append(("hangs_up", tool.hangs_up))
    return arguments


def _image_file(data_url: str) -> tuple[str, bytes] | None:
    """Return the suffix and the content of an image's file; None for another data URL."""
    found = _IMAGE.match(data_url)
    if found is None:
        return None
    try:
        return found[1], base64.b64decode(data_url[found.end() :], validate=True)
    except binascii.Error:
        return None


def _clock(at_ms: int) -> str:
    return f"{at_ms // 60_000}:{at_ms // 1000 % 60:02}"


def _plain(text: str) -> str:
    """Return the text for a docstring, without characters that could end it."""
    return re.sub(r"[^\w .:-]", "_", text)


def _word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")


def _import_order(name: str) -> tuple[bool, str]:
    """Order constants before classes, as import sorters do."""
    return not name.isupper(), name
