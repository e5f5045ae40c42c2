"""`anyvenue venues` and `anyvenue strategies`: what is installed, as tables and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import orjson

from anyvenue.app.plugins import InstalledPlugins, Plugins, PluginTrouble
from anyvenue.app.text_table import text_table
from anyvenue.venue import registry
from anyvenue.venue.capabilities import Feature, Grade
from anyvenue.venue.descriptor import Environment, VenueDescriptor

__all__ = ["strategies_json", "strategies_text", "venues_json", "venues_text"]

_SHORT = {Grade.ABSENT: "-"}


def venues_text(statuses: Sequence[registry.PluginStatus] | None = None) -> str:
    """Return the installed venues, and a table of what each can do."""
    statuses = registry.venues() if statuses is None else statuses
    if not statuses:
        return "no venue is installed\n"
    rows = [("venue", "title", "environments", "status")]
    for status in statuses:
        descriptor = status.descriptor
        rows.append(
            (
                status.name,
                descriptor.title if descriptor else "-",
                ", ".join(_environments(descriptor)) if descriptor else "-",
                _status(status),
            )
        )
    lines = text_table(rows, left=4)
    ready = [status.descriptor for status in statuses if status.descriptor is not None]
    if ready:
        table = [("feature", *(descriptor.name for descriptor in ready))]
        table += [(feature.value, *(_grade(descriptor, feature) for descriptor in ready)) for feature in Feature]
        lines += ["", *text_table(table, left=len(ready) + 1), *_notes(ready)]
    return "\n".join(lines) + "\n"


def venues_json(statuses: Sequence[registry.PluginStatus] | None = None) -> bytes:
    """Return the installed venues as JSON."""
    statuses = registry.venues() if statuses is None else statuses
    return _json([_venue_data(status) for status in statuses])


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
        except PluginTrouble as trouble:
            found.append({"name": name, "error": str(trouble), "parameters": []})
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
    kind = attribute.type if isinstance(attribute.type, str) else getattr(attribute.type, "__name__", "any")
    default = attribute.default
    known = default is not attrs.NOTHING and not isinstance(default, attrs.Factory)  # type: ignore[arg-type]
    return {
        "name": attribute.name.rstrip("_"),
        "type": kind,
        "required": default is attrs.NOTHING,
        "default": str(getattr(default, "value", default)) if known else None,
    }


def _environments(descriptor: VenueDescriptor) -> list[str]:
    return [environment.value for environment in Environment if environment in descriptor.environments]


def _grade(descriptor: VenueDescriptor, feature: Feature) -> str:
    grade = descriptor.capabilities[feature].grade
    return _SHORT.get(grade, grade.value)


def _notes(descriptors: Sequence[VenueDescriptor]) -> list[str]:
    notes = [
        f"{descriptor.name}: {feature.value}: {descriptor.capabilities[feature].note}"
        for descriptor in descriptors
        for feature in Feature
        if descriptor.capabilities[feature].note
    ]
    return ["", *notes] if notes else []


def _status(status: registry.PluginStatus) -> str:
    return f"{status.state.value}: {status.detail}" if status.detail else status.state.value


def _venue_data(status: registry.PluginStatus) -> dict[str, Any]:
    descriptor = status.descriptor
    data: dict[str, Any] = {"name": status.name, "status": status.state.value, "detail": status.detail}
    if descriptor is not None:
        data |= {
            "title": descriptor.title,
            "environments": _environments(descriptor),
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
