"""An engine with a journal: it can be taken up at any moment, and where that fails nothing leaves but the way out."""

import asyncio
import shutil
import sqlite3
from decimal import Decimal

import pytest
from listed import linear

from anyvenue.engine.commands import Cancel, Place
from anyvenue.engine.engine import Engine
from anyvenue.engine.journal import JournalFailed, NoJournal
from anyvenue.engine.journal_recovery import _given_up
from anyvenue.engine.journal_sqlite import SqliteJournal
from anyvenue.engine.live import run_live
from anyvenue.engine.reconcile_events import AccountHeld, OrderFound, PositionDiffers
from anyvenue.engine.strategy import Strategy
from anyvenue.model.depth_sync import SequenceRule
from anyvenue.model.enums import OrderState, Side
from anyvenue.model.errors import RejectReason
from anyvenue.model.fill import Fill
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderAccepted, OrderCanceled, OrderFilled, OrderSent
from anyvenue.model.order_spec import OrderSpec
from anyvenue.model.position import Position
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.sources import sources_of
from anyvenue.simulation.venue import DESCRIPTOR
from anyvenue.venue.capabilities import Capabilities, Feature
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext
from anyvenue_strategies.quoter import Quoter, QuoterParameters

SYMBOL = "BTC-USDT-PERP"
START = 1_700_000_000_000_000_000
PARAMETERS = QuoterParameters(requote_bp=Decimal("0.02"), half_spread_bp=Decimal("0.7"))


class Photographer(Quoter):
    """Quotes, and now and then takes a copy of the database as it stands, beside what the engine knows."""

    def __init__(self, folder):
        super().__init__(PARAMETERS)
        self.folder = folder
        self.taken = []

    def on_start(self):
        super().on_start()
        self.set_timer("photograph", every_s="1.7")

    def on_timer(self, name):
        if name != "photograph":
            super().on_timer(name)
            return
        copy = self.folder / f"copy-{len(self.taken)}.db"
        for tail in ("", "-wal"):
            shutil.copy(f"{self._engine.journal.path}{tail}", f"{copy}{tail}")
        self.taken.append((copy, self.open_orders(), [p for p in self._engine.portfolio.positions() if p.quantity]))


def run(strategy, journal, *, seconds=30.0, venue=None):
    settings = SimulationSettings(symbols=(SYMBOL,), duration_s=seconds)
    clock = DrivenClock(min(source.start_ns for source in sources_of(settings)))
    engine = Engine(strategy, connections=("main",), clock=clock, session="s1", journal=journal)
    if venue is None:
        venue = DESCRIPTOR.open(
            VenueContext(
                connection="main", environment=Environment.SIMULATOR, clock=clock, session="s1", simulation=settings
            )
        )
    return engine, asyncio.run(run_live(engine, {"main": venue}, clock=clock, stop=asyncio.Event()))


def test_whenever_the_process_ends_the_journal_knows_what_the_engine_knew(tmp_path):
    strategy = Photographer(tmp_path)
    journal = SqliteJournal(tmp_path / "journal.db", session="s1", now_ns=0)
    engine, result = run(strategy, journal)
    engine.close()
    assert result.failure == ""
    assert len(strategy.taken) > 10
    held = 0
    for copy, orders, positions in strategy.taken:
        found = SqliteJournal(copy, session="s2", now_ns=0)
        found.close(0, clean=True)
        assert found.recovered.orders == tuple(map(_given_up, orders))
        assert found.recovered.positions == tuple(positions)
        assert not found.recovered.clean
        held += len(positions)
    assert held > 0


def test_a_run_that_ended_well_leaves_its_position_and_no_order(tmp_path):
    journal = SqliteJournal(tmp_path / "journal.db", session="s1", now_ns=0)
    engine, _ = run(Quoter(PARAMETERS), journal)
    engine.close()
    again = SqliteJournal(tmp_path / "journal.db", session="s2", now_ns=0)
    again.close(0, clean=True)
    found = again.recovered
    assert found.clean
    assert found.orders == ()
    assert found.positions == tuple(p for p in engine.portfolio.positions() if p.quantity)
    assert len(found.trade_ids) == engine.recorder.fills > 0


