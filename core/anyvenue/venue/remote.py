"""What every venue behind HTTP and WebSocket does the same way; an adapter adds what its own protocol is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from anyvenue.model.enums import PositionSide
from anyvenue.model.errors import AnyvenueError, TradingEnded, VenueProtocolError
from anyvenue.model.instrument import Instrument
from anyvenue.venue.descriptor import VenueContext
from anyvenue.venue.events import Channel, Disconnected, Reconnected, Sink, Subscription
from anyvenue.venue.interface import Venue
from anyvenue.venue.missed import missed
from anyvenue.wire.deadline import pause
from anyvenue.wire.http import HttpClient
from anyvenue.wire.request import Request
from anyvenue.wire.server_time import ServerTime

__all__ = ["RemoteVenue", "StreamKey", "stream_key"]

StreamKey = tuple[Channel, str, int | None]

OVERLAP_NS: Final = 60_000_000_000
"""What was missed is asked for from so long before the stream was lost: clocks differ, and news travels."""

RETRY_S: Final = 1.0
"""What was missed is asked for again so long after that failed."""

_log = logging.getLogger("anyvenue.venue")


def stream_key(subscription: Subscription) -> StreamKey:
    """Return what tells two subscriptions apart: channel, instrument and interval, not the depth."""
    return subscription.channel, subscription.instrument.key, subscription.interval_s


class RemoteVenue(Venue):
    """A venue on the network: tasks, requests that are read or fail as they should, and the loss of its stream.

    An adapter sets `http` in `connect`, fills `by_name`, gives its events to `sink`, calls `lost` and `returned` for
    the stream that bears the account's news, notes in `traded` what it has orders on, and closes by `super().close()`.

    Attributes:
        context, clock: as opened.
        sink: takes events.
        by_name: the instruments, by the venue's own names.
        traded: the instruments that orders were sent for, by key.
        is_private: whether the stream bears news of an account.
        sides: the positions that one instrument can have in the account's mode.
    """

    def __init__(self, context: VenueContext) -> None:
        self.context = context
        self.clock = context.clock
        self.sink: Sink = lambda event: None
        self.by_name: dict[str, Instrument] = {}
        self.traded: dict[str, Instrument] = {}
        self.is_private = False
        self.http: HttpClient | None = None
        self.sides: tuple[PositionSide, ...] = (PositionSide.NET,)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._lost_ns: int | None = None
        self._losses = 0
        self._at_close: list[Callable[[], Awaitable[None]]] = []

    async def close(self) -> None:
        """Close everything, the last opened first. Orders stay as they are."""
        for task in list(self._tasks.values()):
            task.cancel()
        while self._at_close:
            await self._at_close.pop()()

    def at_close(self, release: Callable[[], Awaitable[None]]) -> None:
        """Have `release` awaited at the close."""
        self._at_close.append(release)

    async def instruments(self) -> list[Instrument]:
        """Return all instruments that can be traded."""
        return list(self.by_name.values())

    # Requests

    async def ask(self, request: Request) -> Any:
        """Send a request and return the JSON of its answer. Raises what HttpClient raises, and VenueProtocolError."""
        if self.http is None:
            raise RuntimeError(f"{self.name}: not connected: call connect first")
        return (await self.http.send(request)).json(venue=self.name, request=request.name)

    async def pages(self, page: Callable[[int], Request], size: int) -> list[Any]:
        """Return the rows of all pages of a list: `page` asks for those from an offset on, `size` at a time."""
        rows: list[Any] = []
        asked = 0
        while True:
            more, known = await self.ask(page(asked)), rows[-size:]
            new = [row for row in more if row not in known]  # a list that grows meanwhile tells some rows again
            rows += new
            asked += len(more)
            if len(more) < size or not new:  # a server that pays no heed to offsets would go on for ever
                return rows

    def read(self, reader: Callable[..., Any], data: Any, *args: Any, **named: Any) -> Any:
        """Return `reader(data, *args, time, **named)`, the time being now.

        Raises VenueProtocolError for an answer that cannot be read: what it is the answer to may have happened.
        """
        try:
            return reader(data, *args, self.clock.time_ns(), **named)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            what = f"an answer that cannot be read ({type(error).__name__}: {error})"
            raise VenueProtocolError(what, raw=repr(data)[:2000].encode(), venue=self.name) from error

    # Tasks

    def start(self, name: str, work: Callable[[], Coroutine[Any, Any, None]], *, after_s: float = 0) -> None:
        """Do some work beside everything else, after a pause.

        Asked for again before it has begun it is done once; while it is under way: once more, for what it found out
        may be too old.
        """
        if name in self._tasks:
            self._again.add(name)
            return

        async def run() -> None:
            while True:
                if after_s:
                    await pause(self.clock, after_s)
                self._again.discard(name)
                try:
                    await work()
                except AnyvenueError as error:
                    _log.error("%s: %s: %s", self.context.connection, name, error)
                if name not in self._again:
                    return

        task = self._tasks[name] = asyncio.get_running_loop().create_task(run())
        task.add_done_callback(lambda _: self._tasks.pop(name, None))

    def keep_time(self, server_time: ServerTime) -> None:
        """Ask for the venue's time anew whenever it is due, for as long as the venue is open."""

        async def ask() -> None:
            while True:
                await pause(self.clock, server_time.max_age_s)
                try:
                    await server_time.sync()
                except AnyvenueError as error:
                    _log.warning("%s: the venue's time could not be asked for: %s", self.context.connection, error)

        self.start("server time", ask)

    # The stream

    def lost(self, reason: str) -> None:
        """The stream is gone: tell so."""
        self._losses += 1
        if self._lost_ns is None:
            self._lost_ns = self.clock.time_ns()
        self.sink(
            Disconnected(
                connection=self.context.connection,
                reason=reason,
                private=self.is_private,
                ts_recv=self.clock.time_ns(),
            )
        )

    def mistrust(self) -> None:
        """The stream told something that could not be read: ask for what it may have been, shortly."""
        if self.is_private:
            self.start("what could not be read", self._ask_again, after_s=RETRY_S)

    async def _ask_again(self) -> None:
        since_ns = self.clock.time_ns() - OVERLAP_NS
        async for event in missed(self, list(self.traded.values()), since_ns=since_ns, sides=self.sides):
            self.sink(event)

    def returned(self) -> None:
        """The stream is back and subscribed anew: ask for what was missed, tell it, then tell that it is back."""
        self.start("catching up", self._catch_up)

    async def _catch_up(self) -> None:
        """Ask until there are answers. Where the stream is lost meanwhile, its next return begins anew."""
        losses, since_ns = self._losses, self._lost_ns
        while self.is_private and since_ns is not None and losses == self._losses:
            try:
                async for event in missed(
                    self, list(self.traded.values()), since_ns=since_ns - OVERLAP_NS, sides=self.sides
                ):
                    self.sink(event)
                break
            except TradingEnded:
                raise
            except AnyvenueError as error:
                _log.warning("%s: what was missed could not be asked for: %s", self.context.connection, error)
                await pause(self.clock, RETRY_S)
        if losses == self._losses:
            self._lost_ns = None
            self.sink(
                Reconnected(connection=self.context.connection, private=self.is_private, ts_recv=self.clock.time_ns())
            )
