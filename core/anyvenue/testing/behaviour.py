"""A behaviour: one thing that every venue has to do, where it declares that it can."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

import pytest

from anyvenue.venue.capabilities import Capabilities, Feature, Grade
from anyvenue.wire.deadline import deadline

if TYPE_CHECKING:
    from anyvenue.testing.bench import Bench
    from anyvenue.testing.suite import ConformanceSuite

__all__ = ["Unproven", "behaviour", "needs_of", "reason_to_skip"]

PATIENCE_S: Final = 3600.0
"""A behaviour that takes longer than this, on the market's clock, hangs."""

Scenario = Callable[[Any, "Bench"], Awaitable[None]]


_Skipped: Any = pytest.skip.Exception


class Unproven(_Skipped):  # type: ignore[misc]
    """Whether the venue does this cannot be found out here: neither passed nor absent."""

    def __init__(self, why: str) -> None:
        super().__init__(f"unproven: {why}")


def behaviour(*needs: Feature, wire: bool = False) -> Callable[[Scenario], Callable[[Any], None]]:
    """Make a test of a coroutine function `(suite, bench)`.

    It is skipped where the venue declares that it has not all of `needs`, or only approximately and the suite does
    not allow that. `wire`: it needs a simulator behind the venue's own protocol, where things can go wrong.
    """

    def made(scenario: Scenario) -> Callable[[Any], None]:
        @wraps(scenario)
        def test(self: ConformanceSuite) -> None:
            bench = self.bench(wire=wire)
            if reason := reason_to_skip(bench.capabilities, needs, bench.allowed):
                pytest.skip(reason)
            asyncio.run(_play(self, bench, scenario))

        del test.__wrapped__  # pytest would read its arguments as fixtures
        vars(test)["needs"] = needs
        return test

    return made


async def _play(suite: ConformanceSuite, bench: Bench, scenario: Scenario) -> None:
    async def body() -> None:
        try:
            await bench.start()
            try:
                async with deadline(bench.clock, PATIENCE_S):
                    await scenario(suite, bench)
            except TimeoutError as error:
                text = f"a call raised TimeoutError, or waited for longer than {PATIENCE_S:g} s of the market's time"
                raise AssertionError(text) from error
        finally:
            await bench.end()

    await bench.pump.serve(body())


def needs_of(test: object) -> tuple[Feature, ...]:
    """Return the features that a behaviour needs."""
    needs: tuple[Feature, ...] = getattr(test, "needs", ())
    return needs


def reason_to_skip(capabilities: Capabilities, needs: tuple[Feature, ...], allowed: frozenset[Feature]) -> str:
    """Return which declared capability is in the way, in words; empty where none is."""
    for feature in needs:
        capability = capabilities[feature]
        note = f" ({capability.note})" if capability.note else ""
        if capability.grade is Grade.ABSENT:
            return f"capability {feature.value}: declared absent{note}"
        if capability.grade is Grade.APPROXIMATE and feature not in allowed:
            return f"capability {feature.value}: declared approximate and not allowed{note}"
    return ""
