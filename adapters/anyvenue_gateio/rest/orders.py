"""Orders: create, amend, cancel, close and look up; an order as REST or a push tells it, read into a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeVar

import orjson
from attrs import evolve

from anyvenue.model.enums import (
    OrderState,
    OrderType,
    PositionMode,
    PositionSide,
    PriceSource,
    SelfTradePrevention,
    Side,
    TimeInForce,
)
from anyvenue.model.errors import InvalidOrder, NotSupported, RejectReason, VenueProtocolError
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import ZERO, exact, shortest_text, whole
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderReported
from anyvenue.model.order_spec import OrderSpec
from anyvenue.model.times import unix_ns
from anyvenue.venue.interface import VenueOrder
from anyvenue.wire.request import Charge, Effect, Request
from anyvenue_gateio import limits
from anyvenue_gateio.errors import VENUE
from anyvenue_gateio.order_text import client_order_id, origin_reason, to_text

T = TypeVar("T")

BATCH: Final = 10
"""Most orders that one request creates."""

"""Most orders that one request cancels by id."""

_ID_DIGITS_MAX: Final = 19

PAGE: Final = 100
"""Rows asked for at a time; fewer in an answer mean that it was the last page."""

_TIF: Final = {TimeInForce.GTC: "gtc", TimeInForce.IOC: "ioc", TimeInForce.FOK: "fok"}
_STP: Final = {
    SelfTradePrevention.CANCEL_NEWEST: "cn",
    SelfTradePrevention.CANCEL_OLDEST: "co",
    SelfTradePrevention.CANCEL_BOTH: "cb",
}
_BOOK_SIDE: Final = {Side.BUY: "bid", Side.SELL: "ask"}
_OPENED_BY: Final = {PositionSide.LONG: Side.BUY, PositionSide.SHORT: Side.SELL}
_CLOSE: Final[Mapping[PositionSide, dict[str, Any]]] = {
    PositionSide.NET: {"close": True},
    PositionSide.LONG: {"auto_size": "close_long", "reduce_only": True},
    PositionSide.SHORT: {"auto_size": "close_short", "reduce_only": True},
}
_TIMES: Final = ("update_time", "finish_time_ms", "finish_time", "create_time_ms", "create_time")
_R = RejectReason
_ENDS: Final[Mapping[str, tuple[OrderState, RejectReason | None]]] = {
    finish_as: (state, reason)
    for words, state, reason in (
        ("cancelled", OrderState.CANCELED, None),
        ("ioc", OrderState.EXPIRED, None),
        ("fok", OrderState.EXPIRED, _R.NO_LIQUIDITY),
        ("poc", OrderState.REJECTED, _R.WOULD_TAKE_LIQUIDITY),
        ("liquidated liquidate_cancelled auto_deleveraged", OrderState.CANCELED, _R.LIQUIDATION),
        ("reduce_only reduce_out position_closed", OrderState.CANCELED, _R.REDUCE_ONLY),
        ("stp", OrderState.CANCELED, _R.SELF_TRADE),
        ("small", OrderState.CANCELED, _R.BELOW_MINIMUM),
        ("depth_not_enough trader_not_enough", OrderState.CANCELED, _R.NO_LIQUIDITY),
    )
    for finish_as in words.split()
}
"""How an order with an unfilled rest may have ended (`finish_as`)."""


def root(instrument: Instrument) -> str:
    """Return the path under which everything of an instrument's settle currency lies."""
    return f"/futures/{instrument.settle.lower()}"


def command(
    method: str,
    path: str,
    body: object = None,
    *,
    charges: tuple[Charge, ...],
    urgent: bool = False,
    query: tuple[tuple[str, str], ...] = (),
    expires_ms: int | None = None,
    client_order_id: str = "",
) -> Request:
    """Return a signed request that changes something. The venue refuses it once its clock has passed `expires_ms`."""
    return Request(
        method=method,
        path=path,
        query=query,
        body=b"" if body is None else orjson.dumps(body),
        headers={} if expires_ms is None else {"x-gate-exptime": str(expires_ms)},
        signed=True,
        effect=Effect.COMMAND,
        charges=charges,
        urgent=urgent,
        client_order_id=client_order_id,
    )


