"""The book stream and the user stream (fact sheet, chapter 11)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from anyvenue_gaiaex.simulator.dialect import GaiaExDialect
from anyvenue_gaiaex.simulator.revision import Revision

A, B = Revision.A, Revision.B
ADDRESS = "0x000000000000000000000000000000000000dEaD"


def test_revision_b_sends_bids_and_asks(venue: Any) -> None:
    simulator = venue(B)
    client, _ = simulator.connect("/ws/market/BTC")
    assert client.messages == [
        {
            "type": "orderbook",
            "symbol": "BTC",
            "displayName": "BTC",
            "bids": [["60000.0", "1"], ["59990.0", "2"]],
            "asks": [["60010.0", "1"], ["60020.0", "2"]],
            "timestamp": 1743508800000,
            "priceDecimals": 2,
            "stale": False,
            "feed_connected": True,
        }
    ]


def test_revision_a_sends_one_array_of_levels(venue: Any) -> None:
    client, _ = venue(A).connect("/ws/market/BTC")
    (book,) = client.messages
    levels = [(level["px"], level["sz"]) for level in book.pop("levels")]
    assert book == {"type": "orderbook", "coin": "BTC", "time": 1743508800000}
    assert levels == [("60000.0", "1"), ("59990.0", "2"), ("60010.0", "1"), ("60020.0", "2")]


def test_the_book_comes_whole_on_each_change_but_at_most_every_fifty_milliseconds(venue: Any) -> None:
    simulator = venue(B)
    client, _ = simulator.connect("/ws/market/ETH")
    for price in ("3499.5", "3499.4", "3499.3"):
        simulator.depth("ETH", [(price, "1")], [("3500.1", "10")])
        simulator.wait("0.01")
    assert len(client.messages) == 1
    simulator.wait("0.02")
    assert [book["bids"] for book in client.messages[1:]] == [[["3499.30", "1"]]]
    simulator.depth("ETH", [("3499.2", "1")], [("3500.1", "10")])
    simulator.wait("1")
    assert [book["bids"] for book in client.messages[2:]] == [[["3499.20", "1"]]]


def test_our_own_orders_are_in_the_book(venue: Any) -> None:
    simulator = venue(A, B)
    client, _ = simulator.connect("/ws/market/ETH")
    simulator.limit(size="2", price="3499.9")
    simulator.wait("1")
    assert client.messages[-1]["bids"] == [["3499.90", "12"]]


def test_an_unknown_symbol_is_told_and_the_connection_closed(venue: Any) -> None:
    client, _ = venue(B).connect("/ws/market/NOPE")
    (error,) = client.messages
    assert (error["type"], error["code"]) == ("error", "SYMBOL_NOT_SUPPORTED")
    assert "symbols/list" in error["message"]
    assert client.code == 1000


@pytest.mark.parametrize("path", ["/ws", "/ws/market", "/ws/market/spot/BTC", "/ws/wallet/x", "/v1/trade"])
def test_there_is_no_other_stream(venue: Any, path: str) -> None:
    client, _ = venue().connect(path)
    assert client.refusal is not None
    assert client.refusal.status == 404


def test_the_short_form_of_a_path_will_do(venue: Any) -> None:
    client, _ = venue().connect("/market/xyz:AAPL")
    assert client.of("orderbook")


@pytest.mark.parametrize(
    ("revision", "beat"),
    [
        (A, {"type": "heartbeat", "timestamp": 1743508810000}),
        (B, {"type": "heartbeat", "timestamp": 1743508810000, "symbol": "BTC", "stale": False}),
    ],
)
def test_heartbeats_come_without_being_asked_for(venue: Any, revision: Revision, beat: dict[str, Any]) -> None:
    simulator = venue(revision, heartbeat_s=10)
    client, _ = simulator.connect("/ws/market/BTC")
    simulator.wait("10")
    assert client.of("heartbeat") == [beat]


def test_a_silent_client_may_be_let_go_and_one_that_pings_is_kept(venue: Any) -> None:
    simulator = venue(silence_closes=True, heartbeat_s=10, answers_ping=True)
    silent, _ = simulator.connect("/ws/market/BTC")
    alive, line = simulator.connect("/ws/market/BTC")
    for _ in range(5):
        simulator.wait("10")
        line.receive(b"ping")
    assert (silent.code, alive.code) == (1008, 0)
    assert len(silent.of("heartbeat")) == 3
    simulator.wait("1")
    assert len(alive.of("pong")) == 5


@pytest.mark.parametrize(
    ("revision", "stale", "recovered"),
    [
        (A, {"type": "stale", "reason": "upstream disconnected"}, {"type": "recovered"}),
        (
            B,
            {
                "type": "stale",
                "reason": "upstream_disconnected",
                "symbol": "BTC",
                "timestamp": 1743508800000,
            },
            {"type": "recovered", "symbol": "BTC", "timestamp": 1743508801000},
        ),
    ],
)
def test_an_outage_is_told_and_a_fresh_book_ends_it(
    venue: Any, revision: Revision, stale: dict[str, Any], recovered: dict[str, Any]
) -> None:
    simulator = venue(revision)
    client, _ = simulator.connect("/ws/market/BTC")
    simulator.dialect.feeds["BTC"].go_stale()
    simulator.depth("BTC", [("59000", "1")], [("59010", "1")])
    simulator.wait("1")
    assert client.messages[1:] == [stale]
    simulator.dialect.feeds["BTC"].recover()
    simulator.wait("0")
    assert client.messages[2] == recovered
    assert client.messages[3]["type"] == "orderbook"


def test_a_book_asked_for_in_an_outage_says_so_in_revision_b(venue: Any) -> None:
    simulator = venue(B)
    simulator.dialect.feeds["BTC"].go_stale()
    client, _ = simulator.connect("/ws/market/BTC")
    assert (client.messages[0]["stale"], client.messages[0]["feed_connected"]) == (True, False)


def test_outages_come_and_go_where_the_server_has_them(venue: Any) -> None:
    simulator = venue(B, outages=True)
    client, _ = simulator.connect("/ws/market/BTC")
    simulator.wait("3600")
    assert len(client.of("stale")) >= 2
    assert abs(len(client.of("stale")) - len(client.of("recovered"))) <= 1


def test_the_user_stream_tells_the_whole_state_on_each_change(venue: Any) -> None:
    simulator = venue()
    client = simulator.user()
    order_id = simulator.limit()["orderId"]
    simulator.done("/order", symbol="BTC", is_buy=False, size="0.01")
    simulator.done("/order/cancel", symbol="ETH", order_id=order_id)
    simulator.wait("0")
    updates = client.of("update")
    assert [len(update["orders"]) for update in updates] == [0, 1, 1, 0]
    assert [len(update["positions"]) for update in updates] == [0, 0, 1, 1]
    order = updates[1]["orders"][0]
    assert (order["orderId"], order["symbol"], order["side"], order["status"]) == (order_id, "ETH", "BUY", "open")
    position = updates[3]["positions"][0]
    assert (position["symbol"], position["positionSide"], position["size"]) == ("BTC", "SHORT", "0.01")
    assert position["entryPrice"] == "60000.0"


def test_the_items_may_be_named_like_requests(venue: Any) -> None:
    simulator = venue(snake=True)
    client = simulator.user()
    order_id = simulator.limit(client_id="mine")["orderId"]
    simulator.wait("0")
    (order,) = client.messages[-1]["orders"]
    assert order == {
        "order_id": order_id,
        "symbol": "ETH",
        "side": "BUY",
        "order_type": "limit",
        "size": "0.1",
        "filled_size": "0",
        "price": "3400.00",
        "status": "open",
        "reduce_only": False,
        "timestamp": simulator.now_ms,
        "client_id": "mine",
    }


def test_an_update_may_have_only_what_changed(venue: Any) -> None:
    simulator = venue(partial_updates=True)
    client = simulator.user()
    simulator.limit()
    simulator.wait("0")
    first, second = client.of("update")
    assert {"balance", "positions", "orders"} <= first.keys()
    assert "orders" in second
    assert "positions" not in second


def test_a_fill_while_nobody_asks_is_told(venue: Any) -> None:
    simulator = venue()
    simulator.limit(price="3499.9")
    client = simulator.user()
    simulator.depth("ETH", [("3490.0", "1")], [("3491.0", "1")])  # it comes to cross our bid
    simulator.wait("0")
    last = client.of("update")[-1]
    assert last["orders"] == []
    assert last["positions"][0]["size"] == "0.1"


def test_nothing_is_told_to_who_has_hung_up(venue: Any) -> None:
    simulator = venue(user_heartbeat=True)
    path = f"/ws/user/{ADDRESS}"
    lines = [
        simulator.connect(path, simulator.headers("GET", path))[1],
        simulator.connect("/ws/market/BTC")[1],
    ]
    for line in lines:
        line.hang_up()
    simulator.wait("0")
    assert simulator.clock.next_time is None
    simulator.limit()
    assert simulator.gateway.sockets == 0
    assert simulator.dialect._updates._listeners == {"alice": {}}


@pytest.mark.parametrize(("shown", "count"), [(True, 1), (False, 0)])
def test_waiting_triggers_are_shown_or_not(venue: Any, shown: bool, count: int) -> None:
    simulator = venue(tpsl_shown=shown)
    simulator.done("/order", symbol="BTC", is_buy=True, size="0.01")
    simulator.done("/order/tpsl", symbol="BTC", is_buy=False, size="0.01", sl_price="59000")
    assert len(simulator.user().of("update")[0]["orders"]) == count


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {GaiaExDialect.token_of('alice')}"},
        {"sec-websocket-protocol": f"Bearer.{GaiaExDialect.token_of('alice')}"},
    ],
)
def test_a_session_token_opens_the_user_stream_in_either_revision(venue: Any, headers: dict[str, str]) -> None:
    for revision in (A, B):
        client, _ = venue(revision).connect(f"/ws/user/{ADDRESS}", headers)
        assert client.of("update")


def test_a_signature_does_not_open_the_user_stream_in_revision_b(venue: Any) -> None:
    refusal = venue(B).user().refusal
    assert refusal is not None
    assert (refusal.status, json.loads(refusal.body)["error"]) == (401, "Invalid or expired session token")


@pytest.mark.parametrize(
    ("path", "signed", "status"),
    [
        (f"/ws/user/{ADDRESS}", f"/user/{ADDRESS}", 401),  # without the prefix
        ("/ws/user/0x000000000000000000000000000000000000bEEF", None, 403),
        (f"/user/{ADDRESS}", f"/ws/user/{ADDRESS}", 0),
    ],
)
def test_the_signed_path_of_a_stream_has_its_prefix(venue: Any, path: str, signed: str | None, status: int) -> None:
    simulator = venue()
    client, _ = simulator.connect(path, simulator.headers("GET", signed or path))
    assert (0 if client.refusal is None else client.refusal.status) == status


def test_a_stream_without_a_key_is_refused(venue: Any) -> None:
    client, _ = venue().connect(f"/ws/user/{ADDRESS}")
    assert client.refusal.status == 401
