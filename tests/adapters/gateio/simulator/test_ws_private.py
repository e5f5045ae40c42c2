"""The private channels: what is pushed, in which types (chapters 7.4, 12.2 and 12.3)."""

import hashlib
import hmac

import pytest

from anyvenue.model.enums import PositionMode
from anyvenue_gateio.simulator.quirks import Quirks


@pytest.fixture
def room(backstage):
    return prepared(backstage(Quirks()))


def prepared(b):
    b.depth_is([("59999.9", "100000")], [("60000.1", "100000")])
    b.trade("60000")
    b.mark("60000", "60000")
    return b


def listening(b, channel, contract="!all", **options):
    wire = b.wire(**options)
    payload = [b.user] if channel == "futures.balances" else [b.user, contract]
    (ack,) = wire.say(b.signed(channel, payload))
    assert ack["result"] == {"status": "success"}
    return wire


def rows(wire, channel):
    return [row for result in wire.results(channel) for row in result]


@pytest.mark.parametrize("word", ["_new", "open"])
def test_a_resting_order_is_pushed_with_numbers_for_prices_and_milliseconds(backstage, word):
    b = prepared(backstage(Quirks(resting_word=word)))
    wire = listening(b, "futures.orders")
    number = b.order(size=10, price="59000.5", text="t-a")
    (row,) = rows(wire, "futures.orders")
    assert row["id"] == number
    assert (row["status"], row["finish_as"]) == ("open", word)
    assert (row["price"], row["fill_price"]) == (59000.5, 0)
    assert (row["tkfr"], row["mkfr"]) == (0.0005, 0.0002)
    assert (row["size"], row["left"], row["iceberg"]) == ("10", "10", "0")
    assert (row["contract"], row["text"], row["tif"], row["user"]) == ("BTC_USDT", "t-a", "gtc", b.user)
    assert (row["create_time"], row["create_time_ms"]) == (1704067200, 1704067200000)
    assert (row["update_time"], row["finish_time_ms"]) == (1704067200000, 0)
    assert {"update_id", "biz_info", "stop_profit_price", "stop_loss_price"} <= set(row)


def test_sizes_are_whole_numbers_without_the_header_of_the_upgrade(room):
    wire = listening(room, "futures.orders", decimal=False)
    room.order(size=10, price="59000")
    (row,) = rows(wire, "futures.orders")
    assert (row["size"], row["left"], row["iceberg"]) == (10, 10, 0)


def test_amend_and_cancel_are_pushed_with_a_higher_update_id(room):
    wire = listening(room, "futures.orders")
    number = str(room.order(size=10, price="59000"))
    room.do(lambda: room.desk.amend("alice", "usdt", number, {"price": "58000"}))
    room.wait("1.5")
    room.do(lambda: room.desk.cancel("alice", "usdt", number))
    first, second, third = rows(wire, "futures.orders")
    assert first["update_id"] < second["update_id"] < third["update_id"]
    assert second["price"] == 58000
    assert (third["status"], third["finish_as"], third["left"]) == ("finished", "cancelled", "10")
    assert (third["finish_time"], third["finish_time_ms"]) == (1704067201, 1704067201500)


def test_a_fill_is_pushed_as_a_finished_order_and_as_a_trade(room):
    wire = listening(room, "futures.orders")
    wire.say(room.signed("futures.usertrades", [room.user, "BTC_USDT"]))
    number = room.order(size=-10, price="0", tif="ioc", text="t-b")
    order = rows(wire, "futures.orders")[-1]
    assert (order["status"], order["finish_as"], order["left"]) == ("finished", "filled", "0")
    assert order["fill_price"] == 59999.9
    (trade,) = rows(wire, "futures.usertrades")
    # 10 contracts of 0.0001 BTC at 59999.9 are 59.9999 USDT, the taker's fee 0.0005 of that
    assert trade == {
        "id": trade["id"],
        "order_id": str(number),
        "contract": "BTC_USDT",
        "size": "-10",
        "price": "59999.9",
        "role": "taker",
        "text": "t-b",
        "fee": 0.02999995,
        "point_fee": 0,
        "create_time": 1704067200,
        "create_time_ms": 1704067200000,
    }
    assert isinstance(trade["id"], str)


def test_a_position_is_pushed_with_numbers_and_a_size_of_0_when_it_is_closed(room):
    wire = listening(room, "futures.positions", "BTC_USDT")
    room.order(size=10, price="0", tif="ioc")
    room.order(size=-10, price="0", tif="ioc")
    opened, closed = rows(wire, "futures.positions")
    assert (opened["size"], opened["entry_price"], opened["mode"]) == ("10", 60000.1, "single")
    assert (opened["leverage"], opened["cross_leverage_limit"]) == (0, 10)
    assert (opened["time"], opened["time_ms"]) == (1704067200, 1704067200000)
    assert (closed["size"], closed["entry_price"]) == ("0", 0)
    assert closed["update_id"] > opened["update_id"]
    # 0.001 BTC lost 0.2 a BTC, and fees of 0.0005 of 60.0001 and of 59.9999
    assert closed["history_pnl"] == pytest.approx(-0.0002 - 0.06, abs=1e-12)


def test_the_short_side_of_a_hedge_is_a_row_of_its_own(room):
    room.do(lambda: room.accounts.set_mode("alice", PositionMode.HEDGE))
    wire = listening(room, "futures.positions")
    room.order(size=10, price="0", tif="ioc")
    room.order(size=-4, price="0", tif="ioc")
    assert [(row["mode"], row["size"]) for row in rows(wire, "futures.positions")] == [
        ("dual_long", "10"),
        ("dual_short", "-4"),
    ]


