"""WebSocket frames written from the venue's tables (chapters 3, 11, 12, 13), read into events and notices."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from listed import linear

from anyvenue.model.balance import Balance
from anyvenue.model.book_keeper import BookKeeper
from anyvenue.model.depth_sync import Action
from anyvenue.model.enums import ContractKind, Liquidity, MarginMode, OrderState, PositionSide, Side
from anyvenue.model.errors import RejectReason, VenueProtocolError
from anyvenue.model.fill import Fill
from anyvenue.model.market import (
    BookDelta,
    BookSnapshot,
    Candle,
    CandleSource,
    FundingRate,
    Liquidation,
    Quote,
    Ticker,
    Trade,
)
from anyvenue.model.order_events import OrderFilled, OrderReported, OrderTriggered
from anyvenue.model.position import Position
from anyvenue.model.pricing import Tick
from anyvenue.venue.events import Channel, Subscription
from anyvenue.venue.secrets import Secret
from anyvenue_gateio.auth import channel_auth
from anyvenue_gateio.streams import Ack, ApiReply, Notice, Reader
from anyvenue_gateio.topics import Topic, depth_rule, frame, private_topics, topic_of
from anyvenue_gateio.trade_push import TRADES_KEPT

D = Decimal
MS = 1_000_000
RECV = 1_700_000_000_500 * MS
AT_MS = 1_700_000_000_123
BTC = linear(
    venue="gateio",
    price_rule=Tick(D("0.1")),
    quantity_step=D("0.00001"),
    min_quantity=D("0.00001"),
    contract_size=D("0.0001"),
    depth_unit=D("0.0001"),
    max_leverage=D(125),
)
KNOWN = {"BTC_USDT": BTC}


def reader(names=None, *, hedged=False):
    made = Reader(KNOWN.get, (names or {}).get)
    made.is_hedged = hedged
    return made


def push(channel, result, *, event="update", **more):
    message = {"time": AT_MS // 1000, "time_ms": AT_MS, "channel": channel, "event": event, "result": result}
    return json.dumps({name: value for name, value in (message | more).items() if value is not None}).encode()


def told(raw, by=None):
    return list((by or reader()).read(raw, RECV))


def one(raw, by=None):
    (event,) = told(raw, by)
    return event


def unreadable(raw, by=None):
    with pytest.raises(VenueProtocolError) as caught:
        told(raw, by)
    assert caught.value.raw == raw
    return caught.value


# Public channels (12.1)


OBU = {"t": AT_MS, "s": "ob.BTC_USDT.50", "u": 120, "b": [["60000.1", "7"]], "a": [["60000.2", "0.5"], ["61000", "3"]]}


@pytest.mark.parametrize("event", ["update", None])
def test_an_obu_push_that_is_full_is_a_snapshot_with_or_without_event(event):
    raw = push("futures.obu", OBU | {"full": True}, event=event)
    assert one(raw) == BookSnapshot(
        instrument=BTC,
        bids=[["60000.1", "7"]],
        asks=[["60000.2", "0.5"], ["61000", "3"]],
        last_id=120,
        ts_event=AT_MS * MS,
        ts_recv=RECV,
    )


@pytest.mark.parametrize("event", ["update", None])
def test_an_obu_push_that_is_not_full_is_a_delta(event):
    raw = push("futures.obu", OBU | {"U": 115, "b": [["60000.1", "0"]]}, event=event)
    assert one(raw) == BookDelta(
        instrument=BTC,
        bids=[["60000.1", "0"]],
        asks=[["60000.2", "0.5"], ["61000", "3"]],
        first_id=115,
        last_id=120,
        ts_event=AT_MS * MS,
        ts_recv=RECV,
    )


def test_an_obu_push_of_ids_only_still_advances_them():
    raw = push("futures.obu", {"t": AT_MS, "s": "ob.BTC_USDT.400", "U": 121, "u": 125})
    event = one(raw)
    assert isinstance(event, BookDelta)
    assert (event.first_id, event.last_id) == (121, 125)
    assert (list(event.bids), list(event.asks)) == ([], [])


@pytest.mark.parametrize("size", [12, "12", "0.7"], ids=repr)
def test_an_order_book_update_has_levels_of_another_form(size):
    result = {"t": AT_MS, "s": "BTC_USDT", "U": 5, "u": 9, "b": [{"p": "60000.1", "s": size}], "a": [], "l": "100"}
    assert one(push("futures.order_book_update", result)) == BookDelta(
        instrument=BTC,
        bids=[("60000.1", str(size))],
        asks=[],
        first_id=5,
        last_id=9,
        ts_event=AT_MS * MS,
        ts_recv=RECV,
    )


def test_an_order_book_update_may_be_full_or_have_no_levels():
    common = {"t": AT_MS, "s": "BTC_USDT", "U": 5, "u": 9}
    full = one(push("futures.order_book_update", common | {"full": True, "a": [{"p": "1", "s": "2"}]}))
    assert (type(full), full.last_id, full.bids, full.asks) == (BookSnapshot, 9, [], [("1", "2")])
    empty = one(push("futures.order_book_update", common | {"b": None}))
    assert (type(empty), empty.first_id, empty.last_id, empty.bids, empty.asks) == (BookDelta, 5, 9, [], [])


TRADE = {
    "id": 27753479,
    "size": "-1.5",
    "price": "60000.1",
    "create_time": 1700000000,
    "create_time_ms": AT_MS,
    "contract": "BTC_USDT",
}


@pytest.mark.parametrize(("size", "side", "quantity"), [("-1.5", "sell", "0.00015"), (3, "buy", "0.0003")])
def test_the_sign_of_a_trade_is_the_taker(size, side, quantity):
    assert one(push("futures.trades", [TRADE | {"size": size}])) == Trade(
        instrument=BTC,
        trade_id="27753479",
        side=Side(side),
        price=D("60000.1"),
        quantity=D(quantity),
        ts_event=AT_MS * MS,
        ts_recv=RECV,
    )


def test_trades_repeated_by_a_replaced_connection_are_told_once():
    by = reader()
    assert len(told(push("futures.trades", [TRADE, TRADE | {"id": 27753480}]), by)) == 2
    again = told(push("futures.trades", [TRADE, TRADE | {"id": 27753481}]), by)
    assert [trade.trade_id for trade in again] == ["27753481"]


def test_trade_ids_are_one_contracts_own():
    eth = evolve(BTC, symbol="ETH-USDT-PERP", venue_symbol="ETH_USDT", base="ETH")
    by = Reader({"BTC_USDT": BTC, "ETH_USDT": eth}.get, {}.get)
    both = told(push("futures.trades", [TRADE, TRADE | {"contract": "ETH_USDT"}]), by)
    assert [trade.instrument.venue_symbol for trade in both] == ["BTC_USDT", "ETH_USDT"]


def test_only_so_many_trade_ids_are_remembered():
    by = reader()
    told(push("futures.trades", [TRADE | {"id": number} for number in range(TRADES_KEPT + 1)]), by)
    assert told(push("futures.trades", [TRADE | {"id": 1}]), by) == []
    assert len(told(push("futures.trades", [TRADE | {"id": 0}]), by)) == 1


TICKER = {
    "contract": "BTC_USDT",
    "last": "60001.2",
    "mark_price": "60000.55",
    "index_price": "60000.123456789012345678",
    "funding_rate": "-0.000123",
}


def test_a_ticker_with_the_time_of_the_next_funding_tells_the_rate_too():
    row = TICKER | {"funding_interval": 28800, "funding_next_apply": 1700006400, "t": AT_MS - 7}
    ticker, funding = told(push("futures.tickers", [row]))
    assert ticker == Ticker(
        instrument=BTC,
        last_price=D("60001.2"),
        mark_price=D("60000.55"),
        index_price=D("60000.123456789012345678"),
        funding_rate=D("-0.000123"),
        next_funding_ts=1700006400 * 10**9,
        ts_event=(AT_MS - 7) * MS,
        ts_recv=RECV,
    )
    assert funding == FundingRate(
        instrument=BTC,
        rate=D("-0.000123"),
        ts_settle=1700006400 * 10**9,
        settled=False,
        ts_event=(AT_MS - 7) * MS,
        ts_recv=RECV,
    )


def test_a_ticker_without_times_of_its_own_has_the_frames():
    ticker = one(push("futures.tickers", [TICKER]))
    assert (ticker.ts_event, ticker.next_funding_ts) == (AT_MS * MS, None)


def test_a_book_ticker_is_a_quote():
    row = {"t": AT_MS, "u": 99, "s": "BTC_USDT", "b": "60000.1", "B": 12, "a": "60000.2", "A": "0.7"}
    assert one(push("futures.book_ticker", row)) == Quote(
        instrument=BTC,
        bid=D("60000.1"),
        bid_quantity=D("0.0012"),
        ask=D("60000.2"),
        ask_quantity=D("0.00007"),
        last_id=99,
        ts_event=AT_MS * MS,
        ts_recv=RECV,
    )


def test_an_empty_side_of_a_book_ticker_has_no_price():
    quote = one(push("futures.book_ticker", {"t": AT_MS, "u": 99, "s": "BTC_USDT", "b": "", "B": 0, "a": "1", "A": 2}))
    assert (quote.bid, quote.bid_quantity, quote.ask, quote.ask_quantity) == (None, D(0), D(1), D("0.0002"))


def candle(t, w=None, *, close="2.5", n="1m_BTC_USDT"):
    row = {"t": t, "o": "2", "h": "3.1", "l": "1.9", "c": close, "v": 40, "a": "0.004", "n": n}
    return push("futures.candlesticks", [row if w is None else row | {"w": w}])


@pytest.mark.parametrize("w", [True, False])
def test_a_candle_says_whether_it_has_ended(w):
    assert one(candle(1_699_999_980, w)) == Candle(
        instrument=BTC,
        interval_s=60,
        ts_open=1_699_999_980 * 10**9,
        open=D(2),
        high=D("3.1"),
        low=D("1.9"),
        close=D("2.5"),
        volume=D("0.004"),
        source=CandleSource.VENUE,
        closed=w,
        ts_event=AT_MS * MS,
        ts_recv=RECV,
    )


def test_a_candle_that_does_not_say_so_ends_when_the_next_begins():
    by = reader()
    assert [c.closed for c in told(candle(1_699_999_980, close="2.5"), by)] == [False]
    assert [c.closed for c in told(candle(1_699_999_980, close="2.6"), by)] == [False]
    ended, begun = told(candle(1_700_000_040, close="2.7"), by)
    assert (ended.ts_open, ended.close, ended.closed) == (1_699_999_980 * 10**9, D("2.6"), True)
    assert (begun.ts_open, begun.close, begun.closed) == (1_700_000_040 * 10**9, D("2.7"), False)


def test_a_candle_that_said_it_ended_is_not_ended_twice():
    by = reader()
    told(candle(1_699_999_980, w=False), by)
    told(candle(1_699_999_980, w=True), by)
    assert [c.closed for c in told(candle(1_700_000_040, w=False), by)] == [False]


def test_candles_of_two_intervals_do_not_end_each_other():
    by = reader()
    told(candle(1_699_999_980), by)
    assert [c.interval_s for c in told(candle(1_700_000_040, n="10s_BTC_USDT"), by)] == [10]


def test_a_candle_whose_stream_broke_off_is_never_told_as_ended():
    by = reader()
    told(candle(1_699_999_980), by)
    by.forget(Topic("futures.candlesticks", ("1m", "BTC_USDT")))
    assert [c.ts_open for c in told(candle(1_700_000_040), by)] == [1_700_000_040 * 10**9]


def test_mark_price_candles_are_not_the_contracts():
    assert told(candle(1_699_999_980, n="1m_mark_BTC_USDT")) == []


@pytest.mark.parametrize(("price", "size"), [("60000.05", "-3.5"), (60000.05, -3.5)], ids=repr)
def test_a_liquidation_of_somebody_else(price, size):
    row = {"contract": "BTC_USDT", "price": price, "size": size, "time": AT_MS // 1000, "time_ms": AT_MS}
    assert one(push("futures.public_liquidates", [row])) == Liquidation(
        instrument=BTC,
        side=Side.SELL,
        price=D("60000.05"),
        quantity=D("0.00035"),
        ts_event=AT_MS * MS,
        ts_recv=RECV,
    )


# Private channels (12.2): numbers with fractions come as JSON numbers


def order_push(**changes):
    """Of the table in 12.2; written as text, lest a float of Python's stand between."""
    fields = {
        "id": "9223372036854775807",
        "text": '"t-a1"',
        "contract": '"BTC_USDT"',
        "size": '"100"',
        "left": '"40.5"',
        "price": "60000.1000000000000001",
        "fill_price": "60000.1234567890123456789",
        "tkfr": "0.0005",
        "mkfr": "-0.00015",
        "status": '"open"',
        "finish_as": '"_new"',
        "create_time_ms": "1700000000000",
        "update_time": str(AT_MS),
        "update_id": "3",
    } | changes
    row = ",".join(f'"{name}":{text}' for name, text in fields.items())
    return f'{{"time":1,"time_ms":1,"channel":"futures.orders","event":"update","result":[{{{row}}}]}}'.encode()


