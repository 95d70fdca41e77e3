"""The commands `trunkline test-from`, `replay` and `evaluate` of the command line."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from trunkline.settings import Settings
    from trunkline.testing.from_call.call_source import NamedCall
    from trunkline.testing.from_call.test_file import GeneratedTest

CallArgument = Annotated[
    str,
    typer.Argument(
        metavar="CALL",
        help="A stored call's id, an exported .trunkline file, or a log: .jsonl, or the console's .json.",
    ),
]
RunTools = Annotated[bool, typer.Option("--run-tools", help="Run the tools. By default they answer from the record.")]
_STYLES = {"caller": {"bold": True}, "difference": {"fg": "red"}, "slower": {"fg": "yellow"}, "quiet": {"dim": True}}


def test_from_command(settings: Callable[[], Settings]) -> Callable[..., None]:
    """Return the command `test-from`, which reads its settings when it runs."""

    def test_from(
        call: CallArgument,
        output: Annotated[
            Path | None, typer.Option("--output", "-o", help="Write a new file; without it, print the test.")
        ] = None,
        audio: Annotated[
            bool, typer.Option("--audio", help="Play the caller's recorded audio, from WAV files beside the test.")
        ] = False,
        run_tools: RunTools = False,
    ) -> None:
        """Write a pytest file from a call: its turns, and assertions on handoffs, tools, outcome and latency."""
        from trunkline.testing.from_call.read_call import read_call
        from trunkline.testing.from_call.recorded_call import UnusableLogError
        from trunkline.testing.from_call.recording import RecordingError
        from trunkline.testing.from_call.test_file import FromCallOptions, generate_test

        with tempfile.TemporaryDirectory() as folder:
            named = _named_call(call, settings(), Path(folder))
            recording = _recording(named, call) if audio else None
            if recording is not None and output is None:
                raise _exit("The audio needs files beside the test. Name the test's file: -o test_call.py")
            try:
                options = FromCallOptions(
                    audio=audio,
                    run_tools=run_tools,
                    files=output is not None,
                    stem=None if output is None else output.stem,
                )
                test = generate_test(read_call(named.entries), options)
                if output is None:
                    typer.echo(test.source, nl=False)
                else:
                    _write(output, test, recording)
            except (UnusableLogError, RecordingError) as error:
                raise _exit(str(error)) from error

    return test_from


def replay_command(settings: Callable[[], Settings]) -> Callable[..., None]:
    """Return the command `replay`, which reads its settings when it runs."""

    def replay(
        call: CallArgument,
        scenarios: Annotated[
            list[str] | None, typer.Argument(help="Your scenarios: files, folders or modules.", metavar="SCENARIOS")
        ] = None,
        audio: Annotated[bool, typer.Option("--audio", help="Play the caller's recorded audio.")] = False,
        run_tools: RunTools = False,
        rehearsal: Annotated[
            bool, typer.Option("--rehearsal", help="Play the rehearsal although a model is configured.")
        ] = False,
    ) -> None:
        """Replay a call against today's agents, and show both side by side. Exits with 1 if the agents diverge."""
        from trunkline.providers import ProviderError
        from trunkline.scenario.text_model import TextModelError
        from trunkline.testing.from_call.read_call import read_call
        from trunkline.testing.from_call.recorded_call import UnusableLogError
        from trunkline.testing.from_call.recording import RecordingError
        from trunkline.testing.from_call.run_replay import ReplayError, ReplayOptions, run_replay
        from trunkline.testing.from_call.side_by_side import side_by_side

        configured = settings()
        with tempfile.TemporaryDirectory() as folder:
            named = _named_call(call, configured, Path(folder))
            recording = _recording(named, call) if audio else None
            options = ReplayOptions(scenarios or (), recording, run_tools, rehearsal, Path(folder))
            try:
                replayed = run_replay(read_call(named.entries), configured, options)
            except ProviderError as error:
                raise _exit(error.full_message) from error
            except (UnusableLogError, RecordingError, ReplayError, TextModelError, OSError) as error:
                raise _exit(str(error)) from error
            except KeyboardInterrupt:
                raise typer.Exit(130) from None
        typer.echo(side_by_side(replayed, shutil.get_terminal_size().columns, _styled))
        raise typer.Exit(1 if replayed.diverges else 0)

    return replay


