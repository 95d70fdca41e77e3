"""Tools that answer from the record of another call, and the caller's actions that such a test needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.testing.from_call.desk import scenario as desk
from tests.testing.kit_shop import shop
from trunkline.testing import ToolAnswer, VoiceCalls, VoiceFailure
from trunkline.testing.caller_audio_file import image_data_url, read_wav, write_wav
from trunkline.testing.in_memory_provider import InMemoryProvider

TICKET = ToolAnswer("open_ticket", {"about": "printer", "urgent": True}, {"number": 7}, took_ms=2_500)
OTHER = ToolAnswer("open_ticket", {"about": "phone", "urgent": True}, {"number": 8})


async def test_a_tool_answers_from_the_record_and_does_not_run(voice_call: VoiceCalls) -> None:
    call = await voice_call(desk)
    call.answer_tools([TICKET])
    turn = await call.say("my printer is broken")
    assert "the number 7" in turn.text
    assert turn.called("open_ticket").duration_ms == 2_500
    assert call.state.tickets == []


async def test_the_same_arguments_find_their_answer_in_any_order(voice_call: VoiceCalls) -> None:
    call = await voice_call(desk)
    call.answer_tools([TICKET, OTHER])
    assert "the number 8" in (await call.say("my phone is broken")).text
    assert "the number 7" in (await call.say("my printer is broken")).text
    assert "the number 8" in (await call.say("my phone is broken")).text


async def test_other_arguments_get_the_next_answer(voice_call: VoiceCalls) -> None:
    call = await voice_call(desk)
    call.answer_tools([TICKET])
    assert "the number 7" in (await call.say("my phone is broken")).text


async def test_a_tool_without_a_recorded_answer_fails_with_the_reason(voice_call: VoiceCalls) -> None:
    call = await voice_call(desk, agent="billing")
    call.answer_tools([TICKET])
    await call.hears("cannot find")
    error = call.tools[0].error
    assert error is not None
    assert error.startswith("NotRecordedError: the recorded call has no answer of find_invoice to number=7")


async def test_a_recorded_error_reaches_the_agent_as_it_was(voice_call: VoiceCalls) -> None:
    call = await voice_call(desk, agent="billing")
    call.answer_tools([ToolAnswer("find_invoice", {"number": 7}, error="ValueError: no invoice 7")])
    await call.hears("cannot find")
    assert call.tools[0].error == "ValueError: no invoice 7"


async def test_a_recorded_answer_ends_the_call_as_its_tool_did(voice_call: VoiceCalls) -> None:
    call = await voice_call(desk, agent="billing")
    call.answer_tools([ToolAnswer("end_call", {}, "ending", hangs_up="solved")])
    await call.say("goodbye")
    assert await call.ends() == "solved"


async def test_the_wait_for_the_end_has_a_limit(voice_call: VoiceCalls) -> None:
    call = await voice_call(desk)
    with pytest.raises(VoiceFailure, match="The call did not end: nothing came for 5000 ms"):
        await call.ends(within_ms=5_000)


async def test_the_client_gives_metadata(voice_call: VoiceCalls) -> None:
    call = await voice_call(desk, metadata={"id": "c-17"})
    turn = await call.say("my printer is broken")
    assert turn.called("open_ticket").result["customer"] == "c-17"


async def test_the_original_keeps_its_tools(voice_call: VoiceCalls) -> None:
    call = await voice_call(desk)
    call.answer_tools([TICKET])
    other = await voice_call(desk)
    turn = await other.say("my printer is broken")
    assert "the number 41" in turn.text


async def test_an_image_that_the_model_does_not_take_is_refused_with_the_reason(
    voice_call: VoiceCalls, tmp_path: Path
) -> None:
    (tmp_path / "pear.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    call = await voice_call(shop)
    with pytest.raises(VoiceFailure, match="The image was refused: A rehearsal takes no images"):
        await call.show_image(tmp_path / "pear.png", "two pears please")


async def test_a_caller_shows_an_image(voice_call: VoiceCalls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(InMemoryProvider, "image_problem", lambda _self: None)
    picture = tmp_path / "pear.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    call = await voice_call(shop)
    turn = await call.show_image(picture, "two pears please")
    turn.called("add_to_basket", thing="pears")
    shown = [image for entry in call.log for image in getattr(entry.event, "images", ())]
    assert shown == [image_data_url(picture)]


def test_a_file_that_is_no_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("text")
    with pytest.raises(ValueError, match=r"a\.png is not an image that a caller can show"):
        image_data_url(tmp_path / "a.png")


def test_a_wav_file_comes_back_as_it_was_written(tmp_path: Path) -> None:
    pcm = bytes(range(256)) * 10
    write_wav(tmp_path / "a.wav", pcm)
    assert read_wav(tmp_path / "a.wav") == pcm


def test_a_file_that_is_no_wav_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("text")
    with pytest.raises(ValueError, match=r"a\.wav is not a WAV file"):
        read_wav(tmp_path / "a.wav")
