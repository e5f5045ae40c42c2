"""Public data over REST: contracts, the book, trades, candles, tickers, funding."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from anyvenue.model.market import Candle, Trade
from anyvenue.model.numbers import Rounding, round_to_step
from anyvenue.simulation.server.stage import Stage
from anyvenue_gateio.simulator.call import Call, Route
from anyvenue_gateio.simulator.contracts import Contract, Contracts
from anyvenue_gateio.simulator.day_stats import DayStats
from anyvenue_gateio.simulator.depth import DepthBooks
from anyvenue_gateio.simulator.refusal import Refused
from anyvenue_gateio.simulator.shapes import money_text, price_text, seconds, size_value, whole_seconds

__all__ = ["INTERVALS", "MarketRest", "candle_shape"]

_F: Final = "/futures/{settle}"
_SECOND_NS: Final = 1_000_000_000
_BOOK_MAX: Final = 300
_CANDLES_MAX: Final = 2000
_POINTS_MAX: Final = 10_000
INTERVALS: Final = {
    "10s": 10,
    "1m": 60,
    "5m": 300,
    "15m": 900,
    "30m": 1800,
    "1h": 3600,
    "4h": 14_400,
    "8h": 28_800,
    "1d": 86_400,
    "7d": 604_800,
    "1w": 604_800,
    "30d": 2_592_000,
}
"""Seconds of each candle interval."""


def candle_shape(contract: Contract, candle: Candle, decimal: bool) -> dict[str, Any]:
    """Return a candle as REST tells it."""
    return {
        "t": whole_seconds(candle.ts_open),
        "v": size_value(contract.size_of(candle.volume), decimal),
        "c": price_text(candle.close),
        "h": price_text(candle.high),
        "l": price_text(candle.low),
        "o": price_text(candle.open),
        "sum": money_text(contract.instrument.notional(candle.volume, candle.close)),
    }


class MarketRest:
    """The public endpoints."""

    def __init__(self, stage: Stage, contracts: Contracts, depth: DepthBooks) -> None:
        self._stage = stage
        self._contracts = contracts
        self._depth = depth
        self._days: dict[str, DayStats] = {}

    def routes(self) -> list[Route]:
        """Return the routes."""
        handlers: dict[str, Callable[[Call], Any]] = {
            "contracts": self.contracts,
            "contracts_all": self.contracts,
            "contracts/{contract}": self.contract,
            "risk_limit_tiers": self.tiers,
            "risk_limit_table": self.tier_table,
            "order_book": self.order_book,
            "trades": self.trades,
            "candlesticks": self.candles,
            "premium_index": self.premium,
            "tickers": self.tickers,
            "funding_rate": self.funding,
            "contract_stats": self.statistics,
            "liq_orders": self.liquidations,
            "insurance": self.insurance,
            "index_constituents/{index}": self.constituents,
        }
        routes = [
            Route(method="GET", pattern=f"{_F}/{name}", handler=handler, signed=False)
            for name, handler in handlers.items()
        ]
        batch = Route(method="POST", pattern=f"{_F}/funding_rates", handler=self.funding_of_many, signed=False)
        return [*routes, batch]

    # Contracts

    def contracts(self, call: Call) -> Any:
        """GET contracts, contracts_all."""
        found = call.page(self._contracts.of(call.settle))
        return [self._contracts.describe(contract, call.decimal) for contract in found]

    def contract(self, call: Call) -> Any:
        """GET contracts/{contract}."""
        return self._contracts.describe(self._contracts.find(call.settle, call.names["contract"]), call.decimal)

    def tiers(self, call: Call) -> Any:
        """GET risk_limit_tiers: of one contract, or of all with their names."""
        name = call.word("contract")
        if name is not None:
            return [self._contracts.tier(self._contracts.find(call.settle, name))]
        return [
            {**self._contracts.tier(contract), "contract": contract.name}
            for contract in call.page(self._contracts.of(call.settle))
        ]

    def tier_table(self, call: Call) -> Any:
        """GET risk_limit_table: a table's id is the name of its contract, with a version behind it."""
        name = call.needed("table_id").rpartition("_")[0]
        return [self._contracts.tier(self._contracts.find(call.settle, name))]

    # Prices

    def order_book(self, call: Call) -> Any:
        """GET order_book."""
        contract = self._named(call)
        interval = call.number("interval") or Decimal(0)
        limit = min(call.whole("limit", 10, least=1), _BOOK_MAX)
        book = self._depth.rest_book(contract, _BOOK_MAX if interval else limit, decimal=call.decimal or bool(interval))
        if interval < 0:
            raise Refused("INVALID_PARAM_VALUE", "invalid argument: #interval")
        if interval:
            for name, rounding in (("asks", Rounding.UP), ("bids", Rounding.DOWN)):
                book[name] = _merged(book[name], interval, rounding, call.decimal)[:limit]
        if not call.flag("with_id"):
            del book["id"]
        return book

    def trades(self, call: Call) -> Any:
        """GET trades, newest first."""
        contract = self._named(call)
        first, last = call.span_ns()
        found = self._latest_trades(contract, first, last, call.whole("limit", 100, 1000, 1) + call.whole("offset", 0))
        return [
            {
                "id": int(trade.trade_id),
                "create_time": whole_seconds(trade.ts_event),
                "create_time_ms": seconds(trade.ts_event),
                "contract": contract.name,
                "size": size_value(contract.size_of(trade.quantity) * trade.side.sign, call.decimal),
                "price": price_text(trade.price),
            }
            for trade in call.page(found)
        ]

    def candles(self, call: Call) -> Any:
        """GET candlesticks; with `mark_` or `index_` before the contract, of those prices and without volume."""
        name = call.needed("contract")
        kind = next((prefix for prefix in ("mark_", "index_") if name.startswith(prefix)), "")
        contract = self._contracts.find(call.settle, name.removeprefix(kind))
        found = [candle_shape(contract, candle, call.decimal) for candle in self._candles(call, contract, _CANDLES_MAX)]
        if kind:
            for row in found:
                del row["v"], row["sum"]
        return found

    def premium(self, call: Call) -> Any:
        """GET premium_index: mark and index are one here, so it is nothing."""
        found = self._candles(call, self._named(call), 1000)
        return [{"t": whole_seconds(candle.ts_open), **dict.fromkeys("chlo", "0")} for candle in found]

    def tickers(self, call: Call) -> Any:
        """GET tickers."""
        name = call.word("contract")
        found = self._contracts.of(call.settle) if name is None else [self._contracts.find(call.settle, name)]
        return [self.ticker(contract, call.decimal) for contract in found]

    def ticker(self, contract: Contract, decimal: bool) -> dict[str, Any]:
        """Return a ticker as REST tells it."""
        ticker, book = self._stage.market.ticker(contract.symbol), self._stage.exchange.book(contract.symbol)
        bids, asks = book.levels(1)
        day = self._days.get(contract.symbol)
        if day is None:
            day = self._days[contract.symbol] = DayStats(self._stage, contract)
        return {
            "contract": contract.name,
            "last": price_text(ticker.last_price),
            "mark_price": price_text(ticker.mark_price),
            "index_price": price_text(ticker.index_price),
            "funding_rate": price_text(ticker.funding_rate),
            "funding_rate_indicative": price_text(ticker.funding_rate),
            "lowest_ask": price_text(asks[0].price) if asks else "",
            "lowest_size": size_value(contract.size_of(asks[0].quantity) if asks else Decimal(0), decimal),
            "highest_bid": price_text(bids[0].price) if bids else "",
            "highest_size": size_value(contract.size_of(bids[0].quantity) if bids else Decimal(0), decimal),
            **day.fields(),
            "total_size": size_value(self._contracts.open_interest(contract), decimal),
            "quanto_base_rate": "",
        }

    # Funding and figures

    def funding(self, call: Call) -> Any:
        """GET funding_rate, newest first."""
        first, last = call.span_ns()
        return self._funding(self._named(call), first, last)[: call.whole("limit", 100, 1000, 1)]

    def funding_of_many(self, call: Call) -> Any:
        """POST funding_rates."""
        names = call.object().get("contracts")
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise Refused("MISSING_REQUIRED_PARAM", "Missing required parameter: contracts")
        return [
            {"contract": name, "data": self._funding(self._contracts.find(call.settle, name), 0, 2**63)[:100]}
            for name in names
        ]

    def statistics(self, call: Call) -> Any:
        """GET contract_stats: one row, of now."""
        contract = self._named(call)
        ticker, now = self._stage.market.ticker(contract.symbol), self._stage.clock.time_ns()
        held, mark = self._contracts.open_interest(contract), ticker.mark_price or Decimal(0)
        notional = contract.instrument.notional(contract.quantity_of(held), mark) if mark else Decimal(0)
        return [
            {
                "time": whole_seconds(now),
                "lsr_taker": 1.0,
                "lsr_account": 1.0,
                "long_liq_size": size_value(Decimal(0), call.decimal),
                "short_liq_size": size_value(Decimal(0), call.decimal),
                "open_interest": size_value(held, call.decimal),
                "open_interest_usd": float(notional),
                "top_lsr_account": 1.0,
                "mark_price": float(mark),
            }
        ]

    def liquidations(self, call: Call) -> Any:
        """GET liq_orders: nobody else is liquidated here; a range is an hour at most."""
        first, last = call.span_ns()
        if call.word("from") and call.word("to") and last - first > 3601 * _SECOND_NS:
            raise Refused("INVALID_PARAM_VALUE", "the time range is limited to 3600 seconds")
        if call.word("contract"):
            self._named(call)
        return []

    def insurance(self, call: Call) -> Any:
        """GET insurance: what the insurance fund holds, in whole money, once."""
        return [{"t": whole_seconds(self._stage.clock.time_ns()), "b": "1000000"}][: call.whole("limit", 100, 100, 1)]

    def constituents(self, call: Call) -> Any:
        """GET index_constituents/{index}."""
        contract = self._contracts.find(call.settle, call.names["index"])
        return {"index": contract.name, "constituents": [{"exchange": "Gate.io", "symbols": [contract.name]}]}

    # What these are made of

    def _named(self, call: Call) -> Contract:
        return self._contracts.find(call.settle, call.needed("contract"))

    def _funding(self, contract: Contract, first: int, last: int) -> list[dict[str, Any]]:
        settled = self._stage.market.listing(contract.symbol).funding
        return [
            {"t": whole_seconds(rate.ts_settle), "r": price_text(rate.rate)}
            for rate in reversed(settled)
            if first <= rate.ts_settle < last
        ]

    def _latest_trades(self, contract: Contract, first: int, last: int, count: int) -> list[Trade]:
        """Return at least the last `count` trades of a time, newest first; it looks no further back than it has to."""
        record, end = self._stage.market.listing(contract.symbol).record, min(last, self._stage.clock.time_ns() + 1)
        reach = 60 * _SECOND_NS
        while True:
            start = max(first, end - reach)
            found = record.trades(contract.instrument, start_ns=start, end_ns=end)
            if len(found) >= count or start <= max(first, 0):
                return found[::-1]
            reach *= 30

    def _candles(self, call: Call, contract: Contract, most: int) -> list[Candle]:
        interval = INTERVALS[call.word("interval", tuple(INTERVALS)) or "5m"]
        step, now = interval * _SECOND_NS, self._stage.clock.time_ns()
        if call.word("limit") and (call.word("from") or call.word("to")):
            raise Refused("INVALID_PARAM_VALUE", "limit cannot be given together with from and to")
        limit = call.whole("limit", 100, most, 1)
        first, last = call.span_ns()
        if not call.word("from"):
            first = (min(last - 1, now) // step - limit + 1) * step
        elif (now - first) // step > _POINTS_MAX:
            raise Refused(
                "INVALID_PARAM_VALUE", f"Candlestick too long ago. Maximum {_POINTS_MAX} points ago are allowed"
            )
        last = min(last, now + 1)
        if (last - first) // step > most:
            raise Refused("INVALID_PARAM_VALUE", f"Too many points requested: at most {most}")
        return self._stage.market.listing(contract.symbol).record.candles(
            contract.instrument, interval, start_ns=first, end_ns=last, now=now
        )


def _merged(levels: list[dict[str, Any]], interval: Decimal, rounding: Rounding, decimal: bool) -> list[dict[str, Any]]:
    sums: dict[Decimal, Decimal] = {}
    for level in levels:
        price = round_to_step(Decimal(level["p"]), interval, rounding)
        sums[price] = sums.get(price, Decimal(0)) + Decimal(level["s"])
    return [{"p": price_text(price), "s": size_value(size, decimal)} for price, size in sums.items()]
