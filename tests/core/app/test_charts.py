"""Charts: round axes, few points that keep the extremes, and SVG that stands alone."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyvenue.app.charts import Chart, Mark, Point, Series, downsample, svg, thin, time_ticks, value_ticks

SECOND = 1_000_000_000
MIDNIGHT = 1_723_075_200 * SECOND


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.0, 100.0, [0, 20, 40, 60, 80, 100]),
        (-0.03, 0.05, [-0.02, 0, 0.02, 0.04]),
        (61760.2, 61838.8, [61780, 61800, 61820]),
        (99998.1, 100001.2, [99999, 100000, 100001]),
    ],
)
def test_values_on_the_axis_are_round(low: float, high: float, ticks: list[float]) -> None:
    assert value_ticks(low, high) == pytest.approx(ticks)


def test_times_on_the_axis_are_round() -> None:
    assert time_ticks(MIDNIGHT + 1, MIDNIGHT + 344 * SECOND) == [
        MIDNIGHT + s * SECOND for s in (60, 120, 180, 240, 300)
    ]
    hours = time_ticks(MIDNIGHT, MIDNIGHT + 86_400 * SECOND)
    assert hours == [MIDNIGHT + h * 3600 * SECOND for h in range(0, 25, 4)]
    days = time_ticks(MIDNIGHT, MIDNIGHT + 30 * 86_400 * SECOND)
    assert [(ts - MIDNIGHT) // (86_400 * SECOND) for ts in days] == [
        1,
        5,
        9,
        13,
        17,
        21,
        25,
        29,
    ]  # 19943 + 1 is a multiple of 4


points = st.lists(
    st.tuples(st.integers(0, 10**6), st.floats(-1e6, 1e6)), min_size=1, max_size=400, unique_by=lambda p: p[0]
)


@given(points.map(sorted), st.integers(4, 60))
def test_downsampling_keeps_ends_extremes_and_order(series: list[Point], points_max: int) -> None:
    few = downsample(series, points_max)
    values = [value for _, value in series]
    assert len(few) <= max(points_max, 4) + 2
    assert few == sorted(few)
    assert set(few) <= set(series)
    assert (few[0], few[-1]) == (series[0], series[-1])
    assert {min(values), max(values)} <= {value for _, value in few}


def test_thinning_keeps_the_first_and_the_last() -> None:
    marks = [Mark(i, 0.0, True, str(i)) for i in range(1000)]
    few = thin(marks, 10)
    assert (len(few), few[0], few[-1]) == (10, marks[0], marks[-1])
    assert thin(marks[:5], 10) == marks[:5]


def chart(points: list[Point], **how: object) -> str:
    return svg(Chart(label="A < B", series=[Series(points, "line-a", **how)], base=0.0))  # type: ignore[arg-type]


def test_a_line_is_drawn_between_axes_with_utc_times_and_money() -> None:
    drawn = chart([(MIDNIGHT, 0.0), (MIDNIGHT + 60 * SECOND, 1000.0)])
    tree = ET.fromstring(drawn)  # noqa: S314 - we made it
    texts = [element.text for element in tree.iter("text")]
    assert tree.get("aria-label") == "A < B"
    assert texts == [
        *("0", "200", "400", "600", "800", "1,000"),
        *("08 Aug 00:00:00", "00:00:10", "00:00:20", "00:00:30", "00:00:40", "00:00:50", "00:01:00"),
    ]
    # The plot is 960 wide from 86 on, and 198 high down to 210; a margin of 6 % lies below 0 and above 1000.
    assert 'd="M86.0 199.4L1046.0 22.6"' in drawn


def test_steps_go_sideways_first_and_areas_reach_down_to_the_base() -> None:
    drawn = chart([(0, 0.0), (10, 1.0), (20, -1.0)], stepped=True, filled=True)
    area, line = re.findall(r'<path class="(?:area|line) line-a" d="([^"]*)"', drawn)
    assert re.fullmatch(r"M86\.0 [\d.]+H566\.0V[\d.]+H1046\.0V[\d.]+", line)
    assert area == f"{line}V111.0H86.0Z"  # 0 lies halfway


def test_marks_show_their_text_and_are_inside() -> None:
    marks = [Mark(-5, 3.0, True, "buy <1>"), Mark(99, -3.0, False, "sell")]
    drawn = svg(Chart(label="x", series=[Series([(0, 1.0), (10, 1.0)], "a")], marks=marks))
    tree = ET.fromstring(drawn)  # noqa: S314 - we made it
    assert [title.text for title in tree.iter("title")] == ["buy <1>", "sell"]
    assert 'class="mark buy" d="M86.0 ' in drawn
    assert 'class="mark sell" d="M1046.0 ' in drawn


@given(points.map(sorted), st.booleans())
def test_any_series_gives_well_formed_svg(series: list[Point], stepped: bool) -> None:
    drawn = chart(series, stepped=stepped, filled=True)
    ET.fromstring(drawn)  # noqa: S314 - we made it
    assert "nan" not in drawn
    assert "inf" not in drawn


def test_nothing_to_draw_is_said() -> None:
    assert svg(Chart(label="x", series=[Series([], "a")])) == '<p class="empty">Nothing to draw.</p>'
