"""The suite passes on every venue that ships, and what it skips there is what the venue declares."""

from typing import ClassVar

from anyvenue.testing import ConformanceSuite
from anyvenue.venue.capabilities import Feature


class TestGate(ConformanceSuite):
    venue = "gateio"
    allow_approximate = (Feature.ATTACHED_PROTECTION,)


class TestGateByWebSocketAndUpdates(TestGate):
    options: ClassVar = {"order_entry": "websocket", "book": "updates"}
    seed = 2


class TestGaiaEx(ConformanceSuite):
    venue = "gaiaex"
    allow_approximate = (Feature.FILL_STREAM,)


class TestGaiaExWithoutTimeInForce(ConformanceSuite):
    venue = "gaiaex"
    options: ClassVar = {"time_in_force": False}
    allow_approximate = (Feature.FILL_STREAM, Feature.POST_ONLY, Feature.IOC)
    seed = 3


class TestHyperliquid(ConformanceSuite):
    venue = "hyperliquid"


class TestHyperliquidWithProtection(ConformanceSuite):
    venue = "hyperliquid"
    options: ClassVar = {"dexes": ("xyz",)}
    allow_approximate = (Feature.ATTACHED_PROTECTION, Feature.TAKE_PROFIT)
    seed = 2


class TestSimulated(ConformanceSuite):
    venue = "simulated"
