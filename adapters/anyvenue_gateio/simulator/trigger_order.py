"""A trigger order as Gate keeps it, and its shape in JSON (fact sheet, chapters 8.1 and 8.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define

from anyvenue_gateio.simulator.contracts import Contract
from anyvenue_gateio.simulator.shapes import price_text, seconds
from anyvenue_gateio.simulator.trigger_body import TriggerWish

__all__ = ["TriggerOrder", "trigger_shape"]


@define(eq=False, kw_only=True)
class TriggerOrder:
    """A trigger order. Times are nanoseconds.

    `status` is open, inactive (attached to an order that has not filled yet), finished or invalid; `child` is the id of
    the order that it made, `parent` that of the one it is attached to, 0 for none.
    """

    number: int
    account: str
    contract: Contract
    wish: TriggerWish
    create_ns: int
    status: str = "open"
    finish_as: str = ""
    reason: str = ""
    finish_ns: int = 0
    child: int = 0
    parent: int = 0
    firing: bool = False
    stop_watching: Callable[[], None] | None = None

    @property
    def settle(self) -> str:
        """The settle currency, as in paths."""
        return self.contract.settle

    @property
    def is_over(self) -> bool:
        """Whether it waits no more."""
        return self.status in ("finished", "invalid")


def trigger_shape(order: TriggerOrder, user: int) -> dict[str, Any]:
    """Return a trigger order as Gate tells it, to REST and in `futures.autoorders`."""
    wish = order.wish
    shape: dict[str, Any] = {
        "id": order.number,
        "id_string": str(order.number),
        "user": user,
        "initial": {
            "contract": wish.contract,
            "size": int(wish.size),
            "amount": price_text(wish.size),
            "price": price_text(wish.price),
            "tif": wish.tif,
            "text": wish.text,
            "close": wish.close,
            "reduce_only": wish.reduce_only,
            "is_close": wish.close,
            "is_reduce_only": wish.reduce_only,
            "auto_size": wish.auto_size,
        },
        "trigger": {
            "strategy_type": 0,
            "price_type": wish.price_type,
            "price": price_text(wish.level),
            "rule": wish.rule,
            "expiration": wish.expiration or 0,
        },
        "order_type": wish.order_type,
        "status": order.status,
        "finish_as": order.finish_as,
        "reason": order.reason,
        "create_time": seconds(order.create_ns),
        "trade_id": order.child,
        "me_order_id": order.parent,
    }
    if order.is_over:
        shape["finish_time"] = seconds(order.finish_ns)
    return shape
