"""Engine with real speech and a simple brain, for clients in other languages, also over TLS."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.engine.engine_fakes import FakeBrain
from trunkline.engine.brains import BrainOutput, BrainRequest, TextDelta, ToolCallDelta
from trunkline.engine.http.app import Engine
from trunkline.engine.server import EngineServer
from trunkline.engine.speech.silero import SileroVoiceActivity
from trunkline.engine.speech.stt.sphinx import SphinxStt
from trunkline.engine.speech.tts.espeak import EspeakTts
from trunkline.engine.transports.ice import IceOptions
from trunkline.realtime.events import text_of

KEY = "a-key-of-this-test"
NUMBERS = "One. Two. Three. Four. Five. Six. Seven. Eight. Nine. Ten."


class Concierge(FakeBrain):
    """Brain that repeats the caller, counts on request, and calls the weather tool."""

    def __init__(self) -> None:
        super().__init__(self._answer, delay=0.001)

    def grammar(self, request: BrainRequest) -> str:
        return "#JSGF V1.0;\ngrammar caller;\npublic <said> = yes [please] | no [thank you] | of course;\n"

    @staticmethod
    def _answer(request: BrainRequest) -> list[BrainOutput]:
        last = request.items[-1]
        if last["type"] == "function_call_output":
            return [TextDelta(f"It is {last['output']}.")]
        said = text_of(last)
        if "weather" in said:
            return [ToolCallDelta("call_1", "weather", '{"city": "Wanaka"}')]
        if "for ever" in said:
            return [TextDelta("And one more, and on and on we go. ")] * 2000
        return [TextDelta(NUMBERS if "to ten" in said else f"You said: {said}.")]


@dataclass
class Endpoint:
    """Addresses of the engine: plain, and over TLS with a certificate of the authority in `authority`."""

    server: EngineServer
    secure_url: str
    authority: Path


@asynccontextmanager
async def concierge_engine(folder: Path) -> AsyncIterator[Endpoint]:
    """Run the engine, and a relay that terminates TLS for it."""
    ears, mouth = SphinxStt(), EspeakTts()
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
