"""Whatever a client sends and whatever a seed has drawn, the answer is GaiaEx's own, never a fault of the simulator."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from attrs import asdict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anyvenue.simulation.chance import Chance
from anyvenue_gaiaex.simulator.quirks import Quirks
from anyvenue_gaiaex.simulator.revision import Revision

BTC = {"symbol": "BTC", "is_buy": False, "size": "0.01"}
GOOD: dict[str, dict[str, Any]] = {
    "/order": {**BTC, "price": "60500", "order_type": "limit"},
    "/order/cancel": {"symbol": "BTC", "order_id": 3},
    "/order/cancel-all": {},
    "/order/modify": {**BTC, "price": "60600", "order_id": 3},
    "/order/tpsl": {**BTC, "tp_price": "61000", "sl_price": "59000"},
    "/position/close": {"symbol": "BTC"},
    "/leverage": {"symbol": "BTC", "leverage": 5},
}
"""What each path takes; what is drawn goes over it."""
ADDRESS = "0x000000000000000000000000000000000000dEaD"

NUMBERS = st.sampled_from(["0.001", "0.1", "1", "3400", "3500.1", "60000", "-1", "1e9", "0", "", "x", "9" * 39])
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "user_address": st.sampled_from([ADDRESS, ADDRESS, ADDRESS, "0x1", 5]),
    "symbol": st.sampled_from(["BTC", "ETH", "xyz:AAPL", "vntl:OPENAI", "NOPE", 7]),
    "order_type": st.sampled_from(["limit", "market", "stop", 1]),
    "time_in_force": st.sampled_from(["GTC", "IOC", "ALO", "FOK", True]),
    "leverage_type": st.sampled_from(["Cross", "Isolated", "cross"]),
    "client_id": st.sampled_from(["a", "b", "", 3]),
    "order_id": st.sampled_from([2, 3, 4, "1", -1, 2**70, 1.5]),
    "leverage": st.sampled_from([1, 5, 1000, 0, "3", 2.5]),
    **{name: st.booleans() for name in ("is_buy", "reduce_only", "is_cross", "tp_is_market", "sl_is_market")},
    **dict.fromkeys(("size", "price", "tp_price", "sl_price", "slippage"), NUMBERS),
}
BODIES = st.dictionaries(st.sampled_from(list(FIELDS)), st.none(), max_size=3).flatmap(
    lambda drawn: st.fixed_dictionaries({name: FIELDS[name] for name in drawn})
)
CALLS = st.lists(st.tuples(st.sampled_from(list(GOOD)), BODIES), max_size=6)


@given(calls=CALLS, revision=st.sampled_from(list(Revision)), seed=st.integers(0, 50))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_body_makes_it_fail(
    venue: Callable[..., Any], calls: list[tuple[str, dict[str, Any]]], revision: Revision, seed: int
) -> None:
    simulator = venue(revision, **{**asdict(Quirks.drawn(Chance(f"{seed}"))), "order_id_base": 0})
    simulator.done("/order", symbol="BTC", is_buy=True, size="0.01")
    simulator.user()
    for path, fields in calls:
        status, _ = simulator.post(path, **{**GOOD[path], **fields})
        assert status in (200, 400, 403, 422)
    simulator.balance()


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b"{", b'"x"', b"\xff"])
def test_what_is_no_json_object_is_refused(venue: Callable[..., Any], raw: bytes) -> None:
    simulator = venue()
    response = simulator.send("POST", "/v1/trade/order", raw, simulator.headers("POST", "/order", raw))
    assert (response.status, json.loads(response.body)) == (400, {"error": "Invalid JSON body"})
