"""An account's updates, read by whoever remembers the last: each tells all open orders, most of them as they were."""

from __future__ import annotations

from typing import Final, Literal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from anyvenue.model.errors import VenueProtocolError
from anyvenue.wire.exact_json import decode
from anyvenue_gaiaex.streams import Row, Update, read_held, read_row, read_update

__all__ = ["UpdateReader"]

_UNREADABLE: Final = (
    msgspec.DecodeError,
    VenueProtocolError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


class _Message(Struct, gc=False):
    type: Literal["update"]
    orders: list[Raw] | None = None
    positions: list[Raw] | None = None
    balance: Raw | UnsetType = UNSET
    timestamp: Raw | UnsetType = UNSET
    time: Raw | UnsetType = UNSET


_decode: Final = msgspec.json.Decoder(_Message).decode


class UpdateReader:
    """Reads the updates of one account. An order that is told by the same bytes as last time is not read again."""

    def __init__(self) -> None:
        self._rows: dict[bytes, Row] = {}

    def read(self, raw: bytes) -> Update | None:
        """Return what an update tells; None for any other message, and for one of which something cannot be read."""
        try:
            told = _decode(raw)
            rows = None if told.orders is None else self._told(told.orders)
            positions = None
            if told.positions is not None:
                positions = dict(read_held(decode(bytes(item))) for item in told.positions)
            rest = {"balance": told.balance, "timestamp": told.timestamp, "time": told.time}
            read = read_update({name: decode(bytes(part)) for name, part in rest.items() if isinstance(part, Raw)})
        except _UNREADABLE:
            return None
        if read.unread:
            return None
        return Update(
            orders=None if rows is None else {row.order_id: row for row in rows},
            positions=positions,
            total=read.total,
            available=read.available,
            ts_event=read.ts_event,
        )

    def _told(self, items: list[Raw]) -> list[Row]:
        texts = [bytes(item) for item in items]
        known = self._rows
        rows = [known.get(text) or read_row(decode(text)) for text in texts]
        self._rows = dict(zip(texts, rows, strict=True))
        return rows
