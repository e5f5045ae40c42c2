"""What anyvenue knows of this adapter before any of it is loaded: so nothing heavy is imported here.

Ask of your venue: what can it do, and how well? What is left out of the capabilities counts as absent, and is refused
before anything is sent. Which secrets open an account? Which environments are there?
"""

from __future__ import annotations

from typing import Any, Final

from anyvenue.venue.capabilities import Capabilities, Capability, Feature, Grade
from anyvenue.venue.descriptor import Environment, VenueContext, VenueDescriptor
from anyvenue.venue.interface import Venue

from anyvenue_toyex.endpoints import Options

CAPABILITIES: Final = Capabilities.of(
    native=(
        Feature.BOOK,
        Feature.TRADES,
        Feature.LIMIT,
        Feature.MARKET,
        Feature.POST_ONLY,
        Feature.IOC,
        Feature.REDUCE_ONLY,
        Feature.CLIENT_ORDER_ID,
        Feature.CANCEL_BY_CLIENT_ID,
        Feature.ORDER_LOOKUP,
        Feature.OPEN_ORDERS,
        Feature.FILLS,
        Feature.FILL_STREAM,
        Feature.POSITIONS,
    ),
    cancel_all=Capability(Grade.EMULATED, "one by one"),
    close_position=Capability(Grade.EMULATED, "by a reduce-only market order"),
)


def _open(context: VenueContext) -> Venue:
    from anyvenue_toyex.venue import ToyExVenue

    return ToyExVenue(context)


def _simulator() -> type[Any]:
    from anyvenue_toyex.simulator.dialect import ToyExDialect

    return ToyExDialect


DESCRIPTOR: Final = VenueDescriptor(
    name="toyex",
    title="ToyEx perpetuals",
    interface_version=1,  # of anyvenue.venue.interface, which this was written for
    capabilities=CAPABILITIES,
    environments=frozenset({Environment.SIMULATOR}),  # PAPER, TESTNET, LIVE: when the URLs in `endpoints` are real
    options=Options,
    credentials=(("key", "secret"),),
    open=_open,
    simulator=_simulator,
)
