"""The buckets, and what the headers say of them."""

import pytest

from anyvenue.wire.limits import LimitNews
from anyvenue.wire.request import Charge, Request, Response
from anyvenue_gateio.limits import BUCKETS, CANCEL, PLACE, DayCount, cancel, limits_of, place, private, public

ORDER = Request(method="POST", path="/futures/usdt/orders", charges=PLACE)


def headers(**values):
    return Response(status=200, headers={f"x-gate-ratelimit-{n.replace('_', '-')}": v for n, v in values.items()})


def test_the_buckets_are_those_of_the_reference_and_their_windows_a_little_longer():
    assert all(round(bucket.per_s) < bucket.per_s < 1.2 * round(bucket.per_s) for bucket in BUCKETS)
    assert {bucket.name: (bucket.limit, round(bucket.per_s)) for bucket in BUCKETS} == {
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


# The day's orders, amends and cancels

HOUR = 3600 * 10**9
NOON = 1_700_049_600 * 10**9


def test_a_day_is_warned_of_once_at_80_and_once_at_100_percent(caplog):
    day = DayCount("mine")
    day.add(69_119, NOON)
    assert not caplog.records
    day.add(1, NOON + HOUR)
    day.add(17_279, NOON + 2 * HOUR)
    (record,) = caplog.records
    assert (record.levelname, record.getMessage().partition(". ")[0]) == (
        "WARNING",
        "mine: 69120 orders, amends and cancels in 24 h, 80 % of 86400",
    )
    day.add(1, NOON + 3 * HOUR)
    day.add(500, NOON + 3 * HOUR)
    assert [r.getMessage().partition(" of ")[0].rpartition("h, ")[2] for r in caplog.records] == ["80 %", "100 %"]
    assert "10 orders in 10 s for an hour" in caplog.records[-1].getMessage()


def test_what_is_older_than_a_day_does_not_count_and_the_next_day_is_warned_of_again(caplog):
    day = DayCount("mine")
    day.add(69_120, NOON)
    day.add(1, NOON + 24 * HOUR)  # the bin that began a day ago still counts
    assert (day.total, len(caplog.records)) == (69_121, 2)
    day.add(1, NOON + 24 * HOUR + HOUR // 6)
    assert (day.total, len(caplog.records)) == (2, 2)


def test_one_request_a_second_is_what_is_allowed(caplog):
    day = DayCount("mine")
    for second in range(86_399):
        day.add(1, NOON + second * 10**9)
    assert len(caplog.records) == 1
    day.add(1, NOON + 86_399 * 10**9)
    assert len(caplog.records) == 2


def test_a_count_takes_no_more_room_with_time_or_by_a_clock_that_is_set_back():
    day = DayCount("mine")
    for hour in range(1000):
        day.add(1, NOON + hour * HOUR)
    assert (day.total, len(day._bins)) == (25, 25)  # both ends of the 24 hours
    day.add(1, NOON)
    assert (day.total, len(day._bins)) == (1, 1)
