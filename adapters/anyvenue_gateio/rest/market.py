"""Public market data by request: book, ticker, trades, candles, funding rates, risk tiers, and the venue's time.

A reader takes the decoded JSON of an answer. It raises LookupError, TypeError or ValueError for what it cannot read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from anyvenue.model.enums import Side
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookSnapshot, Candle, CandleSource, FundingRate, RawLevel, Ticker, Trade
from anyvenue.model.numbers import exact, whole
from anyvenue.model.risk_tier import RiskTier
from anyvenue.model.times import unix_ns
from anyvenue.wire.request import Request
from anyvenue_gateio.limits import public
from anyvenue_gateio.rest.orders import id_of, page

__all__ = [
    "INTERVALS",
    "SERVER_TIME",
    "candles_requests",
    "funding_rates_request",
    "order_book_request",
    "read_candles",
    "read_funding_rates",
    "read_levels",
    "read_order_book",
    "read_risk_tiers",
    "read_server_time",
    "read_ticker",
    "read_trades",
    "risk_tiers_request",
    "ticker_request",
    "trades_request",
]

_NAMES = ("10s", "1m", "5m", "15m", "30m", "1h", "4h", "8h", "1d", "7d")
INTERVALS: Final = dict(zip((10, 60, 300, 900, 1800, 3600, 14400, 28800, 86400, 604800), _NAMES, strict=True))
"""Gate's name of each candle interval, by its seconds."""
SERVER_TIME: Final = Request(method="GET", path="/spot/time", charges=public("/spot/time"))
"""Asks for the venue's time. Futures have no such call of their own."""
_DEPTH_MOST: Final = 100
_CANDLES_MOST: Final = 2000
_NS: Final = 1_000_000_000


def order_book_request(instrument: Instrument, depth: int) -> Request:
    """Ask for the book with its id, `depth` levels a side. More than 100 are not known to be allowed."""
    limit = str(min(depth, _DEPTH_MOST))
    return _get(instrument, "order_book", ("interval", "0"), ("limit", limit), ("with_id", "true"))


def ticker_request(instrument: Instrument) -> Request:
    """Ask for one contract's ticker."""
    return _get(instrument, "tickers")


def trades_request(instrument: Instrument, *, start_ns: int, end_ns: int, offset: int = 0) -> Request:
    """Ask for a page of the trades in the whole seconds that [start_ns, end_ns] touches. A short one is the last."""
    return _get(instrument, "trades", *page(offset), *_span(start_ns, end_ns))