def test_an_order_push_is_exact_to_the_last_digit():
    assert one(order_push()) == OrderReported(
        client_order_id="a1",
        venue_order_id="9223372036854775807",
        state=OrderState.PARTIALLY_FILLED,
        filled_quantity=D("0.00595"),
        average_price=D("60000.1234567890123456789"),
        price=D("60000.1000000000000001"),
        quantity=D("0.01"),
        sequence=3,
        ts_event=AT_MS * MS,
        ts_recv=RECV,
    )


@pytest.mark.parametrize(
    ("fields", "state", "reason"),
    [
        ({"left": "100", "fill_price": "0"}, OrderState.OPEN, None),
        ({"left": "0", "status": '"finished"', "finish_as": '"filled"'}, OrderState.FILLED, None),
        ({"status": '"finished"', "finish_as": '"cancelled"'}, OrderState.CANCELED, None),
        ({"status": '"finished"', "finish_as": '"ioc"'}, OrderState.EXPIRED, None),
        ({"left": "100", "status": '"finished"', "finish_as": '"poc"'}, OrderState.REJECTED, "would_take_liquidity"),
        ({"status": '"finished"', "finish_as": '"liquidated"'}, OrderState.CANCELED, "liquidation"),
        ({"status": '"finished"', "finish_as": '"something new"'}, OrderState.CANCELED, "other"),
    ],
)
def test_the_state_that_an_order_push_tells(fields, state, reason):
    event = one(order_push(**fields))
    assert (event.state, event.reason) == (state, reason and RejectReason(reason))


