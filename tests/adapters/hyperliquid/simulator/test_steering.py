"""What the simulator can be told: states of the venue that no client can bring about, and its own ways."""

from __future__ import annotations

from typing import Any

import pytest

from anyvenue.simulation.chance import Chance
from anyvenue_hyperliquid.simulator.quirks import OPTIONS, Quirks


def order(**changes: Any) -> dict[str, Any]:
    usual = {"a": 0, "b": True, "p": "59000", "s": "0.1", "r": False, "t": {"limit": {"tif": "Gtc"}}}
    return {**usual, **changes}


def test_it_tells_who_there_is_and_how_all_is_set(venue: Any) -> None:
    here = venue()
    told = here.dialect.steer({"volume": {"alice": "5"}, "requests": {"alice": 7}})
    assert (told["mainnet"], told["upgrade"], told["capped"], told["abstraction"]) == (False, False, [], {})
    assert set(told["quirks"]) == set(OPTIONS)
    agent = told["accounts"]["alice"].pop("agent")
    assert told["accounts"] == {"alice": {"address": here.address, "requests": 7, "volume": "5"}}
    assert here.info("userRole", user=agent)["role"] == "agent"


@pytest.mark.parametrize(
    "given",
    [
        {"hop": 1},
        {"mainnet": 1},
        {"capped": ["NOPE"]},
        {"volume": {"eve": "1"}},
        {"requests": {"alice": -1}},
        {"deregister": "x"},
        {"abstraction": {"alice": "odd"}},
        {"quirks": {"band": True}},
        {"quirks": {"odd": 1}},
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_changes(venue: Any, given: dict[str, Any]) -> None:
    here = venue()
    before = here.dialect.steer({})
    with pytest.raises(ValueError, match="allowed"):
        here.dialect.steer({"upgrade": True, **given})
    assert here.dialect.steer({}) == before


def test_after_an_upgrade_orders_are_post_only(venue: Any) -> None:
    here = venue()
    here.dialect.steer({"upgrade": True})
    text = "Only post-only orders allowed immediately after a network upgrade"
    assert here.place(order()) == [{"error": text}]
    assert "resting" in here.place(order(t={"limit": {"tif": "Alo"}}))[0]
    here.dialect.steer({"upgrade": False})
    assert "resting" in here.place(order())[0]


def test_at_the_cap_positions_only_shrink(venue: Any) -> None:
    here = venue()
    here.long("0.1")
    here.dialect.steer({"capped": ["BTC"]})
    assert here.info("perpsAtOpenInterestCap") == ["BTC"]
    text = "Order would increase open interest while open interest is capped"
    assert here.place(order()) == [{"error": text}]
    assert here.mine("historicalOrders")[0]["status"] == "positionIncreaseAtOpenInterestCapRejected"
    assert "filled" in here.place(order(b=False, p="60000"))[0]


def test_an_account_may_be_in_another_mode(venue: Any) -> None:
    here = venue()
    here.dialect.steer({"abstraction": {"alice": "unifiedAccount"}})
    assert here.mine("userAbstraction") == "unifiedAccount"


def test_an_order_may_be_unknown_for_a_while(venue: Any) -> None:
    here = venue()
    here.dialect.steer({"quirks": {"status_lag_ms": 15_000}})
    oid = here.resting()
    assert here.status(oid) == "unknownOid"  # 10 s later
    assert here.status(oid) == "open"


def test_servers_differ_by_their_seeds() -> None:
    drawn = [Quirks.drawn(Chance(f"{seed} dialect")) for seed in range(40)]
    for name, options in OPTIONS.items():
        assert {getattr(quirks, name) for quirks in drawn} == set(options)
    assert Quirks.drawn(Chance("1 dialect")) == drawn[1]
