"""The portfolio: positions as our fills make them, balances as the venues tell them, and what both are worth."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TypeAlias, TypeVar

from attrs import evolve

from anyvenue.model.balance import Balance
from anyvenue.model.enums import ContractKind, PositionSide
from anyvenue.model.fill import Fill
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import FundingPayment
from anyvenue.model.numbers import ZERO
from anyvenue.model.order import Order
from anyvenue.model.position import Position

__all__ = ["Portfolio"]

K = TypeVar("K")

_Stamp: TypeAlias = tuple[int | None, int]
_SIDES = tuple(PositionSide)


class Portfolio:
    """Positions and balances over all connections.

    `mark` gives an instrument's mark price, else its mid, else None.
    """

    def __init__(self, mark: Callable[[Instrument], Decimal | None]) -> None:
        self._mark = mark
        self._positions: dict[tuple[str, PositionSide], Position] = {}
        self._reported: dict[tuple[str, PositionSide], Position] = {}
        self._reported_at: dict[tuple[str, PositionSide], _Stamp] = {}
        self._balances: dict[tuple[str, str], Balance] = {}
        self._missing: dict[str, tuple[Order, Decimal]] = {}
        self._balances_at: dict[tuple[str, str], _Stamp] = {}
        self._baselines: dict[str, int] = {}

    def position(self, instrument: Instrument, side: PositionSide = PositionSide.NET) -> Position:
        """Return the position our fills make; a flat one where there are none.

        What an order is known to have traded without a fill having told it yet is in it, at the average price that the
        venue reported: whoever trades on a position must not be behind what is known of the orders.
        """
        position = self._booked(instrument, side)
        for order, price in self._missing.values() if self._missing else ():
            if order.instrument.key == instrument.key and order.spec.position_side is side:
                position = position.apply(_expected(order, price))
        return position

    def _booked(self, instrument: Instrument, side: PositionSide) -> Position:
        return self._positions.get((instrument.key, side)) or Position(instrument=instrument, side=side)

    def expect(self, order: Order) -> None:
        """Take in how much an order has traded that no fill has told yet."""
        if order.reported_quantity > order.booked_quantity:
            price = order.reported_average or order.price or self._mark(order.instrument)
            if price:
                self._missing[order.spec.client_order_id] = order, price
                return
        if self._missing:
            self._missing.pop(order.spec.client_order_id, None)

    def positions(self) -> list[Position]:
        """Return every position that was ever held, flat ones included."""
        return list(self._positions.values())

    def quantity(self, instrument: Instrument, *, expected: bool = True) -> Decimal:
        """Return what is held of an instrument, long and short legs netted; with what is `expected`, as `position`."""
        total, positions, key = ZERO, self._positions, instrument.key
        for side in _SIDES:
            leg = positions.get((key, side))
            if leg is not None:
                total += leg.quantity
        for order, _ in self._missing.values() if expected else ():
            if order.instrument.key == key:
                total += order.missing_fills * order.side.sign
        return total

    def balance(self, connection: str, currency: str) -> Balance | None:
        """Return a balance as the venue told it last."""
        return self._balances.get((connection, currency))

    def book(self, fill: Fill) -> Position:
        """Add a fill, which the caller knows to be new."""
        position = self._booked(fill.instrument, fill.position_side).apply(fill)
        self._positions[fill.instrument.key, fill.position_side] = position
        return position

    def restore(self, position: Position) -> None:
        """Take on a position that an earlier run's fills made. Its profit so far is that run's."""
        kept = evolve(position, realized_pnl=ZERO, fees=ZERO, funding=ZERO)
        self._positions[position.instrument.key, position.side] = kept

    def adopt(self, venues: Position) -> Position:
        """Hold what the venue says is held, at its entry price, and return that. Profit counted so far stays."""
        ours, instrument = self._booked(venues.instrument, venues.side), venues.instrument
        # What is expected is in the venue's number already, and is booked when its fill comes.
        quantity = venues.quantity - self.position(instrument, venues.side).quantity + ours.quantity
        if ours.quantity != quantity:
            price = venues.entry_price or self._mark(instrument)
            cost = ZERO if price is None else instrument.value(quantity, price)
            if venues.cost and quantity == venues.quantity:
                cost = venues.cost
            ours = evolve(ours, quantity=quantity, cost=cost)
        self._positions[instrument.key, venues.side] = ours
        return self.position(instrument, venues.side)

    def set_baseline(self, connection: str, ts_ns: int) -> None:
        """Say that the positions of a connection hold all that was filled before `ts_ns`, by the venue's clock."""
        self._baselines[connection] = max(ts_ns, self._baselines.get(connection, 0))

    def includes(self, fill: Fill) -> bool:
        """Tell whether a fill is part of the positions that were there at the start, so that it is booked already."""
        return 0 < fill.ts_event < self._baselines.get(fill.instrument.connection, 0)

    def pay_funding(self, payment: FundingPayment) -> Position:
        """Add a funding payment to the instrument's position (in hedge mode: to the leg that is held)."""
        legs = [self._booked(payment.instrument, side) for side in _SIDES]
        position = next((leg for leg in legs if leg.quantity), legs[0]).pay_funding(payment)
        self._positions[payment.instrument.key, position.side] = position
        return position

    def report(self, position: Position) -> None:
        """Remember a position as the venue has it. Older ones, by the venue's count or its clock, are ignored."""
        key = (position.instrument.key, position.side)
        if _is_news(position, key, self._reported_at):
            self._reported[key] = position

    def reported(self, instrument: Instrument, side: PositionSide = PositionSide.NET) -> Position | None:
        """Return a position as the venue told it last."""
        return self._reported.get((instrument.key, side))

    def reported_positions(self, connection: str) -> list[Position]:
        """Return all positions of a connection as the venue told them last."""
        return [position for position in self._reported.values() if position.instrument.connection == connection]

    def set_balance(self, connection: str, balance: Balance) -> None:
        """Remember a balance. Older ones, by the venue's count or its clock, are ignored."""
        key = (connection, balance.currency)
        if _is_news(balance, key, self._balances_at):
            self._balances[key] = balance

    def net_pnl(self) -> Decimal:
        """Return the profit of everything since the start in quote money, after fees and funding.

        Coin-settled profit is turned into quote money at the mark.
        """
        return sum((self.net_pnl_of(position) for position in self._positions.values()), ZERO)

    def net_pnl_of(self, position: Position) -> Decimal:
        """Return one position's profit since the start in quote money, after fees and funding."""
        mark = self._mark(position.instrument)
        if mark is None:
            mark = position.entry_price
        if mark is None:
            return position.realized_pnl - position.fees + position.funding
        pnl = position.net_pnl(mark)
        return pnl if position.instrument.kind is ContractKind.LINEAR else pnl * mark


def _expected(order: Order, price: Decimal) -> Fill:
    """Return the fill that will tell of what an order is known to have traded."""
    return Fill(
        instrument=order.instrument,
        trade_id=f"missing {order.client_order_id}",
        client_order_id=order.client_order_id,
        venue_order_id=order.venue_order_id,
        side=order.side,
        price=price,
        quantity=order.missing_fills,
        position_side=order.spec.position_side,
        estimated=True,
        ts_event=order.ts_event,
        ts_recv=order.ts_recv,
    )


def _is_news(told: Position | Balance, key: K, newest: dict[K, _Stamp]) -> bool:
    """Tell whether something is no older than the newest of its key, and keep the count and time of that.

    The venue's own count decides where it has one; what bears neither count nor time is taken as new.
    """
    sequence, ts_event = newest.get(key, (None, 0))
    if told.sequence is not None and sequence is not None:
        is_older = told.sequence < sequence
    else:
        is_older = 0 < told.ts_event < ts_event
    if not is_older:
        newest[key] = (sequence if told.sequence is None else told.sequence, max(ts_event, told.ts_event))
    return not is_older
