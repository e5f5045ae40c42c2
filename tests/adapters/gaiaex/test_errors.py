"""What refusals mean, in the words of both revisions (chapter 10)."""

from decimal import Decimal

import orjson
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
    WouldTakeLiquidity,
)
from anyvenue.wire.request import Effect, Request, Response
from anyvenue_gaiaex.errors import error_text, refusal_of, server_time_in

COMMAND = Request(method="POST", path="/order", signed=True, effect=Effect.COMMAND)
READ = Request(method="GET", path="/symbols/list")


def answer(status, content, headers=None):
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    return Response(status=status, body=body, headers=headers or {}, ts_recv=1_743_508_800_000_000_000)


def refused(status, text, request=COMMAND, **headers):
    return refusal_of(request, answer(status, {"error": text}, headers))


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (401, "Missing authentication", AuthenticationFailed),
        (401, "Missing API key auth headers", AuthenticationFailed),
        (401, "Invalid API key", AuthenticationFailed),
        (401, "Invalid signature", AuthenticationFailed),
        (401, "Invalid HMAC signature", AuthenticationFailed),
        (401, "Session expired", AuthenticationFailed),
        (401, "Invalid or expired session token", AuthenticationFailed),
        (401, "something new", AuthenticationFailed),
        (403, "Address mismatch", PermissionDenied),
        (403, "Insufficient permissions", PermissionDenied),
        (403, "API key lacks 'trade' permission", PermissionDenied),
        (403, "IP not whitelisted", PermissionDenied),
        (403, "IP 10.0.0.1 not in API key whitelist", PermissionDenied),
        (403, "something new", PermissionDenied),
    ],
)
def test_401_and_403_end_trading(status, text, kind):
    refusal = refused(status, text)
    assert type(refusal.error) is kind
    assert not refusal.unprocessed
    assert text in str(refusal.error)


@pytest.mark.parametrize(
    "text", ["Timestamp expired", "Timestamp outside recv_window (5000ms). Server time: 1743508812345"]
)
def test_a_refused_time_stamp_sets_the_clock_and_may_be_sent_again(text):
    refusal = refused(401, text)
    assert (refusal.clock, refusal.unprocessed) == (True, True)
    assert isinstance(refusal.error, Rejected)
    assert refusal.error.reason is RejectReason.EXPIRED


def test_the_servers_time_is_read_from_the_refusal_where_it_is_there():
    told = "Timestamp outside recv_window (5000ms). Server time: 1743508812345"
    assert server_time_in(told) == 1_743_508_812_345_000_000
    assert server_time_in("Timestamp expired") is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Price must be divisible by 0.5", RejectReason.INVALID_PRICE),
        ("Order must have minimum value of $10", RejectReason.BELOW_MINIMUM),
        ("Order has invalid size", RejectReason.INVALID_QUANTITY),
        ("Order has invalid price", RejectReason.INVALID_PRICE),
        ("Symbol 'XYZ' is not supported", RejectReason.UNKNOWN_INSTRUMENT),
        ("what nobody has seen", RejectReason.OTHER),
    ],
)
def test_order_errors_have_a_neutral_reason(text, reason):
    refusal = refused(400, text)
    assert refusal.error.reason is reason
    assert text in str(refusal.error)


def test_the_tick_is_kept_from_the_text():
    assert refused(400, "Price must be divisible by 0.5").error.code == "tick 0.5"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Insufficient margin to place order.", InsufficientFunds),
        ("Post only order would have immediately matched", WouldTakeLiquidity),
        ("Order was never placed, already canceled, or filled.", UnknownOrder),
    ],
)
def test_texts_of_the_exchange_behind_have_errors_of_their_own(text, kind):
    assert type(refused(400, text).error) is kind


@pytest.mark.parametrize("field", ["error", "message", "detail", "msg"])
def test_the_text_is_found_under_any_name(field):
    assert error_text(answer(400, {field: "Order has invalid size"})) == "Order has invalid size"


def test_a_nested_text_and_a_plain_body_are_read_too():
    assert error_text(answer(400, {"error": {"message": "deep"}})) == "deep"
    assert error_text(answer(502, b"<html>Bad gateway</html>")) == "<html>Bad gateway</html>"
    assert error_text(answer(400, {"code": 7})) == "{'code': 7}"


def test_429_obeys_retry_after_in_seconds_and_as_a_date():
    seconds = refused(429, "Rate limit exceeded", **{"retry-after": "3"})
    date = refused(429, "Rate limit exceeded", **{"retry-after": "Tue, 01 Apr 2025 12:00:07 GMT"})  # received 12:00:00
    assert isinstance(seconds.error, RateLimited)
    assert (seconds.error.retry_after_s, date.error.retry_after_s) == (3.0, 7.0)
    assert seconds.unprocessed
    assert refused(429, "Rate limit exceeded").error.retry_after_s == 1.0
    assert refused(429, "Handshake rate limit").error.retry_after_s == 15.0


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_a_failure_of_the_server_leaves_the_outcome_unknown(status):
    refusal = refused(status, "oops")
    assert isinstance(refusal.error, OutcomeUnknown)
    assert refusal.server_fault
    assert not refusal.unprocessed


def test_success_true_is_success_and_reads_need_none():
    assert refusal_of(COMMAND, answer(200, {"success": True, "orderId": 1, "note": "moved"})) is None
    assert refusal_of(READ, answer(200, {"symbols": []})) is None


@pytest.mark.parametrize("content", [{"success": False, "message": "Insufficient margin"}, {"error": "Insufficient"}])
def test_200_with_an_errors_text_is_a_refusal(content):
    assert isinstance(refusal_of(COMMAND, answer(200, content)).error, InsufficientFunds)


@pytest.mark.parametrize(
    "content", [{"success": False}, {"orderId": 1}, {"orderId": 1, "message": "ok"}, [], b"<html>"]
)
def test_200_that_says_neither_leaves_the_outcome_unknown(content):
    assert isinstance(refusal_of(COMMAND, answer(200, content)).error, OutcomeUnknown)


def test_numbers_in_texts_stay_texts():
    assert Decimal(refused(400, "Price must be divisible by 0.01").error.code.removeprefix("tick ")) == Decimal("0.01")
