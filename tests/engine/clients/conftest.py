"""An engine with real speech and a simple brain, in reach of clients that are not Python, with TLS where they ask."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import json
import os
import shutil
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from engine_fakes import FakeBrain

from trunkline.engine.app import Engine
from trunkline.engine.brains import BrainOutput, BrainRequest, Invoke, Say
from trunkline.engine.ice import IceOptions
from trunkline.engine.server import EngineServer
from trunkline.engine.speech.espeak import EspeakVoice
from trunkline.engine.speech.sphinx import SphinxRecogniser
from trunkline.engine.speech.vad import SileroVoiceActivity
from trunkline.realtime.events import text_of

HERE = Path(__file__).parent
KEY = "a-key-of-this-test"
PYTHONS_NODE = Path(__file__).parents[3] / ".venv" / "bin" / "node"
NUMBERS = "One. Two. Three. Four. Five. Six. Seven. Eight. Nine. Ten."


class Concierge(FakeBrain):
    """Repeats what it is told, counts when asked to, and asks for the weather."""

    def __init__(self) -> None:
        super().__init__(self._answer, delay=0.001)

    def grammar(self, request: BrainRequest) -> str:
        return "#JSGF V1.0;\ngrammar caller;\npublic <said> = yes [please] | no [thank you] | of course;\n"

    @staticmethod
    def _answer(request: BrainRequest) -> list[BrainOutput]:
        last = request.items[-1]
        if last["type"] == "function_call_output":
            return [Say(f"It is {last['output']}.")]
        said = text_of(last)
        if "weather" in said:
            return [Invoke("call_1", "weather", '{"city": "Wanaka"}')]
        if "for ever" in said:
            return [Say("And one more, and on and on we go. ")] * 2000
        return [Say(NUMBERS if "to ten" in said else f"You said: {said}.")]


@dataclass
class Endpoint:
    """The engine's addresses: plain, and the same behind TLS with the certificate of an authority in `authority`."""

    server: EngineServer
    secure_url: str
    authority: Path


@asynccontextmanager
async def concierge_engine(folder: Path, origin: str | None = None) -> AsyncIterator[Endpoint]:
    """Runs the engine, and a relay that takes TLS off for it."""
    ears, mouth = SphinxRecogniser(), EspeakVoice()
    engine = Engine(
        lambda model, settings: Concierge(), ears, mouth, SileroVoiceActivity, key=KEY, ice=IceOptions(loopback=True)
    )
    certificate = _certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    try:
        async with EngineServer(engine) as server:
            relay = await asyncio.start_server(lambda r, w: _relay(r, w, server.port), "127.0.0.1", 0, ssl=context)
            port = relay.sockets[0].getsockname()[1]
            try:
                yield Endpoint(server, f"https://127.0.0.1:{port}/openai/v1", certificate)
            finally:
                relay.close()
                await relay.wait_closed()
    finally:
        await ears.aclose()
        await mouth.aclose()


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)

    async def pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while came := await source.read(1 << 16):
                sink.write(came)
                await sink.drain()
        except ConnectionError:
            pass
        finally:
            sink.close()

    await asyncio.gather(pass_on(reader, inner_writer), pass_on(inner_reader, writer))


def _certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority of this test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "authority.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return path


Turn = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture(scope="session")
def node() -> str:
    """Node with the clients' packages. Without them the tests are skipped, in CI they fail."""
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
    """`await sound_file(text)`: a file of PCM16 at 24 kHz in which it is said, in a quiet room."""

    async def make(text: str) -> Path:
        mouth = EspeakVoice()
        said = b"".join([chunk.pcm async for chunk in mouth.speak(text, voice="cedar")])
        await mouth.aclose()
        sound = np.concatenate((np.zeros(7200), np.frombuffer(said, "<i2"), np.zeros(24_000)))
        sound += np.random.default_rng(1).normal(0, 6, sound.size)
        path = tmp_path / "said.pcm"
        path.write_bytes(sound.clip(-32768, 32767).astype("<i2").tobytes())
        return path

    return make


@pytest.fixture(params=["openai", "agents"])
def turn(
    request: pytest.FixtureRequest, node: str, tmp_path: Path, sound_file: Callable[[str], Awaitable[Path]]
) -> Turn:
    """`await turn(name, says=…)`: a client has one turn with the engine; what came of it, as the client saw it."""

    async def take(name: str, says: str | None = None) -> dict[str, Any]:
        async with concierge_engine(tmp_path) as endpoint:
            url = endpoint.secure_url
            if request.param == "agents":
                url = f"{endpoint.server.url.replace('http', 'ws')}/realtime?model=test"
            arguments = [f"{request.param}.mjs", name, url, KEY]
            if says is not None:
                arguments.append(str(await sound_file(says)))
            return await _run(node, arguments, {"NODE_EXTRA_CA_CERTS": str(endpoint.authority)})

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
