"""Trigger orders: the forms of chapter 8.1, and their life of chapter 8.2."""

from decimal import Decimal

import pytest

from anyvenue.model.enums import PositionMode
from anyvenue_gateio.simulator.quirks import Quirks
from anyvenue_gateio.simulator.refusal import Refused


@pytest.fixture
def room(backstage):
    return prepared(backstage())


def prepared(b):
    """A deep book at 60000, where last, mark and index are all 60000."""
    b.depth_is([("59999.9", "100000")], [("60000.1", "100000")])
    b.trade("60000")
    b.mark("60000", "60000")
    return b


def body(initial=None, trigger=None, order_type=None):
    whole = {
        "initial": {"contract": "BTC_USDT", "size": 10, "price": "0", "tif": "ioc", **(initial or {})},
        "trigger": {"strategy_type": 0, "price_type": 0, "price": "61000", "rule": 1, **(trigger or {})},
    }
    return whole if order_type is None else {**whole, "order_type": order_type}


def create(b, *parts, **named):
    return b.triggers.create("alice", "usdt", body(*parts, **named))["id_string"]


def get(b, number):
    return b.triggers.get("alice", "usdt", number)


def position(b, side=None):
    rows = b.stage.exchange.positions("alice")
    return sum(row.quantity for row in rows) / Decimal("0.0001")


def label_of(b, *parts, **named):
    with pytest.raises(Refused) as caught:
        create(b, *parts, **named)
    assert b.triggers.list("alice", "usdt", "open") == []
    return caught.value.label


def test_the_answer_is_an_id_as_a_number_beyond_2_to_the_53_and_as_a_text(room):
    answer = room.triggers.create("alice", "usdt", body())
    assert set(answer) == {"id", "id_string"}
    assert answer["id"] > 2**53
    assert answer["id_string"] == str(answer["id"])


def test_a_trigger_order_is_told_as_gate_tells_it(room):
    told = get(room, create(room, {"text": "api"}, {"expiration": 86400}))
    assert told["user"] == room.accounts.user_id("alice")
    assert {k: told["initial"][k] for k in ("contract", "size", "amount", "price", "tif", "text")} == {
        "contract": "BTC_USDT",
        "size": 10,
        "amount": "10",
        "price": "0",
        "tif": "ioc",
        "text": "api",
    }
    assert told["trigger"] == {"strategy_type": 0, "price_type": 0, "price": "61000", "rule": 1, "expiration": 86400}
    assert (told["status"], told["finish_as"], told["trade_id"], told["me_order_id"]) == ("open", "", 0, 0)
    assert told["create_time"] == 1704067200.0


# price_type 0 last, 1 mark, 2 index


@pytest.mark.parametrize("rule", [1, 2])
@pytest.mark.parametrize("price_type", [0, 1, 2])
def test_it_fires_at_its_price_and_not_before_and_looks_at_its_own_price_only(room, rule, price_type):
    level, near, passed = ("61000", "60999.9", "61000.1") if rule == 1 else ("59000", "59000.1", "58999.9")
    number = create(room, None, {"price": level, "rule": rule, "price_type": price_type})
    tell = {
        0: room.trade,
        1: lambda price: room.mark(price, "60000"),
        2: lambda price: room.mark("60000", price),
    }
    for other in (0, 1, 2):
        tell[other](near if other == price_type else passed)
        assert get(room, number)["status"] == "open"
        if other == 1:
            room.mark("60000", "60000")
    tell[price_type](level)
    done = get(room, number)
    assert (done["status"], done["finish_as"]) == ("finished", "succeeded")
    child = room.desk.get("alice", "usdt", str(done["trade_id"]))
    assert (child.size, child.finish_as) == (Decimal(10), "filled")
    assert position(room) == 10
    assert done["finish_time"] == 1704067200.0


@pytest.mark.parametrize(
    ("rule", "price", "label"),
    [
        (1, "60000", "AUTO_TRIGGER_PRICE_LESS_LAST"),
        (1, "59999", "AUTO_TRIGGER_PRICE_LESS_LAST"),
        (2, "60000", "AUTO_TRIGGER_PRICE_GREATE_LAST"),
        (2, "60001", "AUTO_TRIGGER_PRICE_GREATE_LAST"),
    ],
)
@pytest.mark.parametrize("price_type", [0, 1, 2])
def test_a_level_that_has_been_passed_already_is_refused(room, rule, price, label, price_type):
    assert label_of(room, None, {"rule": rule, "price": price, "price_type": price_type}) == label


