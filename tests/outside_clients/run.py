"""Run outside clients against `trunkline engine` over TLS, each in an environment of its own, and print a table.

`make clients` runs all of them, and `make clients CLIENTS="livekit voice-app"` some. The first run installs each
client's pinned packages: in `.make/outside` for Python, beside the script for Node. `--write` puts the table into
docs/engine.md.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from tests.outside_clients.weather_desk import GREETING, QUESTION
from trunkline.tls import self_signed_identity

ENVIRONMENTS = ROOT / ".make" / "outside"
PAGE = ROOT / "docs" / "engine.md"
KEY = "a-key-for-outside-clients"
START_LIMIT_S = 120.0
RUN_LIMIT_S = 240.0
Report = Mapping[str, Any]


def weather_problem(report: Report) -> str | None:
    """Return the problem of a conversation with the weather desk, or None."""
    if "weather desk" not in report["greeting"]:
        return f"the greeting was {report['greeting']!r}"
    return answer_problem(report) or (
        f"the answers had only {report['audio_ms']} ms of audio" if report["audio_ms"] < 2000 else None
    )


def answer_problem(report: Report) -> str | None:
    """Return the problem of the tool call or the answer, or None."""
    if report.get("city") != "Wanaka":
        return f"the tool was called with {report.get('city')!r}"
    if "In Wanaka it is sunny" not in report.get("answer", ""):
        return f"the answer was {report.get('answer')!r}"
    return None


def voice_app_problem(report: Report) -> str | None:
    """Return the problem of the conversation in the browser, or None."""
    if report.get("agents") != ["greeter", "haikuWriter"]:
        return f"the agents were {report.get('agents')}"
    if "welcome" not in report.get("greeting", ""):
        return f"the greeting was {report.get('greeting')!r}"
    if report.get("loudest", 0) < 0.1:
        return f"the loudspeaker's peak was {report.get('loudest')}"
    if report.get("guardrail") != {"kind": "NONE", "rude": "OFFENSIVE"}:
        return f"the guardrail said {report.get('guardrail')}"
    if report.get("eligible") != "true":
        return f"the escalation said {report.get('eligible')!r}"
    return None


@dataclasses.dataclass(frozen=True)
class Client:
    """One client, and the result that its script must report.

    Attributes:
        folder: its script `client.py` or `client.mjs`, and its pinned packages.
        package: the package in the table, with its version.
        does: the interface, and the actions.
        problem: returns the problem of a report, or None.
    """

    name: str
    folder: str
    package: str
    does: str
    arguments: tuple[str, ...] = ()
    problem: Callable[[Report], str | None] = weather_problem

    @property
    def is_python(self) -> bool:
        """True if the script is in Python."""
        return (HERE / self.folder / "requirements.txt").exists()


CALL = "greeted, called a tool, heard the answer"
TEXT = "Azure's chat model: called a tool, and answered"
CLIENTS = (
    Client("livekit", "livekit", "livekit-plugins-openai", f"`with_azure`, GA: {CALL}", ("ga",)),
    Client("livekit-legacy", "livekit", "livekit-plugins-openai", f"`with_azure`, preview: {CALL}", ("legacy",)),
    Client("agents-python", "agents_python", "openai-agents", f"Azure, GA: {CALL}"),
    Client("agents-js", "agents_js", "@openai/agents", f"Azure, GA: {CALL}"),
    Client("pipecat", "pipecat", "pipecat-ai", f"`AzureRealtimeLLMService`, GA: {CALL}"),
    Client("pydantic-ai", "pydantic_ai", "pydantic-ai-slim", f"Azure, GA: {CALL}", ("realtime",)),
    Client("pydantic-ai-text", "pydantic_ai", "pydantic-ai-slim", TEXT, ("text",), answer_problem),
    Client("litellm", "litellm", "litellm", f"Azure behind its proxy: {CALL}"),
    Client("semantic-kernel", "semantic_kernel", "semantic-kernel", f"`AzureRealtimeWebsocket`, preview: {CALL}"),
    Client(
        "voice-app",
        "voice_app",
        "@openai/agents",
        "Chromium, WebRTC to `/v1/realtimertc`: greeted, handed off; guardrail and escalation by `AzureOpenAI`",
        problem=voice_app_problem,
    ),
)


@dataclasses.dataclass(frozen=True)
class Result:
    """The result of one client."""

    client: Client
    version: str
    problem: str | None
    seconds: float


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """The running engine."""

    origin: str
    certificate: Path
    log: Path

    def environment(self) -> dict[str, str]:
        """Return the environment of a client's script."""
        trust = dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"), str(self.certificate))
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        question = {"GREETING": GREETING, "QUESTION": QUESTION}
        return {**kept, **trust, **question, "ORIGIN": self.origin, "KEY": KEY, "PYTHONPATH": str(HERE / "common")}


@contextlib.contextmanager
def engine(folder: Path) -> Iterator[Endpoint]:
    """Run `trunkline engine` over TLS, with PocketSphinx and eSpeak."""
    tls = self_signed_identity(ENVIRONMENTS / "tls", ["localhost", "127.0.0.1"])
    log = folder / "engine.txt"
    command = [sys.executable, "-m", "trunkline.cli", "engine", str(HERE / "weather_desk.py"), "--port", "0"]
    settings = {"TRUNKLINE_STT": "sphinx", "TRUNKLINE_TTS": "espeak", "TRUNKLINE_ICE_LOOPBACK": "true"}
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, "--key", KEY, "--tls-cert", str(tls.certificate)],
            env={**os.environ, **settings, "PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1"},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            until = time.monotonic() + START_LIMIT_S
            while (found := re.search(r"https://127\.0\.0\.1:\d+", log.read_text())) is None:
                if process.poll() is not None or time.monotonic() > until:
                    sys.exit(f"The engine did not start:\n{log.read_text()}")
                time.sleep(0.1)
            yield Endpoint(found[0].replace("127.0.0.1", "localhost"), tls.certificate, log)
        finally:
            process.terminate()
            process.wait(20)


