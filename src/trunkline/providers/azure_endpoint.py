"""The endpoint of an Azure resource: accepted forms, and fixes for wrong ones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from trunkline.providers import ProviderError
from trunkline.settings import is_loopback

EXPECTED = "AZURE_OPENAI_ENDPOINT should look like https://RESOURCE.openai.azure.com/"
_HOSTS = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com", ".openai.azure.us")
_SUFFIXES = ("/openai/v1/realtime", "/openai/v1", "/openai/realtime", "/openai")
_SHORT_NAME = re.compile(r"[A-Za-z0-9-]{2,24}")


@dataclass(frozen=True)
class AzureEndpoint:
    """A resource's endpoint, normalised.

    Attributes:
        root: scheme and host, such as `https://RESOURCE.openai.azure.com`; behind a gateway also its path.
        is_azure_host: True for Azure's own host names; False behind a gateway or a test server.
    """

    root: str
    is_azure_host: bool

    @property
    def v1(self) -> str:
        """The base URL of the GA protocol and of the text models."""
        return f"{self.root}/openai/v1"

    @property
    def host(self) -> str:
        """The host, for messages; behind a gateway also its path."""
        return self.root.partition("://")[2]


def parse_azure_endpoint(given: str) -> AzureEndpoint:
    """Parse the value of AZURE_OPENAI_ENDPOINT.

    Raises:
        ProviderError: the value is not an endpoint; the hint names the problem and the fix.
    """
    text = given.strip().strip("\"'")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _wrong("It is not an address.") from None
    if (problem := _problem(text, parts, host)) is not None:
        raise _wrong(problem)
    root = f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}"
    return AzureEndpoint(root + _gateway_path(parts, host), host.endswith(_HOSTS))


def _gateway_path(parts: SplitResult, host: str) -> str:
    """Return the path of a gateway without the protocol's own suffix; a resource of Azure's has none."""
    path = parts.path.rstrip("/")
    suffix = next((suffix for suffix in _SUFFIXES if path.endswith(suffix)), "")
    return "" if host.endswith(_HOSTS) else path.removesuffix(suffix)


def _problem(text: str, parts: SplitResult, host: str) -> str | None:
    if "@" in parts.netloc:
        return "Remove user and password."
    return _wrong_scheme(text, parts, host) or _wrong_host(host) or _wrong_path(parts, host)


def _wrong_scheme(text: str, parts: SplitResult, host: str) -> str | None:
    if parts.scheme == "https" and host:
        return None
    if parts.scheme == "http" and is_loopback(host):
        return None  # a test server on this machine
    if parts.scheme in ("ws", "wss"):
        return "Write https:// instead of wss://; Trunkline derives the sockets' addresses from it."
    if parts.scheme == "http":
        return "Write https:// instead of http://; Trunkline sends no key unencrypted."
    if not parts.scheme or "://" not in text:
        name = text.split("/")[0]
        # A long name that is not a host of Azure's may be a misplaced key: the message must not repeat it.
        if name.lower().endswith(_HOSTS):
            return f"Write the whole address: https://{name}/"
        resource = name if _SHORT_NAME.fullmatch(name) else "RESOURCE"
        return f"Write the whole address: https://{resource}.openai.azure.com/"
    return "It must begin with https://."


def _wrong_host(host: str) -> str | None:
    if host == "api.openai.com":
        return "This is OpenAI, not Azure: set OPENAI_API_KEY and TRUNKLINE_PROVIDER=openai."
    if host.startswith(("your-", "<", "resource.")) or "{" in host:
        return "Replace the placeholder by your resource's name; see “Keys and Endpoint” in the portal."
    if host.endswith(".api.cognitive.microsoft.com"):
        return (
            "This is the address of a region. Use the resource's own, https://RESOURCE.openai.azure.com/; "
            "if it has none, set a custom domain name in the portal under “Networking”."
        )
    if host in ("ai.azure.com", "oai.azure.com", "portal.azure.com"):
        return "This is the portal. It shows the resource's own address under “Keys and Endpoint”."
    if host.endswith(".realtimeapi-preview.ai.azure.com"):
        return "This is the preview's address for browsers. Use the resource's own address."
    return None


def _wrong_path(parts: SplitResult, host: str) -> str | None:
    """Return the fix for a path other than the known suffixes, which are ignored; None if the path is fine."""
    plain = f"https://{host}/"
    if parts.path.startswith("/openai/deployments/"):
        return (
            f"Remove the deployment: {plain} – "
            "set it in AZURE_OPENAI_REALTIME_DEPLOYMENT and the other deployment settings."
        )
    if parts.path.startswith("/api/projects/"):
        return f"This is a Foundry project. Use its resource: {plain}"
    if parts.query or parts.fragment:
        return f"Remove “?” or “#” and the rest: {plain} – GA takes no api-version."
    path = parts.path.rstrip("/")
    for suffix in _SUFFIXES:
        if path == suffix:
            return None
    return f"Remove the path: {plain}" if path and host.endswith(_HOSTS) else None


def _wrong(hint: str) -> ProviderError:
    return ProviderError(EXPECTED, hint=hint, retry=False)
