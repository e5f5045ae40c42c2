"""Paper trading against a venue that tells what each test has it tell, worked out by hand."""

import asyncio
from decimal import Decimal

import pytest
from attrs import evolve

from anyvenue.model.book_keeper import BookKeeper
from anyvenue.model.decoded_delta import DecodedDelta
from anyvenue.model.depth_sync import Action, Continuity, SequenceRule, SnapshotSource
from anyvenue.model.enums import Liquidity, OrderState, OrderType, Side, TimeInForce, TradingStatus
from anyvenue.model.errors import NotSent, Rejected, UnknownInstrument, WouldTakeLiquidity
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import (
    BookDelta,
    BookSnapshot,
    Candle,
    CandleSource,
    FundingPayment,
    FundingRate,
    Ticker,
    Trade,
)
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderAccepted, OrderCanceled, OrderFilled, OrderSent
from anyvenue.model.order_spec import OrderSpec, Protection
from anyvenue.model.position import Position
from anyvenue.model.pricing import Tick
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.paper import open_paper
from anyvenue.simulation.pump import Pump
from anyvenue.simulation.venue import SimulatedVenue
from anyvenue.venue.capabilities import Capabilities, Capability, Feature, Grade
from anyvenue.venue.clock import WallClock
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext
from anyvenue.venue.events import Channel, Disconnected, InstrumentChanged, Reconnected, StreamStale, Subscription
from anyvenue.venue.interface import Venue

SECOND = 1_000_000_000
START = 1_000_000 * SECOND
SYMBOL = "ABC-USDT-PERP"

# Depth counts contracts of 0.1: bids 99.5 x 3, 99.0 x 10; asks 100.0 x 2, 100.5 x 10.
BIDS = [["99.5", "30"], ["99.0", "100"]]
ASKS = [["100.0", "20"], ["100.5", "100"]]

FED = {Channel.BOOK, Channel.TRADES, Channel.TICKER, Channel.FUNDING}
ALLOWED = {"connect", "close", "instruments", "subscribe", "unsubscribe", "resync", "depth_rule", "explain"}
ALLOWED |= {"order_book", "ticker", "candles", "trades", "funding_rates", "risk_tiers"}


class Real(Venue):
    """A venue that tells what it is told to tell, and fails on whatever paper trading has no business with."""

    name = "real"
    capabilities = Capabilities.of(
        native=(Feature.BOOK, Feature.TRADES, Feature.TICKER, Feature.FUNDING_RATE, Feature.CANDLE_HISTORY),
        ticker=Capability(Grade.APPROXIMATE, "once a second"),
    )
    forbidden: list[str]

    def __init__(self, context):
        self.context = context
        self.rule = SequenceRule(continuity=Continuity.CONTIGUOUS)
        self.running = {}
        self.resyncs = []
        self.shows_books = True
        self.before_snapshot = lambda: None
        self.resync_errors = []
        self.id = 0
        self.sink = None
        self.instrument = Instrument(
            symbol=SYMBOL,
            venue="real",
            connection=context.connection,
            venue_symbol="ABC_USDT",
            base="ABC",
            quote="USDT",
            settle="USDT",
            price_rule=Tick(Decimal("0.5")),
            quantity_step="0.1",
            min_quantity="0.1",
            contract_size="0.1",
            depth_unit="0.1",
            max_leverage=50,
            maker_fee="0.0002",
            taker_fee="0.0005",
        )

    async def connect(self, sink):
        self.sink = sink

    async def close(self):
        self.sink = None
        self.running.clear()

    async def instruments(self):
        return [self.instrument]

    async def subscribe(self, subscription):
        self.running[subscription.channel] = subscription
        if subscription.channel is Channel.BOOK and self.shows_books:
            self.before_snapshot()
            self.snapshot()
        await asyncio.sleep(0)

    async def unsubscribe(self, subscription):
        del self.running[subscription.channel]

    async def resync(self, subscription):
        self.resyncs.append(subscription.channel)
        if self.resync_errors:
            raise self.resync_errors.pop()

    def depth_rule(self, instrument):
        return self.rule

    async def ticker(self, instrument):
        return Ticker(instrument=instrument, last_price=Decimal(7))

    # What the test has it tell

    def tell(self, kind, **terms):
        event = kind(**{"instrument": self.instrument, "ts_recv": START} | terms)
        self.sink(event)
        return event

    def snapshot(self, bids=BIDS, asks=ASKS):
        self.id += 1
        return self.tell(BookSnapshot, bids=bids, asks=asks, last_id=self.id)

    def delta(self, bids=(), asks=(), skipped=0):
        self.id += 1 + skipped
        return self.tell(BookDelta, bids=bids, asks=asks, first_id=self.id, last_id=self.id)

    def trade(self, side, price, quantity):
        return self.tell(Trade, trade_id="t", side=side, price=Decimal(price), quantity=Decimal(quantity))


