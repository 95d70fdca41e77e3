"""The recorder of running calls: what it learns about the database."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from trunkline.cluster import live_recorder
from trunkline.cluster.live_recorder import LiveRecorder
from trunkline.store.database import Database


async def test_a_server_without_calls_does_not_take_its_empty_batches_for_answers_of_the_database(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(f"sqlite:///{tmp_path}/calls.sqlite3")
    recorder = LiveRecorder(database, "server", None, 30.0)
    with caplog.at_level(logging.INFO, live_recorder.__name__):
        recorder.on_database_failed(OSError("it is away"))
        await recorder._write()
        assert "live_records.restored" not in caplog.text
        recorder.on_database_answered()
        assert "live_records.restored" in caplog.text
    await database.close()
