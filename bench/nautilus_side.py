"""nautilus_trader's part of `beside_nautilus.py`: it reads a tape and prints its figures.

It is run by an interpreter that has nautilus_trader, which the project's has not: `python nautilus_side.py TAPE
FRAMES`. What is timed is the run alone, with every object made beforehand.
"""

from __future__ import annotations

import gzip
import json
import sys
import time
from decimal import Decimal
from itertools import islice

from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import BookOrder, OrderBookDelta, OrderBookDeltas, TradeTick
from nautilus_trader.model.enums import (
    AccountType,
    AggressorSide,
    BookAction,
    BookType,
    OmsType,
    OrderSide,
    TimeInForce,
)
from nautilus_trader.model.identifiers import TradeId, TraderId
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

INSTRUMENT = TestInstrumentProvider.btcusdt_perp_binance()
LAST = 128  # RecordFlag.F_LAST
TICK = Decimal("0.1")


def deltas_of(frame):
    """One frame as OrderBookDeltas."""
    ts, kind, bids, asks = frame
    levels = [(OrderSide.BUY, *level) for level in bids] + [(OrderSide.SELL, *level) for level in asks]
    made = [OrderBookDelta.clear(INSTRUMENT.id, 0, ts, ts)] if kind == "s" else []
    for number, (side, price, size) in enumerate(levels, start=1):
        quantity = Quantity(float(size), INSTRUMENT.size_precision)
        action = BookAction.UPDATE if quantity > 0 else BookAction.DELETE
        order = BookOrder(side, Price(float(price), INSTRUMENT.price_precision), quantity, 0)
        flags = LAST if number == len(levels) else 0
        made.append(OrderBookDelta(INSTRUMENT.id, action, order, flags, 0, ts, ts))
    return OrderBookDeltas(INSTRUMENT.id, made)


def trade_of(frame):
    """One frame as a TradeTick."""
    ts, _, side, price, size, trade_id = frame
    aggressor = AggressorSide.BUYER if side == "buy" else AggressorSide.SELLER
    return TradeTick(
        INSTRUMENT.id, Price(float(price), 1), Quantity(float(size), 3), aggressor, TradeId(str(trade_id)), ts, ts
    )


class Looker(Strategy):
    """Reads the touch after every frame."""

    def on_start(self):
        self.frames = 0
        self.subscribe_order_book_deltas(INSTRUMENT.id, BookType.L2_MBP)

    def on_order_book_deltas(self, deltas):
        book = self.cache.order_book(INSTRUMENT.id)
        self.frames += 1
        self.touch = book.best_bid_price(), book.best_ask_price(), book.best_bid_size(), book.best_ask_size()


class Requoter(Looker):
    """Keeps one post-only quote a side away from the touch, and amends it when it is too far off."""

    def on_start(self):
        super().on_start()
        self.commands = 0
        self.orders = {}
        self.at = {}

    def on_order_book_deltas(self, deltas):
        super().on_order_book_deltas(deltas)
        bid, ask = self.touch[0].as_decimal(), self.touch[1].as_decimal()
        for side, price in ((OrderSide.BUY, bid - AWAY), (OrderSide.SELL, ask + AWAY)):
            order = self.orders.get(side)
            if order is None or order.is_closed:
                order = self.order_factory.limit(
                    INSTRUMENT.id, side, Quantity(0.01, 3), Price(float(price), 1),
                    time_in_force=TimeInForce.GTC, post_only=True,
                )  # fmt: skip
                self.orders[side], self.at[side] = order, price
                self.submit_order(order)
                self.commands += 1
            elif abs(self.at[side] - price) > TOLERANCE and not order.is_pending_update and order.is_open:
                self.at[side] = price
                self.modify_order(order, price=Price(float(price), 1))
                self.commands += 1


AWAY, TOLERANCE = Decimal("5"), Decimal("1.5")


def run(strategy, data):
    """Run a backtest; return the seconds of CPU of the run alone."""
    engine = BacktestEngine(
        BacktestEngineConfig(trader_id=TraderId("BENCH-001"), logging=LoggingConfig(bypass_logging=True))
    )
    engine.add_venue(
        venue=INSTRUMENT.venue, oms_type=OmsType.NETTING, account_type=AccountType.MARGIN, base_currency=None,
        starting_balances=[Money(1_000_000, USDT)], book_type=BookType.L2_MBP,
    )  # fmt: skip
    engine.add_instrument(INSTRUMENT)
    engine.add_data(data)
    engine.add_strategy(strategy)
    start = time.process_time()
    engine.run()
    seconds = time.process_time() - start
    engine.dispose()
    return seconds


def main():
    """Print JSON lines: one for each run."""
    path, count = sys.argv[1], int(sys.argv[2])
    with gzip.open(path) as lines:
        next(lines)
        frames = [json.loads(line) for line in islice(lines, count)]
    data = [trade_of(frame) if frame[1] == "t" else deltas_of(frame) for frame in frames]
    for kind in (Looker, Requoter):
        strategy = kind(StrategyConfig(strategy_id="bench"))
        seconds = run(strategy, data)
        print(json.dumps({"way": kind.__name__, "seconds": seconds, "frames": strategy.frames,
                          "commands": getattr(strategy, "commands", 0)}))  # fmt: skip


if __name__ == "__main__":
    main()