def _forbid(name):
    async def called(self, *_, **__):
        self.forbidden.append(name)
        raise AssertionError(f"paper trading called {name} of the real venue")

    return called


for _name in set(dir(Venue)) - ALLOWED:
    if not _name.startswith("_"):
        setattr(Real, _name, _forbid(_name))
Real.__abstractmethods__ = frozenset()


class Desk:
    """A paper venue that is connected, the real one behind it, and every event that came out."""

    def __init__(self, clock, **settings):
        settings = {"latency_in_us": 0, "latency_out_us": 0} | settings
        self.clock = clock
        self.context = VenueContext(
            connection="main",
            environment=Environment.PAPER,
            clock=clock,
            session="x",
            credentials="the keys to real money",
            simulation=SimulationSettings(**settings),
        )
        self.venue = open_paper(self._open_real, self.context)
        self.pump = Pump(clock) if isinstance(clock, DrivenClock) else None
        self.events = []
        self._count = 0

    def _open_real(self, context):
        self.real = Real(context)
        self.real.forbidden = []
        return self.real

    async def wait(self, work):
        """Await `work` with the clock turning, and let happen what is due then."""
        if self.pump is None:
            return await work
        try:
            return await self.pump.serve(work)
        finally:
            await self.settle()

    async def settle(self, seconds=0):
        until = self.clock.time_ns() + int(seconds * SECOND)
        timer = self.clock.call_at(until, lambda: None)
        await self.pump.run_until(lambda: timer[2] is None)
        while (due := self.clock.next_time) is not None and due <= until:
            self.clock.step()

    def subscription(self, channel, **terms):
        return Subscription(channel=channel, instrument=self.real.instrument, **terms)

    async def subscribe(self, channel):
        await self.wait(self.venue.subscribe(self.subscription(channel)))

    async def unsubscribe(self, channel):
        await self.wait(self.venue.unsubscribe(self.subscription(channel)))

    def spec(self, side, quantity, price=None, **terms):
        self._count += 1
        return OrderSpec(
            client_order_id=f"x{self._count}",
            instrument=self.real.instrument,
            side=side,
            quantity=Decimal(quantity),
            price=None if price is None else Decimal(price),
            order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
            **terms,
        )

    async def place(self, side, quantity, price=None, **terms):
        spec = self.spec(side, quantity, price, **terms)
        order = Order(spec=spec).apply(OrderSent(client_order_id=spec.client_order_id))
        for event in await self.wait(self.venue.place(spec)):
            order = order.apply(event)
        return order

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def fills(self):
        return [(event.fill.price, event.fill.quantity) for event in self.of(OrderFilled)]


def play(scenario, clock=None, **settings):
    """Play a scenario on a connected desk, and see that nothing private was called."""

    async def main():
        desk = Desk(clock or DrivenClock(START), **settings)
        await desk.wait(desk.venue.connect(desk.events.append))
        try:
            await scenario(desk)
        finally:
            await desk.venue.close()
        assert desk.real.forbidden == []

    asyncio.run(main())


def D(*texts):  # noqa: N802
    return tuple(Decimal(text) for text in texts)


# Fills


