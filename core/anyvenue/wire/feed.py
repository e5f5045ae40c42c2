"""A WebSocket on which one asks, is answered and subscribes: kept open, and brought back to where it was.

What the frames look like is a `FeedProtocol`, pure and the adapter's own. The feed sends what it makes, waits for the
answers, subscribes everything anew on each new connection, and tells what arrives.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeAlias

from attrs import frozen

from anyvenue.model.errors import AnyvenueError, OutcomeUnknown, Rejected, VenueProtocolError
from anyvenue.venue.clock import Clock
from anyvenue.wire.deadline import Deadlines
from anyvenue.wire.eager import EagerFuture
from anyvenue.wire.link import Heartbeat, Link, Send
from anyvenue.wire.socket import Dial, SocketClosed

__all__ = ["Answer", "Ask", "Feed", "FeedProtocol", "Heartbeat", "Topic"]

ANSWER_S: Final = 10.0
"""So long an answer is waited for."""

Topic: TypeAlias = Hashable
"""What can be subscribed to, in whatever form the protocol has for it: a text, a tuple, a frozen value."""

_UNREADABLE: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

_log = logging.getLogger("anyvenue.wire")


@frozen
class Ask:
    """A frame to send. Its answer bears `key`; None where the venue sends none, so that it is not waited for."""

    text: str
    key: Hashable = None


@frozen(kw_only=True)
class Answer:
    """The answer to the frame that was sent with this `key`: its data, or the error that it means."""

    key: Hashable
    data: Any = None
    error: AnyvenueError | None = None


class FeedProtocol(Protocol):
    """What one venue's frames look like. Pure: no socket, no clock; it may number its frames."""

    @property
    def heartbeat(self) -> Heartbeat | None:
        """How the connection is kept, and its death noticed. Without one a dead connection is never noticed."""

    def opening(self, time_ns: int) -> Sequence[Ask]:
        """Return what a new connection begins with, one after the other: a login, the account's own streams."""

    def subscribe(self, topic: Any) -> Ask:
        """Return the frame that starts a topic."""

    def unsubscribe(self, topic: Any) -> Ask:
        """Return the frame that stops a topic."""

    def read(self, raw: bytes, ts_recv: int) -> Iterable[Any]:
        """Return what a frame tells: Answers, and events for `on_event`. It may raise what reading a dict raises."""


