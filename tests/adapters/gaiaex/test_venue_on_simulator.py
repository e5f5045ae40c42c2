"""The whole way: the adapter against the venue's simulator, both revisions, on a driven clock."""

import asyncio
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
from attrs import frozen

from anyvenue.model.enums import MarginMode, OrderState, OrderType, Side, TimeInForce
from anyvenue.model.errors import NotSupported, Rejected, RejectReason, WouldTakeLiquidity
from anyvenue.model.market import BookSnapshot, Ticker
from anyvenue.model.order import Order
from anyvenue.model.order_events import AmendSent, OrderFilled, OrderSent
from anyvenue.model.order_spec import OrderSpec, Protection
from anyvenue.model.position import Position
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.pump import Pump
from anyvenue.simulation.server.faults import FaultPlan
from anyvenue.simulation.server.hosting import host
from anyvenue.venue.capabilities import Feature, Grade
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext
from anyvenue.venue.events import Channel, Disconnected, Reconnected, StreamStale, Subscription
from anyvenue_gaiaex.descriptor import DESCRIPTOR
from anyvenue_gaiaex.endpoints import GaiaExOptions
from anyvenue_gaiaex.simulator import dialect
from anyvenue_gaiaex.simulator.quirks import Quirks
from anyvenue_gaiaex.simulator.revision import Revision

START_NS = (1_800_000_000 + 7 * 3600) * 10**9
"""A Friday at 15:00 UTC: markets with the hours of US exchanges are open."""
S = 10**9


@frozen
class Desk:
    """A connected venue, its clock's pump, what it told, and our orders as its events leave them."""

    venue: object
    pump: Pump
    events: list
    orders: dict

    async def run(self, work):
        return await self.pump.serve(work)

    async def wait(self, seconds):
        until = self.pump.clock.time_ns() + int(seconds * S)
        self.pump.clock.call_at(until, lambda: None)
        await self.pump.run_until(lambda: self.pump.clock.time_ns() >= until)

    async def until(self, predicate):
        assert await self.pump.run_until(predicate)

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    def take(self, event):
        self.events.append(event)
        name = getattr(event, "client_order_id", None)
        if name in self.orders:
            self.orders[name] = self.orders[name].apply(event)

    async def command(self, work):
        for event in await self.run(work):
            self.take(event)

    def instrument(self, name="BTC"):
        return self.venue.by_name[name]

    async def book(self, name="BTC"):
        await self.run(self.venue.subscribe(Subscription(channel=Channel.BOOK, instrument=self.instrument(name))))
        await self.until(lambda: self.of(BookSnapshot))
        book = self.of(BookSnapshot)[-1]
        return Decimal(book.bids[0][0]), Decimal(book.asks[0][0])

    async def place(self, name, side=Side.BUY, quantity="0.01", price=None, **terms):
        instrument = terms.pop("instrument", self.instrument())
        kind = OrderType.MARKET if price is None else OrderType.LIMIT
        rounded = None if price is None else instrument.round_price(price, side)
        spec = OrderSpec(
            client_order_id=name,
            instrument=instrument,
            side=side,
            quantity=quantity,
            price=rounded,
            order_type=kind,
            **terms,
        )
        self.orders[name] = Order(spec=spec).apply(OrderSent())
        await self.command(self.venue.place(spec))


@asynccontextmanager
async def desk_of(
    monkeypatch, revision=Revision.A, *, quirks=None, seed=1, book=Revision.B, symbols=("BTC",), **options
):
    monkeypatch.setattr(dialect, "GaiaExDialect", dialect.GaiaExDialect.following(revision, book, quirks or Quirks()))
    clock = DrivenClock(START_NS)
    context = VenueContext(
        connection="main",
        environment=Environment.SIMULATOR,
        clock=clock,
        session="t1",
        options=GaiaExOptions(**options),
        simulation=SimulationSettings(
            market="synthetic", seed=seed, symbols=tuple(f"{symbol}-USDC-PERP" for symbol in symbols)
        ),
    )
    desk = Desk(DESCRIPTOR.open(context), Pump(clock), [], {})
    await desk.run(desk.venue.connect(desk.take))
    try:
        yield desk
    finally:
        await desk.run(desk.venue.close())


@pytest.fixture
def trade(monkeypatch):
    """Return a function that runs a script on a connected desk."""

    def run(script, revision=Revision.A, **how):
        async def main():
            async with desk_of(monkeypatch, revision, **how) as desk:
                await script(desk)

        asyncio.run(main())

    return run


REVISIONS = [Revision.A, Revision.B]


