"""The bench: a venue joined to its simulator, in memory, on a driven clock, before a market that a test sets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any, Final, TypeVar

from attrs import evolve

from anyvenue.model.catalog import InstrumentCatalog
from anyvenue.model.enums import ContractKind
from anyvenue.model.instrument import Instrument
from anyvenue.model.order import Order
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.exchange import Exchange
from anyvenue.simulation.pump import Pump
from anyvenue.simulation.server.faults import FaultPlan
from anyvenue.simulation.server.hosting import supply
from anyvenue.simulation.server.stage import Stage
from anyvenue.simulation.simulated_market import SimulatedMarket
from anyvenue.simulation.venue import SimulatedVenue
from anyvenue.testing.behaviour import Unproven
from anyvenue.testing.outside import Outside
from anyvenue.testing.session import HeardSession
from anyvenue.testing.watched_gateway import Sent, WatchedGateway
from anyvenue.venue.capabilities import Capabilities, Feature
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext, VenueDescriptor
from anyvenue.venue.interface import Venue
from anyvenue.wire.deadline import deadline, pause

__all__ = ["ACCOUNT", "Bench"]

T = TypeVar("T")

SECOND_NS: Final = 1_000_000_000
START_NS: Final = 1_798_801_200 * SECOND_NS
"""Friday, 2027-01-01 11:00 UTC; any time after the beginning of synthetic markets would do."""
ACCOUNT: Final = "main"
"""The connection, and so the account, that tests trade with."""
SETTLE_S: Final = 6.0
"""So long after a command the last news of it has come, on a wire that works."""
SESSION: Final = "t"


class Bench:
    """One venue on one simulated market. Made for one behaviour and thrown away.

    Attributes:
        clock, pump: its time; nothing moves but by them.
        capabilities: what the venue declares, with these options.
        allowed: approximate capabilities that count as there.
        market: the simulated market; `exchange` is its exchange, the truth that tests compare with.
        gateway: carries the venue's protocol; None for a venue without one.
        here, there: the outside world of the instrument that is tested, and of another one.
    """

    market: SimulatedMarket
    here: Outside
    there: Outside

    def __init__(
        self,
        descriptor: VenueDescriptor,
        *,
        open_venue: Callable[[VenueContext], Venue],
        instrument: str,
        options: Mapping[str, Any],
        allowed: frozenset[Feature],
        seed: int,
    ) -> None:
        self.descriptor = descriptor
        self.clock = DrivenClock(START_NS)
        self.pump = Pump(self.clock)
        self.allowed = allowed
        self.gateway: WatchedGateway | None = None
        self._open = open_venue
        self._options = dict(options)
        self._name = instrument
        self._settings = SimulationSettings(market="synthetic", seed=seed)
        self._sessions: list[HeardSession] = []
        self.capabilities: Capabilities = self.venue().capabilities
        self._tick()

    @property
    def exchange(self) -> Exchange:
        """The simulated exchange."""
        return self.market.exchange

    @property
    def stage(self) -> Stage:
        """The simulator's stage, of a behaviour that needs a wire."""
        return self.wire.stage

    @property
    def wire(self) -> WatchedGateway:
        """The gateway of a behaviour that needs one."""
        if self.gateway is None:
            raise Unproven("the venue has no protocol to a simulator, so nothing can go wrong on it")
        return self.gateway

    def venue(self, connection: str = ACCOUNT) -> Venue:
        """Return the venue, not connected yet, as an account of that name."""
        return self._open(
            VenueContext(
                connection=connection,
                environment=Environment.SIMULATOR,
                clock=self.clock,
                session=SESSION,
                options=self.descriptor.options(**self._options),
                simulation=self._settings,
                allow_approximate=self.allowed,
            )
        )

    async def session(self, connection: str = ACCOUNT) -> HeardSession:
        """Connect as an account of that name."""
        session = HeardSession(self.venue(connection), self.clock, self.pump, session=SESSION, allowed=self.allowed)
        self._sessions.append(session)
        await session.connect()
        return session

    # Its life

    async def start(self) -> None:
        """Let the market begin, take its own traders away, and show a book."""
        listed = self._listed()
        instrument = InstrumentCatalog(listed).resolve(self._name)
        other = next(
            (
                one
                for one in listed
                if one.kind is ContractKind.LINEAR and one.settle == instrument.settle and one.base != instrument.base
            ),
            None,
        )
        if other is None:
            raise Unproven(f"the simulator lists nothing beside {instrument.symbol}")
        symbols = (instrument.symbol, other.symbol)
        self._settings = evolve(self._settings, symbols=symbols)
        self.market = self._market()
        await pause(self.clock, 0)
        self.market.quieten()
        self.here, self.there = (Outside(self.market, self.market.listing(symbol).instrument) for symbol in symbols)
        for outside in (self.here, self.there):
            outside.show()
            outside.mark(outside.bid)

    def _tick(self) -> None:
        """Keep something on the clock: a pump whose clock is empty takes whatever is awaited for lost."""
        self.clock.call_at(self.clock.time_ns() + SECOND_NS, self._tick)

    def _listed(self) -> list[Instrument]:
        if self.descriptor.simulator is not None:
            dialect = self.descriptor.simulator()
            return list(dialect.instruments({}, self._settings))
        settings = evolve(self._settings, symbols=("BTC-USDT-PERP", "ETH-USDT-PERP"))
        return list(SimulatedMarket(DrivenClock(START_NS), settings).exchange.instruments)

    def _market(self) -> SimulatedMarket:
        if self.descriptor.simulator is None:
            return SimulatedMarket.on(self.clock, self._settings)
        dialect = self.descriptor.simulator()
        stage = Stage.of(dialect, self.clock, self._settings)
        self.gateway = WatchedGateway(dialect, stage)
        supply(self.gateway)
        return stage.market

    async def end(self) -> None:
        """Close every session."""
        for session in self._sessions:
            await session.disconnect()

    # What the exchange has

    def resting(self, symbol: str = "", account: str = ACCOUNT) -> list[Order]:
        """Return an account's open orders at the exchange."""
        return self.exchange.open_orders(account, symbol or None)

    def held(self, symbol: str = "", account: str = ACCOUNT) -> Decimal:
        """Return an account's position at the exchange, signed, in one-way mode."""
        return self.exchange.position(account, symbol or self.here.instrument.symbol).quantity

    # What was sent

    def sent(self, since: int = 0) -> list[Sent]:
        """Return what left the venue's clients, from the `since`-th on, that is more than a read."""
        return [one for one in self.wire.sent[since:] if not one.is_read]

    def mark_sent(self) -> int:
        """Return how much has been sent so far."""
        return 0 if self.gateway is None else len(self.gateway.sent)

    def faults(self, *rules: Mapping[str, Any], clock_skew_s: float = 0.0) -> FaultPlan:
        """Let these things go wrong from now on, in place of what did."""
        plan = FaultPlan.parse({"rules": list(rules), "clock_skew_s": clock_skew_s}, start_ns=self.clock.time_ns())
        self.wire.faults = plan
        return plan

    async def create_rule(self, session: HeardSession) -> dict[str, Any]:
        """Return where a rule of faults meets the request that creates an order: seen by placing one, and canceling.

        Raises Unproven where orders do not travel by HTTP.
        """
        before = self.mark_sent()
        order = await session.buy(self._name, self.here.unit, self.here.off("-0.04"))
        commands = [one for one in self.sent(before) if one.method]
        await session.cancel(order)
        await self.settle()
        if not commands:
            raise Unproven("orders do not travel by HTTP with these options")
        return {"on": "http", "method": commands[0].method, "path": commands[0].path}

    async def stir(self, session: HeardSession) -> None:
        """Bring about news of the account, orders and positions, that have nothing to do with what is tested."""
        symbol, unit = self.there.instrument.symbol, self.there.unit
        for _ in range(2):
            resting = await session.buy(symbol, unit, self.there.off("-0.04"))
            for trade in (session.buy, session.sell):
                await trade(symbol, unit)
                await self.settle()
            await session.cancel(resting)
            await self.settle()

    # Time

    async def wait(self, seconds: float) -> None:
        """Let time pass."""
        await pause(self.clock, seconds)

    async def settle(self) -> None:
        """Let so much time pass that all news has come."""
        await pause(self.clock, SETTLE_S)

    async def until(self, holds: Callable[[], object], what: str, *, at_most_s: float = 120.0) -> None:
        """Let time pass until something holds. Raises AssertionError where it does not."""
        end_ns = self.clock.time_ns() + int(at_most_s * SECOND_NS)
        while not holds():
            assert self.clock.time_ns() <= end_ns, f"{what}: not within {at_most_s:g} s"
            await pause(self.clock, 0.01)

    async def within(self, seconds: float, work: Awaitable[T], what: str) -> T:
        """Await something that has to be over in time. Raises AssertionError where it is not."""
        task = asyncio.ensure_future(work)
        try:
            async with deadline(self.clock, seconds):
                await asyncio.wait([task])
        except TimeoutError:
            task.cancel()
            raise AssertionError(f"{what}: no answer and no error within {seconds:g} s") from None
        return task.result()


def is_in_process(descriptor: VenueDescriptor) -> bool:
    """Tell whether a venue is the simulated exchange itself, which needs no simulator."""
    return descriptor.open is SimulatedVenue
