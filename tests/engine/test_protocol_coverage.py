"""Tables of the supported events: complete and correct."""

from __future__ import annotations

import re
import sys
import typing
from pathlib import Path
from typing import Any

import openai.types.realtime as official

from tests.engine.engine_fakes import loud, silence
from tests.engine.engine_rig import Rig, error_of
from trunkline.engine.brains import BrainOutput, BrainRequest, TextDelta, ToolCallDelta
from trunkline.engine.http.protocol_coverage import CLIENT_EVENTS, NOT_SENT, SERVER_EVENTS
from trunkline.engine.session import inputs

sys.path.insert(0, str(Path(__file__).parent / "rtc"))
from tests.engine.rtc.paced_rig import PacedRig


def types_of(union: Any) -> set[str]:
    """Return the `type`s of one of the package's unions of events."""
    members = typing.get_args(typing.get_args(union)[0])
    return {typing.get_args(member.model_fields["type"].annotation)[0] for member in members}


def answer(request: BrainRequest) -> list[BrainOutput]:
    return [TextDelta("One two three four. "), ToolCallDelta("c1", "look", '{"where": "up"}')]


def everything() -> set[str]:
    """Return the types of all events of a long session over a WebSocket, and of one with paced audio."""
    rig = Rig(answer=answer)
    rig.configure(audio={"input": {"transcription": {"model": "any"}}})
    rig.type("hello")
    rig.send("response.create")
    rig.send("response.create", response={"output_modalities": ["text"]})
    rig.hear(loud(600) + silence(900))
    rig.turn_detection(type="server_vad", idle_timeout_ms=5000)
    rig.hear(silence(9000))
    spoken = next(item for item in rig.session.conversation if item.get("role") == "assistant")
    rig.send("conversation.item.truncate", item_id=spoken["id"], content_index=0, audio_end_ms=100)
    rig.send("conversation.item.retrieve", item_id=spoken["id"])
    rig.send("conversation.item.delete", item_id=spoken["id"])
    rig.send("input_audio_buffer.clear")
    rig.send("nonsense")
    rig.words = None
    rig.hear(loud(600) + silence(900))
    waiting = next(one for one in reversed(rig.utterances))
    rig.post(inputs.TranscriptFailed(waiting, "The recogniser died."))
    paced = PacedRig()
    paced.send("response.create")
    paced.tick(100)
    paced.send("response.create")
    paced.tick(5)
    paced.send("output_audio_buffer.clear")
    return {event["type"] for event in rig.events + paced.events}


def test_every_event_of_a_client_is_listed() -> None:
    assert set(CLIENT_EVENTS) == types_of(official.RealtimeClientEvent)


def test_the_machine_accepts_the_listed_events() -> None:
    told = error_of(Rig().send("nonsense"))["message"]
    assert set(re.findall("'([a-z_.]+)'", told)) - {"nonsense"} == set(CLIENT_EVENTS)


def test_every_event_of_a_server_is_listed() -> None:
    assert {*SERVER_EVENTS, *NOT_SENT} == types_of(official.RealtimeServerEvent)
    assert not set(SERVER_EVENTS) & set(NOT_SENT)
    assert all(NOT_SENT.values())


def test_every_event_listed_as_sent_is_sent() -> None:
    assert everything() == set(SERVER_EVENTS)