@pytest.mark.parametrize("revision", REVISIONS)
def test_it_connects_and_tells_instruments_and_balance(trade, revision):
    async def script(desk):
        listed = await desk.venue.instruments()
        assert {one.symbol for one in listed} == {"BTC-USDC-PERP", "ETH-USDC-PERP", "xyz:AAPL-USDC-PERP"}
        (balance,) = await desk.run(desk.venue.balances())
        assert (balance.currency, balance.total) == ("USDC", 100_000)
        assert await desk.run(desk.venue.positions()) == []

    trade(script, revision, symbols=("BTC", "ETH", "xyz:AAPL"))


@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    "quirks", [Quirks(), Quirks(keeps_id=True, snake=True, numbers=True), Quirks(exact_address=True)]
)
def test_an_order_is_placed_modified_and_canceled(trade, revision, quirks):
    async def script(desk):
        bid, _ = await desk.book()
        await desk.place("avt1-1", price=bid * Decimal("0.9"))
        order = desk.orders["avt1-1"]
        assert order.state is OrderState.OPEN
        price = order.instrument.round_price(bid * Decimal("0.8"), Side.BUY)
        desk.take(AmendSent(client_order_id="avt1-1", price=price))
        await desk.command(desk.venue.amend(order, price=price))
        changed = desk.orders["avt1-1"]
        assert (changed.price, changed.amend) == (price, None)
        assert (changed.venue_order_id == order.venue_order_id) is quirks.keeps_id
        await desk.wait(3)
        await desk.command(desk.venue.cancel(changed))
        await desk.wait(3)
        assert desk.orders["avt1-1"].state is OrderState.CANCELED
        assert not desk.of(OrderFilled)

    trade(script, revision, quirks=quirks)


@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    "quirks", [Quirks(), Quirks(snake=True, partial_updates=True), Quirks(pending_every=1), Quirks(numbers=True)]
)
def test_a_market_order_fills_and_the_position_closes(trade, revision, quirks):
    async def script(desk):
        _, ask = await desk.book()
        await desk.place("avt1-1", quantity="0.005")
        await desk.wait(3)
        order = desk.orders["avt1-1"]
        assert (order.state, order.filled_quantity) == (OrderState.FILLED, Decimal("0.005"))
        (fill,) = [event.fill for event in desk.of(OrderFilled)]
        assert fill.estimated
        assert abs(fill.price / ask - 1) < Decimal("0.01")
        (position,) = await desk.run(desk.venue.positions())
        assert position.quantity == Decimal("0.005")
        await desk.run(desk.venue.close_position(desk.instrument()))
        await desk.until(lambda: desk.of(Position) and not desk.of(Position)[-1].quantity)
        assert await desk.run(desk.venue.positions()) == []
        assert [event.fill.side for event in desk.of(OrderFilled)] == [Side.BUY, Side.SELL]

    trade(script, revision, quirks=quirks)


def test_a_part_of_a_position_is_closed(trade):
    async def script(desk):
        await desk.book()
        await desk.place("avt1-1", Side.SELL, "0.005")
        await desk.wait(3)
        await desk.run(desk.venue.close_position(desk.instrument(), quantity=Decimal("0.002")))
        await desk.wait(3)
        (position,) = await desk.run(desk.venue.positions())
        assert position.quantity == Decimal("-0.003")
        with pytest.raises(Rejected, match=r"found 0\.004 to close"):
            await desk.run(desk.venue.close_position(desk.instrument(), quantity=Decimal("0.004")))

    trade(script)


@pytest.mark.parametrize("quirks", [Quirks(), Quirks(filled_in_part=True), Quirks(snake=True)])
def test_a_resting_order_that_trades_is_booked_from_the_position(trade, quirks):
    async def script(desk):
        _, ask = await desk.book()
        await desk.place("avt1-1", price=ask + 50, quantity="0.02")  # takes what there is, and may rest
        await desk.wait(30)
        order = desk.orders["avt1-1"]
        positions = await desk.run(desk.venue.positions())
        held = sum((position.quantity for position in positions), Decimal(0))
        assert order.filled_quantity == held > 0

    trade(script, quirks=quirks)


def test_post_only_and_ioc_are_the_venues_own_where_time_in_force_is_on(trade):
    async def script(desk):
        assert desk.venue.capabilities[Feature.POST_ONLY].grade is Grade.NATIVE
        bid, ask = await desk.book()
        with pytest.raises(WouldTakeLiquidity):
            await desk.place("avt1-1", price=ask + 100, post_only=True)
        await desk.place("avt1-2", price=bid * Decimal("0.9"), post_only=True)
        assert desk.orders["avt1-2"].state is OrderState.OPEN

    trade(script)


def test_without_time_in_force_they_are_refused_unless_allowed(trade):
    async def script(desk):
        assert desk.venue.capabilities[Feature.IOC].grade is Grade.APPROXIMATE
        bid, _ = await desk.book()
        with pytest.raises(NotSupported, match="only approximate"):
            await desk.place("avt1-1", price=bid, post_only=True)
        with pytest.raises(NotSupported, match="only approximate"):
            await desk.place("avt1-2", price=bid, time_in_force=TimeInForce.IOC)

    trade(script, time_in_force=False)


