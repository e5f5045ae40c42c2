"""Trigger orders, trailing orders, and the take-profit and stop-loss of a position: lists of their own at Gate.

Their ids are not orders' ids: here they bear "trigger:" or "trail:", so that a cancel knows where to go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from anyvenue.model.enums import (
    OrderState,
    OrderType,
    PositionMode,
    PositionSide,
    PriceSource,
    Side,
    TimeInForce,
    TriggerKind,
)
from anyvenue.model.errors import NotSent, NotSupported, RejectReason
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import EXACT, ZERO, exact, shortest_text
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderAccepted, OrderReported, OrderTriggered
from anyvenue.model.order_spec import OrderSpec, Protection, Trigger
from anyvenue.venue.interface import VenueOrder
from anyvenue.wire.request import Request
from anyvenue_gateio.errors import VENUE
from anyvenue_gateio.limits import private
from anyvenue_gateio.order_text import client_order_id, to_text
from anyvenue_gateio.rest import orders
from anyvenue_gateio.rest.orders import command, question, reduces, root, signed_size

TRAIL_PAGE: Final = 20
"""Rows in a page of trailing orders."""

_SOURCES: Final = {PriceSource.LAST: 0, PriceSource.MARK: 1, PriceSource.INDEX: 2}
_TRAIL_SOURCES: Final = {PriceSource.LAST: 1, PriceSource.INDEX: 2, PriceSource.MARK: 3}
_HELD: Final = {Side.BUY: "short", Side.SELL: "long"}
"""Which position an order of a side closes."""

_TIMES: Final = ("finish_time", "finished_at", "updated_at", "create_time", "created_at")
_ENDS: Final = {"cancelled": OrderState.CANCELED, "expired": OrderState.EXPIRED}


class OrderKind(Enum):
    """The list an order is in, by the beginning of its id."""

    ORDER = ""
    TRIGGER = "trigger:"
    TRAIL = "trail:"


def order_kind(venue_order_id: str) -> OrderKind:
    """Return which list an id belongs to."""
    kinds = (OrderKind.TRIGGER, OrderKind.TRAIL)
    return next((kind for kind in kinds if venue_order_id.startswith(kind.value)), OrderKind.ORDER)


def create(spec: OrderSpec) -> Request:
    """Create a stop, take-profit or trailing order. Raises NotSupported for what cannot wait at Gate."""
    trigger, is_market = spec.trigger, spec.order_type is OrderType.MARKET
    if trigger is None:
        raise ValueError("create: found an order without a trigger; it is created by rest.orders")
    refused = {
        "post-only": spec.post_only,
        "a display quantity": spec.display_quantity is not None,
        "attached protection": spec.protection is not None,
        "self-trade prevention": spec.self_trade_prevention is not None,
        "fill-or-kill": spec.time_in_force is TimeInForce.FOK,
        "a limit price behind a trailing trigger": trigger.kind is TriggerKind.TRAILING and not is_market,
    }
    for what, is_asked in refused.items():
        if is_asked:
            raise NotSupported(f"{what} is not possible on an order with a trigger; nothing was sent", venue=VENUE)
    if trigger.kind is TriggerKind.TRAILING:
        return _create_trail(spec, trigger)
    only_reduces = reduces(spec)
    initial = {
        "contract": spec.instrument.venue_symbol,
        "amount": signed_size(spec.instrument, spec.side, spec.quantity),
        "price": "0" if spec.price is None else shortest_text(spec.price),
        "tif": "ioc" if is_market or spec.time_in_force is TimeInForce.IOC else "gtc",
        "reduce_only": only_reduces,
        "text": to_text(spec.client_order_id),
    }
    order_type = f"plan-close-{_HELD[spec.side]}-position" if only_reduces else ""
    return _create(spec.instrument, initial, trigger, spec.side, order_type)


def protect(
    instrument: Instrument, protection: Protection, held_by: Side, position_side: PositionSide = PositionSide.NET
) -> list[Request]:
    """Create take-profit and stop-loss for a whole position that was opened by side `held_by`, as one request each."""
    side = held_by.opposite
    full = {"close": True} if position_side is PositionSide.NET else {"auto_size": f"close_{_HELD[side]}"}
    initial = {"contract": instrument.venue_symbol, "size": 0, "price": "0", "tif": "ioc", "reduce_only": True, **full}
    order_type = f"close-{_HELD[side]}-position"
    levels = ((TriggerKind.TAKE_PROFIT, protection.take_profit), (TriggerKind.STOP, protection.stop_loss))
    return [
        _create(instrument, initial, Trigger(kind=kind, price=level, source=protection.source), side, order_type)
        for kind, level in levels
        if level is not None
    ]


def _create(
    instrument: Instrument, initial: Mapping[str, Any], trigger: Trigger, side: Side, order_type: str
) -> Request:
    body: dict[str, Any] = {
        "initial": initial,
        "trigger": {
            "strategy_type": 0,
            "price_type": _SOURCES[trigger.source],
            "price": shortest_text(trigger.price or ZERO),
            "rule": 1 if trigger.fires_at_or_above(side) else 2,
        },
    }
    path = f"{root(instrument)}/price_orders"
    body |= {"order_type": order_type} if order_type else {}
    return command("POST", path, body, charges=private(path), urgent=initial["reduce_only"])


def _create_trail(spec: OrderSpec, trigger: Trigger) -> Request:
    percent = EXACT.multiply(trigger.trail_ratio or ZERO, Decimal(100))
    body = {
        "contract": spec.instrument.venue_symbol,
        "amount": signed_size(spec.instrument, spec.side, spec.quantity),
        "activation_price": shortest_text(trigger.price or ZERO),
        "is_gte": spec.side is Side.SELL,
        "price_type": _TRAIL_SOURCES[trigger.source],
        "price_offset": f"{shortest_text(percent)}%" if percent else shortest_text(trigger.trail or ZERO),
        "reduce_only": reduces(spec),
        "text": to_text(spec.client_order_id),
    }
    path = f"{_trails(spec.instrument)}/create"
    return command("POST", path, body, charges=private(path), urgent=reduces(spec))


def amend(order: Order, *, price: Decimal | None = None, quantity: Decimal | None = None) -> Request:
    """Change limit price or quantity of a waiting order that reduces. Raises NotSupported for entries and trails."""
    if order_kind(order.venue_order_id or "") is not OrderKind.TRIGGER or not reduces(order.spec):
        raise NotSupported("only stop and take-profit orders that reduce can be amended; cancel it", venue=VENUE)
    at = price or order.price
    body = {
        "order_id": int(_bare(order)),
        "amount": signed_size(order.instrument, order.side, quantity or order.quantity),
        "price": "0" if at is None else shortest_text(at),
    }
    path = f"{root(order.instrument)}/price_orders/amend"
    return command("PUT", path, body, charges=private(path), urgent=True)


def cancel(order: Order) -> Request:
    """Cancel a waiting order by its id, a trailing one also by text. Raises NotSent where neither is known."""
    trigger = order.spec.trigger
    if order.venue_order_id is None and trigger is not None and trigger.kind is TriggerKind.TRAILING:
        path = f"{_trails(order.instrument)}/stop"
        return command("POST", path, {"text": to_text(order.client_order_id)}, charges=private(path), urgent=True)
    return _cancel(order.instrument, order_kind(order.venue_order_id or ""), _bare(order))


def cancel_row(instrument: Instrument, row: Mapping[str, Any]) -> Request:
    """Cancel a waiting order, anybody's, as a list shows it."""
    return _cancel(instrument, _kind(row), _id(row))


