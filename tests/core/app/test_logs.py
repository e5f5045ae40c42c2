"""Logging: lines for people, JSON for machines, levels by configuration, all of it on standard error."""

from __future__ import annotations

import json
import logging
import sys
from decimal import Decimal

import pytest

from anyvenue.app.config import LogConfig
from anyvenue.app.logs import ConsoleFormatter, JsonFormatter, configured
from anyvenue.model.enums import Side

EVENT = {"client_order_id": "avs1-1", "side": Side.BUY, "price": Decimal("1E+3"), "text": 'no "way" out', "empty": ""}


def record(name: str = "anyvenue.orders", **extra: object) -> logging.LogRecord:
    made = logging.LogRecord(name, logging.INFO, "file", 1, "order %s", ("filled",), None)
    made.created = 1_723_118_400.75
    made.__dict__.update(extra)
    return made


def test_a_line_for_people() -> None:
    told = ConsoleFormatter().format(record(event=dict(EVENT, side="buy")))
    assert told == (
        "12:00:00.750 info     orders: order filled client_order_id=avs1-1 side=buy price=1000 "
        r'text="no \"way\" out" empty=""'
    )
    assert ConsoleFormatter().format(record("httpx")) == "12:00:00.750 info     httpx: order filled"


def test_a_line_for_machines() -> None:
    told = JsonFormatter().format(record(event=EVENT))
    assert "\n" not in told
    assert json.loads(told) == {
        "time": "2024-08-08T12:00:00.750000+00:00",
        "level": "info",
        "logger": "anyvenue.orders",
        "message": "order filled",
        "event": dict(EVENT, side="buy", price="1000"),
    }
    assert "event" not in json.loads(JsonFormatter().format(record()))


def test_tracebacks_are_part_of_both() -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        broken = record()
        broken.exc_info = sys.exc_info()
    assert ConsoleFormatter().format(broken).splitlines()[-1] == "ValueError: broken"
    assert json.loads(JsonFormatter().format(broken))["exception"].endswith("ValueError: broken")


@pytest.mark.parametrize("format_", ["console", "json"])
def test_standard_error_gets_what_the_levels_let_through(capsys: pytest.CaptureFixture[str], format_: str) -> None:
    config = LogConfig(format=format_, levels={"anyvenue.engine": "error", "other": "debug"})  # type: ignore[arg-type]
    before = [logging.getLogger(name).level for name in ("", "anyvenue", "anyvenue.engine", "other")]
    with configured(config, level="info"):
        logging.getLogger("anyvenue.orders").info("one")
        logging.getLogger("anyvenue.orders").debug("not this")
        logging.getLogger("anyvenue.engine").warning("nor this")
        logging.getLogger("httpx").info("nor this one")
        logging.getLogger("httpx").warning("two")
        logging.getLogger("other").debug("three")
    told = capsys.readouterr()
    assert told.out == ""
    words = [json.loads(row)["message"] if format_ == "json" else row.split()[-1] for row in told.err.splitlines()]
    assert words == ["one", "two", "three"]
    assert [logging.getLogger(name).level for name in ("", "anyvenue", "anyvenue.engine", "other")] == before


def test_the_configured_level_wins_over_the_run_s_own(capsys: pytest.CaptureFixture[str]) -> None:
    with configured(LogConfig(level="error"), level="info"):
        logging.getLogger("anyvenue.orders").warning("hidden")
    with configured(LogConfig(level="debug"), level="info"):
        logging.getLogger("anyvenue.orders").debug("shown")
    assert "hidden" not in (told := capsys.readouterr().err)
    assert "shown" in told
