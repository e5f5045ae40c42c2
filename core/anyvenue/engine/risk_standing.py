"""How the run stands, as the risk gate asks for it: read from the engine's own orders, positions and prices."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from anyvenue.engine.orders import max_leaves
from anyvenue.engine.risk_exposure import Exposure
from anyvenue.model.enums import Side
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import ZERO

if TYPE_CHECKING:
    from anyvenue.engine.engine import Engine

__all__ = ["EngineStanding"]


class EngineStanding:
    """What is held, ordered and known about prices."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def mark(self, instrument: Instrument) -> Decimal | None:
        """Return the mark price, else the mid, else None."""
        return self._engine.data.mark(instrument)

    def exposure(self, instrument: Instrument) -> Exposure:
        """Return what is held and ordered of an instrument; the legs of a hedge netted."""
        orders = self._engine.orders
        return Exposure(
            self._engine.portfolio.quantity(instrument),
            orders.open_quantity(instrument, Side.BUY),
            orders.open_quantity(instrument, Side.SELL),
        )

    def exposures(self) -> Sequence[tuple[Instrument, Exposure]]:
        """Return what is held and ordered of each instrument; each leg of a hedge counts on its own."""
        orders: dict[str, tuple[Instrument, dict[Side, Decimal]]] = {}
        for order in self._engine.orders.open_orders():
            if not order.spec.reduce_only:
                _, more = orders.setdefault(order.instrument.key, (order.instrument, dict.fromkeys(Side, ZERO)))
                more[order.side] += max_leaves(order)
        rows = []
        for position in self._engine.portfolio.positions():
            if position.quantity:
                # The orders count with the first leg.
                _, more = orders.pop(position.instrument.key, (position.instrument, dict.fromkeys(Side, ZERO)))
                rows.append((position.instrument, Exposure(position.quantity, more[Side.BUY], more[Side.SELL])))
        rows += [(i, Exposure(ZERO, more[Side.BUY], more[Side.SELL])) for i, more in orders.values()]
        return rows

    def open_orders(self, connection: str | None, instrument: Instrument | None) -> int:
        """Return how many orders are open, or wait for a trigger: on all connections, on one, or of one instrument."""
        orders = self._engine.desk.open_orders(instrument)
        if connection is None:
            return len(orders)
        return sum(order.instrument.connection == connection for order in orders)

    def equity(self) -> Decimal:
        """Return the equity over all connections in quote money."""
        return self._engine.recorder.start_equity + self._engine.portfolio.net_pnl()
