"""What the caller's page may ask of a call: the text frames that go up the call's WebSocket."""

from __future__ import annotations

import re
from typing import get_args

import msgspec


class Command(msgspec.Struct, frozen=True, tag_field="type", forbid_unknown_fields=True):
    """What every command shares: `type` is its tag."""


class Say(Command, frozen=True, tag="say"):
    """A typed message. It interrupts what is being said."""

    text: str


class Interrupt(Command, frozen=True, tag="interrupt"):
    """Stop talking now."""


class HangUp(Command, frozen=True, tag="hang_up"):
    """End the call."""


class Played(Command, frozen=True, tag="played"):
    """The page has played `ms` milliseconds of the message `item_id` in all."""

    item_id: str
    ms: int


class MediaReady(Command, frozen=True, tag="media_ready"):
    """The page's WebRTC connection is up: sound flows between it and the model."""


class PushToTalk(Command, frozen=True, tag="push_to_talk"):
    """Push-to-talk on or off. While it is on, the caller is heard only between `press` and `release`."""

    on: bool


class Press(Command, frozen=True, tag="press"):
    """Push-to-talk: the caller begins to speak. It interrupts what is being said."""


class Release(Command, frozen=True, tag="release"):
    """Push-to-talk: the caller has spoken, and an answer is wanted."""


class Dtmf(Command, frozen=True, tag="dtmf"):
    """The caller pressed keys of a telephone: `0`-`9`, `*`, `#`."""

    digits: str


class Approve(Command, frozen=True, tag="approve"):
    """The caller allows a tool that waits for it, or does not."""

    call_id: str
    approved: bool


class Voice(Command, frozen=True, tag="voice"):
    """The agent's voice (before it has spoken in this session) and speed (0.25 to 1.5) from now on."""

    voice: str | None = None
    speed: float | None = None


CommandUnion = (
    Say | Interrupt | HangUp | Played | MediaReady | PushToTalk | Press | Release | Dtmf | Approve | Voice
)  # fmt: skip


class CommandError(ValueError):
    """A frame that is no command; the message says what is allowed."""


_decoder = msgspec.json.Decoder(CommandUnion)
MAX_TEXT = 16_000
"""Characters in one typed message."""
MIN_SPEED, MAX_SPEED = 0.25, 1.5
"""The speeds that the Realtime services allow."""
_DTMF_DIGITS = re.compile(r"[0-9*#]{1,64}")


def parse(frame: str | bytes) -> CommandUnion:
    """The command in one text frame.

    Raises:
        CommandError: malformed JSON, an unknown type, or wrong fields.
    """
    try:
        command: CommandUnion = _decoder.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CommandError(f"Not a command: {error}. Allowed: {_allowed()}.") from None
    problem = _problem_with(command)
    if problem is not None:
        raise CommandError(problem)
    return command


def _problem_with(command: CommandUnion) -> str | None:
    match command:
        case Say(text) if not text.strip():
            return "An empty message cannot be said. Put words into 'text'."
        case Say(text) if len(text) > MAX_TEXT:
            return f"The text has {len(text)} characters; at most {MAX_TEXT} are allowed."
        case Played(_, ms) if ms < 0:
            return "'ms' of played counts from 0."
        case Dtmf(digits) if not _DTMF_DIGITS.fullmatch(digits):
            return "'digits' of dtmf holds 1 to 64 of 0-9, * and #."
        case Voice(voice, speed) if voice is None and speed is None:
            return "Give voice a 'voice', a 'speed', or both."
        case Voice(_, speed) if speed is not None and not MIN_SPEED <= speed <= MAX_SPEED:
            return f"'speed' of voice is from {MIN_SPEED} to {MAX_SPEED}."
    return None


def _allowed() -> str:
    """Every command with its fields."""
    known = []
    for kind in get_args(CommandUnion):
        fields = ", ".join(f'"{field.name}"' for field in msgspec.structs.fields(kind))
        known.append(f"{kind.__struct_config__.tag} {{{fields}}}" if fields else str(kind.__struct_config__.tag))
    return ", ".join(known)
