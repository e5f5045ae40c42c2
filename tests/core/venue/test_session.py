"""A session on the simulated venue: what a script sees, and what becomes of its orders when the venue is in trouble."""

import asyncio
import gzip
from decimal import Decimal

import orjson
import pytest

from anyvenue.model.enums import Fate, OrderState, PositionSide, Side, TimeInForce, TriggerKind
from anyvenue.model.errors import (
    InvalidPrice,
    NotSent,
    NotSupported,
    OutcomeUnknown,
    RejectReason,
    UnknownInstrument,
    WouldTakeLiquidity,
)
from anyvenue.model.order_spec import Trigger
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.pump import Pump
from anyvenue.simulation.venue import DESCRIPTOR
from anyvenue.venue.capabilities import Capabilities, Capability, Feature, Grade
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext
from anyvenue.venue.events import Channel, Disconnected, Reconnected
from anyvenue.venue.session import Session

pytestmark = pytest.mark.anyio

SECOND = 1_000_000_000
START = 1_000_000 * SECOND
ABC = "ABC-USDT-PERP"
FRAMES = [
    [START, "s", [["99.5", "3"], ["99.0", "10"]], [["100.0", "2"], ["100.5", "10"]]],
    *([START + n * SECOND, "d", [["98.0", str(n)]], []] for n in range(1, 10)),
    [START + 10 * SECOND, "t", "sell", "99.5", "4", "t1"],
    [START + 11 * SECOND, "t", "buy", "100.0", "1", "t2"],
    [START + 20 * SECOND, "d", [["98.0", "1"]], []],
]


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def tape(tmp_path):
    header = {
        "tape": 1,
        "symbol": ABC,
        "base": "ABC",
        "quote": "USDT",
        "settle": "USDT",
        "price_tick": "0.5",
        "quantity_step": "0.1",
        "source": "made by hand",
        "start_ns": FRAMES[0][0],
        "end_ns": FRAMES[-1][0],
        "frames": len(FRAMES),
    }
    path = tmp_path / "abc.tape.gz"
    path.write_bytes(gzip.compress(b"\n".join(orjson.dumps(line) for line in (header, *FRAMES)) + b"\n"))
    return str(path)


@pytest.fixture
async def session(tape):
    clock = DrivenClock()
    context = VenueContext(
        connection="main",
        environment=Environment.SIMULATOR,
        clock=clock,
        session="test",
        simulation=SimulationSettings(market=tape),
    )
    session = Session(DESCRIPTOR.open(context), clock, Pump(clock), session="test")
    await session.connect()
    yield session
    await session.disconnect()


def second(session):
    return (session.time_ns - START) / SECOND


# Orders


async def test_a_limit_order_comes_back_as_acknowledged(session):
    order = await session.buy(ABC, "1.5", "99.0")
    assert (order.state, order.price, order.quantity) == (OrderState.OPEN, Decimal("99.0"), Decimal("1.5"))
    assert order.client_order_id == "avtest-1"
    assert order.venue_order_id is not None
    assert order.create is Fate.DONE


async def test_a_market_order_comes_back_filled(session):
    order = await session.sell("ABC-PERP", 1)
    assert (order.state, order.average_price) == (OrderState.FILLED, Decimal("99.5"))


async def test_an_ioc_order_comes_back_ended(session):
    order = await session.buy(ABC, "5", "100.0", time_in_force=TimeInForce.IOC)
    assert (order.state, order.filled_quantity) == (OrderState.EXPIRED, 2)


async def test_an_order_that_waits_for_its_trigger_is_not_waited_for(session):
    order = await session.sell(ABC, "1", trigger=Trigger(kind=TriggerKind.STOP, price="98.0"))
    assert order.state is OrderState.OPEN
    assert second(session) < 0.1


async def test_an_order_stays_current_by_the_stream(session):
    order = await session.buy(ABC, "1", "99.5")
    await session.sleep(11)  # 4 trade at 99.5 at second 10; 3 were there before ours
    assert session.current(order).state is OrderState.FILLED
    assert order.state is OrderState.OPEN


async def test_amend_and_cancel_return_the_order_as_it_is_then(session):
    order = await session.buy(ABC, "1", "99.0")
    order = await session.amend(order, price="98.5", quantity="2")
    assert (order.price, order.quantity, order.amend) == (Decimal("98.5"), 2, None)
    order = await session.cancel(order)
    assert (order.state, order.cancel) == (OrderState.CANCELED, Fate.DONE)