FILL_PUSH = (
    b'{"time":1,"channel":"futures.usertrades","event":"update","result":[{"id":"3335259","order_id":"4872460",'
    b'"contract":"BTC_USDT","size":"-1.5","price":"60000.4","role":"maker","text":"t-a1",'
    b'"fee":-0.0001350000000000000001,"point_fee":0,"create_time":1700000000,"create_time_ms":1700000000123}]}'
)


def test_a_fill_push_is_exact_and_a_rebate_is_below_zero():
    fill = Fill(
        instrument=BTC,
        trade_id="3335259",
        client_order_id="a1",
        venue_order_id="4872460",
        side=Side.SELL,
        price=D("60000.4"),
        quantity=D("0.00015"),
        fee=D("-0.0001350000000000000001"),
        liquidity=Liquidity.MAKER,
        ts_event=AT_MS * MS,
        ts_recv=RECV,
    )
    assert one(FILL_PUSH) == OrderFilled(
        client_order_id="a1", venue_order_id="4872460", fill=fill, ts_event=AT_MS * MS, ts_recv=RECV
    )


def test_in_hedge_mode_a_fill_push_only_says_that_there_are_fills():
    assert one(FILL_PUSH, reader(hedged=True)) == Notice("fills", "BTC_USDT")


def position_push(**changes):
    fields = {
        "contract": '"BTC_USDT"',
        "size": "-7",
        "entry_price": "60000.1234567890123",
        "leverage": "0",
        "cross_leverage_limit": "20",
        "margin": "0.1",
        "mode": '"single"',
        "realised_pnl": "-0.0000000013",
        "history_pnl": "1.5",
        "liq_price": "65000.5",
        "time": "1700000000",
        "time_ms": str(AT_MS),
        "update_id": "12",
    } | changes
    row = ",".join(f'"{name}":{text}' for name, text in fields.items())
    return f'{{"time":1,"channel":"futures.positions","event":"update","result":[{{{row}}}]}}'.encode()


