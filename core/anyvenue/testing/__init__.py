"""The conformance kit: what every venue has to do, as a suite of tests that an adapter's author subclasses.

    from anyvenue.testing import ConformanceSuite

    class TestMyVenue(ConformanceSuite):
        venue = "myvenue"
        instrument = "BTC-PERP"

It needs pytest, which anyvenue itself does not: install `anyvenue[testing]`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

try:
    import pytest
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "anyvenue.testing needs pytest, which is not installed: pip install 'anyvenue[testing]'", name="pytest"
    ) from error

if TYPE_CHECKING:
    from anyvenue.testing.behaviour import Unproven
    from anyvenue.testing.bench import Bench
    from anyvenue.testing.suite import ConformanceSuite

__all__ = ["Bench", "ConformanceSuite", "Unproven"]

pytest.register_assert_rewrite("anyvenue.testing.behaviours")

_PLACES = {"Bench": "bench", "ConformanceSuite": "suite", "Unproven": "behaviour"}


def __getattr__(name: str) -> Any:
    """Import what is asked for: the pytest plugin lies in this package and must not load all of it."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
