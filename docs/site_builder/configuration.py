"""The reference of the configuration: every table and key, from the attrs classes that a file is structured into."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

import attrs

from anyvenue.app.config import JournalConfig, LogConfig, WireConfig
from anyvenue.app.config_reader import ConnectionTable, StrategyTable
from anyvenue.app.signal_sources import SignalSettings
from anyvenue.app.signal_webhook import WebhookSettings
from anyvenue.engine.reconcile_settings import Recovery
from anyvenue.engine.risk import ConnectionLimits, InstrumentLimits, LossSteps, RiskLimits, WholeBookLimits
from anyvenue.venue.descriptor import SimulationSettings
from anyvenue.venue.registry import STRATEGIES, VENUES
from anyvenue.venue.secrets import SecretReference
from site_builder.capability_tables import SHIPPED
from site_builder.tables import table

__all__ = ["SECTIONS", "meanings", "tables"]

Sections = Mapping[str, type[Any]]

_STRATEGIES: Final = ("quoter", "trend", "signal_follower", "spread")

SECTIONS: Final[Sections] = {
    "strategy": StrategyTable,
    "connections.NAME": ConnectionTable,
    **{
        f"connections.NAME.options.{name}": VENUES.load(name).options
        for name in SHIPPED
        if attrs.fields(VENUES.load(name).options)
    },
    "risk": RiskLimits,
    'risk.instruments."SYMBOL"': InstrumentLimits,
    "risk.connections.NAME": ConnectionLimits,
    "risk.book": WholeBookLimits,
    "risk.daily_loss": LossSteps,
    "risk.drawdown": LossSteps,
    "journal": JournalConfig,
    "recovery": Recovery,
    "log": LogConfig,
    "signals": SignalSettings,
    "signals.webhook": WebhookSettings,
    "simulation": SimulationSettings,
    "wire": WireConfig,
    **{f"strategy.parameters of {name}": STRATEGIES.load(name).Parameters for name in _STRATEGIES},
}
"""Every table of a configuration, by its name, and the class that it is structured into."""

_UNITS: Final = {
    "_us": "in microseconds",
    "_per_s": "a second",
    "order_rate": "a second",
    "_s": "in seconds",
    "_bp": "in basis points",
    "_pct": "in percent",
    "_days": "in days",
    "day_hour": "an hour, UTC",
    "notional": "in quote money",
    "reduce": "in quote money",
    "halt": "in quote money",
    "balance": "in settle currency",
    "max_position": "in the quantity unit",
    "quantity": "in the quantity unit",
    "price_band": "a fraction",
    "slippage": "a fraction",
    "_fee": "a fraction",
}
"""The unit of a number, by how its key ends; the first that fits."""

_WORDS: Final[Mapping[Any, str]] = {
    bool: "`true` or `false`",
    int: "whole number",
    float: "number",
    Decimal: "exact number, in quotes",
    str: "text",
    Path: "path",
    SecretReference: "[reference](../secrets.md) to a secret",
}

_PROBES: Final = (-1, 0, 10**12)
_ALLOWED: Final = re.compile(r"allowed (?:is|are) (?:numbers |whole numbers |finite numbers )?(?P<what>.*)")
_BOUND: Final = re.compile(r"must be (?P<sign>[<>]=?) (?P<bound>[-\d.]+)")
_CHOICE: Final = re.compile(r"must be in \((?P<words>.*?)\)")
_SIGNS: Final = {">": "above", ">=": "from", "<": "below", "<=": "to"}
_ENTRY: Final = re.compile(r"^ {4}(?P<names>\w+(?:, \w+)*): (?P<text>.*(?:\n {8,}.*)*)", re.MULTILINE)


def tables() -> str:
    """Return every table of a configuration as Markdown: type, unit, bounds, default and meaning of each key."""
    return "\n\n".join(_section(name, cls) for name, cls in SECTIONS.items())


def meanings(cls: type[Any]) -> dict[str, str]:
    """Return what the docstrings of a class and of those it is derived from say of each attribute."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        attributes = inspect.cleandoc(base.__doc__ or "").partition("Attributes:\n")[2].partition("\n\n")[0]
        for entry in _ENTRY.finditer(attributes):
            text = " ".join(entry["text"].split())
            found |= dict.fromkeys(entry["names"].split(", "), text)
    return found


