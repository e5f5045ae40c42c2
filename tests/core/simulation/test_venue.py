"""The venue `simulated` on a tape of nine frames, worked out by hand. The tape is in conftest."""

from decimal import Decimal

import pytest

from anyvenue.model.book_keeper import BookKeeper
from anyvenue.model.enums import (
    Liquidity,
    MarginMode,
    OrderState,
    PositionMode,
    PositionSide,
    PriceSource,
    Side,
    TimeInForce,
)
from anyvenue.model.errors import InsufficientFunds, NotSent, NotSupported, Rejected, UnknownInstrument, UnknownOrder
from anyvenue.model.market import BookDelta, BookSnapshot, FundingPayment, FundingRate, Ticker, Trade
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderAccepted, OrderCanceled, OrderFilled, OrderSent
from anyvenue.model.order_spec import Protection
from anyvenue.model.position import Position
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.reply import spawn
from anyvenue.simulation.tape import BrokenTape
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.clock import WallClock
from anyvenue.venue.descriptor import SimulationSettings
from anyvenue.venue.events import Channel, Subscription


@pytest.fixture
def desk(stall):
    return stall.desk()


def levels(event):
    return [list(level) for level in event.bids], [list(level) for level in event.asks]


# Opening


def test_connecting_takes_until_the_market_begins(stall):
    desk = stall.desk(clock=DrivenClock(stall.start - 5 * stall.second))
    assert desk.clock.time_ns() == stall.start


def test_it_lists_what_the_tape_is_of_under_the_connections_name(stall):
    instrument = stall.desk(connection="second", maker_fee="-0.0001").instrument
    assert instrument.key == "second:ABC-USDT-PERP"
    assert (instrument.venue, instrument.settle) == ("simulated", "USDT")
    assert instrument.price_rule.size == Decimal("0.5")
    assert instrument.quantity_step == Decimal("0.1")
    assert (instrument.maker_fee, instrument.taker_fee) == (Decimal("-0.0001"), Decimal("0.0005"))


def test_it_runs_on_a_driven_clock_only(stall):
    with pytest.raises(TypeError, match="runs on a DrivenClock; found a WallClock"):
        stall.desk(clock=WallClock(), connect=False)


def test_nothing_is_sent_before_connect_and_after_close(stall):
    desk = stall.desk(connect=False)
    with pytest.raises(NotSent):
        desk.wait(desk.venue.balances())
    desk.wait(desk.venue.connect(desk.events.append))
    assert [balance.total for balance in desk.wait(desk.venue.balances())] == [100000]
    desk.wait(desk.venue.close())
    desk.wait(desk.venue.close())
    with pytest.raises(NotSent):
        desk.wait(desk.venue.balances())


def test_the_account_is_still_there_after_a_reconnect(desk):
    order = desk.buy("1", "99.0")
    desk.wait(desk.venue.close())
    desk.wait(desk.venue.connect(desk.events.append))
    assert desk.wait(desk.venue.order(order)).report.state is OrderState.OPEN


def test_an_account_has_one_wire(stall):
    path, clock = stall.tape(), DrivenClock()
    stall.desk(path, clock=clock)
    with pytest.raises(ValueError, match="has a connection to this market already"):
        stall.desk(path, clock=clock)


def test_symbols_choose_among_the_tapes(stall):
    with pytest.raises(UnknownInstrument, match=r"found 'ABD-USDT-PERP'; .* hold ABC-USDT-PERP. Did you mean"):
        stall.desk(symbols=("ABD-USDT-PERP",))


# Market data


def test_a_book_is_a_snapshot_and_then_the_tapes_own_frames_numbered_on(stall, desk):
    desk.subscribe(Channel.BOOK)
    desk.run_to(3)
    snapshot, *deltas = desk.events
    assert isinstance(snapshot, BookSnapshot)
    assert levels(snapshot) == ([["99.5", "3"], ["99.0", "10"]], [["100.0", "2"], ["100.5", "10"]])
    assert [levels(delta) for delta in deltas] == [([["99.5", "4"]], []), ([["99.5", "3"]], [["101.0", "5"]])]
    ids = [(delta.first_id, delta.last_id, delta.previous_id) for delta in deltas]
    assert ids == [(snapshot.last_id + n, snapshot.last_id + n, snapshot.last_id + n - 1) for n in (1, 2)]
    assert [delta.ts_event for delta in deltas] == [stall.start + n * stall.second for n in (1, 3)]