def test_a_resting_buy_is_filled_when_the_queue_ahead_is_used_up_and_when_a_trade_goes_through_it():
    async def scenario(desk):
        order = await desk.place(Side.BUY, "1", "99.5")
        assert order.state is OrderState.OPEN
        desk.real.trade(Side.SELL, "99.5", "2")  # 3 were ahead: 1 is left
        await desk.settle()
        assert desk.fills == []
        desk.real.trade(Side.SELL, "99.5", "1.4")  # 1 for what was ahead, 0.4 for us
        await desk.settle()
        assert desk.fills == [D("99.5", "0.4")]
        desk.real.trade(Side.SELL, "99.0", "5")  # through it: the other 0.6, at our price
        await desk.settle()
        assert desk.fills == [D("99.5", "0.4"), D("99.5", "0.6")]
        fill = desk.of(OrderFilled)[0].fill
        assert fill.liquidity is Liquidity.MAKER
        assert fill.fee == Decimal("0.00796")  # 0.4 x 99.5 x 0.0002
        assert fill.instrument is desk.real.instrument
        assert desk.of(OrderFilled)[0].ts_recv == START
        assert desk.of(Position)[-1].quantity == 1

    play(scenario)


def test_what_the_real_venue_closes_is_closed_here_and_the_strategy_hears_of_it():
    async def scenario(desk):
        await desk.place(Side.BUY, "1")
        before = desk.real.instrument
        after = evolve(before, status=TradingStatus.REDUCE_ONLY)
        desk.real.tell(InstrumentChanged, instrument=after, before=before)
        assert [event.instrument for event in desk.of(InstrumentChanged)] == [after]
        with pytest.raises(Rejected, match="reduce_only"):
            await desk.place(Side.BUY, "1")
        await desk.place(Side.SELL, "1", reduce_only=True)
        assert [quantity for _, quantity in desk.fills] == [1, 1]
        desk.real.tell(InstrumentChanged, instrument=before, before=after)
        await desk.place(Side.BUY, "1")

    play(scenario)


def test_a_market_order_walks_the_live_book():
    async def scenario(desk):
        await desk.place(Side.BUY, "3")
        assert desk.fills == [D("100.0", "2"), D("100.5", "1")]
        desk.real.delta(asks=[["100.0", "0"], ["100.5", "40"], ["101.0", "50"]])
        await desk.place(Side.BUY, "5")
        assert desk.fills[2:] == [D("100.5", "4"), D("101.0", "1")]
        balance = (await desk.wait(desk.venue.balances()))[0]
        # Fees at 0.0005 of 2 x 100 + 1 x 100.5 + 4 x 100.5 + 1 x 101 = 803.5 are 0.40175.
        assert balance.total == Decimal("99999.59825")

    play(scenario)


def test_the_real_book_that_comes_to_cross_a_resting_order_fills_it():
    async def scenario(desk):
        await desk.place(Side.BUY, "1", "99.5")
        desk.real.delta(bids=[["99.5", "0"]], asks=[["99.5", "7"]])
        await desk.settle()
        assert desk.fills == [D("99.5", "0.7")]

    play(scenario)


def test_fees_of_the_settings_take_the_place_of_the_venues_and_the_instrument_stays_the_venues_own():
    async def scenario(desk):
        await desk.place(Side.BUY, "1")
        assert desk.of(OrderFilled)[0].fill.fee == Decimal("0.1")  # 0.001 of 100
        assert desk.of(Position)[0].instrument is (await desk.venue.instruments())[0]

    play(scenario, taker_fee="0.001")


# A book that is out of step


def test_after_a_gap_orders_are_refused_and_none_is_filled_until_the_next_snapshot():
    async def scenario(desk):
        resting = await desk.place(Side.BUY, "1", "99.5")
        desk.real.delta(bids=[["99.5", "1"]], skipped=1)
        await desk.settle()
        assert desk.real.resyncs == [Channel.BOOK]
        for request in (
            desk.venue.place(desk.spec(Side.BUY, "1")),
            desk.venue.amend(resting, price=Decimal("99.0")),
            desk.venue.close_position(desk.real.instrument),
        ):
            with pytest.raises(NotSent, match=r"cannot be traded on \(a gap: expected 2, got 3\)"):
                await desk.wait(request)
        desk.real.trade(Side.SELL, "99.0", "5")
        await desk.settle()
        assert desk.fills == []
        desk.real.snapshot([["99.0", "10"]], [["99.5", "4"], ["100.0", "30"]])
        await desk.place(Side.BUY, "1")
        assert desk.fills == [D("99.5", "0.4"), D("100.0", "1")]  # what the snapshot crosses, then the new order

    play(scenario)


