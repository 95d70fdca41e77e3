"""The commands `trunkline calls list`, `show`, `export`, `import` and `delete`.

They work on the database itself, also beside a running server. Each leaves an entry in the audit trail.
"""

from __future__ import annotations

import asyncio
import getpass
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:  # SQLAlchemy takes longer to import than the help may take
    from trunkline.settings import Settings
    from trunkline.store.call_archive import CallArchive
    from trunkline.store.call_filters import CallFilters
    from trunkline.store.stored_calls import FoundCall
    from trunkline.store.summary import CallSummary

Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="NAME=VALUE",
        help="Only calls with this scenario, status, outcome, agent, min_ms or max_ms; any other name is one of the "
        "metadata of the call. Repeat it for several conditions.",
    ),
]
Since = Annotated[str | None, typer.Option(help="Only calls since this day or time, such as 2026-11-30.")]
Until = Annotated[str | None, typer.Option(help="Only calls until this day or time.")]
Said = Annotated[str | None, typer.Option("--said", help="Only calls in which these words were said.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, for programs.")]
_FILTERS = ("scenario", "status", "outcome", "agent", "min_ms", "max_ms")
_ROLES = {"user": "caller", "assistant": "agent"}


class CommandError(Exception):
    """A command that cannot be carried out; the message has the problem and the fix."""


commands = typer.Typer(no_args_is_help=True, help="List, show, export, import and delete stored calls.")


