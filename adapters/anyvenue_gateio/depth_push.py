"""The push of `futures.obu` (13.2), decoded in one go: most of what is ever received are these."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct, field

from anyvenue.model.float_delta import FloatDelta, FloatPair, are_short
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookDelta

__all__ = ["read_push"]

_MS_NS: Final = 1_000_000
_MS_MAX: Final = 2**63 // _MS_NS
_BEGINS: Final = b'{"channel":"futures.obu"'
"""Recorded pushes begin so; in others the channel's name is looked for in the first bytes."""
_CHANNEL: Final = b'"futures.obu"'
_HEAD: Final = 160


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


@lru_cache(maxsize=1024)
def _contract_of(stream: str) -> str:
    return stream.split(".")[1]


def read_push(find: Callable[[str], Instrument | None], raw: bytes, ts_recv: int) -> BookDelta | None:
    """Return the delta that a frame holds, None for anything else or unusual: that has to be read the common way."""
    if not raw.startswith(_BEGINS) and raw.find(_CHANNEL, 0, _HEAD) < 0:
        return None
    if not are_short(raw):
        return None
    try:
        delta = _DECODER.decode(raw).result
        instrument = find(_contract_of(delta.stream))
        if instrument is None or type(delta.first_id + delta.last_id + delta.ts_event) is not int:
            return None
        if delta.full or not (delta.bid_pairs or delta.ask_pairs) or delta.ts_event > _MS_MAX:
            return None
    except (msgspec.DecodeError, UnicodeError, RecursionError, LookupError, TypeError):
        return None
    delta.instrument = instrument
    delta.ts_event *= _MS_NS
    delta.ts_recv = ts_recv
    return delta  # type: ignore[return-value]  # it passes for one
