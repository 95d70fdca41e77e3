"""Semantic Kernel's `AzureRealtimeWebsocket`: the preview's address with a deployment, and a plugin's function."""

from __future__ import annotations

import asyncio
import base64
from typing import Annotated

from report import API_VERSION, KEY, ORIGIN, QUESTION, Report
from semantic_kernel import Kernel
from semantic_kernel.connectors.ai import FunctionChoiceBehavior
from semantic_kernel.connectors.ai.open_ai import AzureRealtimeExecutionSettings, AzureRealtimeWebsocket
from semantic_kernel.contents import ChatMessageContent, RealtimeTextEvent
from semantic_kernel.contents.realtime_events import RealtimeEvent
from semantic_kernel.functions import kernel_function

report = Report()


@kernel_function
def get_weather(city: Annotated[str, "The city."]) -> str:
    """Return the weather in a city."""
    return report.weather(city)


async def answer(client: AzureRealtimeWebsocket) -> None:
    """Wait until an answer with words is over."""
    words = ""
    async for event in client.receive():
        kind = str(event.service_type)
        if isinstance(event, RealtimeTextEvent):
            words += event.text.text
        elif kind in ("response.audio.delta", "response.output_audio.delta"):
            report.audio_bytes += len(base64.b64decode(event.service_event.delta))
        elif kind == "error":
            raise SystemExit(str(event.service_event))
        elif kind == "response.done" and words:
            report.answers.append(words)
            return


async def main() -> None:
    """Be greeted, and ask for the weather."""
    kernel = Kernel()
    kernel.add_function(plugin_name="weather", function=get_weather)
    client = AzureRealtimeWebsocket(
        endpoint=ORIGIN, deployment_name="weatherPlugin", api_key=KEY, api_version=API_VERSION
    )
    settings = AzureRealtimeExecutionSettings(
        instructions="Answer questions about the weather.",
        voice="alloy",
        function_choice_behavior=FunctionChoiceBehavior.Auto(),
    )
    async with client(settings=settings, kernel=kernel, create_response=True):
        await answer(client)
        message = ChatMessageContent(role="user", content=QUESTION)
        await client.send(RealtimeTextEvent(text=message.items[0]))
        await client.send(RealtimeEvent(service_type="response.create"))
        await answer(client)
    report.print()


asyncio.run(main())
