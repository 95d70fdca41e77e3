"""Routes of stored calls: lists, logs, audio, notes, exports, tests, deletions, and the audit trail of all these.

They are for operators. Each leaves an entry in the audit trail before it answers; if that is impossible, it refuses.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import msgspec
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from trunkline.calls.log import seq_of
from trunkline.listener.client_address import address_of
from trunkline.web.authority import ROLE, Role, audience_of
from trunkline.web.errors import ApiError
from trunkline.web.own_authentication import caller_of
from trunkline.web.request_bodies import json_body
from trunkline.web.server_state import server_state_of

if TYPE_CHECKING:
    from trunkline.store.audio.call_audio import AudioFormat
    from trunkline.store.audit import AuditAction
    from trunkline.store.call_archive import CallArchive
    from trunkline.store.call_filters import CallFilters
    from trunkline.store.stored_calls import FoundCall
    from trunkline.store.summary import CallSummary

NO_STORE = {"cache-control": "no-store"}
MAX_LIVE = 100
"""Running calls on the first page of a list."""
FRAMES_AT_ONCE = 4000
"""The events that the loop handles at once, which takes some milliseconds."""
AUDIO_FORMATS: dict[str, AudioFormat] = {"ogg": "ogg", "wav": "wav"}
MAX_AUDIT = 500
T = TypeVar("T")


class NewNote(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `POST /api/calls/{call_id}/notes`."""

    at_ms: Annotated[int, msgspec.Meta(ge=0)]
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=4000)]
    seq: Annotated[int, msgspec.Meta(ge=1)] | None = None


