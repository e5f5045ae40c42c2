"""Risk limits: what stands between a strategy and a venue, whatever the strategy does."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from decimal import Decimal

from attrs import field, frozen

from anyvenue.model.enums import Side
from anyvenue.model.instrument import Instrument

__all__ = ["Exposure", "InstrumentLimits", "RiskGate", "RiskLimits"]

_SECOND_NS = 1_000_000_000


@frozen(kw_only=True)
class InstrumentLimits:
    """Limits of one instrument; None is no limit.

    Attributes:
        max_position: largest absolute position, open orders included, in the instrument's quantity unit.
        max_order_notional: largest notional of one order, in quote money.
        price_band: largest distance of a limit price from the mark (else mid) price, as a fraction.
    """

    max_position: Decimal | None = None
    max_order_notional: Decimal | None = None
    price_band: Decimal | None = None


@frozen(kw_only=True)
class RiskLimits(InstrumentLimits):
    """Limits for every instrument, and exceptions by neutral symbol.

    `order_rate` is the largest number of creates and amends in any one second, over all connections.
    """

    order_rate: int | None = None
    instruments: Mapping[str, InstrumentLimits] = field(factory=dict)

    def of(self, instrument: Instrument) -> InstrumentLimits:
        """Return the limits that hold for `instrument`: its own where it has any, else those for all."""
        return self.instruments.get(instrument.symbol, self)


@frozen
class Exposure:
    """What is held and what open orders could add, in the quantity unit."""

    position: Decimal
    open_buys: Decimal
    open_sells: Decimal


class RiskGate:
    """Decides on each create and amend: through, or refused with the reason in words."""

    def __init__(self, limits: RiskLimits) -> None:
        self._limits = limits
        self._sent: deque[int] = deque()

    def refusal(
        self,
        instrument: Instrument,
        side: Side,
        *,
        price: Decimal | None,
        quantity: Decimal,
        adds: Decimal,
        reduce_only: bool,
        exposure: Exposure,
        reference: Decimal | None,
        now_ns: int,
    ) -> str | None:
        """Return why a command may not pass, or None after counting it.

        `quantity` is the order's whole, `adds` what it adds to what is open already; `reference` is the mark price,
        else the mid; where a limit needs it and there is none, the command is refused.
        """
        limits = self._limits.of(instrument)
        text = (
            self._band(limits, price, reference)
            or self._notional(limits, instrument, price, quantity, reference)
            or (None if reduce_only else self._position(limits, side, adds, exposure))
            or self._rate(now_ns)
        )
        return None if text is None else f"{instrument.key}: {text}"

    def _band(self, limits: InstrumentLimits, price: Decimal | None, reference: Decimal | None) -> str | None:
        band = limits.price_band
        if band is None or price is None:
            return None
        if reference is None:
            return f"price_band {band} needs a mark or mid price and there is none yet"
        if abs(price - reference) > reference * band:
            return f"price {price} is further than price_band {band} from {reference}"
        return None

    def _notional(
        self,
        limits: InstrumentLimits,
        instrument: Instrument,
        price: Decimal | None,
        quantity: Decimal,
        reference: Decimal | None,
    ) -> str | None:
        limit = limits.max_order_notional
        if limit is None:
            return None
        at = reference if reference is not None else price
        if at is None:
            return f"max_order_notional {limit} needs a mark or mid price and there is none yet"
        notional = instrument.notional(quantity, max(at, price) if price is not None else at)
        if notional > limit:
            return f"notional {notional} {instrument.quote} is above max_order_notional {limit}"
        return None

    def _position(self, limits: InstrumentLimits, side: Side, adds: Decimal, exposure: Exposure) -> str | None:
        limit = limits.max_position
        if limit is None:
            return None
        if side is Side.BUY:
            reached = exposure.position + exposure.open_buys + adds
        else:
            reached = -(exposure.position - exposure.open_sells - adds)
        if reached > limit:
            held = f"position {exposure.position}, open buys {exposure.open_buys}, sells {exposure.open_sells}"
            return f"a {side.value} of {adds} more could reach {reached}, above max_position {limit} ({held})"
        return None

    def _rate(self, now_ns: int) -> str | None:
        limit = self._limits.order_rate
        if limit is None:
            return None
        sent = self._sent
        while sent and sent[0] <= now_ns - _SECOND_NS:
            sent.popleft()
        if len(sent) >= limit:
            return f"order_rate: {len(sent)} creates and amends in the last second, allowed are {limit}"
        sent.append(now_ns)
        return None