@pytest.mark.parametrize("revision", REVISIONS)
def test_leverage_and_margin_mode_are_what_the_venue_answers(trade, revision):
    async def script(desk):
        position = await desk.run(desk.venue.set_leverage(desk.instrument(), Decimal(5), MarginMode.ISOLATED))
        assert (position.leverage, position.margin_mode) == (5, MarginMode.ISOLATED)
        corrected = await desk.run(desk.venue.set_leverage(desk.instrument("vntl:OPENAI"), Decimal(2)))
        assert corrected.margin_mode is MarginMode.ISOLATED  # asked for cross
        with pytest.raises(ValueError, match="whole numbers"):
            await desk.run(desk.venue.set_leverage(desk.instrument(), Decimal("2.5")))

    trade(script, revision, symbols=("BTC", "vntl:OPENAI"))


def test_a_position_is_protected_by_its_closing_side(trade):
    async def script(desk):
        bid, _ = await desk.book()
        await desk.place("avt1-1", quantity="0.005")
        await desk.wait(3)
        instrument = desk.instrument()
        low, high = (instrument.round_price(bid * factor) for factor in (Decimal("0.9"), Decimal("1.1")))
        await desk.run(desk.venue.protect(instrument, Protection(take_profit=high, stop_loss=low)))
        with pytest.raises(ValueError, match="take_profit"):
            await desk.run(desk.venue.protect(instrument, Protection(take_profit=low)))
        with pytest.raises(Rejected, match="no position to protect"):
            await desk.run(desk.venue.protect(desk.instrument("ETH"), Protection(stop_loss="1000")))

    trade(script, symbols=("BTC", "ETH"))


def test_cancel_all_cancels_one_symbols_orders(trade):
    async def script(desk):
        bid, _ = await desk.book()
        for number in (1, 2):
            await desk.place(f"avt1-{number}", price=bid * Decimal("0.9"))
        await desk.place("avt1-3", quantity="1", price="1000", instrument=desk.instrument("ETH"))
        await desk.command(desk.venue.cancel_all(desk.instrument()))
        await desk.wait(3)
        states = [order.state for order in desk.orders.values()]
        assert states == [OrderState.CANCELED, OrderState.CANCELED, OrderState.OPEN]

    trade(script, symbols=("BTC", "ETH"))


def test_a_reduce_only_order_never_exceeds_the_position(trade):
    async def script(desk):
        await desk.book()
        await desk.place("avt1-1", quantity="0.005")
        await desk.wait(3)
        for side, quantity in ((Side.SELL, "0.006"), (Side.BUY, "0.001")):
            with pytest.raises(Rejected) as caught:
                await desk.place("avt1-2", side, quantity, reduce_only=True)
            assert caught.value.reason is RejectReason.REDUCE_ONLY
        await desk.place("avt1-3", Side.SELL, "0.005", reduce_only=True)
        await desk.wait(3)
        assert await desk.run(desk.venue.positions()) == []

    trade(script)


def test_what_is_below_ten_dollars_is_not_sent(trade):
    async def script(desk):
        await desk.book()
        with pytest.raises(Rejected, match=r"allowed is from 10 on; nothing was sent"):
            await desk.place("avt1-1", quantity="0.0001", price="60000")

    trade(script)


def test_a_symbol_without_size_decimals_is_refused_with_what_to_write(trade):
    async def script(desk):
        with pytest.raises(NotSupported, match=r"\[connections\.main\.options\.size_decimals\]"):
            await desk.place("avt1-1", quantity="1", price="100", instrument=desk.instrument("xyz:AAPL"))

    trade(script, symbols=("BTC", "xyz:AAPL"))


def test_with_its_decimals_told_a_deployer_market_trades(trade):
    async def script(desk):
        aapl = desk.instrument("xyz:AAPL")
        bid, _ = await desk.book("xyz:AAPL")
        await desk.place("avt1-1", quantity="1", price=int(bid * Decimal("0.9")), instrument=aapl)
        assert desk.orders["avt1-1"].state is OrderState.OPEN

    trade(script, size_decimals={"xyz:AAPL": 3}, symbols=("BTC", "xyz:AAPL"))


def test_an_undivided_book_is_told_as_stale_and_never_guessed(trade):
    async def script(desk):
        await desk.run(desk.venue.subscribe(Subscription(channel=Channel.BOOK, instrument=desk.instrument())))
        await desk.wait(5)
        assert "not divided" in desk.of(StreamStale)[0].reason
        assert not desk.of(BookSnapshot)

    trade(script, book=Revision.A)


