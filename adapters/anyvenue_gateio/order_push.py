"""The pushes of `futures.orders` and `futures.usertrades` (12.2), decoded in one go."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Final, Literal

from msgspec import Meta, Raw, Struct

from anyvenue.model.enums import Liquidity, OrderState, Side
from anyvenue.model.fill import Fill
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import EXACT, WHOLE_END, ZERO, exact, plain
from anyvenue.model.order_events import OrderFilled, OrderReported
from anyvenue.venue.missed import filled
from anyvenue.wire.exact_json import decode
from anyvenue_gateio.order_text import PREFIX
from anyvenue_gateio.rest.history import ROLES
from anyvenue_gateio.rest.orders import id_text, state_of

__all__ = ["FillPush", "OrderPush", "fill_reader", "order_reader"]

_KEPT: Final = 4_096
_MS_NS: Final = 1_000_000
_S_MS: Final = 1_000
_MS_FROM, _MS_END = 10**11, 10**14  # what is less is taken for seconds, and what is more for microseconds
_OPEN, _PARTIALLY_FILLED, _FILLED = OrderState.OPEN, OrderState.PARTIALLY_FILLED, OrderState.FILLED
_multiply: Final = EXACT.multiply

_Whole = Annotated[int, Meta(ge=0, le=WHOLE_END - 1)]
_Ms = Annotated[int, Meta(ge=_MS_FROM, lt=_MS_END)]
_S = Annotated[int, Meta(ge=0, lt=_MS_FROM)]
_MsOr0 = Annotated[int, Meta(ge=0, lt=_MS_END)]


class _OrderRow(Struct, gc=False):
    id: _Whole
    contract: str
    text: str
    size: int | str
    left: int | str
    price: Raw
    status: str
    update_time: _Ms
    fill_price: Raw = Raw(b"0")
    finish_as: str | None = None
    update_id: _Whole | None = None
    create_time: _S = 0
    create_time_ms: _Ms = 0
    finish_time: _S = 0
    finish_time_ms: _MsOr0 = 0
    id_string: str | None = None


class OrderPush(Struct, gc=False, tag_field="channel", tag="futures.orders"):
    """A frame that holds orders, and nothing unusual."""

    result: list[_OrderRow]
    time_ms: _MsOr0 = 0
    event: Literal["update"] | None = None
    error: None = None
    header: None = None


class _FillRow(Struct, gc=False):
    id: int | str
    order_id: int | str
    contract: str
    text: str
    size: int | str
    price: Raw
    create_time_ms: _Ms
    create_time: _S = 0
    fee: Raw = Raw(b"0")
    role: str = ""
    trade_id: None = None
    id_string: None = None


class FillPush(Struct, gc=False, tag_field="channel", tag="futures.usertrades"):
    """A frame that holds fills, and nothing unusual."""

    result: list[_FillRow]
    time_ms: _MsOr0 = 0
    event: Literal["update"] | None = None
    error: None = None
    header: None = None


class _JsonPrices(dict[bytes, Decimal | None]):
    """The number of each JSON text, None for 0. Raises TypeError and ValueError for what is none."""

    def __missing__(self, raw: bytes) -> Decimal | None:
        if len(self) >= _KEPT:
            self.clear()
        price = self[raw] = exact(decode(raw), "price") or None
        return price


class _Contracts(dict[int | str, Decimal]):
    """The contracts of each size, below 0 to sell. Raises ValueError for what is no number."""

    def __missing__(self, size: int | str) -> Decimal:
        if len(self) >= _KEPT:
            self.clear()
        contracts = self[size] = plain(exact(size, "size"))
        return contracts


def order_reader(
    find: Callable[[str], Instrument | None],
) -> Callable[[OrderPush, int], tuple[OrderReported, ...] | None]:
    """Return what gives the reports of a push, received at the time given with it.

    It says what `rest.orders.order_report` does. It returns None, or raises TypeError or ValueError, for anything
    unusual: what is not ours by its text, or is no order at all.
    """
    prices, sizes = _JsonPrices(), _Contracts()

    def read(push: OrderPush, ts_recv: int) -> tuple[OrderReported, ...] | None:
        reports = []
        for row in push.result:
            instrument = find(row.contract)
            if instrument is None:
                continue
            text, number, ts_ms, ended_ms = row.text, str(row.id), row.update_time, row.finish_time_ms
            if ended_ms or row.finish_time:
                ts_ms = max(ts_ms, ended_ms, row.finish_time * _S_MS)
            if (
                not _is_ours(text)
                or (row.id_string is not None and row.id_string != number)
                or row.create_time_ms > ts_ms
                or row.create_time * _S_MS > ts_ms
                or 0 < ended_ms < _MS_FROM
            ):
                return None
            size, left = sizes[row.size], sizes.get(row.left)
            if left is None:  # it may be another each time: not remembered
                left = exact(row.left, "left")
            asked = abs(size)
            traded = asked - abs(left)
            if traded < 0 and asked:
                return None
            filled = _multiply(traded, instrument.contract_size) if traded > 0 else ZERO
            if left and row.status == "open":
                state, reason, why = _PARTIALLY_FILLED if filled else _OPEN, None, ""
            elif not left and (filled or row.finish_as == "filled"):
                state, reason, why = _FILLED, None, ""
            else:
                state, reason, why = state_of(row.status, row.finish_as, filled)
            fields = {
                "client_order_id": text[len(PREFIX) :],
                "venue_order_id": number,
                "ts_event": ts_ms * _MS_NS,
                "ts_recv": ts_recv,
                "state": state,
                "filled_quantity": filled,
                "average_price": prices[bytes(row.fill_price)],
                "price": prices[bytes(row.price)],
                "quantity": _multiply(asked, instrument.contract_size) if asked else None,
                "sequence": row.update_id or None,
                "reason": reason,
                "text": why,
            }
            reports.append(OrderReported.of(fields))
        return tuple(reports)

    return read


def fill_reader(
    find: Callable[[str], Instrument | None], is_hedged: Callable[[], bool]
) -> Callable[[FillPush, int], tuple[OrderFilled, ...] | None]:
    """Return what gives the fills of a push, received at the time given with it.

    It says what `rest.history.read_fill` does. It returns None, or raises TypeError or ValueError, for anything
    unusual, and in hedge mode.
    """
    prices, sizes = _JsonPrices(), _Contracts()

    def read(push: FillPush, ts_recv: int) -> tuple[OrderFilled, ...] | None:
        if is_hedged():
            return None
        fills = []
        for row in push.result:
            instrument = find(row.contract)
            if instrument is None:
                continue
            text, price, ts_ms = row.text, prices[bytes(row.price)], row.create_time_ms
            if price is None or not _is_ours(text) or row.create_time * _S_MS > ts_ms:
                return None
            size = sizes[row.size]
            fill = Fill(
                instrument=instrument,
                trade_id=id_text(row.id),
                client_order_id=text[len(PREFIX) :],
                venue_order_id=id_text(row.order_id),
                side=Side.BUY if size > 0 else Side.SELL,
                price=price,
                quantity=_multiply(abs(size), instrument.contract_size),
                fee=exact(decode(bytes(row.fee)) or ZERO, "fee"),
                liquidity=ROLES.get(row.role, Liquidity.UNKNOWN),
                ts_event=ts_ms * _MS_NS,
                ts_recv=ts_recv,
            )
            fills.append(filled(fill))
        return tuple(fills)

    return read


def _is_ours(text: str) -> bool:
    return len(text) > len(PREFIX) and text.startswith(PREFIX)
