"""Which file a configuration's name means: a file, or the one that ships with a strategy of that name."""

from __future__ import annotations

import importlib
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from anyvenue.app.config_errors import ConfigError, Problem, listed, near
from anyvenue.app.plugins import Plugins
from anyvenue.venue.registry import PluginError

__all__ = ["find"]


def find(name: str, plugins: Plugins) -> Path:
    """Return the path of a configuration file. Raises ConfigError."""
    path = Path(name).expanduser()
    if path.is_file():
        return path
    names = plugins.strategy_names()
    if name in names:
        return _of_strategy(name, plugins)
    text = f"there is no such file; configurations that ship with a strategy are {listed(names)}.{near(name, names)}"
    raise ConfigError([Problem(place=name, key="", text=text)])


def _of_strategy(name: str, plugins: Plugins) -> Path:
    """A package carries its strategies' files in `configs`; in a source tree they lie beside the package."""
    try:
        strategy = plugins.strategy(name, Path())
    except PluginError as error:
        raise ConfigError([Problem(place=name, key="", text=str(error))]) from error
    package = files(importlib.import_module(strategy.__module__.partition(".")[0]))
    inside: Traversable = package / "configs" / f"{name}.toml"
    for place in (Path(str(inside)), Path(str(package)).parent / f"{name}.toml"):
        if place.is_file():
            return place
    text = f"{strategy.__module__} ships no configuration of that name"
    raise ConfigError([Problem(place=name, key="", text=text)])
