"""Plain lines on how a run goes: where there is no terminal for a picture, and for backtests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final, TextIO

from anyvenue.app.figures import duration, money, quantity, time_text
from anyvenue.app.pace import Pace
from anyvenue.app.watch import RunProgress, RunView
from anyvenue.model.position import Position

__all__ = ["LineView", "ProgressLine", "left_text", "line", "positions_text", "progress_text", "settle_of"]

INTERVAL_S: Final = 5.0


class LineView:
    """Writes a line on the run when the last one is some seconds old."""

    def __init__(
        self, stream: TextIO, *, interval_s: float = INTERVAL_S, clock: Callable[[], float] = monotonic
    ) -> None:
        self._stream = stream
        self._interval_s = interval_s
        self._clock = clock
        self._pace = Pace(clock())
        self._last_s = clock()

    def show(self, view: RunView) -> None:
        """Look at the run, and say how it goes where it is time to."""
        now_s = self._clock()
        self._pace.update(now_s, view.events, view.progress)
        if now_s - self._last_s >= self._interval_s:
            self._last_s = now_s
            print(line(view, self._pace), file=self._stream, flush=True)

    def close(self) -> None:
        """Say nothing more."""


class ProgressLine:
    """Says how far a run is: on a terminal in one line that is written anew, elsewhere in a line now and then."""

    def __init__(
        self, stream: TextIO, *, interval_s: float = INTERVAL_S, clock: Callable[[], float] = monotonic
    ) -> None:
        self._stream = stream
        self._in_place = stream.isatty()
        self._interval_s = 0.0 if self._in_place else interval_s
        self._clock = clock
        self._pace = Pace(clock())
        self._last_s = clock()
        self._width = 0

    def show(self, view: RunProgress) -> None:
        """Look at how far the run is, and say it where it is time to."""
        now_s = self._clock()
        self._pace.update(now_s, view.events, view.progress)
        if now_s - self._last_s < self._interval_s:
            return
        self._last_s = now_s
        text = progress_text(view, self._pace)
        if self._in_place:
            text, self._width = f"\r{text:<{self._width}}", len(text)
        print(text, file=self._stream, end="" if self._in_place else "\n", flush=True)

    def close(self) -> None:
        """Take the line away again."""
        if self._in_place:
            print(f"\r{'':<{self._width}}\r", file=self._stream, end="", flush=True)


def line(view: RunView, pace: Pace) -> str:
    """Return how a run goes in one line."""
    parts = [
        progress_text(view, pace),
        f"{len(view.open_orders)} open orders",
        positions_text(view.positions),
        f"PnL {money(view.net_pnl, settle_of(view), sign=True)}",
    ]
    return "  ".join(parts)


def progress_text(view: RunProgress, pace: Pace) -> str:
    """Return how far a run is: its time, its events, and what is left."""
    parts = [time_text(view.ts), left_text(view.progress, pace), f"{view.events:,} events ({pace.events_per_s:,.0f}/s)"]
    return "  ".join(part for part in parts if part)


def positions_text(positions: Sequence[Position]) -> str:
    """Return positions in words: `flat`, or `BTC-USDT-PERP 0.01 BTC`."""
    held = [
        f"{position.instrument.symbol} {quantity(position.quantity, position.instrument.quantity_unit)}"
        for position in positions
        if not position.is_flat
    ]
    return ", ".join(held) or "flat"


def left_text(progress: float | None, pace: Pace) -> str:
    """Return how much is done and how long the rest will take; nothing where no end is known."""
    if progress is None:
        return ""
    left = f", {duration(int(pace.left_s * 1e9))} left" if pace.left_s is not None and progress < 1 else ""
    return f"{progress:.0%}{left}"


def settle_of(view: RunView) -> str:
    """Return the currency of a run's profit, empty where there are several."""
    settles = {position.instrument.settle for position in view.positions}
    return settles.pop() if len(settles) == 1 else ""
