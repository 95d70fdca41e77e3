"""`trunkline call`: a typed conversation in the terminal, through a real call on the real provider."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path

import typer

from trunkline.calls import log
from trunkline.calls.call import Call, times_of
from trunkline.calls.exchange import Exchange
from trunkline.calls.legs import Page
from trunkline.calls.measuring import measuring_of
from trunkline.providers import ProviderError
from trunkline.providers.choice import make_provider
from trunkline.realtime import events
from trunkline.scenario.loading import Scenarios, load
from trunkline.settings import Settings


async def converse(settings: Settings, target: str, agent: str | None) -> int:
    """Calls a scenario and relays lines between it and the terminal. Returns the exit status."""
    scenarios, name = _find(target)
    for problem in scenarios.problems:
        typer.echo(f"{problem}", err=True)
    scenario = scenarios.by_name.get(name)
    if scenario is None:
        typer.echo(f"There is no scenario {target!r}. There are: {', '.join(scenarios.by_name) or 'none'}.", err=True)
        return 2
    if agent is not None and agent not in [each.name for each in scenario.agents]:
        names = ", ".join(each.name for each in scenario.agents)
        typer.echo(f"{scenario.name} has no agent {agent!r}. There are: {names}.", err=True)
        return 2
    try:
        provider = await make_provider(settings, scenarios)
    except ProviderError as error:
        typer.echo(f"{error} {error.hint or ''}".rstrip(), err=True)
        return 1
    times, measuring = times_of(settings), measuring_of(settings)
    try:
        async with Exchange(times=times, measuring=measuring) as exchange:
            call = exchange.start(scenario, provider, agent=agent, transport="websocket")
            return await _talk(call)
    finally:
        await provider.aclose()


def _find(target: str) -> tuple[Scenarios, str]:
    """A name of a scenario, or something that holds scenarios: then its first."""
    is_target = Path(target).exists() or target.endswith(".py") or ":" in target
    scenarios = load([target] if is_target else [])
    if not is_target and target not in scenarios.by_name and "." in target:
        scenarios, is_target = load([target]), True
    if not is_target:
        return scenarios, target
    own = set(scenarios.by_name) - set(load([]).by_name)
    return scenarios, next((name for name in scenarios.by_name if name in own), target)


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
            await talk.quiet()  # piped input waits for the answer to the line before
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
        self._quiet = asyncio.Event()
        self._said_something = False
        self._spoken: dict[str, int] = {}
        self._agents: dict[str, str] = {}
        self.failed = False

    def give(self, line: str) -> None:
        """Says a line for the caller, or interrupts with an empty one."""
        if not self._interactive:
            typer.secho(f"you: {line}", dim=True)
        self._quiet.clear()
        command: events.Event = {"type": "say", "text": line} if line else {"type": "interrupt"}
        if not line:
            self._quiet.set()
        self._call.command(self._page, events.encode(command).decode())

    async def quiet(self) -> None:
        """Waits until the agent has answered, where the input is not typed by a person."""
        if not self._interactive:
            await self._quiet.wait()

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
            self._quiet.set()

    def _on_entry(self, entry: log.Entry) -> None:
        event = entry.event
        match event:
            case log.AgentChanged(previous=str()):
                typer.secho(f"→ {event.agent}", fg="cyan")
            case log.MessageAdded(role="assistant"):
                self._agents[event.item_id] = event.agent or "agent"
            case log.MessageDone(role="assistant") if event.text:
                typer.echo(f"{self._agents.get(event.item_id, 'agent')}: {event.text}")
            case log.AudioDone():
                heard: events.Event = {"type": "played", "item_id": event.item_id, "ms": event.ms}
                asyncio.get_running_loop().call_soon(self._call.command, self._page, events.encode(heard).decode())
            case log.ToolStarted():
                typer.secho(f"  {event.name} {event.arguments}", dim=True)
            case log.ToolDone():
                typer.secho(f"  {event.name} = {event.error or event.result}", dim=True)
            case log.CallError():
                typer.secho(event.message, fg="red", err=True)
                self.failed = self.failed or event.code == "link_failed"
            case log.WireReceived():
                self._on_wire(event.event)
            case log.CallEnded():
                typer.secho(f"— {event.reason}", dim=True)
            case _:
                pass

    def _on_wire(self, event: events.Event) -> None:
        """The agent is quiet once a response is done that calls nothing, and whose message was not a mere promise."""
        if event["type"] == "response.done":
            output = event.get("response", {}).get("output", [])
            if not any(item.get("type") == "function_call" for item in output):
                self._quiet.set()


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
