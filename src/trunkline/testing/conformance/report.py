"""Report of the conformance checks of a Realtime server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from trunkline import findings

Outcome = Literal["passed", "failed", "skipped"]
Finding: TypeAlias = findings.Finding[Outcome]


@dataclass(frozen=True)
class ConformanceReport(findings.Report[Outcome]):
    """Findings about the server at the URL `subject`. `str()` makes a table of it.

    A failed or skipped finding has the reason as its message and the rule as its fix; a passed one has the rule as its
    message.
    """

    @property
    def ok(self) -> bool:
        """The absence of failures."""
        return not self.failed

    @property
    def failed(self) -> list[Finding]:
        """Rules that the server breaks."""
        return self.with_outcome("failed")

    @property
    def skipped(self) -> list[Finding]:
        """Checks without a result."""
        return self.with_outcome("skipped")

    def __str__(self) -> str:
        width = max((len(finding.check) for finding in self.findings), default=0)
        lines = [f"{self.subject}: {len(self.findings)} checks, {len(self.failed)} failed, {len(self.skipped)} skipped"]
        lines += [f"  {finding.outcome:<8} {finding.check:<{width}}  {finding.message}" for finding in self.findings]
        return "\n".join(lines)
