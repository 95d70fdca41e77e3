"""Exported calls: one file, which reads back as it was, and every damaged or foreign file refused with a reason."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from trunkline.calls import log_events
from trunkline.calls.log import Entry, parse_frame
from trunkline.calls.log_events import UnknownEvent
from trunkline.store.export_file import ExportedCall, ExportFileError, read_export, renamed, write_export
from trunkline.store.notes import CallNote
from trunkline.store.stored_call import StoredCall
from trunkline.store.summary import SummaryMeter

OGG = b"OggS" + bytes(24) + b"OpusHead" + bytes(range(256)) * 20


def recorded(audio: Path | None = None) -> ExportedCall:
    """Return a short call."""
    entries = (
        Entry(
            1,
            0,
            log_events.CallStarted(
                call_id="call_1",
                scenario="hello",
                agent="host",
                transport="websocket",
                provider="local",
                model="m",
                started_at="2026-11-30T10:00:00.000+00:00",
            ),
        ),
        Entry(2, 900, log_events.MessageDone(item_id="i", role="user", text="Grüß Gott \N{WAVING HAND SIGN}\nhello")),
        Entry(5, 950, UnknownEvent("later.kind", {"a": [1, None]})),
        Entry(6, 1200, log_events.CallEnded(reason="caller hung up")),
    )
    meter = SummaryMeter("full")
    for entry in entries:
        meter.read(entry)
    summary = meter.summary()
    assert summary is not None
    note = CallNote(note_id="n", at_ms=900, seq=2, text="Listen!", created_at="2026-11-30T11:00:00.000+00:00")
    return ExportedCall(StoredCall(summary, entries, audio), (note,))


def exported(path: Path, call: ExportedCall) -> Path:
    with path.open("wb") as file:
        write_export(file, call)
    return path


def test_an_exported_call_reads_back_as_it_was(tmp_path: Path) -> None:
    audio = tmp_path / "a.ogg"
    audio.write_bytes(OGG)
    path = exported(tmp_path / "one.trunkline", recorded(audio))
    read = read_export(path, tmp_path)
    assert read.call.entries == recorded().call.entries
    assert read.notes == recorded().notes
    assert read.call.summary.has_audio
    assert read.call.summary.call_id == "call_1"
    assert read.call.audio is not None
    assert read.call.audio.read_bytes() == OGG


def test_a_call_without_audio_reads_back_without_audio(tmp_path: Path) -> None:
    read = read_export(exported(tmp_path / "one.trunkline", recorded()), tmp_path)
    assert read.call.audio is None
    assert read.call.summary == recorded().call.summary


def test_an_export_can_be_written_to_a_stream_that_cannot_seek(tmp_path: Path) -> None:
    class Stream(io.RawIOBase):
        def __init__(self) -> None:
            self.content = b""

        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            block = bytes(data)  # type: ignore[call-overload]  # a buffer, as zipfile writes
            self.content += block
            return len(block)

    stream = Stream()
    write_export(stream, recorded())  # type: ignore[arg-type]  # it only writes
    path = tmp_path / "streamed.trunkline"
    path.write_bytes(stream.content)
    assert read_export(path, tmp_path).call.entries == recorded().call.entries


def test_a_call_can_be_imported_under_another_id() -> None:
    call = renamed(recorded(), "call_2").call
    assert call.summary.call_id == "call_2"
    started = call.entries[0].event
    assert isinstance(started, log_events.CallStarted)
    assert started.call_id == "call_2"
    assert call.entries[1:] == recorded().call.entries[1:]


def repacked(path: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """Write the archive again with other parts."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    change(parts)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def set_part(name: str, change: Callable[[bytes], bytes]) -> Callable[[dict[str, bytes]], None]:
    return lambda parts: parts.__setitem__(name, change(parts.get(name, b"")))


DAMAGED = {
    "its format is 'other'": set_part("manifest.json", lambda text: text.replace(b"trunkline-call", b"other")),
    "version 99 of the format": set_part("manifest.json", lambda text: text.replace(b'"version": 1', b'"version": 99')),
    "manifest.json is invalid": set_part("manifest.json", lambda _text: b"{nonsense"),
    "status": set_part("manifest.json", lambda text: text.replace(b'"ended"', b'"happy"')),
    "too large": set_part("manifest.json", lambda text: text + b" " * (5 << 20)),
    "line 2 of log.jsonl": set_part("log.jsonl", lambda text: text.replace(b'"seq":2,', b"")),
    "the number 1 follows 1": set_part("log.jsonl", lambda text: text.splitlines(keepends=True)[0] * 2),
    "does not begin with call.started": set_part("log.jsonl", lambda text: text.partition(b"\n")[2]),
    "its log does not": set_part("log.jsonl", lambda _text: b""),
    "are of two calls": set_part("log.jsonl", lambda text: text.replace(b"call_1", b"call_9")),
    "audio is not Ogg Opus": set_part("audio.ogg", lambda _text: b"RIFF"),
    "it has no manifest.json": lambda parts: parts.pop("manifest.json") and None,
    "it also has '../../evil'": set_part("../../evil", lambda _text: b"x"),
}


@pytest.mark.parametrize(("reason", "change"), DAMAGED.items(), ids=list(DAMAGED))
def test_a_damaged_file_is_refused_with_the_reason(
    tmp_path: Path, reason: str, change: Callable[[dict[str, bytes]], None]
) -> None:
    path = repacked(exported(tmp_path / "one.trunkline", recorded()), change)
    with pytest.raises(ExportFileError, match=re.escape(reason)) as raised:
        read_export(path, tmp_path)
    assert str(path) in str(raised.value)


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "one.trunkline"
    with pytest.raises(ExportFileError, match="does not exist"):
        read_export(path, tmp_path)
    path.write_bytes(b"hello")
    with pytest.raises(ExportFileError, match="is not an exported call"):
        read_export(path, tmp_path)
    whole = exported(path, recorded()).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ExportFileError, match=r"exported call|damaged"):
        read_export(path, tmp_path)
    for place in range(40, len(whole) - 200, 97):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            read = read_export(path, tmp_path)
        except ExportFileError:
            continue
        assert read.call.entries == recorded().call.entries  # the byte is one that readers may ignore


def test_frames_of_the_file_are_those_of_the_log(tmp_path: Path) -> None:
    path = exported(tmp_path / "one.trunkline", recorded())
    with zipfile.ZipFile(path) as archive:
        lines = archive.read("log.jsonl").decode().splitlines()
    assert [parse_frame(line) for line in lines] == list(recorded().call.entries)