def _section(name: str, cls: type[Any]) -> str:
    attrs.resolve_types(cls)
    told = meanings(cls)
    rows = [
        (
            f"`{_key(attribute)}`",
            _value(attribute, cls),
            _default(attribute),
            _sentence(told.get(attribute.name, "")),
        )
        for attribute in attrs.fields(cls)
        if attribute.init
    ]
    title = f"[{name}]" if " of " not in name else "[{}] of `{}`".format(*name.split(" of "))
    return f"## {title}\n\n{table(('key', 'value', 'default', 'meaning'), rows)}"


def _key(attribute: attrs.Attribute[Any]) -> str:
    return attribute.name.rstrip("_")


def _value(attribute: attrs.Attribute[Any], cls: type[Any]) -> str:
    type_ = _without_none(attribute.type)
    words = _type_words(type_)
    unit = next((unit for end, unit in _UNITS.items() if attribute.name.endswith(end)), "")
    return "; ".join([f"{words}, {unit}" if unit else words, *_allowed(attribute, type_, cls)])


def _without_none(type_: Any) -> Any:
    if get_origin(type_) in (Union, UnionType):
        return next(argument for argument in get_args(type_) if argument is not NoneType)
    return type_


def _type_words(type_: Any) -> str:
    if type_ in _WORDS:
        return _WORDS[type_]
    if get_origin(type_) is Literal:
        return _choices(get_args(type_))
    if isinstance(type_, type) and issubclass(type_, Enum):
        return _choices(member.value for member in type_)
    if attrs.has(type_) or issubclass(get_origin(type_), Mapping):
        return "a table"
    item = get_args(type_)[0]
    return f"list of {item.__name__.lower()}s by name" if issubclass(item, Enum) else "list of text"


def _choices(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _allowed(attribute: attrs.Attribute[Any], type_: Any, cls: type[Any]) -> list[str]:
    """Return what the class says is allowed when it is given values that are not."""
    probes = [type_(probe) for probe in _PROBES] if type_ in (int, float, Decimal) else ["?"] if type_ is str else []
    told = []
    for probe in probes:
        try:
            cls(**_needed(cls) | {attribute.alias or attribute.name: probe})
        except ValueError as error:
            text = str(error.args[0])
            if attribute.name in text and str(probe) not in (words := _words_of(text)):
                told.append(words)
    return list(dict.fromkeys(filter(None, told)))


def _words_of(text: str) -> str:
    """Return what an error says is allowed, in the words of anyvenue's own checks or of attrs' validators."""
    if allowed := _ALLOWED.search(text):
        return allowed["what"]
    if bound := _BOUND.search(text):
        return f"{_SIGNS[bound['sign']]} {bound['bound']}"
    if choice := _CHOICE.search(text):
        return _choices(word.strip("' ") for word in choice["words"].split(","))
    return ""


def _needed(cls: type[Any]) -> dict[str, Any]:
    """Return a value for each field without a default."""
    return {
        attribute.alias or attribute.name: SecretReference.parse("env:NAME")
        if attribute.type is SecretReference
        else "text"
        for attribute in attrs.fields(cls)
        if attribute.default is attrs.NOTHING
    }


def _default(attribute: attrs.Attribute[Any]) -> str:
    default: Any = attribute.default
    if default is attrs.NOTHING:
        return "required"
    if default is None or isinstance(default, attrs.Factory) or default in ((), frozenset()):  # type: ignore[arg-type]
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, Enum):
        return f'`"{default.value}"`'
    if isinstance(default, str | Decimal):
        return f'`"{default}"`'
    return f"`{default}`"


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if not text or text.endswith(".") else f"{text}."