def test_what_does_not_trade_is_possible_while_the_book_is_out_of_step():
    async def scenario(desk):
        resting = await desk.place(Side.BUY, "1", "99.5")
        desk.real.delta(skipped=1)
        assert [order.report.client_order_id for order in await desk.wait(desk.venue.open_orders())] == ["x1"]
        assert isinstance((await desk.wait(desk.venue.cancel(resting)))[0], OrderCanceled)

    play(scenario)


def test_a_refused_resync_is_tried_again():
    async def scenario(desk):
        await desk.subscribe(Channel.BOOK)
        desk.real.resync_errors = [NotSent("not now"), NotSent("not now")]
        desk.real.delta(skipped=1)
        await desk.settle(1.5)
        assert len(desk.real.resyncs) == 2
        await desk.settle(10)
        assert len(desk.real.resyncs) == 3

    play(scenario)


def test_a_first_book_that_does_not_fit_its_deltas_is_asked_for_anew():
    async def scenario(desk):
        desk.real.rule = SequenceRule(continuity=Continuity.CONTIGUOUS, snapshot=SnapshotSource.REQUEST)
        desk.real.before_snapshot = lambda: desk.real.tell(BookDelta, bids=[], asks=[], first_id=7, last_id=7)
        with pytest.raises(NotSent, match="no snapshot yet"):
            await desk.place(Side.BUY, "1")
        assert desk.real.resyncs == 2 * [Channel.BOOK]  # at once, and when none had come in time

    play(scenario)


def test_one_gap_is_one_resync_also_where_the_strategy_asks_too():
    async def scenario(desk):
        await desk.subscribe(Channel.BOOK)
        desk.real.delta(skipped=1)
        await desk.wait(desk.venue.resync(desk.subscription(Channel.BOOK)))
        assert desk.real.resyncs == [Channel.BOOK]

    play(scenario)


def test_a_strategy_that_asks_for_a_book_that_is_in_step_is_shown_it():
    async def scenario(desk):
        await desk.subscribe(Channel.BOOK)
        desk.real.delta(bids=[["99.5", "31"]])
        await desk.wait(desk.venue.resync(desk.subscription(Channel.BOOK)))
        assert desk.real.resyncs == []
        assert desk.events[-1].last_id == 2
        assert list(desk.events[-1].bids[0]) == ["99.5", "31"]

    play(scenario)


def test_a_delta_that_a_decoder_made_is_led_on_as_any_other():
    async def scenario(desk):
        await desk.subscribe(Channel.BOOK)
        desk.real.id += 1
        told = {"first_id": desk.real.id, "last_id": desk.real.id}
        delta = desk.real.tell(DecodedDelta, bids=[("99.5", "31")], **told)
        assert desk.events[-1] is delta
        assert list(desk.events[-1].bids[0]) == ["99.5", "31"]

    play(scenario)


def test_a_decoded_level_behind_the_best_that_is_no_number_has_the_book_sent_anew():
    async def scenario(desk):
        await desk.subscribe(Channel.BOOK)
        desk.real.id += 1
        desk.real.tell(DecodedDelta, bids=[("50", "nan")], first_id=desk.real.id, last_id=desk.real.id)
        await desk.wait(desk.venue.resync(desk.subscription(Channel.BOOK)))
        assert desk.real.resyncs == [Channel.BOOK]

    play(scenario)


def test_the_first_order_waits_for_the_first_book_but_not_for_ever():
    async def scenario(desk):
        desk.real.shows_books = False
        desk.clock.call_at(START + 2 * SECOND, desk.real.snapshot)
        assert (await desk.place(Side.BUY, "1", "99.0")).state is OrderState.OPEN
        assert desk.clock.time_ns() == START + 2 * SECOND

    async def in_vain(desk):
        desk.real.shows_books = False
        with pytest.raises(NotSent, match=r"cannot be traded on \(no snapshot yet\)"):
            await desk.place(Side.BUY, "1", "99.0")
        assert desk.clock.time_ns() == START + 5 * SECOND
        assert desk.real.resyncs == [Channel.BOOK]  # it is asked for again

    play(scenario)
    play(in_vain)


