"""One engine under two runners: a backtest and a live run on the simulated exchange do exactly the same."""

import asyncio
import gc
from decimal import Decimal

import pytest

import anyvenue
from anyvenue.engine.backtest import run_backtest
from anyvenue.engine.engine import Engine
from anyvenue.engine.live import run_live
from anyvenue.engine.strategy import Strategy
from anyvenue.model.enums import Fate, OrderState
from anyvenue.model.errors import NotSent, UnknownInstrument
from anyvenue.model.instrument import Instrument
from anyvenue.model.order_events import OrderCanceled
from anyvenue.model.pricing import Tick
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.tape import find_tapes
from anyvenue.simulation.venue import DESCRIPTOR
from anyvenue.venue.capabilities import Capabilities, Feature
from anyvenue.venue.clock import WallClock
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext

BTC = "BTC-USDT-PERP"
START = 1_723_161_256 * 1_000_000_000


class Diary(Strategy):
    """Quotes at the touch, takes now and then, amends and cancels; writes down all it is told and all it does."""

    def __init__(self):
        super().__init__()
        self.pages = []
        self.bid = None

    def on_start(self):
        self.subscribe(BTC)
        self.subscribe(BTC, "trades")
        self.subscribe(BTC, "candles", interval_s=5)
        self.set_timer("take", every_s=3)

    def on_book(self, book):
        if not book.is_synced:
            return
        order = None if self.bid is None else self.order(self.bid)
        if order is None or order.is_terminal:
            self.bid = self.buy(BTC, "0.002", book.best_bid.price, post_only=True).client_order_id
        elif order.price != book.best_bid.price:
            self.amend(order, price=book.best_bid.price)

    def on_timer(self, name):
        if self.position(BTC).quantity > 0:
            self.sell(BTC, "0.001")
        else:
            self.cancel_all()

    def on_candle(self, candle):
        self.pages.append((self.now, "candle", candle.close, candle.volume))

    def on_order(self, order):
        self.pages.append(
            (self.now, order.client_order_id, order.state, order.price, order.filled_quantity, order.cancel)
        )

    def on_fill(self, fill):
        self.pages.append((self.now, fill.trade_id, fill.price, fill.quantity, fill.fee, fill.liquidity))


def stage(duration_s, connections=("main",), strategy=None, **settings):
    clock = DrivenClock(START)
    simulation = SimulationSettings(symbols=(BTC,), duration_s=duration_s, **settings)
    venues = {
        name: DESCRIPTOR.open(
            VenueContext(
                connection=name,
                environment=Environment.SIMULATOR,
                clock=clock,
                session=name,
                simulation=simulation,
            )
        )
        for name in connections
    }
    engine = Engine(strategy or Diary(), connections=connections, clock=clock, session="run")
    return engine, venues, clock


def backtest(*args, **kwargs):
    engine, venues, clock = stage(*args, **kwargs)
    return run_backtest(engine, venues, clock=clock), engine.strategy


def live(*args, **kwargs):
    engine, venues, clock = stage(*args, **kwargs)
    return asyncio.run(run_live(engine, venues, clock=clock, stop=asyncio.Event())), engine.strategy


