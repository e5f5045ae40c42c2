"""An amend made of a cancel and a new order survives the end of the process, at whatever point that comes."""

import itertools
import sqlite3
from collections import deque
from contextlib import closing
from decimal import Decimal

import pytest
from attrs import evolve
from listed import linear

from anyvenue.engine.commands import Cancel, Place
from anyvenue.engine.engine import Engine
from anyvenue.engine.journal_sqlite import SqliteJournal
from anyvenue.engine.reconcile_events import KeepLeftOver
from anyvenue.engine.risk_limits import RiskLimits
from anyvenue.engine.strategy import Strategy
from anyvenue.model.depth_sync import SequenceRule
from anyvenue.model.enums import Fate, OrderState, Side
from anyvenue.model.errors import RejectReason
from anyvenue.model.fill import Fill
from anyvenue.model.market import Ticker
from anyvenue.model.order_events import (
    CancelRejected,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderReported,
)
from anyvenue.model.order_spec import Protection
from anyvenue.simulation.clock import DrivenClock
from anyvenue.venue.capabilities import Capabilities, Feature

BTC = "BTC-USDT-PERP"
NEVER = 1 << 62
START = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
D = Decimal

INSTRUMENT = linear(symbol=BTC, venue="fake", connection="main", venue_symbol="BTC")
LACKS = {Feature.AMEND, Feature.ATTACHED_PROTECTION}


class Killed(BaseException):
    """The process has ended here."""


class Life:
    """When a process ends: before its n-th step, a step being a record that is written or a command that leaves."""

    def __init__(self, ends_before=None):
        self.ends_before, self.steps = ends_before, 0

    def step(self):
        if self.steps == self.ends_before:
            raise Killed
        self.steps += 1


class MortalJournal(SqliteJournal):
    """A journal in a process that may end before each of its records."""

    life = None

    def _write(self, rows):
        if self.life is not None:
            self.life.step()
        return super()._write(rows)

    def abandon(self):
        """Close the files as the end of the process does: nothing is written any more."""
        self._writer.close()
        self._database.close()
        self._release()


class Listener(Strategy):
    """Notes what it is told of orders."""

    def __init__(self):
        super().__init__()
        self.told = []

    def on_order(self, order):
        self.told.append((order.client_order_id, order.state, order.price))


class Process:
    """An engine with the journal that the process before it left, on a venue that lacks amends. `start` is its start.

    Commands go to `carry`; without one they are kept in a list.
    """

    def __init__(self, folder, session, *, life=None, carry=None, risk=None, listed=INSTRUMENT):
        self.clock = DrivenClock(START + int(session, 36) * SECOND)
        self.life = life or Life()
        self.journal = MortalJournal(folder / "journal.db", session=session, now_ns=self.clock.time_ns())
        self.journal.life = self.life
        self.strategy = Listener()
        self.engine = Engine(
            self.strategy,
            connections=["main"],
            clock=self.clock,
            session=session,
            journal=self.journal,
            risk=risk,
        )
        self.commands = []
        self._carry = carry or self.commands.append
        self.engine.bind(self._leave)
        capabilities = Capabilities.of(native=tuple(feature for feature in Feature if feature not in LACKS))
        self.engine.add_connection("main", [listed], capabilities, lambda instrument: SequenceRule())
        self.engine.recover(self.journal.recovered)

    def _leave(self, command):
        if isinstance(command, Place | Cancel):
            self.life.step()
            self._carry(command)

    def start(self, *, keeps=True):
        if keeps:
            self.tell(KeepLeftOver())
        self.engine.start()

    def tell(self, *events):
        for event in events:
            self.engine.receive(event, "main")

    def mark(self, price="100.0"):
        self.tell(Ticker(instrument=INSTRUMENT, mark_price=D(price)))

    def taken(self, kind):
        commands, self.commands[:] = list(self.commands), []
        return [command.order for command in commands if isinstance(command, kind)]

    def order(self, name):
        return self.engine.orders.get(name)

    @property
    def messages(self):
        return "\n".join(self.engine.view().messages)


