"""Hyperliquid's two calls, `/info` and `/exchange`: requests as values, and readers of their answers.

A reader gets decoded JSON and, last, the time of its arrival. It may raise what reading a dict raises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import orjson
from attrs import evolve, frozen

from anyvenue.model.balance import Balance
from anyvenue.model.enums import Liquidity, MarginMode, OrderState, OrderType, Side
from anyvenue.model.fill import Fill
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookSnapshot, Candle, CandleSource, FundingPayment, FundingRate, Ticker
from anyvenue.model.numbers import ZERO, exact
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderReported
from anyvenue.model.position import Position
from anyvenue.venue.interface import VenueOrder
from anyvenue.wire.client_ids import from_hex, to_hex
from anyvenue.wire.limits import Bucket
from anyvenue.wire.request import Charge, Effect, Request
from anyvenue_hyperliquid.errors import STATUSES
from anyvenue_hyperliquid.instruments import FUNDING_S, SETTLE

BUCKETS: Final = (
    Bucket(name="actions", limit=1080, per_s=60),
    Bucket(name="weight", limit=1080, per_s=60, reserve=120),
)
"""Of 1,200 a minute, together; answers of many rows cost more than can be known before, which `MANY` allows for.
Actions are counted once more by themselves: where questions fail again and again, orders still go."""
MS_NS: Final = 1_000_000
HOUR_NS: Final = FUNDING_S * 1_000_000_000
LIGHT: Final = 2
MANY: Final = 40
PAGE: Final = 500
INTERVALS: Final = {
    60: "1m", 180: "3m", 300: "5m", 900: "15m", 1800: "30m", 3600: "1h", 7200: "2h", 14400: "4h", 28800: "8h",
    43200: "12h", 86400: "1d", 259200: "3d", 604800: "1w",
}  # fmt: skip
SECONDS: Final = {name: seconds for seconds, name in INTERVALS.items()}
OPEN: Final = ("open", "triggered")
SIDES: Final = {"B": Side.BUY, "A": Side.SELL}
_JSON: Final = {"Content-Type": "application/json"}

Found = Mapping[str, Instrument]
"""Instruments by the venue's names."""


def info(kind: str, weight: int = 20, **members: Any) -> Request:
    """Ask for something. `weight` is what it costs; nothing for the time, whose answer a wait would spoil."""
    body, charges = orjson.dumps({"type": kind, **members}), (Charge("weight", weight=weight),) if weight else ()
    return Request(method="POST", path="/info", body=body, headers=_JSON, charges=charges)


TIME: Final = info("exchangeStatus", 0)


def action(kind: str, count: int = 1, *, urgent: bool = False, about: str = "", **members: Any) -> Request:
    """Ask for an action, whose members are in the venue's order. `count` is how many orders it is about."""
    weight = 1 + count // 40
    return Request(
        method="POST",
        path="/exchange",
        body=orjson.dumps({"type": kind, **members}),
        headers=_JSON,
        signed=True,
        effect=Effect.COMMAND,
        charges=(Charge("actions", weight=weight), Charge("weight", weight=weight)),
        urgent=urgent,
        client_order_id=about,
    )


def cloid_of(client_order_id: str) -> str:
    """Return our id, or a stranger's that is a cloid already, as a cloid."""
    return client_order_id if client_order_id.startswith("0x") else to_hex(client_order_id)


def client_id_of(cloid: str | None) -> str | None:
    """Return our id of a cloid, or a stranger's as it is: one in eight of those could be read as letters too."""
    ours = from_hex(cloid)
    return ours if ours is not None and ours.startswith("av") else cloid


def name_of(order: Order, *, by_client_id: bool) -> int | str:
    """Return what to call an order: by its number where that is known and stays, else by our own id."""
    known = order.venue_order_id is not None and not (by_client_id and order.client_order_id)
    return int(order.venue_order_id or 0) if known else cloid_of(order.client_order_id)


def state_of(status: str, filled: Decimal) -> OrderState:
    """Return what a status means. Raises ValueError for one that is not known: it must not pass for any."""
    if status in OPEN:
        return OrderState.PARTIALLY_FILLED if filled else OrderState.OPEN
    if status == "filled":
        return OrderState.FILLED
    if status.lower().endswith("rejected"):
        return OrderState.CANCELED if filled else OrderState.REJECTED
    if status.endswith(("anceled", "Cancel", "scheduledCancel")):
        return OrderState.CANCELED
    raise ValueError(f"found the status {status!r}")


