"""Plugins: venues and strategies, found through entry points, the first-party ones exactly as a stranger's.

A distribution names its venue's descriptor under `anyvenue.venues` and its strategy classes under
`anyvenue.strategies`. Names are read without importing anything; a plugin is imported when it is asked for. One that
cannot be loaded, or was built for another interface version, has a status that says so and gets a log line; the
others are not touched by it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from enum import Enum
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, Generic, TypeVar

from attrs import frozen

from anyvenue.venue.descriptor import VenueDescriptor
from anyvenue.venue.interface import INTERFACE_VERSION

__all__ = [
    "STRATEGIES",
    "VENUES",
    "PluginError",
    "PluginState",
    "PluginStatus",
    "Registry",
    "strategy",
    "venue",
]

P = TypeVar("P")

_log = logging.getLogger("anyvenue.plugins")


class PluginState(Enum):
    """Whether a plugin can be used; if not, whether it is broken or only built for another version of anyvenue."""

    OK = "ok"
    FAILED = "failed"
    INCOMPATIBLE = "incompatible"


@frozen(kw_only=True)
class PluginStatus:
    """What became of one plugin. `distribution` is name and version of the package it came with; `reason` says why
    it cannot be used, and is empty where it can."""

    name: str
    distribution: str
    state: PluginState
    reason: str = ""


class PluginError(ValueError):
    """A plugin that is not installed or cannot be used. The message says what there is, or what to do."""


class Incompatible(PluginError):
    """A plugin that was built for another version."""


class Registry(Generic[P]):
    """The plugins of one entry point group.

    `kind` is the word for one of them, in messages. `check` takes the name and what the entry point leads to, and
    returns the plugin; it raises PluginError for what is none. `find` is for tests.
    """

    def __init__(
        self,
        group: str,
        kind: str,
        check: Callable[[str, Any], P],
        *,
        find: Callable[[str], Iterable[EntryPoint]] = lambda group: entry_points(group=group),
    ) -> None:
        self.group = group
        self._kind = kind
        self._check = check
        self._find = find
        self._points: dict[str, list[EntryPoint]] | None = None
        self._loaded: dict[str, tuple[P | None, PluginStatus]] = {}

    @property
    def names(self) -> list[str]:
        """What is installed, usable or not, sorted. Nothing is imported."""
        return sorted(self._by_name())

    def load(self, name: str) -> P:
        """Return a plugin. Raises PluginError where there is none of that name, or it cannot be used."""
        plugin, status = self._load(name)
        if plugin is None:
            raise PluginError(f"the {self._kind} {name!r} ({status.distribution}) cannot be used: {status.reason}")
        return plugin

    def status(self, name: str) -> PluginStatus:
        """Return what becomes of a plugin when it is loaded. Raises PluginError where there is none of that name."""
        return self._load(name)[1]

    def statuses(self) -> list[PluginStatus]:
        """Load all of them and return what became of each, by name."""
        return [self.status(name) for name in self.names]

    def _by_name(self) -> dict[str, list[EntryPoint]]:
        if self._points is None:
            self._points = {}
            for point in self._find(self.group):
                self._points.setdefault(point.name, []).append(point)
        return self._points

    def _load(self, name: str) -> tuple[P | None, PluginStatus]:
        if name not in self._loaded:
            points = self._by_name().get(name)
            if points is None:
                raise PluginError(self._unknown(name))
            self._loaded[name] = self._attempt(name, points)
            status = self._loaded[name][1]
            if status.state is not PluginState.OK:
                _log.warning("%s %s (%s) is not available: %s", self._kind, name, status.distribution, status.reason)
        return self._loaded[name]

    def _attempt(self, name: str, points: list[EntryPoint]) -> tuple[P | None, PluginStatus]:
        distribution = " and ".join(sorted({_distribution(point) for point in points}))

        def status(state: PluginState, reason: str = "") -> PluginStatus:
            return PluginStatus(name=name, distribution=distribution, state=state, reason=reason)

        if len({point.value for point in points}) > 1:
            targets = " and ".join(sorted({point.value for point in points}))
            return None, status(PluginState.FAILED, f"the name is claimed twice: by {targets}. Uninstall one")
        try:
            return self._check(name, points[0].load()), status(PluginState.OK)
        except Incompatible as error:
            return None, status(PluginState.INCOMPATIBLE, str(error))
        except PluginError as error:
            return None, status(PluginState.FAILED, str(error))
        except Exception as error:  # noqa: BLE001 - importing runs a stranger's code, which may raise anything
            _log.debug("loading the %s %s", self._kind, name, exc_info=True)
            return None, status(PluginState.FAILED, f"{type(error).__name__}: {error}")

    def _unknown(self, name: str) -> str:
        names = self.names
        near = get_close_matches(name, names, n=1)
        return (
            f"found the {self._kind} {name!r}; installed are {', '.join(names) or 'none'}"
            f"{f'. Did you mean {near[0]!r}?' if near else ''}"
        )


def _distribution(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else "unknown distribution"


def _check_venue(name: str, found: Any) -> VenueDescriptor:
    if not isinstance(found, VenueDescriptor):
        raise PluginError(f"its entry point leads to {found!r}, which is not a VenueDescriptor")
    if found.interface_version != INTERFACE_VERSION:
        older = "anyvenue" if found.interface_version > INTERFACE_VERSION else name
        raise Incompatible(
            f"it was built for version {found.interface_version} of the venue interface, and this anyvenue has version "
            f"{INTERFACE_VERSION}; install a newer {older}"
        )
    if found.name != name:
        raise PluginError(f"its descriptor has the name {found.name!r}; entry point and descriptor must agree")
    return found


def _check_strategy(name: str, found: Any) -> type[Any]:
    if not isinstance(found, type):
        raise PluginError(f"its entry point leads to {found!r}, which is not a class")
    return found


VENUES: Final = Registry("anyvenue.venues", "venue", _check_venue)
"""The venues that are installed."""
STRATEGIES: Final = Registry("anyvenue.strategies", "strategy", _check_strategy)
"""The strategies that are installed."""


def venue(name: str) -> VenueDescriptor:
    """Return the descriptor of an installed venue. Raises PluginError."""
    return VENUES.load(name)


def strategy(name: str) -> type[Any]:
    """Return an installed strategy's class. Raises PluginError."""
    return STRATEGIES.load(name)