def test_a_lost_connection_makes_books_stale_and_leaves_orders_alone():
    async def scenario(desk):
        order = await desk.place(Side.BUY, "1", "99.5")
        gone, back = Disconnected(connection="main", reason="no pong"), Reconnected(connection="main")
        desk.real.sink(gone)
        assert desk.events[-1] is gone
        with pytest.raises(NotSent, match="no pong"):
            await desk.place(Side.BUY, "1")
        desk.real.sink(back)
        assert desk.events[-1] is back
        desk.real.snapshot()
        assert (await desk.wait(desk.venue.order(order))).report.state is OrderState.OPEN
        await desk.place(Side.BUY, "1")
        assert desk.fills == [D("100.0", "1")]
        assert desk.real.resyncs == []

    play(scenario)


def test_a_stream_that_the_venue_calls_stale_takes_no_orders():
    async def scenario(desk):
        await desk.subscribe(Channel.BOOK)
        stale = desk.real.tell(StreamStale, channel=Channel.BOOK, reason="the venue says so")
        assert desk.events[-1] is stale
        with pytest.raises(NotSent, match="the venue says so"):
            await desk.place(Side.BUY, "1")

    play(scenario)


# What the strategy sees


def test_market_data_comes_through_untouched_and_only_what_was_subscribed_to():
    async def scenario(desk):
        await desk.subscribe(Channel.TRADES)
        assert set(desk.real.running) == FED
        trade = desk.real.trade(Side.BUY, "100.0", "1")
        desk.real.delta(bids=[["99.5", "1"]])
        desk.real.tell(Ticker, mark_price=Decimal(100))
        desk.real.tell(FundingRate, rate=Decimal(0), ts_settle=START)
        assert len(desk.events) == 1
        assert desk.events[0] is trade

    play(scenario)


def test_candles_are_told_apart_by_their_interval():
    async def scenario(desk):
        await desk.wait(desk.venue.subscribe(desk.subscription(Channel.CANDLES, interval_s=60)))
        terms = {name: Decimal(1) for name in ("open", "high", "low", "close", "volume")}
        told = [
            desk.real.tell(Candle, interval_s=interval, ts_open=0, source=CandleSource.VENUE, **terms)
            for interval in (60, 300)
        ]
        assert desk.of(Candle) == told[:1]

    play(scenario)


def test_a_book_that_the_exchange_hears_of_already_begins_with_a_snapshot_that_the_deltas_follow():
    async def scenario(desk):
        await desk.place(Side.BUY, "1", "99.0")
        desk.real.delta(bids=[["99.5", "31"]], asks=[["100.0", "0"]])
        await desk.subscribe(Channel.BOOK)
        desk.real.delta(asks=[["100.5", "7"]])
        keeper = BookKeeper(desk.real.instrument, desk.real.rule)
        snapshot, delta = desk.of(BookSnapshot)[0], desk.of(BookDelta)[0]
        assert (keeper.on_snapshot(snapshot), keeper.on_delta(delta)) == (Action.APPLY, Action.APPLY)
        # Our own buy of 1 at 99.0 is not in it.
        assert keeper.book.bids(9) == [D("99.5", "3.1"), D("99.0", "10")]
        assert keeper.book.asks(9) == [D("100.5", "0.7")]

    play(scenario)


def test_market_data_by_request_is_the_real_venues():
    async def scenario(desk):
        assert (await desk.venue.ticker(desk.real.instrument)).last_price == 7

    play(scenario)


# What is subscribed to


def test_unsubscribing_does_not_stop_what_an_order_needs():
    async def scenario(desk):
        await desk.subscribe(Channel.BOOK)
        order = await desk.place(Side.BUY, "1", "99.5")
        await desk.unsubscribe(Channel.BOOK)
        assert set(desk.real.running) == FED
        seen = len(desk.of(BookDelta))
        desk.real.delta(bids=[["99.5", "10"]])
        desk.real.trade(Side.SELL, "99.5", "1.5")  # the delta left 1 ahead of us, so 0.5 is ours
        await desk.settle()
        assert desk.fills == [D("99.5", "0.5")]
        assert len(desk.of(BookDelta)) == seen
        await desk.wait(desk.venue.cancel(order))
        await desk.subscribe(Channel.TRADES)
        await desk.unsubscribe(Channel.TRADES)
        assert set(desk.real.running) == FED  # there is still the position
        await desk.wait(desk.venue.close_position(desk.real.instrument))
        await desk.subscribe(Channel.TRADES)
        await desk.unsubscribe(Channel.TRADES)
        assert set(desk.real.running) == FED  # what has been traded may be traded again at any time

    play(scenario)


