"""What Gate checks of a new order against its contract and the account's position, and what the exchange is told."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from anyvenue.model.enums import (
    OrderType,
    PositionMode,
    PositionSide,
    SelfTradePrevention,
    Side,
    TimeInForce,
)
from anyvenue.model.errors import InvalidOrder
from anyvenue.model.numbers import Rounding, is_multiple
from anyvenue.model.order_spec import OrderSpec
from anyvenue.simulation.exchange import Exchange
from anyvenue_gateio.simulator.contracts import Contract
from anyvenue_gateio.simulator.listed import quantity_step
from anyvenue_gateio.simulator.order_body import Wish
from anyvenue_gateio.simulator.refusal import Refused
from anyvenue_gateio.simulator.shapes import price_text

__all__ = [
    "check_attached",
    "check_band",
    "check_price",
    "check_risk_limit",
    "check_size",
    "position_side",
    "resolve_size",
    "specify",
]

_TIFS: Final = {"gtc": TimeInForce.GTC, "poc": TimeInForce.GTC, "ioc": TimeInForce.IOC, "fok": TimeInForce.FOK}
_STP: Final = {
    "cn": SelfTradePrevention.CANCEL_NEWEST,
    "co": SelfTradePrevention.CANCEL_OLDEST,
    "cb": SelfTradePrevention.CANCEL_BOTH,
}


def position_side(wish: Wish, mode: PositionMode, size: Decimal) -> PositionSide:
    """Return which position an order is for: in dual mode its sign and whether it reduces say so."""
    if mode is PositionMode.ONE_WAY:
        return PositionSide.NET
    return PositionSide.LONG if (size > 0) is not wish.reduce_only else PositionSide.SHORT


def resolve_size(wish: Wish, exchange: Exchange, account: str, contract: Contract, mode: PositionMode) -> Decimal:
    """Return the signed contracts of an order, those of a close order from the position. Raises Refused."""
    dual = mode is PositionMode.HEDGE
    if wish.auto_size:
        if not dual or wish.size or not wish.reduce_only:
            raise Refused("INVALID_PARAM_VALUE", "auto_size: for dual mode, with size 0 and reduce_only true")
        side = PositionSide.LONG if wish.auto_size == "close_long" else PositionSide.SHORT
    elif wish.close:
        if dual or wish.size:
            raise Refused("INVALID_PARAM_VALUE", "invalid size with close-order")
        side = PositionSide.NET
    else:
        if not wish.size:
            raise Refused("INVALID_PARAM_VALUE", "invalid size with close-order" if dual else "invalid argument: #size")
        if dual and wish.reduce_only:
            side = PositionSide.LONG if wish.size < 0 else PositionSide.SHORT
            held = abs(contract.size_of(exchange.position(account, contract.symbol, side).quantity))
            if not held:
                raise Refused("INCREASE_POSITION", "empty position")
            if abs(wish.size) > held:
                raise Refused("REDUCE_EXCEEDED", f"size {price_text(wish.size)} exceeds the position {held}")
        return wish.size
    held = contract.size_of(exchange.position(account, contract.symbol, side).quantity)
    if not held:
        raise Refused("POSITION_EMPTY", "empty position")
    terms = contract.terms
    limit = Decimal(terms.size_max if wish.price or terms.market_size_max == "0" else terms.market_size_max)
    return -min(abs(held), limit).copy_sign(held)


def check_size(contract: Contract, size: Decimal, *, market: bool) -> None:
    """Raise Refused for a size in contracts that the contract does not take."""
    terms, number = contract.terms, abs(size)
    if not terms.decimal and number != number.to_integral_value():
        raise Refused("INVALID_PARAM_VALUE", f"size: {contract.name} takes whole contracts; found {size}")
    if number < Decimal(terms.size_min):
        raise Refused("SIZE_TOO_SMALL", f"size {number} is below the minimum {terms.size_min}")
    if not is_multiple(number, quantity_step(terms)):
        raise Refused("INVALID_PARAM_VALUE", f"size: {contract.name} takes steps of {terms.size_min}; found {size}")
    largest = terms.market_size_max if market and terms.market_size_max != "0" else terms.size_max
    if number > Decimal(largest):
        raise Refused("SIZE_TOO_LARGE", f"size {number} is above the maximum {largest}")


def check_price(contract: Contract, price: Decimal) -> None:
    """Raise Refused for a price that is not on the contract's grid."""
    if price <= 0 or not is_multiple(price, contract.tick):
        raise Refused("INVALID_PARAM_VALUE", f"price: found {price}; the precision is {price_text(contract.tick)}")


