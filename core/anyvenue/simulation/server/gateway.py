"""The gateway: the one way of every request and every frame to a dialect and back, whatever carries the bytes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

from anyvenue.simulation.chance import Chance
from anyvenue.simulation.connection import Pipe
from anyvenue.simulation.server.dialect import Dialect
from anyvenue.simulation.server.faults import FaultPlan, HttpFault, Reset
from anyvenue.simulation.server.line import ABNORMAL, BROKEN, Line, Peer
from anyvenue.simulation.server.messages import HttpRequest, HttpResponse
from anyvenue.simulation.server.stage import Stage

__all__ = ["ABNORMAL", "Answer", "Gateway", "Line", "Peer"]

Answer: TypeAlias = Callable[[HttpResponse | None], None]
"""What gets a response when it arrives; None where the connection breaks instead."""

_log = logging.getLogger(__name__)

_US_NS: Final = 1_000
_SECOND_NS: Final = 1_000_000_000
_NO_FAULT: Final = HttpFault()


class Gateway:
    """Carries requests and frames to a dialect, each after the latency of the settings, in a job of the market's own.

    Messages of one socket keep their order. Requests do not wait for each other: each has a connection of its own. A
    dialect that raises has a fault: it is logged, a request is answered with 500, a socket is closed with 1011.
    """

    def __init__(self, dialect: type[Dialect], stage: Stage) -> None:
        self.stage = stage
        self.dialect = dialect(stage)
        self._faults = FaultPlan()
        self._lines: dict[Line, None] = {}
        self._count = 0
        settings = stage.settings
        self._latency_ns = {"in": settings.latency_in_us * _US_NS, "out": settings.latency_out_us * _US_NS}
        self._jitter_ns = settings.latency_jitter_us * _US_NS
        self._chance = Chance(f"{settings.seed} requests")

    @property
    def faults(self) -> FaultPlan:
        """What goes wrong on the wire, from when it is set."""
        return self._faults

    @faults.setter
    def faults(self, plan: FaultPlan) -> None:
        self._faults = plan
        self.stage.skew_ns = plan.clock_skew_ns

    @property
    def sockets(self) -> int:
        """How many sockets are open."""
        return len(self._lines)

    # Requests

    def request(self, request: HttpRequest, answer: Answer) -> None:
        """Take a request. Where a fault loses it or its reply, `answer` is never called."""
        self._after(self._latency_ns["in"], lambda: self._arrive(request, answer))

    def _arrive(self, request: HttpRequest, answer: Answer) -> None:
        fault = self._faults.on_request(request, self.stage.clock.time_ns())
        if fault is not None and fault.delay_s:
            wait_ns = round(fault.delay_s * _SECOND_NS)
            self.stage.clock.call_at(self.stage.clock.time_ns() + wait_ns, lambda: self._handle(request, answer, fault))
        else:
            self._handle(request, answer, fault or _NO_FAULT)

    def _handle(self, request: HttpRequest, answer: Answer, fault: HttpFault) -> None:
        if fault.lose_request:
            return
        if fault.reset is Reset.BEFORE:
            self._reply(answer, None)
        elif fault.status is not None:
            self._reply(answer, HttpResponse(status=fault.status, headers=fault.headers, body=fault.body))
        else:
            self.stage.market.do(lambda: self._carry_out(request, answer, fault))

    def _carry_out(self, request: HttpRequest, answer: Answer, fault: HttpFault) -> None:
        try:
            response = self.dialect.handle(request)
        except Exception:  # noqa: BLE001 - a dialect raises nothing; whatever it is is a fault of it
            _log.exception("the dialect failed at %s %s", request.method, request.path)
            response = BROKEN
        if not fault.lose_reply:
            self._reply(answer, None if fault.reset is Reset.AFTER else response)

    def _reply(self, answer: Answer, response: HttpResponse | None) -> None:
        self._after(self._latency_ns["out"], lambda: answer(response))

    def _after(self, latency_ns: int, call: Callable[[], None]) -> None:
        clock = self.stage.clock
        jitter = self._chance.below(self._jitter_ns + 1) if self._jitter_ns else 0
        clock.call_at(clock.time_ns() + latency_ns + jitter, call)

    # Sockets

    def connect(self, request: HttpRequest, peer: Peer) -> Line:
        """Take a new WebSocket connection to the dialect. The peer is told whether it came to stand."""
        self._count += 1
        line = Line(self, request, peer, self._count)
        self._lines[line] = None
        return line

    def pipe(self, way: Literal["in", "out"], name: str) -> Pipe:
        """Return one direction of a connection."""
        seed = f"{self.stage.settings.seed} {name} {way}"
        return Pipe(self.stage.clock, latency_ns=self._latency_ns[way], jitter_ns=self._jitter_ns, seed=seed)

    def forget(self, line: Line) -> None:
        """Count a connection no more."""
        self._lines.pop(line, None)

    def disconnect(self) -> int:
        """Let all sockets break, as a network does; return how many there were."""
        return self._end_all(Line.break_off)

    def close(self, code: int, reason: str) -> None:
        """Close all sockets, and let so much time pass on the clock that their clients are told. For the very end."""
        self._end_all(lambda line: line.close(code, reason))
        self.stage.clock.run_until(self.stage.clock.time_ns() + self._latency_ns["out"] + self._jitter_ns)

    def _end_all(self, end: Callable[[Line], None]) -> int:
        lines = list(self._lines)
        for line in lines:
            end(line)
        return len(lines)
