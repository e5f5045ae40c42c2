"""A trend follower on candles, with a trailing stop.

When the fast average of closes crosses above the slow one it goes long at market, when it crosses below, short; what
is held against the new trend is closed first. With the first fill a trailing stop for the whole entry is placed at the
venue. It may only reduce, so it fits whatever part has filled, and it stays until nothing is held. A position whose
stop is refused or has gone is closed. When the run ends, what is held is closed too: its stop would be canceled with
all other orders.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal

from attrs import frozen

from anyvenue import (
    Candle,
    Feature,
    Instrument,
    NotSupported,
    Order,
    OrderState,
    Position,
    PriceSource,
    Side,
    Strategy,
    Trigger,
    TriggerKind,
)

__all__ = ["Trend", "TrendParameters"]

BASIS_POINT = Decimal("0.0001")
RETRY_S = 1
"""After this long a position that could not be closed is closed again."""


@frozen(kw_only=True)
class TrendParameters:
    """What the trend follower is told.

    Attributes:
        instrument: symbol, on the first connection.
        interval_s: length of a candle, in seconds.
        fast, slow: how many closes each average takes.
        quantity: of a position, in the instrument's quantity unit.
        trail_bp: distance of the trailing stop from the best mark price since entry, in basis points.
    """

    instrument: str = "BTC-PERP"
    interval_s: int = 60
    fast: int = 5
    slow: int = 20
    quantity: Decimal = Decimal("0.01")
    trail_bp: Decimal = Decimal(50)

    def __attrs_post_init__(self) -> None:
        if not 0 < self.fast < self.slow:
            raise ValueError(f"fast, slow: found {self.fast}, {self.slow}; allowed is 0 < fast < slow")
        for name in ("interval_s", "quantity"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}: found {getattr(self, name)}; allowed are numbers above 0")
        if not 0 < self.trail_bp < 10_000:
            raise ValueError(f"trail_bp: found {self.trail_bp}; allowed is above 0 and below 10000, the price itself")


class Trend(Strategy):
    """Holds at most one position, in the direction of the trend. The instrument's position is its own alone."""

    Parameters = TrendParameters
    parameters: TrendParameters

    def on_start(self) -> None:
        """Watch candles."""
        p = self.parameters
        self._instrument: Instrument = self.instrument(p.instrument)
        for feature in (Feature.MARKET, Feature.REDUCE_ONLY, Feature.TRAILING):
            if not self.supports(self._instrument, feature):
                raise NotSupported(f"the trend follower needs {feature.value}", venue=self._instrument.venue)
        self._instrument.check_quantity(p.quantity, market=True)
        self._closes: deque[Decimal] = deque(maxlen=p.slow)
        self._trend: Side | None = None
        self._wanted: Side | None = None
        """What to enter as soon as nothing is held and nothing is on its way."""
        self._is_ending = False
        self._entry = self._guard = self._exit = ""
        self.subscribe(self._instrument)
        self.subscribe(self._instrument, "candles", interval_s=p.interval_s)

    def on_candle(self, candle: Candle) -> None:
        """Look whether the averages have crossed. The first look only tells where they lie."""
        self._closes.append(candle.close)
        trend = self._lie_of_averages()
        if trend is not None:
            if self._trend is not None and trend is not self._trend:
                self._wanted = trend
            self._trend = trend
        self._act()

    def on_position(self, position: Position) -> None:
        """Something was filled."""
        self._act()

    def on_order(self, order: Order) -> None:
        """An order that has ended may leave something to be done."""
        if not order.is_terminal:
            return
        if order.state is OrderState.REJECTED:
            self.log.warning("%s %s refused: %s", order.side.value, order.client_order_id, order.text)
        if order.client_order_id == self._exit and self.position(self._instrument).quantity:
            self.set_timer("leave", after_s=RETRY_S)
        else:
            self._act()

    def on_timer(self, name: str) -> None:
        """A position could not be closed a moment ago."""
        self._act()

    def on_stop(self) -> None:
        """Close what is held, and enter nothing more."""
        self._is_ending = True
        self._leave()

    def _lie_of_averages(self) -> Side | None:
        closes, fast, slow = list(self._closes), self.parameters.fast, self.parameters.slow
        if len(closes) < slow:
            return None
        difference = sum(closes[-fast:]) * slow - sum(closes) * fast
        return None if not difference else Side.BUY if difference > 0 else Side.SELL

    def _act(self) -> None:
        """Take the next step from what is held and on its way to what is wanted."""
        held = self.position(self._instrument).quantity
        if held:
            self._hold(held)
        elif self._is_working(self._guard):
            self.cancel(self._guard)
        else:
            self._guard = ""
            self._enter()

    def _enter(self) -> None:
        if self._wanted is None or self._is_ending or self._is_working(self._entry) or self._is_working(self._exit):
            return
        entry = self.submit(self._instrument, self._wanted, self.parameters.quantity)
        self._entry, self._wanted = entry.client_order_id, None

    def _hold(self, held: Decimal) -> None:
        against = self._trend is not None and held * self._trend.sign < 0
        if not against:
            self._wanted = None
        if not self._guard and not self._is_ending:
            self._guard = self._place_guard(held)
        if against or self._is_ending or not self._is_working(self._guard):
            self._leave()

    def _leave(self) -> None:
        order = None if self._is_working(self._exit) else self.close(self._instrument)
        if order is not None:
            self._exit = order.client_order_id

    def _place_guard(self, held: Decimal) -> str:
        """Guard what is held and what the entry may still add, in one order that is never more than the position."""
        entry = self.order(self._entry)
        quantity = abs(held) + (entry.leaves_quantity if entry is not None else 0)
        ratio = self.parameters.trail_bp * BASIS_POINT
        trigger = Trigger(kind=TriggerKind.TRAILING, trail_ratio=ratio, source=PriceSource.MARK)
        side = Side.SELL if held > 0 else Side.BUY
        return self.submit(self._instrument, side, quantity, reduce_only=True, trigger=trigger).client_order_id

    def _is_working(self, client_order_id: str) -> bool:
        """Whether an order may still trade, or has traded what we have not been told of yet."""
        order = self.order(client_order_id)
        return order is not None and (not order.is_terminal or order.missing_fills > 0)