async def test_what_the_venue_refuses_is_raised_and_the_order_knows(session):
    updates = session.order_updates()
    with pytest.raises(WouldTakeLiquidity):
        await session.buy(ABC, "1", "100.0", post_only=True)
    sent, refused = await anext(updates), await anext(updates)
    assert sent.state is OrderState.SENT
    assert (refused.state, refused.reason) == (OrderState.REJECTED, RejectReason.WOULD_TAKE_LIQUIDITY)


async def test_misuse_sends_nothing(session):
    with pytest.raises(TypeError, match=r"0\.1, which is not exact"):
        await session.buy(ABC, 0.1)
    with pytest.raises(InvalidPrice):
        await session.buy(ABC, "1", "99.1")
    with pytest.raises(UnknownInstrument, match="did you mean ABC-USDT-PERP"):
        await session.buy("ABD-USDT-PERP", "1")
    assert second(session) < 0.1
    assert await session.open_orders() == []


async def test_what_the_venue_cannot_do_is_refused_before_it_is_sent(session):
    session.venue.capabilities = Capabilities.of(
        native=(Feature.LIMIT, Feature.MARKET),
        post_only=Capability(Grade.APPROXIMATE, "it may take after all"),
    )
    with pytest.raises(NotSupported, match='add "post_only" to allow_approximate'):
        await session.buy(ABC, "1", "99.0", post_only=True)
    with pytest.raises(NotSupported, match="reduce_only is absent"):
        await session.sell(ABC, "1", "101.0", reduce_only=True)
    with pytest.raises(NotSupported, match="risk_tiers is absent"):
        await session.risk_tiers(ABC)
    with pytest.raises(NotSupported, match="amend is absent"):
        await session.amend(await session.buy(ABC, "1", "99.0"), price="98.5")


# Unknown outcomes


async def test_an_order_of_unknown_fate_is_kept_and_settled_by_asking(session):
    place = session.venue.place

    async def place_without_an_answer(spec):
        await place(spec)
        raise OutcomeUnknown("no answer")

    session.venue.place = place_without_an_answer
    with pytest.raises(OutcomeUnknown):
        await session.buy(ABC, "1", "99.0")
    (order,) = session.unsettled_orders()
    assert (order.state, order.create) == (OrderState.SENT, Fate.UNKNOWN)
    settled = await session.order(order)
    assert (settled.state, settled.create) == (OrderState.OPEN, Fate.DONE)
    assert session.unsettled_orders() == []


async def test_an_order_that_never_left_is_rejected(session):
    async def broken(spec):
        raise NotSent("no connection")

    session.venue.place = broken
    updates = session.order_updates()
    with pytest.raises(NotSent):
        await session.buy(ABC, "1", "99.0")
    assert [(await anext(updates)).state for _ in range(2)] == [OrderState.SENT, OrderState.REJECTED]


