"""The spread on two venues' simulators at once, through their own protocols, with one side lost half way."""

import asyncio
from decimal import Decimal

import pytest
from attrs import evolve

from anyvenue.engine.engine import Engine
from anyvenue.engine.live import run_live
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.opening import open_venue
from anyvenue.simulation.server.faults import FaultPlan
from anyvenue.simulation.server.hosting import host
from anyvenue.venue import registry
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext
from anyvenue_gaiaex.simulator.dialect import GaiaExDialect
from anyvenue_gateio.simulator.dialect import GateDialect
from anyvenue_hyperliquid.simulator.dialect import HyperliquidDialect
from anyvenue_strategies.spread import Spread, SpreadParameters

SECOND = 1_000_000_000
START = 1_723_161_255 * SECOND  # any time will do: a server's tape begins when it does
SMALLEST = Decimal("0.001")
"""Less than this is worth less than the ten dollars that GaiaEx's smallest order is, and Hyperliquid's."""
GATE, GAIAEX, HYPERLIQUID = ("gateio", GateDialect), ("gaiaex", GaiaExDialect), ("hyperliquid", HyperliquidDialect)
AWAY_S = (40, 70)
GONE = [
    {"on": "ws_out", "disconnect": True, "until_s": AWAY_S[1] - AWAY_S[0]},
    {"on": "http", "status": 503, "until_s": AWAY_S[1] - AWAY_S[0]},
]


class Watched(Spread):
    """Notes how long it was exposed at a stretch, in seconds."""

    longest = 0.0
    _since = None

    def on_timer(self, name):
        super().on_timer(name)
        exposed = abs(self._held(self._here) + self._held(self._there)) >= SMALLEST
        self._since = (self._since or self.now) if exposed else None
        self.longest = max(self.longest, (self.now - self._since) / SECOND if self._since else 0)


@pytest.mark.parametrize("lost", [None, "hedges", "quotes"])
@pytest.mark.parametrize("sides", [(GATE, GAIAEX), (HYPERLIQUID, GATE)], ids=["gateio-gaiaex", "hyperliquid-gateio"])
def test_both_sides_together_hold_nothing_whichever_side_is_lost(sides, lost):
    dialects = dict(zip(("quotes", "hedges"), sides, strict=True))
    clock = DrivenClock(START)
    strategy = Watched(SpreadParameters(edge_bp=Decimal("0.1"), requote_bp=Decimal("0.5")))
    engine = Engine(strategy, connections=tuple(dialects), clock=clock, session="t")
    settings = SimulationSettings(symbols=("BTC-PERP",))
    venues, contexts = {}, {}
    for name, (adapter, _) in dialects.items():
        descriptor = registry.venue(adapter)
        contexts[name] = VenueContext(
            connection=name,
            environment=Environment.SIMULATOR,
            clock=clock,
            session="t",
            options=descriptor.options(),
            simulation=settings,
        )
        venues[name] = open_venue(descriptor, contexts[name])

    def rest():
        strategy.parameters = evolve(strategy.parameters, edge_bp=Decimal(5_000))  # quotes that nobody fills

    clock.call_at(START + 110 * SECOND, rest)

    async def play():
        if lost is None:
            return await run_live(engine, venues, clock=clock, stop=asyncio.Event(), duration_s=120)
        hosted = await host(contexts[lost], dialects[lost][1])

        def lose():
            hosted.gateway.faults = FaultPlan.parse(GONE, seed="1", start_ns=clock.time_ns())

        clock.call_at(START + AWAY_S[0] * SECOND, lose)
        try:
            return await run_live(engine, venues, clock=clock, stop=asyncio.Event(), duration_s=120)
        finally:
            await hosted.release()

    result = asyncio.run(play())
    held = [engine.portfolio.quantity(instrument) for instrument in (strategy._here, strategy._there)]
    assert result.failure == ""
    assert result.fills > 20
    assert abs(sum(held)) < SMALLEST
    assert strategy.longest <= 15
