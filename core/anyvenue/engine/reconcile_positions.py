"""Comparing what our fills make with what the venue says is held."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final, TypeAlias

from attrs import frozen

from anyvenue.engine.engine import Engine
from anyvenue.engine.reconcile_events import AccountHeld, PositionDiffers
from anyvenue.model.enums import PositionSide
from anyvenue.model.instrument import Instrument
from anyvenue.model.position import Position
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.clock import Clock
from anyvenue.venue.questions import Questions

__all__ = ["PositionCheck"]

_Key: TypeAlias = tuple[str, PositionSide]

LOOK_AGAIN_NS: Final = 2_000_000_000
"""A difference counts when it is still the same, on both sides, so long after it was seen first. Where it is never the
same, since there is trading all the time, the pauses between the looks double."""
LOOKS_MAX: Final = 5
"""So often they double."""


@frozen
class _Difference:
    ours: Position
    venues: Decimal
    seen_ns: int


class PositionCheck:
    """The positions of one connection: the baseline at the start, and the differences later."""

    def __init__(self, engine: Engine, connection: str, questions: Questions, clock: Clock, settle_s: float) -> None:
        self._engine = engine
        self._connection = connection
        self._questions = questions
        self._clock = clock
        self._again_ns = max(LOOK_AGAIN_NS, int(settle_s * 1_000_000_000))
        self._differences: dict[_Key, _Difference] = {}
        self._looks = 0
        self.looks_again_ns: int | None = None
        """When to look again at what differs; None where nothing does."""
        self._seen: set[_Key] = set()

    def differing(self) -> list[Instrument]:
        """Return the instruments of which the venue had another position when it was looked at last."""
        return [difference.ours.instrument for difference in self._differences.values()]

    async def hold(self) -> None:
        """At the start: take what the venue has as what is held. Raises OutcomeUnknown where it will not say."""
        told = await self._questions.surely(Feature.POSITIONS, self._questions.positions)
        asked_ns = self._clock.time_ns() if told is None else told.asked_ns
        views = self._pushed() if told is None else self._completed(told.what)
        self._seen.update((position.instrument.key, position.side) for position in views)
        differing = tuple(position for position in views if position.quantity != self._ours(position).quantity)
        self._engine.receive(
            AccountHeld(
                connection=self._connection,
                positions=differing,
                ts_baseline=asked_ns,
                ts_recv=self._clock.time_ns(),
            ),
            self._connection,
        )

    async def compare(self, *, fills_are_known: bool) -> None:
        """Look for differences, and tell those that have lasted though the fills were looked up meanwhile."""
        await self._look(fills_are_known=fills_are_known)
        self._looks = min(self._looks + 1, LOOKS_MAX) if self._differences else 0
        pause_ns = self._again_ns << max(0, self._looks - 1)
        self.looks_again_ns = self._clock.time_ns() + pause_ns if self._differences else None

    async def _look(self, *, fills_are_known: bool) -> None:
        if self._questions.has(Feature.POSITIONS):
            told = await self._questions.positions()
            if told is None:
                return
            views = self._completed(told.what)
            for position in views:
                self._engine.receive(position, self._connection)
        # What was pushed meanwhile may be newer than the answer.
        for position in self._pushed():
            self._compare(position, fills_are_known=fills_are_known)

    def _compare(self, venues: Position, *, fills_are_known: bool) -> None:
        key, ours, now_ns = (venues.instrument.key, venues.side), self._ours(venues), self._clock.time_ns()
        if ours.quantity == venues.quantity:
            self._differences.pop(key, None)
        elif key not in self._seen and not self._questions.has(Feature.POSITIONS) and ours == self._untouched(venues):
            # The first that is heard of it, from a venue that could not be asked at the start.
            held = AccountHeld(connection=self._connection, positions=(venues,), ts_baseline=0, ts_recv=now_ns)
            self._engine.receive(held, self._connection)
        else:
            seen = self._differences.get(key)
            if seen is None or (seen.ours, seen.venues) != (ours, venues.quantity):
                self._differences[key] = _Difference(ours, venues.quantity, now_ns)
            elif now_ns >= seen.seen_ns + self._again_ns and fills_are_known:
                del self._differences[key]
                differs = PositionDiffers(ours=ours, venues=venues, ts_recv=now_ns)
                self._engine.receive(differs, self._connection)
        self._seen.add(key)

    def _ours(self, venues: Position) -> Position:
        return self._engine.portfolio.position(venues.instrument, venues.side)

    def _untouched(self, venues: Position) -> Position:
        return Position(instrument=venues.instrument, side=venues.side)

    def _pushed(self) -> list[Position]:
        return self._engine.portfolio.reported_positions(self._connection)

    def _completed(self, told: Iterable[Position]) -> list[Position]:
        """Return the positions that were told, and flat those that are known here and were not told."""
        positions = {(position.instrument.key, position.side): position for position in told}
        now_ns = self._clock.time_ns()
        known = [*self._engine.portfolio.positions(), *self._pushed()]
        for position in known:
            if position.instrument.connection == self._connection:
                key = (position.instrument.key, position.side)
                flat = Position(instrument=position.instrument, side=position.side, ts_recv=now_ns)
                positions.setdefault(key, flat)
        return list(positions.values())
