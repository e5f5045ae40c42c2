"""Whatever a client sends, it gets an answer: the simulator never falls over."""

import hashlib
import hmac
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anyvenue_gateio.simulator.channels import PUBLIC_CHANNELS
from anyvenue_gateio.simulator.private_channels import PRIVATE_CHANNELS
from anyvenue_gateio.simulator.refusal import Refused
from anyvenue_gateio.simulator.trade_api import API_CHANNELS

WORDS = ("BTC_USDT", "!all", "100ms", "20", "0", "ob.BTC_USDT.50", "ob..50", "1m", "mark_BTC_USDT", "", "t-1", "open")
NAMES = (
    *(
        "contract",
        "size",
        "price",
        "tif",
        "order_id",
        "status",
        "side",
        "req_id",
        "initial",
        "trigger",
        "rule",
        "amount",
    ),
    *("price_type", "order_type", "close", "auto_size", "expiration", "price_offset", "text", "activation_price", "id"),
)
SCALARS = st.none() | st.booleans() | st.integers(-3, 70_000) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    SCALARS | st.sampled_from(WORDS) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=12,
)
SETTINGS = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def room(backstage):
    b = backstage()
    b.depth_is([("59999.9", "1000")], [("60000.1", "1000")])
    b.trade("60000")
    return b


@SETTINGS
@given(
    channel=st.sampled_from((*PUBLIC_CHANNELS, *PRIVATE_CHANNELS, *API_CHANNELS, "futures.ping", "")),
    event=st.sampled_from(("subscribe", "unsubscribe", "api", "", None)),
    payload=JSON,
    auth=st.sampled_from(("good", None)) | JSON,
)
def test_every_frame_is_answered(room, channel, event, payload, auth):
    wire = room.wire()
    frame = {"time": room.now_s, "channel": channel, "event": event, "payload": payload}
    if auth == "good":
        frame = room.signed(channel, payload, event=event)
    elif auth is not None:
        frame["auth"] = auth
    assert wire.say(frame)
    wire.handler.on_close()


@SETTINGS
@given(channel=st.sampled_from([name for name in API_CHANNELS if name != "futures.login"]), param=JSON, header=JSON)
def test_every_request_after_a_login_is_answered_with_a_result_or_a_label(room, channel, param, header):
    wire, stamp = room.wire(), str(room.now_s)
    text = f"api\nfutures.login\n\n{stamp}"
    sign = hmac.new(room.key.secret.reveal().encode(), text.encode(), hashlib.sha512).hexdigest()
    login = {"api_key": room.key.key, "signature": sign, "timestamp": stamp, "req_id": "1"}
    wire.say({"time": room.now_s, "channel": "futures.login", "event": "api", "payload": login})
    payload = {"req_id": "2", "req_param": param, "req_header": header}
    *_, last = wire.say({"time": room.now_s, "channel": channel, "event": "api", "payload": payload})
    assert last["request_id"] == "2"
    assert ("result" in last["data"]) is not bool(last["data"].get("errs", {}).get("label"))
    wire.handler.on_close()
    room.wait("1.1")  # beyond the window of the rate limit


@SETTINGS
@given(
    path=st.sampled_from(
        [
            *(("initial", name) for name in (*NAMES, "reduce_only")),
            *(("trigger", name) for name in (*NAMES, "strategy_type")),
            ("order_type",),
            ("initial",),
            ("trigger",),
        ]
    ),
    value=JSON,
)
def test_every_body_of_a_trigger_order_is_taken_or_refused(room, path, value):
    body = {
        "initial": {"contract": "BTC_USDT", "size": 10, "price": "0", "tif": "ioc"},
        "trigger": {"strategy_type": 0, "price_type": 0, "price": "61000", "rule": 1},
    }
    if len(path) == 1:
        body[path[0]] = value
    else:
        body[path[0]][path[1]] = value
    with suppress(Refused):
        room.triggers.create("alice", "usdt", body)
    with suppress(Refused):
        number = room.triggers.create("alice", "usdt", {**body, "trigger": {"price": "70000", "rule": 1}})
        change = {"order_id": number["id_string"], path[-1]: value}
        room.triggers.amend("alice", "usdt", change)


@SETTINGS
@given(name=st.sampled_from([*NAMES, "is_gte", "is_gte_str", "reduce_only", "position_related"]), value=JSON)
def test_every_body_of_a_trailing_order_is_taken_or_refused(room, name, value):
    body = {"contract": "BTC_USDT", "amount": "-10", "activation_price": "0", "price_type": 1, "price_offset": "100"}
    with suppress(Refused):
        room.trails.create("alice", "usdt", {**body, name: value})
    number = room.trails.create("alice", "usdt", body)["data"]["id"]
    for command in (room.trails.update, room.trails.stop, room.trails.stop_all):
        with suppress(Refused):
            command("alice", "usdt", {"id": number, name: value})
    with suppress(Refused):
        room.trails.list("alice", "usdt", {name: str(value)})
