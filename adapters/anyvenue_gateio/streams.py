"""Gate's WebSocket channels, read: frames become events and notices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec
import orjson
from attrs import evolve, frozen

from anyvenue.model.enums import Side
from anyvenue.model.errors import VenueProtocolError
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookDelta, BookSnapshot, Candle, FundingRate, Liquidation, Quote
from anyvenue.model.numbers import WHOLE_END, exact, whole
from anyvenue.model.order_events import OrderFilled
from anyvenue.model.times import unix_ns
from anyvenue.venue.events import VenueEvent
from anyvenue.wire.exact_json import decode
from anyvenue_gateio.errors import VENUE
from anyvenue_gateio.pushes import Pushed, push_reader
from anyvenue_gateio.rest import triggers
from anyvenue_gateio.rest.account import read_position
from anyvenue_gateio.rest.history import read_fill
from anyvenue_gateio.rest.market import INTERVALS, read_candles, read_levels, read_ticker, read_trades
from anyvenue_gateio.rest.orders import order_report
from anyvenue_gateio.topics import PRIVATE, UPDATES, Topic
from anyvenue_gateio.trade_push import SeenTrades

__all__ = ["Ack", "ApiReply", "Notice", "Reader"]

_MS_NS: Final = 1_000_000
_MS_END: Final = WHOLE_END // _MS_NS


@frozen(kw_only=True)
class Ack:
    """The answer to a subscribe or unsubscribe frame; `code` is None for success."""

    id: int | None
    channel: str
    code: int | None = None
    message: str = ""


@frozen(kw_only=True)
class ApiReply:
    """An answer of the trading API. `is_final` is False where it only says that the request was received."""

    request_id: str
    is_final: bool
    status: int
    data: Mapping[str, Any]


@frozen
class Notice:
    """Something to act on.

    `kind` is one of `upgrade` (the server goes away), `balance`, `fills` and `unreadable` (ask for it), `forced` (tell
    people), `refused` (the venue does not send `topic` any more).
    """

    kind: str
    text: str = ""
    topic: Topic | None = None


class _Frame(msgspec.Struct, gc=False):
    """What is around a frame's content, which stays as it came: how it is to be read, the channel says."""

    channel: str = ""
    event: Any = None
    error: Any = None
    header: Any = None
    time_ms: Any = 0
    result: msgspec.Raw = msgspec.Raw(b"null")
    request_id: Any = ""
    ack: Any = None
    data: msgspec.Raw = msgspec.Raw(b"null")


_open: Final = msgspec.json.Decoder(_Frame).decode


