"""What the caller's page may ask of a call: the text frames that go up the call's WebSocket."""

from __future__ import annotations

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


CommandUnion = Say | Interrupt | HangUp | Played | MediaReady


class CommandError(ValueError):
    """A frame that is no command; the message says what is allowed."""


_decoder = msgspec.json.Decoder(CommandUnion)
MAX_TEXT = 16_000
"""Characters in one typed message."""


def parse(frame: str | bytes) -> CommandUnion:
    """The command in one text frame.

    Raises:
        CommandError: malformed JSON, an unknown type, or wrong fields.
    """
    try:
        command: CommandUnion = _decoder.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        allowed = 'say {"text"}, interrupt, hang_up, played {"item_id", "ms"}, media_ready'
        raise CommandError(f"Not a command: {error}. Allowed: {allowed}.") from None
    if isinstance(command, Say):
        if not command.text.strip():
            raise CommandError("An empty message cannot be said. Put words into 'text'.")
        if len(command.text) > MAX_TEXT:
            raise CommandError(f"The text has {len(command.text)} characters; at most {MAX_TEXT} are allowed.")
    if isinstance(command, Played) and command.ms < 0:
        raise CommandError("'ms' of played counts from 0.")
    return command
