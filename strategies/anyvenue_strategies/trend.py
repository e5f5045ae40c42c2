"""A trend follower on candles, with a trailing stop.

When the fast average of closes crosses above the slow one it goes long at market, below it short. What it holds is
guarded by a trailing stop at the venue; a cross the other way closes first.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal

from attrs import frozen

from anyvenue.engine.strategy import Strategy
from anyvenue.model.enums import PriceSource, Side, TriggerKind
from anyvenue.model.fill import Fill
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import Candle
from anyvenue.model.numbers import ZERO
from anyvenue.model.order import Order
from anyvenue.model.order_spec import Trigger

__all__ = ["Trend", "TrendParameters"]

BASIS_POINT = Decimal("0.0001")


@frozen(kw_only=True)
class TrendParameters:
    """What the trend follower is told.

    Attributes:
        instrument: neutral symbol, on the first connection.
        interval_s: length of a candle, in seconds.
        fast, slow: how many closes each average takes.
        quantity: of a position, in the instrument's quantity unit.
        trail_bp: distance of the trailing stop from the best price since entry, in basis points.
    """

    instrument: str = "BTC-USDT-PERP"
    interval_s: int = 60
    fast: int = 5
    slow: int = 20
    quantity: Decimal = Decimal("0.01")
    trail_bp: Decimal = Decimal(50)

    def __attrs_post_init__(self) -> None:
        if not 0 < self.fast < self.slow:
            raise ValueError(f"fast, slow: found {self.fast}, {self.slow}; allowed is 0 < fast < slow")
        for name in ("interval_s", "quantity", "trail_bp"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}: found {getattr(self, name)}; allowed are numbers above 0")


class Trend(Strategy):
    """Holds one position at a time, in the direction of the trend."""

    Parameters = TrendParameters
    parameters: TrendParameters

    def on_start(self) -> None:
        """Watch candles."""
        p = self.parameters
        self._instrument: Instrument = self.instrument(p.instrument)
        self._quantity = self._instrument.check_quantity(p.quantity, market=True)
        self._closes: deque[Decimal] = deque(maxlen=p.slow)
        self._direction: Side | None = None
        self._entry: str | None = None
        self._guard: str | None = None
        self.subscribe(self._instrument)
        self.subscribe(self._instrument, "candles", interval_s=p.interval_s)

    def on_candle(self, candle: Candle) -> None:
        """Look whether the averages have crossed."""
        self._closes.append(candle.close)
        if len(self._closes) < self.parameters.slow:
            return
        closes = list(self._closes)
        fast = sum(closes[-self.parameters.fast :], ZERO) / self.parameters.fast
        slow = sum(closes, ZERO) / self.parameters.slow
        if fast == slow:
            return
        direction = Side.BUY if fast > slow else Side.SELL
        if direction is not self._direction:
            self._direction = direction
            self._turn()

    def _turn(self) -> None:
        """Get out of what is against the trend, else get in."""
        held = self.position(self._instrument).quantity
        if held:
            self.close(self._instrument)
        elif self._direction is not None and not self._is_open(self._entry):
            self._entry = self.submit(self._instrument, self._direction, self._quantity).client_order_id

    def on_fill(self, fill: Fill) -> None:
        """Keep the guard as large as the position; once flat, drop it and go with the trend."""
        held = self.position(self._instrument).quantity
        if held:
            self._protect(held)
            return
        if self._is_open(self._guard) and self._guard is not None:
            self.cancel(self._guard)
        stopped_out = fill.client_order_id == self._guard
        self._guard = None
        if not stopped_out:
            self._turn()

    def _protect(self, held: Decimal) -> None:
        if self._is_open(self._guard) and self._guard is not None:
            self.cancel(self._guard)
        trigger = Trigger(
            kind=TriggerKind.TRAILING,
            trail_ratio=self.parameters.trail_bp * BASIS_POINT,
            source=PriceSource.MARK,
        )
        side = Side.SELL if held > 0 else Side.BUY
        guard = self.submit(self._instrument, side, abs(held), reduce_only=True, trigger=trigger)
        self._guard = guard.client_order_id

    def on_order(self, order: Order) -> None:
        """A position without its guard is closed."""
        if order.client_order_id == self._guard and order.is_terminal and not order.filled_quantity:
            held = self.position(self._instrument).quantity
            if held and order.state.value in ("rejected", "expired"):
                self.log.error("the trailing stop was refused (%s): closing the position", order.text)
                self.close(self._instrument)

    def _is_open(self, client_order_id: str | None) -> bool:
        order = None if client_order_id is None else self.order(client_order_id)
        return order is not None and not order.is_terminal
