"""The depth streams, each as what it has told last and what it tells next. Nothing here knows when: `depth` does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from decimal import Decimal
from typing import Any, Final, Protocol

from attrs import frozen

from anyvenue.model.numbers import shortest_text
from anyvenue.simulation.chance import Chance
from anyvenue_gateio.simulator.quirks import Quirks
from anyvenue_gateio.simulator.shapes import milliseconds, size_value

__all__ = ["BookTickerFeed", "DepthFeed", "Listener", "ObuFeed", "Shown", "SnapshotFeed", "UpdateFeed"]

FULL_AGAIN: Final = 500
"""One frame of so many is the whole book anew: Gate may send that at any time."""
_MS: Final = 1_000_000

_Levels = dict[Decimal, Decimal]
_Changes = list[tuple[Decimal, Decimal]]


class Listener(Protocol):
    """A connection that a stream is sent to. `decimal` is whether it asked for exact sizes."""

    decimal: bool

    def push(self, channel: str, result: Any, *, event: str = "update", bare: bool = False) -> None:
        """Send a result, in Gate's envelope; a bare one without time and event."""


@frozen(kw_only=True)
class Shown:
    """A public book at one moment: best first, prices and contracts. `number` is the id of its last change."""

    number: int
    ts: int
    bids: list[tuple[Decimal, Decimal]]
    asks: list[tuple[Decimal, Decimal]]


class DepthFeed(ABC):
    """One stream of one contract, the same for all who listen.

    `period_ns` is its cadence, `level` how many levels of each side it tells of, `dirty` whether the book has changed
    since it told of it, `replaced` whether the market has told its whole book anew.
    """

    channel: str
    period_ns: int
    level: int
    event = "update"
    begins_full = True
    bare = False

    def __init__(self, name: str, chance: Chance, quirks: Quirks) -> None:
        self.name = name
        self.dirty = False
        self.replaced = False
        self.listeners: dict[Listener, None] = {}
        self.leaving: dict[Listener, None] = {}
        self.told = 0
        self._bids: _Levels = {}
        self._asks: _Levels = {}
        self._chance = chance
        self._quirks = quirks

    def join(self, listener: Listener, shown: Shown) -> None:
        """Begin to tell somebody. Who comes first gets the book as it is, the others what the first was told last."""
        if not self.listeners and not self.leaving:
            self._remember(shown)
        self.leaving.pop(listener, None)
        self.listeners[listener] = None
        if self.told and self.begins_full:
            result = self._whole(shown.ts, listener.decimal)
            listener.push(self.channel, result, event=self.event, bare=self.bare)

    def leave(self, listener: Listener, *, late: bool = False) -> None:
        """Tell somebody nothing more, or one more thing, late."""
        if self.listeners.pop(listener, False) is None and late:
            self.leaving[listener] = None

    def tell(self, shown: Shown) -> None:
        """Tell what has changed since the last time."""
        self.dirty = False
        if shown.number == self.told and not self.replaced:
            return
        whole = self.replaced or not self.told or self._chance.below(FULL_AGAIN) == 0
        self.replaced = False
        before, bids, asks = self.told, self._bids, self._asks
        self._remember(shown)
        if whole:
            self._send(lambda decimal: self._whole(shown.ts, decimal))
            return
        lower = self._changes(bids, self._bids, shown.bids)
        upper = self._changes(asks, self._asks, shown.asks)
        if lower or upper or self._tells_ids():
            self._send(lambda decimal: self._delta(shown.ts, before + 1, lower, upper, decimal))
        else:
            self.told = before  # what was not told is covered by the next frame

    def _send(self, make: Any) -> None:
        made: dict[bool, Any] = {}
        for listener in (*self.listeners, *self.leaving):
            if listener.decimal not in made:
                made[listener.decimal] = make(listener.decimal)
            listener.push(self.channel, made[listener.decimal], event=self.event, bare=self.bare)
        self.leaving.clear()

    def _remember(self, shown: Shown) -> None:
        self.told = shown.number
        self._bids, self._asks = dict(shown.bids[: self.level]), dict(shown.asks[: self.level])

    def _changes(self, before: _Levels, now: _Levels, shown: list[tuple[Decimal, Decimal]]) -> _Changes:
        changes = [(price, size) for price, size in now.items() if before.get(price) != size]
        gone = [price for price in before if price not in now]
        if gone and not self._deletes_leavers:
            there = dict(shown)
            gone = [price for price in gone if price not in there]
        return [*changes, *((price, Decimal(0)) for price in gone)]

    _deletes_leavers = True

    def _tells_ids(self) -> bool:
        return False

    @abstractmethod
    def _whole(self, ts: int, decimal: bool) -> dict[str, Any]:
        """Return the result that tells the whole book."""

    @abstractmethod
    def _delta(self, ts: int, first: int, bids: _Changes, asks: _Changes, decimal: bool) -> dict[str, Any]:
        """Return the result that tells changes, of the ids from `first` to `told`."""


