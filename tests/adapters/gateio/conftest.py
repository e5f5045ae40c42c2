"""A contract, and the venue's end of WebSockets, in memory: it takes what is subscribed, unless told otherwise."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from listed import linear

from anyvenue.model import Instrument
from anyvenue.wire.socket import SocketClosed
from anyvenue_gateio.streams import Reader

Message = dict[str, Any]


class Line:
    """One connection: what was `sent`, and what the venue has to `say`."""

    def __init__(self, gate: Gate) -> None:
        self.sent: list[Message] = []
        self.closed = ""
        self._gate = gate
        self._inbox: deque[bytes] = deque()
        self._woken = asyncio.Event()

    def say(self, *messages: Any) -> None:
        self._inbox.extend(m if isinstance(m, bytes) else json.dumps(m).encode() for m in messages)
        self._woken.set()

    def hang_up(self, reason: str = "closed by the venue: 1006") -> None:
        self.closed = self.closed or reason
        self._woken.set()

    def asked(self, event: str) -> list[tuple[str, list[str]]]:
        """Channel and payload of the frames of one event, in the order in which they came."""
        return [(frame["channel"], frame["payload"]) for frame in self.sent if frame.get("event") == event]

    async def send(self, data: str) -> None:
        if self.closed:
            raise SocketClosed(self.closed)
        frame = json.loads(data)
        self.sent.append(frame)
        self.say(*self._gate.answers.get(frame["channel"], acknowledge)(frame))

    async def receive(self) -> bytes:
        while not self._inbox:
            if self.closed:
                raise SocketClosed(self.closed)
            self._woken.clear()
            await self._woken.wait()
        return self._inbox.popleft()

    async def close(self) -> None:
        self.hang_up("closed by us")


class Gate:
    """A `Dial`. `answers` are by channel; what is refused is refused to the next who dials."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.dialed: list[tuple[str, dict[str, str]]] = []
        self.refusals: deque[OSError] = deque()
        self.answers: dict[str, Callable[[Message], list[Any]]] = {}

    @property
    def line(self) -> Line:
        return self.lines[-1]

    async def __call__(self, url: str, headers: Mapping[str, str]) -> Line:
        self.dialed.append((url, dict(headers)))
        if self.refusals:
            raise self.refusals.popleft()
        self.lines.append(Line(self))
        return self.line


def acknowledge(frame: Message) -> list[Any]:
    """What Gate answers when all is well (3.1, 3.4)."""
    if frame["channel"] == "futures.ping":
        return [{"time": frame["time"], "channel": "futures.pong", "event": "", "result": None}]
    if frame["channel"] == "futures.login":
        header = {"response_time": "1", "status": "200", "channel": "futures.login", "event": "api"}
        data = {"result": {"api_key": "made-up", "uid": "110284739"}}
        return [{"request_id": frame["payload"]["req_id"], "header": header, "data": data}]
    return [
        {
            "time": frame["time"],
            "id": frame["id"],
            "channel": frame["channel"],
            "event": frame["event"],
            "error": None,
            "result": {"status": "success"},
        }
    ]


@pytest.fixture
def gate() -> Gate:
    """The venue's end of all WebSockets."""
    return Gate()


@pytest.fixture
def taken() -> Callable[[Message], list[Any]]:
    """What Gate answers when all is well."""
    return acknowledge


@pytest.fixture(scope="session")
def btc() -> Instrument:
    """A linear contract of 0.0001 BTC."""
    return linear(
        venue="gateio", quantity_step="0.0001", min_quantity="0.0001", contract_size="0.0001", depth_unit="0.0001"
    )


@pytest.fixture(scope="session")
def new_reader(btc: Instrument) -> Callable[[], Reader]:
    """Makes readers that know this contract alone."""
    return lambda: Reader({"BTC_USDT": btc}.get, {}.get)
