"""What every venue behind HTTP and WebSocket does the same way; an adapter adds what its own protocol is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, TypeVar

from anyvenue.model.enums import PositionSide
from anyvenue.model.errors import AnyvenueError, TradingEnded, UnknownInstrument, VenueProtocolError
from anyvenue.model.instrument import Instrument
from anyvenue.model.order_spec import OrderSpec
from anyvenue.venue.descriptor import Environment, VenueContext
from anyvenue.venue.events import Channel, Disconnected, Reconnected, Sink, Subscription
from anyvenue.venue.interface import Venue
from anyvenue.venue.missed import missed
from anyvenue.venue.needs import features_of
from anyvenue.venue.secrets import Secret, SecretSource
from anyvenue.wire.breaker import Breakers
from anyvenue.wire.deadline import pause
from anyvenue.wire.dial import dial
from anyvenue.wire.http import HttpClient
from anyvenue.wire.limits import Bucket, RateLimiter
from anyvenue.wire.refusal import Refusal
from anyvenue.wire.request import Request, Response
from anyvenue.wire.server_time import ServerTime
from anyvenue.wire.socket import Dial

if TYPE_CHECKING:
    import httpx

__all__ = ["RemoteVenue", "StreamKey", "stream_key"]

T = TypeVar("T")

StreamKey = tuple[Channel, str, int | None]
"""What tells two subscriptions apart, see `stream_key`."""

OVERLAP_NS: Final = 60_000_000_000
"""What was missed is asked for from so long before the stream was lost: clocks differ, and news travels."""

RETRY_S: Final = 1.0
"""What was missed is asked for again so long after that failed."""

_NOTHING: Final = ("", b"")
_answered: ContextVar[tuple[str, bytes]] = ContextVar("answered", default=_NOTHING)
"""What was asked last here, and the bytes that came back: what cannot be read is told with them."""

_log = logging.getLogger("anyvenue.venue")


def stream_key(subscription: Subscription) -> StreamKey:
    """Return what tells two subscriptions apart: channel, instrument and interval, not the depth."""
    return subscription.channel, subscription.instrument.key, subscription.interval_s


class _Listed(dict[str, Instrument]):
    """Instruments by the venue's names; what is not listed is an UnknownInstrument."""

    def __missing__(self, name: str) -> Instrument:
        raise UnknownInstrument(f"{name!r} is not among the venue's instruments, as they were read at the start")