def question(path: str, *query: tuple[str, str]) -> Request:
    """Return a signed request that changes nothing."""
    return Request(method="GET", path=path, query=query, signed=True, charges=limits.private(path))


def page(offset: int) -> tuple[tuple[str, str], ...]:
    """Return the query of one page of a list."""
    return ("limit", str(PAGE)), ("offset", str(offset))


def signed_size(instrument: Instrument, side: Side, quantity: Decimal) -> str:
    """Return a quantity in contracts, as text: above 0 to buy, below to sell."""
    contracts = shortest_text(instrument.to_contracts(quantity).copy_abs())
    return contracts if side is Side.BUY else f"-{contracts}"


def reduces(spec: OrderSpec) -> bool:
    """Tell whether an order may only reduce. With two positions its side and position say so; raises InvalidOrder."""
    if spec.position_side is PositionSide.NET:
        return spec.reduce_only
    opens = spec.side is _OPENED_BY[spec.position_side]
    if opens and spec.reduce_only:
        raise InvalidOrder(
            f"{spec.instrument.key}: reduce_only: found it on a {spec.side.value} for the {spec.position_side.value} "
            f"position, which that opens; allowed is the {spec.side.opposite.value} side"
        )
    return not opens


def order_body(spec: OrderSpec) -> dict[str, Any]:
    """Return the fields that create an order, the same for REST, batches and the WebSocket API.

    Market is price "0" with ioc (or fok). Attached take-profit and stop-loss fire at a price that Gate chooses; its
    documents offer no choice of index. Raises InvalidOrder and NotSupported.
    """
    if spec.trigger is not None:
        raise ValueError("order_body: found an order with a trigger; it is created by rest.triggers")
    is_market = spec.order_type is OrderType.MARKET
    tif = "poc" if spec.post_only else "gtc" if spec.time_in_force is TimeInForce.GTC else _TIF[spec.time_in_force]
    body: dict[str, Any] = {
        "contract": spec.instrument.venue_symbol,
        "size": signed_size(spec.instrument, spec.side, spec.quantity),
        "price": "0" if spec.price is None else shortest_text(spec.price),
        "tif": "ioc" if is_market and tif == "gtc" else tif,
        "text": to_text(spec.client_order_id),
    }
    if reduces(spec):
        body["reduce_only"] = True
    if spec.display_quantity is not None:
        body["iceberg"] = shortest_text(spec.instrument.to_contracts(spec.display_quantity))
    if spec.self_trade_prevention is not None:
        body["stp_act"] = _STP[spec.self_trade_prevention]
    if spec.protection is not None:
        if spec.protection.source is PriceSource.INDEX:
            raise NotSupported("an attached take-profit or stop-loss cannot look at the index", venue=VENUE)
        levels = {"tp": spec.protection.take_profit, "sl": spec.protection.stop_loss}
        body |= {f"tpsl_{name}_trigger_price": shortest_text(level) for name, level in levels.items() if level}
    return body


def place(spec: OrderSpec, *, expires_ms: int | None = None) -> Request:
    """Create one order without a trigger."""
    path, body = f"{root(spec.instrument)}/orders", order_body(spec)
    return command(
        "POST",
        path,
        body,
        charges=limits.PLACE,
        urgent="reduce_only" in body,
        expires_ms=expires_ms,
        client_order_id=spec.client_order_id,
    )


def place_batch(specs: Sequence[OrderSpec], *, expires_ms: int | None = None) -> Request:
    """Create up to BATCH orders of one settle currency."""
    path, body = f"{root(_some(specs, BATCH)[0].instrument)}/batch_orders", [order_body(spec) for spec in specs]
    urgent = all(reduces(spec) for spec in specs)
    return command("POST", path, body, charges=limits.place(len(specs)), urgent=urgent, expires_ms=expires_ms)


def amend(
    order: Order, *, price: Decimal | None = None, quantity: Decimal | None = None, expires_ms: int | None = None
) -> Request:
    """Change price, total quantity (the filled part included), or both. A total already filled cancels the rest."""
    body, urgent = amend_body(order, price=price, quantity=quantity), reduces(order.spec)
    name = order.client_order_id
    return command(
        "PUT",
        _path(order),
        body,
        charges=limits.PLACE,
        urgent=urgent,
        expires_ms=expires_ms,
        client_order_id=name,
    )