@pytest.mark.parametrize("latency", [0, 2000])
def test_backtest_and_live_give_the_same_orders_fills_and_figures(latency):
    settings = {"latency_in_us": latency, "latency_out_us": latency, "latency_jitter_us": latency // 2}
    (tested, diary), (lived, other) = backtest(30, **settings), live(30, **settings)
    assert len(diary.pages) > 100
    assert diary.pages == other.pages
    assert tested == lived
    assert tested.fills > 5


def test_the_same_again_is_the_same_and_another_seed_is_not():
    first, second = backtest(10, latency_jitter_us=500), backtest(10, latency_jitter_us=500)
    assert first[0] == second[0]
    assert first[1].pages == second[1].pages
    assert backtest(10, latency_jitter_us=500, seed=2)[1].pages != first[1].pages


def test_a_tape_in_memory_gives_what_its_file_gives_as_often_as_it_is_played():
    held = [tape.in_memory() for tape in find_tapes("tape")]
    simulation = SimulationSettings(symbols=(BTC,), duration_s=10)
    from_file = Diary()
    expected = anyvenue.backtest(from_file, simulation=simulation)
    for _ in range(2):
        diary = Diary()
        assert anyvenue.backtest(diary, simulation=simulation, tapes=held) == expected
        assert diary.pages == from_file.pages
    assert len(from_file.pages) > 50


def test_a_symbol_that_no_given_tape_holds_is_refused():
    held = [tape for tape in find_tapes("tape") if tape.header.symbol != BTC]
    with pytest.raises(UnknownInstrument, match="ETH-USDT-PERP"):
        anyvenue.backtest(Diary(), simulation=SimulationSettings(symbols=(BTC,)), tapes=held)


def test_at_the_end_every_order_is_canceled():
    result, diary = backtest(10)
    assert result.stopped == "finished"
    assert not diary.open_orders()
    states = {}
    for page in diary.pages:
        if isinstance(page[2], OrderState):
            states[page[1]] = page[2]
    assert all(state.is_terminal for state in states.values())


def test_orders_reach_the_exchange_only_after_the_latency():
    class Prompt(Diary):
        def on_book(self, book):
            if self.bid is None and book.is_synced:
                self.sent_at = self.now
                self.bid = self.buy(BTC, "0.002", book.best_bid.price, post_only=True).client_order_id

        def on_timer(self, name):
            """Leave it."""

    _, diary = backtest(5, strategy=Prompt(), latency_in_us=3000, latency_out_us=4000)
    ts, _, state, *_ = next(page for page in diary.pages if page[1] == diary.bid)
    assert state is OrderState.OPEN
    assert ts - diary.sent_at == 7_000_000


def test_a_set_stop_ends_a_live_run_early():
    async def run():
        engine, venues, clock = stage(0)
        stop = asyncio.Event()
        clock.call_at(START + 3_000_000_000, stop.set)
        return await run_live(engine, venues, clock=clock, stop=stop)

    result = asyncio.run(run())
    assert result.stopped == "interrupted"
    assert 3_000_000_000 <= result.ts_end - START < 4_000_000_000


def test_a_stop_while_a_venue_is_opened_ends_the_run_before_it_began():
    class Hanging:
        name = "hanging"
        closed = False

        async def connect(self, sink):
            self.stop.set()
            await asyncio.Event().wait()

        async def close(self):
            self.closed = True

    async def run():
        venue = Hanging()
        venue.stop = asyncio.Event()
        engine = Engine(Diary(), connections=("main",), clock=WallClock(), session="run")
        return await run_live(engine, {"main": venue}, clock=WallClock(), stop=venue.stop), venue

    result, venue = asyncio.run(run())
    assert (result.stopped, result.orders, venue.closed) == ("interrupted", 0, True)


def test_a_venue_that_does_not_close_is_left_and_the_others_are_closed_all_the_same(monkeypatch, caplog):
    class Stuck:
        def __init__(self, close):
            self.closes = close
            self.closed = False

        async def connect(self, sink):
            self.stop.set()
            await asyncio.Event().wait()

        async def close(self):
            self.closed = True
            await self.closes()

    async def forever():
        await asyncio.Event().wait()

    async def raising():
        raise RuntimeError("torn")

    async def in_order():
        pass

    async def run():
        stop = asyncio.Event()
        venues = {"a": Stuck(forever), "b": Stuck(raising), "c": Stuck(in_order)}
        for venue in venues.values():
            venue.stop = stop
        engine = Engine(Diary(), connections=tuple(venues), clock=WallClock(), session="run")
        result = await asyncio.wait_for(run_live(engine, venues, clock=WallClock(), stop=stop), 20)
        return result, [venue.closed for venue in venues.values()]

    monkeypatch.setattr("anyvenue.engine.live.CLOSE_S", 0.01)
    result, closed = asyncio.run(run())
    assert (result.stopped, closed) == ("interrupted", [True, True, True])
    assert "a: not closed after 0.01 s; it is left as it is" in caplog.text
    assert "b: it could not be closed in order" in caplog.text


class Empty:
    """A venue on which nothing is listed."""

    name = "empty"
    capabilities = Capabilities.of()
    candle_intervals = frozenset()
    depth_rule = explain = None

    async def connect(self, sink):
        """Nothing is told."""

    async def instruments(self):
        return []

    async def balances(self):
        return []

    async def close(self):
        """Nothing is open."""


@pytest.mark.parametrize("others", [False, True])
def test_a_run_on_the_walls_clock_spares_the_garbage_collector_what_stands_at_its_start(others):
    class Looks(Strategy):
        def on_start(self):
            self.set_aside = gc.get_freeze_count()
            self.stop("seen")

    async def run():
        strategy = Looks()
        engine = Engine(strategy, connections=("main",), clock=WallClock(), session="run")
        await run_live(engine, {"main": Empty()}, clock=WallClock(), stop=asyncio.Event())
        return strategy.set_aside

    assert gc.get_freeze_count() == 0
    try:
        if others:
            gc.freeze()
        assert asyncio.run(run()) > 1000
        assert (gc.get_freeze_count() > 0) is others  # what others have set aside stays so
    finally:
        gc.unfreeze()


def test_a_duration_ends_a_live_run():
    async def run():
        engine, venues, clock = stage(0)
        return await run_live(engine, venues, clock=clock, stop=asyncio.Event(), duration_s=2)

    result = asyncio.run(run())
    assert result.stopped == "duration"
    assert result.ts_end - START < 3_000_000_000


def test_two_connections_are_two_accounts_on_one_market():
    class Both(Strategy):
        def on_start(self):
            self.subscribe(BTC)
            self.done = False

        def on_book(self, book):
            if book.is_synced and not self.done:
                self.done = True
                self.buy(BTC, "0.001")
                self.sell(self.instrument(BTC, on="hedge"), "0.003")

    engine, venues, clock = stage(5, connections=("main", "hedge"), strategy=Both())
    result = run_backtest(engine, venues, clock=clock)
    assert {row.key: row.inventory for row in result.instruments} == {
        "main:BTC-USDT-PERP": Decimal("0.001"),
        "hedge:BTC-USDT-PERP": Decimal("-0.003"),
    }


def test_a_strategy_that_raises_ends_the_run_and_its_orders():
    class Clumsy(Diary):
        def on_fill(self, fill):
            raise RuntimeError("dropped it")

    for result, strategy in (backtest(60, strategy=Clumsy()), live(60, strategy=Clumsy())):
        assert (result.stopped, result.failure) == ("strategy_failed", "on_fill: RuntimeError: dropped it")
        assert not strategy.open_orders()
        assert result.fills >= 1


class Answers(Empty):
    """A venue that takes orders and answers as it is told."""

    name = "answers"
    capabilities = Capabilities.of(native=(Feature.LIMIT,))

    def __init__(self):
        self.left, self.canceled = [], []

    async def connect(self, sink):
        self.sink = sink

    async def instruments(self):
        rule = {"price_rule": Tick("1"), "quantity_step": "1", "min_quantity": "1"}
        names = {"symbol": BTC, "venue_symbol": BTC, "base": "BTC", "quote": "USDT", "settle": "USDT"}
        return [Instrument(venue="answers", connection="main", **names, **rule)]

    async def place(self, spec):
        name = spec.client_order_id
        self.left.append(name)
        await asyncio.sleep(0)
        try:
            if len(self.left) > 2:
                await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            self.canceled.append(name)
            raise
        return [OrderCanceled(client_order_id=name)]


def test_on_the_walls_clock_an_order_leaves_within_the_callback_and_is_unknown_when_no_answer_comes(monkeypatch):
    class Asks(Strategy):
        def on_start(self):
            self.buy(BTC, 1, 10)
            self.buy(BTC, 1, 10)
            self.seen = []

        def on_order(self, order):
            self.seen.append((len(venue.left), order.state, order.create))
            if len(self.seen) == 2:
                third = self.buy(BTC, 1, 10)
                assert venue.left[-1] == third.client_order_id  # it has left, and its answer is waited for
            elif order.create is Fate.UNKNOWN:
                venue.sink(OrderCanceled(client_order_id=order.client_order_id))
                self.stop("seen")

    async def run():
        engine = Engine(Asks(), connections=("main",), clock=WallClock(), session="run")
        before = asyncio.all_tasks()
        result = await run_live(engine, {"main": venue}, clock=WallClock(), stop=asyncio.Event())
        await asyncio.sleep(0)
        return engine, result, asyncio.all_tasks() - before

    monkeypatch.setattr("anyvenue.engine.live.COMMAND_DEADLINE_S", 0.01)
    venue = Answers()
    engine, result, tasks = asyncio.run(run())
    assert engine.strategy.seen == [
        (2, OrderState.CANCELED, Fate.DONE),
        (2, OrderState.CANCELED, Fate.DONE),
        (3, OrderState.SENT, Fate.UNKNOWN),
        (3, OrderState.CANCELED, Fate.DONE),
    ]
    assert (result.failure, result.orders, venue.canceled, tasks) == ("", 3, [venue.left[2]], set())


def test_what_never_left_is_told_after_the_callback_that_asked_for_it_each_at_a_moment_of_its_own():
    class Away(Answers):
        async def place(self, spec):
            self.left.append(spec.client_order_id)
            if len(self.left) <= 1_200:  # more than one moment may have
                raise NotSent("no connection")
            return [OrderCanceled(client_order_id=spec.client_order_id)]

    class Insists(Strategy):
        moments = ()

        def on_start(self):
            self.buy(BTC, 1, 10)

        def on_order(self, order):
            self.moments = (*self.moments[-1:], self.now)
            assert len(set(self.moments)) == len(self.moments)
            if order.state is OrderState.REJECTED:
                self.buy(BTC, 1, 10)
            else:
                self.stop("done")

    async def run():
        engine = Engine(Insists(), connections=("main",), clock=WallClock(), session="run")
        return await run_live(engine, {"main": venue}, clock=WallClock(), stop=asyncio.Event())

    venue = Away()
    result = asyncio.run(run())
    assert (result.failure, result.orders) == ("", 1_201)


def test_a_run_that_is_given_up_takes_what_is_on_its_way_along():
    class Asks(Strategy):
        def on_start(self):
            self.buy(BTC, 1, 10)

        def on_order(self, order):
            self.buy(BTC, 1, 10)
            if len(venue.left) > 1:
                asyncio.get_running_loop().call_soon(running.cancel)

    async def run():
        nonlocal running
        engine = Engine(Asks(), connections=("main",), clock=WallClock(), session="run")
        before = asyncio.all_tasks()
        running = asyncio.ensure_future(run_live(engine, {"main": venue}, clock=WallClock(), stop=asyncio.Event()))
        await asyncio.wait({running})
        await asyncio.sleep(0)
        return asyncio.all_tasks() - before

    running, venue = None, Answers()
    assert asyncio.run(run()) == set()
    assert venue.canceled == venue.left[2:]
    assert len(venue.left) == 3
