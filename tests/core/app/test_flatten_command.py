"""`anyvenue flatten`, SIGUSR1, and the refusal to start after a halt: whole ways, on a made-up venue."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import evolve
from click.testing import CliRunner
from listed import linear

from anyvenue.app import run_command
from anyvenue.app.cli import ExitCode, main
from anyvenue.app.config import Configuration, Overrides
from anyvenue.app.config_errors import ConfigError
from anyvenue.app.config_reader import load
from anyvenue.app.control_socket import ControlPoint, find_control_points
from anyvenue.app.durability import opened_journal
from anyvenue.app.flatten_command import ask_process, flatten_accounts
from anyvenue.app.launch import launch, prepare
from anyvenue.engine.strategy import Strategy
from anyvenue.model.balance import Balance
from anyvenue.model.enums import OrderState, Side
from anyvenue.model.instrument import Instrument
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderAccepted, OrderCanceled, OrderReported
from anyvenue.model.order_spec import OrderSpec
from anyvenue.model.position import Position
from anyvenue.venue.capabilities import Capabilities, Feature
from anyvenue.venue.clock import WallClock
from anyvenue.venue.descriptor import Environment, VenueContext, VenueDescriptor
from anyvenue.venue.events import AccountEvent, Sink, Subscription
from anyvenue.venue.interface import Venue, VenueOrder


class Shared:
    """The account, which outlives any connection to it."""

    orders: ClassVar[dict[str, OrderSpec]] = {}
    held: Decimal = Decimal(0)
    refuses: bool = False


class Bank(Venue):
    """A venue with one account that every process sees."""

    name = "bank"
    capabilities = Capabilities.of(native=tuple(Feature))

    def __init__(self, context: VenueContext) -> None:
        self.instrument = linear(
            venue="bank", connection=context.connection, venue_symbol="BTC", quantity_step="1", min_quantity="1"
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

    async def balances(self) -> Sequence[Balance]:
        return []

    async def place(self, spec: OrderSpec) -> Sequence[AccountEvent]:
        if spec.price is None:
            Shared.held += spec.quantity * spec.side.sign
        else:
            Shared.orders[spec.client_order_id] = spec
        return [OrderAccepted(client_order_id=spec.client_order_id, venue_order_id=spec.client_order_id)]

    async def cancel(self, order: Order) -> Sequence[AccountEvent]:
        if not Shared.refuses:
            Shared.orders.pop(order.client_order_id, None)
        return [OrderCanceled(client_order_id=order.client_order_id)]

    async def open_orders(self, instrument: Instrument | None = None) -> Sequence[VenueOrder]:
        return [
            VenueOrder(
                instrument=self.instrument,
                side=spec.side,
                order_type=spec.order_type,
                report=OrderReported(
                    client_order_id=name,
                    venue_order_id=name,
                    state=OrderState.OPEN,
                    filled_quantity=Decimal(0),
                    price=spec.price,
                    quantity=spec.quantity,
                ),
            )
            for name, spec in Shared.orders.items()
        ]

    async def positions(self) -> Sequence[Position]:
        if not Shared.held:
            return []
        return [Position(instrument=self.instrument, quantity=Shared.held, cost=Shared.held * 100)]


BANK = VenueDescriptor(
    name="bank",
    title="Bank",
    interface_version=1,
    capabilities=Bank.capabilities,
    environments=frozenset(Environment),
    open=Bank,
)


class Resting(Strategy):
    """Rests a bid and waits."""

    def on_start(self) -> None:
        self.buy("BTC-USDT-PERP", 1, "90.0")


class BankPlugins:
    def venue_names(self) -> Sequence[str]:
        return ["bank"]

    def strategy_names(self) -> Sequence[str]:
        return ["resting"]

    def venue(self, name: str) -> VenueDescriptor:
        return BANK

    def strategy(self, name: str, folder: Path) -> type[Any]:
        return Resting


TEXT = """\
[connections.main]
adapter = "bank"
allow_live = true
[strategy]
class = "resting"
[risk.daily_loss]
halt = "100"
"""


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[Shared]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    Shared.held, Shared.refuses = Decimal(0), False
    Shared.orders.clear()
    return Shared


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    path = tmp_path / "run.toml"
    path.write_text(TEXT)
    overrides = Overrides(environments=["live"])
    return load(TEXT, str(path), tmp_path, overrides, BankPlugins())


def resting(configuration: Configuration) -> None:
    """Leave an order and a position behind, as a process that was killed would."""
    venue = Bank(VenueContext(connection="main", environment=Environment.LIVE, clock=WallClock(), session="x"))
    spec = OrderSpec(client_order_id="avdead-1", instrument=venue.instrument, side=Side.BUY, quantity=1, price="90.0")
    Shared.orders["avdead-1"] = spec
    Shared.held = Decimal(-2)


async def started() -> None:
    # The run goes on the wall's clock, and what it does first has no event to wait for.
    while not Shared.orders:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


def test_the_table_of_the_documentation_can_be_read(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "risk.md").read_text(encoding="utf-8")
    table = page.split("```toml")[1].split("```")[0]
    limits = load(TEXT.split("[risk.daily_loss]")[0] + table, "risk.md", tmp_path, Overrides(), BankPlugins()).risk
    assert (limits.order_rate, limits.day_hour, limits.on_limit, limits.hang_s, limits.dead_man_s) == (
        50,
        0,
        "flatten",
        30.0,
        60,
    )
    assert (limits.book.max_leverage, limits.connections["main"].order_rate) == (3, 20)
    assert (limits.daily_loss.reduce, limits.daily_loss.halt, limits.drawdown.halt) == (300, 500, 1000)


def test_limits_of_a_connection_that_is_not_there_are_a_mistake(tmp_path: Path) -> None:
    text = TEXT + "[risk.connections.mian]\norder_rate = 5\n"
    with pytest.raises(ConfigError, match=r'risk\.connections\.mian: no such connection.* main\. Did you mean "main"'):
        load(text, "file.toml", tmp_path, Overrides(), BankPlugins())


def test_without_a_process_it_connects_by_itself(configuration: Configuration, account: type[Shared]) -> None:
    resting(configuration)
    said: list[str] = []
    left = asyncio.run(flatten_accounts(configuration, WallClock(), said.append))
    assert (left, account.orders, account.held) == ((), {}, 0)
    assert said == ["main: canceling avdead-1", "main: closing -2 of BTC-USDT-PERP", "main: flat"]


def test_an_account_that_lives_in_the_trading_process_is_not_asked(configuration: Configuration) -> None:
    (connection,) = configuration.connections
    paper = evolve(configuration, connections=(evolve(connection, environment=Environment.PAPER),))
    said: list[str] = []
    assert asyncio.run(flatten_accounts(paper, WallClock(), said.append)) == ()
    assert said == ["main: its account lives in the process that trades; there is nothing to ask"]


def test_a_running_process_is_asked_and_ends_flat(configuration: Configuration, account: type[Shared]) -> None:
    async def run() -> Any:
        running = asyncio.create_task(launch(configuration, duration_s=0, shower=None, say=said.append))
        await started()
        account.held = Decimal(3)
        (point,) = find_control_points(configuration.source)
        assert await ask_process(point, said.append)
        return await running

    said: list[str] = []
    result = asyncio.run(run())
    assert (result.stopped, run_command.exit_code(result)) == ("flattened", ExitCode.INTERRUPTED)
    assert (account.orders, account.held) == ({}, 0)
    assert said[0].endswith("is flattening")
    assert said[-1].endswith("has ended")
    assert find_control_points(configuration.source) == []


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="this system has no SIGUSR1")
def test_sigusr1_is_the_kill_switch(configuration: Configuration, account: type[Shared]) -> None:
    async def run() -> Any:
        running = asyncio.create_task(launch(configuration, duration_s=0, shower=None, say=print))
        await started()
        account.held = Decimal(1)
        os.kill(os.getpid(), signal.SIGUSR1)
        return await running

    before = signal.getsignal(signal.SIGUSR1)
    assert asyncio.run(run()).stopped == "flattened"
    assert (account.orders, account.held) == ({}, 0)
    assert signal.getsignal(signal.SIGUSR1) is before


def test_a_process_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "point.json"
    file.write_text("{}")
    point = ControlPoint(file, "http://127.0.0.1:9", 1, {})
    assert not asyncio.run(ask_process(point, print))
    assert not file.exists()


@pytest.mark.parametrize(("refuses", "code", "said"), [(False, 0, "all is flat"), (True, 1, "close it by hand")])
def test_the_command(
    configuration: Configuration,
    account: type[Shared],
    monkeypatch: pytest.MonkeyPatch,
    refuses: bool,
    code: int,
    said: str,
) -> None:
    monkeypatch.setattr(run_command, "InstalledPlugins", BankPlugins)
    monkeypatch.setattr("anyvenue.engine.flatten.PAUSES_S", (0.0, 0.001, 0.002))
    resting(configuration)
    account.refuses = refuses
    result = CliRunner().invoke(main, ["flatten", configuration.source, "--environment", "live"])
    assert (result.exit_code, result.stderr.splitlines()[-1].endswith(said)) == (code, True)
    assert "no running process answered; asking the venues" in result.stderr
    assert result.stdout == ""


class TestHalt:
    """A halt of today that the journal remembers."""

    @pytest.fixture(autouse=True)
    def remembered(self, configuration: Configuration, account: type[Shared]) -> None:
        clock = WallClock()
        journal = opened_journal(configuration, clock, "before")
        text = "daily_loss 101 has reached daily_loss.halt 100"
        money = {"day_open": "0", "peak": "0", "total": "-101"}
        day = clock.time_ns() // (24 * 3600 * 1_000_000_000)
        journal.remember("risk.loss", money | {"day": day, "step": "halt", "limit": "daily_loss", "text": text})
        journal.close(clock.time_ns(), clean=True)

    def test_a_run_refuses_to_start(self, configuration: Configuration) -> None:
        async def run() -> None:
            prepare(configuration)

        with pytest.raises(ConfigError, match=r"risk: daily_loss 101 has reached.*use --override-halt") as caught:
            asyncio.run(run())
        assert caught.value.is_refusal

    def test_unless_it_is_overridden(self, configuration: Configuration) -> None:
        result = asyncio.run(launch(configuration, duration_s=0.1, shower=None, say=print, override_halt=True))
        assert (result.stopped, result.orders) == ("duration", 1)

    def test_the_command_line_says_so(self, configuration: Configuration, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(run_command, "InstalledPlugins", BankPlugins)
        asked = ["run", configuration.source, "--environment", "live", "--duration", "0.1", "--quiet"]
        refused = CliRunner().invoke(main, asked)
        assert refused.exit_code == ExitCode.REFUSED
        assert "--override-halt" in refused.stderr
        begun = CliRunner().invoke(main, [*asked, "--override-halt"])
        assert begun.exit_code == ExitCode.OK, begun.stderr
