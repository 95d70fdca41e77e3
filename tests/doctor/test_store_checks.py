"""The doctor's look at the store: each problem with its fix, and nothing is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from trunkline.doctor import Finding, store_checks
from trunkline.doctor.store_checks import check_store
from trunkline.settings import Settings
from trunkline.store.database import Database, database_url


def settings(folder: Path, **values: Any) -> Settings:
    return Settings.model_validate({"store": "full", "data_dir": folder, "store_max_gb": 0.001, **values})


async def store_finding(given: Settings) -> Finding:
    (finding,) = [one for one in await check_store(given) if one.check == "store"]
    return finding


async def test_a_folder_that_does_not_exist_yet_is_fine_and_is_not_made(tmp_path: Path) -> None:
    finding = await store_finding(settings(tmp_path / "data"))
    assert finding.outcome == "ok"
    assert "TRUNKLINE_STORE=full" in finding.message
    assert str(tmp_path / "data" / "trunkline.sqlite3") in finding.message
    assert contents(tmp_path) == []


def contents(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_a_server_that_stores_nothing_is_worth_knowing(tmp_path: Path) -> None:
    finding = await store_finding(settings(tmp_path, store="off"))
    assert finding.outcome == "note"
    assert contents(tmp_path) == []


async def migrated(given: Settings) -> Database:
    database = Database(database_url(given))
    await database.migrate()
    return database


async def test_a_database_with_current_tables_works(tmp_path: Path) -> None:
    given = settings(tmp_path)
    await (await migrated(given)).close()
    finding = await store_finding(given)
    assert (finding.outcome, "works" in finding.message) == ("ok", True)


async def test_tables_of_a_newer_version_are_a_warning(tmp_path: Path) -> None:
    given = settings(tmp_path)
    database = await migrated(given)
    async with database.writing() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        await connection.execute(text("UPDATE compatibility SET oldest_schema = '9998'"))
    await database.close()
    finding = await store_finding(given)
    assert finding.outcome == "warning"
    assert "newer version" in finding.message


@pytest.fixture
def file_in_the_place_of_the_folder(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.write_text("a file")
    return path


async def test_a_folder_that_cannot_be_written_is_a_warning(file_in_the_place_of_the_folder: Path) -> None:
    finding = await store_finding(settings(file_in_the_place_of_the_folder))
    assert finding.outcome == "warning"
    assert "TRUNKLINE_DATA_DIR" in (finding.fix or "")


async def test_a_database_that_cannot_be_reached_is_a_warning_without_its_password(tmp_path: Path) -> None:
    url = SecretStr("postgresql://trunkline:s3cret@127.0.0.1:1/calls")
    finding = await store_finding(settings(tmp_path, database_url=url))
    assert finding.outcome == "warning"
    assert "s3cret" not in finding.message + (finding.fix or "")
    assert "TRUNKLINE_STORE=off" in (finding.fix or "")


async def test_little_room_on_the_disk_is_worth_knowing(tmp_path: Path) -> None:
    (finding,) = [
        one for one in await check_store(settings(tmp_path / "data", store_max_gb=1e9)) if one.check == "store room"
    ]
    assert finding.outcome == "note"
    assert "TRUNKLINE_STORE_MAX_GB" in (finding.fix or "")


async def test_missing_packages_for_audio_are_worth_knowing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_checks, "find_spec", lambda _name: None)
    (finding,) = [one for one in await check_store(settings(tmp_path)) if one.check == "store audio"]
    assert finding.outcome == "note"
    assert "trunkline[store]" in (finding.fix or "")
