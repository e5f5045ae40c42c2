"""A trailing order as Gate keeps it: its terms, how it follows the price, and its shape in JSON (chapter 8.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from attrs import define, field, frozen

from anyvenue.model.enums import PriceSource
from anyvenue_gateio.simulator.contracts import Contract
from anyvenue_gateio.simulator.order_body import check_text, read_decimal, read_flag, read_word
from anyvenue_gateio.simulator.refusal import Refused
from anyvenue_gateio.simulator.shapes import price_text, whole_seconds
from anyvenue_gateio.simulator.trigger_body import read_choice

__all__ = ["TRAIL_SOURCES", "TrailOrder", "TrailTerms", "read_offset", "read_terms", "read_trail_text", "trail_shape"]

TRAIL_SOURCES: Final = {1: PriceSource.LAST, 2: PriceSource.INDEX, 3: PriceSource.MARK}
"""By `price_type`: another coding than that of trigger orders."""


@frozen(kw_only=True)
class TrailTerms:
    """What can be changed of a trailing order. `amount` is signed contracts, `activation` 0 for at once.

    `offset` is a distance in price, or with `is_ratio` a fraction of the best price; `offset_text` is as it was sent.
    """

    amount: Decimal
    activation: Decimal
    is_gte: bool
    price_type: int
    offset: Decimal
    is_ratio: bool
    offset_text: str


@define(eq=False, kw_only=True)
class TrailOrder:
    """A trailing order. Times are nanoseconds; `best` is the best price since it woke up, None before that."""

    number: int
    account: str
    contract: Contract
    terms: TrailTerms
    text: str
    reduce_only: bool
    position_related: bool
    is_dual: bool
    create_ns: int
    best: Decimal | None = None
    active_ns: int = 0
    finish_ns: int = 0
    update_ns: int = 0
    is_finished: bool = False
    outcome: str = ""
    reason: str = ""
    error_label: str = ""
    child: int = 0
    child_text: str = ""
    firing: bool = False
    log: list[dict[str, Any]] = field(factory=list)
    stop_watching: Callable[[], None] | None = None

    @property
    def trigger_price(self) -> Decimal | None:
        """Where it fires; None while it is not active."""
        if self.best is None:
            return None
        terms = self.terms
        distance = self.best * terms.offset if terms.is_ratio else terms.offset
        return self.best + distance.copy_sign(terms.amount)

    def sees(self, price: Decimal, now: int) -> bool:
        """Wake up, follow the price, or tell that it fires: a sell trails the highest price, a buy the lowest."""
        terms, buys = self.terms, self.terms.amount > 0
        if self.best is None:
            awake = not terms.activation or (price >= terms.activation if terms.is_gte else price <= terms.activation)
            if awake:
                self.best, self.active_ns = price, now
            return False
        level = self.trigger_price
        if level is not None and (price >= level if buys else price <= level):
            return True
        self.best = min(self.best, price) if buys else max(self.best, price)
        return False

    def note(self, now: int, *, is_create: bool) -> None:
        """Write the terms into the change log."""
        self.update_ns = now
        self.log.append(
            {
                "updated_at": whole_seconds(now),
                "amount": price_text(self.terms.amount),
                "is_gte": self.terms.is_gte,
                "activation_price": price_text(self.terms.activation),
                "price_type": self.terms.price_type,
                "price_offset": self.terms.offset_text,
                "is_create": is_create,
            }
        )


def read_terms(body: Mapping[str, Any]) -> TrailTerms:
    """Return the terms of a create body. Raises Refused."""
    amount = read_decimal(body, "amount")
    if not amount:
        raise Refused("INVALID_PARAM_VALUE", "amount: a signed number of contracts is needed")
    price_type = read_choice(body, "price_type", TRAIL_SOURCES, default=1)
    activation = read_decimal(body, "activation_price") or Decimal(0)
    if activation < 0:
        raise Refused("INVALID_PARAM_VALUE", "activation_price: allowed are numbers from 0")
    text = read_word(body, "price_offset")
    offset, is_ratio = read_offset(text)
    return TrailTerms(
        amount=amount,
        activation=activation,
        is_gte=read_flag(body, "is_gte"),
        price_type=price_type,
        offset=offset,
        is_ratio=is_ratio,
        offset_text=text,
    )


def read_offset(text: str) -> tuple[Decimal, bool]:
    """Return a distance, and whether it is a fraction of the price: `0.1%` is one. Raises Refused."""
    is_ratio = text.endswith("%")
    number = read_decimal({"price_offset": text.removesuffix("%")}, "price_offset")
    if number is None or number <= 0 or (is_ratio and number >= 100):
        raise Refused("INVALID_PARAM_VALUE", 'price_offset: allowed are texts such as "0.1" and "0.1%"')
    return (number / 100 if is_ratio else number), is_ratio


def read_trail_text(body: Mapping[str, Any]) -> str:
    """Return the client's own id. Raises Refused."""
    return check_text(body.get("text"), "apiv4")


def trail_shape(order: TrailOrder, user: int) -> dict[str, Any]:
    """Return a trailing order as Gate tells it. Times are whole seconds."""
    terms, level = order.terms, order.trigger_price
    created, active, finished = (whole_seconds(ns) for ns in (order.create_ns, order.active_ns, order.finish_ns))
    side = "long" if (terms.amount > 0) is not order.reduce_only else "short"
    state = order.outcome if order.is_finished else "active" if order.best is not None else "waiting"
    return {
        "id": order.number,
        "user_id": user,
        "user": user,
        "contract": order.contract.name,
        "settle": order.contract.settle,
        "amount": price_text(terms.amount),
        "is_gte": terms.is_gte,
        "activation_price": price_text(terms.activation),
        "price_type": terms.price_type,
        "price_offset": terms.offset_text,
        "text": order.text,
        "reduce_only": order.reduce_only,
        "position_related": order.position_related,
        "created_at": created,
        "activated_at": active,
        "finished_at": finished,
        "create_time": created,
        "active_time": active,
        "finish_time": finished,
        "updated_at": whole_seconds(order.update_ns),
        "reason": order.reason,
        "error_label": order.error_label,
        "suborder_id": order.child,
        "suborder_text": order.child_text,
        "is_dual_mode": order.is_dual,
        "trigger_price": price_text(level),
        "extremum_price": price_text(order.best),
        "side_label": "buy" if terms.amount > 0 else "sell",
        "position_side_output": side,
        "original_status": {"waiting": 1, "active": 2}.get(state, 3),
        "status": "finished" if order.is_finished else "open",
        "status_code": state,
        "status_label": state,
        "position_mode": "dual" if order.is_dual else "single",
        "leverage": "0",
    }
