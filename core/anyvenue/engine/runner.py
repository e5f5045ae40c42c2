"""What every runner does with a venue: open it, and tell the engine what it needs to know before it starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from anyvenue.engine.engine import Engine
from anyvenue.venue.interface import Venue

__all__ = ["STOP_PATIENCE_NS", "open_connection", "stop_when_finished"]

STOP_PATIENCE_NS = 30_000_000_000
"""How long (on the run's clock) an ending run waits for its orders to end."""


async def open_connection(engine: Engine, name: str, venue: Venue) -> None:
    """Connect a venue as the connection `name`. Raises what the venue raises."""
    await venue.connect(partial(engine.receive, connection=name))
    instruments = await venue.instruments()
    engine.add_connection(
        name, instruments, venue.capabilities, venue.depth_rule, venue.explain, venue.candle_intervals
    )
    for balance in await venue.balances():
        engine.receive(balance, name)


def stop_when_finished(engine: Engine, venues: Mapping[str, Venue]) -> None:
    """End the run when no venue has any market data left. Real ones always have."""
    left = set(venues)

    def finished(name: str) -> None:
        left.discard(name)
        if not left:
            engine.stop("finished")

    for name, venue in venues.items():
        tell_when: Callable[[Callable[[], None]], None] | None = getattr(venue, "when_finished", None)
        if tell_when is not None:
            tell_when(partial(finished, name))
