"""Market data: every stream and every history, in both ways of keeping a book, and over the real network."""

import asyncio
from decimal import Decimal

import pytest

import anyvenue
from anyvenue.model.enums import OrderState, Side
from anyvenue.model.errors import Rejected
from anyvenue.model.market import BookSnapshot, Candle, FundingRate, Liquidation, Quote, Ticker, Trade
from anyvenue.venue.events import Channel, Subscription

BTC = "BTC-USDT-PERP"
BTC_USD = "BTC-USD-PERP"
SECOND = 1_000_000_000
MINUTE = 60 * SECOND


def dec(text):
    return Decimal(text)


async def subscribed(gate, channel, symbol=BTC, **terms):
    wish = Subscription(channel=channel, instrument=gate.instrument(symbol), **terms)
    await gate.venue.subscribe(wish)
    return wish


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("book", ["obu", "updates"])
def test_a_book_follows_the_outside_worlds_and_a_second_reader_shares_it(play, book, seed):
    async def scenario(floor):
        gate = await floor.session(book=book)
        stream = gate.books(BTC)
        live = await anext(stream)
        await floor.until(lambda: live.is_synced)
        first = live.bids(9), live.asks(9)
        floor.show((("60000.5", "7"), ("59999", "0")), (("60001", "1"),), snapshot=False)
        await floor.wait(1)
        second = live.bids(9), live.asks(9)
        again = await anext(gate.books(BTC))
        return first, second, again is live, live.is_synced

    (bids, asks), second, shared, synced = play(scenario, seed=seed)
    assert bids == [(60000, dec("0.1")), (59999, dec("0.2")), (59990, dec("0.5"))]
    assert asks == [(60001, dec("0.1")), (60002, dec("0.2")), (60010, dec("0.5"))]
    assert second == (
        [(dec("60000.5"), dec("0.0007")), (60000, dec("0.1")), (59990, dec("0.5"))],
        [(60001, dec("0.0001")), (60002, dec("0.2")), (60010, dec("0.5"))],
    )
    assert (shared, synced) == (True, True)


@pytest.mark.parametrize("depth", [50, 400])
def test_a_book_has_the_depth_that_was_wished_for_also_after_it_was_started_anew(play, depth):
    async def scenario(floor):
        floor.show(
            tuple((str(60_000 - number), "1") for number in range(420)),
            tuple((str(60_001 + number), "1") for number in range(420)),
        )
        gate = await floor.session()
        wish = await subscribed(gate, Channel.BOOK, depth=depth)
        await floor.wait(1)
        await gate.venue.resync(Subscription(channel=Channel.BOOK, instrument=wish.instrument))
        await floor.wait(1)
        return [(len(snapshot.bids), len(snapshot.asks)) for snapshot in gate.heard(BookSnapshot)]

    assert play(scenario) == [(depth, depth)] * 2


def test_trades_are_told_once_each_with_the_takers_side(play):
    async def scenario(floor):
        gate = await floor.session()
        wish = await subscribed(gate, Channel.TRADES)
        floor.trade("60001", "0.01", Side.BUY)
        floor.trade("60000", "0.02", Side.SELL)
        await floor.wait(2)
        await gate.venue.unsubscribe(wish)
        await gate.venue.unsubscribe(wish)
        floor.trade("60001", "0.03", Side.BUY)
        await floor.wait(2)
        return gate.heard(Trade)

    assert [(trade.side, trade.price, trade.quantity) for trade in play(scenario)] == [
        (Side.BUY, 60001, dec("0.01")),
        (Side.SELL, 60000, dec("0.02")),
    ]


def test_the_ticker_tells_prices_and_the_funding_rate_only_who_asked_for_it(play):
    async def scenario(floor):
        gate = await floor.session()
        ticker = await subscribed(gate, Channel.TICKER)
        floor.mark("60005", "60006")
        await floor.wait(3)
        assert gate.heard(FundingRate) == []
        funding = await subscribed(gate, Channel.FUNDING)
        await gate.venue.unsubscribe(ticker)
        floor.mark("60007", "60008")
        await floor.wait(3)
        await gate.venue.unsubscribe(funding)
        asked = await gate.ticker(BTC)
        return gate.heard(Ticker), gate.heard(FundingRate), asked

    tickers, rates, asked = play(scenario)
    assert (60005, 60006) in [(ticker.mark_price, ticker.index_price) for ticker in tickers]
    assert rates
    assert {rate.settled for rate in rates} == {False}
    assert rates[-1].ts_settle % (8 * 3600 * SECOND) == 0  # every eight hours
    assert (asked.mark_price, asked.index_price) == (60007, 60008)


