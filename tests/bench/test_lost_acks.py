"""Acknowledgements that are lost, a few of them, and that an order which is sent twice is found out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from anyvenue.model.errors import OutcomeUnknown
from anyvenue_gateio.venue import GateVenue

CREATES = 100
HALVED = "gaiaex, half of the updates left out"
WAYS = ["gateio", "gateio, broken", "gateio, by WebSocket", "gaiaex", "gaiaex, broken", HALVED]


@pytest.fixture(scope="module")
def acks(script: Any) -> Any:
    return script("lost_acks")


def test_every_way_is_tested(acks: Any) -> None:
    assert list(acks.WAYS) == WAYS


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_sent_twice_though_every_tenth_acknowledgement_is_lost(acks: Any, way: str) -> None:
    figures = asyncio.run(acks.lose(acks.WAYS[way], CREATES))
    counts = figures.counts
    assert figures.wrong == []
    assert counts["duplicates"] == 0
    assert counts["creates"] == CREATES
    assert counts["orders at the venue"] + counts["never came"] == CREATES
    assert counts["acknowledgements lost"] >= counts["orders at the venue"] // 10 > 0
    assert figures.unknown == [] or way == HALVED


def test_a_create_that_is_repeated_is_found_out(acks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    place = GateVenue.place

    async def insistent(self: GateVenue, spec: Any) -> Any:
        try:
            return await place(self, spec)
        except OutcomeUnknown:
            return await place(self, spec)

    monkeypatch.setattr(GateVenue, "place", insistent)
    figures = asyncio.run(acks.lose(acks.WAYS["gateio"], CREATES))
    assert figures.counts["duplicates"] > 5
    assert "at the venue 2 times" in " ".join(figures.wrong)