def evaluate(
    tests: Annotated[list[str], typer.Argument(metavar="FOLDER", help="Folders or files of tests for pytest.")],
    runs: Annotated[int, typer.Option("--runs", "-n", min=1, help="The number of runs of each conversation.")] = 5,
    voice: Annotated[
        str | None, typer.Option("--voice", help="Modes of the calls: typed, spoken, live, several with commas.")
    ] = None,
    scenario: Annotated[
        list[str] | None,
        typer.Option("--scenario", help="Your scenarios: a file, folder or module. May be given several times."),
    ] = None,
    junit: Annotated[Path | None, typer.Option("--junit", help="Write a JUnit file.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write the report with all conversations.")] = None,
) -> None:
    """Run tests of conversations several times: pass^k, latency percentiles, interruptions and dead air.

    It runs pytest with --voice-repeat, and exits with pytest's code: 1 if a run failed.
    """
    if importlib.util.find_spec("pytest") is None:
        raise _exit("evaluate needs pytest. Install it with: pip install pytest")
    command = [sys.executable, "-m", "pytest", "--quiet", f"--voice-repeat={runs}", *tests]
    command += [f"--voice={voice}"] if voice else []
    named = "\n".join(_absolute(scenario or []))
    command += [f"--override-ini=voice_scenarios={named}"] if named else []
    command += [f"--junitxml={junit}"] if junit else []
    command += [f"--voice-report={html}"] if html else []
    try:
        raise typer.Exit(subprocess.run(command, check=False).returncode)  # noqa: S603 - our own command
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _absolute(scenarios: list[str]) -> list[str]:
    """Return paths that do not depend on pytest's root folder; modules as they are."""
    return [str(Path(one).absolute()) if Path(one).exists() else one for one in scenarios]


def _named_call(call: str, settings: Settings, folder: Path) -> NamedCall:
    from trunkline.testing.from_call.call_source import CallNotFoundError, load_call

    try:
        return asyncio.run(load_call(call, settings, folder))
    except CallNotFoundError as error:
        raise _exit(str(error)) from error


def _recording(named: NamedCall, call: str) -> Path:
    if named.audio is None:
        raise _exit(f"{call} has no recording. Leave out --audio: the caller then says the words.")
    return named.audio


def _write(output: Path, test: GeneratedTest, recording: Path | None) -> None:
    from trunkline.testing.from_call.recording import cut_clips

    folder = output.parent
    try:
        for path in (output, *(folder / name for name in (*test.clips, *test.images))):
            if path.exists():
                raise _exit(f"{path} already exists. Name another file, or delete it.")
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in test.images.items():
            (folder / name).write_bytes(content)
        if recording is not None:
            cut_clips(recording, {folder / name: span for name, span in test.clips.items()})
        output.write_text(test.source, "utf-8")
    except OSError as error:
        raise _exit(f"{error.filename or folder} cannot be written: {error.strerror or error}.") from error
    beside = len(test.clips) + len(test.images)
    also = f", with {beside} file{'s' if beside > 1 else ''} beside it" if beside else ""
    typer.echo(f"The test is in {output}{also}. Trim it, then run it: pytest {output}", err=True)
    typer.echo(
        "If pytest's configuration does not name the file of your scenario (voice_scenarios): "
        f"trunkline evaluate {output} -n 1 --scenario FILE",
        err=True,
    )
    if not output.name.startswith("test_"):
        typer.echo("pytest collects only files with names that begin with test_.", err=True)


def _styled(text: str, style: str) -> str:
    return typer.style(text, **_STYLES.get(style, {}))  # type: ignore[arg-type]  # the table's values are of two types


def _exit(message: str) -> typer.Exit:
    typer.echo(message, err=True)
    return typer.Exit(2)
