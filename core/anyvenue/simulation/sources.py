"""What moves a simulated market, one source for each instrument: a tape that plays, or background traders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import get_close_matches
from math import inf
from typing import TYPE_CHECKING, Protocol

from anyvenue.model.enums import Side
from anyvenue.model.errors import UnknownInstrument
from anyvenue.model.instrument import Instrument
from anyvenue.model.symbols import find_symbol
from anyvenue.simulation.clock import DrivenTimer
from anyvenue.simulation.contracts import perpetual
from anyvenue.simulation.tape import Frame, Tape, find_tapes
from anyvenue.venue.descriptor import SimulationSettings

if TYPE_CHECKING:
    from anyvenue.simulation.simulated_market import SimulatedMarket

__all__ = ["Source", "TapeSource", "sources_of"]

_SIDES = {"buy": Side.BUY, "sell": Side.SELL}


class Source(Protocol):
    """What moves the market of one instrument. `end_ns` is None where it never ends; `traders` are its own accounts."""

    instrument: Instrument
    start_ns: int
    end_ns: int | None
    traders: Sequence[str]

    def start(self, market: SimulatedMarket, ended: Callable[[], None]) -> None:
        """Begin at the present time of the market's clock; call `ended` when nothing more will come."""

    def stop(self) -> None:
        """End now, without a call of `ended`."""


def sources_of(settings: SimulationSettings, tapes: Iterable[Tape] | None = None) -> list[Source]:
    """Return the sources that the settings name, with `tapes` in place of those of their market, where given.

    Raises FileNotFoundError and BrokenTape for tapes, and UnknownInstrument for a symbol that none of them holds.
    """
    if settings.market == "synthetic" and tapes is None:
        from anyvenue.simulation.synthetic import synthetic_sources

        return list(synthetic_sources(settings))
    held = {tape.header.symbol: tape for tape in (find_tapes(settings.market) if tapes is None else tapes)}
    chosen = {}
    for symbol in settings.symbols or held:
        found = find_symbol(symbol, held)
        if found is None:
            near = get_close_matches(symbol, held, n=1, cutoff=0.3)
            raise UnknownInstrument(
                f"symbols: found {symbol!r}; the tapes of market {settings.market!r} hold {', '.join(held)}"
                + (f". Did you mean {near[0]!r}?" if near else "")
            )
        chosen[found] = held[found]
    return [TapeSource(tape, settings) for tape in chosen.values()]


class TapeSource:
    """Plays one tape, every frame at the time it was recorded.

    What lies before the clock's time at the start is folded into a first snapshot.
    """

    def __init__(self, tape: Tape, settings: SimulationSettings) -> None:
        self.instrument = perpetual(tape.header, settings)
        self.start_ns = tape.header.start_ns
        self.end_ns: int | None = tape.header.end_ns
        self.traders: Sequence[str] = ()
        self._tape = tape
        self._frames: Iterator[Frame] = iter(())
        self._timer: DrivenTimer | None = None
        self._is_stopped = False

    def start(self, market: SimulatedMarket, ended: Callable[[], None]) -> None:
        """Begin to play."""
        symbol = self.instrument.symbol
        self._market = market
        self._clock = market.clock
        self._exchange = market.exchange
        self._note_trade = market.exchange.trade_noter(symbol)
        self._take_depth = market.exchange.depth_taker(symbol)
        self._listing = market.listing(symbol)
        self._ended = ended
        self._frames = self._tape.frames(start_ns=market.clock.time_ns(), decoded=True)
        for frame in self._frames:
            self._frame = frame
            self._timer = self._clock.call_at(frame[0], self._play)
            return
        ended()

    def stop(self) -> None:
        """Play no more."""
        self._is_stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def _play(self) -> None:
        """Play the frame that is due, and those behind it for as long as the clock goes on to them."""
        do, reach, play, frames = self._market.do, self._clock.reach, self._play, self._frames
        note_trade, tell_trade, depth, decoded = self._note_trade, self._listing.tell_taped, self._depth, self._decoded
        sides, frame = _SIDES, self._frame
        self._timer = None
        while True:
            if frame.__class__ is not tuple:
                if frame[1] == "t":
                    self._trade()
                else:
                    do(depth)
            elif frame[1] == "d":
                do(decoded)
            else:
                _, _, taker, price, quantity, _ = frame
                try:
                    near, size = float(price), float(quantity)
                except ValueError:
                    near = size = 0.0
                if 0.0 < near < inf and 0.0 < size < inf and note_trade(sides[taker], price, near):
                    tell_trade(frame)  # nothing came of it, as of nearly all
                else:
                    self._trade()
            for frame in frames:  # noqa: B007 - the next one
                break
            else:
                self._ended()
                return
            self._frame = frame
            timer = self._timer = reach(frame[0], play)
            if self._is_stopped:
                self.stop()
                return
            if timer is not None:
                return

    def _trade(self) -> None:
        """Play a trade that brings something about, or in which something is wrong."""
        _, _, taker, price, quantity, _ = self._frame
        try:
            side, near = _SIDES[taker], float(price)
            if not (0.0 < near < inf and 0.0 < float(quantity) < inf):
                raise ValueError(f"found a trade of {quantity} at {price}; allowed are finite numbers above 0")
            if not self._note_trade(side, price, near):
                self._market.do(self._apply_trade)
                return
        except (KeyError, TypeError, ValueError) as error:
            raise self._tape.fault(self._frame) or error from None
        self._listing.tell_taped(tuple(self._frame))

    def _apply_trade(self) -> None:
        ts, _, taker, price, quantity, _ = self._frame
        self._exchange.apply_trade(self.instrument.symbol, _SIDES[taker], price, quantity, ts_event=ts)
        self._listing.tell_taped(tuple(self._frame))

    def _depth(self) -> None:
        ts, kind, bids, asks = self._frame
        market, listing, symbol = self._market, self._listing, self.instrument.symbol
        self._exchange.apply_depth(symbol, bids, asks, snapshot=kind == "s", ts_event=ts)
        # What the frame made of our own orders goes into the same message, so that nobody sees a crossed book.
        changes = market.take_depth_news(symbol)
        if kind == "s" or not listing.last_id:
            listing.tell_snapshot(ts)
            return
        bids, asks = listing.overlaid(bids, asks)
        for change in changes:
            bids, asks = [*bids, *change.bids], [*asks, *change.asks]
        listing.tell_delta(bids, asks, ts)

    def _decoded(self) -> None:
        """As `_depth`, for a frame that was decoded so."""
        ts, _, bids, asks, line = self._frame
        listing = self._listing
        self._take_depth(bids, asks)
        market = self._market
        changes = market.take_depth_news(self.instrument.symbol) if market.public_news else ()
        if not listing.last_id:
            listing.tell_snapshot(ts)
            return
        if listing.may_speak_of_own(line):
            bids, asks = listing.overlaid(bids, asks)
        for change in changes:
            bids, asks = [*bids, *change.bids], [*asks, *change.asks]
        listing.tell_decoded(bids, asks, ts)
