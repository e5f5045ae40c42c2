"""One account's wire to a simulated market: latency, one way and the other, and never a message out of order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from anyvenue.model.errors import AnyvenueError, NotSent, OutcomeUnknown
from anyvenue.model.instrument import Instrument
from anyvenue.simulation.chance import Chance
from anyvenue.simulation.reply import Reply
from anyvenue.venue.clock import Clock
from anyvenue.venue.descriptor import SimulationSettings
from anyvenue.venue.events import VenueEvent

__all__ = ["Connection", "Host", "Pipe", "attempt", "pipes"]

T = TypeVar("T")

_US_NS: Final = 1_000


class Pipe:
    """One direction: calls go in, and are made in the same order after the latency, as over TCP.

    `latency_ns` is the same for all, `jitter_ns` the most that chance adds; a call that would overtake an earlier one
    arrives right behind it. Each call is a step of the clock of its own, also where there is no latency, and the next
    one is on the clock before the call is made. So it makes no difference whether the receiver answers inside the
    call (a backtest) or just after it (a task of an event loop).
    """

    def __init__(self, clock: Clock, *, latency_ns: int = 0, jitter_ns: int = 0, seed: str = "") -> None:
        self._clock = clock
        self._latency_ns = latency_ns
        self._jitter_ns = jitter_ns
        self._chance = Chance(seed)
        self._queue: deque[tuple[int, Callable[[Any], object], Any]] = deque()

    def send(self, function: Callable[[T], object], argument: T) -> None:
        """Put a call in: of `function`, with `argument`."""
        queue = self._queue
        due = self._clock.time_ns() + self._latency_ns
        if self._jitter_ns:
            due += self._chance.below(self._jitter_ns + 1)
        if queue:
            queue.append((max(due, queue[-1][0]), function, argument))
        else:
            queue.append((due, function, argument))
            self._clock.call_at(due, self._arrive)

    def _arrive(self) -> None:
        queue = self._queue
        _, function, argument = queue.popleft()
        if queue:
            self._clock.call_at(queue[0][0], self._arrive)
        function(argument)


def pipes(clock: Clock, account: str, settings: SimulationSettings) -> tuple[Pipe, Pipe]:
    """Return an account's two ways, inward and outward, with the latencies of the settings."""
    inward, outward = (
        Pipe(
            clock,
            latency_ns=latency_us * _US_NS,
            jitter_ns=settings.latency_jitter_us * _US_NS,
            seed=f"{settings.seed} {account} {way}",
        )
        for way, latency_us in (("in", settings.latency_in_us), ("out", settings.latency_out_us))
    )
    return inward, outward


class Host(Protocol):
    """The far end of the wire."""

    def serve(self, connection: Connection, action: Callable[[], T], answer: Callable[[T | Exception], None]) -> None:
        """Carry out `action` at the exchange, `answer` with what it came to, then send the events that followed."""

    def leave(self, connection: Connection) -> None:
        """Send a connection nothing more."""


class Connection:
    """An account's wire: requests one way, replies and events the other, through one pipe each."""

    def __init__(self, clock: Clock, host: Host, account: str, *, inward: Pipe, outward: Pipe) -> None:
        self.account = account
        self.instruments: Mapping[str, Instrument] = {}
        self._clock = clock
        self._host = host
        self._inward = inward
        self._outward = outward
        self._sink: Callable[[VenueEvent], None] | None = None
        self._pending: dict[Reply[Any], None] = {}

    @property
    def is_open(self) -> bool:
        """Whether it takes requests and passes on events."""
        return self._sink is not None

    def open(self, sink: Callable[[VenueEvent], None], instruments: Mapping[str, Instrument]) -> None:
        """From now on events go to `sink`, with the client's own instruments, by symbol."""
        self._sink = sink
        self.instruments = instruments

    def close(self) -> None:
        """Pass nothing on any more. Requests that are under way still arrive; their outcome stays unknown here."""
        self._sink = None
        self._host.leave(self)
        pending, self._pending = self._pending, {}
        for reply in pending:
            reply.fail(OutcomeUnknown("the connection was closed while the reply was on its way"))

    def call(self, action: Callable[[], T]) -> Reply[T]:
        """Have the exchange carry out `action`; the reply resolves when the answer is back.

        An AnyvenueError, TypeError or ValueError of the action comes back as the reply's error. Any other is a fault
        of the simulation and is raised where it happens. Raises NotSent where the connection is not open.
        """
        if self._sink is None:
            raise NotSent("the connection is not open: call connect first, or not after close")
        reply: Reply[T] = Reply()
        self._pending[reply] = None
        self._inward.send(partial(self._host.serve, self, action), partial(self._answer, reply))
        return reply

    def deliver(self, make: Callable[[int], VenueEvent]) -> None:
        """Send an event to the client. `make` makes it when it arrives, given the time of that."""
        self._outward.send(self._pass_on, make)

    def _answer(self, reply: Reply[T], outcome: T | Exception) -> None:
        self._outward.send(partial(self._settle, reply), outcome)

    def _settle(self, reply: Reply[T], outcome: T | Exception) -> None:
        if self._pending.pop(reply, False) is False:
            return  # given up at close
        if isinstance(outcome, Exception):
            reply.fail(outcome)
        else:
            reply.resolve(outcome)

    def _pass_on(self, make: Callable[[int], VenueEvent]) -> None:
        if self._sink is not None:
            self._sink(make(self._clock.time_ns()))


def attempt(action: Callable[[], T]) -> T | Exception:
    """Carry out `action`; an error that a client may get is its outcome."""
    try:
        return action()
    except (AnyvenueError, TypeError, ValueError) as error:
        return error
