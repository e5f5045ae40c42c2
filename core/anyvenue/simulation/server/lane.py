"""One direction of a WebSocket connection: the latency, and what a fault plan does to the frames on their way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.connection import Pipe
from anyvenue.simulation.server.faults import FrameFault, truncated

__all__ = ["Frame", "Lane"]

Frame: TypeAlias = str | bytes
_SECOND_NS: Final = 1_000_000_000


class Lane:
    """Frames, and calls between them, go in and come out in the same order, unless a fault wills it otherwise.

    `fault_of` tells what happens to a frame; `deliver` gets those that arrive; `break_off` and `stall` are called for
    the faults of these names.
    """

    def __init__(
        self,
        clock: DrivenClock,
        pipe: Pipe,
        *,
        fault_of: Callable[[bytes], FrameFault | None],
        deliver: Callable[[Frame], None],
        break_off: Callable[[], None],
        stall: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._pipe = pipe
        self._fault_of = fault_of
        self._deliver = deliver
        self._break_off = break_off
        self._stall = stall
        self._waiting: deque[Callable[[], None]] | None = None
        self._behind: list[tuple[int, Frame]] = []
        self.is_stalled = False
        """Whether no frame is let in any more."""

    def send(self, frame: Frame) -> None:
        """Put a frame in."""
        self._go(lambda: self._meet(frame))

    def call(self, function: Callable[[], None]) -> None:
        """Have a function called behind the frames that went in before, and behind those held back."""

        def pass_on() -> None:
            held, self._behind = self._behind, []
            for _, frame in held:
                self._pipe.send(self._deliver, frame)
            self._pipe.send(lambda _: function(), None)

        self._go(pass_on)

    def _go(self, step: Callable[[], None]) -> None:
        if self._waiting is None:
            step()
        else:
            self._waiting.append(step)

    def _meet(self, frame: Frame) -> None:
        if self.is_stalled:
            return
        data = frame.encode() if isinstance(frame, str) else frame
        fault = self._fault_of(data)
        if fault is None:
            self._put(frame)
        elif not fault.delay_s:
            self._suffer(frame, data, fault)
        else:
            self._waiting = deque()
            due = self._clock.time_ns() + round(fault.delay_s * _SECOND_NS)
            self._clock.call_at(due, lambda: self._resume(lambda: self._suffer(frame, data, fault)))

    def _resume(self, step: Callable[[], None]) -> None:
        waiting, self._waiting = self._waiting or deque(), None
        step()
        for waited in waiting:
            self._go(waited)

    def _suffer(self, frame: Frame, data: bytes, fault: FrameFault) -> None:
        if fault.drop:
            return
        if fault.disconnect:
            self._break_off()
        elif fault.stall:
            self._stall()
        elif fault.reorder:
            self._behind.append((fault.reorder, frame))
        else:
            if fault.corrupt:
                cut = truncated(data)
                frame = cut.decode() if isinstance(frame, str) else cut
            self._put(frame)
            if fault.duplicate:
                self._put(frame)

    def _put(self, frame: Frame) -> None:
        """Let a frame go, and behind it those that were held back for it."""
        self._pipe.send(self._deliver, frame)
        if self._behind:
            counted = [(left - 1, held) for left, held in self._behind]
            self._behind = [(left, held) for left, held in counted if left]
            for left, held in counted:
                if not left:
                    self._pipe.send(self._deliver, held)
