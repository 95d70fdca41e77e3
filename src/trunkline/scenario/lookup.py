"""Lookup of one scenario by the name, file, folder or module that a user gives."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from trunkline.scenario.loading import LoadedScenarios, find_missing, load, looks_like_path
from trunkline.scenario.scenario import AnyScenario, Scenario


def look_up(target: str) -> tuple[LoadedScenarios, str]:
    """Load the target: the name of a scenario, or a file, folder or module, which means its first scenario.

    Returns:
        The scenarios, and the name of the one that is meant. The scenarios lack that name if it is unknown or failed
        to load; `problems` then has the reasons, if any are known.
    """
    named = load([])
    if target in named.by_name and not Path(target).exists():
        return named, target
    if problems := find_missing([target]):
        if looks_like_path(target):
            named.problems += problems
        return named, target
    own = load([target], built_in=False)
    return own, next(iter(own.by_name), target)


def unknown_target(target: str, scenarios: LoadedScenarios) -> str:
    """Return the error text for a target that is nothing known, with the most similar name."""
    names = {name.lower(): name for name in scenarios.by_name}
    close = difflib.get_close_matches(target.lower(), names, n=1)
    meant = f" Did you mean {names[close[0]]!r}?" if close else ""
    available = ", ".join(scenarios.by_name) or "none"
    message = f"{target!r} is not a scenario, file, folder or module."
    return f"{message}{meant} Available scenarios: {available}."


def scenario_of(target: AnyScenario | str | os.PathLike[str]) -> AnyScenario:
    """Return the scenario itself, the one of this name, or the first one of a file, folder or module.

    Raises:
        LookupError: the target is unknown or failed to load; the message has the reasons.
    """
    if isinstance(target, Scenario):
        return target
    text = os.fspath(target)
    scenarios, name = look_up(text)
    if name in scenarios.by_name:
        return scenarios.by_name[name]
    reasons = "\n".join(map(str, scenarios.problems))
    raise LookupError(reasons or unknown_target(text, scenarios))
