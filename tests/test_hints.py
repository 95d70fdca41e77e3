"""Hints and error messages name only settings, parameters and commands that exist."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_overloads

import agents
import agents.realtime
import msgspec
import pytest
from agents.realtime import RealtimeAgent, realtime_handoff

import trunkline
import trunkline.testing
from trunkline import Fillers, Scenario, SessionSettings
from trunkline.calls.commands import CommandUnion
from trunkline.doctor.settings_checks import _INTERNAL_VARIABLES, _LOOK_ALIKES
from trunkline.scenario.sensitive import Sensitive
from trunkline.settings import Settings

SOURCE = Path(__file__).parents[1] / "src" / "trunkline"
FOREIGN_VARIABLES = {
    "ALL_PROXY", "HTTPS_PROXY", "NO_PROXY",
    "AZURE_AUTHORITY_HOST", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID",
}  # fmt: skip
"""Variables of the HTTP client and of azure-identity."""
PROTOCOL_FOLDERS = ("engine", "testing", "builtin_scenarios", "realtime")
"""Folders whose messages name fields of the Realtime protocol to its clients, or are prompts for a model."""
SQL = re.compile(r"\b(?:SELECT|INSERT INTO|CREATE|ALTER TABLE|UPDATE \w+ SET|PRAGMA|SET LOCAL|to_tsvector)\b")
"""Statements for the database are not messages."""
INTERFACE_NAMES = {"create_app", "leg_id", "max_ms", "min_ms", "take_over"}
"""Names of the HTTP interface and of the package's own entry points."""

VARIABLE = re.compile(r"\b(?:TRUNKLINE|AZURE|OPENAI)_[A-Z0-9_]+\b|\b[A-Z]+_PROXY\b")
IDENTIFIER = re.compile(r"(?<![\w.'\"/`{])[a-z]+(?:_[a-z0-9]+)+\b(?![\w.]*\()")
ARGUMENT = re.compile(r"(?<![?&\w])([a-z]\w*)=(?:…|\[…\]|\{…\})")


@cache
def literals() -> tuple[tuple[Path, str], ...]:
    """Return every text literal of the sources that is not a docstring, with its file."""
    return tuple(
        (file.relative_to(SOURCE), text)
        for file in sorted(SOURCE.rglob("*.py"))
        for text in _literals(ast.parse(file.read_text("utf-8")))
    )


def _literals(tree: ast.AST) -> Iterator[str]:
    documentation = {
        id(statement.value)
        for node in ast.walk(tree)
        if isinstance(body := getattr(node, "body", None), list)
        for statement in body
        if isinstance(statement, ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.value


def variables() -> set[str]:
    return {str(field.validation_alias) for field in Settings.model_fields.values()}


def arguments() -> set[str]:
    """Return the parameters that a user writes: those of scenarios, agents, tools, guardrails and handoffs."""
    scenarios = (Scenario, Sensitive, Fillers, SessionSettings)
    written = (*scenarios, agents.function_tool, realtime_handoff, agents.HostedMCPTool, agents.InputGuardrail)
    known = {name for called in written for name in parameters(called)}
    return known | {field.name for field in dataclasses.fields(RealtimeAgent)}


def parameters(called: Callable[..., Any]) -> set[str]:
    return {name for one in (called, *get_overloads(called)) for name in inspect.signature(one).parameters}


def commands() -> set[str]:
    """Return the commands of a caller's page, and their fields."""
    kinds = get_args(CommandUnion)
    fields = {field.name for kind in kinds for field in msgspec.structs.fields(kind)}
    return fields | {str(kind.__struct_config__.tag) for kind in kinds}


def test_every_variable_in_a_message_is_a_setting() -> None:
    known = variables() | FOREIGN_VARIABLES | _INTERNAL_VARIABLES | set(_LOOK_ALIKES)
    named = {(str(file), name) for file, text in literals() for name in VARIABLE.findall(text)}
    assert len(named) > 50
    assert sorted(one for one in named if one[1] not in known) == []


def test_every_argument_in_a_message_can_be_given() -> None:
    named = {(str(file), name) for file, text in literals() for name in ARGUMENT.findall(text)}
    assert {name for _file, name in named} >= {"agents", "handoffs", "turn_detection"}
    assert sorted(one for one in named if one[1] not in arguments()) == []


def test_every_name_in_a_message_exists() -> None:
    exported = {name for module in (agents, agents.realtime, trunkline, trunkline.testing) for name in dir(module)}
    known = arguments() | commands() | exported | INTERFACE_NAMES | set(Settings.model_fields)
    named = {
        (str(file), name)
        for file, text in literals()
        if file.parts[0] not in PROTOCOL_FOLDERS and " " in text.strip() and not SQL.search(text)
        for name in IDENTIFIER.findall(text)
    }
    assert len(named) > 5
    assert sorted(one for one in named if one[1] not in known) == []


@pytest.mark.parametrize("name", sorted(FOREIGN_VARIABLES))
def test_each_foreign_variable_is_named_somewhere(name: str) -> None:
    assert any(name in text for _file, text in literals())
