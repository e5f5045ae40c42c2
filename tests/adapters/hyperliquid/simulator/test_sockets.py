"""The WebSocket: frames, feeds and their pace, posted requests, limits and silence (chapter 11)."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from anyvenue.model.enums import Side

BOOK = {"type": "l2Book", "coin": "BTC"}
FAST = {**BOOK, "fast": True}


def order(**changes: Any) -> dict[str, Any]:
    usual = {"a": 0, "b": True, "p": "59000", "s": "0.1", "r": False, "t": {"limit": {"tif": "Gtc"}}}
    return {**usual, **changes}


def unsubscribe(here: Any, line: Any, wish: dict[str, Any]) -> None:
    here.say(line, {"method": "unsubscribe", "subscription": wish})


def test_a_subscription_is_acknowledged_with_its_defaults_then_told(venue: Any) -> None:
    here = venue()
    client, line = here.connect(BOOK)
    assert client.frames[0] == "Websocket connection established."
    wish = {**BOOK, "nSigFigs": None, "mantissa": None, "fast": False}
    assert client.messages[0] == {
        "channel": "subscriptionResponse",
        "data": {"method": "subscribe", "subscription": wish},
    }
    assert client.messages[1] == {
        "channel": "l2Book",
        "data": {
            "coin": "BTC",
            "time": here.now_ms,
            "levels": [
                [{"px": "60000.0", "sz": "1.0", "n": 1}, {"px": "59990.0", "sz": "2.0", "n": 1}],
                [{"px": "60010.0", "sz": "1.0", "n": 1}, {"px": "60020.0", "sz": "2.0", "n": 1}],
            ],
        },
    }
    here.say(line, {"method": "subscribe", "subscription": BOOK})
    (error,) = client.of("error")
    assert error.startswith("Already subscribed: {")
    unsubscribe(here, line, BOOK)
    unsubscribe(here, line, BOOK)
    here.wait("20")
    assert len(client.of("l2Book")) == 1
    assert client.of("error")[1].startswith("Already unsubscribed: {")
    assert not venue(greets=False).connect()[0].frames


def test_books_come_every_five_seconds_and_fast_ones_twice_a_second(venue: Any) -> None:
    here = venue()
    here.depth("BTC", [(str(60000 - n), "1") for n in range(30)], [(str(60010 + n), "1") for n in range(30)])
    slow, _ = here.connect(BOOK)
    fast, _ = here.connect(FAST)
    here.wait("10")
    assert [len(slow.of("l2Book")), len(fast.of("l2Book"))] == [3, 21]
    assert [len(side) for side in slow.of("l2Book")[0]["levels"]] == [20, 20]
    assert [len(side) for side in fast.of("l2Book")[0]["levels"]] == [5, 5]
    times = [book["time"] for book in fast.of("l2Book")]
    assert times == sorted(times)


def test_a_book_is_merged_by_significant_figures(venue: Any) -> None:
    here = venue()
    client, _ = here.connect({**BOOK, "nSigFigs": 3})
    assert client.of("l2Book")[0]["levels"] == [
        [{"px": "60000.0", "sz": "1.0", "n": 1}, {"px": "59900.0", "sz": "2.0", "n": 1}],
        [{"px": "60100.0", "sz": "3.0", "n": 1}],
    ]
    book = here.info("l2Book", coin="BTC", nSigFigs=5, mantissa=5)
    assert [level["px"] for level in book["levels"][0]] == ["60000.0", "59990.0"]


def test_the_touch_is_told_when_a_block_has_changed_it(venue: Any) -> None:
    here = venue()
    client, _ = here.connect({"type": "bbo", "coin": "BTC"})
    here.wait("5")
    here.depth("BTC", [("60001", "1")], [("60010", "1")])
    here.depth("BTC", [("60002", "3")], [])
    here.wait("0.07")
    assert [told["bbo"] for told in client.of("bbo")] == [
        [{"px": "60000.0", "sz": "1.0", "n": 1}, {"px": "60010.0", "sz": "1.0", "n": 1}],
        [{"px": "60002.0", "sz": "3.0", "n": 1}, None],
    ]


def test_trades_and_candles_come_by_the_block(venue: Any) -> None:
    here = venue()
    here.trade(Side.BUY, "60010", "0.1")
    wishes = {"type": "trades", "coin": "BTC"}, {"type": "candle", "coin": "BTC", "interval": "1m"}
    client, _ = here.connect(*wishes)
    assert [trade["px"] for trade in client.of("trades")[0]] == ["60010.0"]  # from before
    here.trade(Side.SELL, "60000", "0.2")
    here.trade(Side.BUY, "60020", "0.3")
    here.wait("0.07")
    new = client.of("trades")[1]
    assert [(trade["side"], trade["px"], trade["sz"]) for trade in new] == [
        ("A", "60000.0", "0.2"),
        ("B", "60020.0", "0.3"),
    ]
    opens = here.now_ms // 60_000 * 60_000
    candle = {
        "t": opens,
        "T": opens + 59_999,
        "s": "BTC",
        "i": "1m",
        "o": "60010.0",
        "c": "60020.0",
        "h": "60020.0",
        "l": "60000.0",
        "v": "0.6",
        "n": 3,
    }
    assert client.of("candle") == [candle]
    asked = {"coin": "BTC", "interval": "1m", "startTime": opens, "endTime": here.now_ms}
    assert here.info("candleSnapshot", req=asked) == [candle]
    assert [trade["px"] for trade in here.info("recentTrades", coin="BTC")] == ["60020.0", "60000.0", "60010.0"]


def test_a_candle_may_come_in_an_array(venue: Any) -> None:
    here = venue(candle_list=True)
    client, _ = here.connect({"type": "candle", "coin": "BTC", "interval": "5m"})
    here.trade(Side.BUY, "60010", "0.1")
    here.wait("0.07")
    assert [candle["c"] for candle in client.of("candle")[0]] == ["60010.0"]


def test_prices_and_contexts_are_told_at_their_pace(venue: Any) -> None:
    here = venue()
    client, _ = here.connect(
        {"type": "allMids"},
        {"type": "allMids", "dex": "xyz"},
        {"type": "activeAssetCtx", "coin": "BTC"},
        {"type": "allDexsAssetCtxs"},
    )
    here.wait("10")
    mids = [told["mids"] for told in client.of("allMids")]
    assert mids[:2] == [{"BTC": "60005.0", "ETH": "3500.0"}, {"xyz:XYZ100": "25000.0"}]
    assert len(mids) == 6
    contexts = client.of("activeAssetCtx")
    assert len(contexts) == 11
    assert (contexts[0]["coin"], contexts[0]["ctx"]["markPx"], contexts[0]["ctx"]["impactPxs"]) == (
        "BTC",
        "60005.0",
        ["60000.0", "60010.0"],
    )
    ((main, built),) = [told["ctxs"] for told in client.of("allDexsAssetCtxs")]
    assert (main[0], len(main[1]), built[0], len(built[1])) == ("", 6, "xyz", 1)


@pytest.mark.parametrize(
    "wish", [{"type": "l2Book", "coin": "btc"}, {"type": "trades", "coin": "NOPE"}, {**BOOK, "nSigFigs": 9}]
)
def test_a_coin_that_there_is_none_of_breaks_the_connection(venue: Any, wish: dict[str, Any]) -> None:
    client, _ = venue().connect({"type": "allMids"}, wish)
    assert client.code == 1006


def test_a_delisted_coin_is_taken_and_stays_empty(venue: Any) -> None:
    here = venue()
    client, _ = here.connect({"type": "l2Book", "coin": "MATIC"}, {"type": "bbo", "coin": "MATIC"})
    assert client.of("l2Book")[0]["levels"] == [[], []]
    assert (client.code, client.of("bbo")) == (0, [])
    assert here.info("l2Book", coin="MATIC")["levels"] == [[], []]
    assert here.info("l2Book", coin="NOPE") is None


def test_what_cannot_be_read_is_an_error_and_no_more(venue: Any) -> None:
    here = venue()
    client, line = here.connect({"type": "nothing"}, {"type": "userFills"})
    for text in (b"{", b"[]", b'{"method":"hop"}', b'{"method":"subscribe"}', b"\xff"):
        here.say(line, text)
    errors = client.of("error")
    assert errors[0] == 'Invalid subscription {"type":"nothing"}'
    assert all(error.startswith("Error parsing JSON into valid websocket request: ") for error in errors[2:])
    assert (len(errors), client.code) == (7, 0)


def test_a_ping_is_answered_and_a_connection_with_nothing_to_tell_ends(venue: Any) -> None:
    here = venue()
    client, line = here.connect()
    here.wait("50")
    here.say(line, {"method": "ping"})
    assert client.messages == [{"channel": "pong"}]
    here.wait("59")
    assert client.code == 0
    here.wait("1")
    assert client.code == 1000
    busy, _ = here.connect(BOOK)
    here.wait("300")
    assert busy.code == 0


def test_requests_are_answered_over_the_socket(venue: Any) -> None:
    here = venue()
    client, line = here.connect()
    here.say(line, {"method": "post", "id": 1, "request": {"type": "info", "payload": {"type": "meta"}}})
    action = {"type": "order", "orders": [order()], "grouping": "na"}
    here.say(line, {"method": "post", "id": 2, "request": {"type": "action", "payload": here.signed(action)}})
    here.say(line, {"method": "post", "id": 3, "request": {"type": "action", "payload": {}}})
    here.say(line, {"method": "post", "id": 4, "request": {"type": "other", "payload": {}}})
    first, second, third, fourth = client.of("post")
    assert (first["id"], first["response"]["type"], first["response"]["payload"]["type"]) == (1, "info", "meta")
    assert first["response"]["payload"]["data"] == here.info("meta")
    assert second["response"]["type"] == "action"
    (status,) = second["response"]["payload"]["response"]["data"]["statuses"]
    assert [row["oid"] for row in here.open()] == [status["resting"]["oid"]]
    for refused in (third, fourth):
        assert refused["response"] == {
            "type": "error",
            "payload": "422: Failed to deserialize the JSON body into the target type",
        }


def test_orders_fills_and_events_are_pushed(venue: Any) -> None:
    here = venue()
    here.long("0.1")
    user = {"user": here.address.upper().replace("0X", "0x")}
    client, _ = here.connect(
        *({"type": kind, **user} for kind in ("orderUpdates", "userFills", "userEvents", "userFundings"))
    )
    (snapshot,) = client.of("userFills")
    assert (snapshot["isSnapshot"], snapshot["user"], len(snapshot["fills"])) == (True, here.address, 1)
    here.place(order(b=False, p="60000", s="0.04", t={"limit": {"tif": "Ioc"}}))
    ((opened, done),) = client.of("orderUpdates")
    assert (opened["status"], opened["order"]["sz"]) == ("open", "0.04")
    assert (done["status"], done["order"]["sz"], done["order"]["origSz"]) == ("filled", "0.0", "0.04")
    (fill,) = client.of("userFills")[1]["fills"]
    assert "isSnapshot" not in client.of("userFills")[1]
    assert (fill["oid"], fill["startPosition"], fill["dir"]) == (done["order"]["oid"], "0.1", "Close Long")
    assert client.of("user") == [{"fills": [fill]}]
    here.stage.market.do(here.stage.steering("BTC-USDC-PERP").settle_now)
    here.settle()
    (paid,) = client.of("userFundings")[1]["fundings"]
    assert (paid["coin"], paid["szi"]) == ("BTC", "0.06")
    assert client.of("user")[1]["funding"] == paid


def test_where_it_is_open_pushes_come_in_another_way(venue: Any) -> None:
    for first in (False, True):
        here = venue(fills_first=first, snapshot_flag=True, tells_open=False)
        wishes = [{"type": kind, "user": here.address} for kind in ("userFills", "orderUpdates")]
        client, _ = here.connect(*wishes)
        here.long("0.1")
        pushed = [message for message in client.messages if message["channel"] in ("orderUpdates", "userFills")][1:]
        assert pushed[0]["channel"] == ("userFills" if first else "orderUpdates")
        (rows,) = client.of("orderUpdates")
        assert [row["status"] for row in rows] == ["filled"]
        assert client.of("userFills")[1]["isSnapshot"] is False


def test_a_partial_fill_and_a_cancel_are_pushed(venue: Any) -> None:
    here = venue()
    oid = here.resting(s="1")
    client, _ = here.connect(
        {"type": "orderUpdates", "user": here.address}, {"type": "userEvents", "user": here.address}
    )
    here.trade(Side.SELL, "59000", "0.3")
    here.act({"type": "cancel", "cancels": [{"a": 0, "o": oid}]})
    rows = [row for rows in client.of("orderUpdates") for row in rows]
    assert [(row["order"]["oid"], row["status"], row["order"]["sz"]) for row in rows] == [
        (oid, "open", "0.7"),
        (oid, "canceled", "0.7"),
    ]
    assert all("nonUserCancel" not in event for event in client.of("user"))


def test_states_are_told_whole_whenever_something_changes(venue: Any) -> None:
    here = venue()
    kinds = ("clearinghouseState", "allDexsClearinghouseState", "openOrders", "spotState")
    client, _ = here.connect(
        *({"type": kind, "user": here.address} for kind in kinds),
        {"type": "activeAssetData", "user": here.address, "coin": "BTC"},
    )
    here.place(order(p="60010", s="1.5"))
    state = client.of("clearinghouseState")[-1]
    assert (state["dex"], state["user"]) == ("", here.address)
    assert state["clearinghouseState"]["assetPositions"][0]["position"]["szi"] == "1.0"
    every = dict(client.of("allDexsClearinghouseState")[-1]["clearinghouseStates"])
    assert every[""] == state["clearinghouseState"]
    assert every["xyz"]["assetPositions"] == []
    assert [row["sz"] for row in client.of("openOrders")[-1]["orders"]] == ["0.5"]
    data = client.of("activeAssetData")[-1]
    assert (data["coin"], data["leverage"]) == ("BTC", {"type": "cross", "value": 10})
    buy, sell = (Decimal(size) for size in data["maxTradeSzs"])
    assert sell > buy  # it may close what it has first


def test_an_account_that_there_is_none_of_is_told_nothing(venue: Any) -> None:
    client, _ = venue().connect({"type": "orderUpdates", "user": "0x" + "1" * 40})
    assert [message["channel"] for message in client.messages] == ["subscriptionResponse"]


def test_connections_users_and_messages_are_counted(venue: Any) -> None:
    here = venue()
    lines = [here.connect() for _ in range(10)]
    refused, _ = here.connect()
    assert refused.refusal is not None
    assert refused.refusal.status == 429
    assert here.connect(remote="10.0.0.1")[0].refusal is None
    client, line = lines[0]
    here.say(line, {"method": "subscribe", "subscription": BOOK})
    for number in range(11):
        user = f"0x{number:040x}"
        here.say(line, {"method": "subscribe", "subscription": {"type": "orderUpdates", "user": user}})
    assert client.of("error") == ["Cannot subscribe to more than 10 users"]
    for _ in range(2000):
        here.say(line, {"method": "ping"})
    assert client.of("error")[-1] == "Too many messages per minute"
    here.wait("60")
    client.frames.clear()
    here.say(line, {"method": "ping"})
    assert client.messages == [{"channel": "pong"}]


def test_thirty_connections_a_minute_are_all_there_are(venue: Any) -> None:
    here = venue()
    for _ in range(30):
        client, line = here.connect()
        line.hang_up()
        here.settle()
        assert client.refusal is None
    assert here.connect()[0].refusal.status == 429


def test_other_paths_have_no_sockets(venue: Any) -> None:
    here = venue()
    body = json.dumps({}).encode()
    assert here.post("/ws", body).status == 404
