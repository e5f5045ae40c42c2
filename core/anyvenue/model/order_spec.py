"""What was asked for: the part of an order that is fixed when it is made."""

from __future__ import annotations

from decimal import Decimal

from attrs import field, frozen

from anyvenue.model.enums import (
    OrderType,
    PositionSide,
    PriceSource,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TriggerKind,
)
from anyvenue.model.errors import InvalidOrder, InvalidQuantity
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import ZERO, Number, exact

__all__ = ["OrderSpec", "Protection", "Trigger", "check_protection"]


def _optional(value: Number | None) -> Decimal | None:
    return None if value is None else exact(value)


def _quantity(value: Number) -> Decimal:
    return exact(value, "quantity")


def _price(value: Number | None) -> Decimal | None:
    return None if value is None else exact(value, "price")


@frozen(kw_only=True)
class Trigger:
    """What sets a waiting order off.

    STOP and TAKE_PROFIT fire at `price`. TRAILING follows the best price seen at a distance: `trail` (in quote
    money) or `trail_ratio` (a fraction), from the start or, with `price`, from the moment that price is reached.
    """

    kind: TriggerKind
    price: Decimal | None = field(default=None, converter=_optional)
    trail: Decimal | None = field(default=None, converter=_optional)
    trail_ratio: Decimal | None = field(default=None, converter=_optional)
    source: PriceSource = PriceSource.LAST

    def __attrs_post_init__(self) -> None:
        if self.kind is TriggerKind.TRAILING:
            if (self.trail is None) == (self.trail_ratio is None):
                raise InvalidOrder("trailing trigger: found trail and trail_ratio both or neither; give exactly one")
            if (self.trail or self.trail_ratio or ZERO) <= 0:
                raise InvalidOrder("trailing trigger: the trail must be above 0")
            if self.trail_ratio is not None and self.trail_ratio >= 1:
                raise InvalidOrder(f"trailing trigger: trail_ratio: found {self.trail_ratio}; allowed is below 1")
        elif self.price is None:
            raise InvalidOrder(f"{self.kind.value} trigger: a price is needed")
        elif self.trail is not None or self.trail_ratio is not None:
            raise InvalidOrder(f"{self.kind.value} trigger: trail and trail_ratio belong to trailing triggers only")

    def fires_at_or_above(self, side: Side) -> bool:
        """Tell which way an order of `side` waits: True for price >= trigger, False for price <= trigger."""
        return (side is Side.BUY) == (self.kind is not TriggerKind.TAKE_PROFIT)


@frozen(kw_only=True)
class Protection:
    """Prices at which a position is to be closed at market: for a profit, to stop a loss, or both."""

    take_profit: Decimal | None = field(default=None, converter=_optional)
    stop_loss: Decimal | None = field(default=None, converter=_optional)
    source: PriceSource = PriceSource.MARK

    def __attrs_post_init__(self) -> None:
        if self.take_profit is None and self.stop_loss is None:
            raise InvalidOrder("protection: found neither take_profit nor stop_loss; give at least one")


def check_protection(protection: Protection, *, opening: Side, price: Decimal, instrument: Instrument) -> None:
    """Refuse a take-profit or stop-loss on the wrong side of `price`, for a position opened by side `opening`.

    For a long the stop lies below and the target above; for a short the other way round. Raises InvalidOrder.
    """
    rules = (
        ("take_profit", protection.take_profit, opening.sign),
        ("stop_loss", protection.stop_loss, -opening.sign),
    )
    for name, level, direction in rules:
        if level is None:
            continue
        instrument.check_price(level)
        if (level - price) * direction <= 0:
            raise InvalidOrder(
                f"{instrument.key}: {name}: found {level}; for a {'long' if opening is Side.BUY else 'short'} "
                f"at {price} it must lie {'above' if direction > 0 else 'below'} that price"
            )


@frozen(kw_only=True)
class OrderSpec:
    """An order as its author wants it. Checked against itself and its instrument when made.

    `quantity` is in the instrument's quantity unit and positive; the side says which way. `price` is None for
    market orders. `protection` attaches a take-profit and stop-loss to the position this order opens.
    `display_quantity` shows only a part (iceberg). Raises InvalidOrder and its children; a float is a TypeError.
    """

    client_order_id: str
    instrument: Instrument = field(repr=str)
    side: Side
    quantity: Decimal = field(converter=_quantity)
    price: Decimal | None = field(default=None, converter=_price)
    order_type: OrderType = OrderType.LIMIT
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    reduce_only: bool = False
    position_side: PositionSide = PositionSide.NET
    trigger: Trigger | None = None
    protection: Protection | None = None
    display_quantity: Decimal | None = field(default=None, converter=_optional)
    self_trade_prevention: SelfTradePrevention | None = None
    ts_created: int = 0

    def __attrs_post_init__(self) -> None:
        instrument = self.instrument
        instrument.check_exact_quantity(self.quantity, market=self.order_type is OrderType.MARKET)
        if self.order_type is OrderType.MARKET:
            if self.price is not None:
                raise InvalidOrder(f"{instrument.key}: a market order has no price; found {self.price}")
            if self.post_only:
                raise InvalidOrder(f"{instrument.key}: a market order cannot be post-only")
        elif self.price is None:
            raise InvalidOrder(f"{instrument.key}: a limit order needs a price")
        else:
            instrument.check_exact_price(self.price)
        if self.post_only and self.time_in_force is not TimeInForce.GTC:
            raise InvalidOrder(
                f"{instrument.key}: post-only orders rest, so time in force must be GTC; "
                f"found {self.time_in_force.name}"
            )
        if self.trigger is not None and self.trigger.price is not None:
            instrument.check_price(self.trigger.price)
        if self.protection is not None:
            if self.reduce_only:
                raise InvalidOrder(f"{instrument.key}: a reduce-only order opens no position to protect")
            self._check_protection(self.protection)
        if self.display_quantity is not None and not 0 < self.display_quantity <= self.quantity:
            raise InvalidQuantity(
                f"{instrument.key}: display_quantity: found {self.display_quantity}; "
                f"allowed is above 0 and at most the quantity {self.quantity}"
            )

    def _check_protection(self, protection: Protection) -> None:
        if self.price is not None:
            check_protection(protection, opening=self.side, price=self.price, instrument=self.instrument)
            return
        levels = [level for level in (protection.stop_loss, protection.take_profit) if level is not None]
        for level in levels:
            self.instrument.check_price(level)
        if len(levels) == 2 and (levels[1] - levels[0]) * self.side.sign <= 0:
            raise InvalidOrder(
                f"{self.instrument.key}: take_profit: found {levels[1]} with stop_loss {levels[0]}; for a "
                f"{'long' if self.side is Side.BUY else 'short'} it must lie "
                f"{'above' if self.side is Side.BUY else 'below'} that"
            )
