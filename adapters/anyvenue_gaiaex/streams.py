"""GaiaEx's WebSocket messages as pure functions: bytes become what a book or an account's update tells.

The items of an account's update are not documented. They are read by every spelling met anywhere in the documents;
what cannot be read counts as not told, never as nothing there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import chain
from typing import Annotated, Any, Final, Literal

import msgspec
from attrs import evolve, field, frozen
from msgspec import Meta, Struct

from anyvenue.model.enums import MarginMode, Side
from anyvenue.model.errors import VenueProtocolError
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookSnapshot, RawLevel
from anyvenue.model.numbers import ZERO
from anyvenue.wire.exact_json import decode
from anyvenue_gaiaex.errors import VENUE
from anyvenue_gaiaex.fields import listed, moment_ns, number, order_id

__all__ = [
    "UNSUPPORTED",
    "BookMessage",
    "BookReader",
    "Held",
    "Row",
    "Update",
    "read_held",
    "read_message",
    "read_row",
    "read_update",
]

UNSUPPORTED: Final = "SYMBOL_NOT_SUPPORTED"
_SPELLINGS_KEPT: Final = 1_024
_UNREADABLE: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
_IDS: Final = ("orderid", "oid", "id")
_CLIENT_IDS: Final = ("clientid", "clientorderid", "cloid", "clientoid")
_SYMBOLS: Final = ("symbol", "coin", "market")
_PRICES: Final = ("price", "limitprice", "px", "limitpx")
_SIZES: Final = ("size", "sz", "qty", "quantity")
_ORIGINALS: Final = ("origqty", "origsz", "origsize", "originalsize", "originalqty")
_FILLED: Final = ("filledqty", "filledsize", "filledsz", "executedqty", "cumqty", "filled")
_REMAINING: Final = ("remainingqty", "remainingsize", "remainingsz", "remaining", "leavesqty")
_SIGNED: Final = ("szi", "positionamt", "positionsize", "netqty")
_ENTRIES: Final = ("entryprice", "entrypx", "avgprice", "averageprice", "avgentryprice")
_SIDES: Final = {"buy": Side.BUY, "b": Side.BUY, "bid": Side.BUY, "long": Side.BUY} | dict.fromkeys(
    ("sell", "s", "a", "ask", "short"), Side.SELL
)


@frozen(kw_only=True)
class BookMessage:
    """What a message of a book stream comes to: a book, or why there is none that can be used.

    `answer` is what to send back; `is_over` says that this stream will never serve.
    """

    book: BookSnapshot | None = None
    stale: str = ""
    is_alarm: bool = False
    answer: str = ""
    is_over: bool = False


@frozen(kw_only=True)
class Row:
    """An open order as an update shows it. What it does not tell is None; `filled` where it can be told for sure."""

    order_id: str
    symbol: str
    client_id: str = ""
    side: Side | None = None
    price: Decimal | None = None
    sizes: frozenset[Decimal] = frozenset()
    filled: Decimal | None = None
    is_trigger: bool = False


@frozen(kw_only=True)
class Held:
    """A position as an update shows it; `quantity` is signed."""

    quantity: Decimal = ZERO
    entry_price: Decimal | None = None
    leverage: Decimal | None = None
    margin_mode: MarginMode | None = None
    liquidation_price: Decimal | None = None


@frozen(kw_only=True)
class Update:
    """What an account's update tells. None means no information, an empty one that there is nothing.

    `unread` says, by kind, what could not be read.
    """

    orders: Mapping[str, Row] | None = None
    positions: Mapping[str, Held] | None = None
    total: Decimal | None = None
    available: Decimal | None = None
    ts_event: int = 0
    unread: Mapping[str, str] = field(factory=dict)


def read_message(raw: bytes) -> dict[str, Any]:
    """Return a message. Raises VenueProtocolError for what is none."""
    message = decode(raw, venue=VENUE)
    if not isinstance(message, dict):
        raise VenueProtocolError("a message that is no object", raw=raw, venue=VENUE)
    return message


class _Book(Struct, gc=False):
    type: Literal["orderbook"]
    symbol: str
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]
    timestamp: Annotated[int, Meta(gt=0, le=2**63 // 1_000_000)]
    stale: bool = False
    feed_connected: bool = True


_BOOKS: Final = msgspec.json.Decoder(_Book)
_are_numbers: Final = re.compile(r"[0-9]++\.?+[0-9]*+(?:,[0-9]++\.?+[0-9]*+)*+").fullmatch


class BookReader:
    """Reads the messages of one symbol's book stream, on one connection: make a new one for each.

    After `stale` a book counts only behind `recovered`.
    """

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._down = ""

    def read(self, raw: bytes, ts_recv: int) -> BookMessage:
        """Return what a message comes to. Raises VenueProtocolError for one that cannot be read."""
        try:
            if raw == b"pong":
                return BookMessage()
            if not self._down and (book := self._read_book(raw, ts_recv)) is not None:
                return BookMessage(book=book)
            message = read_message(raw)
            match message.get("type"):
                case "orderbook":
                    return self._book(message, ts_recv)
                case "heartbeat":
                    told = BookMessage(answer="ping")
                    return (
                        evolve(told, stale="the heartbeat says that the feed is stale")
                        if message.get("stale")
                        else told
                    )
                case "stale":
                    self._down = f"the venue's own feed is down: {message.get('reason', '')}"
                    return BookMessage(stale=self._down)
                case "recovered":
                    self._down = ""
                    return BookMessage()
                case "error":
                    text = f"{message.get('code', '')}: {message.get('message', '')}"
                    return BookMessage(stale=text, is_alarm=True, is_over=message.get("code") == UNSUPPORTED)
                case _:
                    return BookMessage()
        except _UNREADABLE as error:
            what = f"cannot be read: {type(error).__name__}: {error}"
            raise VenueProtocolError(what, raw=raw, venue=VENUE) from error

    def _read_book(self, raw: bytes, ts_recv: int) -> BookSnapshot | None:
        """Return the book that a message holds in the documented form; None for any other, which is read in full."""
        try:
            told = _BOOKS.decode(raw)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return None
        if told.stale or not told.feed_connected or told.symbol != self._instrument.venue_symbol:
            return None
        numbers = ",".join(chain.from_iterable((*told.bids, *told.asks)))
        if not _are_numbers(numbers) or numbers.count(",") != 2 * (len(told.bids) + len(told.asks)) - 1:
            return None
        return BookSnapshot(
            instrument=self._instrument,
            bids=told.bids,
            asks=told.asks,
            ts_event=told.timestamp * 1_000_000,
            ts_recv=ts_recv,
        )

    def _book(self, message: Mapping[str, Any], ts_recv: int) -> BookMessage:
        name = message.get("symbol", message.get("coin"))
        if name not in (None, self._instrument.venue_symbol):
            raise ValueError(f"a book of {name!r} on the stream of {self._instrument.venue_symbol}")
        if self._down:
            return BookMessage(stale=self._down)
        if message.get("stale") or message.get("feed_connected") is False:
            return BookMessage(stale="the book says that the feed behind it is down")
        if "bids" not in message or "asks" not in message:
            why = "its levels are not divided into bids and asks, and are not guessed at: this book cannot be traded on"
            return BookMessage(stale=why, is_alarm=True)
        book = BookSnapshot(
            instrument=self._instrument,
            bids=_levels(message["bids"]),
            asks=_levels(message["asks"]),
            ts_event=moment_ns(message.get("timestamp", message.get("time"))),
            ts_recv=ts_recv,
        )
        return BookMessage(book=book)


def read_update(message: Mapping[str, Any]) -> Update:
    """Return what an update tells. An array with an item that cannot be read tells nothing."""
    unread: dict[str, str] = {}
    orders = _array(message, "orders", read_row, unread)
    positions = _array(message, "positions", read_held, unread)
    total, available = _balance(message, unread)
    return Update(
        orders=None if orders is None else {row.order_id: row for row in orders},
        positions=None if positions is None else dict(positions),
        total=total,
        available=available,
        ts_event=_time(message, unread),
        unread=unread,
    )


def _balance(message: Mapping[str, Any], unread: dict[str, str]) -> tuple[Decimal | None, Decimal | None]:
    balance = message.get("balance")
    if balance is None:
        return None, None
    try:
        told = _plain(balance)
        return _number(told, ("usdcbalance", "total", "balance", "equity")), _number(told, ("available",))
    except _UNREADABLE as error:
        unread["balance"] = f"{type(error).__name__}: {error}"
        return None, None


def _time(message: Mapping[str, Any], unread: dict[str, str]) -> int:
    try:
        return moment_ns(message.get("timestamp", message.get("time")))
    except _UNREADABLE as error:
        unread["timestamp"] = f"{type(error).__name__}: {error}"
        return 0


def _array(message: Mapping[str, Any], name: str, read: Any, unread: dict[str, str]) -> list[Any] | None:
    items = message.get(name)
    if items is None:
        return None
    try:
        return [read(item) for item in listed(items, name)]
    except _UNREADABLE as error:
        unread[name] = f"{type(error).__name__}: {error}"
        return None


def read_row(item: Mapping[str, Any]) -> Row:
    """Return what an item of the open orders tells. Raises ValueError, TypeError and the like for what is none."""
    item = _plain(item)
    own_id, symbol = _first(item, _IDS), _first(item, _SYMBOLS)
    if own_id is None or not isinstance(symbol, str):
        raise ValueError(f"an order with the fields {', '.join(item)}: which one it is cannot be told")
    size, original, rest = (_number(item, names) for names in (_SIZES, _ORIGINALS, _REMAINING))
    filled = _number(item, _FILLED)
    if filled is None and original is not None and (rest is not None or size is not None):
        filled = original - (rest if rest is not None else size or ZERO)
    elif filled is None and rest is not None and size is not None:
        filled = size - rest
    word = f"{item.get('type', '')} {item.get('ordertype', '')}".lower()
    return Row(
        order_id=order_id(own_id),
        symbol=symbol,
        client_id=str(_first(item, _CLIENT_IDS) or ""),
        side=_side(item),
        price=_number(item, _PRICES),
        sizes=frozenset(number for number in (size, original, rest) if number is not None),
        filled=filled if filled is None or filled >= 0 else None,
        is_trigger=bool(item.get("istrigger"))
        or any(item.get(name) for name in ("triggerprice", "triggerpx"))
        or any(part in word for part in ("stop", "take", "tp", "sl", "trigger")),
    )


def read_held(item: Mapping[str, Any]) -> tuple[str, Held]:
    """Return what an item of the positions tells, with its symbol. Raises as `read_row`."""
    item = _plain(item)
    item = _plain(item["position"]) if isinstance(item.get("position"), Mapping) else item
    symbol = _first(item, _SYMBOLS)
    signed, size, side = _number(item, _SIGNED), _number(item, _SIZES), _side(item)
    if not isinstance(symbol, str) or (signed is None and size is None):
        raise ValueError(f"a position with the fields {', '.join(item)}: what is held cannot be told")
    quantity = signed if signed is not None else size or ZERO
    if side is not None:
        if (signed is not None and signed * side.sign < 0) or (quantity < 0 and side is Side.BUY):
            raise ValueError(f"a position of {quantity} on the side {side.value}: the two contradict each other")
        quantity = abs(quantity) * side.sign
    lever = item.get("leverage")
    told = _plain(lever) if isinstance(lever, Mapping) else item
    mode = str(_first(told, ("margintype", "marginmode", "leveragetype", "type")) or "").lower()
    modes = [found for found, stem in ((MarginMode.CROSS, "cross"), (MarginMode.ISOLATED, "isolat")) if stem in mode]
    return symbol, Held(
        quantity=quantity,
        entry_price=_number(item, _ENTRIES) or None,
        leverage=_number(told, ("value", "leverage")),
        margin_mode=modes[0] if len(modes) == 1 else None,
        liquidation_price=_number(item, ("liquidationprice", "liqprice", "liquidationpx", "liqpx")) or None,
    )


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item by its names in one spelling: lower case, no underscores."""
    return {_SPELLINGS[name]: value for name, value in item.items()}


