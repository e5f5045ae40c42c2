"""Every label of the reference, and answers that have none."""

import json

import pytest

from anyvenue.model.errors import (
    AuthenticationFailed,
    InsufficientFunds,
    OutcomeUnknown,
    PermissionDenied,
    RateLimited,
    Rejected,
    RejectReason,
    TradingEnded,
    UnknownOrder,
    WouldTakeLiquidity,
)
from anyvenue.wire.request import Effect, Request, Response
from anyvenue_gateio.errors import error_of, refusal_of

COMMAND = Request(method="POST", path="/futures/usdt/orders", effect=Effect.COMMAND)
READ = Request(method="GET", path="/futures/usdt/orders")
NOW = 1_700_000_000 * 10**9


def refused(status, body, request=COMMAND, **headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return refusal_of(request, Response(status=status, headers=names, body=raw, ts_recv=NOW))


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        ("INVALID_KEY INVALID_SIGNATURE INVALID_CREDENTIALS MISSING_REQUIRED_HEADER", AuthenticationFailed),
        ("IP_FORBIDDEN READ_ONLY FORBIDDEN", PermissionDenied),
        ("ACCOUNT_LOCKED USER_NOT_FOUND", TradingEnded),
        ("INSUFFICIENT_AVAILABLE BALANCE_NOT_ENOUGH INITIAL_MARGIN_TOO_LOW REMOVE_TOO_MUCH", InsufficientFunds),
        ("ORDER_NOT_FOUND CLIENT_ID_NOT_FOUND", UnknownOrder),
        ("ORDER_POC_IMMEDIATE", WouldTakeLiquidity),
        ("TOO_MANY_REQUESTS", RateLimited),
        ("TOO_BUSY INTERNAL SERVER_ERROR INTERNAL_SERVER_ERROR", OutcomeUnknown),
    ],
)
def test_labels_that_have_a_class_of_their_own(labels, kind):
    for label in labels.split():
        error = error_of(label, "text", status=400, request=COMMAND)
        assert type(error) is kind, label
        assert (error.venue, error.request, error.detail) == ("gateio", "POST /futures/usdt/orders", f"{label}: text")


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ("REQUEST_EXPIRED", "expired"),
        ("INVALID_PARAM_VALUE INVALID_ARGUMENT MISSING_REQUIRED_PARAM INVALID_REQUEST_BODY INVALID_PROTOCOL", "other"),
        ("BAD_REQUEST INVALID_CONTENT_TYPE NOT_ACCEPTABLE METHOD_NOT_ALLOWED NOT_FOUND", "other"),
        ("POSITION_CROSS_MARGIN ORDER_NOT_OWNED TOO_MANY_ORDERS", "other"),
        ("CONTRACT_NOT_FOUND", "unknown_instrument"),
        ("CONTRACT_NO_COUNTER ORDER_FOK", "no_liquidity"),
        ("CONTRACT_IN_DELISTING POSITION_NOT_FOUND POSITION_EMPTY INCREASE_POSITION REDUCE_EXCEEDED", "reduce_only"),
        ("LIQUIDATE_IMMEDIATELY POSITION_IN_LIQUIDATION POSITION_IN_CLOSE", "liquidation"),
        ("RISK_LIMIT_EXCEEDED RISK_LIMIT_NOT_MULTIPLE RISK_LIMIT_TOO_HIGH RISK_LIMIT_TOO_LOW", "risk_limit"),
        ("RISK_LIMIT_TOO_lOW", "risk_limit"),  # so in the reference
        ("LEVERAGE_TOO_HIGH LEVERAGE_TOO_LOW", "leverage"),
        ("POSITION_DUAL_MODE POSITION_HOLDING ORDER_PENDING", "position_mode"),
        ("ORDER_FINISHED", "order_closed"),
        ("PRICE_TOO_DEVIATED PRICE_OVER_LIQUIDATION PRICE_OVER_BANKRUPT", "price_out_of_band"),
        ("SIZE_TOO_SMALL", "below_minimum"),
        ("SIZE_TOO_LARGE", "invalid_quantity"),
        ("NO_CHANGE", "nothing_changed"),
        ("AMEND_WITH_STOP APIOrderNotSupportUpdateTouchOrder", "not_supported"),
        ("AUTO_TRIGGER_PRICE_LESS_LAST AUTO_TRIGGER_PRICE_GREATE_LAST", "invalid_trigger"),
        ("AUTO_INVALID_PARAM_TRIGGER_RULE AUTO_INVALID_PARAM_PRICE AUTO_ANYTHING", "invalid_trigger"),
        ("SOMETHING_NEW", "other"),
    ],
)
def test_labels_that_refuse_have_a_neutral_reason(labels, reason):
    for label in labels.split():
        error = error_of(label, "", status=400, request=READ)
        assert isinstance(error, Rejected), label
        assert (error.reason.value, error.code) == (reason, label.upper())


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_a_success_refuses_nothing(status):
    assert refused(status, b"") is None


