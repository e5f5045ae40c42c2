"""Funding: what longs pay shorts, or shorts longs, at each settlement."""

from __future__ import annotations

from decimal import Decimal

from attrs import evolve

from anyvenue.model.enums import MarginMode, PositionSide
from anyvenue.model.market import FundingPayment
from anyvenue.model.numbers import ZERO, quantize_money
from anyvenue.simulation.ledger import Ledger
from anyvenue.simulation.market import Market

__all__ = ["settle_funding"]


def settle_funding(ledger: Ledger, market: Market, rate: Decimal) -> None:
    """Book one settlement: position value at the mark price x rate, paid by longs when the rate is above 0.

    The outside world pays or gets what the accounts get or pay in sum, so that nothing is lost in rounding. An
    isolated position pays from its own margin.
    """
    instrument, mark, now = market.instrument, market.mark_price, ledger.time_ns()
    if mark is None:
        return
    paid_out = ZERO
    for holding in list(market.holders):
        amount = quantize_money(-rate * instrument.value(holding.position.quantity, mark))
        if not amount:
            continue
        paid_out += amount
        payment = FundingPayment(instrument=instrument, amount=amount, rate=rate, ts_event=now)
        account = holding.account
        holding.position = holding.position.pay_funding(payment)
        if holding.position.margin_mode is MarginMode.ISOLATED:
            holding.position = evolve(holding.position, margin=holding.position.margin + amount)
        account.wallets[instrument.settle] = account.wallets.get(instrument.settle, ZERO) + amount
        account.funding.append(payment)
        ledger.tell(account, payment)
        ledger.changed(holding)
        ledger.suspects[account] = None
    if paid_out:
        others = ledger.external
        holding = others.holding(market, PositionSide.NET)
        payment = FundingPayment(instrument=instrument, amount=-paid_out, rate=rate, ts_event=now)
        holding.position = holding.position.pay_funding(payment)
        others.wallets[instrument.settle] = others.wallets.get(instrument.settle, ZERO) - paid_out
