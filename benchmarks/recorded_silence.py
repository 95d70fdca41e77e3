"""Longest silence in a recording at the caller, for each fault of a service, a tool and the server.

    python benchmarks/recorded_silence.py [FAULT …] [--save FOLDER]

The server is `trunkline serve` in a process of its own. The caller uses the relay over a real socket, in real time, and
records the received audio on their own clock. The services are the stand-in for Azure with a voice that can be heard,
and a chat endpoint; both run beside the caller. The column "before" has the figures of the calls without fillers.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np
from shared.fault_scenario import ANSWER, WELCOME, shop
from shared.recording_caller import RATE, calling
from starlette.responses import JSONResponse, Response
from tests.engine.chat_server import delta, endpoint
from tests.providers.azure_fake import FakeAzure, fake_azure

from trunkline.engine.speech import SpeechChunk

SCENARIO = Path(__file__).parent / "shared" / "fault_scenario.py"
MS_PER_CHARACTER = 60
PATIENCE_S = 45.0
"""Time for which the caller waits for the answer."""


class ToneVoice:
    """A voice that hums, as long as a person speaks."""

    async def speak(
        self, text: str, *, voice: str | None = None, speed: float = 1.0, language: str | None = None
    ) -> AsyncIterator[SpeechChunk]:
        """See `Tts.speak`."""
        count = round(len(text) * MS_PER_CHARACTER / speed) * RATE // 1000
        yield SpeechChunk((8_000 * np.sin(2 * np.pi * 220 * np.arange(count) / RATE)).astype("<i2").tobytes())

    async def aclose(self) -> None:
        """Return at once: the voice has no resources."""


@dataclass
class Stage:
    """The services and the server, on which a fault acts.

    Attributes:
        azure: the stand-in; None on the local engine.
        chat: the behaviour of the chat model: `well`, or the fault of each further answer.
        server: the server's process.
        url: the server's address.
    """

    azure: FakeAzure | None
    chat: list[str]
    server: asyncio.subprocess.Process
    url: str
    stack: AsyncExitStack

    @property
    def faults(self) -> Any:
        """The faults of the stand-in."""
        assert self.azure is not None
        return self.azure.faults


@dataclass(frozen=True)
class Fault:
    """A fault, and the figure before there were fillers and retries.

    Attributes:
        begin: makes it strike; called just before the question.
        chat: true if a chat model on the local engine answers.
        after_s: calls `then` so long after the question.
    """

    name: str
    before: str
    begin: Callable[[Stage], Awaitable[None] | None] = lambda _stage: None
    question: str = "pears"
    chat: bool = False
    after_s: float | None = None
    then: Callable[[Stage], None] = lambda _stage: None


def _closes(code: int, reason: str = "") -> Callable[[Stage], None]:
    return lambda stage: stage.faults.close(code, reason, at="response.output_audio.delta", skip=4)


async def _hold_six_threads(stage: Stage) -> None:
    """Let six other calls wait in a tool that hangs in a thread."""
    for _call in range(6):
        other = await stage.stack.enter_async_context(calling(stage.url, shop.name))
        await other.until(partial(other.said, WELCOME), 20)
        await other.type("hang_in_a_thread")
        await other.until(partial(other.started, "tool.started"), 20)


def _answers_badly(how: str) -> Callable[[Stage], None]:
    return lambda stage: stage.chat.append(how)


FAULTS = [
    Fault("nothing", "–"),
    *(Fault(f"close {code} in an answer", "0.2–0.3 s", _closes(code)) for code in (1000, 1008, 1011, 1012)),
    Fault("close 1013 in an answer", "1.1 s", _closes(1013)),
    Fault(
        "60-minute limit in an answer",
        "0.3 s",
        lambda stage: stage.faults.expire(at="response.output_audio.delta", skip=4),
    ),
    Fault(
        "half-open peer in an answer",
        "7.7 s",
        lambda stage: stage.faults.freeze(at="response.output_audio.delta", skip=4),
    ),
    Fault(
        "silent in an answer",
        "20 s",
        lambda stage: stage.faults.delay(90_000, at="response.output_audio.delta", skip=4),
    ),
    Fault("never answers", "> 60 s", lambda stage: stage.faults.delay(90_000, at="response.created", times=100)),
    Fault("always server_error", "> 60 s", lambda stage: stage.faults.server_errors(10_000)),
    Fault("tool hangs (async)", "30 s", question="hang"),
    Fault("six tools hang (threads), an instant one", "30–56 s", _hold_six_threads, question="instant"),
    Fault("tool blocks the event loop for 12 s", "12 s", question="block"),
    Fault("tool raises KeyboardInterrupt", "dead", question="interrupt"),
    Fault(
        "server: SIGTERM while a tool runs",
        "lost",
        question="hang",
        after_s=1.0,
        then=lambda stage: stage.server.terminate(),
    ),
    Fault(
        "server: SIGKILL while a tool runs",
        "lost",
        question="hang",
        after_s=1.0,
        then=lambda stage: stage.server.kill(),
    ),
    Fault("chat model dies in each answer", "> 32 s", _answers_badly("dies"), chat=True),
    Fault("chat model: always 500", "> 32 s", _answers_badly("500"), chat=True),
    Fault("chat model: always 429", "> 32 s", _answers_badly("429"), chat=True),
    Fault("chat model hangs", "> 32 s", _answers_badly("hangs"), chat=True),
]


@dataclass(frozen=True)
class Result:
    """The caller's experience of a fault.

    Attributes:
        silence_s: the longest silence from the question to the end of the answer, or of the observation.
        answered: true if the answer was heard.
        fillers: the number of fillers.
        lost_s: the time from the question to the end of the call, if it ended.
    """

    silence_s: float
    answered: bool
    fillers: int
    lost_s: float | None


async def hear(fault: Fault, save: Path | None) -> Result:
    """Ask a question, and listen to the answer."""
    async with staged(fault) as stage, calling(stage.url, shop.name) as caller:
        welcomed = await caller.until(lambda: caller.said("Welcome") and caller.is_quiet, 60)
        assert welcomed, caller.events[-5:]
        begun = fault.begin(stage)
        if begun is not None:
            await begun
        asked_at = caller.now()
        await caller.type(fault.question)
        if fault.after_s is not None:
            await asyncio.sleep(fault.after_s)
            fault.then(stage)
        await caller.until(
            lambda: (caller.said(ANSWER[-20:], asked_at) and caller.is_quiet) or caller.given_up(asked_at), PATIENCE_S
        )
        answered = caller.said(ANSWER[-20:], asked_at) is not None
        until = caller.given_up(asked_at) or caller.now() - 0.1
        if save is not None:
            caller.save(save / f"{re.sub(r'[^a-z0-9]+', '-', fault.name.lower())}.wav")
        lost_s = None if caller.closed_at is None else caller.closed_at - asked_at
        end = until if lost_s is None else asked_at + lost_s
        return Result(
            caller.longest_silence(asked_at, end), answered, caller.started("filler.started", asked_at), lost_s
        )


@asynccontextmanager
async def staged(fault: Fault) -> AsyncIterator[Stage]:
    """Run the services and the server."""
    chat: list[str] = []
    async with AsyncExitStack() as stack:
        azure: FakeAzure | None = None
        if fault.chat:
            url, _bodies, _left = await stack.enter_async_context(endpoint(lambda body: _chat_answer(chat, body)))
            environment = {
                "TRUNKLINE_PROVIDER": "local", "TRUNKLINE_CHAT_BASE_URL": url, "TRUNKLINE_CHAT_MODEL": "m",
                "TRUNKLINE_TTS": "espeak", "TRUNKLINE_STT": "sphinx",
            }  # fmt: skip
        else:
            azure = await stack.enter_async_context(fake_azure({shop.name: shop}, shop.name, voice=ToneVoice()))
            environment = {
                "TRUNKLINE_PROVIDER": "azure", "AZURE_OPENAI_ENDPOINT": azure.endpoint,
                "AZURE_OPENAI_API_KEY": azure.key, "AZURE_OPENAI_REALTIME_DEPLOYMENT": azure.deployed.realtime,
                "AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT": azure.deployed.transcription, "TRUNKLINE_TTS": "espeak",
            }  # fmt: skip
        server, url = await _start_server(environment)
        try:
            async with AsyncExitStack() as others:
                yield Stage(azure, chat, server, url, others)
        finally:
            if server.returncode is None:
                server.kill()
            await server.wait()


async def _start_server(environment: Mapping[str, str]) -> tuple[asyncio.subprocess.Process, str]:
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "OPENAI_", "TRUNKLINE_"))
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "trunkline.cli", "serve", str(SCENARIO), "--port", "0",
        env={**clean, **environment, "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    async for line in process.stdout:
        if found := re.search(r"http://\S+:\d+", line.decode()):
            process_output = asyncio.create_task(_drain(process.stdout))
            _draining.add(process_output)
            return process, found.group(0)
    raise RuntimeError("the server did not start")


_draining: set[asyncio.Task[None]] = set()


async def _drain(output: asyncio.StreamReader) -> None:
    async for _line in output:
        pass


def _chat_answer(chat: list[str], body: dict[str, Any]) -> AsyncIterator[dict[str, Any]] | Response:
    how = chat[-1] if chat else "well"
    if how in ("500", "429"):
        return JSONResponse({"error": {"message": "Not now."}}, int(how))
    return _chunks(how, greets=not chat)


async def _chunks(how: str, *, greets: bool) -> AsyncIterator[dict[str, Any]]:
    if greets:
        yield delta(content=WELCOME)
        return
    yield delta(content="There are plenty of pears. ")
    if how == "hangs":
        await asyncio.sleep(3_600)
    raise ConnectionResetError("the chat model dies")


async def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description="Measure the longest silence at the caller for each fault.")
    parser.add_argument("faults", nargs="*", help="words in the names of faults; by default all faults")
    parser.add_argument("--save", type=Path, help="a folder for the recordings")
    given = parser.parse_args()
    if given.save is not None:
        given.save.mkdir(parents=True, exist_ok=True)
    print(f"load: {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    print("| fault | before | recorded | fillers | answered |")
    print("|---|---|---|---|---|", flush=True)
    for fault in FAULTS:
        if given.faults and not any(word in fault.name for word in given.faults):
            continue
        result = await hear(fault, given.save)
        answered = (
            "yes" if result.answered else "no" if result.lost_s is None else f"call ended after {result.lost_s:.1f} s"
        )
        print(
            f"| {fault.name} | {fault.before} | {result.silence_s:.1f} s | {result.fillers} | {answered} |", flush=True
        )
    print(f"load: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    asyncio.run(main())
