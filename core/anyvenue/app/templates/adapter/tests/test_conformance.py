"""What every venue has to do, tested on this one. Nothing else is needed here to begin with."""

from anyvenue.testing import ConformanceSuite


class TestToyEx(ConformanceSuite):
    venue = "toyex"
    instrument = "BTC-PERP"
