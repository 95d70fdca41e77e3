"""The command line: the server and the engine, calls in the terminal, and the tools of authors and operators."""

from __future__ import annotations

import asyncio
import errno
import io
import logging
import multiprocessing
import os
import secrets
import signal
import socket
import sys
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from trunkline import __version__
from trunkline.authoring.cli_commands import new, prompt_command
from trunkline.store_commands import commands as calls_commands
from trunkline.testing.cli_commands import evaluate, replay_command, test_from_command

if TYPE_CHECKING:  # pydantic takes longer to import than the help may take
    from trunkline.cluster.node import ClusterNode
    from trunkline.settings import ProviderName, Settings
    from trunkline.tls import TlsIdentity, TlsOptions

app = typer.Typer(no_args_is_help=True, pretty_exceptions_show_locals=False)
models = typer.Typer(help="List the STT, TTS and chat models, and fetch better ones.")
app.add_typer(models, name="models")

Targets = Annotated[
    list[str] | None, typer.Argument(help="Your scenarios: files, folders or modules.", metavar="SCENARIOS")
]
Host = Annotated[str | None, typer.Option(help="Address to listen on; 127.0.0.1 unless set.")]
ProviderOption = Annotated[
    Literal["auto", "azure", "openai", "local"] | None,
    typer.Option(help="The provider of the model; auto uses the first configured one, else the local engine."),
]

TlsCert = Annotated[
    Path | None, typer.Option("--tls-cert", help="Serve HTTPS and WSS with this certificate, a PEM file.")
]
TlsKey = Annotated[
    Path | None,
    typer.Option("--tls-key", help="The private key of the certificate, a PEM file, unless --tls-cert contains it."),
]
TlsSelfSigned = Annotated[
    bool, typer.Option("--tls-self-signed", help="Serve HTTPS and WSS with a self-signed certificate.")
]


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False) -> None:
    """Run multi-agent realtime voice calls on Azure OpenAI, OpenAI, or a local engine that needs no key."""
    if show:
        typer.echo(f"trunkline {__version__}")
        raise typer.Exit


@app.command()
def serve(
    scenarios: Targets = None,
    host: Host = None,
    port: Annotated[int | None, typer.Option(help="Port; 3000 unless set here or by PORT.", min=0, max=65535)] = None,
    provider: ProviderOption = None,
    reload: Annotated[bool, typer.Option("--reload", help="Restart when a scenario file changes.")] = False,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Processes that share the calls, beside one for the engine.", min=1)
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Listen on the network without a TRUNKLINE_TOKEN.")
    ] = False,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    tls_self_signed: TlsSelfSigned = False,
) -> None:
    """Serve the console and its calls."""
    options: dict[str, Any] = {"host": host, "port": port, "provider": provider}
    settings = _with_store(_settings(**options))
    _refuse_public(settings, insecure=insecure)
    if settings.cluster_problem is not None:
        typer.echo(settings.cluster_problem, err=True)
        raise typer.Exit(2)
    targets = _existing_targets(scenarios or [])
    tls = _tls_options(tls_cert, tls_key, self_signed=tls_self_signed)
    if workers is not None:
        _refuse_workers(reload=reload)
        _serve_with_workers(settings, targets, tls, workers)
    elif reload:
        _tls_identity(tls, settings)
        _serve_reloading(options, targets, insecure=insecure, tls=tls)
    else:
        _serve(settings, targets, tls)


@app.command()
def engine(
    scenarios: Targets = None,
    host: Host = None,
    port: Annotated[int | None, typer.Option(help="Port; 3001 unless set.", min=0, max=65535)] = None,
    key: Annotated[
        str | None,
        typer.Option(
            help="The key that clients must send; any key is accepted unless it is set here, by --key-file or by "
            "TRUNKLINE_ENGINE_KEY. Other users of this machine can see an argument."
        ),
    ] = None,
    key_file: Annotated[Path | None, typer.Option(help="A file with the key, such as a mounted secret.")] = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    tls_self_signed: TlsSelfSigned = False,
) -> None:
    """Run only the local engine: a Realtime endpoint for any client."""
    settings = _settings(host=host, port=port if port is not None else 3001, provider=None)
    if key_file is not None:
        key = _key_in(key_file, has_key=key is not None)
    if key is None and settings.engine_key is not None:
        key = settings.engine_key.get_secret_value()
    _set_log_level(settings)
    tls = _tls_identity(_tls_options(tls_cert, tls_key, self_signed=tls_self_signed), settings)
    raise typer.Exit(_run(_engine(settings, _existing_targets(scenarios or []), key or None, tls)))


