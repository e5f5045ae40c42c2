"""Signatures, against the venue's own test vectors and those that its rules give."""

import hashlib
import hmac

from anyvenue.venue.secrets import Secret
from anyvenue.wire.request import Request
from anyvenue_gateio.auth import HEADERS, channel_auth, login_payload, rest_headers

SECRET = Secret("secret")
TIME_S = 1541993715
PATH = "/api/v4/futures/orders"


def signed(request, path=PATH, time_ns=TIME_S * 10**9):
    return rest_headers("key", SECRET, request, path, time_ns)


def test_a_get_is_signed_as_in_the_reference():
    query = (("contract", "BTC_USD"), ("status", "finished"), ("limit", "50"))
    assert signed(Request(method="GET", path="/futures/orders", query=query)) == {
        "KEY": "key",
        "SIGN": "55f84ea195d6fe57ce62464daaa7c3c02fa9d1dde954e4c898289c9a2407a3d6"
        "fb3faf24deff16790d726b66ac9f74526668b13bd01029199cc4fcc522418b8a",
        "Timestamp": "1541993715",
    }


def test_a_body_is_signed_as_in_the_reference_byte_for_byte():
    body = b'{"contract":"BTC_USD","type":"limit","size":100,"price":6800,"time_in_force":"gtc"}'
    assert signed(Request(method="POST", path="/futures/orders", body=body))["SIGN"] == (
        "eae42da914a590ddf727473aff25fc87d50b64783941061f47a3fdb92742541f"
        "c4c2c14017581b4199a1418d54471c269c03a38d788d802e2c306c37636389f0"
    )


def test_the_timestamp_is_in_whole_seconds():
    assert signed(Request(method="GET", path="/x"), time_ns=TIME_S * 10**9 + 999_999_999)["Timestamp"] == "1541993715"


def test_a_name_that_is_not_ascii_is_signed_plain_and_sent_encoded():
    request = Request(method="GET", path="/futures/usdt/orders", query=(("contract", "币安人生_USDT"),))
    text = "\n".join(
        ["GET", PATH, "contract=币安人生_USDT", hashlib.sha512(b"").hexdigest(), str(TIME_S)]  # chapter 2
    )
    assert signed(request)["SIGN"] == hmac.new(b"secret", text.encode(), hashlib.sha512).hexdigest()
    assert "%E5%B8%81" in request.target


def test_a_subscription_signs_its_own_event():
    auth = channel_auth("key", SECRET, channel="futures.orders", event="subscribe", time_s=TIME_S)
    assert auth == {
        "method": "api_key",
        "KEY": "key",
        "SIGN": "4cdab02f21aba635fce8684a050806325cb4aa74a93d00c39f2084da73614d2e"
        "1d25878ca7c9ebcbde9541cddfc5ae36b1ccde10982eb82fd09f7a30a6d43d84",
    }
    other = channel_auth("key", SECRET, channel="futures.orders", event="unsubscribe", time_s=TIME_S)
    assert other["SIGN"] != auth["SIGN"]


def test_a_login_has_no_parameter_and_signs_the_empty_text():
    assert login_payload("key", SECRET, time_s=TIME_S, req_id="7") == {
        "api_key": "key",
        "signature": "2085a2b6f0343904fb273d0dd6fbe5c4724286a72284822976925ec2496b8f74"
        "4d33aab0f5edfb886c4661951a407fb02e9238cb18dee6743b1ff409b0ab783f",
        "timestamp": "1541993715",
        "req_id": "7",
    }


def test_sizes_are_asked_for_with_their_fraction():
    assert HEADERS["X-Gate-Size-Decimal"] == "1"
