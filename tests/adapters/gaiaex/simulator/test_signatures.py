"""The signatures of the fact sheet's own self-check vectors are the ones that the simulated GaiaEx lets in."""

from __future__ import annotations

import json
from typing import Any

from anyvenue.venue.secrets import Secret
from anyvenue_gaiaex.simulator.auth_check import signature

ADDRESS = "0x000000000000000000000000000000000000dEaD"
TIME = "1743508800000"
BODY = (
    b'{"user_address":"0x000000000000000000000000000000000000dEaD","symbol":"ETH","is_buy":true,"size":"0.1",'
    b'"price":"3500.0","order_type":"limit"}'
)
ORDER_SIGNATURE = "f3153046bb014f1afda6f4ceca117989b274137e994458e317383700e71f47f4"
BALANCE_SIGNATURE = "0288c3b67c97f74750b3327d57b6958f451ffab7b59f5ebcf7236e7601a01747"
STREAM_SIGNATURE = "802c0603ceb994cc552452cb0b9aba7a7dab96a123552b662bfab7664eb577b3"


def _headers(found: str) -> dict[str, str]:
    return {
        "x-gaiaex-apikey": "0123456789abcdef0123456789abcdef",
        "x-gaiaex-timestamp": TIME,
        "x-gaiaex-signature": found,
        "content-type": "application/json",
    }


def test_the_three_vectors_come_out() -> None:
    secret = Secret("demo_secret_not_real")
    assert signature(secret, TIME, "POST", "/order", BODY) == ORDER_SIGNATURE
    assert signature(secret, TIME, "GET", f"/user/{ADDRESS}/balance") == BALANCE_SIGNATURE
    assert signature(secret, TIME, "GET", f"/ws/user/{ADDRESS}") == STREAM_SIGNATURE


def test_the_signed_order_of_the_sheet_is_placed(venue: Any) -> None:
    response = venue().send("POST", "/v1/trade/order", BODY, _headers(ORDER_SIGNATURE))
    answer = json.loads(response.body)
    assert response.status == 200
    assert answer == {
        "success": True,
        "orderId": answer["orderId"],
        "status": "open",
        "symbol": "ETH",
        "side": "BUY",
        "type": "LIMIT",
        "origQty": "0.1",
        "price": "3500.00",
        "timestamp": 1743508800000,
    }


def test_the_signed_balance_of_the_sheet_is_told(venue: Any) -> None:
    response = venue().send("GET", f"/v1/trade/user/{ADDRESS}/balance", headers=_headers(BALANCE_SIGNATURE))
    assert json.loads(response.body) == {
        "address": ADDRESS,
        "usdc_balance": "100000.00",
        "hl_confirmed_bal": "100000.00",
        "pending_deposit": "0.00",
        "available": "100000.00",
        "unrealized_pnl": "0.00",
        "margin_used": "0.00",
        "timestamp": 1743508800000,
    }


def test_the_signed_stream_of_the_sheet_is_opened(venue: Any) -> None:
    client, _ = venue().connect(f"/ws/user/{ADDRESS}", _headers(STREAM_SIGNATURE))
    (first,) = client.of("update")
    assert first["balance"]["available"] == "100000.00"
    assert first["positions"] == []
    assert first["orders"] == []


def test_a_signature_over_the_base_path_is_refused(venue: Any) -> None:
    simulator = venue()
    headers = simulator.headers("GET", f"/v1/trade/user/{ADDRESS}/balance")
    assert simulator.send("GET", f"/v1/trade/user/{ADDRESS}/balance", headers=headers).status == 401


def test_a_signature_over_other_bytes_of_the_same_json_is_refused(venue: Any) -> None:
    spaced = BODY.replace(b",", b", ")
    assert venue().send("POST", "/v1/trade/order", spaced, _headers(ORDER_SIGNATURE)).status == 401
