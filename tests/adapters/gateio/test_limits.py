"""The buckets, and what the headers say of them."""

import pytest

from anyvenue.wire.limits import LimitNews
from anyvenue.wire.request import Charge, Request, Response
from anyvenue_gateio.limits import BUCKETS, CANCEL, PLACE, cancel, limits_of, place, private, public

ORDER = Request(method="POST", path="/futures/usdt/orders", charges=PLACE)


def headers(**values):
    return Response(status=200, headers={f"x-gate-ratelimit-{n.replace('_', '-')}": v for n, v in values.items()})


def test_the_buckets_are_those_of_the_reference():
    assert {bucket.name: (bucket.limit, bucket.per_s) for bucket in BUCKETS} == {
        "place": (100, 1),
        "cancel": (200, 1),
        "private": (200, 10),
        "public": (200, 10),
    }


def test_only_placing_keeps_a_reserve_for_what_reduces_risk():
    assert [bucket.name for bucket in BUCKETS if bucket.reserve] == ["place"]


def test_in_a_batch_each_row_counts():
    assert (PLACE, place(10)) == ((Charge("place"),), (Charge("place", weight=10),))
    assert (CANCEL, cancel(20)) == ((Charge("cancel"),), (Charge("cancel", weight=20),))


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/futures/usdt/accounts", "futures/usdt/accounts"),
        ("/futures/btc/positions/BTC_USD/leverage", "futures/btc/positions/*/leverage"),
        ("/futures/usdt/contracts/1INCH_USDT", "futures/usdt/contracts/*"),
        ("/futures/usdt/orders/74046511", "futures/usdt/orders/*"),
        ("/futures/usdt/orders/t-01hx", "futures/usdt/orders/*"),
        ("/futures/usdt/autoorder/v1/trail/create", "futures/usdt/autoorder/v1/trail/create"),
    ],
)
def test_an_endpoint_has_one_budget_whatever_contract_or_order_is_meant(path, endpoint):
    assert private(path) == (Charge("private", endpoint),)
    assert public(path) == (Charge("public", endpoint),)


def test_headers_tell_what_is_left():
    response = headers(requests_remain="42", limit="100", reset_timestamp="1700000001")
    assert limits_of(ORDER, response) == (LimitNews(charge=Charge("place"), remaining=42, limit=100),)


@pytest.mark.parametrize("reset", ["1700000001", "1700000001000"])
def test_the_reset_of_an_exhausted_limit_is_in_seconds_or_milliseconds(reset):
    (news,) = limits_of(ORDER, headers(requests_remain="0", limit="100", reset_timestamp=reset))
    assert (news.remaining, news.reset_ns) == (0, 1_700_000_001 * 10**9)


@pytest.mark.parametrize(
    "response",
    [headers(), headers(limit="100"), headers(requests_remain="many"), headers(requests_remain="-1")],
    ids=["none", "no count", "no number", "negative"],
)
def test_headers_that_do_not_tell_are_no_news(response):
    assert not limits_of(ORDER, response)


def test_a_reset_that_is_no_time_is_left_out():
    (news,) = limits_of(ORDER, headers(requests_remain="0", limit="0", reset_timestamp="9" * 30))
    assert (news.limit, news.reset_ns) == (None, None)


def test_a_request_that_costs_nothing_gives_no_news():
    assert not limits_of(Request(method="GET", path="/x"), headers(requests_remain="1"))
