"""Databases for the tests of the store: SQLite, and a Postgres that the suite starts itself."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scripts.postgres import programs
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.store.postgres_server import MISSING, PostgresServer, postgres_server

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A Postgres server for the whole session. Where it is not installed, tests are skipped, but never in CI."""
    if programs() is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    with postgres_server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> str:
    """The URL of a new, empty database."""
    return new_postgres_database(postgres)


def new_postgres_database(postgres: PostgresServer) -> str:
    """Create a database. Return its URL."""
    name = f"calls_{next(_NUMBERS)}"
    asyncio.run(_create(postgres.url, name))
    return postgres.url.rpartition("/")[0] + f"/{name}"


async def _create(url: str, name: str) -> None:
    engine = create_async_engine(url.replace("postgresql:", "postgresql+asyncpg:"), isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(f"CREATE DATABASE {name}"))
    await engine.dispose()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of each kind."""
    return _url(request, tmp_path)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def new_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], str]:
    """A function that returns the URL of a new database of one kind, for calls that several tests read."""
    return lambda: _url(request, tmp_path_factory.mktemp("calls"))


def _url(request: pytest.FixtureRequest, folder: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{folder / 'data' / 'trunkline.sqlite3'}"
    return new_postgres_database(request.getfixturevalue("postgres"))
