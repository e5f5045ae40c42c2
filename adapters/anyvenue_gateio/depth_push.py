"""The push of `futures.obu` (13.2), decoded in one go: most of what is ever received are these."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct, field

from anyvenue.model.decoded_delta import DecodedDelta, TextPair
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookDelta

__all__ = ["push_reader"]

_MS_NS: Final = 1_000_000
_MS_MAX: Final = 2**63 // _MS_NS
_STREAMS_KEPT: Final = 1024


class _ObuDelta(DecodedDelta, kw_only=True, gc=False):
    ts_event: Annotated[int, Meta(ge=0, le=_MS_MAX)] = field(name="t")
    stream: str = field(name="s")
    first_id: int = field(name="U")
    last_id: int = field(name="u")
    bids: list[TextPair] = field(name="b", default_factory=list)
    asks: list[TextPair] = field(name="a", default_factory=list)
    full: bool | None = None  # true makes it a snapshot, which is read the common way


class _Push(Struct, gc=False):
    channel: Literal["futures.obu"]
    result: _ObuDelta
    event: Literal["update"] | None = None
    error: None = None
    header: None = None


_DECODER: Final = msgspec.json.Decoder(_Push)


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
            delta = decode(raw).result
            instrument = find(contracts[delta.stream])
        except (msgspec.DecodeError, UnicodeError, RecursionError, LookupError):
            return None
        if delta.full or instrument is None:
            return None
        delta.instrument = instrument
        delta.ts_event *= _MS_NS
        delta.ts_recv = ts_recv
        return delta  # type: ignore[return-value]  # it passes for one

    return read_push
