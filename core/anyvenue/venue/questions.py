"""Asking a venue what it has: each question with a deadline, each failure a missing answer and nothing more."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from attrs import frozen

from anyvenue.model.balance import Balance
from anyvenue.model.errors import AnyvenueError, OutcomeUnknown, TradingEnded
from anyvenue.model.fill import Fill
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import FundingPayment
from anyvenue.model.order import Order
from anyvenue.model.position import Position
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.clock import Clock
from anyvenue.venue.interface import Venue, VenueOrder
from anyvenue.venue.missed import looked_back
from anyvenue.wire.deadline import deadline, pause

__all__ = ["Questions", "Told"]

T = TypeVar("T")

_log = logging.getLogger("anyvenue.venue")

DEADLINE_S: Final = 15.0
"""After so long without an answer a question has none."""
TRIES: Final = 5
"""So often a question that a start depends on is asked."""
RETRY_S: Final = 1.0


@frozen
class Told(Generic[T]):
    """What a look-up said, and when it was asked, by our clock: it is true for some time after that."""

    asked_ns: int
    what: T


class Questions:
    """The look-ups of one venue. Each returns None where the venue has it not, or gave no answer that can be read.

    Attributes:
        refused: what says that a question was refused, and would be again: such as that of a key that has expired.
    """

    refused: TradingEnded | None = None

    def __init__(self, venue: Venue, connection: str, clock: Clock) -> None:
        self._venue = venue
        self._connection = connection
        self._clock = clock

    def has(self, feature: Feature) -> bool:
        """Tell whether the venue has a look-up."""
        return self._venue.capabilities.has(feature)

    def looked_back(self, since_ns: int) -> int:
        """Return what to take for a time of our clock by the venue's."""
        return looked_back(self._venue, since_ns)

    async def open_orders(self) -> Told[Sequence[VenueOrder]] | None:
        """Ask for all open orders."""
        return await self._ask(Feature.OPEN_ORDERS, lambda: self._venue.open_orders())

    async def order(self, order: Order) -> Told[VenueOrder | None] | None:
        """Ask for one order. `Told(None)`: the venue says that it does not know it."""
        return await self._ask(Feature.ORDER_LOOKUP, lambda: self._venue.order(order))

    async def history(self, instrument: Instrument, since_ns: int) -> Told[Sequence[VenueOrder]] | None:
        """Ask for the orders that ended since a time of our clock."""
        start_ns = self.looked_back(since_ns)
        return await self._ask(Feature.ORDER_HISTORY, lambda: self._venue.order_history(instrument, start_ns=start_ns))

    async def fills(self, instrument: Instrument, since_ns: int) -> Told[Sequence[Fill]] | None:
        """Ask for the fills since a time of our clock."""
        start_ns = self.looked_back(since_ns)
        return await self._ask(Feature.FILLS, lambda: self._venue.fills(instrument, start_ns=start_ns))

    async def positions(self) -> Told[Sequence[Position]] | None:
        """Ask for the positions that are not flat."""
        return await self._ask(Feature.POSITIONS, lambda: self._venue.positions())

    async def funding_payments(self, instrument: Instrument, since_ns: int) -> Told[Sequence[FundingPayment]] | None:
        """Ask for the funding paid and received since a time of the venue's clock."""
        return await self._ask(
            Feature.FUNDING_PAYMENTS, lambda: self._venue.funding_payments(instrument, start_ns=since_ns)
        )

    async def balances(self) -> Told[Sequence[Balance]] | None:
        """Ask for the balances."""
        return await self._ask(None, lambda: self._venue.balances())

    async def _ask(self, feature: Feature | None, question: Callable[[], Awaitable[T]]) -> Told[T] | None:
        if feature is not None and not self.has(feature):
            return None
        name = "balances" if feature is None else feature.value
        asked_ns = self._clock.time_ns()
        try:
            async with deadline(self._clock, DEADLINE_S):
                return Told(asked_ns, await question())
        except (AnyvenueError, TimeoutError) as error:
            if isinstance(error, TradingEnded):
                self.refused = error
            _log.warning("%s: %s: no answer: %s", self._connection, name, str(error) or "none in time")
        except Exception:  # noqa: BLE001 - whatever an adapter raises, it is no answer
            _log.exception("%s: %s: the venue raised what an adapter may not raise", self._connection, name)
        return None

    async def surely(self, feature: Feature, ask: Callable[[], Awaitable[Told[T] | None]]) -> Told[T] | None:
        """Ask again and again what a start depends on. None: the venue has no such look-up.

        Raises OutcomeUnknown, and TradingEnded where the key is refused.
        """
        if not self.has(feature):
            return None
        for number in range(TRIES):
            if number:
                await pause(self._clock, RETRY_S * 2**number)
            self.refused = None  # another question may have been
            told = await ask()
            if told is not None:
                return told
            if self.refused is not None:
                raise self.refused
        raise OutcomeUnknown(
            f"{self._connection}: {feature.value}: asked {TRIES} times without an answer, and a run that does not "
            "know what the account has must not start. See the log for why, and start again",
            venue=self._venue.name,
        )