class TestWhatNoFillTells:
    """What reconciliation changes is in the journal at once, as the engine has it from then on."""

    @pytest.fixture
    def taken(self, tmp_path):
        """An engine that is open and has begun, its instrument, and what tells what its journal would give back."""
        clock = DrivenClock(START)
        journal = SqliteJournal(tmp_path / "journal.db", session="s1", now_ns=START)
        engine = Engine(Strategy(), connections=("main",), clock=clock, session="s1", journal=journal)
        engine.bind(lambda command: None)
        instrument = linear(symbol=SYMBOL, venue="fake", connection="main")
        engine.add_connection("main", [instrument], Capabilities.of(native=tuple(Feature)), lambda _: SequenceRule())
        engine.start()
        held = Position(instrument=instrument, quantity=Decimal("0.5"), cost=Decimal(50))
        engine.receive(AccountHeld(connection="main", positions=(held,), ts_baseline=START), "main")

        def recovered():
            engine.close()
            again = SqliteJournal(tmp_path / "journal.db", session="s2", now_ns=START)
            again.close(START, clean=True)
            return again.recovered

        return engine, instrument, recovered

    def fill(self, instrument, *, ts_event, client_order_id=None):
        fill = Fill(
            instrument=instrument,
            trade_id="t1",
            client_order_id=client_order_id,
            venue_order_id="v1",
            side=Side.BUY,
            price=Decimal(100),
            quantity=Decimal("0.2"),
            ts_event=ts_event,
        )
        return OrderFilled(client_order_id=client_order_id, venue_order_id="v1", fill=fill, ts_event=ts_event)

    def test_what_was_held_before_the_run(self, taken):
        _, _, recovered = taken
        assert [position.quantity for position in recovered().positions] == [Decimal("0.5")]

    def test_a_fill_that_is_part_of_it_already(self, taken):
        engine, instrument, recovered = taken
        engine.receive(self.fill(instrument, ts_event=START - 1), "main")
        found = recovered()
        assert [position.quantity for position in found.positions] == [Decimal("0.5")]
        assert found.trade_ids == {("main:BTC-USDT-PERP", "t1")}

    def test_a_fill_that_came_after_it(self, taken):
        engine, instrument, recovered = taken
        engine.receive(self.fill(instrument, ts_event=START + 1), "main")
        assert [position.quantity for position in recovered().positions] == [Decimal("0.7")]

    def test_a_position_that_the_venue_corrects(self, taken):
        engine, instrument, recovered = taken
        ours = engine.portfolio.position(instrument)
        venues = Position(instrument=instrument, quantity=Decimal("0.3"), cost=Decimal(30))
        engine.receive(PositionDiffers(ours=ours, venues=venues, ts_recv=START), "main")
        assert [position.quantity for position in recovered().positions] == [Decimal("0.3")]

    def test_an_order_that_was_found_after_its_fill(self, taken):
        engine, instrument, recovered = taken
        spec = OrderSpec(
            client_order_id="av-old-1", instrument=instrument, side=Side.BUY, quantity=Decimal(1), price=Decimal(100)
        )
        order = Order(spec=spec).apply(OrderSent()).apply(OrderAccepted(venue_order_id="v1"))
        event = self.fill(instrument, ts_event=START + 1, client_order_id="av-old-1")
        engine.receive(event, "main")
        engine.receive(OrderFound(order=order), "main")
        engine.receive(event, "main")
        found = recovered()
        assert [position.quantity for position in found.positions] == [Decimal("0.7")]
        assert [order.booked_quantity for order in found.orders] == [Decimal("0.2")]


class Buyer(Strategy):
    """Buys once there is a book, again and again."""

    def __init__(self):
        super().__init__()
        self.heard = []

    def on_start(self):
        self.subscribe(SYMBOL)

    def on_book(self, book):
        if book.is_synced and not self.open_orders():
            self.buy(SYMBOL, "0.001", self.instrument(SYMBOL).round_price(book.mid * Decimal("0.9")))

    def on_order(self, order):
        self.heard.append(order)


