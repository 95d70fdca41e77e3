"""Audio receiver: one ordered stream from the packets, with pauses of their real duration."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest
from aiortc.rtp import RtpPacket
from av import AudioFrame, CodecContext

from trunkline.engine.transports.rtc_audio import (
    MAX_AHEAD_MS,
    MAX_DROPPED_MS,
    MAX_FILL_MS,
    MAX_GAP_MS,
    STOPPED_AFTER_S,
    AudioReceiver,
    PacedTrack,
)
from trunkline.realtime.audio import FORMATS, Resampler

RATE = 24_000
MS = 48
PAYLOAD_TYPES = {111: "opus", 0: "PCMU", 8: "PCMA"}


def tone(ms: int) -> bytes:
    return (11_000 * np.sin(2 * np.pi * 440 * np.arange(24 * ms) / RATE)).astype("<i2").tobytes()


def packets(payloads: list[bytes], *, payload_type: int = 0, first: int = 65_530, step: int = 160) -> list[RtpPacket]:
    """Return a sender's packets of 20 ms. Numbers and time stamps wrap around."""
    made = []
    for index, payload in enumerate(payloads):
        number, timestamp = (first + index) % 65_536, (2**32 - 800 + index * step) % 2**32
        packet = RtpPacket(payload_type=payload_type, sequence_number=number, timestamp=timestamp)
        packet.ssrc, packet.payload = 1, payload
        made.append(packet)
    return made


def ulaw(ms: int) -> list[bytes]:
    encoder = FORMATS["audio/pcmu"].encoder()
    wire = encoder.feed(tone(ms)) + encoder.flush()
    return [wire[start : start + 160] for start in range(0, len(wire), 160)]


def heard(sent: list[RtpPacket]) -> bytes:
    came = bytearray()
    hearing = AudioReceiver(came.extend)
    hearing.set_codecs(PAYLOAD_TYPES)
    for packet in sent:
        assert hearing.add(packet) == (False, None)
    return bytes(came)