def prepared(client: Client) -> list[str]:
    """Install a client's pinned packages unless they are installed, and return the command of its script."""
    folder = HERE / client.folder
    marker = ENVIRONMENTS / f"{client.folder}-installed"
    pins = hashlib.sha256(b"".join(path.read_bytes() for path in pin_files(client))).hexdigest()
    is_installed = marker.exists() and marker.read_text() == pins
    if client.is_python:
        python = ENVIRONMENTS / client.folder / "bin" / "python"
        if not is_installed:
            show(f"Installing {client.package} …")
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENTS / client.folder)], check=True)
            pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, "-r", "requirements.txt"], cwd=folder, check=True)
            marker.write_text(pins)
        return [str(python), str(folder / "client.py"), *client.arguments]
    if not is_installed or not (folder / "node_modules").is_dir():
        show(f"Installing {client.package} …")
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=folder, check=True)
        ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
        marker.write_text(pins)
    script = "client.py" if (folder / "client.py").exists() else "client.mjs"
    runner = sys.executable if script == "client.py" else shutil.which("node") or "node"
    return [runner, str(folder / script), *client.arguments]


def pin_files(client: Client) -> tuple[Path, ...]:
    """Return the files with the versions of a client's packages, its own package first."""
    names = ("requirements.txt", "pins.txt") if client.is_python else ("package.json", "package-lock.json")
    return tuple(HERE / client.folder / name for name in names)


def pinned_version(client: Client) -> str:
    """Return the version of a client's package."""
    pins = pin_files(client)[0].read_text()
    if not client.is_python:
        return str(json.loads(pins)["dependencies"][client.package])
    found = re.search(rf"^{re.escape(client.package)}(?:\[.*\])?==(\S+)$", pins, re.MULTILINE)
    return found[1] if found else "?"


def run(client: Client, endpoint: Endpoint) -> Result:
    """Run a client's script, and judge its report: the last line that it prints, as JSON."""
    started = time.monotonic()
    process = subprocess.Popen(
        prepared(client),
        env=endpoint.environment(),
        cwd=HERE,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    ending = threading.Timer(RUN_LIMIT_S, os.killpg, (process.pid, signal.SIGKILL))
    ending.start()
    printed, complaints = process.communicate()
    is_late = not ending.is_alive()
    ending.cancel()
    problem = problem_of(client, process.returncode, printed, is_late=is_late)
    if problem is not None:
        problem += f"\n{complaints[-3000:]}"
    return Result(client, pinned_version(client), problem, time.monotonic() - started)


def problem_of(client: Client, code: int, printed: str, *, is_late: bool) -> str | None:
    """Return the problem of the output of a script, or None."""
    if is_late:
        return f"no result after {RUN_LIMIT_S:g} s"
    lines = printed.strip().splitlines()
    if code != 0 or not lines:
        return f"the script ended with {code}"
    try:
        return client.problem(json.loads(lines[-1]))
    except ValueError:
        return f"the last line was {lines[-1]!r}"


def table(results: list[Result]) -> str:
    """Return the results as a table in Markdown."""
    rows = [
        f"| {one.client.package} {one.version} | {one.client.does} | {'passed' if one.problem is None else 'failed'} |"
        for one in results
    ]
    return "\n".join(["| client | did | result |", "|---|---|---|", *rows])


def updated_page(page: str, results: list[Result], day: datetime.date) -> str:
    """Return docs/engine.md with these results."""
    begin, end = "<!-- clients -->", "<!-- /clients -->"
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    told = f"Run on {day:%Y-%m-%d}, with Python {sys.version.split()[0]}."
    return f"{before}{begin}\n\n{told}\n\n{table(results)}\n\n{end}{after}"


def show(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def main() -> int:
    """Run the clients that the command line names, or all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="CLIENT", help=", ".join(one.name for one in CLIENTS))
    parser.add_argument("--write", action="store_true", help="write the table into docs/engine.md")
    given = parser.parse_args()
    if unknown := set(given.names) - {one.name for one in CLIENTS}:
        parser.error(
            f"unknown clients: {', '.join(sorted(unknown))}. Choose from {', '.join(c.name for c in CLIENTS)}."
        )
    if given.write and given.names:
        parser.error("--write needs the results of all clients. Name none.")
    chosen = [one for one in CLIENTS if not given.names or one.name in given.names]
    for client in chosen:
        prepared(client)
    results = []
    with tempfile.TemporaryDirectory() as folder, engine(Path(folder)) as endpoint:
        for client in chosen:
            results.append(run(client, endpoint))
            last = results[-1]
            show(f"{'passed' if last.problem is None else 'FAILED'} {client.name} ({last.seconds:.1f} s)")
            if last.problem is not None:
                show(f"{last.problem}\nThe engine's log:\n{endpoint.log.read_text()[-1500:]}")
    show(f"\n{table(results)}")
    if given.write:
        PAGE.write_text(updated_page(PAGE.read_text(), results, datetime.datetime.now(datetime.UTC).date()))
    return 0 if all(one.problem is None for one in results) else 1


if __name__ == "__main__":
    sys.exit(main())
