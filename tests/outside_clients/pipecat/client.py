"""Pipecat's `AzureRealtimeLLMService` in a pipeline without a transport."""

from __future__ import annotations

import asyncio
import sys

from loguru import logger
from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    LLMFullResponseEndFrame,
    LLMRunFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.azure.realtime.llm import AzureRealtimeLLMService
from pipecat.services.llm_service import FunctionCallParams
from pipecat.services.openai.realtime import events
from pipecat.workers.runner import WorkerRunner
from report import KEY, QUESTION, SOCKET_ORIGIN, Report

report = Report()
SETTINGS = AzureRealtimeLLMService.Settings(model="weather")


class Listener(FrameProcessor):
    """Counter of the audio, which collects the words of each answer."""

    def __init__(self) -> None:
        super().__init__()
        self.answered: asyncio.Queue[str] = asyncio.Queue()
        self._words = ""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Look at a frame, and pass it on."""
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSAudioRawFrame):
            report.audio_bytes += len(frame.audio)
        elif isinstance(frame, TTSTextFrame):
            self._words += frame.text
        elif isinstance(frame, ErrorFrame):
            raise SystemExit(frame.error)
        elif isinstance(frame, LLMFullResponseEndFrame) and self._words:
            self.answered.put_nowait(self._words)
            self._words = ""
        await self.push_frame(frame, direction)


async def get_weather(call: FunctionCallParams) -> None:
    """Return the weather in a city."""
    await call.result_callback(report.weather(call.arguments["city"]))


async def main() -> None:
    """Be greeted, and ask for the weather."""
    service = AzureRealtimeLLMService(api_key=KEY, base_url=f"{SOCKET_ORIGIN}/openai/v1/realtime", settings=SETTINGS)
    service.register_function("get_weather", get_weather)
    city = {"city": {"type": "string"}}
    schema = FunctionSchema(name="get_weather", description="The weather.", properties=city, required=["city"])
    context = LLMContext([{"role": "user", "content": "Hello."}], ToolsSchema(standard_tools=[schema]))
    user, assistant = LLMContextAggregatorPair(context)
    listener = Listener()
    worker = PipelineWorker(Pipeline([user, service, listener, assistant]))
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    await worker.queue_frames([LLMRunFrame()])
    report.answers.append(await listener.answered.get())
    content = [events.ItemContent(type="input_text", text=QUESTION)]
    item = events.ConversationItem(type="message", role="user", content=content)
    await service.send_client_event(events.ConversationItemCreateEvent(item=item))
    await service.send_client_event(events.ResponseCreateEvent())
    report.answers.append(await listener.answered.get())
    await worker.cancel()
    await running
    report.print()


logger.remove()
logger.add(sys.stderr, level="WARNING")
asyncio.run(main())