def fill(name, quantity, trade_id="t1"):
    traded = Fill(
        instrument=INSTRUMENT,
        trade_id=trade_id,
        client_order_id=name,
        venue_order_id=None,
        side=Side.BUY,
        price=D(100),
        quantity=D(quantity),
    )
    return OrderFilled(client_order_id=name, fill=traded)


OLD = "ava-1"


@pytest.fixture
def processes(tmp_path):
    """Makes one process after the other, each with what the one before left."""
    running = []

    def begin(session, **how):
        if running:
            running.pop().journal.abandon()
        running.append(Process(tmp_path, session, **how))
        return running[-1]

    yield begin
    running.pop().journal.abandon()


@pytest.fixture
def amending(processes):
    """A bid for 1 at 100 that rests, and is being amended to 1.5 at 99; its process ends here, the cancel sent."""

    def begin(*, quantity="1.5", **terms):
        first = processes("a")
        first.start()
        order = first.strategy.buy(BTC, "1", "100.0", **terms)
        first.tell(OrderAccepted(client_order_id=OLD, venue_order_id="v1"))
        first.strategy.amend(order, price="99.0", quantity=quantity)
        assert [type(command) for command in first.commands] == [Place, Cancel]
        return first

    return begin


# Each thing that may have become of the order meanwhile


def test_canceled_by_us_the_new_order_leaves_for_the_rest_with_the_first_price(amending, processes):
    amending()
    second = processes("b")
    assert (second.order(OLD).state, second.order(OLD).cancel) == (OrderState.OPEN, Fate.UNKNOWN)
    second.tell(fill(OLD, "0.4"), OrderCanceled(client_order_id=OLD))
    second.start()
    assert second.taken(Place) == []  # the limits may need a price
    second.mark()
    (new,) = second.taken(Place)
    assert (new.price, new.quantity, new.side) == (D("99.0"), D("1.1"), Side.BUY)
    assert second.engine.orders.is_of_this_run(new)
    # The strategy is told, and the old name stands for the new order.
    assert second.strategy.told[-1] == (new.client_order_id, OrderState.SENT, D("99.0"))
    assert second.strategy.order(OLD).client_order_id == new.client_order_id
    assert "that goes on" in second.messages
    second.mark()
    assert second.taken(Place) == []
    third = processes("c")
    third.start()
    third.mark()
    assert third.taken(Place) == []


def test_where_a_price_is_known_already_nothing_is_waited_for(amending, processes):
    amending()
    second = processes("b")
    second.start()
    second.mark()
    second.tell(OrderCanceled(client_order_id=OLD))
    assert [(new.price, new.quantity) for new in second.taken(Place)] == [(D("99.0"), D("1.5"))]


def test_still_open_the_cancel_goes_on_and_it_looks_like_any_amend(amending, processes):
    amending()
    second = processes("b")
    second.tell(OrderReported(client_order_id=OLD, state=OrderState.OPEN, filled_quantity=D(0)))
    assert [order.client_order_id for order in second.taken(Cancel)] == [OLD]  # its cancel may have been lost
    second.start()
    second.mark()
    (resting,) = second.strategy.open_orders()
    assert (resting.price, resting.amend.price, resting.cancel) == (D("100.0"), D("99.0"), None)
    assert second.taken(Place) == []
    second.tell(OrderCanceled(client_order_id=OLD))
    assert [new.price for new in second.taken(Place)] == [D("99.0")]
    assert (OLD, OrderState.CANCELED, D("100.0")) not in second.strategy.told


def test_filled_meanwhile_nothing_leaves(amending, processes):
    amending()
    second = processes("b")
    second.tell(fill(OLD, "1"))
    second.start()
    second.mark()
    assert second.taken(Place) == []
    assert "it is filled, not sent anew" in second.messages