@pytest.mark.parametrize(
    ("initial", "trigger", "order_type", "label"),
    [
        ({}, {"rule": 3}, None, "AUTO_INVALID_PARAM_TRIGGER_RULE"),
        ({}, {"rule": None}, None, "AUTO_INVALID_PARAM_TRIGGER_RULE"),
        ({}, {"price": "0"}, None, "AUTO_INVALID_PARAM_PRICE"),
        ({}, {"price": "much"}, None, "AUTO_INVALID_PARAM_PRICE"),
        ({}, {"price": "61000.05"}, None, "AUTO_INVALID_PARAM_PRICE"),
        ({"tif": "gtc"}, {}, None, "AUTO_INVALID_PARAM_PRICE"),
        ({"price": "-1"}, {}, None, "AUTO_INVALID_PARAM_PRICE"),
        ({"price": "61000", "tif": "poc"}, {}, None, "INVALID_PARAM_VALUE"),
        ({"size": 0}, {}, None, "AUTO_INVALID_PARAM_CLOSE"),
        ({"size": 5, "close": True}, {}, None, "AUTO_INVALID_PARAM_CLOSE"),
        ({"size": 0, "auto_size": "close_long", "reduce_only": True}, {}, None, "AUTO_INVALID_PARAM_CLOSE"),
        ({}, {"expiration": -1}, None, "AUTO_INVALID_PARAM_TRIGGER_EXPIRATION"),
        ({}, {"expiration": "1d"}, None, "AUTO_INVALID_PARAM_TRIGGER_EXPIRATION"),
        ({}, {"strategy_type": 1}, None, "INVALID_PARAM_VALUE"),
        ({}, {"price_type": 3}, None, "INVALID_PARAM_VALUE"),
        ({}, {}, "close-long-order", "AUTO_INVALID_PARAM_ORDER_TYPE"),
        ({}, {}, "close-short-order", "AUTO_INVALID_PARAM_ORDER_TYPE"),
        ({}, {}, "close-everything", "AUTO_INVALID_PARAM_ORDER_TYPE"),
        ({"reduce_only": True}, {}, "plan-close-long-position", "AUTO_INVALID_PARAM_ORDER_TYPE"),
        ({"size": -10}, {}, "plan-close-long-position", "AUTO_INVALID_PARAM_CLOSE"),
        ({"size": -10, "reduce_only": True}, {}, "close-long-position", "AUTO_INVALID_PARAM_CLOSE"),
        ({"contract": "NOTHING_USDT"}, {}, None, "CONTRACT_NOT_FOUND"),
        ({"size": 1.5}, {}, None, "INVALID_PARAM_VALUE"),
    ],
)
def test_a_form_that_gate_does_not_take_is_refused(room, initial, trigger, order_type, label):
    assert label_of(room, initial, trigger, order_type=order_type) == label


def test_amount_wins_over_size_and_may_be_fractional(room):
    initial = {"contract": "ETH_USDT", "size": 7, "amount": "1.5", "price": "3000", "tif": "gtc"}
    told = get(room, room.triggers.create("alice", "usdt", body(initial, {"price": "5000"}))["id_string"])
    assert (told["initial"]["amount"], told["initial"]["size"]) == ("1.5", 1)


# The table of modes


def hold(b, size, **more):
    b.order(size=size, price="0", tif="ioc", **more)


@pytest.mark.parametrize(("size", "word", "rule", "level"), [(30, "long", 2, "59000"), (-30, "short", 1, "61000")])
def test_one_way_close_all_closes_the_whole_position(room, size, word, rule, level):
    hold(room, size)
    initial = {"size": 0, "close": True, "reduce_only": True}
    number = create(room, initial, {"rule": rule, "price": level}, order_type=f"close-{word}-position")
    room.trade(level)
    assert get(room, number)["finish_as"] == "succeeded"
    assert position(room) == 0


@pytest.mark.parametrize(("size", "word", "rule", "level"), [(30, "long", 2, "59000"), (-30, "short", 1, "61000")])
def test_one_way_part_closes_so_much(room, size, word, rule, level):
    hold(room, size)
    part = -10 if size > 0 else 10
    initial = {"size": part, "close": False, "reduce_only": True}
    number = create(room, initial, {"rule": rule, "price": level}, order_type=f"plan-close-{word}-position")
    room.trade(level)
    assert get(room, number)["finish_as"] == "succeeded"
    assert position(room) == size + part


@pytest.fixture
def hedged(room):
    room.do(lambda: room.accounts.set_mode("alice", PositionMode.HEDGE))
    hold(room, 30)
    hold(room, -20)
    return room


