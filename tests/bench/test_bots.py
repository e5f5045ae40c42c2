"""Bots at a venue's maximum rate, for a moment, and that one which passes a limit is found out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from attrs import evolve

from anyvenue_gateio import limits as gate_limits


@pytest.fixture(scope="module")
def bots(script: Any) -> Any:
    return script("bots")


@pytest.mark.parametrize("by_adapter", [False, True], ids=["by the risk limits", "by the adapter"])
def test_no_limit_is_passed_and_each_bot_comes_near_to_it(bots: Any, by_adapter: bool) -> None:
    counts, limits = asyncio.run(bots.in_memory("gateio", 3.0, bots=2, by_adapter=by_adapter))
    assert [rule["refused"] for rule in limits.values()] == [0] * len(limits)
    assert 80 <= limits["place"]["most"] < 100
    assert counts["created"] > 2 * 2 * 70
    assert (counts["held back by the risk limits"] > 0) is not by_adapter


def test_an_adapter_that_sends_more_than_the_venue_takes_is_found_out(
    bots: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    loose = tuple(evolve(bucket, per_s=bucket.per_s / 2) for bucket in gate_limits.BUCKETS)
    monkeypatch.setattr(gate_limits, "BUCKETS", loose)
    _, limits = asyncio.run(bots.in_memory("gateio", 3.0, bots=2, by_adapter=True))
    assert limits["place"]["refused"] > 0
