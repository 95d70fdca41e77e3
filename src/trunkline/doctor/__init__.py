"""`trunkline doctor`: looks at what calls need, and says what to do about what is missing. It shows no secret."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import msgspec
from pydantic import SecretStr

from trunkline.settings import Settings

Level = Literal["ok", "note", "warning", "error"]
_USER_AND_PASSWORD = re.compile(r"://[^/\s@]+@")
_MARKS: dict[Level, str] = {"ok": "ok", "note": "note", "warning": "WARNING", "error": "ERROR"}


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        check: what was looked at: endpoint, key, realtime, …
        level: `error` stands in the way of calls; `warning` of a part of them; a `note` is worth knowing.
        message: what was found.
        do: what to do about it; there is always something unless it is ok.
    """

    check: str
    level: Level
    message: str
    do: str | None = None


@dataclass(frozen=True)
class Report:
    """Everything that was found, in the order in which it was looked at."""

    provider: str
    findings: Sequence[Finding]

    @property
    def healthy(self) -> bool:
        """Whether calls can be made."""
        return all(finding.level != "error" for finding in self.findings)

    def as_text(self) -> str:
        """For people."""
        lines = [f"Provider: {self.provider}", ""]
        for finding in self.findings:
            lines.append(f"{_MARKS[finding.level]:8} {finding.check:14} {finding.message}")
            if finding.do:
                lines.append(f"{'':23} → {finding.do}")
        count = {level: sum(one.level == level for one in self.findings) for level in _MARKS}
        told = f"{count['error']} in the way, {count['warning']} to look at."
        return "\n".join([*lines, "", "Calls can be made. " + told if self.healthy else "No calls yet: " + told])

    def as_json(self) -> str:
        """For programs: `{"provider", "healthy", "findings": [{"check", "level", "message", "do"}]}`."""
        findings = [
            {"check": one.check, "level": one.level, "message": one.message, "do": one.do} for one in self.findings
        ]
        whole = {"provider": self.provider, "healthy": self.healthy, "findings": findings}
        return msgspec.json.format(msgspec.json.encode(whole), indent=2).decode()


async def examine(settings: Settings) -> Report:
    """Looks at everything: this machine, the settings, and the service, to which it makes a few small requests."""
    from trunkline.doctor.engine_checks import check_engine
    from trunkline.doctor.host_checks import check_host
    from trunkline.doctor.provider_checks import check_provider
    from trunkline.doctor.settings_checks import check_settings
    from trunkline.providers.factory import choose_provider_name

    name = choose_provider_name(settings)
    findings = [*check_host(settings, name), *check_settings(settings, name)]
    findings += await (check_engine(settings) if name == "local" else check_provider(settings, name))
    return Report(name, list(_without_secrets(findings, settings)))


def _without_secrets(findings: Iterable[Finding], settings: Settings) -> Iterable[Finding]:
    """Whoever wrote a message, no key of the settings is in it, and no password of an address."""
    values = [value for _name, value in settings]
    secrets = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]

    def cleaned(text: str) -> str:
        for secret in filter(None, (secret.strip() for secret in secrets)):
            text = text.replace(secret, "…")
        return _USER_AND_PASSWORD.sub("://…@", text)

    for finding in findings:
        do = None if finding.do is None else cleaned(finding.do)
        yield replace(finding, message=cleaned(finding.message), do=do)


__all__ = ["Finding", "Level", "Report", "examine"]
