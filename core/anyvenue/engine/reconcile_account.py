"""One connection, brought into step with its venue: its orders, fills, positions and balances.

The same round is made at the start, after a reconnect, for an unknown fate, and by a slow timer. A whole round asks
about everything, a small one only about the orders that are in doubt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from attrs import evolve

from anyvenue.engine.engine import Engine
from anyvenue.engine.reconcile_events import StillUnknown
from anyvenue.engine.reconcile_fills import FillAnswers
from anyvenue.engine.reconcile_funding import FundingCheck
from anyvenue.engine.reconcile_listing import OpenOrders
from anyvenue.engine.reconcile_positions import PositionCheck
from anyvenue.engine.reconcile_settings import Recovery
from anyvenue.model.enums import OrderState
from anyvenue.model.order import Order
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.clock import Clock
from anyvenue.venue.doubts import Doubt, Doubts
from anyvenue.venue.evidence import decide, estimate, is_in_doubt
from anyvenue.venue.evidence_answers import Answer
from anyvenue.venue.interface import Venue, VenueOrder
from anyvenue.venue.missed import filled
from anyvenue.venue.order_answers import OrderAnswers, listed_answer
from anyvenue.venue.questions import Questions, Told

__all__ = ["AccountReconciler"]

_SECOND_NS: Final = 1_000_000_000
ESTIMATE_AFTER_NS: Final = 10 * _SECOND_NS
"""A venue that has no look-up of fills gets so long to tell them before they are estimated."""
_LOOK_UPS: Final = (Feature.ORDER_LOOKUP, Feature.OPEN_ORDERS, Feature.ORDER_HISTORY, Feature.FILLS)


class AccountReconciler:
    """Keeps one connection of an engine in step. `jitter` returns numbers from 0 to 1."""

    def __init__(
        self,
        engine: Engine,
        connection: str,
        venue: Venue,
        clock: Clock,
        recovery: Recovery,
        jitter: Callable[[], float],
    ) -> None:
        self._engine = engine
        self._connection = connection
        self._venue = venue
        self._clock = clock
        self._recovery = recovery
        self._jitter = jitter
        self._retention = venue.retention
        self._questions = Questions(venue, connection, clock)
        self._positions = PositionCheck(engine, connection, self._questions, clock, self._retention.settle_s)
        self._funding = FundingCheck(engine, connection, self._questions, clock)
        self._doubts = Doubts(jitter)
        self._can_be_asked = any(self._questions.has(feature) for feature in _LOOK_UPS)
        adopts_strangers = recovery.strangers == "adopt"
        self._open_orders = OpenOrders(engine, connection, clock, adopts_strangers=adopts_strangers)
        self._answers = OrderAnswers(self._questions, self._open_orders.take_in)
        self._fills = FillAnswers(engine, connection, self._questions, self._open_orders.found, clock)
        self._whole_ns = clock.time_ns()
        self._news: asyncio.Future[None] | None = None
        self._due_ns = 0
        """Until when `_wait` sleeps where nothing wakes it."""

    # When

    def doubt(self, order: Order) -> None:
        """Have an order asked about."""
        doubt = self._doubts.add(order, self._clock.time_ns())
        doubt.insists = doubt.insists or not is_in_doubt(order)  # what it was told cannot be true
        if doubt.due_ns < self._due_ns:
            self._wake()

    def reconnected(self) -> None:
        """Have everything asked about: news were missed."""
        self._whole_ns = self._clock.time_ns()
        self._doubts.hurry(self._whole_ns)
        self._wake()

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    async def begin(self) -> None:
        """Learn what the account has, before the strategy starts. Raises OutcomeUnknown where it cannot be learned."""
        for order in self._ours():
            left_ns = self._engine.left_by.get(order.client_order_id, self._clock.time_ns())
            self._doubts.add(order, left_ns)
            self._venue.take_on(order, left_ns)
        listed = await self._questions.surely(Feature.OPEN_ORDERS, self._questions.open_orders)
        await self._round(is_whole=True, listed=listed, is_first=True)
        await self._positions.hold()
        await self._funding.hold()
        self._schedule_whole()

    async def run(self) -> None:
        """Make rounds for as long as the run lasts."""
        while True:
            await self._wait()
            is_whole = self._whole_ns <= self._clock.time_ns()
            if is_whole:
                self._schedule_whole()
            await self._round(is_whole=is_whole)

    def _schedule_whole(self) -> None:
        pause_s = self._recovery.every_s * (1 + self._jitter()) / 2
        self._whole_ns = self._clock.time_ns() + int(pause_s * _SECOND_NS)

    async def _wait(self) -> None:
        """Wait until something is due."""
        while True:
            looks_again_ns = self._positions.looks_again_ns
            if looks_again_ns is not None:
                self._whole_ns = min(self._whole_ns, looks_again_ns)
            due_ns = self._due_ns = min([self._whole_ns, *self._doubts.times()])
            if due_ns <= self._clock.time_ns():
                return
            news = self._news = asyncio.get_running_loop().create_future()
            timer = self._clock.call_at(due_ns, self._wake)
            try:
                await news
            finally:
                timer.cancel()
                self._news = None

    # A round

    async def _round(
        self, *, is_whole: bool, listed: Told[Sequence[VenueOrder]] | None = None, is_first: bool = False
    ) -> None:
        asked = {name: order for name in self._doubts.due(self._clock.time_ns()) if (order := self._still(name))}
        if not is_whole and not asked:
            return
        resting = {order.client_order_id: order for order in self._ours() if order.is_resting}
        if is_whole and listed is None:
            listed = await self._questions.open_orders()
        shown = {} if listed is None else self._open_orders.take_in(listed)
        if is_whole and listed is not None and self._retention.lists_open:
            asked |= {name: order for name, order in resting.items() if name not in shown}
        answers = await self._answers.about(asked, listed, shown)
        all_told = await self._fills.about(
            asked, answers, is_whole=is_whole, is_first=is_first, differing=self._positions.differing()
        )
        for name in asked:
            self._settle(name, answers[name])
        if not is_whole:
            return
        for name, found in shown.items():
            if listed is not None and name in resting and name not in asked:
                self._settle(name, [listed_answer(found, listed)])
        if not is_first:
            await self._positions.compare(fills_are_known=all_told)
            await self._funding.tell()
        await self._tell_balances()

    def _ours(self) -> list[Order]:
        """Return the orders of this connection that are open or miss fills."""
        orders = {order.client_order_id: order for order in self._engine.orders.open_orders()}
        orders |= {order.client_order_id: order for order in self._engine.orders.in_doubt()}
        return [order for order in orders.values() if order.instrument.connection == self._connection]

    def _still(self, name: str) -> Order | None:
        """Return an order that is due, where there still is something to ask."""
        order = self._engine.orders.get(name)
        if order is None or not (is_in_doubt(order) or self._doubts.insists_on(name)):
            self._doubts.drop(name)
            return None
        return order

    def _settle(self, name: str, answers: list[Answer]) -> None:
        """Apply what the answers prove, and ask again later about what they do not."""
        order, now_ns = self._engine.orders.get(name), self._clock.time_ns()
        if order is None:
            return
        if order.state is OrderState.SENT and not is_in_doubt(order):
            self._doubts.drop(name)  # its create is still under way, and will have a fate
            return
        doubt = self._doubts.add(order, now_ns)
        verdict = decide(order, doubt.evidence(answers), self._retention, doubt.sent_by)
        for event in verdict.events:
            self._engine.receive(evolve(event, ts_recv=max(event.ts_recv, now_ns)), self._connection)
        order = self._engine.orders.get(name) or order
        if order.missing_fills and not self._questions.has(Feature.FILLS):
            order = self._estimate(order, doubt)
        if not verdict.unknown or (order.is_terminal and not is_in_doubt(order)):
            self._doubts.drop(name)
            return
        doubt.insists = True
        if doubt.postpone(verdict, now_ns, can_be_asked=self._can_be_asked):
            self._engine.receive(
                StillUnknown(client_order_id=name, why=verdict.unknown, times_asked=doubt.times, ts_recv=now_ns),
                self._connection,
            )

    def _estimate(self, order: Order, doubt: Doubt) -> Order:
        """Where nobody will ever tell the fills, have one that is marked as estimated stand for them."""
        now_ns = self._clock.time_ns()
        fill = estimate(order, now_ns)
        if fill is not None and now_ns >= doubt.since_ns + ESTIMATE_AFTER_NS:
            self._engine.receive(filled(fill), self._connection)
        return self._engine.orders.get(order.client_order_id) or order

    async def _tell_balances(self) -> None:
        told = await self._questions.balances()
        for balance in () if told is None else told.what:
            self._engine.receive(balance, self._connection)
