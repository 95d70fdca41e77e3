"""Images in a real browser: a pasted or dropped image reaches a chat model that sees, and stands in the transcript."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Server

pytestmark = [pytest.mark.browser, pytest.mark.speech]
SCENARIO = """
from agents.realtime import RealtimeAgent
from trunkline import Scenario

clerk = RealtimeAgent(name="clerk", instructions="Describe images.")
viewer = Scenario("viewer", agents=[clerk])
"""
GIVES_AN_IMAGE = """async kind => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 40;
  const context = canvas.getContext("2d");
  context.fillStyle = "red";
  context.fillRect(0, 0, 40, 40);
  const blob = await new Promise(done => canvas.toBlob(done, "image/png"));
  const data = new DataTransfer();
  data.items.add(new File([blob], "square.png", { type: "image/png" }));
  const box = document.querySelector("textarea, input[type=text]");
  const event = kind === "paste"
    ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })
    : new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
  box.dispatchEvent(event);
}"""


class SeeingModel:
    """A chat model's server whose answer depends on whether the conversation has an image."""

    def __init__(self) -> None:

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                words = "A square." if "data:image/jpeg;base64," in body else "Show me something."
                choice = {"index": 0, "delta": {"content": words}, "finish_reason": None}
                chunk = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.end_headers()
                self.wfile.write(f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode())

            def log_message(self, *args: object) -> None:
                """Print nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/v1"


@pytest.fixture(scope="module")
def model() -> Iterator[SeeingModel]:
    running = SeeingModel()
    yield running
    running.server.shutdown()
    running.server.server_close()


@pytest.fixture(scope="module")
def viewer(model: SeeingModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    file: Path = tmp_path_factory.mktemp("viewer") / "viewer.py"
    file.write_text(SCENARIO)
    environment = {
        "TRUNKLINE_CHAT_BASE_URL": model.url,
        "TRUNKLINE_CHAT_MODEL": "seeing",
        "TRUNKLINE_CHAT_IMAGES": "true",
    }
    server = Server(str(file), environment=environment)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(permissions=["microphone"])
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("kind", ["paste", "drop"])
def test_an_image_is_shown_to_the_model_and_stands_in_the_transcript(kind: str, viewer: Server, page: Page) -> None:
    page.goto(f"{viewer.url}/?agentConfig=viewer&transport=websocket")
    transcript = page.get_by_role("region", name="Transcript")
    expect(transcript.get_by_text("Show me something.")).to_be_visible()
    page.evaluate(GIVES_AN_IMAGE, kind)
    image = transcript.get_by_role("img", name="Shown to the agent")
    expect(image).to_be_visible()
    assert image.evaluate("image => image.naturalWidth") == 40
    expect(transcript.get_by_text("A square.")).to_be_visible()
