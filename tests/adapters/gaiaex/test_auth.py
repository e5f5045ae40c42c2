"""Signatures, against the fact sheet's three vectors; and the two other ways in."""

import pytest

from anyvenue.venue.secrets import Secret
from anyvenue.wire.request import Request
from anyvenue_gaiaex.auth import Keys, rest_headers, stream_headers

ADDRESS = "0x000000000000000000000000000000000000dEaD"
KEYS = Keys(ADDRESS, "key-id", Secret("demo_secret_not_real"))
TIME_NS = 1743508800000 * 10**6
BODY = (
    b'{"user_address":"0x000000000000000000000000000000000000dEaD","symbol":"ETH","is_buy":true,'
    b'"size":"0.1","price":"3500.0","order_type":"limit"}'
)


def test_an_order_is_signed_over_time_method_path_without_base_and_body():
    assert rest_headers(KEYS, Request(method="POST", path="/order", body=BODY), TIME_NS) == {
        "X-GAIAEX-APIKEY": "key-id",
        "X-GAIAEX-TIMESTAMP": "1743508800000",
        "X-GAIAEX-SIGNATURE": "f3153046bb014f1afda6f4ceca117989b274137e994458e317383700e71f47f4",
    }


def test_a_get_is_signed_with_an_empty_body():
    signed = rest_headers(KEYS, Request(method="GET", path=f"/user/{ADDRESS}/balance"), TIME_NS)
    assert signed["X-GAIAEX-SIGNATURE"] == "0288c3b67c97f74750b3327d57b6958f451ffab7b59f5ebcf7236e7601a01747"


def test_the_user_stream_is_signed_with_the_ws_prefix():
    signed = stream_headers(KEYS, TIME_NS)
    assert signed["X-GAIAEX-SIGNATURE"] == "802c0603ceb994cc552452cb0b9aba7a7dab96a123552b662bfab7664eb577b3"


def test_the_timestamp_is_whole_milliseconds():
    assert stream_headers(KEYS, TIME_NS + 999_999)["X-GAIAEX-TIMESTAMP"] == "1743508800000"


def test_a_session_token_goes_as_a_bearer_where_there_is_no_key_or_where_it_is_asked_for():
    only = Keys(ADDRESS, token=Secret("tok"))
    both = Keys(ADDRESS, "key-id", Secret("demo_secret_not_real"), Secret("tok"))
    assert rest_headers(only, Request(method="GET", path="/x"), TIME_NS) == {"Authorization": "Bearer tok"}
    assert stream_headers(both, TIME_NS, by_token=True) == {"Authorization": "Bearer tok"}
    assert "X-GAIAEX-SIGNATURE" in stream_headers(both, TIME_NS)


def test_a_signed_query_is_refused_since_nobody_says_how_it_is_signed():
    with pytest.raises(ValueError, match="signed request with a query"):
        rest_headers(KEYS, Request(method="GET", path="/x", query=(("a", "1"),)), TIME_NS)


def test_nothing_to_sign_with_is_an_error():
    with pytest.raises(ValueError, match="neither a key"):
        stream_headers(Keys(ADDRESS), TIME_NS)


def test_the_address_is_kept_in_its_spelling():
    keys = Keys.of({"address": Secret(f" {ADDRESS}\n"), "key": Secret("k"), "secret": Secret("s")})
    assert (keys.address, keys.key, keys.token) == (ADDRESS, "k", None)


def test_what_is_no_address_is_refused_without_being_shown():
    with pytest.raises(ValueError, match="0x and 40") as caught:
        Keys.of({"address": Secret("hunter2"), "token": Secret("t")})
    assert "hunter2" not in str(caught.value)


def test_secrets_do_not_show():
    keys = Keys(ADDRESS, "key-id", Secret("demo_secret_not_real"), Secret("the-token"))
    assert "demo_secret" not in repr(keys)
    assert "the-token" not in repr(keys)
