"""The push of `futures.obu` (13.2), decoded in one go: most of what is ever received are these."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct, field

from anyvenue.model.float_delta import FloatDelta, FloatPair, are_short
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookDelta

__all__ = ["push_reader"]

_MS_NS: Final = 1_000_000
_MS_MAX: Final = 2**63 // _MS_NS
_CHANNEL: Final = b'"futures.obu"'
_HEAD: Final = 160
_BEGINS: Final = b'{"channel":"futures.obu","result":{"t":'
"""Recorded pushes begin so, and end with a colon and a time of 13 digits: no level is before the one, or behind the
other. In others the channel's name is looked for in the head, and levels everywhere."""
_LEVELS: Final = len(_BEGINS) + 4
_COLON_AT, _COLON = -len(":1747054612674}"), ord(":")
_STREAMS_KEPT: Final = 1024


class _ObuDelta(FloatDelta, kw_only=True, gc=False):
    stream: str = field(name="s")
    full: bool | None = None  # true makes it a snapshot, which is read the common way
    bid_pairs: list[FloatPair] = field(name="b", default_factory=list)
    ask_pairs: list[FloatPair] = field(name="a", default_factory=list)
    # The decoder reads numbers out of texts, which is right for levels only: these are looked at afterwards.
    first_id: Any = field(name="U")
    last_id: Any = field(name="u")
    ts_event: Any = field(name="t")


class _Push(Struct, gc=False):
    channel: Literal["futures.obu"]
    result: _ObuDelta
    event: Literal["update"] | None = None
    error: None = None
    header: None = None


_DECODER: Final = msgspec.json.Decoder(_Push, strict=False)


class _Contracts(dict[str, str]):
    """The contract of each stream."""

    def __missing__(self, stream: str) -> str:
        if len(self) >= _STREAMS_KEPT:
            self.clear()
        contract = self[stream] = stream.split(".")[1]
        return contract


def push_reader(find: Callable[[str], Instrument | None]) -> Callable[[bytes, int], BookDelta | None]:
    """Return what reads frames: it returns the delta that a frame holds, made at the time given with it.

    It returns None for anything else or unusual, which has to be read the common way.
    """
    contracts, decode = _Contracts(), _DECODER.decode

    def read_push(raw: bytes, ts_recv: int) -> BookDelta | None:
        try:
            if raw.startswith(_BEGINS) and raw[_COLON_AT] == _COLON:
                if not are_short(raw, _LEVELS, _COLON_AT):
                    return None
            elif raw.find(_CHANNEL, 0, _HEAD) < 0 or not are_short(raw):
                return None
            delta = decode(raw).result
            instrument = find(contracts[delta.stream])
            if delta.full or instrument is None or type(delta.first_id + delta.last_id + delta.ts_event) is not int:
                return None
            if delta.ts_event > _MS_MAX:
                return None
        except (msgspec.DecodeError, UnicodeError, RecursionError, LookupError, TypeError):
            return None
        delta.instrument = instrument
        delta.ts_event *= _MS_NS
        delta.ts_recv = ts_recv
        return delta  # type: ignore[return-value]  # it passes for one

    return read_push
