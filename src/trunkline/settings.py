"""`Settings`: the environment and `.env`, validated once at the start."""

from __future__ import annotations

import codecs
import ipaddress
import json
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from platformdirs import user_data_path
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ProviderName = Literal["auto", "azure", "openai", "local"]
StoreMode = Literal["off", "metadata", "redacted", "full"]
"""The part of a call that is stored; docs/calls.md describes each."""

_ICE_URL = re.compile(r"(?:stun|turn)s?:\S+$")


class IceServer(BaseModel):
    """A STUN or TURN server, in the form of browsers' `RTCIceServer`.

    `secret` is the shared secret of a TURN server (coturn's `static-auth-secret`), in place of the credential: each
    call gets credentials of its own, which are valid for a day.
    """

    model_config = ConfigDict(extra="forbid")

    urls: str | list[str]
    username: str | None = None
    credential: SecretStr | None = None
    secret: SecretStr | None = None

    @model_validator(mode="after")
    def _is_usable(self) -> IceServer:
        urls = [self.urls] if isinstance(self.urls, str) else self.urls
        if not urls or not all(_ICE_URL.match(url) for url in urls):
            raise ValueError("each of the urls must begin with stun:, stuns:, turn: or turns:")
        if self.credential is not None and self.secret is not None:
            raise ValueError("a server has either a credential or a secret")
        has_credentials = self.secret is not None or (self.username is not None and self.credential is not None)
        if not has_credentials and any(url.startswith("turn") for url in urls):
            raise ValueError("a TURN server needs a username and a credential, or a secret")
        return self


_MIN_TOKEN_CHARS = 16
# An empty token is an error, such as a lost secret; an empty transcription model disables transcription.
_MEANINGFUL_WHEN_EMPTY = {
    "TRUNKLINE_TOKEN",
    "token",
    "TRUNKLINE_OPERATOR_TOKEN",
    "operator_token",
    "OPENAI_TRANSCRIPTION_MODEL",
    "openai_transcription_model",
}
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#\s]+/?")


def _checked_token(token: SecretStr) -> SecretStr:
    value = token.get_secret_value()
    if len(value) < _MIN_TOKEN_CHARS or not (value.isascii() and value.isprintable() and " " not in value):
        raise ValueError(
            f"it needs at least {_MIN_TOKEN_CHARS} unguessable letters, digits and signs, without spaces; "
            "python3 -c 'import secrets; print(secrets.token_urlsafe(24))' makes one"
        )
    return token


def _checked_origin(origin: str) -> str:
    if not _ORIGIN.fullmatch(origin):
        raise ValueError("an origin must be a scheme and a host, such as https://voice.example")
    return origin


def _checked_address(address: str) -> str:
    if not address.startswith(("http://", "https://")):
        raise ValueError("an address must begin with http:// or https://, such as http://127.0.0.1:11434/v1")
    return address


_DATABASES = "sqlite:///", "postgresql://", "postgres://"


