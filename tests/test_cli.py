"""The command line in real processes, with real signals and ports."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.sync.client import connect

import trunkline
from tests.ports import free_port
from trunkline.tls import self_signed_identity

HELLO = """
from agents.realtime import RealtimeAgent
from trunkline import Caller, Lines, Rehearsal, Scenario, say

rehearsal = Rehearsal()

@rehearsal.plays("host")
async def host(caller: Caller) -> Lines:
    yield say("Welcome to the test.")
    await caller.says()
    yield say("Goodbye then.")

scenario = Scenario("{name}", agents=[RealtimeAgent(name="host")], rehearsal=rehearsal)
"""

GUARDED = """
from agents import GuardrailFunctionOutput, output_guardrail
from agents.realtime import RealtimeAgent
from trunkline import Caller, Lines, Rehearsal, Scenario, say

rehearsal = Rehearsal()

@output_guardrail
async def no_guarantees(context, agent, text):
    found = "guarantee" in text
    return GuardrailFunctionOutput("It guarantees something." if found else "", found)

@rehearsal.plays("host")
async def host(caller: Caller) -> Lines:
    yield say("Welcome.")
    await caller.says()
    yield say("I guarantee it.")
    await caller.says()
    yield say("Bye.")

host = RealtimeAgent(name="host", output_guardrails=[no_guarantees])
scenario = Scenario("guarded", agents=[host], rehearsal=rehearsal)
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """No settings of this machine's, and an empty folder to stand in."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    source = str(Path(trunkline.__file__).parents[1])
    speech = {"TRUNKLINE_STT": "sphinx", "TRUNKLINE_TTS": "espeak"}
    return {**kept, **speech, "PYTHONPATH": source, "PYTHONUNBUFFERED": "1", "PWD": str(tmp_path)}


@contextlib.contextmanager
def sigint_not_ignored() -> Iterator[None]:
    """Let child processes receive Ctrl-C, even if a shell started the tests in the background.

    Such a shell ignores SIGINT, and a child inherits that. A handler is not inherited: `exec` restores the default.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class Process:
    """A `trunkline` command that runs in a session of its own, as in a terminal."""

    def __init__(self, *arguments: str, environment: dict[str, str], folder: Path) -> None:
        self.log = folder / f"output-{time.monotonic_ns()}.txt"
        self._output = self.log.open("w")
        command = [sys.executable, "-m", "trunkline.cli", *arguments]
        with sigint_not_ignored():
            self.process = subprocess.Popen(
                command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=self._output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    @property
    def output(self) -> str:
        return self.log.read_text()

    def waits_for(self, condition: Callable[[], Any], within_s: float = 60.0) -> Any:
        """Waits until something is so, and returns it."""
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            assert self.process.poll() is None, self.output
            if got := condition():
                return got
            time.sleep(0.05)
        raise AssertionError(f"it did not come; the output was:\n{self.output}")

    def ctrl_c(self) -> int:
        """What a terminal does: the signal goes to everybody in the group."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(20)

    def terminate(self) -> int:
        """What a service manager does: the signal goes to the process."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def left_behind(self) -> list[str]:
        """Processes of this one's session that still run."""
        return [pid for pid, session in _sessions() if session == self.process.pid]

    def close(self) -> None:
        """Kill the whole session: the server that `--reload` starts has a process group of its own."""
        for pid in self.left_behind():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        self.process.wait()
        self._output.close()


def _sessions() -> Iterator[tuple[str, int]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if fields[0] != "Z":
                    yield entry.name, int(fields[3])


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def start(*arguments: str, **extra: str) -> Process:
        started.append(Process(*arguments, environment={**environment, **extra}, folder=tmp_path))
        return started[-1]

    yield start
    for process in started:
        process.close()


@pytest.fixture
def run(environment: dict[str, str], tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*arguments: str, typed: str = "", **extra: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "trunkline.cli", *arguments]
        return subprocess.run(
            command, env={**environment, **extra}, cwd=tmp_path, input=typed, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip

    return run


def get(port: int, path: str) -> Any:
    """The JSON that a server answers, None while it does not."""
    try:
        return httpx2.get(f"http://127.0.0.1:{port}{path}", trust_env=False, timeout=30).json()
    except (httpx2.HTTPError, json.JSONDecodeError):
        return None


def eventually(condition: Callable[[], bool], within_s: float) -> None:
    """Wait until a condition holds."""
    until = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until, "it did not come true"
        time.sleep(0.05)


def names(port: int) -> list[str]:
    return [scenario["name"] for scenario in get(port, "/api/scenarios") or []]


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


# What ends at once --------------------------------------------------------------------------------------------------
Run = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., Process]


def test_the_version(run: Run) -> None:
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"trunkline {trunkline.__version__}\n")


def test_the_package_and_the_command_line_are_imported_without_the_slow_parts(environment: dict[str, str]) -> None:
    code = (
        "import sys, trunkline, trunkline.cli\n"
        "slow = {'agents', 'openai', 'starlette', 'uvicorn', 'numpy', 'aiortc'} & set(sys.modules)\n"
        "sys.exit(str(slow) if slow else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_call_in_the_terminal_imports_no_web_server(environment: dict[str, str]) -> None:
    code = "import sys, trunkline.terminal; print({'trunkline.web', 'starlette', 'sqlalchemy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("set()\n", "")


@pytest.mark.parametrize("command", ["serve", "engine"])
def test_a_port_that_is_taken(run: Run, command: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = run(command, "--port", str(port))
    assert done.returncode == 1
    assert f"Port {port} on 127.0.0.1 is unavailable (Address already in use)." in done.stderr
    assert f"choose another port: {'PORT=' if command == 'serve' else 'trunkline engine --port '}" in done.stderr
    assert "Errno" not in done.stderr


@pytest.mark.parametrize("command", ["serve", "engine"])
def test_an_address_that_this_machine_has_not(run: Run, command: str) -> None:
    done = run(command, "--host", "192.0.2.1", *(["--insecure"] if command == "serve" else []))
    assert done.returncode == 1
    assert "This machine does not have the address 192.0.2.1. Remove --host and HOST" in done.stderr


@pytest.mark.parametrize("command", [["serve"], ["serve", "--reload"], ["engine"]], ids=" ".join)
@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("nosuch.py", "The file or folder 'nosuch.py' does not exist"),
        ("nosuch.py:scenario", "The file or folder 'nosuch.py:scenario' does not exist"),
        ("nowhere/at_all", "The file or folder 'nowhere/at_all' does not exist"),
        ("nosuch", "No module, file or folder is named 'nosuch'"),
    ],
)
def test_missing_scenarios(run: Run, command: list[str], target: str, told: str) -> None:
    done = run(*command, target)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr


def test_listening_to_the_world_is_refused(run: Run) -> None:
    done = run("serve", "--host", "0.0.0.0")
    assert done.returncode == 2
    assert "TRUNKLINE_TOKEN" in done.stderr
    assert "--insecure" in done.stderr


@pytest.mark.parametrize(
    "value", ["", "short", "fifteen signs..", "with a blank in it, but long", "ünguessable-ünguessable"]
)
def test_an_invalid_token_is_refused_and_not_repeated(run: Run, value: str) -> None:
    done = run("serve", "--host", "0.0.0.0", TRUNKLINE_TOKEN=value)
    assert done.returncode == 2
    assert "TRUNKLINE_TOKEN" in done.stderr
    assert not value or value not in done.stderr


@pytest.mark.parametrize(
    ("name", "value"), [("PORT", "http"), ("TRUNKLINE_PROVIDER", "gcp"), ("TRUNKLINE_CALLER_WAIT_S", "-1")]
)
def test_a_setting_that_is_not_right_is_named(run: Run, name: str, value: str) -> None:
    done = run("serve", **{name: value})
    assert done.returncode == 2
    assert f"The setting {name} is invalid" in done.stderr


def test_an_address_without_a_scheme_is_reported(run: Run) -> None:
    done = run("call", "simpleHandoff", TRUNKLINE_CHAT_BASE_URL="localhost:11434", TRUNKLINE_CHAT_MODEL="small")
    assert done.returncode == 2
    assert "TRUNKLINE_CHAT_BASE_URL is invalid: an address must begin with http://" in done.stderr


def test_our_validation_messages_lack_pydantics_prefix(run: Run) -> None:
    done = run("serve", TRUNKLINE_TOKEN="short")
    assert done.stderr.startswith("The setting TRUNKLINE_TOKEN is invalid: it needs at least 16 unguessable letters")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        (
            "TRUNKLINE_ALLOWED_ORIGINS",
            "https://voice.example",
            'it must be a JSON list, such as ["https://voice.example"].',
        ),
        ("TRUNKLINE_ALLOWED_ORIGINS", '["voice.example"]', "an origin must be a scheme and a host, such as https://"),
        ("TRUNKLINE_ICE_SERVERS", "stun:stun.example", 'it must be a JSON list, such as ["stun:'),
    ],
)
def test_a_list_that_is_written_otherwise(run: Run, name: str, value: str, told: str) -> None:
    done = run("serve", **{name: value})
    assert done.returncode == 2
    assert done.stderr.startswith(f"The setting {name}")
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_call_to_nobody(run: Run) -> None:
    done = run("call", "nothing")
    assert done.returncode == 2
    assert "'nothing' is not a scenario, file, folder or module. Available scenarios: " in done.stderr