def levels(pcm: bytes, ms: int = 20) -> list[bool]:
    """Return for each 20 ms whether it is audible."""
    step = ms * MS
    samples = np.frombuffer(pcm[: len(pcm) // step * step], "<i2").reshape(-1, step // 2).astype(float)
    return [bool(level > 300) for level in np.sqrt((samples**2).mean(axis=1))]


def test_audio_is_passed_on_with_its_packet() -> None:
    came = bytearray()
    hearing = AudioReceiver(came.extend)
    hearing.set_codecs(PAYLOAD_TYPES)
    for count, packet in enumerate(packets(ulaw(200)), start=1):
        hearing.add(packet)
        assert len(came) >= (count * 20 - 4) * MS


def test_opus_mono_and_stereo_become_24_khz_mono() -> None:
    for layout, channels in (("mono", 1), ("stereo", 2)):
        codec = CodecContext.create("libopus", "w")
        codec.format, codec.layout, codec.sample_rate, codec.time_base = "s16", layout, 48_000, Fraction(1, 48_000)
        up = Resampler(RATE, 48_000)
        wide = np.frombuffer(up.feed(tone(1000)) + up.flush(), "<i2").repeat(channels)
        payloads = []
        for start in range(0, len(wide), 960 * channels):
            frame = AudioFrame(format="s16", layout=layout, samples=960)
            frame.planes[0].update(wide[start : start + 960 * channels].tobytes())
            frame.sample_rate, frame.pts = 48_000, start // channels
            payloads += [bytes(packet) for packet in codec.encode(frame)]
        pcm = np.frombuffer(heard(packets(payloads, payload_type=111, step=960)), "<i2").astype(float)
        assert len(pcm) == pytest.approx(24_000, abs=480)
        spectrum = np.abs(np.fft.rfft(pcm[4800:19_200]))
        assert np.argmax(spectrum) * RATE / 14_400 == pytest.approx(440, abs=3)
        assert np.sqrt((pcm[4800:19_200] ** 2).mean()) == pytest.approx(11_000 / 2**0.5, rel=0.15)


def test_packets_out_of_order_are_put_in_order() -> None:
    sent = packets(ulaw(400))
    shuffled = [packet for start in range(0, 20, 3) for packet in reversed(sent[start : start + 3])]
    first = shuffled.index(sent[0])
    shuffled[0], shuffled[first] = shuffled[first], shuffled[0]
    assert heard(shuffled) == heard(sent)


def test_a_packet_that_comes_twice_is_heard_once() -> None:
    sent = packets(ulaw(200))
    assert heard([packet for packet in sent for _ in range(2)]) == heard(sent)


def test_a_lost_packet_is_a_pause_and_holds_the_others_up_for_80_ms_at_most() -> None:
    sent = packets(ulaw(400))
    lost = sent[:5] + sent[6:]
    assert len(heard(lost)) == len(heard(sent))
    assert 3 <= levels(heard(lost), 5).count(False) <= 4
    assert len(heard(lost[:8])) < 6 * 20 * MS < len(heard(lost[:10]))


def test_a_caller_who_stops_sending_is_silent_for_as_long() -> None:
    sent = packets(ulaw(200))
    for packet in sent[5:]:
        packet.timestamp = (packet.timestamp + 8000) % 2**32
    assert len(heard(sent)) == pytest.approx(1200 * MS, abs=5 * MS)


def test_no_pause_is_longer_than_two_seconds() -> None:
    sent = packets(ulaw(200))
    for packet in sent[5:]:
        packet.timestamp = (packet.timestamp + 8000 * 3600) % 2**32
    assert len(heard(sent)) == pytest.approx(2200 * MS, abs=5 * MS)


def test_a_sender_that_starts_again_is_followed() -> None:
    one, other = packets(ulaw(200)), packets(ulaw(200), first=20_000)
    assert len(heard(one + other)) == pytest.approx(400 * MS, abs=8 * MS)
    for packet in other:
        packet.ssrc = 2
    assert len(heard(one + other)) == pytest.approx(400 * MS, abs=8 * MS)


def test_unknown_payload_types_and_invalid_audio_are_ignored() -> None:
    for payload_type in (96, 111):
        assert heard(packets([b"\xff\xff\xff garbage"] * 5, payload_type=payload_type)) == b""
    assert heard(packets([b""] * 5)) == b""


def test_any_order_of_packets_is_accepted() -> None:
    randomly = random.Random(5)
    sent = packets(ulaw(2000))
    for _ in range(50):
        came = [packet for packet in sent if randomly.random() > 0.2]
        came.sort(key=lambda packet: sent.index(packet) + randomly.randint(0, 12))
        assert len(heard(came)) <= 2200 * MS


@pytest.mark.parametrize("codec", ["opus", "PCMU", "PCMA"])
async def test_sent_audio_is_audible_and_sent_silence_is_silent(codec: str) -> None:
    frames: list[bytes | None] = [tone(400)[start : start + 960] for start in range(0, 400 * MS, 960)]
    queue = [None, *frames, *([None] * 30)]
    track = PacedTrack(lambda: queue.pop(0))
    track.set_codec(codec)
    number = next(number for number, name in PAYLOAD_TYPES.items() if name == codec)
    count = len(queue)
    payloads = [bytes(await track.recv()) for _ in range(count)]
    audible = levels(heard(packets(payloads, payload_type=number, step=960 if codec == "opus" else 160)))
    assert sum(audible) == pytest.approx(20, abs=2)
    assert not any(audible[23:])
    assert len(set(payloads[-5:])) == 1


class Flood:
    """A caller's packets, with a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.came = bytearray()
        self.hearing = AudioReceiver(self.came.extend, lambda: self.now)
        self.hearing.set_codecs(PAYLOAD_TYPES)

    @property
    def heard_ms(self) -> int:
        return len(self.came) // MS

    def send(self, sent: list[RtpPacket], *, every_s: float = 0.0) -> None:
        for packet in sent:
            self.now += every_s
            self.hearing.add(packet)


def test_all_audio_of_a_caller_with_a_fast_clock_is_kept() -> None:
    flood = Flood()
    flood.send(packets(ulaw(20_000)), every_s=0.019)
    assert flood.heard_ms > 19_900
    assert not flood.hearing.flooded


def test_all_delayed_audio_is_kept() -> None:
    flood = Flood()
    flood.now = 4.0
    flood.send(packets(ulaw(4000)))
    assert flood.heard_ms > 3900


def test_audio_above_the_real_time_rate_is_dropped() -> None:
    flood = Flood()
    flood.send(packets(ulaw(60_000)), every_s=0.001)
    assert flood.heard_ms < MAX_AHEAD_MS + 3 * 1100 + 100


def test_pauses_from_time_stamps_are_limited() -> None:
    flood = Flood()
    flood.send(packets(ulaw(20_000), step=160_000), every_s=0.02)
    assert flood.heard_ms < MAX_AHEAD_MS + 20 * 1100 + MAX_GAP_MS


def test_after_a_flood_the_caller_is_heard_again() -> None:
    flood = Flood()
    flood.send(packets(ulaw(20_000)))
    before = flood.heard_ms
    flood.now += 10
    later = packets(ulaw(1000), first=65_530 + 1000)
    flood.send(later, every_s=0.02)
    assert flood.heard_ms - before > 900


def test_an_endless_flood_is_reported() -> None:
    flood = Flood()
    flood.send(packets(ulaw(MAX_AHEAD_MS + MAX_DROPPED_MS + 2000)))
    assert flood.hearing.flooded


def test_too_many_streams_are_reported() -> None:
    flood = Flood()
    for number, packet in enumerate(packets(ulaw(2000))):
        packet.ssrc = number
        flood.send([packet], every_s=0.02)
    assert flood.hearing.flooded


def test_audio_that_stops_becomes_silence_in_real_time_for_a_while() -> None:
    caller = Flood()
    caller.hearing.fill_if_stopped()
    caller.send(packets(ulaw(200)), every_s=0.02)
    spoken_ms = caller.heard_ms
    caller.now += STOPPED_AFTER_S - 0.1
    caller.hearing.fill_if_stopped()
    assert caller.heard_ms == spoken_ms
    for second in range(10):
        caller.now += 1.0
        caller.hearing.fill_if_stopped()
        assert abs(caller.heard_ms - spoken_ms - min(2_900 + 1_000 * second, MAX_FILL_MS)) <= 20
    assert not any(caller.came[-MAX_FILL_MS * MS :])


def test_a_filled_pause_is_not_filled_again_when_audio_resumes() -> None:
    caller = Flood()
    before, after = packets(ulaw(200))[:5], packets(ulaw(5_200))[-5:]
    after = [renumbered(packet, 65_535 + index) for index, packet in enumerate(after)]
    caller.send(before, every_s=0.02)
    caller.now += 5.0
    caller.hearing.fill_if_stopped()
    caller.send(after, every_s=0.02)
    assert abs(caller.heard_ms - (100 + 5_000 + 100)) <= 40


def renumbered(packet: RtpPacket, number: int) -> RtpPacket:
    packet.sequence_number = number % 65_536
    return packet
