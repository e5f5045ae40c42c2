"""What every part of a session stands on: the venue, its clock, who drives it, and the instruments by name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Final, TypeVar

from anyvenue.model.catalog import InstrumentCatalog
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import Number, exact
from anyvenue.venue.capabilities import Capability, Feature
from anyvenue.venue.clock import Clock
from anyvenue.venue.interface import Venue
from anyvenue.venue.stream import Driver

__all__ = ["SECOND_NS", "SessionCore"]

T = TypeVar("T")

SECOND_NS: Final = 1_000_000_000


class SessionCore:
    """A venue, asked through the driver of its clock.

    Attributes:
        venue: the plain Venue. What is awaited on it directly needs somebody else to turn a simulated clock.
        clock: its clock.
    """

    def __init__(
        self, venue: Venue, clock: Clock, driver: Driver, *, session: str, allowed: Iterable[Feature] = ()
    ) -> None:
        self.venue = venue
        self.clock = clock
        self._driver = driver
        self._prefix = f"av{session}-"
        self._allowed = frozenset(allowed)
        self._catalog = InstrumentCatalog(())

    @property
    def time_ns(self) -> int:
        """The time on the venue's clock, in nanoseconds since the epoch: market time, where it is simulated."""
        return self.clock.time_ns()

    async def sleep(self, seconds: Number) -> None:
        """Let time pass on the venue's clock. Where the market is simulated, it moves on meanwhile."""
        passed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def ring() -> None:
            if not passed.done():
                passed.set_result(None)

        timer = self.clock.call_at(self.clock.time_ns() + int(exact(seconds, "seconds") * SECOND_NS), ring)
        try:
            await self._driver.arrives(passed)
        finally:
            timer.cancel()

    def instruments(self) -> list[Instrument]:
        """Return everything that can be traded."""
        return list(self._catalog)

    def instrument(self, symbol: str | Instrument) -> Instrument:
        """Return what a symbol means. Raises UnknownInstrument, with near names."""
        return symbol if isinstance(symbol, Instrument) else self._catalog.resolve(symbol)

    def capability(self, feature: Feature) -> Capability:
        """Return how well the venue can do something."""
        return self.venue.capabilities[feature]

    async def _ask(self, work: Awaitable[T]) -> T:
        return await self._driver.serve(work)

    def _require(self, *features: Feature) -> None:
        """Raise NotSupported for what the venue cannot do, or only approximately and that is not allowed."""
        for feature in features:
            self.venue.capabilities.require(feature, venue=self.venue.name, allowed=self._allowed)