def test_a_call_without_required_settings(run: Run) -> None:
    done = run("call", "simpleHandoff", "--provider", "azure")
    assert done.returncode == 1
    assert "AZURE_OPENAI_ENDPOINT" in done.stderr


# A conversation -----------------------------------------------------------------------------------------------------
@pytest.mark.speech
def test_a_typed_conversation(run: Run) -> None:
    done = run("call", "simpleHandoff", typed="yes please\nabout the ocean\n")
    assert done.returncode == 0, done.stderr
    said = done.stdout
    assert said.index("greeter: ") < said.index("→ haikuWriter") < said.index("haikuWriter: ")
    assert "ocean" in said
    assert said.rstrip().endswith("— caller hung up")


@pytest.mark.speech
def test_a_conversation_with_a_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(HELLO.format(name="mine"))
    done = run("call", "mine.py", typed="hello\n")
    assert done.returncode == 0, done.stderr
    assert "host: Welcome to the test." in done.stdout
    assert "host: Goodbye then." in done.stdout


@pytest.mark.speech
def test_a_module_is_called_by_its_name_and_all_of_an_answer_is_waited_for(run: Run, tmp_path: Path) -> None:
    (tmp_path / "guarded.py").write_text(GUARDED)
    done = run("call", "guarded", typed="Are you sure?\nThank you\n")
    assert done.returncode == 0, done.stderr
    said = done.stdout
    order = [
        "host: I guarantee it.",
        "✗ no_guarantees: It guarantees",
        "host: I am sorry",
        "you: Thank you",
        "host: Bye",
    ]
    assert [said.index(line) for line in order] == sorted(said.index(line) for line in order)


