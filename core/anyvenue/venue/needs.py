"""Which features of a venue an order needs."""

from __future__ import annotations

from typing import Final

from anyvenue.model.enums import OrderType, PositionSide, TimeInForce, TriggerKind
from anyvenue.model.order_spec import OrderSpec
from anyvenue.venue.capabilities import Feature

__all__ = ["features_of"]

_TIMES: Final = {TimeInForce.IOC: Feature.IOC, TimeInForce.FOK: Feature.FOK}
_TRIGGERS: Final = {
    TriggerKind.STOP: Feature.STOP,
    TriggerKind.TAKE_PROFIT: Feature.TAKE_PROFIT,
    TriggerKind.TRAILING: Feature.TRAILING,
}


def features_of(spec: OrderSpec) -> list[Feature]:
    """Return every feature that a venue must have to take this order."""
    is_market = spec.order_type is OrderType.MARKET
    needs = [Feature.MARKET if is_market else Feature.LIMIT]
    if not is_market and spec.time_in_force is not TimeInForce.GTC:
        needs.append(_TIMES[spec.time_in_force])
    if spec.trigger is not None:
        needs.append(_TRIGGERS[spec.trigger.kind])
    if spec.post_only:
        needs.append(Feature.POST_ONLY)
    if spec.reduce_only:
        needs.append(Feature.REDUCE_ONLY)
    if spec.display_quantity is not None:
        needs.append(Feature.ICEBERG)
    if spec.protection is not None:
        needs.append(Feature.ATTACHED_PROTECTION)
    if spec.self_trade_prevention is not None:
        needs.append(Feature.SELF_TRADE_PREVENTION)
    if spec.position_side is not PositionSide.NET:
        needs.append(Feature.HEDGE_MODE)
    return needs
