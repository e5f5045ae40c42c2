"""Which orders of a connection have to be asked about, since when, how often that was done, and when it is next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from attrs import define, field

from anyvenue.model.enums import Fate
from anyvenue.model.order import Amendment, Order
from anyvenue.venue.evidence import Verdict
from anyvenue.venue.evidence_answers import NEVER_NS, Answer, SentBy
from anyvenue.wire.backoff import Backoff

__all__ = ["Doubt", "Doubts"]

_SECOND_NS: Final = 1_000_000_000
FIRST_PAUSE_S: Final = 1.0
PAUSE_S_MAX: Final = 300.0
FILLS_GRACE_NS: Final = 1 * _SECOND_NS
"""A report may run ahead of the fills' own stream by so long before they are asked for."""
TOLD_AFTER: Final = 4
"""After so many questions without a result a person is told; and again whenever the number has doubled."""
ROUNDS_KEPT: Final = 3


@define
class Doubt:
    """One order that is asked about.

    Attributes:
        due_ns: when to ask (next).
        times: how often that was done.
        insists: it is asked about even where nothing is unknown: it is missing at the venue, or was contradicted.
        nothing: answers of earlier rounds in which it was not found. What was found is old by now, and is left out.
    """

    due_ns: int
    since_ns: int
    backoff: Backoff
    create_ns: int | None = None
    amend: Amendment | None = None
    amend_ns: int | None = None
    times: int = 0
    told_at: int = TOLD_AFTER
    nothing: list[list[Answer]] = field(factory=list)
    insists: bool = False

    def note(self, order: Order, now_ns: int) -> None:
        """Take note of which commands are of unknown fate. They had left by now, since their calls have ended."""
        if order.create is not Fate.UNKNOWN:
            self.create_ns = None
        elif self.create_ns is None:
            self.create_ns = now_ns
        amend = order.amend if order.amend is not None and order.amend.fate is Fate.UNKNOWN else None
        if amend != self.amend:
            self.amend, self.amend_ns = amend, None if amend is None else now_ns

    @property
    def sent_by(self) -> SentBy:
        """By when the commands of unknown fate had left."""
        return SentBy(create_ns=self.create_ns, amend_ns=self.amend_ns)

    def evidence(self, answers: list[Answer]) -> list[Answer]:
        """Return this round's answers with those of earlier rounds that still count, and keep them for the next."""
        if any(answer.report is not None for answer in answers):
            self.nothing.clear()
            return answers
        earlier = [answer for round_ in self.nothing for answer in round_]
        self.nothing = [*self.nothing, [answer for answer in answers if not answer.fills]][-ROUNDS_KEPT:]
        return [*earlier, *answers]

    def postpone(self, verdict: Verdict, now_ns: int, *, can_be_asked: bool) -> bool:
        """Say when to ask again, later each time. Return whether a person has to be told now.

        That is not so as long as there is a time known from which on it can be settled.
        """
        self.times += 1
        self.due_ns = now_ns + int(self.backoff.delay() * _SECOND_NS)
        if now_ns < verdict.again_ns < self.due_ns:
            self.due_ns = verdict.again_ns
        if can_be_asked and (self.times < self.told_at or now_ns < verdict.again_ns < NEVER_NS):
            return False
        self.told_at = max(self.told_at, 2 * self.times)
        return can_be_asked or self.times == 1


class Doubts:
    """The orders of one connection that are asked about, by client id. `jitter` returns numbers from 0 to 1."""

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self._doubts: dict[str, Doubt] = {}

    def add(self, order: Order, now_ns: int) -> Doubt:
        """Take up an order, or take note of its news."""
        doubt = self._doubts.get(order.client_order_id)
        if doubt is None:
            is_unknown = order.has_unknown_fate or not order.missing_fills
            doubt = Doubt(
                due_ns=now_ns if is_unknown else now_ns + FILLS_GRACE_NS,
                since_ns=now_ns,
                backoff=Backoff(jitter=self._jitter, first_s=FIRST_PAUSE_S, most_s=PAUSE_S_MAX),
            )
            self._doubts[order.client_order_id] = doubt
        elif order.has_unknown_fate and self._is_new(doubt, order):
            doubt.due_ns = min(doubt.due_ns, now_ns)
        doubt.note(order, now_ns)
        return doubt

    def _is_new(self, doubt: Doubt, order: Order) -> bool:
        return (order.create is Fate.UNKNOWN and doubt.create_ns is None) or (
            order.amend is not None and order.amend.fate is Fate.UNKNOWN and order.amend != doubt.amend
        )

    def insists_on(self, client_order_id: str) -> bool:
        """Tell whether an order is to be asked about whatever its fates are."""
        doubt = self._doubts.get(client_order_id)
        return doubt is not None and doubt.insists

    def drop(self, client_order_id: str) -> None:
        """It is settled."""
        self._doubts.pop(client_order_id, None)

    def hurry(self, now_ns: int) -> None:
        """Have all of them asked about now."""
        for doubt in self._doubts.values():
            doubt.due_ns = min(doubt.due_ns, now_ns)

    def due(self, now_ns: int) -> list[str]:
        """Return those to be asked about now."""
        return [name for name, doubt in self._doubts.items() if doubt.due_ns <= now_ns]

    def times(self) -> Iterator[int]:
        """Iterate over when they are due."""
        return (doubt.due_ns for doubt in self._doubts.values())
