"""What makes an attrs value a dict that JSON can hold, as cattrs would, in two thirds of the time.

Two records are written for every order, before it may leave. What cattrs makes calls a function for each `X | None`,
and compares each value with its default; here both are a look whether it is the same object.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin

import attrs

__all__ = ["fields_writer"]

_AS_THEY_ARE: Final = (int, str, bool, float)


def fields_writer(cls: type[Any], hook_of: Callable[[Any], Callable[[Any], Any]]) -> Callable[[Any], dict[str, Any]]:
    """Return what makes a value of `cls`, whose types are resolved, a dict; `hook_of` gives what does so for a type.

    What has its default is left out, but for numbers, which are written also where they equal it: 0.00 is not 0.
    """
    always, sometimes, known = [], [], {}
    for attribute in attrs.fields(cls):
        if not attribute.init:
            continue
        name, default = attribute.name, attribute.default
        is_optional, plain = _without_none(attribute.type)
        if plain in _AS_THEY_ARE:
            written = "{}"
        elif plain is Decimal:
            written = "str({})"
        elif isinstance(plain, type) and issubclass(plain, Enum):
            written = "{}._value_"
        else:
            written, known[f"hook_{name}"] = f"hook_{name}({{}})", hook_of(attribute.type)
            is_optional = False  # the hook knows
        if is_optional and default is not None:
            written = f"None if {{0}} is None else {written.replace('{}', '{0}')}"
        if default is attrs.NOTHING or isinstance(default, Decimal | attrs.Factory):
            always.append(f"{name!r}: " + written.format(f"one.{name}"))
            continue
        known[f"default_{name}"] = default
        other = f"is not {default}" if default is None or isinstance(default, bool) else f"!= default_{name}"
        if isinstance(default, Enum):
            other = f"is not default_{name}"
        sometimes.append(f"    if (value := one.{name}) {other}: found[{name!r}] = {written.format('value')}")
    lines = ["def write(one):", f"    found = {{{', '.join(always)}}}", *sometimes, "    return found"]
    exec("\n".join(lines), known)  # noqa: S102 - made of the names of our own attributes, as attrs and cattrs do it
    write: Callable[[Any], dict[str, Any]] = known["write"]
    return write


def _without_none(kind: Any) -> tuple[bool, Any]:
    """Tell whether a type is an `X | None`, and return the X; another type comes back as it is."""
    if get_origin(kind) in (Union, UnionType):
        others = [one for one in get_args(kind) if one is not NoneType]
        if len(others) == 1 and len(others) < len(get_args(kind)):
            return True, others[0]
    return False, kind
