"""The risk gate: every limit refuses what would break it, and nothing keeps anybody in a position."""

from decimal import Decimal

import pytest

from anyvenue.engine.commands import Cancel, Place, SetLeverage
from anyvenue.engine.risk import BookLimits, ConnectionLimits, InstrumentLimits, LossSteps, RiskLimits, WholeBookLimits
from anyvenue.model.balance import Balance
from anyvenue.model.enums import OrderState, PositionSide
from anyvenue.model.fill import Fill
from anyvenue.model.market import Ticker
from anyvenue.model.order_events import OrderCanceled

BTC, ETH = "BTC-USDT-PERP", "ETH-USDT-PERP"
SECOND = 1_000_000_000
D = Decimal


def mark(desk, price, symbol=BTC, connection="main"):
    instrument = desk.engine.instrument(symbol, connection)
    desk.receive(Ticker(instrument=instrument, mark_price=D(price), last_price=D(1)), connection=connection)


def sent(desk):
    return [type(command) for command in desk.taken()]


def refusal(desk, order):
    now = desk.now(order)
    assert now.state is OrderState.REJECTED
    return now.text


class TestOneOrder:
    def test_quantity(self, make_desk):
        desk = make_desk(risk=RiskLimits(max_order_quantity=D("0.5")))
        assert "quantity 0.501 BTC is above max_order_quantity 0.5" in refusal(
            desk, desk.strategy.buy(BTC, "0.501", "100.0")
        )
        desk.strategy.buy(BTC, "0.5", "100.0")
        assert sent(desk) == [Place]

    def test_notional_is_counted_at_the_mark_never_at_the_last_trade(self, make_desk):
        desk = make_desk(risk=RiskLimits(max_order_notional=D(100)))
        mark(desk, "100.0")
        # 1.001 at the mark 100 is 100.1; at the last trade, 1, it would be 1.001.
        assert "notional 100.1" in refusal(desk, desk.strategy.buy(BTC, "1.001"))
        desk.strategy.buy(BTC, "1")
        assert sent(desk) == [Place]

    def test_an_instruments_own_limit_replaces_the_general_one(self, make_desk):
        own = {ETH: InstrumentLimits(max_order_quantity=D(2))}
        desk = make_desk(risk=RiskLimits(max_order_quantity=D(1), instruments=own))
        assert "max_order_quantity 1" in refusal(desk, desk.strategy.buy(BTC, "1.5", "100.0"))
        desk.strategy.buy(ETH, "1.5", "100.0")
        assert sent(desk) == [Place]


class TestOpenOrders:
    def test_of_an_instrument_of_a_connection_and_of_all(self, make_desk):
        limits = RiskLimits(
            instruments={BTC: InstrumentLimits(max_open_orders=1)},
            connections={"main": ConnectionLimits(max_open_orders=2)},
            book=WholeBookLimits(max_open_orders=3),
        )
        desk = make_desk(connections=("main", "hedge"), risk=limits)
        there = desk.engine.instrument(ETH, "hedge")
        first = desk.strategy.buy(BTC, "0.1", "100.0")
        assert "1 orders are open, max_open_orders allows 1" in refusal(desk, desk.strategy.buy(BTC, "0.1", "100.0"))
        desk.strategy.buy(ETH, "0.1", "100.0")
        assert "2 orders are open, connections.main.max_open_orders allows 2" in refusal(
            desk, desk.strategy.buy(ETH, "0.1", "100.0")
        )
        desk.strategy.buy(there, "0.1", "100.0")
        assert "3 orders are open, book.max_open_orders allows 3" in refusal(
            desk, desk.strategy.buy(there, "0.1", "100.0")
        )
        desk.accept(first)
        desk.receive(OrderCanceled(client_order_id=first.client_order_id))
        assert desk.strategy.buy(there, "0.1", "100.0").state is OrderState.SENT

    def test_what_reduces_is_not_kept_back(self, make_desk):
        desk = make_desk(risk=RiskLimits(max_open_orders=1))
        order = desk.strategy.buy(BTC, "1", "100.0")
        desk.fill(order, "0.4")
        assert desk.strategy.sell(BTC, "0.4", "101.0", reduce_only=True).state is OrderState.SENT


