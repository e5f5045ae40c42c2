"""What a client wants of an order: the bodies of /order and /order/modify (8.1, 8.4)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from attrs import frozen

from anyvenue.model.enums import MarginMode, Side
from anyvenue_gaiaex.simulator.body import Body
from anyvenue_gaiaex.simulator.order_rules import BAD_PRICE, BAD_SIZE
from anyvenue_gaiaex.simulator.refusal import Refused

__all__ = ["Change", "Wish", "read_change", "read_leverage", "read_order"]

GTC: Final = "GTC"
_TIFS: Final = (GTC, "IOC", "ALO")
_MARGIN_WORDS: Final = {"Cross": MarginMode.CROSS, "Isolated": MarginMode.ISOLATED}


@frozen(kw_only=True)
class Wish:
    """A new order. `price` is None for a market order."""

    symbol: str
    side: Side
    size: Decimal
    price: Decimal | None
    time_in_force: str
    reduce_only: bool
    tp_price: Decimal | None
    sl_price: Decimal | None
    leverage: int | None
    margin_mode: MarginMode | None
    client_id: str


@frozen(kw_only=True)
class Change:
    """A change of an order: everything of it anew."""

    order_id: int
    symbol: str
    side: Side
    size: Decimal
    price: Decimal
    reduce_only: bool


def read_order(body: Body, *, knows_tif: bool) -> Wish:
    """Return what a body of /order says. Raises Refused. A server that knows no `time_in_force` does not look at it."""
    is_market = body.word("order_type", "market", ("market", "limit")) == "market"
    price = body.optional_number("price", BAD_PRICE)
    if is_market is not (price is None):
        raise Refused(400, BAD_PRICE)
    margin_word = body.word("leverage_type", "", tuple(_MARGIN_WORDS))
    return Wish(
        symbol=body.text("symbol"),
        side=Side.BUY if body.flag("is_buy") else Side.SELL,
        size=body.number("size", BAD_SIZE),
        price=price,
        time_in_force=body.word("time_in_force", GTC, _TIFS) if knows_tif else GTC,
        reduce_only=body.flag("reduce_only", default=False),
        tp_price=body.optional_number("tp_price", BAD_PRICE),
        sl_price=body.optional_number("sl_price", BAD_PRICE),
        leverage=read_leverage(body) if body.has("leverage") else None,
        margin_mode=_MARGIN_WORDS.get(margin_word),
        client_id=body.text("client_id") if body.has("client_id") else "",
    )


def read_change(body: Body) -> Change:
    """Return what a body of /order/modify says. Raises Refused; an order cannot become a market order."""
    body.word("order_type", "limit", ("limit",))
    return Change(
        order_id=body.whole("order_id"),
        symbol=body.text("symbol"),
        side=Side.BUY if body.flag("is_buy") else Side.SELL,
        size=body.number("size", BAD_SIZE),
        price=body.number("price", BAD_PRICE),
        reduce_only=body.flag("reduce_only", default=False),
    )


def read_leverage(body: Body) -> int:
    """Return a leverage. Raises Refused."""
    leverage = body.whole("leverage")
    if leverage < 1:
        raise Refused(400, "Leverage must be at least 1")
    return leverage
