"""Loss limits: counted by hand, a step at a time, and remembered over a restart."""

from decimal import Decimal

import pytest
from listed import linear

from anyvenue.engine.commands import Cancel, Place
from anyvenue.engine.engine import Engine
from anyvenue.engine.journal import NoJournal
from anyvenue.engine.risk import LossSteps, RiskLimits
from anyvenue.engine.risk_loss import LossStep, halt_in_force
from anyvenue.engine.strategy import Strategy
from anyvenue.model.depth_sync import SequenceRule
from anyvenue.model.enums import Liquidity, OrderState, Side
from anyvenue.model.fill import Fill
from anyvenue.model.market import FundingPayment, Ticker
from anyvenue.model.order_events import OrderAccepted, OrderCanceled, OrderFilled
from anyvenue.model.position import Position
from anyvenue.simulation.clock import DrivenClock
from anyvenue.venue.capabilities import Capabilities, Feature

BTC = "BTC-USDT-PERP"
SECOND = 1_000_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
MIDNIGHT = 19_675 * DAY  # 2023-11-14 00:00 UTC
D = Decimal


def listed(connection="main"):
    return linear(symbol=BTC, venue="fake", connection=connection, venue_symbol="BTC")


class Run:
    """An engine at a time of day, with a journal that outlives it."""

    def __init__(self, journal, *, at=12 * HOUR, connections=("main",), positions=(), override=False, **limits):
        self.clock = DrivenClock(MIDNIGHT + at)
        self.limits = RiskLimits(**limits)
        self.strategy = Strategy()
        self.told = []
        self.strategy.on_order = lambda order: self.told.append((order.client_order_id, order.state))
        self.engine = Engine(
            self.strategy,
            connections=connections,
            clock=self.clock,
            session="test",
            risk=self.limits,
            journal=journal,
            override_halt=override,
        )
        self.commands = []
        self.engine.bind(self.commands.append)
        for name in connections:
            self.engine.add_connection(
                name, [listed(name)], Capabilities.of(native=tuple(Feature)), lambda i: SequenceRule()
            )
        for position in positions:
            self.engine.portfolio.restore(position)
        self.engine.start()
        self.trades = 0

    @property
    def step(self):
        return self.engine.guards.losses.step

    def mark(self, price, connection="main", after=0):
        self.clock.run_until(self.clock.time_ns() + after)
        self.engine.receive(Ticker(instrument=listed(connection), mark_price=D(price)), connection)

    def hold(self, quantity, price, *, fee="0", connection="main"):
        """Buy (or sell, below 0) at a price, filled at once."""
        self.trades += 1
        side = Side.BUY if D(quantity) > 0 else Side.SELL
        fill = Fill(
            instrument=listed(connection),
            trade_id=f"t{self.trades}",
            client_order_id=None,
            venue_order_id=None,
            side=side,
            price=D(price),
            quantity=abs(D(quantity)),
            fee=D(fee),
            liquidity=Liquidity.TAKER,
        )
        self.engine.receive(OrderFilled(venue_order_id="x", fill=fill), connection)

    def taken(self):
        commands, self.commands[:] = list(self.commands), []
        return [c for c in commands if isinstance(c, Place | Cancel)]


@pytest.fixture
def journal():
    return NoJournal()


