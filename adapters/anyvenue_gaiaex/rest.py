"""GaiaEx's REST calls: requests as values, and readers of their answers.

A reader takes the decoded JSON of an answer. It raises LookupError, TypeError or ValueError for what it cannot read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import orjson
from attrs import frozen

from anyvenue.model.balance import Balance
from anyvenue.model.enums import MarginMode, OrderType, Side, TimeInForce
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import ZERO, shortest_text
from anyvenue.model.order_spec import OrderSpec, Protection
from anyvenue.model.times import unix_ns
from anyvenue.wire.limits import Bucket
from anyvenue.wire.request import Charge, Effect, Request
from anyvenue_gaiaex.fields import listed, moment_ns, number, order_id
from anyvenue_gaiaex.instruments import COLLATERAL

__all__ = [
    "HEALTH_PATHS",
    "SYMBOLS",
    "TIME_PATHS",
    "Ack",
    "balance",
    "buckets",
    "cancel",
    "cancel_all",
    "client_id",
    "close_position",
    "leverage",
    "modify",
    "place",
    "probe",
    "protect",
    "read_ack",
    "read_balance",
    "read_canceled",
    "read_health",
    "read_margin_mode",
    "read_time",
    "status_word",
]

READ: Final = (Charge("reads"),)
WRITE: Final = (Charge("writes"),)
DIAL: Final = (Charge("sockets"),)
TIME_PATHS: Final = ("/time", "/fapi/v1/time")
"""Where the time is: below the base URL by one revision, on the bare host by the other."""
HEALTH_PATHS: Final = ("/health", "/health")
SYMBOLS: Final = Request(method="GET", path="/symbols/list", charges=READ)
LIVE_WORDS: Final = frozenset({"open", "resting", "new"})


@frozen(kw_only=True)
class Ack:
    """The answer to an order, a modification or a close: the order's id now, and in which word the venue says how."""

    order_id: str | None
    status: str
    ts_event: int = 0


