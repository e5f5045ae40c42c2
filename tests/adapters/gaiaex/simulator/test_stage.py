"""How the simulated GaiaEx stands on its stage: what moves its markets, what it can be told, and what a seed draws."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from anyvenue.simulation.chance import Chance
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.server.endless_tape import EndlessTape
from anyvenue.simulation.server.hosting import host
from anyvenue.simulation.server.stage import Stage
from anyvenue.simulation.tape import find_tapes
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext
from anyvenue_gaiaex.simulator.dialect import GaiaExDialect
from anyvenue_gaiaex.simulator.quirks import Quirks
from anyvenue_gaiaex.simulator.revision import Revision
from anyvenue_gaiaex.simulator.wallets import made_up_address

ADDRESS = "0x000000000000000000000000000000000000dEaD"


def test_the_recorded_markets_move_the_native_perps() -> None:
    clock = DrivenClock(1_743_508_800_000_000_000)
    stage = Stage.of(GaiaExDialect, clock, SimulationSettings())
    clock.run_until(clock.time_ns())
    moved = {source.instrument.venue_symbol for source in stage.market._sources if isinstance(source, EndlessTape)}
    assert moved == {"BTC", "ETH"}
    first = next(next(tape.frames()) for tape in find_tapes("tape") if tape.header.base == "BTC")
    best_bid = stage.exchange.book("BTC-USDC-PERP").best_bid
    assert best_bid is not None
    # A dollar is the step at this price: five significant figures.
    assert best_bid == Decimal(first[2][0][0]) // 1


def test_it_can_be_told_to_follow_another_revision(venue: Any) -> None:
    simulator = venue()
    simulator.balance()
    told = simulator.dialect.steer({"revision": "b"})
    assert (told["revision"], told["book"], told["stale"]) == ("b", "a", [])
    assert told["accounts"]["alice"]["address"] == ADDRESS
    assert simulator.limit()["status"] == "resting"


def test_it_can_be_told_that_a_feed_is_down_and_back(venue: Any) -> None:
    simulator = venue()
    client, _ = simulator.connect("/ws/market/BTC")
    assert simulator.dialect.steer({"stale": ["BTC"]})["stale"] == ["BTC"]
    assert simulator.dialect.steer({})["stale"] == ["BTC"]
    assert simulator.dialect.steer({"stale": []})["stale"] == []
    simulator.wait("0")
    assert [message["type"] for message in client.messages] == ["orderbook", "stale", "recovered", "orderbook"]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"revision": "c"}, "revision: found 'c'; allowed are a, b, mixed"),
        ({"stale": ["NOPE"]}, "stale: found"),
        ({"colour": "red"}, "found the key 'colour'; allowed are revision, book, stale"),
    ],
)
def test_it_says_what_it_cannot_be_told(venue: Any, given: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        venue().dialect.steer(given)


def test_a_seed_draws_the_same_server_again_and_seeds_draw_others() -> None:
    drawn = [Quirks.drawn(Chance(f"{seed} dialect")) for seed in range(20)]
    assert drawn == [Quirks.drawn(Chance(f"{seed} dialect")) for seed in range(20)]
    assert len(set(drawn)) == 20


def test_a_dialect_that_follows_a_revision_is_the_same_for_all_who_ask() -> None:
    assert GaiaExDialect.following(Revision.A, Revision.B) is GaiaExDialect
    assert GaiaExDialect.following(Revision.B) is GaiaExDialect.following(Revision.B)


def test_an_adapter_finds_the_address_of_its_own_account() -> None:
    async def scenario() -> None:
        context = VenueContext(
            connection="main",
            environment=Environment.SIMULATOR,
            clock=DrivenClock(1_743_508_800_000_000_000),
            session="s",
            simulation=SimulationSettings(market="synthetic"),
        )
        hosted = await host(context, GaiaExDialect)
        assert hosted.urls["rest"].endswith("/v1/trade")
        told = hosted.gateway.dialect.steer({})["accounts"][hosted.key.account]
        assert told["address"] == GaiaExDialect.address_of(hosted.key.account) == made_up_address("main")
        assert told["token"] == GaiaExDialect.token_of("main")

    asyncio.run(scenario())


def test_addresses_look_like_addresses() -> None:
    found = made_up_address("main")
    assert (len(found), found[:2]) == (42, "0x")
    assert int(found, 16) > 0
    assert found != found.lower()
    assert found != made_up_address("other")
