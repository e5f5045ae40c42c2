"""The synthetic market: the same for the same seed, alive, and never run dry."""

import hashlib
from decimal import Decimal
from itertools import pairwise

import pytest

from anyvenue.model.enums import Side
from anyvenue.model.errors import UnknownInstrument
from anyvenue.model.market import BookDelta, BookSnapshot, Trade
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.resting_ids import RestingIds
from anyvenue.simulation.simulated_market import SimulatedMarket
from anyvenue.venue.descriptor import SimulationSettings
from anyvenue.venue.events import Channel

SECOND = 1_000_000_000

FIRST_TRADES = [
    "buy 0.025 at 60000.1",
    "buy 0.055 at 60000.2",
    "buy 0.010 at 60000.3",
    "buy 0.105 at 60000.1",
    "buy 2.205 at 60000.3",
]
"""Of seed 1, written down once."""


def market(**settings):
    settings = SimulationSettings(market="synthetic", **settings)
    return SimulatedMarket.on(DrivenClock(), settings)


def played(stall, **settings):
    desk = stall.desk("synthetic", duration_s=15, **settings)
    desk.subscribe(Channel.BOOK, Channel.TRADES)
    while desk.clock.step():
        pass
    return desk


def digest(desk):
    return hashlib.sha256("\n".join(map(repr, desk.events)).encode()).hexdigest()


def test_a_seed_gives_the_same_market_to_the_byte_and_another_seed_another(stall):
    assert digest(played(stall, seed=5)) == digest(played(stall, seed=5))
    assert digest(played(stall, seed=5)) != digest(played(stall, seed=6))


def test_it_is_the_same_market_on_every_machine_and_version():
    found = market(duration_s=5)
    while found.clock.step():
        pass
    record = found.listing("BTC-USDT-PERP").record
    trades = record.trades(found.listing("BTC-USDT-PERP").instrument, start_ns=0, end_ns=2**63)
    told = [f"{trade.side.value} {trade.quantity} at {trade.price}" for trade in trades[:5]]
    assert told == FIRST_TRADES


def test_the_book_stays_deep_and_close(stall):
    desk = stall.desk("synthetic")
    instrument = desk.instrument
    assert instrument.symbol == "BTC-USDT-PERP"
    spreads = []
    for second in range(1, 31):
        desk.clock.run_until(desk.venue.market.start_ns + second * SECOND)
        book = desk.venue.market.exchange.book(instrument.symbol)
        assert min(len(book.bids()), len(book.asks())) >= 8
        assert book.best_bid < book.best_ask
        spreads.append(book.best_ask - book.best_bid)
    assert sorted(spreads)[15] <= Decimal(2)


def test_there_are_fifty_to_a_hundred_and_fifty_events_a_second(stall):
    desk = played(stall)
    assert 15 * 50 <= len(desk.of(BookDelta)) <= 15 * 150
    assert 15 * 10 <= len(desk.of(Trade)) <= 15 * 100
    assert {trade.side for trade in desk.of(Trade)} == set(Side)


def test_the_price_moves_and_comes_in_order_of_time(stall):
    desk = played(stall)
    trades = desk.of(Trade)
    assert len({trade.price for trade in trades}) > 10
    assert all(a.ts_event <= b.ts_event for a, b in pairwise(trades))


def test_it_fills_the_book_again_when_somebody_takes_all_of_it(stall):
    desk = stall.desk("synthetic", balance="1000000000")
    desk.buy("1000")
    bought = desk.wait(desk.venue.positions())[0].quantity
    assert bought > 10
    desk.clock.run_until(desk.clock.time_ns() + 10 * SECOND)
    assert len(desk.venue.market.exchange.book(desk.instrument.symbol).asks()) >= 8


def test_its_traders_meet_our_resting_orders(stall):
    desk = stall.desk("synthetic")
    book = desk.wait(desk.venue.order_book(desk.instrument, 1))
    bid = desk.buy("0.5", Decimal(book.bids[0][0]), post_only=True)
    ask = desk.sell("0.5", Decimal(book.asks[0][0]), post_only=True)
    desk.clock.run_until(desk.clock.time_ns() + 20 * SECOND)
    filled = sum(desk.wait(desk.venue.order(order)).report.filled_quantity for order in (bid, ask))
    assert filled > 0


def test_it_has_any_linear_symbol_that_is_asked_for():
    found = market(symbols=("SOL-USDC-PERP", "ETH-USDT-PERP"))
    assert list(found.listings) == ["SOL-USDC-PERP", "ETH-USDT-PERP"]
    assert found.listing("SOL-USDC-PERP").instrument.settle == "USDC"
    assert found.end_ns is None
    assert list(market(symbols=("BTC-PERP",)).listings) == ["BTC-USDT-PERP"]
    with pytest.raises(UnknownInstrument, match="allowed are BASE-QUOTE-PERP and BASE-PERP"):
        market(symbols=("BTCUSDT",))


def test_resting_ids_forget_what_is_filled_or_removed():
    ids = RestingIds()
    for name in "abc":
        ids.add(name, f"account of {name}", Decimal(2))
    ids.reduce("a", Decimal(1))
    assert len(ids) == 3
    ids.reduce("a", Decimal(1))
    ids.remove("unknown")
    ids.reduce("unknown", Decimal(1))
    ids.remove("c")
    assert len(ids) == 1

    class Chance:
        def below(self, count):
            assert count == 1
            return 0

    assert ids.pick(Chance()) == ("b", "account of b")


def test_a_listener_of_its_beginning_gets_one_snapshot_before_the_deltas(stall):
    desk = played(stall)
    book = [event for event in desk.events if isinstance(event, BookSnapshot | BookDelta)]
    assert isinstance(book[0], BookSnapshot)
    assert min(len(book[0].bids), len(book[0].asks)) >= 8
    assert all(isinstance(event, BookDelta) for event in book[1:])
    assert [event.last_id for event in book] == list(range(book[0].last_id, book[-1].last_id + 1))


def test_a_market_that_is_quietened_has_an_empty_book_and_nothing_moves_it():
    made = market(symbols=("BTC-USDT-PERP", "ETH-USDT-PERP"))
    for _ in range(500):
        made.clock.step()
    assert made.exchange.book("ETH-USDT-PERP").best_bid is not None
    made.quieten()
    made.quieten()
    made.clock.run_until(made.clock.time_ns() + 60 * SECOND)
    for symbol in ("BTC-USDT-PERP", "ETH-USDT-PERP"):
        book = made.exchange.book(symbol)
        assert (book.best_bid, book.best_ask) == (None, None)
