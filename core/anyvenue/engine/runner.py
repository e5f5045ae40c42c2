"""What every runner does with a venue: open it, and tell the engine what it needs to know before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from anyvenue.engine.engine import Engine
from anyvenue.venue.interface import Venue

__all__ = ["STOP_PATIENCE_NS", "is_finished", "open_connection"]

STOP_PATIENCE_NS = 30_000_000_000
"""How long (on the run's clock) an ending run waits for its orders to end."""


async def open_connection(engine: Engine, name: str, venue: Venue) -> None:
    """Connect a venue as the connection `name`. Raises what the venue raises."""
    await venue.connect(partial(engine.receive, connection=name))
    instruments = await venue.instruments()
    engine.add_connection(name, instruments, venue.capabilities, venue.depth_rule)
    for balance in await venue.balances():
        engine.receive(balance, name)


def is_finished(venues: Mapping[str, Venue]) -> bool:
    """Tell whether no venue has any market data left. Real ones always have."""
    return all(getattr(venue, "is_finished", False) for venue in venues.values())