def test_a_position_push_is_exact():
    assert one(position_push()) == Position(
        instrument=BTC,
        side=PositionSide.NET,
        quantity=D("-0.0007"),
        cost=D("-42.00008641975230861"),  # 0.0007 x 60000.1234567890123
        realized_pnl=D("-0.0000000013"),
        leverage=D(20),
        margin_mode=MarginMode.CROSS,
        liquidation_price=D("65000.5"),
        sequence=12,
        ts_event=AT_MS * MS,
        ts_recv=RECV,
    )


def test_a_position_push_with_a_leverage_is_isolated_and_with_size_0_flat():
    isolated = one(position_push(leverage="5", cross_leverage_limit="0", size='"0.7"'))
    assert (isolated.leverage, isolated.margin_mode, isolated.margin) == (D(5), MarginMode.ISOLATED, D("0.1"))
    assert isolated.quantity == D("0.00007")
    flat = one(position_push(size="0", entry_price="0"))
    assert (flat.is_flat, flat.cost) == (True, 0)


@pytest.mark.parametrize("size", ["-7", "7"])
def test_the_mode_is_the_authority_on_a_shorts_sign(size):
    short = one(position_push(size=size, mode='"dual_short"'))
    assert (short.side, short.quantity) == (PositionSide.SHORT, D("-0.0007"))


def test_a_balance_push_is_a_change_so_the_balance_must_be_asked_for():
    row = {"balance": 9.998739899488, "change": -0.000002074115, "type": "fee", "text": "BTC_USDT:3914424"}
    event = one(push("futures.balances", [row | {"currency": "usdt", "time": 1, "time_ms": AT_MS}]))
    assert event == Notice("balance")
    assert not isinstance(event, Balance)