def test_each_change_of_money_is_a_row_with_the_balance_behind_it(room):
    wire = listening(room, "futures.balances")
    number = room.order(size=10, price="0", tif="ioc")
    (fee,) = rows(wire, "futures.balances")
    # 60.0001 USDT at 0.0005, of 100000
    assert (fee["type"], fee["change"], fee["balance"]) == ("fee", -0.03000005, 99999.96999995)
    assert (fee["text"], fee["currency"], fee["time_ms"]) == (f"BTC_USDT:{number}", "usdt", 1704067200000)
    room.do(room.stage.steering("BTC-USDT-PERP").settle_now)
    fund = rows(wire, "futures.balances")[-1]
    # a long of 60 USDT at the mark price pays 0.0001 of it
    assert (fund["type"], fund["change"]) == ("fund", -0.006)


def test_a_closed_position_is_told_with_its_profit(room):
    wire = listening(room, "futures.position_closes")
    room.order(size=-10, price="0", tif="ioc")
    room.order(size=10, price="0", tif="ioc", text="t-close")
    (row,) = rows(wire, "futures.position_closes")
    assert (row["contract"], row["side"], row["text"]) == ("BTC_USDT", "short", "t-close")
    assert row["pnl"] == pytest.approx(-0.0002 - 0.06, abs=1e-12)


def test_a_liquidation_is_told_to_its_owner_and_to_the_public(room):
    wire = listening(room, "futures.liquidates")
    wire.say(room.signed("futures.orders", [room.user, "!all"]))
    public = room.wire()
    public.subscribe("futures.public_liquidates", ["!all"])
    # 10 BTC bought at 60000.1 with 100000 USDT are worth less than their maintenance margin at 50000
    room.order(size=150000, price="60010")
    room.mark("50000")
    (row,) = rows(wire, "futures.liquidates")
    assert (row["contract"], row["size"]) == ("BTC_USDT", "100000")
    last = rows(wire, "futures.orders")[-1]
    assert (last["is_liq"], last["finish_as"]) == (True, "liquidated")
    assert rows(public, "futures.public_liquidates")[0]["size"] == "100000"


def test_the_life_of_a_trigger_order_is_pushed(room):
    wire = listening(room, "futures.autoorders")
    body = {
        "initial": {"contract": "BTC_USDT", "size": 10, "price": "0", "tif": "ioc"},
        "trigger": {"strategy_type": 0, "price_type": 0, "price": "61000", "rule": 1},
    }
    room.do(lambda: room.triggers.create("alice", "usdt", body))
    room.trade("61000")
    first, second = rows(wire, "futures.autoorders")
    assert (first["status"], first["name"], first["trade_id"]) == ("open", "price_autoorders", 0)
    assert (second["status"], second["finish_as"]) == ("finished", "succeeded")
    assert second["trade_id"] > 2**53


@pytest.mark.parametrize("first", [True, False])
def test_the_push_of_a_new_order_comes_before_or_after_the_final_reply(backstage, first):
    b = prepared(backstage(Quirks(push_before_reply=first)))
    wire = listening(b, "futures.orders")
    stamp = str(b.now_s)
    text = f"api\nfutures.login\n\n{stamp}"
    sign = hmac.new(b.key.secret.reveal().encode(), text.encode(), hashlib.sha512).hexdigest()
    login = {"api_key": b.key.key, "signature": sign, "timestamp": stamp, "req_id": "1"}
    wire.say({"time": b.now_s, "channel": "futures.login", "event": "api", "payload": login})
    param = {"contract": "BTC_USDT", "size": "10", "price": "59000"}
    payload = {"req_id": "2", "req_param": param}
    frames = wire.say({"time": b.now_s, "channel": "futures.order_place", "event": "api", "payload": payload})
    assert ["result" in frame for frame in frames] == [False, first, not first]


@pytest.mark.parametrize("contract", ["ETH_USDT", "BTC_USDT"])
def test_only_the_contract_that_was_asked_for_is_told(room, contract):
    wire = listening(room, "futures.orders", contract)
    room.order(size=10, price="59000")
    assert len(rows(wire, "futures.orders")) == (contract == "BTC_USDT")


def test_nobody_hears_of_another_account_or_after_an_unsubscribe(room):
    wire = listening(room, "futures.orders")
    body = {"contract": "BTC_USDT", "size": "5", "price": "58000"}
    room.do(lambda: room.desk.create("bob", "usdt", body))
    assert rows(wire, "futures.orders") == []
    wire.say(room.signed("futures.orders", [room.user, "!all"], event="unsubscribe"))
    room.order(size=10, price="59000")
    assert rows(wire, "futures.orders") == []


def test_a_login_does_not_open_private_channels_and_each_needs_its_own_auth(room):
    wire = listening(room, "futures.orders")
    frame = {**room.signed("futures.usertrades", [room.user, "!all"]), "auth": None}
    assert wire.say(frame)[0]["error"]["code"] == 4


@pytest.mark.parametrize(
    "channel", ["futures.auto_deleverages", "futures.reduce_risk_limits", "futures.position_adl_rank"]
)
def test_channels_on_which_nothing_happens_are_acked_and_silent(room, channel):
    wire = listening(room, channel)
    room.order(size=10, price="0", tif="ioc")
    assert rows(wire, channel) == []
