"""ToyEx's REST calls: requests as values, and readers of their answers.

A reader gets an answer's decoded JSON and, last, the time of its arrival. It may raise what reading a dict raises.

Ask of your venue: which calls repeat safely (READ), which act (COMMAND)? What does each cost of which limit? Are lists
paged? How is an order named: by the venue's id, by ours, from when on? What does the answer to an order prove?
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson
from anyvenue.model.balance import Balance
from anyvenue.model.enums import Liquidity, OrderState, OrderType, Side, TimeInForce
from anyvenue.model.fill import Fill
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookSnapshot
from anyvenue.model.numbers import exact, shortest_text
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderReported
from anyvenue.model.order_spec import OrderSpec
from anyvenue.model.position import Position
from anyvenue.venue.interface import VenueOrder
from anyvenue.wire.limits import Bucket
from anyvenue.wire.request import Charge, Effect, Request

BUCKETS: Final = (Bucket(name="requests", limit=45, per_s=1, reserve=10),)
"""ToyEx allows 50; some are kept for what reduces risk, such as cancels."""
CHARGES: Final = (Charge("requests"),)
MS_NS: Final = 1_000_000

TIME: Final = Request(method="GET", path="/time")  # free of charge: a wait would spoil the time that is told
MARKETS: Final = Request(method="GET", path="/markets", charges=CHARGES)
BALANCES: Final = Request(method="GET", path="/balances", signed=True, charges=CHARGES)
POSITIONS: Final = Request(method="GET", path="/positions", signed=True, charges=CHARGES)
OPEN_ORDERS: Final = Request(method="GET", path="/orders", signed=True, charges=CHARGES)

Found = Mapping[str, Instrument]
"""Instruments by the venue's names."""


def order_book(instrument: Instrument, depth: int) -> Request:
    """Ask for the order book."""
    query = (("market", instrument.venue_symbol), ("depth", str(depth)))
    return Request(method="GET", path="/book", query=query, charges=CHARGES)


def place(spec: OrderSpec) -> Request:
    """Ask for a new order."""
    is_market = spec.order_type is OrderType.MARKET
    rule = "post_only" if spec.post_only else "ioc" if is_market or spec.time_in_force is TimeInForce.IOC else "gtc"
    content = {
        "client_id": spec.client_order_id,
        "market": spec.instrument.venue_symbol,
        "side": spec.side.value,
        "size": shortest_text(spec.quantity),
        "price": None if spec.price is None else shortest_text(spec.price),
        "rule": rule,
        "reduce_only": spec.reduce_only,
    }
    return _command("POST", "/orders", content, urgent=spec.reduce_only)


def cancel(order: Order) -> Request:
    """Ask for the end of an order."""
    return _command("DELETE", _path(order), urgent=True)


def look_up(order: Order) -> Request:
    """Ask for one order."""
    return Request(method="GET", path=_path(order), signed=True, charges=CHARGES)


def fills(instrument: Instrument, start_ns: int) -> Request:
    """Ask for the account's fills."""
    query = (("market", instrument.venue_symbol), ("since", str(start_ns // MS_NS)))
    return Request(method="GET", path="/fills", query=query, signed=True, charges=CHARGES)


def _path(order: Order) -> str:
    return f"/orders/{order.venue_order_id or f'client:{order.client_order_id}'}"


def _command(method: str, path: str, content: Mapping[str, Any] | None = None, *, urgent: bool) -> Request:
    body, headers = (orjson.dumps(content), {"Content-Type": "application/json"}) if content else (b"", {})
    return Request(
        method=method,
        path=path,
        body=body,
        headers=headers,
        signed=True,
        effect=Effect.COMMAND,
        charges=CHARGES,
        urgent=urgent,
    )


def read_time(data: Mapping[str, Any], now: int) -> int:
    """Return the venue's time in nanoseconds."""
    return int(data["time"]) * MS_NS


def read_book(data: Mapping[str, Any], instrument: Instrument, now: int) -> BookSnapshot:
    """Return a whole order book."""
    return BookSnapshot(
        instrument=instrument,
        bids=data["bids"],
        asks=data["asks"],
        last_id=data["number"],
        ts_event=data["time"] * MS_NS,
        ts_recv=now,
    )


def read_report(row: Mapping[str, Any], now: int) -> OrderReported:
    """Return what a row says of its order."""
    filled, status = exact(row["filled"], "filled"), row["status"]
    states = {"open": OrderState.OPEN, "filled": OrderState.FILLED, "canceled": OrderState.CANCELED}
    state = states[status]  # a word that is not known must not pass for any state
    return OrderReported(
        client_order_id=row["client_id"],
        venue_order_id=row["id"],
        state=OrderState.PARTIALLY_FILLED if filled and state is OrderState.OPEN else state,
        filled_quantity=filled,
        price=None if row["price"] is None else exact(row["price"], "price"),
        quantity=exact(row["size"], "size"),
        ts_event=row["time"] * MS_NS,
        ts_recv=now,
    )


def read_order(row: Mapping[str, Any], found: Found, now: int) -> VenueOrder:
    """Return an order as a look-up shows it."""
    return VenueOrder(
        instrument=found[row["market"]],
        side=Side(row["side"]),
        order_type=OrderType.MARKET if row["price"] is None else OrderType.LIMIT,
        reduce_only=row["reduce_only"],
        report=read_report(row, now),
    )


def read_fill(row: Mapping[str, Any], found: Found, now: int) -> Fill:
    """Return one trade of ours."""
    return Fill(
        instrument=found[row["market"]],
        trade_id=row["id"],
        client_order_id=row["client_id"],
        venue_order_id=row["order_id"],
        side=Side(row["side"]),
        price=exact(row["price"], "price"),
        quantity=exact(row["size"], "size"),
        fee=exact(row["fee"], "fee"),
        liquidity=Liquidity(row["role"]),
        ts_event=row["time"] * MS_NS,
        ts_recv=now,
    )


def read_position(row: Mapping[str, Any], found: Found, now: int) -> Position:
    """Return a position; one that was closed has the size 0."""
    instrument, quantity = found[row["market"]], exact(row["size"], "size")
    cost = instrument.value(quantity, exact(row["entry_price"], "entry_price"))
    return Position(instrument=instrument, quantity=quantity, cost=cost, ts_event=row["time"] * MS_NS, ts_recv=now)


def read_balance(row: Mapping[str, Any], now: int) -> Balance:
    """Return the balance of one currency."""
    total, available = exact(row["total"], "total"), exact(row["available"], "available")
    return Balance(
        currency=row["currency"], total=total, available=available, ts_event=row["time"] * MS_NS, ts_recv=now
    )
