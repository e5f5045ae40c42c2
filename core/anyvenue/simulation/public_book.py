"""What everybody may see of a market: its depth with our resting orders in it, and the news of our trades."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import islice

from anyvenue.model.book_side import Level
from anyvenue.model.decoded_delta import TextPair
from anyvenue.model.enums import Side
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookDelta, MarketEvent, Trade
from anyvenue.model.numbers import ZERO
from anyvenue.simulation.market import Market

__all__ = ["PublicBook", "Publisher"]


class PublicBook:
    """A live view of one market's public depth, external liquidity and our visible orders together."""

    __slots__ = ("_market",)

    def __init__(self, market: Market) -> None:
        self._market = market

    @property
    def instrument(self) -> Instrument:
        """What is traded here."""
        return self._market.instrument

    @property
    def best_bid(self) -> Decimal | None:
        """The best bid; None when there is none."""
        return self._best(Side.BUY)

    @property
    def best_ask(self) -> Decimal | None:
        """The best ask; None when there is none."""
        return self._best(Side.SELL)

    def quantity_at(self, side: Side, price: Decimal) -> Decimal:
        """Return the quantity shown at a price, in the quantity unit."""
        level, others = self._market.side(side).levels.get(price), self._market.external.quantity_at(side, price)
        return others if level is None else others + level.visible

    def bids(self, n: int | None = None) -> list[Level]:
        """Return the best `n` bids (all, without `n`): price and quantity, best first."""
        return list(islice(self._from_best(Side.BUY), n))

    def asks(self, n: int | None = None) -> list[Level]:
        """Return the best `n` asks (all, without `n`): price and quantity, best first."""
        return list(islice(self._from_best(Side.SELL), n))

    def levels(self, n: int | None = None) -> tuple[list[Level], list[Level]]:
        """Return bids and asks."""
        return self.bids(n), self.asks(n)

    def _best(self, side: Side) -> Decimal | None:
        own, others = self._market.side(side).best_level, self._market.external.best(side)
        if own is None:
            return None if others is None else others[0]
        if others is None:
            return own.price
        return max(own.price, others[0]) if side is Side.BUY else min(own.price, others[0])

    def _from_best(self, side: Side) -> Iterator[Level]:
        own, external = self._market.side(side).from_best(), self._market.external.from_best(side)
        level, others = next(own, None), next(external, None)
        while level is not None or others is not None:
            if others is not None and (level is None or (others.price - level.price) * side.sign > 0):
                yield others
                others = next(external, None)
            elif level is not None and (others is None or others.price != level.price):
                yield Level(level.price, level.visible)
                level = next(own, None)
            elif level is not None and others is not None:
                yield Level(level.price, level.visible + others.quantity)
                level, others = next(own, None), next(external, None)


class Publisher:
    """Collects the public news of our own orders and tells it at the end of each command, when anybody listens."""

    def __init__(self, time_ns: Callable[[], int], publish: Callable[[MarketEvent], None] | None) -> None:
        self._time_ns = time_ns
        self._publish = publish
        self._trades: list[Trade] = []
        self._touched: dict[Market, tuple[dict[Decimal, None], dict[Decimal, None]]] = {}

    def traded(self, market: Market, trade_id: str, side: Side, price: Decimal, quantity: Decimal) -> None:
        """Note a trade that an order of ours took."""
        if self._publish is not None:
            self._trades.append(
                Trade(
                    instrument=market.instrument,
                    trade_id=trade_id,
                    side=side,
                    price=price,
                    quantity=quantity,
                    ts_event=self._time_ns(),
                )
            )

    def touched(self, market: Market, side: Side, price: Decimal) -> None:
        """Note that what is shown at a price has changed."""
        if self._publish is not None:
            touched = self._touched.get(market)
            if touched is None:
                touched = self._touched[market] = ({}, {})
            touched[side is Side.SELL][price] = None

    def deliver(self) -> None:
        """Tell the trades, then one change of depth for each market."""
        if self._publish is None or not (self._trades or self._touched):
            return
        trades, self._trades = self._trades, []
        touched, self._touched = self._touched, {}
        now = self._time_ns()
        deltas = [self._delta(market, prices, now) for market, prices in touched.items()]
        for trade in trades:
            self._publish(trade)
        for delta in deltas:
            self._publish(delta)

    def _delta(self, market: Market, touched: tuple[dict[Decimal, None], dict[Decimal, None]], now: int) -> BookDelta:
        bids, asks = touched
        return BookDelta(
            instrument=market.instrument,
            bids=_texts(market, Side.BUY, bids) if bids else [],
            asks=_texts(market, Side.SELL, asks) if asks else [],
            ts_event=now,
        )


def _texts(market: Market, side: Side, prices: Iterable[Decimal]) -> list[TextPair]:
    """Return the prices, and what is shown at each, as a book writes them."""
    own, others, unit = market.side(side).levels, market.external.side(side), market.instrument.depth_unit
    texts = []
    for price in prices:
        shown, level = others.find(price)[2], own.get(price)
        if level is not None:
            shown += level.visible
        texts.append((f"{price:f}", f"{shown / unit or ZERO:f}"))
    return texts
