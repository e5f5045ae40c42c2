"""A TOML text with the places of its keys, and the changes that the command line makes to it.

tomllib gives values without lines, so the lines are found by a second, coarse reading that knows only tables, keys
and where multi-line values end. It places errors and decides nothing else.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from attrs import define, field

from anyvenue.app.config_errors import ConfigError, Problem

__all__ = ["KeyPath", "NumberText", "SetFloat", "SetInt", "TomlSource", "key_lines"]

KeyPath: TypeAlias = tuple[str | int, ...]

_PART: Final = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_KEY: Final = re.compile(rf"\s*({_PART}(?:\s*\.\s*{_PART})*)\s*")
_TOKEN: Final = re.compile(r'"""|\'\'\'|"(?:[^"\\]|\\.)*"|\'[^\']*\'|#.*|[\[{]|[\]}]')
_AT_LINE: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)\Z")


class NumberText(float):
    """A TOML float that remembers how it was written, so that messages can quote its digits."""

    text: str

    def __new__(cls, text: str) -> NumberText:
        number = super().__new__(cls, text.replace("_", ""))
        number.text = text
        return number


class SetFloat(NumberText):
    """A float of the command line, where quotes are hard to type: it may stand for text and exact numbers too."""


class SetInt(int):
    """A whole number of the command line; it may stand for text too."""

    text: str

    def __new__(cls, text: str, value: int) -> SetInt:
        number = super().__new__(cls, value)
        number.text = text
        return number


@define
class TomlSource:
    """One file's tables. Raises ConfigError where the text is not TOML."""

    name: str
    text: str
    tables: dict[str, Any] = field(init=False)
    _lines: Mapping[KeyPath, int] = field(init=False)
    _changed: dict[KeyPath, str] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        try:
            self.tables = tomllib.loads(self.text, parse_float=NumberText)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError([_syntax_problem(self.name, error)]) from None
        except RecursionError:
            raise ConfigError([Problem(place=self.name, key="", text="is nested too deeply")]) from None
        self._lines = key_lines(self.text)

    def place(self, path: KeyPath) -> str:
        """Return where `path`, or the nearest table around it, was said: `file:line`, the file, or an option."""
        for length in range(len(path), 0, -1):
            said = path[:length]
            if said in self._changed:
                return self._changed[said]
            if said in self._lines:
                return f"{self.name}:{self._lines[said]}"
        return self.name

    def change(self, path: Sequence[str], value: Any, said_by: str) -> None:
        """Set one key, making the tables on the way. Raises ConfigError where something else is in the way."""
        table = self.tables
        for depth, part in enumerate(path[:-1], 1):
            inner = table.setdefault(part, {})
            if not isinstance(inner, dict):
                at = ".".join(path[:depth])
                raise ConfigError([Problem(place=said_by, key=at, text="found a value; allowed is a table")])
            table = inner
        table[path[-1]] = value
        self._changed[tuple(path)] = said_by

    def change_by(self, assignment: str) -> None:
        """Carry out `key.path=value` as the command line says it: the value is TOML, else plain text."""
        key, equals, text = assignment.partition("=")
        path = _read_key(key)
        if not equals or path is None:
            # What is not understood may hold a secret, so it is not repeated.
            found = "what is not a key" if equals else 'a setting without "="'
            text = f"found {found}; allowed is key=value, such as risk.order_rate=5"
            raise ConfigError([Problem(place="--set", key="", text=text)])
        self.change(path, _read_value(text.strip()), f"--set {key.strip()}")


def _syntax_problem(name: str, error: tomllib.TOMLDecodeError) -> Problem:
    message = str(error)
    at = _AT_LINE.search(message)
    place = f"{name}:{at[1]}" if at and at[1] else name
    return Problem(place=place, key="", text=f"not valid TOML: {message}")


def _read_key(text: str) -> list[str] | None:
    match = _KEY.fullmatch(text)
    return None if match is None else [_unquote(part) for part in re.findall(_PART, match[1])]


def _unquote(part: str) -> str:
    if part[0] not in "\"'":
        return part
    try:
        return next(iter(tomllib.loads(f"{part} = 0")))
    except tomllib.TOMLDecodeError:
        return part[1:-1]


def _read_value(text: str) -> Any:
    try:
        tables = tomllib.loads(f"value = {text}", parse_float=SetFloat)
    except tomllib.TOMLDecodeError:
        return text
    except RecursionError:
        raise ConfigError([Problem(place="--set", key="", text="is nested too deeply")]) from None
    value = tables["value"] if len(tables) == 1 else text
    if isinstance(value, int) and not isinstance(value, bool):
        return SetInt(text, value)
    return value


def key_lines(text: str) -> Mapping[KeyPath, int]:
    """Return the line, counted from 1, on which each table and key of a valid TOML text is first said."""
    lines: dict[KeyPath, int] = {}
    table: tuple[str, ...] = ()
    inside, depth = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        rest = line
        if not inside and not depth:
            stripped = line.lstrip()
            header = stripped.startswith("[")
            match = _KEY.match(stripped.lstrip("[") if header else stripped)
            if match is None:
                continue
            parts = tuple(_unquote(part) for part in re.findall(_PART, match[1]))
            path = parts if header else table + parts
            for length in range(1, len(path) + 1):
                lines.setdefault(path[:length], number)
            if header:
                table = parts
                lines[path] = number
                continue
            rest = stripped[match.end() :]
        inside, depth = _still_open(rest, inside, depth)
    return lines


def _still_open(text: str, inside: str, depth: int) -> tuple[str, int]:
    """Return which multi-line string and how many brackets are open after `text`."""
    position = 0
    while position < len(text):
        if inside:
            end = text.find(inside, position)
            if end < 0:
                return inside, depth
            position, inside = end + 3, ""
            continue
        token = _TOKEN.search(text, position)
        if token is None:
            break
        position = token.end()
        if token[0] in ('"""', "'''"):
            inside = token[0]
        elif token[0] in "[{":
            depth += 1
        elif token[0] in "]}":
            depth -= 1
    return inside, depth
