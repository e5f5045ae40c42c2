"""Frames both ways; payloads have the shapes of the venue's documents."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from anyvenue.model.enums import OrderState, Side
from anyvenue.model.errors import Rejected
from anyvenue.model.market import Candle, FundingRate, Quote, Ticker, Trade
from anyvenue.model.numbers import ZERO
from anyvenue.model.order_events import OrderAmended, OrderFilled, OrderReported, OrderTriggered
from anyvenue.model.position import Position
from anyvenue.venue.events import Channel, Subscription
from anyvenue.venue.replaced import Replaced
from anyvenue.wire.client_ids import to_hex
from anyvenue.wire.feed import Answer
from anyvenue_hyperliquid import instruments
from anyvenue_hyperliquid.streams import Ended, Streams, topic_of

BTC = instruments.read_instrument({"name": "BTC", "szDecimals": 5, "maxLeverage": 40, "asset": 0, "tiers": []}, "main")
USER = "0x" + "1" * 40
NOW = 1_800_000_000_000_000_000


class Wire:
    """The frames of one connection."""

    def __init__(self, *dexes: str) -> None:
        self.amended = Replaced()
        self.streams = Streams({"BTC": BTC}, USER, ("", *dexes), self.amended)

    def tell(self, channel: str, data: Any, now: int = NOW) -> list[Any]:
        return list(self.streams.read(json.dumps({"channel": channel, "data": data}).encode(), now))

    def order(self, status: str, oid: int = 7, left: str = "1.0", size: str = "1.0", **more: Any) -> list[Any]:
        order = {
            "coin": "BTC",
            "side": "B",
            "limitPx": "60000.0",
            "sz": left,
            "oid": oid,
            "timestamp": 1,
            "origSz": size,
        }
        order |= {"origSz": size, "cloid": to_hex("avx-1")} | more
        return self.tell("orderUpdates", [{"order": order, "status": status, "statusTimestamp": 2}])


def test_the_first_line_is_no_json_and_unknown_channels_tell_nothing() -> None:
    wire = Wire()
    assert list(wire.streams.read(b"Websocket connection established.", NOW)) == []
    assert wire.tell("pong", None) == []
    assert wire.tell("notification", {"notification": "hello"}) == []


def test_an_answer_is_known_with_the_venues_defaults_in_it() -> None:
    wire = Wire()
    for channel, depth, defaults in (
        (Channel.BOOK, 5, {"nSigFigs": None, "mantissa": None, "fast": True}),
        (Channel.BOOK, 20, {"nSigFigs": None, "mantissa": None, "fast": False}),
        (Channel.TRADES, None, {}),
    ):
        topic = topic_of(Subscription(channel=channel, instrument=BTC, depth=depth))
        ask = wire.streams.subscribe(topic)
        asked = json.loads(ask.text)["subscription"]
        (answer,) = wire.tell("subscriptionResponse", {"method": "subscribe", "subscription": asked | defaults})
        assert answer == Answer(key=ask.key)


def test_the_account_is_subscribed_to_on_each_connection() -> None:
    told = [json.loads(ask.text)["subscription"] for ask in Wire("xyz").streams.opening(NOW)]
    assert [one["type"] for one in told] == ["orderUpdates", "userFills", "userFundings", *["clearinghouseState"] * 2]
    assert {one["user"] for one in told} == {USER}
    assert [one["dex"] for one in told[3:]] == ["", "xyz"]


def test_errors_name_the_subscription_that_they_are_about() -> None:
    wire = Wire()
    ask = wire.streams.subscribe(topic_of(Subscription(channel=Channel.TRADES, instrument=BTC)))
    subscription = json.dumps(json.loads(ask.text)["subscription"])
    (there,) = wire.tell("error", f"Already subscribed: {subscription}")
    assert there == Answer(key=ask.key)
    (refused,) = wire.tell("error", f"Invalid subscription {subscription}")
    assert refused.key == ask.key
    assert isinstance(refused.error, Rejected)
    assert wire.tell("error", "Error parsing JSON into valid websocket request: x") == []


def test_trades_that_were_told_before_are_told_once() -> None:
    row = {"coin": "BTC", "side": "B", "px": "60000.0", "sz": "0.5", "time": 5, "hash": "0x", "tid": 9, "users": []}
    wire = Wire()
    (trade,) = wire.tell("trades", [row])
    assert isinstance(trade, Trade)
    assert (trade.side, trade.price, trade.ts_event) == (Side.BUY, 60000, 5_000_000)
    assert [one.trade_id for one in wire.tell("trades", [row, row | {"tid": 10}])] == ["10"]


def test_a_quote_may_lack_a_side() -> None:
    (quote,) = Wire().tell("bbo", {"coin": "BTC", "time": 5, "bbo": [None, {"px": "60001.0", "sz": "2.0", "n": 1}]})
    assert isinstance(quote, Quote)
    assert (quote.bid, quote.bid_quantity, quote.ask, quote.ask_quantity) == (None, 0, 60001, 2)


def test_a_candle_is_over_when_the_next_one_comes() -> None:
    wire, minute = Wire(), 60_000
    row = {"t": 0, "T": minute - 1, "s": "BTC", "i": "1m", "o": "1", "c": "2", "h": "3", "l": "1", "v": "5", "n": 2}
    (running,) = wire.tell("candle", row, now=30_000_000_000)
    assert isinstance(running, Candle)
    assert not running.closed
    closed, running = wire.tell("candle", [row | {"t": minute, "T": 2 * minute - 1}], now=90_000_000_000)
    assert (closed.ts_open, closed.closed, closed.volume) == (0, True, 5)
    assert (running.ts_open, running.closed) == (60_000_000_000, False)
    assert wire.tell("candle", row) == []  # late


def test_a_context_is_a_ticker_and_the_rate_of_this_hour() -> None:
    ctx = {"funding": "0.0000125", "openInterest": "1.0", "oraclePx": "60010.0", "markPx": 60000.5, "midPx": None}
    ticker, rate = Wire().tell("activeAssetCtx", {"coin": "BTC", "ctx": ctx})
    assert isinstance(ticker, Ticker)
    assert (ticker.mark_price, ticker.index_price) == (Decimal("60000.5"), 60010)  # text or number, exactly
    assert isinstance(rate, FundingRate)
    assert (rate.rate, rate.settled, rate.ts_settle) == (Decimal("0.0000125"), False, NOW + 3600 * 10**9)


def test_orders_are_told_as_they_stand() -> None:
    wire = Wire()
    (report,) = wire.order("open", left="0.4")
    assert isinstance(report, OrderReported)
    assert (report.client_order_id, report.state) == ("avx-1", OrderState.PARTIALLY_FILLED)
    assert report.filled_quantity == Decimal("0.6")
    triggered, _ = wire.order("triggered", reduceOnly=True)
    assert isinstance(triggered, OrderTriggered)


def test_how_much_of_a_reduce_only_order_has_traded_takes_its_fills() -> None:
    wire = Wire()
    (report,) = wire.order("open", left="0.4", reduceOnly=True)  # its size shrinks with the position
    assert report.filled_quantity == 0
    assert wire.order("filled", left="0.0", reduceOnly=True) == [Ended("7")]


def test_an_amended_order_goes_on_under_its_new_number() -> None:
    wire = Wire()
    wire.amended.begin("avx-1", "7", Decimal("0.25"), NOW + 1)
    assert wire.order("canceled", left="0.7") == []  # 0.3 had traded by then
    amended, report = wire.order("open", oid=8, left="0.5", size="0.75")
    assert isinstance(amended, OrderAmended)
    assert (amended.venue_order_id, amended.quantity) == ("8", Decimal("1.05"))
    assert (report.filled_quantity, report.quantity) == (Decimal("0.55"), Decimal("1.05"))
    wire.amended.end("avx-1", "8")
    assert wire.order("canceled", left="0.7") == []  # the old number's end, told again
    (ended,) = wire.order("canceled", oid=8, left="0.5", size="0.75")
    assert (ended.state, ended.filled_quantity) == (OrderState.CANCELED, Decimal("0.55"))


def test_an_amend_that_came_to_nothing_hides_no_cancel() -> None:
    wire = Wire()
    wire.amended.begin("avx-1", "7", ZERO, NOW + 1)
    wire.amended.end("avx-1")
    (ended,) = wire.order("canceled")
    assert ended.state is OrderState.CANCELED


def test_fills_of_markets_that_are_not_listed_are_passed_over() -> None:
    row = {"coin": "BTC", "px": "60000.0", "sz": "0.5", "side": "A", "time": 5, "oid": 7, "tid": 9, "fee": "0.1"}
    row |= {"crossed": False, "cloid": to_hex("avx-1"), "feeToken": "USDC"}
    told = Wire().tell("userFills", {"user": USER, "fills": [row, row | {"coin": "@107"}], "isSnapshot": True})
    assert [type(event) for event in told] == [OrderFilled]
    assert told[0].fill.client_order_id == "avx-1"


def test_funding_of_the_past_is_not_told_again() -> None:
    row = {"time": 5, "coin": "BTC", "usdc": "-0.5", "szi": "1.0", "fundingRate": "0.0001"}
    wire = Wire()
    assert wire.tell("userFundings", {"user": USER, "fundings": [row], "isSnapshot": True}) == []
    (payment,) = wire.tell("userFundings", {"user": USER, "fundings": [row]})
    assert payment.amount == Decimal("-0.5")


def state(time_ms: int, **changes: Any) -> dict[str, Any]:
    row = {"coin": "BTC", "szi": "0.5", "entryPx": "60000.0", "unrealizedPnl": "10.0", "liquidationPx": None}
    row |= {"marginUsed": "750.0", "leverage": {"type": "cross", "value": 40}}
    usual = {"time": time_ms, "withdrawable": "200.0", "marginSummary": {"accountValue": "1010.0"}}
    return {"dex": "", "user": USER, "clearinghouseState": usual | {"assetPositions": [{"position": row}]} | changes}


def test_a_position_that_is_missing_is_flat_and_an_older_state_is_dropped() -> None:
    wire = Wire()
    held, balance = wire.tell("clearinghouseState", state(5))
    assert (held.quantity, held.cost, held.sequence) == (Decimal("0.5"), 30000, 5)
    assert (balance.total, balance.available) == (1000, 200)
    flat, _ = wire.tell("clearinghouseState", state(6, assetPositions=[]))
    assert isinstance(flat, Position)
    assert (flat.instrument, flat.quantity, flat.sequence) == (BTC, 0, 6)
    assert wire.tell("clearinghouseState", state(5)) == []
