"""The public channels: what their payloads ask for, and the streams that answer (fact sheet, chapters 12.1 and 13)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from attrs import frozen

from anyvenue.model.enums import PriceSource, Side
from anyvenue.model.market import MarketEvent, Ticker, Trade
from anyvenue.model.order_events import OrderFilled
from anyvenue.venue.events import AccountEvent, Channel
from anyvenue_gateio.simulator.candle_feed import INTERVALS, CandleFeed
from anyvenue_gateio.simulator.contracts import Contract
from anyvenue_gateio.simulator.day_stats import DayStats
from anyvenue_gateio.simulator.depth_feeds import BookTickerFeed, DepthFeed, Listener, ObuFeed, SnapshotFeed, UpdateFeed
from anyvenue_gateio.simulator.house import House
from anyvenue_gateio.simulator.pushes import public_liquidate_row
from anyvenue_gateio.simulator.refusal import Refused
from anyvenue_gateio.simulator.shapes import milliseconds, price_text, size_value, whole_seconds

__all__ = ["PUBLIC_CHANNELS", "BadPayload", "Plan", "PublicChannels"]

_SNAPSHOT_LEVELS: Final = ("100", "50", "20", "10", "5", "1")
_UPDATE_LEVELS: Final = {"100ms": ("100", "50", "20"), "20ms": ("20",)}
_OBU_LEVELS: Final = ("400", "50")
_LIQUIDATES_PAUSE_NS: Final = 1_000_000_000
_STATS_PAUSE_NS: Final = 10_000_000_000
_CANDLE_SOURCES: Final = {"mark_": PriceSource.MARK, "index_": PriceSource.INDEX}

PUBLIC_CHANNELS: Final = (
    "futures.tickers",
    "futures.trades",
    "futures.book_ticker",
    "futures.order_book",
    "futures.order_book_update",
    "futures.obu",
    "futures.candlesticks",
    "futures.contract_stats",
    "futures.public_liquidates",
)


class BadPayload(Exception):
    """What a payload asks for is not there: error code 2."""


Stop = Callable[[], None]


@frozen
class Plan:
    """One stream that a frame asks for: the name it goes by on a connection, and how it starts.

    `start` returns what stops it.
    """

    key: str
    start: Callable[[], Stop]


class Subscriber(Listener, Protocol):
    """A connection as the streams see it."""

    settle: str


class PublicChannels:
    """The public streams for one connection."""

    def __init__(self, house: House, socket: Subscriber) -> None:
        self._house = house
        self._stage = house.stage
        self._socket = socket
        self.is_closing = False
        """Whether the connection has ended: nothing comes late then."""

    def plans(self, channel: str, payload: list[str], *, ending: bool = False) -> list[Plan]:
        """Return the streams that a frame asks for; with `ending`, those it wants no more of. Raises BadPayload."""
        if not payload:
            raise BadPayload("payload: at least one argument is needed")
        if channel == "futures.obu":
            return [self._obu(name) for name in payload]
        if channel == "futures.order_book":
            return [self._snapshots(payload)]
        if channel == "futures.order_book_update":
            return [self._updates(payload, ending=ending)]
        if channel == "futures.candlesticks":
            return [self._candles(payload)]
        if channel == "futures.contract_stats":
            if len(payload) != 2 or payload[1] not in INTERVALS:
                raise BadPayload(f"invalid argument: {payload}; needed are contract and interval")
            contract = self._contract(payload[0])
            return [
                Plan(f"{channel} {payload}", partial(self._listen, contract, Channel.TICKER, self._stats(contract)))
            ]
        if channel == "futures.public_liquidates" and payload == ["!all"]:
            return [Plan(f"{channel} !all", partial(self._liquidates, None))]
        contracts = [self._contract(name) for name in payload]
        return [Plan(f"{channel} {contract.name}", partial(self._simple, channel, contract)) for contract in contracts]

    # Depth

    def _obu(self, text: str) -> Plan:
        parts = text.split(".")
        name, level = ".".join(parts[1:-1]), parts[-1]
        if parts[0] != "ob" or len(parts) < 3 or level not in _OBU_LEVELS or self._socket.settle == "btc":
            raise BadPayload(f"invalid argument: {text}")
        return self._depth(
            f"futures.obu {text}",
            self._contract(name),
            lambda: ObuFeed(text, int(level), self._stage.chance, self._house.quirks),
        )

    def _snapshots(self, payload: list[str]) -> Plan:
        if len(payload) != 3 or payload[1] not in _SNAPSHOT_LEVELS or payload[2] != "0":
            raise BadPayload(f"invalid argument: {payload}; needed are contract, limit and interval 0")
        name, level, _ = payload
        return self._depth(
            f"futures.order_book {name} {level}",
            self._contract(name),
            lambda: SnapshotFeed(name, int(level), self._stage.chance, self._house.quirks),
        )

    def _updates(self, payload: list[str], *, ending: bool) -> Plan:
        name, frequency, level = (*payload, "", "")[:3]
        if frequency not in _UPDATE_LEVELS or (level not in _UPDATE_LEVELS[frequency] and not (ending and not level)):
            raise BadPayload(f"invalid argument: {payload}; needed are contract, frequency and level")
        return self._depth(
            f"futures.order_book_update {name} {frequency}",  # the unsubscription does not say the level
            self._contract(name),
            lambda: UpdateFeed(
                name, int(level), int(frequency.removesuffix("ms")), self._stage.chance, self._house.quirks
            ),
        )

    def _depth(self, key: str, contract: Contract, make: Callable[[], DepthFeed]) -> Plan:
        def start() -> Stop:
            feed, ladder = make(), self._house.depth.ladder(contract)
            ladder.join(feed, self._socket)

            def stop() -> None:
                may_be_late = self._house.quirks.late_deltas and not self.is_closing
                ladder.leave(feed, self._socket, late=may_be_late and self._stage.chance.below(2) == 0)

            return stop

        return Plan(key, start)

    # Everything else

    def _candles(self, payload: list[str]) -> Plan:
        if len(payload) != 2 or payload[0] not in INTERVALS:
            raise BadPayload(f"invalid argument: {payload}; needed are interval and contract")
        interval, name = payload
        prefix = next((prefix for prefix in _CANDLE_SOURCES if name.startswith(prefix)), "")
        contract = self._contract(name.removeprefix(prefix))

        def start() -> Stop:
            feed = CandleFeed(
                self._stage,
                contract,
                interval,
                name=f"{interval}_{name}",
                source=_CANDLE_SOURCES.get(prefix),
                decimal=self._socket.decimal,
                closed_flag=self._house.quirks.closed_flag,
                push=partial(self._socket.push, "futures.candlesticks"),
            )
            return feed.stop

        return Plan(f"futures.candlesticks {interval} {name}", start)

    def _simple(self, channel: str, contract: Contract) -> Stop:
        if channel == "futures.trades":
            return self._listen(contract, Channel.TRADES, partial(self._trade, contract))
        if channel == "futures.public_liquidates":
            return self._liquidates(contract)
        if channel == "futures.book_ticker":
            feed = BookTickerFeed(contract.name, self._stage.chance, self._house.quirks)
            ladder = self._house.depth.ladder(contract)
            ladder.join(feed, self._socket)
            return lambda: ladder.leave(feed, self._socket)
        stats = DayStats(self._stage, contract)
        stop = self._listen(contract, Channel.TICKER, partial(self._ticker, contract, stats))

        def stop_both() -> None:
            stop()
            stats.stop()

        return stop_both

    def _listen(self, contract: Contract, channel: Channel, listener: Callable[[MarketEvent], None]) -> Stop:
        return self._stage.listen(contract.instrument, channel, listener)

    def _trade(self, contract: Contract, event: MarketEvent) -> None:
        if not isinstance(event, Trade):
            return
        size = contract.size_of(event.quantity) * (1 if event.side is Side.BUY else -1)
        row = {
            "id": int(event.trade_id) if event.trade_id.isdigit() else event.trade_id,
            "size": size_value(size, self._socket.decimal),
            "price": price_text(event.price),
            "create_time": whole_seconds(event.ts_event),
            "create_time_ms": milliseconds(event.ts_event),
            "contract": contract.name,
            "is_internal": False,
        }
        self._socket.push("futures.trades", [row])

    def _ticker(self, contract: Contract, stats: DayStats, event: MarketEvent) -> None:
        if not isinstance(event, Ticker):
            return
        book, decimal = self._stage.exchange.book(contract.symbol), self._socket.decimal
        bids, asks = book.levels(1)
        row = {
            "contract": contract.name,
            "last": price_text(event.last_price),
            "mark_price": price_text(event.mark_price),
            "index_price": price_text(event.index_price),
            "funding_rate": price_text(event.funding_rate),
            "funding_rate_indicative": price_text(event.funding_rate),
            "quanto_base_rate": "",
            "total_size": f"{self._house.contracts.open_interest(contract):f}",
            "lowest_ask": price_text(asks[0].price if asks else None),
            "lowest_size": str(size_value(contract.size_of(asks[0].quantity), decimal)) if asks else "0",
            "highest_bid": price_text(bids[0].price if bids else None),
            "highest_size": str(size_value(contract.size_of(bids[0].quantity), decimal)) if bids else "0",
            **stats.fields(),
            "funding_interval": contract.terms.funding_interval_s,
            "funding_offset": 0,
            "funding_next_apply": whole_seconds(event.next_funding_ts or 0),
            "t": milliseconds(event.ts_event),
        }
        self._socket.push("futures.tickers", [row])

    def _stats(self, contract: Contract) -> Callable[[MarketEvent], None]:
        told_ns = -_STATS_PAUSE_NS

        def tell(event: MarketEvent) -> None:
            nonlocal told_ns
            now = self._stage.clock.time_ns()
            if not isinstance(event, Ticker) or now - told_ns < _STATS_PAUSE_NS:
                return
            told_ns = now
            row = {
                "time": whole_seconds(now),
                "contract": contract.name,
                "mark_price": float(event.mark_price or 0),
                "open_interest": float(self._house.contracts.open_interest(contract)),
                "lsr_taker": 0,
                "lsr_account": 0,
                "long_liq_size": 0,
                "short_liq_size": 0,
            }
            self._socket.push("futures.contract_stats", [row])

        return tell

    def _liquidates(self, only: Contract | None) -> Stop:
        """Tell of liquidated positions, at most once a second for each contract."""
        told: dict[str, int] = {}

        def hear(event: AccountEvent) -> None:
            if not isinstance(event, OrderFilled) or event.client_order_id is not None:
                return
            contract = self._house.contracts.by_symbol(event.fill.instrument.symbol)
            now = self._stage.clock.time_ns()
            wanted = contract is only or (only is None and contract.settle == self._socket.settle)
            if not wanted or now - told.get(contract.name, -_LIQUIDATES_PAUSE_NS) < _LIQUIDATES_PAUSE_NS:
                return
            told[contract.name] = now
            row = public_liquidate_row(contract, event.fill, self._socket.decimal)
            self._socket.push("futures.public_liquidates", [row])

        stops = [self._house.news.listen(account, hear) for account in self._stage.accounts]

        def stop() -> None:
            for stop_one in stops:
                stop_one()

        return stop

    def _contract(self, name: str) -> Contract:
        try:
            return self._house.contracts.find(self._socket.settle, name)
        except Refused:
            raise BadPayload(f"unknown contract {name}") from None
