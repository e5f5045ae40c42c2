"""A bare server that sends depth frames as fast as they are taken, in the shape that each library asks for.

`depth_echo.py FOLDER` has the frames in files of one a line, named as their channel; `book` is the whole book that the
first change goes on from. Whoever subscribes gets some frames at once, and the rest when its book has had time to
begin.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Final

import echo
import orjson

__all__ = ["BEGUN", "CHANNELS", "write_frames"]

OBU, UPDATES, BYBIT = CHANNELS = ("futures.obu", "futures.order_book_update", "orderbook.50.BTCUSDT")
BEGUN: Final = 50
"""So many changes are sent first."""
BEGIN_S: Final = 1.0
BOOK: Final = "book"
_PATH: Final = b"/api/v4/futures/usdt/order_book"


def write_frames(frames: list[bytes], folder: Path) -> None:
    """Write Gate's frames in every shape, the same levels in each."""
    results: list[dict[str, Any]] = [orjson.loads(raw)["result"] for raw in frames]
    first, after = results[0], results[1]
    sides = {name: [{"p": price, "s": float(size)} for price, size in first[key]] for name, key in _SIDES}
    # Gate's book by REST has the id of a change that the next push may hold too.
    book = {"id": after["U"], "current": first["t"] / 1000, "update": first["t"] / 1000} | sides
    (folder / BOOK).write_bytes(orjson.dumps(book))
    shapes = {OBU: frames, UPDATES: map(_update, results[1:]), BYBIT: map(_bybit, results)}
    for channel, shaped in shapes.items():
        (folder / channel).write_bytes(b"\n".join(shaped))


_SIDES: Final = (("bids", "b"), ("asks", "a"))


def _update(result: dict[str, Any]) -> bytes:
    body = {name: result[name] for name in ("t", "U", "u")} | {"s": "BTC_USDT", "l": "100"}
    body |= {
        side: [
            {"p": price, "s": int(size) if size.isdecimal() else float(Decimal(size))} for price, size in result[side]
        ]
        for side in "ba"
    }
    return orjson.dumps(
        {"channel": UPDATES, "event": "update", "time": result["t"] // 1000, "time_ms": result["t"] + 1, "result": body}
    )


def _bybit(result: dict[str, Any]) -> bytes:
    data = {"s": "BTCUSDT", "b": result["b"], "a": result["a"], "u": result["u"], "seq": result["u"]}
    kind = "snapshot" if result.get("full") else "delta"
    return orjson.dumps({"topic": BYBIT, "type": kind, "ts": result["t"], "data": data, "cts": result["t"]})


class DepthEcho(echo.Echo):
    """One connection."""

    frames: ClassVar[dict[str, list[bytes]]] = {}
    _rest: Iterator[bytes]

    def _message(self, data: bytes) -> None:
        super()._message(data)
        if b'"subscribe"' in data:
            for channel, frames in DepthEcho.frames.items():
                if channel.encode() in data:
                    at = BEGUN + (channel != UPDATES)  # the others begin with the whole book
                    self._transport.write(b"".join(frames[:at]))
                    self._rest = iter(frames[at:])
                    self._soon = asyncio.get_running_loop().call_later(BEGIN_S, self._send_rest)

    def _send_rest(self) -> None:
        if self._transport.get_write_buffer_size() < echo.BUFFER_MAX:
            burst = list(islice(self._rest, echo.BURST))
            if not burst:
                return
            self._transport.write(b"".join(burst))
        self._soon = asyncio.get_running_loop().call_later(0, self._send_rest)


async def main(folder: Path) -> None:
    """Serve until the input ends."""
    DepthEcho.frames = {
        channel: [echo.frame_of(raw) for raw in (folder / channel).read_bytes().splitlines()] for channel in CHANNELS
    }
    echo.ANSWERS[_PATH] = orjson.loads((folder / BOOK).read_bytes())
    await echo.serve(DepthEcho)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
