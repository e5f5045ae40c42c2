"""Line charts as static SVG: no script, no font and no file from outside. Colours are the page's CSS variables.

Drawing is the one place where a number may be a float: nothing is computed from a picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Final, TypeAlias

from attrs import frozen

__all__ = ["Chart", "Mark", "Point", "Series", "downsample", "svg", "thin", "time_ticks", "value_ticks"]

Point: TypeAlias = tuple[int, float]
"""A time in nanoseconds and a value."""

_WIDTH: Final = 1060
_LEFT, _RIGHT, _TOP, _BOTTOM = 86, 14, 12, 30
_TEXT_HALF: Final = 24
"""About half the width of a time under the axis."""
_POINTS_MAX: Final = 1200
_MARK: Final = 4.5
_SECOND_NS: Final = 1_000_000_000
_STEPS_S: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)


@frozen
class Series:
    """A line. `style` is a CSS class; `stepped` holds each value until the next; `filled` shades down to the base."""

    points: Sequence[Point]
    style: str
    stepped: bool = False
    filled: bool = False


@frozen
class Mark:
    """A small triangle with a text that shows under the pointer."""

    ts: int
    value: float
    is_up: bool
    text: str


@frozen(kw_only=True)
class Chart:
    """What is drawn into one frame.

    `label` says it in words, for who cannot see it; `base` is a dashed level; `span` the times at the two ends, those
    of the points where it is not given.
    """

    label: str
    series: Sequence[Series]
    marks: Sequence[Mark] = ()
    base: float | None = None
    span: tuple[int, int] | None = None
    height: int = 240


def downsample(points: Sequence[Point], points_max: int = _POINTS_MAX) -> list[Point]:
    """Return at most about `points_max` points that keep the ends and every bucket's lowest and highest."""
    if len(points) <= points_max:
        return list(points)
    kept = [points[0]]
    inner, buckets = points[1:-1], max(1, (points_max - 2) // 2)
    for bucket in range(buckets):
        part = inner[bucket * len(inner) // buckets : (bucket + 1) * len(inner) // buckets]
        if part:
            low, high = min(part, key=_value), max(part, key=_value)
            kept += sorted({low, high})
    return [*kept, points[-1]]


def thin(marks: Sequence[Mark], marks_max: int) -> list[Mark]:
    """Return at most `marks_max` marks, evenly chosen, the first and the last among them."""
    if len(marks) <= marks_max:
        return list(marks)
    return [marks[index * (len(marks) - 1) // (marks_max - 1)] for index in range(marks_max)]


def value_ticks(low: float, high: float, count: int = 6) -> list[float]:
    """Return round values that cover [low, high] inside, about `count` of them."""
    step = _round_step((high - low) / count)
    first = math.ceil(low / step - 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


def time_ticks(start: int, end: int, count: int = 8) -> list[int]:
    """Return round times (UTC) in [start, end], at most about `count` of them."""
    wanted_s = (end - start) / _SECOND_NS / count
    step_s = next((step for step in _STEPS_S if step >= wanted_s), 86400 * math.ceil(wanted_s / 86400))
    step = step_s * _SECOND_NS
    return list(range(-(-start // step) * step, end + 1, step))


def svg(chart: Chart) -> str:
    """Return the chart as an SVG element."""
    series = [Series(downsample(s.points), s.style, s.stepped, s.filled) for s in chart.series if s.points]
    points = [point for s in series for point in s.points]
    if not points:
        return '<p class="empty">Nothing to draw.</p>'
    frame = _Frame(points, chart)
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {chart.height}" role="img" aria-label="{escape(chart.label)}">',
        *frame.grid(),
        *(path for s in series for path in frame.paths(s)),
        *map(frame.mark, chart.marks),
        "</svg>",
    ]
    return "\n".join(parts)


class _Frame:
    """The scales of one chart and what is drawn by them."""

    def __init__(self, points: Sequence[Point], chart: Chart) -> None:
        self._base = chart.base
        self._bottom = chart.height - _BOTTOM
        times = [ts for ts, _ in points] if chart.span is None else list(chart.span)
        values = [value for _, value in points] + [mark.value for mark in chart.marks]
        if chart.base is not None:
            values.append(chart.base)
        self._start, self._end = min(times), max(max(times), min(times) + 1)
        low, high = min(values), max(values)
        margin = (high - low) * 0.06 or abs(high) * 0.001 or 1.0
        self._low, self._high = low - margin, high + margin

    def _x(self, ts: int) -> float:
        share = (ts - self._start) / (self._end - self._start)
        return _LEFT + min(1.0, max(0.0, share)) * (_WIDTH - _LEFT - _RIGHT)

    def _y(self, value: float) -> float:
        return self._bottom - (value - self._low) / (self._high - self._low) * (self._bottom - _TOP)

    def grid(self) -> list[str]:
        ticks = value_ticks(self._low, self._high)
        write = _value_writer(ticks)
        parts = []
        for tick in ticks:
            y = self._y(tick)
            parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(f'<text class="tick" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{write(tick)}</text>')
        times = time_ticks(self._start, self._end)
        for ts, text in zip(times, _time_texts(times), strict=True):
            x = self._x(ts)
            anchor = "end" if x > _WIDTH - _RIGHT - _TEXT_HALF else "middle"
            parts.append(f'<line class="notch" x1="{x:.1f}" x2="{x:.1f}" y1="{self._bottom}" y2="{self._bottom + 5}"/>')
            parts.append(f'<text class="tick" x="{x:.1f}" y="{self._bottom + 19}" text-anchor="{anchor}">{text}</text>')
        y = self._bottom
        parts.append(f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        if self._base is not None:
            y_base = self._y(self._base)
            parts.append(
                f'<line class="base" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y_base:.1f}" y2="{y_base:.1f}"/>'
            )
        return parts

    def paths(self, series: Series) -> list[str]:
        x, y = self._x(series.points[0][0]), self._y(series.points[0][1])
        first_x, steps = x, [f"M{x:.1f} {y:.1f}"]
        for ts, value in series.points[1:]:
            x, y = self._x(ts), self._y(value)
            steps.append(f"H{x:.1f}V{y:.1f}" if series.stepped else f"L{x:.1f} {y:.1f}")
        line = "".join(steps)
        parts = [f'<path class="line {series.style}" d="{line}"/>']
        if series.filled:
            floor = self._bottom if self._base is None else self._y(self._base)
            parts.insert(0, f'<path class="area {series.style}" d="{line}V{floor:.1f}H{first_x:.1f}Z"/>')
        return parts

    def mark(self, mark: Mark) -> str:
        x, y = self._x(mark.ts), self._y(mark.value)
        tip = -_MARK if mark.is_up else _MARK
        shape = f"M{x:.1f} {y + tip:.1f}L{x + _MARK:.1f} {y - tip:.1f}H{x - _MARK:.1f}Z"
        kind = "buy" if mark.is_up else "sell"
        return f'<path class="mark {kind}" d="{shape}"><title>{escape(mark.text)}</title></path>'


def _value(point: Point) -> float:
    return point[1]


def _round_step(raw: float) -> float:
    """Return the smallest of 1, 2, 2.5, 5 times a power of ten that is at least `raw`."""
    power = 10.0 ** math.floor(math.log10(raw)) if raw > 0 else 1.0
    return next(factor * power for factor in (1.0, 2.0, 2.5, 5.0, 10.0) if factor * power >= raw * (1 - 1e-9))


def _value_writer(ticks: Sequence[float]) -> Callable[[float], str]:
    step = ticks[1] - ticks[0] if len(ticks) > 1 else max(abs(ticks[0]), 1.0) if ticks else 1.0
    places = 0
    while places < 10 and abs(round(step, places) - step) > step * 1e-6:
        places += 1
    return lambda value: f"{round(value, places) + 0.0:,.{places}f}"  # + 0.0 makes an ordinary zero of -0.0


def _time_texts(times: Sequence[int]) -> list[str]:
    moments = [datetime.fromtimestamp(ts // _SECOND_NS, UTC) for ts in times]
    if all(not (m.hour or m.minute or m.second) for m in moments):
        return [f"{m:%d %b %Y}" for m in moments]
    clock = "%H:%M:%S" if any(m.second for m in moments) else "%H:%M"
    days = [m.date() for m in moments]
    new_day = [index == 0 or days[index] != days[index - 1] for index in range(len(days))]
    return [m.strftime(f"%d %b {clock}" if new else clock) for m, new in zip(moments, new_day, strict=True)]