class RemoteVenue(Venue):
    """A venue on the network: tasks, requests that are read or fail as they should, and the loss of its stream.

    In `connect` an adapter learns by `reach` where everything is, sets `http`, and fills `by_name`. It gives its events
    to `sink`, calls `lost` and `returned` for the stream that bears the account's news, calls `check` before it sends
    an order (or notes in `traded` what it has orders on), and closes by `super().close()`. `FeedVenue` is this for a
    venue with one WebSocket.

    Attributes:
        context, clock: as opened.
        credentials: of the account, by name; None without one. They may change under way: read them when they are used.
        transport: what HTTP goes through; None for the network.
        dial: opens WebSockets.
        sink: takes events.
        by_name: the instruments, by the venue's own names. A name that is not there raises UnknownInstrument.
        traded: the instruments that orders were sent for, by key.
        is_private: whether the stream bears news of an account.
        sides: the positions that one instrument can have in the account's mode.
    """

    def __init__(self, context: VenueContext) -> None:
        self.context = context
        self.clock = context.clock
        self.sink: Sink = lambda event: None
        self.by_name: dict[str, Instrument] = _Listed()
        self.traded: dict[str, Instrument] = {}
        self.is_private = False
        self.http: HttpClient | None = None
        self.credentials: Mapping[str, Secret] | None = None
        self.transport: httpx.AsyncBaseTransport | None = None
        self.dial: Dial = dial
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

    @property
    def clock_ahead_ns(self) -> int:
        """How far the venue's clock is ahead of ours, by the server time that `http` goes by."""
        return 0 if self.http is None else self.http.clock_ahead_ns

    async def instruments(self) -> list[Instrument]:
        """Return all instruments that can be traded."""
        return list(self.by_name.values())

    # Connecting

    async def reach(self, urls: Mapping[str, str], simulator: Callable[[], type[Any]] | None) -> Mapping[str, str]:
        """Return where everything is: `urls`, or in the environment `simulator` that of the descriptor, started.

        Sets `credentials`, `transport`, `dial` and `is_private`. A simulator's URLs are those of its dialect's `paths`.
        """
        if self.context.environment is Environment.SIMULATOR and simulator is not None:
            hosted = await simulator().host(self.context)
            self.at_close(hosted.release)
            self.credentials, self.transport, self.dial = hosted.credentials, hosted.transport, hosted.dial
            urls = hosted.urls
        else:
            self.credentials = self.context.credentials
        self.is_private = bool(self.credentials)
        return urls

    def client(
        self,
        url: str,
        *,
        judge: Callable[[Request, Response], Refusal | None],
        sign: Callable[[Mapping[str, Secret], Request, str, int], Mapping[str, str] | Request],
        buckets: Sequence[Bucket] = (),
        server_time: ServerTime | None = None,
        **more: Any,
    ) -> HttpClient:
        """Return an HTTP client for `url` that is closed with the venue.

        `sign` is called for signed requests as `HttpClient` says, with the account's credentials before all else;
        without credentials such a request is NotSent. `more` is what else `HttpClient` takes, such as `limits_of`.
        """
        given = self.credentials
        client = HttpClient(
            url,
            venue=self.name,
            clock=self.clock,
            judge=judge,
            sign=None if given is None else lambda request, path, time_ns: sign(given, request, path, time_ns),
            limiter=RateLimiter(buckets, self.clock),
            server_time=server_time,
            breakers=Breakers(self.clock),
            secrets=given if isinstance(given, SecretSource) else None,
            transport=self.transport,
            **more,
        )
        self.at_close(client.close)
        return client

    def list_instruments(self, rows: Iterable[Any], reader: Callable[[Any, str], Instrument]) -> None:
        """Fill `by_name`: each row read by `reader(row, connection)`. One that cannot be read is left out, and logged.

        Raises VenueProtocolError where not one can be read.
        """
        why = "the venue lists none"
        for row in rows:
            try:
                instrument = reader(row, self.context.connection)
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
                why = f"{type(error).__name__}: {error}"
                _log.info("%s: left out of the instruments: %r: %s", self.context.connection, row, why)
            else:
                self.by_name[instrument.venue_symbol] = instrument
        if not self.by_name:
            raise VenueProtocolError(f"no instrument that can be read ({why})", venue=self.name)

    # Requests

    def check(self, spec: OrderSpec) -> None:
        """Raise NotSupported for an order that needs what the venue has not; else note that it trades there."""
        for feature in features_of(spec):
            self.capabilities.require(feature, venue=self.name, allowed=self.context.allow_approximate)
        self.traded[spec.instrument.key] = spec.instrument

    async def ask(self, request: Request, client: HttpClient | None = None) -> Any:
        """Send a request, by `http` or another client, and return the JSON of its answer.

        Raises what HttpClient raises, and VenueProtocolError.
        """
        client = client or self.http
        if client is None:
            raise RuntimeError(f"{self.name}: not connected: call connect first")
        answer = await client.send(request)
        _answered.set((request.name, answer.body))
        return answer.json(venue=self.name, request=request.name)

    def answered_elsewhere(self) -> None:
        """Say that what is read next, here in this task, is no answer to `ask`: its bytes are others."""
        if _answered.get() is not _NOTHING:
            _answered.set(_NOTHING)

    async def pages(self, page: Callable[[int], Request], size: int) -> list[Any]:
        """Return the rows of all pages of a list: `page` asks for those from an offset on, `size` at a time.

        Raises VenueProtocolError for what is no list of objects: that there is nothing must have been said.
        """
        rows: list[Any] = []
        asked = 0
        while True:
            more, known = self.read(_objects, await self.ask(page(asked))), rows[-size:]
            new = [row for row in more if row not in known]  # a list that grows meanwhile tells some rows again
            rows += new
            asked += len(more)
            if len(more) < size or not new:  # a server that pays no heed to offsets would go on for ever
                return rows

    async def pages_since(
        self, page: Callable[[int], Request], start: int, *, size: int, time_of: Callable[[Any], int]
    ) -> list[Any]:
        """Return the rows of all pages of a list by time, oldest first: `page` asks for those from a time on.

        Times are the venue's own, such as milliseconds, as `time_of` reads them in a row. A page begins with the time
        that the last one ended with, so that no row of that time is lost; one with fewer than `size` rows is the last.
        """
        rows: list[Any] = []
        while True:
            told = self.read(lambda told, now: sorted(told, key=time_of), await self.ask(page(start)))
            known = [row for row in rows if time_of(row) == start]
            new = [row for row in told if row not in known]
            rows += new
            if len(told) < size or not new:
                return rows
            start = time_of(new[-1])

    def read(self, reader: Callable[..., T], data: Any, *args: Any, **named: Any) -> T:
        """Return `reader(data, *args, time, **named)`, the time being now.

        Raises VenueProtocolError for an answer that cannot be read: what it is the answer to may have happened.
        """
        try:
            return reader(data, *args, self.clock.time_ns(), **named)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            what = f"an answer that cannot be read ({type(error).__name__}: {error}); look at the raw bytes"
            request, raw = _answered.get()
            raw = raw or repr(data)[:2000].encode()  # what was asked for elsewhere
            raise VenueProtocolError(what, raw=raw, venue=self.name, request=request) from error

    def read_each(self, reader: Callable[..., T], rows: Any, *args: Any) -> list[T]:
        """Return `reader(row, *args, time)` of each row of a list. Raises VenueProtocolError.

        A row of an instrument that is not in `by_name` (listed since, or not readable) is left out, and logged.
        """

        def read(rows: Iterable[Any], *args: Any) -> Iterator[T]:
            for row in rows:
                try:
                    yield reader(row, *args)
                except UnknownInstrument as error:
                    _log.warning("%s: left out: %s", self.context.connection, error)

        return self.read(lambda *args: list(read(*args)), rows, *args)

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
                except Exception:  # noqa: BLE001 - nobody awaits this task, so nobody else would hear of it
                    _log.exception("%s: %s: a fault of the adapter", self.context.connection, name)
                if name not in self._again:
                    del self._tasks[name]  # now: what is asked for before the callback below would be lost
                    return

        def ended(task: asyncio.Task[None]) -> None:
            if self._tasks.get(name) is task:
                del self._tasks[name]

        task = self._tasks[name] = asyncio.get_running_loop().create_task(run())
        task.add_done_callback(ended)

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


def _objects(data: Any, ts_recv: int) -> list[Any]:
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        raise TypeError(f"found {str(data)[:100]}; allowed are lists of objects")
    return data
