"""What the simulated exchange refuses, and why: every check that an order passes before it may trade or rest."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NoReturn

from anyvenue.model.enums import (
    ContractKind,
    PositionMode,
    PositionSide,
    SelfTradePrevention,
    Side,
    TradingStatus,
)
from anyvenue.model.errors import (
    InsufficientFunds,
    InvalidOrder,
    InvalidPrice,
    InvalidQuantity,
    QuantityTooSmall,
    Rejected,
    RejectReason,
    UnknownOrder,
    WouldTakeLiquidity,
)
from anyvenue.model.numbers import ZERO
from anyvenue.model.order_spec import OrderSpec, Protection, check_protection
from anyvenue.simulation import margin
from anyvenue.simulation.account import Account
from anyvenue.simulation.market import Market
from anyvenue.simulation.matching import Matcher
from anyvenue.simulation.working_order import WorkingOrder

__all__ = [
    "check_funds",
    "check_id",
    "check_limits",
    "check_position",
    "check_price",
    "check_protected",
    "check_quantity",
    "check_status",
    "closable",
    "dearest",
    "execution_limit",
    "refuse",
    "sweep_value",
]

_CLASSES: dict[RejectReason, type[Rejected]] = {
    RejectReason.INSUFFICIENT_FUNDS: InsufficientFunds,
    RejectReason.UNKNOWN_ORDER: UnknownOrder,
    RejectReason.ORDER_CLOSED: UnknownOrder,
    RejectReason.WOULD_TAKE_LIQUIDITY: WouldTakeLiquidity,
}


def refuse(reason: RejectReason, text: str) -> NoReturn:
    """Raise Rejected, or its child that goes with the reason."""
    raise _CLASSES.get(reason, Rejected)(text, reason=reason)


def check_price(market: Market, price: Decimal) -> None:
    """Refuse a price that breaks the instrument's rule."""
    try:
        market.instrument.check_exact_price(price)
    except InvalidPrice as error:
        refuse(RejectReason.INVALID_PRICE, str(error))


def check_quantity(market: Market, quantity: Decimal, *, is_market: bool) -> None:
    """Refuse a quantity that breaks the instrument's rules."""
    try:
        market.instrument.check_exact_quantity(quantity, market=is_market)
    except QuantityTooSmall as error:
        refuse(RejectReason.BELOW_MINIMUM, str(error))
    except InvalidQuantity as error:
        refuse(RejectReason.INVALID_QUANTITY, str(error))


def check_id(account: Account, client_order_id: str) -> None:
    """Refuse a client order id that the account has used, as far back as is remembered."""
    if client_order_id in account.by_client_id:
        refuse(RejectReason.DUPLICATE_ID, f"the client order id {client_order_id!r} has been used")


def check_status(market: Market, *, reducing: bool) -> None:
    """Refuse what the instrument's trading status does not allow."""
    if market.status is TradingStatus.HALTED or (market.status is TradingStatus.REDUCE_ONLY and not reducing):
        refuse(RejectReason.MARKET_CLOSED, f"{market.instrument.key} is {market.status.value}")


def check_limits(market: Market, price: Decimal | None, quantity: Decimal, *, reducing: bool) -> None:
    """Refuse a price too far from the mark price, and a notional that is too small unless it only reduces."""
    instrument, mark = market.instrument, market.mark_price
    band = instrument.price_band
    if price is not None and band is not None and mark is not None and abs(price - mark) > mark * band:
        refuse(
            RejectReason.PRICE_OUT_OF_BAND,
            f"{instrument.key}: price: found {price}; allowed is at most {band} from the mark price {mark}",
        )
    at = mark if price is None else price
    if instrument.min_notional and at is not None and not reducing:
        notional = instrument.notional(quantity, at)
        if notional < instrument.min_notional:
            refuse(
                RejectReason.BELOW_MINIMUM,
                f"{instrument.key}: notional: found {notional} {instrument.quote}; "
                f"allowed is at least {instrument.min_notional}",
            )


