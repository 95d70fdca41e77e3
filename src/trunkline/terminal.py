"""`trunkline call`: a typed or spoken conversation in the terminal, on the real provider."""

from __future__ import annotations

import asyncio
import re
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from trunkline.calls import log, log_events
from trunkline.calls.call import Call
from trunkline.calls.metrics.config import metrics_config_from
from trunkline.calls.pages import Page
from trunkline.calls.registry import CallRegistry
from trunkline.calls.time_limits import time_limits_from
from trunkline.engine.speech.factory import speech_problem
from trunkline.providers import ProviderError
from trunkline.providers.factory import MODEL_FIX, choose_provider_name, create_provider, missing_model
from trunkline.providers.word_recogniser import WordRecogniser
from trunkline.realtime import events
from trunkline.scenario.lookup import look_up, unknown_target
from trunkline.scenario.scenario import Scenario
from trunkline.settings import Settings
from trunkline.terminal_audio import AudioDevice, AudioDeviceError, SpeakerPage

if TYPE_CHECKING:
    from trunkline.terminal_store import TerminalStore

_TYPE = "Type your message. An empty line interrupts the agent, Ctrl-D hangs up."
_SPEAK = "Speak, best with headphones. An empty line interrupts the agent, Ctrl-D hangs up."


async def converse(settings: Settings, target: str, agent: str | None, device: AudioDevice | None = None) -> int:
    """Call a scenario, and pass text between it and the terminal. Return the exit status.

    Args:
        device: the caller's microphone and speaker; without it the caller types.
    """
    scenarios, name = look_up(target)
    for problem in scenarios.problems:
        _print(f"{problem}", err=True)
    scenario = scenarios.by_name.get(name)
    if scenario is None:
        if not scenarios.problems:
            _print(unknown_target(target, scenarios), err=True)
        return 2
    try:
        if agent is not None:
            scenario.agent(agent)
    except LookupError as error:
        _print(f"{error}", err=True)
        return 2
    is_local = choose_provider_name(settings) == "local"
    if device is not None and is_local and (reason := speech_problem(settings)):
        _print(reason, err=True)
        return 1
    try:
        provider = await create_provider(settings, scenarios)
    except ProviderError as error:
        _print(error.full_message, err=True)
        return 1
    if (unsupported := provider.scenario_problem(scenario)) is not None:
        _print(unsupported, err=True)
        await provider.aclose()
        return 1
    if (missing := missing_model(scenario, settings)) is not None:
        _print(f"{missing} {MODEL_FIX}", err=True)
    words = WordRecogniser(settings)
    store = await asyncio.to_thread(_store, settings, scenario)
    try:
        async with _one_call(settings, words, store) as registry:
            call = registry.start(scenario, provider, agent=agent, transport="websocket")
            status = await (_talk(call) if device is None else _talk_aloud(call, device))
    finally:
        await words.aclose()
        await provider.aclose()
    if store is not None:
        _print(store.result(call.call_id), err=True)
    return status


def _store(settings: Settings, scenario: Scenario) -> TerminalStore | None:
    """Return the store of the call; None unless `TRUNKLINE_STORE` names a mode."""
    if settings.store is None or settings.store == "off":
        return None
    from trunkline.terminal_store import TerminalStore

    return TerminalStore(settings, settings.store, scenario)


@asynccontextmanager
async def _one_call(
    settings: Settings, words: WordRecogniser, store: TerminalStore | None
) -> AsyncIterator[CallRegistry]:
    registry = partial(
        CallRegistry,
        time_limits=time_limits_from(settings),
        metrics=metrics_config_from(settings),
        word_stt=words.get,
    )
    if store is None:
        async with registry() as calls:
            yield calls
    else:
        async with store.running(
            lambda to: registry(readers=[to.writer.reader], new_recording=to.audio.new_recording)
        ) as calls:
            yield calls


