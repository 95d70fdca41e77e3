"""Policy of redaction: own patterns, and the sensitive parts of tools."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from trunkline.scenario.scenario import AnyScenario
from trunkline.scenario.sensitive import Sensitive


@dataclass(frozen=True)
class RedactionPolicy:
    """Data of one scenario that is redacted in addition to the built-in kinds.

    Attributes:
        patterns: regular expressions of the operator and of the scenario.
        sensitive: the sensitive parts of tools, by the tool's name.
    """

    patterns: tuple[re.Pattern[str], ...] = ()
    sensitive: Mapping[str, Sensitive] = field(default_factory=dict)


def policy_of(scenario: AnyScenario | None, patterns: Sequence[str] = ()) -> RedactionPolicy:
    """Return the policy for the calls of a scenario; None is a scenario that no longer exists.

    Args:
        patterns: those of `TRUNKLINE_REDACT`.
    """
    compiled = tuple(re.compile(pattern) for pattern in patterns)
    if scenario is None:
        return RedactionPolicy(compiled)
    return RedactionPolicy((*compiled, *scenario.redact), scenario.sensitive)
