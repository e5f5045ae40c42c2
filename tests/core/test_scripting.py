"""`anyvenue.connect`: from a name to a connected session."""

import asyncio
from importlib.metadata import EntryPoint

import pytest
from attrs import evolve, frozen

import anyvenue
from anyvenue.model.enums import OrderState
from anyvenue.simulation.venue import DESCRIPTOR
from anyvenue.venue import registry
from anyvenue.venue.registry import Registry
from anyvenue.venue.secrets import SecretError

SIMULATED = EntryPoint("simulated", "anyvenue.simulation.venue:DESCRIPTOR", "anyvenue.venues")
SHORT = {"symbols": ["BTC-USDT-PERP"], "duration_s": 5}


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    """The simulated venue is installed, whatever else is."""
    monkeypatch.setattr(
        registry, "VENUES", Registry("anyvenue.venues", "venue", registry._check_venue, find=lambda group: [SIMULATED])
    )


def test_async_with_connects_and_disconnects():
    async def main():
        async with anyvenue.connect("simulated", simulation=SHORT) as venue:
            order = await venue.buy("BTC-PERP", "0.01")
            assert [instrument.symbol for instrument in venue.instruments()] == ["BTC-USDT-PERP"]
        with pytest.raises(anyvenue.NotSent):
            await venue.balances()
        return order

    assert asyncio.run(main()).state is OrderState.FILLED


def test_awaiting_connects_for_a_notebook():
    async def main():
        venue = await anyvenue.connect("simulated", simulation=SHORT)
        balances = await venue.balances()
        await venue.disconnect()
        await venue.disconnect()
        return balances[0].total

    assert asyncio.run(main()) == 100_000


def test_the_same_script_sees_the_same_market():
    async def main():
        seen = []
        async with anyvenue.connect("simulated", simulation=SHORT) as venue:
            fills = venue.new_fills()
            await venue.buy("BTC-PERP", "0.5")
            seen += [(venue.time_ns, book.best_bid, book.best_ask) async for book in venue.books("BTC-PERP")]
            await venue.close("BTC-PERP")
            seen.append([await anext(fills), await anext(fills)])
            seen.append(await venue.balances())
        return seen

    first, again = asyncio.run(main()), asyncio.run(main())
    assert len(first) > 50
    assert first == again


def test_pace_changes_nothing_but_the_pauses():
    async def main(speed):
        settings = {**SHORT, "duration_s": 1, "speed": speed}
        async with anyvenue.connect("simulated", simulation=settings) as venue:
            return [trade async for trade in venue.trades("BTC-PERP")]

    assert asyncio.run(main(20)) == asyncio.run(main(0))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"venue": "simulate"}, "found the venue 'simulate'; installed are simulated. Did you mean 'simulated'?"),
        ({"environment": "live"}, "environment: found 'live'; the venue 'simulated' has simulator"),
        ({"environment": "moon"}, "environment: found 'moon'"),
        ({"simulation": {"symbols": ["BTX-USDT-PERP"]}}, "Did you mean 'BTC-USDT-PERP'?"),
        ({"allow_approximate": ["nonsense"]}, "'nonsense' is not a valid Feature"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(how, message):
    with pytest.raises(ValueError, match=r".*") as caught:
        anyvenue.connect(**({"venue": "simulated"} | how))
    assert message in str(caught.value)


def test_secrets_are_given_as_references_only(monkeypatch):
    with pytest.raises(SecretError, match="not a reference"):
        anyvenue.connect("simulated", credentials={"key": "abc123"})
    monkeypatch.setenv("SOME_KEY", "abc123")
    assert anyvenue.connect("simulated", credentials={"key": "env:SOME_KEY"}) is not None


def test_options_are_those_of_the_venue():
    with pytest.raises(TypeError, match="unexpected keyword argument 'nonsense'"):
        anyvenue.connect("simulated", options={"nonsense": 1})
    with pytest.raises(TypeError, match="options: found a int"):
        anyvenue.connect("simulated", options=1)


def test_live_needs_to_be_said_twice(monkeypatch):
    @frozen
    class Options:
        size: int = 1

    live = evolve(DESCRIPTOR, environments=frozenset(anyvenue.Environment), options=Options)
    monkeypatch.setattr(registry, "venue", lambda name: live)
    with pytest.raises(ValueError, match="allow_live=True"):
        anyvenue.connect("simulated", environment="live", options={"size": 2})
    assert anyvenue.connect("simulated", environment="live", allow_live=True, options=Options(3)) is not None