def _key_in(path: Path, *, has_key: bool) -> str:
    """Return the key in a file, or exit if there is a problem."""
    try:
        key = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        typer.echo(f"The key cannot be read from {path}: {error}. Check --key-file.", err=True)
        raise typer.Exit(2) from None
    if has_key or not key:
        typer.echo("Give one key: either --key, or a --key-file that is not empty.", err=True)
        raise typer.Exit(2)
    return key


@app.command()
def call(
    scenario: Annotated[
        str, typer.Argument(help="A scenario's name, or a file, folder or module with scenarios; the first is called.")
    ],
    agent: Annotated[str | None, typer.Option(help="The agent that answers.")] = None,
    voice: Annotated[bool, typer.Option("--voice", help="Speak, with this machine's microphone and speaker.")] = False,
    provider: ProviderOption = None,
) -> None:
    """Hold a conversation with a scenario in the terminal, through a real call: typed, or spoken with --voice."""
    from trunkline.terminal import converse
    from trunkline.terminal_audio import AudioDeviceError, SoundDevice

    settings = _settings(host=None, port=None, provider=provider)
    try:
        device = SoundDevice() if voice else None
    except AudioDeviceError as error:
        typer.echo(f"{error}", err=True)
        raise typer.Exit(1) from error
    raise typer.Exit(_run(converse(settings, scenario, agent, device)))


app.command()(new)
app.command()(prompt_command(lambda: _settings(host=None, port=None, provider=None)))
app.add_typer(calls_commands, name="calls")
app.command()(test_from_command(lambda: _settings(host=None, port=None, provider=None)))
app.command()(replay_command(lambda: _settings(host=None, port=None, provider=None)))
app.command()(evaluate)


@app.command()
def doctor(
    scenarios: Targets = None,
    provider: ProviderOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Findings as JSON, for programs.")] = False,
) -> None:
    """Check settings, scenarios, credentials, deployments and the clock, and suggest fixes. No secret is shown."""
    from trunkline.doctor import examine

    async def look() -> int:
        report = await examine(_settings(host=None, port=None, provider=provider), scenarios or [])
        typer.echo(report.as_json() if as_json else report.as_text())
        return 0 if report.healthy else 1

    raise typer.Exit(_run(look()))


@models.callback(invoke_without_command=True)
def show_models(context: typer.Context) -> None:
    """List the STT, TTS and chat models, and show which are in use."""
    if context.invoked_subcommand is not None:
        return
    from trunkline.engine.speech.factory import advice, parts
    from trunkline.engine.speech.weights import KNOWN

    settings = _settings(host=None, port=None, provider=None)
    for part in parts(settings):
        if part.in_use:
            state = "selected, not installed" if part.missing else "in use"
        else:
            state = "not installed" if part.missing else "installed"
        hint = f"  → {part.missing}" if part.missing else ""
        typer.echo(f"{part.kind:11} {part.name:10} {state:21} {part.description}{hint}")
    for sentence in advice(settings):
        typer.echo(f"\n{sentence}")
    typer.echo("\nFetch better models with `trunkline models fetch NAME`:")
    for one in KNOWN.values():
        if one.address is not None:
            there = ", installed" if one.are_fetched(settings.models_dir) else ""
            typer.echo(f"  {one.name:16} {one.description}, about {one.about_mb} MB{there}")


