"""The guard of positions: take-profit and stop-loss where the venue has none, watched here on the engine's prices.

One pair per position. When its price reaches either level, the position is closed at market, reduce-only, and the pair
is gone. It goes with its position too: flat, or turned over, there is nothing left to protect. The levels survive a
restart; between two runs nobody watches them.
"""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

from anyvenue.engine.commands import CommandFailed, Protect
from anyvenue.model.enums import PositionSide, PriceSource
from anyvenue.model.errors import NotSent, NotSupported, UnknownInstrument
from anyvenue.model.instrument import Instrument
from anyvenue.model.order import Order
from anyvenue.model.order_spec import Protection
from anyvenue.model.position import Position

if TYPE_CHECKING:
    from anyvenue.engine.engine import Engine
    from anyvenue.engine.guard_prices import GuardPrices
    from anyvenue.engine.journal import Journal

__all__ = ["PositionGuard"]

_log = logging.getLogger("anyvenue.engine")

NAME: Final = "guard.positions"
ATTEMPTS_MAX: Final = 5
"""So often is a close tried anew that the venue did not carry out whole."""


@define
class _Pair:
    instrument: Instrument
    side: PositionSide
    protection: Protection
    is_long: bool
    closing: set[str] = field(factory=set)
    """The client ids of the orders that close it, once it has fired."""
    attempts: int = 0


class PositionGuard:
    """Watches the levels of all positions that are protected here."""

    def __init__(self, engine: Engine, journal: Journal, prices: GuardPrices) -> None:
        self._engine = engine
        self._journal = journal
        self._prices = prices
        self._pairs: dict[tuple[str, PositionSide], _Pair] = {}

    def __len__(self) -> int:
        return len(self._pairs)

    def restore(self) -> None:
        """Watch again what an earlier run protected, where the position is still the same way."""
        for row in self._journal.recall(NAME) or []:
            try:
                instrument = self._engine.instrument(row["symbol"], row["connection"])
            except (UnknownInstrument, ValueError) as error:
                self._engine.say(f"the protection of {row['symbol']} is dropped: {error}")
                continue
            side = PositionSide(row["side"])
            protection = Protection(
                take_profit=row["take_profit"], stop_loss=row["stop_loss"], source=PriceSource(row["source"])
            )
            if not self._is_held(instrument, side, is_long=row["is_long"]):
                self._engine.say(f"{instrument.key}: its position is gone, and its protection with it")
                continue
            try:
                self._set(_Pair(instrument, side, protection, row["is_long"]))
            except NotSupported as error:
                self._engine.guards.decide("protection", f"{instrument.key}: nobody protects it any more: {error}")
        self._remember()

    def protect(self, instrument: Instrument, protection: Protection, side: PositionSide) -> None:
        """Set a position's levels in place of those it has. What has no position is refused by `on_refused`."""
        held = self._engine.portfolio.position(instrument, side).quantity
        if not held:
            refusal = NotSent(f"{instrument.key}: there is no position to protect", venue=instrument.venue)
            self._engine.later(CommandFailed(Protect(instrument, protection, side), refusal))
            return
        self._set(_Pair(instrument, side, protection, held > 0))
        self._remember()

    def on_market(self, event: Any) -> None:
        """Look whether a new price reaches a level."""
        key = event.instrument.key
        for pair in [pair for pair in self._pairs.values() if pair.instrument.key == key and not pair.closing]:
            price = self._prices.price(event, pair.protection.source)
            if price is not None and (why := _reached(pair, price)):
                self._fire(pair, why)

    def on_position(self, position: Position) -> None:
        """Drop the levels of a position that is gone or turned over."""
        pair = self._pairs.get((position.instrument.key, position.side))
        if pair is not None and not _is_held(position.quantity, is_long=pair.is_long):
            del self._pairs[position.instrument.key, position.side]
            self._remember()

    def on_order(self, order: Order) -> None:
        """Arm again where the closing order has ended and something is still held."""
        pair = self._pairs.get((order.instrument.key, order.spec.position_side))
        if pair is None or order.client_order_id not in pair.closing or not order.is_terminal or order.missing_fills:
            return
        pair.closing.discard(order.client_order_id)
        if pair.closing or not self._is_held(pair.instrument, pair.side, is_long=pair.is_long):
            return
        text = f"{order.instrument.key}: the stop's closing order ended {order.state.value} with something still held"
        if pair.attempts < ATTEMPTS_MAX:
            self._engine.say(f"{text}; it is tried again at the next price")
            return
        del self._pairs[pair.instrument.key, pair.side]
        self._remember()
        _log.critical("%s, %d times. Close it by hand", text, pair.attempts)
        self._engine.say(f"{text}, {pair.attempts} times. Close it by hand")

    def _set(self, pair: _Pair) -> None:
        self._prices.follow(pair.instrument, pair.protection.source)
        self._pairs[pair.instrument.key, pair.side] = pair

    def _fire(self, pair: _Pair, why: str) -> None:
        pair.attempts += 1
        self._engine.guards.decide("protection", f"{pair.instrument.key}: {why}: the position is closed at market")
        if self._engine.desk.close(pair.instrument, pair.side) is None:
            del self._pairs[pair.instrument.key, pair.side]
            self._remember()
            return
        closing = self._engine.desk.closing_orders(pair.instrument, pair.side)
        pair.closing = {order.client_order_id for order in closing}

    def _is_held(self, instrument: Instrument, side: PositionSide, *, is_long: bool) -> bool:
        return _is_held(self._engine.portfolio.position(instrument, side).quantity, is_long=is_long)

    def _remember(self) -> None:
        rows = [
            {
                "connection": pair.instrument.connection,
                "symbol": pair.instrument.symbol,
                "side": pair.side.value,
                "is_long": pair.is_long,
                "take_profit": _text(pair.protection.take_profit),
                "stop_loss": _text(pair.protection.stop_loss),
                "source": pair.protection.source.value,
            }
            for pair in self._pairs.values()
        ]
        self._journal.remember(NAME, rows or None)


def _is_held(quantity: Decimal, *, is_long: bool) -> bool:
    return quantity > 0 if is_long else quantity < 0


def _reached(pair: _Pair, price: Decimal) -> str:
    """Return which level a price has reached, in words; empty where none."""
    sign = 1 if pair.is_long else -1
    stop, target, source = pair.protection.stop_loss, pair.protection.take_profit, pair.protection.source.value
    if stop is not None and (price - stop) * sign <= 0:
        return f"the {source} price {price} has reached stop_loss {stop}"
    if target is not None and (price - target) * sign >= 0:
        return f"the {source} price {price} has reached take_profit {target}"
    return ""


def _text(number: Decimal | None) -> str | None:
    return None if number is None else str(number)
