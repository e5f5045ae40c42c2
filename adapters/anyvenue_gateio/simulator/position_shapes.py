"""Positions in JSON: as they are, and as they were closed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from anyvenue.model.enums import MarginMode, PositionSide
from anyvenue.model.position import Position
from anyvenue.simulation.server.stage import Stage
from anyvenue_gateio.simulator.account_book import AccountBooks, Closed
from anyvenue_gateio.simulator.accounts import Accounts
from anyvenue_gateio.simulator.contracts import Contract
from anyvenue_gateio.simulator.orders import OrderDesk
from anyvenue_gateio.simulator.shapes import money_text, price_text, seconds, size_value, whole_seconds

__all__ = ["MODES", "PositionShapes"]

MODES: Final = {PositionSide.NET: "single", PositionSide.LONG: "dual_long", PositionSide.SHORT: "dual_short"}
"""What Gate calls each position."""
_ADL_FLAT: Final = 6
_ADL_LAST: Final = 5


class PositionShapes:
    """Makes them, from the exchange's position and what the books know of it."""

    def __init__(self, stage: Stage, accounts: Accounts, desk: OrderDesk, books: AccountBooks) -> None:
        self._stage = stage
        self._accounts = accounts
        self._desk = desk
        self._books = books

    def shape(self, account: str, contract: Contract, side: PositionSide, decimal: bool) -> dict[str, Any]:
        """Return a position as REST tells it."""
        exchange, instrument = self._stage.exchange, contract.instrument
        position = exchange.position(account, contract.symbol, side)
        leg = self._books.leg(account, contract.symbol, side)
        mark = exchange.mark_price(contract.symbol)
        quantity, at = position.quantity, mark or Decimal(1)
        pending = [
            order
            for order in self._desk.open_orders(account, contract.settle, contract.name)
            if order.position_side is side
        ]
        closing = next((order for order in pending if order.is_close), None)
        close = None if closing is None else {"id": closing.number, "price": price_text(closing.price), "is_liq": False}
        isolated = position.margin_mode is MarginMode.ISOLATED
        initial = instrument.initial_margin(quantity, at, position.leverage)
        return {
            **self._terms(contract, position),
            "user": self._accounts.user_id(account),
            "size": size_value(contract.size_of(quantity), decimal),
            "value": money_text(abs(instrument.value(quantity, at))),
            "margin": money_text(position.margin),
            "initial_margin": money_text(position.margin if isolated else initial),
            "maintenance_margin": money_text(instrument.maintenance_margin(quantity, at)),
            "entry_price": money_text(position.entry_price or Decimal(0)),
            "mark_price": price_text(mark),
            "liq_price": price_text(position.liquidation_price),
            "unrealised_pnl": money_text(position.unrealized_pnl(at)),
            "realised_pnl": money_text(leg.pnl + leg.funding + leg.fees),
            "pnl_pnl": money_text(leg.pnl),
            "pnl_fund": money_text(leg.funding),
            "pnl_fee": money_text(leg.fees),
            "history_pnl": money_text(leg.history_pnl),
            "last_close_pnl": money_text(leg.last_close_pnl),
            "realised_point": "0",
            "history_point": "0",
            "adl_ranking": _ADL_LAST if quantity else _ADL_FLAT,
            "pending_orders": len(pending),
            "close_order": close,
            "update_time": whole_seconds(leg.update_ns),
            "open_time": whole_seconds(leg.open_ns) if quantity else 0,
            "update_id": leg.update_id,
        }

    def change(self, contract: Contract, position: Position, decimal: bool) -> dict[str, Any]:
        """Return a position as it was after a change."""
        return {
            **self._terms(contract, position),
            "size": size_value(contract.size_of(position.quantity), decimal),
            "margin": money_text(position.margin),
            "entry_price": money_text(position.entry_price or Decimal(0)),
            "liq_price": price_text(position.liquidation_price),
            "realised_pnl": money_text(position.realized_pnl - position.fees + position.funding),
            "history_pnl": "0",
            "last_close_pnl": "0",
            "realised_point": "0",
            "history_point": "0",
            "time": whole_seconds(position.ts_event),
        }

    def closed(self, closed: Closed, decimal: bool) -> dict[str, Any]:
        """Return a position that was closed."""
        entry, exit_ = money_text(closed.entry_price), money_text(closed.exit_price)
        return {
            "time": seconds(closed.time_ns),
            "contract": closed.contract.name,
            "side": "long" if closed.is_long else "short",
            "pnl": money_text(closed.pnl + closed.funding + closed.fees),
            "pnl_pnl": money_text(closed.pnl),
            "pnl_fund": money_text(closed.funding),
            "pnl_fee": money_text(closed.fees),
            "text": "api",
            "max_size": size_value(closed.size_max if closed.is_long else -closed.size_max, decimal),
            "accum_size": size_value(closed.size_sum, decimal),
            "first_open_time": whole_seconds(closed.open_ns),
            "long_price": entry if closed.is_long else exit_,
            "short_price": exit_ if closed.is_long else entry,
        }

    def _terms(self, contract: Contract, position: Position) -> dict[str, Any]:
        lever, isolated = price_text(position.leverage), position.margin_mode is MarginMode.ISOLATED
        return {
            "contract": contract.name,
            "mode": MODES[position.side],
            "leverage": lever if isolated else "0",
            "cross_leverage_limit": "0" if isolated else lever,
            "lever": lever,
            "pos_margin_mode": "isolated" if isolated else "cross",
            "leverage_max": contract.terms.leverage_max,
            "maintenance_rate": contract.terms.maintenance_rate,
            "average_maintenance_rate": contract.terms.maintenance_rate,
            "risk_limit": contract.terms.risk_limit,
            "risk_limit_table": f"{contract.name}_202609",
            "trade_max_size": contract.terms.size_max,
        }