def test_everything_stops_with_the_last_subscription_of_an_idle_instrument_and_begins_again_with_the_next_order():
    async def scenario(desk):
        await desk.subscribe(Channel.BOOK)
        await desk.subscribe(Channel.TRADES)
        await desk.unsubscribe(Channel.TRADES)
        assert set(desk.real.running) == FED
        await desk.unsubscribe(Channel.BOOK)
        await desk.unsubscribe(Channel.BOOK)
        assert desk.real.running == {}
        await desk.place(Side.BUY, "1")
        assert set(desk.real.running) == FED
        assert desk.fills == [D("100.0", "1")]

    play(scenario)


def test_a_stream_that_only_the_strategy_wanted_stops_with_it():
    async def scenario(desk):
        candles = desk.subscription(Channel.CANDLES, interval_s=60)
        await desk.subscribe(Channel.BOOK)
        await desk.wait(desk.venue.subscribe(candles))
        assert set(desk.real.running) == FED | {Channel.CANDLES}
        await desk.wait(desk.venue.unsubscribe(candles))
        assert set(desk.real.running) == FED

    play(scenario)


def test_asking_twice_subscribes_once_and_a_wish_for_depth_gets_through():
    async def scenario(desk):
        wish = desk.subscription(Channel.BOOK, depth=50)
        await desk.wait(desk.venue.subscribe(wish))
        await desk.wait(desk.venue.subscribe(wish))
        assert desk.real.running[Channel.BOOK] is wish
        assert len(desk.of(BookSnapshot)) == 1

    play(scenario)


def test_what_the_venue_has_no_stream_of_is_not_asked_for():
    async def scenario(desk):
        desk.real.capabilities = Capabilities.of(native=(Feature.BOOK,))
        await desk.place(Side.BUY, "1")
        assert set(desk.real.running) == {Channel.BOOK}

    play(scenario)


def test_a_stranger_is_refused():
    async def scenario(desk):
        stranger = evolve(desk.real.instrument, symbol="XYZ-USDT-PERP")
        with pytest.raises(UnknownInstrument, match="found main:XYZ-USDT-PERP; this connection has main:ABC-USDT-PERP"):
            await desk.venue.place(evolve(desk.spec(Side.BUY, "1"), instrument=stranger))

    play(scenario)


# Marks, funding, levels out of sight


def test_the_venues_mark_price_moves_triggers_and_its_funding_is_settled_at_its_time():
    async def scenario(desk):
        await desk.place(Side.BUY, "1")
        due = START + 60 * SECOND
        desk.real.tell(Ticker, mark_price=Decimal(101), funding_rate=Decimal("0.0001"), next_funding_ts=due)
        await desk.settle(59)
        assert desk.of(FundingPayment) == []
        await desk.settle(1)
        payment = desk.of(FundingPayment)[0]
        assert (payment.amount, payment.ts_recv) == (Decimal("-0.0101"), due)  # 1 x 101 x 0.0001, paid by the long
        desk.real.tell(FundingRate, rate=Decimal("0.0001"), ts_settle=due)  # the venue tells of the same one
        await desk.settle(1)
        assert len(desk.of(FundingPayment)) == 1
        await desk.wait(desk.venue.protect(desk.real.instrument, Protection(stop_loss=Decimal(98))))
        desk.real.tell(Ticker, mark_price=Decimal("97.5"))
        await desk.settle()
        assert desk.fills == [D("100.0", "1"), D("99.5", "1")]

    play(scenario)


