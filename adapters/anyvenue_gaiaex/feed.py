"""GaiaEx's WebSockets, one for each book and one for the account: kept, answered, watched for silence."""

from __future__ import annotations

import asyncio
import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from anyvenue.model.errors import AnyvenueError, AuthenticationFailed, NotSent, Rejected, RejectReason, TradingEnded
from anyvenue.model.instrument import Instrument
from anyvenue.venue.clock import Clock
from anyvenue.venue.events import Channel, Sink, StreamStale
from anyvenue.venue.secrets import Secret
from anyvenue.wire.deadline import deadline, pause
from anyvenue.wire.link import Heartbeat, Link, Send
from anyvenue.wire.server_time import ServerTime
from anyvenue.wire.socket import Dial, Socket, SocketClosed
from anyvenue_gaiaex.auth import Keys, stream_headers
from anyvenue_gaiaex.errors import VENUE
from anyvenue_gaiaex.streams import BookMessage, BookReader, Update, read_message, read_update
from anyvenue_gaiaex.update_reader import UpdateReader

__all__ = ["BookFeed", "UserFeed"]

_log = logging.getLogger("anyvenue.gaiaex")

PING: Final = "ping"
PING_EVERY_S: Final = 20.0
SILENCE_S: Final = 30.0
"""A book's socket that says nothing for so long is dead: its heartbeats' interval is not documented."""
QUIET_NS: Final = 30_000_000_000
"""The account's socket may have nothing to say, and no heartbeats: after so long another one takes its place."""
USER_SILENCE_S: Final = 90.0
OPENED_TIMES: Final = 3
AGAIN_S: Final = 0.5
"""So many sockets are tried at first, with a pause between them: later ones are tried without end."""
FIRST_S: Final = 5.0
"""So long the first message of a new socket is waited for; that one comes is not documented."""
_STATUS: Final = re.compile(r"HTTP status (\d{3})")
_RAW_SHOWN: Final = 300


class _Unsupported(TradingEnded):
    """The venue has no such stream: nothing is to be tried again."""


class _Feed(ABC):
    """A link whose first message is waited for, and whose heartbeats are answered."""

    def __init__(
        self,
        url: str,
        *,
        clock: Clock,
        dial: Dial,
        on_down: Callable[[str], None],
        on_up: Callable[[], None],
        silence_s: float,
    ) -> None:
        self._clock = clock
        self._dial = dial
        self._heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._send: Send | None = None
        self._is_closed = False
        self._pongs: set[asyncio.Task[None]] = set()
        self._link = Link(
            url,
            venue=VENUE,
            clock=clock,
            dial=self._connected,
            heartbeat=Heartbeat(ping=lambda: PING, every_s=PING_EVERY_S, patience_s=silence_s),
            on_open=self._opened,
            on_message=self._on_message,
            on_down=on_down,
            on_up=on_up,
        )

    async def open(self) -> None:
        """Connect, by another socket where one fails. Raises NotSent, and TradingEnded for keys not accepted."""
        for _ in range(OPENED_TIMES - 1):
            try:
                return await self._link.open()
            except NotSent as error:
                _log.warning("%s; trying once more", error)
                await pause(self._clock, AGAIN_S)
                if self._is_closed:
                    raise
        return await self._link.open()

    async def close(self) -> None:
        """Disconnect."""
        self._is_closed = True
        for pong in self._pongs:
            pong.cancel()
        await self._link.close()

    async def _connected(self, url: str, headers: Mapping[str, str]) -> Socket:
        socket = await self._dial(url, headers)
        self._begin()  # before anything is read from it
        return socket

    def _begin(self) -> None:
        """A new socket begins to speak."""
        self._heard = asyncio.get_running_loop().create_future()

    async def _opened(self, send: Send) -> None:
        self._send = send
        with suppress(TimeoutError):
            async with deadline(self._clock, FIRST_S):
                await self._heard

    def _on_message(self, raw: bytes) -> None:
        self._take(raw)
        if not self._heard.done():
            self._heard.set_result(None)

    @abstractmethod
    def _take(self, raw: bytes) -> None:
        """Read a message that is no heartbeat."""

    def _answer(self) -> None:
        """Answer a heartbeat."""

        async def pong(send: Send) -> None:
            with suppress(SocketClosed, OSError):
                await send(PING)

        if self._send is not None:
            task = asyncio.get_running_loop().create_task(pong(self._send))
            self._pongs.add(task)
            task.add_done_callback(self._pongs.discard)


