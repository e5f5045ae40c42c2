"""A fill: one trade of one of our orders."""

from __future__ import annotations

from decimal import Decimal

from attrs import field, frozen

from anyvenue.model.enums import Liquidity, PositionSide, Side
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import ZERO, readable

__all__ = ["Fill"]


@frozen(kw_only=True)
class Fill:
    """A trade of ours, as the venue reported it, or (`estimated`) as derived from a change of position.

    `fee` is in the settle currency, positive when paid. `trade_id` is unique per instrument. Times are nanoseconds
    since the epoch, UTC: `ts_event` the venue's, `ts_recv` ours. Raises ValueError where price or quantity is not
    above 0: the side says which way.
    """

    instrument: Instrument = field(repr=str)
    trade_id: str
    client_order_id: str | None
    venue_order_id: str | None
    side: Side
    price: Decimal
    quantity: Decimal
    fee: Decimal = ZERO
    liquidity: Liquidity = Liquidity.UNKNOWN
    position_side: PositionSide = PositionSide.NET
    estimated: bool = False
    ts_event: int = 0
    ts_recv: int = 0

    def __attrs_post_init__(self) -> None:
        if self.quantity <= 0 or self.price <= 0:
            raise ValueError(
                f"{self.instrument.key}: fill {self.trade_id}: found {self.quantity} at {self.price}; "
                "allowed are a quantity and a price above 0"
            )

    def __str__(self) -> str:
        """Tell it in a line, such as `bought 0.5 simulated:BTC-USDT-PERP at 60999, maker, fee 3.04995 USDT`."""
        fee = f", fee {readable(self.fee)} {self.instrument.settle}" if self.fee else ""
        role = "" if self.liquidity is Liquidity.UNKNOWN else f", {self.liquidity.value}"
        return (
            f"{'bought' if self.side is Side.BUY else 'sold'} {readable(self.quantity)} {self.instrument} "
            f"at {readable(self.price)}{role}{fee}{', estimated' if self.estimated else ''}"
        )
