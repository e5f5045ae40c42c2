"""Structuring: TOML values into attrs classes by cattrs, strictly, with every mistake found in one go.

Nothing is converted by guess: text is not a number, 0 is not false, and a float is not an exact number. A trailing
underscore of a field's name is not part of its key (`class_` is written `class`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, get_args, get_origin

import attrs
from attrs import frozen
from cattrs import (
    AttributeValidationNote,
    BaseValidationError,
    Converter,
    ForbiddenExtraKeysError,
    IterableValidationError,
    IterableValidationNote,
    StructureHandlerNotFoundError,
)
from cattrs.cols import is_mapping, is_sequence, mapping_structure_factory
from cattrs.gen import make_dict_structure_fn, override

from anyvenue.app.config_errors import listed, near
from anyvenue.app.toml_source import KeyPath, NumberText, SetFloat, SetInt
from anyvenue.model.numbers import exact
from anyvenue.venue.secrets import Secret, SecretError, SecretReference

__all__ = ["Mismatch", "Mistake", "Structurer", "describe"]

T = TypeVar("T")

_TEXT_MAX: Final = 80
_NAMED: Final = re.compile(r"(?:'(?P<quoted>\w+)' |(?P<plain>\w+): )(?P<text>.*)", re.DOTALL)
_SECRETS: Final = "credentials"
"""What stands under this key may be a secret by mistake, and is never shown."""


@frozen
class Mistake:
    """What is wrong at one key."""

    path: KeyPath
    text: str


class Mismatch(ValueError):
    """A value that does not fit its key: what was found, what is allowed, and perhaps a hint."""

    def __init__(self, found: str, allowed: str, hint: str = "") -> None:
        super().__init__(f"found {found}; allowed is {allowed}" + (f".{hint}" if hint else ""))


def describe(value: object) -> str:
    """Return a TOML value as messages show it."""
    match value:
        case bool():
            return "true" if value else "false"
        case NumberText() | SetInt():
            return f"the number {value.text}"
        case int() | float():
            return f"the number {value}"
        case str():
            return f'"{value}"' if len(value) <= _TEXT_MAX else f'"{value[:_TEXT_MAX]}..."'
        case Mapping():
            return "a table"
        case list():
            return "a list"
        case _:
            return f"the date or time {value}"


class Structurer:
    """Structures values into classes; secrets named by reference are looked for beside `folder`."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._converter = _converter(self._secret)

    def structure(self, value: object, cls: type[T], path: KeyPath = ()) -> T | list[Mistake]:
        """Return an instance of `cls`, or the list of all that keeps `value` from being one."""
        try:
            return self._converter.structure(value, cls)
        except StructureHandlerNotFoundError as error:
            name = getattr(cls, "__name__", str(cls))
            return [Mistake(path, f"{name} has a field that no configuration can fill: {error}")]
        except Exception as error:  # noqa: BLE001 - a class's own checks may raise anything; each is a mistake found
            return list(_mistakes(error, path))

    def _secret(self, value: object) -> Secret:
        return _reference(value).resolve(self._folder)


def _mistakes(error: BaseException, path: KeyPath, cls: Any = None) -> Iterator[Mistake]:
    if isinstance(error, BaseValidationError):
        for inner in error.exceptions:
            yield from _mistakes(inner, path + _step(inner), error.cl)
    elif isinstance(error, ForbiddenExtraKeysError):
        allowed = [_key(a) for a in attrs.fields(error.cl) if a.init]
        for key in sorted(error.extra_fields):
            hint = near(key, allowed)
            yield Mistake((*path, key), f"unknown key; allowed are {listed(allowed)}.{hint}")
    elif isinstance(error, KeyError):
        yield Mistake(path, "not given, and there is no default")
    elif _SECRETS in path and not isinstance(error, SecretError):
        yield Mistake(path, "found a value (not shown); allowed is a table of references")
    else:
        yield from _own_check(error, path, cls)


