"""One `Settings` object: the environment and `.env`, checked once at the start."""

from __future__ import annotations

import ipaddress
import json
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ProviderName = Literal["auto", "azure", "openai", "local"]


class IceServer(BaseModel):
    """A STUN or TURN server, as browsers are told of one."""

    model_config = ConfigDict(extra="forbid")

    urls: str | list[str]
    username: str | None = None
    credential: SecretStr | None = None


_MIN_TOKEN = 16
# An empty token is a secret that got lost on its way, not the wish for none; an empty transcription model is that wish.
_TELLING_WHEN_EMPTY = {"TRUNKLINE_TOKEN", "token", "OPENAI_TRANSCRIPTION_MODEL", "openai_transcription_model"}
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#\s]+/?")


def _checked_token(token: SecretStr) -> SecretStr:
    value = token.get_secret_value()
    if len(value) < _MIN_TOKEN or not (value.isascii() and value.isprintable() and " " not in value):
        raise ValueError(
            f"it needs at least {_MIN_TOKEN} letters, digits and signs, without spaces, that nobody can guess; "
            "python3 -c 'import secrets; print(secrets.token_urlsafe(24))' makes one"
        )
    return token


def _checked_origin(origin: str) -> str:
    if not _ORIGIN.fullmatch(origin):
        raise ValueError("an origin is a scheme and a host, such as https://voice.example")
    return origin


def _checked_address(address: str) -> str:
    if not address.startswith(("http://", "https://")):
        raise ValueError("an address begins with http:// or https://, such as http://127.0.0.1:11434/v1")
    return address


_Address = Annotated[str, AfterValidator(_checked_address)]


