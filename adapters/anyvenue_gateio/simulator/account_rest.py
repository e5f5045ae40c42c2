"""The account over REST: money, the book of its changes, fees, the position mode."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from anyvenue.model.enums import MarginMode, PositionMode
from anyvenue.simulation.server.stage import Stage
from anyvenue_gateio.simulator.account_book import AccountBooks
from anyvenue_gateio.simulator.accounts import Accounts
from anyvenue_gateio.simulator.call import Call, Route
from anyvenue_gateio.simulator.contracts import Contracts
from anyvenue_gateio.simulator.refusal import Refused
from anyvenue_gateio.simulator.shapes import money_text, price_text, whole_seconds

__all__ = ["AccountRest"]

_F: Final = "/futures/{settle}"
_HISTORY: Final = (
    "dnw",
    "pnl",
    "fee",
    "refr",
    "fund",
    "point_dnw",
    "point_fee",
    "point_refr",
    "bonus_dnw",
    "bonus_offset",
    "cross_settle",
)


class AccountRest:
    """The account endpoints."""

    def __init__(self, stage: Stage, contracts: Contracts, accounts: Accounts, books: AccountBooks) -> None:
        self._stage = stage
        self._contracts = contracts
        self._accounts = accounts
        self._books = books

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route(method="GET", pattern=f"{_F}/accounts", handler=self.account),
            Route(method="GET", pattern=f"{_F}/account_book", handler=self.book),
            Route(method="GET", pattern=f"{_F}/fee", handler=self.fees),
            Route(method="POST", pattern=f"{_F}/dual_mode", handler=self.set_dual_mode),
            Route(method="POST", pattern=f"{_F}/set_position_mode", handler=self.set_position_mode),
        ]

    def account(self, call: Call) -> Any:
        """GET accounts."""
        self._accounts.check_settle(call.account, call.settle)
        return self.shape(call.account, call.settle)

    def shape(self, account: str, settle: str) -> dict[str, Any]:
        """Return an account as REST tells it. The cross figures are those of the new classic mode."""
        exchange, currency = self._stage.exchange, settle.upper()
        balance = next(balance for balance in exchange.balances(account) if balance.currency == currency)
        zero = Decimal(0)
        initial = maintenance = isolated = unrealised = cross_initial = cross_maintenance = cross_unrealised = zero
        for position in exchange.positions(account):
            if position.instrument.settle != currency:
                continue
            mark = exchange.mark_price(position.instrument.symbol)
            if mark is None:
                continue
            profit = position.unrealized_pnl(mark)
            held = position.instrument.maintenance_margin(position.quantity, mark)
            unrealised += profit
            maintenance += held
            if position.margin_mode is MarginMode.ISOLATED:
                isolated += position.margin
                initial += position.margin
            else:
                needed = position.instrument.initial_margin(position.quantity, mark, position.leverage)
                initial += needed
                cross_initial += needed
                cross_maintenance += held
                cross_unrealised += profit
        equity = balance.total - isolated + cross_unrealised
        orders = max(zero, balance.total + cross_unrealised - initial - balance.available)
        dual = self._accounts.is_dual(account)
        return {
            "user": self._accounts.user_id(account),
            "currency": currency,
            "total": money_text(balance.total),
            "available": money_text(balance.available),
            "unrealised_pnl": money_text(unrealised),
            "position_margin": money_text(isolated),
            "order_margin": money_text(orders),
            "position_initial_margin": money_text(initial),
            "maintenance_margin": money_text(maintenance),
            "isolated_position_margin": money_text(isolated),
            "cross_order_margin": money_text(orders),
            "cross_initial_margin": money_text(cross_initial),
            "cross_maintenance_margin": money_text(cross_maintenance),
            "cross_unrealised_pnl": money_text(cross_unrealised),
            "cross_available": money_text(balance.available),
            "cross_margin_balance": money_text(equity),
            "cross_mmr": money_text(equity / cross_maintenance if cross_maintenance else zero),
            "cross_imr": money_text(equity / cross_initial if cross_initial else zero),
            "in_dual_mode": dual,
            "position_mode": "dual" if dual else "single",
            "margin_mode": 0,
            "enable_credit": False,
            "enable_evolved_classic": True,
            "enable_new_dual_mode": True,
            "enable_tiered_mm": True,
            "enable_dual_plus": False,
            "bonus": "0",
            "point": "0",
            "history": {name: self._books.total(account, settle, name) for name in _HISTORY},
            "update_time": whole_seconds(self._stage.clock.time_ns()),
            "update_id": balance.sequence or 0,
        }

    def book(self, call: Call) -> Any:
        """GET account_book, newest first."""
        self._accounts.check_settle(call.account, call.settle)
        first, last = call.span_ns()
        name, kind = call.word("contract"), call.word("type", _HISTORY)
        if name is not None:
            self._contracts.find(call.settle, name)
        rows = [
            row
            for row in self._books.rows(call.account, call.settle)
            if first <= row.time_ns < last and name in (None, row.contract) and kind in (None, row.kind)
        ]
        return [
            {
                "time": whole_seconds(row.time_ns),  # a number of seconds; ccxt can read a whole one only
                "change": money_text(row.change),
                "balance": money_text(row.balance),
                "type": row.kind,
                "text": row.text,
                "contract": row.contract,
                "trade_id": row.trade_id,
                "id": str(row.number),
            }
            for row in call.page(rows)
        ]

    def fees(self, call: Call) -> Any:
        """GET fee: the account's own, by contract."""
        name = call.word("contract")
        found = self._contracts.of(call.settle) if name is None else [self._contracts.find(call.settle, name)]
        return {
            contract.name: {
                "taker_fee": price_text(contract.instrument.taker_fee),
                "maker_fee": price_text(contract.instrument.maker_fee),
            }
            for contract in found
        }

    def set_dual_mode(self, call: Call) -> Any:
        """POST dual_mode."""
        call.needed("dual_mode")
        return self._set_mode(call, PositionMode.HEDGE if call.flag("dual_mode") else PositionMode.ONE_WAY)

    def set_position_mode(self, call: Call) -> Any:
        """POST set_position_mode."""
        mode = call.needed("position_mode", ("single", "dual", "dual_plus"))
        if mode == "dual_plus":
            raise Refused("INVALID_PARAM_VALUE", "position_mode: dual_plus is not enabled for this account")
        return self._set_mode(call, PositionMode.HEDGE if mode == "dual" else PositionMode.ONE_WAY)

    def _set_mode(self, call: Call, mode: PositionMode) -> Any:
        self._accounts.check_settle(call.account, call.settle)
        self._accounts.set_mode(call.account, mode)
        return self.shape(call.account, call.settle)
