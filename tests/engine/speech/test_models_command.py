"""`trunkline models`: what there is, and fetching weights from a hub, here one on loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from trunkline.cli import app
from trunkline.engine.speech import SpeechError
from trunkline.engine.speech.weights import find

FILES = ("config.json", "tokenizer.json", "vocabulary.txt", "model.bin")


class Hub:
    """A model hub. `broken` files end too early; `missing` ones are not there."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.broken: set[str] = set()
        self.missing: set[str] = set()
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub.asked.append(self.path)
                name = self.path.rpartition("/")[2]
                body = name.encode() * 1000
                self.send_response(404 if name in hub.missing else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[:100] if name in hub.broken else body)

            def log_message(self, *args: object) -> None:
                """Says nothing of the requests."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    hub = Hub()
    thread = threading.Thread(target=hub.server.serve_forever)
    thread.start()
    monkeypatch.setenv("TRUNKLINE_MODEL_HUB", hub.url)
    monkeypatch.setenv("TRUNKLINE_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)
    yield hub
    hub.server.shutdown()
    thread.join()
    hub.server.server_close()


def test_showing_what_there_is_fetches_nothing(hub: Hub) -> None:
    shown = CliRunner().invoke(app, ["models"])
    assert shown.exit_code == 0
    for words in ("recogniser  sphinx     in use", "voice       espeak     in use", "whisper-base.en"):
        assert words in shown.output
    assert "whisper is more accurate than the STT in use" in shown.output
    assert not hub.asked


def test_without_a_setting_the_best_recogniser_is_in_use(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRUNKLINE_STT")
    shown = CliRunner().invoke(app, ["models"])
    assert "recogniser  whisper    in use" in shown.output
    assert "hears better" not in shown.output


def test_fetching_puts_the_files_where_they_are_looked_for_and_shows_progress(hub: Hub, tmp_path: Path) -> None:
    fetched = CliRunner().invoke(app, ["models", "fetch", "whisper-tiny.en"])
    assert fetched.exit_code == 0, fetched.output
    assert hub.asked == [f"/Systran/faster-whisper-tiny.en/resolve/main/{name}" for name in FILES]
    folder = tmp_path / "models" / "whisper-tiny.en"
    assert {name: (folder / name).read_bytes() for name in FILES} == {name: name.encode() * 1000 for name in FILES}
    find("whisper-tiny.en", tmp_path / "models").verify()
    (folder / "model.bin").write_bytes(b"damaged")
    with pytest.raises(SpeechError, match=r"model\.bin is not the file"):
        find("whisper-tiny.en", tmp_path / "models").verify()
    assert "model.bin: 0.0 of 0 MB, 100 %" in fetched.output
    assert "about 75 MB, installed" in CliRunner().invoke(app, ["models"]).output


def test_a_second_time_fetches_only_what_is_missing(hub: Hub, tmp_path: Path) -> None:
    hub.broken = {"vocabulary.txt"}
    broken = CliRunner().invoke(app, ["models", "fetch", "whisper-tiny"])
    assert broken.exit_code == 1
    assert "broke off" in broken.output
    folder = tmp_path / "models" / "whisper-tiny"
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "sha256.json", "tokenizer.json"]
    hub.broken, hub.asked = set(), []
    assert CliRunner().invoke(app, ["models", "fetch", "whisper-tiny"]).exit_code == 0
    assert [path.rpartition("/")[2] for path in hub.asked] == ["vocabulary.txt", "model.bin"]
    again = CliRunner().invoke(app, ["models", "fetch", "whisper-tiny"])
    assert "is already in" in again.output


def test_a_hub_that_has_it_not_or_is_not_there_is_told_and_nothing_is_left(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.missing = {"config.json"}
    refused = CliRunner().invoke(app, ["models", "fetch", "whisper-base"])
    assert refused.exit_code == 1
    assert "status 404" in refused.output
    monkeypatch.setenv("TRUNKLINE_MODEL_HUB", "http://127.0.0.1:1")
    away = CliRunner().invoke(app, ["models", "fetch", "whisper-base"])
    assert away.exit_code == 1
    assert "cannot be reached" in away.output
    assert not (tmp_path / "models" / "whisper-base").exists()


def test_an_unknown_name_is_refused_with_those_there_are(hub: Hub) -> None:
    refused = CliRunner().invoke(app, ["models", "fetch", "whisper-enormous"])
    assert refused.exit_code == 2
    assert "whisper-small.en" in refused.output
    assert not hub.asked
