"""Ogg Opus files (RFC 3533, RFC 7845): pages of one second, written, read, and joined without decoding.

Each packet holds 20 ms. A segment of a recording is a file of its own. Its packets continue those of the segment
before, so that joining changes page headers alone.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trunkline.realtime.audio import SAMPLE_RATE

GRANULE_RATE = 48_000
"""Granule positions of Ogg Opus count at this rate, for any input."""
FRAME_MS = 20
GRANULES_PER_PACKET = GRANULE_RATE * FRAME_MS // 1000
GRANULES_PER_SAMPLE = GRANULE_RATE // SAMPLE_RATE
PRE_SKIP = 312
"""Delay of libopus in granules: decoders drop so much at the start."""
PACKETS_PER_PAGE = 1000 // FRAME_MS
PACKETS_PER_SEGMENT = 10_000 // FRAME_MS
SILENT_PACKET = b"\xfc\xff\xfe"
"""20 ms of silence in stereo."""
_BEGINS, _ENDS = 2, 4
_HEADER = struct.Struct("<4sBBqIIIB")
_HEAD = b"OpusHead" + struct.pack("<BBHIhB", 1, 2, PRE_SKIP, SAMPLE_RATE, 0, 0)
_TAGS = b"OpusTags" + struct.pack("<I", 9) + b"trunkline" + struct.pack("<I", 0)
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_MAX_LACING = 255


class OggError(ValueError):
    """The data are not a segment of a recording."""


@dataclass(frozen=True)
class Page:
    """A page of packets: `lacing` has their sizes, `body` their bytes."""

    lacing: bytes
    body: bytes
    granule: int = 0
    ends: bool = False

    @property
    def packets(self) -> int:
        """The number of packets; no packet continues on the next page."""
        return len(self.lacing) - self.lacing.count(255)

    def first(self, packets: int) -> Page:
        """Return the first packets of this page."""
        if packets >= self.packets:
            return self
        sizes = b""
        for lacing, seen in _with_count(self.lacing):
            if seen == packets:
                break
            sizes += bytes([lacing])
        return Page(sizes, self.body[: sum(sizes)])


def pages_of(packets: Sequence[bytes]) -> Iterator[Page]:
    """Yield packets as pages.

    Raises:
        OggError: a page's packets are too long.
    """
    for start in range(0, len(packets), PACKETS_PER_PAGE):
        some = packets[start : start + PACKETS_PER_PAGE]
        lacing = b"".join(b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255]) for packet in some)
        if len(lacing) > _MAX_LACING:
            half = PACKETS_PER_PAGE // 2
            if len(some) <= half:
                raise OggError("The packets of half a second have too many bytes for one page.")
            yield from _halves(some, half)
        else:
            yield Page(lacing, b"".join(some))


def silence(packets: int) -> Iterator[Page]:
    """Yield silence of a number of packets."""
    whole = Page(bytes([len(SILENT_PACKET)]) * PACKETS_PER_PAGE, SILENT_PACKET * PACKETS_PER_PAGE)
    while packets > 0:
        yield whole.first(packets)
        packets -= PACKETS_PER_PAGE


class OggWriter:
    """Writer of one Ogg Opus stream.

    Args:
        serial: the number of the stream.
    """

    def __init__(self, serial: int = 1) -> None:
        self._serial = serial
        self._sequence = 0
        self._granule = 0

    def head(self) -> bytes:
        """Return the two pages before the audio."""
        return self._page(_BEGINS, 0, bytes([len(_HEAD)]), _HEAD) + self._page(0, 0, bytes([len(_TAGS)]), _TAGS)

    def page(self, page: Page, end_granule: int | None = None) -> bytes:
        """Return the next page. The last one has `end_granule`: the length of the audio with the codec's delay."""
        self._granule += page.packets * GRANULES_PER_PACKET
        granule = self._granule if end_granule is None else end_granule
        return self._page(0 if end_granule is None else _ENDS, granule, page.lacing, page.body)

    def _page(self, flags: int, granule: int, lacing: bytes, body: bytes) -> bytes:
        head = _HEADER.pack(b"OggS", 0, flags, granule, self._serial, self._sequence, 0, len(lacing))
        page = head + lacing + body
        self._sequence += 1
        return page[:22] + struct.pack("<I", _checksum(page)) + page[26:]