def test_a_mark_price_and_funding_wait_for_a_book_to_trade_against():
    async def scenario(desk):
        await desk.place(Side.BUY, "1")
        await desk.wait(desk.venue.protect(desk.real.instrument, Protection(stop_loss=Decimal(98))))
        desk.real.delta(skipped=1)
        desk.real.tell(FundingRate, rate=Decimal("0.001"), ts_settle=START)  # not after we began to listen
        await desk.settle(3)
        desk.real.tell(FundingRate, rate=Decimal("0.001"), ts_settle=START + 2 * SECOND)
        desk.real.tell(Ticker, mark_price=Decimal(90))
        await desk.settle(1)
        assert len(desk.fills) == 1
        assert desk.of(FundingPayment) == []
        desk.real.snapshot([["90.0", "50"]], [["90.5", "50"]])
        await desk.settle()
        assert desk.fills[1:] == [D("90.0", "1")]

    play(scenario)


def test_a_place_in_the_queue_outlives_the_levels_leaving_the_venues_window():
    async def scenario(desk):
        desk.real.rule = SequenceRule(continuity=Continuity.CONTIGUOUS, depth=2)
        await desk.place(Side.BUY, "1", "99.0")  # behind 10
        desk.real.delta(bids=[["100.0", "5"], ["100.5", "5"]], asks=[["100.0", "0"], ["100.5", "0"], ["101.0", "30"]])
        desk.real.delta(bids=[["100.0", "0"], ["100.5", "0"]])  # the window goes down again, to 99.5 and 99.0
        desk.real.delta(bids=[["99.5", "0"], ["99.0", "80"]])  # 8 are left
        desk.real.trade(Side.SELL, "99.0", "7.5")
        await desk.settle()
        assert desk.fills == []
        desk.real.trade(Side.SELL, "99.0", "1")  # 0.5 was still ahead
        await desk.settle()
        assert desk.fills == [D("99.0", "0.5")]

    play(scenario)


def test_a_place_in_the_queue_outlives_a_snapshot_that_does_not_reach_it():
    async def scenario(desk):
        desk.real.rule = SequenceRule(continuity=Continuity.CONTIGUOUS, depth=2)
        await desk.place(Side.BUY, "1", "99.0")  # behind 10
        desk.real.snapshot([["100.5", "5"], ["100.0", "5"]], [["101.0", "30"]])
        desk.real.snapshot([["99.0", "80"]], [["99.5", "30"]])
        desk.real.trade(Side.SELL, "99.0", "8.5")  # 8 for those ahead
        await desk.settle()
        assert desk.fills == [D("99.0", "0.5")]

    play(scenario)


def test_a_level_that_has_left_the_venues_window_is_not_there_to_be_taken():
    async def scenario(desk):
        desk.real.rule = SequenceRule(continuity=Continuity.CONTIGUOUS, depth=2)
        await desk.subscribe(Channel.TRADES)
        desk.real.delta(bids=[["99.5", "0"], ["98.5", "10"]])
        desk.real.delta(bids=[["99.5", "30"]])  # the window is 99.5 and 99.0 again
        with pytest.raises(Rejected):
            await desk.place(Side.SELL, "13.5", "98.5", time_in_force=TimeInForce.FOK)
        await desk.place(Side.SELL, "13", "98.5", time_in_force=TimeInForce.FOK)

    play(scenario)


# The account and the way to it


def test_the_way_takes_the_latency_of_the_settings():
    async def scenario(desk):
        await desk.subscribe(Channel.BOOK)
        accepted = (await desk.wait(desk.venue.place(desk.spec(Side.BUY, "1", "99.0"))))[0]
        assert isinstance(accepted, OrderAccepted)
        assert (accepted.ts_event - START, accepted.ts_recv - START) == (1_000_000, 3_000_000)

    play(scenario, latency_in_us=1000, latency_out_us=2000)


def test_the_answer_comes_before_the_news_of_it():
    async def scenario(desk):
        await desk.subscribe(Channel.TRADES)
        told = []
        task = asyncio.ensure_future(desk.venue.place(desk.spec(Side.BUY, "1")))
        task.add_done_callback(lambda _: told.append(len(desk.of(OrderFilled))))
        await desk.wait(task)
        assert told == [0]
        assert len(desk.of(OrderFilled)) == 1

    play(scenario, latency_out_us=5)


