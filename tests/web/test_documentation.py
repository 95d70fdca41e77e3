"""docs/http-api.md lists the whole interface, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from trunkline.calls import commands, log_events, pages
from trunkline.settings import Settings
from trunkline.web import call_routes, client_api

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "http-api.md").read_text()


def rows(first_column: str) -> dict[str, list[str]]:
    """Return the rows of the documented tables with a matching first cell, as name -> cells."""
    found = {}
    for line in TEXT.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("| `") and re.fullmatch(first_column, cells[0]):
            found[cells[0].strip("`")] = cells[1:]
    return found


def fields_of(kind: type[msgspec.Struct]) -> list[str]:
    """Return a struct's fields in the document's notation."""
    return [f"`{field.encode_name}{'' if field.required else '?'}`" for field in msgspec.structs.fields(kind)]


EVENTS = {str(kind.__struct_config__.tag): kind for kind in get_args(log_events.PageEventUnion)}
KIND = r"`[a-z]+\.[a-z_]+`|`error`|`breadcrumb`|`notice`"
COMMANDS = {str(kind.__struct_config__.tag): kind for kind in get_args(commands.CommandUnion)}


def test_every_kind_of_event_is_documented_and_no_other() -> None:
    assert set(rows(KIND)) == set(EVENTS)


@pytest.mark.parametrize("kind", sorted(EVENTS))
def test_the_fields_of_an_event(kind: str) -> None:
    assert rows(KIND)[kind][0].split(", ") == fields_of(EVENTS[kind])


def test_every_command_is_documented_with_its_fields() -> None:
    for name, command in COMMANDS.items():
        assert rows(r"`[a-z_]+`")[name][0] == ", ".join(fields_of(command))


def test_no_other_command_is_documented() -> None:
    section = TEXT.split("## Commands")[1].split("## Log events")[0]
    assert set(re.findall(r"^\| `([a-z_]+)` \|", section, re.MULTILINE)) - {"type"} == set(COMMANDS)


def test_every_error_code_is_documented_and_no_other() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "src/trunkline/web").glob("*.py"))
    used = {(int(status), code) for status, code in re.findall(r"ApiError\(\s*(\d+),\s*\"(\w+)\"", sources)}
    used |= {(403, "forbidden_origin"), (408, "too_slow"), (413, "too_large"), (500, "internal")}
    documented = {(int(s), c) for s, c in re.findall(r"^\| (\d+) \| `(\w+)` \|", TEXT, re.MULTILINE)}
    assert documented == used


def test_every_close_code_is_documented() -> None:
    documented = {int(code) for code in re.findall(r"^\| (\d{4}) \|", TEXT, re.MULTILINE)}
    assert documented >= {
        *pages.CloseCode,
        1009, 1011, 1012
    }  # fmt: skip


def test_every_route_is_documented() -> None:
    for route in (*call_routes.routes, *client_api.routes):
        methods = getattr(route, "methods", None) or {"WS"}
        path = str(getattr(route, "path")).replace("{call_id}", "{id}")  # noqa: B009 - a route of either kind
        assert any(f"### `{method} {path}" in TEXT for method in methods), path


BODIES: dict[str, type[msgspec.Struct]] = {
    "### `POST /api/calls`": call_routes.NewCall,
    "### `POST /api/calls/{id}/leg`": call_routes.NewLeg,
    "### `POST /api/responses`": client_api.TextRequest,
}


@pytest.mark.parametrize(("heading", "body"), BODIES.items())
def test_the_fields_of_a_body(heading: str, body: type[msgspec.Struct]) -> None:
    section = TEXT.split(heading)[1].split("###")[0]
    documented = set(re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\| (`.*?) \|", section, re.MULTILINE))))
    assert documented == {field.encode_name for field in msgspec.structs.fields(body)}


SECURITY = (ROOT / "docs" / "security.md").read_text()
LIMITS = re.findall(r"^\| `(TRUNKLINE_\w+)` \| (\d+|none) \|", SECURITY, re.MULTILINE)


@pytest.mark.parametrize(("name", "default"), LIMITS)
def test_the_limits_that_security_lists_are_the_settings_defaults(name: str, default: str) -> None:
    (field,) = (field for field in Settings.model_fields.values() if field.validation_alias == name)
    assert field.default == (None if default == "none" else float(default))


def test_every_setting_of_the_servers_limits_is_listed() -> None:
    aliases = {str(field.validation_alias) for field in Settings.model_fields.values()}
    limits = {
        name for name in aliases if re.search(r"_MAX_|_PER_MINUTE|HEAD_TIMEOUT|BODY_TIMEOUT|SEND_TIMEOUT|IDLE", name)
    }
    assert limits == {name for name, _default in LIMITS}