@pytest.mark.parametrize(("word", "rule", "level", "left"), [("long", 2, "59000", -20), ("short", 1, "61000", 30)])
def test_dual_close_all_closes_one_side(hedged, word, rule, level, left):
    initial = {"size": 0, "close": False, "reduce_only": True, "auto_size": f"close_{word}"}
    number = create(hedged, initial, {"rule": rule, "price": level}, order_type=f"close-{word}-position")
    hedged.trade(level)
    assert get(hedged, number)["finish_as"] == "succeeded"
    assert position(hedged) == left


@pytest.mark.parametrize(("word", "part", "left"), [("long", -10, 0), ("short", 10, 20)])
def test_dual_part_closes_so_much_of_one_side(hedged, word, part, left):
    number = create(hedged, {"size": part, "reduce_only": True}, order_type=f"plan-close-{word}-position")
    hedged.trade("61000")
    assert get(hedged, number)["finish_as"] == "succeeded"
    assert position(hedged) == left  # 30 - 20 before


@pytest.mark.parametrize(
    ("initial", "label"),
    [
        ({"size": 0, "close": True, "reduce_only": True}, "AUTO_INVALID_PARAM_CLOSE"),
        ({"size": 0, "auto_size": "close_long", "reduce_only": False}, "AUTO_INVALID_PARAM_CLOSE"),
        ({"size": 0, "auto_size": "close_short", "reduce_only": True}, "AUTO_INVALID_PARAM_ORDER_TYPE"),
    ],
)
def test_dual_mode_refuses_what_it_has_another_form_for(hedged, initial, label):
    assert label_of(hedged, initial, order_type="close-long-position") == label


# Life


def test_a_close_of_a_position_that_is_gone_fails_and_says_why(room):
    hold(room, 30)
    initial = {"size": 0, "close": True, "reduce_only": True}
    number = create(room, initial, {"rule": 2, "price": "59000"}, order_type="close-long-position")
    hold(room, -40)  # now a short of 10
    room.trade("59000")
    told = get(room, number)
    assert (told["status"], told["finish_as"], told["reason"]) == ("finished", "failed", "POSITION_EMPTY")
    assert told["trade_id"] == 0
    assert position(room) == -10


def test_a_child_that_the_desk_refuses_makes_it_fail_with_that_label(room):
    number = create(room, {"size": -10, "reduce_only": True})
    room.trade("61000")
    assert (get(room, number)["finish_as"], get(room, number)["reason"]) == ("failed", "INCREASE_POSITION")


def test_it_stands_in_its_own_list_until_it_fires(room):
    number = create(room, {"size": 10, "price": "60500", "tif": "gtc"})
    assert room.desk.open_orders("alice", "usdt") == []
    assert [row["id_string"] for row in room.triggers.list("alice", "usdt", "open")] == [number]
    room.do(lambda: room.desk.cancel_all("alice", "usdt", "BTC_USDT"))
    assert get(room, number)["status"] == "open"
    room.depth_is([("59999.9", "100000")], [("70000", "1")])
    room.trade("61000")
    (child,) = room.desk.open_orders("alice", "usdt")
    assert (child.number, child.price) == (get(room, number)["trade_id"], Decimal(60500))
    assert room.triggers.list("alice", "usdt", "open") == []
    assert [row["id_string"] for row in room.triggers.list("alice", "usdt", "finished")] == [number]


def test_it_expires_after_its_seconds(room):
    number = create(room, None, {"expiration": 60})
    room.wait("59.9")
    assert get(room, number)["status"] == "open"
    room.wait("0.1")
    assert (get(room, number)["status"], get(room, number)["finish_as"]) == ("finished", "expired")
    room.trade("61000")
    assert position(room) == 0


@pytest.mark.parametrize("takes", [True, False])
def test_a_stop_of_a_position_with_an_expiration_is_taken_or_refused(backstage, takes):
    b = prepared(backstage(Quirks(expiring_protection=takes)))
    initial, trigger = {"size": 0, "close": True}, {"expiration": 60}
    if takes:
        assert create(b, initial, trigger, order_type="close-long-position")
    else:
        label = label_of(b, initial, trigger, order_type="close-long-position")
        assert label == "AUTO_INVALID_PARAM_TRIGGER_EXPIRATION"


