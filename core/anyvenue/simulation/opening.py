"""Opening a venue in the environment that a connection asks for."""

from __future__ import annotations

from anyvenue.venue.descriptor import Environment, VenueContext, VenueDescriptor
from anyvenue.venue.interface import Venue

__all__ = ["open_venue"]


def open_venue(descriptor: VenueDescriptor, context: VenueContext) -> Venue:
    """Return a venue that is not connected yet.

    Paper trading is the same for every venue: its own market data, orders to an exchange simulated here. In the other
    environments the venue knows itself where to go.
    """
    if context.environment is Environment.PAPER:
        from anyvenue.simulation.paper import open_paper

        return open_paper(descriptor.open, context)
    return descriptor.open(context)
