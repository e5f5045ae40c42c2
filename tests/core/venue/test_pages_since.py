"""A list that is paged by time: each page begins with the time that the last one ended with."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyvenue.model.errors import VenueProtocolError
from anyvenue.simulation.clock import DrivenClock
from anyvenue.venue.descriptor import Environment, VenueContext
from anyvenue.venue.remote import RemoteVenue
from anyvenue.wire.request import Request


class Listing(RemoteVenue):
    """A venue with one list, of which an answer holds so many rows. What it does not need is not there."""

    name = "listing"

    def __init__(self, rows: Any, size: int) -> None:
        super().__init__(
            VenueContext(connection="main", environment=Environment.LIVE, clock=DrivenClock(0), session="t")
        )
        self.rows, self.size, self.asked = rows, size, 0

    async def ask(self, request: Request, client: Any = None) -> Any:
        self.asked += 1
        start = int(request.path)
        if not isinstance(self.rows, list):
            return self.rows
        return [row for row in self.rows if row["at"] >= start][: self.size]

    async def all_since(self, start: int) -> list[Any]:
        return await self.pages_since(
            lambda start: Request(method="GET", path=str(start)), start, size=self.size, time_of=lambda row: row["at"]
        )


Listing.__abstractmethods__ = frozenset()  # type: ignore[attr-defined]


@given(times=st.lists(st.integers(0, 30), max_size=40), size=st.integers(6, 12), start=st.integers(0, 30))
def test_every_row_is_told_once_and_in_order(times: list[int], size: int, start: int) -> None:
    rows = [{"at": at, "number": number} for number, at in enumerate(sorted(times))]
    if max((times.count(at) for at in times), default=0) >= size:
        return  # a page that holds one time only cannot be gone past
    told = asyncio.run(Listing(rows, size).all_since(start))
    assert told == [row for row in rows if row["at"] >= start]


def test_a_page_that_is_not_full_is_the_last() -> None:
    listing = Listing([{"at": at} for at in range(5)], 10)
    assert len(asyncio.run(listing.all_since(0))) == 5
    assert listing.asked == 1


def test_a_server_that_tells_the_same_again_is_not_asked_for_ever() -> None:
    listing = Listing([{"at": 3, "number": number} for number in range(20)], 10)
    assert len(asyncio.run(listing.all_since(0))) == 10
    assert listing.asked == 2


def test_what_is_no_list_cannot_be_read() -> None:
    with pytest.raises(VenueProtocolError):
        asyncio.run(Listing({"error": "busy"}, 10).all_since(0))
