"""The WebSocket trading API (chapters 3.3, 4 and 11)."""

import hashlib
import hmac
import json

import pytest

from anyvenue.venue.secrets import Secret
from anyvenue_gateio.simulator.auth_check import api_signature
from anyvenue_gateio.simulator.quirks import Quirks


def login_text(backstage, raw=None, *, sign_raw=None, time=None, frame_time=None):
    """Return a login frame as a text, with `raw` as req_param and the signature over `sign_raw`."""
    stamp = str(backstage.now_s if time is None else time)
    signed = f"api\nfutures.login\n{(raw or '') if sign_raw is None else sign_raw}\n{stamp}"
    sign = hmac.new(backstage.key.secret.reveal().encode(), signed.encode(), hashlib.sha512).hexdigest()
    param = "" if raw is None else f', "req_param": {raw}'
    return (
        f'{{"time": {frame_time or backstage.now_s}, "channel": "futures.login", "event": "api", "payload": '
        f'{{"api_key": "{backstage.key.key}", "signature": "{sign}", "timestamp": "{stamp}", "req_id": "r1"{param}}}}}'
    )


def call(backstage, wire, name, param, **header):
    payload = {"req_id": "r2", "req_param": param}
    if header:
        payload["req_header"] = {"x-gate-exptime": header["exptime"]}
    frame = {"time": backstage.now_s, "channel": f"futures.{name}", "event": "api", "payload": payload}
    return wire.say(frame)


@pytest.fixture
def room(backstage):
    b = backstage()
    b.depth_is([("59999.9", "1000")], [("60000.1", "1000")])
    return b


@pytest.fixture
def wire(room):
    wire = room.wire()
    wire.say(login_text(room))
    return wire


def test_the_login_signature_is_that_of_the_fact_sheet():
    assert api_signature(Secret("secret"), "futures.login", "", "1541993715") == (
        "2085a2b6f0343904fb273d0dd6fbe5c4724286a72284822976925ec2496b8f74"
        "4d33aab0f5edfb886c4661951a407fb02e9238cb18dee6743b1ff409b0ab783f"
    )


@pytest.mark.parametrize("raw", [None, "{}", '""', "null"])
def test_a_login_is_signed_over_the_text_of_req_param_in_the_frame(room, raw):
    (reply,) = room.wire().say(login_text(room, raw))
    assert reply["data"]["result"] == {"api_key": room.key.key, "uid": str(room.accounts.user_id("alice"))}
    assert (reply["request_id"], reply["header"]["status"], reply["header"]["channel"]) == (
        "r1",
        "200",
        "futures.login",
    )
    assert reply["header"]["response_time"] == "1704067200000"
    assert reply["header"]["event"] == "api"
    assert "ack" not in reply
    assert "channel" not in reply


def test_a_login_signed_over_another_text_is_refused(room):
    (reply,) = room.wire().say(login_text(room, "{}", sign_raw=""))
    assert reply["data"]["errs"]["label"] == "INVALID_SIGNATURE"
    assert reply["header"]["status"] == "401"


def test_a_login_of_the_wrong_time_is_refused(room):
    (reply,) = room.wire().say(login_text(room, time=room.now_s - 61))
    assert reply["data"]["errs"]["label"] == "REQUEST_EXPIRED"


@pytest.mark.parametrize("status", ["401", "400"])
def test_nothing_is_done_before_the_login(backstage, status):
    b = backstage(Quirks(not_logged_in=status))
    (reply,) = call(b, b.wire(), "order_list", {"status": "open"})
    assert reply["header"]["status"] == status
    assert reply["data"]["errs"] == {"label": "AUTHENTICATION_FAILED", "message": "Not login"}


def test_an_order_is_acked_with_an_echo_and_then_answered_with_itself(room, wire):
    param = {"contract": "BTC_USDT", "size": "10", "price": "59000", "tif": "gtc"}
    ack, final = call(room, wire, "order_place", param)
    assert ack["ack"] is True
    assert ack["data"]["result"]["req_param"] == param
    assert final["ack"] is False
    order = final["data"]["result"]
    assert (order["contract"], order["size"], order["price"], order["status"]) == ("BTC_USDT", "10", "59000", "open")
    assert order["text"] == "apiv4-ws"
    assert order["id"] > 2**53
    assert {ack["request_id"], final["request_id"]} == {"r2"}


def test_a_refused_order_is_acked_all_the_same(room, wire):
    param = {"contract": "BTC_USDT", "size": "10", "price": "60000.1", "tif": "poc"}
    ack, final = call(room, wire, "order_place", param)
    assert ack["ack"] is True
    assert final["data"]["errs"]["label"] == "ORDER_POC_IMMEDIATE"
    assert final["header"]["status"] == "400"


def test_a_batch_is_acked_and_then_told_row_by_row(room, wire):
    good = {"contract": "BTC_USDT", "size": "10", "price": "59000"}
    ack, final = call(room, wire, "order_batch_place", [good, {**good, "price": "60000.1", "tif": "poc"}])
    assert ack["ack"] is True
    first, second = final["data"]["result"]
    assert first["succeeded"] is True
    assert (second["succeeded"], second["label"]) == (False, "ORDER_POC_IMMEDIATE")