class BookFeed(_Feed):
    """One symbol's book. Every push is a BookSnapshot; while there is none to be used, a StreamStale has told so."""

    def __init__(self, instrument: Instrument, url: str, *, clock: Clock, dial: Dial, sink: Sink) -> None:
        super().__init__(url, clock=clock, dial=dial, on_down=self._stale, on_up=lambda: None, silence_s=SILENCE_S)
        self._instrument = instrument
        self._sink = sink
        self._reader = BookReader(instrument)
        self._reason = ""
        self._refusal = ""

    async def open(self) -> None:
        """Connect. Raises NotSent, and Rejected for a symbol that has no book."""
        try:
            await super().open()
        except _Unsupported as error:
            raise Rejected(
                "the venue has no book of this symbol",
                reason=RejectReason.UNKNOWN_INSTRUMENT,
                venue=VENUE,
                request=f"book of {self._instrument.venue_symbol}",
                detail=error.detail,
            ) from None

    def _begin(self) -> None:
        super()._begin()
        self._reader = BookReader(self._instrument)

    async def _opened(self, send: Send) -> None:
        if not self._refusal:
            await super()._opened(send)
        if self._refusal:
            raise _Unsupported("the venue has no book of this symbol", venue=VENUE, detail=self._refusal)

    def _take(self, raw: bytes) -> None:
        told: BookMessage = self._reader.read(raw, self._clock.time_ns())
        if told.answer:
            self._answer()
        if told.is_over:
            self._refusal = told.stale
        if told.stale:
            self._stale(told.stale, is_alarm=told.is_alarm)
        elif told.book is not None:
            self._reason = ""
            self._sink(told.book)

    def _stale(self, reason: str, *, is_alarm: bool = False) -> None:
        if reason == self._reason:
            return
        self._reason = reason
        _log.log(logging.ERROR if is_alarm else logging.WARNING, "book of %s: %s", self._instrument.key, reason)
        self._sink(
            StreamStale(instrument=self._instrument, channel=Channel.BOOK, reason=reason, ts_recv=self._clock.time_ns())
        )


class UserFeed(_Feed):
    """The account's stream: `on_update` gets what its updates tell."""

    def __init__(
        self,
        url: str,
        keys: Callable[[], Keys],
        *,
        clock: Clock,
        time: ServerTime,
        dial: Dial,
        on_update: Callable[[Update], None],
        on_down: Callable[[str], None],
        on_up: Callable[[], None],
    ) -> None:
        super().__init__(
            f"{url}/user/{keys().address}",
            clock=clock,
            dial=self._dial_signed,
            on_down=on_down,
            on_up=on_up,
            silence_s=USER_SILENCE_S,
        )
        self._keys = keys
        self._refused: Secret | None = None
        self._time = time
        self._plain_dial = dial
        self._on_update = on_update
        self._reader = UpdateReader()
        self._heard_ns = clock.time_ns()
        self._said: set[str] = set()

    def watch(self) -> None:
        """To be called every few seconds: open another socket in place of one that has nothing to say."""
        if self._clock.time_ns() >= self._heard_ns + QUIET_NS:
            self.renew("nothing was heard for 30 s")

    def renew(self, reason: str) -> None:
        """Open another socket in place of this one: it begins by telling the account as it is."""
        self._heard_ns = self._clock.time_ns()
        self._link.replace(reason)

    async def _dial_signed(self, url: str, headers: Mapping[str, str]) -> Socket:
        """Open a socket, signed now: by HMAC, once more with the clock set right, then by the token if there is one."""
        keys, said, is_clock_known = self._keys(), "", True
        ways = [False, False] if keys.secret not in (None, self._refused) else []
        for number, by_token in enumerate([*ways, *([True] if keys.token is not None else [])]):
            if number == 1:
                try:
                    await self._time.sync()
                except AnyvenueError:
                    is_clock_known = False
            signed = stream_headers(keys, self._time.time_ns(), by_token=by_token)
            try:
                socket = await self._plain_dial(url, {**headers, **signed})
                # What was refused by the right clock is not tried again.
                self._refused = keys.secret if by_token and is_clock_known else None
                return socket
            except OSError as error:
                status = _STATUS.search(said := str(error))
                if status is None or status[1] not in ("401", "403"):
                    raise
                _log.warning("the account's stream was refused (%s) by %s", status[1], "token" if by_token else "HMAC")
        if not is_clock_known:
            text = (
                f"the account's stream was refused ({said}), and whether that is because of the clock cannot be asked"
            )
            raise NotSent(text, venue=VENUE)
        text = "the account's stream does not accept the credentials: check key, scopes and address, or renew the token"
        raise AuthenticationFailed(text, venue=VENUE, detail=said)

    def _take(self, raw: bytes) -> None:
        self._heard_ns = self._clock.time_ns()
        if (update := self._reader.read(raw)) is not None:
            self._on_update(update)
            return
        message = read_message(raw)
        match message.get("type"):
            case "update":
                told = read_update(message)
                for what, why in told.unread.items():
                    self._say_once(f"unreadable {what}", f"cannot be read and count as not told ({why})", raw)
                self._on_update(told)
            case "heartbeat":
                self._answer()
            case "pong":
                pass
            case kind:
                self._say_once(f"a message of type {kind!r}", "is not known to this adapter", raw)

    def _say_once(self, what: str, why: str, raw: bytes) -> None:
        if what not in self._said:
            self._said.add(what)
            _log.error("the account's stream: %s %s; it begins %r", what, why, raw[:_RAW_SHOWN])