def test_what_the_venue_said_and_its_trace_id_are_kept():
    refusal = refused(400, {"label": "SIZE_TOO_LARGE", "message": "max 100"}, x_gate_trace_id="abc")
    assert refusal.error.detail == "SIZE_TOO_LARGE: max 100 (trace id abc)"
    assert (refusal.unprocessed, refusal.clock, refusal.server_fault) == (False, False, False)
    assert refused(400, b"", x_gate_trace_id="abc").error.detail == "(trace id abc)"


def test_older_answers_have_a_detail_in_place_of_a_message():
    assert refused(400, {"label": "ORDER_FOK", "detail": "why"}).error.detail == "ORDER_FOK: why"


def test_an_expired_request_was_not_run_and_is_the_clocks_fault():
    refusal = refused(403, {"label": "REQUEST_EXPIRED", "message": "gap"})
    assert refusal.unprocessed
    assert refusal.clock
    assert refusal.error.reason is RejectReason.EXPIRED


@pytest.mark.parametrize(
    ("reset", "wait_s"),
    [("1700000004", 4.0), ("1700000004000", 4.0), ("1690000000", 0.1), ("1800000000", 60.0), ("soon", 1.0)],
    ids=["s", "ms", "past", "far", "unreadable"],
)
def test_too_many_requests_were_not_run_and_may_be_sent_after_the_reset(reset, wait_s):
    body = {"label": "TOO_MANY_REQUESTS", "message": "Request Rate limit Exceeded (311)"}
    refusal = refused(429, body, x_gate_ratelimit_reset_timestamp=reset)
    assert refusal.unprocessed
    assert isinstance(refusal.error, RateLimited)
    assert refusal.error.retry_after_s == wait_s


def test_a_gateways_429_without_a_label_is_a_rate_limit_too():
    assert isinstance(refused(429, b"<html>slow down</html>", READ).error, RateLimited)


def test_a_poor_fill_ratio_asks_for_a_lower_rate():
    refusal = refused(429, {"label": "TOO_MANY_REQUESTS", "message": "Request Rate limit Exceeded (312)"})
    assert "lower the rate" in refusal.error.text


@pytest.mark.parametrize("status", [408, 500, 502, 504])
@pytest.mark.parametrize("request_", [COMMAND, READ], ids=["command", "read"])
def test_a_gateways_page_leaves_the_outcome_unknown(status, request_):
    refusal = refused(status, b"<html>" + b"x" * 1000, request_)
    assert type(refusal.error) is OutcomeUnknown
    assert (refusal.server_fault, refusal.unprocessed) == (True, False)
    assert len(refusal.error.detail) == 200


def test_a_server_fault_is_told_by_its_label_whatever_the_status():
    refusal = refused(400, {"label": "INTERNAL", "message": ""})
    assert refusal.server_fault
    assert isinstance(refusal.error, OutcomeUnknown)


def test_a_known_refusal_stays_one_whatever_the_status():
    refusal = refused(500, {"label": "INSUFFICIENT_AVAILABLE", "message": ""})
    assert type(refusal.error) is InsufficientFunds
    assert not refusal.server_fault


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"404 page not found", b'{"label": null}'])
def test_a_404_without_a_label_is_a_wrong_path(body):
    error = refused(404, body, READ).error
    assert type(error) is Rejected
    assert "no such path" in error.text


def test_an_unknown_401_ends_trading_and_an_unknown_400_refuses():
    assert type(refused(401, b"").error) is AuthenticationFailed
    error = refused(400, b"").error
    assert (type(error), error.reason, error.detail) == (Rejected, RejectReason.OTHER, "HTTP status 400")


def test_a_command_known_by_name_only_may_have_happened_too():
    error = error_of("INTERNAL", "", status=500, request="futures.order_place")
    assert isinstance(error, OutcomeUnknown)
    assert error.request == "futures.order_place"
