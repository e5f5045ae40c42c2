"""What anybody may ask for: symbols, the time, and whether the service is well (chapter 7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from anyvenue.simulation.server.stage import Stage
from anyvenue_gaiaex.simulator.markets import Markets
from anyvenue_gaiaex.simulator.revision import Shapes

__all__ = ["PublicRest"]

_MS_NS: Final = 1_000_000
_SERVICES: Final = ("trading", "database", "market_data", "candle_data")


class PublicRest:
    """Answers without a key. Of time and health both revisions' paths are there, whichever the server follows."""

    def __init__(self, stage: Stage, markets: Markets, shapes: Shapes, base: str) -> None:
        self._stage = stage
        self._markets = markets
        self._shapes = shapes
        self.paths: dict[str, Callable[[], dict[str, Any]]] = {
            f"{base}/symbols/list": self.symbols,
            f"{base}/time": self.time,
            "/fapi/v1/time": self.time,
            f"{base}/health": self.health,
            "/health": self.health,
        }

    def symbols(self) -> dict[str, Any]:
        """Answer GET /symbols/list."""
        is_b = self._shapes.is_b("GET /symbols/list")
        rows = [terms.row(self._stage.exchange.mark_price(terms.symbol), is_b=is_b) for terms in self._markets.all()]
        return {"symbols": rows, "count": len(rows), "timestamp": self._time_ms()}

    def time(self) -> dict[str, Any]:
        """Answer GET /time."""
        return {"serverTime": self._time_ms()}

    def health(self) -> dict[str, Any]:
        """Answer GET /health."""
        return {
            "status": "healthy",
            "services": dict.fromkeys(_SERVICES, "ok"),
            "fee_rate": f"{max(instrument.taker_fee for instrument in self._stage.instruments):f}",
            "serverTime": self._time_ms(),
        }

    def _time_ms(self) -> int:
        return self._stage.time_ns() // _MS_NS