class TestBook:
    """Marks: BTC 100, ETH 10."""

    def stage(self, make_desk, **limits):
        desk = make_desk(connections=("main", "hedge"), risk=RiskLimits(**limits))
        for connection in ("main", "hedge"):
            mark(desk, "100.0", BTC, connection)
            mark(desk, "10.0", ETH, connection)
        return desk

    def test_gross_sums_the_larger_side_of_each_instrument(self, make_desk):
        desk = self.stage(make_desk, book=WholeBookLimits(max_gross_notional=D(1000)))
        desk.strategy.buy(BTC, "4", "100.0")  # 400
        desk.strategy.sell(BTC, "3", "100.2")  # the larger side stays 400
        desk.strategy.sell(ETH, "50", "10.0")  # 500 more: 900
        # 2 more bought could make 6 x 100 + 500 = 1100.
        assert "gross notional could reach 1100," in refusal(desk, desk.strategy.buy(BTC, "2", "100.0"))
        assert "above book.max_gross_notional 1000" in refusal(desk, desk.strategy.buy(BTC, "2", "100.0"))
        desk.strategy.sell(BTC, "1", "100.2")  # 4 x 100 either way: still 900
        desk.strategy.buy(BTC, "1", "100.0")  # 500 + 500 = 1000, which is allowed
        assert sent(desk) == [Place] * 5

    def test_net_sets_longs_against_shorts_over_all_connections(self, make_desk):
        desk = self.stage(make_desk, book=WholeBookLimits(max_net_notional=D(500)))
        there = desk.engine.instrument(BTC, "hedge")
        desk.fill(desk.strategy.sell(there, "4", "100.0"), "4")  # -400
        desk.strategy.buy(BTC, "9", "100.0")  # -400 + 900 = 500
        assert "net notional could reach 500.1 long, above book.max_net_notional 500" in refusal(
            desk, desk.strategy.buy(BTC, "0.001", "100.0")
        )
        assert "could reach 500.1 short" in refusal(desk, desk.strategy.sell(there, "1.001", "100.0"))
        desk.strategy.sell(there, "1", "100.0")
        assert sent(desk) == [Place] * 3

    def test_a_connections_own(self, make_desk):
        own = {"hedge": ConnectionLimits(max_gross_notional=D(100))}
        desk = self.stage(make_desk, connections=own)
        there = desk.engine.instrument(BTC, "hedge")
        assert "above connections.hedge.max_gross_notional 100" in refusal(desk, desk.strategy.buy(there, "2", "100.0"))
        desk.strategy.buy(BTC, "2", "100.0")
        assert sent(desk) == [Place]

    def test_leverage_is_gross_over_equity(self, make_desk):
        balance = Balance(currency="USDT", total=D(100), available=D(100))
        desk = make_desk(before_start=[balance], risk=RiskLimits(book=WholeBookLimits(max_leverage=D(3))))
        mark(desk, "100.0")
        desk.strategy.buy(BTC, "3", "100.0")
        assert "gross notional could reach 300.1 with equity 100, above book.max_leverage 3" in refusal(
            desk, desk.strategy.buy(BTC, "0.001", "100.0")
        )
        desk.fill(desk.engine.orders.open_orders()[0], "3")
        mark(desk, "90.0")
        # 3 x 10 are lost: the equity of 70 bears 210, and 270 are held. Nothing may be added; less may be held.
        assert "with equity 70" in refusal(desk, desk.strategy.buy(BTC, "0.001", "90.0"))
        assert desk.strategy.sell(BTC, "1", "90.0").state is OrderState.SENT

    def test_a_price_that_carries_the_book_above_its_limit_keeps_nobody_in(self, make_desk):
        desk = self.stage(make_desk, book=WholeBookLimits(max_gross_notional=D(500), max_net_notional=D(500)))
        desk.fill(desk.strategy.buy(BTC, "5", "100.0"), "5")
        mark(desk, "200.0")
        desk.taken()
        assert "gross" in refusal(desk, desk.strategy.buy(BTC, "0.001", "200.0"))
        desk.strategy.sell(BTC, "5", "200.0")
        assert sent(desk) == [Place]
        assert "gross" in refusal(desk, desk.strategy.sell(BTC, "6", "200.0"))

    def test_without_a_mark_of_all_that_is_held_nothing_is_added(self, make_desk):
        desk = make_desk(risk=RiskLimits(book=WholeBookLimits(max_gross_notional=D(1000))))
        mark(desk, "10.0", ETH)
        assert "need a mark or mid price of main:BTC-USDT-PERP" in refusal(desk, desk.strategy.buy(BTC, "1", "100.0"))
        assert desk.strategy.buy(ETH, "1", "10.0").state is OrderState.SENT

    def test_each_leg_of_a_hedge_is_gross(self, make_desk):
        desk = self.stage(make_desk, book=WholeBookLimits(max_gross_notional=D(900)))
        long = desk.strategy.buy(BTC, "4", "100.0", position_side=PositionSide.LONG)
        desk.engine.portfolio.book(_fill(long, "4"))
        desk.receive(OrderCanceled(client_order_id=long.client_order_id))
        short = desk.strategy.sell(BTC, "4", "100.0", position_side=PositionSide.SHORT)
        desk.engine.portfolio.book(_fill(short, "4"))
        desk.receive(OrderCanceled(client_order_id=short.client_order_id))
        # 400 long and 400 short: 800. Netted it would be nothing.
        assert "gross notional could reach 1000" in refusal(desk, desk.strategy.buy(BTC, "2", "100.0"))


