"""One recovery path, on a driven clock: a venue with every look-up that loses, delays and hides, and one with none."""

import asyncio
from collections import defaultdict
from decimal import Decimal

import pytest
from attrs import evolve

from anyvenue.engine.engine import Engine
from anyvenue.engine.live import run_live
from anyvenue.engine.reconcile_events import AccountHeld
from anyvenue.engine.reconcile_settings import Recovery
from anyvenue.engine.recovered import Recovered
from anyvenue.engine.strategy import Strategy
from anyvenue.model.balance import Balance
from anyvenue.model.enums import Fate, OrderState, OrderType, Side
from anyvenue.model.errors import AuthenticationFailed, OutcomeUnknown, RejectReason, UnknownOrder
from anyvenue.model.fill import Fill
from anyvenue.model.order import Order
from anyvenue.model.order_events import (
    AmendSent,
    AmendUnknown,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderEvent,
    OrderFilled,
    OrderReported,
    OrderSent,
    OrderUnknown,
)
from anyvenue.model.order_spec import OrderSpec
from anyvenue.model.position import Position
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.reply import spawn
from anyvenue.simulation.venue import SimulatedVenue
from anyvenue.venue.capabilities import Capabilities, Feature
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext
from anyvenue.venue.events import Disconnected, Reconnected
from anyvenue.venue.interface import Retention, Venue
from anyvenue.venue.missed import filled

BTC = "BTC-USDT-PERP"
SECOND = 1_000_000_000
START = 1_723_161_256 * SECOND
LATENCY_S = 0.002


class Hindered(SimulatedVenue):
    """The simulated venue, where what is asked for goes wrong.

    `loses` names commands that are carried out without an answer; `drops` those that never arrive; `delays` those that
    arrive after so many seconds, without an answer. While it is `deaf` it pushes nothing about orders. `hides` names
    look-ups that raise. One that `forgets` knows open orders and the fills of the last second.
    """

    def __init__(self, context):
        super().__init__(context)
        self.loses, self.drops, self.delays, self.hides = set(), set(), {}, set()
        self.deaf = self.forgets = self.tells_no_fills = False
        self.asked = defaultdict(int)
        self.hides_by = OutcomeUnknown("no answer")
        self.memory = None

    @property
    def retention(self):
        return self.memory or super().retention

    async def connect(self, sink):
        self.tell = sink

        def passed(event):
            if not (self.deaf and isinstance(event, OrderEvent | Position)):
                sink(event)

        await super().connect(passed)

    async def place(self, spec):
        return await self._hinder("place", lambda: SimulatedVenue.place(self, spec))

    async def cancel(self, order):
        return await self._hinder("cancel", lambda: SimulatedVenue.cancel(self, order))

    async def amend(self, order, *, price=None, quantity=None):
        return await self._hinder("amend", lambda: SimulatedVenue.amend(self, order, price=price, quantity=quantity))

    async def _hinder(self, name, command):
        self.asked[name] += 1
        if name in self.drops:
            raise OutcomeUnknown("it never arrived, and nobody knows")
        if name in self.delays:
            due = self._clock.time_ns() + int(self.delays[name] * SECOND)
            self._clock.call_at(due, lambda: spawn(command(), lambda outcome: None))
            raise OutcomeUnknown("it is on its way, and nobody knows")
        events = await command()
        if name in self.loses:
            raise OutcomeUnknown("it was done, and the answer was lost")
        return events

    async def order(self, order):
        found = await self._look("order", super().order(order))
        return None if self.forgets and found is not None and found.report.state.is_terminal else found

    async def open_orders(self, instrument=None):
        return await self._look("open_orders", super().open_orders(instrument))

    async def order_history(self, instrument, *, start_ns):
        found = await self._look("order_history", super().order_history(instrument, start_ns=start_ns))
        return [] if self.forgets else found

    async def fills(self, instrument, *, start_ns):
        found = await self._look("fills", super().fills(instrument, start_ns=start_ns))
        since_ns = self._clock.time_ns() - SECOND if self.forgets else 0
        return [] if self.tells_no_fills else [fill for fill in found if fill.ts_event >= since_ns]

    async def positions(self):
        return await self._look("positions", super().positions())

    async def _look(self, name, answer):
        self.asked[name] += 1
        if name in self.hides:
            answer.close()
            raise self.hides_by
        return await answer

    def lose_stream(self):
        """Have the engine hear that its stream is gone; what happens now is not told."""
        self.deaf = True
        self.tell(Disconnected(connection="main", reason="gone", ts_recv=self._clock.time_ns()))

    def get_stream_back(self):
        self.deaf = False
        self.tell(Reconnected(connection="main", ts_recv=self._clock.time_ns()))


class Script(Strategy):
    """Does what a test says at its times, in seconds after the first book, and notes what it is told."""

    def __init__(self, *acts):
        super().__init__()
        self.acts = dict(acts)
        self.began = False
        self.orders, self.fills, self.positions, self.calls = [], [], [], []

    def on_start(self):
        self.calls.append("start")
        self.subscribe(BTC)

    def on_book(self, book):
        if not self.began and book.is_synced:
            self.began = True
            for seconds in self.acts:
                self.set_timer(str(seconds), after_s=Decimal(str(seconds)) + Decimal("0.001"))

    def on_timer(self, name):
        self.acts[float(name)](self)

    def on_order(self, order):
        self.calls.append("order")
        self.orders.append(order)

    def on_fill(self, fill):
        self.calls.append("fill")
        self.fills.append(fill)

    def on_position(self, position):
        self.calls.append("position")
        self.positions.append(position)

    def far_bid(self, quantity="0.010"):
        """A bid that rests, a tenth below the market."""
        return self.buy(
            BTC, quantity, self.instrument(BTC).round_price(self.book(BTC).best_bid.price * 9 / 10, Side.BUY)
        )

    def last(self):
        return self.order(self.orders[-1])