def check_position(account: Account, spec: OrderSpec) -> bool:
    """Refuse a position side that does not go with the account's mode; tell whether the order may only reduce."""
    one_way = account.position_mode is PositionMode.ONE_WAY
    if (spec.position_side is PositionSide.NET) is not one_way:
        refuse(
            RejectReason.POSITION_MODE,
            f"position_side: found {spec.position_side.value}; the account is in {account.position_mode.value} mode",
        )
    if one_way:
        return spec.reduce_only
    closing = (spec.position_side is PositionSide.LONG) is (spec.side is Side.SELL)
    if spec.reduce_only and not closing:
        refuse(
            RejectReason.REDUCE_ONLY,
            f"a {spec.side.value} opens a {spec.position_side.value} position, so it cannot be reduce-only",
        )
    return closing


def check_protected(market: Market, protection: Protection, opening: Side) -> None:
    """Refuse a take-profit or stop-loss on the wrong side of the price that it looks at."""
    price = market.price(protection.source) or market.mark_price
    if price is None:
        return
    try:
        check_protection(protection, opening=opening, price=price, instrument=market.instrument)
    except InvalidOrder as error:
        refuse(RejectReason.INVALID_TRIGGER, str(error))


def closable(order: WorkingOrder) -> Decimal:
    """Return how much of its position an order could close; not above 0 where it would open."""
    return -order.side.sign * order.holding.position.quantity


def dearest(market: Market, side: Side, price: Decimal) -> Decimal:
    """Return the dearest price an order may trade at, as far as is known: a sell may fetch more than it asks."""
    if market.instrument.kind is ContractKind.LINEAR:
        mark = market.mark_price if side is Side.SELL else None
        return price if mark is None else max(price, mark)
    mark = market.mark_price if side is Side.BUY else None
    return price if mark is None else min(price, mark)


def check_funds(order: WorkingOrder, quantity: Decimal, value: Decimal) -> None:
    """Refuse an order when the margin for `quantity`, worth `value`, is not free.

    What needs no more margin than before always passes.
    """
    if order.reducing or order.account.is_house:
        return
    holding, currency = order.holding, order.market.instrument.settle
    holding.count(order, quantity, value)
    free = margin.available(order.account, currency)
    after = margin.initial_margin(holding) if free < 0 else ZERO
    holding.release(order)
    if free < 0 and (needed := after - margin.initial_margin(holding)) > 0:
        refuse(
            RejectReason.INSUFFICIENT_FUNDS,
            f"{order.market.instrument.key}: margin: {needed} {currency} needed, {free + needed} free",
        )


def execution_limit(market: Market, side: Side) -> Decimal | None:
    """Return the worst price that the price band lets a market order trade at; None without a band."""
    band, mark = market.instrument.price_band, market.mark_price
    return None if band is None or mark is None else mark * (1 + side.sign * band)


def sweep_value(
    matcher: Matcher, order: WorkingOrder, quantity: Decimal, limit: Decimal | None
) -> tuple[Decimal, Decimal]:
    """Return how much of `quantity` would trade at once at `limit` or better, and its value in settle currency.

    It sees self-trade prevention coming: orders of the account itself do not count.
    """
    market, left, value = order.market, quantity, ZERO
    for price, external, orders in matcher.walk(market, order.side):
        if left <= 0 or (limit is not None and (price - limit) * order.side.sign > 0):
            break
        reach, there = _reachable(order, external, orders)
        traded = min(there, left)
        left -= traded
        if traded:
            value += market.instrument.value(traded, price)
        if not reach:
            break
    return quantity - left, value


def _reachable(taker: WorkingOrder, external: Decimal, orders: Sequence[WorkingOrder]) -> tuple[bool, Decimal]:
    """Tell whether a taker gets through a whole level, and how much it meets there before that or the end of it."""
    passes_itself = taker.prevention is SelfTradePrevention.CANCEL_OLDEST
    shown = hidden = ZERO
    for resting in orders:
        if resting.account is not taker.account:
            shown += resting.visible
            hidden += resting.leaves - resting.visible
        elif not passes_itself:
            return False, shown + min(resting.ahead, external)
    return True, shown + hidden + external
