"""Common Node packages for Realtime servers, against the engine with real speech."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.speech, pytest.mark.realtime]

Turn = Callable[..., Awaitable[dict[str, Any]]]


async def test_a_typed_turn(turn: Turn) -> None:
    result = await turn("text")
    assert (result["status"], result["said"]) == ("completed", "You said: good morning.")
    assert 800 < result["soundMs"] < 4000


async def test_a_spoken_turn(turn: Turn) -> None:
    result = await turn("voice", says="yes please")
    assert (result["heard"], result["said"]) == ("yes please", "You said: yes please.")
    assert 800 < result["soundMs"] < 4000


async def test_push_to_talk_waits_for_the_button(turn: Turn) -> None:
    result = await turn("pushToTalk", says="no thank you")
    assert not result["early"]
    assert (result["heard"], result["said"]) == ("no thank you", "You said: no thank you.")


async def test_a_tool_call_and_its_result(turn: Turn) -> None:
    result = await turn("tool")
    assert result["called"] == {"name": "weather", "arguments": {"city": "Wanaka"}}
    assert result["said"] == "It is sunny."


async def test_a_cancelled_answer_and_the_next_one(turn: Turn) -> None:
    result = await turn("cancel")
    assert (result["cancelled"], result["status"]) == ("cancelled", "completed")
    assert result["said"] == "You said: good morning."


async def test_a_truncated_answer_keeps_the_words_that_were_heard(turn: Turn) -> None:
    result = await turn("truncate")
    assert result["said"] == "One. Two. Three. Four. Five. Six. Seven. Eight. Nine. Ten."
    assert result["kept"]
    assert result["said"].startswith(result["kept"])
    assert len(result["kept"]) < len(result["said"]) - len(" Ten.")