def test_trades_are_the_tapes(stall, desk):
    desk.subscribe(Channel.TRADES)
    desk.run_to(4)
    first, second = desk.of(Trade)
    assert (first.trade_id, first.side, first.price, first.quantity) == ("t1", Side.SELL, Decimal("99.5"), 1)
    assert (second.trade_id, second.side, second.ts_event) == ("t2", Side.BUY, stall.start + 4 * stall.second)
    assert second.instrument is desk.instrument


def test_nobody_gets_what_he_did_not_ask_for(desk):
    desk.run_to(8)
    assert desk.events == []


def test_a_stream_stops_and_starts_again_with_a_snapshot(desk):
    desk.subscribe(Channel.BOOK)
    desk.run_to(1)
    desk.wait(desk.venue.unsubscribe(Subscription(channel=Channel.BOOK, instrument=desk.instrument)))
    desk.run_to(3)
    seen = len(desk.events)
    desk.subscribe(Channel.BOOK)
    desk.subscribe(Channel.BOOK)
    desk.run_to(5)
    snapshot, delta = desk.events[seen:]
    assert levels(snapshot)[1] == [["100.0", "2"], ["100.5", "10"], ["101.0", "5"]]
    assert delta.first_id == snapshot.last_id + 1


def test_the_mark_is_the_mid_once_a_second_and_the_ticker_tells_it(desk):
    desk.subscribe(Channel.TICKER)
    desk.run_to(6.5)
    tickers = desk.of(Ticker)
    # The best ask is gone at second 5: mid 99.75 until then, then (99.5 + 100.5) / 2.
    assert [ticker.mark_price for ticker in tickers] == [Decimal("99.75")] * 4 + [Decimal("100")] * 2
    assert tickers[-1].last_price == Decimal("99.0")
    assert tickers[-1].funding_rate == Decimal("0.0001")


def test_an_absent_channel_is_refused_before_anything_is_sent(desk):
    with pytest.raises(NotSupported, match="candles is absent"):
        desk.wait(desk.venue.subscribe(Subscription(channel=Channel.CANDLES, instrument=desk.instrument)))


def test_an_instrument_of_another_connection_is_refused(stall, desk):
    other = stall.desk(connection="other").instrument
    with pytest.raises(UnknownInstrument, match="found other:ABC-USDT-PERP; this connection has main:ABC-USDT-PERP"):
        desk.wait(desk.venue.order_book(other))


# Our orders in the public book


def test_our_resting_order_is_in_the_public_book_and_stays_there_when_the_tape_speaks(desk):
    desk.subscribe(Channel.BOOK)
    desk.buy("2", "99.5")
    assert levels(desk.events[-1]) == ([["99.5", "5"]], [])
    desk.run_to(1)
    # The tape says 4 are there; with our 2 that is 6, told after the tape's own entry.
    assert levels(desk.events[-1]) == ([["99.5", "4"], ["99.5", "6"]], [])


def test_a_snapshot_shows_our_orders_too(desk):
    desk.sell("1.5", "100.0")
    book = desk.wait(desk.venue.order_book(desk.instrument, 1))
    assert levels(book) == ([["99.5", "3"]], [["100.0", "3.5"]])


def test_a_cancelled_order_leaves_the_public_book(desk):
    order = desk.buy("2", "98.0")
    desk.subscribe(Channel.BOOK)
    desk.wait(desk.venue.cancel(order))
    assert levels(desk.events[-1]) == ([["98.0", "0"]], [])


def test_what_we_take_is_a_public_trade_and_gone_from_the_book(desk):
    desk.subscribe(Channel.BOOK, Channel.TRADES)
    desk.buy("1.5")
    desk.run_to(0)
    trade = desk.of(Trade)[0]
    assert (trade.side, trade.price, trade.quantity) == (Side.BUY, Decimal("100.0"), Decimal("1.5"))
    assert levels(desk.of(BookDelta)[-1]) == ([], [["100.0", "0.5"]])


