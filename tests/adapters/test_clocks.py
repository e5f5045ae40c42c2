"""What a venue says of its clock: all that ask it know how far it is from ours."""

import asyncio

import pytest

from anyvenue.testing import Bench
from anyvenue.venue import registry


@pytest.mark.parametrize("skew_s", [-600, 45])
@pytest.mark.parametrize("name", ["gateio", "gaiaex", "hyperliquid"])
def test_how_far_its_clock_is_ahead_is_known(name, skew_s):
    descriptor = registry.venue(name)
    bench = Bench(
        descriptor, open_venue=descriptor.open, instrument="BTC-PERP", options={}, allowed=frozenset(), seed=1
    )

    async def ahead_ns():
        await bench.start()
        bench.faults(clock_skew_s=skew_s)
        session = await bench.session()
        found = session.venue.clock_ahead_ns
        await bench.end()
        return found

    assert asyncio.run(bench.pump.serve(ahead_ns())) / 1e9 == pytest.approx(skew_s, abs=1)
