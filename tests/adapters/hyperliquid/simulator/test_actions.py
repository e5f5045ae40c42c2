"""What is read from an action, and what is not of the venue's types."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyvenue_hyperliquid.simulator.actions import Malformed, read_action

ORDER = {"a": 0, "b": True, "p": "100", "s": "1", "r": False, "t": {"limit": {"tif": "Gtc"}}}


def order(**changes: Any) -> dict[str, Any]:
    return {"type": "order", "orders": [{**ORDER, **changes}], "grouping": "na"}


def test_keys_are_put_in_the_venue_s_order_and_unknown_ones_are_left_out() -> None:
    mixed = dict(reversed([*ORDER.items(), ("note", "mine")]))
    read = read_action({"grouping": "na", "orders": [mixed], "type": "order"})
    assert read is not None
    assert (list(read), list(read["orders"][0])) == (["type", "orders", "grouping"], ["a", "b", "p", "s", "r", "t"])


def test_numbers_flags_and_addresses_are_put_in_their_normal_form() -> None:
    read = read_action(order(p="100.0", s="0.0100", c="0x1"))
    assert read is not None
    assert read["orders"][0]["p"] == "100"
    assert read["orders"][0]["s"] == "0.01"
    assert read["orders"][0]["c"] == "0x00000000000000000000000000000001"
    cancel = {"type": "cancel", "cancels": [{"a": 0, "o": 1}]}
    assert read_action({**cancel, "f": False}) == cancel
    assert read_action({**cancel, "f": True}) == {**cancel, "f": True}
    built = read_action({**order(), "builder": {"b": "0x" + "A" * 40, "f": 10}})
    assert built is not None
    assert built["builder"] == {"b": "0x" + "a" * 40, "f": 10}


def test_a_paid_priority_is_read() -> None:
    read = read_action({**order(), "grouping": {"p": 5}})
    assert read is not None
    assert read["grouping"] == {"p": 5}


def test_there_is_nothing_that_moves_money() -> None:
    for kind in ("withdraw3", "usdSend", "sendAsset", "usdClassTransfer", "spotSend", "vaultTransfer"):
        assert read_action({"type": kind}) is None


@pytest.mark.parametrize(
    "broken",
    [
        order(p=100),
        order(p="1e2"),
        order(p="x"),
        order(a=-1),
        order(a=1.5),
        order(a="0"),
        order(b=1),
        order(r=None),
        order(t={}),
        order(t={"limit": {"tif": "Fok"}}),
        order(t={"limit": {"tif": "Gtc"}, "trigger": {}}),
        order(c="zz"),
        order(c=1),
        {"type": "order", "orders": {}, "grouping": "na"},
        {"type": "order", "orders": [], "grouping": "other"},
        {"type": "cancel", "cancels": [{"a": 0}]},
        {"type": "cancel", "cancels": [{"a": 0, "o": 2**64}]},
        {"type": "updateLeverage", "asset": 0, "isCross": True, "leverage": "5"},
        {"orders": []},
        [],
    ],
)
def test_what_is_of_another_type_is_malformed(broken: Any) -> None:
    with pytest.raises(Malformed):
        read_action(broken)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abprstcoe"), inner, max_size=4),
    max_leaves=8,
)


@given(kind=st.sampled_from(["order", "cancel", "batchModify", "scheduleCancel", "noop"]), rest=JSON)
def test_anything_is_read_or_is_malformed(kind: str, rest: Any) -> None:
    try:
        read = read_action({"type": kind, "orders": rest, "cancels": rest, "modifies": rest, "time": rest})
    except Malformed:
        return
    assert read is not None
    assert read_action(read) == read
