"""A run is killed in the middle of an amend made of two; the next one asks the venue, and goes on by what that says."""

import asyncio
from decimal import Decimal

import pytest

from anyvenue.engine.engine import Engine
from anyvenue.engine.journal_sqlite import SqliteJournal
from anyvenue.engine.live import run_live
from anyvenue.engine.reconcile_settings import Recovery
from anyvenue.engine.replay import replay_session, setup_of
from anyvenue.engine.replay_reader import segments, session_lines
from anyvenue.engine.session_log import SessionLog
from anyvenue.engine.strategy import Strategy
from anyvenue.model.enums import Fate, OrderState
from anyvenue.model.errors import OutcomeUnknown
from anyvenue.model.order_events import OrderEvent
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.venue import SimulatedVenue
from anyvenue.venue.capabilities import Capabilities, Feature
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext

BTC = "BTC-USDT-PERP"
START = 1_723_161_256 * 1_000_000_000
OLD = "avs1-1"
FAR, NEAR = Decimal("50000"), Decimal("51000")
KEEP, CANCEL = Recovery(orders="keep"), Recovery(orders="cancel")


class Hindered(SimulatedVenue):
    """It has no amend. The answer to a cancel is lost; one that `drops` it loses the cancel itself. `deaf`: no news."""

    drops = deaf = False

    def __init__(self, context):
        super().__init__(context)
        features = self.capabilities.features
        self.capabilities = Capabilities({f: graded for f, graded in features.items() if f is not Feature.AMEND})

    async def connect(self, sink):
        await super().connect(lambda event: None if self.deaf and isinstance(event, OrderEvent) else sink(event))

    async def cancel(self, order):
        if not self.drops:
            await super().cancel(order)
        raise OutcomeUnknown("no answer")


class Amending(Strategy):
    """Has an order rest far below the market, amends it after a second, and is killed when the cancel has no answer."""

    def __init__(self, venue):
        super().__init__()
        self.venue = venue

    def on_start(self):
        self.run = asyncio.current_task()
        self.order_ = self.buy(BTC, "0.010", FAR)
        self.set_timer("amend", after_s=1)

    def on_timer(self, name):
        self.venue.deaf = True
        self.amend(self.order_, price=NEAR)

    def on_order(self, order):
        if order.amend is not None and order.amend.fate is Fate.UNKNOWN:
            self.run.cancel()  # it is not asked to end: nothing more is done


class Watching(Strategy):
    """Looks at its orders after five seconds."""

    def on_start(self):
        self.seen = None
        self.set_timer("look", after_s=5)

    def on_timer(self, name):
        self.seen = [(order.client_order_id, order.price) for order in self.open_orders()]


@pytest.fixture
def stage(tmp_path):
    """A venue, and what runs a strategy on it with the journal of the one before."""
    clock = DrivenClock(START)
    venue = Hindered(
        VenueContext(
            connection="main",
            environment=Environment.SIMULATOR,
            clock=clock,
            session="main",
            simulation=SimulationSettings(symbols=(BTC,), duration_s=30),
        )
    )

    def run(session, strategy, recovery):
        journal = SqliteJournal(tmp_path / "journal.db", session=session, now_ns=clock.time_ns())
        log = SessionLog(tmp_path, session)
        engine = Engine(strategy, connections=("main",), clock=clock, session=session, journal=journal, log=log)
        engine.recover(journal.recovered)
        try:
            asyncio.run(
                run_live(engine, {"main": venue}, clock=clock, stop=asyncio.Event(), duration_s=10, recovery=recovery)
            )
        finally:
            journal._writer.close()
            journal._database.close()
            journal._release()
            log.close()
        return engine

    return venue, run


@pytest.mark.parametrize("arrived", [True, False])
def test_kept_it_goes_on_whether_the_cancel_had_arrived_or_not(stage, arrived):
    venue, run = stage
    venue.drops = not arrived
    with pytest.raises(asyncio.CancelledError):
        run("s1", Amending(venue), KEEP)
    assert len(venue.market.exchange.open_orders("main")) == (0 if arrived else 1)
    venue.drops = venue.deaf = False
    watching = Watching()
    run("s2", watching, KEEP)
    ((name, price),) = watching.seen
    assert (name.startswith("avs2-"), price) == (True, NEAR)


def test_what_was_gone_on_with_is_replayed(stage, tmp_path):
    venue, run = stage
    with pytest.raises(asyncio.CancelledError):
        run("s1", Amending(venue), KEEP)
    venue.deaf = False
    run("s2", Watching(), KEEP)
    lines = session_lines(segments(tmp_path / "s2"))
    replayed = replay_session(lines, setup_of(lines), Watching(), None)
    assert (replayed.difference, replayed.whole) == (None, True)
    assert replayed.commands == 3  # the prices, the new order, and its cancel at the end


def test_kept_and_filled_meanwhile_nothing_more_leaves(stage):
    venue, run = stage
    venue.drops = True
    with pytest.raises(asyncio.CancelledError):
        run("s1", Amending(venue), KEEP)
    exchange = venue.market.exchange
    exchange.amend("main", client_order_id=OLD, price=Decimal("90000"))  # through the market
    venue.drops = venue.deaf = False
    watching = Watching()
    engine = run("s2", watching, KEEP)
    assert engine.orders.get(OLD).state is OrderState.FILLED
    assert watching.seen == []
    assert exchange.position("main", BTC).quantity == Decimal("0.010")


@pytest.mark.parametrize("arrived", [True, False])
def test_where_what_an_earlier_run_left_is_canceled_it_ends_with_the_cancel(stage, arrived):
    venue, run = stage
    venue.drops = not arrived
    with pytest.raises(asyncio.CancelledError):
        run("s1", Amending(venue), CANCEL)
    venue.drops = venue.deaf = False
    watching = Watching()
    run("s2", watching, CANCEL)
    assert watching.seen == []
    assert venue.market.exchange.open_orders("main") == []