def amend_body(order: Order, *, price: Decimal | None, quantity: Decimal | None) -> dict[str, str]:
    """Return the fields that amend an order, the same for REST and the WebSocket API."""
    body = {} if quantity is None else {"size": signed_size(order.instrument, order.side, quantity)}
    return body if price is None else body | {"price": shortest_text(price)}


def cancel(order: Order) -> Request:
    """Cancel by the venue's id, else by text."""
    name = order.client_order_id
    return command("DELETE", _path(order), charges=limits.CANCEL, urgent=True, client_order_id=name)


def cancel_all(instrument: Instrument, side: Side | None = None) -> Request:
    """Cancel every order of a contract, or of one side of it; triggers are a list of their own and stay."""
    query = (("contract", instrument.venue_symbol), *((("side", _BOOK_SIDE[side]),) if side else ()))
    return command("DELETE", f"{root(instrument)}/orders", query=query, charges=limits.CANCEL, urgent=True)


def close_position(instrument: Instrument, position_side: PositionSide, client_id: str) -> Request:
    """Close a whole position at market: the only one, or in dual mode that of one side."""
    body: dict[str, Any] = {"contract": instrument.venue_symbol, "size": "0", "price": "0", "tif": "ioc"}
    body |= {"text": to_text(client_id)} | _CLOSE[position_side]
    return command("POST", f"{root(instrument)}/orders", body, charges=limits.PLACE, urgent=True)


def look_up(order: Order) -> Request:
    """Ask for one order by the venue's id, else by text; `rest.history` says for how long that finds it."""
    return evolve(question(_path(order)), client_order_id=order.client_order_id)


def open_orders(settle: str, instrument: Instrument | None = None, *, offset: int = 0) -> Request:
    """Ask for a page of the open orders of an account or a contract."""
    contract = (("contract", instrument.venue_symbol),) if instrument else ()
    return question(f"/futures/{settle.lower()}/orders", *contract, ("status", "open"), *page(offset))


def finished_orders(instrument: Instrument, *, offset: int = 0) -> Request:
    """Ask for a page of a contract's orders that ended."""
    contract = ("contract", instrument.venue_symbol)
    return question(f"{root(instrument)}/orders", contract, ("status", "finished"), *page(offset))


def locator(order: Order) -> str:
    """Return what Gate finds an order by: its id, else its text."""
    return order.venue_order_id or to_text(order.client_order_id)


def _path(order: Order) -> str:
    return f"{root(order.instrument)}/orders/{locator(order)}"


def _some(rows: Sequence[T], most: int) -> Sequence[T]:
    if not 0 < len(rows) <= most:
        raise ValueError(f"batch: found {len(rows)} rows; allowed are 1 to {most}")
    return rows


def rows_of(data: Any, ts_recv: int) -> list[Mapping[str, Any]]:
    """Return the rows of a list of orders, all with an id and a contract. Raises KeyError and TypeError for others."""
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        raise TypeError(f"found {str(data)[:100]}; allowed are lists of orders")
    for row in data:
        if not id_of(row) or not isinstance(row["contract"], str):
            raise TypeError(f"contract: found {row['contract']}; allowed are names")
    return data


def id_of(row: Mapping[str, Any], *names: str) -> str:
    """Return an id, `id` or the first of `names` that is there. Raises KeyError, and ValueError for what is none."""
    for name in (*names, "id_string"):
        if value := row.get(name):
            break
    else:
        value = row["id"]
    return id_text(value)


def id_text(value: object) -> str:
    """Return an id as text. Raises ValueError for what is none."""
    text = str(value) if type(value) is int else value
    if not isinstance(text, str) or not (text.isascii() and text.isdecimal()) or len(text) > _ID_DIGITS_MAX:
        raise ValueError(f"id: found {value!r}; allowed are whole numbers of up to {_ID_DIGITS_MAX} digits")
    return text