class TestSteps:
    def test_realised_unrealised_fees_and_funding_of_all_connections_count(self, journal):
        run = Run(journal, connections=("main", "hedge"), daily_loss=LossSteps(reduce=D(100), halt=D(150)))
        run.mark("1000.0")
        run.mark("1000.0", "hedge")
        run.hold("1", "1000", fee="2")
        run.hold("-1", "980", fee="2")  # realised -20, fees 4: -24
        run.hold("-1", "1000", connection="hedge")
        run.engine.receive(FundingPayment(instrument=listed("hedge"), amount=D("-15")), "hedge")  # -39
        run.mark("1060.9", "hedge")  # unrealised -60.9: -99.9
        assert run.step is LossStep.OPEN
        run.mark("1061.0", "hedge")  # -100
        assert run.step is LossStep.REDUCE
        assert "daily_loss 100 has reached daily_loss.reduce 100" in run.engine.view().messages[-1]
        run.mark("1110.9", "hedge")
        assert not run.engine.is_stopping
        run.mark("1111.0", "hedge")  # -150
        assert run.engine.is_stopping
        assert run.engine.result().stopped == "risk_halt"

    def test_from_reduce_on_only_what_reduces_passes_and_what_could_enlarge_is_canceled(self, journal):
        run = Run(journal, daily_loss=LossSteps(reduce=D(10)))
        run.mark("100.0")
        run.hold("2", "100")
        bid, out = run.strategy.buy(BTC, "1", "99.0"), run.strategy.sell(BTC, "1", "120.0", reduce_only=True)
        for number, order in enumerate((bid, out)):
            run.engine.receive(
                OrderAccepted(client_order_id=order.client_order_id, venue_order_id=f"v{number}"), "main"
            )
        run.taken()
        run.mark("95.0")  # 2 x 5 lost
        assert [(type(c), c.order.client_order_id) for c in run.taken()] == [(Cancel, bid.client_order_id)]
        run.engine.receive(OrderCanceled(client_order_id=bid.client_order_id), "main")
        refused = run.strategy.buy(BTC, "0.001", "94.0")
        assert (refused.client_order_id, OrderState.REJECTED) in run.told
        assert "only what reduces a position is taken" in run.strategy.order(refused).text
        # 2 are held: selling 2 reduces, flagged or not; selling more would turn it over.
        assert run.strategy.sell(BTC, "2", "95.0").state is OrderState.SENT
        assert run.strategy.order(run.strategy.sell(BTC, "0.001", "95.0")).state is OrderState.REJECTED
        assert run.strategy.close(BTC).state is OrderState.SENT

    def test_drawdown_is_measured_from_the_highest_equity(self, journal):
        run = Run(journal, drawdown=LossSteps(halt=D(50)))
        run.mark("100.0")
        run.hold("1", "100")
        run.mark("180.0")
        run.mark("130.1")
        assert run.step is LossStep.OPEN
        run.mark("130.0")
        assert run.step is LossStep.HALT
        assert "drawdown 50 has reached drawdown.halt 50" in run.engine.guards.losses.text

    @pytest.mark.parametrize(("on_limit", "closes"), [("keep", []), ("flatten", [(Side.SELL, D(2), True)])])
    def test_a_halt_cancels_and_closes_as_configured(self, journal, on_limit, closes):
        run = Run(journal, daily_loss=LossSteps(halt=D(10)), on_limit=on_limit)
        run.mark("100.0")
        run.hold("2", "100")
        order = run.strategy.buy(BTC, "1", "90.0")
        run.engine.receive(OrderAccepted(client_order_id=order.client_order_id, venue_order_id="v"), "main")
        run.taken()
        run.mark("95.0")
        assert [type(command) for command in run.taken()] == [Cancel]
        run.engine.receive(OrderCanceled(client_order_id=order.client_order_id), "main")
        specs = [command.order.spec for command in run.taken()]
        assert [(spec.side, spec.quantity, spec.reduce_only) for spec in specs] == closes

    def test_an_order_is_refused_by_the_loss_of_its_own_moment(self, journal):
        """A book moves the mid without a ticker; the loss is counted anew before the order leaves."""
        run = Run(journal, daily_loss=LossSteps(reduce=D(10)))
        run.mark("100.0")
        run.hold("2", "100")
        run.engine.data.on_ticker(Ticker(instrument=listed(), mark_price=D("90.0")))  # past the guards
        assert run.step is LossStep.OPEN
        assert run.strategy.order(run.strategy.buy(BTC, "1", "90.0")).state is OrderState.REJECTED
        assert run.step is LossStep.REDUCE


class TestDays:
    def test_a_day_begins_at_its_hour_and_takes_the_daily_limit_back(self, journal):
        run = Run(journal, at=7 * HOUR, day_hour=8, daily_loss=LossSteps(reduce=D(10)))
        run.mark("100.0")
        run.hold("1", "100")
        run.mark("90.0")
        assert run.step is LossStep.REDUCE
        run.mark("89.0", after=HOUR - SECOND)
        assert run.step is LossStep.REDUCE
        run.mark("89.0", after=SECOND)  # 08:00
        assert run.step is LossStep.OPEN
        assert "a new day" in run.engine.view().messages[-1]
        run.mark("79.1")  # 9.9 since eight o'clock
        assert run.step is LossStep.OPEN
        run.mark("79.0")
        assert run.step is LossStep.REDUCE

    def test_a_drawdown_does_not_end_with_the_day(self, journal):
        run = Run(journal, drawdown=LossSteps(reduce=D(10)))
        run.mark("100.0")
        run.hold("1", "100")
        run.mark("90.0")
        run.mark("90.0", after=DAY)
        assert run.step is LossStep.REDUCE


