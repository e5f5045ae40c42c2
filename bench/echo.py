"""A bare server in the shape of Gate: it answers each order at once and knows nothing; a raw asyncio protocol.

It speaks HTTP/1.1 and WebSocket on one port, as far as the clients that are measured need it. Run as a program it
prints its port and serves until its input ends. `echo.py CONTRACTS COUNT PAUSE_US` lists so many contracts more, and
sends so many trades to whoever has subscribed to trades, of the contracts in turns: as fast as they are taken, or one
after each pause. A trade's id is the time at which it was sent, in nanoseconds of the machine's monotonic clock.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import orjson

__all__ = ["ANSWERS", "BUFFER_MAX", "BURST", "Echo", "frame_of", "serve", "serving", "upgrade_answer"]

_MAGIC: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_KEY: Final = re.compile(rb"\r\nsec-websocket-key: *(\S+)", re.IGNORECASE)
_TEXT: Final = re.compile(rb'"text": ?"([^"]*)"')
_NUMBER: Final = re.compile(rb'"req_id": ?"?([^",}]*)"?')
_CONTRACT: Final = {
    "name": "BTC_USDT", "type": "direct", "quanto_multiplier": "0.0001", "order_price_round": "0.1",
    "mark_price_round": "0.01", "order_size_min": 1, "order_size_max": 1_000_000, "order_price_deviate": "0.5",
    "leverage_min": "1", "leverage_max": "125", "maintenance_rate": "0.004", "maker_fee_rate": "0.0002",
    "taker_fee_rate": "0.0005", "funding_interval": 28800, "in_delisting": False, "status": "trading",
    "position_size": 5_223_816, "create_time": 1_546_905_600, "trade_size": 1, "funding_rate": "0.0001",
    "mark_price": "60000", "index_price": "60000", "last_price": "60000",
}  # fmt: skip
_ACCOUNT: Final = {
    "user": 1, "currency": "USDT", "total": "100000", "available": "100000", "unrealised_pnl": "0", "margin_mode": 0,
    "position_mode": "single", "in_dual_mode": False, "update_id": 1, "update_time": 1_747_054_612,
}  # fmt: skip
ANSWERS: Final[dict[bytes, Any]] = {
    b"/api/v4/spot/time": {"server_time": 0},
    b"/api/v4/futures/usdt/contracts": [_CONTRACT],
    b"/api/v4/futures/usdt/accounts": _ACCOUNT,
    b"/api/v4/futures/usdt/fee": {},
}
_ORDER: Final = (
    b'{"id":%d,"id_string":"%d","user":1,"contract":"BTC_USDT","create_time":1747054612.673,"size":1,"iceberg":0,'
    b'"left":1,"price":"30000","fill_price":"0","mkfr":"0.0002","tkfr":"0.0005","tif":"gtc","refu":0,'
    b'"is_reduce_only":false,"is_close":false,"is_liq":false,"text":"%s","status":"open","finish_time":0,'
    b'"refr":"0","stp_id":0,"stp_act":"-","amend_text":"-","update_id":1,"update_time":1747054612.673}'
)
_HEAD: Final = (
    b"HTTP/1.1 %d OK\r\nServer: openresty\r\nDate: Mon, 12 May 2025 12:56:52 GMT\r\nContent-Type: application/json\r\n"
    b"Connection: keep-alive\r\nX-Gate-RateLimit-Requests-Remain: 99\r\nX-Gate-RateLimit-Limit: 100\r\n"
    b"X-Gate-Ratelimit-Reset-Timestamp: 1747054612\r\nX-Gate-Trace-ID: 64d33c0bbbaf2c2a57ce39cbbaef9fd9\r\n"
    b"Content-Length: %d\r\n\r\n"
)


def frame_of(data: bytes) -> bytes:
    """Return one text frame as a server sends it."""
    size = len(data)
    if size < 126:
        return b"\x81" + size.to_bytes(1) + data
    return b"\x81\x7e" + size.to_bytes(2) + data if size < 65_536 else b"\x81\x7f" + size.to_bytes(8) + data


def upgrade_answer(head: bytes) -> bytes:
    """Return the answer to a WebSocket upgrade."""
    key = _KEY.search(head)
    assert key is not None, head
    accept = base64.b64encode(hashlib.sha1(key[1] + _MAGIC, usedforsecurity=False).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        + accept
        + b"\r\n\r\n"
    )


_TRADE: Final = (
    b'{"time":1747054612,"time_ms":1747054612673,"channel":"futures.trades","event":"update","result":[{"contract":"%s",'
    b'"create_time":1747054612,"create_time_ms":1747054612673,"id":%d,"price":"60000.1","size":-108}]}'
)
SETTLED_S: Final = 0.5
"""Trades are sent once so long no other subscription has come."""
BURST: Final = 32
BUFFER_MAX: Final = 262_144


class Echo(asyncio.Protocol):
    """One connection."""

    count = 0
    trades = 0
    pause_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._buffer = b""
        self._is_websocket = False
        self._topics: list[bytes] = []
        self._soon: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._soon is not None:
            self._soon.cancel()

    def _subscribed(self, contracts: list[str]) -> None:
        self._topics += [contract.encode() for contract in contracts]
        if self._soon is not None:
            self._soon.cancel()
        self._left = Echo.trades
        self._soon = asyncio.get_running_loop().call_later(SETTLED_S, self._send_trades)

    def _send_trades(self) -> None:
        loop, last = asyncio.get_running_loop(), 0
        if self._transport.get_write_buffer_size() < BUFFER_MAX:
            frames = []
            for _ in range(min(self._left, 1 if Echo.pause_s else BURST)):
                self._left -= 1
                last = max(last + 1, time.monotonic_ns())
                frames.append(frame_of(_TRADE % (self._topics[self._left % len(self._topics)], last)))
            self._transport.write(b"".join(frames))
        if self._left:
            self._soon = loop.call_later(Echo.pause_s, self._send_trades)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._frame() if self._is_websocket else self._request():
            pass

    def _request(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = self._buffer[:end]
        if (found := _KEY.search(head)) is not None:
            self._transport.write(upgrade_answer(head))
            self._buffer, self._is_websocket = self._buffer[end + 4 :], True
            return True
        found = _LENGTH.search(head)
        until = end + 4 + (0 if found is None else int(found[1]))
        if len(self._buffer) < until:
            return False
        body, self._buffer = self._buffer[end + 4 : until], self._buffer[until:]
        method, target, _ = head.split(b" ", 2)
        answer = self._order(body) if method == b"POST" else _answer(*target.partition(b"?")[::2])
        self._transport.write(_HEAD % (201 if method == b"POST" else 200, len(answer)) + answer)
        return True

    def _order(self, body: bytes) -> bytes:
        text = _TEXT.search(body)
        Echo.count += 1
        return _ORDER % (Echo.count, Echo.count, b"" if text is None else text[1])

    def _frame(self) -> bool:
        buffer = self._buffer
        if len(buffer) < 6:
            return False
        size, start = buffer[1] & 127, 2
        if size == 126:
            size, start = int.from_bytes(buffer[2:4]), 4
        if len(buffer) < start + 4 + size:
            return False
        mask, masked = buffer[start : start + 4], buffer[start + 4 : start + 4 + size]
        self._buffer = buffer[start + 4 + size :]
        if buffer[0] & 15 == 8:
            self._transport.write(b"\x88\x00")
            self._transport.close()
            return False
        if buffer[0] & 15 == 1:
            key = int.from_bytes(mask * (size // 4 + 1))
            data = (int.from_bytes(masked + bytes(4 * (size // 4 + 1) - size)) ^ key).to_bytes(4 * (size // 4 + 1))
            self._message(data[:size])
        return True

    def _message(self, data: bytes) -> None:
        if b'"api"' in data:
            number = _NUMBER.search(data)
            assert number is not None, data
            result = self._order(data) if b"order_place" in data else b'{"uid":"1"}'
            answer = (
                b'{"request_id":"%s","ack":false,"header":{"response_time":"1747054612673","status":"200","channel":'
                b'"futures.order_place","event":"api","client_id":"1"},"data":{"result":%s}}' % (number[1], result)
            )
        else:
            asked = orjson.loads(data)
            if asked.get("channel") == "futures.trades" and asked.get("event") == "subscribe":
                self._subscribed(asked["payload"])
            answer = orjson.dumps(
                {name: asked.get(name) for name in ("id", "channel", "event", "time")}
                | {"result": {"status": "success"}}
            )
        self._transport.write(frame_of(answer))


def _answer(path: bytes, query: bytes) -> bytes:
    found = ANSWERS.get(path, [])
    if path.endswith(b"/time"):
        found = {"server_time": time.time_ns() // 1_000_000}
    elif isinstance(found, list):
        asked = dict(part.split(b"=") for part in query.split(b"&") if part)
        begin = int(asked.get(b"offset", 0))
        found = found[begin : begin + int(asked.get(b"limit", len(found)))]
    return orjson.dumps(found)


@contextmanager
def serving(program: str = __file__, *arguments: str) -> Iterator[int]:
    """Run a server's program in a process of its own; yields its port."""
    command = [sys.executable, program, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            yield int(server.stdout.readline())
        finally:
            server.stdin.close()


async def main() -> None:
    """Serve until the input ends."""
    if len(sys.argv) > 1:
        more, Echo.trades, Echo.pause_s = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) / 1e6
        names = [f"C{number}_USDT" for number in range(more)]
        ANSWERS[b"/api/v4/futures/usdt/contracts"] = [_CONTRACT, *(_CONTRACT | {"name": name} for name in names)]
    await serve(Echo)


async def serve(connection: type[Echo]) -> None:
    """Print the port, and serve until the input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
