"""One instrument as the public sees it: who listens to what, and the numbering of its depth frames.

A depth frame of a tape is passed on as it is, with the levels at its end that our own resting orders have a part in.
Nothing is made that nobody listens to. Once a tape's frame came decoded, what our own orders change is told so too,
lest a book goes over from one to the other again and again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from operator import itemgetter
from typing import Protocol, TypeVar

from attrs import evolve

from anyvenue.model.decoded_delta import DecodedDelta, TextPair
from anyvenue.model.enums import Side
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookDelta, BookSnapshot, FundingRate, MarketEvent, RawLevel, Ticker, Trade
from anyvenue.model.numbers import shortest_text
from anyvenue.simulation.exchange import Exchange
from anyvenue.simulation.trade_record import TapedTrade, TradeRecord
from anyvenue.venue.events import Channel

__all__ = ["Listener", "Listing"]

E = TypeVar("E", BookSnapshot, Ticker, FundingRate)

FUNDING_KEPT = 1_000
_SMALL_E, _LARGE_E = b"eE"

_price_of = itemgetter(0)


class Listener(Protocol):
    """Who can be told."""

    def deliver(self, make: Callable[[int], MarketEvent]) -> None:
        """Get an event. `make` makes it when it arrives, given the time of that."""


class Listing:
    """The public side of one instrument. Depth ids count from 1, one for each change; 0: no book yet."""

    def __init__(self, instrument: Instrument, exchange: Exchange) -> None:
        self.instrument = instrument
        self.record = TradeRecord()
        self._remember = self.record.add
        self.funding: deque[FundingRate] = deque(maxlen=FUNDING_KEPT)
        self.last_id = 0
        self._exchange = exchange
        self._tells_decoded = False
        self._own: tuple[dict[str, Decimal], dict[str, Decimal], list[bytes]] | None = None
        self._listeners: dict[Channel, dict[Listener, Instrument]] = {channel: {} for channel in Channel}
        self._book_listeners = self._listeners[Channel.BOOK]
        self._late: list[Listener] = []
        """Whom the book is told whole as soon as it is not crossed any more, which a tape's may be for a while."""
        self._trade_listeners = self._listeners[Channel.TRADES]

    def subscribe(self, channel: Channel, connection: Listener, instrument: Instrument, ts: int) -> None:
        """Let a connection listen, under its own name of the instrument.

        For a book a snapshot is sent first: now, or where the market has told none yet that can be used, as soon as it
        does.
        """
        listeners = self._listeners[channel]
        if connection in listeners:
            return
        listeners[connection] = instrument
        if channel is Channel.BOOK and self.last_id:
            self._late.append(connection)
            self._tell_late(ts)

    def unsubscribe(self, channel: Channel, connection: Listener) -> None:
        """Let a connection listen no more."""
        self._listeners[channel].pop(connection, None)
        if channel is Channel.BOOK and connection in self._late:
            self._late.remove(connection)

    def hears(self, channel: Channel) -> bool:
        """Tell whether anybody listens."""
        return bool(self._listeners[channel])

    def snapshot(self, ts: int, depth: int | None = None) -> BookSnapshot:
        """Return the public book as it is now, `ts`."""
        bids, asks = self._exchange.book(self.instrument.symbol).levels(depth)
        unit = self.instrument.depth_unit
        return BookSnapshot(
            instrument=self.instrument,
            bids=[_level(price, quantity / unit) for price, quantity in bids],
            asks=[_level(price, quantity / unit) for price, quantity in asks],
            last_id=self.last_id,
            ts_event=ts,
        )

    def _tell_late(self, ts: int) -> None:
        snapshot = self.snapshot(ts)
        if snapshot.bids and snapshot.asks and Decimal(snapshot.bids[0][0]) >= Decimal(snapshot.asks[0][0]):
            return
        late, self._late = self._late, []
        for connection in late:
            connection.deliver(partial(_as_listed, snapshot, self._book_listeners[connection]))

    def tell_snapshot(self, ts: int) -> None:
        """Tell the whole book anew."""
        self.last_id += 1
        self._late.clear()
        if self._book_listeners:
            snapshot = self.snapshot(ts)
            for connection, instrument in self._book_listeners.items():
                connection.deliver(partial(_as_listed, snapshot, instrument))

    def tell_delta(self, bids: Sequence[RawLevel], asks: Sequence[RawLevel], ts: int) -> None:
        """Tell changed levels."""
        self.last_id = number = self.last_id + 1
        for connection, instrument in self._book_listeners.items():
            connection.deliver(partial(_delta, instrument, bids, asks, number, ts))
        if self._late:
            self._tell_late(ts)

    def tell_decoded(self, bids: list[TextPair], asks: list[TextPair], ts: int) -> None:
        """Tell changed levels as in a `DecodedDelta`."""
        self._tells_decoded = True
        self.last_id = number = self.last_id + 1
        for connection, instrument in self._book_listeners.items():
            told = DecodedDelta(
                ts_event=ts,
                first_id=number,
                last_id=number,
                bids=bids,
                asks=asks,
                previous_id=number - 1,
                instrument=instrument,
            )
            connection.deliver(told.received)  # type: ignore[arg-type]  # it passes for a BookDelta
        if self._late:
            self._tell_late(ts)

    def tell_own(self, bids: Sequence[RawLevel], asks: Sequence[RawLevel], ts: int) -> None:
        """Tell what orders of ours have changed, pairs of texts."""
        if self._tells_decoded:
            self.tell_decoded(bids, asks, ts)  # type: ignore[arg-type]  # the exchange makes them as lists of pairs
        else:
            self.tell_delta(bids, asks, ts)

    def overlaid(
        self, bids: Sequence[RawLevel], asks: Sequence[RawLevel]
    ) -> tuple[Sequence[RawLevel], Sequence[RawLevel]]:
        """Return the tape's changed levels, and behind them those of ours it spoke about, with all that is there."""
        own_bids, own_asks, _ = self._own or self._learn_own()
        if own_bids and (said := _said(bids, own_bids)):
            bids = [*bids, *self._shown(Side.BUY, said)]
        if own_asks and (said := _said(asks, own_asks)):
            asks = [*asks, *self._shown(Side.SELL, said)]
        return bids, asks

    def may_speak_of_own(self, line: bytes) -> bool:
        """Tell whether a tape's line may speak about a price of our own: as `_may_say`, a look that is soon over."""
        own = (self._own or self._learn_own())[2]
        for digits in own:
            if digits in line:
                return True
        return bool(own) and (_SMALL_E in line or _LARGE_E in line)

    def own_changed(self) -> None:
        """Learn anew, before it is needed next, at which prices resting orders of ours are shown."""
        self._own = None

    def _learn_own(self) -> tuple[dict[str, Decimal], dict[str, Decimal], list[bytes]]:
        bids, asks = (
            {_digits(price): price for price in own} for own in self._exchange.own_prices(self.instrument.symbol)
        )
        self._own = bids, asks, [digits.encode() for digits in (*bids, *asks)]
        return self._own

    def tell_trade(self, trade_id: str, side: Side, price: Decimal | str, quantity: Decimal | str, ts: int) -> None:
        """Tell a trade."""
        self.tell_taped((ts, "t", "buy" if side is Side.BUY else "sell", price, quantity, trade_id))

    def tell_taped(self, trade: TapedTrade) -> None:
        """Tell a trade that is laid out as on a tape."""
        self._remember(trade)
        if self._trade_listeners:
            for connection, instrument in self._trade_listeners.items():
                connection.deliver(partial(_trade, instrument, trade))

    def tell_ticker(self, ticker: Ticker) -> None:
        """Tell mark price and funding rate."""
        for connection, instrument in self._listeners[Channel.TICKER].items():
            connection.deliver(partial(_as_listed, ticker, instrument))

    def tell_funding(self, rate: FundingRate) -> None:
        """Tell a settlement, and remember it."""
        self.funding.append(rate)
        for connection, instrument in self._listeners[Channel.FUNDING].items():
            connection.deliver(partial(_as_listed, rate, instrument))

    def _shown(self, side: Side, prices: list[tuple[str, Decimal]]) -> list[RawLevel]:
        book, unit = self._exchange.book(self.instrument.symbol), self.instrument.depth_unit
        return [(text, f"{book.quantity_at(side, price) / unit:f}") for text, price in prices]