@frozen
class Named:
    """What an order of a look-up is known by, and whether its row tells what has traded."""

    number: str
    client_id: str | None
    is_ours: bool
    is_reduced: bool
    ts_created: int


def named(row: Mapping[str, Any]) -> Named:
    """Return what an order is known by. What has traded of a reduce-only one that ended its fills tell."""
    order, client_id = row["order"], client_id_of(row["order"].get("cloid"))
    is_reduced = bool(order.get("reduceOnly")) and row["status"] not in OPEN
    is_ours = client_id is not None and not client_id.startswith("0x")
    return Named(str(order["oid"]), client_id, is_ours, is_reduced, order["timestamp"] * MS_NS)


def read_status(told: Mapping[str, Any], now: int) -> Mapping[str, Any] | None:
    """Return the row of an order that was asked for; None where the venue says that there is none."""
    if told["status"] == "unknownOid":
        return None
    row: Mapping[str, Any] = told["order"]
    return row


def ended_since(rows: Sequence[Mapping[str, Any]], coin: str, start_ns: int, now: int) -> list[Mapping[str, Any]]:
    """Return the rows of a history, which has the newest first, that are of a market and ended; the oldest first."""
    ended = [row for row in rows if row["order"]["coin"] == coin and row["status"] not in OPEN]
    return [row for row in ended if row["statusTimestamp"] * MS_NS >= start_ns][::-1]


def read_report(row: Mapping[str, Any], before: Decimal, traded: Decimal | None, now: int) -> OrderReported:
    """Return what is said of an order: `row` has `order`, `status` and `statusTimestamp`.

    `before` is what had traded when the order went by another number. `traded` is the sum of this number's fills, for a
    reduce-only order: its size shrinks with the position, so the row alone does not tell how much has traded.
    """
    order, status = row["order"], row["status"]
    size, left = exact(order["origSz"], "origSz"), exact(order["sz"], "sz")
    total, filled = before + size, before + size - left
    state = state_of(status, filled)
    if order.get("reduceOnly") and (traded is not None or not state.is_terminal):
        filled = before + (traded or ZERO)
        if state.is_terminal and state is not OrderState.REJECTED:
            state = OrderState.FILLED if filled >= total else OrderState.CANCELED
    return OrderReported(
        client_order_id=client_id_of(order.get("cloid")),
        venue_order_id=str(order["oid"]),
        state=state,
        filled_quantity=filled,
        price=exact(order["limitPx"], "limitPx"),
        quantity=total,
        reason=STATUSES.get(status),
        text=status if status in STATUSES else "",
        ts_event=row["statusTimestamp"] * MS_NS,
        ts_recv=now,
    )


def read_order(row: Mapping[str, Any], found: Found, before: Decimal, traded: Decimal | None, now: int) -> VenueOrder:
    """Return an order as a look-up shows it. `row` is as in `read_report`."""
    order = row["order"]
    is_market = "Market" in order.get("orderType", "") or order.get("tif") in ("Ioc", "FrontendMarket")
    return VenueOrder(
        instrument=found[order["coin"]],
        side=SIDES[order["side"]],
        order_type=OrderType.MARKET if is_market else OrderType.LIMIT,
        reduce_only=bool(order.get("reduceOnly")),
        report=read_report(row, before, traded, now),
    )


def read_fill(row: Mapping[str, Any], found: Found, now: int) -> Fill:
    """Return one trade of ours. The number of a trade alone names several; with order and time it names one."""
    return Fill(
        instrument=found[row["coin"]],
        trade_id=f"{row['tid']}-{row['oid']}-{row['time']}",
        client_order_id=client_id_of(row.get("cloid")),
        venue_order_id=str(row["oid"]),
        side=SIDES[row["side"]],
        price=exact(row["px"], "px"),
        quantity=exact(row["sz"], "sz"),
        fee=exact(row["fee"], "fee"),
        liquidity=Liquidity.TAKER if row["crossed"] else Liquidity.MAKER,
        ts_event=row["time"] * MS_NS,
        ts_recv=now,
    )


def read_positions(state: Mapping[str, Any], found: Found, now: int) -> list[Position]:
    """Return the positions of one dex, flat ones being left out by the venue."""
    rows = [row["position"] for row in state["assetPositions"]]
    return [_position(row, found[row["coin"]], state.get("time"), now) for row in rows if row["coin"] in found]


