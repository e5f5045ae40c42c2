"""The adapter joined to its simulator: on a driven clock and in memory, before a market that a test sets by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from anyvenue.model.enums import Side
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.pump import Pump
from anyvenue.simulation.server.faults import FaultPlan
from anyvenue.simulation.server.hosting import Hosted, host
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext
from anyvenue.venue.events import VenueEvent
from anyvenue.venue.session import Session
from anyvenue.wire.deadline import pause
from anyvenue_gateio.endpoints import GateOptions
from anyvenue_gateio.simulator.dialect import GateDialect
from anyvenue_gateio.venue import GateVenue

T = TypeVar("T")
SECOND = 1_000_000_000
START = 1_704_067_200 * SECOND  # 2024-01-01 00:00 UTC
BTC = "BTC-USDT-PERP"
SYMBOLS = (BTC, "ETH-USDT-PERP", "BTC-USD-PERP")
APPROXIMATE = (Feature.ATTACHED_PROTECTION,)
Levels = tuple[tuple[str, str], ...]
BIDS: Levels = (("60000", "1000"), ("59999", "2000"), ("59990", "5000"))
ASKS: Levels = (("60001", "1000"), ("60002", "2000"), ("60010", "5000"))


class HeardSession(Session):
    """A session that keeps everything its venue tells."""

    def __init__(self, *args: Any, **terms: Any) -> None:
        super().__init__(*args, **terms)
        self.told: list[VenueEvent] = []

    def _receive(self, event: VenueEvent) -> None:
        self.told.append(event)
        super()._receive(event)

    def heard(self, *kinds: type) -> list[Any]:
        """Return what was told of these kinds."""
        return [event for event in self.told if isinstance(event, kinds)]


class Floor:
    """A simulated Gate whose outside world shows one book until the test changes it; sizes are contracts."""

    def __init__(self, seed: int = 1, **settings: Any) -> None:
        self.clock = DrivenClock(START)
        self.pump = Pump(self.clock)
        terms: dict[str, Any] = {"market": "synthetic", "symbols": SYMBOLS, "seed": seed}
        self.settings = SimulationSettings(**terms | settings)
        self.sessions: list[HeardSession] = []
        self.hosted: Hosted

    async def start(self) -> None:
        """Let the market begin, and take its traders away."""
        self.hosted = await host(self.context("nobody"), GateDialect)
        self.stage, self.gateway = self.hosted.stage, self.hosted.gateway
        self.clock.run_until(START)
        self.stage.market.finish()
        for symbol in self.settings.symbols:
            for number in (1, 2, 3):
                self.do(lambda s=symbol, n=number: self.stage.exchange.cancel_all(f"maker {n} of {s}"))  # type: ignore[misc]
            self.show(symbol=symbol)
        for symbol in self.settings.symbols:
            self.mark("60000", symbol=symbol)

    def context(self, connection: str, **options: Any) -> VenueContext:
        return VenueContext(
            connection=connection,
            environment=Environment.SIMULATOR,
            clock=self.clock,
            session="t",
            options=GateOptions(**options),
            simulation=self.settings,
        )

    async def session(self, connection: str = "gate", **options: Any) -> HeardSession:
        """Connect as an account of that name."""
        session = HeardSession(
            GateVenue(self.context(connection, **options)), self.clock, self.pump, session="t", allowed=APPROXIMATE
        )
        self.sessions.append(session)
        await session.connect()
        return session

    # The outside world

    def do(self, job: Callable[[], Any]) -> None:
        self.stage.market.do(job)

    def show(self, bids: Levels = BIDS, asks: Levels = ASKS, *, symbol: str = BTC, snapshot: bool = True) -> None:
        """Let the outside world's book be this, or change so."""
        listing = self.stage.market.listing(symbol)

        def tell() -> None:
            now = self.clock.time_ns()
            self.stage.exchange.apply_depth(symbol, bids, asks, snapshot=snapshot, ts_event=now)
            if snapshot:
                listing.tell_snapshot(now)
            else:
                listing.tell_delta(*listing.overlaid(bids, asks), now)

        self.do(tell)

    def trade(self, price: str, quantity: str = "0.01", side: Side = Side.BUY, symbol: str = BTC) -> None:
        """Let others trade."""

        def tell() -> None:
            now = self.clock.time_ns()
            self.stage.exchange.apply_trade(symbol, side, price, quantity, ts_event=now)
            number = self.stage.exchange.next_trade_id(symbol)
            self.stage.market.listing(symbol).tell_trade(number, side, Decimal(price), Decimal(quantity), now)

        self.do(tell)

    def mark(self, mark: str, index: str | None = None, symbol: str = BTC) -> None:
        """Let mark and index price be these."""
        self.do(lambda: self.stage.steering(symbol).hold(Decimal(mark), Decimal(index or mark)))

    def faults(self, *rules: Mapping[str, Any], clock_skew_s: float = 0.0) -> FaultPlan:
        """Let these things go wrong from now on."""
        plan = FaultPlan.parse({"rules": list(rules), "clock_skew_s": clock_skew_s}, start_ns=self.clock.time_ns())
        self.gateway.faults = plan
        return plan

    # Time

    async def wait(self, seconds: float) -> None:
        await pause(self.clock, seconds)

    async def until(self, holds: Callable[[], object], *, at_most_s: float = 60) -> None:
        """Let time pass until something holds. Raises TimeoutError."""
        end_ns = self.clock.time_ns() + int(at_most_s * SECOND)
        while not holds():
            if self.clock.time_ns() > end_ns:
                raise TimeoutError(f"not within {at_most_s} s")
            await pause(self.clock, 0.01)


@pytest.fixture
def play() -> Callable[..., Any]:
    """Return what plays a scenario, a coroutine function of the Floor: `play(scenario, seed=1, **settings)`."""

    def play(scenario: Callable[[Floor], Awaitable[T]], **settings: Any) -> T:
        async def run() -> T:
            floor = Floor(**settings)

            async def body() -> T:
                await floor.start()
                try:
                    return await scenario(floor)
                finally:
                    for session in floor.sessions:
                        await session.disconnect()

            return await floor.pump.serve(body())

        return asyncio.run(run())

    return play