class DeleteAll(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `DELETE /api/calls/stored`. `all` confirms it."""

    all: Literal[True]


Handler = Callable[[Request, "CallArchive"], Awaitable[Response]]


def actor_of(request: Request) -> str:
    """Return the operator's name in the audit trail."""
    if (caller := caller_of(request)) is not None:
        return f"caller {caller}"
    role = request.scope.get(ROLE)
    who = "operator" if role is Role.OPERATOR else "client"
    return "this machine" if role is Role.THIS_MACHINE else f"{who} {address_of(request.scope)}"


def _for_operators(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint of a handler: it refuses callers, and servers without a store."""

    @wraps(handler)
    async def endpoint(request: Request) -> Response:
        server = server_state_of(request)
        if audience_of(request, server.settings) != "operator":
            message = (
                "Stored calls are for operators: send TRUNKLINE_OPERATOR_TOKEN as 'Authorization: Bearer …', or sign "
                "in with it."
            )
            raise ApiError(403, "not_an_operator", message)
        server.stored_call_requests.take(request, "Too many requests")
        if server.settings.store in (None, "off"):
            message = "This server stores no calls. Set TRUNKLINE_STORE to metadata, redacted or full, and restart it."
            raise ApiError(404, "no_store", message)
        async with _database_errors():
            return await handler(request, await server.archive())

    return endpoint


@asynccontextmanager
async def _database_errors() -> AsyncIterator[None]:
    from sqlalchemy.exc import SQLAlchemyError

    from trunkline.store.audio.segment_store import AudioStoreError
    from trunkline.store.database import StoreError

    try:
        yield
    except (SQLAlchemyError, StoreError, AudioStoreError, OSError, TimeoutError) as error:
        message = f"The store cannot be used now: {str(error).splitlines()[0][:300]}. The calls continue; try again."
        raise ApiError(503, "store_failed", message, retry_after_s=5) from error


async def list_calls(request: Request, archive: CallArchive) -> Response:
    """Handle `GET /api/calls`."""
    filters, cursor, limit = _filters(request)
    await archive.audit.add("list", actor_of(request), detail=str(request.url.query)[:1000] or None)
    try:
        page = await archive.calls.list(filters, cursor, limit)
        live = []
        if cursor is None and filters.status is None:
            live = [
                *(await archive.calls.list(msgspec.structs.replace(filters, status="running"), None, MAX_LIVE)).calls
            ]
    except ValueError as error:
        raise ApiError(422, "bad_filter", str(error)) from None
    over = [one for one in page.calls if filters.status is not None or one.summary.status != "running"]
    body: dict[str, object] = {"calls": [_shown(one) for one in over], "next": page.next}
    if cursor is None:
        body["live"] = [_shown(one) for one in live]
    return JSONResponse(body, headers=NO_STORE)


async def show_call(request: Request, archive: CallArchive) -> Response:
    """Handle `GET /api/calls/{call_id}`."""
    from trunkline.store.stored_calls import FoundCall

    summary = await _summary(request, archive)
    await _audit(request, archive, "read")
    notes = await archive.notes.of(summary.call_id)
    body = _shown(FoundCall(summary)) | {"notes": [msgspec.to_builtins(note) for note in notes]}
    return JSONResponse(body, headers=NO_STORE)


async def read_log(request: Request, archive: CallArchive) -> Response:
    """Handle `GET /api/calls/{call_id}/log?after=SEQ&limit=N`: one frame a line."""
    call_id = (await _summary(request, archive)).call_id
    after, limit = _number(request, "after", 0), _number(request, "limit", None)
    await _audit(request, archive, "read")
    first = await archive.calls.frames(call_id, after, _fewer(limit))

    async def lines() -> AsyncIterator[bytes]:
        frames, left = first, limit
        while frames:
            yield "".join(f"{frame}\n" for frame in frames).encode()
            left = None if left is None else left - len(frames)
            if len(frames) < FRAMES_AT_ONCE or left == 0:
                return
            frames = await archive.calls.frames(call_id, seq_of(frames[-1]), _fewer(left))

    return StreamingResponse(lines(), media_type="application/x-ndjson", headers=NO_STORE)


async def read_audio(request: Request, archive: CallArchive) -> Response:
    """Handle `GET /api/calls/{call_id}/audio?format=ogg|wav`, with ranges."""
    summary = await _summary(request, archive)
    asked = request.query_params.get("format", "ogg")
    audio_format = AUDIO_FORMATS.get(asked)
    if audio_format is None:
        raise ApiError(422, "unknown_format", f"Unknown format of audio: {asked!r}.", list(AUDIO_FORMATS))
    await _audit(request, archive, "audio")
    path = await archive.audio_file(summary.call_id, audio_format, is_over=summary.status != "running")
    if path is None:
        raise ApiError(404, "no_audio", "This call has no stored audio. Its notices give the reason.")
    return FileResponse(
        path,
        media_type=f"audio/{audio_format}",
        filename=f"{summary.call_id}.{audio_format}",
        headers=NO_STORE,
        background=BackgroundTask(path.unlink, missing_ok=True),
    )


async def export_call(request: Request, archive: CallArchive) -> Response:
    """Handle `GET /api/calls/{call_id}/export`: the call as one file."""
    summary = await _summary(request, archive)
    await _audit(request, archive, "export")
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="trunkline-export-"))
    try:
        path = await archive.export(summary.call_id, folder)
        if path is None:  # deleted meanwhile
            raise _unknown_call()
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return FileResponse(
        path,
        media_type="application/zip",
        filename=path.name,
        headers=NO_STORE,
        background=BackgroundTask(shutil.rmtree, folder, ignore_errors=True),
    )


async def test_of_call(request: Request, archive: CallArchive) -> Response:
    """Handle `GET /api/calls/{call_id}/test`: a pytest file of the call."""
    summary = await _summary(request, archive)
    await _audit(request, archive, "test")
    entries = await archive.calls.log(summary.call_id)

    def generate() -> tuple[str, str]:
        from trunkline.testing.from_call.read_call import read_call
        from trunkline.testing.from_call.recorded_call import UnusableLogError
        from trunkline.testing.from_call.test_file import FromCallOptions, generate_test

        try:
            generated = generate_test(read_call(entries), FromCallOptions(files=False))
        except UnusableLogError as error:
            raise ApiError(409, "no_test", str(error)) from None
        return generated.stem, generated.source

    stem, source = await asyncio.to_thread(generate)
    headers = NO_STORE | {"content-disposition": f'attachment; filename="{stem}.py"'}
    return Response(source, media_type="text/x-python", headers=headers)


async def add_note(request: Request, archive: CallArchive) -> Response:
    """Handle `POST /api/calls/{call_id}/notes`."""
    body = await json_body(request, NewNote)
    summary = await _summary(request, archive)
    await _audit(request, archive, "note")
    try:
        note = await archive.notes.add(summary.call_id, body.at_ms, body.text, body.seq)
    except LookupError:  # deleted meanwhile
        raise _unknown_call() from None
    return JSONResponse(msgspec.to_builtins(note), 201)


async def delete_note(request: Request, archive: CallArchive) -> Response:
    """Handle `DELETE /api/calls/{call_id}/notes/{note_id}`. A repeated request changes nothing."""
    summary = await _summary(request, archive)
    await _audit(request, archive, "note", "deleted")
    await archive.notes.delete(summary.call_id, request.path_params["note_id"])
    return Response(status_code=204)


async def delete_call(request: Request, archive: CallArchive) -> Response:
    """Handle `DELETE /api/calls/{call_id}/stored`."""
    from trunkline.store.stored_calls import CallIsRunningError

    summary = await _summary(request, archive)
    await _audit(request, archive, "delete")
    try:
        await archive.delete(summary.call_id)
    except CallIsRunningError as error:
        raise ApiError(409, "call_running", str(error)) from None
    return Response(status_code=204)


async def delete_calls(request: Request, archive: CallArchive) -> Response:
    """Handle `DELETE /api/calls/stored` with `{"all": true}`: all calls that do not run."""
    await json_body(request, DeleteAll)
    await archive.audit.add("delete_all", actor_of(request))
    deleted = await archive.delete_all()
    return JSONResponse({"deleted": deleted})


async def list_audit(request: Request, archive: CallArchive) -> Response:
    """Handle `GET /api/audit?before=ID&limit=N&call_id=ID`: the newest entries first."""
    limit = min(_number(request, "limit", 100) or 1, MAX_AUDIT)
    before = _number(request, "before", None)
    entries = await archive.audit.latest(limit, before, request.query_params.get("call_id"))
    following = entries[-1].entry_id if len(entries) == limit else None
    return JSONResponse({"entries": [msgspec.to_builtins(one) for one in entries], "next": following}, headers=NO_STORE)


async def _summary(request: Request, archive: CallArchive) -> CallSummary:
    summary = await archive.calls.get(str(request.path_params["call_id"]))
    if summary is None:
        raise _unknown_call()
    return summary


async def _audit(request: Request, archive: CallArchive, action: AuditAction, detail: str | None = None) -> None:
    await archive.audit.add(action, actor_of(request), str(request.path_params["call_id"]), detail)


def _filters(request: Request) -> tuple[CallFilters, str | None, int]:
    from trunkline.store.call_filters import CallFilters, filters_of

    given = dict(request.query_params)
    cursor, limit = given.pop("cursor", None) or None, given.pop("limit", "50")
    fields = {name: value for name, value in given.items() if value}
    if unknown := fields.keys() - set(CallFilters.__struct_fields__) | fields.keys() & {"metadata"}:
        allowed = ["cursor", "limit", *(name for name in CallFilters.__struct_fields__ if name != "metadata")]
        raise ApiError(422, "bad_filter", f"Unknown filter: {min(unknown)!r}.", allowed)
    try:
        if not limit.isdecimal():
            raise ValueError(f"limit must be a number of calls, not {limit!r}.")
        return filters_of(fields), cursor, max(1, int(limit))
    except ValueError as error:
        raise ApiError(422, "bad_filter", f"A filter is invalid: {error}") from None


def _shown(found: FoundCall) -> dict[str, object]:
    fields: dict[str, object] = msgspec.to_builtins(found.summary)
    has_audio = fields.pop("has_audio")
    return fields | {
        "audio": has_audio,
        "live": found.summary.status == "running",
        "match": None if found.match is None else msgspec.to_builtins(found.match),
    }


def _number(request: Request, name: str, default: T) -> int | T:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):
        raise ApiError(422, "bad_number", f"{name!r} is a number from 0, not {text[:30]!r}.")
    return int(text)


def _fewer(limit: int | None) -> int:
    return FRAMES_AT_ONCE if limit is None else min(limit, FRAMES_AT_ONCE)


def _unknown_call() -> ApiError:
    return ApiError(404, "unknown_call", "This call is not stored; GET /api/calls lists the stored ones.")


def _route(path: str, handler: Handler, method: str = "GET") -> Route:
    return Route(path, _for_operators(handler), methods=[method])


routes: list[BaseRoute] = [
    _route("/api/calls", list_calls),
    _route("/api/calls/stored", delete_calls, "DELETE"),
    _route("/api/calls/{call_id}", show_call),
    _route("/api/calls/{call_id}/log", read_log),
    _route("/api/calls/{call_id}/audio", read_audio),
    _route("/api/calls/{call_id}/export", export_call),
    _route("/api/calls/{call_id}/test", test_of_call),
    _route("/api/calls/{call_id}/notes", add_note, "POST"),
    _route("/api/calls/{call_id}/notes/{note_id}", delete_note, "DELETE"),
    _route("/api/calls/{call_id}/stored", delete_call, "DELETE"),
    _route("/api/audit", list_audit),
]