@pytest.mark.parametrize(
    ("channel", "word"), [("futures.liquidates", "liquidated"), ("futures.auto_deleverages", "deleveraged")]
)
def test_what_the_venue_forces_on_the_account_is_told_to_people(channel, word):
    event = one(push(channel, [{"contract": "BTC_USDT", "size": -100, "fill_price": 60000.5, "order_id": 5}]))
    assert event.kind == "forced"
    assert "gateio:BTC-USDT-PERP" in event.text or BTC.key in event.text
    assert word in event.text


def trigger_push(**changes):
    row = {
        "id": 923456789012345678,
        "id_string": "923456789012345678",
        "initial": {"contract": "BTC_USDT", "size": 0, "amount": "-1.5", "price": "0", "tif": "ioc", "text": "api"},
        "trigger": {"strategy_type": 0, "price_type": 1, "price": "59000", "rule": 2},
        "order_type": "plan-close-long-position",
        "status": "open",
        "trade_id": 0,
        "create_time": 1700000000,
    } | changes
    return push("futures.autoorders", [row])


def test_a_waiting_order_is_reported_under_our_name_for_it():
    event = one(trigger_push(), reader({"trigger:923456789012345678": "a1"}))
    assert isinstance(event, OrderReported)
    assert (event.client_order_id, event.venue_order_id) == ("a1", "trigger:923456789012345678")
    assert (event.state, event.quantity) == (OrderState.OPEN, D("0.00015"))


def test_a_trigger_that_fired_names_the_order_it_became():
    done = {"status": "finished", "finish_as": "succeeded", "trade_id": 36028827892199865, "finish_time": 1700000001}
    event = one(trigger_push(**done), reader({"trigger:923456789012345678": "a1"}))
    assert event == OrderTriggered(
        client_order_id="a1", venue_order_id="36028827892199865", ts_event=1700000001 * 10**9, ts_recv=RECV
    )


def test_a_trigger_that_failed_says_that_the_position_may_be_bare():
    event = one(trigger_push(status="finished", finish_as="failed", reason="insufficient margin"))
    assert (event.state, event.reason) == (OrderState.CANCELED, RejectReason.OTHER)
    assert "insufficient margin" in event.text
    assert "UNPROTECTED" in event.text


@pytest.mark.parametrize(
    "raw",
    [
        push("futures.obu", OBU | {"s": "ob.NEW_USDT.50"}),
        push("futures.order_book_update", {"t": AT_MS, "s": "NEW_USDT", "U": 5, "u": 9}),
        push("futures.trades", [TRADE | {"contract": "NEW_USDT"}]),
        push("futures.tickers", [TICKER | {"contract": "NEW_USDT"}]),
        push("futures.book_ticker", {"t": AT_MS, "u": 9, "s": "NEW_USDT", "b": "1", "B": 1, "a": "2", "A": 1}),
        candle(1_699_999_980, n="1m_NEW_USDT"),
        push("futures.public_liquidates", [{"contract": "NEW_USDT", "price": 1, "size": 1, "time": 1}]),
        order_push(contract='"NEW_USDT"'),
        FILL_PUSH.replace(b"BTC_USDT", b"NEW_USDT"),
        position_push(contract='"NEW_USDT"'),
        trigger_push(initial={"contract": "NEW_USDT"}),
    ],
)
def test_contracts_that_are_not_known_are_left_out(raw):
    assert told(raw) == []


# Acknowledgements, notices, the trading API


def ack(**more):
    return push("futures.obu", {"status": "success"}, event="subscribe", id=7, **more)


def test_an_acknowledgement_is_no_data():
    assert one(ack()) == Ack(id=7, channel="futures.obu")
    assert one(push("futures.obu", {"status": "success"}, event="unsubscribe")) == Ack(id=None, channel="futures.obu")


@pytest.mark.parametrize("code", [1, 2, 3, 4])
def test_a_refusal_has_its_code_and_text(code):
    error = {"code": code, "message": "Alert sub ob.BTC_USDT.50"}
    assert one(ack(error=error)) == Ack(id=7, channel="futures.obu", code=code, message="Alert sub ob.BTC_USDT.50")


def test_a_failure_without_an_error_is_the_servers():
    raw = push("futures.trades", {"status": "fail"}, event="subscribe", id=8)
    assert one(raw) == Ack(id=8, channel="futures.trades", code=3)


def test_an_upgrade_is_noticed():
    raw = push("futures.system", {"type": "upgrade", "msg": "The connection will soon be closed"})
    assert one(raw) == Notice("upgrade", "The connection will soon be closed")
    assert told(push("futures.system", {"type": "outdated_sbe_schema_id", "msg": "x"})) == []