def test_balance_and_leverage_are_those_of_the_settings():
    async def scenario(desk):
        assert [(held.currency, held.total) for held in await desk.wait(desk.venue.balances())] == [("USDT", 500)]
        await desk.place(Side.BUY, "1")
        assert (await desk.wait(desk.venue.positions()))[0].leverage == 5

    play(scenario, balance="500", leverage=5)


def test_a_batch_is_placed_order_by_order():
    async def scenario(desk):
        taking = desk.spec(Side.BUY, "1", "100.0", post_only=True)
        specs = [desk.spec(Side.BUY, "1", "99.0"), taking, desk.spec(Side.BUY, "1")]
        answers = await desk.wait(desk.venue.place_batch(specs))
        assert isinstance(answers[0][0], OrderAccepted)
        assert isinstance(answers[1], WouldTakeLiquidity)
        assert isinstance(answers[2][0], OrderAccepted)

    play(scenario)


def test_the_dead_mans_switch_cancels_what_rests():
    async def scenario(desk):
        await desk.place(Side.BUY, "1", "99.0")
        await desk.wait(desk.venue.arm_dead_man_switch(5))
        await desk.settle(4)
        assert desk.of(OrderCanceled) == []
        await desk.settle(1)
        assert len(desk.of(OrderCanceled)) == 1

    play(scenario)


def test_closing_keeps_the_account_and_connecting_again_hears_of_what_it_holds():
    async def scenario(desk):
        await desk.place(Side.BUY, "1", "99.5")
        await desk.venue.close()
        await desk.venue.close()
        with pytest.raises(NotSent, match="not connected"):
            await desk.venue.balances()
        await desk.wait(desk.venue.connect(desk.events.append))
        assert set(desk.real.running) == FED
        desk.real.trade(Side.SELL, "99.0", "5")
        await desk.settle()
        assert desk.fills == [D("99.5", "1")]

    play(scenario)


def test_the_real_venue_is_opened_without_credentials():
    async def scenario(desk):
        assert desk.real.context == evolve(desk.context, credentials=None)

    play(scenario)


def test_it_can_do_what_the_venue_shows_and_the_exchange_trades():
    async def scenario(desk):
        able, real = desk.venue.capabilities, Real.capabilities
        for feature in (Feature.BOOK, Feature.TICKER, Feature.CANDLES, Feature.CANDLE_HISTORY, Feature.QUOTES):
            assert able[feature] == real[feature]
        assert able[Feature.TRAILING].grade is able[Feature.AMEND].grade is Grade.NATIVE
        assert not able.has(Feature.WEBSOCKET_ORDERS)

    play(scenario)


def test_it_runs_on_the_walls_clock():
    async def scenario(desk):
        await desk.place(Side.BUY, "1")
        await desk.venue.balances()  # its answer comes behind the news of the order
        assert desk.fills == [D("100.0", "1")]

    play(scenario, WallClock())


def test_on_another_simulation_it_fills_what_that_one_would(stall):
    path, clock = stall.tape(), DrivenClock()
    settings = SimulationSettings(market=path, latency_in_us=0, latency_out_us=0)
    context = VenueContext(
        connection="main", environment=Environment.PAPER, clock=clock, session="x", simulation=settings
    )
    events = []

    async def main():
        pump, venue = Pump(clock), open_paper(SimulatedVenue, context)
        await pump.serve(venue.connect(events.append))
        instrument = (await venue.instruments())[0]
        spec = OrderSpec(
            client_order_id="x1",
            instrument=instrument,
            side=Side.BUY,
            quantity=Decimal(1),
            price=Decimal("99.5"),
            order_type=OrderType.LIMIT,
        )
        await pump.serve(venue.place(spec))
        await pump.run_until(lambda: clock.time_ns() >= stall.start + 8 * SECOND)
        await venue.close()

    asyncio.run(main())
    fills = [event.fill for event in events if isinstance(event, OrderFilled)]
    # Of the 3 ahead of it a trade takes 1 in second 2; in second 6 one goes through it.
    assert [(fill.price, fill.quantity, fill.ts_event) for fill in fills] == [
        (Decimal("99.5"), Decimal(1), stall.start + 6 * SECOND)
    ]
