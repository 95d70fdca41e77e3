"""Checks of `trunkline doctor`: this machine, settings, scenarios and the provider, each finding with its fix.

No finding contains a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from pydantic import SecretStr

from trunkline.doctor.report import DoctorReport, Finding, Level
from trunkline.settings import Settings

_USER_AND_PASSWORD = re.compile(r"://[^/\s@]+@")


async def examine(settings: Settings, targets: Sequence[str] = ()) -> DoctorReport:
    """Run all checks: of this machine, the settings, the scenarios, and the provider, which gets a few small requests.

    Args:
        settings: the settings to check.
        targets: the user's scenarios: files, folders or modules.
    """
    from trunkline.doctor.engine_checks import check_engine
    from trunkline.doctor.host_checks import check_host
    from trunkline.doctor.provider_checks import check_provider
    from trunkline.doctor.scenario_checks import check_scenarios
    from trunkline.doctor.settings_checks import check_settings
    from trunkline.doctor.store_checks import check_store
    from trunkline.providers.factory import choose_provider_name

    name = choose_provider_name(settings)
    findings = [*check_host(settings, name), *check_settings(settings, name)]
    findings += await check_store(settings)
    findings += check_scenarios(targets, settings, name)
    findings += await (check_engine(settings) if name == "local" else check_provider(settings, name))
    return DoctorReport(name, list(_redact(findings, settings)))


def startup_notices(settings: Settings) -> list[str]:
    """Return the findings about the settings that a server shows at its start: all but those without a consequence."""
    from trunkline.doctor.settings_checks import check_settings
    from trunkline.providers.factory import choose_provider_name

    name = choose_provider_name(settings)
    found = [finding for finding in check_settings(settings, name) if finding.outcome in ("warning", "error")]
    return [f"{finding.message} {finding.fix or ''}".rstrip() for finding in _redact(found, settings)]


def _redact(findings: Iterable[Finding], settings: Settings) -> Iterator[Finding]:
    """Remove the settings' keys, and the passwords in addresses, from every text, also from an error's message."""
    values = [value for _name, value in settings]
    secrets = [value.get_secret_value().strip() for value in values if isinstance(value, SecretStr)]

    def redacted(text: str) -> str:
        for secret in filter(None, secrets):
            text = text.replace(secret, "…")
        return _USER_AND_PASSWORD.sub("://…@", text)

    for finding in findings:
        fix = None if finding.fix is None else redacted(finding.fix)
        yield replace(finding, message=redacted(finding.message), fix=fix)


__all__ = ["DoctorReport", "Finding", "Level", "examine", "startup_notices"]