@models.command("fetch")
def fetch_models(name: Annotated[str, typer.Argument(help="A name from the list of `trunkline models`.")]) -> None:
    """Fetch the weights of a better STT or TTS model."""
    from trunkline.engine.speech import SpeechError
    from trunkline.engine.speech.weights import KNOWN, fetch

    settings = _settings(host=None, port=None, provider=None)
    fetchable = [one.name for one in KNOWN.values() if one.address is not None]
    if name not in fetchable:
        typer.echo(f"The model {name!r} cannot be fetched. Choose one of: {', '.join(fetchable)}.", err=True)
        raise typer.Exit(2)
    try:
        fetched = fetch(KNOWN[name], settings.models_dir, _show_progress, hub=settings.model_hub)
    except SpeechError as error:
        typer.echo(f"\n{error}", err=True)
        raise typer.Exit(1) from error
    where = KNOWN[name].folder(settings.models_dir)
    typer.echo(f"\n{name} is in {where}" if fetched else f"{name} is already in {where}")


def _show_progress(file: str, done: int, size: int | None) -> None:
    """Overwrite one line with the progress of a download."""
    whole = f" of {size / 1e6:.0f} MB, {100 * done // size} %" if size else " MB"
    typer.echo(f"\r{file}: {done / 1e6:.1f}{whole}   ", nl=done == size, err=True)


