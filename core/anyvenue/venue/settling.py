"""Settling what is not known of a session's orders: the venue is asked, and what that proves is news of the order.

The rule is that of a running strategy (`anyvenue.venue.evidence`). Nothing is sent but questions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from attrs import evolve

from anyvenue.model.enums import Fate
from anyvenue.model.errors import OutcomeUnknown
from anyvenue.model.order import Order
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.clock import Clock
from anyvenue.venue.doubts import Doubts
from anyvenue.venue.evidence import Verdict, decide, is_in_doubt
from anyvenue.venue.interface import Venue, VenueOrder
from anyvenue.venue.order_answers import OVERLAP_NS, OrderAnswers, fills_answer, lacks_fills
from anyvenue.venue.order_tracker import OrderTracker
from anyvenue.venue.questions import Questions, Told

__all__ = ["Settling"]

_LOOK_UPS: Final = (Feature.ORDER_LOOKUP, Feature.OPEN_ORDERS, Feature.ORDER_HISTORY, Feature.FILLS)


class Settling:
    """Asks one venue about the orders of one session."""

    def __init__(self, venue: Venue, clock: Clock, tracker: OrderTracker) -> None:
        self._venue = venue
        self._clock = clock
        self._tracker = tracker
        self._questions = Questions(venue, venue.name, clock)
        self._doubts = Doubts(jitter=lambda: 1.0)
        self._wakers: set[Callable[[], None]] = set()

    @property
    def can_ask(self) -> bool:
        """Whether the venue has any look-up of orders."""
        return any(self._questions.has(feature) for feature in _LOOK_UPS)

    def note(self, order: Order) -> None:
        """Take note of an order's change: what is in doubt from now on had left by now."""
        if is_in_doubt(order):
            self._doubts.add(order, self._clock.time_ns())
        else:
            self._doubts.drop(order.client_order_id)
        for wake in list(self._wakers):
            wake()

    async def settle(self, order: Order, patience_ns: int, *, is_missing: bool = False) -> Order:
        """Ask about an order until nothing about it is unknown, and return it.

        Raises OutcomeUnknown, and TradingEnded where the key may not ask for what could still prove something.
        One that `is_missing` where it should be is asked about though nothing was unknown.
        """
        until_ns, times, why = self._clock.time_ns() + patience_ns, 0, ""
        current = self._tracker.current(order)
        while self._has_question(current, is_missing=is_missing):
            doubt = self._doubts.add(current, self._clock.time_ns())
            verdict = await self._look(current)
            current, why, times = self._tracker.current(order), verdict.unknown, times + 1
            if not why:
                break
            now_ns = self._clock.time_ns()
            if now_ns >= until_ns:
                break
            doubt.postpone(verdict, now_ns, can_be_asked=self.can_ask)
            due_ns = min(doubt.due_ns, until_ns)
            while self._clock.time_ns() < due_ns and self._has_question(current, is_missing=is_missing):
                await self._news(due_ns)
                current = self._tracker.current(order)
        if current.has_unknown_fate or self._has_question(current):
            raise OutcomeUnknown(self._told(current, times, why), venue=self._venue.name)
        return current

    async def look_around(self, orders: Sequence[Order]) -> list[Order]:
        """Ask for what is open after news may have been missed; return those of `orders` that are still to be settled:
        of which something is unknown, or that are missing there.
        """
        listed = await self._questions.open_orders()
        shown = {} if listed is None else self._take_in(listed)
        for found in shown.values():
            self._tracker.apply(found.report)
        is_whole = listed is not None and self._venue.retention.lists_open
        current = [self._tracker.current(order) for order in orders]
        return [
            order
            for order in current
            if self._has_question(order, is_missing=not is_whole or order.client_order_id not in shown)
        ]

    async def _look(self, order: Order) -> Verdict:
        """Ask about an order all that can be asked, and let it know what that proves.

        Raises TradingEnded where that leaves something unknown, and something could not be asked with this key.
        """
        name = order.client_order_id
        questions = Questions(self._venue, self._venue.name, self._clock)
        answers = (await OrderAnswers(questions, self._take_in).about({name: order}))[name]
        if lacks_fills(order, answers):
            since_ns = order.spec.ts_created - OVERLAP_NS
            told = await questions.fills(order.instrument, since_ns)
            if told is not None:
                answers.append(fills_answer(told, since_ns, order, answers))
        current, now_ns = self._tracker.current(order), self._clock.time_ns()
        doubt = self._doubts.add(current, now_ns)
        verdict = decide(current, doubt.evidence(answers), self._venue.retention, doubt.sent_by)
        for event in verdict.events:
            self._tracker.apply(evolve(event, ts_recv=max(event.ts_recv, now_ns)))
        if verdict.unknown and questions.refused is not None:
            raise questions.refused
        return verdict

    def _has_question(self, order: Order, *, is_missing: bool = False) -> bool:
        """Tell whether there is something to ask. What fills are missing is none where nobody tells fills."""
        if is_missing and not order.is_terminal:
            return True
        if not self._questions.has(Feature.FILLS):
            order = evolve(order, reported_quantity=order.booked_quantity)
        return is_in_doubt(order)

    def _take_in(self, listed: Told[Sequence[VenueOrder]]) -> Mapping[str, VenueOrder]:
        """Return what a list shows of the session's orders, by client id."""
        known = ((self._tracker.find(found.report), found) for found in listed.what)
        return {order.client_order_id: found for order, found in known if order is not None}

    async def _news(self, until_ns: int) -> None:
        """Wait until then, or until any order has changed."""
        news: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not news.done():
                news.set_result(None)

        timer = self._clock.call_at(until_ns, wake)
        self._wakers.add(wake)
        try:
            await news
        finally:
            timer.cancel()
            self._wakers.discard(wake)

    def _told(self, order: Order, times: int, why: str) -> str:
        why = why or "nothing but a trade or its end can tell whether an amend was done"
        asked = f"asked {times} times" if self.can_ask else "there is no look-up to ask by"
        hint = "Ask again later, or look at the venue's own page, before anything is sent in its place"
        if order.is_resting and order.cancel is Fate.UNKNOWN:
            hint = "It rests: cancel it again"
        return f"{order.client_order_id}: {asked}, unknown still: {why}. {hint}"
