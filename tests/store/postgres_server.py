"""A real Postgres for tests: Debian's binaries, a database cluster in a temporary folder, on loopback."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.postgres import programs

from tests.ports import free_port
from tests.processes import children_of

MISSING = "Postgres is not installed. Install it with: apt-get install postgresql"
START_S = 30.0
_USER = "postgres"


class PostgresServer:
    """A running server. `url` is that of its first database; the user needs no password."""

    def __init__(self, folder: Path, folder_of_programs: Path) -> None:
        self._folder = folder
        self._programs = folder_of_programs
        self.port = free_port()
        self.url = f"postgresql://trunkline@127.0.0.1:{self.port}/postgres"
        self._process: subprocess.Popen[bytes] | None = None

    def initialise(self) -> None:
        """Make the database cluster."""
        if os.geteuid() == 0:  # Postgres refuses to run as root
            user = pwd.getpwnam(_USER)
            os.chown(self._folder, user.pw_uid, user.pw_gid)
        options = ["--auth=trust", "--username=trunkline", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"]
        subprocess.run(
            [*_as_user(), str(self._programs / "initdb"), *options, "-D", str(self._folder / "data")],
            check=True,
            capture_output=True,
            cwd=self._folder,
        )

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        options = {"fsync": "off", "max_connections": "40", "unix_socket_directories": "", "shared_buffers": "16MB"}
        self._process = subprocess.Popen(
            [
                *_as_user(),
                str(self._programs / "postgres"),
                *("-D", str(self._folder / "data"), "-h", "127.0.0.1", "-p", str(self.port)),
                *(part for name, value in options.items() for part in ("-c", f"{name}={value}")),
            ],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        ready = [str(self._programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-d", "postgres"]
        end = time.monotonic() + START_S
        while subprocess.run([*ready, "-U", "trunkline"], check=False).returncode != 0:
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("Postgres did not start.")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop the server at once; its connections are lost."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(START_S)
            self._process = None

    def freeze(self) -> None:
        """Stop the server's processes without ending its connections: nothing is answered until `thaw`."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let the server continue."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, sent: signal.Signals) -> None:
        assert self._process is not None
        for process in [self._process.pid, *children_of(self._process.pid)]:
            os.kill(process, sent)


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Run a server inside the `with` block.

    Raises:
        FileNotFoundError: Postgres is not installed.
    """
    folder_of_programs = programs()
    if folder_of_programs is None:
        raise FileNotFoundError(MISSING)
    folder = Path(tempfile.mkdtemp(prefix="trunkline-postgres-"))
    server = PostgresServer(folder, folder_of_programs)
    try:
        server.initialise()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def _as_user() -> list[str]:
    return ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups"] if os.geteuid() == 0 else []
