"""HTML page with every conversation of a test run: its timeline, and its audio if it was spoken."""

from __future__ import annotations

import base64
import io
import secrets
import wave
from collections.abc import Sequence
from html import escape
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from trunkline.realtime.audio import BYTES_PER_MS, SAMPLE_RATE, Resampler
from trunkline.testing.caller_playout import CallerPlayout
from trunkline.testing.voice_call import VoiceCall

RECORDING_RATE = 16_000
"""The rate of the recordings in Hz: the caller on the left, the agents on the right."""


class ReportRow(TypedDict):
    """Row of a timeline."""

    at_ms: int
    who: str
    text: str
    kind: str
    here: bool


class CallReport(TypedDict):
    """Call as plain values. `audio_wav` is a WAV file in base64, or None."""

    title: str
    rows: list[ReportRow]
    because: str
    audio_wav: str | None


def call_report(call: VoiceCall, error: BaseException | None) -> CallReport:
    """Return the report of a call, and of the `error` that its test ended with."""
    rows = call.rows
    place = None
    if error is not None:
        seq = call.seq_of(error)
        place = max((index for index, row in enumerate(rows) if row.seq <= seq), default=0)
    return {
        "title": call.title,
        "rows": [
            {"at_ms": row.at_ms, "who": row.who, "text": row.text, "kind": row.kind, "here": index == place}
            for index, row in enumerate(rows)
        ],
        "because": "" if error is None else str(error) or type(error).__name__,
        "audio_wav": _recording(call.playout),
    }


def render_report(tests: Sequence[tuple[str, str, Sequence[CallReport]]]) -> str:
    """Return the page for tests, each with its name, outcome and calls.

    The page needs no other file. All texts are escaped.
    """
    nonce = secrets.token_urlsafe(12)
    failed = sum(outcome == "failed" for _test, outcome, _calls in tests)
    body = "".join(_test(*test) for test in tests) or "<p>No conversation took place.</p>"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Conversations</title>'
        f'<meta name="viewport" content="width=device-width">'
        f'<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; media-src data:; '
        f"style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'\">"
        f'<style nonce="{nonce}">{_STYLE}</style></head><body><h1>Conversations</h1>'
        f"<p>{len(tests)} tests, {failed} failed.</p>{body}"
        f'<script nonce="{nonce}">{_SCRIPT}</script></body></html>\n'
    )


def _test(test: str, outcome: str, calls: Sequence[CallReport]) -> str:
    opened = " open" if outcome == "failed" else ""
    return (
        f'<details class="{escape(outcome)}"{opened}><summary><b>{escape(outcome)}</b> {escape(test)}</summary>'
        + "".join(map(_call, calls))
        + "</details>"
    )


def _call(call: CallReport) -> str:
    audio_wav = ""
    if call["audio_wav"]:
        audio_wav = f'<audio controls preload="metadata" src="data:audio/wav;base64,{call["audio_wav"]}"></audio>'
    rows = []
    for row in call["rows"]:
        rows.append(
            f'<tr class="{escape(row["kind"])}" data-ms="{row["at_ms"]}"><td>{row["at_ms"] / 1000:.3f}</td>'
            f"<th>{escape(row['who'])}</th><td>{_lines(row['text'])}</td></tr>"
        )
        if row["here"]:
            rows.append(f'<tr class="here"><td></td><th>here</th><td>{_lines(call["because"])}</td></tr>')
    return f"<section><h2>{escape(call['title'])}</h2>{audio_wav}<table>{''.join(rows)}</table></section>"


def _lines(text: str) -> str:
    return "<br>".join(escape(line) for line in text.splitlines())


def _recording(playout: CallerPlayout) -> str | None:
    """Return both sides as a stereo WAV file in base64; None without a recording."""
    played = [segment for segment in playout.segments if segment.pcm]
    if not played and not any(playout.caller_audio):
        return None
    length = max(len(playout.caller_audio), *(int(one.start_ms) * BYTES_PER_MS + len(one.pcm) for one in played), 0)
    agents = bytearray(length)
    for one in played:
        start = int(one.start_ms) * BYTES_PER_MS
        agents[start : start + len(one.pcm)] = one.pcm
    caller, answer = _resampled(bytes(playout.caller_audio.ljust(length, b"\0"))), _resampled(bytes(agents))
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(2)
        wav.setsampwidth(2)
        wav.setframerate(RECORDING_RATE)
        wav.writeframes(np.column_stack((caller, answer)).tobytes())
    return base64.b64encode(file.getvalue()).decode()


def _resampled(pcm: bytes) -> NDArray[np.int16]:
    resampler = Resampler(SAMPLE_RATE, RECORDING_RATE)
    return np.frombuffer(resampler.feed(pcm) + resampler.flush(), "<i2")


_STYLE = """
:root{color-scheme:light dark}
body{font:15px/1.45 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
details{border:1px solid #8886;border-radius:.5rem;margin:.5rem 0;padding:.5rem .8rem}
summary{cursor:pointer}summary b{display:inline-block;min-width:4.5rem}
.failed>summary b{color:#c22}.passed>summary b{color:#297a3a}
h2{font-size:1rem;margin:.8rem 0 .3rem}audio{width:100%;margin:.3rem 0}
table{border-collapse:collapse;width:100%}td,th{padding:.15rem .5rem;text-align:left;vertical-align:top}
td:first-child{font-variant-numeric:tabular-nums;text-align:right;opacity:.7;white-space:nowrap;width:5rem}
th{white-space:nowrap;font-weight:600;width:9rem}tr[data-ms]{cursor:pointer}
.user th{color:#1c63b7}.event,.tool,.handoff{opacity:.75}.here{background:#c222;outline:1px solid #c22}
"""
_SCRIPT = """
document.querySelectorAll('tr[data-ms]').forEach(row => row.addEventListener('click', () => {
  const audio = row.closest('section').querySelector('audio');
  if (audio) { audio.currentTime = Math.max(0, row.dataset.ms / 1000 - 0.2); audio.play(); }
}));
"""
