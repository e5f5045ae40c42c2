"""What mkdocstrings does not see in the source: how an attrs class is made, and what members an enum has."""

from __future__ import annotations

import re
from enum import Enum
from importlib import import_module
from typing import Any, Final, get_args

import attrs
import griffe

__all__ = ["AttrsClasses"]


_ENTRY: Final = re.compile(r"^ {4}(?P<names>\w+(?:, \w+)+): (?P<text>.*(?:\n {8,}.*)*)", re.MULTILINE)


class AttrsClasses(griffe.Extension):
    """Gives attrs classes the signature that attrs writes, enums their members, and each attribute its own entry."""

    def on_class(self, *, cls: griffe.Class, **kwargs: Any) -> None:
        """Complete a class."""
        if not cls.path.startswith("anyvenue."):
            return
        made = getattr(import_module(cls.module.path), cls.name, None)
        if not isinstance(made, type):
            return
        if cls.docstring is not None:
            cls.docstring.value = _ENTRY.sub(_apart, cls.docstring.value)
        if attrs.has(made) and "__init__" not in cls.members:
            cls.set_member("__init__", _init(made))
        elif issubclass(made, Enum) and cls.docstring is not None:
            members = ", ".join(f"`{member.name}`" for member in made)
            cls.docstring.value += f"\n\nMembers: {members}."


def _apart(entry: re.Match[str]) -> str:
    """Tell of each attribute by itself what is told of several together: `first, second: ...`."""
    return "\n".join(f"    {name}: {entry['text']}" for name in entry["names"].split(", "))


def _init(made: type[Any]) -> griffe.Function:
    fields = [field for field in attrs.fields(made) if field.init]
    parameters = [
        griffe.Parameter(
            field.alias or field.name,
            annotation=_annotation(field.type),
            kind=griffe.ParameterKind.keyword_only if field.kw_only else griffe.ParameterKind.positional_or_keyword,
            default=_default(field),
        )
        for field in fields
    ]
    return griffe.Function("__init__", parameters=griffe.Parameters(*parameters), returns="None")


def _annotation(type_: Any) -> str:
    """Return a type as it is written; it may have been resolved meanwhile."""
    if isinstance(type_, str):
        return type_
    return type_.__name__ if isinstance(type_, type) and not get_args(type_) else re.sub(r"(?:\w+\.)+", "", str(type_))


def _default(field: attrs.Attribute[Any]) -> str | None:
    default: Any = field.default
    if default is attrs.NOTHING:
        return None
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        return "..."
    return str(default) if isinstance(default, Enum) else repr(default)
