"""Settings from the environment and `.env`: encodings, quotes, and errors that say what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from trunkline.doctor import startup_notices
from trunkline.providers.from_settings import azure_provider, openai_provider
from trunkline.scenario.loading import load
from trunkline.settings import Settings, SettingsError, load_settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to run in, without settings of this machine."""
    for field in Settings.model_fields.values():
        monkeypatch.delenv(str(field.validation_alias), raising=False)
    inner = tmp_path / "project"
    inner.mkdir()
    monkeypatch.chdir(inner)
    return inner


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_file_in_utf_8_is_read(folder: Path, encoding: str) -> None:
    (folder / ".env").write_text("PORT=3456\n# Grüße\n", encoding=encoding)
    assert load_settings().port == 3456


@pytest.mark.parametrize(("encoding", "says"), [("utf-16", "UTF-16"), ("latin-1", "Save it as UTF-8")])
def test_a_file_in_another_encoding_is_an_error_with_advice(folder: Path, encoding: str, says: str) -> None:
    (folder / ".env").write_text("PORT=3456\n# Grüße\n", encoding=encoding)
    with pytest.raises(SettingsError, match=says):
        load_settings()


def test_a_folder_of_that_name_is_an_error_with_advice(folder: Path) -> None:
    (folder / ".env").mkdir()
    with pytest.raises(SettingsError, match="Rename the folder"):
        load_settings()


def test_each_invalid_value_is_named_on_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "many")
    monkeypatch.setenv("TRUNKLINE_CHAT_BASE_URL", "localhost:11434")
    with pytest.raises(SettingsError) as raised:
        load_settings()
    lines = str(raised.value).splitlines()
    assert [line.split()[2] for line in lines] == ["PORT", "TRUNKLINE_CHAT_BASE_URL"]
    assert "http://" in lines[1]


@pytest.mark.parametrize("given", ['"my-realtime"', "'my-realtime'", "my-realtime"])
def test_quotes_around_a_value_are_removed(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("AZURE_OPENAI_REALTIME_DEPLOYMENT", given)
    assert load_settings().azure_realtime_deployment == "my-realtime"


def test_each_hosted_provider_has_a_fallback_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://my-resource.openai.azure.com/")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "key")
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    monkeypatch.setenv("AZURE_OPENAI_REALTIME_FALLBACK_DEPLOYMENT", "my-second")
    monkeypatch.setenv("OPENAI_REALTIME_FALLBACK_MODEL", "gpt-realtime-2")
    settings, scenario = load_settings(), load([]).by_name["simpleHandoff"]
    assert azure_provider(settings).fallback_model_for(scenario) == "my-second"
    assert openai_provider(settings).fallback_model_for(scenario) == "gpt-realtime-2"


# The notices at a server's start ------------------------------------------------------------------------------------
def test_a_machine_without_settings_has_no_notices() -> None:
    assert startup_notices(load_settings()) == []


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("AZURE_OPENAI_KEY", "AZURE_OPENAI_API_KEY"),
        ("AZURE_OPENAI_DEPLOYMENT_NAME", "AZURE_OPENAI_REALTIME_DEPLOYMENT"),
        ("OPENAI_KEY", "OPENAI_API_KEY"),
    ],
)
def test_a_variable_that_only_looks_like_a_setting_is_questioned(
    monkeypatch: pytest.MonkeyPatch, variable: str, meant: str
) -> None:
    monkeypatch.setenv(variable, "x")
    assert startup_notices(load_settings()) == [f"{variable} is set, but Trunkline does not read it. Set {meant}."]


def test_a_variable_beside_the_real_one_is_not_questioned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_KEY", "x")
    monkeypatch.setenv("OPENAI_API_KEY", "k" * 40)
    assert startup_notices(load_settings()) == []


def test_the_file_of_the_folder_above_is_mentioned(folder: Path) -> None:
    (folder.parent / ".env").write_text("OPENAI_API_KEY=k\n")
    [notice] = startup_notices(load_settings())
    assert ".env of the folder above is not read" in notice


def test_an_endpoint_without_a_key_is_mentioned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://res.openai.azure.com")
    monkeypatch.setattr("trunkline.providers.from_settings.is_installed", lambda: False)
    assert any("AZURE_OPENAI_API_KEY" in notice for notice in startup_notices(load_settings()))


def test_the_seeds_file_is_explained(folder: Path) -> None:
    (folder / ".env").write_text(
        "AZURE_OPENAI_ENDPOINT=https://res.openai.azure.com\n"
        f"AZURE_OPENAI_API_KEY={'0123456789abcdef' * 2}\n"
        "AZURE_OPENAI_DEPLOYMENT=gpt-4o-realtime-preview\n"
        "AZURE_OPENAI_API_VERSION=2024-10-01-preview\n"
    )
    notices = "\n".join(startup_notices(load_settings()))
    assert "AZURE_OPENAI_REALTIME_DEPLOYMENT is not set" in notices
    assert "AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT is not set" in notices
    assert "AZURE_OPENAI_API_VERSION=2024-10-01-preview has no effect" in notices


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("TRUNKLINE_DATABASE_URL", "mysql://host/calls", "postgresql://"),
        ("TRUNKLINE_AUDIO_URL", "ftp://host/audio", "az://"),
        ("TRUNKLINE_STORE", "everything", "metadata"),
    ],
)
def test_a_store_that_does_not_exist_is_an_error_with_the_choices(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"{name}.*{says}"):
        load_settings()


@pytest.mark.parametrize(
    ("given", "mode"),
    [
        ({}, "full"),
        ({"host": "0.0.0.0"}, "metadata"),
        ({"token": "a-token-of-16-signs"}, "metadata"),
        ({"trusted_proxies": ["10.0.0.5"]}, "metadata"),
        ({"host": "0.0.0.0", "store": "redacted"}, "redacted"),
        ({"store": "off"}, "off"),
    ],
)
def test_a_server_that_others_reach_stores_no_words_by_default(given: dict[str, object], mode: str) -> None:
    assert Settings(**given).served_store_mode == mode  # type: ignore[arg-type]  # any setting