class Stage:
    """A market on a driven clock, a venue on it that can be told what goes wrong, and runs one after the other."""

    def __init__(self, duration_s=40, **settings):
        self.clock = DrivenClock(START)
        self.settings = SimulationSettings(symbols=(BTC,), duration_s=duration_s, **settings)
        self.venue = self.open(Hindered)
        self.session = 0

    def open(self, cls, name="main"):
        return cls(
            VenueContext(
                connection=name,
                environment=Environment.SIMULATOR,
                clock=self.clock,
                session=name,
                simulation=self.settings,
            )
        )

    def engine(self, strategy):
        self.session += 1
        return Engine(strategy, connections=("main",), clock=self.clock, session=f"test{self.session}")

    def run(self, *acts, recovered=None, duration_s=0, recovery=None, engine=None, venue=None):
        """Run a script to its end, and return it."""
        engine = engine or self.engine(Script(*acts))
        if recovered is not None:
            engine.recover(recovered)
        self.last_engine = engine
        asyncio.run(
            run_live(
                engine,
                {"main": venue or self.venue},
                clock=self.clock,
                stop=asyncio.Event(),
                duration_s=duration_s,
                recovery=recovery or Recovery(),
            )
        )
        return engine.strategy

    @property
    def exchange(self):
        return self.venue.market.exchange

    def at_venue(self):
        return self.exchange.open_orders("main")


@pytest.fixture
def stage():
    return Stage()


def states(script):
    return [(order.state, order.create) for order in script.orders]


# An unknown create


def test_a_create_that_arrived_is_found_though_its_answer_and_its_push_were_lost(stage):
    stage.venue.loses = {"place"}
    stage.venue.deaf = True
    seen = []
    script = stage.run(
        (0.0, lambda s: s.far_bid()),
        (1.0, lambda s: seen.append(s.open_orders()[0])),
    )
    assert states(script)[0] == (OrderState.SENT, Fate.UNKNOWN)
    assert (seen[0].state, seen[0].create) == (OrderState.OPEN, Fate.DONE)
    assert seen[0].venue_order_id is not None


def test_a_create_that_never_arrived_is_settled_as_not_sent(stage):
    stage.venue.drops = {"place"}
    script = stage.run((0.0, lambda s: s.far_bid()))
    assert [state for state, _ in states(script)] == [OrderState.SENT, OrderState.REJECTED]
    assert script.orders[-1].reason is RejectReason.NOT_SENT
    assert stage.venue.asked["place"] == 1  # it is never sent again


def test_a_create_that_arrives_late_is_waited_for_and_its_risk_stays_reserved(stage):
    stage.venue.delays = {"place": 6}
    stage.venue.memory = evolve(stage.venue.retention, create_window_s=10)
    seen = []

    def look(script):
        order = script.orders[0]
        now = script.order(order)
        seen.append((now.state, stage.last_engine.orders.open_quantity(now.instrument, Side.BUY)))

    stage.run((0.0, lambda s: s.far_bid()), (5.0, look), (20.0, look))
    assert seen == [(OrderState.SENT, Decimal("0.010")), (OrderState.OPEN, Decimal("0.010"))]


def test_it_is_asked_again_as_soon_as_an_answer_can_settle_it(stage):
    stage.venue.drops = {"place"}
    stage.venue.memory = evolve(stage.venue.retention, create_window_s=20)
    script = stage.run((0.0, lambda s: s.far_bid()))
    asked_ns, settled_ns = script.orders[0].spec.ts_created, script.orders[-1].ts_recv
    assert script.orders[-1].state is OrderState.REJECTED
    assert 20 * SECOND <= settled_ns - asked_ns < 20 * SECOND + SECOND // 10


def test_a_create_for_which_no_window_is_declared_stays_unknown_and_a_person_is_told(stage):
    stage.venue.drops = {"place"}
    stage.venue.memory = Retention(finds_open=True, lists_open=True)
    script = stage.run((0.0, lambda s: s.far_bid()))
    order = script.orders[0]
    now = stage.last_engine.orders.get(order.client_order_id)
    assert (now.state, now.create) == (OrderState.SENT, Fate.UNKNOWN)
    assert stage.last_engine.orders.open_quantity(now.instrument, Side.BUY) == Decimal("0.010")
    assert "unknown still" in script.orders[-1].text
    assert any("unknown still" in message for message in stage.last_engine.messages)
    # Pauses of half a second to a second, then up to 2, 4, 8, 16, 32: in 40 s and the 30 s of the end's patience.
    assert 5 <= stage.venue.asked["order"] <= 12


