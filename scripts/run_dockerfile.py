"""Run the steps of the Dockerfile without Docker, and the server in the folder that they fill.

Each stage gets the files of this machine as its base image: a folder on overlayfs that shows them and keeps every
change to itself. `COPY` copies and `RUN` runs there. So this needs Linux, root, and a Python and Node of this machine
that match the base images. At the end, the image's command runs as the image's user, on a root that is read-only. It
has to pass the health check, and to end at the stop signal.

The result is not an image: base images, layers and the isolation of a container are not tried.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOKEN = "a-token-for-the-check-alone"
START_TIMEOUT_S = 120
STOP_TIMEOUT_S = 60


@dataclass
class Instruction:
    """An instruction of a Dockerfile, such as `RUN`, and its text with continued lines joined."""

    name: str
    text: str


@dataclass
class Stage:
    """A stage of the build: its root folder, and the settings that the instructions have made so far."""

    root: Path
    layers: tuple[Path, ...]
    environment: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: str = "0:0"
    settings: dict[str, str] = field(default_factory=dict)


def instructions(text: str) -> list[Instruction]:
    """Parse a Dockerfile."""
    joined = re.sub(r"\\\n(?:\s*#.*\n)*", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    found = []
    for line in filter(None, map(str.strip, joined.splitlines())):
        name, _, rest = line.partition(" ")
        found.append(Instruction(name.upper(), re.sub(r"\s+", " ", rest) if name.upper() != "HEALTHCHECK" else rest))
    return found


class IgnoredFiles:
    """The rules of a `.dockerignore`: the last pattern that matches a path, or a folder above it, decides."""

    def __init__(self, text: str) -> None:
        lines = [line.strip() for line in text.splitlines()]
        self._rules = [(line.lstrip("!").strip("/"), line.startswith("!")) for line in lines if line and line[0] != "#"]

    def ignores(self, path: str) -> bool:
        """Return whether a path, relative to the build's context, is left out."""
        parts = path.split("/")
        above = ["/".join(parts[: end + 1]) for end in range(len(parts))]
        ignored = False
        for pattern, keeps in self._rules:
            if any(_matches(one, pattern) for one in above):
                ignored = not keeps
        return ignored


def _matches(path: str, pattern: str) -> bool:
    if pattern.startswith("**/"):
        return fnmatch(path.rpartition("/")[2], pattern[3:])
    return path.count("/") == pattern.count("/") and fnmatch(path, pattern)


def make_context(folder: Path) -> None:
    """Copy the files that Docker would receive: those of the checkout that `.dockerignore` does not leave out."""
    ignored = IgnoredFiles((ROOT / ".dockerignore").read_text("utf-8"))
    for path, folders, files in os.walk(ROOT):
        inside = Path(path).relative_to(ROOT).as_posix().removeprefix(".")
        prefix = f"{inside}/" if inside else ""
        # Docker looks into an ignored folder only for exceptions; a folder's own pattern decides for all in it.
        folders[:] = [name for name in folders if not ignored.ignores(prefix + name)]
        for name in files:
            if not ignored.ignores(prefix + name):
                target = folder / prefix / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(Path(path) / name, target)


