"""Commands of the caller's page: the text frames that it sends over the call's WebSocket."""

from __future__ import annotations

import base64
import re
from typing import get_args

import msgspec

from trunkline.realtime.service_rules import SPEEDS, VOICES


class Command(msgspec.Struct, frozen=True, tag_field="type", forbid_unknown_fields=True):
    """Base of all commands; `type` is the tag."""


class Say(Command, frozen=True, tag="say"):
    """A typed message of the caller. It interrupts the agent."""

    text: str


class ShowImage(Command, frozen=True, tag="show_image"):
    """An image of the caller, as a data URL, with an optional text. It interrupts the agent like a typed message."""

    image_url: str
    text: str = ""


class Interrupt(Command, frozen=True, tag="interrupt"):
    """Interrupt the agent."""


class HangUp(Command, frozen=True, tag="hang_up"):
    """End the call."""


class Played(Command, frozen=True, tag="played"):
    """Report that the page has played `ms` milliseconds of the message `item_id` in total."""

    item_id: str
    ms: int


class MediaReady(Command, frozen=True, tag="media_ready"):
    """Report that the page's WebRTC connection is up, so that audio flows between page and model."""


class AudioReport(Command, frozen=True, tag="audio_report"):
    """Report the delays of the page's audio, when they have changed.

    Attributes:
        buffer_ms: the time that the agent's audio needs until the page can no longer stop it: network and buffers.
        output_ms: the time from there to the loudspeaker.
        echo_cancelled: true if the browser removes the agent's voice from the microphone; None without a microphone.
    """

    buffer_ms: int = 0
    output_ms: int = 0
    echo_cancelled: bool | None = None


class VoiceEnded(Command, frozen=True, tag="voice_ended"):
    """Report that the caller's voice ended `ms` milliseconds ago, by the level of the microphone."""

    ms: int


class AgentAudio(Command, frozen=True, tag="agent_audio"):
    """Report whether the agent can be heard at the page: over WebRTC its audio does not pass through the server.

    Attributes:
        audible: False in silence.
        since_ms: time since the change, in ms.
    """

    audible: bool
    since_ms: int = 0


class CallerAudio(Command, frozen=True, tag="caller_audio"):
    """Report whether the caller's audio leaves the page over WebRTC.

    Attributes:
        flows: False if no packet leaves the page. A muted microphone still sends packets, with silence.
        since_ms: time since the change, in ms.
    """

    flows: bool
    since_ms: int = 0


class AudioFrom(Command, frozen=True, tag="audio_from"):
    """Number the caller's audio on the relay, so that the page can send it again after a lost connection.

    Attributes:
        position: that of the next binary frame's first sample, in samples since the start of the leg.
        late_ms: duration of the audio from there on that has waited in the page.
    """

    position: int
    late_ms: int = 0


class PushToTalk(Command, frozen=True, tag="push_to_talk"):
    """Switch push-to-talk. While it is on, the caller is heard only between `press` and `release`."""

    on: bool


class Press(Command, frozen=True, tag="press"):
    """Push-to-talk: the caller begins to speak. It interrupts the agent."""


class Release(Command, frozen=True, tag="release"):
    """Push-to-talk: the caller has finished, and expects an answer."""


class Dtmf(Command, frozen=True, tag="dtmf"):
    """DTMF digits from a telephone keypad: `0`-`9`, `*`, `#`."""

    digits: str


class Approve(Command, frozen=True, tag="approve"):
    """The caller's decision on a tool that waits for approval; `call_id` is that of the tool call."""

    call_id: str
    approved: bool


class Voice(Command, frozen=True, tag="voice"):
    """Change the agent's voice (possible until it has spoken in the session) or its speed (0.25 to 1.5)."""

    voice: str | None = None
    speed: float | None = None


CommandUnion = (
    Say | ShowImage | Interrupt | HangUp | Played | MediaReady | AudioReport | VoiceEnded | AgentAudio | CallerAudio
    | AudioFrom | PushToTalk | Press | Release | Dtmf | Approve | Voice
)  # fmt: skip


class CommandError(ValueError):
    """Error for a frame that is not a valid command; its message says how to fix it."""


