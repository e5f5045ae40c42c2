"""Launching: what venues are opened with, and runs on the wall's clock as on a driven one."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from attrs import evolve, frozen
from listed import linear

from anyvenue.app.assemble import built, fresh_session, seeded_session
from anyvenue.app.config import Configuration, Overrides
from anyvenue.app.config_errors import ConfigError
from anyvenue.app.config_reader import load
from anyvenue.app.launch import backtest, is_driven, launch, market_span, prepare_backtest
from anyvenue.app.plugins import Plugins
from anyvenue.app.watch import RunView
from anyvenue.engine.result import RunResult
from anyvenue.engine.signal import Signal
from anyvenue.engine.strategy import Strategy
from anyvenue.model.balance import Balance
from anyvenue.model.instrument import Instrument
from anyvenue.model.order import Order
from anyvenue.model.order_spec import OrderSpec
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.venue import DESCRIPTOR
from anyvenue.venue.capabilities import Capabilities
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext, VenueDescriptor
from anyvenue.venue.events import AccountEvent, Sink, Subscription
from anyvenue.venue.interface import Venue
from anyvenue.venue.secrets import Secret

SECOND = 1_000_000_000


@frozen
class Options:
    speed: int = 1


class Quiet(Venue):
    """A real venue on which nothing happens."""

    name = "quiet"
    capabilities = Capabilities()
    opened: ClassVar[list[VenueContext]] = []

    def __init__(self, context: VenueContext) -> None:
        self.opened.append(context)
        self.context = context
        self.instrument = linear(
            venue="quiet", connection=context.connection, venue_symbol="BTC", quantity_step="1", min_quantity="1"
        )

    async def connect(self, sink: Sink) -> None:
        pass

    async def close(self) -> None:
        pass

    async def instruments(self) -> Sequence[Instrument]:
        return [self.instrument]

    async def subscribe(self, subscription: Subscription) -> None:
        pass

    async def unsubscribe(self, subscription: Subscription) -> None:
        pass

    async def place(self, spec: OrderSpec) -> Sequence[AccountEvent]:
        raise AssertionError

    async def cancel(self, order: Order) -> Sequence[AccountEvent]:
        raise AssertionError

    async def balances(self) -> Sequence[Balance]:
        return []


QUIET = VenueDescriptor(
    name="quiet",
    title="Quiet exchange",
    interface_version=1,
    capabilities=Capabilities(),
    environments=frozenset(Environment),
    options=Options,
    open=Quiet,
)


class Listener(Strategy):
    """Remembers what it heard."""

    heard: ClassVar[list[Signal]] = []

    def on_signal(self, signal: Signal) -> None:
        self.heard.append(signal)


class QuietPlugins:
    def venue_names(self) -> Sequence[str]:
        return ["quiet", "simulated"]

    def strategy_names(self) -> Sequence[str]:
        return ["listener"]

    def venue(self, name: str) -> VenueDescriptor:
        return {"quiet": QUIET, "simulated": DESCRIPTOR}[name]

    def strategy(self, name: str, folder: Path) -> type[Strategy]:
        return Listener


@pytest.fixture(autouse=True)
def nothing_heard() -> None:
    Quiet.opened.clear()
    Listener.heard.clear()


TEXT = """\
[connections.main]
adapter = "quiet"
allow_live = true
credentials = { key = "env:QUIET_KEY" }
[connections.main.options.quiet]
speed = 3
[strategy]
class = "listener"
[simulation]
duration_s = 0.2
"""


def configured(folder: Path, *settings: str, venue: str = "quiet", environment: str = "simulator") -> Configuration:
    plugins: Plugins = QuietPlugins()
    overrides = Overrides(venues=[venue], environments=[environment], settings=settings)
    return load(TEXT, "file.toml", folder, overrides, plugins)


class Seen:
    def __init__(self) -> None:
        self.views: list[RunView] = []

    def show(self, view: RunView) -> None:
        self.views.append(view)

    def close(self) -> None:
        self.views.append(self.views[-1])


def test_a_run_on_the_wall_s_clock_ends_by_its_duration(tmp_path: Path) -> None:
    seen = Seen()
    configuration = configured(tmp_path)
    assert not is_driven(configuration)
    result = asyncio.run(launch(configuration, duration_s=None, shower=seen, say=print))
    assert result.stopped == "duration"
    assert 0.15 * SECOND < result.ts_end - result.ts_start < 5 * SECOND
    assert seen.views[-1].progress == 1.0
    [context] = Quiet.opened
    assert (context.connection, context.options.speed) == ("main", 3)
    assert re.fullmatch("[0-9a-z]{10,11}", context.session)


def test_a_simulation_s_duration_does_not_end_real_trading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUIET_KEY", "canary")
    configuration = configured(tmp_path, environment="live")
    result = asyncio.run(launch(configuration, duration_s=0.05, shower=None, say=print))
    assert result.ts_end - result.ts_start < 0.15 * SECOND


@pytest.mark.parametrize("environment", ["simulator", "paper", "testnet", "live"])
def test_secrets_are_fetched_where_keys_are_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: str
) -> None:
    configuration = configured(tmp_path, environment=environment)
    needs_keys = environment in ("testnet", "live")
    monkeypatch.delenv("QUIET_KEY", raising=False)
    if needs_keys:
        with pytest.raises(ConfigError, match=r"connections\.main\.credentials\.key: env:QUIET_KEY: .* is not set"):
            built(configuration, DrivenClock(), "s1")
    monkeypatch.setenv("QUIET_KEY", "canary")
    engine, _ = built(configuration, DrivenClock(), "s1")
    engine.close()
    context = Quiet.opened[-1]
    assert context.environment.value == environment
    assert context.credentials == ({"key": Secret("canary")} if needs_keys else None)
    assert "canary" not in repr(context)


@pytest.mark.parametrize(("ours", "stopped", "key"), [(True, "duration", "rotated"), (False, "interrupted", "canary")])
def test_a_hang_up_reloads_secrets_where_it_cannot_mean_that_the_terminal_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ours: bool, stopped: str, key: str
) -> None:
    monkeypatch.setenv("QUIET_KEY", "canary")
    monkeypatch.setattr("anyvenue.app.launch.is_ours", lambda: ours)
    configuration = configured(tmp_path, environment="live")

    def hang_up() -> None:
        monkeypatch.setenv("QUIET_KEY", "rotated")
        signal.raise_signal(signal.SIGHUP)

    async def run() -> RunResult:
        asyncio.get_running_loop().call_later(0.1, hang_up)
        return await launch(configuration, duration_s=0.6, shower=None, say=print)

    assert asyncio.run(run()).stopped == stopped
    assert Quiet.opened[-1].credentials["key"].reveal() == key


def test_sessions_are_short_and_of_few_characters() -> None:
    assert seeded_session(1) == "s1"
    assert seeded_session(-1295) == "szz"
    assert fresh_session(1_723_075_200_000_000_000).startswith("lzkihhc0")  # base 36 of the milliseconds
    assert len({fresh_session(1) for _ in range(50)}) > 25


def test_a_market_s_span_is_that_of_its_data_and_the_duration() -> None:
    start, end = market_span(SimulationSettings())
    assert end is not None
    assert 300 * SECOND < end - start < 400 * SECOND
    assert market_span(SimulationSettings(duration_s=10)) == (start, start + 10 * SECOND)
    assert market_span(SimulationSettings(duration_s=10), start + 60 * SECOND) == (
        start + 60 * SECOND,
        start + 70 * SECOND,
    )
    assert market_span(SimulationSettings(), start - SECOND) == (start, end)


SIGNALS = '{"n": 1, "ts": "2024-08-08T23:54:18Z"}\n{"n": 2, "ts": "2024-08-08T23:54:17Z"}\n'


def test_signals_of_a_file_come_at_their_times_in_runs_and_backtests(tmp_path: Path) -> None:
    (tmp_path / "signals.jsonl").write_text(SIGNALS)
    configuration = configured(tmp_path, "signals.file=signals.jsonl", "simulation.duration_s=5", venue="simulated")
    backtest(prepare_backtest(configuration), print)
    first = Listener.heard.copy()
    asyncio.run(launch(configuration, duration_s=None, shower=None, say=print))
    assert [signal.payload["n"] for signal in first] == [2, 1]
    assert [signal.ts_recv % (60 * SECOND) for signal in first] == [17 * SECOND, 18 * SECOND]
    assert Listener.heard == first * 2


def test_a_file_of_signals_that_is_not_there_is_told(tmp_path: Path) -> None:
    configuration = configured(tmp_path, "signals.file=absent.jsonl", venue="simulated")
    with pytest.raises(ConfigError, match=r'signals\.file: found "absent.jsonl"; it cannot be read: No such file'):
        prepare_backtest(configuration)


def test_a_backtest_tells_how_far_it_is(tmp_path: Path) -> None:
    configuration = configured(tmp_path, "simulation.duration_s=5", venue="simulated")
    ready = prepare_backtest(configuration)
    assert ready.progress == 0.0
    result = backtest(ready, print)
    assert result.stopped == "finished"
    assert ready.progress == 1.0
    assert ready.view().progress == 1.0
    assert evolve(ready, end_ns=None).progress is None
