"""Replay of a recorded call against today's agents.

The caller follows their record: where the new agents leave it, the caller's next recorded turn follows all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from trunkline.testing import llm_judge
from trunkline.testing.failures import VoiceFailure
from trunkline.testing.from_call.comparison import Difference, Replay, compare
from trunkline.testing.from_call.recorded_call import (
    Answer,
    CallerAction,
    RecordedCall,
    RecordedEnd,
    RecordedTool,
    RecordedTurn,
    Trip,
)
from trunkline.testing.llm_judge import TextModel, Verdict
from trunkline.testing.tool_mocks import ToolAnswer
from trunkline.testing.turn import Turn
from trunkline.testing.voice_call import VoiceCall

SILENCE_MS = 1_000
JUDGED = (
    "serves the caller in the part NOW as well as in the part RECORDED: the caller gets the same information and the "
    "same result, in any words, and NOW nothing is wrong or missing that was right in RECORDED"
)


@dataclass(frozen=True)
class Caller:
    """The abilities of a replay's caller.

    Attributes:
        speaks: the agents understand the caller's speech; False for words that are typed to a real model.
        shows_images: the model takes images; otherwise the caller only says the words that go with them.
        clip: returns the file with the recorded speech of an action; None if the caller says the words.
    """

    speaks: bool = True
    shows_images: bool = False
    clip: Callable[[CallerAction], Path | None] = lambda _action: None


async def replay_call(
    call: VoiceCall,
    recorded: RecordedCall,
    *,
    model: str,
    on_rehearsal: bool,
    run_tools: bool = False,
    caller: Caller | None = None,
    judge: TextModel | None = None,
) -> Replay:
    """Play the caller of a recorded call in a new call, and compare.

    Args:
        call: the new call, which has just started.
        recorded: the recorded call.
        model: the name of the provider and the model of the new call.
        on_rehearsal: a rehearsal plays the model in the new call.
        run_tools: run the tools; otherwise they answer from the record.
        caller: the caller's abilities.
        judge: the text model that compares the agents' words if they are not exact.

    Raises:
        TextModelError: the judge did not answer.
    """
    if not run_tools:
        call.answer_tools(answers_of(recorded))
    player = _Player(call, caller or Caller())
    exact = recorded.on_rehearsal and on_rehearsal
    played = [await player.play(turn) for turn in recorded.turns]
    if len(played) == 1:
        await call.silent_for(SILENCE_MS)  # the caller only heard the opening
    end = await player.end(recorded.end)
    verdict, note = None, ""
    if not exact:
        verdict = await _judge(judge, call, recorded) if judge is not None else None
        note = "" if verdict is not None else "The agents' words were not compared: no text model is configured."
    turns = (
        compare(turn, _facts(call, now, turn.action) if now is not None else None, exact=exact, failure=failure)
        for turn, (now, failure) in zip(recorded.turns, played, strict=True)
    )
    return Replay(recorded, model, tuple(turns), tuple(end), verdict, note)


def answers_of(recorded: RecordedCall) -> list[ToolAnswer]:
    """Return the answers of the tools in a recorded call."""
    return [
        ToolAnswer(
            tool.name, tool.arguments, tool.result, error=tool.error, took_ms=tool.duration_ms, hangs_up=tool.hangs_up
        )
        for tool in recorded.tools
        if tool.was_answered
    ]


def _facts(call: VoiceCall, turn: Turn, action: CallerAction | None) -> RecordedTurn:
    """Return a turn of a running call as a record has it."""
    latencies = [one.total_ms for seq, one in call.view.latencies if turn.contains(seq) and one.after != "greeting"]
    return RecordedTurn(
        action=action,
        at_ms=round(turn.start_ms),
        answers=tuple(Answer(one.agent or "agent", one.text) for one in turn.messages if one.text and not one.hidden),
        tools=tuple(
            RecordedTool(use.name, use.arguments, use.done, use.result, use.error, use.duration_ms or 0)
            for use in turn.tools
            if use.parent is None
        ),
        handoffs=tuple(handoff.agent for handoff in turn.handoffs),
        trips=tuple(Trip(one.name, one.status, one.category) for one in turn.guardrails if one.status != "pass"),
        latency_ms=latencies[0] if latencies else None,
    )


class _Player:
    """The caller of a replay."""

    def __init__(self, call: VoiceCall, caller: Caller) -> None:
        self._call = call
        self._caller = caller

    async def play(self, recorded: RecordedTurn) -> tuple[Turn | None, str | None]:
        """Play the caller's part of a turn.

        Returns:
            The turn, None if the call did not come that far; and the reason if the caller could not finish it.
        """
        call = self._call
        for approval in recorded.approvals:
            if approval.reason is None:
                call.allows(approval.tool, approval.approved)
        if recorded.action is None:
            return call.turns[0], None
        if call.is_over:
            return None, None
        before = len(call.turns)
        try:
            await self._act(recorded.action)
        except VoiceFailure as error:
            return call.turns[-1] if len(call.turns) > before else None, str(error)
        return call.turns[-1], None

    async def end(self, recorded: RecordedEnd) -> list[Difference]:
        """End the call as recorded; return the differences."""
        call = self._call
        if recorded.kind == "agent":
            try:
                reason = call.view.ended if call.is_over else await call.ends()
            except VoiceFailure:
                await call.hang_up()
                return [Difference("end", f"The agents did not end the call, recorded: {recorded.reason}.")]
            same = reason == recorded.reason
            return [] if same else [Difference("end", f"The call ended: {reason}, recorded: {recorded.reason}.")]
        if call.is_over:
            return [Difference("end", f"The call ended by itself: {call.view.ended}.")]
        await call.hang_up()
        return []

    async def _act(self, action: CallerAction) -> None:
        call, clip = self._call, self._caller.clip(action)
        match action.kind:
            case "says" | "types":
                await self._say(action, clip)
            case "push_to_talk":
                await self._say(action, clip, push_to_talk=self._caller.speaks)
            case "keys":
                await call.dtmf(action.words)
            case "image" if self._caller.shows_images:
                for place, image in enumerate(action.images, 1):
                    await call.show_image(image, action.words if place == len(action.images) else "")
            case "image" if action.words:
                await self._say(action, None)
            case "backchannel" if self._caller.speaks:
                await call.backchannel(action.words or "mm-hm", audio=clip)
            case "inaudible" if clip is not None:
                await call.backchannel("", audio=clip)
            case "backchannel" | "inaudible" | "image":
                await call.silent_for(SILENCE_MS)
            case "stops_agent":
                await call.silent_for(0 if action.cut is None else self._cut_ms(action, clip))
                await call.interrupts()
            case "silence":
                await call.silent_for(action.silent_ms + SILENCE_MS)
            case _:
                assert_never(action.kind)

    async def _say(self, action: CallerAction, clip: Path | None, *, push_to_talk: bool = False) -> None:
        call = self._call
        speak = call.push_to_talk if push_to_talk else call.say
        if action.cut is not None:
            before = len(call.turns)
            try:
                await speak(action.words, audio=clip, interrupting_after_ms=self._cut_ms(action, clip))
                return
            except VoiceFailure:
                if len(call.turns) > before or call.is_over:
                    raise
                # The new agents had spoken less, so there was nothing to interrupt.
        await speak(action.words, audio=clip)

    def _cut_ms(self, action: CallerAction, clip: Path | None) -> int:
        cut = action.cut
        if cut is None:
            return 0
        return cut.heard_ms if clip is not None else cut.typed_ms


async def _judge(model: TextModel, call: VoiceCall, recorded: RecordedCall) -> Verdict:
    transcript = f"RECORDED\n{conversation(recorded.turns)}\n\nNOW\n{call.timeline()}"
    return await llm_judge.judge(model, JUDGED, transcript, recorded.scenario)


def conversation(turns: tuple[RecordedTurn, ...]) -> str:
    """Return recorded turns as text."""
    lines = []
    for turn in turns:
        if turn.action is not None and turn.action.words:
            lines.append(f"caller: {turn.action.words}")
        lines += [f"tool: {tool} → {tool.error or repr(tool.result)}" for tool in turn.tools]
        lines += [f"handoff to {agent}" for agent in turn.handoffs]
        lines += [f"{answer.agent}: {answer.text}" for answer in turn.answers]
    return "\n".join(lines)