def test_a_tape_that_comes_to_cross_our_order_is_told_in_one_message_that_does_not_cross(stall):
    frames = [stall.frames[0], [stall.start + stall.second, "d", [], [["99.0", "1"], ["99.5", "1"]]]]
    desk = stall.desk(stall.tape(frames))
    desk.subscribe(Channel.BOOK)
    order = desk.buy("5", "99.5")
    keeper = BookKeeper(desk.instrument, desk.venue.depth_rule(desk.instrument))
    keeper.on_snapshot(desk.events[0])
    desk.run_to(1)
    for delta in desk.of(BookDelta):
        keeper.on_delta(delta)
        assert keeper.book.is_synced
    filled = desk.of(OrderFilled)
    assert sum(event.fill.quantity for event in filled) == 2
    assert {event.fill.liquidity for event in filled} == {Liquidity.MAKER}
    assert keeper.book.best_ask.price == 100
    assert desk.wait(desk.venue.order(order)).report.filled_quantity == 2


# Latency


def test_latency_is_between_us_and_the_exchange_and_back(stall):
    desk = stall.desk(latency_in_us=1000, latency_out_us=3000)
    sent = desk.clock.time_ns()
    events = desk.wait(desk.venue.place(desk.spec(Side.BUY, "1", "99.0")))
    assert isinstance(events[0], OrderAccepted)
    assert events[0].ts_event == sent + 1_000_000
    assert events[0].ts_recv == desk.clock.time_ns() == sent + 4_000_000


def test_market_data_comes_after_the_latency_out(stall):
    desk = stall.desk(latency_in_us=1000, latency_out_us=3000)
    desk.subscribe(Channel.BOOK)
    desk.run_to(1.5)
    delta = desk.of(BookDelta)[0]
    assert (delta.ts_event, delta.ts_recv) == (stall.start + stall.second, stall.start + stall.second + 3_000_000)


def test_the_reply_comes_before_the_fills(stall):
    desk = stall.desk(latency_in_us=1000, latency_out_us=3000)
    replies = []
    spawn(desk.venue.place(desk.spec(Side.BUY, "1")), replies.append)
    while not replies:
        desk.clock.step()
    assert desk.events == []
    order = Order(spec=desk.spec(Side.BUY, "1")).apply(OrderSent()).apply(replies[0][0])
    assert order.state is OrderState.OPEN
    desk.run_to(1)
    filled = desk.of(OrderFilled)[0]
    assert order.apply(filled).state is OrderState.FILLED
    assert filled.fill.instrument is desk.instrument


# The end


def test_it_ends_with_the_tape_and_answers_all_the_same(desk):
    ends = []
    desk.venue.when_finished(lambda: ends.append(desk.clock.time_ns()))
    desk.run_to(7.9)
    assert not desk.venue.is_finished
    assert ends == []
    while desk.clock.step():
        pass
    assert desk.venue.is_finished
    desk.venue.when_finished(lambda: ends.append("again"))
    assert ends == [desk.venue.market.end_ns, "again"]
    desk.buy("1")
    assert [position.quantity for position in desk.wait(desk.venue.positions())] == [1]


def test_a_duration_ends_it_earlier(stall):
    desk = stall.desk(duration_s=2.5)
    desk.subscribe(Channel.BOOK, Channel.TRADES)
    while desk.clock.step():
        pass
    assert desk.venue.is_finished
    assert desk.clock.time_ns() == stall.start + 5 * stall.second // 2
    assert [type(event) for event in desk.events] == [BookSnapshot, BookDelta, Trade]


def test_a_clock_that_is_past_the_start_of_the_tape_joins_it_there(stall):
    desk = stall.desk(clock=DrivenClock(stall.start + 3 * stall.second + 1))
    book = desk.wait(desk.venue.order_book(desk.instrument))
    assert levels(book)[1] == [["100.0", "2"], ["100.5", "10"], ["101.0", "5"]]


# Several accounts


def test_connections_of_one_market_trade_with_each_other(stall):
    path, clock = stall.tape(), DrivenClock()
    one = stall.desk(path, clock=clock, connection="one")
    two = stall.desk(path, clock=clock, connection="two", balance="50", latency_out_us=1000)
    assert one.venue.market is two.venue.market
    one.sell("1", "100.0")
    two.buy("3")  # 2 of the tape were there before one's order
    two.run_to(0.5)
    sold, bought = one.of(OrderFilled)[0].fill, [event.fill for event in two.of(OrderFilled)]
    assert (sold.quantity, sold.liquidity, sold.instrument.connection) == (1, Liquidity.MAKER, "one")
    assert [fill.quantity for fill in bought] == [2, 1]
    assert {fill.instrument.connection for fill in bought} == {"two"}
    assert [position.quantity for position in one.wait(one.venue.positions())] == [-1]


