"""A session that was logged, replayed: the same commands; and with something changed, where they part."""

import asyncio
import gzip
import shutil
from decimal import Decimal
from typing import get_args

import pytest
from attrs import evolve
from listed import linear

from anyvenue.engine.backtest import run_backtest
from anyvenue.engine.codec import TYPES
from anyvenue.engine.commands import Amend, Command, Place
from anyvenue.engine.engine import Engine
from anyvenue.engine.journal import JournalFailed, JournalUnreadable, NoJournal
from anyvenue.engine.journal_sqlite import SqliteJournal
from anyvenue.engine.live import run_live
from anyvenue.engine.reconcile_settings import Recovery
from anyvenue.engine.replay import replay_session, setup_of
from anyvenue.engine.replay_reader import segments, session_lines
from anyvenue.engine.risk import RiskLimits
from anyvenue.engine.session_log import SessionLog
from anyvenue.engine.strategy import Strategy
from anyvenue.model.depth_sync import SequenceRule
from anyvenue.model.order_events import OrderAccepted, OrderEvent
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.sources import sources_of
from anyvenue.simulation.venue import DESCRIPTOR
from anyvenue.venue.capabilities import Capabilities, Feature
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext
from anyvenue_strategies.quoter import Quoter, QuoterParameters

SYMBOL = "BTC-USDT-PERP"
BTC = linear(symbol=SYMBOL, venue="fake", connection="main")
PARAMETERS = QuoterParameters(requote_bp=Decimal("0.02"), half_spread_bp=Decimal("0.7"))
RISK = RiskLimits(max_position=Decimal("0.05"), price_band=Decimal("0.02"))


class Eventful(Strategy):
    """Uses what a session has beside books: timers, candles that are built here, signals, refusals, amends."""

    def __init__(self, parameters=None):
        super().__init__(parameters)
        self.order = None
        self.rounds = 0

    def on_start(self):
        self.subscribe(SYMBOL)
        self.subscribe(SYMBOL, "candles", interval_s=1)
        self.set_timer("quote", every_s="0.3")
        self.set_timer("once", after_s="0.5")

    def on_timer(self, name):
        book = self.book(SYMBOL)
        if not book.is_synced:
            return
        self.rounds += 1
        bid = self.instrument(SYMBOL).round_price(book.mid * Decimal("0.9995"))
        if name == "once":
            self.buy(SYMBOL, "0.001")
        elif self.order is None or self.order.is_terminal:
            self.order = self.buy(SYMBOL, "0.002", bid)
        elif self.rounds % 3:
            self.amend(self.order, price=bid - self.now % 7)
        else:
            self.cancel(self.order)

    def on_order(self, order):
        if self.order is not None and order.client_order_id == self.order.client_order_id:
            self.order = order

    def on_candle(self, candle):
        if candle.close > candle.open:
            self.sell(SYMBOL, "0.001")


def session(folder, strategy, *, runner="live", seconds=20.0, latency_us=2000, name="s1", journal=None, **how):
    """Run a strategy over the simulated venue with a log, and return how many commands left."""
    settings = SimulationSettings(
        symbols=(SYMBOL,), duration_s=seconds, latency_in_us=latency_us, latency_out_us=latency_us
    )
    clock = DrivenClock(min(source.start_ns for source in sources_of(settings)))
    log = SessionLog(folder, name, **how)
    engine = Engine(strategy, connections=("main",), clock=clock, session=name, risk=RISK, log=log, journal=journal)
    venue = DESCRIPTOR.open(
        VenueContext(
            connection="main", environment=Environment.SIMULATOR, clock=clock, session=name, simulation=settings
        )
    )
    if runner == "live":
        asyncio.run(run_live(engine, {"main": venue}, clock=clock, stop=asyncio.Event()))
    else:
        run_backtest(engine, {"main": venue}, clock=clock)
    engine.close()
    return engine


def replayed(folder, strategy, *, name="s1", risk=RISK):
    lines = session_lines(segments(folder / name))
    return replay_session(lines, setup_of(lines), strategy, risk)


def commands_in(folder, name="s1"):
    return sum(line[0] == "out" for line in session_lines(segments(folder / name)))


@pytest.mark.parametrize("latency_us", [0, 2000])
@pytest.mark.parametrize("runner", ["live", "backtest"])
@pytest.mark.parametrize("make", [lambda: Quoter(PARAMETERS), Eventful], ids=["quoter", "eventful"])
def test_a_replay_sends_the_same_commands(tmp_path, make, runner, latency_us):
    engine = session(tmp_path, make(), runner=runner, latency_us=latency_us)
    found = replayed(tmp_path, make())
    assert found.difference is None
    assert found.whole
    assert found.commands == commands_in(tmp_path)
    assert found.commands >= engine.recorder.orders + engine.recorder.amends + engine.recorder.cancels > 20


