"""Loss limits: the day's loss and the fall from the highest equity, remembered over a restart.

Equity is realised profit, unrealised profit at the mark, less fees, plus funding, over all connections. It is counted
in differences from the start of the run, so that it does not matter what the positions brought with them: a position
that was held when the last run ended is taken on at the mark of that time, and what it lost meanwhile is lost today.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from attrs import evolve, frozen

from anyvenue.engine.journal import Journal
from anyvenue.engine.risk_limits import LossSteps, RiskLimits
from anyvenue.model.enums import ContractKind
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import ZERO, shortest_text
from anyvenue.model.position import Position

__all__ = ["LossStep", "LossWatch", "halt_in_force"]

NAME: Final = "risk.loss"
"""The name under which the journal remembers it."""

_HOUR_NS: Final = 3_600_000_000_000
_DAY_NS: Final = 24 * _HOUR_NS


class LossStep(Enum):
    """How far it has come: everything passes, only what reduces a position passes, or the run ends."""

    OPEN = "open"
    REDUCE = "reduce"
    HALT = "halt"

    @property
    def rank(self) -> int:
        """The order of the steps."""
        return tuple(LossStep).index(self)


@frozen(kw_only=True)
class _State:
    """What is remembered. Money is quote money; `total` is all profit since it was first counted."""

    day: int
    day_open: Decimal = ZERO
    peak: Decimal = ZERO
    total: Decimal = ZERO
    step: LossStep = LossStep.OPEN
    limit: str = ""
    text: str = ""


def halt_in_force(journal: Journal, limits: RiskLimits, now_ns: int) -> str | None:
    """Return why trading may not start: a loss limit that was hit and whose time is not over. Else None."""
    state = _recalled(journal.recall(NAME))
    if state is None or state.step is not LossStep.HALT or _is_over(state, _day(limits, now_ns)):
        return None
    return state.text


def _day(limits: RiskLimits, now_ns: int) -> int:
    return (now_ns - limits.day_hour * _HOUR_NS) // _DAY_NS


def _is_over(state: _State, day: int) -> bool:
    """A day's loss is over with its day; a drawdown lasts until a person says otherwise."""
    return state.limit == "daily_loss" and day != state.day


class LossWatch:
    """Looks at what has been lost, and says when a step is taken.

    `mark` gives an instrument's mark price, else its mid, else None. Where it is not known (any more), the last one
    that was stands for it.
    """

    def __init__(
        self,
        limits: RiskLimits,
        journal: Journal,
        positions: Callable[[], Sequence[Position]],
        mark: Callable[[Instrument], Decimal | None],
    ) -> None:
        self._limits = limits
        self._journal = journal
        self._positions = positions
        self._mark = mark
        self._marks: dict[str, Decimal] = {}
        self._base = self._carried = ZERO
        self._state = _State(day=0)
        self._written: Any = None
        self.is_set = limits.daily_loss.is_set or limits.drawdown.is_set
        """Whether there is any limit to look after."""

    @property
    def step(self) -> LossStep:
        """How far it has come."""
        return self._state.step

    @property
    def text(self) -> str:
        """Which limit was hit, in words."""
        return self._state.text

    def begin(self, now_ns: int, *, override: bool = False) -> None:
        """Start to count, from what is remembered. With `override` a halt is lifted and both losses start anew."""
        value = self._journal.recall(NAME)
        day = _day(self._limits, now_ns)
        state = _recalled(value) or _State(day=day)
        self._marks = {key: Decimal(text) for key, text in ((value or {}).get("marks") or {}).items()}
        self._base, self._carried = self._net_pnl(as_remembered=True), state.total
        if override:
            state = _State(day=day, day_open=state.total, peak=state.total, total=state.total)
        self._state = self._in_day(state, day)
        self._write()

    def look(self, now_ns: int) -> LossStep | None:
        """Count anew. Returns the step that is new with this, None where none is."""
        before = self._state.step
        total = self._carried + self._net_pnl() - self._base
        state = self._in_day(self._state, _day(self._limits, now_ns))
        state = evolve(state, total=total, peak=max(state.peak, total))
        for name, steps, lost in (
            ("daily_loss", self._limits.daily_loss, state.day_open - total),
            ("drawdown", self._limits.drawdown, state.peak - total),
        ):
            step, limit = _step(steps, lost)
            if step.rank > state.step.rank:
                text = f"{name} {shortest_text(lost)} has reached {name}.{step.value} {limit}"
                state = evolve(state, step=step, limit=name, text=text)
        self._state = state
        if state.step is before:
            return None
        self._write()
        return state.step

    def note(self) -> None:
        """Remember how things stand, where they have changed."""
        self._write()

    def _in_day(self, state: _State, day: int) -> _State:
        if day == state.day:
            return state
        if _is_over(state, day):
            state = evolve(state, step=LossStep.OPEN, limit="", text="")
        return evolve(state, day=day, day_open=state.total)

    def _net_pnl(self, *, as_remembered: bool = False) -> Decimal:
        total = ZERO
        for position in self._positions():
            key, instrument = position.instrument.key, position.instrument
            now = self._mark(instrument)
            if now is not None and not (as_remembered and key in self._marks):
                self._marks[key] = now
            mark = self._marks.get(key) or position.entry_price
            if mark is None:
                total += position.realized_pnl - position.fees + position.funding
                continue
            pnl = position.net_pnl(mark)
            total += pnl if instrument.kind is ContractKind.LINEAR else pnl * mark
        return total

    def _write(self) -> None:
        held = {position.instrument.key for position in self._positions() if position.quantity}
        state = self._state
        value = {
            "day": state.day,
            "day_open": str(state.day_open),
            "peak": str(state.peak),
            "total": str(state.total),
            "step": state.step.value,
            "limit": state.limit,
            "text": state.text,
            "marks": {key: str(mark) for key, mark in sorted(self._marks.items()) if key in held},
        }
        if value != self._written:
            self._written = value
            self._journal.remember(NAME, value)


def _step(steps: LossSteps, lost: Decimal) -> tuple[LossStep, Decimal | None]:
    if steps.halt is not None and lost >= steps.halt:
        return LossStep.HALT, steps.halt
    if steps.reduce is not None and lost >= steps.reduce:
        return LossStep.REDUCE, steps.reduce
    return LossStep.OPEN, None


def _recalled(value: Mapping[str, Any] | None) -> _State | None:
    if value is None:
        return None
    return _State(
        day=value["day"],
        day_open=Decimal(value["day_open"]),
        peak=Decimal(value["peak"]),
        total=Decimal(value["total"]),
        step=LossStep(value["step"]),
        limit=value["limit"],
        text=value["text"],
    )
