"""What anyvenue knows of this adapter before any of it is loaded."""

from __future__ import annotations

from typing import Any, Final

from anyvenue.venue.capabilities import Capabilities, Capability, Feature, Grade
from anyvenue.venue.descriptor import Environment, VenueContext, VenueDescriptor
from anyvenue.venue.interface import INTERFACE_VERSION, Venue
from anyvenue_gaiaex.endpoints import GaiaExOptions

__all__ = ["DESCRIPTOR", "capabilities"]

_NATIVE, _EMULATED, _APPROXIMATE = Grade.NATIVE, Grade.EMULATED, Grade.APPROXIMATE
_SWITCH: Final = "set the option time_in_force once the venue is seen to heed it"


def capabilities(*, with_time_in_force: bool) -> Capabilities:
    """Return what the venue can do; post-only and IOC depend on whether orders bear `time_in_force`."""
    if with_time_in_force:
        post_only = ioc = Capability(_NATIVE, "by time_in_force, which one of the venue's two documents knows")
    else:
        post_only = Capability(
            _APPROXIMATE,
            f"a plain limit order, refused here where the book last seen would fill it; it may still take; {_SWITCH}",
        )
        ioc = Capability(
            _APPROXIMATE,
            f"a plain limit order that is canceled as soon as it is acknowledged; it rests until then; {_SWITCH}",
        )
    return Capabilities.of(
        native=(
            Feature.BOOK,
            Feature.LIMIT,
            Feature.REDUCE_ONLY,
            Feature.CANCEL_ALL,
            Feature.CLOSE_POSITION,
            Feature.LEVERAGE,
            Feature.MARGIN_MODE,
        ),
        market=Capability(_NATIVE, "how far from the price it may fill is not documented"),
        post_only=post_only,
        ioc=ioc,
        client_order_id=Capability(_NATIVE, "sent, but nothing can be looked up or canceled by it"),
        amend=Capability(
            _NATIVE, "limit orders that have not traded; the id may change, the place in the queue may be lost"
        ),
        protection=Capability(
            _NATIVE, "which price sets it off, and whether a second one replaces the first, is unknown"
        ),
        attached_protection=Capability(_NATIVE, "which price sets it off, and its fate on a partial fill, is unknown"),
        ticker=Capability(_APPROXIMATE, "the mark price only, asked for every few seconds"),
        positions=Capability(_EMULATED, "the last news of the account's stream, which tells them whole"),
        fill_stream=Capability(
            _APPROXIMATE, "fills are not told: they are derived from changes of the position, their prices estimated"
        ),
    )


def _open(context: VenueContext) -> Venue:
    from anyvenue_gaiaex.venue import GaiaExVenue

    return GaiaExVenue(context)


def _simulator() -> type[Any]:
    from anyvenue_gaiaex.simulator.dialect import GaiaExDialect

    return GaiaExDialect


DESCRIPTOR: Final = VenueDescriptor(
    name="gaiaex",
    title="GaiaEx perpetuals",
    interface_version=INTERFACE_VERSION,
    capabilities=capabilities(with_time_in_force=False),
    environments=frozenset(Environment) - {Environment.TESTNET},  # announced, and reachable by nobody yet
    options=GaiaExOptions,
    credentials=(("key", "secret", "address"), ("token", "address"), ("key", "secret", "token", "address")),
    open=_open,
    simulator=_simulator,
)
