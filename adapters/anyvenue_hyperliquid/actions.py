"""Orders as Hyperliquid takes them, in `/exchange`, and what its answers prove."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from anyvenue.model.enums import OrderState, OrderType, Side, TimeInForce, TriggerKind
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import ONE, ZERO, Rounding, exact, shortest_text
from anyvenue.model.order_events import OrderReported
from anyvenue.model.order_spec import OrderSpec
from anyvenue.wire.request import Request
from anyvenue_hyperliquid.errors import error_of
from anyvenue_hyperliquid.rest import action, cloid_of

_TIFS: Final = {TimeInForce.GTC: "Gtc", TimeInForce.IOC: "Ioc"}
_TPSL: Final = {TriggerKind.STOP: "sl", TriggerKind.TAKE_PROFIT: "tp"}


def place(items: Sequence[Mapping[str, Any]], grouping: str = "na", about: str = "") -> Request:
    """Ask for new orders. `about` is the client id of the first, for the log."""
    urgent = all(item["r"] for item in items)
    return action("order", len(items), urgent=urgent, about=about, orders=items, grouping=grouping)


def modify(number: int, item: Mapping[str, Any], about: str = "") -> Request:
    """Ask for another order in an order's place: the answer to `batchModify` tells its number, that to `modify` not."""
    return action("batchModify", about=about, modifies=[{"oid": number, "order": item}])


def cancel(asset: int, name: int | str, about: str = "") -> Request:
    """Ask for the end of an order."""
    if isinstance(name, int):
        return action("cancel", urgent=True, about=about, cancels=[{"a": asset, "o": name}])
    return action("cancelByCloid", urgent=True, about=about, cancels=[{"asset": asset, "cloid": name}])


def order_item(spec: OrderSpec, asset: int, bound: Decimal) -> dict[str, Any]:
    """Return one new order. `bound` is its price, or the worst one of an order that has none."""
    is_market, trigger = spec.order_type is OrderType.MARKET, spec.trigger
    tif = "Alo" if spec.post_only else "Ioc" if is_market else _TIFS[spec.time_in_force]
    kind: dict[str, Any] = {"limit": {"tif": tif}}
    if trigger is not None and trigger.price is not None:
        kind = _trigger(_TPSL[trigger.kind], trigger.price, is_market=is_market)
    item = _item(asset, spec.side, bound, spec.quantity, reduce_only=spec.reduce_only, kind=kind)
    return item | {"c": cloid_of(spec.client_order_id)}


def closing_item(asset: int, side: Side, quantity: Decimal, word: str, price: Decimal, bound: Decimal) -> Any:
    """Return a trigger at market that reduces a position; `word` is `tp` or `sl`."""
    return _item(asset, side, bound, quantity, reduce_only=True, kind=_trigger(word, price, is_market=True))


def _item(
    asset: int, side: Side, price: Decimal, quantity: Decimal, *, reduce_only: bool, kind: Mapping[str, Any]
) -> dict[str, Any]:
    texts = {"p": shortest_text(price), "s": shortest_text(quantity)}
    return {"a": asset, "b": side is Side.BUY, **texts, "r": reduce_only, "t": kind}


def _trigger(word: str, price: Decimal, *, is_market: bool) -> dict[str, Any]:
    return {"trigger": {"isMarket": is_market, "triggerPx": shortest_text(price), "tpsl": word}}


def bounded(instrument: Instrument, side: Side, price: Decimal, slippage: Decimal) -> Decimal:
    """Return the worst price of an order at market, so far beyond `price`."""
    rounding = Rounding.DOWN if side is Side.BUY else Rounding.UP
    return instrument.round_price(price * (ONE + side.sign * slippage), rounding=rounding)


def raise_error(entry: Any) -> None:
    """Raise the error of one entry of an answer, if it is one."""
    if isinstance(entry, Mapping) and "error" in entry:
        raise error_of(entry["error"], "order")


def read_entries(told: Mapping[str, Any], count: int, now: int) -> list[Any]:
    """Return the entries of an answer to so many orders, of which one error may stand for all. Raises a refusal."""
    if told["status"] != "ok":
        raise error_of(told["response"], "action")
    entries: list[Any] = told["response"].get("data", {}).get("statuses", [])
    if len(entries) == 1 and "error" in entries[0]:
        return entries * count
    if len(entries) != count:
        raise ValueError(f"{len(entries)} answers to {count} orders")
    return entries


def read_canceled(entry: Any, now: int) -> None:
    """Raise what a cancel was refused with, and ValueError for an answer that is neither that nor a success."""
    raise_error(entry)
    if entry != "success":
        raise ValueError(f"found {entry!r}")


def read_entry(entry: Any, spec: OrderSpec, now: int) -> OrderReported:
    """Return what the answer to a new order proves. What is left of an immediate one is dropped without a word."""
    raise_error(entry)
    ((kind, told),) = entry.items()
    filled = {"resting": ZERO, "filled": exact(told.get("totalSz", "0"), "totalSz")}[kind]
    rests = spec.order_type is OrderType.LIMIT and spec.time_in_force is not TimeInForce.IOC
    state = OrderState.PARTIALLY_FILLED if filled else OrderState.OPEN
    if filled >= spec.quantity:
        state = OrderState.FILLED
    elif kind == "filled" and not rests:
        state = OrderState.CANCELED
    return OrderReported(
        client_order_id=spec.client_order_id,
        venue_order_id=str(told["oid"]),
        state=state,
        filled_quantity=filled,
        average_price=exact(told["avgPx"], "avgPx") if filled else None,
        price=spec.price,
        quantity=spec.quantity,
        ts_recv=now,
    )
