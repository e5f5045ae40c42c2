"""How long things take in a live run: a frame through the engine, an order to the wire, and the venue's answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from anyvenue.engine.commands import Amend, Cancel, Command, Place
from anyvenue.model.histogram import Durations, Histogram
from anyvenue.model.order_events import AmendUnknown, CancelUnknown, OrderUnknown
from anyvenue.venue.clock import Clock
from anyvenue.wire.sending import Sending

__all__ = ["Latency"]

_UNKNOWN: Final = (OrderUnknown, AmendUnknown, CancelUnknown)
_OF_ORDERS: Final = (Place, Amend, Cancel)


class Latency:
    """Three histograms.

    `event` runs from the reception of a frame to the end of all that its event caused, callbacks included; `to_wire`
    from the strategy's call for an order, amend or cancel to the moment at which it is handed to the socket, journal
    and rate limits included; `to_answer` from there to the venue's answer, where one came.
    """

    def __init__(self, clock: Clock) -> None:
        self.time_ns = clock.time_ns
        self.event = Histogram("frame to callback done")
        self.to_wire = Histogram("order call to wire")
        self.to_answer = Histogram("wire to answer")
        self._called_ns = 0

    def called(self) -> None:
        """The strategy asks for an order, an amend or a cancel."""
        self._called_ns = self.time_ns()

    def leaving(self) -> int:
        """Return when the command that leaves now was asked for."""
        called_ns, self._called_ns = self._called_ns, 0
        return called_ns or self.time_ns()

    def handled(self, event: Any) -> None:
        """An event, and all that it caused, is done."""
        received_ns: int = getattr(event, "ts_recv", 0)
        if received_ns:
            self.event.add(self.time_ns() - received_ns)

    def answered(
        self, command: Command, called_ns: int, sending: Sending, events: Sequence[Any], answered_ns: int
    ) -> None:
        """A command has come to events, or to nothing that is known, at `answered_ns`."""
        sent_ns = sending.sent_ns
        if not sent_ns or not isinstance(command, _OF_ORDERS):
            return
        self.to_wire.add(sent_ns - called_ns)
        for event in events:
            if isinstance(event, _UNKNOWN):
                return
        self.to_answer.add(answered_ns - sent_ns)

    def durations(self) -> tuple[Durations, ...]:
        """Return what there is of anything."""
        return tuple(one.durations() for one in (self.event, self.to_wire, self.to_answer) if one.count)