def test_a_canceled_one_does_not_fire_and_cannot_be_canceled_again(room):
    number = create(room)
    assert room.triggers.cancel("alice", "usdt", number)["finish_as"] == "cancelled"
    room.trade("61000")
    assert position(room) == 0
    with pytest.raises(Refused, match="ORDER_FINISHED"):
        room.triggers.cancel("alice", "usdt", number)


@pytest.mark.parametrize(("account", "settle"), [("bob", "usdt"), ("alice", "btc")])
def test_only_its_owner_finds_it_in_its_settle(room, account, settle):
    number = create(room)
    with pytest.raises(Refused, match="404 ORDER_NOT_FOUND"):
        room.triggers.get(account, settle, number)


def test_all_of_one_contract_are_canceled(room):
    btc = create(room)
    eth = create(room, {"contract": "ETH_USDT"}, {"price": "5000"})
    gone = room.triggers.cancel_all("alice", "usdt", "BTC_USDT")
    assert [row["id_string"] for row in gone] == [btc]
    assert get(room, eth)["status"] == "open"


def test_a_list_is_paged_newest_first_and_needs_a_status(room):
    numbers = [create(room, None, {"price": price}) for price in ("61000", "62000", "63000")]
    rows = room.triggers.list("alice", "usdt", "open", "BTC_USDT", 2, 1)
    assert [row["id_string"] for row in rows] == [numbers[1], numbers[0]]
    with pytest.raises(Refused, match="MISSING_REQUIRED_PARAM"):
        room.triggers.list("alice", "usdt", None)


def test_a_stop_can_be_amended_and_a_conditional_entry_cannot(room):
    hold(room, 30)
    stop = create(room, {"size": -10, "reduce_only": True}, {"rule": 2, "price": "59000"})
    amended = {"order_id": stop, "size": -20, "price": "0", "trigger_price": "58000"}
    assert room.triggers.amend("alice", "usdt", amended)["id_string"] == stop
    room.trade("59000")
    assert get(room, stop)["status"] == "open"
    room.trade("58000")
    assert position(room) == 10
    entry = create(room)
    with pytest.raises(Refused, match="APIOrderNotSupportUpdateTouchOrder"):
        room.triggers.amend("alice", "usdt", {"order_id": entry, "price": "0", "trigger_price": "62000"})


@pytest.mark.parametrize("keeps", [True, False])
def test_the_childs_text_is_the_clients_or_not(backstage, keeps):
    b = prepared(backstage(Quirks(keeps_text=keeps)))
    number = create(b, {"text": "t-mine"})
    b.trade("61000")
    child = b.desk.get("alice", "usdt", str(get(b, number)["trade_id"]))
    assert child.text == ("t-mine" if keeps else f"ao-{number}")


# Attached to an order


def attached(b, size):
    tp, sl = ("62000", "58000") if size > 0 else ("58000", "62000")
    price = "59500" if size > 0 else "60500"
    number = b.order(size=size, price=price, tpsl_tp_trigger_price=tp, tpsl_sl_trigger_price=sl)
    return number, b.triggers.list("alice", "usdt", "open")[::-1]


@pytest.mark.parametrize(("size", "word", "rules"), [(10, "long", [1, 2]), (-10, "short", [2, 1])])
def test_an_orders_own_stops_are_inactive_until_it_fills(room, size, word, rules):
    number, stops = attached(room, size)
    assert [stop["trigger"]["rule"] for stop in stops] == rules
    assert {stop["order_type"] for stop in stops} == {f"close-{word}-order"}
    assert {stop["me_order_id"] for stop in stops} == {number}
    assert {stop["status"] for stop in stops} == {"inactive"}
    bid, ask = ("59400", "59500") if size > 0 else ("60500", "60600")
    room.depth_is([(bid, "100000")], [(ask, "100000")])
    assert position(room) == size
    assert {stop["status"] for stop in room.triggers.list("alice", "usdt", "open")} == {"open"}


def test_when_one_stop_has_fired_the_position_is_closed_once_and_the_other_is_canceled(room):
    _, (tp, sl) = attached(room, 10)
    room.depth_is([("59400", "100000")], [("59500", "100000")])
    room.trade("62000")
    assert position(room) == 0
    assert [get(room, stop["id_string"])["finish_as"] for stop in (tp, sl)] == ["succeeded", "cancelled"]
    room.trade("58000")
    assert position(room) == 0


def test_the_stops_of_an_order_that_never_filled_are_invalid(room):
    number, stops = attached(room, 10)
    room.do(lambda: room.desk.cancel("alice", "usdt", str(number)))
    assert {get(room, stop["id_string"])["status"] for stop in stops} == {"invalid"}