def test_another_parameter_is_found_at_the_first_command_that_it_changes(tmp_path):
    session(tmp_path, Quoter(PARAMETERS))
    first = replayed(tmp_path, Quoter(evolve(PARAMETERS, half_spread_bp=Decimal("0.9")))).difference
    assert first.logged.startswith('["place"')
    assert first.found.startswith('["place"')
    assert first.logged != first.found
    found = replayed(tmp_path, Quoter(evolve(PARAMETERS, requote_bp=Decimal("0.5")))).difference
    assert found.logged.startswith('["amend"')
    assert found.found is None or found.found.startswith('["amend"')
    assert len(found.inputs) == 5
    assert [entry.number for entry in found.inputs] == list(
        range(found.inputs[-1].number - 4, found.inputs[-1].number + 1)
    )
    assert found.inputs[-1].connection == "main"
    assert found.inputs[-1].text.startswith('["decoded_delta"')


def test_whatever_an_engine_takes_in_or_sends_can_be_logged():
    engine = Engine(Strategy(), connections=("main",), clock=DrivenClock(0), session="s1")
    assert set(engine._handlers) <= set(TYPES)
    assert set(get_args(Command)) <= set(TYPES)
    assert set(get_args(OrderEvent)) <= set(TYPES)


def test_a_command_that_is_missing_now_is_a_difference(tmp_path):
    session(tmp_path, Quoter(PARAMETERS))
    found = replayed(tmp_path, Strategy()).difference
    assert '"subscribe"' in found.logged
    assert found.found is None


def test_a_command_that_is_new_now_is_a_difference(tmp_path):
    session(tmp_path, Strategy())
    found = replayed(tmp_path, Quoter(PARAMETERS)).difference
    assert found.logged is None
    assert '"subscribe"' in found.found


def test_another_limit_is_a_difference(tmp_path):
    session(tmp_path, Quoter(PARAMETERS))
    assert replayed(tmp_path, Quoter(PARAMETERS), risk=evolve(RISK, order_rate=1)).difference is not None


def test_what_was_remembered_before_the_run_is_part_of_it(tmp_path):
    class Remembers(Strategy):
        def on_start(self):
            if self._engine.journal.recall("mood") == "bold":
                self.subscribe(SYMBOL)

    clock = DrivenClock(0)
    log = SessionLog(tmp_path, "s1")
    venue = DESCRIPTOR.open(
        VenueContext(connection="main", environment=Environment.SIMULATOR, clock=clock, session="s1")
    )
    engine = Engine(
        Remembers(), connections=("main",), clock=clock, session="s1", log=log, journal=NoJournal({"mood": "bold"})
    )
    asyncio.run(run_live(engine, {"main": venue}, clock=clock, stop=asyncio.Event(), duration_s=1))
    engine.close()
    assert commands_in(tmp_path) == 1
    assert replayed(tmp_path, Remembers(), risk=None).difference is None


def test_a_log_that_is_cut_off_is_replayed_as_far_as_it_goes(tmp_path):
    session(tmp_path, Quoter(PARAMETERS))
    (file,) = segments(tmp_path / "s1")
    whole = file.read_bytes()
    counts = set()
    for part in (0.3, 0.6, 0.9):
        file.write_bytes(whole[: int(len(whole) * part)])
        found = replayed(tmp_path, Quoter(PARAMETERS))
        assert found.difference is None
        assert not found.whole
        counts.add(found.inputs)
    assert len(counts) == 3
    assert min(counts) > 0


def test_many_files_are_one_session(tmp_path):
    session(tmp_path, Quoter(PARAMETERS), file_bytes=4000)
    assert len(segments(tmp_path / "s1")) > 3
    assert replayed(tmp_path, Quoter(PARAMETERS)).difference is None


def test_a_session_whose_beginning_is_gone_is_refused(tmp_path):
    session(tmp_path, Quoter(PARAMETERS), file_bytes=4000, files=3)
    with pytest.raises(JournalUnreadable, match=r"the files 1 to \d+ are gone; a session can be replayed"):
        segments(tmp_path / "s1")


def test_a_name_that_is_no_session_is_refused(tmp_path):
    with pytest.raises(JournalUnreadable, match=r"found no session log .*nothing-00001\.jsonl\.gz"):
        segments(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (gzip.compress(b'["segment",9,1,"anyvenue 9",{}]\n', mtime=0), "version 9 of the record format"),
        (gzip.compress(b'["else"]\n', mtime=0), "is no session log"),
        (b"no gzip at all", "cannot be read"),
        (gzip.compress(b'["segment",1,1,"anyvenue",{}]\n["in",1]\n', mtime=0), "its beginning is missing"),
    ],
)
def test_what_is_no_log_of_ours_is_refused(tmp_path, content, told):
    (tmp_path / "s1-00001.jsonl.gz").write_bytes(content)
    with pytest.raises(JournalUnreadable, match=told):
        setup_of(session_lines(segments(tmp_path / "s1")))


