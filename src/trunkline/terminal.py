"""`trunkline call`: a typed conversation in the terminal, through a real call on the real provider."""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import sys
import threading
from pathlib import Path

import typer

from trunkline.calls import log, log_events
from trunkline.calls.call import Call
from trunkline.calls.metrics.config import metrics_config_from
from trunkline.calls.pages import Page
from trunkline.calls.registry import CallRegistry
from trunkline.calls.time_limits import time_limits_from
from trunkline.providers import ProviderError
from trunkline.providers.factory import create_provider
from trunkline.realtime import events
from trunkline.scenario.loading import LoadedScenarios, find_missing, load, looks_like_path
from trunkline.settings import Settings

LOOK_EVERY_S = 0.2


async def converse(settings: Settings, target: str, agent: str | None) -> int:
    """Calls a scenario and relays lines between it and the terminal. Returns the exit status."""
    scenarios, name = _find(target)
    for problem in scenarios.problems:
        typer.echo(f"{problem}", err=True)
    scenario = scenarios.by_name.get(name)
    if scenario is None:
        if not scenarios.problems:
            typer.echo(_unknown(target, scenarios), err=True)
        return 2
    try:
        if agent is not None:
            scenario.agent(agent)
    except LookupError as error:
        typer.echo(f"{error}", err=True)
        return 2
    try:
        provider = await create_provider(settings, scenarios)
    except ProviderError as error:
        typer.echo(error.full_message, err=True)
        return 1
    time_limits, metrics = time_limits_from(settings), metrics_config_from(settings)
    try:
        async with CallRegistry(time_limits=time_limits, metrics=metrics) as registry:
            call = registry.start(scenario, provider, agent=agent, transport="websocket")
            return await _talk(call)
    finally:
        await provider.aclose()


def _find(target: str) -> tuple[LoadedScenarios, str]:
    """A name of a scenario, or something that holds scenarios: then its first."""
    named = load([])
    if target in named.by_name and not Path(target).exists():
        return named, target
    problems = find_missing([target])
    if problems:
        if looks_like_path(target):
            named.problems += problems
        return named, target
    own = load([target], built_in=False)
    return own, next(iter(own.by_name), target)


def _unknown(target: str, scenarios: LoadedScenarios) -> str:
    names = {name.lower(): name for name in scenarios.by_name}
    close = difflib.get_close_matches(target.lower(), names, n=1)
    meant = f" Did you mean {names[close[0]]!r}?" if close else ""
    there = ", ".join(scenarios.by_name) or "none"
    return f"There is no scenario {target!r}, nor a file, folder or module of that name.{meant} There are: {there}."


async def _talk(call: Call) -> int:
    """Types the caller's lines in, and shows what is said; leaves on end of input or when the call is over."""
    page = Page()
    call.attach(page, call.leg.leg_id, after=0)
    typer.echo("Type what you say; an empty line stops the agent, Ctrl-D hangs up.", err=True)
    lines = _typed_lines()
    talk = _Talk(call, page)
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
            talk.give(line.strip())
        call.hang_up("caller hung up")
    finally:
        showing.cancel()
        await asyncio.gather(showing, return_exceptions=True)
        call.detach(page, "the terminal was closed")
    return 1 if talk.failed else 0


class _Talk:
    def __init__(self, call: Call, page: Page) -> None:
        self._call = call
        self._page = page
        self._interactive = sys.stdin.isatty()
        self._news = asyncio.Event()
        self._greeted = False
        self._answered = False
        self._trouble: str | None = None
        self._agents: dict[str, str] = {}
        self.failed = False
        """Whether the model could not be reached, or a line that was piped in got no answer."""

    def give(self, line: str) -> None:
        """Says a line for the caller, or interrupts with an empty one."""
        if not self._interactive:
            typer.secho(f"you: {line}", dim=True)
        self._answered = not line  # nobody answers an interruption
        command: events.Event = {"type": "say", "text": line} if line else {"type": "interrupt"}
        self._call.command(self._page, events.encode(command).decode())

    async def ready(self) -> None:
        """Waits until the caller may speak: a person, once they have been greeted; what is piped in, when all of the
        answer to the line before has come."""
        if self._interactive and self._greeted:
            return
        while not (self._call.at_rest or self._call.is_over):
            self._news.clear()
            with contextlib.suppress(TimeoutError):  # not everything that a call waits for is told
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._news.wait()
        self._greeted = True
        self.failed = self.failed or not (self._interactive or self._answered)

    async def show(self) -> None:
        """Prints the conversation until the call is over."""
        unsubscribe = self._call.log.subscribe(self._on_entry)
        for entry in self._call.log.since(0):
            self._on_entry(entry)
        try:
            async for _frame in self._page.frames():
                pass  # the sound is not heard here; the log is read by subscription
        finally:
            unsubscribe()
            self._news.set()

    def _on_entry(self, entry: log.Entry) -> None:
        event = entry.event
        self._news.set()
        match event:
            case log_events.AgentChanged(previous=str()):
                typer.secho(f"→ {event.agent}", fg="cyan")
            case log_events.MessageAdded(role="assistant"):
                self._agents[event.item_id] = event.agent or "agent"
            case log_events.MessageDone(role="assistant") if event.text:
                self._answered = True
                typer.echo(f"{self._agents.get(event.item_id, 'agent')}: {event.text}")
            case log_events.AudioDone():
                heard: events.Event = {"type": "played", "item_id": event.item_id, "ms": event.ms}
                asyncio.get_running_loop().call_soon(self._call.command, self._page, events.encode(heard).decode())
            case log_events.ToolStarted():
                typer.secho(f"  {event.name} {event.arguments}", dim=True)
            case log_events.ToolDone():
                typer.secho(f"  {event.name} = {event.error or event.result}", dim=True)
            case log_events.GuardrailChecked(status="fail" | "error"):
                found = ": ".join(filter(None, (event.guardrail, event.category, event.rationale)))
                typer.secho(f"  ✗ {found}", fg="yellow")
            case log_events.LinkLost():
                self._tell_trouble(event)
            case log_events.LinkUp() | log_events.LinkRestored() if self._trouble is not None:
                self._trouble = None
                typer.secho("The model is connected.", fg="yellow", err=True)
            case log_events.CallError():
                typer.secho(event.message, fg="red", err=True)
                self.failed = self.failed or event.code == "link_failed"
            case log_events.CallEnded():
                typer.secho(f"— {event.reason}", dim=True)
            case _:
                pass

    def _tell_trouble(self, lost: log_events.LinkLost) -> None:
        """Once for each reason: it is tried again many times."""
        if lost.retry_in_ms is not None and lost.reason != self._trouble:
            self._trouble = lost.reason
            typer.secho(f"The model is not connected: {lost.reason.rstrip('.')}. Trying again …", fg="yellow", err=True)


def _typed_lines() -> asyncio.Queue[str | None]:
    """Lines of standard input; None at its end. Read in a thread that does not keep the program alive."""
    lines: asyncio.Queue[str | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, None)

    threading.Thread(target=read, name="standard input", daemon=True).start()
    return lines
