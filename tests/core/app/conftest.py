"""What the tests of the application share: plugins that are not installed, and a small result worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import field, frozen
from listed import linear

from anyvenue.engine.result import EquityPoint, FillPoint, InstrumentResult, RunResult
from anyvenue.engine.strategy import Strategy
from anyvenue.model.enums import Liquidity, Side
from anyvenue.model.instrument import Instrument
from anyvenue.model.pricing import Tick
from anyvenue.simulation.venue import DESCRIPTOR
from anyvenue.venue.capabilities import Capabilities, Capability, Feature, Grade
from anyvenue.venue.descriptor import Environment, VenueContext, VenueDescriptor
from anyvenue.venue.interface import Venue
from anyvenue.venue.registry import PluginError
from anyvenue.venue.secrets import SecretReference

START_NS = 1_723_075_200_000_000_000  # 2024-08-08 00:00:00 UTC


@frozen(kw_only=True)
class AlphaOptions:
    """The options of a made-up venue."""

    recv_window_ms: int = 5000
    routes: tuple[str, ...] = ()
    passphrase: SecretReference | None = None


@frozen(kw_only=True)
class EchoParameters:
    """The parameters of a made-up strategy."""

    quantity: Decimal
    levels: int = 1
    side: Side = Side.BUY
    spreads: tuple[Decimal, ...] = ()
    ratio: float = 0.5
    path: Path | None = None
    limits: dict[str, Decimal] = field(factory=dict)


class Echo(Strategy):
    """A made-up strategy that does nothing."""

    Parameters: ClassVar[type] = EchoParameters


def open_nothing(context: VenueContext) -> Venue:
    raise AssertionError("no test opens this venue")


ALPHA = VenueDescriptor(
    name="alpha",
    title="Alpha exchange",
    interface_version=1,
    capabilities=Capabilities.of(
        native=(Feature.BOOK, Feature.LIMIT),
        trailing=Capability(Grade.APPROXIMATE, "follows once a second"),
        cancel_all=Capability(Grade.EMULATED),
    ),
    environments=frozenset({Environment.SIMULATOR, Environment.TESTNET, Environment.LIVE}),
    options=AlphaOptions,
    open=open_nothing,
)


class FakePlugins:
    """Two venues and a strategy."""

    def venue_names(self) -> Sequence[str]:
        return ["alpha", "simulated"]

    def strategy_names(self) -> Sequence[str]:
        return ["echo"]

    def venue(self, name: str) -> VenueDescriptor:
        found = {"alpha": ALPHA, "simulated": DESCRIPTOR}.get(name)
        if found is None:
            raise PluginError(f"found the venue {name!r}; installed are alpha, simulated")
        return found

    def strategy(self, name: str, folder: Path) -> type[Any]:
        if name != "echo":
            raise PluginError(f"found the strategy {name!r}; installed are echo")
        return Echo


@pytest.fixture
def plugins() -> FakePlugins:
    return FakePlugins()


@pytest.fixture
def instrument() -> Instrument:
    return linear(venue="alpha", connection="main", price_rule=Tick("0.10"))


@pytest.fixture
def result() -> RunResult:
    """One buy of 0.02 at 50,000 as maker and one sale of 0.01 at 50,100 as taker, marked at 50,150."""
    key, second = "main:BTC-USDT-PERP", 1_000_000_000
    return RunResult(
        strategy="Echo",
        stopped="finished",
        ts_start=START_NS,
        ts_end=START_NS + 90 * second,
        events=12_345,
        orders=3,
        amends=4,
        cancels=1,
        fills=2,
        refused=0,
        canceled=1,
        unknown=0,
        max_drawdown=Decimal("0.75"),
        instruments=(
            InstrumentResult(
                key=key,
                symbol="BTC-USDT-PERP",
                connection="main",
                settle="USDT",
                quantity_unit="BTC",
                orders=3,
                fills=2,
                maker_fills=1,
                volume=Decimal("0.03"),
                turnover=Decimal("1501.00"),  # 0.02 x 50000 + 0.01 x 50100
                maker_turnover=Decimal("1000.00"),
                fees=Decimal("0.4505"),  # 1000 x 0.0002 + 501 x 0.0005
                funding=Decimal("-0.0100"),
                realized_pnl=Decimal("1.00"),  # 0.01 x (50100 - 50000)
                unrealized_pnl=Decimal("1.50"),  # 0.01 x (50150 - 50000)
                inventory=Decimal("0.010"),
                inventory_max=Decimal("0.020"),
                inventory_min=Decimal(0),
                slippage=Decimal("-0.30"),
                mark=Decimal("50150.0"),
                prices=tuple((START_NS + i * 10 * second, Decimal(50000 + 15 * i)) for i in range(10)),
            ),
        ),
        equity=tuple(EquityPoint(START_NS + i * 10 * second, Decimal(10_000) + Decimal(i) / 4) for i in range(10)),
        fill_points=(
            FillPoint(
                START_NS + 20 * second,
                key,
                Side.BUY,
                Decimal("50000.0"),
                Decimal("0.02"),
                Liquidity.MAKER,
                Decimal("0.02"),
            ),
            FillPoint(
                START_NS + 60 * second,
                key,
                Side.SELL,
                Decimal("50100.0"),
                Decimal("0.01"),
                Liquidity.TAKER,
                Decimal("0.01"),
            ),
        ),
    )