def test_each_account_has_its_own_money(stall):
    path, clock = stall.tape(), DrivenClock()
    stall.desk(path, clock=clock, connection="rich")
    poor = stall.desk(path, clock=clock, connection="poor", balance="50")
    assert [balance.total for balance in poor.wait(poor.venue.balances())] == [50]
    with pytest.raises(InsufficientFunds):
        poor.buy("10", "99.0")


def test_another_market_is_another_market(stall):
    path, clock = stall.tape(), DrivenClock()
    one = stall.desk(path, clock=clock, connection="one")
    other = stall.desk(path, clock=clock, connection="other", seed=2)
    assert one.venue.market is not other.venue.market


# Commands


def test_an_amend_changes_the_order_in_place(desk):
    order = desk.buy("2", "99.0")
    for event in desk.wait(desk.venue.amend(order, price=Decimal("98.5"), quantity=Decimal(1))):
        order = order.apply(event)
    assert (order.price, order.quantity) == (Decimal("98.5"), 1)
    with pytest.raises(Rejected):
        desk.wait(desk.venue.amend(order, price=Decimal("98.5")))


def test_an_order_is_found_by_its_client_id_alone(desk):
    spec = desk.spec(Side.BUY, "2", "99.0")
    desk.wait(desk.venue.place(spec))
    events = desk.wait(desk.venue.cancel(Order(spec=spec)))
    assert [type(event) for event in events] == [OrderCanceled]
    with pytest.raises(Rejected):
        desk.wait(desk.venue.cancel(Order(spec=spec)))


def test_an_order_the_exchange_never_saw(desk):
    stranger = Order(spec=desk.spec(Side.BUY, "2", "99.0"))
    assert desk.wait(desk.venue.order(stranger)) is None
    with pytest.raises(UnknownOrder):
        desk.wait(desk.venue.cancel(stranger))


def test_cancel_all_cancels_all(desk):
    orders = [desk.buy("2", "99.0"), desk.sell("1", "101.0")]
    events = desk.wait(desk.venue.cancel_all(desk.instrument))
    assert [event.client_order_id for event in events] == [order.client_order_id for order in orders]
    assert desk.wait(desk.venue.open_orders()) == []


def test_a_batch_answers_for_each(desk):
    specs = [desk.spec(Side.BUY, "1", "99.0"), desk.spec(Side.BUY, "1", "100.0", post_only=True)]
    accepted, refused = desk.wait(desk.venue.place_batch(specs))
    assert [type(event) for event in accepted] == [OrderAccepted]
    assert isinstance(refused, Rejected)


def test_a_position_is_closed(desk):
    desk.buy("1")
    desk.wait(desk.venue.close_position(desk.instrument))
    assert desk.wait(desk.venue.positions()) == []


def test_leverage_is_set_and_read_back(desk):
    position = desk.wait(desk.venue.set_leverage(desk.instrument, Decimal(20), MarginMode.ISOLATED))
    assert (position.leverage, position.margin_mode) == (20, MarginMode.ISOLATED)
    assert position.instrument is desk.instrument
    with pytest.raises(Rejected):
        desk.wait(desk.venue.set_leverage(desk.instrument, Decimal(1000)))


def test_hedge_mode_holds_two_positions(desk):
    desk.wait(desk.venue.set_position_mode(PositionMode.HEDGE))
    desk.buy("1", position_side=PositionSide.LONG)
    desk.sell("2", position_side=PositionSide.SHORT)
    held = {position.side: position.quantity for position in desk.wait(desk.venue.positions())}
    assert held == {PositionSide.LONG: 1, PositionSide.SHORT: -2}


def test_a_protection_closes_the_position_when_its_price_is_reached(desk):
    desk.buy("1")
    desk.wait(desk.venue.protect(desk.instrument, Protection(stop_loss="99.0", source=PriceSource.LAST)))
    desk.run_to(6.5)  # at second 6 the tape trades at 99.0
    assert desk.wait(desk.venue.positions()) == []


def test_the_dead_mans_switch_cancels_unless_it_is_armed_again(desk):
    desk.buy("2", "98.0")
    desk.wait(desk.venue.arm_dead_man_switch(2))
    desk.run_to(1)
    desk.wait(desk.venue.arm_dead_man_switch(2))
    desk.run_to(2.5)
    assert len(desk.wait(desk.venue.open_orders())) == 1
    desk.run_to(3)
    assert desk.wait(desk.venue.open_orders()) == []
    assert [type(event) for event in desk.events if isinstance(event, OrderCanceled)] == [OrderCanceled]
    desk.buy("2", "98.0")
    desk.wait(desk.venue.arm_dead_man_switch(1))
    desk.wait(desk.venue.arm_dead_man_switch(0))
    desk.run_to(8)
    assert len(desk.wait(desk.venue.open_orders())) == 1