class _Spellings(dict[str, str]):
    def __missing__(self, name: str) -> str:
        if len(self) >= _SPELLINGS_KEPT:
            self.clear()
        plain = self[name] = name.replace("_", "").lower()
        return plain


_SPELLINGS: Final = _Spellings()


def _first(item: Mapping[str, Any], names: Iterable[str]) -> Any:
    for name in names:
        if (value := item.get(name)) is not None:
            return value
    return None


def _number(item: Mapping[str, Any], names: Iterable[str]) -> Decimal | None:
    value = _first(item, names)
    if value is None or isinstance(value, bool | dict) or value == "":
        return None
    try:
        return number(value, "")
    except (TypeError, ValueError):
        return number(value, " or ".join(names))  # which raises it again, by its name


def _side(item: Mapping[str, Any]) -> Side | None:
    if isinstance(item.get("isbuy"), bool):
        return Side.BUY if item["isbuy"] else Side.SELL
    word = _first(item, ("positionside", "side", "direction", "dir"))
    return None if word is None else _SIDES[str(word).lower()]


def _levels(levels: Any) -> list[RawLevel]:
    return [(_level(level[0], "price"), _level(level[1], "size")) for level in listed(levels, "levels")]


def _level(value: Any, name: str) -> str:
    if number(value, name) < 0:
        raise ValueError(f"{name}: found {value}; allowed are numbers from 0 on")
    return str(value)
