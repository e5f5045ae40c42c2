"""`anyvenue check`: what a configuration would run, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any

import attrs

from anyvenue.app.assemble import credentials
from anyvenue.app.config import Configuration, Overrides
from anyvenue.app.figures import plain
from anyvenue.app.run_command import load
from anyvenue.app.signal_sources import SignalSettings

__all__ = ["check", "described"]


def check(config: str, *, settings: Sequence[str], venues: Sequence[str], environments: Sequence[str]) -> str:
    """Return what a configuration would run. Raises ConfigError, also for secrets that cannot be fetched."""
    configuration = load(config, Overrides(venues=venues, environments=environments, settings=settings))
    for connection in configuration.connections:
        credentials(connection, configuration)
    return described(configuration)


def described(configuration: Configuration) -> str:
    """Return a checked configuration as text. References to secrets are shown, secrets never."""
    strategy = configuration.strategy
    cls = strategy.cls
    lines = [f"{configuration.source} is valid", "", f"strategy {strategy.name} ({cls.__module__}:{cls.__qualname__})"]
    lines += _values(strategy.parameters)
    if strategy.on_failure != "keep":
        lines.append(f"  on_failure = {strategy.on_failure}")
    for connection in configuration.connections:
        descriptor = connection.descriptor
        lines += [
            "",
            f"connection {connection.name}: {descriptor.title} ({descriptor.name}), {connection.environment.value}",
        ]
        lines += _values(connection.options)
        lines += [f"  credentials.{name} = {reference}" for name, reference in connection.credentials.items()]
        if connection.allow_approximate:
            lines.append(f"  allow_approximate = {_shown(connection.allow_approximate)}")
    for name, value in (("simulation", configuration.simulation), ("risk", configuration.risk)):
        lines += ["", name, *(_values(value) or ["  no limits"])]
    if configuration.signals != SignalSettings():
        lines += ["", "signals", *_values(configuration.signals)]
    return "\n".join(lines) + "\n"


def _values(settings: Any) -> list[str]:
    return [f"  {key} = {_shown(value)}" for key, value in _given(settings, "")]


def _given(settings: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield what is set: keys that are None or empty say nothing."""
    for attribute in attrs.fields(type(settings)):
        value, key = getattr(settings, attribute.name), f"{prefix}{attribute.name.rstrip('_')}"
        if attrs.has(type(value)) and not hasattr(value, "resolve"):
            yield from _given(value, f"{key}.")
        elif isinstance(value, Mapping):
            for name, inner in value.items():
                if attrs.has(type(inner)):
                    yield from _given(inner, f"{key}.{name}.")
                else:
                    yield f"{key}.{name}", inner
        elif value is not None and value != ():
            yield key, value


def _shown(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal():
            return plain(value)
        case Enum():
            return str(value.value)
        case tuple() | list():
            return ", ".join(map(_shown, value))
        case frozenset() | set():
            return ", ".join(sorted(map(_shown, value)))
        case _:
            return str(value)