class Reader:
    """Reads the frames of one settle currency.

    `find` gives the instrument of a contract name, None for one that is not known; `name_of` our own id of a waiting
    order, which Gate may not keep. It remembers recent trade ids, since a connection that is replaced repeats them, and
    the candles that are open.

    Attributes:
        is_hedged: whether the account is in hedge mode. A pushed fill does not say which position it belongs to, so it
            is then told as a Notice with the contract's name.
        read_push: returns the delta of the order book, the trades, the orders or the fills that a frame holds, without
            detour. None means that it has to be read the common way, by `read_any`.
    """

    def __init__(self, find: Callable[[str], Instrument | None], name_of: Callable[[str], str | None]) -> None:
        self.is_hedged = False
        self._find = find
        self._name_of = name_of
        self._trades = SeenTrades()
        self.read_push: Callable[[bytes, int], Pushed | None] = push_reader(find, self._trades, lambda: self.is_hedged)
        self._candles: dict[str, Candle] = {}
        self._handlers: dict[str, Callable[[Any, int, int], Iterator[VenueEvent | Notice]]] = {
            "futures.obu": self._obu,
            UPDATES: self._update,
            "futures.trades": self._each(self._trade),
            "futures.tickers": self._each(self._ticker),
            "futures.book_ticker": self._quote,
            "futures.candlesticks": self._each(self._candle),
            "futures.public_liquidates": self._each(self._liquidation),
            "futures.orders": self._each(lambda row, ins, ts, recv: iter((order_report(row, ins, recv),))),
            "futures.usertrades": self._each(self._fill),
            "futures.positions": self._each(lambda row, ins, ts, recv: iter((read_position(row, ins, recv),))),
            "futures.autoorders": self._each(self._trigger),
            "futures.balances": lambda result, ts, recv: iter((Notice("balance"),)),
            "futures.liquidates": self._each(_forced("liquidated")),
            "futures.auto_deleverages": self._each(_forced("deleveraged by the venue")),
            "futures.system": _system,
        }

    def read_reply(self, raw: bytes) -> ApiReply | None:
        """Return the answer of the trading API that a frame holds, decoded in one go.

        None means that it holds none, or has to be read the common way, which says what is wrong with it.
        """
        if b'"header"' not in raw:
            return None
        try:
            message = decode(raw)
            if type(message) is not dict or "channel" in message or message.get("header") is None:
                return None
            return _api_reply(message["request_id"], message.get("ack"), message["header"], message.get("data"))
        except (VenueProtocolError, AttributeError, LookupError, TypeError, ValueError):
            return None

    def read(self, raw: bytes, ts_recv: int) -> Iterator[VenueEvent | Ack | ApiReply | Notice]:
        """Return what a frame tells. Raises VenueProtocolError, with the bytes, for what cannot be read."""
        told = self.read_push(raw, ts_recv)
        if told is None:
            return self.read_any(raw, ts_recv)
        return iter(told if isinstance(told, list | tuple) else (told,))

    def read_any(self, raw: bytes, ts_recv: int) -> Iterator[VenueEvent | Ack | ApiReply | Notice]:
        """Do as `read`, for a frame that `read_push` left."""
        try:
            message = _open(raw)
            if message.header is not None:
                yield _api_reply(message.request_id, message.ack, message.header, decode(bytes(message.data)))
                return
            channel, event = message.channel, message.event
            if event in ("subscribe", "unsubscribe") or message.error:
                yield _ack(orjson.loads(raw), channel)
            handler = self._handlers.get(channel)
            if handler is None or event in ("subscribe", "unsubscribe"):
                return
            inner = bytes(message.result)
            result = decode(inner) if channel in _EXACT else orjson.loads(inner)
            if result is not None:
                yield from handler(result, _ms(message.time_ms), ts_recv)
        except VenueProtocolError as error:
            raise VenueProtocolError(f"cannot be read: {error.text}", raw=raw, venue=VENUE) from error
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            what = f"cannot be read: {type(error).__name__}: {error}"
            raise VenueProtocolError(what, raw=raw, venue=VENUE) from error

    def forget(self, topic: Topic) -> None:
        """Forget what is open of a stream that is no longer heard: how a candle ends, nobody will tell."""
        if topic.channel == "futures.candlesticks":
            self._candles.pop("_".join(topic.payload), None)

    def _each(
        self, read: Callable[[Any, Instrument, int, int], Iterator[VenueEvent | Notice]]
    ) -> Callable[[Any, int, int], Iterator[VenueEvent | Notice]]:
        """Return a handler of lists of rows (or one row); rows of contracts that are not known are left out."""

        def handler(result: Any, ts: int, recv: int) -> Iterator[VenueEvent | Notice]:
            for row in result if isinstance(result, list) else (result,):
                name = row["n"].partition("_")[2] if "n" in row else triggers.contract_of(row)
                instrument = self._find(name)
                if instrument is not None:
                    yield from read(row, instrument, ts, recv)

        return handler

    def _obu(self, result: Mapping[str, Any], ts: int, recv: int) -> Iterator[VenueEvent]:
        instrument = self._find(result["s"].split(".")[1])
        if instrument is None:
            return
        bids, asks = (_levels(result.get(side, ())) for side in "ba")
        last_id, ts = whole(result["u"]), _ms(result["t"])
        if result.get("full"):
            yield BookSnapshot(instrument=instrument, bids=bids, asks=asks, last_id=last_id, ts_event=ts, ts_recv=recv)
        else:
            yield BookDelta(
                instrument=instrument,
                bids=bids,
                asks=asks,
                first_id=whole(result["U"]),
                last_id=last_id,
                ts_event=ts,
                ts_recv=recv,
            )

    def _update(self, result: Mapping[str, Any], ts: int, recv: int) -> Iterator[VenueEvent]:
        levels = {"b": read_levels(result.get("b") or []), "a": read_levels(result.get("a") or [])}
        yield from self._obu({**result, **levels, "s": f"ob.{result['s']}"}, ts, recv)

    def _trade(self, row: Mapping[str, Any], instrument: Instrument, ts: int, recv: int) -> Iterator[VenueEvent]:
        (trade,) = read_trades([row], instrument, recv)
        if self._trades.is_new(instrument.venue_symbol, trade.trade_id):
            yield trade

    def _ticker(self, row: Mapping[str, Any], instrument: Instrument, ts: int, recv: int) -> Iterator[VenueEvent]:
        ticker = evolve(read_ticker(row, instrument, recv), ts_event=_ms(row.get("t", 0)) or ts)
        yield ticker
        if ticker.funding_rate is not None and ticker.next_funding_ts is not None:
            yield FundingRate(
                instrument=instrument,
                rate=ticker.funding_rate,
                ts_settle=ticker.next_funding_ts,
                settled=False,
                ts_event=ticker.ts_event,
                ts_recv=recv,
            )

    def _quote(self, row: Mapping[str, Any], ts: int, recv: int) -> Iterator[VenueEvent]:
        instrument = self._find(row["s"])
        if instrument is not None:
            yield Quote(
                instrument=instrument,
                bid=exact(row["b"]) if row["b"] else None,
                bid_quantity=instrument.from_contracts(str(row["B"])),
                ask=exact(row["a"]) if row["a"] else None,
                ask_quantity=instrument.from_contracts(str(row["A"])),
                last_id=whole(row["u"]),
                ts_event=_ms(row["t"]),
                ts_recv=recv,
            )

    def _candle(self, row: Mapping[str, Any], instrument: Instrument, ts: int, recv: int) -> Iterator[VenueEvent]:
        name = row["n"]
        seconds = _SECONDS[name.partition("_")[0]]
        candle = evolve(
            read_candles([row], instrument, seconds, 0)[0], closed=bool(row.get("w")), ts_event=ts, ts_recv=recv
        )
        before = self._candles.pop(name, None)
        if before is not None and before.ts_open < candle.ts_open:
            yield evolve(before, closed=True, ts_event=ts, ts_recv=recv)  # its end was not told (12.1)
        if not candle.closed:
            self._candles[name] = candle
        yield candle

    def _liquidation(self, row: Mapping[str, Any], instrument: Instrument, ts: int, recv: int) -> Iterator[VenueEvent]:
        contracts = exact(str(row["size"]))
        yield Liquidation(
            instrument=instrument,
            side=Side.BUY if contracts > 0 else Side.SELL,
            price=exact(str(row["price"])),
            quantity=instrument.from_contracts(abs(contracts)),
            ts_event=unix_ns(str(row.get("time_ms") or row["time"]), "time"),
            ts_recv=recv,
        )

    def _trigger(self, row: Mapping[str, Any], instrument: Instrument, ts: int, recv: int) -> Iterator[VenueEvent]:
        yield from triggers.read_trigger(row, instrument, recv, self._name_of(triggers.own_id(row)))

    def _fill(
        self, row: Mapping[str, Any], instrument: Instrument, ts: int, recv: int
    ) -> Iterator[VenueEvent | Notice]:
        if self.is_hedged:
            yield Notice("fills", instrument.venue_symbol)
            return
        fill = read_fill(row, instrument, recv)
        yield OrderFilled(
            client_order_id=fill.client_order_id,
            venue_order_id=fill.venue_order_id,
            fill=fill,
            ts_event=fill.ts_event,
            ts_recv=recv,
        )


