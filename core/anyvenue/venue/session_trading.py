"""The trading side of a session: orders, positions, balances.

Every command is sent once. What becomes of it is told by what it raises, as for a `Venue`, and by the order itself:
after OutcomeUnknown it has an unknown fate, which `order` settles by asking the venue.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from decimal import Decimal
from typing import TypedDict, TypeVar, Unpack
from weakref import ref

from anyvenue.model.balance import Balance
from anyvenue.model.enums import MarginMode, OrderType, PositionSide, Side, TimeInForce
from anyvenue.model.errors import NotSent, Rejected, RejectReason, TradingEnded
from anyvenue.model.fill import Fill
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import Number, exact
from anyvenue.model.order import Order
from anyvenue.model.order_events import (
    AmendRejected,
    AmendSent,
    AmendUnknown,
    CancelRejected,
    CancelSent,
    CancelUnknown,
    OrderEvent,
    OrderRejected,
    OrderSent,
    OrderUnknown,
)
from anyvenue.model.order_spec import OrderSpec, Protection, Trigger
from anyvenue.model.position import Position
from anyvenue.venue import emulation
from anyvenue.venue.capabilities import Feature, Grade
from anyvenue.venue.clock import Clock
from anyvenue.venue.events import AccountEvent
from anyvenue.venue.interface import Venue, VenueOrder
from anyvenue.venue.needs import features_of
from anyvenue.venue.order_tracker import OrderTracker
from anyvenue.venue.session_core import SessionCore
from anyvenue.venue.stream import Driver, Stream

__all__ = ["OrderTerms", "TradingSession"]

T = TypeVar("T")


class OrderTerms(TypedDict, total=False):
    """What an order may have beside side, quantity and price; see `OrderSpec`."""

    post_only: bool
    reduce_only: bool
    time_in_force: TimeInForce
    trigger: Trigger
    protection: Protection
    position_side: PositionSide
    display_quantity: Decimal


class TradingSession(SessionCore):
    """One account on one venue."""

    def __init__(
        self, venue: Venue, clock: Clock, driver: Driver, *, session: str, allowed: Iterable[Feature] = ()
    ) -> None:
        super().__init__(venue, clock, driver, session=session, allowed=allowed)
        self._count = 0
        self._order_readers: list[ref[Stream[Order]]] = []
        self._fill_readers: list[ref[Stream[Fill]]] = []
        self._tracker = OrderTracker(
            lambda order: _push(self._order_readers, order), lambda fill: _push(self._fill_readers, fill)
        )

    # Commands

    async def buy(
        self, symbol: str | Instrument, quantity: Number, price: Number | None = None, **terms: Unpack[OrderTerms]
    ) -> Order:
        """Buy, at market without a price, and return the order as the venue acknowledged it.

        Raises InvalidOrder, NotSupported and NotSent with nothing sent, Rejected where the venue refuses it, and
        OutcomeUnknown where it may be there: `unsettled_orders` has it then.
        """
        return await self._place(Side.BUY, symbol, quantity, price, terms)

    async def sell(
        self, symbol: str | Instrument, quantity: Number, price: Number | None = None, **terms: Unpack[OrderTerms]
    ) -> Order:
        """Sell; as `buy`."""
        return await self._place(Side.SELL, symbol, quantity, price, terms)

    async def amend(self, order: Order, *, price: Number | None = None, quantity: Number | None = None) -> Order:
        """Change a resting order in place and return it. `quantity` is the new total, the filled part included."""
        self._require(Feature.AMEND)
        new_price = None if price is None else order.instrument.check_price(price)
        new_quantity = None if quantity is None else exact(quantity, "quantity")
        current, name = self._tracker.current(order), order.client_order_id
        self._tracker.apply(AmendSent(client_order_id=name, price=new_price, quantity=new_quantity))
        await self._command(
            self.venue.amend(current, price=new_price, quantity=new_quantity),
            refused=lambda reason, text: AmendRejected(client_order_id=name, reason=reason, text=text),
            unknown=lambda text: AmendUnknown(client_order_id=name, text=text),
        )
        return self._tracker.current(order)

    async def cancel(self, order: Order) -> Order:
        """Cancel an order and return it. Raises Rejected where it has ended before."""
        current, name = self._tracker.current(order), order.client_order_id
        if not current.is_terminal:
            self._tracker.apply(CancelSent(client_order_id=name))
        await self._command(
            self.venue.cancel(current),
            refused=lambda reason, text: CancelRejected(client_order_id=name, reason=reason, text=text),
            unknown=lambda text: CancelUnknown(client_order_id=name, text=text),
        )
        return self._tracker.current(order)

    async def cancel_all(self, symbol: str | Instrument | None = None) -> None:
        """Cancel every order of the account on one instrument, or on all, also those that are not ours."""
        self._require(Feature.CANCEL_ALL)
        if symbol is not None:
            chosen = [self.instrument(symbol)]
        else:
            found = await self._ask(self.venue.open_orders())
            chosen = list({order.instrument.key: order.instrument for order in found}.values())
        for instrument in chosen:
            if self.capability(Feature.CANCEL_ALL).grade is Grade.NATIVE:
                self._tracker.apply_all(await self._ask(self.venue.cancel_all(instrument)))
            else:
                self._tracker.apply_all(await self._ask(emulation.cancel_all(self.venue, instrument)))

    async def close(self, symbol: str | Instrument, position_side: PositionSide = PositionSide.NET) -> None:
        """Close a position at market, reduce-only. A flat one is left alone."""
        self._require(Feature.CLOSE_POSITION)
        instrument = self.instrument(symbol)
        if self.capability(Feature.CLOSE_POSITION).grade is Grade.NATIVE:
            if (await self.position(instrument, position_side)).is_flat:
                return
            work: Awaitable[Sequence[AccountEvent]] = self.venue.close_position(instrument, position_side)
        else:
            work = emulation.close_position(self.venue, instrument, position_side, new_id=self._next_id)
        self._tracker.apply_all(await self._ask(work))

    async def protect(
        self,
        symbol: str | Instrument,
        *,
        take_profit: Number | None = None,
        stop_loss: Number | None = None,
        position_side: PositionSide = PositionSide.NET,
    ) -> None:
        """Set a position's take-profit and stop-loss, in place of the ones it has."""
        self._require(Feature.PROTECTION)
        protection = Protection(take_profit=take_profit, stop_loss=stop_loss)
        events = await self._ask(self.venue.protect(self.instrument(symbol), protection, position_side))
        self._tracker.apply_all(events)

    async def set_leverage(
        self, symbol: str | Instrument, leverage: Number, margin_mode: MarginMode = MarginMode.CROSS
    ) -> Position:
        """Set leverage and margin mode, and return the position as the venue has it then."""
        self._require(Feature.LEVERAGE)
        return await self._ask(
            self.venue.set_leverage(self.instrument(symbol), exact(leverage, "leverage"), margin_mode)
        )

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

    def current(self, order: Order) -> Order:
        """Return one of our orders as it is now, by all that is known here. Nothing is asked."""
        return self._tracker.current(order)

    async def fills(self, symbol: str | Instrument, *, start_ns: int = 0) -> list[Fill]:
        """Return the account's fills since `start_ns`, oldest first."""
        self._require(Feature.FILLS)
        return list(await self._ask(self.venue.fills(self.instrument(symbol), start_ns=start_ns)))

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

    # How a command goes

    async def _place(
        self, side: Side, symbol: str | Instrument, quantity: Number, price: Number | None, terms: OrderTerms
    ) -> Order:
        name = self._next_id()
        spec = OrderSpec(
            client_order_id=name,
            instrument=self.instrument(symbol),
            side=side,
            quantity=exact(quantity, "quantity"),
            price=None if price is None else exact(price, "price"),
            order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
            ts_created=self.clock.time_ns(),
            **terms,
        )
        self._require(*features_of(spec))
        order = Order(spec=spec)
        self._tracker.add(order)
        self._tracker.apply(OrderSent(client_order_id=name))
        await self._command(
            self.venue.place(spec),
            refused=lambda reason, text: OrderRejected(client_order_id=name, reason=reason, text=text),
            unknown=lambda text: OrderUnknown(client_order_id=name, text=text),
        )
        return self._tracker.current(order)

    async def _command(
        self,
        work: Awaitable[Sequence[AccountEvent]],
        *,
        refused: Callable[[RejectReason, str], OrderEvent],
        unknown: Callable[[str], OrderEvent],
    ) -> None:
        """Carry out a command on one of our orders, and let the order know what became of it."""
        try:
            events = await self._ask(work)
        except BaseException as error:  # a cancelled call too: its outcome is unknown
            reason, text = _proven_reason(error), str(error) or type(error).__name__
            self._tracker.apply(unknown(text) if reason is None else refused(reason, text))
            raise
        self._tracker.apply_all(events)

    def _seen(self, found: VenueOrder) -> Order:
        """Take in what a look-up says, of one of ours or of a stranger's."""
        self._tracker.apply(found.report)
        return self._tracker.current(emulation.seen_order(found))

    def _next_id(self) -> str:
        self._count += 1
        return f"{self._prefix}{self._count}"


def _proven_reason(error: BaseException) -> RejectReason | None:
    """Return why nothing happened, where the error proves that; else None."""
    match error:
        case Rejected(reason=reason):
            return reason
        case NotSent() | TradingEnded() | TypeError() | ValueError():
            return RejectReason.NOT_SENT
        case _:
            return None


def _push(readers: list[ref[Stream[T]]], item: T) -> None:
    for reference in list(readers):
        stream = reference()
        if stream is None:
            readers.remove(reference)
        else:
            stream.push(item)
