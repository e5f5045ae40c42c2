"""What the push of `futures.obu` (13.2) is decoded to: most of what is ever received are these."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct, field

from anyvenue.model.decoded_delta import DecodedDelta, TextPair

__all__ = ["Contracts", "DepthPush"]

_MS_MAX: Final = 2**63 // 1_000_000
_STREAMS_KEPT: Final = 1024


class _ObuDelta(DecodedDelta, kw_only=True, gc=False):
    ts_event: Annotated[int, Meta(ge=0, le=_MS_MAX)] = field(name="t")
    stream: str = field(name="s")
    first_id: int = field(name="U")
    last_id: int = field(name="u")
    bids: list[TextPair] = field(name="b", default_factory=list)
    asks: list[TextPair] = field(name="a", default_factory=list)
    full: bool | None = None  # true makes it a snapshot, which is read the common way


class DepthPush(Struct, gc=False, tag_field="channel", tag="futures.obu"):
    """A frame that holds a delta, its time still in milliseconds, or a snapshot."""

    result: _ObuDelta
    event: Literal["update"] | None = None
    error: None = None
    header: None = None


class Contracts(dict[str, str]):
    """The contract of each stream."""

    def __missing__(self, stream: str) -> str:
        if len(self) >= _STREAMS_KEPT:
            self.clear()
        contract = self[stream] = stream.split(".")[1]
        return contract
