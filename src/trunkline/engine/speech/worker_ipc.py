"""Messages between the server and a worker process: msgpack structs, each after its length in 4 bytes.

A worker is started as `python -m MODULE`. It reads requests from its standard input and writes replies to its standard
output, first `Ready` or `Unusable`. It ends when its input closes, or when the server dies (`parent_watch`).
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from trunkline.parent_watch import end_with_parent

LENGTH_BYTES = 4


class Message(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """The base of all messages."""


class Ready(Message, frozen=True):
    """The worker has loaded its library and can take work without delay."""


class Unusable(Message, frozen=True):
    """The worker cannot work and ends; the reason says how to repair it."""

    reason: str


_encoder = msgspec.msgpack.Encoder()


def frame(message: Message) -> bytes:
    """Return the bytes of one message with its length before them."""
    body = _encoder.encode(message)
    return len(body).to_bytes(LENGTH_BYTES, "little") + body


def read_frames(pipe: BinaryIO) -> Iterator[bytes]:
    """Read the bodies of messages until the pipe closes."""
    while header := pipe.read(LENGTH_BYTES):
        yield pipe.read(int.from_bytes(header, "little"))


def open_replies() -> BinaryIO:
    """Return the worker's pipe for replies, and point its standard output elsewhere: libraries print there.

    From now on the worker ends with the server, and ignores Ctrl-C, which is for the server.
    """
    end_with_parent(sys.stdin.fileno())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    replies = os.fdopen(os.dup(1), "wb")
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.close(quiet)
    return replies


def send(replies: BinaryIO, message: Message) -> None:
    """Send a reply to the server; end the worker if the server has gone."""
    try:
        replies.write(frame(message))
        replies.flush()
    except BrokenPipeError:
        os._exit(0)
