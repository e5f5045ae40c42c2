"""What anybody may subscribe to: books, prices, trades and candles, each at its own pace (11.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from anyvenue.model.market import MarketEvent, Trade
from anyvenue.simulation.clock import DrivenClock, DrivenTimer
from anyvenue.simulation.server.stage import Stage
from anyvenue.venue.events import Channel
from anyvenue_hyperliquid.simulator.market_info import MarketInfo
from anyvenue_hyperliquid.simulator.markets import DEXES, Markets, Terms
from anyvenue_hyperliquid.simulator.quirks import Quirks
from anyvenue_hyperliquid.simulator.shapes import candle_after, trade_row

__all__ = ["BLOCK_NS", "Feed", "Periodic", "PublicFeeds", "Send"]

BLOCK_NS: Final = 70_000_000
"""The venue makes so many nanoseconds of news one block."""
BOOK_S: Final = 5.0
FAST_BOOK_S: Final = 0.5
FAST_DEPTH: Final = 5
MIDS_S: Final = 5.0
CONTEXT_S: Final = 1.0
CONTEXTS_S: Final = 14.0
_SECOND_NS: Final = 1_000_000_000

Send = Callable[[str, Any], None]
"""Sends data on a channel."""


class Feed(Protocol):
    """One subscription at work."""

    def stop(self) -> None:
        """Send no more."""


class Periodic:
    """Sends what there is now, then again and again."""

    def __init__(self, clock: DrivenClock, interval_s: float, tell: Callable[[], None]) -> None:
        self._clock = clock
        self._interval_ns = round(interval_s * _SECOND_NS)
        self._tell = tell
        self._timer: DrivenTimer
        self._on_time()

    def stop(self) -> None:
        """Send no more."""
        self._timer.cancel()

    def _on_time(self) -> None:
        self._timer = self._clock.call_at(self._clock.time_ns() + self._interval_ns, self._on_time)
        self._tell()


class _Blocks:
    """Tells at the end of each block in which something has happened."""

    def __init__(self, stage: Stage, markets: Markets, terms: Terms, channel: Channel) -> None:
        self._clock = stage.clock
        self._timer: DrivenTimer | None = None
        self._leave = stage.listen(markets.instrument(terms), channel, self.on_event)

    def stop(self) -> None:
        """Send no more."""
        self._leave()
        if self._timer is not None:
            self._timer.cancel()

    def on_event(self, event: MarketEvent) -> None:
        """Take what has happened."""
        if self._timer is None:
            end = (self._clock.time_ns() // BLOCK_NS + 1) * BLOCK_NS
            self._timer = self._clock.call_at(end, self._end)

    def _end(self) -> None:
        self._timer = None
        self.on_block()

    def on_block(self) -> None:
        """Tell what the block has brought."""


class _Bbo(_Blocks):
    def __init__(self, stage: Stage, markets: Markets, terms: Terms, info: MarketInfo, send: Send) -> None:
        self._terms, self._info, self._send = terms, info, send
        self._told: list[Any] = []
        super().__init__(stage, markets, terms, Channel.BOOK)
        self.on_block()

    def on_block(self) -> None:
        touch = self._info.bbo(self._terms)
        if touch != self._told:
            self._told = touch
            self._send("bbo", {"coin": self._terms.name, "time": self._info.time_ms(), "bbo": touch})


class _Trades(_Blocks):
    def __init__(self, stage: Stage, markets: Markets, terms: Terms, send: Send) -> None:
        self._terms, self._send = terms, send
        self._new: list[dict[str, Any]] = []
        super().__init__(stage, markets, terms, Channel.TRADES)

    def on_event(self, event: MarketEvent) -> None:
        if isinstance(event, Trade):
            self._new.append(trade_row(self._terms.name, event))
            super().on_event(event)

    def on_block(self) -> None:
        new, self._new = self._new, []
        self._send("trades", new)


class _Candles(_Blocks):
    """Goes on with the candle there was at the beginning; a new one begins with the first trade of its time."""

    def __init__(
        self, stage: Stage, markets: Markets, terms: Terms, interval: str, info: MarketInfo, send: Send, *, listed: bool
    ) -> None:
        self._terms, self._interval, self._send, self._listed = terms, interval, send, listed
        now = info.time_ms()
        self._candle = next(iter(info.candles(terms, interval, now, now)), None)
        super().__init__(stage, markets, terms, Channel.TRADES)

    def on_event(self, event: MarketEvent) -> None:
        if isinstance(event, Trade):
            self._candle = candle_after(self._candle, self._terms.name, self._interval, event)
            super().on_event(event)

    def on_block(self) -> None:
        self._send("candle", [self._candle] if self._listed else self._candle)


class _Silent:
    """Of a market that trades no more nothing is told."""

    def stop(self) -> None:
        """Send no more."""


class PublicFeeds:
    """Makes feeds. A coin is one that there is, trading or not."""

    def __init__(self, stage: Stage, markets: Markets, info: MarketInfo, quirks: Quirks) -> None:
        self._stage = stage
        self._markets = markets
        self._info = info
        self._quirks = quirks

    def open(self, wish: dict[str, Any], send: Send) -> Feed:
        """Return the feed of a subscription, whose snapshot is sent."""
        kind, clock, info = wish["type"], self._stage.clock, self._info
        if kind == "l2Book":
            depth, pace = (FAST_DEPTH, FAST_BOOK_S) if wish["fast"] else (20, BOOK_S)
            return Periodic(clock, pace, lambda: self._tell_book(wish, depth, send))
        if kind == "allMids":
            return Periodic(clock, MIDS_S, lambda: send(kind, {"mids": info.mids(wish.get("dex", ""))}))
        if kind == "allDexsAssetCtxs":
            return Periodic(
                clock, CONTEXTS_S, lambda: send(kind, {"ctxs": [[dex, info.contexts(dex)] for dex in DEXES]})
            )
        terms = self._markets.find(wish["coin"])
        if terms is None:
            return _Silent()
        if kind == "activeAssetCtx":
            return Periodic(clock, CONTEXT_S, lambda: send(kind, {"coin": terms.name, "ctx": info.context(terms)}))
        if kind == "bbo":
            return _Bbo(self._stage, self._markets, terms, info, send)
        if kind == "trades":
            old = info.recent_trades(terms) if self._quirks.old_trades else []
            if old:
                send(kind, old[::-1])
            return _Trades(self._stage, self._markets, terms, send)
        return _Candles(
            self._stage, self._markets, terms, wish["interval"], info, send, listed=self._quirks.candle_list
        )

    def _tell_book(self, wish: dict[str, Any], depth: int, send: Send) -> None:
        book = self._info.book(wish["coin"], depth=depth, figures=wish["nSigFigs"], mantissa=wish["mantissa"])
        send("l2Book", book)