# Look-ups


def test_orders_fills_and_positions_can_be_asked_for(stall, desk):
    resting = desk.buy("1", "98.0")
    taken = desk.buy("1", "100.0", time_in_force=TimeInForce.IOC)
    seen = desk.wait(desk.venue.open_orders(desk.instrument))
    assert [order.report.client_order_id for order in seen] == [resting.client_order_id]
    assert (seen[0].side, seen[0].report.price, seen[0].report.quantity) == (Side.BUY, Decimal("98.0"), 1)
    ended = desk.wait(desk.venue.order_history(desk.instrument, start_ns=0))
    assert [(order.report.client_order_id, order.report.state) for order in ended] == [
        (taken.client_order_id, OrderState.FILLED)
    ]
    fill = desk.wait(desk.venue.fills(desk.instrument, start_ns=0))[0]
    # 1 ABC at 100, taker fee 0.0005.
    assert (fill.price, fill.quantity, fill.fee) == (100, 1, Decimal("0.05"))
    assert fill.instrument is desk.instrument
    position = desk.wait(desk.venue.positions())[0]
    assert (position.quantity, position.entry_price) == (1, 100)
    assert desk.wait(desk.venue.balances())[0].total == Decimal("99999.95")


def test_trades_and_candles_of_what_the_market_has_shown(stall, desk):
    desk.run_to(6.5)
    start, now = stall.start, desk.clock.time_ns()
    trades = desk.wait(desk.venue.trades(desk.instrument, start_ns=start, end_ns=now))
    assert [trade.trade_id for trade in trades] == ["t1", "t2", "t3"]
    candles = desk.wait(desk.venue.candles(desk.instrument, 5, start_ns=start, end_ns=now))
    # Seconds 0 to 5: 99.5 and 100.0; from 5 on: 99.0, still open.
    assert [(c.open, c.high, c.low, c.close, c.volume, c.closed) for c in candles] == [
        (Decimal("99.5"), Decimal("100.0"), Decimal("99.5"), Decimal("100.0"), 3, True),
        (Decimal("99.0"), Decimal("99.0"), Decimal("99.0"), Decimal("99.0"), 5, False),
    ]
    assert [candle.ts_open for candle in candles] == [start, start + 5 * stall.second]


def test_funding_is_settled_every_eight_hours(stall):
    settled = 28_800 * stall.second * 100
    frames = [[settled - 2 * stall.second, *stall.frames[0][1:]], [settled + 2 * stall.second, "d", [], []]]
    desk = stall.desk(stall.tape(frames))
    desk.subscribe(Channel.FUNDING)
    desk.buy("1")
    while desk.clock.step():
        pass
    rate, payment = desk.of(FundingRate)[0], desk.of(FundingPayment)[0]
    assert (rate.rate, rate.ts_settle) == (Decimal("0.0001"), settled)
    # The mark is (99.5 + 100) / 2 = 99.75: a long of 1 pays 0.009975.
    assert payment.amount == Decimal("-0.009975")
    assert payment.instrument is desk.instrument
    paid = desk.wait(desk.venue.funding_payments(desk.instrument, start_ns=0))
    assert [found.amount for found in paid] == [payment.amount]
    rates = desk.wait(desk.venue.funding_rates(desk.instrument, start_ns=settled, end_ns=settled + 1))
    assert [found.ts_settle for found in rates] == [settled]
    assert desk.of(Position)[-1].funding == payment.amount


def test_what_it_says_it_can_do_it_has_a_method_for(desk):
    absent = {Feature.CANDLES, Feature.WEBSOCKET_ORDERS, Feature.QUOTES, Feature.LIQUIDATIONS, Feature.RISK_TIERS}
    assert {feature for feature in Feature if not desk.venue.capabilities.has(feature)} == absent


# Sameness


def story(stall, path, **settings):
    desk = stall.desk(path, latency_in_us=500, latency_out_us=700, latency_jitter_us=900, **settings)
    desk.subscribe(Channel.BOOK, Channel.TRADES, Channel.TICKER)
    order = desk.buy("3", "99.5")
    desk.sell("2", "101.0", post_only=True)
    desk.run_to(2.5)
    desk.wait(desk.venue.amend(order, price=Decimal("99.0")))
    desk.buy("1")
    while desk.clock.step():
        pass
    return "\n".join(map(repr, desk.events))