def _step(error: BaseException) -> KeyPath:
    """Return the key or index at which cattrs says this error arose."""
    for note in getattr(error, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            return (note.name.rstrip("_"),)
        if isinstance(note, IterableValidationNote):
            return (note.index,)
    return ()


def _own_check(error: BaseException, path: KeyPath, cls: Any) -> Iterator[Mistake]:
    """A class's own check. It begins with the field's name: `name: `, or `'name' ` as attrs' validators say it."""
    text = str(error.args[0]) if error.args else type(error).__name__
    named = _NAMED.match(text)
    name = (named["quoted"] or named["plain"]) if named else ""
    if named and attrs.has(cls) and hasattr(attrs.fields(cls), name):
        path, text = (*path, name.rstrip("_")), named["text"]
    yield Mistake(path, text)


def _key(attribute: attrs.Attribute[Any]) -> str:
    return attribute.alias.rstrip("_") if attribute.alias else attribute.name.rstrip("_")


def _converter(secret: Callable[[object], Secret]) -> Converter:
    converter = Converter(forbid_extra_keys=True, detailed_validation=True)
    hooks: dict[Any, Callable[[object], object]] = {
        bool: _bool,
        int: _int,
        float: _float,
        str: _str,
        Decimal: _decimal,
        Path: _path,
        SecretReference: _reference,
        Secret: secret,
    }
    for type_, hook in hooks.items():
        converter.register_structure_hook(type_, _ignoring_type(hook))
    converter.register_structure_hook_factory(_is_enum, _enum_hook)
    converter.register_structure_hook_factory(_is_literal, _literal_hook)
    converter.register_structure_hook_factory(_is_collection, _collection_hook)
    converter.register_structure_hook_factory(is_mapping, _mapping_hook)
    converter.register_structure_hook_factory(_is_attrs, _class_hook)
    return converter


def _ignoring_type(hook: Callable[[object], object]) -> Callable[[object, Any], Any]:
    return lambda value, _: hook(value)


def _bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise Mismatch(describe(value), "true or false")


def _int(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    raise Mismatch(describe(value), "a whole number")


def _float(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise Mismatch(describe(value), "a number")


def _str(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, SetFloat | SetInt):
        return value.text
    hint = f' Write "{_digits(value)}"' if isinstance(value, int | float) and not isinstance(value, bool) else ""
    raise Mismatch(describe(value), "text, in quotes", hint)


def _decimal(value: object) -> Decimal:
    if isinstance(value, SetFloat):
        value = value.text
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, float):
        hint = f' Write "{_digits(value)}"'
        raise Mismatch(f"{describe(value)} without quotes", "an exact number, in quotes", hint)
    if isinstance(value, str):
        try:
            return exact(value)
        except ValueError:
            pass
    raise Mismatch(describe(value), 'an exact number, in quotes, such as "0.01"')


def _digits(value: float) -> str:
    return value.text if isinstance(value, NumberText | SetInt) else str(value)


def _path(value: object) -> Path:
    if isinstance(value, str) and value:
        return Path(value).expanduser()
    raise Mismatch(describe(value), "a path, in quotes")


def _reference(value: object) -> SecretReference:
    # Whatever stands here may be the secret itself, so it is never described.
    if isinstance(value, str):
        return SecretReference.parse(value)
    raise SecretError('found a value that is not text (not shown); allowed is a reference such as "env:NAME"')


def _is_enum(type_: Any) -> bool:
    return isinstance(type_, type) and issubclass(type_, Enum)


def _is_literal(type_: Any) -> bool:
    return bool(get_origin(type_) == Literal)


def _enum_hook(type_: type[Enum]) -> Callable[[object, Any], Enum]:
    members = {str(member.value): member for member in type_}
    return _one_of(members)


def _literal_hook(type_: Any) -> Callable[[object, Any], Any]:
    return _one_of({str(word): word for word in get_args(type_)})


def _one_of(choices: Mapping[str, T]) -> Callable[[object, Any], T]:
    def structure(value: object, _: Any) -> T:
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value) in choices:
            return choices[str(value)]
        raise Mismatch(describe(value), listed(choices), near(value, choices) if isinstance(value, str) else "")

    return structure


_COLLECTIONS: Final = {list: list, tuple: tuple, set: set, frozenset: frozenset}


def _is_collection(type_: Any) -> bool:
    if get_origin(type_) is tuple and (len(get_args(type_)) != 2 or get_args(type_)[1] is not Ellipsis):
        return False  # a tuple of fixed length is left to cattrs
    return get_origin(type_) in _COLLECTIONS or is_sequence(type_)


def _collection_hook(type_: Any, converter: Converter) -> Callable[[object, Any], Any]:
    make: Callable[[list[Any]], Any] = _COLLECTIONS.get(get_origin(type_), tuple)
    item: Any = get_args(type_)[0] if get_args(type_) else Any
    hook = converter.get_structure_hook(item)

    def structure(value: object, _: Any) -> Any:
        if not isinstance(value, list):
            raise Mismatch(describe(value), "a list, in [ ]")
        items, errors = [], []
        for index, element in enumerate(value):
            try:
                items.append(hook(element, item))
            except Exception as error:  # noqa: BLE001 - as in Structurer.structure
                error.__notes__ = [*getattr(error, "__notes__", ()), IterableValidationNote("", index, item)]
                errors.append(error)
        if errors:
            raise IterableValidationError(f"in {type_}", errors, type_)
        return make(items)

    return structure


def _mapping_hook(type_: Any, converter: Converter) -> Callable[[object, Any], Any]:
    inner = mapping_structure_factory(type_, converter)

    def structure(value: object, _: Any) -> Any:
        if not isinstance(value, Mapping):
            raise Mismatch(describe(value), "a table")
        return inner(value, type_)

    return structure


def _is_attrs(type_: Any) -> bool:
    return attrs.has(get_origin(type_) or type_) and type_ is not SecretReference


def _class_hook(type_: Any, converter: Converter) -> Callable[[object, Any], Any]:
    attrs.resolve_types(type_)
    renamed = {a.name: override(rename=_key(a)) for a in attrs.fields(type_) if _key(a) != a.name}
    inner = make_dict_structure_fn(type_, converter, **renamed)  # type: ignore[arg-type]

    def structure(value: object, _: Any) -> Any:
        if not isinstance(value, Mapping):
            raise Mismatch(describe(value), "a table")
        return inner(value, type_)

    return structure
