"""The private channels: what an account's news are in Gate's rows (fact sheet, chapter 12.2)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from anyvenue.model.enums import Liquidity, MarginMode, PositionSide
from anyvenue.model.fill import Fill
from anyvenue.model.position import Position
from anyvenue_gateio.simulator.account_book import BookRow, Closed, Leg
from anyvenue_gateio.simulator.contracts import Contract
from anyvenue_gateio.simulator.order_record import OrderRecord, gate_id, order_shape
from anyvenue_gateio.simulator.shapes import milliseconds, price_text, size_value, whole_seconds
from anyvenue_gateio.simulator.trigger_order import TriggerOrder, trigger_shape

__all__ = [
    "autoorder_row",
    "balance_row",
    "close_row",
    "liquidate_row",
    "order_row",
    "position_row",
    "public_liquidate_row",
    "usertrade_row",
]

_MODES = {PositionSide.NET: "single", PositionSide.LONG: "dual_long", PositionSide.SHORT: "dual_short"}


def _number(amount: Decimal | None) -> float:
    """Return a JSON number: prices and money are such here, texts in REST."""
    return 0 if not amount else float(amount)


def _times(ns: int) -> dict[str, int]:
    return {"time": whole_seconds(ns), "time_ms": milliseconds(ns)}


def order_row(record: OrderRecord, user: int, decimal: bool, resting_word: str) -> dict[str, Any]:
    """Return a row of `futures.orders`: as REST, but for numbers, times and what is only here."""
    instrument = record.contract.instrument
    return {
        **order_shape(record, user, decimal),
        "user": str(user),
        "price": _number(record.price),
        "fill_price": _number(record.average),
        "tkfr": _number(instrument.taker_fee),
        "mkfr": _number(instrument.maker_fee),
        "refr": 0,
        "create_time": whole_seconds(record.create_ns),
        "create_time_ms": milliseconds(record.create_ns),
        "update_time": milliseconds(record.update_ns),
        "update_id": record.update_id,
        "finish_as": record.finish_as or resting_word,
        "finish_time": whole_seconds(record.finish_ns),
        "finish_time_ms": milliseconds(record.finish_ns),
        "stop_profit_price": "" if record.take_profit is None else str(record.take_profit),
        "stop_loss_price": "" if record.stop_loss is None else str(record.stop_loss),
    }


def usertrade_row(contract: Contract, fill: Fill, text: str, decimal: bool) -> dict[str, Any]:
    """Return a row of `futures.usertrades`."""
    return {
        "id": fill.trade_id,
        "order_id": str(gate_id(fill.venue_order_id or "0")),
        "contract": contract.name,
        "size": size_value(contract.size_of(fill.quantity) * fill.side.sign, decimal),
        "price": price_text(fill.price),
        "role": "maker" if fill.liquidity is Liquidity.MAKER else "taker",
        "text": text,
        "fee": _number(fill.fee),
        "point_fee": 0,
        "create_time": whole_seconds(fill.ts_event),
        "create_time_ms": milliseconds(fill.ts_event),
    }


def position_row(contract: Contract, position: Position, leg: Leg, user: int, decimal: bool) -> dict[str, Any]:
    """Return a row of `futures.positions`."""
    cross = position.margin_mode is MarginMode.CROSS
    terms = contract.terms
    return {
        "contract": contract.name,
        "size": size_value(contract.size_of(position.quantity), decimal),
        "entry_price": _number(position.entry_price),
        "leverage": 0 if cross else _number(position.leverage),
        "cross_leverage_limit": _number(position.leverage) if cross else 0,
        "leverage_max": _number(Decimal(terms.leverage_max)),
        "maintenance_rate": _number(Decimal(terms.maintenance_rate)),
        "margin": _number(position.margin),
        "mode": _MODES[position.side],
        "realised_pnl": _number(leg.pnl + leg.fees + leg.funding),
        "realised_point": 0,
        "history_pnl": _number(leg.history_pnl),
        "history_point": 0,
        "last_close_pnl": _number(leg.last_close_pnl),
        "liq_price": _number(position.liquidation_price),
        "risk_limit": _number(Decimal(terms.risk_limit)),
        "update_id": leg.update_id,
        "user": str(user),
        **_times(position.ts_event),
    }


def balance_row(row: BookRow, user: int) -> dict[str, Any]:
    """Return a row of `futures.balances`."""
    return {
        "balance": _number(row.balance),
        "change": _number(row.change),
        "type": row.kind,
        "text": row.text,
        "currency": row.settle,
        "user": str(user),
        **_times(row.time_ns),
    }


def close_row(closed: Closed, text: str, user: int) -> dict[str, Any]:
    """Return a row of `futures.position_closes`."""
    return {
        "contract": closed.contract.name,
        "pnl": _number(closed.pnl + closed.funding + closed.fees),
        "side": "long" if closed.is_long else "short",
        "text": text,
        "user": str(user),
        **_times(closed.time_ns),
    }


def liquidate_row(contract: Contract, fill: Fill, user: int, decimal: bool) -> dict[str, Any]:
    """Return a row of `futures.liquidates`; the size is that of the position that was taken away."""
    return {
        "contract": contract.name,
        "order_id": gate_id(fill.venue_order_id or "0"),
        "size": size_value(-contract.size_of(fill.quantity) * fill.side.sign, decimal),
        "left": size_value(Decimal(0), decimal),
        "order_price": _number(fill.price),
        "fill_price": _number(fill.price),
        "liq_price": _number(fill.price),
        "mark_price": _number(fill.price),
        "user": str(user),
        **_times(fill.ts_event),
    }


def public_liquidate_row(contract: Contract, fill: Fill, decimal: bool) -> dict[str, Any]:
    """Return a row of `futures.public_liquidates`."""
    return {
        "contract": contract.name,
        "price": _number(fill.price),
        "size": size_value(-contract.size_of(fill.quantity) * fill.side.sign, decimal),
        "time_ms": milliseconds(fill.ts_event),
    }


def autoorder_row(order: TriggerOrder, user: int) -> dict[str, Any]:
    """Return a row of `futures.autoorders`."""
    return {**trigger_shape(order, user), "name": "price_autoorders", "is_stop_order": False, "stop_trigger": {}}