def test_the_same_settings_give_the_same_events_to_the_byte(stall):
    path = stall.tape()
    assert story(stall, path) == story(stall, path)
    assert story(stall, path) != story(stall, path, seed=2)


def test_a_client_book_is_the_exchanges_book_whatever_rests_in_it(stall):
    desk = stall.desk("tape", symbols=("BTC-USDT-PERP",), duration_s=20)
    desk.subscribe(Channel.BOOK)
    keeper = BookKeeper(desk.instrument, desk.venue.depth_rule(desk.instrument))
    keeper.on_snapshot(desk.events[0])
    second = desk.clock.time_ns()
    for step in range(1, 40):
        desk.clock.run_until(second + step * stall.second // 2)
        book = desk.wait(desk.venue.order_book(desk.instrument, 3))
        bid, ask = Decimal(book.bids[step % 3][0]), Decimal(book.asks[step % 3][0])
        orders = [desk.buy("0.05", bid), desk.sell("0.05", ask)]
        if step % 3 == 0:
            desk.wait(desk.venue.cancel_all(desk.instrument))
        if step % 7 == 0:
            desk.buy("1.5")
        assert all(order.is_open for order in orders)
    for event in desk.events[1:]:
        if isinstance(event, BookDelta):
            keeper.on_delta(event)
            assert keeper.book.is_synced, keeper.book.stale_reason
    public = desk.venue.market.exchange.book(desk.instrument.symbol)
    assert [(level.price, level.quantity) for level in keeper.book.bids(500)] == public.bids(500)
    assert [(level.price, level.quantity) for level in keeper.book.asks(500)] == public.asks(500)
    assert len(desk.of(OrderFilled)) > 10


# Before a book is there, and when a tape is broken


def test_no_book_is_told_before_the_tape_speaks(stall):
    desk = stall.desk(stall.tape(start_ns=stall.start - 2 * stall.second))
    desk.subscribe(Channel.BOOK)
    with pytest.raises(NotSent, match=r"no book of main:ABC-USDT-PERP yet"):
        desk.wait(desk.venue.order_book(desk.instrument))
    desk.buy("2", "99.5")
    assert desk.of(BookSnapshot) + desk.of(BookDelta) == []
    desk.run_to(0)
    (snapshot,) = desk.of(BookSnapshot)
    assert (snapshot.last_id, desk.of(BookDelta)) == (1, [])
    assert levels(snapshot)[0] == [["99.5", "5"], ["99.0", "10"]]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (["long", "1", "1"], "the side 'long'"),
        (["buy", "-1", "1"], "the price '-1'"),
        (["buy", "abc", "1"], "the price 'abc'"),
        (["buy", "1", "nan"], "the size 'nan'"),
        (["buy", "1", "0"], "the size '0'"),
        (["buy", "1", None], "the size None"),
    ],
)
def test_a_trade_that_cannot_be_is_told_with_file_and_line(stall, values, found):
    frames = [*stall.frames[:2], [stall.start + 2 * stall.second, "t", *values, "t1"]]
    desk = stall.desk(stall.tape(frames))
    with pytest.raises(BrokenTape, match=rf"\.tape\.gz, line 4: found {found}; allowed is"):
        desk.run_to(3)


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"symbols": ("A", "B", "A")}, "symbols: found 'A' twice; allowed are"),
        ({"leverage": 0}, "leverage: found 0; allowed are"),
        ({"latency_in_us": -1}, "latency_in_us: found -1; allowed are"),
        ({"latency_jitter_us": -1}, "latency_jitter_us: found -1; allowed are"),
        ({"duration_s": float("inf")}, "duration_s: found inf; allowed are"),
        ({"speed": float("nan")}, "speed: found nan; allowed are"),
        ({"balance": "0"}, "balance: found '0'; allowed are"),
        ({"balance": "nan"}, "balance: found nan; allowed are"),
        ({"balance": "much"}, "balance: found the text 'much'; allowed is"),
        ({"maker_fee": "-1"}, "maker_fee: found '-1'; allowed are"),
        ({"taker_fee": "1.5"}, "taker_fee: found '1.5'; allowed are"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, found):
    with pytest.raises(ValueError, match=found):
        SimulationSettings(**settings)
