"""What guards a position survives the process: a second engine on the same journal takes it up."""

from decimal import Decimal

import pytest
from listed import linear

from anyvenue.engine.commands import Cancel, Place
from anyvenue.engine.engine import Engine
from anyvenue.engine.guard_table import EMULATED
from anyvenue.engine.journal import NoJournal
from anyvenue.engine.strategy import Strategy
from anyvenue.model.depth_sync import SequenceRule
from anyvenue.model.enums import OrderState, PriceSource, Side, TriggerKind
from anyvenue.model.fill import Fill
from anyvenue.model.market import Ticker
from anyvenue.model.order_events import OrderAccepted, OrderCanceled, OrderFilled
from anyvenue.model.order_spec import Trigger
from anyvenue.model.position import Position
from anyvenue.simulation.clock import DrivenClock
from anyvenue.venue.capabilities import Capabilities, Feature

BTC = "BTC-USDT-PERP"
START = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
D = Decimal

INSTRUMENT = linear(symbol=BTC, venue="fake", connection="main", venue_symbol="BTC")
LONG = Position(instrument=INSTRUMENT, quantity=D(1), cost=D(100))


class Run:
    """One process's engine, on a venue that has nothing of what the engine can make."""

    def __init__(self, journal, session, *, positions=(), orders=()):
        self.clock = DrivenClock(START)
        self.strategy = Strategy()
        self.engine = Engine(self.strategy, connections=["main"], clock=self.clock, session=session, journal=journal)
        self.commands = []
        self.engine.bind(self.commands.append)
        capabilities = Capabilities.of(native=tuple(feature for feature in Feature if feature not in EMULATED))
        self.engine.add_connection("main", [INSTRUMENT], capabilities, lambda instrument: SequenceRule())
        for position in positions:
            self.engine.portfolio.restore(position)
        self.engine.orders.adopt(orders)
        self.engine.start()

    def mark(self, *prices):
        for price in prices:
            self.engine.receive(Ticker(instrument=INSTRUMENT, mark_price=D(price)), "main")

    def placed(self):
        commands, self.commands[:] = list(self.commands), []
        return [command.order for command in commands if isinstance(command, Place)]

    @property
    def messages(self):
        return "\n".join(self.engine.view().messages)


@pytest.fixture
def journal():
    return NoJournal()


def test_a_stop_loss_is_watched_on(journal):
    Run(journal, "a", positions=[LONG]).strategy.protect(BTC, stop_loss="90.0")
    second = Run(journal, "b", positions=[LONG])
    second.mark("90.1")
    assert second.placed() == []
    second.mark("90.0")
    (order,) = second.placed()
    assert (order.side, order.quantity, order.spec.reduce_only) == (Side.SELL, D(1), True)


def test_after_it_has_fired_and_filled_there_is_nothing_left_to_watch(journal):
    first = Run(journal, "a", positions=[LONG])
    first.strategy.protect(BTC, stop_loss="90.0")
    first.mark("90.0")
    (order,) = first.placed()
    fill = Fill(
        instrument=INSTRUMENT,
        trade_id="out",
        client_order_id=order.client_order_id,
        venue_order_id=None,
        side=Side.SELL,
        price=D(90),
        quantity=D(1),
    )
    first.engine.receive(OrderFilled(client_order_id=order.client_order_id, fill=fill), "main")
    second = Run(journal, "b", positions=[LONG])  # bought anew by somebody
    second.mark("80.0")
    assert second.placed() == []


def test_levels_of_a_position_that_is_gone_or_turned_over_are_dropped(journal):
    Run(journal, "a", positions=[LONG]).strategy.protect(BTC, stop_loss="90.0")
    second = Run(journal, "b", positions=[Position(instrument=INSTRUMENT, quantity=D(-1), cost=D(-100))])
    assert "its position is gone, and its protection with it" in second.messages
    second.mark("80.0")
    assert second.placed() == []


def test_a_trailing_stop_goes_on_from_the_best_price_it_had_seen(journal):
    first = Run(journal, "a", positions=[LONG])
    trigger = Trigger(kind=TriggerKind.TRAILING, trail="10", source=PriceSource.MARK)
    first.strategy.sell(BTC, "1", reduce_only=True, trigger=trigger)
    first.mark("100.0", "150.0")
    first.clock.run_until(START + 2 * SECOND)
    first.mark("149.0")  # the sample of this second is remembered
    second = Run(journal, "b", positions=[LONG])
    (waiting,) = second.strategy.open_orders()
    assert waiting.client_order_id == "avb-1"
    second.mark("140.1")
    assert second.placed() == []
    second.mark("140.0")
    (order,) = second.placed()
    assert (order.client_order_id, order.spec.trigger) == ("avb-1", None)


def test_a_trigger_that_would_open_a_position_is_dropped(journal):
    trigger = Trigger(kind=TriggerKind.STOP, price="110", source=PriceSource.MARK)
    Run(journal, "a").strategy.buy(BTC, "1", trigger=trigger)
    second = Run(journal, "b")
    assert second.strategy.open_orders() == []
    assert "there is no position for it to reduce" in second.messages


@pytest.mark.parametrize(("is_known", "waits"), [(True, 0), (False, 1)])
def test_a_crash_while_it_fires_sends_it_once(journal, is_known, waits):
    """What is remembered as fired has left if the journal knows the order, and has not if it does not."""
    first = Run(journal, "a", positions=[LONG])
    trigger = Trigger(kind=TriggerKind.STOP, price="90", source=PriceSource.MARK)
    order = first.strategy.sell(BTC, "1", reduce_only=True, trigger=trigger)

    def crash(command):
        raise KeyboardInterrupt

    first.engine.bind(crash)
    with pytest.raises(KeyboardInterrupt):
        first.mark("90.0")
    sent = [first.strategy.order(order)] if is_known else []
    second = Run(journal, "b", positions=[LONG], orders=sent)
    assert len(second.engine.guards.triggers) == waits


def test_an_amend_under_way_ends_with_its_cancel(journal):
    first = Run(journal, "a")
    order = first.strategy.buy(BTC, "1", "100.0")
    first.engine.receive(OrderAccepted(client_order_id=order.client_order_id, venue_order_id="v"), "main")
    first.strategy.amend(order, price="99.0")
    assert [type(command) for command in first.commands] == [Place, Cancel]
    resting = first.strategy.order(order)
    second = Run(journal, "b", orders=[resting])
    told = "was being amended to 1 at 99.0 when the last run ended; it is open, not sent anew"
    assert f"{order.client_order_id} {told}" in second.messages
    second.engine.receive(OrderCanceled(client_order_id=order.client_order_id), "main")
    assert (second.placed(), second.strategy.order(order).state) == ([], OrderState.CANCELED)
    assert "being amended" not in Run(journal, "c").messages