class Build:
    """A run of a Dockerfile's instructions."""

    def __init__(self, work: Path, context: Path) -> None:
        self._work = work
        self._context = context
        self._stages: dict[str, Stage] = {}
        self._arguments: dict[str, str] = {}
        self.stage: Stage | None = None

    def run(self, steps: list[Instruction]) -> Stage:
        """Run all instructions, and return the last stage."""
        for step in steps:
            started = time.monotonic()
            self._run(step)
            if step.name in ("RUN", "COPY"):
                print(f"{time.monotonic() - started:6.1f} s  {step.name} {step.text[:90]}", flush=True)
        assert self.stage is not None
        return self.stage

    def _run(self, step: Instruction) -> None:
        if step.name == "ARG":
            name, _, default = step.text.partition("=")
            (self._arguments if self.stage is None else self.stage.arguments)[name] = default
            return
        if step.name == "FROM":
            self._begin(step.text)
            return
        stage = self.stage
        assert stage is not None, "an instruction before FROM"
        match step.name:
            case "WORKDIR":
                stage.folder = os.path.normpath(os.path.join(stage.folder, self._expanded(step.text)))  # noqa: PTH118 - a path of the image
                _inside(stage, stage.folder).mkdir(parents=True, exist_ok=True)
            case "ENV":
                for pair in shlex.split(step.text):
                    name, _, value = pair.partition("=")
                    stage.environment[name] = self._expanded(value)
            case "USER":
                stage.user = step.text
            case "COPY":
                self._copy(stage, step.text)
            case "RUN":
                run_inside(stage, ["/bin/sh", "-ec", step.text])
            case "HEALTHCHECK" | "ENTRYPOINT" | "CMD" | "STOPSIGNAL" | "EXPOSE" | "VOLUME":
                stage.settings[step.name] = step.text
            case _:
                raise SystemExit(f"The instruction {step.name} is not known here: add it to scripts/run_dockerfile.py.")

    def _begin(self, text: str) -> None:
        source, _, name = re.sub(r"\$\{(\w+)\}", lambda one: self._arguments[one[1]], text).partition(" AS ")
        below = self._stages.get(source)
        print(f"          FROM {text}" + ("" if below else ": this machine's files stand in"), flush=True)
        root = self._work / (name or "image")
        layers = mount(root, below.layers if below else (Path("/"),))
        self.stage = Stage(root, layers, dict(below.environment) if below else {"PATH": os.environ["PATH"]})
        if below is not None:
            self.stage.folder, self.stage.user = below.folder, below.user
        elif Path("/root").is_dir():
            _inside(self.stage, "/root").chmod(0o755)  # this machine's Python may be there, for any user
        self._stages[name or "image"] = self.stage

    def _expanded(self, text: str) -> str:
        assert self.stage is not None
        values = {**os.environ, **self.stage.arguments, **self.stage.environment}
        return re.sub(r"\$\{?(\w+)\}?", lambda one: values.get(one[1], ""), text)

    def _copy(self, stage: Stage, text: str) -> None:
        words = text.split()
        base = self._context
        if words[0].startswith("--from="):
            base = self._stages[words.pop(0).partition("=")[2]].root
        *sources, target = words
        whole = os.path.normpath(os.path.join(stage.folder, target))  # noqa: PTH118 - a path of the image
        to = _inside(stage, whole)
        for source in sources:
            path = base / source.strip("/")
            if not path.exists():
                raise SystemExit(f"COPY {source}: the file is missing in the build's context; see .dockerignore.")
            if path.is_dir():
                shutil.copytree(path, to, symlinks=True, dirs_exist_ok=True)
            else:
                to.mkdir(parents=True, exist_ok=True) if target.endswith("/") else None
                shutil.copy2(path, to / path.name if to.is_dir() else to)


def mount(root: Path, below: tuple[Path, ...]) -> tuple[Path, ...]:
    """Mount a folder that shows others, and keeps its changes to itself.

    Args:
        below: the folders that it shows, the upper ones first.

    Returns:
        The folders that the next stage shows: the changes, and the ones below.
    """
    upper, work = root.with_suffix(".upper"), root.with_suffix(".work")
    for one in (root, upper, work):
        one.mkdir(parents=True)
    options = f"lowerdir={':'.join(map(str, below))},upperdir={upper},workdir={work}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(root)], check=True)
    for folder in ("dev", "proc"):
        subprocess.run(["mount", "--rbind", f"/{folder}", str(root / folder)], check=True)
    return (upper, *below)


def _inside(stage: Stage, path: str) -> Path:
    return stage.root / path.strip("/")


def command_inside(stage: Stage, command: list[str]) -> list[str]:
    """Return the command that runs another one in a stage, as its user and in its folder."""
    return [
        "chroot",
        f"--userspec={stage.user}",
        str(stage.root),
        "/bin/sh",
        "-c",
        f'cd {stage.folder} && exec "$@"',
        "-",
        *command,
    ]