def test_a_create_that_filled_unseen_is_settled_with_its_fills(stage):
    stage.venue.loses = {"place"}
    stage.venue.deaf = True
    seen = []
    script = stage.run(
        (0.0, lambda s: s.buy(BTC, "0.002")),
        (3.0, lambda s: seen.append((s.position(BTC).quantity, len(s.fills)))),
    )
    ((position, count),) = seen
    assert position == Decimal("0.002")
    assert count >= 1
    assert script.orders[0].create is Fate.UNKNOWN
    assert stage.last_engine.orders.get(script.orders[0].client_order_id).state is OrderState.FILLED


# An unknown cancel, an unknown amend


def test_a_cancel_that_was_done_is_settled_by_the_orders_state(stage):
    def cancel(script):
        stage.venue.deaf, stage.venue.loses = True, {"cancel"}
        script.cancel(script.orders[-1])

    seen = []
    stage.run((0.0, lambda s: s.far_bid()), (1.0, cancel), (3.0, lambda s: seen.append(s.last())))
    assert (seen[0].state, seen[0].cancel) == (OrderState.CANCELED, Fate.DONE)
    assert stage.venue.asked["cancel"] == 1


def test_a_cancel_that_did_not_arrive_is_sent_again_once_the_order_is_seen_open(stage):
    def cancel(script):
        stage.venue.drops = {"cancel"}
        script.cancel(script.orders[-1])
        stage.clock.call_at(stage.clock.time_ns() + SECOND // 4, stage.venue.drops.clear)

    seen = []
    stage.run((0.0, lambda s: s.far_bid()), (1.0, cancel), (9.0, lambda s: seen.append(s.last())))
    assert seen[0].state is OrderState.CANCELED
    assert 2 <= stage.venue.asked["cancel"] <= 3
    assert not stage.at_venue()


@pytest.mark.parametrize("is_done", [True, False])
def test_an_amend_of_unknown_fate_is_settled_by_comparing_price_and_quantity(stage, is_done):
    prices = []

    def amend(script):
        (order,) = script.open_orders()
        prices.extend((order.price, order.price - 10))
        stage.venue.deaf = True
        (stage.venue.loses if is_done else stage.venue.drops).add("amend")
        script.amend(order, price=order.price - 10)

    seen = []
    stage.run((0.0, lambda s: s.far_bid()), (1.0, amend), (4.0, lambda s: seen.append(s.last())))
    assert seen[0].amend is None
    assert seen[0].price == prices[is_done]
    assert (seen[0].reason is RejectReason.NOT_SENT) is not is_done


def test_a_cancel_refused_because_the_order_is_gone_has_the_order_looked_up(stage):
    def cancel(script):
        (order,) = script.open_orders()
        stage.venue.deaf = True
        stage.exchange.cancel("main", client_order_id=order.client_order_id)
        script.cancel(order)

    seen = []
    stage.run((0.0, lambda s: s.far_bid()), (1.0, cancel), (3.0, lambda s: seen.append(s.last().state)))
    assert seen == [OrderState.CANCELED]


# Fills


def test_fills_that_were_never_pushed_are_brought_until_booked_equals_reported(stage):
    def take(script):
        stage.venue.deaf = True  # the reply tells that it was accepted; what came of it would have been pushed
        script.buy(BTC, "0.003")

    seen = []
    script = stage.run((0.0, take), (6.0, lambda s: seen.append(s.last())), recovery=Recovery(every_s=3))
    assert (seen[0].booked_quantity, seen[0].missing_fills) == (Decimal("0.003"), 0)
    assert sum(fill.quantity for fill in script.fills if fill.side is Side.BUY) == Decimal("0.003")
    assert not any(fill.estimated for fill in script.fills)


def test_a_fill_told_by_push_and_by_look_up_is_booked_once(stage):
    script = stage.run((0.0, lambda s: s.buy(BTC, "0.002")), recovery=Recovery(every_s=2))
    assert stage.venue.asked["fills"] > 5
    assert script.position(BTC).quantity == stage.exchange.position("main", BTC).quantity == Decimal("0.002")
    assert len(script.fills) == len({fill.trade_id for fill in script.fills})


def test_news_that_cannot_be_true_have_the_order_looked_up(stage):
    def contradict(script):
        (order,) = script.open_orders()
        stage.before = stage.venue.asked["order"]
        stage.venue.tell(
            OrderReported(
                client_order_id=order.client_order_id, state=OrderState.FILLED, filled_quantity=Decimal("0.001")
            )
        )

    seen = []
    stage.run((0.0, lambda s: s.far_bid()), (1.0, contradict), (2.0, lambda s: seen.append(s.last().state)))
    assert stage.venue.asked["order"] == stage.before + 1
    assert seen == [OrderState.OPEN]


# A restart


def wait(stage, work):
    done = []
    spawn(work, done.append)
    while not done and stage.clock.step():
        pass
    if isinstance(done[0], BaseException):
        raise done[0]
    return done[0]


def leave(stage, *orders):
    """Have orders made at the venue: (client id, quantity, price or None). Return them as they were when sent."""

    async def put():
        await stage.venue.connect(lambda event: None)
        made = []
        for name, quantity, price in orders:
            spec = OrderSpec(
                client_order_id=name,
                instrument=(await stage.venue.instruments())[0],
                side=Side.BUY,
                quantity=quantity,
                price=price,
                order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
                ts_created=stage.clock.time_ns(),
            )
            await SimulatedVenue.place(stage.venue, spec)
            made.append(Order(spec=spec).apply(OrderSent(client_order_id=name, ts_recv=spec.ts_created)))
        await stage.venue.close()
        return made

    return wait(stage, put())


def let_pass(stage, seconds):
    stage.clock.run_until(stage.clock.time_ns() + int(seconds * SECOND))


LOW = "50000"
"""A price far below the tape's market."""


def test_our_orders_of_earlier_runs_are_canceled_before_the_strategy_starts(stage):
    leave(stage, ("avold-1", "0.010", LOW))
    at_start = []

    class Watcher(Script):
        def on_start(self):
            at_start.append((list(stage.at_venue()), self.open_orders()))
            super().on_start()

    script = stage.run(engine=stage.engine(Watcher()))
    assert at_start == [([], [])]
    # It is told of them all the same, once it has started.
    assert script.calls[:2] == ["start", "order"]
    assert [(o.client_order_id, o.state) for o in script.orders][-1] == ("avold-1", OrderState.CANCELED)


def test_by_configuration_our_orders_of_earlier_runs_are_kept_and_visible(stage):
    leave(stage, ("avold-1", "0.010", LOW))
    seen = []
    stage.run(
        (1.0, lambda s: seen.extend(s.open_orders())),
        (2.0, lambda s: s.cancel("avold-1")),
        (3.0, lambda s: seen.append(s.order("avold-1"))),
        recovery=Recovery(orders="keep"),
    )
    assert [(o.client_order_id, o.state) for o in seen] == [
        ("avold-1", OrderState.OPEN),
        ("avold-1", OrderState.CANCELED),
    ]


def test_strangers_orders_are_left_alone_and_mentioned_once(stage):
    leave(stage, ("somebody", "0.010", LOW))
    seen = []
    stage.run((5.0, lambda s: seen.append(s.open_orders())), recovery=Recovery(every_s=2))
    assert seen == [[]]
    assert [order.client_order_id for order in stage.at_venue()] == ["somebody"]
    assert sum("not ours" in message for message in stage.last_engine.messages) == 1


def test_by_configuration_strangers_orders_are_adopted_but_never_canceled_unasked(stage):
    leave(stage, ("somebody", "0.010", LOW), ("avold-1", "0.010", LOW))
    seen = []
    stage.run(
        (1.0, lambda s: seen.extend(s.open_orders())),
        recovery=Recovery(strangers="adopt"),
    )
    assert [order.client_order_id for order in seen] == ["somebody"]
    assert [order.client_order_id for order in stage.at_venue()] == ["somebody"]
    assert stage.last_engine.is_idle


def test_a_journaled_order_that_filled_meanwhile_is_settled_and_its_fills_are_not_booked_twice(stage):
    (order,) = leave(stage, ("avold-1", "0.003", None))
    let_pass(stage, 1)
    seen = []
    script = stage.run(
        (1.0, lambda s: seen.append(s.position(BTC).quantity)),
        recovered=Recovered(orders=(order.apply(OrderUnknown(client_order_id="avold-1")),)),
        recovery=Recovery(every_s=2),
    )
    now = stage.last_engine.orders.get("avold-1")
    assert (now.state, now.booked_quantity) == (OrderState.FILLED, Decimal("0.003"))
    assert seen == [Decimal("0.003")]
    assert script.position(BTC).quantity == Decimal("0.003")
    assert script.calls[0] == "start"
    assert sum(fill.quantity for fill in script.fills) == Decimal("0.003")


def test_fills_that_the_journal_has_booked_are_not_booked_again(stage):
    (order,) = leave(stage, ("avold-1", "0.003", None))
    let_pass(stage, 1)
    fills = stage.exchange.fills("main", BTC)
    instrument = order.instrument
    held = Position(instrument=instrument)
    for fill in fills:
        fill = evolve(fill, instrument=instrument)
        held = held.apply(fill)
        order = order.apply(OrderFilled(client_order_id="avold-1", fill=fill))
    recovered = Recovered(positions=(held,), trade_ids=frozenset((instrument.key, fill.trade_id) for fill in fills))
    script = stage.run(recovered=recovered, recovery=Recovery(every_s=2))
    assert script.position(BTC).quantity == Decimal("0.003")
    assert not script.fills
    assert script.position(BTC).realized_pnl == 0


def test_an_order_that_ended_beyond_the_venues_memory_stays_unknown(stage):
    """It is not open any more; but what of it traded is remembered for a second only, and nobody knows."""
    (order,) = leave(stage, ("avold-1", "0.003", None))
    let_pass(stage, 5)
    stage.venue.memory = evolve(
        stage.venue.retention, filled_s=1, unfilled_s=1, filled_by_client_id_s=1, unfilled_by_client_id_s=1
    )
    stage.venue.forgets = True
    order = order.apply(OrderUnknown(client_order_id="avold-1"))
    script = stage.run(recovered=Recovered(orders=(order,)), recovery=Recovery(every_s=2))
    now = stage.last_engine.orders.get("avold-1")
    assert (now.state, now.create) == (OrderState.SENT, Fate.UNKNOWN)
    assert "how much of it traded is not proven" in script.orders[-1].text
    assert script.position(BTC).quantity == Decimal("0.003")  # the position is known all the same


def test_an_order_that_ended_unfilled_and_was_forgotten_is_ended_by_its_missing_fills(stage):
    let_pass(stage, 1)
    (order,) = leave(stage, ("avold-1", "0.003", LOW))
    stage.venue.forgets = True
    stage.venue.memory = evolve(stage.venue.retention, unfilled_s=1, unfilled_by_client_id_s=1)
    wait(stage, cancel_by_hand(stage, order))
    let_pass(stage, 5)
    order = order.apply(OrderUnknown(client_order_id="avold-1"))
    script = stage.run(recovered=Recovered(orders=(order,)))
    assert script.orders[-1].state is OrderState.CANCELED
    assert "whether it ever came" in script.orders[-1].text


async def cancel_by_hand(stage, order):
    await stage.venue.connect(lambda event: None)
    await SimulatedVenue.cancel(stage.venue, order)
    await stage.venue.close()


def test_the_fills_of_an_order_found_partly_filled_are_brought_and_its_position_is_not_counted_twice():
    stage = Stage(duration_s=150)
    (order,) = leave(stage, ("avold-1", "9", "61800.3"))  # the best ask, at which 1.071 are offered
    wait(stage, amend_by_hand(stage, order, LOW))  # there the rest stays
    let_pass(stage, 100)
    real = stage.venue.open_orders

    async def with_newer_news(instrument=None):  # of the order, long after its fill
        now_ns = stage.clock.time_ns()
        return [evolve(each, report=evolve(each.report, ts_event=now_ns)) for each in await real(instrument)]

    stage.venue.open_orders = with_newer_news
    filled = stage.at_venue()[0].filled_quantity
    held, seen = stage.exchange.position("main", BTC).quantity, []
    assert 0 < filled < 9
    script = stage.run((5.0, lambda s: seen.append(s.order("avold-1"))), recovery=Recovery(orders="keep"))
    assert (seen[0].booked_quantity, seen[0].missing_fills) == (filled, 0)
    assert script.positions[0].quantity == held == script.position(BTC).quantity
    assert not script.fills


async def amend_by_hand(stage, order, price):
    await stage.venue.connect(lambda event: None)
    await SimulatedVenue.amend(stage.venue, order, price=Decimal(price))
    await stage.venue.close()


def test_an_order_of_ours_from_elsewhere_that_is_found_later_gets_the_fills_that_were_booked_before(stage):
    def trade_elsewhere(script):
        spec = OrderSpec(
            client_order_id="avother-1",
            instrument=stage.exchange.instruments[0],
            side=Side.BUY,
            quantity="9",
            price=script.book(BTC).best_ask.price,
        )
        stage.exchange.place("main", spec)
        stage.exchange.amend("main", client_order_id="avother-1", price=Decimal(LOW))

    seen = []
    script = stage.run(
        (1.0, trade_elsewhere),
        (8.0, lambda s: seen.append((len(s.fills), s.order("avother-1")))),
        (9.0, lambda s: seen.append(s.position(BTC).quantity)),
        recovery=Recovery(every_s=4),
    )
    (fills, order), held = seen
    assert fills == len(script.fills) > 0
    assert (order.booked_quantity, order.missing_fills) == (held, 0)


def test_a_start_that_cannot_learn_what_there_is_does_not_happen(stage):
    stage.venue.hides = {"positions"}
    with pytest.raises(OutcomeUnknown, match="must not start"):
        stage.run((0.0, lambda s: s.far_bid()))
    assert stage.venue.asked["positions"] == 5


def test_a_start_with_a_refused_key_says_so_at_once(stage):
    stage.venue.hides, stage.venue.hides_by = {"positions"}, AuthenticationFailed("the key has expired")
    with pytest.raises(AuthenticationFailed, match="the key has expired"):
        stage.run((0.0, lambda s: s.far_bid()))
    assert stage.venue.asked["positions"] == 1


# Positions


def by_hand(stage):
    """Somebody buys 0.004 on the account by hand."""
    spec = OrderSpec(
        client_order_id="hand",
        instrument=stage.exchange.instruments[0],
        side=Side.BUY,
        quantity="0.004",
        order_type=OrderType.MARKET,
    )
    stage.exchange.place("main", spec)


def test_a_position_from_before_the_start_is_the_baseline(stage):
    leave(stage, ("avold-1", "0.005", None))
    let_pass(stage, 1)
    entry = stage.exchange.position("main", BTC).entry_price
    at_start = []

    class Watcher(Script):
        def on_start(self):
            at_start.append(self.position(BTC))
            super().on_start()

    script = stage.run(
        (1.0, lambda s: s.sell(BTC, "0.002")),
        engine=stage.engine(Watcher((1.0, lambda s: s.sell(BTC, "0.002")))),
        recovery=Recovery(every_s=2),
    )
    assert (at_start[0].quantity, at_start[0].entry_price) == (Decimal("0.005"), entry)
    assert script.positions[0].quantity == Decimal("0.005")
    assert script.position(BTC).quantity == Decimal("0.003")
    assert sum(fill.quantity for fill in script.fills) == Decimal("0.002")
    assert script.position(BTC).realized_pnl == stage.exchange.position("main", BTC).realized_pnl


def test_what_this_run_trades_is_booked_though_the_venues_clock_is_behind(make_desk):
    desk = make_desk()
    late = desk.clock.time_ns() + 100 * SECOND
    desk.receive(AccountHeld(connection="main", positions=(), ts_baseline=late))
    order = desk.strategy.buy(BTC, "0.010", "100.0")
    stranger = evolve(order, spec=evolve(order.spec, client_order_id="somebody"))
    for number, each in enumerate((order, stranger)):
        fill = Fill(
            instrument=order.instrument,
            trade_id=f"t{number}",
            client_order_id=each.client_order_id,
            venue_order_id=None,
            side=Side.BUY,
            price=Decimal(100),
            quantity=Decimal("0.010"),
            ts_event=late - 1,
        )
        desk.receive(filled(fill))
    assert desk.strategy.position(BTC).quantity == Decimal("0.010")


def test_a_difference_that_no_fill_explains_is_told_and_corrected_by_an_estimate(stage):
    def trade_by_hand(script):
        # Somebody trades on the account by hand, and the venue tells neither the fill nor the position.
        stage.venue.deaf = stage.venue.tells_no_fills = True
        by_hand(stage)

    script = stage.run((0.0, lambda s: s.buy(BTC, "0.002")), (2.0, trade_by_hand), recovery=Recovery(every_s=4))
    assert script.position(BTC).quantity == Decimal("0.006")
    guesses = [fill for fill in script.fills if fill.estimated]
    assert [(fill.quantity, fill.side) for fill in guesses] == [(Decimal("0.004"), Side.BUY)]
    assert any("our fills make 0.002 net, the venue has 0.006" in m for m in stage.last_engine.messages)


def test_nothing_is_corrected_as_long_as_the_fills_cannot_be_looked_up(stage):
    def trade_by_hand(script):
        stage.venue.deaf, stage.venue.hides = True, {"fills"}
        by_hand(stage)

    script = stage.run((0.0, lambda s: s.buy(BTC, "0.002")), (2.0, trade_by_hand), recovery=Recovery(every_s=4))
    assert script.position(BTC).quantity == Decimal("0.002")


def test_a_strangers_fill_that_the_venue_tells_is_booked_as_it_is(stage):
    def trade_by_hand(script):
        stage.venue.deaf = True
        by_hand(stage)

    script = stage.run((0.0, lambda s: s.buy(BTC, "0.002")), (2.0, trade_by_hand), recovery=Recovery(every_s=4))
    assert script.position(BTC).quantity == Decimal("0.006")
    assert not any(fill.estimated for fill in script.fills)


def test_a_difference_that_is_gone_at_the_second_look_is_none(stage):
    def lag(script):
        told = stage.venue.told = []
        real = stage.venue.positions

        async def positions():
            told.append(await real())
            return told[-1] if len(told) > 1 else []  # once it has not heard of the fill yet

        stage.venue.positions = positions

    script = stage.run((0.0, lambda s: s.buy(BTC, "0.002")), (1.0, lag), recovery=Recovery(every_s=4))
    assert len(stage.venue.told) > 3
    assert script.position(BTC).quantity == Decimal("0.002")
    assert not any(fill.estimated for fill in script.fills)
    assert not any("the venue has" in message for message in stage.last_engine.messages)


def test_strangers_fills_from_before_the_start_are_not_told_as_news(stage):
    """An account in which we hold something, by our journal, and somebody else has traded since."""
    (order,) = leave(stage, ("somebody", "0.003", None))
    let_pass(stage, 1)
    held = Position(instrument=order.instrument, quantity=Decimal("0.001"), cost=Decimal(60))
    script = stage.run(recovered=Recovered(positions=(held,)), recovery=Recovery(every_s=2))
    assert script.position(BTC).quantity == Decimal("0.003")
    assert [position.quantity for position in script.positions] == [Decimal("0.003")]
    assert not script.fills


def test_a_strangers_trade_in_what_we_never_touched_is_booked_as_the_fill_it_was(stage):
    def trade_by_hand(script):
        stage.venue.deaf = True
        by_hand(stage)

    script = stage.run((2.0, trade_by_hand), recovery=Recovery(every_s=4))
    assert script.position(BTC).quantity == Decimal("0.004")
    assert script.fills
    assert not any(fill.estimated for fill in script.fills)


# A reconnect


def test_after_a_reconnect_everything_that_changed_meanwhile_is_learned(stage):
    names = {}

    def begin(script):
        for name in ("canceled", "filled", "amended", "kept"):
            names[name] = script.far_bid().client_order_id

    def change(script):
        stage.venue.lose_stream()
        exchange, market = stage.exchange, stage.exchange.instruments[0]
        exchange.cancel("main", client_order_id=names["canceled"])
        exchange.amend("main", client_order_id=names["amended"], price=Decimal(40000))
        ask = script.book(BTC).best_ask.price
        exchange.amend("main", client_order_id=names["filled"], price=market.round_price(ask * 101 / 100, Side.SELL))

    seen = {}

    def look(script):
        seen.update({name: script.order(of) for name, of in names.items()})

    script = stage.run((0.0, begin), (2.0, change), (4.0, lambda s: stage.venue.get_stream_back()), (8.0, look))
    assert seen["canceled"].state is OrderState.CANCELED
    assert (seen["filled"].state, seen["filled"].missing_fills) == (OrderState.FILLED, 0)
    assert (seen["amended"].state, seen["amended"].price) == (OrderState.OPEN, Decimal(40000))
    assert seen["kept"].state is OrderState.OPEN
    assert script.position(BTC).quantity == Decimal("0.010")
    assert not any(fill.estimated for fill in script.fills)


def test_a_reconnect_asks_at_once_about_what_had_to_wait(stage):
    def vanish(script):
        stage.venue.drops, stage.venue.hides = {"place"}, {"order", "open_orders", "order_history", "fills"}
        script.far_bid()

    def back(script):
        stage.venue.hides = set()
        stage.venue.lose_stream()
        stage.venue.get_stream_back()

    seen = []
    stage.run(
        # Asked at 1, 2, 4, 8, 16 s or so; then after the reconnect at 20 s and not at 32 s.
        (0.0, vanish),
        (20.0, back),
        (20.5, lambda s: seen.append(s.last().state)),
        recovery=Recovery(every_s=1000),
    )
    assert seen == [OrderState.REJECTED]


def test_where_the_look_up_by_id_fails_the_history_tells_the_end(stage):
    def vanish(script):
        stage.venue.deaf, stage.venue.loses, stage.venue.hides = True, {"place"}, {"order"}
        order = script.far_bid()
        stage.clock.call_at(
            stage.clock.time_ns() + SECOND // 200,  # after it arrived, before it is asked about
            lambda: stage.exchange.cancel("main", client_order_id=order.client_order_id),
        )

    seen = []
    stage.run((0.0, vanish), (5.0, lambda s: seen.append(s.last())))
    assert (seen[0].state, seen[0].text) == (OrderState.CANCELED, "")


def test_the_simulated_venue_declares_its_latency_as_the_window_and_a_memory_without_end():
    memory = Stage(latency_in_us=2_000, latency_jitter_us=500).venue.retention
    assert memory.create_window_s == 0.0025
    assert (memory.finds_open, memory.lists_open, memory.filled_s) == (True, True, float("inf"))


@pytest.mark.parametrize("wrong", [{"create_window_s": -1}, {"filled_s": float("nan")}])
def test_a_memory_below_nothing_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Retention(**wrong)


# A venue without any look-up


class Bare(Venue):
    """The eight required methods, and nothing else. Tests push what it tells."""

    name = "bare"
    capabilities = Capabilities.of(native=(Feature.LIMIT, Feature.MARKET, Feature.CLIENT_ORDER_ID, Feature.FILL_STREAM))

    def __init__(self, instrument, outcome):
        self.instrument, self.outcome = instrument, outcome
        self.placed, self.canceled = [], []

    async def connect(self, sink):
        self.sink = sink

    async def close(self):
        pass

    async def instruments(self):
        return [self.instrument]

    async def subscribe(self, subscription):
        pass

    async def unsubscribe(self, subscription):
        pass

    async def place(self, spec):
        self.placed.append(spec)
        return self.outcome(spec)

    async def cancel(self, order):
        self.canceled.append(order)
        return []

    async def balances(self):
        return [Balance(currency="USDT", total=Decimal(1000), available=Decimal(1000))]


def lost(spec):
    raise OutcomeUnknown("nobody knows")


def run_bare(make_desk, outcome, *acts, duration_s=60):
    stage, instrument = Stage(), make_desk().instrument

    class Timed(Script):
        def on_start(self):
            for seconds in self.acts:
                self.set_timer(str(seconds), after_s=str(seconds))

    venue = Bare(instrument, outcome)
    script = Timed(*((seconds, lambda s, act=act: act(s, venue)) for seconds, act in acts))
    stage.run(engine=stage.engine(script), venue=venue, duration_s=duration_s)
    return stage.last_engine, script, venue


def bid(script, venue):
    script.buy(BTC, "0.010", "100.0")


def test_without_look_ups_an_unknown_create_stays_unknown_and_is_told_once(make_desk):
    engine, _, venue = run_bare(make_desk, lost, (1.0, bid))
    (order,) = engine.orders.open_orders()
    assert (order.state, order.create) == (OrderState.SENT, Fate.UNKNOWN)
    assert engine.orders.open_quantity(venue.instrument, Side.BUY) == Decimal("0.010")
    assert sum("unknown still" in message for message in engine.messages) == 1
    assert len(venue.placed) == 1


def test_without_look_ups_a_push_still_settles_it(make_desk):
    def push(script, venue):
        venue.sink(OrderAccepted(client_order_id=venue.placed[0].client_order_id, venue_order_id="7"))

    _, script, _ = run_bare(make_desk, lost, (1.0, bid), (9.0, push))
    assert states(script)[0] == (OrderState.SENT, Fate.UNKNOWN)
    assert (OrderState.OPEN, Fate.DONE) in states(script)


def test_without_look_ups_what_is_reported_filled_is_booked_as_an_estimate_that_says_so(make_desk):
    def accepted(spec):
        return [OrderAccepted(client_order_id=spec.client_order_id, venue_order_id="7")]

    def push(script, venue):
        venue.sink(
            OrderReported(
                client_order_id=venue.placed[0].client_order_id,
                venue_order_id="7",
                state=OrderState.FILLED,
                filled_quantity=Decimal("0.010"),
                average_price=Decimal("99.5"),
            )
        )

    early = []
    engine, script, _ = run_bare(
        make_desk, accepted, (1.0, bid), (2.0, push), (11.0, lambda s, v: early.extend(s.fills))
    )
    assert not early  # the stream had its chance first
    (fill,) = script.fills
    assert (fill.quantity, fill.price, fill.estimated) == (Decimal("0.010"), Decimal("99.5"), True)
    assert script.position(BTC).quantity == Decimal("0.010")
    assert any("are missing" in message for message in engine.messages)


def test_without_a_look_up_of_positions_the_first_push_is_the_baseline_and_later_ones_are_compared(make_desk):
    def pushed(quantity):
        def push(script, venue):
            cost = Decimal(quantity) * 100
            venue.sink(Position(instrument=venue.instrument, quantity=Decimal(quantity), cost=cost))

        return push

    _, script, _ = run_bare(make_desk, lost, (1.0, pushed("0.5")), (70.0, pushed("0.2")), duration_s=200)
    assert script.position(BTC).quantity == Decimal("0.2")
    assert [position.quantity for position in script.positions] == [Decimal("0.5"), Decimal("0.2")]
    assert [(fill.side, fill.quantity, fill.estimated) for fill in script.fills] == [(Side.SELL, Decimal("0.3"), True)]


# A restart at a venue without look-ups


class Recalled(Bare):
    """One that hears of the orders of earlier runs; under `gone` it refuses to cancel, as it has no such order."""

    def __init__(self, instrument):
        super().__init__(instrument, lambda spec: [OrderAccepted(venue_order_id="9")])
        self.taken_on, self.gone = [], ()

    def take_on(self, order, left_by_ns):
        self.taken_on.append((order.client_order_id, left_by_ns))

    async def cancel(self, order):
        self.canceled.append((order.client_order_id, order.venue_order_id))
        if order.venue_order_id in self.gone:
            raise UnknownOrder("no such open order", reason=RejectReason.UNKNOWN_ORDER)
        return [OrderCanceled(client_order_id=order.client_order_id)]


@pytest.fixture
def restarted(make_desk):
    """Runs for so long with what an earlier run left; returns the engine, the venue and the time of the start."""

    def run(order, *acts, gone=(), duration_s=20, **recovered):
        stage, began = Stage(), []
        venue = Recalled(make_desk().instrument)
        venue.gone = gone

        class Timed(Script):
            def on_start(self):
                began.append(stage.clock.time_ns())
                for seconds in self.acts:
                    self.set_timer(str(seconds), after_s=str(seconds))

        script = Timed(*((seconds, lambda s, act=act: act(s, venue)) for seconds, act in acts))
        left = Recovered(orders=(order(venue.instrument),), **recovered)
        stage.run(engine=stage.engine(script), venue=venue, recovered=left, duration_s=duration_s)
        return stage.last_engine, venue, began[0]

    return run


def left_in_doubt(instrument):
    """An order of which nothing is known but that it was about to leave."""
    spec = OrderSpec(
        client_order_id="avold-1",
        instrument=instrument,
        side=Side.BUY,
        quantity="0.010",
        price="100.0",
        ts_created=START - 61 * SECOND,
    )
    return Order(spec=spec).apply(OrderSent()).apply(OrderUnknown())


def left_changing(instrument):
    """An open order that was about to get another price."""
    order = left_in_doubt(instrument).apply(OrderAccepted(venue_order_id="7"))
    return order.apply(AmendSent(price=Decimal("99.0"))).apply(AmendUnknown())


def test_a_start_does_not_wait_for_what_nobody_can_tell_and_reserves_its_risk(restarted):
    engine, venue, began = restarted(left_in_doubt)
    assert began == START
    assert engine.orders.open_quantity(venue.instrument, Side.BUY) == Decimal("0.010")
    assert venue.canceled == []


def test_the_venue_hears_of_the_order_and_by_when_all_about_it_had_left(restarted):
    _, venue, began = restarted(left_in_doubt, left_by={"avold-1": START - SECOND})
    assert venue.taken_on == [("avold-1", START - SECOND)]
    _, venue, began = restarted(left_in_doubt)
    assert venue.taken_on == [("avold-1", began)]  # the process that sent it is gone by now


def test_an_order_in_doubt_is_canceled_once_it_is_found_to_be_open(restarted):
    def found(script, venue):
        venue.sink(OrderAccepted(client_order_id="avold-1", venue_order_id="7"))

    engine, venue, _ = restarted(left_in_doubt, (5.0, found))
    assert venue.canceled == [("avold-1", "7")]
    assert engine.orders.get("avold-1").state is OrderState.CANCELED


def test_an_order_that_has_another_id_by_now_is_canceled_under_that_and_none_of_this_run_is(restarted):
    def found(script, venue):
        venue.sink(OrderAmended(client_order_id="avold-1", venue_order_id="8"))

    seen = []
    late = (18.0, lambda script, venue: seen.extend(venue.canceled))
    _, _, began = restarted(left_changing, (1.0, bid), (5.0, found), late, gone=("7",))
    assert began == START
    assert seen == [("avold-1", "7"), ("avold-1", "8")]


def test_what_an_earlier_run_sent_is_settled_at_once_where_that_run_was_long_over(stage, make_desk):
    order, at_start = left_in_doubt(make_desk().instrument), []

    class Watcher(Script):
        def on_start(self):
            at_start.append(len(self.open_orders()))

    stage.venue.memory = evolve(stage.venue.retention, create_window_s=10)
    for left_by in ({"avold-1": START - 60 * SECOND}, {}):
        recovered = Recovered(orders=(order,), left_by=left_by)
        stage.run(engine=stage.engine(Watcher()), recovered=recovered, duration_s=1)
    assert at_start == [0, 1]