def _digits(price: Decimal) -> str:
    """Return what is in every text of this price, however many zeros it begins and ends with, but with an exponent."""
    return shortest_text(price).lstrip("0")


def _said(levels: Sequence[RawLevel], own: Mapping[str, Decimal]) -> list[tuple[str, Decimal]]:
    """Return those of our own prices, by their digits, that the levels speak about, as these write them."""
    if not _may_say(levels, own):
        return []
    # Equal prices are equal floats, however they are written; two that only share a float do no harm.
    prices = {float(price): price for price in own.values()}
    return [(price, prices[key]) for price, _ in levels if (key := float(price)) in prices]


def _may_say(levels: Sequence[RawLevel], own: Mapping[str, Decimal]) -> bool:
    """Tell whether the levels may speak about a price of our own: at times when they do not, always when they do.

    Hardly any frame does, and to make numbers of all its prices takes as long as to merge it into a book.
    """
    try:
        texts = ",".join(map(_price_of, levels))
    except TypeError:  # a price that is no text
        return True
    for digits in own:
        if digits in texts:
            return True
    return "e" in texts or "E" in texts


def _level(price: Decimal, size: Decimal) -> RawLevel:
    return (f"{price:f}", f"{size:f}")


# What a client receives is made when it arrives, so that it bears the time of that. `now` comes from the wire.


def _as_listed(event: E, instrument: Instrument, now: int) -> E:
    return evolve(event, instrument=instrument, ts_recv=now)


def _delta(
    instrument: Instrument, bids: Sequence[RawLevel], asks: Sequence[RawLevel], number: int, ts: int, now: int
) -> BookDelta:
    return BookDelta(
        instrument=instrument,
        bids=bids,
        asks=asks,
        first_id=number,
        last_id=number,
        previous_id=number - 1,
        ts_event=ts,
        ts_recv=now,
    )


def _trade(instrument: Instrument, trade: TapedTrade, now: int) -> Trade:
    ts, _, taker, price, quantity, trade_id = trade
    return Trade(
        instrument=instrument,
        trade_id=trade_id,
        side=Side.BUY if taker == "buy" else Side.SELL,
        price=Decimal(price),
        quantity=Decimal(quantity),
        ts_event=ts,
        ts_recv=now,
    )
