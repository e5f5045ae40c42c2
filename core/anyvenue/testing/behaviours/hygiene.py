"""Hygiene: nothing is left behind, nothing is given away, and accounts do not mix."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from anyvenue.model.errors import AnyvenueError
from anyvenue.model.order_events import OrderReported
from anyvenue.testing.behaviour import Unproven, behaviour
from anyvenue.testing.bench import ACCOUNT, Bench
from anyvenue.testing.session import HeardSession
from anyvenue.testing.source_code import imports_across
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.events import Channel, Subscription

__all__ = ["Hygiene"]


class _Lines(logging.Handler):
    """Keeps every line of every log, down to DEBUG."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextmanager
def _everything_logged() -> Iterator[list[str]]:
    root, lines = logging.getLogger(), _Lines()
    level = root.level
    root.addHandler(lines)
    root.setLevel(logging.DEBUG)
    try:
        yield lines.lines
    finally:
        root.removeHandler(lines)
        root.setLevel(level)


async def _a_day(bench: Bench, session: HeardSession) -> list[str]:
    """Do a little of everything, and fail at some; return the texts of the errors."""
    order = await session.buy(bench.here.instrument.symbol, bench.here.unit, bench.here.off("-0.04"))
    await session.cancel(order)
    texts = []
    for fault in ({"status": 503, "body": "no"}, {"status": 401, "body": "no"}, {"reset": "before"}):
        bench.faults({"on": "http", **fault})
        for call in (session.balances, lambda: session.buy(order.instrument, bench.here.unit, bench.here.off("-0.04"))):
            try:
                await call()
            except AnyvenueError as error:
                texts += [str(error), repr(error), repr(vars(error))]
    bench.faults()
    bench.wire.disconnect()
    await bench.wait(60)
    return texts


class Hygiene:
    """Hygiene."""

    @behaviour(Feature.LIMIT, wire=True)
    async def test_secrets_are_in_no_log_and_no_error(self, bench: Bench) -> None:
        """With every logger at DEBUG, through failures and a reconnect."""
        with _everything_logged() as lines:
            session = await bench.session()
            texts = await _a_day(bench, session)
        assert lines, "nothing was logged at all, so nothing was tried"
        keys = [key for key in bench.stage.keys if key.account == ACCOUNT]
        assert keys
        shown = "\n".join([*lines, *texts, repr(session.venue), repr(vars(session.venue))])
        for key in keys:
            assert key.secret.reveal() not in shown, "the secret is shown"

    @behaviour()
    async def test_close_can_be_called_twice(self, bench: Bench) -> None:
        """The second time it does nothing."""
        session = await bench.session()
        await session.venue.close()
        await session.venue.close()

    @behaviour()
    async def test_close_leaves_no_task_behind(self, bench: Bench) -> None:
        """Nothing of the venue's goes on."""
        before = asyncio.all_tasks()
        session = await bench.session()
        await bench.settle()
        await session.disconnect()
        await bench.wait(1)
        left = [task for task in asyncio.all_tasks() - before if not task.done()]
        assert left == []

    @behaviour(wire=True)
    async def test_close_leaves_no_connection_open(self, bench: Bench) -> None:
        """The simulator has no socket of it any more."""
        session = await bench.session()
        await bench.settle()
        await session.disconnect()
        await bench.settle()
        assert bench.wire.sockets == 0

    @behaviour(wire=True)
    async def test_after_close_nothing_more_is_sent(self, bench: Bench) -> None:
        """No heartbeat, no reconnect."""
        session = await bench.session()
        await session.disconnect()
        await bench.settle()
        before = bench.mark_sent()
        await bench.wait(300)
        assert bench.mark_sent() == before

    @behaviour()
    async def test_close_while_the_stream_is_away_ends_it_too(self, bench: Bench) -> None:
        """What waits for the next attempt waits no more."""
        before = asyncio.all_tasks()
        session = await bench.session()
        if bench.gateway is not None:
            bench.faults({"on": "ws_in", "drop": True})
            bench.gateway.disconnect()
            await bench.wait(1)
        await session.disconnect()
        await bench.wait(1)
        assert [task for task in asyncio.all_tasks() - before if not task.done()] == []

    @behaviour(Feature.LIMIT)
    async def test_orders_stay_when_the_connection_is_closed(self, bench: Bench) -> None:
        """`close` cancels nothing."""
        session = await bench.session()
        await session.buy(bench.here.instrument.symbol, bench.here.unit, bench.here.off("-0.04"))
        await session.disconnect()
        await bench.settle()
        assert len(bench.resting()) == 1

    @behaviour(Feature.LIMIT)
    async def test_two_accounts_do_not_hear_of_each_other(self, bench: Bench) -> None:
        """Each has its own orders and its own news."""
        first, second = await bench.session(), await bench.session("second")
        order = await first.buy(bench.here.instrument.symbol, bench.here.unit, bench.here.off("-0.04"))
        await bench.settle()
        assert bench.resting(account="second") == []
        assert order.venue_order_id not in {event.venue_order_id for event in second.heard(OrderReported)}

    @behaviour(Feature.BOOK)
    async def test_events_come_on_the_event_loops_thread(self, bench: Bench) -> None:
        """The sink is never called from elsewhere."""
        venue, threads = bench.venue("own"), set[int]()
        await venue.connect(lambda event: threads.add(threading.get_ident()))
        try:
            instruments = {one.symbol: one for one in await venue.instruments()}
            wish = Subscription(channel=Channel.BOOK, instrument=instruments[bench.here.instrument.symbol])
            await venue.subscribe(wish)
            await bench.settle()
        finally:
            await venue.close()
        assert threads == {threading.get_ident()}

    @behaviour()
    async def test_before_connect_a_call_fails_clearly(self, bench: Bench) -> None:
        """Not with an attribute that is missing."""
        venue = bench.venue("early")
        with pytest.raises((AnyvenueError, RuntimeError)):
            await venue.balances()

    @behaviour(wire=True)
    async def test_the_simulator_imports_nothing_of_its_adapter(self, bench: Bench) -> None:
        """It is written from the venue's documents a second time, so that one misreading cannot agree with itself."""
        found = imports_across(bench.descriptor)
        if found is None:
            raise Unproven("the venue's code is part of anyvenue itself")
        assert found == []
