"""Rate limits (chapter 9), and what goes wrong on the wire: the shared fault plan works on it like on any other."""

from __future__ import annotations

import json
from typing import Any

from anyvenue.simulation.server.faults import FaultPlan
from anyvenue.simulation.server.messages import HttpRequest

NOOP = {"type": "noop"}


def order(**changes: Any) -> dict[str, Any]:
    usual = {"a": 0, "b": True, "p": "59000", "s": "0.1", "r": False, "t": {"limit": {"tif": "Gtc"}}}
    return {**usual, **changes}


def test_weight_is_counted_by_address_on_the_net(venue: Any) -> None:
    here = venue()
    for _ in range(60):  # 20 each
        assert here.post("/info", {"type": "meta"}).status == 200
    assert here.post("/info", {"type": "allMids"}).status == 429
    assert here.post("/exchange", here.signed(NOOP)).status == 429
    assert here.post("/info", {"type": "allMids"}, remote="10.0.0.1").status == 200
    here.wait("60")
    assert here.post("/info", {"type": "meta"}).status == 200


def test_light_and_heavy_requests_weigh_what_the_sheet_says(venue: Any) -> None:
    for kind, count in (("allMids", 600), ("userRole", 20)):
        here = venue()
        asked = {"type": kind, "user": here.address}
        answers = [here.post("/info", asked).status for _ in range(count + 1)]
        assert answers == [200] * count + [429]


def test_long_answers_and_batches_weigh_more(venue: Any) -> None:
    here = venue()
    here.place(*[order(s="0.001")] * 40)
    asked = {"type": "historicalOrders", "user": here.address}
    here.wait("60")
    statuses = [here.post("/info", asked).status for _ in range(55)]
    assert statuses == [200] * 54 + [429]  # 40 rows make 22 of 20, and 55 x 22 are more than 1200
    here.wait("60")
    batch = here.signed({"type": "cancel", "cancels": [{"a": 0, "o": 1}] * 160})
    statuses = [here.post("/exchange", {**batch, "nonce": None}).status for _ in range(241)]
    assert statuses == [422] * 240 + [429]  # 1 + 160 / 40 each


def test_requests_for_life_run_out_and_come_back_one_by_one(venue: Any) -> None:
    here = venue()
    here.dialect.steer({"requests": {"alice": 9_999}})
    oid = here.resting()
    assert "resting" in here.place(order())[0]
    assert here.place(order()) == (
        "Too many cumulative requests sent (10002 > 10000) for cumulative volume traded $0.0. "
        "Place taker orders to free up 1 request per USDC traded."
    )
    here.wait("10")
    assert "resting" in here.place(order())[0]
    assert str(here.place(order())).startswith("Too many cumulative requests sent")
    assert here.act({"type": "cancel", "cancels": [{"a": 0, "o": oid}]}) == ["success"]
    here.dialect.steer({"volume": {"alice": "100"}})
    assert "resting" in here.place(order())[0]


def test_the_same_bytes_sent_again_after_a_lost_answer_do_nothing_twice(venue: Any) -> None:
    here = venue()
    here.gateway.faults = FaultPlan.parse([{"on": "http", "path": "/exchange", "lose_reply": True, "times": 1}])
    body = here.signed({"type": "order", "orders": [order()], "grouping": "na"})
    answers: list[Any] = []
    here.gateway.request(_request(body), answers.append)
    here.settle()
    assert answers == []
    answer = json.loads(here.post("/exchange", body).body)
    assert answer["response"] == f"Invalid nonce: duplicate nonce {body['nonce']}"
    assert len(here.open()) == 1


def test_a_lost_request_never_arrives_and_may_be_sent_again(venue: Any) -> None:
    here = venue()
    here.gateway.faults = FaultPlan.parse([{"on": "http", "path": "/exchange", "lose_request": True, "times": 1}])
    body = here.signed({"type": "order", "orders": [order()], "grouping": "na"})
    here.gateway.request(_request(body), lambda response: None)
    here.settle()
    assert here.open() == []
    assert json.loads(here.post("/exchange", body).body)["status"] == "ok"


def test_pushes_are_dropped_and_doubled_and_connections_break(venue: Any) -> None:
    here = venue()
    client, _ = here.connect(
        {"type": "orderUpdates", "user": here.address}, {"type": "userFills", "user": here.address}
    )
    here.gateway.faults = FaultPlan.parse(
        [
            {"on": "ws_out", "match": "orderUpdates", "drop": True, "times": 1},
            {"on": "ws_out", "match": "userFills", "duplicate": True, "times": 1},
        ]
    )
    here.long("0.1")
    assert client.of("orderUpdates") == []
    assert len(client.of("userFills")) == 3
    assert here.gateway.disconnect() == 1
    assert client.code == 1006


def test_the_clock_of_the_servers_may_be_off(venue: Any) -> None:
    here = venue()
    here.gateway.faults = FaultPlan.parse({"clock_skew_s": 30})
    assert here.info("exchangeStatus")["time"] == here.now_ms + 30_000
    assert here.act(NOOP, expires=here.now_ms + 10_000) == "Action already expired"


def test_the_ledger_of_the_control_endpoint_knows_orders_by_their_cloids(venue: Any) -> None:
    here = venue()
    cloid = "0x00000000000000000000000000000001"
    here.place({**order(), "c": cloid})
    (behind,) = here.stage.exchange.open_orders("alice")
    assert here.dialect.client_id_of("alice", behind.client_order_id) == cloid
    assert here.dialect.client_id_of("alice", "other") == ""


def _request(body: Any) -> HttpRequest:
    return HttpRequest(method="POST", path="/exchange", body=json.dumps(body).encode())
