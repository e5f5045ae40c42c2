"""The account side of a session: what the venue says of orders, fills, positions and balances, and news of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar
from weakref import ref

from anyvenue.model.balance import Balance
from anyvenue.model.enums import PositionSide
from anyvenue.model.fill import Fill
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import FundingPayment
from anyvenue.model.numbers import Number, exact
from anyvenue.model.order import Order
from anyvenue.model.position import Position
from anyvenue.venue import emulation
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.clock import Clock
from anyvenue.venue.interface import Venue, VenueOrder
from anyvenue.venue.order_tracker import OrderTracker
from anyvenue.venue.session_core import SECOND_NS, SessionCore
from anyvenue.venue.settling import Settling
from anyvenue.venue.stream import Driver, Stream

__all__ = ["AccountSession"]

T = TypeVar("T")


class AccountSession(SessionCore):
    """What an account on one venue has."""

    def __init__(
        self, venue: Venue, clock: Clock, driver: Driver, *, session: str, allowed: Iterable[Feature] = ()
    ) -> None:
        super().__init__(venue, clock, driver, session=session, allowed=allowed)
        self._order_readers: list[ref[Stream[Order]]] = []
        self._fill_readers: list[ref[Stream[Fill]]] = []
        self._tracker = OrderTracker(self._changed, lambda fill: _push(self._fill_readers, fill))
        self._settling = Settling(venue, clock, self._tracker)

    # Look-ups

    async def order(self, order: Order) -> Order | None:
        """Ask the venue about an order, and return it with what that proves. None: the venue does not know it.

        That is no proof that it never will: a create may still be on its way.
        """
        self._require(Feature.ORDER_LOOKUP)
        found = await self._ask(self.venue.order(self._tracker.current(order)))
        return None if found is None else self._seen(found)

    async def open_orders(self, symbol: str | Instrument | None = None) -> list[Order]:
        """Return the open orders of the account as the venue has them, also those that are not ours."""
        self._require(Feature.OPEN_ORDERS)
        instrument = None if symbol is None else self.instrument(symbol)
        return [self._seen(found) for found in await self._ask(self.venue.open_orders(instrument))]

    def unsettled_orders(self) -> list[Order]:
        """Return our orders that have a command whose outcome is not known."""
        return [order for order in self._tracker.open_orders() if order.has_unknown_fate]

    async def settle(self, order: Order | str, *, patience_s: Number = 60) -> Order:
        """Ask the venue about one of our orders until nothing about it is unknown, and return it as it is then.

        It may be given by its client id, such as an error's.

        It is looked for by its ids, among the open orders, in the history, and by its fills. That it is nowhere proves
        that it never came (REJECTED, `RejectReason.NOT_SENT`) or has ended only where its create can no longer arrive
        and the venue would still remember it. Nothing is sent, and what is known is not asked about. Raises
        OutcomeUnknown where something is unknown still after `patience_s` seconds: it may be tried again. Raises
        TradingEnded at once, such as AuthenticationFailed, where the key is refused; what is unknown stays so.
        """
        if isinstance(order, str):
            known = self._tracker.get(order)
            if known is None:
                raise ValueError(f"order: found the client id {order!r}, which is none of this session's orders")
            order = known
        return await self._ask(self._settling.settle(order, int(exact(patience_s, "patience_s") * SECOND_NS)))

    def current(self, order: Order) -> Order:
        """Return one of our orders as it is now, by all that is known here. Nothing is asked."""
        return self._tracker.current(order)

    async def fills(self, symbol: str | Instrument, *, start_ns: int = 0) -> list[Fill]:
        """Return the account's fills since `start_ns`, oldest first."""
        self._require(Feature.FILLS)
        return list(await self._ask(self.venue.fills(self.instrument(symbol), start_ns=start_ns)))

    async def order_history(self, symbol: str | Instrument, *, start_ns: int = 0) -> list[Order]:
        """Return the orders that ended since `start_ns`, as far back as the venue remembers."""
        self._require(Feature.ORDER_HISTORY)
        found = await self._ask(self.venue.order_history(self.instrument(symbol), start_ns=start_ns))
        return [self._seen(order) for order in found]

    async def funding_payments(self, symbol: str | Instrument, *, start_ns: int = 0) -> list[FundingPayment]:
        """Return the funding paid and received since `start_ns`, oldest first."""
        self._require(Feature.FUNDING_PAYMENTS)
        return list(await self._ask(self.venue.funding_payments(self.instrument(symbol), start_ns=start_ns)))

    async def positions(self) -> list[Position]:
        """Return the positions that are not flat."""
        self._require(Feature.POSITIONS)
        return list(await self._ask(self.venue.positions()))

    async def position(self, symbol: str | Instrument, position_side: PositionSide = PositionSide.NET) -> Position:
        """Return one position, flat or not."""
        instrument = self.instrument(symbol)
        for position in await self.positions():
            if position.instrument.key == instrument.key and position.side is position_side:
                return position
        return Position(instrument=instrument, side=position_side)

    async def balances(self) -> list[Balance]:
        """Return the account's balances."""
        return list(await self._ask(self.venue.balances()))

    # Streams

    def order_updates(self) -> Stream[Order]:
        """Stream our orders, each after every change of it from now on. None is ever skipped."""
        return self._reader(self._order_readers)

    def new_fills(self) -> Stream[Fill]:
        """Stream the account's fills from now on. None is ever skipped, or told twice."""
        return self._reader(self._fill_readers)

    def _reader(self, readers: list[ref[Stream[T]]]) -> Stream[T]:
        async def nothing(stream: Stream[T]) -> None:
            """It listens from the moment it is made."""

        stream: Stream[T] = Stream(self._driver, start=nothing, stop=nothing)
        readers.append(ref(stream))
        return stream

    def _end_streams(self) -> None:
        for stream in (*_living(self._order_readers), *_living(self._fill_readers)):
            stream.end()

    def _changed(self, order: Order) -> None:
        self._settling.note(order)
        _push(self._order_readers, order)

    def _seen(self, found: VenueOrder) -> Order:
        """Take in what a look-up says, of one of ours or of a stranger's."""
        self._tracker.apply(found.report)
        return self._tracker.current(emulation.seen_order(found))


def _living(readers: list[ref[Stream[T]]]) -> list[Stream[Any]]:
    """Return the streams that somebody still holds, and forget the others."""
    streams = [stream for reference in readers if (stream := reference()) is not None]
    readers[:] = [ref(stream) for stream in streams]
    return list(streams)


def _push(readers: list[ref[Stream[T]]], item: T) -> None:
    for stream in _living(readers):
        stream.push(item)
