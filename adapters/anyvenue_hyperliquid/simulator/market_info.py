"""What anybody may ask for: markets, prices, books, candles and funding (3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from anyvenue.model.market import Trade
from anyvenue.model.numbers import ZERO
from anyvenue.simulation.listing import Listing
from anyvenue.simulation.server.stage import Stage
from anyvenue_hyperliquid.simulator.markets import DEXES, Markets, Terms, number
from anyvenue_hyperliquid.simulator.shapes import INTERVALS, aggregated, candle_after, levels, trade_row

__all__ = ["MarketInfo"]

DEPTH: Final = 20
CANDLES_MAX: Final = 5000
TRADES_TOLD: Final = 10
PAGE: Final = 500
_DEPTH_BEFORE_MERGING: Final = 2000
_MS_NS: Final = 1_000_000
DAY_KEPT_NS: Final = 60_000_000_000
FUNDING_RATE: Final = Decimal("0.0000125")
"""Of an hour: the base rate of 0.01 % for 8 hours."""
RECENT_NS: Final = 600_000_000_000
_DAY_NS: Final = 86_400_000_000_000
_DEPLOYER: Final = "0x" + "d" * 40
_NO_CONTEXT: Final = {
    "funding": "0.0",
    "openInterest": "0.0",
    "prevDayPx": "0.0",
    "dayNtlVlm": "0.0",
    "premium": None,
    "oraclePx": "0.0",
    "markPx": "0.0",
    "midPx": None,
    "impactPxs": None,
    "dayBaseVlm": "0.0",
}


class MarketInfo:
    """Tells of markets. A dex that there is none of is told as None, a coin likewise."""

    def __init__(self, stage: Stage, markets: Markets) -> None:
        self._stage = stage
        self._markets = markets
        self._days: dict[str, tuple[int, dict[str, str]]] = {}
        for terms in markets.open():
            stage.steering(terms.symbol).funding_rate = FUNDING_RATE

    def meta(self, dex: str) -> dict[str, Any] | None:
        """Return `meta`."""
        return self._markets.meta(dex) if dex in DEXES else None

    def meta_and_contexts(self, dex: str) -> list[Any] | None:
        """Return `metaAndAssetCtxs`, joined by position."""
        return [self._markets.meta(dex), self.contexts(dex)] if dex in DEXES else None

    def contexts(self, dex: str) -> list[dict[str, Any]]:
        """Return the contexts of a dex, one for each market that it ever had."""
        return [self.context(terms) for terms in self._markets.universe(dex)]

    def dexes(self) -> list[Any]:
        """Return `perpDexs`."""
        return [
            {
                "name": dex,
                "fullName": f"{dex} perps",
                "deployer": _DEPLOYER,
                "oracleUpdater": None,
                "feeRecipient": None,
                "assetToStreamingOiCap": [],
                "assetToFundingMultiplier": [],
            }
            if dex
            else None
            for dex in DEXES
        ]

    def context(self, terms: Terms) -> dict[str, Any]:
        """Return what `activeAssetCtx` says of a market."""
        if self._markets.find(terms.name) is None:
            return dict(_NO_CONTEXT)
        ticker = self._stage.market.ticker(terms.symbol)
        mark, oracle = ticker.mark_price or ZERO, ticker.index_price or ZERO
        book = self._stage.exchange.book(terms.symbol)
        bid, ask = book.best_bid, book.best_ask
        return {
            "funding": number(ticker.funding_rate or ZERO),
            "openInterest": number(self._open_interest(terms)),
            **self._day(terms, mark),
            "premium": number(round((mark - oracle) / oracle, 10)) if oracle else None,
            "oraclePx": number(oracle),
            "markPx": number(mark),
            "midPx": None if bid is None or ask is None else number((bid + ask) / 2),
            "impactPxs": None if bid is None or ask is None else [number(bid), number(ask)],
        }

    def _day(self, terms: Terms, mark: Decimal) -> dict[str, str]:
        """Return the figures of the last day, worked out once a minute."""
        now = self._stage.clock.time_ns()
        until_ns, told = self._days.get(terms.name, (0, {}))
        if now >= until_ns:
            trades = self._trades(terms, now - _DAY_NS, now + 1)
            told = {
                "prevDayPx": number(trades[0].price if trades else mark),
                "dayNtlVlm": number(sum((trade.price * trade.quantity for trade in trades), ZERO)),
                "dayBaseVlm": number(sum((trade.quantity for trade in trades), ZERO)),
            }
            self._days[terms.name] = now + DAY_KEPT_NS, told
        return told

    def mids(self, dex: str) -> dict[str, str] | None:
        """Return `allMids`: the middle of each book, else the last trade's price."""
        if dex not in DEXES:
            return None
        told = {}
        for terms in self._markets.open(dex):
            book = self._stage.exchange.book(terms.symbol)
            bid, ask = book.best_bid, book.best_ask
            middle = None if bid is None or ask is None else (bid + ask) / 2
            middle = middle or self._stage.exchange.last_price(terms.symbol)
            if middle is not None:
                told[terms.name] = number(middle)
        return told

    def book(
        self, coin: str, *, depth: int = DEPTH, figures: int | None = None, mantissa: int | None = None
    ) -> dict[str, Any] | None:
        """Return `l2Book`; None for a coin that is unknown. A delisted one's is empty."""
        if not self._markets.is_known(coin):
            return None
        terms = self._markets.find(coin)
        told: tuple[list[Any], list[Any]] = ([], [])
        if terms is not None:
            shown = depth if figures is None else _DEPTH_BEFORE_MERGING
            whole = self._stage.exchange.book(terms.symbol).levels(shown)
            bids, asks = aggregated(whole, figures, mantissa)
            told = levels(bids[:depth]), levels(asks[:depth])
        return {"coin": coin, "time": self.time_ms(), "levels": list(told)}

    def bbo(self, terms: Terms) -> list[Any]:
        """Return the best bid and ask; None for a side that is empty."""
        bids, asks = self._stage.exchange.book(terms.symbol).levels(1)
        return [next(iter(levels(side)), None) for side in (bids, asks)]

    def recent_trades(self, terms: Terms) -> list[dict[str, Any]]:
        """Return the last trades, newest first."""
        now = self._stage.clock.time_ns()
        trades = self._trades(terms, now - RECENT_NS, now + 1)
        return [trade_row(terms.name, trade) for trade in trades[: -TRADES_TOLD - 1 : -1]]

    def candles(self, terms: Terms, interval: str, start_ms: int, end_ms: int) -> list[dict[str, Any]]:
        """Return `candleSnapshot`, made of the trades there were."""
        step = INTERVALS[interval] * 1_000_000_000
        first, last = start_ms * _MS_NS // step * step, (end_ms * _MS_NS // step + 1) * step
        found: list[dict[str, Any]] = []
        for trade in self._trades(terms, first, last):
            candle = candle_after(found[-1] if found else None, terms.name, interval, trade)
            if found and found[-1]["t"] == candle["t"]:
                found[-1] = candle
            else:
                found.append(candle)
        return found[-CANDLES_MAX:]

    def funding_history(self, terms: Terms, start_ms: int, end_ms: int | None) -> list[dict[str, Any]]:
        """Return `fundingHistory`: the settlements since the simulator began."""
        return [
            {
                "coin": terms.name,
                "fundingRate": number(rate.rate),
                "premium": "0.0",
                "time": rate.ts_settle // _MS_NS,
            }
            for rate in self._listing(terms).funding
            if start_ms <= rate.ts_settle // _MS_NS and (end_ms is None or rate.ts_settle // _MS_NS <= end_ms)
        ][:PAGE]

    def predicted_fundings(self) -> list[Any]:
        """Return `predictedFundings`, of this venue alone."""
        told = []
        for terms in self._markets.open(""):
            ticker = self._stage.market.ticker(terms.symbol)
            due = (ticker.next_funding_ts or 0) // _MS_NS
            row = {
                "fundingRate": number(ticker.funding_rate or ZERO),
                "nextFundingTime": due,
                "fundingIntervalHours": 1,
            }
            told.append([terms.name, [["BinPerp", None], ["HlPerp", row], ["BybitPerp", None]]])
        return told

    def table(self, number_of: int) -> Mapping[str, Any]:
        """Return `marginTable`: an id below 50 is its leverage."""
        return {"description": "", "marginTiers": [{"lowerBound": "0.0", "maxLeverage": number_of}]}

    def time_ms(self) -> int:
        """Return the server's time."""
        return self._stage.time_ns() // _MS_NS

    def _trades(self, terms: Terms, start_ns: int, end_ns: int) -> list[Trade]:
        return self._listing(terms).record.trades(self._markets.instrument(terms), start_ns=start_ns, end_ns=end_ns)

    def _listing(self, terms: Terms) -> Listing:
        return self._stage.market.listing(terms.symbol)

    def _open_interest(self, terms: Terms) -> Decimal:
        exchange = self._stage.exchange
        held = (exchange.position(account, terms.symbol).quantity for account in self._stage.accounts)
        return sum((quantity for quantity in held if quantity > 0), ZERO)
