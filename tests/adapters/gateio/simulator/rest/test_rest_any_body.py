"""Whatever a client sends, it gets an answer of Gate's, and its money stays what its book says."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
    st.lists(st.integers(), max_size=2),
    st.sampled_from(["1e999999", "NaN", "-0", "0.1", "t-1", "Infinity"]),
)
FIELDS = ("contract", "size", "price", "tif", "text", "reduce_only", "close", "auto_size", "iceberg", "stp_act")
MORE = ("market_order_slip_ratio", "tpsl_tp_trigger_price", "tpsl_sl_trigger_price", "action_mode", "amend_text")
BODY = st.fixed_dictionaries(
    {"contract": st.just("BTC_USDT"), "size": st.just("1"), "price": st.just("60000"), "tif": st.just("gtc")},
    optional=dict.fromkeys(MORE, ANYTHING),
)
CHANGES = st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=3)
MANY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@MANY
@given(body=BODY, changes=CHANGES)
def test_any_order_body_is_taken_or_refused(gate: Any, body: dict[str, Any], changes: dict[str, Any]) -> None:
    gate.wait(1)
    answer = gate.post("/orders", None, {**body, **changes})
    assert answer.status in (201, 400, 404)
    assert answer.status == 201 or answer.json["label"]
    gate.call("DELETE", "/futures/usdt/orders")


@MANY
@given(value=ANYTHING, name=st.sampled_from(["limit", "offset", "from", "to", "contract", "interval", "last_id"]))
def test_any_query_is_answered(gate: Any, name: str, value: Any) -> None:
    gate.wait(1)
    for path in ("/trades", "/order_book", "/candlesticks", "/my_trades", "/account_book", "/position_close"):
        query = {"contract": "BTC_USDT", name: str(value).replace("&", "").replace("=", "")}
        assert gate.call("GET", f"/futures/usdt{path}", query).status in (200, 400, 404)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["BTC_USDT", "ETH_USDT"]), st.integers(-300, 300).filter(bool), st.sampled_from("mlr")
        ),
        max_size=12,
    )
)
def test_the_book_adds_up_to_the_balance(make_gate: Callable[..., Any], steps: list[tuple[str, int, str]]) -> None:
    gate = make_gate()
    for contract, size, kind in steps:
        price = {"BTC_USDT": "60000", "ETH_USDT": "3000"}[contract] if kind == "l" else "0"
        gate.order(str(size), price, contract=contract, reduce_only=kind == "r")
    changes = sum((Decimal(row["change"]) for row in gate.get("/account_book", limit=1000)), Decimal(0))
    assert Decimal(gate.get("/accounts")["total"]) == Decimal(100_000) + changes
    for row in gate.get("/positions", holding="true"):
        trades = gate.get("/my_trades", contract=row["contract"], limit=1000)
        assert Decimal(row["size"]) == sum(Decimal(trade["size"]) for trade in trades)
