"""Log lines with named fields, readable for people or as one JSON object for programs."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Literal

LogFormat = Literal["text", "json"]
MAX_VALUE_CHARS = 300


def log_event(logger: logging.Logger, level: int, event: str, /, **fields: object) -> None:
    """Log an event with its fields. Fields without a value (None) are omitted.

    Args:
        event: the event's name, such as `call.started`.
        fields: numbers, booleans and texts; texts are shortened, and kept on one line.
    """
    if not logger.isEnabledFor(level):
        return
    given = {name: _short(value) for name, value in fields.items() if value is not None}
    text = " ".join([event, *(f"{name}={_quoted(value)}" for name, value in given.items())])
    logger.log(level, "%s", text, extra={"event": event, "fields": given})


def _short(value: object) -> object:
    if isinstance(value, bool | int | float):
        return value
    text = " ".join(str(value).split())
    return text if len(text) <= MAX_VALUE_CHARS else f"{text[: MAX_VALUE_CHARS - 1]}…"


def _quoted(value: object) -> str:
    """Return a value as text, in quotes if it is not a single plain word, so that no value can pose as a field."""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return text if text and all(char.isalnum() or char in "._-:/>@" for char in text) else json.dumps(text)


class TextFormatter(logging.Formatter):
    """Readable lines, each with its time in UTC.

    Args:
        process: the name of this process among those of its server, which ends each line; None for the only one.
    """

    def __init__(self, process: str | None = None) -> None:
        name = "" if process is None else f" process={_quoted(process)}".replace("%", "%%")
        super().__init__(f"%(asctime)s %(levelname)s: %(message)s{name}")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        """Return the time of a record in ISO 8601."""
        return _time(record)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time`, `level`, `logger`, and an event's name and fields, or else a `message`.

    Args:
        process: the name of this process, as for `TextFormatter`.
    """

    def __init__(self, process: str | None = None) -> None:
        super().__init__()
        self._process = {} if process is None else {"process": process}

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as JSON."""
        line: dict[str, object] = {"time": _time(record), "level": record.levelname.lower(), "logger": record.name}
        line |= self._process
        event = getattr(record, "event", None)
        if event is None:
            line["message"] = record.getMessage()
        else:
            line |= {"event": event, **getattr(record, "fields", {})}
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            line["error"] = record.exc_text
        return json.dumps(line, ensure_ascii=False, default=str)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def use_format(log_format: LogFormat, process: str | None = None) -> None:
    """Give every handler of the root logger this format. A process without a handler gets one that writes to stderr.

    Args:
        process: the name of this process among those of its server; None for the only one.
    """
    logging.basicConfig(level=logging.WARNING)  # a process of `--reload` or `--workers` has no handler yet
    for handler in logging.getLogger().handlers:
        handler.setFormatter(JsonFormatter(process) if log_format == "json" else TextFormatter(process))