class TestRestart:
    def test_the_loss_of_today_is_carried_on(self, journal):
        limits = {"daily_loss": LossSteps(reduce=D(50), halt=D(100))}
        first = Run(journal, **limits)
        first.mark("100.0")
        first.hold("1", "100")
        first.hold("-1", "60")  # -40
        first.mark("60.0", after=SECOND)
        second = Run(journal, at=13 * HOUR, **limits)
        second.mark("100.0")
        second.hold("1", "100")
        second.mark("90.1")
        assert second.step is LossStep.OPEN
        second.mark("90.0")  # -40 - 10
        assert second.step is LossStep.REDUCE
        third = Run(journal, at=DAY + HOUR, **limits)  # the next day
        assert third.step is LossStep.OPEN

    def test_what_a_held_position_lost_between_two_runs_is_lost_today(self, journal):
        limits = {"daily_loss": LossSteps(reduce=D(50))}
        first = Run(journal, **limits)
        first.mark("100.0")
        first.hold("1", "100")
        first.mark("80.0")  # -20
        first.mark("80.0", after=SECOND)
        held = first.engine.portfolio.position(listed())
        second = Run(journal, at=13 * HOUR, positions=[held], **limits)
        assert second.step is LossStep.OPEN
        second.mark("50.1")
        assert second.step is LossStep.OPEN
        second.mark("50.0")  # -20 and from 80 to 50
        assert second.step is LossStep.REDUCE

    def test_a_position_of_which_nothing_is_remembered_counts_from_its_entry(self, journal):
        position = Position(instrument=listed(), quantity=D(1), cost=D(100))
        run = Run(journal, positions=[position], daily_loss=LossSteps(reduce=D(10)))
        run.mark("90.0")
        assert run.step is LossStep.REDUCE

    def test_a_halt_is_in_force_until_its_day_is_over_or_it_is_overridden(self, journal):
        limits = {"daily_loss": LossSteps(halt=D(10))}
        first = Run(journal, **limits)
        first.mark("100.0")
        first.hold("1", "100")
        first.mark("90.0")
        assert halt_in_force(journal, first.limits, MIDNIGHT + 23 * HOUR) == (
            "daily_loss 10 has reached daily_loss.halt 10"
        )
        assert halt_in_force(journal, first.limits, MIDNIGHT + DAY) is None
        again = Run(journal, at=13 * HOUR, **limits)
        assert again.strategy.order(again.strategy.buy(BTC, "1", "90.0")).state is OrderState.REJECTED
        overridden = Run(journal, at=14 * HOUR, override=True, **limits)
        assert halt_in_force(journal, first.limits, MIDNIGHT + 14 * HOUR) is None
        assert overridden.strategy.buy(BTC, "1", "90.0").state is OrderState.SENT
        overridden.mark("90.0")
        overridden.hold("1", "90")
        overridden.mark("80.0")  # ten more, counted from the override
        assert overridden.step is LossStep.HALT

    def test_a_drawdown_halt_outlasts_the_day(self, journal):
        first = Run(journal, drawdown=LossSteps(halt=D(10)))
        first.mark("100.0")
        first.hold("1", "100")
        first.mark("90.0")
        assert halt_in_force(journal, first.limits, MIDNIGHT + 30 * DAY) is not None

    def test_without_a_journal_entry_nothing_is_in_force(self, journal):
        assert halt_in_force(journal, RiskLimits(daily_loss=LossSteps(halt=D(1))), MIDNIGHT) is None


def test_prices_of_what_is_held_come_in_without_the_strategy_asking(journal):
    run = Run(journal, daily_loss=LossSteps(halt=D(10)))
    run.hold("1", "100")
    assert [command.subscription.channel.value for command in run.commands] == ["ticker"]