@pytest.mark.parametrize(
    "raw",
    [
        b'{"time":1,"channel":"futures.pong","event":"","result":null}',
        push("futures.a_channel_of_tomorrow", [{"what": "ever"}]),
    ],
)
def test_what_says_nothing_to_us_is_passed_over(raw):
    assert told(raw) == []


def test_received_is_not_done():
    first = b'{"request_id":"5","ack":true,"header":{"status":"200"},"data":{"result":{"req_id":"5"}}}'
    final = (
        b'{"request_id":"5","header":{"response_time":"1700000000123","status":"200","channel":"futures.order_place",'
        b'"event":"api","client_id":"x","x_in_time":1},"data":{"result":{"id":36028827892199865,"tkfr":0.0005}}}'
    )
    assert (one(first).request_id, one(first).is_final) == ("5", False)
    reply = one(final)
    assert isinstance(reply, ApiReply)
    assert (reply.request_id, reply.is_final, reply.status) == ("5", True, 200)
    assert reply.data["result"] == {"id": 36028827892199865, "tkfr": D("0.0005")}


def test_a_refusal_of_the_trading_api_has_label_and_message():
    raw = (
        b'{"request_id":"6","header":{"status":"401"},'
        b'"data":{"errs":{"label":"AUTHENTICATION_FAILED","message":"Not login"}}}'
    )
    reply = one(raw)
    assert (reply.status, reply.is_final) == (401, True)
    assert reply.data == {"errs": {"label": "AUTHENTICATION_FAILED", "message": "Not login"}}


@pytest.mark.parametrize(
    "raw",
    [
        b'{"request_id":"5","ack":true,"header":{"status":"200"},"data":{"result":{"req_id":"5"}}}',
        b'{"request_id":5,"ack":false,"header":{"status":200},"data":{"result":{"size":1,"tkfr":0.0005}}}',
        b'{"data":{"errs":{"label":"X","message":"no"}},"header":{"status":"400"},"request_id":"6"}',
        b'{"request_id":"7","header":{"status":"200"},"data":null}',
    ],
)
def test_an_answer_is_read_at_once_as_it_is_the_common_way(raw):
    assert Reader({}.get, {}.get).read_reply(raw) == one(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"time":1,"channel":"futures.orders","event":"update","result":[]}',
        b'{"channel":"x","request_id":"5","header":{"status":"200"},"data":{}}',
        b'{"header":{"status":"200"},"data":{}}',
        b'{"request_id":"5","header":null,"data":{}}',
        b'{"request_id":"5","header":{},"data":{}}',
        b'{"request_id":"5","header":{"status":"ok"},"data":{}}',
        b'{"request_id":"5","header":"header","data":{}}',
        b'{"request_id":"5","header":{"status":"200"},"data":[1]}',
        b'{"request_id":"5","header":{"status":"200"},"data":{"errs":"no"}}',
        b'{"request_id":"5","header":{"status":"200"},"data":{"n":1e999999999}}',
        b'{"request_id":"5","header":{"status":"200"},"data":{}',
        b'["header"]',
        b'"header"',
    ],
)
def test_what_is_no_plain_answer_is_left_to_the_common_way(raw):
    assert Reader({}.get, {}.get).read_reply(raw) is None


# Garbage


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html>502 Bad Gateway</html>",
        b"[]",
        b'"header"',
        b"17",
        b"null",
        b'{"channel":["futures.obu"],"result":{}}',
        b'{"request_id":"5","header":{}}',
        b'{"header":{"status":"ok"}}',
        b'{"header":{"status":"200"},"data":[1]}',
        b'{"header":{"status":"200"},"data":{"errs":"no"}}',
        ack(error={"message": "no code"}),
        ack(error="text"),
        push("futures.obu", {"status": "success"}, event="subscribe", id=[1]),
        push("futures.obu", OBU | {"U": "119"}),
        push("futures.obu", OBU | {"U": 1, "u": 120.5}),
        push("futures.obu", OBU | {"full": True, "t": "soon"}),
        push("futures.obu", OBU | {"full": True, "s": "BTC_USDT"}),
        push("futures.obu", {"t": AT_MS}),
        push("futures.trades", [TRADE], time_ms="1700000000123"),
        push("futures.trades", [TRADE | {"size": "many"}]),
        push("futures.trades", ["BTC_USDT"]),
        push("futures.order_book_update", {"t": AT_MS, "s": "BTC_USDT", "U": 5, "u": 9, "b": [["1", "2"]]}),
        push("futures.tickers", [TICKER | {"last": "NaN"}]),
        push("futures.tickers", [TICKER | {"last": 1.5}]),
        push("futures.book_ticker", {"s": "BTC_USDT"}),
        candle(1_699_999_980, n="2m_BTC_USDT"),
        order_push(size='"lots"'),
        position_push(mode='"triple"'),
        position_push(entry_price="1e99999999999999999999"),
        FILL_PUSH.replace(b'"-1.5"', b'"0"'),
        trigger_push(initial={"contract": "BTC_USDT", "amount": "x"}),
    ],
)
def test_what_cannot_be_read_is_told_with_its_bytes(raw):
    assert "cannot be read" in unreadable(raw).text


