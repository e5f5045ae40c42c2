"""What is installed, as the application asks for it: venues and strategies by name, strategies by module too."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from anyvenue.app.config_errors import near
from anyvenue.venue import registry
from anyvenue.venue.registry import PluginError

if TYPE_CHECKING:
    from anyvenue.engine.strategy import Strategy
    from anyvenue.venue.descriptor import VenueDescriptor

__all__ = ["InstalledPlugins", "Plugins"]


class Plugins(Protocol):
    """Where venues and strategies come from."""

    def venue_names(self) -> Sequence[str]:
        """Return the names of the installed venues, usable or not."""

    def strategy_names(self) -> Sequence[str]:
        """Return the names of the installed strategies, usable or not."""

    def venue(self, name: str) -> VenueDescriptor:
        """Return a venue's descriptor. Raises PluginError."""

    def strategy(self, name: str, folder: Path) -> type[Strategy]:
        """Return a strategy class, by its name, or by `module:Class`, found in `folder` too. Raises PluginError."""


class InstalledPlugins:
    """The entry points of the installed distributions."""

    def venue_names(self) -> Sequence[str]:
        """Return the names of the installed venues, usable or not."""
        return registry.VENUES.names

    def strategy_names(self) -> Sequence[str]:
        """Return the names of the installed strategies, usable or not."""
        return registry.STRATEGIES.names

    def venue(self, name: str) -> VenueDescriptor:
        """Return a venue's descriptor. Raises PluginError."""
        return registry.venue(name)

    def strategy(self, name: str, folder: Path) -> type[Strategy]:
        """Return a strategy class, by its name, or by `module:Class`, found in `folder` too. Raises PluginError."""
        from anyvenue.engine.strategy import Strategy

        found = _by_module(name, folder) if ":" in name else registry.strategy(name)
        if not (isinstance(found, type) and issubclass(found, Strategy)):
            raise PluginError(f"found {name!r}, which is not a subclass of anyvenue.engine.strategy.Strategy")
        return found


def _by_module(name: str, folder: Path) -> Any:
    """Import `module:Class`. A strategy's file may lie beside its configuration, or where the command was given."""
    module_name, _, class_name = name.partition(":")
    for place in (str(folder.resolve()), str(Path.cwd())):
        if place not in sys.path:
            sys.path.append(place)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        text = f"found {name!r}; its module cannot be imported: {type(error).__name__}: {error}"
        raise PluginError(text) from error
    found = getattr(module, class_name, None)
    if found is None:
        classes = [key for key, value in vars(module).items() if isinstance(value, type)]
        raise PluginError(f"found {name!r}; {module_name} has no {class_name!r}.{near(class_name, classes)}")
    return found