def candles_requests(instrument: Instrument, interval_s: int, *, start_ns: int, end_ns: int) -> list[Request]:
    """Ask for the candles that open in [start_ns, end_ns), in as many requests as it takes, oldest first.

    Raises ValueError for an interval that Gate does not have.
    """
    if interval_s not in INTERVALS:
        raise ValueError(f"interval_s: found {interval_s}; allowed are {', '.join(map(str, INTERVALS))}")
    first, last, span_s = -(-start_ns // _NS), (end_ns - 1) // _NS, _CANDLES_MOST * interval_s
    interval = ("interval", INTERVALS[interval_s])
    # No `limit`: Gate refuses it beside `from` and `to`.
    return [
        _get(instrument, "candlesticks", interval, ("from", str(at)), ("to", str(min(at + span_s - 1, last))))
        for at in range(first, last + 1, span_s)
    ]


def funding_rates_request(instrument: Instrument, *, start_ns: int, end_ns: int) -> Request:
    """Ask for the newest 1000 funding rates of that time. For older ones, ask again up to the oldest of the answer."""
    return _get(instrument, "funding_rate", ("limit", "1000"), *_span(start_ns, end_ns))


def risk_tiers_request(instrument: Instrument) -> Request:
    """Ask for one contract's risk tiers."""
    return _get(instrument, "risk_limit_tiers")


def _get(instrument: Instrument, what: str, *query: tuple[str, str]) -> Request:
    path = f"/futures/{instrument.settle.lower()}/{what}"
    return Request(method="GET", path=path, query=(("contract", instrument.venue_symbol), *query), charges=public(path))


def _span(start_ns: int, end_ns: int) -> tuple[tuple[str, str], ...]:
    return (("from", str(start_ns // _NS)), ("to", str(-(-end_ns // _NS))))


def read_order_book(data: Mapping[str, Any], instrument: Instrument, ts_recv: int) -> BookSnapshot:
    """Return the book, with the id that deltas continue from."""
    return BookSnapshot(
        instrument=instrument,
        bids=read_levels(data["bids"]),
        asks=read_levels(data["asks"]),
        last_id=whole(data["id"], "id"),
        ts_event=unix_ns(data["update"], "update"),
        ts_recv=ts_recv,
    )


def read_levels(levels: Sequence[Mapping[str, Any]]) -> list[RawLevel]:
    """Return levels of the form `{p, s}` as price and size, in contracts."""
    return [(str(level["p"]), str(level["s"])) for level in levels]


def read_ticker(data: Mapping[str, Any], instrument: Instrument, ts_recv: int) -> Ticker:
    """Return one row of tickers, of an answer or a push; only a push says when funding is next settled."""
    next_funding = data.get("funding_next_apply")
    return Ticker(
        instrument=instrument,
        last_price=_number(data, "last"),
        mark_price=_number(data, "mark_price"),
        index_price=_number(data, "index_price"),
        funding_rate=_number(data, "funding_rate"),
        next_funding_ts=unix_ns(next_funding, "funding_next_apply") if next_funding else None,
        ts_recv=ts_recv,
    )


def _number(data: Mapping[str, Any], name: str) -> Decimal | None:
    return exact(data[name], name) if data.get(name) not in (None, "") else None


def read_trades(data: Sequence[Mapping[str, Any]], instrument: Instrument, ts_recv: int) -> list[Trade]:
    """Return trades in the order in which they came. The sign of a size is the taker's side."""
    trades = []
    for row in data:
        contracts = exact(row["size"], "size")
        trade = Trade(
            instrument=instrument,
            trade_id=id_of(row),
            side=Side.BUY if contracts > 0 else Side.SELL,
            price=exact(row["price"], "price"),
            quantity=instrument.from_contracts(abs(contracts)),
            ts_event=unix_ns(row["create_time_ms"], "create_time_ms"),  # seconds, in spite of its name
            ts_recv=ts_recv,
        )
        trades.append(trade)
    return trades


def read_candles(
    data: Sequence[Mapping[str, Any]], instrument: Instrument, interval_s: int, ts_recv: int
) -> list[Candle]:
    """Return candles in the order in which they came. One that ends after `ts_recv` is not closed."""
    candles = []
    for row in data:
        ts_open = unix_ns(row["t"], "t")
        candle = Candle(
            instrument=instrument,
            interval_s=interval_s,
            ts_open=ts_open,
            open=exact(row["o"], "o"),
            high=exact(row["h"], "h"),
            low=exact(row["l"], "l"),
            close=exact(row["c"], "c"),
            volume=instrument.from_contracts(row["v"]),
            source=CandleSource.VENUE,
            closed=ts_open + interval_s * _NS <= ts_recv,
            ts_recv=ts_recv,
        )
        candles.append(candle)
    return candles


def read_funding_rates(data: Sequence[Mapping[str, Any]], instrument: Instrument, ts_recv: int) -> list[FundingRate]:
    """Return settled funding rates in the order in which they came, newest first."""
    return [
        FundingRate(instrument=instrument, rate=exact(row["r"], "r"), ts_settle=ts, ts_event=ts, ts_recv=ts_recv)
        for row in data
        for ts in (unix_ns(row["t"], "t"),)
    ]


def read_risk_tiers(data: Sequence[Mapping[str, Any]], ts_recv: int) -> list[RiskTier]:
    """Return risk tiers, smallest first. Gate's `deduction`, whose meaning is not documented, is left out."""
    tiers = [
        RiskTier(
            max_notional=exact(row["risk_limit"], "risk_limit"),
            initial_rate=exact(row["initial_rate"], "initial_rate"),
            maintenance_rate=exact(row["maintenance_rate"], "maintenance_rate"),
            max_leverage=exact(row["leverage_max"], "leverage_max"),
        )
        for row in data
    ]
    return sorted(tiers, key=lambda tier: tier.max_notional)


def read_server_time(data: Mapping[str, Any]) -> int:
    """Return the venue's time in nanoseconds since the epoch."""
    return unix_ns(data["server_time"], "server_time")