def test_status_amend_and_cancel_reply_once_with_the_order(room, wire):
    number = str(room.order(size=10, price="59000", text="t-mine"))
    (reply,) = call(room, wire, "order_status", {"order_id": "t-mine"})
    assert reply["data"]["result"]["id"] == int(number)
    (reply,) = call(room, wire, "order_amend", {"order_id": number, "price": "58000"})
    assert reply["data"]["result"]["price"] == "58000"
    (reply,) = call(room, wire, "order_cancel", {"order_id": number})
    assert reply["data"]["result"]["finish_as"] == "cancelled"
    (reply,) = call(room, wire, "order_cancel", {"order_id": "1"})
    assert (reply["header"]["status"], reply["data"]["errs"]["label"]) == ("404", "ORDER_NOT_FOUND")


def test_several_ids_are_canceled_with_a_row_for_each(room, wire):
    number = str(room.order(size=10, price="59000"))
    (reply,) = call(room, wire, "order_cancel_ids", [number, "1"])
    rows = reply["data"]["result"]
    assert [(row["id"], row["succeeded"], row["message"]) for row in rows] == [
        (number, True, ""),
        ("1", False, "ORDER_NOT_FOUND"),
    ]
    assert rows[0]["user_id"] == room.accounts.user_id("alice")


def test_all_of_one_side_are_canceled(room, wire):
    bid, ask = room.order(size=10, price="59000"), room.order(size=-10, price="61000")
    (reply,) = call(room, wire, "order_cancel_cp", {"contract": "BTC_USDT", "side": "bid"})
    assert [order["id"] for order in reply["data"]["result"]] == [bid]
    (reply,) = call(room, wire, "order_list", {"contract": "BTC_USDT", "status": "open"})
    assert [order["id"] for order in reply["data"]["result"]] == [ask]


def test_a_request_after_its_exptime_is_refused_and_one_before_it_is_not(room, wire):
    param = {"contract": "BTC_USDT", "size": "10", "price": "59000"}
    now_ms = room.now_s * 1000
    replies = call(room, wire, "order_place", param, exptime=str(now_ms - 1))
    assert replies[-1]["data"]["errs"]["label"] == "REQUEST_EXPIRED"
    assert room.desk.open_orders("alice", "usdt") == []
    call(room, wire, "order_place", param, exptime=str(now_ms + 1000))
    assert len(room.desk.open_orders("alice", "usdt")) == 1


def test_a_request_with_a_time_of_61_seconds_ago_is_refused(room, wire):
    frame = {"time": room.now_s - 61, "channel": "futures.order_list", "event": "api"}
    (reply,) = wire.say({**frame, "payload": {"req_id": "r3", "req_param": {"status": "open"}}})
    assert reply["data"]["errs"]["label"] == "REQUEST_EXPIRED"


def test_the_hundred_and_first_order_of_a_second_is_one_too_many(room, wire):
    param = {"order_id": "1"}
    for left in range(99, -1, -1):
        (reply,) = call(room, wire, "order_cancel", param)
        header = reply["header"]
        assert header["x_gate_ratelimit_limit"] == 100
        # left out when nothing is left
        assert header.get("x_gate_ratelimit_requests_remain") == (left or None)
    (reply,) = call(room, wire, "order_cancel", param)
    assert reply["header"]["status"] == "429"
    assert reply["data"]["errs"] == {"label": "TOO_MANY_REQUESTS", "message": "Request Rate limit Exceeded (311)"}
    assert reply["header"]["x_gate_ratelimit_reset_timestamp"] == 1704067201000
    room.wait("1")
    (reply,) = call(room, wire, "order_cancel", param)
    assert reply["data"]["errs"]["label"] == "ORDER_NOT_FOUND"


def test_rows_of_a_batch_count_one_by_one(room, wire):
    call(room, wire, "order_cancel_ids", [str(n) for n in range(1, 21)])
    (reply,) = call(room, wire, "order_cancel", {"order_id": "1"})
    assert reply["header"]["x_gate_ratelimit_requests_remain"] == 79


def test_sizes_are_whole_numbers_without_the_header_of_the_upgrade(room):
    wire = room.wire(decimal=False)
    wire.say(login_text(room))
    *_, final = call(room, wire, "order_place", {"contract": "BTC_USDT", "size": 10, "price": "59000"})
    assert (final["data"]["result"]["size"], final["data"]["result"]["left"]) == (10, 10)


def test_an_echo_keeps_the_text_of_the_request(room, wire):
    raw = '{"contract": "BTC_USDT",  "size": "10", "price": "59000.10"}'
    text = (
        f'{{"time": {room.now_s}, "channel": "futures.order_place", "event": "api", '
        f'"payload": {{"req_id": "r4", "req_param": {raw}}}}}'
    )
    ack, final = wire.say(text)
    assert ack["data"]["result"]["req_param"] == json.loads(raw)
    assert final["data"]["result"]["price"] == "59000.1"