@commands.command("list")
def list_calls(
    where: Where = None,
    since: Since = None,
    until: Until = None,
    said: Said = None,
    limit: Annotated[int, typer.Option(min=1, help="The number of calls, the newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List stored calls, the newest first."""

    async def work(archive: CallArchive) -> None:
        found = [one async for one in _found(archive, _filters(where, since, until, said), limit)]
        await archive.audit.add("list", actor())
        if as_json:
            typer.echo(_json([_shown(one) for one in found]))
        elif not found:
            typer.echo(f"No calls are stored in {archive.database.name}, or none passes the conditions.", err=True)
        for one in found if not as_json else ():
            typer.echo(_line(one))

    _run(work)


@commands.command("show")
def show_call(call_id: Annotated[str, typer.Argument(metavar="CALL")], as_json: AsJson = False) -> None:
    """Show a stored call: its summary, the words and the tools. With --json, every event of its log."""

    async def work(archive: CallArchive) -> None:
        summary = await _summary(archive, call_id)
        await archive.audit.add("read", actor(), call_id)
        if as_json:
            for frame in await archive.calls.frames(call_id):
                typer.echo(frame)
            return
        from trunkline.store.transcript_lines import one_line, transcript_lines

        typer.echo(_facts(summary))
        for line in transcript_lines(await archive.calls.log(call_id)):
            typer.echo(line)
        for note in await archive.notes.of(call_id):
            typer.echo(f"{_clock(note.at_ms)}  note: {one_line(note.text)}")

    _run(work)


@commands.command("export")
def export_calls(
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="CALL… FOLDER", help="The calls, and the folder for their files.")
    ] = None,
    where: Where = None,
    since: Since = None,
    until: Until = None,
    said: Said = None,
) -> None:
    """Export calls, each into one file: named ones, or all that pass the conditions."""

    async def work(archive: CallArchive) -> None:
        *call_ids, folder = arguments or [""]
        has_conditions = bool(where or since or until or said)
        if not folder or has_conditions is bool(call_ids):
            raise CommandError(
                "Name calls and a folder, or conditions and a folder: trunkline calls export --where "
                "scenario=support --since 2026-11-01 FOLDER."
            )
        if has_conditions:
            found = _found(archive, _filters(where, since, until, said))
            call_ids = [one.summary.call_id async for one in found]
        await asyncio.to_thread(_make_folder, Path(folder))
        for call_id in call_ids:
            await _summary(archive, call_id)
            await archive.audit.add("export", actor(), call_id)
            path = await archive.export(call_id, Path(folder))
            typer.echo(f"{path}")
        typer.echo(f"{_count(len(call_ids))} exported.", err=True)

    _run(work)


@commands.command("import")
def import_calls(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Exported calls.")],
    copy: Annotated[
        bool, typer.Option("--copy", help="Import a call under a new id if one of its id is stored.")
    ] = False,
) -> None:
    """Import exported calls. A call that is stored already is never overwritten."""

    async def work(archive: CallArchive) -> None:
        for file in files:
            typer.echo(await _import(archive, file, copy=copy))

    _run(work)


@commands.command("delete")
def delete_calls(
    calls: Annotated[list[str] | None, typer.Argument(metavar="CALL…", help="The calls.")] = None,
    where: Where = None,
    since: Since = None,
    until: Until = None,
    all_calls: Annotated[bool, typer.Option("--all", help="Delete all calls that do not run.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without a question.")] = False,
) -> None:
    """Delete calls for good, with their audio and their notes."""

    async def work(archive: CallArchive) -> None:
        has_conditions = bool(where or since or until)
        if [bool(calls), has_conditions, all_calls].count(True) != 1:
            raise CommandError("Name calls, or conditions with --where, --since and --until, or --all.")
        call_ids = list(calls or ())
        for call_id in call_ids:
            await _summary(archive, call_id)
        if not call_ids:
            found = _found(archive, _filters(where, since, until))
            call_ids = [one.summary.call_id async for one in found if one.summary.status != "running"]
        if call_ids and not yes:
            _confirm(call_ids)
        for call_id in call_ids:
            await _delete(archive, call_id)
        typer.echo(f"{_count(len(call_ids))} deleted.")

    _run(work)


def _run(work: Callable[[CallArchive], Awaitable[None]]) -> None:
    try:
        asyncio.run(_with_archive(_settings(), work))
    except CommandError as error:
        typer.echo(f"{error}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _settings() -> Settings:
    from trunkline.settings import SettingsError, load_settings

    try:
        return load_settings()
    except SettingsError as error:
        raise CommandError(str(error)) from None


def actor() -> str:
    """Return the name of this machine's user in the audit trail."""
    try:
        return f"command line {getpass.getuser()}"
    except (OSError, KeyError):  # a container's user without a name
        return "command line"


async def _with_archive(settings: Settings, work: Callable[[CallArchive], Awaitable[None]]) -> None:
    from sqlalchemy.exc import SQLAlchemyError

    from trunkline.store.audio.segment_store import AudioStoreError
    from trunkline.store.call_archive import CallArchive, recordings_of
    from trunkline.store.database import StoreError, reason_of
    from trunkline.store.recovery import mark_interrupted
    from trunkline.store.server_lock import server_lock

    try:
        async with _opened(CallArchive(settings, recordings_of(settings))) as archive:
            await archive.database.migrate()
            await mark_interrupted(archive.database, server_lock(archive.database, "command_line"))
            await work(archive)
    except (StoreError, AudioStoreError) as error:
        raise CommandError(str(error)) from error
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        raise CommandError(f"The stored calls cannot be used: {reason_of(error)}. Try again.") from error


@asynccontextmanager
async def _opened(archive: CallArchive) -> AsyncIterator[CallArchive]:
    try:
        yield archive
    finally:
        await archive.close()


async def _found(archive: CallArchive, filters: CallFilters, limit: int | None = None) -> AsyncIterator[FoundCall]:
    cursor, left = None, limit
    while left is None or left > 0:
        page = await archive.calls.list(filters, cursor, 200 if left is None else min(left, 200))
        for one in page.calls:
            yield one
        cursor, left = page.next, None if left is None else left - len(page.calls)
        if cursor is None:
            return


def _filters(where: Iterable[str] | None, since: str | None, until: str | None, said: str | None = None) -> CallFilters:
    from trunkline.store.call_filters import filters_of

    texts = {name: text for name, text in (("since", since), ("until", until), ("q", said)) if text is not None}
    metadata: dict[str, str] = {}
    for condition in where or ():
        name, equals, value = condition.partition("=")
        if not (equals and name):
            raise CommandError(f"--where takes NAME=VALUE, such as scenario=support, not {condition!r}.")
        (texts if name in _FILTERS else metadata)[name] = value
    try:
        return filters_of(texts, metadata)
    except ValueError as error:
        raise CommandError(f"A condition is invalid: {error}") from None


async def _summary(archive: CallArchive, call_id: str) -> CallSummary:
    summary = await archive.calls.get(call_id)
    if summary is None:
        raise CommandError(
            f"No call {call_id!r} is stored in {archive.database.name}. List the calls with: trunkline calls list"
        )
    return summary


async def _import(archive: CallArchive, file: Path, *, copy: bool) -> str:
    from trunkline.realtime.ids import new_id
    from trunkline.store.export_file import ExportFileError, read_export, renamed
    from trunkline.store.transfer import CallExistsError

    with tempfile.TemporaryDirectory(prefix="trunkline-") as folder:
        try:
            exported = await asyncio.to_thread(read_export, file, Path(folder))
        except ExportFileError as error:
            raise CommandError(str(error)) from None
        call_id = exported.call.summary.call_id
        if copy and await archive.calls.get(call_id) is not None:
            exported = renamed(exported, new_id("call"))
        imported = exported.call.summary.call_id
        await archive.audit.add("import", actor(), imported, str(file))
        try:
            await archive.save(exported)
        except CallExistsError:
            raise CommandError(
                f"{file}: the call {call_id} is stored already. Delete it first, or import the file under a new id, "
                "with --copy."
            ) from None
        without_audio = exported.call.audio is not None and archive.recordings is None
    return f"{imported}{' (without its audio: the extra `store` is not installed)' if without_audio else ''}"


async def _delete(archive: CallArchive, call_id: str) -> None:
    from trunkline.store.stored_calls import CallIsRunningError

    await archive.audit.add("delete", actor(), call_id)
    try:
        await archive.delete(call_id)
    except CallIsRunningError as error:
        raise CommandError(f"{call_id}: {error}") from None


def _confirm(call_ids: list[str]) -> None:
    if not sys.stdin.isatty():
        raise CommandError(f"{_count(len(call_ids))} would be deleted for good. Confirm it with --yes.")
    if not typer.confirm(f"Delete {_count(len(call_ids))} for good?"):
        raise CommandError("Nothing was deleted.")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"{folder} cannot be made: {error.strerror}. Name another folder.") from None


def _count(calls: int) -> str:
    return "1 call" if calls == 1 else f"{calls} calls"


def _shown(found: FoundCall) -> dict[str, object]:
    import msgspec

    fields: dict[str, object] = msgspec.to_builtins(found.summary)
    return fields | {"match": None if found.match is None else msgspec.to_builtins(found.match)}


def _json(value: object) -> str:
    import msgspec

    return msgspec.json.format(msgspec.json.encode(value)).decode()


def _line(found: FoundCall) -> str:
    from trunkline.store.transcript_lines import one_line

    summary = found.summary
    path = " → ".join(summary.agents) or "-"
    facts = (
        f"{summary.call_id}  {summary.started_at[:19].replace('T', ' ')}  {_clock(summary.duration_ms):>8}  "
        f"{summary.status:11}  {summary.scenario}: {path}, {summary.turns} turns"
    )
    lines = [facts] if found.match is None else [facts, f"    {_clock(found.match.at_ms)}  {found.match.text}"]
    return "\n".join(map(one_line, lines))


def _facts(summary: CallSummary) -> str:
    from trunkline.store.transcript_lines import one_line

    cost = "" if summary.cost is None else f", {summary.cost:.4f} USD"
    reason = f" ({summary.end_reason})" if summary.end_reason else ""
    audio = "with audio" if summary.has_audio else "without audio"
    return (
        f"{summary.call_id}: {summary.scenario} on {summary.provider} ({summary.model}), {summary.started_at}\n"
        f"{summary.status}{one_line(reason)}, {_clock(summary.duration_ms)}, "
        f"{summary.turns} turns, {summary.errors} errors, {summary.tokens} tokens{cost}; "
        f"stored: {summary.mode}, {audio}"
    )


def _clock(ms: int) -> str:
    minutes, seconds = divmod(ms // 1000, 60)
    return f"{minutes}:{seconds:02}"
