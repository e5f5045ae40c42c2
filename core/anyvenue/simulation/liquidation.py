"""Liquidation: what happens to an account whose equity no longer covers its maintenance margin.

Its orders are canceled. Then the insurance account takes its positions over at their bankruptcy prices, at which
nothing would be left of the equity, rounded to an allowed price in the account's favour; what that leaves to it is the
fee of the last fill, so that it is left with nothing, exactly. The insurance account at once sells (or buys) what it
took in the book, at the bankruptcy price or better: what comes of it is its gain. What the book does not take it
keeps, and with it the risk. Positions are never taken from other accounts.

All cross positions of one settle currency go together; an isolated position goes alone, with its own margin.
"""

from __future__ import annotations

from decimal import Decimal

from anyvenue.model.enums import ContractKind, Liquidity, MarginMode, PositionSide, Side
from anyvenue.model.errors import RejectReason
from anyvenue.model.fill import Fill
from anyvenue.model.numbers import ONE, ZERO, Rounding
from anyvenue.simulation import margin
from anyvenue.simulation.account import Account, Holding
from anyvenue.simulation.execution import Execution
from anyvenue.simulation.ledger import Ledger
from anyvenue.simulation.matching import Matcher

__all__ = ["Liquidator"]


class Liquidator:
    """Watches over margins."""

    def __init__(self, ledger: Ledger, matcher: Matcher, execution: Execution) -> None:
        self._ledger = ledger
        self._matcher = matcher
        self._execution = execution

    def check(self, account: Account) -> None:
        """Liquidate what of an account must be."""
        if account.is_house:
            return
        currencies: dict[str, list[Holding]] = {}
        for holding in list(account.holdings.values()):
            if not holding.position.quantity:
                continue
            if holding.position.margin_mode is MarginMode.CROSS:
                currencies.setdefault(holding.market.instrument.settle, []).append(holding)
            elif (equity := margin.isolated_equity(holding)) <= margin.maintenance_margin(holding):
                self._liquidate(account, [holding], equity)
        for currency, holdings in currencies.items():
            equity = margin.cross_equity(account, currency)
            if equity <= margin.cross_maintenance(account, currency):
                self._liquidate(account, holdings, equity)

    def _liquidate(self, account: Account, holdings: list[Holding], equity: Decimal) -> None:
        instrument = holdings[0].market.instrument
        isolated = holdings[0].position.margin_mode is MarginMode.ISOLATED
        self._cancel_orders(account, holdings[0] if isolated else None, instrument.settle)
        if isolated:
            untouched = account.wallets[instrument.settle] - holdings[0].position.margin
        else:
            untouched = margin.isolated_margins(account, instrument.settle)
        prices = self._bankruptcy_prices(holdings, equity)
        taken = [
            self._take_over(holding, price, None if holding is not holdings[-1] else untouched)
            for holding, price in zip(holdings, prices, strict=True)
        ]
        for (holding, price), (side, quantity) in zip(zip(holdings, prices, strict=True), taken, strict=True):
            insured = self._ledger.insurance.holding(holding.market, PositionSide.NET)
            self._execution.unload(insured, side, quantity, price)

    def _cancel_orders(self, account: Account, only: Holding | None, currency: str) -> None:
        for order in list(account.open_orders.values()):
            holding = order.holding
            if holding is only or (
                only is None
                and holding.position.margin_mode is MarginMode.CROSS
                and holding.market.instrument.settle == currency
            ):
                self._matcher.cancel(order, RejectReason.LIQUIDATION, "the account is being liquidated")
                self._ledger.tell_end(order)

    def _bankruptcy_prices(self, holdings: list[Holding], equity: Decimal) -> list[Decimal]:
        """Return for each position the price at which its share of the equity is gone; shares go by margin held."""
        weights = [margin.maintenance_margin(holding) for holding in holdings]
        if not sum(weights):
            weights = [abs(holding.position.cost) for holding in holdings]
        total = sum(weights, ZERO)
        return [
            self._bankruptcy_price(holding, equity * weight / total)
            for holding, weight in zip(holdings, weights, strict=True)
        ]

    def _bankruptcy_price(self, holding: Holding, share: Decimal) -> Decimal:
        instrument, quantity, mark = holding.market.instrument, holding.position.quantity, holding.market.mark_price
        rounding = Rounding.UP if quantity > 0 else Rounding.DOWN
        if mark is None:  # it was traded, so there is a price
            mark = holding.position.entry_price or ONE
        price = mark
        if instrument.kind is ContractKind.LINEAR:
            price = mark - share / quantity
        elif (inverse := ONE / mark + share / quantity) > 0:
            price = ONE / inverse
        price = instrument.round_price(price, rounding=rounding)
        return price if price > 0 else instrument.round_price(mark, rounding=Rounding.UP)

    def _take_over(self, holding: Holding, price: Decimal, untouched: Decimal | None) -> tuple[Side, Decimal]:
        """Move a position to the insurance account. Where `untouched` is given, the wallet is left with just that."""
        ledger, market, before = self._ledger, holding.market, holding.position
        currency = market.instrument.settle
        side = Side.SELL if before.quantity > 0 else Side.BUY
        fill = Fill(
            instrument=market.instrument,
            trade_id=market.next_trade_id(),
            client_order_id=None,
            venue_order_id=self._execution.next_id(),
            side=side,
            price=price,
            quantity=abs(before.quantity),
            liquidity=Liquidity.TAKER,
            position_side=before.side,
            ts_event=ledger.time_ns(),
        )
        fee = ZERO
        if untouched is not None:
            realized = before.apply(fill).realized_pnl - before.realized_pnl
            fee = holding.account.wallets[currency] + realized - untouched
        ledger.take_over(holding, fill, fee)
        return side, fill.quantity
