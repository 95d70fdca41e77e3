"""Findings of `trunkline doctor`, and its report as text and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec

from trunkline import findings

Level = Literal["ok", "note", "warning", "error"]
"""`error`: no call is possible. `warning`: a part of calls fails. `note`: worth knowing."""
Finding: TypeAlias = findings.Finding[Level]
_MARKS: dict[Level, str] = {"ok": "ok", "note": "note", "warning": "WARNING", "error": "ERROR"}


@dataclass(frozen=True)
class DoctorReport(findings.Report[Level]):
    """Findings about the provider named `subject` and this machine. Every finding but `ok` has a fix."""

    @property
    def healthy(self) -> bool:
        """The absence of errors: calls are possible."""
        return not self.with_outcome("error")

    def as_text(self) -> str:
        """Return the report as a table for people."""
        lines = [f"Provider: {self.subject}", ""]
        for finding in self.findings:
            lines.append(f"{_MARKS[finding.outcome]:8} {finding.check:14} {finding.message}")
            if finding.fix:
                lines.append(f"{'':23} → {finding.fix}")
        errors, warnings = len(self.with_outcome("error")), len(self.with_outcome("warning"))
        verdict = "Calls can be made." if self.healthy else "No calls yet:"
        return "\n".join([*lines, "", f"{verdict} {errors} in the way, {warnings} to look at."])

    def as_json(self) -> str:
        """Return the report as a JSON object with `provider`, `healthy` and `findings`.

        Each finding has `check`, `level`, `message` and `do`.
        """
        listed = [
            {"check": finding.check, "level": finding.outcome, "message": finding.message, "do": finding.fix}
            for finding in self.findings
        ]
        report = {"provider": self.subject, "healthy": self.healthy, "findings": listed}
        return msgspec.json.format(msgspec.json.encode(report), indent=2).decode()
