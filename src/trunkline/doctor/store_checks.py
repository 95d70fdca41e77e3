"""Checks of the store: the folder, the database and its tables, the room on the disk, and the extra."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from trunkline.doctor.report import Finding
from trunkline.extras import install_command
from trunkline.settings import Settings

_TURN_IT_OFF = "Set TRUNKLINE_STORE=off to store nothing; see docs/calls.md."
_GB = 1e9


async def check_store(settings: Settings) -> list[Finding]:
    """Check that calls can be stored. Nothing is written."""
    if settings.served_store_mode == "off":
        return [Finding("store", "note", "Calls are not stored.", "To store them, leave TRUNKLINE_STORE out.")]
    return [await _database(settings), *_room(settings), *_audio(settings)]


async def _database(settings: Settings) -> Finding:
    from trunkline.store.database import Database, StoreError

    try:
        database = Database.from_settings(settings)
    except StoreError as error:
        return Finding("store", "warning", f"Calls cannot be stored: {error}", _TURN_IT_OFF)
    try:
        if database.path is not None and not database.path.exists():
            return _new_file(database.path, settings)
        state = await database.state()
    except StoreError as error:
        return Finding("store", "warning", f"Calls cannot be stored: {error}", f"Correct it. {_TURN_IT_OFF}")
    finally:
        await database.close()
    if database.path is not None and not os.access(database.path, os.W_OK):
        return _not_writable(database.path)
    tables = {
        "new": "is empty; the server makes its tables",
        "older": "will be brought up to date",
        "current": "works",
        "newer": "works; a newer version of Trunkline made its tables",
    }
    return Finding("store", "ok", f"{_kept(settings)}: {database.name} {tables[state]}.")


def _new_file(path: Path, settings: Settings) -> Finding:
    folder = next(parent for parent in path.parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        return _not_writable(folder)
    return Finding("store", "ok", f"{_kept(settings)}: {path} will be made.")


def _not_writable(path: Path) -> Finding:
    fix = f"Set TRUNKLINE_DATA_DIR to a folder that can be written. {_TURN_IT_OFF}"
    return Finding("store", "warning", f"Calls cannot be stored: {path} cannot be written.", fix)


def _kept(settings: Settings) -> str:
    return f"Calls are stored (TRUNKLINE_STORE={settings.served_store_mode})"


def _room(settings: Settings) -> Iterator[Finding]:
    """Compare the free space with the size limit, if the calls are on this machine."""
    if settings.database_url is not None and settings.audio_url is not None:
        return
    folder = next(parent for parent in (settings.data_dir.absolute() / "_").parents if parent.exists())
    free = shutil.disk_usage(folder).free
    if free < settings.store_max_gb * _GB:
        yield Finding(
            "store room",
            "note",
            f"The disk of {folder} has {free / _GB:.1f} GB free, less than the limit of stored calls.",
            "Set TRUNKLINE_STORE_MAX_GB to the space that calls may take; the oldest ones are deleted beyond it.",
        )


def _audio(settings: Settings) -> Iterator[Finding]:
    missing = [name for name in ("av", "obstore") if find_spec(name) is None]
    if missing and settings.served_store_mode != "metadata":
        message = f"Calls are stored without audio: {' and '.join(missing)} missing."
        yield Finding("store audio", "note", message, f"To install them: {install_command('store')}")
