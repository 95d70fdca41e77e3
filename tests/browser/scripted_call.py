"""The real console with a scripted call: the page of the real server, and a log that the test writes.

For what a page must show however seldom it happens: a guardrail that trips, a tool that asks, ten thousand events. What
the server and the engine do is tested with the real ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, Route, WebSocketRoute

from trunkline.calls import log, log_events

CALL = "call_scripted"
STARTED = log_events.CallStarted(CALL, "shop", "clerk", "websocket", "local", "shop", "2026-05-01T10:00:00.250Z")
TOOL = {
    "name": "checkout",
    "description": "Pays for what is in the cart.",
    "parameters": {"type": "object", "properties": {"item_id": {"type": "integer"}}, "required": ["item_id"]},
}


def agent(name: str, *handoffs: str, **more: Any) -> dict[str, Any]:
    """An agent as `/api/scenarios` describes it."""
    return {
        "name": name,
        "handoff_description": f"Knows about {name}.",
        "handoffs": list(handoffs),
        "tools": [],
        "tool_details": [],
        "guardrails": [],
        "instructions": f"You are {name}. Be brief.",
        **more,
    }


def scenario(name: str, *agents: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A scenario as `/api/scenarios` describes it."""
    return {
        "name": name,
        "title": name.capitalize(),
        "description": f"The {name} on the corner.",
        "voice": "sage",
        "things_to_say": ["I want to return a board.", "What is on sale?"],
        "guardrails": ["moderation"],
        "agents": list(agents),
        **more,
    }


SHOP = scenario(
    "shop",
    agent("clerk", "returns", "sales", tools=["checkout"], tool_details=[TOOL]),
    agent("returns", "clerk", "sales"),
    agent("sales", "clerk", "returns"),
)


class ScriptedCall:
    """A page whose call says what the test tells it to.

    Attributes:
        commands: what the page has sent up, in order.
        wanted: the bodies of its `POST /api/calls`.
    """

    def __init__(self, page: Page, scenarios: Iterable[dict[str, Any]] = (SHOP,), provider: str = "local") -> None:
        self.page = page
        self.commands: list[dict[str, Any]] = []
        self.wanted: list[dict[str, Any]] = []
        self._log: list[tuple[int, str]] = []
        self._socket: WebSocketRoute | None = None
        engine: dict[str, object] = {"stt": "PocketSphinx", "tts": "eSpeak", "model": None, "advice": []}
        self._health: dict[str, Any] = {"status": "ok", "version": "0", "provider": provider}
        if provider == "local":
            self._health["engine"] = engine
        self._scenarios = list(scenarios)
        page.route("**/api/**", self._answer)
        page.route_web_socket("**/api/calls/**", self._connect)

    def open(self, url: str) -> None:
        """Opens the console and waits until its call has begun."""
        self.page.goto(url)
        self.page.get_by_text("Call started").first.wait_for()

    def tell(self, *events: log_events.LogEventUnion, at_ms: int | None = None) -> None:
        """More of the log, 100 ms apart unless told otherwise."""
        for event in events:
            seq = len(self._log) + 1
            frame = log.frame_of(event, seq, 100 * seq if at_ms is None else at_ms)
            self._log.append((seq, frame))
            if self._socket:
                self._socket.send(frame)

    def says(self, item_id: str, text: str, agent: str = "clerk") -> None:
        """A whole message of an agent."""
        self.tell(
            log_events.MessageAdded(item_id, "assistant", agent=agent),
            log_events.MessageDelta(item_id, text),
            log_events.MessageDone(item_id, "assistant", text),
        )

    def asks(self, item_id: str, text: str) -> None:
        """A whole message of the caller."""
        self.tell(log_events.MessageAdded(item_id, "user"), log_events.MessageDone(item_id, "user", text))

    def end(self, reason: str = "hung up") -> None:
        """The call is over."""
        self.tell(log_events.CallEnded(reason))
        assert self._socket
        self._socket.close(code=1000)

    def restart(self) -> None:
        """Let the page's next call have a log of its own."""
        self._log.clear()

    def drop(self) -> None:
        """The page's connection breaks; the page makes a new one."""
        assert self._socket
        self._socket.close(code=3000)

    def command(self, kind: str) -> dict[str, Any]:
        """Waits for a command of this type."""
        for _ in range(100):
            if found := [command for command in self.commands if command["type"] == kind]:
                return found[-1]
            self.page.wait_for_timeout(20)
        raise AssertionError(f"no {kind!r} among {self.commands}")

    def _connect(self, socket: WebSocketRoute) -> None:
        self._socket = socket
        socket.on_message(lambda frame: self.commands.append(json.loads(frame)) if isinstance(frame, str) else None)
        socket.send(json.dumps({"seq": 0, "at_ms": 0, "kind": "leg.role", "role": "caller"}))
        after = int(parse_qs(urlsplit(socket.url).query)["after"][0])
        for seq, frame in self._log:
            if seq > after:
                socket.send(frame)
        if not self._log:
            self.tell(
                STARTED,
                log_events.LegJoined("leg", "websocket"),
                log_events.LinkUp("shop"),
                log_events.AgentChanged("clerk"),
            )

    def _answer(self, route: Route) -> None:
        path = route.request.url.split("?")[0].rsplit("/api/", 1)[1]
        answers: dict[str, Any] = {
            "health": self._health,
            "scenarios": self._scenarios,
            "problems": [],
            "ice-servers": {"ice_servers": []},
        }
        if path in answers:
            route.fulfill(json=answers[path])
        elif route.request.method == "DELETE":
            route.fulfill(status=204)
        else:
            if path == "calls":
                self.wanted.append(route.request.post_data_json or {})
            answer = {
                "call_id": CALL,
                "leg_id": "leg",
                "role": "caller",
                "grants": ["read", "speak", "end"],
                "transport": "websocket",
            }
            route.fulfill(status=201, json=answer)
