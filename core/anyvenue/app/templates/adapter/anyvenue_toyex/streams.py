"""ToyEx's WebSocket frames as pure functions: what is asked for becomes text, what arrives becomes events.

Ask of your venue: how is an answer matched to what was asked? How are depth frames numbered, and where does the
snapshot come from? What is repeated on a new connection? What keeps a connection alive? Is the account's state told
whole at the login, or only its changes?
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, Final

import orjson
from anyvenue.model.depth_sync import Continuity, SequenceRule
from anyvenue.model.enums import Side
from anyvenue.model.market import BookDelta, Trade
from anyvenue.model.numbers import exact
from anyvenue.venue.events import Channel, Subscription, VenueEvent
from anyvenue.venue.missed import filled
from anyvenue.venue.secrets import Secret
from anyvenue.wire.exact_json import decode
from anyvenue.wire.feed import Answer, Ask, Heartbeat

from anyvenue_toyex import auth, rest
from anyvenue_toyex.errors import REFUSALS
from anyvenue_toyex.rest import MS_NS, Found

DEPTH_RULE: Final = SequenceRule(continuity=Continuity.CONTIGUOUS)
"""Each frame's number is one more than that of the frame before; the snapshot comes with the stream."""

PING: Final = '{"op": "ping"}'
_NAMES: Final = {Channel.BOOK: "book", Channel.TRADES: "trades"}


def topic_of(subscription: Subscription) -> tuple[str, str]:
    """Return what ToyEx calls a channel: its name and the market."""
    return _NAMES[subscription.channel], subscription.instrument.venue_symbol


class Streams:
    """A `FeedProtocol`: the frames of one connection after another. `found` has the instruments by venue symbol."""

    heartbeat = Heartbeat(ping=lambda: PING, every_s=10, patience_s=25)

    def __init__(self, found: Found, credentials: Mapping[str, Secret] | None) -> None:
        self._found = found
        self._credentials = credentials
        self._numbers = count(1)
        self._readers: Mapping[str, Callable[[Any, int], VenueEvent]] = {
            "book": self._book,
            "trades": self._trade,
            "orders": rest.read_report,
            "fills": lambda row, now: filled(rest.read_fill(row, found, now)),
            "positions": lambda row, now: rest.read_position(row, found, now),
            "balances": rest.read_balance,
        }

    def opening(self, time_ns: int) -> Sequence[Ask]:
        """Log in: ToyEx then sends the account's news without being asked."""
        return () if self._credentials is None else (self._ask("login", **auth.login(self._credentials, time_ns)),)

    def subscribe(self, topic: tuple[str, str]) -> Ask:
        """Start a stream."""
        return self._ask("subscribe", channel=topic[0], market=topic[1])

    def unsubscribe(self, topic: tuple[str, str]) -> Ask:
        """Stop a stream."""
        return self._ask("unsubscribe", channel=topic[0], market=topic[1])

    def read(self, raw: bytes, ts_recv: int) -> Iterator[VenueEvent | Answer]:
        """Return what a frame tells. Frames of kinds that are not known tell nothing."""
        frame = decode(raw)
        if "id" in frame:
            code, text = frame.get("code", ""), frame.get("text", "")
            error = REFUSALS.error(code, text, request="websocket") if code else None
            yield Answer(key=frame["id"], error=error)
        elif (reader := self._readers.get(frame.get("channel", ""))) is not None:
            yield reader(frame["data"], ts_recv)

    def _ask(self, op: str, **members: str) -> Ask:
        number = next(self._numbers)
        return Ask(orjson.dumps({"id": number, "op": op, **members}).decode(), key=number)

    def _book(self, data: Mapping[str, Any], now: int) -> VenueEvent:
        instrument, number = self._found[data["market"]], data["number"]
        if data["whole"]:
            return rest.read_book(data, instrument, now)
        return BookDelta(
            instrument=instrument,
            bids=data["bids"],
            asks=data["asks"],
            first_id=number,
            last_id=number,
            ts_event=data["time"] * MS_NS,
            ts_recv=now,
        )

    def _trade(self, data: Mapping[str, Any], now: int) -> VenueEvent:
        return Trade(
            instrument=self._found[data["market"]],
            trade_id=data["id"],
            side=Side(data["side"]),
            price=exact(data["price"], "price"),
            quantity=exact(data["size"], "size"),
            ts_event=data["time"] * MS_NS,
            ts_recv=now,
        )