def test_answers_that_come_while_the_command_still_leaves_keep_their_place(tmp_path):
    class Counts(Strategy):
        """What it does next depends on what it has heard of, and when."""

        def on_start(self):
            self.heard = []
            for _ in range(3):
                self.buy(SYMBOL, "0.001", "100")

        def on_order(self, order):
            self.heard.append(order.client_order_id)
            if len(self.heard) < 8:
                self.buy(SYMBOL, "0.001", 100 + len(self.heard))
                self.buy(SYMBOL, "9", "100")  # which the limits refuse: an event of the engine's own

    limits = evolve(RISK, price_band=None)

    def commands(folder):
        def answer(command):
            if isinstance(command, Place):
                name = command.order.client_order_id
                engine.receive(OrderAccepted(client_order_id=name, venue_order_id=f"v{name}"), "main")

        log = SessionLog(folder, "s1")
        engine = Engine(
            Counts(),
            connections=("main",),
            clock=DrivenClock(1),
            session="s1",
            risk=evolve(RISK, price_band=None),
            log=log,
        )
        engine.bind(answer)
        engine.add_connection("main", [BTC], Capabilities.of(native=tuple(Feature)), lambda _: SequenceRule())
        engine.start()
        engine.close()

    commands(tmp_path)
    nested = [line for line in session_lines(segments(tmp_path / "s1")) if line[0] == "in" and line[3]]
    assert len(nested) > 5
    found = replayed(tmp_path, Counts(), risk=limits)
    assert found.difference is None
    assert found.commands == commands_in(tmp_path)


def test_what_the_venues_own_rate_of_orders_kept_back_is_kept_back_in_the_replay_too(tmp_path):
    class Hasty(Strategy):
        def on_start(self):
            for _ in range(9):
                self.buy(SYMBOL, "0.001", "100")

    engine = Engine(Hasty(), connections=("main",), clock=DrivenClock(1), session="s1", log=SessionLog(tmp_path, "s1"))
    engine.bind(lambda command: None)
    capabilities = Capabilities.of(native=tuple(Feature), order_rate=5)
    engine.add_connection("main", [BTC], capabilities, lambda _: SequenceRule())
    engine.start()
    engine.close()
    found = replayed(tmp_path, Hasty(), risk=RiskLimits())
    assert found.difference is None
    assert found.commands == commands_in(tmp_path) == 4


def test_a_journal_that_failed_fails_again_in_the_replay(tmp_path):
    class Full(NoJournal):
        """A journal that has room for some intents."""

        def __init__(self):
            super().__init__()
            self.left = 30

        def intent(self, command, now_ns):
            self.left -= 1
            if self.left < 0 and isinstance(command, Place | Amend):
                raise JournalFailed("the journal cannot be written: full")
            return 0

    engine = session(tmp_path, Quoter(PARAMETERS), journal=Full())
    assert engine.stop_reason == "trading_ended"
    found = replayed(tmp_path, Quoter(PARAMETERS))
    assert found.difference is None
    assert found.commands == commands_in(tmp_path)
    assert "the journal cannot be written: full" in found.failure


class Restarted(Eventful):
    """Takes up what an earlier run left."""

    def on_start(self):
        super().on_start()
        for order in self.open_orders():
            self.cancel(order)
        if self.position(SYMBOL).quantity:
            self.close(SYMBOL)


def test_a_run_that_took_up_an_earlier_one_and_asked_its_venue_is_replayed_too(tmp_path):
    settings = SimulationSettings(symbols=(SYMBOL,), duration_s=15.0)

    def run(number, strategy):
        clock = DrivenClock(min(source.start_ns for source in sources_of(settings)))
        journal = SqliteJournal(tmp_path / f"{number}.db", session=f"s{number}", now_ns=clock.time_ns())
        log = SessionLog(tmp_path, f"s{number}")
        engine = Engine(
            strategy, connections=("main",), clock=clock, session=f"s{number}", risk=RISK, journal=journal, log=log
        )
        engine.recover(journal.recovered)
        venue = DESCRIPTOR.open(
            VenueContext(
                connection="main",
                environment=Environment.SIMULATOR,
                clock=clock,
                session=f"s{number}",
                simulation=settings,
            )
        )
        stop, recovery = asyncio.Event(), Recovery(orders="keep", every_s=2.0)
        asyncio.run(run_live(engine, {"main": venue}, clock=clock, stop=stop, recovery=recovery))
        return engine, journal

    class Copied(Eventful):
        """Takes a copy of the journal with an order open and a position held, as a crash would leave it."""

        def on_timer(self, name):
            super().on_timer(name)
            if self.rounds == 10:
                self.buy(SYMBOL, "0.003")
            if self.rounds == 13:
                for tail in ("", "-wal"):
                    shutil.copy(f"{tmp_path / '1.db'}{tail}", f"{tmp_path / '2.db'}{tail}")

    run(1, Copied())[0].close()
    engine, journal = run(2, Restarted())
    assert journal.recovered.orders
    assert journal.recovered.positions
    engine.close()
    found = replayed(tmp_path, Restarted(), name="s2")
    assert found.difference is None
    assert found.whole
    assert found.commands == commands_in(tmp_path, "s2") > 10
    kinds = {line[4][0] for line in session_lines(segments(tmp_path / "s2")) if line[0] == "in"}
    assert {"account_held", "timer_fired", "candle", "order_filled"} <= kinds
