"""The suite: every behaviour, of one venue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from anyvenue.testing.behaviour import Unproven
from anyvenue.testing.behaviours.account import Account
from anyvenue.testing.behaviours.amend_and_cancel import AmendAndCancel
from anyvenue.testing.behaviours.candles_and_funding import CandlesAndFunding
from anyvenue.testing.behaviours.capabilities import DeclaredCapabilities
from anyvenue.testing.behaviours.connection import ConnectionLife
from anyvenue.testing.behaviours.failures import Failures
from anyvenue.testing.behaviours.hygiene import Hygiene
from anyvenue.testing.behaviours.instruments import Instruments
from anyvenue.testing.behaviours.market_data import MarketData
from anyvenue.testing.behaviours.order_lives import OrderLives
from anyvenue.testing.behaviours.safeguards import Safeguards
from anyvenue.testing.behaviours.triggers import Triggers
from anyvenue.testing.bench import Bench, is_in_process
from anyvenue.venue import registry
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.descriptor import VenueContext, VenueDescriptor
from anyvenue.venue.interface import Venue

__all__ = ["SUBJECTS", "ConformanceSuite"]

SUBJECTS: tuple[type, ...] = (
    Instruments,
    MarketData,
    CandlesAndFunding,
    OrderLives,
    AmendAndCancel,
    Account,
    Triggers,
    Safeguards,
    Failures,
    ConnectionLife,
    DeclaredCapabilities,
    Hygiene,
)
"""What the behaviours are about, in the order of the report."""


class ConformanceSuite(
    Instruments,
    MarketData,
    CandlesAndFunding,
    OrderLives,
    AmendAndCancel,
    Account,
    Triggers,
    Safeguards,
    Failures,
    ConnectionLife,
    DeclaredCapabilities,
    Hygiene,
):
    """What every venue has to do. Subclass it with the venue's name; the class's name has to begin with `Test`.

    Attributes:
        venue: the name of an installed venue. Its descriptor names the simulator.
        instrument: what is traded in the tests: any of an instrument's names.
        options: the adapter's options, as a connection's configuration has them.
        allow_approximate: approximate capabilities that are to be tested like others.
        seed: of everything that the simulator draws by chance.
        open_venue: opens the venue in place of the descriptor; for adapters that are not installed, and for mutants.
    """

    venue: ClassVar[str] = ""
    instrument: ClassVar[str] = "BTC-PERP"
    options: ClassVar[Mapping[str, Any]] = {}
    allow_approximate: ClassVar[tuple[Feature, ...]] = ()
    seed: ClassVar[int] = 1
    open_venue: ClassVar[Callable[[VenueContext], Venue] | None] = None

    def descriptor(self) -> VenueDescriptor:
        """Return the venue's descriptor. Raises PluginError where it is not installed."""
        return registry.venue(self.venue)

    def bench(self, *, wire: bool = False) -> Bench:
        """Return a new bench with the venue on it. Raises Unproven where there is no simulator."""
        descriptor = self.descriptor()
        if descriptor.simulator is None and (wire or not is_in_process(descriptor)):
            raise Unproven(f"the venue {descriptor.name} has no simulator that speaks its protocol")
        return Bench(
            descriptor,
            open_venue=type(self).open_venue or descriptor.open,
            instrument=self.instrument,
            options=self.options,
            allowed=frozenset(self.allow_approximate),
            seed=self.seed,
        )
