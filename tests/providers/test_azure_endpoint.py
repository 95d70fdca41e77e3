"""Azure endpoints: accepted forms, and the fixes for wrong ones."""

from __future__ import annotations

import pytest

from trunkline.providers import ProviderError
from trunkline.providers.azure_endpoint import parse_azure_endpoint


@pytest.mark.parametrize(
    ("given", "root"),
    [
        ("https://res.openai.azure.com", "https://res.openai.azure.com"),
        ("https://res.openai.azure.com/", "https://res.openai.azure.com"),
        ("  'https://RES.openai.azure.com/'  ", "https://res.openai.azure.com"),
        ("https://res.cognitiveservices.azure.com/", "https://res.cognitiveservices.azure.com"),
        ("https://res.services.ai.azure.com/openai/v1/", "https://res.services.ai.azure.com"),
        ("https://res.openai.azure.com/openai", "https://res.openai.azure.com"),
        ("https://res.openai.azure.com/openai/v1", "https://res.openai.azure.com"),
        ("https://res.openai.azure.com/openai/v1/realtime", "https://res.openai.azure.com"),
        ("https://gateway.example.com:8443/openai", "https://gateway.example.com:8443"),
        ("https://company.azure-api.net/aoai", "https://company.azure-api.net/aoai"),
        ("https://company.azure-api.net/aoai/openai/v1/", "https://company.azure-api.net/aoai"),
        ("http://127.0.0.1:3001", "http://127.0.0.1:3001"),
        ("http://[::1]:3001/openai/v1", "http://[::1]:3001"),
    ],
)
def test_accepted_forms(given: str, root: str) -> None:
    endpoint = parse_azure_endpoint(given)
    assert endpoint.root == root
    assert endpoint.v1 == f"{root}/openai/v1"


@pytest.mark.parametrize(
    "key", ["0123456789abcdef0123456789abcdef", "aB3" * 28, "sk-proj-0123-456789-abcdefghij", "ey.J0e.XAi"]
)
def test_a_key_in_the_endpoints_place_is_not_repeated(key: str) -> None:
    with pytest.raises(ProviderError) as caught:
        parse_azure_endpoint(key)
    assert key not in f"{caught.value} {caught.value.hint}"
    assert "https://RESOURCE.openai.azure.com/" in str(caught.value.hint)


def test_other_hosts_than_azures_are_marked() -> None:
    assert parse_azure_endpoint("https://res.openai.azure.com").is_azure_host
    assert not parse_azure_endpoint("https://gateway.example.com").is_azure_host


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("res.openai.azure.com", "https://res.openai.azure.com/"),
        ("my-resource", "https://my-resource.openai.azure.com/"),
        ("", "https://RESOURCE.openai.azure.com/"),
        ("http://res.openai.azure.com", "sends no key unencrypted"),
        ("wss://res.openai.azure.com/openai/v1/realtime", "instead of wss"),
        ("ftp://res.openai.azure.com", "must begin with https"),
        ("https://api.openai.com/v1", "OPENAI_API_KEY"),
        ("https://YOUR-RESOURCE.openai.azure.com/", "Replace the placeholder"),
        ("https://eastus.api.cognitive.microsoft.com/", "custom domain name"),
        ("https://ai.azure.com/resource/overview", "This is the portal"),
        ("https://swedencentral.realtimeapi-preview.ai.azure.com/v1/realtimertc", "the resource's own"),
        ("https://res.services.ai.azure.com/api/projects/mine", "https://res.services.ai.azure.com/"),
        (
            "https://res.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2025-01-01-preview",
            "AZURE_OPENAI_REALTIME_DEPLOYMENT",
        ),
        ("https://res.openai.azure.com/?api-version=2025-04-01-preview", "no api-version"),
        ("https://res.openai.azure.com/elsewhere", "Remove the path"),
        ("https://res.openai.azure.com:port", "not an address"),
    ],
)
def test_a_problem_is_reported_with_its_fix(given: str, hint: str) -> None:
    with pytest.raises(ProviderError, match="should look like https://") as caught:
        parse_azure_endpoint(given)
    assert hint in (caught.value.hint or "")
    assert not caught.value.retry


def test_a_password_in_the_address_is_refused_and_not_shown() -> None:
    with pytest.raises(ProviderError) as caught:
        parse_azure_endpoint("https://user:hunter2@res.openai.azure.com")
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"