def test_filled_after_the_start_nothing_leaves(amending, processes):
    amending()
    second = processes("b")
    second.start()
    second.mark()
    second.tell(fill(OLD, "1"))
    assert second.taken(Place) == []
    assert second.journal.recall("guard.amends") is None


def test_traded_to_the_wished_total_nothing_leaves(amending, processes):
    amending(quantity="0.5")
    second = processes("b")
    second.tell(fill(OLD, "0.5"), OrderCanceled(client_order_id=OLD))
    second.start()
    second.mark()
    assert second.taken(Place) == []
    assert second.journal.recall("guard.amends") is None


@pytest.mark.parametrize("is_early", [True, False])
def test_ended_by_the_venue_for_its_own_reasons_it_is_not_replaced(amending, processes, is_early):
    amending()
    second = processes("b")
    gone = OrderCanceled(client_order_id=OLD, reason=RejectReason.LIQUIDATION)
    if is_early:
        second.tell(gone)
    second.start()
    if not is_early:
        second.tell(gone)
    second.mark()
    assert second.taken(Place) == []
    assert second.journal.recall("guard.amends") is None


def test_a_refused_cancel_leaves_the_order_as_it_is(amending, processes):
    amending()
    second = processes("b")
    second.tell(CancelRejected(client_order_id=OLD, reason=RejectReason.OTHER, text="busy"))
    second.start()
    assert "its cancel was refused, not sent anew" in second.messages
    second.mark()
    second.tell(OrderCanceled(client_order_id=OLD))  # a person's, later
    assert second.taken(Place) == []


def test_a_cancel_that_never_left_does_so_now(processes):
    first = processes("a")
    first.start()
    order = first.strategy.buy(BTC, "1", "100.0")
    first.tell(OrderAccepted(client_order_id=OLD, venue_order_id="v1"))
    first.life.ends_before = first.life.steps + 1  # behind the record of what is to be done
    with pytest.raises(Killed):
        first.strategy.amend(order, price="99.0")
    second = processes("b")
    assert second.order(OLD).cancel is None
    second.start()
    second.mark()
    assert [order.client_order_id for order in second.taken(Cancel)] == [OLD]
    second.tell(OrderCanceled(client_order_id=OLD))
    assert [new.price for new in second.taken(Place)] == [D("99.0")]


def test_what_somebody_else_canceled_before_our_cancel_left_is_not_replaced(processes):
    first = processes("a")
    first.start()
    order = first.strategy.buy(BTC, "1", "100.0")
    first.tell(OrderAccepted(client_order_id=OLD, venue_order_id="v1"))
    first.life.ends_before = first.life.steps + 1
    with pytest.raises(Killed):
        first.strategy.amend(order, price="99.0")
    second = processes("b")
    second.tell(OrderCanceled(client_order_id=OLD))
    second.start()
    second.mark()
    assert second.taken(Place) == []
    assert "it is canceled, not sent anew" in second.messages


# What the configuration and the limits say


@pytest.mark.parametrize("is_proven", [True, False])
def test_where_the_orders_of_earlier_runs_are_canceled_it_ends_with_the_cancel(amending, processes, is_proven):
    amending()
    second = processes("b")
    if is_proven:
        second.tell(OrderCanceled(client_order_id=OLD))
    second.start(keeps=False)
    second.mark()
    second.tell(OrderCanceled(client_order_id=OLD))
    assert second.taken(Place) == []
    told = "it has ended" if is_proven else "it is open"
    assert f"{OLD} was being amended to 1.5 at 99.0 when the last run ended; {told}, not sent anew" in second.messages
    third = processes("c")
    third.start()
    assert "being amended" not in third.messages


