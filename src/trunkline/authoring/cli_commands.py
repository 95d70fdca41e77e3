"""The commands `trunkline new` and `trunkline prompt` of the command line."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trunkline.authoring.errors import AuthoringError

if TYPE_CHECKING:
    from trunkline.settings import Settings

Folder = Annotated[Path, typer.Option("--folder", help="The folder for the files.")]


def new(
    name: Annotated[str, typer.Argument(help="The scenario's name, such as front-desk.")], folder: Folder = Path()
) -> None:
    """Create a first scenario and its test, ready to edit."""
    from trunkline.authoring.new import create

    try:
        created = create(name, folder)
    except AuthoringError as error:
        raise _exit(error) from error
    typer.echo(f"Created {created.scenario} and {created.test}. Next:")
    steps = {
        f"pytest {created.test}": "runs its tests",
        f"trunkline call {created.scenario}": "talks to it here, typed",
        f"trunkline serve {created.scenario} --reload": "talks to it in the browser, by voice",
    }
    for command, what in steps.items():
        typer.echo(f"  {command:{max(map(len, steps))}}  {what}")


def prompt_command(settings: Callable[[], Settings]) -> Callable[..., None]:
    """Return the command `prompt`, which reads its settings when it runs."""

    def prompt(
        description: Annotated[
            str | None, typer.Argument(help="A short description of the agent; '-' or no argument reads it from stdin.")
        ] = None,
        file: Annotated[Path | None, typer.Option("--file", "-f", help="Read the description from a file.")] = None,
        output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the prompt to a new file.")] = None,
    ) -> None:
        """Write a complete voice prompt from a short description, with the text model."""
        from trunkline.authoring.prompt import write_prompt

        try:
            if output is not None and output.exists():
                raise AuthoringError(f"{output} already exists. Name another file.")
            written = str(asyncio.run(write_prompt(_description(description, file), settings())))
            if output is None:
                typer.echo(written, nl=False)
            else:
                _write(output, written)
        except AuthoringError as error:
            raise _exit(error) from error
        except KeyboardInterrupt:
            raise typer.Exit(130) from None

    return prompt


def _description(given: str | None, file: Path | None) -> str:
    if file is not None:
        if given is not None:
            raise AuthoringError("Two descriptions were given, one of them in a file. Give one.")
        try:
            return file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise AuthoringError(f"{file} cannot be read: {error}.") from error
    if given not in (None, "-"):
        return str(given)
    if given is None and sys.stdin.isatty():
        raise AuthoringError(
            'A description is missing. Describe the agent in a few lines: trunkline prompt "Takes orders for a pizza '
            'place. Always in a hurry."'
        )
    return sys.stdin.read()


def _write(output: Path, written: str) -> None:
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(written)
    except OSError as error:
        raise AuthoringError(f"{output} cannot be written: {error.strerror}.") from error
    typer.echo(f"The prompt is in {output}.", err=True)


def _exit(error: AuthoringError) -> typer.Exit:
    typer.echo(str(error), err=True)
    return typer.Exit(1)
