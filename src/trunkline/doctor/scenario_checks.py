"""Checks of the scenarios: that they load, and that the provider's protocol accepts them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from trunkline.doctor.report import Finding
from trunkline.providers.factory import MODEL_FIX, missing_model
from trunkline.realtime.service_rules import preview_session
from trunkline.realtime.validation import InvalidRequest
from trunkline.scenario.loading import load
from trunkline.settings import Settings


def check_scenarios(targets: Sequence[str], settings: Settings, provider: str) -> Iterator[Finding]:
    """Load the targets and the installed scenarios, and check them by the rules of the services.

    `Scenario` itself applies the rules of GA; the preview has fewer voices.
    """
    found = load(targets)
    for problem in found.problems:
        yield Finding("scenarios", "error", str(problem), "Correct the file; its other scenarios still run.")
    in_preview = provider == "azure" and settings.azure_dialect == "preview"
    for scenario in found.by_name.values() if in_preview else ():
        try:
            preview_session({"voice": scenario.voice})
        except InvalidRequest as error:
            message = f"{scenario.name}: the preview refuses its voice. {error}"
            yield Finding("scenarios", "warning", message, "Choose one of these voices, or use GA.")
    for scenario in found.by_name.values():
        if (missing := missing_model(scenario, settings)) is not None:
            yield Finding("scenarios", "warning", str(missing), MODEL_FIX)
    names = ", ".join(found.by_name) or "none"
    yield Finding("scenarios", "ok", f"{len(found.by_name)} can be called: {names}.")
