"""Lines of the server's log about one call, read from the call's log. They contain no words unless asked for."""

from __future__ import annotations

import logging
import re

from trunkline.calls import log, log_events
from trunkline.calls.metrics.turn_count import TurnCount
from trunkline.structured_log import log_event

logger = logging.getLogger("trunkline.calls.events")
SLOW_TOOL_MS = 3000
_ERROR_TYPE = re.compile(r"[A-Za-z_]\w*(?=:|\Z| \()")


class OperatorLines:
    """Writes the lines of one call. Give it every entry of the log, in order, from the first.

    Args:
        content: True writes the messages of errors of the scenario's code, which may repeat the caller's words.
    """

    def __init__(self, *, content: bool = False) -> None:
        self._content = content
        self._call = ""
        self._path: list[str] = []
        self._session: str | None = None
        """The provider's id of the session: its support asks for it."""
        self._transport = ""
        self._webrtc_page_left = False
        """The page's audio connection to the model ends with the page: the loss of the link is then no fault."""
        self._turns = TurnCount()
        self._cost: float | None = None
        self._tokens = 0

    def read(self, entry: log.Entry) -> None:  # noqa: C901 - one case for each event
        """Read the next entry."""
        event = entry.event
        if type(event) is log_events.WireReceived:
            if event.event["type"] == "session.created":
                self._session_created(event.event)
            return
        match event:
            case log_events.CallStarted() as started:
                self._call = started.call_id
                self._info(
                    "call.started",
                    scenario=started.scenario,
                    agent=started.agent,
                    transport=started.transport,
                    provider=started.provider,
                    model=started.model,
                )
            case log_events.CallTakenOver(call_id=call_id, agent=agent):
                self._call = call_id
                self._path.append(agent)
            case log_events.AgentChanged(agent=agent, previous=previous):
                self._path.append(agent)
                if previous is not None:
                    self._info("call.agent", agent=agent, previous=previous)
            case log_events.LegJoined(leg_id=leg, transport=transport):
                self._webrtc_page_left = False
                self._transport = transport
                self._info("leg.joined", leg=leg, transport=transport)
            case log_events.LegLost(leg_id=leg, reason=reason):
                self._webrtc_page_left = self._transport == "webrtc"
                self._info("leg.lost", leg=leg, reason=reason)
            case log_events.LinkLost(reason=reason, code=code, retry_in_ms=retry):
                tell = self._info if self._webrtc_page_left else self._warn
                tell("link.lost", reason=reason, code=code, retry_in_ms=retry, session=self._session)
            case log_events.LinkRestored(attempts=attempts, lost_for_ms=lost_for):
                self._info("link.restored", attempts=attempts, lost_for_ms=lost_for, session=self._session)
            case log_events.ModelChanged(model=model, previous=previous):
                self._warn("model.changed", model=model, previous=previous)
            case log_events.TurnStalled(reason=reason, silent_ms=silent):
                self._warn("turn.stalled", waits_for=reason, silent_ms=silent, session=self._session)
            case log_events.ToolDone() as tool:
                self._tool(tool)
            case log_events.GuardrailChecked(guardrail=name, status="fail" | "error" as status, category=category):
                self._warn("guardrail.tripped", guardrail=name, status=status, category=category)
            case log_events.CallError() as error:
                self._error(error)
            case log_events.MessageAdded() as added:
                self._turns.on_added(added)
            case log_events.MessageDone() as done:
                self._turns.on_done(done)
            case log_events.UsageUpdated(total=total, total_cost=cost):
                self._cost = cost
                self._tokens = sum(getattr(total, name) for name in _COUNTED)
            case log_events.CallEnded(reason=reason):
                self._info(
                    "call.ended",
                    reason=reason,
                    duration_s=round(entry.at_ms / 1000, 1),
                    turns=self._turns.turns,
                    agents=">".join(self._path),
                    tokens=self._tokens,
                    cost=self._cost,
                )

    def _session_created(self, event: dict[str, object]) -> None:
        session = event.get("session")
        if isinstance(session, dict) and isinstance(session.get("id"), str):
            self._session = session["id"]

    def _tool(self, tool: log_events.ToolDone) -> None:
        if tool.error is not None:
            kind = _ERROR_TYPE.match(tool.error)
            said = tool.error if self._content else (kind.group() if kind else None)
            self._warn("tool.failed", tool=tool.name, duration_ms=tool.duration_ms, error=said)
        elif tool.duration_ms >= SLOW_TOOL_MS:
            self._warn("tool.slow", tool=tool.name, duration_ms=tool.duration_ms)

    def _error(self, error: log_events.CallError) -> None:
        # A service's message has no words of the call but may quote an item; a scenario's may hold anything.
        shown = error.message if self._content or error.source in ("call", "leg") else None
        self._warn("call.error", source=error.source, code=error.code, session=self._session, message=shown)

    def _info(self, event: str, **fields: object) -> None:
        log_event(logger, logging.INFO, event, call=self._call, **fields)

    def _warn(self, event: str, **fields: object) -> None:
        log_event(logger, logging.WARNING, event, call=self._call, **fields)


_COUNTED = ("input_text", "input_audio", "output_text", "output_audio")
READ_KINDS: frozenset[log.Kind] = frozenset(
    {
        log_events.WireReceived,
        log_events.CallStarted,
        log_events.CallTakenOver,
        log_events.AgentChanged,
        log_events.LegJoined,
        log_events.LegLost,
        log_events.LinkLost,
        log_events.LinkRestored,
        log_events.ModelChanged,
        log_events.TurnStalled,
        log_events.ToolDone,
        log_events.GuardrailChecked,
        log_events.CallError,
        log_events.MessageAdded,
        log_events.MessageDone,
        log_events.UsageUpdated,
        log_events.CallEnded,
    }
)
"""The events that the lines are about; `session.created` is a `WireReceived`."""
