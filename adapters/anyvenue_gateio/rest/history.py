"""Fills, and how long Gate remembers what happened: what "not found" proves, and what it does not."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from anyvenue.model.enums import Liquidity, PositionMode, PositionSide, Side
from anyvenue.model.fill import Fill
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import exact
from anyvenue.wire.request import Request
from anyvenue_gateio.order_text import client_order_id
from anyvenue_gateio.rest.orders import id_of, id_text, newest, page, position_side_of, question, root

ORDER_TEXT_LOOKUP_S: Final = 60
"""For so long after its cancel an order without any fill is found by text; one with a fill has no such limit.

Later, "not found" by text proves that it never came or was canceled unfilled only if its fills are empty too.
"""

UNFILLED_LOOKUP_S: Final = 600
"""For about so long an order that was canceled without any fill is found by id and in the list of finished orders."""

HISTORY_S: Final = 180 * 86_400
"""How far back finished orders and fills reach: six months."""

ROLES: Final = {"maker": Liquidity.MAKER, "taker": Liquidity.TAKER}
"""What a fill was, by its `role`."""

_TIMES: Final = ("create_time_ms", "create_time")
_S: Final = 10**9


def fills(instrument: Instrument, *, start_ns: int, end_ns: int, offset: int = 0) -> Request:
    """Ask for a page of a contract's fills in the whole seconds that [start_ns, end_ns] touches."""
    contract, span = (
        ("contract", instrument.venue_symbol),
        (("from", str(start_ns // _S)), ("to", str(-(-end_ns // _S)))),
    )
    return question(f"{root(instrument)}/my_trades_timerange", contract, *span, *page(offset))


def read_fill(
    data: Mapping[str, Any],
    instrument: Instrument,
    ts_recv: int,
    position_side: PositionSide | None = PositionSide.NET,
) -> Fill:
    """Read a fill, from either list or from a push. Its id is unique per contract; fees paid in points are not told.

    In dual mode give the position, or None to have it told by `close_size`, which the pushes do not have. Raises
    KeyError, TypeError or ValueError for what is no fill.
    """
    size = exact(data["size"], "size")
    if position_side is None:
        closes = exact(data["close_size"], "close_size") != 0
        position_side = position_side_of(size, PositionMode.HEDGE, reduces=closes)
    return Fill(
        instrument=instrument,
        trade_id=id_of(data, "trade_id"),
        client_order_id=client_order_id(data.get("text")),
        venue_order_id=id_text(data["order_id"]),
        side=Side.BUY if size > 0 else Side.SELL,
        price=exact(data["price"], "price"),
        quantity=instrument.from_contracts(abs(size)),
        fee=exact(data.get("fee") or Decimal(0), "fee"),
        liquidity=ROLES.get(data.get("role", ""), Liquidity.UNKNOWN),
        position_side=position_side,
        ts_event=newest(data, _TIMES),
        ts_recv=ts_recv,
    )
