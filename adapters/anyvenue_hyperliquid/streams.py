"""Hyperliquid's WebSocket frames as pure functions: subscriptions become text, what arrives becomes events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import orjson
from attrs import evolve, frozen

from anyvenue.model.depth_sync import SequenceRule
from anyvenue.model.errors import RejectReason, rejection
from anyvenue.model.market import Candle, FundingRate, Quote, Trade
from anyvenue.model.numbers import ZERO, exact
from anyvenue.model.order_events import OrderTriggered
from anyvenue.model.position import Position
from anyvenue.venue.events import Channel, Subscription
from anyvenue.venue.missed import filled
from anyvenue.venue.replaced import Replaced, moved
from anyvenue.wire.exact_json import decode
from anyvenue.wire.feed import Answer, Ask, Heartbeat
from anyvenue_hyperliquid import rest
from anyvenue_hyperliquid.errors import VENUE
from anyvenue_hyperliquid.rest import MS_NS, Found

DEPTH_RULE: Final = SequenceRule(time_ordered=True)
"""Each frame is a whole book."""
FAST_DEPTH: Final = 5
"""The fast stream, twice a second, has so many levels a side; the other one, every 5 s, has 20."""
SEEN_MAX: Final = 2000
PING: Final = '{"method":"ping"}'
_NAMES: Final = {
    Channel.TRADES: "trades",
    Channel.QUOTES: "bbo",
    Channel.TICKER: "activeAssetCtx",
    Channel.FUNDING: "activeAssetCtx",
}

Topic = tuple[tuple[str, Any], ...]
"""The members of a subscription, in order."""


@frozen
class Ended:
    """A reduce-only order has ended; how much of it has traded takes its fills."""

    number: str


def topic_of(subscription: Subscription) -> Topic:
    """Return what Hyperliquid calls a channel."""
    coin = ("coin", subscription.instrument.venue_symbol)
    if subscription.channel is Channel.BOOK:
        return ("type", "l2Book"), coin, ("fast", (subscription.depth or 0) <= FAST_DEPTH)
    if subscription.channel is Channel.CANDLES:
        return ("type", "candle"), coin, ("interval", rest.INTERVALS[subscription.interval_s or 0])
    return ("type", _NAMES[subscription.channel]), coin


class Streams:
    """A `FeedProtocol`. `user` is the account that is told of, empty for none; `dexes` are those that are traded on."""

    heartbeat = Heartbeat(ping=lambda: PING, every_s=20, patience_s=30)

    def __init__(self, found: Found, user: str, dexes: Sequence[str], amended: Replaced) -> None:
        self._found = found
        self._user = user
        self._dexes = dexes
        self._amended = amended
        self._states: dict[str, Any] = {}
        self._candles: dict[tuple[str, str], Candle] = {}
        self._seen: dict[tuple[str, int], None] = {}
        self._readers: Mapping[str, Callable[[Any, int], Iterator[Any]]] = {
            "l2Book": self._book,
            "bbo": self._quote,
            "trades": self._trades,
            "candle": self._candle,
            "activeAssetCtx": self._context,
            "orderUpdates": self._orders,
            "userFills": self._fills,
            "userFundings": self._fundings,
            "clearinghouseState": self._state,
            "subscriptionResponse": _answer,
            "error": _refused,
        }

    def opening(self, time_ns: int) -> Sequence[Ask]:
        """Subscribe to the account's news; anybody may, so there is no login."""
        if not self._user:
            return ()
        topics: list[Topic] = [
            (("type", kind), ("user", self._user)) for kind in ("orderUpdates", "userFills", "userFundings")
        ]
        topics += [(("type", "clearinghouseState"), ("user", self._user), ("dex", dex)) for dex in self._dexes]
        return [self.subscribe(topic) for topic in topics]

    def subscribe(self, topic: Topic) -> Ask:
        """Start a stream."""
        return _ask("subscribe", topic)

    def unsubscribe(self, topic: Topic) -> Ask:
        """Stop a stream."""
        return _ask("unsubscribe", topic)

    def read(self, raw: bytes, ts_recv: int) -> Iterator[Any]:
        """Return what a frame tells. The first one may be a line of text; kinds that are not known tell nothing."""
        if raw.startswith(b"{"):
            frame = decode(raw)
            if (reader := self._readers.get(frame["channel"])) is not None:
                yield from reader(frame["data"], ts_recv)

    def _book(self, data: Any, now: int) -> Iterator[Any]:
        yield rest.read_book(data, self._found[data["coin"]], now)

    def _quote(self, data: Any, now: int) -> Iterator[Any]:
        (bid, bid_size), (ask, ask_size) = (
            (None, ZERO) if side is None else (exact(side["px"], "px"), exact(side["sz"], "sz")) for side in data["bbo"]
        )
        yield Quote(
            instrument=self._found[data["coin"]],
            bid=bid,
            bid_quantity=bid_size,
            ask=ask,
            ask_quantity=ask_size,
            ts_event=data["time"] * MS_NS,
            ts_recv=now,
        )

    def _trades(self, rows: Any, now: int) -> Iterator[Any]:
        """The first frame may have trades from before the subscription; each is told once."""
        for row in rows:
            key = row["coin"], row["tid"]
            if key in self._seen:
                continue
            self._seen[key] = None
            if len(self._seen) > SEEN_MAX:
                del self._seen[next(iter(self._seen))]
            yield Trade(
                instrument=self._found[row["coin"]],
                trade_id=str(row["tid"]),
                side=rest.SIDES[row["side"]],
                price=exact(row["px"], "px"),
                quantity=exact(row["sz"], "sz"),
                ts_event=row["time"] * MS_NS,
                ts_recv=now,
            )

    def _candle(self, data: Any, now: int) -> Iterator[Any]:
        """A candle is over when the next one comes."""
        for row in data if isinstance(data, list) else [data]:
            key, candle = (row["s"], row["i"]), rest.read_candle(row, self._found[row["s"]], now)
            last = self._candles.get(key)
            if last is not None and last.ts_open > candle.ts_open:
                continue
            if last is not None and last.ts_open < candle.ts_open and not last.closed:
                yield evolve(last, closed=True, ts_recv=now)
            self._candles[key] = candle
            yield candle

    def _context(self, data: Any, now: int) -> Iterator[Any]:
        ticker = rest.read_ticker(data["ctx"], self._found[data["coin"]], now)
        yield ticker
        if ticker.funding_rate is not None and ticker.next_funding_ts is not None:
            yield FundingRate(
                instrument=ticker.instrument,
                rate=ticker.funding_rate,
                ts_settle=ticker.next_funding_ts,
                settled=False,
                ts_recv=now,
            )

    def _orders(self, rows: Any, now: int) -> Iterator[Any]:
        for row in rows:
            number, client_id = str(row["order"]["oid"]), rest.client_id_of(row["order"].get("cloid"))
            report = rest.read_report(row, self._amended.before(client_id, number), None, now)
            if self._amended.is_new(client_id, number) and not report.state.is_terminal:
                self._amended.end(client_id, number)
                yield moved(report)
            if row["status"] == "triggered":
                yield OrderTriggered(client_order_id=client_id, venue_order_id=number, ts_recv=now)
            if self._amended.goes_on(report, now):
                continue
            is_sure = not (report.state.is_terminal and row["order"].get("reduceOnly"))
            yield report if is_sure else Ended(number)

    def _fills(self, data: Any, now: int) -> Iterator[Any]:
        for row in data["fills"]:
            if row["coin"] in self._found:
                yield filled(rest.read_fill(row, self._found, now))

    def _fundings(self, data: Any, now: int) -> Iterator[Any]:
        for row in () if data.get("isSnapshot") else data["fundings"]:
            if row["coin"] in self._found:
                yield rest.read_payment(row, self._found, now)

    def _state(self, data: Any, now: int) -> Iterator[Any]:
        """The state of a dex is told whole: a position that was there and is missing is flat."""
        dex, state = data["dex"], data["clearinghouseState"]
        old = self._states.get(dex, {"assetPositions": []})
        if state["time"] < old.get("time", 0):
            return
        self._states[dex] = state
        positions = rest.read_positions(state, self._found, now)
        yield from positions
        gone = {row["position"]["coin"] for row in old["assetPositions"]} - {one.instrument.base for one in positions}
        for coin in sorted(gone & set(self._found)):
            time_ms = state["time"]
            yield Position(instrument=self._found[coin], sequence=time_ms, ts_event=time_ms * MS_NS, ts_recv=now)
        if len(self._states) == len(self._dexes):
            yield rest.read_balance([self._states[name] for name in self._dexes], now)


def _ask(method: str, topic: Topic) -> Ask:
    subscription = dict(topic)
    text = orjson.dumps({"method": method, "subscription": subscription}).decode()
    return Ask(text, key=_key(method, subscription))


def _key(method: str, subscription: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what an answer is known by: it has defaults filled in, which are left out here."""
    members = (subscription.get(name) or None for name in ("type", "coin", "user", "dex", "interval", "fast"))
    return method, *members


def _answer(data: Any, now: int) -> Iterator[Any]:
    yield Answer(key=_key(data["method"], data["subscription"]))


def _refused(data: Any, now: int) -> Iterator[Any]:
    """A text with the subscription in it; the one of a subscription that is there already is as good as an answer."""
    text = str(data)
    what, brace, rest_of_it = text.partition("{")
    if not brace:
        return
    method = "unsubscribe" if "unsubscribed" in what else "subscribe"
    asked = decode(brace + rest_of_it)
    error = rejection("not subscribed to", reason=RejectReason.UNKNOWN_INSTRUMENT, venue=VENUE, detail=text)
    yield Answer(key=_key(method, asked.get("subscription", asked)), error=None if "Already" in what else error)
