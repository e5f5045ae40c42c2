"""A position: what the fills and the funding of one instrument add up to."""

from __future__ import annotations

from decimal import Decimal

from attrs import evolve, field, frozen

from anyvenue.model.enums import ContractKind, MarginMode, PositionSide
from anyvenue.model.fill import Fill
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import FundingPayment
from anyvenue.model.numbers import ONE, ZERO, quantize_money, readable

__all__ = ["Position"]


@frozen(kw_only=True)
class Position:
    """What is held of one instrument, one-way (`NET`) or one leg of a hedge (`LONG`, `SHORT`).

    Attributes:
        quantity: signed, in the instrument's quantity unit; long above 0.
        cost: settle value of the quantity at its entry prices, signed like the quantity. Kept instead of an average
            price because sums stay exact where averages do not.
        realized_pnl: profit of what was closed, before fees and funding, in settle currency.
        fees: paid (positive) or received as rebates (negative), in settle currency.
        funding: received (positive) or paid (negative), in settle currency.
        leverage, margin_mode, margin: as the venue has them; `margin` is an isolated position's own.
        liquidation_price: the venue's estimate, None where it gives none.
        sequence: where the venue numbers its updates, the last one seen.
    """

    instrument: Instrument = field(repr=str)
    side: PositionSide = PositionSide.NET
    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    realized_pnl: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    leverage: Decimal = ONE
    margin_mode: MarginMode = MarginMode.CROSS
    margin: Decimal = ZERO
    liquidation_price: Decimal | None = None
    sequence: int | None = None
    ts_event: int = 0
    ts_recv: int = 0

    def __str__(self) -> str:
        """Tell it in a line, such as `long 0.5 simulated:BTC-USDT-PERP, entered at 60999`."""
        entry = self.entry_price
        if entry is None:
            return f"flat {self.instrument}"
        way = "long" if self.quantity > 0 else "short"
        return f"{way} {readable(abs(self.quantity))} {self.instrument}, entered at {readable(entry)}"

    def apply(self, fill: Fill) -> Position:
        """Return the position after `fill`: it adds, reduces, closes, or turns over.

        The caller de-duplicates fills and, in hedge mode, routes them by `fill.position_side`. Raises ValueError
        for a fill of another instrument or leg.
        """
        if fill.instrument.key != self.instrument.key or fill.position_side is not self.side:
            raise ValueError(
                f"{self.instrument.key} {self.side.value}: found a fill of {fill.instrument.key} "
                f"{fill.position_side.value}"
            )
        change = fill.quantity * fill.side.sign
        before, after = self.quantity, self.quantity + change
        cost, realized = self.cost, self.realized_pnl
        if before * change >= 0:
            cost += self.instrument.value(change, fill.price)
        else:
            closed = -change if abs(change) <= abs(before) else before
            released = cost if closed == before else quantize_money(cost * closed / before)
            # A closing part and an opening part share one value, so that both sides of a trade book the same money.
            value = self.instrument.value(change, fill.price)
            opened_value = self.instrument.value(after, fill.price) if abs(change) > abs(before) else ZERO
            realized += self.instrument.pnl_sign * -(value - opened_value + released)
            cost = cost - released + opened_value
        return evolve(
            self,
            quantity=after,
            cost=cost,
            realized_pnl=realized,
            fees=self.fees + fill.fee,
            ts_event=max(self.ts_event, fill.ts_event),
            ts_recv=max(self.ts_recv, fill.ts_recv),
        )

    def pay_funding(self, payment: FundingPayment) -> Position:
        """Return the position after a funding payment. Raises ValueError for one of another instrument."""
        if payment.instrument.key != self.instrument.key:
            raise ValueError(f"{self.instrument.key}: found a funding payment of {payment.instrument.key}")
        return evolve(
            self,
            funding=self.funding + payment.amount,
            ts_event=max(self.ts_event, payment.ts_event),
            ts_recv=max(self.ts_recv, payment.ts_recv),
        )

    @property
    def entry_price(self) -> Decimal | None:
        """Average entry price; None when flat."""
        if not self.quantity:
            return None
        if self.instrument.kind is ContractKind.LINEAR:
            return self.cost / self.quantity
        return self.quantity / self.cost

    def unrealized_pnl(self, mark: Decimal) -> Decimal:
        """Return the profit of what is open at the price `mark`, in settle currency."""
        if not self.quantity:
            return ZERO
        return self.instrument.pnl_sign * (self.instrument.value(self.quantity, mark) - self.cost)

    def net_pnl(self, mark: Decimal) -> Decimal:
        """Return realised and unrealised profit, less fees, plus funding, in settle currency."""
        return self.realized_pnl + self.unrealized_pnl(mark) - self.fees + self.funding

    def notional(self, mark: Decimal) -> Decimal:
        """Return the position's notional in quote money, signed."""
        return self.instrument.notional(self.quantity, mark)

    @property
    def is_flat(self) -> bool:
        """Whether nothing is held."""
        return not self.quantity