def check_band(contract: Contract, price: Decimal, mark: Decimal | None) -> None:
    """Raise Refused, with the range that is valid, for a price too far from the mark price."""
    if mark is None:
        return
    width = mark * Decimal(contract.terms.deviate)
    lowest = contract.instrument.round_price(mark - width, rounding=Rounding.UP)
    highest = contract.instrument.round_price(mark + width, rounding=Rounding.DOWN)
    if not lowest <= price <= highest:
        raise Refused(
            "PRICE_TOO_DEVIATED",
            f"order price {price_text(price)} while mark price {price_text(mark)} and the valid range is "
            f"[{price_text(lowest)}, {price_text(highest)}]",
        )


def check_attached(contract: Contract, wish: Wish, size: Decimal, at: Decimal | None) -> None:
    """Raise Refused for a take-profit or stop-loss that the order cannot have; `at` is its price."""
    for level, direction in ((wish.take_profit, 1), (wish.stop_loss, -1)):
        if level is None:
            continue
        if wish.reduce_only or wish.close:
            raise Refused("INVALID_PARAM_VALUE", "a reduce-only order has no TP/SL of its own")
        check_price(contract, level)
        if at is not None and (level - at) * direction * (1 if size > 0 else -1) <= 0:
            raise Refused("INVALID_PARAM_VALUE", f"TP/SL: {price_text(level)} is on the wrong side of {price_text(at)}")


def worst_price(wish: Wish, exchange: Exchange, contract: Contract, size: Decimal) -> Decimal | None:
    """Return how far a market order may go, where it says so. Raises Refused where nobody is on the other side."""
    book = exchange.book(contract.symbol)
    best = book.best_ask if size > 0 else book.best_bid
    if best is None:
        raise Refused("CONTRACT_NO_COUNTER", f"no orders on the other side of {contract.name}")
    if wish.slip_ratio is None:
        return None
    side = Side.BUY if size > 0 else Side.SELL
    return contract.instrument.round_price(best * (1 + wish.slip_ratio.copy_sign(size)), side)


def check_risk_limit(
    exchange: Exchange, account: str, contract: Contract, side: PositionSide, size: Decimal, price: Decimal | None
) -> None:
    """Raise Refused for an order that would let a position grow beyond the only risk tier there is."""
    instrument, at = contract.instrument, price or exchange.mark_price(contract.symbol)
    if at is None:
        return
    held = exchange.position(account, contract.symbol, side).quantity
    after = abs(instrument.value(held + contract.quantity_of(size), at))
    if after > Decimal(contract.terms.risk_limit) and after > abs(instrument.value(held, at)):
        raise Refused("RISK_LIMIT_EXCEEDED", f"risk limit {contract.terms.risk_limit} exceeded")


def specify(
    wish: Wish,
    contract: Contract,
    size: Decimal,
    client_id: str,
    side_of: PositionSide,
    worst: Decimal | None,
    now: int,
) -> OrderSpec:
    """Return the exchange's order. `worst` is the limit of a market order with a bound slippage. Raises Refused."""
    price = wish.price or worst
    reducing = wish.reduce_only or wish.close
    try:
        return OrderSpec(
            client_order_id=client_id,
            instrument=contract.instrument,
            side=Side.BUY if size > 0 else Side.SELL,
            quantity=contract.quantity_of(abs(size)),
            price=price,
            order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
            time_in_force=_TIFS[wish.tif],
            post_only=wish.tif == "poc",
            reduce_only=reducing,
            position_side=side_of,
            display_quantity=contract.quantity_of(wish.iceberg) if wish.iceberg else None,
            self_trade_prevention=_STP.get(wish.stp_act),
            ts_created=now,
        )
    except InvalidOrder as error:
        raise Refused("INVALID_PARAM_VALUE", str(error)) from None
