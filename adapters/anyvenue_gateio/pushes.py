"""Pushes that come in masses, read without detour: a decoder that knows each by its channel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec

from anyvenue.model.errors import VenueProtocolError
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookDelta, Trade
from anyvenue.model.order_events import OrderFilled, OrderReported
from anyvenue_gateio.depth_push import Contracts, DepthPush
from anyvenue_gateio.order_push import FillPush, OrderPush, fill_reader, order_reader
from anyvenue_gateio.trade_push import SeenTrades, TradePush, trade_reader

__all__ = ["Pushed", "push_reader"]

Pushed: TypeAlias = BookDelta | list[Trade] | tuple[OrderReported | OrderFilled, ...]
"""What a push holds: a delta, what was traded (a list), or news of our orders (a tuple)."""

_MS_NS: Final = 1_000_000
_UNUSUAL: Final = (
    msgspec.DecodeError,
    VenueProtocolError,
    ArithmeticError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
_decode: Final = msgspec.json.Decoder(DepthPush | TradePush | OrderPush | FillPush).decode


def push_reader(
    find: Callable[[str], Instrument | None], seen: SeenTrades, is_hedged: Callable[[], bool]
) -> Callable[[bytes, int], Pushed | None]:
    """Return what reads frames: it returns what a frame holds, made at the time given with it.

    It returns None for anything else or unusual, which has to be read the common way.
    """
    contracts = Contracts()
    readers: dict[type, Callable[[Any, int], Pushed | None]] = {
        TradePush: trade_reader(find, seen),
        OrderPush: order_reader(find),
        FillPush: fill_reader(find, is_hedged),
    }

    def read_push(raw: bytes, ts_recv: int) -> Pushed | None:
        try:
            push = _decode(raw)
            if type(push) is not DepthPush:
                return readers[type(push)](push, ts_recv)
            delta = push.result
            instrument = find(contracts[delta.stream])
        except _UNUSUAL:
            return None
        if delta.full or instrument is None:
            return None
        delta.instrument = instrument
        delta.ts_event *= _MS_NS
        delta.ts_recv = ts_recv
        return delta  # type: ignore[return-value]  # it passes for one

    return read_push