@pytest.mark.speech
def test_a_call_that_nobody_answers_fails(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        HELLO.format(name="mine").replace("Goodbye then.", "{undefined}").replace('say("{', 'say(f"{')
    )
    done = run("call", "mine.py", typed="hello\n")
    assert done.returncode == 1
    assert "NameError" in done.stderr


# What runs until it is ended ----------------------------------------------------------------------------------------
@pytest.mark.speech
@pytest.mark.parametrize("how", ["ctrl_c", "terminate"])
def test_serving_ends_with_everything_it_began(start: Start, how: str) -> None:
    port = free_port()
    server = start("serve", "--port", str(port), TRUNKLINE_DRAIN_S="0")
    server.waits_for(lambda: get(port, "/api/health"))
    assert "simpleHandoff" in server.waits_for(lambda: names(port))
    assert httpx2.post(
        f"http://127.0.0.1:{port}/api/calls", json={"scenario": "simpleHandoff"}, trust_env=False, timeout=30
    ).is_success
    assert getattr(server, how)() in (0, -signal.SIGINT, -signal.SIGTERM, 130)
    assert server.left_behind() == []
    assert is_free(port)
    assert "Traceback" not in server.output
    assert "WARNING" not in server.output


@pytest.mark.speech
def test_serving_is_reachable_before_its_scenarios_are_loaded(start: Start, tmp_path: Path) -> None:
    waits = "import pathlib, time\nwhile not pathlib.Path('go').exists(): time.sleep(0.05)\n"
    (tmp_path / "slow.py").write_text(waits + HELLO.format(name="slow"))
    port = free_port()
    server = start("serve", "slow.py", "--port", str(port))
    server.waits_for(lambda: get(port, "/api/health"))
    (tmp_path / "go").touch()
    assert names(port)[0] == "slow"