class Feed:
    """A link that is where it was again after every loss.

    `on_event` gets all that `protocol.read` returns but for Answers. `on_unreadable` is called for a frame that cannot
    be read: it may have borne news of the account. `on_refused(topic, error)` tells of a topic that the venue does not
    take any more. `time_ns` gives the venue's time, for `protocol.opening`. The rest is as in `Link`.
    """

    def __init__(
        self,
        url: str,
        protocol: FeedProtocol,
        *,
        venue: str,
        clock: Clock,
        dial: Dial,
        on_event: Callable[[Any], None],
        on_down: Callable[[str], None],
        on_up: Callable[[], None],
        on_unreadable: Callable[[], None] = lambda: None,
        on_refused: Callable[[Any, Rejected], None] = lambda topic, error: None,
        time_ns: Callable[[], int] | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.topics: dict[Topic, None] = {}
        self._protocol = protocol
        self._venue = venue
        self._clock = clock
        self._on_event = on_event
        self._on_down = on_down
        self._on_unreadable = on_unreadable
        self._on_refused = on_refused
        self._time_ns = time_ns or clock.time_ns
        self._send: Send | None = None
        """Sends over the newest connection that all topics are subscribed on."""
        self._answers: dict[Hashable, EagerFuture[Answer]] = {}
        self._deadlines = Deadlines(clock, ANSWER_S)
        self._link = Link(
            url,
            venue=venue,
            clock=clock,
            dial=dial,
            headers=headers,
            heartbeat=protocol.heartbeat,
            on_open=self._opened,
            on_message=self._on_message,
            on_down=self._lost,
            on_up=on_up,
        )

    @property
    def is_up(self) -> bool:
        """Whether there is a connection that all topics are subscribed on."""
        return self._send is not None

    async def open(self) -> None:
        """Connect. Raises NotSent, and TradingEnded for keys that are not accepted."""
        await self._link.open()

    async def close(self) -> None:
        """Disconnect. Closing twice does nothing."""
        await self._link.close()

    def replace(self, reason: str) -> None:
        """Open another connection in place of the present one: for a venue's notice that it will close it."""
        self._link.replace(reason)

    async def subscribe(self, topic: Topic) -> None:
        """Start a topic, or while there is no connection: with the next one. Raises what the venue refuses it with."""
        if topic in self.topics:
            return
        self.topics[topic] = None
        if self._send is not None:
            try:
                await self._ask(self._send, self._protocol.subscribe(topic))
            except (SocketClosed, OSError):
                return  # the next connection has it
            except AnyvenueError:
                self.topics.pop(topic, None)
                raise

    async def unsubscribe(self, topic: Topic) -> None:
        """Stop a topic, and wait until the venue says that it is done. Nothing outlives its connection."""
        if topic in self.topics:
            del self.topics[topic]
            if self._send is not None:
                with suppress(SocketClosed, OSError):
                    await self._ask(self._send, self._protocol.unsubscribe(topic))

    async def call(self, ask: Ask) -> Any:
        """Send a command, once, and return the data of its answer.

        Raises the answer's error, NotSent before it leaves, and OutcomeUnknown where no answer comes.
        """
        try:
            return await self._ask(self._link.send, ask)
        except SocketClosed as closed:
            text = f"the connection ended before the answer ({closed}); ask the venue what became of it"
            raise OutcomeUnknown(text, venue=self._venue) from None

    async def _opened(self, send: Send) -> None:
        """Bring a new connection to where the last one was."""
        for ask in self._protocol.opening(self._time_ns()):
            await self._ask(send, ask)
        done: set[Topic] = set()
        while left := [topic for topic in self.topics if topic not in done]:
            asked = [self._ask(send, self._protocol.subscribe(topic)) for topic in left]
            for topic, outcome in zip(left, await asyncio.gather(*asked, return_exceptions=True), strict=True):
                if isinstance(outcome, Rejected):
                    _log.error("%s is not subscribed any more: %s", topic, outcome)
                    self.topics.pop(topic, None)
                    self._on_refused(topic, outcome)
                elif isinstance(outcome, BaseException):
                    raise outcome
            done.update(left)
        self._send = send

    def _lost(self, reason: str) -> None:
        """The connection is gone, and with it every answer that is still awaited."""
        self._send = None
        for answer in list(self._answers.values()):  # whoever waits goes on at once, and takes it out
            if not answer.is_over:
                answer.set_exception(SocketClosed(reason))
        self._on_down(reason)

    async def _ask(self, send: Send, ask: Ask) -> Any:
        if ask.key is None:
            await send(ask.text)
            return None
        waiting: EagerFuture[Answer] = EagerFuture()
        self._answers[ask.key] = waiting
        try:
            with self._deadlines.begin():
                await send(ask.text)
                answer = await waiting
        except TimeoutError:
            raise OutcomeUnknown(f"no answer within {ANSWER_S:g} s", venue=self._venue) from None
        finally:
            if self._answers.get(ask.key) is waiting:
                del self._answers[ask.key]
        if answer.error is not None:
            raise answer.error
        return answer.data

    def _on_message(self, raw: bytes) -> None:
        for told in self._read(raw):
            if not isinstance(told, Answer):
                self._on_event(told)
            elif (waiting := self._answers.get(told.key)) is not None and not waiting.is_over:
                waiting.set_result(told)

    def _read(self, raw: bytes) -> Iterator[Any]:
        """A fault in reading is the frame's, and the connection goes on; one in what is done about it is ours."""
        try:
            yield from self._protocol.read(raw, self._clock.time_ns())
        except VenueProtocolError:
            self._on_unreadable()
            raise
        except _UNREADABLE as error:
            self._on_unreadable()
            what = f"a frame that cannot be read ({type(error).__name__}: {error})"
            raise VenueProtocolError(what, raw=raw, venue=self._venue) from error