def _checked_database(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(_DATABASES):
        raise ValueError(
            "a database's address must begin with sqlite:/// or postgresql://, such as "
            "postgresql://trunkline:PASSWORD@db.example/trunkline"
        )
    return url


_AUDIO_STORES = "file://", "az://", "azure://", "abfs://", "abfss://", "s3://", "gs://", "https://"


def _checked_audio_store(url: str) -> str:
    if not url.startswith(_AUDIO_STORES):
        raise ValueError(
            "the address of the audio must begin with file://, az://, s3:// or gs://, such as az://calls/audio"
        )
    return url


def _checked_engine(address: str) -> str:
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and not parts.query
    except ValueError:
        usable = False
    if not usable or "@" in parts.netloc:
        raise ValueError("an engine's address must look like http://engine.internal:3001, without user and password")
    return address.rstrip("/").removesuffix("/v1").removesuffix("/openai")


def _checked_cluster_address(address: str) -> str:
    try:
        parts = urlsplit(address)
        usable = parts.scheme == "http" and bool(parts.hostname) and bool(parts.port) and parts.path in ("", "/")
        is_exact = not (parts.query or parts.fragment or "@" in parts.netloc) and not _is_unspecified(parts.hostname)
    except ValueError:
        usable = is_exact = False
    if not (usable and is_exact):
        raise ValueError(
            "it must look like http://10.0.0.5:3100, with a host at which the other servers reach this one, and a port "
            "for them alone"
        )
    return address.rstrip("/")


def _is_unspecified(host: str | None) -> bool:
    """Return whether a host is 0.0.0.0 or ::, at which no other machine reaches this one."""
    try:
        return ipaddress.ip_address(host or "").is_unspecified
    except ValueError:
        return False


def _checked_pattern(pattern: str) -> str:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
    if compiled.search(""):
        raise ValueError(f"{pattern!r} matches an empty text: give a pattern of at least one character")
    return pattern


def _checked_network(address: str) -> str:
    try:
        ipaddress.ip_network(address, strict=False)
    except ValueError:
        raise ValueError("a proxy must be an IP address or a network, such as 10.0.0.5 or 10.0.0.0/24") from None
    return address


def _checked_stun(url: str) -> str:
    IceServer(urls=url)  # a TURN server needs more than its address
    return url


_Address = Annotated[str, AfterValidator(_checked_address)]


def _json_list(example: str) -> BeforeValidator:
    """Return a validator that decodes a JSON list; an empty value is an empty list."""

    def decoded(value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value or "[]")
        except ValueError:
            raise ValueError(f'it must be a JSON list, such as ["{example}"]') from None

    return BeforeValidator(decoded)


def _comma_list() -> BeforeValidator:
    """Return a validator that divides text at its commas."""

    def divided(value: object) -> object:
        if not isinstance(value, str):
            return value
        return [part.strip() for part in value.split(",") if part.strip()]

    return BeforeValidator(divided)


def is_loopback(host: str) -> bool:
    """Return whether an address is a loopback address, which only this machine reaches."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class SettingsError(Exception):
    """Settings that cannot be read; the message has the problems and their fixes, one on each line."""


class Settings(BaseSettings):
    """All settings; the alias of each is its environment variable."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8-sig",
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
    azure_realtime_fallback_deployment: str | None = Field(
        default=None, validation_alias="AZURE_OPENAI_REALTIME_FALLBACK_DEPLOYMENT"
    )
    """The deployment that a call continues with after two failed responses or connections in a row."""
    azure_transcription_deployment: str | None = Field(
        default=None, validation_alias="AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT"
    )
    azure_deployment: str | None = Field(default=None, validation_alias="AZURE_OPENAI_DEPLOYMENT")
    """The text model, for guardrails, tools and `POST /api/responses`."""
    azure_moderation_deployment: str | None = Field(default=None, validation_alias="AZURE_OPENAI_MODERATION_DEPLOYMENT")
    """The text model of moderation; by default the text model, as for the next two."""
    azure_escalation_deployment: str | None = Field(default=None, validation_alias="AZURE_OPENAI_ESCALATION_DEPLOYMENT")
    """The text model of decisions with consequences."""
    azure_supervision_deployment: str | None = Field(
        default=None, validation_alias="AZURE_OPENAI_SUPERVISION_DEPLOYMENT"
    )
    """The text model that answers on behalf of an agent."""
    azure_entra_scope: str = Field(
        default="https://ai.azure.com/.default", validation_alias="AZURE_OPENAI_ENTRA_SCOPE", min_length=1
    )
    """The scope of Entra ID tokens, which are used without a key."""
    azure_dialect: Literal["ga", "preview"] = Field(default="ga", validation_alias="AZURE_OPENAI_REALTIME_DIALECT")
    azure_api_version: str = Field(default="2025-04-01-preview", validation_alias="AZURE_OPENAI_API_VERSION")
    """The version of the preview protocol; GA has none."""
    azure_region: str | None = Field(default=None, validation_alias="AZURE_OPENAI_REGION", pattern=r"^[a-z0-9]*$")
    """The resource's region, such as `swedencentral`, for browsers that use the preview directly."""

    openai_api_key: SecretStr | None = Field(default=None, validation_alias="OPENAI_API_KEY")
    openai_base_url: str = Field(default="https://api.openai.com/v1", validation_alias="OPENAI_BASE_URL")
    openai_realtime_model: str = Field(default="gpt-realtime-2.1-mini", validation_alias="OPENAI_REALTIME_MODEL")
    openai_realtime_fallback_model: str | None = Field(default=None, validation_alias="OPENAI_REALTIME_FALLBACK_MODEL")
    """The model that a call continues with after two failed responses in a row."""
    openai_transcription_model: str | None = Field(
        default="gpt-realtime-whisper", validation_alias="OPENAI_TRANSCRIPTION_MODEL"
    )
    openai_model: str | None = Field(default=None, validation_alias="OPENAI_MODEL")
    """The text model. The next three have the roles of those on Azure."""
    openai_moderation_model: str | None = Field(default=None, validation_alias="OPENAI_MODERATION_MODEL")
    openai_escalation_model: str | None = Field(default=None, validation_alias="OPENAI_ESCALATION_MODEL")
    openai_supervision_model: str | None = Field(default=None, validation_alias="OPENAI_SUPERVISION_MODEL")

    chat_base_url: _Address | None = Field(default=None, validation_alias="TRUNKLINE_CHAT_BASE_URL")
    chat_model: str | None = Field(default=None, validation_alias="TRUNKLINE_CHAT_MODEL")
    chat_moderation_model: str | None = Field(default=None, validation_alias="TRUNKLINE_CHAT_MODERATION_MODEL")
    """A model of the chat endpoint for moderation; by default the chat model, as for the next two."""
    chat_escalation_model: str | None = Field(default=None, validation_alias="TRUNKLINE_CHAT_ESCALATION_MODEL")
    chat_supervision_model: str | None = Field(default=None, validation_alias="TRUNKLINE_CHAT_SUPERVISION_MODEL")
    chat_images: bool = Field(default=False, validation_alias="TRUNKLINE_CHAT_IMAGES")
    """True if the chat model takes images, which callers then may show."""
    chat_api_key: SecretStr | None = Field(default=None, validation_alias="TRUNKLINE_CHAT_API_KEY")

    engine_key: SecretStr | None = Field(default=None, validation_alias="TRUNKLINE_ENGINE_KEY")
    """The key that clients of `trunkline engine` must send; any key is accepted if it is not set. `trunkline serve`
    sends it to the engines of `engine_urls`."""
    engine_urls: Annotated[list[Annotated[str, AfterValidator(_checked_engine)]], NoDecode, _comma_list()] = Field(
        default_factory=list, validation_alias="TRUNKLINE_ENGINE_URL"
    )
    """The address of a local engine that runs elsewhere, such as http://engine.internal:3001, or several with commas.
    By default the engine runs in the server's process."""

    stt: Literal["auto", "whisper", "sphinx", "http"] = Field(default="auto", validation_alias="TRUNKLINE_STT")
    """The STT of the local engine; `auto` uses the best installed one."""
    stt_base_url: _Address | None = Field(default=None, validation_alias="TRUNKLINE_STT_BASE_URL")
    stt_model: str = Field(default="whisper-1", validation_alias="TRUNKLINE_STT_MODEL")
    stt_api_key: SecretStr | None = Field(default=None, validation_alias="TRUNKLINE_STT_API_KEY")
    whisper_weights: str = Field(
        default="whisper-tiny.en", validation_alias="TRUNKLINE_WHISPER_WEIGHTS", pattern=r"^\w[\w.-]*$"
    )
    """Whisper's weights: a name from `trunkline models`, or a folder below `models_dir`."""
    tts: Literal["auto", "piper", "espeak", "http"] = Field(default="auto", validation_alias="TRUNKLINE_TTS")
    """The TTS of the local engine; `auto` takes the best that is installed."""
    tts_base_url: _Address | None = Field(default=None, validation_alias="TRUNKLINE_TTS_BASE_URL")
    tts_model: str = Field(default="tts-1", validation_alias="TRUNKLINE_TTS_MODEL")
    tts_api_key: SecretStr | None = Field(default=None, validation_alias="TRUNKLINE_TTS_API_KEY")
    tts_voice: str | None = Field(default=None, validation_alias="TRUNKLINE_TTS_VOICE")
    """One voice of the TTS endpoint for all sessions; by default the session's voice is used."""
    models_dir: Annotated[Path, AfterValidator(Path.expanduser)] = Field(
        default=Path("~/.cache/trunkline"), validation_alias="TRUNKLINE_MODELS_DIR", validate_default=True
    )
    """The folder for the weights that `trunkline models fetch` downloads."""
    model_hub: str = Field(default="https://huggingface.co", validation_alias="TRUNKLINE_MODEL_HUB")
    """The source of these weights, or a mirror with the same paths. Only `trunkline models fetch` downloads."""

    take_over: Literal["on", "off"] | None = Field(default=None, validation_alias="TRUNKLINE_TAKE_OVER")
    """Record running calls, so that another server can take them over; by default only with `--workers` or a cluster
    address."""
    cluster_address: Annotated[str, AfterValidator(_checked_cluster_address)] | None = Field(
        default=None, validation_alias="TRUNKLINE_CLUSTER_ADDRESS"
    )
    """The address of this server for other servers that share its Postgres, such as `http://10.0.0.5:3100`. Each worker
    has a port of its own, counted from this one."""
    cluster_key: Annotated[SecretStr, AfterValidator(_checked_token)] | None = Field(
        default=None, validation_alias="TRUNKLINE_CLUSTER_KEY"
    )
    """The secret by which these servers know one another."""
    caller_wait_s: float = Field(default=30.0, validation_alias="TRUNKLINE_CALLER_WAIT_S", gt=0)
    """The longest time without the caller's page before a call ends."""
    tool_timeout_s: float = Field(default=30.0, validation_alias="TRUNKLINE_TOOL_TIMEOUT_S", gt=0)
    max_call_s: float | None = Field(default=3600.0, validation_alias="TRUNKLINE_MAX_CALL_S", gt=0)
    """The longest duration of a call; the agent says goodbye then."""
    idle_timeout_s: float | None = Field(default=600.0, validation_alias="TRUNKLINE_IDLE_TIMEOUT_S", gt=0)
    """The longest time without activity of the caller."""
    max_call_usd: float | None = Field(default=None, validation_alias="TRUNKLINE_MAX_CALL_USD", gt=0)
    """The highest cost of a call, in US dollars; the agent says goodbye then."""
    max_call_tokens: int | None = Field(default=None, validation_alias="TRUNKLINE_MAX_CALL_TOKENS", gt=0)
    """The most tokens of a call, input and output."""
    max_day_usd: float | None = Field(default=None, validation_alias="TRUNKLINE_MAX_DAY_USD", gt=0)
    """The highest cost of all calls of this server in one day (UTC); then calls end, and none starts."""
    max_day_tokens: int | None = Field(default=None, validation_alias="TRUNKLINE_MAX_DAY_TOKENS", gt=0)
    """The most tokens of all calls of this server in one day (UTC)."""
    prices: Path | None = Field(default=None, validation_alias="TRUNKLINE_PRICES")
    """A table of model prices, TOML or JSON, in addition to the included list prices."""
    trace_content: bool = Field(default=False, validation_alias="TRUNKLINE_TRACE_CONTENT")
    """True adds transcripts and the arguments and results of tools to OpenTelemetry spans."""
    max_calls: int = Field(default=100, validation_alias="TRUNKLINE_MAX_CALLS", gt=0)
    ended_call_ttl_s: float = Field(default=3600.0, validation_alias="TRUNKLINE_ENDED_CALL_TTL_S", ge=0)
    """The time for which the log of an ended call is kept."""
    ice_servers: Annotated[
        list[Annotated[str, AfterValidator(_checked_stun)] | IceServer], NoDecode, _json_list("stun:stun.example:3478")
    ] = Field(default_factory=list, validation_alias="TRUNKLINE_ICE_SERVERS")
    """STUN and TURN servers for WebRTC, of the pages and of the local engine: a JSON list of URLs, and of objects with
    `urls`, and `username` and `credential` or a `secret`. Empty by default."""
    ice_loopback: bool = Field(default=False, validation_alias="TRUNKLINE_ICE_LOOPBACK")
    """True restricts the WebRTC of the local engine to 127.0.0.1, for tests."""
    token: Annotated[SecretStr, AfterValidator(_checked_token)] | None = Field(
        default=None, validation_alias="TRUNKLINE_TOKEN"
    )
    """The token that clients must send, as a bearer or once at the sign-in page. Without it, the server accepts only
    this machine."""
    operator_token: Annotated[SecretStr, AfterValidator(_checked_token)] | None = Field(
        default=None, validation_alias="TRUNKLINE_OPERATOR_TOKEN"
    )
    """The token of operators, who see everything and the metrics. Without any token, this machine is the operator."""
    audience: Literal["caller", "operator"] | None = Field(default=None, validation_alias="TRUNKLINE_AUDIENCE")
    """The part of a call's log that pages get: all of it, or the caller's. Unset means `operator` for a server that
    only this machine reaches, and `caller` for any other."""
    max_client_calls: int = Field(default=5, validation_alias="TRUNKLINE_MAX_CLIENT_CALLS", gt=0)
    """Calls of one client at once. Loopback has no such limit."""
    client_api: bool | None = Field(default=None, validation_alias="TRUNKLINE_CLIENT_API")
    """True enables `GET /api/session` and `POST /api/responses`, False disables them; unset enables them for this
    machine only."""
    client_api_per_minute: int = Field(default=30, validation_alias="TRUNKLINE_CLIENT_API_PER_MINUTE", gt=0)
    """Requests of one client to each of the two per minute."""
    calls_per_minute: int = Field(default=600, validation_alias="TRUNKLINE_CALLS_PER_MINUTE", gt=0)
    """Calls that all clients together may start, and join, per minute."""
    client_calls_per_minute: int = Field(default=60, validation_alias="TRUNKLINE_CLIENT_CALLS_PER_MINUTE", gt=0)
    """Calls that one client may start, and join, per minute."""
    max_pages: int = Field(default=20, validation_alias="TRUNKLINE_MAX_PAGES", gt=0)
    """Open sockets of one call: its caller and viewers."""
    max_body_bytes: int = Field(default=256 << 10, validation_alias="TRUNKLINE_MAX_BODY_BYTES", ge=1 << 10)
    """The size limit of a request's body, in bytes."""
    max_frame_bytes: int = Field(default=1 << 20, validation_alias="TRUNKLINE_MAX_FRAME_BYTES", ge=1 << 10)
    """The size limit of a WebSocket message from a page, in bytes."""
    max_connections: int = Field(default=1000, validation_alias="TRUNKLINE_MAX_CONNECTIONS", gt=0)
    """Simultaneous TCP connections."""
    max_client_connections: int = Field(default=100, validation_alias="TRUNKLINE_MAX_CLIENT_CONNECTIONS", gt=0)
    """Simultaneous TCP connections from one address; loopback and the trusted proxies have no such limit."""
    trusted_proxies: Annotated[
        list[Annotated[str, AfterValidator(_checked_network)]], NoDecode, _json_list("10.0.0.5")
    ] = Field(default_factory=list, validation_alias="TRUNKLINE_TRUSTED_PROXIES")
    """Addresses and networks of proxies that may send `X-Forwarded-For` and `X-Forwarded-Proto`."""
    head_timeout_s: float = Field(default=5.0, validation_alias="TRUNKLINE_HEAD_TIMEOUT_S", gt=0)
    """The limit for sending the head of a request."""
    body_timeout_s: float = Field(default=15.0, validation_alias="TRUNKLINE_BODY_TIMEOUT_S", gt=0)
    """The limit for sending the body of a request."""
    max_log_bytes: int = Field(default=16 << 20, validation_alias="TRUNKLINE_MAX_LOG_BYTES", ge=64 << 10)
    """The size of a call's log in memory, as JSON text; beyond it, the oldest events are dropped."""
    max_all_logs_bytes: int = Field(default=256 << 20, validation_alias="TRUNKLINE_MAX_ALL_LOGS_BYTES", ge=64 << 10)
    """The size of all logs in memory, also of ended calls."""
    send_timeout_s: float = Field(default=30.0, validation_alias="TRUNKLINE_SEND_TIMEOUT_S", gt=0)
    """The limit for a page to accept one frame, and for a client to read a part of its response."""
    store: StoreMode | None = Field(default=None, validation_alias="TRUNKLINE_STORE")
    """The part of each call that is stored. Unset means `full` for a server that only this machine reaches and
    `metadata` for any other; an app that embeds Trunkline stores nothing then."""
    data_dir: Annotated[Path, AfterValidator(Path.expanduser)] = Field(
        default_factory=lambda: user_data_path("trunkline", appauthor=False), validation_alias="TRUNKLINE_DATA_DIR"
    )
    """The folder of the database and of the recorded audio; by default one in the user's data folder."""
    database_url: Annotated[SecretStr, AfterValidator(_checked_database)] | None = Field(
        default=None, validation_alias="TRUNKLINE_DATABASE_URL"
    )
    """The database of stored calls, SQLite or Postgres; by default SQLite in `data_dir`."""
    audio_url: Annotated[str, AfterValidator(_checked_audio_store)] | None = Field(
        default=None, validation_alias="TRUNKLINE_AUDIO_URL"
    )
    """The object store of the recorded audio; by default a folder in `data_dir`."""
    store_max_gb: float = Field(default=10.0, validation_alias="TRUNKLINE_STORE_MAX_GB", gt=0)
    """The size of all stored calls, with their audio, in GB (10^9 bytes). Beyond it, the oldest calls are deleted."""
    store_days: float = Field(default=30.0, validation_alias="TRUNKLINE_STORE_DAYS", ge=0)
    """The days for which a call is stored after its start. With 0, only the size limit deletes calls."""
    redact: Annotated[list[Annotated[str, AfterValidator(_checked_pattern)]], NoDecode, _json_list("KD-[0-9]{6}")] = (
        Field(default_factory=list, validation_alias="TRUNKLINE_REDACT")
    )
    """Regular expressions of personal data for the storing mode `redacted`, in addition to the built-in ones."""
    log_content: bool = Field(default=False, validation_alias="TRUNKLINE_LOG_CONTENT")
    """True allows content in the server's log: transcripts, error messages of users' code, SDP, and frames with their
    headers."""
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", validation_alias="TRUNKLINE_LOG_LEVEL"
    )
    """The level of Trunkline's messages in the server's log."""
    drain_s: float = Field(default=30.0, validation_alias="TRUNKLINE_DRAIN_S", ge=0)
    """The time for which running calls continue after SIGTERM, and in which another server takes them over, if one
    shares the live records. Without one the agents say goodbye after it."""
    log_format: Literal["text", "json"] = Field(default="text", validation_alias="TRUNKLINE_LOG_FORMAT")
    """The form of the server's log: readable lines, or one JSON object a line."""
    allowed_origins: Annotated[
        list[Annotated[str, AfterValidator(_checked_origin)]], NoDecode, _json_list("https://voice.example")
    ] = Field(default_factory=list, validation_alias="TRUNKLINE_ALLOWED_ORIGINS")
    """Additional origins that may start calls, such as `https://app.example`. The server also accepts their host names
    as its own, for use behind a proxy or inside another app."""

    @model_validator(mode="before")
    @classmethod
    def _without_quotes(cls, given: object) -> object:
        """Remove quotes around a value: `docker --env-file` and some shells keep them."""
        if not isinstance(given, dict):
            return given
        return {name: _unquoted(value) if isinstance(value, str) else value for name, value in given.items()}

    @model_validator(mode="before")
    @classmethod
    def _empty_is_unset(cls, given: object) -> object:
        """Ignore empty variables, such as an empty line of `.env`."""
        if not isinstance(given, dict):
            return given
        empty = {name for name, value in given.items() if isinstance(value, str) and not value.strip()}
        return {name: value for name, value in given.items() if name not in empty - _MEANINGFUL_WHEN_EMPTY}

    @property
    def default_audience(self) -> Literal["caller", "operator"]:
        """The audience of pages without the operator's token."""
        if self.audience is not None:
            return self.audience
        return "operator" if self._is_private else "caller"

    @property
    def served_store_mode(self) -> StoreMode:
        """The part of each call that `trunkline serve` stores."""
        if self.store is not None:
            return self.store
        return "full" if self._is_private else "metadata"

    @property
    def _is_private(self) -> bool:
        """True if only this machine reaches the server."""
        is_local = is_loopback(self.host) and self.token is None and not self.allowed_origins
        return is_local and not self.trusted_proxies

    @property
    def cluster_problem(self) -> str | None:
        """The reason why the cluster address cannot be used with the other settings, with the fix; else None."""
        if self.cluster_address is None:
            return None
        url = "" if self.database_url is None else self.database_url.get_secret_value()
        if self.cluster_key is None:
            return (
                "TRUNKLINE_CLUSTER_ADDRESS needs TRUNKLINE_CLUSTER_KEY, a secret that all servers of the cluster share."
            )
        if self.take_over == "off":
            return "TRUNKLINE_CLUSTER_ADDRESS needs take-over: remove TRUNKLINE_TAKE_OVER=off, or the address."
        if not url.startswith(("postgresql://", "postgres://")):
            return (
                "TRUNKLINE_CLUSTER_ADDRESS needs a Postgres that all servers of the cluster share: set "
                "TRUNKLINE_DATABASE_URL, or remove the address."
            )
        return None

    @property
    def chat_model_problem(self) -> str | None:
        """The problem if only a part of the chat model's settings is there, else None."""
        roles = {
            "TRUNKLINE_CHAT_MODERATION_MODEL": self.chat_moderation_model,
            "TRUNKLINE_CHAT_ESCALATION_MODEL": self.chat_escalation_model,
            "TRUNKLINE_CHAT_SUPERVISION_MODEL": self.chat_supervision_model,
        }
        if not self.chat_base_url and not self.chat_model and any(roles.values()):
            given = next(name for name, model in roles.items() if model)
            return f"{given} is set without TRUNKLINE_CHAT_BASE_URL and TRUNKLINE_CHAT_MODEL, so it has no effect."
        if bool(self.chat_base_url) == bool(self.chat_model):
            return None
        names = "TRUNKLINE_CHAT_BASE_URL", "TRUNKLINE_CHAT_MODEL"
        there, missing = names if self.chat_base_url else names[::-1]
        return f"{there} is set and {missing} is not, so scenarios use their rehearsals instead of the chat model."


