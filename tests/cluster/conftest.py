"""Databases of both kinds, as for the tests of the store."""

from __future__ import annotations

from tests.store.conftest import postgres, postgres_url, url

__all__ = ["postgres", "postgres_url", "url"]
