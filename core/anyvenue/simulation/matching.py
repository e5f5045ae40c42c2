"""Matching in price-time priority, among our own orders and against external liquidity.

External liquidity has no orders, only a quantity per price, so the place of our orders in its queue is a model, and a
risk-averse one:

- An order that joins a price stands behind all external quantity shown there (`ahead`).
- A trade of the tape at its price eats what is ahead first, and only then fills it, as maker, at its own price.
- A trade through its price fills it, whatever was ahead.
- A level that shrinks clamps what is ahead to what is left; where the quantity went from is not known, so nothing else
  moves the order up.
- When the external book comes to cross it, it is filled at its own price, up to the quantity that crosses.
- One trade of the tape never fills more of our orders than its own quantity.
- A lower quantity at the same price keeps the place; another price or a higher quantity loses it, and so does an
  iceberg's every new slice.

A taker of ours meets at each price what is ahead of our oldest order, then that order, and so on, then the rest. What
it takes of external liquidity stays taken until the tape next speaks about that price.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from anyvenue.model.book_side import Level
from anyvenue.model.enums import OrderState, SelfTradePrevention, Side
from anyvenue.model.errors import RejectReason
from anyvenue.model.numbers import ZERO
from anyvenue.simulation.ledger import Ledger
from anyvenue.simulation.liquidity import ExternalSide
from anyvenue.simulation.market import Market
from anyvenue.simulation.public_book import Publisher
from anyvenue.simulation.working_order import WorkingOrder

__all__ = ["Matcher", "WalkedLevel"]

WalkedLevel = tuple[Decimal, Decimal, tuple[WorkingOrder, ...]]
"""A price, the external quantity there, and our orders there, oldest first."""


class Matcher:
    """Carries out what a taker, a resting order or a word of the tape brings about."""

    def __init__(self, ledger: Ledger, publisher: Publisher) -> None:
        self._ledger = ledger
        self._publisher = publisher

    # Takers

    def crosses(self, market: Market, side: Side, price: Decimal) -> bool:
        """Tell whether an order of `side` at `price` would trade at once."""
        own = market.side(side.opposite).prices
        others = market.external.best(side.opposite)
        if side is Side.BUY:
            return (others is not None and others.price <= price) or (bool(own) and own[0] <= price)
        return (others is not None and others.price >= price) or (bool(own) and own[-1] >= price)

    def take(self, taker: WorkingOrder, limit: Decimal | None) -> RejectReason | None:
        """Trade as much of `taker` as can be at `limit` or better.

        Returns SELF_TRADE where the rest must go because it met an order of its own account, else None.
        """
        market, side = taker.market, taker.side
        own, external = market.side(side.opposite), market.external
        while taker.leaves > 0:
            level, others = own.best_level, external.best(side.opposite)
            if level is not None and others is not None and level.price != others.price:
                if (level.price < others.price) is (side is Side.BUY):
                    others = None
                else:
                    level = None
            best = level or others
            if best is None or (limit is not None and (best.price - limit) * side.sign > 0):
                return None
            if level is None:
                if others is not None:
                    self._take_external(taker, others, min(taker.leaves, others.quantity))
                continue
            maker = level.head
            before_it = min(maker.ahead, others.quantity, taker.leaves) if others is not None else ZERO
            if others is not None and before_it:
                self._take_external(taker, others, before_it)
            elif maker.account is taker.account:
                if not self._prevent_self_trade(taker, maker):
                    return RejectReason.SELF_TRADE
            else:
                self._traded(market, taker, maker, side, level.price, min(taker.leaves, maker.visible))
        return None

    def _take_external(self, taker: WorkingOrder, others: Level, quantity: Decimal) -> None:
        market, resting_side = taker.market, taker.side.opposite
        market.external.take(resting_side, others, quantity)
        level = market.side(resting_side).levels.get(others.price)
        if level is not None:
            level.eat_ahead(quantity)
        self._publisher.touched(market, resting_side, others.price)
        self._traded(market, taker, None, taker.side, others.price, quantity)

    def _prevent_self_trade(self, taker: WorkingOrder, maker: WorkingOrder) -> bool:
        """Cancel what gives way; tell whether the taker goes on."""
        prevention = taker.prevention
        if prevention is not SelfTradePrevention.CANCEL_NEWEST:
            self.cancel(maker, RejectReason.SELF_TRADE)
            self._ledger.tell_end(maker)
        return prevention is SelfTradePrevention.CANCEL_OLDEST

    def _traded(
        self,
        market: Market,
        taker: WorkingOrder | None,
        maker: WorkingOrder | None,
        side: Side,
        price: Decimal,
        quantity: Decimal,
    ) -> None:
        if maker is not None:
            self._shrink(maker, quantity)
        trade_id = self._ledger.trade(market, taker=taker, maker=maker, taker_side=side, price=price, quantity=quantity)
        if taker is not None:
            market.last_raw = price
            self._publisher.traded(market, trade_id, side, price, quantity)
        for order in (maker, taker):
            if order is not None and order.leaves <= 0 and not order.state.is_terminal:
                self._ledger.end(order, OrderState.FILLED)

    def _shrink(self, maker: WorkingOrder, quantity: Decimal) -> None:
        """Take what a resting order is about to trade out of the book; give an iceberg its next slice."""
        market = maker.market
        maker.visible -= quantity
        if not maker.visible:
            market.side(maker.side).remove(maker)
            if maker.leaves > quantity:
                self._join(maker, maker.leaves - quantity)
        self._publisher.touched(market, maker.side, maker.price)

    # Resting

    def rest(self, order: WorkingOrder) -> None:
        """Put what is left of an order into the book, behind all that is there."""
        self._join(order, order.leaves)
        order.holding.reserve(order)
        self._publisher.touched(order.market, order.side, order.price)

    def _join(self, order: WorkingOrder, leaves: Decimal) -> None:
        market, side = order.market, order.side
        display = order.spec.display_quantity
        order.visible = leaves if display is None or display > leaves else display
        level = market.side(side).add(order)
        level.text, level.size, order.ahead = market.external.side(side).find(order.price)

    def unrest(self, order: WorkingOrder) -> None:
        """Take an order out of the book, its place lost."""
        order.market.side(order.side).remove(order)
        order.visible = order.ahead = ZERO
        order.holding.release(order)
        self._publisher.touched(order.market, order.side, order.price)

    def lower(self, order: WorkingOrder, quantity: Decimal) -> None:
        """Lower a resting order's quantity; it keeps its place."""
        order.quantity = quantity
        order.visible = min(order.visible, order.leaves)
        if order.resting:
            order.holding.reserve(order)
            self._publisher.touched(order.market, order.side, order.price)

    def cancel(self, order: WorkingOrder, reason: RejectReason | None = None, text: str = "") -> None:
        """End an open order, wherever it waits."""
        if order.resting:
            self.unrest(order)
        self._ledger.end(order, OrderState.CANCELED, reason, text)

    # What the tape says

    def tape_trade(self, market: Market, side: Side, price: Decimal, quantity: Decimal) -> None:
        """Let a trade of the outside world, taken by `side`, reach the resting orders at its price or through it."""
        own = market.side(side.opposite)
        left = quantity
        while left > 0:
            level = own.best_level
            if level is None or (level.price - price) * side.sign > 0:
                return
            maker = level.head
            if level.price == price and maker.ahead:
                eaten = min(maker.ahead, left)
                level.eat_ahead(eaten)
                left -= eaten
            else:
                if level.price != price:
                    level.clamp_ahead(ZERO)
                filled = min(maker.visible, left)
                left -= filled
                self._traded(market, None, maker, side, level.price, filled)

    def tape_depth(self, market: Market, external: tuple[ExternalSide, ExternalSide]) -> bool:
        """Let what the tape said about the external book reach our resting orders. Tell whether any was filled."""
        bids, asks = market.bids, market.asks
        other_bids, other_asks = external
        for level in bids.levels.values():
            if (text := level.text) is not None and other_bids.size_of(text) != level.size:
                level.text, level.size, left = other_bids.find(level.price)
                level.clamp_ahead(left)
        for level in asks.levels.values():
            if (text := level.text) is not None and other_asks.size_of(text) != level.size:
                level.text, level.size, left = other_asks.find(level.price)
                level.clamp_ahead(left)
        met = other_asks.comes_to(-bids.best) and self._uncross(market, Side.SELL)
        return (other_bids.comes_to(asks.best) and self._uncross(market, Side.BUY)) or met

    def _uncross(self, market: Market, side: Side) -> bool:
        """Fill our orders that external orders of `side` have come to cross. Tell whether there were any."""
        own, met = market.side(side.opposite), False
        while True:
            level, others = own.best_level, market.external.best(side)
            if level is None or others is None or (level.price - others.price) * side.sign > 0:
                return met
            met, maker = True, level.head
            quantity = min(maker.visible, others.quantity)
            market.external.take(side, others, quantity)
            self._publisher.touched(market, side, others.price)
            self._traded(market, None, maker, side, level.price, quantity)

    # What a taker would meet

    def walk(self, market: Market, side: Side) -> Iterator[WalkedLevel]:
        """Iterate over what an order of `side` would meet, best price first."""
        own, external = market.side(side.opposite).from_best(), market.external.from_best(side.opposite)
        level, others = next(own, None), next(external, None)
        while level is not None or others is not None:
            if others is not None and (level is None or (others.price - level.price) * side.sign < 0):
                yield others.price, others.quantity, ()
                others = next(external, None)
            elif level is not None and (others is None or others.price != level.price):
                yield level.price, ZERO, tuple(level.orders)
                level = next(own, None)
            elif level is not None and others is not None:
                yield level.price, others.quantity, tuple(level.orders)
                level, others = next(own, None), next(external, None)
