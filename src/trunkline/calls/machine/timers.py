"""Timers of the call's machine."""

from __future__ import annotations

from enum import StrEnum, auto


class Timer(StrEnum):  # a dict finds a text faster than another enum member
    """A timer; the shell keeps at most one of each.

    Attributes:
        ANSWER: the service must answer the caller's turn by itself, or commit it.
        CALLER: the caller must come, or come back.
        CALLER_AUDIO: the caller's audio must continue while they speak.
        COMMIT: push-to-talk commits the caller's audio.
        FILLER: a filler is due, or has been played.
        GOODBYE: the agent must finish its goodbye.
        HAND_OVER: the caller has heard the agent's audio, so that the call can be handed over.
        INTERRUPTION: the caller's speech over the agent's must be decided.
        IDLE: the caller must say or do something.
        LIMIT_WARNING: the page gets a notice of the maximum duration.
        MAX_CALL: the call reaches its maximum duration.
        MISSED_ITEMS: the session must show the items that it got while no server was attached to it.
        MISSED_RESPONSE: a response that was in progress when the sideband dropped must end.
        MISSED_STOP: audio over WebRTC has ended, though the service's report of it was missed.
        NOTICE: the call must get a sign of what it waits for.
        RENEWAL: the session must be renewed.
        RESEND: a new session must detect the turns in the resent audio.
        RETRY: the service's retry delay is over.
        SESSION_CONFIRMATION: the service must confirm an agent's session.
        STALL: the response in progress must continue.
        TRUNCATION: a truncation waits no longer for the page or the service.
    """

    ANSWER = auto()
    CALLER = auto()
    CALLER_AUDIO = auto()
    COMMIT = auto()
    FILLER = auto()
    GOODBYE = auto()
    HAND_OVER = auto()
    IDLE = auto()
    INTERRUPTION = auto()
    LIMIT_WARNING = auto()
    MAX_CALL = auto()
    MISSED_ITEMS = auto()
    MISSED_RESPONSE = auto()
    MISSED_STOP = auto()
    NOTICE = auto()
    RENEWAL = auto()
    RESEND = auto()
    RETRY = auto()
    SESSION_CONFIRMATION = auto()
    STALL = auto()
    TRUNCATION = auto()