def test_mark_prices_are_polled_where_the_list_has_them(trade):
    async def script(desk):
        await desk.run(desk.venue.subscribe(Subscription(channel=Channel.TICKER, instrument=desk.instrument())))
        await desk.wait(11)
        assert len(desk.of(Ticker)) == 3
        assert desk.of(Ticker)[-1].mark_price > 0
        assert (await desk.run(desk.venue.ticker(desk.instrument()))).mark_price > 0
        await desk.run(desk.venue.unsubscribe(Subscription(channel=Channel.TICKER, instrument=desk.instrument())))
        await desk.wait(11)
        assert len(desk.of(Ticker)) == 3

    trade(script, Revision.B)


def test_where_it_has_none_there_is_no_ticker(trade):
    async def script(desk):
        with pytest.raises(NotSupported, match="no mark prices"):
            await desk.run(desk.venue.subscribe(Subscription(channel=Channel.TICKER, instrument=desk.instrument())))
        with pytest.raises(NotSupported):
            await desk.run(desk.venue.subscribe(Subscription(channel=Channel.TRADES, instrument=desk.instrument())))

    trade(script, Revision.A)


def test_books_have_a_budget(trade):
    async def script(desk):
        await desk.book()
        with pytest.raises(Exception, match="books_max"):
            await desk.run(desk.venue.subscribe(Subscription(channel=Channel.BOOK, instrument=desk.instrument("ETH"))))

    trade(script, books_max=1, symbols=("BTC", "ETH"))


def test_an_account_that_was_cut_off_comes_back_and_learns_what_it_missed(trade):
    async def script(desk):
        await desk.book()
        await desk.place("avt1-1", quantity="0.005")
        await desk.wait(3)
        desk.venue._user._link.drop("a test pulls the plug")
        await desk.until(lambda: desk.of(Reconnected))
        kinds = [type(event) for event in desk.events if isinstance(event, Disconnected | Reconnected)]
        assert kinds == [Disconnected, Reconnected]
        assert desk.of(Position)[-1].quantity == Decimal("0.005")
        assert len(desk.of(OrderFilled)) == 1

    trade(script)


@pytest.mark.parametrize("seed", range(2, 8))
def test_whatever_the_documents_leave_open_the_orders_come_out_right(trade, seed, monkeypatch):
    async def script(desk):
        bid, _ = await desk.book()
        await desk.place("avt1-1", price=bid * Decimal("0.9"))
        await desk.place("avt1-2", quantity="0.005")
        await desk.wait(20)
        first, second = desk.orders["avt1-1"], desk.orders["avt1-2"]
        assert (first.state, first.filled_quantity) == (OrderState.OPEN, 0)
        assert (second.state, second.filled_quantity) == (OrderState.FILLED, Decimal("0.005"))
        await desk.command(desk.venue.cancel(first))
        await desk.wait(3)
        assert desk.orders["avt1-1"].state is OrderState.CANCELED

    async def main():
        async with desk_of(monkeypatch, Revision.MIXED, quirks=drawn(seed), seed=seed) as desk:
            await script(desk)

    asyncio.run(main())


def test_an_order_that_was_believed_filled_does_not_stay_open(monkeypatch, caplog):
    """A person at the app buys as much while an order of ours is on its way: so far all that is known fits."""

    async def main():
        async with desk_of(monkeypatch) as desk:
            hosted = await host(desk.venue.context, dialect.GaiaExDialect)
            exchange, bid = hosted.stage.exchange, (await desk.book())[0]
            hosted.gateway.faults = FaultPlan.parse([{"on": "http", "path": "*/order", "delay_s": 3}])
            slow = asyncio.create_task(desk.place("avt1-1", price=bid * Decimal("0.9"), quantity="0.005"))
            await desk.wait(0.5)
            hosted.gateway.faults = FaultPlan()
            person = DESCRIPTOR.open(desk.venue.context)
            await desk.run(person.connect(lambda event: None))
            terms = {"client_order_id": "person", "quantity": "0.005", "order_type": OrderType.MARKET}
            await desk.run(person.place(OrderSpec(instrument=desk.instrument(), side=Side.BUY, **terms)))
            await desk.wait(0.5)
            assert desk.orders["avt1-1"].state is OrderState.FILLED
            await desk.run(slow)  # now it arrives, and rests
            assert len(exchange.open_orders("main")) == 1
            await desk.wait(10)
            assert exchange.open_orders("main") == []
            assert "avt1-1 was believed to have ended" in caplog.text
            assert [fill.quantity for fill in (event.fill for event in desk.of(OrderFilled))] == [Decimal("0.005")]
            assert desk.of(Position)[-1].quantity == Decimal("0.005")
            await desk.run(person.close())
            await hosted.release()

    asyncio.run(main())


def drawn(seed):
    from anyvenue.simulation.chance import Chance

    return Quirks.drawn(Chance(f"quirks {seed}"))
