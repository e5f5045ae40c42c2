"""What a change of position comes to: a fill, at a price that is estimated, and the position itself."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from anyvenue.model.enums import MarginMode, Side
from anyvenue.model.fill import Fill
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import ONE, ZERO, Rounding, round_to_step
from anyvenue.model.position import Position
from anyvenue_gaiaex.streams import Held

__all__ = ["derived_fill", "estimated_price", "held_position"]

_PRICE_STEP: Final = Decimal("1e-8")


def derived_fill(
    instrument: Instrument,
    side: Side,
    quantity: Decimal,
    price: Decimal,
    trade_id: str,
    names: dict[str, Any],
    now: int,
    ts_event: int,
) -> Fill:
    return Fill(
        instrument=instrument,
        trade_id=trade_id,
        side=side,
        price=price,
        quantity=quantity,
        fee=instrument.fee(quantity, price, maker=False),
        estimated=True,
        ts_event=ts_event,
        ts_recv=now,
        **names,
    )


def estimated_price(base: Held, held: Held, reference: Decimal | None) -> Decimal | None:
    """Return the price at which a position changed: by its entry price where it grew, else the market's."""
    change, price = held.quantity - base.quantity, reference
    grew = held.quantity * change > 0 and base.quantity * change >= 0
    if grew and held.entry_price is not None and (base.entry_price is not None or not base.quantity):
        entry = base.entry_price or ZERO
        found = (held.entry_price * held.quantity - entry * base.quantity) / change
        # Entry prices are rounded, which weighs the more the smaller the change is beside what was held.
        blur = (_unit(held.entry_price) * abs(held.quantity) + _unit(entry) * abs(base.quantity)) / abs(change)
        if found > 0 and (reference is None or blur * 1000 <= found):
            price = found
    return None if price is None else round_to_step(price, _PRICE_STEP, Rounding.NEAREST)


def _unit(number: Decimal) -> Decimal:
    exponent = number.as_tuple().exponent
    return ONE.scaleb(exponent) if isinstance(exponent, int) else ZERO


def held_position(instrument: Instrument, held: Held, now: int, ts_event: int = 0) -> Position:
    return Position(
        instrument=instrument,
        quantity=held.quantity,
        cost=held.quantity * (held.entry_price or ZERO),
        leverage=held.leverage or ONE,
        margin_mode=held.margin_mode or MarginMode.CROSS,
        liquidation_price=held.liquidation_price,
        ts_event=ts_event,
        ts_recv=now,
    )
