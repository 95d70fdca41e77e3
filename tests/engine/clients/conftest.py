"""Fixtures for clients in other languages, and their speech."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.engine.clients.concierge import KEY, concierge_engine
from tests.synthetic_caller import said
from trunkline.tls import self_signed_identity

HERE = Path(__file__).parent
PYTHONS_NODE = Path(__file__).parents[3] / ".venv" / "bin" / "node"
Turn = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture(scope="session")
def node() -> str:
    """Return Node with the clients' packages. Without them the tests are skipped; in CI they fail."""
    found = shutil.which("node") or (str(PYTHONS_NODE) if PYTHONS_NODE.exists() else None)
    missing = None if found else "there is no Node: make .make/clients installs it"
    if not (HERE / "node_modules").is_dir():
        missing = "the clients' packages are not installed: make .make/clients installs them"
    if found is None or missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))
    return found


@pytest.fixture
def sound_file(tmp_path: Path) -> Callable[[str], Awaitable[Path]]:
    """Return `await sound_file(text)`, which writes a PCM16 file at 24 kHz with the spoken text between silence."""

    async def make(text: str) -> Path:
        pcm = await said(text)
        sound = np.concatenate((np.zeros(7200), np.frombuffer(pcm, "<i2"), np.zeros(24_000)))
        sound += np.random.default_rng(1).normal(0, 6, sound.size)
        path = tmp_path / "said.pcm"
        path.write_bytes(sound.clip(-32768, 32767).astype("<i2").tobytes())
        return path

    return make


@pytest.fixture(params=["openai", "agents"])
def turn(
    request: pytest.FixtureRequest, node: str, tmp_path: Path, sound_file: Callable[[str], Awaitable[Path]]
) -> Turn:
    """Return `await turn(name, says=…)`, which runs one turn of a client and returns its view of the result."""

    async def take(name: str, says: str | None = None) -> dict[str, Any]:
        tls = self_signed_identity(tmp_path, ["127.0.0.1"]) if request.param == "openai" else None
        async with concierge_engine(tls) as server:
            url = server.url if tls else f"{server.url.replace('http', 'ws')}/realtime?model=test"
            arguments = [f"{request.param}.mjs", name, url, KEY]
            if says is not None:
                arguments.append(str(await sound_file(says)))
            return await _run(node, arguments, {"NODE_EXTRA_CA_CERTS": str(tls.certificate)} if tls else {})

    return take


async def _run(node: str, arguments: list[str], environment: dict[str, str]) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        node,
        *arguments,
        cwd=HERE,
        env={**os.environ, "OPENAI_AGENTS_DISABLE_TRACING": "1", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(30):
            printed, complaints = await process.communicate()
    except TimeoutError:
        process.kill()
        printed, complaints = await process.communicate()
        pytest.fail(f"{arguments} does not come to an end:\n{printed.decode()}\n{complaints.decode()}")
    assert process.returncode == 0, complaints.decode()
    result: dict[str, Any] = json.loads(printed)
    assert result.pop("errors") == []
    return result
