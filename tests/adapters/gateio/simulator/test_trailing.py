"""Trailing orders (chapter 8.3)."""

from decimal import Decimal

import pytest

from anyvenue_gateio.simulator.refusal import Refused


@pytest.fixture
def room(backstage):
    b = backstage()
    b.depth_is([("59999.9", "100000")], [("60000.1", "100000")])
    b.trade("60000")
    b.mark("60000", "60000")
    return b


def create(b, **fields):
    body = {"contract": "BTC_USDT", "amount": "-10", "activation_price": "0", "price_type": 1, "price_offset": "100"}
    answer = b.trails.create("alice", "usdt", {**body, **fields})
    assert answer["code"] == 0
    return answer["data"]["id"]


def detail(b, number):
    return b.trails.detail("alice", "usdt", number)["data"]["order"]


def position(b):
    return sum(row.quantity for row in b.stage.exchange.positions("alice")) / Decimal("0.0001")


def test_a_sell_trails_the_highest_price_and_fires_an_offset_below_it(room):
    number = create(room)
    for price, extremum, level in (("60050", "60050", "59950"), ("60020", "60050", "59950")):
        room.trade(price)
        told = detail(room, number)
        assert (told["extremum_price"], told["trigger_price"], told["status"]) == (extremum, level, "open")
    room.trade("59950.1")
    assert position(room) == 0
    room.trade("59950")
    told = detail(room, number)
    assert (told["status"], told["status_code"]) == ("finished", "succeeded")
    assert position(room) == -10
    assert room.desk.get("alice", "usdt", str(told["suborder_id"])).size == -10


def test_a_buy_trails_the_lowest_price(room):
    create(room, amount="10")
    for price in ("59900", "59950", "59999.9"):
        room.trade(price)
        assert position(room) == 0
    room.trade("60000")
    assert position(room) == 10


def test_a_percentage_is_one_of_the_best_price(room):
    number = create(room, price_offset="0.1%")
    room.trade("61000")
    assert detail(room, number)["trigger_price"] == "60939"
    assert detail(room, number)["price_offset"] == "0.1%"


@pytest.mark.parametrize(("is_gte", "before", "at"), [(True, "60499", "60500"), (False, "59501", "59500")])
def test_it_sleeps_until_its_activation_price(room, is_gte, before, at):
    number = create(room, activation_price=at, is_gte=is_gte)
    room.trade(before)
    assert (detail(room, number)["extremum_price"], detail(room, number)["activated_at"]) == ("0", 0)
    room.trade(at)
    assert (detail(room, number)["extremum_price"], detail(room, number)["activated_at"]) == (at, 1704067200)


@pytest.mark.parametrize("price_type", [1, 2, 3])
def test_price_type_1_is_last_2_index_3_mark(room, price_type):
    number = create(room, price_type=price_type)
    room.trade("60001")
    room.mark("60003", "60002")
    assert detail(room, number)["extremum_price"] == {1: "60001", 2: "60002", 3: "60003"}[price_type]


def test_a_reduce_only_one_without_a_position_fails_with_its_label(room):
    number = create(room, reduce_only=True)
    room.trade("59900")
    told = detail(room, number)
    assert (told["status"], told["status_code"], told["error_label"]) == ("finished", "failed", "INCREASE_POSITION")
    assert told["suborder_id"] == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"amount": "0"},
        {"price_type": 4},
        {"price_offset": ""},
        {"price_offset": "-1"},
        {"price_offset": "100%"},
        {"activation_price": "-1"},
        {"text": "mine"},
        {"position_related": True},
    ],
)
def test_what_gate_does_not_take_is_refused(room, fields):
    with pytest.raises(Refused, match="INVALID_PARAM_VALUE"):
        create(room, **fields)


def test_it_is_stopped_by_id_or_by_text(room):
    by_id, by_text = create(room), create(room, text="t-trail")
    room.trails.stop("alice", "usdt", {"id": int(by_id)})
    room.trails.stop("alice", "usdt", {"text": "t-trail"})
    for number in (by_id, by_text):
        assert (detail(room, number)["status"], detail(room, number)["status_code"]) == ("finished", "cancelled")
    room.trade("59000")
    assert position(room) == 0
    with pytest.raises(Refused, match="ORDER_FINISHED"):
        room.trails.stop("alice", "usdt", {"id": int(by_id)})


@pytest.mark.parametrize(("related", "stopped"), [(1, [True, False]), (2, [False, True]), (0, [True, True])])
def test_all_that_close_a_long_or_a_short_are_stopped(room, related, stopped):
    numbers = [create(room, amount="-10", reduce_only=True), create(room, amount="10", reduce_only=True)]
    room.trails.stop_all("alice", "usdt", {"contract": "BTC_USDT", "related_position": related})
    assert [detail(room, number)["status"] == "finished" for number in numbers] == stopped


def test_an_update_keeps_what_is_empty_or_0_and_is_written_into_the_change_log(room):
    number = create(room)
    room.wait("5")
    update = {"id": int(number), "amount": "", "activation_price": "0", "price_type": 0, "price_offset": "50"}
    room.trails.update("alice", "usdt", {**update, "is_gte_str": ""})
    first, second = room.trails.change_log("alice", "usdt", number)["data"]["change_log"]
    assert (first["price_offset"], first["is_create"], first["updated_at"]) == ("100", True, 1704067200)
    assert (second["price_offset"], second["is_create"], second["updated_at"]) == ("50", False, 1704067205)
    assert (second["amount"], second["price_type"], second["activation_price"]) == ("-10", 1, "0")
    room.trade("59950")
    assert position(room) == -10


def test_the_list_is_paged_and_filtered(room):
    numbers = [create(room) for _ in range(3)]
    room.trails.stop("alice", "usdt", {"id": int(numbers[0])})

    def listed(**query):
        return [str(row["id"]) for row in room.trails.list("alice", "usdt", query)["data"]["orders"]]

    assert listed() == [numbers[2], numbers[1]]
    assert listed(page_num="2", page_size="1") == [numbers[1]]
    assert listed(is_finished="true") == [numbers[0]]
    assert listed(is_finished="true", hide_cancel="true") == []
    with pytest.raises(Refused, match="INVALID_PARAM_VALUE"):
        listed(page_num="0")


def test_only_its_owner_finds_it(room):
    number = create(room)
    with pytest.raises(Refused, match="ORDER_NOT_FOUND"):
        room.trails.detail("bob", "usdt", number)
