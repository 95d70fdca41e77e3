"""The endpoint of an Azure resource: the forms in which people have it, and what to do about the wrong ones."""

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
        root: scheme and host, such as `https://RESOURCE.openai.azure.com`.
        is_usual: whether the host is one of Azure's own names; behind a gateway or a stand-in it is another.
    """

    root: str
    is_azure_host: bool

    @property
    def v1(self) -> str:
        """The base URL of GA and of the text models."""
        return f"{self.root}/openai/v1"

    @property
    def host(self) -> str:
        """The host alone, for messages."""
        return self.root.partition("://")[2]


def parse_azure_endpoint(given: str) -> AzureEndpoint:
    """Reads what somebody has set as the endpoint.

    Raises:
        ProviderError: it is none; the hint says what is wrong and, where that is known, what it should be.
    """
    text = given.strip().strip("\"'")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _wrong("It is no address.") from None
    if (problem := _problem(text, parts, host)) is not None:
        raise _wrong(problem)
    root = f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}"
    return AzureEndpoint(root, host.endswith(_HOSTS))


def _problem(text: str, parts: SplitResult, host: str) -> str | None:
    if "@" in parts.netloc:
        return "Leave user and password out of it."
    return _wrong_scheme(text, parts, host) or _wrong_host(host) or _wrong_path(parts, host)


def _wrong_scheme(text: str, parts: SplitResult, host: str) -> str | None:
    if parts.scheme == "https" and host:
        return None
    if parts.scheme == "http" and is_loopback(host):
        return None  # a stand-in on this machine
    if parts.scheme in ("ws", "wss"):
        return "Write https:// in place of wss://; the sockets' addresses are made from it."
    if parts.scheme == "http":
        return "Write https:// in place of http://: a key is never sent in the clear."
    if not parts.scheme or "://" not in text:
        name = text.split("/")[0]
        # What is neither a host of Azure's nor short may be a key in the wrong place: it is not repeated.
        if name.lower().endswith(_HOSTS):
            return f"Write the whole address: https://{name}/"
        resource = name if _SHORT_NAME.fullmatch(name) else "RESOURCE"
        return f"Write the whole address: https://{resource}.openai.azure.com/"
    return "It begins with https://."


def _wrong_host(host: str) -> str | None:
    if host == "api.openai.com":
        return "That is OpenAI, not Azure: set OPENAI_API_KEY and TRUNKLINE_PROVIDER=openai."
    if host.startswith(("your-", "<", "resource.")) or "{" in host:
        return "Put your resource's name into it; the portal shows the address under “Keys and Endpoint”."
    if host.endswith(".api.cognitive.microsoft.com"):
        return (
            "That is the address of a whole region. Use the resource's own, https://RESOURCE.openai.azure.com/; "
            "a resource without one needs a custom domain name, which the portal sets under “Networking”."
        )
    if host in ("ai.azure.com", "oai.azure.com", "portal.azure.com"):
        return "That is the portal. The resource's own address is shown there under “Keys and Endpoint”."
    if host.endswith(".realtimeapi-preview.ai.azure.com"):
        return "That is where browsers of the preview post their offers. Use the resource's own address."
    return None


def _wrong_path(parts: SplitResult, host: str) -> str | None:
    """The path may say once more what is known anyway; whatever else is in it was meant to do something."""
    plain = f"https://{host}/"
    if parts.path.startswith("/openai/deployments/"):
        return (
            f"Leave the deployment out of it: {plain} – "
            "deployments have settings of their own, AZURE_OPENAI_REALTIME_DEPLOYMENT above all."
        )
    if parts.path.startswith("/api/projects/"):
        return f"That is a project of Foundry's. Use its resource: {plain}"
    if parts.query or parts.fragment:
        return f"Leave out what follows “?” or “#”: {plain} – GA takes no api-version."
    path = parts.path.rstrip("/")
    for suffix in _SUFFIXES:
        if path == suffix:
            return None
    return f"Leave out the path: {plain}" if path else None


def _wrong(hint: str) -> ProviderError:
    return ProviderError(EXPECTED, hint=hint, retry=False)
