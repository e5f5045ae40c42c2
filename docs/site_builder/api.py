"""The pages of the API reference: which public names stand on which, for mkdocstrings to read from the source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Final

from attrs import frozen

__all__ = ["PAGES", "documented", "pages"]


@frozen
class _Page:
    title: str
    about: str
    modules: tuple[str, ...]
    """`.*` stands for all modules of a package."""


PAGES: Final[Mapping[str, _Page]] = {
    "strategies": _Page(
        "Strategies and scripts",
        "What the author of a strategy or a script works with.",
        (
            "anyvenue.engine.strategy",
            "anyvenue.engine.backtest",
            "anyvenue.engine.result",
            "anyvenue.engine.signal",
            "anyvenue.engine.risk_limits",
            "anyvenue.scripting",
            "anyvenue.venue.session",
            "anyvenue.venue.session_market",
            "anyvenue.venue.session_trading",
            "anyvenue.venue.session_account",
        ),
    ),
    "model": _Page(
        "The model",
        "What trading is: values, no I/O. Times are nanoseconds since the epoch, UTC; prices and money are `Decimal`.",
        ("anyvenue.model.*",),
    ),
    "venue": _Page(
        "The plugin interface",
        "What an adapter implements, and what joins it to the rest.",
        ("anyvenue.venue.*", "anyvenue.venue.secrets.reference", "anyvenue.venue.secrets.source"),
    ),
    "wire": _Page("HTTP and WebSocket", "What carries an adapter's requests and frames.", ("anyvenue.wire.*",)),
    "simulation": _Page(
        "Simulators",
        "The clock and the market that a simulator stands on, and the server around an adapter's dialect.",
        (
            "anyvenue.simulation.clock",
            "anyvenue.simulation.pump",
            "anyvenue.simulation.exchange",
            "anyvenue.simulation.server.*",
        ),
    ),
    "testing": _Page(
        "The conformance kit",
        "How an adapter is proven.",
        ("anyvenue.testing.suite", "anyvenue.testing.bench", "anyvenue.testing.behaviour"),
    ),
}
"""Each page by its file's name."""

_INSIDE: Final = ("anyvenue.model.book_side", "anyvenue.model.decoded_delta", "anyvenue.model.decoded_side")
"""Modules with public names that are only for their neighbours."""


def pages() -> dict[str, str]:
    """Return the pages by file name, as Markdown for mkdocstrings."""
    told: set[str] = set()
    made = {}
    for name, page in PAGES.items():
        parts = [f"# {page.title}", page.about]
        for module in _modules(name):
            if module in told:
                continue
            told.add(module)
            parts.append(f"## {module}")
            parts += [f"::: {module}.{public}" for public in _own_names(module)]
        made[f"{name}.md"] = "\n\n".join(parts) + "\n"
    return made


def documented() -> set[str]:
    """Return every name that has a place in the reference, as `module.name`."""
    return {f"{module}.{name}" for page in PAGES for module in _modules(page) for name in _own_names(module)}


def _modules(page: str) -> Iterator[str]:
    for wanted in PAGES[page].modules:
        package, star, _ = wanted.partition(".*")
        if star:
            path = import_module(package).__path__
            names = (f"{package}.{found.name}" for found in iter_modules(path) if not found.ispkg)
            yield from (name for name in names if name not in _INSIDE)
        else:
            yield wanted


def _own_names(module: str) -> list[str]:
    """Return the public names that a module defines itself; what it passes on has its place where it is from."""
    loaded = import_module(module)
    return [name for name in getattr(loaded, "__all__", ()) if _home(getattr(loaded, name), module) == module]


def _home(value: Any, module: str) -> str:
    return str(getattr(value, "__module__", module) or module) if callable(value) else module
