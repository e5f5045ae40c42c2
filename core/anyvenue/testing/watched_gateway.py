"""A gateway that notes what a client sends, so that a test can prove that nothing was sent, or once."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from anyvenue.simulation.server.dialect import Dialect
from anyvenue.simulation.server.gateway import Answer, Gateway, Line, Peer
from anyvenue.simulation.server.messages import HttpRequest
from anyvenue.simulation.server.stage import Stage

__all__ = ["Sent", "WatchedGateway"]


@frozen(kw_only=True)
class Sent:
    """What a client sent: a request, or (`method` empty) a frame of a WebSocket.

    `ts` is when it left, nanoseconds since the epoch. One that `is_read` is a request that only reads.
    """

    method: str
    path: str
    body: bytes
    ts: int
    is_read: bool


class WatchedGateway(Gateway):
    """Notes in `sent` everything that leaves a client, before any fault can strike it."""

    def __init__(self, dialect: type[Dialect], stage: Stage) -> None:
        super().__init__(dialect, stage)
        self.sent: list[Sent] = []

    def request(self, request: HttpRequest, answer: Answer) -> None:
        """Take a request."""
        self._note(request.method.upper(), request.path, request.body, is_read=self.dialect.only_reads(request))
        super().request(request, answer)

    def connect(self, request: HttpRequest, peer: Peer) -> Line:
        """Take a new WebSocket connection."""
        line = super().connect(request, peer)
        line.receive = self._noted(request.path, line.receive)  # type: ignore[assignment,method-assign]
        return line

    def _noted(self, path: str, receive: Callable[[bytes], None]) -> Callable[[bytes], None]:
        def noted(data: bytes) -> None:
            self._note("", path, data, is_read=False)
            receive(data)

        return noted

    def _note(self, method: str, path: str, body: bytes, *, is_read: bool) -> None:
        now = self.stage.clock.time_ns()
        self.sent.append(Sent(method=method, path=path, body=body, ts=now, is_read=is_read))
