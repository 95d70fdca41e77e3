"""`trunkline serve --workers`: several worker processes behind one port, and one engine process for all of them.

The workers accept connections from one listening socket, which the supervisor opens and keeps. So a port that is taken
is reported at once, and no connection is lost when a worker dies. The sockets between the processes are kept as well:
a process that is started again has the address of its predecessor. With a cluster address, the workers listen there for
each other and for the servers of other machines.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import secrets
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from pydantic import SecretStr

from trunkline.cluster.connection_passing import passing_between
from trunkline.cluster.node import ClusterNode
from trunkline.cluster.peer_address import PeerAddress
from trunkline.cluster.supervisor import ProcessPlan, Supervisor
from trunkline.event_loop import ServerLoop
from trunkline.garbage_collection import freeze_startup_objects
from trunkline.loop_watch import LoopWatch
from trunkline.parent_watch import end_with_parent
from trunkline.providers.factory import choose_provider_name
from trunkline.settings import Settings
from trunkline.structured_log import use_format
from trunkline.tls import TlsIdentity

_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class _Served:
    """The part of a server that all its workers share."""

    settings: Settings
    targets: Sequence[str]
    listener: socket.socket
    tls: TlsIdentity | None


@dataclass(frozen=True)
class _EngineAddress:
    """The address and the key of the engine process."""

    listener: socket.socket
    key: str = field(repr=False)

    @property
    def url(self) -> str:
        return _url(self.listener)


def serve_with_workers(
    settings: Settings,
    targets: Sequence[str],
    listener: socket.socket,
    tls: TlsIdentity | None,
    count: int,
    on_started: Callable[[], None],
) -> signal.Signals | None:
    """Run the workers, and an engine process if the settings choose the local engine here, until a signal.

    Args:
        listener: the server's socket, which listens already.
        count: the number of workers.
        on_started: called when all processes have started.

    Returns:
        The signal that ended the server; None if a process could not be started.

    Raises:
        PeerAddressError: a worker cannot listen at its address for the servers of other machines.
    """
    plans = []
    if choose_provider_name(settings) == "local" and not settings.engine_urls:
        engine = _EngineAddress(_listen(), secrets.token_urlsafe(32))
        plans.append(ProcessPlan("engine", _run_engine, (settings, targets, engine), serves_calls=False))
        settings = settings.model_copy(update={"engine_urls": [engine.url], "engine_key": SecretStr(engine.key)})
    served = _Served(settings, targets, listener, tls)

    async def supervise() -> signal.Signals | None:
        return await Supervisor(plans, on_started).run()

    with _nodes(settings, count) as nodes:
        plans += [ProcessPlan(f"worker {node.name}", _run_worker, (served, node)) for node in nodes]
        return asyncio.run(supervise())


@contextmanager
def _nodes(settings: Settings, count: int) -> Iterator[list[ClusterNode]]:
    """Yield the workers as servers of a cluster: of one on this machine, or of the configured one."""
    if settings.cluster_address is None or settings.cluster_key is None:
        key, listeners = SecretStr(secrets.token_urlsafe(32)), [_listen() for _ in range(count)]
        addresses = [_url(listener) for listener in listeners]
    else:
        peers = PeerAddress.of_workers(settings.cluster_address, count, settings.port)
        key, listeners = settings.cluster_key, [one.listen() for one in peers]
        addresses = [one.url for one in peers]
    with passing_between(addresses) as passing:
        yield [
            ClusterNode(str(number), key, [other for other in addresses if other != own], listener, own, passed)
            for number, (own, listener, passed) in enumerate(zip(addresses, listeners, passing, strict=True), 1)
        ]


def _listen() -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind((_LOOPBACK, 0))
    listener.listen(256)
    return listener


def _url(listener: socket.socket) -> str:
    return f"http://{_LOOPBACK}:{listener.getsockname()[1]}"


def _begin_process(settings: Settings, name: str) -> None:
    """Prepare a process of the server: it ends with the supervisor, gets signals from it alone, and writes a log."""
    supervisor = multiprocessing.parent_process()
    assert supervisor is not None  # noqa: S101 - the supervisor has started this process
    end_with_parent(supervisor.sentinel)
    os.setpgid(0, 0)  # a terminal's Ctrl-C reaches the supervisor only, which passes it on
    logging.getLogger("trunkline").setLevel(settings.log_level.upper())
    use_format(settings.log_format, name)


def _run_worker(served: _Served, node: ClusterNode, reports: Connection) -> None:
    """Run a worker in this process."""
    from trunkline.calls.metrics.exporters import exporting
    from trunkline.descriptors import raise_soft_limit
    from trunkline.web import create_app
    from trunkline.web.server import Server
    from trunkline.web.uvicorn_config import server_config

    _begin_process(served.settings, f"worker {node.name}")
    raise_soft_limit()
    app = create_app(served.targets, served.settings)
    app.state.server.join_cluster(node)
    secure = {} if served.tls is None else {"ssl_certfile": served.tls.certificate, "ssl_keyfile": served.tls.key}
    config = server_config(app, served.settings, **secure)
    server = Server(config, app.state.server, lambda: reports.send(True))
    with suppress(KeyboardInterrupt), exporting(os.environ):
        server.run(sockets=[served.listener])
    if not server.started:
        raise SystemExit(1)


def _run_engine(settings: Settings, targets: Sequence[str], address: _EngineAddress, reports: Connection) -> None:
    """Run the engine in this process, until SIGTERM."""
    _begin_process(settings, "engine")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with asyncio.Runner(loop_factory=ServerLoop) as runner:
        runner.run(_serve_engine(settings, targets, address, reports))


async def _serve_engine(
    settings: Settings, targets: Sequence[str], address: _EngineAddress, reports: Connection
) -> None:
    from trunkline.engine.default import local_engine
    from trunkline.scenario.loading import load
    from trunkline.web.log_redaction import redact_logs

    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    scenarios = await asyncio.to_thread(load, targets)  # the workers report its problems
    with redact_logs(log_content=settings.log_content), LoopWatch():
        async with local_engine(scenarios.by_name, settings, key=address.key, listener=address.listener):
            freeze_startup_objects()
            reports.send(True)
            await ending.wait()