def test_quotes_tell_the_best_of_each_side(play):
    async def scenario(floor):
        gate = await floor.session()
        await subscribed(gate, Channel.QUOTES)
        await floor.wait(1)
        floor.show((("60000.5", "3"),), (), snapshot=False)
        await floor.wait(1)
        floor.show((), ())
        await floor.wait(1)
        return gate.heard(Quote)

    quotes = [(q.bid, q.bid_quantity, q.ask, q.ask_quantity) for q in play(scenario)]
    assert (dec("60000.5"), dec("0.0003"), 60001, dec("0.1")) in quotes
    assert quotes[-1] == (None, 0, None, 0)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_candles_are_made_of_trades_and_the_stream_and_the_history_agree(play, seed):
    async def scenario(floor):
        gate = await floor.session()
        await subscribed(gate, Channel.CANDLES, interval_s=60)
        start = floor.clock.time_ns() // MINUTE * MINUTE + MINUTE
        await floor.wait((start - floor.clock.time_ns()) / SECOND + 5)
        for price, quantity in (("60001", "0.01"), ("60050", "0.02"), ("59950", "0.01"), ("60010", "0.03")):
            floor.trade(price, quantity)
            await floor.wait(5)
        await floor.wait(60)
        floor.trade("60020", "0.01")
        await floor.wait(70)
        history = await gate.venue.candles(gate.instrument(BTC), 60, start_ns=start, end_ns=start + 2 * MINUTE)
        return start, history, gate.heard(Candle)

    start, history, told = play(scenario, seed=seed)
    assert [(c.ts_open, c.open, c.high, c.low, c.close, c.volume) for c in history] == [
        (start, 60001, 60050, 59950, 60010, dec("0.07")),
        (start + MINUTE, 60020, 60020, 60020, 60020, dec("0.01")),
    ]
    closed = [(c.ts_open, c.open, c.high, c.low, c.close, c.volume) for c in told if c.closed and c.ts_open == start]
    assert closed == [(start, 60001, 60050, 59950, 60010, dec("0.07"))]


def test_public_trades_are_told_oldest_first_over_several_pages(play):
    async def scenario(floor):
        gate = await floor.session()
        start_ns = floor.clock.time_ns()
        for number in range(250):
            floor.trade(str(60_001 + number % 7), f"0.{number + 1:04}")
            await floor.wait(0.01 if number % 2 else 0)
        await floor.wait(1)
        return await gate.recent_trades(BTC, start_ns=start_ns)

    assert [trade.quantity for trade in play(scenario)] == [dec(f"0.{number + 1:04}") for number in range(250)]


def test_the_liquidation_of_others_is_told(play):
    async def scenario(floor):
        floor.show((("60000", "200000"),), (("60001", "200000"),))
        gate, bob = await floor.session(), await floor.session("bob")
        await subscribed(gate, Channel.LIQUIDATIONS)
        await bob.buy(BTC, "15")
        floor.show((("53500", "200000"),), (("53501", "200000"),))
        floor.mark("53500")  # lost 97,515 of 100,000: 2,000 are left, and 0.5 % of 802,500 are needed
        await floor.wait(5)
        return gate.heard(Liquidation)

    # Gate does not say whether the sign of its size is the position's or the closing order's, so no side is asserted.
    assert [event.quantity for event in play(scenario)] == [15]


def test_the_book_of_the_inverse_contract_comes_by_updates_in_dollars(play):
    async def scenario(floor):
        gate = await floor.session(settle="btc")
        live = await anext(gate.books(BTC_USD))
        await floor.until(lambda: live.is_synced)
        return live.bids(1), live.asks(1)

    assert play(scenario) == ([(60000, 1000)], [(60001, 1000)])


@pytest.mark.parametrize("options", [{}, {"order_entry": "websocket", "book": "updates"}])
def test_over_the_real_network_a_script_sees_a_book_and_trades(options):
    async def script():
        async with (
            asyncio.timeout(30),
            anyvenue.connect("gateio", options=options, simulation={"market": "synthetic"}) as gate,
        ):
            async for book in gate.books(BTC):
                if book.is_synced and book.best_bid and book.best_ask:
                    break
            price = book.best_bid.price - 1000
            order = await gate.buy(BTC, "0.01", price, post_only=True)
            with pytest.raises(Rejected):
                await gate.buy(BTC, "0.01", book.best_ask.price + 100, post_only=True)
            order = await gate.amend(order, price=price - 1)
            found = await gate.order(order)
            order = await gate.cancel(order)
            bought = await gate.buy(BTC, "0.01")
            held = await gate.position(BTC)
            await gate.close(BTC)
            return price, found, order, bought, held, await gate.position(BTC)

    price, found, order, bought, held, after = asyncio.run(script())
    assert (found.state, found.price) == (OrderState.OPEN, price - 1)
    assert order.state is OrderState.CANCELED
    assert (bought.state, held.quantity) == (OrderState.FILLED, dec("0.01"))
    assert after.is_flat
