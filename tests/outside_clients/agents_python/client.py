"""OpenAI Agents SDK for Python on Azure, as its users configure it: the deployment's URL, and the key as `api-key`."""

from __future__ import annotations

import asyncio

from agents import set_tracing_disabled
from agents.realtime import RealtimeAgent, RealtimeModelSendRawMessage, RealtimeRunner, RealtimeSession
from agents.tool import function_tool
from report import KEY, QUESTION, SOCKET_ORIGIN, Report

report = Report()


@function_tool
def get_weather(city: str) -> str:
    """Return the weather in a city."""
    return report.weather(city)


async def answer(session: RealtimeSession) -> None:
    """Wait until an answer with words is over."""
    words = ""
    async for event in session:
        if event.type == "audio":
            report.audio_bytes += len(event.audio.data)
        elif event.type == "error":
            raise SystemExit(str(event.error))
        elif event.type == "raw_model_event" and event.data.type == "raw_server_event":
            raw = event.data.data
            if raw["type"] == "response.output_audio_transcript.done":
                words = raw["transcript"]
            elif raw["type"] == "response.done" and words:
                report.answers.append(words)
                return


async def main() -> None:
    """Be greeted, and ask for the weather."""
    set_tracing_disabled(True)
    agent = RealtimeAgent(name="Clerk", instructions="Answer questions about the weather.", tools=[get_weather])
    settings = {"model_name": "gpt-realtime", "audio": {"output": {"voice": "marin"}}}
    runner = RealtimeRunner(agent, config={"model_settings": settings})
    url = f"{SOCKET_ORIGIN}/openai/v1/realtime?model=weather"
    async with await runner.run(model_config={"url": url, "headers": {"api-key": KEY}}) as session:
        await session.model.send_event(RealtimeModelSendRawMessage(message={"type": "response.create"}))
        await answer(session)
        await session.send_message(QUESTION)
        await answer(session)
    report.print()


asyncio.run(main())