def main() -> None:
    """Run the command line."""
    # A terminal that cannot show a character, or that sends bytes in another encoding, must not end a call.
    for stream, errors in ((sys.stdin, "replace"), (sys.stdout, "backslashreplace"), (sys.stderr, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    logging.getLogger("trunkline").setLevel(logging.INFO)
    app()


def _settings(*, host: str | None, port: int | None, provider: str | None) -> Settings:
    from trunkline.settings import SettingsError, load_settings

    try:
        settings = load_settings()
    except SettingsError as error:
        typer.echo(f"{error}", err=True)
        raise typer.Exit(2) from None
    _check_prices(settings)
    changes: dict[str, object] = {"host": host, "port": port, "provider": cast("ProviderName | None", provider)}
    return settings.model_copy(update={name: value for name, value in changes.items() if value is not None})


def _with_store(settings: Settings) -> Settings:
    """Return the settings of a server that stores calls unless it is told not to; an app that embeds us is told to."""
    return settings.model_copy(update={"store": settings.served_store_mode})


def _check_prices(settings: Settings) -> None:
    if settings.prices is None:
        return
    from trunkline.calls.metrics.config import metrics_config_from
    from trunkline.calls.metrics.prices import PriceError

    try:
        metrics_config_from(settings)
    except PriceError as error:
        typer.echo(f"TRUNKLINE_PRICES: {error}", err=True)
        raise typer.Exit(2) from None


def _existing_targets(targets: list[str]) -> list[str]:
    """Return the targets, or exit if one does not exist. Files with errors are accepted: `--reload` watches them."""
    from trunkline.scenario.loading import find_missing

    if problems := find_missing(targets):
        for problem in problems:
            typer.echo(f"{problem}", err=True)
        raise typer.Exit(2)
    return targets


def _tls_options(certificate: Path | None, key: Path | None, *, self_signed: bool) -> TlsOptions:
    from trunkline.tls import TlsOptions

    return TlsOptions(certificate, key, self_signed)


def _tls_identity(options: TlsOptions, settings: Settings) -> TlsIdentity | None:
    """Return the certificate of a listener, or exit if there is a problem."""
    from trunkline.tls import TlsError

    try:
        return options.identity(settings.host)
    except TlsError as error:
        typer.echo(f"{error}", err=True)
        raise typer.Exit(2) from None


def _show_certificate(tls: TlsIdentity | None) -> None:
    if tls is not None:
        typer.echo(f"Certificate: {tls.certificate}\nSHA-256: {tls.fingerprint}")


def _refuse_workers(*, reload: bool) -> None:
    if reload:
        typer.echo("--reload restarts a single process: leave --workers out.", err=True)
        raise typer.Exit(2)
    if sys.platform == "win32":
        typer.echo("--workers needs Linux or macOS: leave it out, and run one server.", err=True)
        raise typer.Exit(2)


def _serve_with_workers(settings: Settings, targets: list[str], tls_options: TlsOptions, count: int) -> None:
    from trunkline.cluster.peer_address import PeerAddressError
    from trunkline.doctor import startup_notices
    from trunkline.structured_log import use_format
    from trunkline.workers import serve_with_workers

    _set_log_level(settings)
    tls = _tls_identity(tls_options, settings)
    use_format(settings.log_format)
    listener = _listen(settings)
    for notice in startup_notices(settings):
        typer.echo(notice, err=True)

    def show_address() -> None:
        shown = _url(settings.host, listener.getsockname()[1], "http" if tls is None else "https")
        typer.echo(f"Trunkline {__version__} is at {shown}, with {count} workers  (Ctrl-C ends it)")
        _show_certificate(tls)

    try:
        ended_by = serve_with_workers(settings, targets, listener, tls, count, show_address)
    except PeerAddressError as error:
        typer.echo(f"{error}", err=True)
        raise typer.Exit(1) from None
    if ended_by is None:
        raise typer.Exit(1)
    if ended_by is signal.SIGTERM:  # end as `serve` without workers does
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTERM)


def _serve(settings: Settings, targets: list[str], tls_options: TlsOptions, *, drains: bool = True) -> None:
    from trunkline.calls.metrics.exporters import ExporterError, exporting
    from trunkline.descriptors import raise_soft_limit
    from trunkline.doctor import startup_notices
    from trunkline.structured_log import use_format
    from trunkline.web import create_app
    from trunkline.web.server import Server
    from trunkline.web.uvicorn_config import server_config

    _set_log_level(settings)
    tls = _tls_identity(tls_options, settings)
    use_format(settings.log_format)
    raise_soft_limit()
    listener = _listen(settings)
    cluster = _cluster_node(settings)
    shown = _url(settings.host, listener.getsockname()[1], "http" if tls is None else "https")
    typer.echo(f"Trunkline {__version__} is at {shown}  (Ctrl-C ends it)")
    _show_certificate(tls)
    for notice in startup_notices(settings):
        typer.echo(notice, err=True)
    secure = {} if tls is None else {"ssl_certfile": tls.certificate, "ssl_keyfile": tls.key}
    app = create_app(targets, settings)
    app.state.server.reloads = not drains
    if cluster is not None:
        app.state.server.join_cluster(cluster)
    server = Server(server_config(app, settings, **secure), app.state.server if drains else None)
    try:
        with suppress(KeyboardInterrupt), exporting(os.environ):  # uvicorn raises the interrupt after its shutdown
            server.run(sockets=[listener])
    except ExporterError as error:
        listener.close()
        typer.echo(f"{error}", err=True)
        raise typer.Exit(1) from None
    if not server.started:
        raise typer.Exit(1)


def _cluster_node(settings: Settings) -> ClusterNode | None:
    """Return this server as one of a cluster, or exit if it cannot listen for the others; None without an address."""
    if settings.cluster_address is None or settings.cluster_key is None:
        return None
    from trunkline.cluster.node import ClusterNode
    from trunkline.cluster.peer_address import PeerAddress, PeerAddressError

    try:
        (address,) = PeerAddress.of_workers(settings.cluster_address, 1, settings.port)
        return ClusterNode("1", settings.cluster_key, (), address.listen(), address.url)
    except PeerAddressError as error:
        typer.echo(f"{error}", err=True)
        raise typer.Exit(1) from None


def _serve_reloading(options: dict[str, Any], targets: list[str], *, insecure: bool, tls: TlsOptions) -> None:
    from trunkline.authoring.reload import reload_paths, run_reloading

    paths = reload_paths(targets, Path.cwd())
    typer.echo(f"Watching {', '.join(map(str, paths))}")
    run_reloading(paths, _serve_watched, (options, targets, insecure, tls))


def _serve_watched(options: dict[str, Any], targets: list[str], insecure: bool, tls: TlsOptions) -> None:
    from trunkline.parent_watch import end_with_parent

    if (watcher := multiprocessing.parent_process()) is not None:
        end_with_parent(watcher.sentinel)
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)  # Ctrl-C reaches only the watcher, which ends us; a second signal would force the exit
    settings = _with_store(_settings(**options))  # again: .env may have changed
    _refuse_public(settings, insecure=insecure)
    _serve(settings, targets, tls, drains=False)


