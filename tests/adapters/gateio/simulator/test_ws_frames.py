"""The envelope of Gate's WebSocket, its errors, and the signatures of private subscriptions (chapter 3)."""

import pytest

from anyvenue.simulation.chance import Chance
from anyvenue.simulation.server.keyring import ApiKey
from anyvenue.venue.secrets import Secret
from anyvenue_gateio.simulator.auth_check import channel_signature
from anyvenue_gateio.simulator.quirks import Quirks


def test_a_ping_is_answered_with_a_pong_with_an_empty_event_and_a_null_result(backstage):
    b = backstage()
    (pong,) = b.wire().say({"time": b.now_s, "channel": "futures.ping"})
    assert (pong["channel"], pong["event"], pong["result"]) == ("futures.pong", "", None)
    assert (pong["time"], pong["time_ms"]) == (1704067200, 1704067200000)


def test_an_ack_echoes_the_id_and_its_result_is_an_object(backstage):
    b = backstage()
    frame = {"time": b.now_s, "id": 7, "channel": "futures.trades", "event": "subscribe", "payload": ["BTC_USDT"]}
    (ack,) = b.wire().say(frame)
    assert (ack["id"], ack["channel"], ack["event"]) == (7, "futures.trades", "subscribe")
    assert ack["result"] == {"status": "success"}
    assert not ack.get("error")
    assert ack["conn_id"]
    assert ack["trace_id"]


@pytest.mark.parametrize("says_null", [True, False])
def test_no_error_is_null_or_absent(backstage, says_null):
    (ack,) = backstage(Quirks(null_error=says_null)).wire().subscribe("futures.trades", ["BTC_USDT"])
    assert ("error" in ack) is says_null


@pytest.mark.parametrize(
    "frame",
    [
        "not json",
        "[]",
        '{"time":1704067200,"event":"subscribe","payload":["BTC_USDT"]}',
        '{"channel":"futures.trades","event":"subscribe","payload":["BTC_USDT"]}',
        '{"time":1704067200,"channel":"futures.trades","event":"listen","payload":["BTC_USDT"]}',
        '{"time":1704067200,"channel":"futures.nothing","event":"subscribe","payload":["BTC_USDT"]}',
    ],
)
def test_a_malformed_request_is_error_1(backstage, frame):
    (answer,) = backstage().wire().say(frame)
    assert answer["error"]["code"] == 1
    assert answer["result"] == {"status": "fail"}


def test_a_frame_of_the_old_generation_gets_an_error_and_no_data(backstage):
    b = backstage()
    wire = b.wire()
    (answer,) = wire.say({"id": 1, "method": "futures.subscribe", "params": ["BTC_USDT", "trades"]})
    assert (answer["id"], answer["error"]["code"]) == (1, 1)
    b.trade("60000")
    assert len(wire.frames) == 1


def test_one_unknown_contract_fails_the_whole_frame(backstage):
    b = backstage()
    wire = b.wire()
    (answer,) = wire.subscribe("futures.trades", ["BTC_USDT", "NOTHING_USDT"])
    assert answer["error"]["code"] == 2
    assert "NOTHING_USDT" in answer["error"]["message"]
    b.trade("60000")
    assert wire.results("futures.trades") == []


@pytest.mark.parametrize(
    ("channel", "payload"),
    [
        ("futures.trades", []),
        ("futures.trades", "BTC_USDT"),
        ("futures.trades", [1]),
        ("futures.obu", ["ob.BTC_USDT.100"]),
        ("futures.obu", ["BTC_USDT.50"]),
        ("futures.order_book", ["BTC_USDT", "30", "0"]),
        ("futures.order_book", ["BTC_USDT", "20", "0.1"]),
        ("futures.order_book_update", ["BTC_USDT", "20ms", "50"]),
        ("futures.order_book_update", ["BTC_USDT", "100ms"]),
        ("futures.candlesticks", ["2m", "BTC_USDT"]),
        ("futures.trades", ["BTC_USD"]),
    ],
)
def test_a_bad_argument_is_error_2(backstage, channel, payload):
    (answer,) = backstage().wire().subscribe(channel, payload)
    assert answer["error"]["code"] == 2


