"""Findings of checks, and the report that collects them.

`trunkline doctor` and the conformance checks of Realtime servers report in this form; each has its own outcomes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

OutcomeT = TypeVar("OutcomeT", bound=str)


@dataclass(frozen=True)
class Finding(Generic[OutcomeT]):
    """Result of one check.

    Attributes:
        check: the name of the check.
        outcome: one of the outcomes that the checks of this kind can have.
        message: the result in words.
        fix: the action or the rule that repairs it; None if nothing needs repair.
    """

    check: str
    outcome: OutcomeT
    message: str
    fix: str | None = None


@dataclass(frozen=True)
class Report(Generic[OutcomeT]):
    """All findings about one subject, in the order of the checks.

    Attributes:
        subject: the thing that was checked, such as a provider's name or a server's URL.
    """

    subject: str
    findings: Sequence[Finding[OutcomeT]]

    def __getitem__(self, check: str) -> Finding[OutcomeT]:
        for finding in self.findings:
            if finding.check == check:
                return finding
        raise KeyError(check)

    def with_outcome(self, outcome: OutcomeT) -> list[Finding[OutcomeT]]:
        """Return the findings that have this outcome."""
        return [finding for finding in self.findings if finding.outcome == outcome]
