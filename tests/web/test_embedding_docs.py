"""docs/embedding.md: its apps run as written. Its proxies, and that of docs/security.md, run in front of a server."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import re
import shutil
import ssl
import sys
import types
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
import websockets
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.ports import free_port
from tests.web.web_server import client, listening, own_settings, with_model
from trunkline.web import create_app

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "embedding.md").read_text()
APP, SIGNED_IN, IN_TESTS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
TOKEN = "a-token-of-this-test"
CADDY, NGINX = re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL)
(SECURE_NGINX,) = re.findall(r"```nginx\n(.*?)```", (ROOT / "docs" / "security.md").read_text(), re.DOTALL)
HELLO = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[0]


@pytest.fixture
def hello(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The README's `hello.py` as a module, in a folder without settings."""
    module = types.ModuleType("hello")
    exec(HELLO, module.__dict__)
    monkeypatch.setitem(sys.modules, "hello", module)
    monkeypatch.chdir(tmp_path)


def names_of(example: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(example, names)
    return names


# Apps ---------------------------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("hello")
@pytest.mark.parametrize("outer", ["fastapi", "starlette"])
async def test_the_app_serves_the_console_and_calls_below_its_prefix(
    monkeypatch: pytest.MonkeyPatch, outer: str
) -> None:
    model = with_model(monkeypatch)
    names = names_of(APP)
    app = names["app"]
    if outer == "starlette":
        app = Starlette(routes=[Mount("/voice", names["voice"])], lifespan=names["run_voice"])
    async with listening(app) as url, client(f"{url}/voice", model) as caller:
        assert (await caller.http.get("/")).status_code in (200, 503)  # 503: the console is not built here
        scenarios = [scenario["name"] for scenario in (await caller.http.get("/api/scenarios")).json()]
        async with caller.calling(scenario="surgery"):
            pass
    assert scenarios[0] == "surgery"


@pytest.mark.usefixtures("hello")
async def test_the_example_of_authentication_knows_its_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    model = with_model(monkeypatch)
    async with listening(names_of(SIGNED_IN)["voice"]) as url, client(url, model) as caller:
        assert (await caller.http.get("/api/scenarios")).status_code == 401
        known = await caller.http.get("/api/scenarios", headers={"cookie": "session=5f3a"})
    assert known.status_code == 200


def test_the_typed_call_runs() -> None:
    exec(IN_TESTS, {})


# Proxies ------------------------------------------------------------------------------------------------------------


def caddy(folder: Path, port: int, upstream: int) -> list[str]:
    site = CADDY.replace("voice.example.com", f"https://localhost:{port}")
    # Its own certificate authority, without asking this machine to trust it, and no port 80.
    options = "{\n admin off\n skip_install_trust\n auto_https disable_redirects\n}\n"
    (folder / "Caddyfile").write_text(options + site.replace("127.0.0.1:3000", f"127.0.0.1:{upstream}"))
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


def nginx(folder: Path, port: int, upstream: int, site: str = NGINX) -> list[str]:
    certificate, key = write_certificate(folder)
    site = re.sub(r"/etc/ssl/voice\.example(?:\.com)?\.pem", str(certificate), site)
    site = re.sub(r"/etc/ssl/voice\.example(?:\.com)?\.key", str(key), site)
    site = re.sub(r"voice\.example(?:\.com)?", "localhost", site)
    site = site.replace("listen 443", f"listen 127.0.0.1:{port}").replace("127.0.0.1:3000", f"127.0.0.1:{upstream}")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{kind}_temp_path {folder / kind};\n" for kind in kinds)
    (folder / "nginx.conf").write_text(
        f"daemon off;\npid {folder / 'pid'};\nerror_log stderr;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{paths}{site}}}\n"
    )
    return ["nginx", "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]


def write_certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "localhost.pem", folder / "localhost.key"
    certificate.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, private


@contextlib.asynccontextmanager
async def behind(command: list[str], folder: Path, port: int) -> AsyncIterator[None]:
    """Run a proxy until it answers on its port; end it afterwards."""
    output = (folder / "output").open("wb")
    environment = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    running = await asyncio.create_subprocess_exec(*command, env=environment, stdout=output, stderr=output)
    try:
        async with asyncio.timeout(20):
            while not await _answers(port):
                assert running.returncode is None, (folder / "output").read_text()
                await asyncio.sleep(0.02)
        yield
    finally:
        if running.returncode is None:
            running.terminate()
            await running.wait()
        output.close()


async def _answers(port: int) -> bool:
    context = _unverified()
    try:
        _reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
    except (OSError, ssl.SSLError):
        return False
    writer.close()
    with contextlib.suppress(OSError, ssl.SSLError):
        await writer.wait_closed()
    return True


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@pytest.mark.parametrize("proxy", [caddy, nginx], ids=lambda proxy: proxy.__name__)
async def test_a_call_passes_the_proxy_with_tls_and_a_prefix(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, proxy: Callable[[Path, int, int], list[str]]
) -> None:
    program = shutil.which(proxy.__name__)
    if program is None:
        pytest.skip(f"{proxy.__name__} is not installed: run make proxies")
    with_model(monkeypatch)
    port = free_port()
    origin = f"https://localhost:{port}"
    settings = own_settings(allowed_origins=[origin])
    async with listening(create_app([], settings), settings) as url:
        command = proxy(tmp_path, port, int(url.rpartition(":")[2]))
        async with (
            behind([program, *command[1:]], tmp_path, port),
            httpx2.AsyncClient(base_url=origin, verify=_unverified(), trust_env=False, timeout=60) as http,
        ):
            moved = await http.get("/voice")
            assert moved.headers["location"].endswith("/voice/")
            assert (await http.get("/voice/")).status_code in (200, 503)  # 503: the console is not built here
            page = {"origin": origin}
            started = await http.post("/voice/api/calls", json={"scenario": "simpleHandoff"}, headers=page)
            assert started.status_code == 201
            assert "Secure" in started.headers["set-cookie"]
            call = started.json()
            stranger = await http.post(
                "/voice/api/calls", json={"scenario": "simpleHandoff"}, headers={"origin": "https://evil.example"}
            )
            assert stranger.status_code == 403
            address = f"wss://localhost:{port}/voice/api/calls/{call['call_id']}?leg={call['leg_id']}"
            async with websockets.connect(
                address, ssl=_unverified(), origin=websockets.Origin(origin), proxy=None
            ) as page_socket:
                async with asyncio.timeout(10):
                    while json.loads(await page_socket.recv())["kind"] != "link.up":
                        pass


async def test_a_signed_in_caller_passes_the_proxy_of_the_page_about_security(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = shutil.which("nginx")
    if program is None:
        pytest.skip("nginx is not installed: run make proxies")
    with_model(monkeypatch)
    port = free_port()
    origin = f"https://localhost:{port}"
    settings = own_settings(token=TOKEN, allowed_origins=[origin], trusted_proxies=["127.0.0.1"])
    async with listening(create_app([], settings), settings) as url:
        command = nginx(tmp_path, port, int(url.rpartition(":")[2]), SECURE_NGINX)
        async with (
            behind([program, *command[1:]], tmp_path, port),
            httpx2.AsyncClient(base_url=origin, verify=_unverified(), trust_env=False, timeout=60) as http,
        ):
            page = {"origin": origin, "referer": f"{origin}/sign-in"}
            assert (await http.get("/api/scenarios")).status_code == 401
            signed_in = await http.post("/sign-in", data={"token": TOKEN}, headers=page)
            assert signed_in.headers["set-cookie"].startswith("__Host-trunkline_")
            started = await http.post(
                "/api/calls", json={"scenario": "simpleHandoff"}, headers={"origin": origin, "referer": f"{origin}/"}
            )
            assert started.status_code == 201
            cookies = "; ".join(f"{name}={value}" for name, value in http.cookies.items())
            assert cookies.count("__Host-trunkline_") == 2  # the sign-in, and the call
            address = f"wss://localhost:{port}/api/calls/{started.json()['call_id']}"
            async with websockets.connect(
                address,
                ssl=_unverified(),
                origin=websockets.Origin(origin),
                additional_headers={"cookie": cookies},
                proxy=None,
            ) as page_socket:
                async with asyncio.timeout(10):
                    assert '"seq"' in str(await page_socket.recv())