_decoder = msgspec.json.Decoder(CommandUnion)
MAX_TEXT_LENGTH = 16_000
"""Characters in one typed message."""
MAX_REPORTED_MS = 10_000
"""Limit of the durations in `audio_report` and `voice_ended`."""
MAX_POSITION = 1 << 53
"""The largest whole number that JavaScript has."""
MAX_LATE_MS = 30_000
"""Audio that may have waited in a page."""
MAX_IMAGE_LENGTH = 700_000
"""Characters of an image's data URL: some 500 kB."""
_IMAGE = re.compile(r"data:image/(png|jpeg|webp);base64,")
MIN_SPEED, MAX_SPEED = SPEEDS
"""Limits of the Realtime services."""
_DTMF_DIGITS = re.compile(r"[0-9*#]{1,64}")


def parse(frame: str | bytes) -> CommandUnion:
    """Decode the command in one text frame.

    Raises:
        CommandError: the frame has malformed JSON, an unknown type, or wrong fields.
    """
    try:
        command: CommandUnion = _decoder.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CommandError(f"Not a valid command: {error}. Allowed: {_allowed()}.") from None
    problem = _problem_with(command)
    if problem is not None:
        raise CommandError(problem)
    return command


def _problem_with(command: CommandUnion) -> str | None:  # noqa: C901 - one case for each rule
    match command:
        case Played(_, ms):  # the most frequent one
            return "'ms' of played is negative. Count from 0." if ms < 0 else None
        case Say(text) if not text.strip():
            return "The message is empty. Put text into 'text'."
        case ShowImage(image_url, _) if not _IMAGE.match(image_url):
            return "'image_url' is not an image. Send a data URL such as data:image/jpeg;base64,… of PNG, JPEG or WebP."
        case ShowImage(image_url, _) if len(image_url) > MAX_IMAGE_LENGTH:
            return f"The image has {len(image_url)} characters. Send at most {MAX_IMAGE_LENGTH}: make it smaller."
        case ShowImage(image_url, _) if not _is_base64(image_url.partition(",")[2]):
            return "'image_url' is not valid base64. Send a data URL such as data:image/jpeg;base64,…"
        case Say(text) | ShowImage(_, text) if len(text) > MAX_TEXT_LENGTH:
            return f"The text has {len(text)} characters. Send at most {MAX_TEXT_LENGTH}."
        case AudioReport(buffer_ms, output_ms) if not _are_delays(buffer_ms, output_ms):
            return f"A delay of audio_report is out of range. Send 0 to {MAX_REPORTED_MS} ms."
        case VoiceEnded(ms) if not _are_delays(ms):
            return f"'ms' of voice_ended is out of range. Send 0 to {MAX_REPORTED_MS} ms."
        case AgentAudio(_, ms) | CallerAudio(_, ms) if ms < 0:
            return "'since_ms' is negative. Count the time since the change from 0."
        case AudioFrom(position, late_ms) if not (0 <= position <= MAX_POSITION and 0 <= late_ms <= MAX_LATE_MS):
            return f"audio_from is out of range. Send a position from 0, and 'late_ms' of at most {MAX_LATE_MS}."
        case Dtmf(digits) if not _DTMF_DIGITS.fullmatch(digits):
            return "'digits' of dtmf is not valid. Send 1 to 64 of 0-9, * and #."
        case Voice(voice, speed) if voice is None and speed is None:
            return "The command voice changes nothing. Give it a 'voice', a 'speed', or both."
        case Voice(voice, _) if voice is not None and voice not in VOICES:
            return f"The Realtime services have no voice {voice!r}. Choose from: {', '.join(VOICES)}."
        case Voice(_, speed) if speed is not None and not MIN_SPEED <= speed <= MAX_SPEED:
            return f"'speed' of voice is out of range. Choose from {MIN_SPEED} to {MAX_SPEED}."
    return None


def _are_delays(*durations_ms: int) -> bool:
    return all(0 <= ms <= MAX_REPORTED_MS for ms in durations_ms)


def _is_base64(text: str) -> bool:
    try:
        return bool(base64.b64decode(text, validate=True))
    except ValueError:
        return False


def _allowed() -> str:
    """List every command with its fields, for an error message."""
    known = []
    for kind in get_args(CommandUnion):
        fields = ", ".join(f'"{field.name}"' for field in msgspec.structs.fields(kind))
        known.append(f"{kind.__struct_config__.tag} {{{fields}}}" if fields else str(kind.__struct_config__.tag))
    return ", ".join(known)
