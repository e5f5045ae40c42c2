"""What is installed, as the application asks for it: venues and strategies by name, with messages for people."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from anyvenue.app.config_errors import listed, near

if TYPE_CHECKING:
    from anyvenue.engine.strategy import Strategy
    from anyvenue.venue.descriptor import VenueDescriptor

__all__ = ["InstalledPlugins", "PluginTrouble", "Plugins"]

VENUES: Final = "anyvenue.venues"
STRATEGIES: Final = "anyvenue.strategies"


class PluginTrouble(ValueError):
    """A venue or strategy that is not there or cannot be used. The message says what was found and what there is."""


class Plugins(Protocol):
    """Where venues and strategies come from."""

    def venue_names(self) -> Sequence[str]:
        """Return the names of the installed venues, usable or not."""

    def strategy_names(self) -> Sequence[str]:
        """Return the names of the installed strategies."""

    def venue(self, name: str) -> VenueDescriptor:
        """Return a venue's descriptor. Raises PluginTrouble."""

    def strategy(self, name: str, folder: Path) -> type[Strategy]:
        """Return a strategy class, by its name or as `module:Class`, found beside `folder` too. Raises PluginTrouble."""


class InstalledPlugins:
    """The entry points of the installed distributions."""

    def venue_names(self) -> Sequence[str]:
        """Return the names of the installed venues, usable or not."""
        return sorted(entry_points(group=VENUES).names)

    def strategy_names(self) -> Sequence[str]:
        """Return the names of the installed strategies."""
        return sorted(entry_points(group=STRATEGIES).names)

    def venue(self, name: str) -> VenueDescriptor:
        """Return a venue's descriptor. Raises PluginTrouble."""
        from anyvenue.venue import registry

        names = self.venue_names()
        if name not in names:
            raise PluginTrouble(f'found "{name}"; installed are {listed(names)}.{near(name, names)}')
        try:
            return registry.venue(name)
        except registry.PluginError as error:
            raise PluginTrouble(str(error)) from error

    def strategy(self, name: str, folder: Path) -> type[Strategy]:
        """Return a strategy class, by its name or as `module:Class`. Raises PluginTrouble."""
        from anyvenue.engine.strategy import Strategy

        found = _by_module(name, folder) if ":" in name else self._by_name(name)
        if not (isinstance(found, type) and issubclass(found, Strategy)):
            raise PluginTrouble(f'found "{name}", which is not a subclass of anyvenue.engine.strategy.Strategy')
        return found

    def _by_name(self, name: str) -> Any:
        from anyvenue.venue import registry

        names = self.strategy_names()
        if name not in names:
            text = (
                f'found "{name}"; installed are {listed(names)}, and module:Class names any other.{near(name, names)}'
            )
            raise PluginTrouble(text)
        try:
            return registry.strategy(name)
        except registry.PluginError as error:
            raise PluginTrouble(str(error)) from error


def _by_module(name: str, folder: Path) -> Any:
    """Import `module:Class`. A strategy's file may lie beside its configuration, or where the command was given."""
    module_name, _, class_name = name.partition(":")
    for place in (str(folder.resolve()), str(Path.cwd())):
        if place not in sys.path:
            sys.path.append(place)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # noqa: BLE001 - importing runs a stranger's code, which may raise anything
        raise PluginTrouble(
            f'found "{name}"; its module cannot be imported: {type(error).__name__}: {error}'
        ) from error
    found = getattr(module, class_name, None)
    if found is None:
        classes = [key for key, value in vars(module).items() if isinstance(value, type)]
        raise PluginTrouble(f'found "{name}"; {module_name} has no "{class_name}".{near(class_name, classes)}')
    return found
