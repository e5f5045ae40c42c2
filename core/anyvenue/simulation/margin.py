"""What an account's orders and positions tie up, what is free, and where a position would be liquidated.

Cross positions stand on the wallet and on each other's profit; their initial margin is taken at the mark price.
An isolated position stands on margin of its own, taken from the wallet when it is opened. Orders that may open a
position reserve margin at their own price; of buys and sells on one position only the dearer side counts, and only
as far as it exceeds what it would close. All money is in settle currency.
"""

from __future__ import annotations

from decimal import Decimal

from anyvenue.model.enums import ContractKind, MarginMode
from anyvenue.model.numbers import ZERO, Rounding
from anyvenue.simulation.account import Account, Holding

__all__ = [
    "available",
    "cross_equity",
    "cross_maintenance",
    "initial_margin",
    "initial_margin_of_position",
    "isolated_equity",
    "isolated_margins",
    "liquidation_price",
    "maintenance_margin",
    "unrealized",
]


def unrealized(holding: Holding) -> Decimal:
    """Return the profit of the open position at the mark price."""
    position = holding.position
    if not position.quantity:
        return ZERO
    mark = holding.market.mark_price
    return ZERO if mark is None else position.unrealized_pnl(mark)


def initial_margin(holding: Holding) -> Decimal:
    """Return what the position and its open orders tie up."""
    position = holding.position
    quantity, buys, sells = position.quantity, holding.buys_value, holding.sells_value
    isolated = position.margin_mode is MarginMode.ISOLATED
    if quantity:
        if quantity < 0 and buys:
            buys = _opening(holding.buys_quantity, buys, -quantity)
        elif quantity > 0 and sells:
            sells = _opening(holding.sells_quantity, sells, quantity)
        if not isolated:
            mark = holding.market.mark_price
            value = abs(position.cost if mark is None else holding.market.instrument.value(quantity, mark))
            if quantity > 0:
                buys += value
            else:
                sells += value
    dearer = buys if buys > sells else sells
    if not dearer:
        return position.margin if isolated else ZERO
    needed = dearer * holding.margin_rate
    return needed + position.margin if isolated else needed


def initial_margin_of_position(holding: Holding) -> Decimal:
    """Return the margin that opening the position anew at the mark price would take."""
    quantity, mark = holding.position.quantity, holding.market.mark_price
    value = holding.position.cost if mark is None else holding.market.instrument.value(quantity, mark)
    return abs(value) * holding.margin_rate


def _opening(quantity: Decimal, value: Decimal, closing: Decimal) -> Decimal:
    """Return the part of orders worth `value` that is left when `closing` of their quantity is used up."""
    opening = quantity - closing
    return value * opening / quantity if opening > 0 else ZERO


def available(account: Account, currency: str) -> Decimal:
    """Return what is free for new orders; below 0 when losses have eaten into what is tied up."""
    free = account.wallets.get(currency, ZERO)
    for holding in account.holdings.values():
        if holding.market.instrument.settle != currency:
            continue
        free -= initial_margin(holding)
        if holding.position.quantity and holding.position.margin_mode is MarginMode.CROSS:
            free += unrealized(holding)
    return free


def maintenance_margin(holding: Holding) -> Decimal:
    """Return the margin below which the position is liquidated."""
    quantity, mark = holding.position.quantity, holding.market.mark_price
    if not quantity or mark is None:
        return ZERO
    return holding.market.instrument.maintenance_margin(quantity, mark)


def isolated_equity(holding: Holding) -> Decimal:
    """Return what an isolated position stands on."""
    return holding.position.margin + unrealized(holding)


def isolated_margins(account: Account, currency: str) -> Decimal:
    """Return the margin of all isolated positions of one currency, a part of the wallet."""
    return sum((holding.position.margin for holding in account.holdings_in(currency)), ZERO)


def cross_equity(account: Account, currency: str) -> Decimal:
    """Return what the cross positions of one currency stand on: the wallet less isolated margin, plus profit."""
    equity = account.wallets.get(currency, ZERO)
    for holding in account.holdings_in(currency):
        if holding.position.margin_mode is MarginMode.ISOLATED:
            equity -= holding.position.margin
        else:
            equity += unrealized(holding)
    return equity


def cross_maintenance(account: Account, currency: str, *, but: Holding | None = None) -> Decimal:
    """Return the maintenance margin of all cross positions of one currency, or of all `but` one."""
    maintenance = ZERO
    for holding in account.holdings_in(currency):
        if holding is not but and holding.position.margin_mode is MarginMode.CROSS:
            maintenance += maintenance_margin(holding)
    return maintenance


def liquidation_price(holding: Holding) -> Decimal | None:
    """Return the mark price at which the position would be liquidated, all else unchanged; None if there is none.

    It solves equity(price) = maintenance margin(price), and rounds to the side that is reached first.
    """
    position, instrument = holding.position, holding.market.instrument
    quantity, mark = position.quantity, holding.market.mark_price
    if not quantity or mark is None:
        return None
    if position.margin_mode is MarginMode.ISOLATED:
        spare = isolated_equity(holding)
    else:
        account, currency = holding.account, instrument.settle
        spare = cross_equity(account, currency) - cross_maintenance(account, currency, but=holding)
    held = abs(quantity) * instrument.maintenance_margin_rate
    if instrument.kind is ContractKind.LINEAR:
        above, below = quantity * mark - spare, quantity - held
    else:
        above, below = quantity + held, spare + quantity / mark
    if not below or above / below <= 0:
        return None
    return instrument.round_price(above / below, rounding=Rounding.UP if quantity > 0 else Rounding.DOWN)
