"""Protection that comes with an entry, on a venue that attaches none: it stands when the entry has traded."""

from decimal import Decimal

import pytest
from listed import linear

from anyvenue.engine.commands import Place, Protect
from anyvenue.engine.engine import Engine
from anyvenue.engine.journal import NoJournal
from anyvenue.engine.strategy import Strategy
from anyvenue.model.depth_sync import SequenceRule
from anyvenue.model.enums import Liquidity, OrderState, OrderType, PositionSide, Side
from anyvenue.model.errors import RejectReason
from anyvenue.model.fill import Fill
from anyvenue.model.market import Ticker
from anyvenue.model.order_events import OrderAccepted, OrderCanceled, OrderFilled, OrderRejected
from anyvenue.model.order_spec import Protection
from anyvenue.model.position import Position
from anyvenue.simulation.clock import DrivenClock
from anyvenue.venue.capabilities import Capabilities, Feature

BTC = "BTC-USDT-PERP"
START = 1_700_000_000_000_000_000
D = Decimal
LEVELS = Protection(take_profit="120.0", stop_loss="90.0")
INSTRUMENT = linear(symbol=BTC, venue="fake", connection="main", venue_symbol="BTC")
ATTACHED = {Feature.ATTACHED_PROTECTION}
ALL = ATTACHED | {Feature.PROTECTION}


class Run:
    """One process's engine, on a venue that lacks some features."""

    def __init__(self, journal, session="a", *, lacks=ALL, positions=(), orders=()):
        self.clock = DrivenClock(START)
        self.strategy = Strategy()
        self.engine = Engine(self.strategy, connections=["main"], clock=self.clock, session=session, journal=journal)
        self.commands = []
        self.engine.bind(self.commands.append)
        capabilities = Capabilities.of(native=tuple(set(Feature) - lacks))
        self.engine.add_connection("main", [INSTRUMENT], capabilities, lambda instrument: SequenceRule())
        for position in positions:
            self.engine.portfolio.restore(position)
        self.engine.orders.adopt(orders)
        self.engine.start()

    def enter(self, *, is_taken=True):
        order = self.strategy.buy(BTC, "0.010", "100.0", protection=LEVELS)
        if is_taken:
            self.tell(OrderAccepted(client_order_id=order.client_order_id, venue_order_id="v1"))
        return order

    def fill(self, order, quantity, trade_id="t1"):
        fill = Fill(
            instrument=INSTRUMENT,
            trade_id=trade_id,
            client_order_id=order.client_order_id,
            venue_order_id="v1",
            side=order.side,
            price=D(100),
            quantity=D(quantity),
            fee=D(0),
            liquidity=Liquidity.MAKER,
        )
        self.tell(OrderFilled(client_order_id=order.client_order_id, venue_order_id="v1", fill=fill))

    def tell(self, event):
        self.engine.receive(event, "main")

    def mark(self, price):
        self.tell(Ticker(instrument=INSTRUMENT, mark_price=D(price)))

    def taken(self, kind):
        commands, self.commands[:] = list(self.commands), []
        return [command for command in commands if isinstance(command, kind)]


@pytest.fixture
def journal():
    return NoJournal()


def test_the_entry_leaves_without_it_and_it_is_watched_once_something_has_traded(journal):
    run = Run(journal)
    assert run.strategy.supports(BTC, Feature.ATTACHED_PROTECTION)
    entry = run.enter()
    (sent,) = run.taken(Place)
    assert sent.order.spec.protection is None
    run.mark("89.0")
    assert run.taken(Place) == []  # nothing is held, so there is nothing to close
    run.mark("100.0")
    run.fill(entry, "0.004")
    run.mark("90.0")
    (closing,) = run.taken(Place)
    spec = closing.order.spec
    assert (spec.side, spec.quantity, spec.order_type) == (Side.SELL, D("0.004"), OrderType.MARKET)
    assert spec.reduce_only


def test_where_the_venue_protects_positions_each_fill_sets_it_there(journal):
    run = Run(journal, lacks=ATTACHED)
    entry = run.enter()
    run.taken(Place)
    run.fill(entry, "0.004", "t1")
    run.fill(entry, "0.006", "t2")
    assert run.taken(Protect) == [Protect(INSTRUMENT, LEVELS, PositionSide.NET)] * 2
    assert journal.recall("guard.attached") is None