async def _talk_aloud(call: Call, device: AudioDevice) -> int:
    """Connect the microphone and the speaker to the call, until the end of input or of the call."""

    def report(item_id: str, ms: int) -> None:
        if not call.is_over:
            played: events.Event = {"type": "played", "item_id": item_id, "ms": ms}
            call.command(page, events.encode(played).decode())

    page = SpeakerPage(device, report)
    try:
        device.start(lambda pcm: call.receive_audio(page, pcm))
    except AudioDeviceError as error:
        _print(f"{error}", err=True)
        return 1
    reporting = asyncio.create_task(page.report_periodically())
    try:
        return await _talk(call, page)
    finally:
        reporting.cancel()
        await asyncio.gather(reporting, return_exceptions=True)
        device.close()


async def _talk(call: Call, speaker: SpeakerPage | None = None) -> int:
    """Send the caller's lines, and print the conversation, until the end of input or of the call.

    Args:
        speaker: the caller's page if the caller speaks.
    """
    page = speaker or Page()
    _print(_SPEAK if speaker else _TYPE, err=True)
    lines = _typed_lines()
    talk = _TypedCall(call, page, speaker)
    call.attach(page, call.leg.leg_id, after=0)
    showing = asyncio.create_task(talk.show())
    try:
        while not showing.done():
            reading = asyncio.create_task(lines.get())
            await asyncio.wait({reading, showing}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                reading.cancel()
                break
            line = reading.result()
            await talk.ready()
            if line is None:
                break
            talk.send(line.strip())
        call.hang_up("caller hung up")
    finally:
        showing.cancel()
        await asyncio.gather(showing, return_exceptions=True)
        call.detach(page, "the terminal was closed")
    return 1 if talk.failed else 0


_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


_PRINTED = (
    log_events.AgentChanged,
    log_events.MessageDone,
    log_events.ToolStarted,
    log_events.ToolDone,
    log_events.GuardrailChecked,
    log_events.LinkLost,
    log_events.CallError,
    log_events.CallEnded,
)
"""Events that may be printed, while the line of the caller's words is open."""


class _TypedCall:
    def __init__(self, call: Call, page: Page, speaker: SpeakerPage | None) -> None:
        self._call = call
        self._page = page
        self._speaker = speaker
        self._heard = CallerWords(sys.stdout.isatty()) if speaker else None
        self._interactive = sys.stdin.isatty()
        self._news = asyncio.Event()
        self._greeted = False
        self._is_callers_turn = False
        self._answered = False
        self._loss_reason: str | None = None
        self._agents: dict[str, str] = {}
        self.failed = False
        """True if the model could not be reached, or a line of piped input got no answer."""

    def send(self, line: str) -> None:
        """Say a line for the caller; an empty one interrupts the agent."""
        if not self._interactive:
            _print(f"you: {line}", dim=True)
        self._answered = not line  # an interruption gets no answer
        command: events.Event = {"type": "say", "text": line} if line else {"type": "interrupt"}
        self._call.command(self._page, events.encode(command).decode())

    async def ready(self) -> None:
        """Wait until the caller may speak: a person after the greeting, piped input after each complete answer."""
        if self._interactive and self._greeted:
            return
        while not (self._is_callers_turn or self._call.is_over):
            self._news.clear()
            await self._news.wait()
        self._greeted = True
        self.failed = self.failed or not (self._interactive or self._answered)

    async def show(self) -> None:
        """Print the conversation until the call ends."""
        unsubscribe = self._call.log.subscribe(self._on_entry)
        for entry in self._call.log.since(0):
            self._on_entry(entry)
        try:
            async for _frame in self._page.frames():
                pass  # the terminal plays no audio, and reads the log by subscription
        finally:
            unsubscribe()
            self._news.set()

    def _on_entry(self, entry: log.Entry) -> None:
        event = entry.event
        self._news.set()
        self._on_audio(event)
        match event:
            case log_events.TurnWaiting():
                self._is_callers_turn = event.reason == "caller"
            case log_events.AgentChanged(previous=str()):
                _print(f"→ {event.agent}", fg="cyan")
            case log_events.MessageAdded(role="assistant"):
                self._agents[event.item_id] = event.agent or "agent"
            case log_events.MessageDone(role="assistant") if event.text:
                self._answered = True
                _print(f"{self._agents.get(event.item_id, 'agent')}: {event.text}")
            case log_events.ToolStarted():
                _print(f"  {event.name} {event.arguments}", dim=True)
            case log_events.ToolDone():
                _print(f"  {event.name} = {event.error or event.result}", dim=True)
            case log_events.GuardrailChecked(status="fail" | "error"):
                found = ": ".join(filter(None, (event.guardrail, event.category, event.rationale)))
                _print(f"  ✗ {found}", fg="yellow")
            case log_events.LinkLost():
                self._print_loss(event)
            case log_events.LinkUp() | log_events.LinkRestored() if self._loss_reason is not None:
                self._loss_reason = None
                _print("Connected to the model.", fg="yellow", err=True)
            case log_events.CallError():
                _print(event.message, fg="red", err=True)
                self.failed = self.failed or event.code == "link_failed"
            case log_events.CallEnded():
                _print(f"— {event.reason}", dim=True)
            case _:
                pass

    def _on_audio(self, event: log_events.LogEvent) -> None:
        """Follow the audio of a caller who speaks; report it as played for one who types. Print fillers."""
        if isinstance(event, log_events.FillerStarted):
            _print(event.text, dim=True)
        if self._speaker is not None and self._heard is not None:
            self._heard.on_event(event)
            if isinstance(event, _PRINTED):
                self._heard.clear_line()
            if isinstance(event, log_events.AudioStarted):
                self._speaker.on_audio_started(event.item_id)
            elif isinstance(event, log_events.AudioDucked | log_events.AudioResumed | log_events.AudioInterrupted):
                self._speaker.on_audio_held(isinstance(event, log_events.AudioDucked))
            elif isinstance(event, log_events.FillerStarted):
                self._speaker.on_filler_started(event.filler_id)
            elif isinstance(event, log_events.FillerDone):
                self._speaker.on_filler_done()
        elif isinstance(event, log_events.AudioDone):
            played: events.Event = {"type": "played", "item_id": event.item_id, "ms": event.ms}
            asyncio.get_running_loop().call_soon(self._call.command, self._page, events.encode(played).decode())

    def _print_loss(self, lost: log_events.LinkLost) -> None:
        """Print a loss of the model's link, once per reason, since many retries follow."""
        if lost.retry_in_ms is not None and lost.reason != self._loss_reason:
            self._loss_reason = lost.reason
            _print(f"The model is not connected: {lost.reason.rstrip('.')}. Retrying …", fg="yellow", err=True)


class CallerWords:
    """The caller's words as they are recognised: the line grows while the caller speaks.

    Args:
        interactive: False prints only complete words.
    """

    def __init__(self, interactive: bool) -> None:
        self._interactive = interactive
        self._item_id: str | None = None
        self._words = ""
        self._line_open = False
        self._other_items: set[str] = set()
        """Messages of agents, and hidden ones."""

    def clear_line(self) -> None:
        """Clear the line of incomplete words for other output; the next words print it again."""
        if self._line_open:
            typer.echo("\r\x1b[K", nl=False)
            self._line_open = False

    def on_event(self, event: object) -> None:
        """Print the words of an event about the caller's speech."""
        match event:
            case log_events.MessageAdded() if event.hidden or event.role != "user":
                self._other_items.add(event.item_id)
            case log_events.MessageDelta() if event.item_id not in self._other_items:
                self._words = event.text if event.item_id != self._item_id else self._words + event.text
                self._item_id = event.item_id
                if self._interactive:
                    typer.secho(f"\r\x1b[Kyou: {printable(self._words)} …", nl=False, dim=True)
                    self._line_open = True
            case log_events.MessageDone(role="user") if event.item_id not in self._other_items:
                self.clear_line()
                _print(f"you: {event.text or '(no words)'}", dim=True)
            case _:
                pass


def _typed_lines() -> asyncio.Queue[str | None]:
    """Read lines of standard input, and None at its end, in a thread that does not keep the program alive."""
    lines: asyncio.Queue[str | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, None)

    threading.Thread(target=read, name="standard input", daemon=True).start()
    return lines


def printable(text: str) -> str:
    """Return the text with escapes in place of control characters, except line breaks and tabs.

    Models, tools and callers choose these words. As control sequences they could retitle the terminal, rewrite its
    lines, or reverse the order of letters (Unicode's bidirectional controls, see CVE-2021-42574).
    """
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _print(text: str, **style: Any) -> None:
    typer.secho(printable(text), **style)
