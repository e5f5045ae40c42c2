"""A recorded market that plays now and never ends, in the terms of any instrument of the same market."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from math import inf
from typing import TYPE_CHECKING, Final

from anyvenue.model.enums import ContractKind, Side
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import RawLevel
from anyvenue.model.numbers import ONE, ZERO, Rounding, exact, round_to_step, shortest_text
from anyvenue.simulation.clock import DrivenTimer
from anyvenue.simulation.tape import Frame, Tape

if TYPE_CHECKING:
    from anyvenue.simulation.simulated_market import SimulatedMarket

__all__ = ["EndlessTape", "first_price"]

_SIDES: Final = {"buy": Side.BUY, "sell": Side.SELL}
PAUSE_NS: Final = 1_000_000_000
"""Between the last frame and the first one of the next round."""


class EndlessTape:
    """Plays a tape from the present time on, and begins it anew when it ends.

    Each round begins with the whole book. Prices go to the nearest that the instrument allows, away from the other
    side; sizes, which the tape has in base units, to whole quantity steps, down, but never to nothing. Trades are
    numbered as the exchange numbers its own. `speed` is seconds of tape per second.
    """

    start_ns = 0
    end_ns: int | None = None
    traders: Sequence[str] = ()

    def __init__(self, tape: Tape, instrument: Instrument, speed: float = 1.0) -> None:
        self.instrument = instrument
        self._tape = tape
        self._speed = Decimal(str(speed))
        self._sides = (_Side(instrument, Side.BUY), _Side(instrument, Side.SELL))
        self._frames: Iterator[Frame] = iter(())
        self._timer: DrivenTimer | None = None
        self._is_new_round = True

    def start(self, market: SimulatedMarket, ended: Callable[[], None]) -> None:
        """Begin to play. `ended` is never called."""
        self._market = market
        self._listing = market.listing(self.instrument.symbol)
        now = market.clock.time_ns()
        self._start_round(now)
        if self._due <= now and self._timer is not None:  # whoever asks at this very moment is to find a book
            self._timer.cancel()
            self._play()

    def stop(self) -> None:
        """Play no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _start_round(self, start_ns: int) -> None:
        self._round_ns = start_ns
        self._is_new_round = True
        self._frames = self._tape.frames()
        self._await(next(self._frames))

    def _await(self, frame: Frame) -> None:
        self._frame = frame
        self._due = self._round_ns + int((frame[0] - self._tape.header.start_ns) / self._speed)
        self._timer = self._market.clock.call_at(self._due, self._play)

    def _play(self) -> None:
        self._market.do(self._trade if self._frame[1] == "t" else self._depth)
        for frame in self._frames:
            self._await(frame)
            return
        self._start_round(self._due + PAUSE_NS)

    def _trade(self) -> None:
        _, _, taker, price_text, quantity_text, _ = self._frame
        market, exchange, symbol = self._market, self._market.exchange, self.instrument.symbol
        try:
            side = _SIDES[taker]
            if not (0.0 < float(price_text) < inf and 0.0 < float(quantity_text) < inf):
                raise ValueError(
                    f"found a trade of {quantity_text} at {price_text}; allowed are finite numbers above 0"
                )
            # A buyer takes an ask, and asks go up.
            price = self._sides[side is Side.BUY].price(price_text)
            quantity = _quantity(self.instrument, exact(quantity_text, "size"), price)
        except (KeyError, TypeError, ValueError) as error:
            raise self._tape.fault(self._frame) or error from None
        exchange.apply_trade(symbol, side, price, quantity, ts_event=self._due)
        trade_id = exchange.next_trade_id(symbol)
        self._listing.tell_trade(trade_id, side, price, quantity, market.clock.time_ns())

    def _depth(self) -> None:
        market, listing, symbol, now = self._market, self._listing, self.instrument.symbol, self._due
        is_whole = self._frame[1] == "s" or self._is_new_round
        self._is_new_round = False
        try:
            bids, asks = (
                side.changed(levels, is_whole=is_whole)
                for side, levels in zip(self._sides, self._frame[2:], strict=True)
            )
        except (TypeError, ValueError) as error:
            raise self._tape.fault(self._frame) or error from None
        market.exchange.apply_depth(symbol, bids, asks, snapshot=is_whole, ts_event=now)
        # What the frame made of our own orders goes into the same message, so that nobody sees a crossed book.
        changes = market.take_depth_news(symbol)
        if is_whole:
            listing.tell_snapshot(now)
            return
        told_bids, told_asks = listing.overlaid(bids, asks)
        for change in changes:
            told_bids, told_asks = [*told_bids, *change.bids], [*told_asks, *change.asks]
        listing.tell_delta(told_bids, told_asks, now)


def first_price(tape: Tape) -> Decimal | None:
    """Return the middle of a tape's first frame, where that is a book with two sides. Raises BrokenTape."""
    for frame in tape.frames():
        if frame[1] == "t" or not (frame[2] and frame[3]):
            return None
        try:
            return (max(exact(price) for price, _ in frame[2]) + min(exact(price) for price, _ in frame[3])) / 2
        except (TypeError, ValueError) as error:
            raise tape.fault(frame) or error from None
    return None


class _Side:
    """One side of the tape's book, by the prices that the instrument allows."""

    def __init__(self, instrument: Instrument, side: Side) -> None:
        self._instrument = instrument
        self._rounding = Rounding.DOWN if side is Side.BUY else Rounding.UP
        self._known: dict[str, Decimal] = {}
        self._there: dict[Decimal, dict[str, Decimal]] = {}

    def price(self, text: str) -> Decimal:
        """Return the instrument's price for one of the tape."""
        found = self._known.get(text)
        if found is None:
            rule, price = self._instrument.price_rule, exact(text, "price")
            rounded = rule.round(price, self._rounding) or rule.round(price, Rounding.UP)
            found = self._known[text] = rounded
        return found

    def changed(self, levels: Sequence[Sequence[str]], *, is_whole: bool) -> list[RawLevel]:
        """Take levels of the tape in; return those of the instrument that changed, sizes in its depth unit."""
        if is_whole:
            self._there.clear()
            self._known.clear()
        touched: dict[Decimal, None] = {}
        for price_text, size_text in levels:
            price, size = self.price(price_text), exact(size_text, "size")
            there = self._there.setdefault(price, {})
            if size:
                there[price_text] = size
            else:
                there.pop(price_text, None)
            touched[price] = None
        return [(shortest_text(price), self._size(price)) for price in touched]

    def _size(self, price: Decimal) -> str:
        there = self._there[price]
        if not there:
            del self._there[price]
            return "0"
        quantity = _quantity(self._instrument, sum(there.values(), ZERO), price)
        return shortest_text(quantity / self._instrument.depth_unit)


def _quantity(instrument: Instrument, base: Decimal, price: Decimal) -> Decimal:
    """Return the instrument's quantity for an amount of base currency: whole steps, down, at least one."""
    amount = base * (ONE if instrument.kind is ContractKind.LINEAR else price)
    return max(round_to_step(amount, instrument.quantity_step, Rounding.DOWN), instrument.quantity_step)