def test_what_can_be_read_before_the_fault_is_told():
    by, found = reader(), []
    with pytest.raises(VenueProtocolError):
        found.extend(by.read(push("futures.trades", [TRADE, TRADE | {"id": 2, "price": "x"}]), RECV))
    stream = reader().read(push("futures.trades", [TRADE, TRADE | {"id": 2, "price": "x"}]), RECV)
    assert next(stream).trade_id == "27753479"


def bytes_of_the_fault(raw):
    try:
        told(raw)
    except VenueProtocolError as error:
        return error.raw
    return raw


@given(st.binary())
def test_no_bytes_raise_anything_else(raw):
    assert bytes_of_the_fault(raw) == raw


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["BTC_USDT", "1", "0.5"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)
# fmt: off
_names = [
    "contract", "n", "s", "t", "u", "U", "b", "a", "B", "A", "p", "c", "o", "h", "l", "v", "w", "full", "size",
    "left", "price", "status", "finish_as", "id", "id_string", "text", "mode", "leverage", "entry_price", "time",
    "time_ms", "create_time", "create_time_ms", "update_time", "update_id", "order_id", "fee", "role", "last",
    "funding_rate", "funding_next_apply", "initial", "trigger", "order_type", "amount", "trade_id", "type", "msg",
    "error", "header", "data", "request_id", "ack", "event",
]
# fmt: on
_rows = st.dictionaries(st.sampled_from(_names), _json, max_size=10).map(lambda row: {"contract": "BTC_USDT"} | row)
_channels = st.sampled_from(sorted(reader()._handlers))


@given(
    channel=_channels,
    result=_json | _rows | st.lists(_rows, max_size=2),
    more=st.dictionaries(st.sampled_from(["error", "id", "event", "time_ms", "header"]), _json, max_size=1),
)
def test_no_json_on_any_channel_raises_anything_else(channel, result, more):
    raw = json.dumps({"channel": channel, "event": "update", "result": result} | more).encode()
    assert bytes_of_the_fault(raw) == raw


# Frames


@pytest.mark.parametrize(
    ("wish", "updates", "topic"),
    [
        ({"channel": Channel.BOOK}, False, ("futures.obu", "ob.BTC_USDT.50")),
        ({"channel": Channel.BOOK, "depth": 50}, False, ("futures.obu", "ob.BTC_USDT.50")),
        ({"channel": Channel.BOOK, "depth": 51}, False, ("futures.obu", "ob.BTC_USDT.400")),
        ({"channel": Channel.BOOK}, True, ("futures.order_book_update", "BTC_USDT", "100ms", "100")),
        ({"channel": Channel.TRADES}, False, ("futures.trades", "BTC_USDT")),
        ({"channel": Channel.TICKER}, True, ("futures.tickers", "BTC_USDT")),
        ({"channel": Channel.FUNDING}, False, ("futures.tickers", "BTC_USDT")),
        ({"channel": Channel.QUOTES}, False, ("futures.book_ticker", "BTC_USDT")),
        ({"channel": Channel.LIQUIDATIONS}, False, ("futures.public_liquidates", "BTC_USDT")),
        ({"channel": Channel.CANDLES, "interval_s": 60}, False, ("futures.candlesticks", "1m", "BTC_USDT")),
        ({"channel": Channel.CANDLES, "interval_s": 604800}, False, ("futures.candlesticks", "7d", "BTC_USDT")),
    ],
    ids=str,
)
def test_every_channel_has_its_topic_and_its_frames(wish, updates, topic):
    made = topic_of(Subscription(instrument=BTC, **wish), updates=updates)
    assert made == Topic(topic[0], topic[1:])
    assert json.loads(frame(made, "subscribe", time_s=1541993715, number=3)) == {
        "time": 1541993715,
        "id": 3,
        "channel": topic[0],
        "event": "subscribe",
        "payload": list(topic[1:]),
    }
    short = topic[0] == "futures.order_book_update"  # "Unsubscribe with [contract, freq]"
    left = json.loads(frame(made, "unsubscribe", time_s=1541993715, number=4))
    assert left["event"] == "unsubscribe"
    assert left["payload"] == (["BTC_USDT", "100ms"] if short else list(topic[1:]))