@pytest.mark.speech
@pytest.mark.parametrize("how", ["ctrl_c", "terminate"])
def test_reloading_starts_afresh_when_a_file_changes(start: Start, tmp_path: Path, how: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(HELLO.format(name="before"))
    port = free_port()
    server = start("serve", "mine.py", "--port", str(port), "--reload")
    server.waits_for(lambda: "before" in names(port))
    file.write_text(HELLO.format(name="after"))
    server.waits_for(lambda: "after" in names(port))
    file.write_text("this is no Python\n")
    server.waits_for(lambda: any("SyntaxError" in problem["message"] for problem in get(port, "/api/problems") or []))
    getattr(server, how)()
    eventually(lambda: server.left_behind() == [], within_s=5)
    assert is_free(port)
    assert "Traceback" not in server.output
    lines = re.findall(r"^\S+Z ERROR: \S*mine\.py:1: SyntaxError", server.output, re.MULTILINE)
    assert len(lines) == 1, server.output  # in the format of a server without --reload


@pytest.mark.speech
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_reloading_ends_at_sigint_also_as_a_background_job(tmp_path: Path) -> None:
    """A shell starts such a job with SIGINT ignored."""
    (tmp_path / "mine.py").write_text(HELLO.format(name="mine"))
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "trunkline.cli", "serve", "mine.py", "--port", str(port), "--reload"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    try:
        eventually(lambda: get(port, "/api/health") is not None, within_s=60)
        server.send_signal(signal.SIGINT)
        server.wait(20)
    finally:
        server.kill()


@pytest.mark.speech
def test_reloading_follows_imported_modules_and_settings(start: Start, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "desk").mkdir()
    (tmp_path / "named.py").write_text("NAME = 'before'\n")
    file = tmp_path / "desk" / "mine.py"
    file.write_text(
        "import sys\nsys.path.append('.')\nfrom named import NAME\n" + HELLO.format(name="x").replace('"x"', "NAME")
    )
    port = free_port()
    server = start("serve", "desk/mine.py", "--port", str(port), "--reload")
    server.waits_for(lambda: "before" in names(port))
    (tmp_path / "test_mine.py").write_text("import nothing\n")  # restarts nothing
    (tmp_path / "named.py").write_text("NAME = 'after'\n")
    server.waits_for(lambda: "after" in names(port))
    (tmp_path / ".env").write_text("TRUNKLINE_PROVIDER=openai\nOPENAI_API_KEY=k\n")
    server.waits_for(lambda: (get(port, "/api/health") or {}).get("provider") == "openai")
    assert server.output.count("Trunkline ") == 3


@pytest.mark.speech
def test_the_engines_key_may_stand_in_a_file(start: Start, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TRUNKLINE_ENGINE_KEY=correct-horse\n")
    port = free_port()
    engine = start("engine", "--port", str(port))
    engine.waits_for(lambda: "The Realtime endpoint is at" in engine.output)
    url = f"http://127.0.0.1:{port}/v1/models"
    answers = [httpx2.get(url, headers={"api-key": key}, trust_env=False) for key in ("any", "correct-horse")]
    assert [answer.status_code for answer in answers] == [401, 200]


@pytest.mark.speech
def test_a_file_with_an_error_does_not_end_the_engine(start: Start, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("this is no Python\n")
    engine = start("engine", "mine.py", "--port", str(free_port()))
    engine.waits_for(lambda: "The Realtime endpoint is at" in engine.output)
    assert "mine.py:1: SyntaxError" in engine.output


@pytest.mark.speech
@pytest.mark.parametrize("command", ["serve", "engine"])
def test_an_incomplete_chat_model_is_reported_at_the_start(start: Start, command: str) -> None:
    server = start(command, "--port", str(free_port()), TRUNKLINE_CHAT_BASE_URL="http://127.0.0.1:9/v1")
    told = "TRUNKLINE_CHAT_BASE_URL is set and TRUNKLINE_CHAT_MODEL is not, so scenarios use their rehearsals"
    server.waits_for(lambda: told in server.output)


@pytest.mark.speech
@pytest.mark.parametrize("how", ["ctrl_c", "terminate"])
def test_the_engine_alone(start: Start, how: str) -> None:
    port = free_port()
    engine = start("engine", "--port", str(port))
    engine.waits_for(lambda: f"http://127.0.0.1:{port}/openai/v1" in engine.output and "simpleHandoff" in engine.output)
    getattr(engine, how)()
    assert engine.left_behind() == []
    assert is_free(port)
    assert "Traceback" not in engine.output


# TLS ----------------------------------------------------------------------------------------------------------------
@pytest.mark.speech
def test_the_engine_over_tls_with_a_self_signed_certificate(start: Start, tmp_path: Path) -> None:
    port = free_port()
    engine = start("engine", "--port", str(port), "--tls-self-signed", HOME=str(tmp_path))
    engine.waits_for(lambda: "Models: simpleHandoff" in engine.output)
    assert f"https://127.0.0.1:{port}/openai/v1" in engine.output
    certificate = tmp_path / ".cache" / "trunkline" / "tls" / "self-signed.pem"
    assert str(certificate) in engine.output
    trust = ssl.create_default_context(cafile=str(certificate))
    with connect(f"wss://localhost:{port}/v1/realtime?model=simpleHandoff", ssl=trust, proxy=None) as socket:
        assert json.loads(socket.recv())["type"] == "session.created"
    der = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", port)))
    digest = hashlib.sha256(der).hexdigest().upper()
    assert ":".join(digest[at : at + 2] for at in range(0, 64, 2)) in engine.output


@pytest.mark.speech
def test_a_server_over_tls_sets_secure_cookies(start: Start, tmp_path: Path) -> None:
    identity = self_signed_identity(tmp_path, ["127.0.0.1"])
    port, token = free_port(), "a-token-of-this-test"
    server = start(
        "serve", "--port", str(port), "--tls-cert", str(identity.certificate), TRUNKLINE_TOKEN=token, HOME=str(tmp_path)
    )
    trust = ssl.create_default_context(cafile=str(identity.certificate))
    server.waits_for(lambda: f"Trunkline {trunkline.__version__} is at https://127.0.0.1:{port}" in server.output)
    assert identity.fingerprint in server.output
    with httpx2.Client(base_url=f"https://127.0.0.1:{port}", verify=trust, trust_env=False, timeout=30) as client:
        signed_in = client.post("/sign-in", data={"token": token})
        assert "; Secure" in signed_in.headers["set-cookie"]
        assert client.get("/api/scenarios").status_code == 200


@pytest.mark.parametrize("command", ["serve", "engine"])
def test_a_certificate_that_is_missing_is_reported(run: Run, command: str) -> None:
    done = run(command, "--tls-cert", "missing.pem")
    assert done.returncode == 2
    assert done.stderr == "missing.pem cannot be read (No such file or directory). Give a PEM file.\n"


@pytest.fixture
def in_background() -> Iterator[None]:
    """Ignore SIGINT as a shell does for the commands that it starts in the background."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.speech
@pytest.mark.usefixtures("in_background")
def test_these_tests_can_interrupt_a_command_when_they_run_in_the_background(start: Start) -> None:
    engine = start("engine", "--port", str(free_port()))
    engine.waits_for(lambda: "The Realtime endpoint is at" in engine.output)
    assert engine.ctrl_c() in (130, -signal.SIGINT)
    assert engine.left_behind() == []