def newest(data: Mapping[str, Any], names: Sequence[str] = _TIMES) -> int:
    """Return the latest of the times in `data`, in nanoseconds; 0 where there is none. Units go by magnitude."""
    latest = 0
    for name in names:
        if (value := data.get(name)) and (told := unix_ns(value, name)) > latest:
            latest = told
    return latest


def order_report(data: Mapping[str, Any], instrument: Instrument, ts_recv: int) -> OrderReported:
    """Read an order, from REST or from a push. Raises KeyError, TypeError or ValueError for what is none."""
    size, left = exact(data["size"], "size"), exact(data["left"], "left")
    asked, average = abs(size), data.get("fill_price")
    traded = asked - abs(left)
    if traded < 0 and size:
        raise ValueError(f"left: found {left}; allowed is no more than size, which is {size}")
    filled = instrument.from_contracts(traded) if traded > 0 else ZERO
    if not left and (filled or data.get("finish_as") == "filled"):
        state, reason, text = OrderState.FILLED, None, ""
    else:
        state, reason, text = state_of(data["status"], data.get("finish_as"), filled)
    name = client_order_id(data.get("text"))
    return OrderReported(
        client_order_id=name,
        venue_order_id=id_of(data),
        state=state,
        filled_quantity=filled,
        average_price=(exact(average, "fill_price") or None) if average and average != "0" else None,
        price=exact(data["price"], "price") or None,
        quantity=instrument.from_contracts(asked) or None,  # a close order's size is 0
        sequence=whole(data["update_id"], "update_id") if data.get("update_id") else None,
        reason=reason or (origin_reason(data.get("text")) if name is None else None),
        text=text,
        ts_event=newest(data),
        ts_recv=ts_recv,
    )


def state_of(status: object, finish_as: object, filled: Decimal) -> tuple[OrderState, RejectReason | None, str]:
    """Return state, reason and text of an order that is not filled."""
    if status not in ("open", "finished"):
        raise ValueError(f"status: found {status!r}; allowed are open and finished")
    if status == "open":
        return OrderState.PARTIALLY_FILLED if filled else OrderState.OPEN, None, ""
    state, reason = _ENDS.get(str(finish_as), (OrderState.CANCELED, RejectReason.OTHER))
    if state is OrderState.REJECTED and filled:
        state = OrderState.CANCELED
    return state, reason, "" if finish_as == "cancelled" else f"the venue ended it as {finish_as!r}"


def position_side_of(size: Decimal, mode: PositionMode, *, reduces: bool) -> PositionSide:
    """Return the position a signed size belongs to: in dual mode, buys that open and sells that reduce are long's."""
    if mode is PositionMode.ONE_WAY:
        return PositionSide.NET
    return PositionSide.LONG if (size > 0) is not reduces else PositionSide.SHORT


def venue_order(
    data: Mapping[str, Any], instrument: Instrument, ts_recv: int, mode: PositionMode = PositionMode.ONE_WAY
) -> VenueOrder:
    """Read an order of a look-up. A close order without a size is told by the side it closes (`auto_size`)."""
    report = order_report(data, instrument, ts_recv)
    size = exact(data["size"], "size") or Decimal(1 if data.get("auto_size") == "close_short" else -1)
    reduce_only = bool(data.get("is_reduce_only") or data.get("is_close"))
    return VenueOrder(
        instrument=instrument,
        side=Side.BUY if size > 0 else Side.SELL,
        order_type=OrderType.LIMIT if report.price else OrderType.MARKET,
        reduce_only=reduce_only,
        position_side=position_side_of(size, mode, reduces=reduce_only),
        report=report,
    )


def batch_answers(
    rows: Sequence[Mapping[str, Any]],
    specs: Sequence[OrderSpec],
    ts_recv: int,
    error_of: Callable[[Mapping[str, Any]], Exception],
) -> list[Sequence[OrderReported] | Exception]:
    """Read a batch's answer, row for row: what became of each order, or `error_of` its label. HTTP 200 says nothing."""
    if len(rows) != len(specs):
        raise VenueProtocolError(f"batch: found {len(rows)} answers to {len(specs)} orders", venue=VENUE)
    return [
        [order_report(row, spec.instrument, ts_recv)] if row.get("succeeded") else error_of(row)
        for row, spec in zip(rows, specs, strict=True)
    ]
