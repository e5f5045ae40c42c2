"""The dead man's switch is armed, renewed at a third of its time, disarmed at a clean end; its refusals are told."""

import asyncio
from types import SimpleNamespace

import pytest

from anyvenue.engine.dead_man import dead_man_armed
from anyvenue.engine.engine import Engine
from anyvenue.engine.live import run_live
from anyvenue.engine.risk import RiskLimits
from anyvenue.engine.strategy import Strategy
from anyvenue.model.errors import NotSent
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.pump import Pump
from anyvenue.simulation.venue import DESCRIPTOR
from anyvenue.venue.capabilities import Capabilities, Feature
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext
from anyvenue.wire.deadline import pause

SECOND = 1_000_000_000
START = 1_723_161_256 * SECOND


class Switch:
    """A venue's switch that notes when it is armed."""

    def __init__(self, clock, *features):
        self.capabilities = Capabilities.of(native=features)
        self.clock = clock
        self.armed = []
        self.refuses = range(0)
        self.hangs = False

    async def arm_dead_man_switch(self, timeout_s):
        at = self.clock.time_ns() // SECOND
        if self.hangs:
            await asyncio.Event().wait()
        if at in self.refuses:
            raise NotSent("no connection")
        self.armed.append((at, timeout_s))


def run(switch, clock, *, seconds, dead_man_s=30, is_idle=True):
    """Hold the switch for some seconds; return what was said."""
    said = []
    desk = SimpleNamespace(limits=RiskLimits(dead_man_s=dead_man_s))
    engine = SimpleNamespace(desk=desk, is_idle=is_idle, say=said.append)

    async def hold():
        async with dead_man_armed(engine, {"main": switch}, clock):
            await pause(clock, seconds)

    asyncio.run(Pump(clock).serve(hold()))
    return said


@pytest.fixture
def clock():
    return DrivenClock(0)


@pytest.fixture
def switch(clock):
    return Switch(clock, Feature.DEAD_MAN_SWITCH)


def test_renewed_at_a_third_and_disarmed_at_a_clean_end(clock, switch):
    assert run(switch, clock, seconds=25) == []
    assert switch.armed == [(0, 30), (10, 30), (20, 30), (25, 0)]


def test_with_orders_left_it_stays_armed(clock, switch):
    run(switch, clock, seconds=5, is_idle=False)
    assert switch.armed == [(0, 30)]


def test_a_refused_renewal_is_told_and_tried_again(clock, switch):
    switch.refuses = range(5, 15)
    said = run(switch, clock, seconds=25)
    assert said == [
        "main: the dead man's switch could not be renewed for 30 s: no connection",
        "main: the dead man's switch is armed again",
    ]
    assert switch.armed == [(0, 30), (20, 30), (25, 0)]


def test_one_that_never_answers_is_told(clock, switch):
    switch.hangs = True
    said = run(switch, clock, seconds=25)
    assert said == ["main: the dead man's switch could not be renewed for 30 s: TimeoutError", *said[1:]]
    assert said[-1] == "main: the dead man's switch could not be disarmed: TimeoutError"


def test_a_venue_without_one_is_told_and_left_alone(clock):
    switch = Switch(clock)
    said = run(switch, clock, seconds=5)
    assert said == ["main: this venue has no dead man's switch; its orders would outlive this process"]
    assert switch.armed == []


def test_unless_configured_nothing_is_armed(clock, switch):
    assert run(switch, clock, seconds=25, dead_man_s=None) == []
    assert switch.armed == []


def test_a_live_run_holds_it_from_before_its_start_to_its_end():
    clock = DrivenClock(START)
    simulation = SimulationSettings(symbols=("BTC-USDT-PERP",), duration_s=25)
    context = VenueContext(
        connection="main", environment=Environment.SIMULATOR, clock=clock, session="main", simulation=simulation
    )
    venue = DESCRIPTOR.open(context)
    armed, arm = [], venue.arm_dead_man_switch

    async def noted(timeout_s):
        armed.append((clock.time_ns(), timeout_s))
        await arm(timeout_s)

    venue.arm_dead_man_switch = noted
    engine = Engine(Strategy(), connections=("main",), clock=clock, session="run", risk=RiskLimits(dead_man_s=30))
    asyncio.run(run_live(engine, {"main": venue}, clock=clock, stop=asyncio.Event()))
    begun = armed[0][0]
    assert [(round((ts - begun) / SECOND), timeout_s) for ts, timeout_s in armed] == [
        (0, 30),
        (10, 30),
        (20, 30),
        (25, 0),
    ]