_EXACT: Final = frozenset(f"futures.{name}" for name in (*PRIVATE, "public_liquidates", "trades"))
"""Channels in which money comes as JSON numbers; the others are strings where it matters (12.2)."""
_SECONDS: Final = {name: seconds for seconds, name in INTERVALS.items()}


def _forced(what: str) -> Callable[[Any, Instrument, int, int], Iterator[Notice]]:
    return lambda row, instrument, ts, recv: iter((Notice("forced", f"{instrument.key}: {what}: {dict(row)}"),))


def _system(result: Mapping[str, Any], ts: int, recv: int) -> Iterator[Notice]:
    if result.get("type") == "upgrade":
        yield Notice("upgrade", str(result.get("msg", "")))


def _ms(value: object) -> int:
    if not 0 <= (count := whole(value, "a time in ms")) < _MS_END:
        raise ValueError(f"found {value!r} ms; allowed are times from 1970 on that nanoseconds can tell")
    return count * _MS_NS


def _levels(levels: Any) -> Any:
    if not all(type(price) is str and type(size) is str for price, size in levels):
        raise TypeError(f"found {levels!r:.200}; allowed are pairs of price and size as texts")
    return levels


def _ack(message: Mapping[str, Any], channel: str) -> Ack:
    number, error, result = message.get("id"), message.get("error"), message.get("result")
    number = None if number is None else whole(number, "id")
    if error:
        return Ack(id=number, channel=channel, code=whole(error["code"]), message=str(error.get("message", "")))
    failed = isinstance(result, Mapping) and result.get("status") == "fail"
    return Ack(id=number, channel=channel, code=3 if failed else None)


def _api_reply(request_id: object, ack: object, header: Any, data: Any) -> ApiReply:
    data = data or {}
    for found in (data, data.get("errs") or {}):
        if type(found) is not dict:
            raise TypeError(f"found {found!r}; allowed are objects")
    return ApiReply(request_id=str(request_id), is_final=not ack, status=int(header["status"]), data=data)