def _cancel(instrument: Instrument, kind: OrderKind, own_id: str) -> Request:
    path = f"{root(instrument)}/price_orders/{own_id}"
    if kind is not OrderKind.TRAIL:
        return command("DELETE", path, charges=private(path), urgent=True)
    path = f"{_trails(instrument)}/stop"
    return command("POST", path, {"id": int(own_id)}, charges=private(path), urgent=True)


def look_up(order: Order) -> Request:
    """Ask for one waiting order by its id. Raises NotSent where that is not known."""
    if order_kind(order.venue_order_id or "") is OrderKind.TRAIL:
        return question(f"{_trails(order.instrument)}/detail", ("id", _bare(order)))
    return question(f"{root(order.instrument)}/price_orders/{_bare(order)}")


def listed(settle: str, instrument: Instrument | None = None, *, is_open: bool = True, offset: int = 0) -> Request:
    """Ask for a page of the stop and take-profit orders of an account or a contract, those of positions among them."""
    terms = (("status", "open" if is_open else "finished"), *_contract(instrument))
    return question(f"/futures/{settle.lower()}/price_orders", *terms, *orders.page(offset))


def listed_trails(
    settle: str, instrument: Instrument | None = None, *, is_open: bool = True, number: int = 1
) -> Request:
    """Ask for a page of TRAIL_PAGE trailing orders of an account or a contract; the first is number 1."""
    terms = (*_contract(instrument), ("is_finished", "false" if is_open else "true"))
    pages = (("page_num", str(number)), ("page_size", str(TRAIL_PAGE)))
    return question(f"/futures/{settle.lower()}/autoorder/v1/trail/list", *terms, *pages)


