"""Failures and unknown outcomes: each kind of error means what it says, and a create leaves once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from anyvenue.model.enums import OrderState
from anyvenue.model.errors import (
    AnyvenueError,
    NotSent,
    OutcomeUnknown,
    RateLimited,
)
from anyvenue.model.order import Order
from anyvenue.testing.behaviour import Unproven, behaviour
from anyvenue.testing.bench import SECOND_NS, Bench
from anyvenue.testing.session import HeardSession
from anyvenue.venue.capabilities import Feature, Grade

__all__ = ["Failures"]

DEADLINE_S = 120.0
"""No call may take longer than this, whatever the server does."""


async def _place(bench: Bench, session: HeardSession) -> Order:
    return await session.buy(bench.here.instrument.symbol, bench.here.unit, bench.here.off("-0.04"))


def _creates(bench: Bench, rule: dict[str, Any], since: int) -> int:
    return sum((one.method, one.path) == (rule["method"], rule["path"]) for one in bench.sent(since))


async def _placed_by_websocket(bench: Bench, session: HeardSession) -> Order:
    before = bench.mark_sent()
    order = await _place(bench, session)
    if any(one.method for one in bench.sent(before)):
        raise Unproven("orders travel by HTTP with these options")
    await bench.settle()
    return session.current(order)


class Failures:
    """Failures and unknown outcomes."""

    @behaviour(Feature.LIMIT, wire=True)
    async def test_a_create_whose_reply_is_lost_is_unknown_and_at_the_venue_once(self, bench: Bench) -> None:
        """OutcomeUnknown, sent once, and exactly one order rests."""
        session = await bench.session()
        rule = await bench.create_rule(session)
        bench.faults({**rule, "lose_reply": True})
        before = bench.mark_sent()
        with pytest.raises(OutcomeUnknown):
            await bench.within(DEADLINE_S, _place(bench, session), "a create whose reply is lost")
        await bench.wait(120)
        assert _creates(bench, rule, before) == 1
        assert len(bench.resting()) == 1

    @behaviour(Feature.LIMIT, wire=True)
    async def test_a_create_that_never_arrived_is_unknown_and_not_sent_again(self, bench: Bench) -> None:
        """Nobody here can know; it is neither rejected nor repeated."""
        session = await bench.session()
        rule = await bench.create_rule(session)
        bench.faults({**rule, "lose_request": True, "times": 1})
        before = bench.mark_sent()
        with pytest.raises(OutcomeUnknown):
            await bench.within(DEADLINE_S, _place(bench, session), "a create that never arrives")
        await bench.wait(120)
        assert _creates(bench, rule, before) == 1
        assert bench.resting() == []

    @behaviour(Feature.LIMIT, wire=True)
    async def test_a_connection_reset_after_a_create_is_an_unknown_outcome(self, bench: Bench) -> None:
        """It was carried out, as it happens."""
        session = await bench.session()
        rule = await bench.create_rule(session)
        bench.faults({**rule, "reset": "after", "times": 1})
        before = bench.mark_sent()
        with pytest.raises(OutcomeUnknown):
            await _place(bench, session)
        await bench.wait(60)
        assert _creates(bench, rule, before) == 1
        assert len(bench.resting()) == 1

    @behaviour(Feature.LIMIT, wire=True)
    async def test_a_server_error_on_a_create_is_an_unknown_outcome_and_not_repeated(self, bench: Bench) -> None:
        """500, 502, 503 and 504 say nothing about what became of it."""
        session = await bench.session()
        rule = await bench.create_rule(session)
        for status in (500, 502, 503, 504):
            bench.faults({**rule, "status": status, "body": "<html>oops</html>"})
            before = bench.mark_sent()
            with pytest.raises(OutcomeUnknown):
                await bench.within(DEADLINE_S, _place(bench, session), f"a create answered by {status}")
            await bench.wait(30)
            assert _creates(bench, rule, before) == 1

    @behaviour(Feature.LIMIT, wire=True)
    async def test_an_unknown_create_stays_unsettled_until_there_is_evidence(self, bench: Bench) -> None:
        """The order counts as one whose fate is not known, never as rejected."""
        session = await bench.session()
        rule = await bench.create_rule(session)
        bench.faults({**rule, "lose_request": True, "times": 1})
        with pytest.raises(OutcomeUnknown):
            await _place(bench, session)
        (order,) = session.unsettled_orders()
        assert order.state is not OrderState.REJECTED
        assert order.has_unknown_fate

    @behaviour(Feature.LIMIT, Feature.WEBSOCKET_ORDERS, wire=True)
    async def test_a_create_by_websocket_whose_reply_is_lost_is_unknown_and_there_once(self, bench: Bench) -> None:
        """As over HTTP."""
        session = await bench.session()
        await _placed_by_websocket(bench, session)
        bench.faults({"on": "ws_out", "drop": True, "until_s": 60})
        with pytest.raises(OutcomeUnknown):
            await bench.within(DEADLINE_S, _place(bench, session), "a create whose reply is lost")
        await bench.wait(120)
        assert len(bench.resting()) == 2

    @behaviour(Feature.LIMIT, Feature.WEBSOCKET_ORDERS, wire=True)
    async def test_a_cancel_by_websocket_whose_reply_is_lost_is_unknown_until_the_stream_tells(
        self, bench: Bench
    ) -> None:
        """OutcomeUnknown, sent once; it is carried out all the same."""
        session = await bench.session()
        order = await _placed_by_websocket(bench, session)
        bench.faults({"on": "ws_out", "drop": True, "until_s": 30})
        with pytest.raises(OutcomeUnknown):
            await bench.within(DEADLINE_S, session.cancel(order), "a cancel whose reply is lost")
        assert bench.resting() == []
        await bench.wait(60)
        bench.faults()
        bench.wire.disconnect()
        await bench.until(lambda: session.current(order).is_terminal, "the order's end", at_most_s=120)
        assert session.current(order).state is OrderState.CANCELED

    @behaviour(Feature.LIMIT, Feature.AMEND, Feature.WEBSOCKET_ORDERS, wire=True)
    async def test_an_amend_by_websocket_whose_reply_is_lost_is_unknown_and_done_once(self, bench: Bench) -> None:
        """OutcomeUnknown; the order at the exchange has the new terms."""
        session = await bench.session()
        order, price = await _placed_by_websocket(bench, session), bench.here.off("-0.03")
        bench.faults({"on": "ws_out", "drop": True, "until_s": 30})
        with pytest.raises(OutcomeUnknown):
            await bench.within(DEADLINE_S, session.amend(order, price=price), "an amend whose reply is lost")
        assert [one.price for one in bench.resting()] == [price]

    @behaviour(Feature.LIMIT, wire=True)
    async def test_a_call_that_is_cancelled_half_way_is_unknown_and_not_sent_again(self, bench: Bench) -> None:
        """Whoever cancels the waiting cancels no order: it arrives, once, and the venue goes on."""
        session = await bench.session()
        rule = await bench.create_rule(session)
        bench.faults({**rule, "delay_s": 3, "times": 1})
        before = bench.mark_sent()
        placing = asyncio.ensure_future(_place(bench, session))
        await bench.wait(1)
        placing.cancel()
        await asyncio.wait([placing])
        assert placing.cancelled()
        (order,) = session.unsettled_orders()
        await bench.wait(60)
        assert _creates(bench, rule, before) == 1
        assert len(bench.resting()) == 1
        assert session.current(order).state is not OrderState.REJECTED
        assert (await _place(bench, session)).state is OrderState.OPEN

    @behaviour(Feature.LIMIT, Feature.ORDER_LOOKUP, wire=True)
    async def test_a_look_up_settles_an_unknown_create(self, bench: Bench) -> None:
        """By the client id, since no other is known."""
        session = await bench.session()
        rule = await bench.create_rule(session)
        bench.faults({**rule, "lose_reply": True, "times": 1}, {"on": "ws_out", "drop": True})
        with pytest.raises(OutcomeUnknown):
            await _place(bench, session)
        (order,) = session.unsettled_orders()
        bench.faults()
        found = await session.order(order)
        assert found is not None
        assert found.state is OrderState.OPEN
        assert session.unsettled_orders() == []

    @behaviour(Feature.LIMIT, wire=True)
    async def test_too_many_requests_is_rate_limited_and_nothing_is_sent_again_by_itself(self, bench: Bench) -> None:
        """429: RateLimited with the time to wait, one create sent, none there; later it works again."""
        session = await bench.session()
        rule = await bench.create_rule(session)
        bench.faults({**rule, "status": 429, "headers": {"retry-after": "2"}, "times": 1})
        before = bench.mark_sent()
        with pytest.raises(RateLimited) as refused:
            await _place(bench, session)
        assert refused.value.retry_after_s >= 0
        await bench.wait(90)
        assert _creates(bench, rule, before) == 1
        assert bench.resting() == []
        assert (await _place(bench, session)).state is OrderState.OPEN

    @behaviour(wire=True)
    async def test_a_read_is_repeated_after_a_server_error(self, bench: Bench) -> None:
        """One 503 does not reach the caller, since a read is safe to repeat."""
        session = await bench.session()
        before = bench.mark_sent()
        assert await session.balances()
        asked = bench.wire.sent[before]
        plan = bench.faults({"on": "http", "method": asked.method, "path": asked.path, "status": 503, "times": 1})
        assert await session.balances()
        assert plan.counts == [1], "no read failed, so nothing was tried"

    @behaviour(wire=True)
    async def test_a_read_that_keeps_failing_ends_in_an_error_of_the_tree(self, bench: Bench) -> None:
        """Never an empty answer."""
        session = await bench.session()
        bench.faults({"on": "http", "status": 503, "body": "<html>oops</html>"})
        with pytest.raises(AnyvenueError):
            await bench.within(DEADLINE_S, session.balances(), "balances")

    @behaviour(wire=True)
    async def test_every_read_has_a_deadline(self, bench: Bench) -> None:
        """A server that takes requests and never answers is given up."""
        session = await bench.session()
        bench.faults({"on": "http", "lose_request": True})
        with pytest.raises(AnyvenueError):
            await bench.within(DEADLINE_S, session.balances(), "balances")
        venue = session.venue
        for feature, call in ((Feature.POSITIONS, venue.positions), (Feature.OPEN_ORDERS, venue.open_orders)):
            if bench.capabilities.has(feature):
                with suppress(AnyvenueError):  # what the stream tells needs no answer
                    await bench.within(DEADLINE_S, call(), feature.value)

    @behaviour(Feature.LIMIT, wire=True)
    async def test_every_command_has_a_deadline(self, bench: Bench) -> None:
        """Cancel, amend, cancel-all, leverage: none waits for ever, and none is taken for done."""
        session = await bench.session()
        order = await _place(bench, session)
        await bench.settle()
        bench.faults({"on": "http", "lose_request": True}, {"on": "ws_in", "drop": True})
        order, venue = session.current(order), session.venue
        calls: dict[Feature, Callable[[], Awaitable[Any]]] = {
            Feature.LIMIT: lambda: venue.cancel(order),
            Feature.AMEND: lambda: venue.amend(order, price=bench.here.off("-0.03")),
            Feature.CANCEL_ALL: lambda: venue.cancel_all(order.instrument),
        }
        for feature, call in calls.items():
            if bench.capabilities[feature].grade is Grade.NATIVE:
                with pytest.raises((OutcomeUnknown, NotSent)):
                    await bench.within(DEADLINE_S, call(), f"the command of {feature.value}")

    @behaviour(Feature.LIMIT, Feature.MARKET, wire=True)
    async def test_a_cancel_whose_reply_is_lost_is_not_taken_for_done_or_refused(self, bench: Bench) -> None:
        """OutcomeUnknown; the stream tells, by its next news at the latest."""
        session = await bench.session()
        await bench.create_rule(session)  # commands travel by HTTP
        order = await _place(bench, session)
        await bench.settle()
        bench.faults({"on": "http", "lose_reply": True, "until_s": 5})
        with pytest.raises(OutcomeUnknown):
            await bench.within(DEADLINE_S, session.cancel(order), "a cancel")
        bench.faults()
        await bench.stir(session)
        assert session.current(order).state is OrderState.CANCELED

    @behaviour(Feature.LIMIT, wire=True)
    async def test_a_clock_that_is_off_is_corrected(self, bench: Bench) -> None:
        """A server's clock a minute away from ours keeps nobody from connecting and trading, and is told if known."""
        for skew_s in (-60.0, 60.0):
            bench.faults(clock_skew_s=skew_s)
            session = await bench.session(f"skewed{int(skew_s) % 7}")
            order = await _place(bench, session)
            assert order.state is OrderState.OPEN
            ahead_s = session.venue.clock_ahead_ns / SECOND_NS
            assert not ahead_s or abs(ahead_s - skew_s) < 1

    @behaviour(Feature.LIMIT, wire=True)
    async def test_errors_say_the_venue(self, bench: Bench) -> None:
        """Somebody with two venues has to see which one it was."""
        session = await bench.session()
        bench.faults({"on": "http", "status": 503})
        with pytest.raises(AnyvenueError) as failed:
            await bench.within(DEADLINE_S, session.balances(), "balances")
        assert session.venue.name in str(failed.value)