def write_segment(packets: Sequence[bytes], end_samples: int | None = None) -> bytes:
    """Return a segment as a file.

    Args:
        packets: its audio.
        end_samples: the length of the audio at 24 kHz, for the last segment of a recording.
    """
    writer = OggWriter()
    pages = list(pages_of(packets))
    end = None if end_samples is None else end_samples * GRANULES_PER_SAMPLE + PRE_SKIP
    parts = [writer.head(), *(writer.page(page) for page in pages[:-1])]
    if pages:
        parts.append(writer.page(pages[-1], end))
    return b"".join(parts)


def read_segment(data: bytes) -> list[Page]:
    """Return the pages of audio in a segment's file. A file that was cut off gives its whole pages.

    Raises:
        OggError: the file is not a segment.
    """
    pages: list[Page] = []
    at = 0
    while at + _HEADER.size <= len(data):
        magic, version, flags, granule, _serial, sequence, checksum, count = _HEADER.unpack_from(data, at)
        if magic != b"OggS" or version != 0:
            raise OggError(f"A page of the segment is damaged at byte {at}.")
        lacing = data[at + _HEADER.size : at + _HEADER.size + count]
        end = at + _HEADER.size + count + sum(lacing)
        if len(lacing) < count or end > len(data):
            break
        page = data[at:end]
        if _checksum(page[:22] + bytes(4) + page[26:]) != checksum:
            raise OggError(f"A page of the segment has a wrong checksum at byte {at}.")
        if sequence >= 2:  # the first two are the stream's head
            pages.append(Page(lacing, page[_HEADER.size + count :], granule, bool(flags & _ENDS)))
        at = end
    if at == 0:
        raise OggError("The segment is not an Ogg file.")
    return pages


def packets_of(page: Page) -> Iterator[bytes]:
    """Yield the packets of a page."""
    at = size = 0
    for lacing in page.lacing:
        size += lacing
        if lacing < _MAX_LACING:
            yield page.body[at : at + size]
            at, size = at + size, 0


def divide(data: bytes) -> list[bytes]:
    """Return a joined file as segments of 10 s.

    Raises:
        OggError: the file is not an Ogg Opus file of packets of 20 ms in stereo.
    """
    pages = read_segment(data)
    if data[28 : 28 + len(_HEAD)] != _HEAD:
        raise OggError("Its codec is another one.")
    packets = [packet for page in pages for packet in packets_of(page)]
    samples = samples_of(pages)
    count = PACKETS_PER_SEGMENT
    segments = [packets[start : start + count] for start in range(0, len(packets), count)]
    if len(segments) > 1 and samples <= (len(segments) - 1) * count * FRAME_MS * SAMPLE_RATE // 1000:
        segments[-2] += segments.pop()  # only the codec's delay
    left = samples - (len(segments) - 1) * count * FRAME_MS * SAMPLE_RATE // 1000
    ends = [*[None] * (len(segments) - 1), left]
    return [write_segment(some, end) for some, end in zip(segments, ends, strict=True)]


def samples_of(pages: Sequence[Page]) -> int:
    """Return the length of a segment in samples at 24 kHz."""
    if pages and pages[-1].ends:
        return max(0, pages[-1].granule - PRE_SKIP) // GRANULES_PER_SAMPLE
    return sum(page.packets for page in pages) * GRANULES_PER_PACKET // GRANULES_PER_SAMPLE


def _halves(packets: Sequence[bytes], half: int) -> Iterator[Page]:
    for some in (packets[:half], packets[half:]):
        lacing = b"".join(b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255]) for packet in some)
        if len(lacing) > _MAX_LACING:
            raise OggError("The packets of half a second have too many bytes for one page.")
        yield Page(lacing, b"".join(some))


def _with_count(lacing: bytes) -> Iterator[tuple[int, int]]:
    """Yield each lacing value with the number of packets that are complete before it."""
    seen = 0
    for value in lacing:
        yield value, seen
        seen += value < _MAX_LACING


def _checksum(page: bytes) -> int:
    """Return the checksum of a page with 0 in the place of its checksum.

    Ogg's CRC-32 has the polynomial of zlib's, with the bits of each byte in the other order, and no initial value.
    """
    mirrored = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(mirrored.to_bytes(4, "little").translate(_REVERSED), "big")