def run_inside(stage: Stage, command: list[str]) -> None:
    """Run a command in a stage.

    Raises:
        SystemExit: it failed.
    """
    environment = {**_machine(), **stage.arguments, **stage.environment}
    done = subprocess.run(command_inside(stage, command), env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(
            f"{' '.join(command)}\nfailed with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-3000:]}"
        )


def _machine() -> dict[str, str]:
    """Return the variables of this machine that reach its package indexes, which a container would not need."""
    names = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "PIP_", "NPM_", "SSL_", "REQUESTS_")
    kept = {name: value for name, value in os.environ.items() if name.upper().startswith(names)}
    return {**kept, "HOME": "/root", "LANG": "C.UTF-8"}


def check_image(image: Stage) -> None:
    """Start the image's command as its user, wait for the health check, and stop it by the stop signal.

    Raises:
        SystemExit: it did not become healthy, or did not stop.
    """
    size = sum(path.stat().st_size for path in _inside(image, "/opt/trunkline").rglob("*") if path.is_file())
    print(f"          /opt/trunkline has {size / 1e6:.0f} MB; the image adds it to the base image")
    user = image.user.partition(":")[0]
    for folder in ("/tmp", image.settings["VOLUME"]):
        mounted = ["mount", "-t", "tmpfs", "-o", f"uid={user}", "tmpfs", str(_inside(image, folder))]
        subprocess.run(mounted, check=True)
    subprocess.run(["mount", "-o", "remount,ro", str(image.root)], check=True)
    port = image.environment["PORT"]
    environment = {
        **image.environment,
        "HOST": "127.0.0.1",
        "TRUNKLINE_TOKEN": TOKEN,
        "HOME": "/data",
        "TRUNKLINE_DRAIN_S": "1",
    }
    command = json.loads(image.settings["ENTRYPOINT"]) + json.loads(image.settings["CMD"])
    running = subprocess.Popen(command_inside(image, command), env=environment)
    try:
        started = time.monotonic()
        while not _is_healthy(image, environment):
            if running.poll() is not None or time.monotonic() - started > START_TIMEOUT_S:
                raise SystemExit(f"The server is not healthy at port {port}; its status is {running.returncode}.")
            time.sleep(0.5)
        print(f"{time.monotonic() - started:6.1f} s  healthy, as user {image.user} on a root that is read-only")
        stopping = time.monotonic()
        running.send_signal(signal.Signals[image.settings["STOPSIGNAL"]])
        status = running.wait(STOP_TIMEOUT_S)
        print(f"{time.monotonic() - stopping:6.1f} s  stopped with status {status}")
    finally:
        running.kill()
        running.wait()


def _is_healthy(image: Stage, environment: dict[str, str]) -> bool:
    check = json.loads(image.settings["HEALTHCHECK"].partition("CMD ")[2])
    return (
        subprocess.run(command_inside(image, check), env=environment, capture_output=True, check=False).returncode == 0
    )


def main() -> None:
    if sys.platform != "linux" or os.geteuid() != 0:
        raise SystemExit("The Dockerfile's steps run only on Linux and as root, without Docker.")
    if len(sys.argv) == 2:
        run_steps(Path(sys.argv[1]))
        return
    work = Path(tempfile.mkdtemp(prefix="trunkline-image-"))
    try:
        # The steps run in a mount namespace. Its mounts end with it, so that only plain files are deleted here.
        done = subprocess.run(["unshare", "--mount", sys.executable, __file__, str(work)], check=False)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    raise SystemExit(done.returncode)


def run_steps(work: Path) -> None:
    """Run the Dockerfile in a folder, in this process's own mount namespace."""
    # In memory, because overlayfs takes no folder of changes that lies below another layer.
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(work)], check=True)
    context = work / "context"
    context.mkdir()
    make_context(context)
    check_image(Build(work, context).run(instructions((ROOT / "Dockerfile").read_text("utf-8"))))


if __name__ == "__main__":
    main()
