"""How a behaviour is run: what is skipped, what is unproven, and what counts as a failure."""

import asyncio

import pytest
from attrs import evolve

from anyvenue.simulation.venue import DESCRIPTOR
from anyvenue.testing import ConformanceSuite, Unproven
from anyvenue.testing.behaviour import behaviour, reason_to_skip
from anyvenue.venue.capabilities import Capabilities, Capability, Feature, Grade

SOME = Capabilities.of(native=(Feature.LIMIT,), ioc=Capability(Grade.APPROXIMATE, "it rests for a moment first"))


class Suite(ConformanceSuite):
    venue = "simulated"

    @behaviour()
    async def of_its_own(self, bench):
        assert bench.here.bid < bench.here.inside < bench.here.ask
        assert bench.here.instrument.base != bench.there.instrument.base

    @behaviour(Feature.QUOTES)
    async def of_what_is_absent(self, bench):
        raise AssertionError("it is not to be run")

    @behaviour()
    async def that_hangs(self, bench):
        await asyncio.get_running_loop().create_future()

    @behaviour(wire=True)
    async def of_the_wire(self, bench):
        raise AssertionError("it is not to be run")


class OfAStranger(Suite):
    def descriptor(self):
        return evolve(DESCRIPTOR, name="stranger", open=lambda context: None)


def test_a_scenario_gets_a_bench_with_a_book():
    Suite().of_its_own()


def test_what_is_declared_absent_is_skipped_with_the_capability():
    with pytest.raises(pytest.skip.Exception, match="capability quotes: declared absent") as skipped:
        Suite().of_what_is_absent()
    assert not isinstance(skipped.value, Unproven)


def test_what_hangs_fails():
    with pytest.raises(AssertionError, match="3600 s"):
        Suite().that_hangs()


def test_without_a_wire_what_needs_one_is_unproven():
    with pytest.raises(Unproven, match="no simulator that speaks its protocol"):
        Suite().of_the_wire()


def test_without_a_simulator_everything_is_unproven():
    with pytest.raises(Unproven, match="stranger has no simulator"):
        OfAStranger().of_its_own()


@pytest.mark.parametrize(
    ("needs", "allowed", "reason"),
    [
        ((Feature.LIMIT,), (), ""),
        ((Feature.LIMIT, Feature.FOK), (), "capability fok: declared absent"),
        (
            (Feature.IOC,),
            (),
            "capability ioc: declared approximate and not allowed (it rests for a moment first)",
        ),
        ((Feature.IOC,), (Feature.IOC,), ""),
    ],
)
def test_only_a_declared_capability_is_a_reason_to_skip(needs, allowed, reason):
    assert reason_to_skip(SOME, needs, frozenset(allowed)) == reason
