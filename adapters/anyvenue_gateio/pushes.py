"""Pushes that come in masses, read without detour: a decoder that knows each by its channel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookDelta, Trade
from anyvenue_gateio.depth_push import Contracts, DepthPush
from anyvenue_gateio.trade_push import SeenTrades, TradePush, trade_reader

__all__ = ["push_reader"]

_MS_NS: Final = 1_000_000
_UNUSUAL: Final = (msgspec.DecodeError, ArithmeticError, LookupError, RecursionError, ValueError)
_decode: Final = msgspec.json.Decoder(DepthPush | TradePush).decode


def push_reader(
    find: Callable[[str], Instrument | None], seen: SeenTrades
) -> Callable[[bytes, int], BookDelta | list[Trade] | None]:
    """Return what reads frames: it returns what a frame holds, made at the time given with it.

    It returns None for anything else or unusual, which has to be read the common way.
    """
    contracts, read_trades = Contracts(), trade_reader(find, seen)

    def read_push(raw: bytes, ts_recv: int) -> BookDelta | list[Trade] | None:
        try:
            push = _decode(raw)
            if type(push) is not DepthPush:
                return read_trades(push, ts_recv)
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
