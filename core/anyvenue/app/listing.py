"""`anyvenue venues` and `anyvenue strategies`: what is installed, as tables and as JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import attrs
import orjson

from anyvenue.app.figures import NOTHING
from anyvenue.app.plugins import InstalledPlugins, Plugins
from anyvenue.app.text_table import text_table
from anyvenue.venue.capabilities import Feature, Grade
from anyvenue.venue.descriptor import Environment, VenueDescriptor
from anyvenue.venue.registry import VENUES, PluginError, PluginState, PluginStatus, Registry

__all__ = ["strategies_json", "strategies_text", "venues_json", "venues_text"]

_MODULES = re.compile(r"\b(?:\w+\.)+(?=\w)")
_FACTORY: Any = type(attrs.Factory(list))


def venues_text(venues: Registry[VenueDescriptor] = VENUES) -> str:
    """Return the installed venues, and a table of what each can do."""
    statuses = venues.statuses()
    if not statuses:
        return "no venue is installed\n"
    ready = {s.name: venues.load(s.name) for s in statuses if s.state is PluginState.OK}
    rows = [("venue", "title", "environments", "from", "status")]
    for status in statuses:
        descriptor = ready.get(status.name)
        title = descriptor.title if descriptor else NOTHING
        environments = ", ".join(_environments(descriptor)) if descriptor else NOTHING
        rows.append((status.name, title, environments, status.distribution, _status(status)))
    lines = text_table(rows, left=5)
    if ready:
        table = [("feature", *ready)]
        table += [(f.value, *(_grade(descriptor, f) for descriptor in ready.values())) for f in Feature]
        table.append(("orders a second", *(_rate(descriptor) for descriptor in ready.values())))
        lines += ["", *text_table(table, left=len(ready) + 1), *_notes(ready)]
    return "\n".join(lines) + "\n"


def venues_json(venues: Registry[VenueDescriptor] = VENUES) -> bytes:
    """Return the installed venues as JSON."""
    return _json([_venue_data(status, venues) for status in venues.statuses()])


def strategies_text(plugins: Plugins | None = None) -> str:
    """Return the installed strategies with what they say of themselves, and their parameters."""
    described = _strategies(plugins or InstalledPlugins())
    if not described:
        return "no strategy is installed\n"
    blocks = []
    for strategy in described:
        lines = [f"{strategy['name']}  ({strategy['class']})" if "class" in strategy else str(strategy["name"])]
        lines.append(f"  {strategy.get('error') or strategy['summary']}")
        rows = [
            (p["name"], p["type"], "required" if p["required"] else f"= {p['default']}") for p in strategy["parameters"]
        ]
        lines += [f"    {line}" for line in (text_table(rows, left=3) if rows else [])]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def strategies_json(plugins: Plugins | None = None) -> bytes:
    """Return the installed strategies as JSON."""
    return _json(_strategies(plugins or InstalledPlugins()))


def _strategies(plugins: Plugins) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name in plugins.strategy_names():
        try:
            strategy = plugins.strategy(name, Path())
        except PluginError as error:
            found.append({"name": name, "error": str(error), "parameters": []})
            continue
        parameters = [_parameter(attribute) for attribute in attrs.fields(strategy.Parameters)]
        found.append(
            {
                "name": name,
                "class": f"{strategy.__module__}:{strategy.__qualname__}",
                "summary": (strategy.__doc__ or "").strip().partition("\n")[0],
                "parameters": parameters,
            }
        )
    return found


def _parameter(attribute: attrs.Attribute[Any]) -> dict[str, Any]:
    default: Any = attribute.default
    required = default is attrs.NOTHING
    if isinstance(default, _FACTORY):
        default = None if default.takes_self else default.factory()
    return {
        "name": attribute.name.rstrip("_"),
        "type": _type_text(attribute.type),
        "required": required,
        "default": None if required else str(getattr(default, "value", default)),
    }


def _type_text(kind: Any) -> str:
    """Return a type as its author wrote it, whether it has been resolved meanwhile or not."""
    return kind.__name__ if isinstance(kind, type) and not get_args(kind) else _MODULES.sub("", str(kind))


def _environments(descriptor: VenueDescriptor) -> list[str]:
    return [environment.value for environment in Environment if environment in descriptor.environments]


def _grade(descriptor: VenueDescriptor, feature: Feature) -> str:
    grade = descriptor.capabilities[feature].grade
    return NOTHING if grade is Grade.ABSENT else grade.value


def _rate(descriptor: VenueDescriptor) -> str:
    rate = descriptor.capabilities.order_rate
    return NOTHING if rate is None else str(rate)


def _notes(venues: Mapping[str, VenueDescriptor]) -> list[str]:
    notes = [
        f"{name}: {feature.value}: {descriptor.capabilities[feature].note}"
        for name, descriptor in venues.items()
        for feature in Feature
        if descriptor.capabilities[feature].note
    ]
    return ["", *notes] if notes else []


def _status(status: PluginStatus) -> str:
    return f"{status.state.value}: {status.reason}" if status.reason else status.state.value


def _venue_data(status: PluginStatus, venues: Registry[VenueDescriptor]) -> dict[str, Any]:
    data: dict[str, Any] = {
        "name": status.name,
        "distribution": status.distribution,
        "status": status.state.value,
        "reason": status.reason,
    }
    if status.state is PluginState.OK:
        descriptor = venues.load(status.name)
        data |= {
            "title": descriptor.title,
            "environments": _environments(descriptor),
            "order_rate": descriptor.capabilities.order_rate,
            "capabilities": {
                feature.value: {
                    "grade": descriptor.capabilities[feature].grade.value,
                    "note": descriptor.capabilities[feature].note,
                }
                for feature in Feature
            },
        }
    return data


def _json(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
