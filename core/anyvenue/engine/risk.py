"""Risk limits: what stands between a strategy and a venue, whatever the strategy does."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
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

    def __attrs_post_init__(self) -> None:
        for name in ("max_position", "max_order_notional", "price_band"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name}: found {value}; allowed are numbers above 0")
        if self.price_band is not None and self.price_band >= 1:
            raise ValueError(
                f"price_band: found {self.price_band}; allowed are fractions below 1, such as 0.02 for 2 %"
            )


@frozen(kw_only=True)
class RiskLimits(InstrumentLimits):
    """Limits for every instrument, and others for some, by neutral symbol: what those leave out holds for them too.

    `order_rate` is the largest number of creates and amends in any one second, over all connections.
    """

    order_rate: int | None = None
    instruments: Mapping[str, InstrumentLimits] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.order_rate is not None and self.order_rate < 1:
            raise ValueError(f"order_rate: found {self.order_rate}; allowed are whole numbers from 1")

    def of(self, instrument: Instrument) -> InstrumentLimits:
        """Return the limits that hold for `instrument`: each its own where it has one, else that for all."""
        own = self.instruments.get(instrument.symbol)
        if own is None:
            return self
        return InstrumentLimits(
            max_position=self.max_position if own.max_position is None else own.max_position,
            max_order_notional=self.max_order_notional if own.max_order_notional is None else own.max_order_notional,
            price_band=self.price_band if own.price_band is None else own.price_band,
        )


@frozen
class Exposure:
    """What is held and what open orders could add, in the quantity unit."""

    position: Decimal
    open_buys: Decimal
    open_sells: Decimal


class RiskGate:
    """Decides on each create and amend: through, or refused with the reason in words."""

    def __init__(self, limits: RiskLimits) -> None:
        self.limits = limits
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
        exposure: Callable[[], Exposure],
        reference: Decimal | None,
        now_ns: int,
    ) -> str | None:
        """Return why a command may not pass, or None after counting it.

        What only reduces passes the limits on position and notional: they must not keep anybody in a position.
        `quantity` is the order's whole, `adds` what it adds to what is open already; `reference` is the mark price,
        else the mid; where a limit needs it and there is none, the command is refused.
        """
        limits = self.limits.of(instrument)
        text = (
            self._band(limits, price, reference)
            or (None if reduce_only else self._notional(limits, instrument, price, quantity, reference))
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

    def _position(
        self, limits: InstrumentLimits, side: Side, adds: Decimal, exposure: Callable[[], Exposure]
    ) -> str | None:
        limit = limits.max_position
        if limit is None:
            return None
        now = exposure()
        reached = now.position * side.sign + (now.open_buys if side is Side.BUY else now.open_sells) + adds
        if reached > limit:
            held = f"position {now.position}, open buys {now.open_buys}, sells {now.open_sells}"
            return f"a {side.value} of {adds} more could reach {reached}, above max_position {limit} ({held})"
        return None

    def _rate(self, now_ns: int) -> str | None:
        limit = self.limits.order_rate
        if limit is None:
            return None
        sent = self._sent
        while sent and sent[0] <= now_ns - _SECOND_NS:
            sent.popleft()
        if len(sent) >= limit:
            return f"order_rate: {len(sent)} creates and amends in the last second, allowed are {limit}"
        sent.append(now_ns)
        return None
