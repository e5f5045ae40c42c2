"""What an account may set for itself: leverage, margin mode, isolated margin, position mode."""

from __future__ import annotations

from decimal import Decimal

from attrs import evolve

from anyvenue.model.enums import MarginMode, PositionMode, PositionSide
from anyvenue.model.errors import RejectReason
from anyvenue.model.numbers import ZERO, quantize_money
from anyvenue.simulation import margin
from anyvenue.simulation.account import Account, Holding
from anyvenue.simulation.admission import refuse
from anyvenue.simulation.ledger import Ledger
from anyvenue.simulation.market import Market

__all__ = ["adjust_margin", "holdings_of", "set_leverage", "set_position_mode"]


def holdings_of(account: Account, market: Market) -> list[Holding]:
    """Return the holdings of an instrument that go with the account's mode: one, or the two legs of a hedge."""
    one_way = account.position_mode is PositionMode.ONE_WAY
    sides = (PositionSide.NET,) if one_way else (PositionSide.LONG, PositionSide.SHORT)
    return [account.holding(market, side) for side in sides]


def set_leverage(ledger: Ledger, account: Account, market: Market, leverage: Decimal, mode: MarginMode) -> None:
    """Set leverage and margin mode of an instrument. Raises Rejected, with nothing changed.

    The margin mode stays as long as there is a position or an order. An isolated position's margin becomes what the
    new leverage asks for its entry price.
    """
    instrument, holdings = market.instrument, holdings_of(account, market)
    if not instrument.min_leverage <= leverage <= instrument.max_leverage:
        refuse(
            RejectReason.LEVERAGE,
            f"{instrument.key}: leverage: found {leverage}; "
            f"allowed is {instrument.min_leverage} to {instrument.max_leverage}",
        )
    before = [holding.position for holding in holdings]
    orders = any(order.market is market for order in account.open_orders.values())
    if any(position.margin_mode is not mode and (position.quantity or orders) for position in before):
        refuse(RejectReason.LEVERAGE, f"{instrument.key}: the margin mode stays while there is a position or an order")
    needed_before = sum((margin.initial_margin(holding) for holding in holdings), ZERO)
    for holding in holdings:
        position = holding.position
        isolated = position.quantity and mode is MarginMode.ISOLATED
        rate = max(1 / leverage, instrument.initial_margin_rate)
        own = quantize_money(abs(position.cost) * rate) if isolated else ZERO
        holding.position = evolve(position, leverage=leverage, margin_mode=mode, margin=own)
    needed = sum((margin.initial_margin(holding) for holding in holdings), ZERO)
    short = needed > needed_before and margin.available(account, instrument.settle) < 0
    if short or any(_must_go(holding) for holding in holdings):
        for holding, position in zip(holdings, before, strict=True):
            holding.position = position
        refuse(RejectReason.INSUFFICIENT_FUNDS, f"{instrument.key}: not enough free margin for leverage {leverage}")
    for holding in holdings:
        ledger.changed(holding)


def adjust_margin(ledger: Ledger, holding: Holding, amount: Decimal) -> None:
    """Add to an isolated position's margin from what is free, or (below 0) take from it. Raises Rejected."""
    position, currency = holding.position, holding.market.instrument.settle
    where = holding.market.instrument.key
    if position.margin_mode is not MarginMode.ISOLATED or not position.quantity:
        refuse(RejectReason.LEVERAGE, f"{where}: there is no isolated position whose margin could be changed")
    if amount > 0 and margin.available(holding.account, currency) < amount:
        refuse(RejectReason.INSUFFICIENT_FUNDS, f"{where}: margin: found {amount} {currency}; that much is not free")
    if amount < 0:
        least = margin.initial_margin_of_position(holding)
        if position.margin + amount + min(ZERO, margin.unrealized(holding)) < least:
            refuse(RejectReason.INSUFFICIENT_FUNDS, f"{where}: at least {least} {currency} must stay")
    holding.position = evolve(position, margin=position.margin + amount)
    ledger.changed(holding)


def set_position_mode(account: Account, mode: PositionMode) -> None:
    """Switch between one-way and hedge mode. Raises Rejected while there is a position or an open order."""
    if mode is account.position_mode:
        return
    if account.open_orders or any(holding.position.quantity for holding in account.holdings.values()):
        refuse(RejectReason.POSITION_MODE, "the position mode stays while there is a position or an open order")
    account.position_mode = mode


def _must_go(holding: Holding) -> bool:
    if not holding.position.quantity or holding.position.margin_mode is MarginMode.CROSS:
        return False
    return margin.isolated_equity(holding) <= margin.maintenance_margin(holding)
