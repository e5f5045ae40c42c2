"""A rule of a fault plan: where on the wire it applies, how often, and what happens. A value, read and checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from math import isfinite
from typing import Any, Final, TypeVar

from attrs import Factory, asdict, field, fields, frozen

__all__ = ["FRAME_EFFECTS", "Reset", "Rule", "Where", "check_keys", "is_number", "shown"]

E = TypeVar("E", bound=Enum)


class Where(Enum):
    """Where a rule applies: to HTTP requests, to the frames that the venue gets, or to those that it sends."""

    HTTP = "http"
    WS_IN = "ws_in"
    WS_OUT = "ws_out"


class Reset(Enum):
    """When a connection is reset: before the request is carried out, or after."""

    BEFORE = "before"
    AFTER = "after"


FRAME_EFFECTS: Final = ("delay_s", "drop", "duplicate", "reorder", "disconnect", "stall", "corrupt")
_OF_STATUS: Final = ("headers", "body")
_COMMON: Final = ("on", "probability", "every", "times", "from_s", "until_s")
_TERMS: Final = {Where.HTTP: ("method", "path"), Where.WS_IN: ("match",), Where.WS_OUT: ("match",)}
_EFFECTS: Final = {
    Where.HTTP: ("delay_s", "status", "headers", "body", "lose_request", "lose_reply", "reset"),
    Where.WS_IN: ("delay_s", "drop", "disconnect"),
    Where.WS_OUT: FRAME_EFFECTS,
}


@frozen(kw_only=True)
class Rule:
    """One rule of a plan. Raises ValueError for what makes no sense.

    Attributes:
        on: where it applies.
        method, path: for HTTP: the method, empty for all, and the path, where `*` stands for any text, slashes too.
        match: for frames: a text that they contain, empty for all.
        probability: of striking, from 0 to 1.
        every: it strikes at every so many-th that it applies to, in place of a probability.
        times: it strikes so many times in all; None for no end.
        from_s, until_s: seconds after the plan was set between which it applies, the latter excluded; None: no end.

    The others are the fields of `HttpFault` and `FrameFault`; for `ws_in` there are delay_s, drop and disconnect.
    """

    on: Where
    method: str = ""
    path: str = "*"
    match: str = ""
    probability: float = 1.0
    every: int = 1
    times: int | None = None
    from_s: float = 0.0
    until_s: float | None = None
    delay_s: float = 0.0
    status: int | None = None
    headers: Mapping[str, str] = field(factory=dict)
    body: str = ""
    lose_request: bool = False
    lose_reply: bool = False
    reset: Reset | None = None
    drop: bool = False
    duplicate: bool = False
    reorder: int = 0
    disconnect: bool = False
    stall: bool = False
    corrupt: bool = False

    def __attrs_post_init__(self) -> None:
        for name, (allowed, is_allowed) in _CHECKS.items():
            value = getattr(self, name)
            if not is_allowed(value):
                raise ValueError(f"{name}: found {shown(value)}; allowed {allowed}")
        given, effects = self.to_json(), _EFFECTS[self.on]
        check_keys(given, (*_COMMON, *_TERMS[self.on], *effects))
        happens = [name for name in given if name in effects and name not in _OF_STATUS]
        if not happens:
            raise ValueError(f"found nothing that happens; give one of {', '.join(effects)}")
        if len(happens) > 1 + ("delay_s" in happens):
            raise ValueError(f"found {' and '.join(happens)}; allowed is one of them, and delay_s beside it")
        if self.status is None and (self.headers or self.body):
            raise ValueError("found headers or body without status; they are what is answered with it")
        if "probability" in given and "every" in given:
            raise ValueError("found probability and every; allowed is one of them")
        if self.until_s is not None and self.until_s <= self.from_s:
            raise ValueError(f"until_s: found {self.until_s}; allowed are numbers above from_s, which is {self.from_s}")

    def to_json(self) -> dict[str, Any]:
        """Return it as a dictionary for JSON or TOML, without what is left at its default."""
        return asdict(
            self,
            filter=lambda attribute, value: value != _default(attribute.default),
            value_serializer=lambda rule, attribute, value: value.value if isinstance(value, Enum) else value,
        )

    @classmethod
    def parse(cls, data: Any) -> Rule:
        """Make one of a dictionary. Raises ValueError that names the key, what was found and what is allowed."""
        if not isinstance(data, Mapping):
            raise ValueError(f"found {shown(data)}; allowed is a table")
        check_keys(data, [attribute.name for attribute in fields(cls)])
        given = {**data, "on": _member(Where, "on", data.get("on"))}
        if "reset" in given:
            given["reset"] = _member(Reset, "reset", given["reset"])
        return cls(**given)


def _default(default: Any) -> Any:
    return default.factory() if isinstance(default, Factory) else default  # type: ignore[arg-type]


def check_keys(data: Mapping[str, Any], allowed: Iterable[str]) -> None:
    """Raise ValueError for a key that is not among the allowed ones."""
    for key in data:
        if key not in allowed:
            raise ValueError(f"found the key {key!r}; allowed are {', '.join(allowed)}")


def is_number(value: object) -> bool:
    """Tell whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def shown(value: object) -> str:
    """Return a value as messages show it."""
    if isinstance(value, Mapping):
        return "a table"
    return "a list" if isinstance(value, list | tuple) else repr(value)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _member(kind: type[E], name: str, value: object) -> E:
    for member in kind:
        if value in (member, member.value):
            return member
    raise ValueError(f"{name}: found {shown(value)}; allowed are {', '.join(member.value for member in kind)}")


_Check = tuple[str, Callable[[Any], bool]]
"""What is allowed, in words, and whether a value is."""

_TEXT: Final[_Check] = ("is text", lambda value: isinstance(value, str))
_FLAG: Final[_Check] = ("are true and false", lambda value: isinstance(value, bool))
_SECONDS: Final[_Check] = ("are finite numbers from 0", lambda value: is_number(value) and value >= 0)
_COUNT: Final[_Check] = ("are whole numbers from 1", lambda value: _is_whole(value) and value >= 1)
_CHECKS: Final[Mapping[str, _Check]] = {
    "method": ("is a method's name in capitals", lambda value: isinstance(value, str) and value == value.upper()),
    "path": _TEXT,
    "match": _TEXT,
    "probability": ("are numbers from 0 to 1", lambda value: is_number(value) and 0 <= value <= 1),
    "every": _COUNT,
    "times": (_COUNT[0], lambda value: value is None or _COUNT[1](value)),
    "from_s": _SECONDS,
    "until_s": (_SECONDS[0], lambda value: value is None or _SECONDS[1](value)),
    "delay_s": _SECONDS,
    "status": (
        "are whole numbers from 400 to 599",
        lambda value: value is None or (_is_whole(value) and 400 <= value <= 599),
    ),
    "headers": (
        "is a table of texts",
        lambda value: (
            isinstance(value, Mapping) and all(isinstance(text, str) for pair in value.items() for text in pair)
        ),
    ),
    "body": _TEXT,
    "lose_request": _FLAG,
    "lose_reply": _FLAG,
    "drop": _FLAG,
    "duplicate": _FLAG,
    "reorder": ("are whole numbers from 0", lambda value: _is_whole(value) and value >= 0),
    "disconnect": _FLAG,
    "stall": _FLAG,
    "corrupt": _FLAG,
}