def test_the_limits_see_the_new_order(amending, processes):
    amending()
    second = processes("b", risk=RiskLimits(price_band=D("0.05")))
    second.tell(OrderCanceled(client_order_id=OLD))
    second.start()
    second.mark("200.0")
    assert second.taken(Place) == []
    name, state, _ = second.strategy.told[-1]
    assert state is OrderState.REJECTED
    assert "price_band" in second.order(name).text
    third = processes("c")
    third.start()
    third.mark()
    assert third.taken(Place) == []


def test_within_the_limits_it_leaves_though_there_was_no_price_at_the_start(amending, processes):
    amending()
    second = processes("b", risk=RiskLimits(price_band=D("0.05")))
    second.tell(OrderCanceled(client_order_id=OLD))
    second.start()
    second.mark("100.0")
    assert [new.price for new in second.taken(Place)] == [D("99.0")]


def test_where_no_price_ever_comes_the_limits_refuse_it_within_a_minute_and_the_strategy_is_told(amending, processes):
    amending()
    second = processes("b", risk=RiskLimits(price_band=D("0.05")))
    second.tell(OrderCanceled(client_order_id=OLD))
    second.start()
    second.clock.run_until(second.clock.time_ns() + 59 * SECOND)
    assert [state for _, state, _ in second.strategy.told] == [OrderState.CANCELED]
    second.clock.run_until(second.clock.time_ns() + SECOND)
    assert second.taken(Place) == []
    name, state, _ = second.strategy.told[-1]
    assert (state, second.order(name).reason) == (OrderState.REJECTED, RejectReason.LOCAL_LIMIT)
    assert (
        second.order(name).text == "main:BTC-USDT-PERP: price_band 0.05 needs a mark or mid price and there is none yet"
    )
    assert f"{OLD}: no mark or mid price of main:BTC-USDT-PERP came within 60 s" in second.messages
    assert "is done" not in second.messages
    second.mark()
    assert second.taken(Place) == []
    third = processes("c")
    third.start()
    third.mark()
    assert third.taken(Place) == []


def test_where_one_came_nothing_happens_when_the_minute_is_over(amending, processes):
    amending()
    second = processes("b")
    second.tell(OrderCanceled(client_order_id=OLD))
    second.start()
    second.mark()
    assert len(second.taken(Place)) == 1
    events = second.engine.events
    second.clock.run_until(second.clock.time_ns() + 61 * SECOND)
    assert (second.taken(Place), second.engine.events) == ([], events)


def test_where_no_price_ever_comes_it_leaves_if_no_limit_needs_one(amending, processes):
    amending()
    second = processes("b")
    second.tell(OrderCanceled(client_order_id=OLD))
    second.start()
    second.clock.run_until(second.clock.time_ns() + 60 * SECOND)
    assert [(new.price, new.quantity) for new in second.taken(Place)] == [(D("99.0"), D("1.5"))]
    second.mark()
    assert second.taken(Place) == []


def test_an_instrument_that_is_no_longer_listed_is_told(amending, processes):
    amending()
    second = processes("b", listed=evolve(INSTRUMENT, symbol="ETH-USDT-PERP", venue_symbol="ETH"))
    second.tell(OrderCanceled(client_order_id=OLD))
    second.start()
    assert f"{OLD} was being amended to 1.5 at 99.0" in second.messages
    assert "not sent anew" in second.messages
    assert second.taken(Place) == []


# While it waits for a price


def test_a_cancel_of_the_strategy_beats_it(amending, processes):
    amending()
    second = processes("b")
    second.tell(OrderCanceled(client_order_id=OLD))
    second.start()
    second.strategy.cancel(OLD)
    second.mark()
    assert second.taken(Place) == []


