"""What the checks of a Realtime server found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True)
class Finding:
    """One check: the rule it stands for, and what came of it. `detail` says what was wrong, or why it was skipped."""

    name: str
    rule: str
    outcome: Outcome
    detail: str = ""


@dataclass
class Report:
    """All findings about the server at `url`. As text it is a table."""

    url: str
    findings: list[Finding] = field(default_factory=list)

    def add(self, name: str, rule: str, outcome: Outcome, detail: str = "") -> None:
        """One more finding."""
        self.findings.append(Finding(name, rule, outcome, detail))

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.failed

    @property
    def failed(self) -> list[Finding]:
        """What the server does against the protocol."""
        return [finding for finding in self.findings if finding.outcome == "failed"]

    @property
    def skipped(self) -> list[Finding]:
        """What could not be told."""
        return [finding for finding in self.findings if finding.outcome == "skipped"]

    def __getitem__(self, name: str) -> Finding:
        for finding in self.findings:
            if finding.name == name:
                return finding
        raise KeyError(name)

    def __str__(self) -> str:
        width = max((len(finding.name) for finding in self.findings), default=0)
        lines = [f"{self.url}: {len(self.findings)} checks, {len(self.failed)} failed, {len(self.skipped)} skipped"]
        lines += [
            f"  {finding.outcome:<8} {finding.name:<{width}}  {finding.detail or finding.rule}"
            for finding in self.findings
        ]
        return "\n".join(lines)
