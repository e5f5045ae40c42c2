"""One WebSocket connection to Gate and what is subscribed on it; the trading API goes over it too."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, TypeVar

import orjson
from attrs import field, frozen

from anyvenue.model.errors import (
    AnyvenueError,
    AuthenticationFailed,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    RejectReason,
    VenueProtocolError,
)
from anyvenue.venue.clock import Clock
from anyvenue.venue.events import VenueEvent
from anyvenue.venue.secrets import Secret
from anyvenue.wire.deadline import Deadlines, pause
from anyvenue.wire.eager import EagerFuture
from anyvenue.wire.link import Heartbeat, Link, Send
from anyvenue.wire.server_time import ServerTime
from anyvenue.wire.socket import Dial, SocketClosed
from anyvenue_gateio import errors
from anyvenue_gateio.auth import HEADERS, channel_auth, login_payload
from anyvenue_gateio.streams import Ack, ApiReply, Notice, Reader
from anyvenue_gateio.topics import Topic, frame, private_topics

__all__ = ["TOPICS_MAX", "Feed", "Keys"]

T = TypeVar("T")

_log = logging.getLogger("anyvenue.gateio")

_DECIMAL_SIZES: Final = {"X-Gate-Size-Decimal": HEADERS["X-Gate-Size-Decimal"]}
TOPICS_MAX: Final = 100
"""Streams on one connection: no limit is documented, so this stays small (open question 10)."""
ANSWER_S: Final = 10.0
CLOCK_S: Final = 5
"""A clock that is off by more may be why a signature is refused: Gate allows a minute, now less, now more."""
ACK_S: Final = 3.0
ASKED_TIMES: Final = 3
"""A login has so long. A subscription that is not answered by then is asked for again: that does no harm (13.2)."""
OPENED_TIMES: Final = 3
AGAIN_S: Final = 0.5
"""So many connections are tried at the start, with a pause between them: later ones are tried without end."""
_SECOND_NS: Final = 1_000_000_000
_DUPLICATE, _DENIED, _SERVER = 2, 4, 3


@frozen
class Keys:
    """An API key with its secret, and the user it belongs to."""

    key: str = field(repr=False)
    secret: Secret
    user: str = ""


class Feed:
    """A link that subscribes all its topics anew on every connection.

    `on_event` gets events and notices, but for the depth and the trades that `Reader.read_push` reads, which `on_push`
    gets. With `keys` all of the account's topics are subscribed; with `login` the trading API is open on it too.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock,
        time: ServerTime,
        dial: Dial,
        reader: Reader,
        on_event: Callable[[VenueEvent | Notice], None],
        on_push: Callable[[VenueEvent], None],
        on_down: Callable[[str], None],
        on_up: Callable[[], None],
        keys: Callable[[], Keys | None] = lambda: None,
        login: bool = False,
    ) -> None:
        self.topics: dict[Topic, None] = {}
        self._clock = clock
        self._time = time
        self._reader = reader
        self._on_event = on_event
        self._on_push = on_push
        self._on_down = on_down
        self._send: Send | None = None
        """Sends over the newest connection that all topics are subscribed on."""
        self._keys = keys
        self._private = tuple(private_topics(known.user)) if (known := keys()) is not None else ()
        self._login = login
        self._is_closed = False
        self._numbers = 0
        self._answers: dict[int | str, EagerFuture[Any]] = {}
        self._deadlines, self._ack_deadlines = Deadlines(clock, ANSWER_S), Deadlines(clock, ACK_S)
        self._link = Link(
            url,
            venue="gateio",
            clock=clock,
            dial=dial,
            headers=_DECIMAL_SIZES,
            heartbeat=Heartbeat(ping=self._ping, every_s=10, patience_s=25),
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
        """Connect, by another connection where one fails. Raises NotSent, and TradingEnded for keys not accepted."""
        for _ in range(OPENED_TIMES - 1):
            try:
                return await self._link.open()
            except NotSent as error:
                if isinstance(error.__cause__, RateLimited):
                    raise
                _log.warning("%s; trying once more", error)
                await pause(self._clock, AGAIN_S)
                if self._is_closed:
                    raise
        return await self._link.open()

    async def close(self) -> None:
        """Disconnect."""
        self._is_closed = True
        await self._link.close()

    async def subscribe(self, topic: Topic) -> None:
        """Subscribe, or while there is no connection: with the next one. Raises what the venue refuses it with."""
        if topic in self.topics:
            return
        self.topics[topic] = None
        if self._send is not None:
            try:
                await self._ask(self._send, topic, "subscribe")
            except (SocketClosed, OSError):
                return  # the next connection has it
            except AnyvenueError:
                self.topics.pop(topic, None)
                raise

    async def unsubscribe(self, topic: Topic) -> None:
        """Unsubscribe, and wait until the venue says that it is done."""
        if topic in self.topics:
            del self.topics[topic]
            self._reader.forget(topic)
            if self._send is not None:
                with suppress(SocketClosed, OSError):  # nothing outlives its connection
                    await self._ask(self._send, topic, "unsubscribe")

    async def call(self, channel: str, param: object, *, expires_ms: int | None = None) -> ApiReply:
        """Ask the trading API, and return its final reply; "received" alone is no reply (chapter 11).

        Gate refuses it once its clock has passed `expires_ms`. Raises NotSent before it leaves, and OutcomeUnknown
        where no final reply comes.
        """
        number = str(self._next())
        payload = {"req_id": number, "req_param": param}
        if expires_ms is not None:
            payload["req_header"] = {"x-gate-exptime": str(expires_ms)}
        content = {"time": self._time_s(), "channel": channel, "event": "api", "payload": payload}
        text = orjson.dumps(content).decode()
        reply: EagerFuture[ApiReply] = EagerFuture()
        self._answers[number] = reply
        try:
            if not self._link.send_now(text):
                with self._deadlines.begin():
                    await self._link.send(text)
            return await self._deadlines.watch(reply)
        except TimeoutError:
            raise OutcomeUnknown(f"no answer within {ANSWER_S:g} s", venue="gateio", request=channel) from None
        except SocketClosed as closed:
            why = f"the connection ended before the final reply ({closed}); ask the venue what became of it"
            raise OutcomeUnknown(why, venue="gateio", request=channel) from None
        finally:
            del self._answers[number]

    async def _opened(self, send: Send) -> None:
        """Bring a new connection to where the last one was."""
        if self._login and (keys := self._keys()) is not None:
            await self._log_in(send, keys)
        done: set[Topic] = set()
        while left := [topic for topic in (*self._private, *self.topics) if topic not in done]:
            # One contract that is not known fails its whole frame, so each topic has its own.
            asked = [self._ask(send, topic, "subscribe") for topic in left]
            for topic, outcome in zip(left, await asyncio.gather(*asked, return_exceptions=True), strict=True):
                if isinstance(outcome, Rejected) and topic not in self._private:
                    _log.error("%s", outcome)
                    self.topics.pop(topic, None)
                    self._on_event(Notice("refused", topic.channel, topic))
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
        for topic in self.topics:
            self._reader.forget(topic)
        self._on_down(reason)

    async def _log_in(self, send: Send, keys: Keys) -> None:
        number, offset_ns = f"login-{self._next()}", self._time.offset_ns
        payload = login_payload(keys.key, keys.secret, time_s=self._time_s(), req_id=number)
        content = {"time": self._time_s(), "channel": "futures.login", "event": "api", "payload": payload}
        reply: ApiReply = await self._answer(number, send, orjson.dumps(content).decode(), "futures.login")
        errs = reply.data.get("errs") or {}
        if reply.status == 200 and not errs:
            return
        label, message = (str(errs.get(name, "")) for name in ("label", "message"))
        error = errors.error_of(label, message, status=reply.status, request="futures.login")
        if isinstance(error, Rejected) and error.reason is RejectReason.OTHER:
            text = "the login to the trading API was refused: check the key, its permissions and its list of addresses"
            error = AuthenticationFailed(text, venue="gateio", detail=f"{label} {message}")
        if isinstance(error, AuthenticationFailed) or getattr(error, "reason", None) is RejectReason.EXPIRED:
            await self._check_clock(offset_ns)
        raise error

    async def _ask(self, send: Send, topic: Topic, event: str) -> None:
        offset_ns = self._time.offset_ns
        ack = await self._acknowledged(send, topic, event)
        where = f"{event} {topic.channel} {' '.join(topic.payload)}"
        if ack.code is None or (ack.code == _DUPLICATE and "Alert sub" in ack.message):
            return  # subscribed already: the first subscription lives on (13.2)
        if ack.code == _DENIED:
            await self._check_clock(offset_ns)
            raise AuthenticationFailed(
                "the key was not accepted: check it, its environment and the clock", venue="gateio", detail=ack.message
            )
        if ack.code == _SERVER:
            raise NotSent("the venue has trouble of its own; try again", venue="gateio", request=where)
        raise Rejected(
            "the subscription was refused", reason=RejectReason.OTHER, venue="gateio", request=where, detail=ack.message
        )

    async def _check_clock(self, offset_ns: int) -> None:
        """Before a key is taken for wrong: raise NotSent where the time that was signed may have been, so that it is
        tried again with the right one. `offset_ns` is the clock's offset of then.
        """
        try:
            await self._time.sync()
        except AnyvenueError as error:
            text = f"the key was not accepted, and whether that is because of the clock cannot be asked: {error}"
            raise NotSent(text, venue="gateio") from error
        if abs(self._time.offset_ns - offset_ns) > CLOCK_S * _SECOND_NS:
            raise NotSent("the key was not accepted, and the clock was wrong: it is right now", venue="gateio")

    async def _acknowledged(self, send: Send, topic: Topic, event: str) -> Ack:
        """Ask until there is an answer. Raises OutcomeUnknown."""
        for _ in range(ASKED_TIMES - 1 if event == "subscribe" else 0):
            with suppress(OutcomeUnknown):
                return await self._asked(send, topic, event)
        return await self._asked(send, topic, event)

    async def _asked(self, send: Send, topic: Topic, event: str) -> Ack:
        auth, time_s, number = None, self._time_s(), self._next()
        if topic in self._private and (keys := self._keys()) is not None:
            auth = channel_auth(keys.key, keys.secret, channel=topic.channel, event=event, time_s=time_s)
        text = frame(topic, event, time_s=time_s, number=number, auth=auth)
        ack: Ack = await self._answer(number, send, text, f"{event} {topic.channel}")
        return ack

    async def _answer(self, number: int | str, send: Send, text: str, what: str) -> Any:
        answer = self._answers[number] = EagerFuture()
        try:
            with self._ack_deadlines.begin():
                await send(text)
                return await answer
        except TimeoutError:
            raise OutcomeUnknown(f"no answer within {ACK_S:g} s", venue="gateio", request=what) from None
        finally:
            del self._answers[number]

    def _on_message(self, raw: bytes) -> None:
        ts_recv = self._clock.time_ns()
        if self._answers and (reply := self._reader.read_reply(raw)) is not None:
            self._take_reply(reply)
            return
        pushed = self._reader.read_push(raw, ts_recv)
        if pushed is not None:
            if type(pushed) is list:
                for trade in pushed:
                    self._on_push(trade)
            elif type(pushed) is tuple:
                for news in pushed:
                    self._on_event(news)
            else:
                self._on_push(pushed)  # type: ignore[arg-type]  # no list
            return
        try:
            for told in self._reader.read_any(raw, ts_recv):
                self._take(told)
        except VenueProtocolError:
            self._on_event(Notice("unreadable"))
            raise

    def _take(self, told: VenueEvent | Ack | ApiReply | Notice) -> None:
        if isinstance(told, Ack):
            self._settle(told.id, told)
        elif isinstance(told, ApiReply):
            self._take_reply(told)
        elif isinstance(told, Notice) and told.kind == "upgrade":
            self._link.replace(f"the venue is about to close it: {told.text}")
        else:
            self._on_event(told)

    def _take_reply(self, reply: ApiReply) -> None:
        if reply.is_final or reply.status >= 400:
            self._settle(reply.request_id, reply)

    def _settle(self, number: int | str | None, answer: Ack | ApiReply) -> None:
        waiting = self._answers.get(number) if number is not None else None
        if waiting is not None and not waiting.is_over:
            waiting.set_result(answer)

    def _ping(self) -> str:
        return orjson.dumps({"time": self._time_s(), "channel": "futures.ping"}).decode()

    def _time_s(self) -> int:
        return self._time.time_ns() // _SECOND_NS

    def _next(self) -> int:
        self._numbers = self._numbers % (2**31 - 1) + 1  # ids should stay within int32
        return self._numbers