def _position(row: Mapping[str, Any], instrument: Instrument, time_ms: int | None, now: int) -> Position:
    quantity, leverage = exact(row["szi"], "szi"), row["leverage"]
    isolated, liquidation = leverage["type"] == "isolated", row["liquidationPx"]
    return Position(
        instrument=instrument,
        quantity=quantity,
        cost=instrument.value(quantity, exact(row["entryPx"], "entryPx")),
        funding=-exact(row.get("cumFunding", {}).get("sinceOpen", "0"), "sinceOpen"),
        leverage=exact(leverage["value"], "leverage"),
        margin_mode=MarginMode.ISOLATED if isolated else MarginMode.CROSS,
        margin=exact(row["marginUsed"], "marginUsed") if isolated else ZERO,
        liquidation_price=None if liquidation is None else exact(liquidation, "liquidationPx"),
        sequence=time_ms,
        ts_event=(time_ms or 0) * MS_NS,
        ts_recv=now,
    )


def read_leverage(data: Mapping[str, Any], held: Position, now: int) -> Position:
    """Return a position with the leverage that is set for its market."""
    leverage = data["leverage"]
    mode = MarginMode.ISOLATED if leverage["type"] == "isolated" else MarginMode.CROSS
    return evolve(held, leverage=exact(leverage["value"], "leverage"), margin_mode=mode, ts_recv=now)


def read_balance(states: Sequence[Mapping[str, Any]], now: int) -> Balance:
    """Return the money on all dexes; what is free is that of the main one, which comes first."""
    profits = [exact(row["position"]["unrealizedPnl"]) for state in states for row in state["assetPositions"]]
    value = sum((exact(state["marginSummary"]["accountValue"], "accountValue") for state in states), ZERO)
    time_ms = min(state.get("time", 0) for state in states)
    return Balance(
        currency=SETTLE,
        total=value - sum(profits, ZERO),
        available=exact(states[0]["withdrawable"], "withdrawable"),
        sequence=time_ms or None,
        ts_event=time_ms * MS_NS,
        ts_recv=now,
    )


def read_book(data: Mapping[str, Any], instrument: Instrument, now: int) -> BookSnapshot:
    """Return a whole book."""
    bids, asks = ([(level["px"], level["sz"]) for level in side] for side in data["levels"])
    return BookSnapshot(instrument=instrument, bids=bids, asks=asks, ts_event=data["time"] * MS_NS, ts_recv=now)


def read_ticker(ctx: Mapping[str, Any], instrument: Instrument, now: int) -> Ticker:
    """Return what a context says. Its rate is that of an hour, due at the end of this one."""
    return Ticker(
        instrument=instrument,
        mark_price=exact(str(ctx["markPx"]), "markPx"),
        index_price=exact(str(ctx["oraclePx"]), "oraclePx"),
        funding_rate=exact(str(ctx["funding"]), "funding"),
        next_funding_ts=now - now % HOUR_NS + HOUR_NS,
        ts_recv=now,
    )


def read_candle(row: Mapping[str, Any], instrument: Instrument, now: int) -> Candle:
    """Return a candle; it is over when its last millisecond is."""
    prices = {name: exact(str(row[name[0]]), name) for name in ("open", "high", "low", "close")}
    return Candle(
        instrument=instrument,
        interval_s=SECONDS[row["i"]],
        ts_open=row["t"] * MS_NS,
        volume=exact(str(row["v"]), "v"),
        source=CandleSource.VENUE,
        closed=now > row["T"] * MS_NS,
        ts_event=row["t"] * MS_NS,
        ts_recv=now,
        **prices,
    )


def read_funding_rate(row: Mapping[str, Any], instrument: Instrument, now: int) -> FundingRate:
    """Return a rate that was settled."""
    time_ns = row["time"] * MS_NS
    rate = exact(row["fundingRate"], "fundingRate")
    return FundingRate(instrument=instrument, rate=rate, ts_settle=time_ns, ts_event=time_ns, ts_recv=now)


def read_payment(row: Mapping[str, Any], found: Found, now: int) -> FundingPayment:
    """Return funding paid or received: of an answer, whose row has a `delta`, or of a push, whose row is flat."""
    told = row.get("delta", row)
    return FundingPayment(
        instrument=found[told["coin"]],
        amount=exact(told["usdc"], "usdc"),
        rate=exact(told["fundingRate"], "fundingRate"),
        ts_event=row["time"] * MS_NS,
        ts_recv=now,
    )
