"""ToyEx's rows: what the simulated exchange has, in the venue's words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from anyvenue.model.balance import Balance
from anyvenue.model.enums import OrderState
from anyvenue.model.fill import Fill
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookDelta, BookSnapshot, Trade
from anyvenue.model.numbers import shortest_text
from anyvenue.model.order import Order
from anyvenue.model.position import Position
from anyvenue.model.pricing import Tick

MS_NS = 1_000_000


def market_row(instrument: Instrument) -> dict[str, Any]:
    """Return a market of the list."""
    assert isinstance(instrument.price_rule, Tick)  # noqa: S101 - as the dialect lists them
    return {
        "market": instrument.venue_symbol,
        "base": instrument.base,
        "quote": instrument.quote,
        "tick": shortest_text(instrument.price_rule.size),
        "step": shortest_text(instrument.quantity_step),
        "min_size": shortest_text(instrument.min_quantity),
        "max_leverage": shortest_text(instrument.max_leverage),
        "maker_fee": shortest_text(instrument.maker_fee),
        "taker_fee": shortest_text(instrument.taker_fee),
    }


def book_row(book: BookSnapshot | BookDelta) -> dict[str, Any]:
    """Return a whole book, or what changed of it."""
    return {
        "market": book.instrument.venue_symbol,
        "whole": isinstance(book, BookSnapshot),
        "number": book.last_id,
        "bids": book.bids,
        "asks": book.asks,
        "time": book.ts_event // MS_NS,
    }


def trade_row(trade: Trade) -> dict[str, Any]:
    """Return a public trade."""
    return {
        "market": trade.instrument.venue_symbol,
        "id": trade.trade_id,
        "side": trade.side.value,
        "price": shortest_text(trade.price),
        "size": shortest_text(trade.quantity),
        "time": trade.ts_event // MS_NS,
    }


def order_row(order: Order) -> dict[str, Any]:
    """Return an order as it is."""
    words = {OrderState.FILLED: "filled", OrderState.CANCELED: "canceled", OrderState.EXPIRED: "canceled"}
    return {
        "id": order.venue_order_id,
        "client_id": order.client_order_id,
        "market": order.instrument.venue_symbol,
        "side": order.side.value,
        "price": None if order.price is None else shortest_text(order.price),
        "size": shortest_text(order.quantity),
        "filled": shortest_text(order.filled_quantity),
        "reduce_only": order.spec.reduce_only,
        "status": words.get(order.state, "open"),
        "time": order.ts_event // MS_NS,
    }


def fill_row(fill: Fill) -> dict[str, Any]:
    """Return a trade of the account's."""
    return {
        "id": fill.trade_id,
        "order_id": fill.venue_order_id,
        "client_id": fill.client_order_id,
        "market": fill.instrument.venue_symbol,
        "side": fill.side.value,
        "price": shortest_text(fill.price),
        "size": shortest_text(fill.quantity),
        "fee": shortest_text(fill.fee),
        "role": fill.liquidity.value,
        "time": fill.ts_event // MS_NS,
    }


def position_row(position: Position, time_ns: int) -> dict[str, Any]:
    """Return a position."""
    return {
        "market": position.instrument.venue_symbol,
        "size": shortest_text(position.quantity),
        "entry_price": shortest_text(position.entry_price or Decimal(0)),
        "time": time_ns // MS_NS,
    }


def balance_row(balance: Balance, time_ns: int) -> dict[str, Any]:
    """Return a balance."""
    return {
        "currency": balance.currency,
        "total": shortest_text(balance.total),
        "available": shortest_text(balance.available),
        "time": time_ns // MS_NS,
    }
