"""One WebSocket connection: a dialect's socket on one side, a client's peer on the other, a lane each way."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal, Protocol

from anyvenue.simulation.server.dialect import SocketHandler
from anyvenue.simulation.server.faults import FrameFault
from anyvenue.simulation.server.lane import Frame, Lane
from anyvenue.simulation.server.messages import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from anyvenue.simulation.server.gateway import Gateway

__all__ = ["ABNORMAL", "BROKEN", "Line", "Peer"]

_log = logging.getLogger(__name__)

ABNORMAL: Final = 1006
"""The connection broke, without a close frame."""
FAILED: Final = 1011
BROKEN: Final = HttpResponse(status=500, headers={"content-type": "text/plain"}, body=b"the simulator failed\n")
"""The answer where a dialect has a fault."""


class Peer(Protocol):
    """The client's end of a WebSocket connection, as a front stands in for it."""

    def opened(self) -> None:
        """The connection stands."""

    def refused(self, response: HttpResponse | None) -> None:
        """It was not accepted; None: nobody answered, the connection broke."""

    def deliver(self, data: Frame) -> None:
        """A message has arrived."""

    def closed(self, code: int, reason: str) -> None:
        """The server has ended it; with `ABNORMAL` it broke."""


class Line:
    """A connection. It is the dialect's `ServerSocket`."""

    def __init__(self, gateway: Gateway, request: HttpRequest, peer: Peer, number: int) -> None:
        self._gateway = gateway
        self._request = request
        self._peer = peer
        self._handler: SocketHandler | None = None
        self._held: list[Frame] | None = []
        self._is_open = True
        self._is_stalled = False
        self._inward = self._lane("in", number, self._take)
        self._outward = self._lane("out", number, peer.deliver)
        self._inward.call(lambda: self._do(self._accept))

    # The client's side

    def receive(self, data: bytes) -> None:
        """Take a message from the client."""
        self._inward.send(data)

    def hang_up(self) -> None:
        """The client has ended the connection."""
        self._inward.call(lambda: self._do(self._end))

    # The server's side

    def send(self, data: Frame) -> None:
        """Send a message to the client. After the end this does nothing."""
        if not self._is_open:
            return
        if self._held is not None:  # the client is to hear first that the connection stands
            self._held.append(data)
        else:
            self._outward.send(data)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """End the connection."""
        if not self._is_open:
            return
        self._is_open = False
        self._release()
        if not self._is_stalled:
            self._outward.call(lambda: self._peer.closed(code, reason))
        self._do(self._end)

    def break_off(self) -> None:
        """Let the connection break, without a word to either side but that."""
        was_open, self._is_open = self._is_open, False
        if was_open:
            self._peer.closed(ABNORMAL, "")
            self._do(self._end)

    # What comes to pass

    def _lane(self, way: Literal["in", "out"], number: int, deliver: Callable[[Frame], None]) -> Lane:
        gateway, clock = self._gateway, self._gateway.stage.clock

        def fault_of(data: bytes) -> FrameFault | None:
            return gateway.faults.on_frame(way, data, clock.time_ns())

        pipe = gateway.pipe(way, f"socket {number}")
        return Lane(clock, pipe, fault_of=fault_of, deliver=deliver, break_off=self.break_off, stall=self._stall)

    def _do(self, job: Callable[[], None]) -> None:
        self._gateway.stage.market.do(job)

    def _stall(self) -> None:
        self._is_stalled = self._inward.is_stalled = self._outward.is_stalled = True

    def _accept(self) -> None:
        if not self._is_open:
            return
        try:
            found = self._gateway.dialect.accept(self._request, self)
        except Exception:  # noqa: BLE001 - a dialect raises nothing; whatever it is is a fault of it
            _log.exception("the dialect failed at a connection to %s", self._request.path)
            found = BROKEN
        if not isinstance(found, HttpResponse):
            self._handler = found
            self._release()
            return
        refusal = found
        if self._is_open:
            self._outward.call(lambda: self._peer.refused(refusal))
        self._end()

    def _release(self) -> None:
        """Tell the client that the connection stands, then what was sent since."""
        held, self._held = self._held, None
        if held is not None:
            self._outward.call(self._peer.opened)
            for frame in held:
                self._outward.send(frame)

    def _take(self, frame: Frame) -> None:
        self._do(lambda: self._message(frame.encode() if isinstance(frame, str) else frame))

    def _message(self, data: bytes) -> None:
        if not self._is_open or self._is_stalled or self._handler is None:
            return
        try:
            self._handler.on_message(data)
        except Exception:  # noqa: BLE001 - as above
            _log.exception("the dialect failed at a message")
            self.close(FAILED, "the simulator failed")

    def _end(self) -> None:
        handler, self._handler = self._handler, None
        self._is_open = False
        self._gateway.forget(self)
        if handler is not None:
            handler.on_close()