def buckets(writes_per_s: int, reads_per_s: int) -> tuple[Bucket, ...]:
    """Return the rate limits kept here: GaiaEx tells those of a few reads only (20/s). New sockets are spread too.

    Writes keep half for what reduces risk, where there is a half to keep.
    """
    return (
        Bucket(name="writes", limit=writes_per_s * 2, per_s=2, reserve=writes_per_s // 2),
        Bucket(name="reads", limit=reads_per_s, per_s=1),
        Bucket(name="sockets", limit=4, per_s=1),
    )


def probe(path: str) -> Request:
    """Ask for the time or the health. Free of charge: a wait would spoil the time that is told."""
    return Request(method="GET", path=path)


def client_id(client_order_id: str) -> str:
    """Return the 128-bit hexadecimal id that an order bears at the venue, always the same for one of ours."""
    return "0x" + hashlib.blake2b(client_order_id.encode(), digest_size=16).hexdigest()


def place(spec: OrderSpec, address: str, *, with_time_in_force: bool) -> Request:
    """Ask for a new order. The order type is always told: without one it would be a market order."""
    content = _order(spec.instrument, spec.side, spec.quantity, spec.price)
    content["order_type"] = "market" if spec.order_type is OrderType.MARKET else "limit"
    if with_time_in_force and spec.order_type is OrderType.LIMIT:
        content["time_in_force"] = (
            "ALO" if spec.post_only else "IOC" if spec.time_in_force is TimeInForce.IOC else "GTC"
        )
    content["reduce_only"] = spec.reduce_only
    if spec.protection is not None:
        content |= _triggers(spec.protection)
    content["client_id"] = client_id(spec.client_order_id)
    return _post("/order", address, content, urgent=spec.reduce_only, client_order_id=spec.client_order_id)


def cancel(instrument: Instrument, own_id: str, address: str, client_order_id: str = "") -> Request:
    """Ask for the end of one order, by the venue's id."""
    content = {"symbol": instrument.venue_symbol, "order_id": int(own_id)}
    return _post("/order/cancel", address, content, urgent=True, client_order_id=client_order_id)


def cancel_all(instrument: Instrument, address: str) -> Request:
    """Ask for the end of all orders of one symbol. Without a symbol it would be all of the account."""
    return _post("/order/cancel-all", address, {"symbol": instrument.venue_symbol}, urgent=True)


def modify(spec: OrderSpec, own_id: str, address: str, *, price: Decimal, size: Decimal) -> Request:
    """Ask for a new price and size. Everything is told again: what is left out would be reset, reduce-only too.

    Whether `size` has in it what was filled is not documented: this is for orders that have not traded.
    """
    content = _order(spec.instrument, spec.side, size, price)
    content |= {"order_id": int(own_id), "order_type": "limit", "reduce_only": spec.reduce_only}
    return _post("/order/modify", address, content, client_order_id=spec.client_order_id)


def protect(instrument: Instrument, protection: Protection, address: str, *, closing: Side, size: Decimal) -> Request:
    """Ask for triggers that close a position at market; `closing` is the side of the order that closes it."""
    content = _order(instrument, closing, size, None) | _triggers(protection)
    content |= {"tp_is_market": True, "sl_is_market": True}
    return _post("/order/tpsl", address, content, urgent=True)


def close_position(instrument: Instrument, address: str, *, size: Decimal | None, slippage: Decimal) -> Request:
    """Ask for the close of a position, whole without a size, at most `slippage` (a fraction) from the price."""
    content: dict[str, Any] = {"symbol": instrument.venue_symbol, "slippage": shortest_text(slippage)}
    if size is not None:
        content["size"] = shortest_text(size)
    return _post("/position/close", address, content, urgent=True)


def leverage(instrument: Instrument, times: int, mode: MarginMode, address: str) -> Request:
    """Ask for a symbol's leverage and margin mode."""
    content = {"symbol": instrument.venue_symbol, "leverage": times, "is_cross": mode is MarginMode.CROSS}
    return _post("/leverage", address, content)


def balance(address: str) -> Request:
    """Ask for the account's balance."""
    return Request(method="GET", path=f"/user/{address}/balance", signed=True, charges=READ)


def read_ack(data: Mapping[str, Any], ts_recv: int) -> Ack:
    """Return what the answer to a command says of its order."""
    told = data.get("orderId")
    return Ack(
        order_id=None if told is None else order_id(told),
        status=status_word(data.get("status")),
        ts_event=moment_ns(data.get("timestamp")),
    )


def read_canceled(data: Mapping[str, Any], ts_recv: int) -> tuple[list[str], str]:
    """Return the ids of the orders that are canceled, and what failed; empty where nothing did."""
    ids = [order_id(one) for one in listed(data.get("cancelled_oids") or [], "cancelled_oids")]
    count, errors = data.get("failed_count"), data.get("errors")
    return ids, f"{count} orders were not canceled: {errors}" if count or errors else ""


def read_time(data: Mapping[str, Any], ts_recv: int) -> int:
    """Return the venue's time, nanoseconds since the epoch."""
    return unix_ns(data["serverTime"], "serverTime")


def read_health(data: Mapping[str, Any], ts_recv: int) -> tuple[Decimal, list[str]]:
    """Return the fee rate that it indicates, and what is not well."""
    rate, services = data.get("fee_rate"), data.get("services") or {}
    bad = [f"{name} is {state}" for name, state in services.items() if str(state).lower() != "ok"]
    if bad or str(data.get("status", "")).lower() != "healthy":
        bad.insert(0, f"it is {data.get('status')}")
    return ZERO if rate is None else number(rate, "fee_rate"), bad


def status_word(status: object) -> str:
    """Return a status in one spelling: lower case, one l in canceled."""
    return str(status or "").lower().replace("cancelled", "canceled")


def read_balance(data: Mapping[str, Any], ts_recv: int) -> Balance:
    """Return the balance, unrealised profit left out."""
    return Balance(
        currency=COLLATERAL,
        total=number(data["usdc_balance"], "usdc_balance"),
        available=number(data["available"], "available"),
        ts_event=moment_ns(data.get("timestamp")),
        ts_recv=ts_recv,
    )


def read_margin_mode(data: Mapping[str, Any], ts_recv: int) -> tuple[Decimal, MarginMode]:
    """Return leverage and margin mode as the venue has set them: it corrects the mode without a word."""
    word = str(data["marginType"]).lower()
    modes = [mode for mode, stem in ((MarginMode.CROSS, "cross"), (MarginMode.ISOLATED, "isolat")) if stem in word]
    if len(modes) != 1:
        raise ValueError(f"marginType: found {data['marginType']!r}; known are CROSSED and ISOLATED")
    return number(data["leverage"], "leverage"), modes[0]


def _order(instrument: Instrument, side: Side, size: Decimal, price: Decimal | None) -> dict[str, Any]:
    content = {"symbol": instrument.venue_symbol, "is_buy": side is Side.BUY, "size": shortest_text(size)}
    return content if price is None else content | {"price": shortest_text(price)}


def _triggers(protection: Protection) -> dict[str, str]:
    levels = (("tp_price", protection.take_profit), ("sl_price", protection.stop_loss))
    return {name: shortest_text(level) for name, level in levels if level is not None}


def _post(
    path: str, address: str, content: Mapping[str, Any], *, urgent: bool = False, client_order_id: str = ""
) -> Request:
    body = orjson.dumps({"user_address": address, **content})
    headers = {"Content-Type": "application/json"}
    return Request(
        method="POST",
        path=path,
        body=body,
        headers=headers,
        signed=True,
        effect=Effect.COMMAND,
        charges=WRITE,
        urgent=urgent,
        client_order_id=client_order_id,
    )