def _fill(order, quantity):
    return Fill(
        instrument=order.instrument,
        trade_id=order.client_order_id,
        client_order_id=None,
        venue_order_id=None,
        side=order.side,
        price=D(100),
        quantity=D(quantity),
        position_side=order.spec.position_side,
    )


class TestRate:
    def test_a_connection_has_its_own_beside_that_of_all(self, make_desk):
        limits = RiskLimits(order_rate=3, connections={"main": ConnectionLimits(order_rate=1)})
        desk = make_desk(connections=("main", "hedge"), risk=limits)
        there = desk.engine.instrument(BTC, "hedge")
        desk.strategy.buy(BTC, "0.1", "100.0")
        assert "connections.main.order_rate: 1 creates" in refusal(desk, desk.strategy.buy(BTC, "0.1", "100.0"))
        desk.strategy.buy(there, "0.1", "100.0")
        desk.strategy.buy(there, "0.1", "100.0")
        assert "main:BTC" not in refusal(desk, desk.strategy.buy(there, "0.1", "100.0"))
        assert sent(desk) == [Place] * 3
        desk.clock.run_until(desk.clock.time_ns() + SECOND)
        desk.receive(Ticker(instrument=there))
        desk.strategy.buy(BTC, "0.1", "100.0")
        assert sent(desk) == [Place]

    def test_cancels_are_never_kept_back(self, make_desk):
        desk = make_desk(risk=RiskLimits(order_rate=1))
        order = desk.strategy.buy(BTC, "0.1", "100.0")
        desk.accept(order)
        desk.strategy.cancel(order)
        assert sent(desk) == [Place, Cancel]


class TestSettings:
    def test_leverage_above_the_limit_is_refused_and_told(self, make_desk):
        desk = make_desk(risk=RiskLimits(max_leverage=D(5)))
        desk.strategy.set_leverage(BTC, 6)
        assert desk.taken() == []
        ((kind, command, text),) = desk.strategy.heard
        assert (kind, command) == ("refused", SetLeverage.__name__)
        assert "leverage 6 is above max_leverage 5" in text
        desk.strategy.set_leverage(BTC, 5)
        assert sent(desk) == [SetLeverage]

    def test_limits_of_a_connection_that_is_nowhere_are_refused(self, make_desk):
        with pytest.raises(ValueError, match=r"risk\.connections: found 'mian'; connections are main"):
            make_desk(risk=RiskLimits(connections={"mian": ConnectionLimits(order_rate=1)}))

    @pytest.mark.parametrize(
        ("cls", "values", "said"),
        [
            (BookLimits, {"max_gross_notional": D(0)}, "max_gross_notional: found 0; allowed are numbers above 0"),
            (ConnectionLimits, {"order_rate": 0}, "order_rate: found 0; allowed are whole numbers from 1"),
            (InstrumentLimits, {"max_open_orders": 0}, "max_open_orders: found 0"),
            (LossSteps, {"reduce": D(3), "halt": D(2)}, "reduce: found 3; allowed is at most halt, which is 2"),
            (RiskLimits, {"day_hour": 24}, "day_hour: found 24; allowed are whole hours from 0 to 23, UTC"),
            (RiskLimits, {"dead_man_s": 0}, "dead_man_s: found 0"),
        ],
    )
    def test_limits_that_make_no_sense_are_refused(self, cls, values, said):
        with pytest.raises(ValueError, match=said):
            cls(**values)

    def test_size_for_risk_comes_from_the_contract(self, desk):
        # 50 at risk over a distance of 3: 16.666..., cut to the step of 0.001.
        assert desk.strategy.size_for_risk(BTC, 50, entry="103", stop="100") == D("16.666")
        with pytest.raises(ValueError, match="entry: there is no mark or mid price yet"):
            desk.strategy.size_for_risk(BTC, 50, stop="100")
        mark(desk, "105.0")
        assert desk.strategy.size_for_risk(BTC, 50, stop="100") == D(10)

    def test_a_refusal_is_written_down(self, make_desk):
        desk = make_desk(risk=RiskLimits(max_position=D(1)))
        told = []
        desk.engine.guards.journal.decision = lambda what, text, now: told.append((what, text))
        order = desk.strategy.buy(BTC, "2", "100.0")
        assert told == [("refused", f"{order.client_order_id}: {refusal(desk, order)}")]
