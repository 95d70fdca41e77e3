"""litellm's proxy in front of Azure: a client of OpenAI's protocol calls the proxy, which calls the engine."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import yaml
from openai import AsyncOpenAI
from report import KEY, ORIGIN, QUESTION, Report

PROXY_KEY = "sk-a-key-for-the-proxy"
report = Report()


def free_port() -> int:
    """Return a port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def started(process: subprocess.Popen, url: str) -> None:
    """Wait until the proxy answers."""
    async with httpx.AsyncClient(base_url=url) as client:
        while process.poll() is None:
            try:
                await client.get("/health/liveliness")
            except httpx.TransportError:
                await asyncio.sleep(0.2)
            else:
                return
    raise SystemExit("the proxy did not start")


async def answer(connection) -> None:
    """Wait until an answer with words is over; call the tool on the way."""
    async for event in connection:
        if event.type == "error":
            raise SystemExit(event.error.message)
        if event.type == "response.output_audio.delta":
            report.audio_bytes += len(event.delta) * 3 // 4
        elif event.type == "response.function_call_arguments.done":
            output = report.weather(json.loads(event.arguments)["city"])
            item = {"type": "function_call_output", "call_id": event.call_id, "output": output}
            await connection.conversation.item.create(item=item)
        elif event.type == "response.done":
            message = next((item for item in event.response.output if item.type == "message"), None)
            if message is None:
                await connection.response.create()
                continue
            report.answers.append(message.content[0].transcript)
            return


async def call(url: str) -> None:
    """Be greeted, and ask for the weather."""
    client = AsyncOpenAI(base_url=f"{url}/v1", websocket_base_url=f"{url.replace('http', 'ws')}/v1", api_key=PROXY_KEY)
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tools = [{"type": "function", "name": "get_weather", "description": "The weather.", "parameters": parameters}]
    async with client.realtime.connect(model="weather-desk") as connection:
        await connection.session.update(session={"type": "realtime", "model": "gpt-realtime", "tools": tools})
        await connection.response.create()
        await answer(connection)
        content = [{"type": "input_text", "text": QUESTION}]
        await connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
        await connection.response.create()
        await answer(connection)
    report.print()


def main() -> None:
    """Run the proxy, and call it."""
    parameters = {"model": "azure/weather", "api_base": ORIGIN, "api_key": KEY, "realtime_protocol": "GA"}
    models = [{"model_name": "weather-desk", "litellm_params": parameters, "model_info": {"mode": "realtime"}}]
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(yaml.safe_dump({"model_list": models, "general_settings": {"master_key": PROXY_KEY}}))
        proxy = [str(Path(sys.executable).with_name("litellm")), "--config", str(config)]
        process = subprocess.Popen(
            [*proxy, "--host", "127.0.0.1", "--port", str(port)],
            env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
            cwd=folder,
            stdout=sys.stderr,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            asyncio.run(asyncio.wait_for(started(process, url), 180))
            asyncio.run(call(url))
        finally:
            process.terminate()
            process.wait(10)


main()
