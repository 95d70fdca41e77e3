"""Export and import between databases of both kinds, all of a call or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.exported_calls import exported_call
from tests.store.stored import stored_in
from trunkline.store.call_filters import CallFilters
from trunkline.store.notes import CallNotes
from trunkline.store.transfer import CallExistsError, load_call, save_call


async def test_a_saved_call_loads_and_is_found_by_its_words(url: str, tmp_path: Path) -> None:
    call = exported_call("call_1", ("Grüß Gott \0 dear", "Hello"))
    async with stored_in(url) as (database, calls):
        await save_call(database, None, call)
        note = await CallNotes(database).add("call_1", 200, "Listen")
        loaded = await load_call(database, None, "call_1", tmp_path)
        assert loaded is not None
        assert loaded.call.entries == call.call.entries
        assert loaded.notes == (note,)
        (found,) = (await calls.list(CallFilters(q="gruss gott"))).calls
        assert found.summary.call_id == "call_1"
        assert await load_call(database, None, "call_2", tmp_path) is None


async def test_a_call_that_is_stored_is_not_changed(url: str) -> None:
    async with stored_in(url) as (database, calls):
        await save_call(database, None, exported_call("call_1", ("First",)))
        with pytest.raises(CallExistsError):
            await save_call(database, None, exported_call("call_1", ("Second",)))
        assert (await calls.list(CallFilters(q="second"))).calls == ()
        assert len((await calls.list(CallFilters(q="first"))).calls) == 1


async def test_notes_are_only_on_stored_calls(url: str) -> None:
    async with stored_in(url) as (database, _calls):
        with pytest.raises(LookupError):
            await CallNotes(database).add("call_1", 0, "Lost")
