"""Who is let in: signatures, times, keys (fact sheet, chapter 2)."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from anyvenue.venue.secrets import Secret
from anyvenue_gateio.simulator.auth_check import api_signature, channel_signature, rest_signature

SECRET = Secret("secret")
PATH = "/api/v4/futures/orders"
TS = "1541993715"


def test_the_official_vector_of_a_get_is_met() -> None:
    sign = rest_signature(SECRET, "GET", PATH, "contract=BTC_USD&status=finished&limit=50", b"", TS)
    assert sign == (
        "55f84ea195d6fe57ce62464daaa7c3c02fa9d1dde954e4c898289c9a2407a3d6"
        "fb3faf24deff16790d726b66ac9f74526668b13bd01029199cc4fcc522418b8a"
    )


def test_the_official_vector_of_a_post_is_met() -> None:
    body = b'{"contract":"BTC_USD","type":"limit","size":100,"price":6800,"time_in_force":"gtc"}'
    assert rest_signature(SECRET, "POST", PATH, "", body, TS) == (
        "eae42da914a590ddf727473aff25fc87d50b64783941061f47a3fdb92742541f"
        "c4c2c14017581b4199a1418d54471c269c03a38d788d802e2c306c37636389f0"
    )


def test_the_vectors_of_the_websocket_are_met() -> None:
    assert channel_signature(SECRET, "futures.orders", "subscribe", TS) == (
        "4cdab02f21aba635fce8684a050806325cb4aa74a93d00c39f2084da73614d2e"
        "1d25878ca7c9ebcbde9541cddfc5ae36b1ccde10982eb82fd09f7a30a6d43d84"
    )
    assert api_signature(SECRET, "futures.login", "", TS) == (
        "2085a2b6f0343904fb273d0dd6fbe5c4724286a72284822976925ec2496b8f74"
        "4d33aab0f5edfb886c4661951a407fb02e9238cb18dee6743b1ff409b0ab783f"
    )


def test_a_signed_request_is_let_in(gate: Any) -> None:
    assert gate.call("GET", "/futures/usdt/accounts").status == 200


def test_a_query_with_other_letters_is_signed_plain(gate: Any) -> None:
    answer = gate.call("GET", "/futures/usdt/orders", {"status": "open", "contract": "币安人生_USDT"})
    assert (answer.status, answer.json) == (200, [])


@pytest.mark.parametrize("seconds", [-61, 61])
def test_a_request_a_minute_off_has_expired(gate: Any, seconds: int) -> None:
    answer = gate.call("GET", "/futures/usdt/accounts", time_s=gate.clock.time_ns() // 10**9 + seconds)
    assert answer.label == "REQUEST_EXPIRED"
    assert answer.status in (401, 403)


def test_a_request_almost_a_minute_off_is_let_in(gate: Any) -> None:
    assert gate.call("GET", "/futures/usdt/accounts", time_s=gate.clock.time_ns() // 10**9 - 59).status == 200


def test_a_body_that_is_not_the_signed_one_is_refused(gate: Any) -> None:
    request = gate.request("POST", "/futures/usdt/orders", None, {"contract": "BTC_USDT"})
    answer = gate.send(evolve(request, body=b'{"contract":"BTC_USDT" }'))
    assert (answer.status, answer.label) == (401, "INVALID_SIGNATURE")


def test_a_query_in_another_order_is_refused(gate: Any) -> None:
    request = gate.request("GET", "/futures/usdt/orders", {"status": "open", "limit": "1"})
    assert gate.send(evolve(request, raw_query="limit=1&status=open")).label == "INVALID_SIGNATURE"


def test_an_unknown_key_and_an_expired_one_are_refused(gate: Any) -> None:
    unknown = evolve(gate.key, key="0" * 32)
    assert gate.call("GET", "/futures/usdt/accounts", key=unknown).label == "INVALID_KEY"
    gate.stage.keys.add(evolve(gate.key, expired=True))
    assert gate.call("GET", "/futures/usdt/accounts").label == "INVALID_KEY"


def test_a_missing_header_is_named(gate: Any) -> None:
    answer = gate.call("GET", "/futures/usdt/accounts", signed=False)
    assert answer.label == "MISSING_REQUIRED_HEADER"


def test_a_read_only_key_reads_and_does_not_trade(gate: Any) -> None:
    gate.stage.keys.add(evolve(gate.key, may_trade=False))
    assert gate.call("GET", "/futures/usdt/accounts").status == 200
    answer = gate.order("1")
    assert (answer.status, answer.label) == (403, "READ_ONLY")
    assert gate.get("/positions", holding="true") == []


def test_a_key_is_bound_to_its_addresses(gate: Any) -> None:
    gate.stage.keys.add(evolve(gate.key, addresses=frozenset({"10.0.0.1"})))
    assert gate.call("GET", "/futures/usdt/accounts", remote="10.0.0.1").status == 200
    answer = gate.call("GET", "/futures/usdt/accounts", remote="10.0.0.2")
    assert (answer.status, answer.label) == (403, "IP_FORBIDDEN")


def test_an_unknown_path_is_a_404_without_a_label(gate: Any) -> None:
    for path in ("/futures/usdt/dual_comp/positions", "/futures/usdt/nothing"):
        answer = gate.call("GET", path)
        assert answer.status == 404
        assert b"label" not in answer.json


def test_every_answer_says_how_the_client_stands(gate: Any) -> None:
    headers = gate.call("GET", "/futures/usdt/accounts").headers
    assert headers["X-Gate-RateLimit-Limit"] == "200"
    assert headers["X-Gate-RateLimit-Requests-Remain"] == "199"
    assert int(headers["X-In-Time"]) == gate.clock.time_ns() // 1000
    assert headers["X-Gate-Trace-ID"]
    assert int(headers["X-Gate-RateLimit-Reset-Timestamp"]) in (1_704_067_200, 1_704_067_200_000)


def test_the_101st_order_in_a_second_is_one_too_many_and_batches_count_by_rows(gate: Any) -> None:
    row = {"contract": "BTC_USDT", "size": "1", "price": "59000", "tif": "gtc"}
    for _ in range(9):
        assert gate.post("/batch_orders", None, [row] * 10).status == 200
    assert all(gate.order("1", "58000").status == 201 for _ in range(10))
    answer = gate.order("1", "58000")
    assert (answer.status, answer.label) == (429, "TOO_MANY_REQUESTS")
    assert answer.headers["X-Gate-RateLimit-Requests-Remain"] == "0"
    assert gate.call("DELETE", "/futures/usdt/orders", {"contract": "BTC_USDT"}).status == 200
    gate.wait(1)
    assert gate.order("1", "58000").status == 201


def test_public_requests_are_counted_by_address(gate: Any) -> None:
    for _ in range(200):
        assert gate.call("GET", "/futures/usdt/trades", {"contract": "BTC_USDT"}, signed=False).status == 200
    assert gate.call("GET", "/futures/usdt/trades", {"contract": "BTC_USDT"}, signed=False).status == 429
    elsewhere = gate.call("GET", "/futures/usdt/trades", {"contract": "BTC_USDT"}, signed=False, remote="10.0.0.9")
    assert elsewhere.status == 200