class Failing(NoJournal):
    """A journal that fails after some intents."""

    def __init__(self, left):
        super().__init__()
        self.left = left
        self.seen = []

    def intent(self, command, now_ns):
        self.seen.append(command)
        if isinstance(command, Place):
            self.left -= 1
            if self.left < 0:
                raise JournalFailed("the journal cannot be written: full")
        return 0


def test_an_order_that_cannot_be_written_down_is_not_sent_and_ends_the_run():
    strategy, journal = Buyer(), Failing(0)
    _, result = run(strategy, journal, seconds=10.0)
    (order,) = strategy.heard
    assert (order.state, order.reason) == (OrderState.REJECTED, RejectReason.NOT_SENT)
    assert result.stopped == "trading_ended"
    assert "the journal cannot be written: full" in result.failure
    assert len([command for command in journal.seen if isinstance(command, Place)]) == 1


class Slow(NoJournal):
    """A journal that acknowledges when it is told to, or never."""

    def __init__(self, error=None):
        super().__init__()
        self.error = error
        self.waited = []

    def intent(self, command, now_ns):
        return 7 if isinstance(command, Place | Cancel) else 0

    async def durable(self, ticket):
        self.waited.append(ticket)
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error


class Watched:
    """The simulated venue, which notes what reaches it."""

    def __init__(self, venue):
        self._venue = venue
        self.reached = []

    def __getattr__(self, name):
        return getattr(self._venue, name)

    async def place(self, spec):
        self.reached.append(("place", spec.client_order_id))
        return await self._venue.place(spec)

    async def cancel(self, order):
        self.reached.append(("cancel", order.client_order_id))
        return await self._venue.cancel(order)


def run_watched(journal):
    settings = SimulationSettings(symbols=(SYMBOL,), duration_s=10.0)
    clock = DrivenClock(min(source.start_ns for source in sources_of(settings)))
    context = VenueContext(
        connection="main", environment=Environment.SIMULATOR, clock=clock, session="s1", simulation=settings
    )
    venue, strategy = Watched(DESCRIPTOR.open(context)), Buyer()
    engine = Engine(strategy, connections=("main",), clock=clock, session="s1", journal=journal)
    result = asyncio.run(run_live(engine, {"main": venue}, clock=clock, stop=asyncio.Event()))
    return venue.reached, strategy, result


def test_a_command_leaves_once_the_journal_has_acknowledged_it():
    journal = Slow()
    reached, strategy, _ = run_watched(journal)
    assert [what for what, _ in reached] == ["place", "cancel"]
    assert journal.waited == [7, 7]
    assert strategy.heard[-1].state is OrderState.CANCELED


def test_one_that_is_never_acknowledged_does_not_leave():
    reached, strategy, result = run_watched(Slow(JournalFailed("the journal cannot be written: broken")))
    assert reached == []
    assert strategy.heard[-1].reason is RejectReason.NOT_SENT
    assert result.stopped == "trading_ended"


def test_a_cancel_leaves_all_the_same():
    class BreaksLater(Slow):
        async def durable(self, ticket):
            await super().durable(ticket)
            if len(self.waited) > 1:
                raise JournalFailed("the journal cannot be written: broken")

    reached, strategy, _ = run_watched(BreaksLater())
    assert [what for what, _ in reached] == ["place", "cancel"]
    assert strategy.heard[-1].state is OrderState.CANCELED


def test_halves_of_characters_from_a_venue_stop_nobody(tmp_path, caplog):
    journal = SqliteJournal(tmp_path / "journal.db", session="s1", now_ns=0)
    journal.event(OrderCanceled(client_order_id="x", text="\ud800"), 0, "main")
    journal.decision("halt", "\ud800", 0)
    journal.close(0, clean=True)
    assert "the journal cannot hold a OrderCanceled" in caplog.text
    assert "the journal cannot hold a dict" in caplog.text
    with sqlite3.connect(tmp_path / "journal.db") as database:
        assert database.execute("SELECT kind FROM records").fetchall() == [("end",)]
    database.close()
