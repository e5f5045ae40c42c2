"""Strategies that raise, flood or talk nonsense: the limits hold, it is said, and positions end as configured.

One that hangs is in test_watchdog.
"""

from decimal import Decimal

import pytest

from anyvenue.engine.commands import Cancel, Place
from anyvenue.engine.risk import LossSteps, RiskLimits
from anyvenue.engine.strategy import Strategy
from anyvenue.model.enums import MarginMode, OrderState, Side
from anyvenue.model.errors import InvalidOrder, UnknownInstrument
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import Ticker
from anyvenue.model.order_events import OrderCanceled, OrderUnknown
from anyvenue.model.pricing import Tick

BTC = "BTC-USDT-PERP"
SECOND = 1_000_000_000
D = Decimal


def ended(desk, order):
    """Let the venue prove the end of an order; return the orders that leave then."""
    desk.taken()
    desk.receive(OrderCanceled(client_order_id=order.client_order_id))
    return [command.order.spec for command in desk.taken() if isinstance(command, Place)]


@pytest.mark.parametrize(("on_failure", "closes"), [("keep", []), ("flatten", [(Side.SELL, D("0.004"), True)])])
@pytest.mark.parametrize("error", [ValueError("oops"), RecursionError("deep"), MemoryError(), SystemExit(1)])
def test_one_that_raises(make_desk, on_failure, closes, error, caplog):
    class Raising(Strategy):
        def on_fill(self, fill):
            raise error

    desk = make_desk(Raising(), on_failure=on_failure)
    order = desk.strategy.buy(BTC, "0.010", "100.0")
    desk.accept(order)
    desk.fill(order, "0.004")
    assert type(error).__name__ in desk.engine.failure
    assert "the strategy is stopped" in caplog.text
    specs = ended(desk, order)
    assert [(spec.side, spec.quantity, spec.reduce_only) for spec in specs] == closes


class TestFloods:
    def test_of_orders(self, make_desk):
        """Ten are allowed a second; the hundredth refusal at one moment ends it."""

        class Flooding(Strategy):
            def on_ticker(self, ticker):
                while True:
                    self.buy(BTC, "0.001", "100.0")

        desk = make_desk(Flooding(), risk=RiskLimits(order_rate=10), on_failure="flatten")
        desk.strategy.subscribe(BTC, "ticker")
        desk.taken()
        desk.receive(Ticker(instrument=desk.instrument, mark_price=D(100)))
        assert [type(command) for command in desk.taken()] == [Place] * 10
        assert "refused 100 times at one moment" in desk.engine.failure
        assert any("order_rate" in message for message in desk.engine.view().messages)
        for order in desk.engine.orders.open_orders():
            desk.accept(order, order.client_order_id)
        assert [type(command) for command in desk.taken()] == [Cancel] * 10

    def test_of_orders_and_cancels_by_turns(self, make_desk):
        class Churning(Strategy):
            def on_order(self, order):
                if order.is_resting:
                    self.cancel(order)
                elif order.is_terminal:
                    self.buy(BTC, "0.001", "100.0")

        desk = make_desk(Churning(), risk=RiskLimits(order_rate=5))
        desk.strategy.buy(BTC, "0.001", "100.0")
        for _ in range(20):
            for order in desk.engine.orders.open_orders():
                desk.accept(order, order.client_order_id)
                desk.receive(OrderCanceled(client_order_id=order.client_order_id))
        assert sum(isinstance(command, Place) for command in desk.taken()) == 5

    def test_of_subscriptions(self, make_desk):
        class Flooding(Strategy):
            def on_timer(self, name):
                while True:
                    self.subscribe(BTC, "trades")
                    self.unsubscribe(BTC, "trades")

        desk = make_desk(Flooding())
        desk.strategy.set_timer("go", after_s=1)
        desk.clock.run_until(desk.clock.time_ns() + SECOND)
        assert len(desk.taken()) == 5000
        assert "more than 5000 subscriptions in one second" in desk.engine.failure

    def test_of_orders_where_no_limit_was_set(self, make_desk):
        class Flooding(Strategy):
            def on_timer(self, name):
                while True:
                    self.buy(BTC, "0.001", "100.0")

        desk = make_desk(Flooding())
        desk.strategy.set_timer("go", after_s=1)
        desk.clock.run_until(desk.clock.time_ns() + SECOND)
        assert len(desk.taken()) == 1000
        assert "more than 1000 orders at one moment" in desk.engine.failure

    def test_of_closes(self, desk):
        """What is being closed is not closed again, until it is known that it was not."""
        order = desk.strategy.buy(BTC, "0.010", "100.0")
        desk.fill(order, "0.010")
        desk.taken()
        closing = {desk.strategy.close(BTC).client_order_id for _ in range(50)}
        assert [command.order.client_order_id for command in desk.taken()] == list(closing)
        (client_order_id,) = closing
        desk.receive(OrderUnknown(client_order_id=client_order_id))
        assert desk.strategy.close(BTC).client_order_id != client_order_id

    def test_of_settings(self, desk):
        def flood():
            while True:
                desk.strategy.set_leverage(BTC, 2)

        with pytest.raises(RuntimeError, match="more than 100 protections and leverages in one second"):
            flood()
        assert len(desk.taken()) == 100

    def test_of_timers(self, make_desk):
        class Flooding(Strategy):
            def on_timer(self, name):
                for number in range(10_000):
                    self.set_timer(f"t{number}", after_s=1)

        desk = make_desk(Flooding())
        desk.strategy.set_timer("go", after_s=1)
        desk.clock.run_until(desk.clock.time_ns() + SECOND)
        assert "there are 1000 timers already" in desk.engine.failure
        assert desk.clock.next_time is None

    def test_timers_that_rang_make_room(self, desk):
        for batch in range(3):
            for number in range(1000):
                desk.strategy.set_timer(f"{batch}-{number}", after_s=1)
            desk.clock.run_until(desk.clock.time_ns() + SECOND)
        assert sum(page[0] == "timer" for page in desk.strategy.heard) == 3000

    def test_a_timer_that_never_lets_go_is_refused(self, desk):
        with pytest.raises(ValueError, match=r"timer 'spin': found every 0\.000001 s; allowed is 0\.001 s or more"):
            desk.strategy.set_timer("spin", every_s="0.000001")


