"""Pydantic AI on Azure: `client.py realtime`, a voice session, or `client.py text`, a run of the chat model."""

from __future__ import annotations

import asyncio
import sys

from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.azure import AzureProvider
from pydantic_ai.realtime.azure import AzureRealtimeModel
from report import API_VERSION, KEY, ORIGIN, QUESTION, Report

report = Report()
agent = Agent(instructions="Answer questions about the weather.")


@agent.tool_plain
def get_weather(city: str) -> str:
    """Return the weather in a city."""
    return report.weather(city)


async def realtime(provider: AzureProvider) -> None:
    """Be greeted, and ask for the weather."""
    async with agent.realtime(AzureRealtimeModel("weather", provider=provider)).session() as session:

        async def count(audio) -> None:
            async for chunk in audio:
                report.audio_bytes += len(chunk)

        async def note(transcripts) -> None:
            async for part in transcripts:
                if part.speaker == "assistant":
                    report.answers.append(part.transcript)

        work = count(session.stream_audio()), note(session.stream_transcripts())
        noting = [asyncio.create_task(one) for one in work]
        for words in ("Hello.", QUESTION):
            await session.send(words)
            await session.wait_for_reply()
        await asyncio.sleep(0.2)
        for task in noting:
            task.cancel()


async def text(provider: AzureProvider) -> None:
    """Ask the chat model."""
    result = await agent.run(QUESTION, model=OpenAIChatModel("weather/text", provider=provider))
    report.answers.append(result.output)


provider = AzureProvider(azure_endpoint=ORIGIN, api_version=API_VERSION, api_key=KEY)
asyncio.run({"realtime": realtime, "text": text}[sys.argv[1]](provider))
report.print()