def load_settings() -> Settings:
    """Return the settings of the environment and of `.env` in the current folder.

    Raises:
        SettingsError: a value is invalid, or `.env` is not a readable text file in UTF-8.
    """
    _check_env_file(Path(".env"))
    try:
        return Settings()
    except ValidationError as error:
        problems = []
        for problem in error.errors():
            name = ".".join(map(str, problem["loc"]))
            reason = problem["msg"].removeprefix("Value error, ")  # the prefix that pydantic adds to our messages
            problems.append(f"The setting {name} is invalid: {reason}.")
        raise SettingsError("\n".join(problems)) from None


def _check_env_file(path: Path) -> None:
    if not path.exists():
        return
    if path.is_dir():
        raise SettingsError(
            f"{path} is a folder, but the settings are read from a file of that name. Rename the folder."
        )
    try:
        path.read_bytes().decode()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read ({error.strerror}). Change its permissions.") from None
    except UnicodeDecodeError:
        utf_16 = path.read_bytes().startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        encoding = ": it is UTF-16, which `>` in Windows PowerShell writes" if utf_16 else ""
        raise SettingsError(f"{path} is not in UTF-8{encoding}. Save it as UTF-8.") from None


def _unquoted(value: str) -> str:
    inner = value.strip()
    return inner[1:-1] if len(inner) > 1 and inner[0] == inner[-1] and inner[0] in "\"'" else value
