"""Streams: in order, ended cleanly, and with a declared policy for slow readers."""

import asyncio
import gc

import pytest

from anyvenue.venue.stream import Stream

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Waiting:
    """A driver for which time passes by itself."""

    async def serve(self, work):
        return await work

    async def arrives(self, future):
        await future
        return True


class Dry(Waiting):
    """A driver for which nothing more comes."""

    async def arrives(self, future):
        return False


@pytest.fixture
def seen():
    return []


@pytest.fixture
def make(seen):
    def stream(driver=None, limit=None):
        async def start(stream):
            seen.append("start")

        async def stop(stream):
            seen.append("stop")

        return Stream(driver or Waiting(), start=start, stop=stop, limit=limit)

    return stream


async def test_items_come_in_order_and_none_is_missed(make, seen):
    stream = make()
    for number in range(5):
        stream.push(number)
    stream.end()
    assert [item async for item in stream] == [0, 1, 2, 3, 4]
    assert stream.skipped == 0


async def test_a_reader_waits_for_what_comes(make):
    stream = make()
    reader = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)
    stream.push("late")
    assert await reader == "late"


async def test_leaving_the_loop_stops_it(make, seen):
    stream = make()
    stream.push(1)
    stream.push(2)
    async for item in stream:
        assert item == 1
        break
    gc.collect()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert seen == ["start", "stop"]
    stream.push(3)
    assert [item async for item in stream] == []


async def test_async_with_starts_at_once_and_stops_at_the_end(make, seen):
    async with make() as stream:
        assert seen == ["start"]
        stream.push(1)
        assert await anext(stream) == 1
    assert seen == ["start", "stop"]
    await stream.aclose()
    assert seen == ["start", "stop"]


async def test_a_stream_that_was_never_read_needs_no_stop(make, seen):
    await make().aclose()
    assert seen == []


async def test_beyond_the_limit_the_oldest_are_skipped_and_counted(make):
    stream = make(limit=2)
    for number in range(5):
        stream.push(number)
    stream.end()
    assert [item async for item in stream] == [3, 4]
    assert stream.skipped == 3


async def test_it_ends_where_nothing_can_come_any_more(make):
    assert [item async for item in make(driver=Dry())] == []
