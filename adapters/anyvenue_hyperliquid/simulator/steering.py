"""What this simulator can be told while it runs, by the control endpoint: what befalls accounts, and how it behaves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Any, Final

from attrs import define, fields, frozen

from anyvenue.model.numbers import exact
from anyvenue_hyperliquid.simulator.quirks import OPTIONS

__all__ = ["Conditions", "Steering"]

_MODES: Final = ("unifiedAccount", "portfolioMargin", "disabled", "default", "dexAbstraction")


@define
class Conditions:
    """What holds for all.

    Attributes:
        mainnet: for which network actions have to be signed.
        upgrade: a network upgrade has just been, and orders are post-only.
        capped: coins whose open interest may not grow.
        abstraction: the account mode that accounts are in; `disabled` where nothing is said.
    """

    mainnet: bool
    upgrade: bool
    capped: list[str]
    abstraction: dict[str, str]


@frozen(kw_only=True)
class Steering:
    """What is to be set; None for what stays.

    `volume` (dollars traded, beside what was traded) and `requests` (used of the budget) are by account; `deregister`
    has addresses of agents, `quirks` values by name.
    """

    mainnet: bool | None
    upgrade: bool | None
    capped: list[str] | None
    abstraction: Mapping[str, str]
    volume: Mapping[str, Decimal]
    requests: Mapping[str, int]
    deregister: list[str]
    quirks: Mapping[str, Any]

    @classmethod
    def read(cls, given: Mapping[str, Any], *, accounts: Collection[str], coins: Collection[str]) -> Steering:
        """Return what is asked for. Raises ValueError."""
        names = [field.name for field in fields(cls)]
        for name in given:
            if name not in names:
                raise ValueError(f"found the key {name!r}; allowed are {', '.join(names)}")
        quirks = _table(given, "quirks", OPTIONS, lambda value: value)
        for name, value in quirks.items():
            if type(value) is not type(OPTIONS[name][0]):
                raise ValueError(f"quirks.{name}: found {value!r:.80}; allowed are such as {OPTIONS[name]}")
        return cls(
            mainnet=_flag(given, "mainnet"),
            upgrade=_flag(given, "upgrade"),
            capped=_list(given, "capped", coins),
            abstraction=_table(given, "abstraction", accounts, _mode),
            volume=_table(given, "volume", accounts, lambda value: exact(value, "volume")),
            requests=_table(given, "requests", accounts, _count),
            deregister=_list(given, "deregister", None) or [],
            quirks=quirks,
        )


def _flag(given: Mapping[str, Any], name: str) -> bool | None:
    value = given.get(name)
    if value is not None and not isinstance(value, bool):
        raise ValueError(f"{name}: found {value!r:.80}; allowed are true and false")
    return value


def _list(given: Mapping[str, Any], name: str, allowed: Collection[str] | None) -> list[str] | None:
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(
        isinstance(item, str) and (allowed is None or item in allowed) for item in value
    ):
        raise ValueError(
            f"{name}: found {value!r:.80}; allowed is a list of {'texts' if allowed is None else ', '.join(allowed)}"
        )
    return value


def _table(
    given: Mapping[str, Any], name: str, allowed: Collection[str], read: Callable[[Any], Any]
) -> Mapping[str, Any]:
    table = given.get(name, {})
    if not isinstance(table, Mapping) or any(key not in allowed for key in table):
        raise ValueError(f"{name}: found {table!r:.80}; allowed is a table by {', '.join(allowed)}")
    return {key: read(value) for key, value in table.items()}


def _mode(value: Any) -> str:
    if value not in _MODES:
        raise ValueError(f"abstraction: found {value!r:.80}; allowed are {', '.join(_MODES)}")
    return str(value)


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"requests: found {value!r:.80}; allowed are whole numbers from 0")
    return value
