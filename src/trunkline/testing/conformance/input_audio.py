"""Conformance checks of the caller's audio."""

from __future__ import annotations

import functools

import numpy as np

from trunkline.engine.speech import SAMPLE_RATE, SpeechError
from trunkline.realtime.events import Event
from trunkline.testing.conformance.client import ConformanceClient, InconclusiveError, Violation, require

SENTENCE = "Good morning. Could you please tell me about the sea?"


async def push_to_talk(client: ConformanceClient) -> None:
    """Require that with turn_detection null, only a commit makes an item of the audio, and no response follows."""
    session = await client.configure(audio={"input": {"turn_detection": None}})
    detection = session.get("audio", {}).get("input", {}).get("turn_detection")
    require(detection is None, f"turn_detection is {detection!r} after it was set to null")
    await client.send_audio(_hum(600))
    await client.expect_none_of("input_audio_buffer.speech_started", "input_audio_buffer.committed", within_s=0.4)
    await client.send("input_audio_buffer.commit")
    committed = await client.expect("input_audio_buffer.committed")
    require(isinstance(committed.get("item_id"), str), "input_audio_buffer.committed has no item_id")
    added = await client.expect("conversation.item.added")
    require(added["item"].get("id") == committed["item_id"], "the item that was added is another one")
    content = added["item"].get("content") or [{}]
    require(content[0].get("type") == "input_audio", f"its content is {content[0].get('type')!r}")
    await client.expect_none_of("response.created")


async def empty_commit(client: ConformanceClient) -> None:
    """Require an error when an empty buffer is committed."""
    await client.configure(audio={"input": {"turn_detection": None}})
    sent = await client.send("input_audio_buffer.commit")
    error = (await client.expect("error")).get("error") or {}
    require(error.get("event_id") == sent, "the error does not name the commit")


async def cleared(client: ConformanceClient) -> None:
    """Require that input_audio_buffer.clear is confirmed and empties the buffer."""
    await client.configure(audio={"input": {"turn_detection": None}})
    await client.send_audio(_hum(600))
    await client.send("input_audio_buffer.clear")
    await client.expect("input_audio_buffer.cleared")
    await client.send("input_audio_buffer.commit")
    await client.expect("error")


async def voice_activity(client: ConformanceClient) -> None:
    """Require that speech starts and stops a turn.

    Its events must have times and the id of the item that it becomes, and a response must follow.
    """
    sound = await _spoken(SENTENCE)
    detection: dict[str, object] = {"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 500}
    await client.configure(output_modalities=["text"], audio={"input": {"turn_detection": detection}})
    await client.send_audio(bytes(SAMPLE_RATE) + sound + bytes(SAMPLE_RATE * 2 * 2))
    started = await client.expect("input_audio_buffer.speech_started")
    stopped = await client.expect("input_audio_buffer.speech_stopped")
    begin, end = _time(started, "audio_start_ms"), _time(stopped, "audio_end_ms")
    spoken_ms = len(sound) // 48
    require(begin < 1000 and end > begin, f"it starts at {begin} ms and stops at {end} ms")
    require(end < 500 + spoken_ms + 1200, f"it stops at {end} ms; the words end at about {500 + spoken_ms} ms")
    committed = await client.expect("input_audio_buffer.committed")
    ids = {started.get("item_id"), stopped.get("item_id"), committed.get("item_id")}
    require(len(ids) == 1 and None not in ids, f"the events name different items: {ids}")
    await client.expect("conversation.item.added", lambda event: event["item"].get("id") in ids)
    await client.expect("response.done")


def _time(event: Event, field: str) -> int:
    value = event.get(field)
    if not isinstance(value, int):
        raise Violation(f"{event['type']} has {field} {value!r}, which is not a whole number")
    return value


async def _spoken(text: str) -> bytes:
    try:
        return await _say(text)
    except SpeechError as error:
        raise InconclusiveError(f"speech synthesis is missing: {error}") from None


async def _say(text: str) -> bytes:
    from trunkline.engine.speech.tts.espeak import EspeakTts

    voice = EspeakTts()
    try:
        return b"".join([chunk.pcm async for chunk in voice.speak(text, voice="cedar")])
    finally:
        await voice.aclose()


@functools.cache
def _hum(ms: int) -> bytes:
    """Return a hum that every voice activity detector reports."""
    at = np.arange(SAMPLE_RATE * ms // 1000) / SAMPLE_RATE
    wave = sum(np.sin(2 * np.pi * 130 * harmonic * at) / harmonic for harmonic in range(1, 8))
    return bytes((np.asarray(wave) * 6000).astype("<i2").tobytes())


CHECKS = {
    "push-to-talk": push_to_talk,
    "empty-commit": empty_commit,
    "cleared": cleared,
    "voice-activity": voice_activity,
}