@pytest.mark.parametrize("interval_s", [None, 0, 120])
def test_an_interval_that_the_venue_has_not_is_refused(interval_s):
    wish = Subscription(channel=Channel.CANDLES, instrument=BTC, interval_s=interval_s)
    with pytest.raises(ValueError, match=f"interval_s: found {interval_s}; allowed are .*60"):
        topic_of(wish, updates=False)


def test_private_topics_name_the_user_and_all_contracts():
    asked = {topic.channel: list(topic.payload) for topic in private_topics("110284739")}
    both = ["110284739", "!all"]
    assert asked == {
        "futures.orders": both,
        "futures.usertrades": both,
        "futures.positions": both,
        "futures.autoorders": both,
        "futures.liquidates": both,
        "futures.auto_deleverages": both,
        "futures.balances": ["110284739"],
    }


def test_a_private_frame_carries_the_signature_of_its_own_event_and_time():
    topic = private_topics("110284739")[0]
    auth = channel_auth("key", Secret("secret"), channel=topic.channel, event="subscribe", time_s=1541993715)
    sent = json.loads(frame(topic, "subscribe", time_s=1541993715, number=1, auth=auth))
    assert sent["auth"] == {  # the vector of 3.2
        "method": "api_key",
        "KEY": "key",
        "SIGN": "4cdab02f21aba635fce8684a050806325cb4aa74a93d00c39f2084da73614d2e"
        "1d25878ca7c9ebcbde9541cddfc5ae36b1ccde10982eb82fd09f7a30a6d43d84",
    }
    assert (sent["channel"], sent["event"], sent["time"]) == ("futures.orders", "subscribe", 1541993715)


def test_an_inverse_contract_counts_in_dollars():
    usd = evolve(
        BTC, symbol="BTC-USD-PERP", venue_symbol="BTC_USD", quote="USD", settle="BTC", kind=ContractKind.INVERSE,
        contract_size=D(1), depth_unit=D(1), quantity_step=D(1), min_quantity=D(1),
    )  # fmt: skip
    by = Reader({"BTC_USD": usd}.get, {}.get)
    assert one(push("futures.trades", [TRADE | {"contract": "BTC_USD", "size": -15}]), by).quantity == D(15)


# The rules of both books (13.1, 13.2), after a snapshot with id 100


@pytest.mark.parametrize(
    ("updates", "first_id", "last_id", "action"),
    [
        (True, 101, 105, Action.APPLY),
        (True, 90, 101, Action.APPLY),  # U <= id + 1 <= u
        (True, 90, 100, Action.DROP),
        (True, 102, 105, Action.RESYNC),
        (False, 101, 105, Action.APPLY),
        (False, 100, 105, Action.RESYNC),  # U == id + 1 exactly
        (False, 90, 100, Action.DROP),
        (False, 102, 105, Action.RESYNC),
    ],
)
def test_which_delta_may_follow(updates, first_id, last_id, action):
    keeper = BookKeeper(BTC, depth_rule(BTC, updates=updates))
    keeper.on_snapshot(BookSnapshot(instrument=BTC, bids=[("1", "1")], asks=[("2", "1")], last_id=100))
    # An earlier delta, so that the one in question is not the first after the snapshot.
    keeper.on_delta(BookDelta(instrument=BTC, bids=[], asks=[], first_id=101, last_id=110))
    delta = BookDelta(instrument=BTC, bids=[], asks=[], first_id=first_id + 10, last_id=last_id + 10)
    assert keeper.on_delta(delta) is action


@pytest.mark.parametrize(
    ("updates", "last_id", "action"),
    [(True, 99, Action.DROP), (True, 101, Action.APPLY), (False, 99, Action.APPLY), (False, 101, Action.APPLY)],
)
def test_which_full_push_replaces_a_book(updates, last_id, action):
    keeper = BookKeeper(BTC, depth_rule(BTC, updates=updates))
    full = BookSnapshot(instrument=BTC, bids=[("1", "1")], asks=[("2", "1")], last_id=100)
    keeper.on_snapshot(full)
    assert keeper.on_snapshot(evolve(full, last_id=last_id)) is action


@pytest.mark.parametrize(("updates", "action"), [(True, Action.BUFFER), (False, Action.DROP)])
def test_before_the_snapshot_a_delta_waits_only_where_the_snapshot_is_asked_for(updates, action):
    keeper = BookKeeper(BTC, depth_rule(BTC, updates=updates))
    assert keeper.on_delta(BookDelta(instrument=BTC, bids=[], asks=[], first_id=1, last_id=2)) is action


def test_only_a_book_by_updates_is_trimmed_to_the_levels_subscribed():
    assert depth_rule(BTC, updates=False).depth is None
    assert depth_rule(BTC, updates=True).depth == 100
