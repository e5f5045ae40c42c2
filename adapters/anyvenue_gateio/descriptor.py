"""What anyvenue knows of this adapter before any of it is loaded."""

from __future__ import annotations

from typing import Any, Final

from anyvenue.venue.capabilities import Capabilities, Capability, Feature, Grade
from anyvenue.venue.descriptor import Environment, VenueContext, VenueDescriptor
from anyvenue.venue.interface import INTERFACE_VERSION, Venue
from anyvenue_gateio.endpoints import GateOptions

__all__ = ["CAPABILITIES", "DESCRIPTOR"]

ORDER_RATE: Final = 100
"""Creates and amends of one account in a second (chapter 4)."""
CAPABILITIES: Final = Capabilities.of(
    native=tuple(feature for feature in Feature if feature not in (Feature.FUNDING_RATE, Feature.ATTACHED_PROTECTION)),
    order_rate=ORDER_RATE,
    funding_rate=Capability(Grade.EMULATED, "told by the ticker, as the rate expected for the next settlement"),
    attached_protection=Capability(
        Grade.APPROXIMATE, "Gate does not document whether the last or the mark price sets it off"
    ),
)


def _open(context: VenueContext) -> Venue:
    from anyvenue_gateio.venue import GateVenue

    return GateVenue(context)


def _simulator() -> type[Any]:
    from anyvenue_gateio.simulator.dialect import GateDialect

    return GateDialect


DESCRIPTOR: Final = VenueDescriptor(
    name="gateio",
    title="Gate.io perpetual futures",
    interface_version=INTERFACE_VERSION,
    capabilities=CAPABILITIES,
    environments=frozenset(Environment),
    options=GateOptions,
    credentials=(("key", "secret"),),
    open=_open,
    simulator=_simulator,
)