def test_a_cancel_of_one_by_a_strategy_that_is_just_told_of_another_beats_it_too(processes):
    first = processes("a")
    first.start()
    names = []
    for _ in range(2):
        order = first.strategy.buy(BTC, "1", "100.0")
        names.append(order.client_order_id)
        first.tell(OrderAccepted(client_order_id=order.client_order_id))
        first.strategy.amend(order, price="99.0")
    second = processes("b")
    second.tell(*(OrderCanceled(client_order_id=name) for name in names))
    second.start()
    second.strategy.on_order = lambda order: second.strategy.cancel(names[1])
    second.mark()
    assert len(second.taken(Place)) == 1


def test_the_end_of_the_run_ends_it_for_good(amending, processes):
    amending()
    second = processes("b")
    second.tell(OrderCanceled(client_order_id=OLD))
    second.start()
    second.engine.stop("finished")
    second.mark()
    assert second.taken(Place) == []
    third = processes("c")
    third.start()
    third.mark()
    assert third.taken(Place) == []


def test_what_is_told_to_have_traded_meanwhile_is_not_traded_twice(amending, processes):
    amending()
    second = processes("b")
    second.tell(OrderCanceled(client_order_id=OLD))
    second.start()
    second.tell(fill(OLD, "0.3"))
    second.mark()
    assert [new.quantity for new in second.taken(Place)] == [D("1.2")]


# What belongs to it


def test_the_protection_of_the_entry_goes_over_to_the_new_order(amending, processes):
    amending(protection=Protection(stop_loss=D("90.0")))
    second = processes("b")
    second.tell(OrderCanceled(client_order_id=OLD))
    second.start()
    assert list(second.journal.recall("guard.attached")) == [OLD]
    second.mark()
    (new,) = second.taken(Place)
    assert second.engine.guards.attached.of(new.client_order_id) == Protection(stop_loss=D("90.0"))
    assert list(second.journal.recall("guard.attached")) == [new.client_order_id]


def test_protection_of_a_new_order_that_never_left_is_nobodys(amending, processes):
    first = amending(protection=Protection(stop_loss=D("90.0")))
    first.tell(fill(OLD, "0.4"))
    # The records are: the end, the new order's protection, its intent.
    first.life.ends_before = first.life.steps + 2
    with pytest.raises(Killed):
        first.tell(OrderCanceled(client_order_id=OLD))
    assert set(first.journal.recall("guard.attached")) == {OLD, "ava-2"}
    second = processes("b")
    second.start(keeps=False)
    assert second.journal.recall("guard.attached") is None


def test_an_order_whose_replacement_may_have_left_is_not_replaced_again(amending, processes):
    """The process ends between the intent of the new order and its way out."""
    first = amending()
    first.life.ends_before = first.life.steps + 2
    with pytest.raises(Killed):
        first.tell(OrderCanceled(client_order_id=OLD))
    assert first.taken(Place)[1:] == []
    second = processes("b")
    new = second.order("ava-2")
    assert (new.state, new.create, new.price) == (OrderState.SENT, Fate.UNKNOWN, D("99.0"))
    second.start()
    second.mark()
    assert second.taken(Place) == []
    assert "ava-2 was on its way in its place, and is not sent again" in second.messages
    # The old name stands for it, and what the old one is told to have traded after all it gives back.
    second.tell(
        OrderReported(client_order_id="ava-2", venue_order_id="v2", state=OrderState.OPEN, filled_quantity=D(0))
    )
    assert second.strategy.order(OLD).client_order_id == "ava-2"
    second.tell(fill(OLD, "0.3"))
    assert [order.client_order_id for order in second.taken(Cancel)] == ["ava-2"]
    second.tell(OrderCanceled(client_order_id="ava-2"))
    assert [rest.quantity for rest in second.taken(Place)] == [D("1.2")]


def test_that_it_has_left_is_known_though_a_process_learned_its_end_and_ended_too(amending, processes):
    first = amending()
    first.life.ends_before = first.life.steps + 2
    with pytest.raises(Killed):
        first.tell(OrderCanceled(client_order_id=OLD))
    second = processes("b")  # which asks the venue, and ends before its strategy starts
    second.tell(fill("ava-2", "1.5"))
    second.engine._settle()
    third = processes("c")
    assert third.order("ava-2").state is OrderState.FILLED
    third.start()
    third.mark()
    assert third.taken(Place) == []
    assert "is not sent again" in third.messages


