"""LiveKit's OpenAI plugin on Azure, through an agent session without a room: `client.py ga` or `client.py legacy`."""

from __future__ import annotations

import asyncio
import sys

from livekit.agents import Agent, AgentSession, RunContext, function_tool
from livekit.agents.voice.io import AudioOutput, AudioOutputCapabilities
from livekit.plugins.openai import realtime
from report import API_VERSION, KEY, ORIGIN, QUESTION, Report

report = Report()


class Speaker(AudioOutput):
    """Audio output that plays at once, and counts."""

    def __init__(self) -> None:
        super().__init__(label="speaker", capabilities=AudioOutputCapabilities(pause=False), sample_rate=24_000)
        self._pushed_s = 0.0

    async def capture_frame(self, frame) -> None:
        """Count a frame of audio."""
        await super().capture_frame(frame)
        report.audio_bytes += len(frame.data) * 2
        self._pushed_s += frame.duration

    def flush(self) -> None:
        """Report the end of the playout."""
        super().flush()
        if self._pushed_s:
            self.on_playback_finished(playback_position=self._pushed_s, interrupted=False)
            self._pushed_s = 0.0

    def clear_buffer(self) -> None:
        """Do nothing: everything was played at once."""


class Clerk(Agent):
    """An agent with a tool."""

    def __init__(self) -> None:
        super().__init__(instructions="Answer questions about the weather.")

    @function_tool
    async def get_weather(self, context: RunContext, city: str) -> str:
        """Return the weather in a city."""
        return report.weather(city)


def words(session: AgentSession) -> list[str]:
    """Return the words of the agent so far."""
    return [
        item.text_content
        for item in session.history.items
        if item.type == "message" and item.role == "assistant" and item.text_content
    ]


async def main(dialect: str) -> None:
    """Be greeted, and ask for the weather."""
    version = {"api_version": API_VERSION} if dialect == "legacy" else {}
    model = realtime.RealtimeModel.with_azure(
        azure_deployment="weather", azure_endpoint=ORIGIN, api_key=KEY, voice="alloy", **version
    )
    session = AgentSession(llm=model)
    session.output.audio = Speaker()
    await session.start(Clerk())
    await session.generate_reply(instructions="Greet the caller.")
    report.answers.append(words(session)[0])
    await session.generate_reply(user_input=QUESTION)
    while len(words(session)) < 2 or "sunny" not in words(session)[-1]:  # noqa: ASYNC110 - the history has no event
        await asyncio.sleep(0.1)
    report.answers.append(words(session)[-1])
    await session.aclose()
    report.print()


asyncio.run(main(sys.argv[1]))
