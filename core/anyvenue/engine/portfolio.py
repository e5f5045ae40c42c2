"""The portfolio: positions as our fills make them, balances as the venues tell them, and what both are worth."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from anyvenue.model.balance import Balance
from anyvenue.model.enums import ContractKind, PositionSide
from anyvenue.model.fill import Fill
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import FundingPayment
from anyvenue.model.numbers import ZERO
from anyvenue.model.order import Order
from anyvenue.model.position import Position

__all__ = ["Portfolio"]

_SIDES = tuple(PositionSide)


class Portfolio:
    """Positions and balances over all connections.

    `mark` gives an instrument's mark price, else its mid, else None.
    """

    def __init__(self, mark: Callable[[Instrument], Decimal | None]) -> None:
        self._mark = mark
        self._positions: dict[tuple[str, PositionSide], Position] = {}
        self._reported: dict[tuple[str, PositionSide], Position] = {}
        self._balances: dict[tuple[str, str], Balance] = {}
        self._missing: dict[str, Fill] = {}

    def position(self, instrument: Instrument, side: PositionSide = PositionSide.NET) -> Position:
        """Return the position our fills make; a flat one where there are none.

        What an order is known to have traded without a fill having told it yet is in it, at the average price that the
        venue reported: whoever trades on a position must not be behind what is known of the orders.
        """
        position = self._booked(instrument, side)
        for fill in self._missing.values():
            if fill.instrument.key == instrument.key and fill.position_side is side:
                position = position.apply(fill)
        return position

    def _booked(self, instrument: Instrument, side: PositionSide) -> Position:
        return self._positions.get((instrument.key, side)) or Position(instrument=instrument, side=side)

    def expect(self, order: Order) -> None:
        """Take in how much an order has traded that no fill has told yet."""
        missing, price = order.missing_fills, order.reported_average or order.price or self._mark(order.instrument)
        if not missing or price is None:
            self._missing.pop(order.client_order_id, None)
            return
        self._missing[order.client_order_id] = Fill(
            instrument=order.instrument,
            trade_id=f"missing {order.client_order_id}",
            client_order_id=order.client_order_id,
            venue_order_id=order.venue_order_id,
            side=order.side,
            price=price,
            quantity=missing,
            position_side=order.spec.position_side,
            estimated=True,
            ts_event=order.ts_event,
            ts_recv=order.ts_recv,
        )

    def positions(self) -> list[Position]:
        """Return every position that was ever held, flat ones included."""
        return list(self._positions.values())

    def quantity(self, instrument: Instrument) -> Decimal:
        """Return what is held of an instrument, long and short legs netted."""
        total, positions, key = ZERO, self._positions, instrument.key
        for side in _SIDES:
            leg = positions.get((key, side))
            if leg is not None:
                total += leg.quantity
        for fill in self._missing.values():
            if fill.instrument.key == key:
                total += fill.quantity * fill.side.sign
        return total

    def balance(self, connection: str, currency: str) -> Balance | None:
        """Return a balance as the venue told it last."""
        return self._balances.get((connection, currency))

    def book(self, fill: Fill) -> Position:
        """Add a fill, which the caller knows to be new."""
        position = self._booked(fill.instrument, fill.position_side).apply(fill)
        self._positions[fill.instrument.key, fill.position_side] = position
        return position

    def pay_funding(self, payment: FundingPayment) -> Position:
        """Add a funding payment to the instrument's position (in hedge mode: to the leg that is held)."""
        legs = [self._booked(payment.instrument, side) for side in _SIDES]
        position = next((leg for leg in legs if leg.quantity), legs[0]).pay_funding(payment)
        self._positions[payment.instrument.key, position.side] = position
        return position

    def report(self, position: Position) -> None:
        """Remember a position as the venue has it. Older ones by its own count are ignored."""
        key = (position.instrument.key, position.side)
        known = self._reported.get(key)
        if known is None or not _is_older(position.sequence, known.sequence):
            self._reported[key] = position

    def reported(self, instrument: Instrument, side: PositionSide = PositionSide.NET) -> Position | None:
        """Return a position as the venue told it last."""
        return self._reported.get((instrument.key, side))

    def set_balance(self, connection: str, balance: Balance) -> None:
        """Remember a balance. Older ones by the venue's own count are ignored."""
        key = (connection, balance.currency)
        known = self._balances.get(key)
        if known is None or not _is_older(balance.sequence, known.sequence):
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


def _is_older(new: int | None, known: int | None) -> bool:
    return new is not None and known is not None and new < known