@pytest.mark.parametrize("is_taken", [True, False])
def test_an_entry_that_ends_without_a_fill_leaves_nothing_behind(journal, is_taken):
    run = Run(journal)
    entry = run.enter(is_taken=is_taken)
    assert journal.recall("guard.attached")
    if is_taken:
        run.tell(OrderCanceled(client_order_id=entry.client_order_id))
    else:
        run.tell(OrderRejected(client_order_id=entry.client_order_id, reason=RejectReason.INSUFFICIENT_FUNDS))
    assert journal.recall("guard.attached") is None
    run.taken(Place)
    run.mark("89.0")
    assert run.taken(Place) == []


@pytest.mark.parametrize("lacks", [ALL, ATTACHED])
@pytest.mark.parametrize("mark", ["89.0", "121.0"])
def test_where_the_price_has_passed_a_level_before_it_could_be_set_the_position_is_closed(journal, lacks, mark):
    run = Run(journal, lacks=lacks)
    entry = run.enter()
    run.mark(mark)
    run.taken(Place)
    run.fill(entry, "0.010")
    (closing,) = run.taken(Place)
    assert (closing.order.side, closing.order.quantity, closing.order.spec.reduce_only) == (Side.SELL, D("0.010"), True)


def test_what_the_limits_refuse_is_not_remembered(journal):
    run = Run(journal)
    run.engine.stop("test")
    run.strategy.buy(BTC, "0.010", "100.0", protection=LEVELS)
    assert run.taken(Place) == []


def test_an_entry_that_only_reduces_another_position_brings_none(journal):
    run = Run(journal, lacks=ATTACHED, positions=[Position(instrument=INSTRUMENT, quantity=D(-1), cost=D(-100))])
    run.fill(run.enter(), "0.010")
    assert run.taken(Protect) == []


def test_a_restart_takes_the_entry_up_and_protects_what_it_fills(journal):
    first = Run(journal)
    entry = first.engine.orders.get(first.enter().client_order_id)
    second = Run(journal, "b", orders=[entry])
    second.fill(entry, "0.010")
    second.mark("120.0")
    (closing,) = second.taken(Place)
    assert (closing.order.side, closing.order.quantity) == (Side.SELL, D("0.010"))


@pytest.mark.parametrize(("held", "closes"), [("0.010", 1), ("-0.010", 0), ("0", 0)])
def test_what_was_filled_while_nobody_ran_is_protected_from_the_start_on(journal, held, closes):
    """The entry has ended in between, and all that is left of it is the position."""
    Run(journal).enter()
    second = Run(journal, "b", positions=[Position(instrument=INSTRUMENT, quantity=D(held), cost=D(held) * 100)])
    second.mark("89.9")
    assert len(second.taken(Place)) == closes
    assert journal.recall("guard.attached") is None


def test_an_entry_that_was_protected_before_the_end_is_not_protected_twice(journal):
    first = Run(journal, lacks=ATTACHED)
    first.fill(first.enter(), "0.004")
    second = Run(
        journal, "b", lacks=ATTACHED, positions=[Position(instrument=INSTRUMENT, quantity=D("0.004"), cost=D("0.4"))]
    )
    assert second.taken(Protect) == []


def test_it_goes_over_to_the_order_that_an_amended_one_becomes(journal):
    run = Run(journal, lacks=ALL | {Feature.AMEND})
    entry = run.enter()
    run.taken(Place)
    run.strategy.amend(entry, price="99.0")
    run.tell(OrderCanceled(client_order_id=entry.client_order_id))
    (new,) = run.taken(Place)
    assert new.order.state is OrderState.SENT
    assert list(journal.recall("guard.attached")) == [new.order.client_order_id]
    run.fill(new.order, "0.010")
    run.mark("90.0")
    assert len(run.taken(Place)) == 1


def test_an_amend_under_way_is_told_at_the_next_start_with_its_terms(journal, caplog):
    first = Run(journal, lacks=ALL | {Feature.AMEND})
    first.strategy.amend(first.enter(), price="99.0")
    Run(journal, "b", lacks=ALL | {Feature.AMEND})
    assert "was being amended to 0.010 at 99.0 when the last run ended; it has ended, not sent anew" in caplog.text
    assert journal.recall("guard.amends") is None