class ObuFeed(DepthFeed):
    """`futures.obu`: 400 levels each 100 ms, or 50 each 20 ms."""

    channel = "futures.obu"

    def __init__(self, name: str, level: int, chance: Chance, quirks: Quirks) -> None:
        super().__init__(name, chance, quirks)
        self.level, self.period_ns = level, (100 if level == 400 else 20) * _MS
        self.bare = quirks.bare_obu

    def _whole(self, ts: int, decimal: bool) -> dict[str, Any]:
        return {
            "t": milliseconds(ts),
            "full": True,
            "s": self.name,
            "u": self.told,
            "b": _pairs(self._bids.items(), decimal),
            "a": _pairs(self._asks.items(), decimal),
        }

    def _delta(self, ts: int, first: int, bids: _Changes, asks: _Changes, decimal: bool) -> dict[str, Any]:
        result: dict[str, Any] = {"t": milliseconds(ts), "s": self.name, "U": first, "u": self.told}
        if bids:
            result["b"] = _pairs(bids, decimal)
        if asks:
            result["a"] = _pairs(asks, decimal)
        return result

    def _tells_ids(self) -> bool:
        return self._quirks.id_only and self._chance.below(2) == 0


class UpdateFeed(DepthFeed):
    """`futures.order_book_update`."""

    channel = "futures.order_book_update"

    def __init__(self, name: str, level: int, period_ms: int, chance: Chance, quirks: Quirks) -> None:
        super().__init__(name, chance, quirks)
        self.level, self.period_ns = level, period_ms * _MS
        self.begins_full = quirks.update_begins_full
        self._deletes_leavers = quirks.update_deletes_leavers

    def _whole(self, ts: int, decimal: bool) -> dict[str, Any]:
        bids, asks = list(self._bids.items()), list(self._asks.items())
        return {**self._delta(ts, self.told, bids, asks, decimal), "full": True}

    def _delta(self, ts: int, first: int, bids: _Changes, asks: _Changes, decimal: bool) -> dict[str, Any]:
        return {
            "t": milliseconds(ts),
            "s": self.name,
            "U": first,
            "u": self.told,
            "b": _objects(bids, decimal),
            "a": _objects(asks, decimal),
            "l": str(self.level),
        }


class SnapshotFeed(DepthFeed):
    """`futures.order_book`: all levels, once a second where anything has changed."""

    channel = "futures.order_book"
    event = "all"
    period_ns = 1_000 * _MS

    def __init__(self, name: str, level: int, chance: Chance, quirks: Quirks) -> None:
        super().__init__(name, chance, quirks)
        self.level = level

    def _whole(self, ts: int, decimal: bool) -> dict[str, Any]:
        return {
            "t": milliseconds(ts),
            "id": self.told,
            "contract": self.name,
            "asks": _objects(self._asks.items(), decimal),
            "bids": _objects(self._bids.items(), decimal),
            "l": str(self.level),
        }

    def _delta(self, ts: int, first: int, bids: _Changes, asks: _Changes, decimal: bool) -> dict[str, Any]:
        return self._whole(ts, decimal)


class BookTickerFeed(DepthFeed):
    """`futures.book_ticker`: the best of each side, where it has changed."""

    channel = "futures.book_ticker"
    period_ns = 20 * _MS
    level = 1

    def _whole(self, ts: int, decimal: bool) -> dict[str, Any]:
        result: dict[str, Any] = {"t": milliseconds(ts), "u": self.told, "s": self.name}
        for price_name, size_name, side in (("b", "B", self._bids), ("a", "A", self._asks)):
            price, size = next(iter(side.items()), (None, Decimal(0)))
            result[price_name] = "" if price is None else shortest_text(price)
            result[size_name] = size_value(size, decimal)
        return result

    def _delta(self, ts: int, first: int, bids: _Changes, asks: _Changes, decimal: bool) -> dict[str, Any]:
        return self._whole(ts, decimal)


def _pairs(levels: Any, decimal: bool) -> list[list[str]]:
    return [[shortest_text(price), str(size_value(size, decimal))] for price, size in levels]


def _objects(levels: Any, decimal: bool) -> list[dict[str, Any]]:
    return [{"p": shortest_text(price), "s": size_value(size, decimal)} for price, size in levels]
