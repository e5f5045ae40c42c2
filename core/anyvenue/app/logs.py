"""Logging: what the loggers of this process say, on standard error, as short lines for people or as JSON lines.

A record may bear a dictionary, `logger.info("order filled", extra={"event": {...}})`: it is shown as `key=value`, or
as the object `event` of the JSON line. Our own loggers are called `anyvenue.*`; others are heard from warnings up.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TextIO

import orjson

from anyvenue.app.config import LogConfig
from anyvenue.app.figures import plain

__all__ = ["ConsoleFormatter", "JsonFormatter", "configured"]

_OURS = "anyvenue"


class ConsoleFormatter(logging.Formatter):
    """`12:34:56.789 info     orders: OrderAccepted client_order_id=... side=buy`; times are UTC."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line, with a traceback below where it bears one."""
        moment = datetime.fromtimestamp(record.created, UTC)
        name = record.name.removeprefix(f"{_OURS}.")
        when = f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03}"
        text = f"{when} {record.levelname.lower():<8} {name}: {record.getMessage()}"
        event = getattr(record, "event", None)
        if isinstance(event, Mapping):
            text += "".join(f" {key}={_word(value)}" for key, value in event.items())
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return text


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and `event` and `exception` where there are any."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one JSON object."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        event = getattr(record, "event", None)
        if isinstance(event, Mapping):
            line["event"] = event
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=_json_value, option=orjson.OPT_NON_STR_KEYS).decode()


@contextmanager
def configured(config: LogConfig, *, level: str) -> Iterator[None]:
    """Log as `config` says while the block runs; `level` is that of our loggers where it says none."""
    handler = _StandardError()
    handler.setFormatter(JsonFormatter() if config.format == "json" else ConsoleFormatter())
    levels = {"": "warning", _OURS: config.level or level, **config.levels}
    before = {name: logging.getLogger(name).level for name in levels}
    root = logging.getLogger()
    try:
        for name, wanted in levels.items():
            logging.getLogger(name).setLevel(wanted.upper())
        root.addHandler(handler)
        yield
    finally:
        root.removeHandler(handler)
        for name, former in before.items():
            logging.getLogger(name).setLevel(former)


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to what standard error is at that moment: a live view puts itself in its place for a while."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        """Standard error now."""
        return sys.stderr


def _word(value: object) -> str:
    text = plain(value) if isinstance(value, Decimal) else str(value)
    return orjson.dumps(text).decode() if not text or any(c.isspace() or c in '"=' for c in text) else text


def _json_value(value: object) -> str:
    return plain(value) if isinstance(value, Decimal) and value.is_finite() else str(value)
