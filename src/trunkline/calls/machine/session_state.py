"""State of the model session: the one answer to "is there a session?", shared by the parts of the machine."""

from __future__ import annotations

from enum import StrEnum, auto


class SessionState(StrEnum):
    """State of the session that the link reaches. docs/architecture.md has the diagram.

    Attributes:
        CONNECTING: the call has just begun, and no link is open.
        CONFIGURING: a link to a new session is open, and the agent's configuration is not sent yet.
        UP: the session works.
        RENEWING: the session works, and a new one is being opened to replace it.
        REPLACING: the session only fails; a new one is being opened, and nothing is requested before.
        RESUMABLE_GAP: the sideband is lost, but the session lives on; events wait in a buffer.
        DOWN: the session is lost; the link reconnects.
    """

    CONNECTING = auto()
    CONFIGURING = auto()
    UP = auto()
    RENEWING = auto()
    REPLACING = auto()
    RESUMABLE_GAP = auto()
    DOWN = auto()


_SENDING = frozenset({SessionState.UP, SessionState.RENEWING, SessionState.REPLACING})


class SessionStatus:
    """The current state of the session. `SessionLifecycle` changes it; all other parts read it, in each step."""

    def __init__(self) -> None:
        self.change(SessionState.CONNECTING)

    def change(self, state: SessionState) -> None:
        """Change the state."""
        self.state = state
        """The current state."""
        self.link_up = state in _SENDING
        """True if an event reaches the session now."""
        self.reaches_model = self.link_up or state is SessionState.RESUMABLE_GAP
        """True if an event reaches the current session now, or after the session is resumed."""
        self.accepts_requests = state in (SessionState.UP, SessionState.RENEWING)
        """True if a response can be requested."""