def _contract(instrument: Instrument | None) -> tuple[tuple[str, str], ...]:
    return (("contract", instrument.venue_symbol),) if instrument else ()


def _trails(instrument: Instrument) -> str:
    return f"{root(instrument)}/autoorder/v1/trail"


def _bare(order: Order) -> str:
    if order.venue_order_id is None:
        raise NotSent("the order's id is not known; look for it in the list of waiting orders", venue=VENUE)
    return order.venue_order_id.partition(":")[2]


def created(data: Mapping[str, Any], spec: OrderSpec, ts_recv: int) -> OrderAccepted:
    """Read the answer to `create`."""
    is_trail = spec.trigger is not None and spec.trigger.kind is TriggerKind.TRAILING
    own_id = f"{OrderKind.TRAIL.value}{_id(data['data'])}" if is_trail else f"{OrderKind.TRIGGER.value}{_id(data)}"
    return OrderAccepted(client_order_id=spec.client_order_id, venue_order_id=own_id, ts_recv=ts_recv)


def trails_in(answer: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the trailing orders in an answer of their list, or to `look_up`: they come wrapped."""
    found: Mapping[str, Any] = answer.get("data") or answer
    return found["orders"] if "orders" in found else [found["order"]]


def rows_of(data: Any, ts_recv: int) -> list[Mapping[str, Any]]:
    """Return the rows of a list of waiting orders, all with an id and a contract. Raises KeyError and TypeError."""
    if not isinstance(data, list):
        raise TypeError(f"found {str(data)[:100]}; allowed are lists of orders")
    for row in data:
        if not isinstance(row, dict) or not isinstance(_initial(row)["contract"], str) or not _id(row):
            raise TypeError(f"found {str(row)[:100]}; allowed are orders with a contract and an id")
    return data


def contract_of(row: Mapping[str, Any]) -> str:
    """Return the venue's name of the contract that a waiting order is for."""
    return str(_initial(row)["contract"])


def protects(row: Mapping[str, Any], held_by: Side | None = None) -> bool:
    """Tell whether a row closes a whole position, as `protect` makes them: that which side `held_by` opened, or any."""
    sides = (Side.BUY, Side.SELL) if held_by is None else (held_by.opposite,)
    return row.get("order_type") in [f"close-{_HELD[side]}-position" for side in sides]


def child_id(data: Mapping[str, Any]) -> str | None:
    """Return the id of the order that a waiting one became; None before it fired. Fired does not mean filled."""
    has_child = data.get("trade_id") or data.get("suborder_id")
    return orders.id_of(data, "trade_id", "suborder_id") if has_child and _has_fired(data) else None


def read_trigger(
    data: Mapping[str, Any], instrument: Instrument, ts_recv: int, client_id: str | None = None
) -> tuple[OrderReported | OrderTriggered, ...]:
    """Read a waiting order of any list or push: that it fired, or how it is. A failure is loud in reason and text.

    Gate may not keep our text: `client_id` is then what the caller knows from the id before it fired. Raises KeyError,
    TypeError or ValueError for what is none.
    """
    report = trigger_order(data, instrument, ts_recv, client_id=client_id).report
    if not _has_fired(data):
        return (report,)
    child, client, ts = child_id(data), report.client_order_id, report.ts_event
    return (OrderTriggered(client_order_id=client, venue_order_id=child, ts_event=ts, ts_recv=ts_recv),)


def trigger_order(
    data: Mapping[str, Any],
    instrument: Instrument,
    ts_recv: int,
    mode: PositionMode = PositionMode.ONE_WAY,
    *,
    client_id: str | None = None,
) -> VenueOrder:
    """Read a waiting order of a look-up. One that fired is told as open: look its `child_id` up instead."""
    initial = _initial(data)
    size = exact(initial.get("amount") or initial.get("size") or 0, "size")
    closes = f"{data.get('order_type')} {initial.get('auto_size')}"
    sign = size or Decimal(1 if "short" in closes else -1)
    only_reduces = any(initial.get(name) for name in ("reduce_only", "is_reduce_only", "close", "is_close"))
    price = exact(initial.get("price") or 0, "price") or None
    state, reason, text = _state(data)
    return VenueOrder(
        instrument=instrument,
        side=Side.BUY if sign > 0 else Side.SELL,
        order_type=OrderType.LIMIT if price else OrderType.MARKET,
        reduce_only=only_reduces,
        position_side=orders.position_side_of(sign, mode, reduces=only_reduces),
        report=OrderReported(
            client_order_id=client_id or client_order_id(initial.get("text")),
            venue_order_id=own_id(data),
            state=state,
            filled_quantity=ZERO,
            price=price,
            quantity=instrument.from_contracts(abs(size)) or None,
            reason=reason,
            text=text,
            ts_event=orders.newest(data, _TIMES),
            ts_recv=ts_recv,
        ),
    )


def _state(data: Mapping[str, Any]) -> tuple[OrderState, RejectReason | None, str]:
    if data["status"] not in ("finished", "invalid") or _has_fired(data):
        return OrderState.OPEN, None, ""
    ended = data.get("finish_as")
    if ended in _ENDS:
        return _ENDS[ended], None, ""
    why = data.get("reason") or data.get("error_label") or "no reason given"
    text = f"no order came of it ({ended or data['status']}: {why}); the position may be UNPROTECTED: look at it now"
    return OrderState.CANCELED, RejectReason.OTHER, text


def _has_fired(data: Mapping[str, Any]) -> bool:
    return data.get("finish_as") == "succeeded" or bool(data.get("suborder_id"))


def own_id(row: Mapping[str, Any]) -> str:
    """Return the id that a waiting order has here: its own, behind the name of its list."""
    return f"{_kind(row).value}{_id(row)}"


def _kind(row: Mapping[str, Any]) -> OrderKind:
    return OrderKind.TRIGGER if "initial" in row else OrderKind.TRAIL


def _initial(row: Mapping[str, Any]) -> Mapping[str, Any]:
    initial: Mapping[str, Any] = row.get("initial", row)  # a trailing order is flat
    return initial


def _id(row: Mapping[str, Any]) -> str:
    return orders.id_of(row)
