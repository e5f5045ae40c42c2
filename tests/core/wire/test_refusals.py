"""A venue's codes and the rules of HTTP: what each refusal means, and what the client may do about it."""

import pytest

from anyvenue.model.errors import (
    AuthenticationFailed,
    InsufficientFunds,
    OutcomeUnknown,
    PermissionDenied,
    RateLimited,
    Rejected,
    RejectReason,
    UnknownOrder,
)
from anyvenue.wire.refusals import RefusalTable
from anyvenue.wire.request import Response

TABLE = RefusalTable(
    "fake",
    {
        "no_money": (RejectReason.INSUFFICIENT_FUNDS, "add funds"),
        "gone": (RejectReason.UNKNOWN_ORDER, "look it up"),
        "late": (RejectReason.EXPIRED, "set the clock"),
        "slow": (RejectReason.RATE_LIMITED, "wait"),
        "locked": (PermissionDenied, "ask the support"),
        "in doubt": (OutcomeUnknown, "look it up"),
        "Price": (RejectReason.OTHER, "a price"),
        "Price must": (RejectReason.INVALID_PRICE, "round it"),
    },
)


def refusal(status=400, code="", text="", **headers):
    response = Response(status=status, headers=headers, ts_recv=1_798_801_200 * 10**9)
    return TABLE.refusal(response, code, text, request="GET /x")


@pytest.mark.parametrize(
    ("found", "kind", "reason"),
    [
        (refusal(400, "no_money"), InsufficientFunds, RejectReason.INSUFFICIENT_FUNDS),
        (refusal(404, "gone"), UnknownOrder, RejectReason.UNKNOWN_ORDER),
        (refusal(400, "never heard of"), Rejected, RejectReason.OTHER),
        (refusal(200, text="Price must be divisible"), Rejected, RejectReason.INVALID_PRICE),
        (refusal(200, text="Price is odd"), Rejected, RejectReason.OTHER),
        (refusal(500, "no_money"), InsufficientFunds, RejectReason.INSUFFICIENT_FUNDS),
        (refusal(429), RateLimited, RejectReason.RATE_LIMITED),
        (refusal(400, "slow"), RateLimited, RejectReason.RATE_LIMITED),
    ],
)
def test_what_was_refused_says_why(found, kind, reason):
    assert type(found.error) is kind
    assert found.error.reason is reason
    assert found.error.venue == "fake"
    assert not found.server_fault


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (refusal(401), AuthenticationFailed),
        (refusal(403), PermissionDenied),
        (refusal(400, "locked"), PermissionDenied),
        (refusal(401, "gone"), UnknownOrder),
    ],
)
def test_a_key_that_is_not_accepted_ends_trading_unless_the_code_says_otherwise(found, kind):
    assert type(found.error) is kind


@pytest.mark.parametrize(
    "found", [refusal(500), refusal(502, "never heard of"), refusal(408), refusal(200, "in doubt")]
)
def test_a_failure_of_the_venue_leaves_the_outcome_unknown(found):
    assert type(found.error) is OutcomeUnknown
    assert found.server_fault
    assert not found.unprocessed


def test_a_refused_time_stamp_has_the_clock_corrected_and_was_not_carried_out():
    found = refusal(401, "late")
    assert (found.clock, found.unprocessed) == (True, True)
    assert not refusal(400, "no_money").unprocessed
    assert refusal(429).unprocessed


@pytest.mark.parametrize(
    ("given", "wait_s"),
    [
        ("2", 2.0),
        ("0.25", 0.25),
        ("Fri, 01 Jan 2027 11:00:30 GMT", 30.0),  # the answer came at 11:00:00
        ("nonsense", 1.0),
        ("nan", 1.0),
        ("-5", 0.1),
        ("1e9", 3600.0),
    ],
)
def test_how_long_to_wait_is_what_the_answer_says_within_reason(given, wait_s):
    assert refusal(429, **{"retry-after": given}).error.retry_after_s == pytest.approx(wait_s)


def test_the_venues_own_words_are_kept():
    error = refusal(400, "no_money", "you have 3.50").error
    assert (error.code, error.detail) == ("no_money", "no_money: you have 3.50")
    assert "GET /x" in str(error)