async def _engine(settings: Settings, targets: list[str], key: str | None, tls: TlsIdentity | None) -> int:
    from trunkline.descriptors import raise_soft_limit
    from trunkline.engine.default import local_engine
    from trunkline.engine.speech import SpeechError
    from trunkline.garbage_collection import freeze_startup_objects
    from trunkline.loop_watch import LoopWatch
    from trunkline.scenario.loading import load
    from trunkline.settings import is_loopback
    from trunkline.structured_log import use_format
    from trunkline.web.log_redaction import redact_logs

    use_format(settings.log_format)
    raise_soft_limit()
    if key is None and not is_loopback(settings.host):
        key = secrets.token_urlsafe(24)
        typer.echo(f"No key was set. The key of this run is: {key}", err=True)
    scenarios = load(targets)
    for problem in scenarios.problems:
        typer.echo(f"{problem}", err=True)
    running = local_engine(scenarios.by_name, settings, key=key, host=settings.host, port=settings.port, tls=tls)
    try:
        with redact_logs(log_content=settings.log_content), LoopWatch():
            async with running as server:
                freeze_startup_objects()
                typer.echo(f"The Realtime endpoint is at {server.url}  (Ctrl-C ends it)")
                _show_certificate(tls)
                typer.echo(f"Models: {', '.join(scenarios.by_name)}")
                await asyncio.Event().wait()
    except (SpeechError, OSError) as error:
        reason = _address_problem(settings, error, "trunkline engine --port {}") or f"The engine cannot start: {error}"
        typer.echo(reason, err=True)
        return 1
    return 0


def _set_log_level(settings: Settings) -> None:
    level = settings.log_level.upper()
    logging.getLogger("trunkline").setLevel(level)
    if settings.log_content and settings.log_level == "debug":
        logging.getLogger().setLevel(level)  # the libraries log whole frames


def _refuse_public(settings: Settings, *, insecure: bool) -> None:
    from trunkline.settings import is_loopback

    if is_loopback(settings.host) or settings.token is not None:
        return
    if not insecure:
        typer.echo(
            f"Listening on {settings.host} would let anyone on the network make calls at your cost. Set "
            "TRUNKLINE_TOKEN to a secret of at least 16 characters, which clients must send, or pass --insecure "
            "to allow everyone. See docs/security.md.",
            err=True,
        )
        raise typer.Exit(2)
    typer.echo(f"Anyone who reaches {settings.host} can make calls at your cost, since --insecure is set.", err=True)


def _listen(settings: Settings) -> socket.socket:
    """Return a bound listener. It binds first, so that a taken port is reported at once."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # With an explicit protocol, asyncio disables Nagle; otherwise small frames wait 40 ms for an acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(256)
    except OSError as error:
        listener.close()
        reason = (
            _address_problem(settings, error, "PORT={0} make run, or trunkline serve --port {0}")
            or f"The server cannot start: {error}"
        )
        typer.echo(reason, err=True)
        raise typer.Exit(1) from None
    return listener


def _address_problem(settings: Settings, error: Exception, again: str) -> str | None:
    """Return the problem and the fix if the server cannot listen on its address; None for other errors.

    Args:
        settings: the settings.
        error: the error of the listener.
        again: the command to retry with, with a placeholder for the port.
    """
    if isinstance(error, socket.gaierror) or getattr(error, "errno", None) == errno.EADDRNOTAVAIL:
        return f"This machine does not have the address {settings.host}. Remove --host and HOST to listen on 127.0.0.1."
    if not isinstance(error, OSError) or error.errno not in (errno.EADDRINUSE, errno.EACCES):
        return None
    other = settings.port + 10 if 1024 <= settings.port < 65_500 else 3010
    return (
        f"Port {settings.port} on {settings.host} is unavailable ({os.strerror(error.errno)}). "
        f"End its present user, or choose another port: {again.format(other)}."
    )


def _url(host: str, port: int, scheme: str) -> str:
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _run(work: Coroutine[object, None, int]) -> int:
    """Run a coroutine until it ends, or until Ctrl-C or SIGTERM cancels it, and return the exit code."""
    from trunkline.event_loop import ServerLoop

    try:
        with asyncio.Runner(loop_factory=ServerLoop) as runner:
            return runner.run(_terminable(work))
    except KeyboardInterrupt:
        return 130
    except asyncio.CancelledError:
        return 143


async def _terminable(work: Coroutine[object, None, int]) -> int:
    task = asyncio.current_task()
    if task is not None and sys.platform != "win32":
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await work


if __name__ == "__main__":
    main()