async def test_a_cancelled_call_leaves_the_outcome_unknown(session):
    task = asyncio.create_task(session.buy(ABC, "1", "99.0"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (order,) = session.unsettled_orders()
    await session.sleep(1)
    assert (await session.order(order)).state is OrderState.OPEN


async def test_asking_about_an_order_the_venue_never_saw_gives_none(session):
    async def swallow(spec):
        raise OutcomeUnknown("no answer")

    session.venue.place = swallow
    with pytest.raises(OutcomeUnknown):
        await session.buy(ABC, "1", "99.0")
    (order,) = session.unsettled_orders()
    assert await session.order(order) is None
    assert session.unsettled_orders() == [order]


async def test_after_a_reconnect_open_orders_are_asked_for(session):
    order = await session.buy(ABC, "1", "99.0")
    session.venue._wire.deliver = lambda make: None  # from now on the stream is dead
    await session.cancel_all(ABC)
    session._tracker._orders[order.client_order_id] = order  # as if the reply had been lost too
    session._receive(Disconnected(connection="main", reason="gone"))
    session._receive(Reconnected(connection="main"))
    await session.sleep(1)
    assert session.current(order).state is OrderState.CANCELED


# Everything at once


@pytest.mark.parametrize("grade", [Grade.NATIVE, Grade.EMULATED])
async def test_cancel_all_and_close_native_and_emulated(session, grade):
    capability = Capability(grade)
    features = dict(session.venue.capabilities.features)
    features |= {Feature.CANCEL_ALL: capability, Feature.CLOSE_POSITION: capability}
    session.venue.capabilities = Capabilities(features)
    orders = [await session.buy(ABC, "1", "99.0"), await session.sell(ABC, "1", "101.0")]
    await session.cancel_all()
    assert [session.current(order).state for order in orders] == [OrderState.CANCELED] * 2
    await session.buy(ABC, "1")
    await session.close(ABC)
    assert (await session.position(ABC)).is_flat
    await session.close(ABC)


async def test_what_the_account_has(session):
    await session.set_leverage(ABC, 20)
    await session.buy(ABC, "1")
    await session.protect(ABC, stop_loss="90.0", take_profit="110.0")
    position = await session.position("ABC-PERP")
    assert (position.quantity, position.leverage) == (1, 20)
    assert [p.quantity for p in await session.positions()] == [1]
    assert [b.total for b in await session.balances()] == [Decimal("99999.95")]  # a taker fee of 0.0005 x 100
    assert [f.price for f in await session.fills(ABC)] == [100]
    assert (await session.position(ABC, PositionSide.LONG)).is_flat


# Market data


async def test_market_data_by_request(session):
    book = await session.order_book(ABC, depth=1)
    assert [(level.price, level.quantity) for level in book.bids(9)] == [(Decimal("99.5"), 3)]
    await session.sleep(11)
    assert (await session.ticker(ABC)).last_price == 100
    assert [trade.trade_id for trade in await session.recent_trades(ABC)] == ["t1", "t2"]
    assert [candle.close for candle in await session.candles(ABC, 60)] == [100]


async def test_books_are_live_and_tell_every_change_while_somebody_waits(session):
    seen = []
    async for book in session.books(ABC):
        seen.append((round(second(session)), book.quantity_at(Side.BUY, "98.0")))
        if len(seen) == 4:
            break
    assert seen == [(0, 0), (1, 1), (2, 2), (3, 3)]


async def test_a_slow_reader_of_books_gets_the_latest_and_a_count(session):
    async with session.books(ABC) as books:
        await anext(books)
        await session.sleep("5.5")
        book = await anext(books)
        assert book.quantity_at(Side.BUY, "98.0") == 5
        assert books.skipped == 4


async def test_trades_wait_for_a_slow_reader(session):
    async with session.trades(ABC) as trades:
        await session.sleep(15)
        assert [(await anext(trades)).trade_id for _ in range(2)] == ["t1", "t2"]


async def test_a_stream_ends_with_the_market(session):
    assert [trade.trade_id async for trade in session.trades(ABC)] == ["t1", "t2"]
    assert second(session) >= 20


async def test_two_readers_share_a_subscription_and_the_last_one_ends_it(session):
    first, other = session.tickers(ABC), session.tickers(ABC)
    await anext(first)
    await anext(other)
    listing = session.venue.market.listing(ABC)
    await first.aclose()
    assert listing.hears(Channel.TICKER)
    await other.aclose()
    assert not listing.hears(Channel.TICKER)


async def test_fills_and_order_updates_are_never_skipped(session):
    updates, fills = session.order_updates(), session.new_fills()
    bought = await session.buy(ABC, "3")
    sold = await session.sell(ABC, "1")
    told = [await anext(fills) for _ in range(3)]
    assert [(fill.side, fill.quantity, fill.price) for fill in told] == [
        (Side.BUY, 2, Decimal("100.0")),
        (Side.BUY, 1, Decimal("100.5")),
        (Side.SELL, 1, Decimal("99.5")),
    ]
    states = {}
    while len(states) < 2 or not all(order.is_terminal for order in states.values()):
        order = await anext(updates)
        states[order.client_order_id] = order
    assert {name: order.filled_quantity for name, order in states.items()} == {
        bought.client_order_id: 3,
        sold.client_order_id: 1,
    }


async def test_time_stands_still_while_nobody_waits(session):
    before = session.time_ns
    await asyncio.sleep(0.01)
    assert session.time_ns == before


async def test_tasks_beside_each_other_see_one_market(session):
    async def wait_for(trade_id):
        async for trade in session.trades(ABC):
            if trade.trade_id == trade_id:
                return round(second(session))
        return None

    async def trade():
        await session.sleep(10)
        return (await session.buy(ABC, "1")).state

    assert await asyncio.gather(wait_for("t2"), wait_for("t1"), trade()) == [11, 10, OrderState.FILLED]