def test_the_signature_of_a_subscription_is_that_of_the_fact_sheet():
    assert channel_signature(Secret("secret"), "futures.orders", "subscribe", 1541993715) == (
        "4cdab02f21aba635fce8684a050806325cb4aa74a93d00c39f2084da73614d2e"
        "1d25878ca7c9ebcbde9541cddfc5ae36b1ccde10982eb82fd09f7a30a6d43d84"
    )


@pytest.mark.parametrize("event", ["subscribe", "unsubscribe"])
def test_a_private_frame_signed_over_its_own_event_is_taken(backstage, event):
    b = backstage()
    (ack,) = b.wire().say(b.signed("futures.orders", [b.user, "!all"], event=event))
    assert ack["result"] == {"status": "success"}


def test_signing_a_subscription_with_the_event_api_is_error_4(backstage):
    b = backstage()
    (answer,) = b.wire().say(b.signed("futures.orders", [b.user, "!all"], signed_event="api"))
    assert answer["error"]["code"] == 4
    assert '"label":"INVALID_SIGNATURE"' in answer["error"]["message"]


@pytest.mark.parametrize(("off", "code"), [(60, None), (-60, None), (61, 4), (-61, 4)])
def test_the_time_of_a_private_frame_lies_within_60_seconds(backstage, off, code):
    b = backstage()
    (answer,) = b.wire().say(b.signed("futures.orders", [b.user, "!all"], time=b.now_s + off))
    assert (answer.get("error") or {}).get("code") == code


def test_a_private_channel_without_auth_or_with_an_unknown_key_is_error_4(backstage):
    b = backstage()
    wire = b.wire()
    assert wire.subscribe("futures.orders", [b.user, "!all"])[0]["error"]["code"] == 4
    stranger = ApiKey(key="nobody", secret=Secret("s"), account="alice")
    (answer,) = wire.say(b.signed("futures.orders", [b.user, "!all"], key=stranger))
    assert answer["error"]["code"] == 4
    assert "INVALID_KEY" in answer["error"]["message"]


@pytest.mark.parametrize(("number", "code"), [("20", 2), (None, None)])
def test_the_user_id_of_a_private_payload_is_ones_own(backstage, number, code):
    b = backstage()
    (answer,) = b.wire().say(b.signed("futures.orders", [number or b.user, "BTC_USDT"]))
    assert (answer.get("error") or {}).get("code") == code


def test_an_upgrade_notice_goes_to_every_open_connection_without_a_subscription(backstage):
    b = backstage()
    first, second, gone = b.wire(), b.wire(), b.wire()
    gone.handler.on_close()
    b.sockets.announce_upgrade("soon")
    for wire in (first, second):
        (frame,) = wire.frames
        assert (frame["channel"], frame["event"]) == ("futures.system", "update")
        assert frame["result"] == {"type": "upgrade", "msg": "soon"}
    assert gone.frames == []


def test_nothing_survives_the_end_of_a_connection(backstage):
    b = backstage()
    wire = b.wire()
    wire.subscribe("futures.trades", ["BTC_USDT"])
    wire.subscribe("futures.obu", ["ob.BTC_USDT.50"])
    wire.say(b.signed("futures.orders", [b.user, "!all"]))
    before = len(wire.frames)
    wire.handler.on_close()
    b.trade("60000")
    b.depth_is([("59000", "10")], [("61000", "10")])
    b.order(size=10, price="58000")
    b.wait("0.2")
    assert len(wire.frames) == before


def test_what_gate_leaves_open_is_drawn_by_the_seed():
    drawn = [Quirks.drawn(Chance(f"{seed} dialect")) for seed in range(200)]
    assert drawn[7] == Quirks.drawn(Chance("7 dialect"))
    for name in ("bare_obu", "snapshot_first", "update_begins_full", "push_before_reply", "expiring_protection"):
        assert {getattr(quirks, name) for quirks in drawn} == {True, False}
    assert {quirks.not_logged_in for quirks in drawn} == {"400", "401"}
    assert {quirks.resting_word for quirks in drawn} == {"_new", "open"}