class TestNonsense:
    @pytest.mark.parametrize(
        ("order", "error"),
        [
            ((0.5, "100.0"), TypeError),
            (("1", 100.5), TypeError),
            (("nan", "100.0"), ValueError),
            (("1", "inf"), ValueError),
            ((D("NaN"), "100.0"), ValueError),
            (("-1", "100.0"), InvalidOrder),
            (("0", "100.0"), InvalidOrder),
            (("1", "-100.0"), InvalidOrder),
            (("1", "0"), InvalidOrder),
            (("1e30", "100.05"), InvalidOrder),
            ((None, "100.0"), TypeError),
            ((True, "100.0"), TypeError),
        ],
    )
    def test_numbers(self, desk, order, error):
        with pytest.raises(error):
            desk.strategy.buy(BTC, *order)
        assert (desk.taken(), desk.engine.orders.open_orders()) == ([], [])

    @pytest.mark.parametrize("number", [0.5, "nan", "-1", None])
    def test_numbers_of_other_wishes(self, desk, buy, number):
        desk.accept(buy)
        for wish in (
            lambda: desk.strategy.amend(buy, quantity=number or 0.5),
            lambda: desk.strategy.set_leverage(BTC, number),
            lambda: desk.strategy.set_timer("t", every_s=number or 0.5),
        ):
            with pytest.raises((TypeError, ValueError)):
                wish()
        assert desk.taken() == []

    def test_sides_and_orders(self, desk):
        with pytest.raises(TypeError, match=r"side: found 'buy'; allowed are Side\.BUY and Side\.SELL"):
            desk.strategy.submit(BTC, "buy", "1", "100.0")
        with pytest.raises(TypeError, match="allowed are an Order and its client id"):
            desk.strategy.cancel(7)
        assert desk.taken() == []

    def test_a_foreign_instrument_is_refused(self, desk):
        elsewhere = _instrument(connection="elsewhere")
        with pytest.raises(ValueError, match="connection: found 'elsewhere'; this strategy has main"):
            desk.strategy.buy(elsewhere, "1", "100.0")
        with pytest.raises(UnknownInstrument):
            desk.strategy.buy(_instrument(symbol="XYZ-USDT-PERP"), "1", "100.0")
        assert desk.taken() == []

    def test_an_instrument_of_its_own_making_changes_nothing(self, make_desk):
        """The limits of the listed one hold, its sizes too."""
        desk = make_desk(risk=RiskLimits(max_position=D(1)))
        forged = _instrument(quantity_step="0.0001", min_quantity="0.0001")
        with pytest.raises(InvalidOrder):
            desk.strategy.buy(forged, "0.0001", "100.0")
        assert desk.now(desk.strategy.buy(forged, "2", "100.0")).state is OrderState.REJECTED
        order = desk.strategy.buy(forged, "1", "100.0")
        assert order.instrument is desk.instrument

    def test_what_it_raises_by_nonsense_in_a_callback_stops_it(self, make_desk):
        class Careless(Strategy):
            def on_ticker(self, ticker):
                self.buy(BTC, 0.1 * 3, "100.0")

        desk = make_desk(Careless())
        desk.strategy.subscribe(BTC, "ticker")
        desk.taken()
        desk.receive(Ticker(instrument=desk.instrument))
        assert "found the float 0.30000000000000004" in desk.engine.failure
        assert desk.taken() == []

    def test_margin_modes_and_leverage(self, desk):
        with pytest.raises(ValueError, match="leverage: found 0; allowed are numbers above 0"):
            desk.strategy.set_leverage(BTC, 0, MarginMode.CROSS)


def test_a_losing_one_is_halted_whatever_it_still_asks_for(make_desk):
    class Doubling(Strategy):
        def on_ticker(self, ticker):
            self.buy(BTC, "1")

    limits = RiskLimits(max_position=D(3), daily_loss=LossSteps(halt=D(20)), on_limit="flatten")
    desk = make_desk(Doubling(), risk=limits)
    desk.strategy.subscribe(BTC, "ticker")
    closing = []
    for number, price in enumerate(("100.0", "95.0", "90.0", "85.0", "80.0")):
        desk.receive(Ticker(instrument=desk.instrument, mark_price=D(price)))
        for command in desk.taken():
            if isinstance(command, Place) and command.order.spec.reduce_only:
                closing.append((command.order.side, command.order.quantity))
            elif isinstance(command, Place):
                desk.fill(command.order, "1", price=price, trade_id=f"t{number}")
    # Bought at 100, 95 and 90: at 85 it has lost 15 + 10 + 5 = 30, above 20.
    assert desk.engine.result().stopped == "risk_halt"
    assert closing == [(Side.SELL, D(3))]


def _instrument(**changes):
    fields = {
        "symbol": BTC,
        "venue": "fake",
        "connection": "main",
        "venue_symbol": BTC,
        "base": "BTC",
        "quote": "USDT",
        "settle": "USDT",
        "price_rule": Tick("0.1"),
        "quantity_step": "0.001",
        "min_quantity": "0.001",
    }
    return Instrument(**(fields | changes))
