"""A text model's service on loopback: it answers the Responses API, and chat completions word by word."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class TextService:
    """Gives its answers one after the other, the last for ever.

    Attributes:
        requests: the bodies that came, each with its `path`.
    """

    def __init__(self, *answers: str) -> None:
        self.requests: list[dict[str, Any]] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                text = answers[min(len(service.requests), len(answers) - 1)]
                service.requests.append({**body, "path": self.path})
                streams = self.path.endswith("/chat/completions")
                sent = _chunks(text) if streams else json.dumps(_response(text))
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream" if streams else "application/json")
                self.send_header("Content-Length", str(len(sent.encode())))
                self.end_headers()
                self.wfile.write(sent.encode())

            def log_message(self, *args: object) -> None:
                """Says nothing of the requests."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"


@contextmanager
def text_service(*answers: str) -> Iterator[TextService]:
    """The service, until the end of the block."""
    service = TextService(*answers)
    thread = threading.Thread(target=service.server.serve_forever)
    thread.start()
    try:
        yield service
    finally:
        service.server.shutdown()
        thread.join()
        service.server.server_close()


def _response(text: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    message = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [part]}
    return {"id": "r", "object": "response", "status": "completed", "model": "m", "output": [message]}


def _chunks(text: str) -> str:
    deltas: list[tuple[dict[str, Any], str | None]] = [({"content": f"{word} "}, None) for word in text.split(" ")]
    lines = []
    for delta, reason in [*deltas, ({}, "stop")]:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        chunk = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}
        lines.append(f"data: {json.dumps(chunk)}\n\n")
    return "".join([*lines, "data: [DONE]\n\n"])