# Whenever the process ends


class Exchange:
    """Where orders really are. It carries out each command at once; what it answers is told by `deliver`."""

    def __init__(self):
        self.orders, self.came, self.news = {}, [], deque()

    def take(self, command):
        order = command.order
        name = order.client_order_id
        if isinstance(command, Place):
            self.orders[name] = OrderState.OPEN
            self.came.append((name, order.price, order.quantity))
            self.news.append(OrderAccepted(client_order_id=name, venue_order_id=f"v-{name}"))
        elif self.orders.get(name) is OrderState.OPEN:
            self.orders[name] = OrderState.CANCELED
            self.news.append(OrderCanceled(client_order_id=name))
        else:
            self.news.append(CancelRejected(client_order_id=name, reason=RejectReason.UNKNOWN_ORDER))

    def deliver(self, process):
        while self.news:
            process.tell(self.news.popleft())

    def reconcile(self, process):
        """Tell how each order is that the process knows, as the evidence would have it."""
        self.news.clear()
        for order in process.engine.orders.open_orders():
            name = order.client_order_id
            match self.orders.get(name):
                case None:
                    process.tell(OrderRejected(client_order_id=name, reason=RejectReason.NOT_SENT))
                case OrderState.CANCELED:
                    process.tell(OrderCanceled(client_order_id=name))
                case state:
                    process.tell(OrderReported(client_order_id=name, state=state, filled_quantity=D(0)))


def amend_an_order(folder, exchange, life):
    """Return whether it was written down that the order is to be amended."""
    process, wished_at = Process(folder, "a", life=life, carry=exchange.take), NEVER
    try:
        process.start()
        process.mark()
        order = process.strategy.buy(BTC, "1", "100.0")
        exchange.deliver(process)
        wished_at = life.steps
        process.strategy.amend(order, price="99.0")
        exchange.deliver(process)
    except Killed:
        pass
    process.journal.abandon()
    return life.steps > wished_at


def start_again(folder, session, exchange, life):
    process = Process(folder, session, life=life, carry=exchange.take)
    try:
        exchange.reconcile(process)
        exchange.deliver(process)
        process.start()
        exchange.deliver(process)
        process.mark()
        exchange.deliver(process)
    except Killed:
        pass
    process.journal.abandon()


def written(path):
    """Return the client ids of the new orders of which the intents are in the journal."""
    journal = SqliteJournal(path, session="z", now_ns=START)
    journal.close(START, clean=False)
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT data FROM records WHERE kind = 'intent'").fetchall()
    intents = [journal._codec.decode(data) for (data,) in rows]
    return [place.order.client_order_id for place in intents if isinstance(place, Place) and place.order.price == 99]


@pytest.mark.parametrize("first_end", range(12))
def test_at_whatever_step_two_processes_end_it_is_sent_once_or_journaled_and_not_sent_again(tmp_path, first_end):
    for second_end in itertools.count():
        folder = tmp_path / str(second_end)
        folder.mkdir()
        exchange, life, again = Exchange(), Life(first_end), Life(second_end)
        is_wished = amend_an_order(folder, exchange, life)
        assert life.steps == min(first_end, 11)
        start_again(folder, "b", exchange, again)
        start_again(folder, "c", exchange, Life())
        sent = [(name, quantity) for name, price, quantity in exchange.came if price == 99]
        intents = written(folder / "journal.db")
        assert len(intents) == is_wished
        assert sent in ([], [(name, D(1)) for name in intents])
        if is_wished:
            assert exchange.orders[OLD] is OrderState.CANCELED
        if again.steps < second_end or not is_wished:
            return  # the second has lived to its end