def _json_list(example: str) -> BeforeValidator:
    """Reads what the environment holds for a list: JSON, or nothing."""

    def decoded(value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value or "[]")
        except ValueError:
            raise ValueError(f'it has to be a JSON list, such as ["{example}"]') from None

    return BeforeValidator(decoded)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on this address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class Settings(BaseSettings):
    """Every setting, with the environment variable it is read from as its alias."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    host: str = Field(default="127.0.0.1", validation_alias="HOST")
    port: int = Field(default=3000, validation_alias="PORT", ge=0, le=65535)
    provider: ProviderName = Field(default="auto", validation_alias="TRUNKLINE_PROVIDER")

    azure_endpoint: str | None = Field(default=None, validation_alias="AZURE_OPENAI_ENDPOINT")
    azure_api_key: SecretStr | None = Field(default=None, validation_alias="AZURE_OPENAI_API_KEY")
    azure_realtime_deployment: str = Field(
        default="gpt-realtime-2.1-mini", validation_alias="AZURE_OPENAI_REALTIME_DEPLOYMENT"
    )
    azure_transcription_deployment: str | None = Field(
        default=None, validation_alias="AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT"
    )
    azure_deployment: str | None = Field(default=None, validation_alias="AZURE_OPENAI_DEPLOYMENT")
    """The text model: guardrails, escalations, `POST /api/responses`."""
    azure_entra_scope: str = Field(
        default="https://ai.azure.com/.default", validation_alias="AZURE_OPENAI_ENTRA_SCOPE", min_length=1
    )
    """What a token of Entra ID is asked for, where no key is set."""
    azure_dialect: Literal["ga", "preview"] = Field(default="ga", validation_alias="AZURE_OPENAI_REALTIME_DIALECT")
    azure_api_version: str = Field(default="2025-04-01-preview", validation_alias="AZURE_OPENAI_API_VERSION")
    """The preview's version; GA has none."""
    azure_region: str | None = Field(default=None, validation_alias="AZURE_OPENAI_REGION", pattern=r"^[a-z0-9]*$")
    """The resource's region, such as `swedencentral`: where browsers post their offers in the preview."""

    openai_api_key: SecretStr | None = Field(default=None, validation_alias="OPENAI_API_KEY")
    openai_base_url: str = Field(default="https://api.openai.com/v1", validation_alias="OPENAI_BASE_URL")
    openai_realtime_model: str = Field(default="gpt-realtime-2.1-mini", validation_alias="OPENAI_REALTIME_MODEL")
    openai_transcription_model: str | None = Field(
        default="gpt-realtime-whisper", validation_alias="OPENAI_TRANSCRIPTION_MODEL"
    )
    openai_model: str | None = Field(default=None, validation_alias="OPENAI_MODEL")
    """The text model."""

    chat_base_url: _Address | None = Field(default=None, validation_alias="TRUNKLINE_CHAT_BASE_URL")
    chat_model: str | None = Field(default=None, validation_alias="TRUNKLINE_CHAT_MODEL")
    chat_api_key: SecretStr | None = Field(default=None, validation_alias="TRUNKLINE_CHAT_API_KEY")

    engine_key: SecretStr | None = Field(default=None, validation_alias="TRUNKLINE_ENGINE_KEY")
    """What clients of `trunkline engine` must show; any will do if it is not set."""

    stt: Literal["auto", "whisper", "sphinx", "http"] = Field(default="auto", validation_alias="TRUNKLINE_STT")
    """The local engine's recogniser; `auto` takes the best that is installed."""
    stt_base_url: _Address | None = Field(default=None, validation_alias="TRUNKLINE_STT_BASE_URL")
    stt_model: str = Field(default="whisper-1", validation_alias="TRUNKLINE_STT_MODEL")
    stt_api_key: SecretStr | None = Field(default=None, validation_alias="TRUNKLINE_STT_API_KEY")
    whisper_weights: str = Field(
        default="whisper-tiny.en", validation_alias="TRUNKLINE_WHISPER_WEIGHTS", pattern=r"^\w[\w.-]*$"
    )
    """Whisper's model: a name that `trunkline models` lists, or a folder below `models_dir`."""
    tts: Literal["espeak", "http", "kokoro"] = Field(default="espeak", validation_alias="TRUNKLINE_TTS")
    """What the local engine speaks with."""
    tts_base_url: _Address | None = Field(default=None, validation_alias="TRUNKLINE_TTS_BASE_URL")
    tts_model: str = Field(default="tts-1", validation_alias="TRUNKLINE_TTS_MODEL")
    tts_api_key: SecretStr | None = Field(default=None, validation_alias="TRUNKLINE_TTS_API_KEY")
    tts_voice: str | None = Field(default=None, validation_alias="TRUNKLINE_TTS_VOICE")
    """One voice of the endpoint's, or of Kokoro's, for everything; without it, the name that the session asks for."""
    models_dir: Annotated[Path, AfterValidator(Path.expanduser)] = Field(
        default=Path("~/.cache/trunkline"), validation_alias="TRUNKLINE_MODELS_DIR", validate_default=True
    )
    """Where `trunkline models fetch` puts weights."""
    model_hub: str = Field(default="https://huggingface.co", validation_alias="TRUNKLINE_MODEL_HUB")
    """Where it fetches them from; a mirror has the same paths. Nothing is fetched unasked."""

    caller_wait_s: float = Field(default=30.0, validation_alias="TRUNKLINE_CALLER_WAIT_S", gt=0)
    """How long a call waits for its caller to come (back) before it ends."""
    tool_timeout_s: float = Field(default=30.0, validation_alias="TRUNKLINE_TOOL_TIMEOUT_S", gt=0)
    max_call_s: float | None = Field(default=3600.0, validation_alias="TRUNKLINE_MAX_CALL_S", gt=0)
    """How long a call may last; the agent says goodbye then."""
    idle_timeout_s: float | None = Field(default=600.0, validation_alias="TRUNKLINE_IDLE_TIMEOUT_S", gt=0)
    """How long a caller may say and do nothing."""
    prices: Path | None = Field(default=None, validation_alias="TRUNKLINE_PRICES")
    """A table of what models cost, TOML or JSON, on top of the list prices that come with us."""
    trace_content: bool = Field(default=False, validation_alias="TRUNKLINE_TRACE_CONTENT")
    """Whether OpenTelemetry spans carry what was said, and the arguments and results of tools."""
    max_calls: int = Field(default=100, validation_alias="TRUNKLINE_MAX_CALLS", gt=0)
    ended_call_ttl_s: float = Field(default=3600.0, validation_alias="TRUNKLINE_ENDED_CALL_TTL_S", ge=0)
    """How long the log of an ended call can still be read."""
    ice_servers: Annotated[list[str | IceServer], NoDecode, _json_list("stun:stun.example:3478")] = Field(
        default_factory=list, validation_alias="TRUNKLINE_ICE_SERVERS"
    )
    """STUN and TURN servers that the local engine's WebRTC may ask, as a JSON list of URLs and of objects with
    `urls`, `username` and `credential`, as browsers have them. None by default."""
    ice_loopback: bool = Field(default=False, validation_alias="TRUNKLINE_ICE_LOOPBACK")
    """WebRTC of the local engine over 127.0.0.1 alone, for tests."""
    token: Annotated[SecretStr, AfterValidator(_checked_token)] | None = Field(
        default=None, validation_alias="TRUNKLINE_TOKEN"
    )
    """What clients must show: as a bearer, or once at the sign-in page. Without it the server listens to this machine
    alone."""
    client_api: bool | None = Field(default=None, validation_alias="TRUNKLINE_CLIENT_API")
    """Whether `GET /api/session` and `POST /api/responses` answer; unset, they answer to this machine alone."""
    client_api_per_minute: int = Field(default=30, validation_alias="TRUNKLINE_CLIENT_API_PER_MINUTE", gt=0)
    """How often each client may use each of the two in a minute."""
    calls_per_minute: int = Field(default=600, validation_alias="TRUNKLINE_CALLS_PER_MINUTE", gt=0)
    """How many calls may be started, and how many joined, in a minute in all."""
    client_calls_per_minute: int = Field(default=60, validation_alias="TRUNKLINE_CLIENT_CALLS_PER_MINUTE", gt=0)
    """How many calls one client may start, and how many it may join, in a minute."""
    max_pages: int = Field(default=20, validation_alias="TRUNKLINE_MAX_PAGES", gt=0)
    """How many sockets may be open on one call: its caller's and viewers'."""
    max_body_bytes: int = Field(default=256 << 10, validation_alias="TRUNKLINE_MAX_BODY_BYTES", ge=1 << 10)
    """Bytes of the body of a request."""
    max_frame_bytes: int = Field(default=1 << 20, validation_alias="TRUNKLINE_MAX_FRAME_BYTES", ge=1 << 10)
    """Bytes of a WebSocket message from a page."""
    max_connections: int = Field(default=1000, validation_alias="TRUNKLINE_MAX_CONNECTIONS", gt=0)
    """TCP connections that are open at once."""
    body_timeout_s: float = Field(default=15.0, validation_alias="TRUNKLINE_BODY_TIMEOUT_S", gt=0)
    """How long a client may take to send a request's head, and then its body."""
    send_timeout_s: float = Field(default=30.0, validation_alias="TRUNKLINE_SEND_TIMEOUT_S", gt=0)
    """How long a page may take to accept one frame of its call, and a client to take some of its answer."""
    log_content: bool = Field(default=False, validation_alias="TRUNKLINE_LOG_CONTENT")
    """Whether the server's log may hold what is said, the messages of errors of users' code, SDP, and what travels on
    the wire, headers included."""
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", validation_alias="TRUNKLINE_LOG_LEVEL"
    )
    """How much Trunkline says in the server's log."""
    allowed_origins: Annotated[
        list[Annotated[str, AfterValidator(_checked_origin)]], NoDecode, _json_list("https://voice.example")
    ] = Field(default_factory=list, validation_alias="TRUNKLINE_ALLOWED_ORIGINS")
    """Origins beside the server's own that may start calls, each exact: `https://app.example`. Their host names are
    also names that the server itself may go by, as it does behind a proxy or inside another app."""

    @model_validator(mode="before")
    @classmethod
    def _empty_is_unset(cls, given: object) -> object:
        """A line of `.env` that was left empty sets nothing."""
        if not isinstance(given, dict):
            return given
        empty = {name for name, value in given.items() if isinstance(value, str) and not value.strip()}
        return {name: value for name, value in given.items() if name not in empty - _TELLING_WHEN_EMPTY}

    @property
    def chat_model_problem(self) -> str | None:
        """What to tell whoever has set only one of the chat model's address and name; None where nothing is amiss."""
        if bool(self.chat_base_url) == bool(self.chat_model):
            return None
        names = "TRUNKLINE_CHAT_BASE_URL", "TRUNKLINE_CHAT_MODEL"
        there, missing = names if self.chat_base_url else names[::-1]
        return f"{there} is set and {missing} is not, so no chat model is used, and scenarios play their rehearsals."
